"""Output as it comes: lines are appended, drawn only where they are seen, and followed until somebody scrolls back."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from textwrap import wrap

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

KEPT = 2_000
"""Lines that can be scrolled back to."""


class OutputLog(ScrollView, can_focus=False):
    """Draws lines of output; a line that is too long goes on in the next row."""

    DEFAULT_CSS = """
    OutputLog { color: $text-muted; scrollbar-gutter: stable; scrollbar-size-vertical: 1; overflow-x: hidden; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._seen: tuple[str, ...] = ()
        """The lines as they were told last."""
        self._lines: deque[str] = deque()
        self._tall: deque[int] = deque()
        """Rows that each line takes."""
        self._rows: list[str] = []
        self._width = 0
        self._follows = True
        self._ours = False
        """Whether it is being scrolled by itself."""

    def show(self, lines: tuple[str, ...], *, anew: bool = False) -> None:
        """Draw `lines`; of lines that go on from those before only the new ones are laid out.

        Args:
            lines: the last ones, oldest first, cleaned.
            anew: whether they are of another run: what was there before goes, and the end is followed again.
        """
        new = lines if anew else appended(self._seen, lines)
        self._seen = lines
        if anew:
            self._lines.clear()
            self._follows = True
        elif not new:
            return
        self._lines.extend(new)
        if anew:
            self._lay_out()
            return
        for line in new:
            rows = _rows(line, self._width)
            self._tall.append(len(rows))
            self._rows += rows
        gone = 0
        while len(self._lines) > KEPT:
            self._lines.popleft()
            gone += self._tall.popleft()
        del self._rows[:gone]
        self._shown(gone)

    def scroll(self, rows: int) -> None:
        """Scroll by rows; at the end the newest line is followed again."""
        self.scroll_relative(y=rows, animate=False, immediate=True)

    def on_resize(self) -> None:
        """Lay it out for the new width."""
        self._lay_out()

    @property
    def _at_end(self) -> bool:
        return self.max_scroll_y - self.scroll_y <= 1

    def _lay_out(self) -> None:
        self._width = self.scrollable_content_region.width
        laid = [_rows(line, self._width) for line in self._lines]
        self._tall = deque(len(rows) for rows in laid)
        self._rows = [row for rows in laid for row in rows]
        self._shown()
        if self._follows:
            self.call_after_refresh(self._to_end)  # its height may not be known yet

    def _shown(self, gone: int = 0) -> None:
        """Draw it; `gone` rows have fallen off the top, and what is read stays where it is."""
        size = Size(self._width, len(self._rows))
        if self.show_vertical_scrollbar and size.height > self.size.height and self._width:
            # what is seen is as large as before: no new layout of the screen for a line more
            self.set_reactive(OutputLog.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = size.height
        else:
            self.virtual_size = size
        if self._follows:
            self._to_end()
        elif gone:
            self._ours = True
            self.scroll_to(y=max(self.scroll_y - gone, 0), animate=False, immediate=True)
            self._ours = False
        self.refresh()

    def _to_end(self) -> None:
        self._ours = True
        self.scroll_end(animate=False, immediate=True)
        self._ours = False

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whoever scrolls back stops following; whoever comes to the end follows again."""
        super().watch_scroll_y(old_value, new_value)
        if not self._ours:
            self._follows = self._at_end

    def render_line(self, y: int) -> Strip:
        """See `ScrollView.render_line`."""
        at = y + self.scroll_offset.y
        style = self.rich_style
        text = self._rows[at] if 0 <= at < len(self._rows) else ""
        return Strip([Segment(text, style)]).extend_cell_length(self.size.width, style)


def appended(before: Sequence[str], after: Sequence[str]) -> tuple[str, ...]:
    """The lines of `after` that go on from `before`, of which the oldest may have fallen away; all where none fit."""
    before, after = tuple(before), tuple(after)
    for dropped in range(len(before)):
        if before[dropped] == after[0] if after else False:
            kept = before[dropped:]
            if after[: len(kept)] == kept:
                return after[len(kept) :]
    return after


def _rows(line: str, width: int) -> list[str]:
    if width <= 0 or cell_len(line) <= width:
        return [line]
    if len(line) != cell_len(line):  # wide signs: `wrap` counts characters
        return chop_cells(line, width)
    return wrap(line, width, drop_whitespace=False, break_on_hyphens=False, expand_tabs=False, replace_whitespace=False)


__all__ = ["OutputLog", "appended"]
