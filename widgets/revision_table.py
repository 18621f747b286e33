"""The table of revisions: what is deployed, who gets traffic, and how each one does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.words import _
from widgets.drawing import VERDICT_GLYPHS, inert, milliseconds, pad, percent, rate, span


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """One line of the table."""

    name: str
    """Short revision name, e.g. `wa-backend-00042-vez`."""
    role: str = ""
    """`canary`, `stable`, or empty."""
    tag: str = ""
    """Its tags, comma-separated."""
    image: str = ""
    """Image tag or digest as shown (`Revision.image_label`)."""
    created: datetime | None = None
    """UTC."""
    ready: bool = True
    problem: str = ""
    """Why it is not ready, cleaned, or empty."""
    want: int = 0
    """Desired percent."""
    have: int = 0
    """Effective percent."""
    requests_per_s: float | None = None
    """None where it gets no traffic or nothing is known yet."""
    error_rate: float | None = None
    """0 to 1."""
    p95_ms: float | None = None
    over_error_limit: bool = False
    """Marks the figure with ▲."""
    over_p95_limit: bool = False
    verdict: str = ""
    """PASS, FAIL, WARN, INCONCLUSIVE, SHARED BREACH, or empty."""
    rolled_back: bool = False
    """Whether it is marked as rolled back."""


@dataclass(frozen=True, slots=True)
class _Column:
    """One column: how it is headed, aligned, and how early it falls away."""

    key: str
    rank: int
    """The higher, the sooner it falls away; 0 stays."""
    right: bool = False


_COLUMNS = (
    _Column("name", 0),
    _Column("tag", 5),
    _Column("image", 8),
    _Column("created", 7, True),
    _Column("state", 2),
    _Column("want", 4, True),
    _Column("have", 0, True),
    _Column("rate", 6, True),
    _Column("errors", 1, True),
    _Column("p95", 3, True),
)
_GENERATED = re.compile(r"-(\d{5}-[a-z0-9]{3})\Z")
"""How Cloud Run names revisions that it names itself."""
_LONGEST = {"name": 40, "tag": 16, "image": 20, "state": 16}


def _heading(key: str) -> str:
    return {
        "name": _("revision"),
        "tag": _("tag"),
        "image": _("image"),
        "created": _("created"),
        "state": _("state"),
        "want": _("want"),
        "have": _("have"),
        "rate": _("req/s"),
        "errors": _("errors"),
        "p95": _("p95"),
    }[key]


class RevisionTable(ScrollView, can_focus=True):
    """Rows with a cursor; columns fall away where it is narrow, name, share and errors never.

    The heading stays while rows scroll; a revision under the cursor stays under it when others come.

    Args:
        rows: what to draw first.
    """

    DEFAULT_CSS = """
    RevisionTable {
        height: auto;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        & .table--heading { color: $text-muted; text-style: bold; }
        & .table--canary { color: $text-accent; }
        & .table--stable { color: $text-secondary; }
        & .table--idle { color: $text-muted; }
        & .table--bad { color: $text-error; text-style: bold; }
        & .table--warn { color: $text-warning; }
        & .table--good { color: $text-success; }
        & .table--cursor { text-style: reverse; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--heading",
        "table--canary",
        "table--stable",
        "table--idle",
        "table--bad",
        "table--warn",
        "table--good",
        "table--cursor",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(-1)", "First", show=False),
        Binding("end", "edge(1)", "Last", show=False),
        Binding("enter", "choose", "Choose", show=False),
    ]

    class Selected(Message):
        """Enter, or a click, on a revision."""

        def __init__(self, table: RevisionTable, row: RevisionRow) -> None:
            super().__init__()
            self.table = table
            """The table."""
            self.row = row
            """The row under the cursor."""

        @property
        def control(self) -> RevisionTable:
            """The table, for `on`."""
            return self.table

    def __init__(
        self,
        rows: Sequence[RevisionRow] = (),
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._rows: tuple[RevisionRow, ...] = ()
        self._ages: tuple[str, ...] = ()
        self._waiting = ""
        self._cursor = 0
        self._cells: list[dict[str, str]] = []
        self._widths: dict[str, int] = {}
        self._fitted: tuple[int, list[tuple[_Column, int]]] = (0, [])
        self._take(tuple(rows), None)

    def show(self, rows: Sequence[RevisionRow], *, now: datetime | None = None, waiting: str = "") -> None:
        """Draw `rows`, in their order.

        Args:
            rows: all of them.
            now: server time, UTC, that ages are counted from.
            waiting: what is waited for, where there are no rows yet; where empty, it says there are none.
        """
        taken = tuple(rows)
        ages = tuple(_age(row, now) for row in taken)
        if (taken, ages, waiting) == (self._rows, self._ages, self._waiting):
            return
        chosen = self.selected
        count = len(self._rows)
        self._waiting = waiting
        self._take(taken, now)
        names = [row.name for row in taken]
        self._cursor = names.index(chosen.name) if chosen and chosen.name in names else 0
        if count != len(taken) and self.is_mounted:
            self.virtual_size = Size(self.size.width, len(taken) + 1)
            self.refresh(layout=True)
        else:
            self.refresh()

    @property
    def selected(self) -> RevisionRow | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if self._cursor < len(self._rows) else None

    def _take(self, rows: tuple[RevisionRow, ...], now: datetime | None) -> None:
        self._rows = rows
        self._ages = tuple(_age(row, now) for row in rows)
        self._cells = [_cells(row, age) for row, age in zip(rows, self._ages, strict=True)]
        self._widths = {
            column.key: min(
                max(cell_len(_heading(column.key)), *(cell_len(cells[column.key]) for cells in self._cells), 0),
                _LONGEST.get(column.key, 99),
            )
            for column in _COLUMNS
        }
        self._fitted = (0, [])

    # ---- keys and mouse

    def action_move(self, step: int) -> None:
        """Move the cursor."""
        self._go_to(self._cursor + step)

    def action_page(self, step: int) -> None:
        """Move by a screen."""
        self._go_to(self._cursor + step * max(self.size.height - 2, 1))

    def action_edge(self, step: int) -> None:
        """To the first or the last."""
        self._go_to(0 if step < 0 else len(self._rows) - 1)

    def action_choose(self) -> None:
        """Say which row was chosen."""
        if (row := self.selected) is not None:
            self.post_message(self.Selected(self, row))

    def on_click(self, event: events.Click) -> None:
        """Choose the row."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y < 1:
            return
        index = offset.y - 1 + self.scroll_offset.y
        if index < len(self._rows):
            again = index == self._cursor
            self._go_to(index)
            if again:
                self.action_choose()

    def _go_to(self, index: int) -> None:
        if not self._rows:
            return
        self._cursor = min(max(index, 0), len(self._rows) - 1)
        top, height = self.scroll_offset.y, max(self.size.height - 1, 1)
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, immediate=True)
        elif self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False, immediate=True)
        self.refresh()

    # ---- drawing

    def on_mount(self) -> None:
        """Know the height from the start."""
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """See `Widget.get_content_height`."""
        return max(len(self._rows), 1) + 1

    def _columns(self, width: int) -> list[tuple[_Column, int]]:
        """The columns that fit, each with its width."""
        if self._fitted[0] == width:
            return self._fitted[1]
        kept = list(_COLUMNS)
        widths = dict(self._widths)
        shortest = max((cell_len(_tail(row.name)) for row in self._rows), default=8)

        def total() -> int:
            return 2 + sum(widths[column.key] + 2 for column in kept)

        for column in sorted(_COLUMNS, key=lambda c: -c.rank):
            if total() <= width or not column.rank:
                break
            if column.rank <= 5 and widths["name"] > shortest:
                # the service's name in front of every revision goes before a column that says something
                widths["name"] = shortest
                if total() <= width:
                    break
            kept.remove(column)
        self._fitted = (width, [(column, widths[column.key]) for column in kept])
        return self._fitted[1]

    def render_line(self, y: int) -> Strip:
        """See `Widget.render_line`."""
        width = self.size.width
        base = self.rich_style
        if y == 0:
            parts = [(_heading(c.key) if c.key else "", size, c.right) for c, size in self._columns(width)]
            text = "  " + "".join(pad(word, size, right=right) + "  " for word, size, right in parts)
            style = base + self.get_component_rich_style("table--heading", partial=True)
            return Strip([Segment(text, style)]).adjust_cell_length(width, base)
        index = y - 1 + self.scroll_offset.y
        if not self._rows and y == 1:
            said = inert(self._waiting) or _("this service has no revision yet")
            style = base + self.get_component_rich_style("table--idle", partial=True)
            return Strip([Segment(f"  {said}", style)]).adjust_cell_length(width, base)
        if index >= len(self._rows):
            return Strip.blank(width, base)
        strip = self._row(index, width, base)
        if index == self._cursor and self.has_focus:
            strip = strip.apply_style(self.get_component_rich_style("table--cursor", partial=True))
        return strip

    def _row(self, index: int, width: int, base: Style) -> Strip:
        row, cells = self._rows[index], self._cells[index]
        columns = self._columns(width)
        tone = f"table--{row.role}" if row.role in ("canary", "stable") else "" if row.have else "table--idle"
        segments = [Segment(_marker(row) + " ", self._style(base, "table--bad" if not row.ready else tone))]
        for column, size in columns:
            text = cells[column.key]
            if column.key == "name" and cell_len(text) > size:
                text = _tail(row.name)
            style = self._style(base, _tone(row, column.key) or tone)
            segments.append(Segment(pad(text, size, right=column.right) + "  ", style))
        return Strip(segments).adjust_cell_length(width, base)

    def _style(self, base: Style, component: str) -> Style:
        return base + self.get_component_rich_style(component, partial=True) if component else base


def _age(row: RevisionRow, now: datetime | None) -> str:
    if row.created is None or now is None:
        return "-"
    seconds = (now - row.created).total_seconds()
    return span(seconds) if seconds >= 60 else _("just now")


def _cells(row: RevisionRow, age: str) -> dict[str, str]:
    return {
        "name": inert(row.name, 80),
        "tag": inert(row.tag, 40),
        "image": inert(row.image, 60),
        "created": age,
        "state": _state(row),
        "want": f"{row.want} %",
        "have": f"{row.have} %",
        "rate": rate(row.requests_per_s),
        "errors": percent(row.error_rate)
        + (" ▲" if row.over_error_limit else "  " if row.error_rate is not None else ""),
        "p95": milliseconds(row.p95_ms) + (" ▲" if row.over_p95_limit else "  " if row.p95_ms is not None else ""),
    }


def _state(row: RevisionRow) -> str:
    """One word for what matters most of a row."""
    if not row.ready:
        return _("✖ not ready")
    if row.verdict:
        return f"{VERDICT_GLYPHS.get(row.verdict, '○')} {row.verdict}"
    if row.rolled_back:
        return _("◀ rolled back")
    return _("✔ ready")


def _tone(row: RevisionRow, key: str) -> str:
    if key == "state":
        if not row.ready:
            return "table--bad"
        if row.verdict:
            return {"PASS": "table--good", "FAIL": "table--bad"}.get(row.verdict, "table--warn")
        return "table--warn" if row.rolled_back else ""
    if key in ("want", "have") and row.want != row.have:
        return "table--warn"
    if (key == "errors" and row.over_error_limit) or (key == "p95" and row.over_p95_limit):
        return "table--bad"
    return ""


def _marker(row: RevisionRow) -> str:
    if not row.ready:
        return "✖"
    if row.want != row.have:
        return "◐"
    return "●" if row.have else " "


def _tail(name: str) -> str:
    """`name` without the service's in front, e.g. `00042-vez`; names of another form stay whole."""
    found = _GENERATED.search(name)
    return found[1] if found else inert(name, 80)
