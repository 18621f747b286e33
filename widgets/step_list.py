"""The list of a runbook's phases and steps: each with a glyph and a word for its state, one of them chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option


@dataclass(frozen=True, slots=True)
class StepRow:
    """One line: a step, or the heading of a phase."""

    id: str
    title: str
    glyph: str = ""
    word: str = ""
    """State in a word or two, translated."""
    style: str = ""
    """Textual style of glyph and word, e.g. `$text-error`; the word says the same without colour."""
    phase: bool = False
    """Whether it is a heading, which cannot be chosen."""
    mine: bool = False
    """Whether it is the next one for this operator."""


class StepList(OptionList):
    """Phases and steps; arrows choose, the screen acts."""

    DEFAULT_CSS = """
    StepList, StepList:focus {
        border: none; padding: 0; background: transparent; scrollbar-size-vertical: 1; scrollbar-gutter: stable;
    }
    StepList > .option-list--option { padding: 0 1 0 0; }
    """

    @dataclass
    class Chosen(Message):
        """Another step is chosen."""

        step: str
        """Its id."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._rows: tuple[StepRow, ...] = ()
        self._drawn_width = 0

    @property
    def chosen(self) -> str:
        """Id of the step under the cursor; empty where there is none."""
        index = self.highlighted
        if index is None or index >= self.option_count:
            return ""
        return self.get_option_at_index(index).id or ""

    def show(self, rows: Sequence[StepRow]) -> None:
        """Draw `rows`; the chosen step stays chosen."""
        rows = tuple(rows)
        width = self.scrollable_content_region.width
        if rows == self._rows and width == self._drawn_width:
            return
        same = [row.id for row in rows] == [row.id for row in self._rows]
        former, drawn = self._rows, self._drawn_width
        self._rows, self._drawn_width = rows, width
        if same and self.option_count == len(rows):
            for index, row in enumerate(rows):
                if row != former[index] or width != drawn:
                    self.replace_option_prompt_at_index(index, self._line(row, width))
            return
        chosen = self.chosen
        self.clear_options()
        self.add_options([Option(self._line(row, width), id=row.id, disabled=row.phase) for row in rows])
        self.choose(chosen or next((row.id for row in rows if row.mine), ""))

    def choose(self, step: str) -> None:
        """Put the cursor on a step; on the first one where there is none of that id."""
        ids = [row.id for row in self._rows if not row.phase]
        if not ids:
            return
        wanted = step if step in ids else ids[0]
        self.highlighted = next(index for index, row in enumerate(self._rows) if row.id == wanted)
        self.call_after_refresh(self._bring_in)  # the rows may not be laid out yet

    def _bring_in(self) -> None:
        """Scroll the chosen row in, with what comes after it."""
        row, height = self.highlighted or 0, self.scrollable_content_region.height
        after = min(3, height // 3)
        if not self.scroll_y <= row < self.scroll_y + height - after:
            self.scroll_to(y=max(row - height // 2, 0), animate=False)

    def on_resize(self) -> None:
        """Lay the lines out for the new width, and keep the chosen one in sight."""
        self.show(self._rows)
        self.call_after_refresh(self._bring_in)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Tell the screen, in its own words."""
        event.stop()
        if event.option.id:
            self.post_message(self.Chosen(event.option.id))

    def _line(self, row: StepRow, width: int) -> Content:
        if row.phase:
            return _spread(Content.styled(f"{row.glyph} {row.title}", "bold"), row.word, row.style, width - 1)
        mark = "▸" if row.mine else " "
        left = Content.assemble((f"{mark} ", "bold $accent"), (row.glyph, row.style), f" {row.title}")
        return _spread(left, row.word, row.style, width - 1)


def _spread(left: Content, word: str, style: str, width: int) -> Content:
    """`left`, and `word` at the right edge; `left` is cut where both do not fit."""
    room = max(width - cell_len(word) - 1, 8) if width > 0 else 40
    if left.cell_length > room:
        left = left.truncate(room, ellipsis=True)
    gap = " " * max(room - left.cell_length + 1, 1)
    return left + Content(gap) + Content.styled(word, style)


__all__ = ["StepList", "StepRow"]
