"""The table of revisions: what is deployed, who gets traffic, and how each one does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from textual.message import Message
from textual.scroll_view import ScrollView


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


class RevisionTable(ScrollView, can_focus=True):
    """Rows with a cursor; columns fall away where it is narrow.

    Args:
        rows: what to draw first.
    """

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
        self._rows = tuple(rows)

    def show(self, rows: Sequence[RevisionRow], *, now: datetime | None = None, waiting: str = "") -> None:
        """Draw `rows`, newest first.

        Args:
            rows: all of them.
            now: server time, UTC, that ages are counted from.
            waiting: what is waited for, where there are no rows yet; where empty, it says there are none.
        """

    @property
    def selected(self) -> RevisionRow | None:
        """The row under the cursor."""
        return None
