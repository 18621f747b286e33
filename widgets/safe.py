"""The last gate before the terminal: no escape, control or bidi character of a stranger leaves the app.

Textual does not make text safe (FACTS.md): OSC 52, OSC 8, cursor moves and bidi overrides pass through every widget.
Only the characters that make a sequence dangerous are taken out, each of them no cell wide, so columns stay put.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter, Monochrome, NoColor

_NO_WIDTH = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_HAZARDS = re.compile(f"{_NO_WIDTH.pattern[:-1]}\ud800-\udfff]")


class ScrubFilter(LineFilter):
    """Takes control, bidi and other invisible characters, lone surrogates and links out of all that is drawn.

    The app installs it with `scrubbed(super().get_line_filters())` in its `get_line_filters`.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """See `LineFilter.apply`."""
        search = _HAZARDS.search
        for segment in segments:
            if (not segment.control and search(segment.text)) or (segment.style is not None and segment.style.link):
                return [_scrub(each) for each in segments]
        return segments


def _scrub(segment: Segment) -> Segment:
    text, style, control = segment
    if control:
        return segment
    text = _SURROGATES.sub("\ufffd", _NO_WIDTH.sub("", text))
    if style is not None and style.link:
        style = style.update_link(None)
    return Segment(text, style)


_SCRUB = ScrubFilter()
_NO_COLOR = NoColor()


def scrubbed(filters: Sequence[LineFilter]) -> list[LineFilter]:
    """`filters` with ours at the end, and, where NO_COLOR was set, no colours at all instead of Textual's greys."""
    return [*(_NO_COLOR if isinstance(each, Monochrome) else each for each in filters), _SCRUB]
