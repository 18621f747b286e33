"""A Markdown text to read: laid out once for a width, away from the screen, and drawn line by line from then on.

One widget for the whole text, however long: a widget for each paragraph holds the keys up for seconds. Colours are the
theme's; links are shown with where they lead, and lead nowhere.
"""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from rich.markdown import Markdown
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

LEAST_WIDTH = 20
"""Cells below which a text is not laid out any narrower."""

Laid = tuple[tuple[Segment, ...], ...]
"""Lines of a text, each its segments."""


def lay_out(text: str, width: int) -> Laid:
    """`text`, Markdown, as lines of at most `width` cells; plain attributes alone, no colours and no links.

    May take a second for a long text: for a thread.
    """
    console = Console(
        file=StringIO(), width=max(width, LEAST_WIDTH), color_system=None, legacy_windows=False, force_terminal=True
    )
    shown = Markdown(text, hyperlinks=False, code_theme="ansi_dark")
    lines = console.render_lines(shown, pad=False)
    return tuple(tuple(Segment(each.text, _attributes(each.style)) for each in line) for line in lines)


def _attributes(style: Style | None) -> Style:
    """What of a style holds under every theme."""
    if style is None:
        return Style.null()
    return Style(
        bold=style.bold or (style.color is not None and style.color.name in ("cyan", "magenta")) or None,
        italic=style.italic,
        underline=style.underline,
        strike=style.strike,
        dim=style.dim,
    )


class DocumentView(ScrollView):
    """Draws what `lay_out` gave."""

    DEFAULT_CSS = "DocumentView { height: 1fr; scrollbar-size-vertical: 1; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Laid = ()

    def show(self, lines: Laid) -> None:
        """Draw `lines`; the place stays, as far as it is still there."""
        self._lines = lines
        widest = max((sum(segment.cell_length for segment in line) for line in lines), default=0)
        self.virtual_size = Size(widest, len(lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """See `Widget.render_line`."""
        at = self.scroll_offset.y + y
        base = self.rich_style
        if at >= len(self._lines):
            return Strip.blank(self.size.width, base)
        strip = Strip(Segment(segment.text, base + (segment.style or Style.null())) for segment in self._lines[at])
        return strip.crop_extend(0, self.size.width, base)


__all__ = ["DocumentView", "Laid", "lay_out"]
