"""The live log: a window on a ring of lines that other hands fill. It holds 5,000 lines a second without key delay.

It must not know where lines come from: it takes a `Ring`, and polls it when told to (`follow_ring`, 10 times a second).
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from textual.message import Message
from textual.scroll_view import ScrollView


class Line(Protocol):
    """What the view reads of a line (`console.watch.ring.LogLine`)."""

    @property
    def sequence(self) -> int: ...
    @property
    def time(self) -> datetime: ...
    @property
    def severity(self) -> str: ...
    @property
    def revision(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def latency_ms(self) -> float: ...


class Ring(Protocol):
    """What the view reads of a ring (`console.watch.ring.LogRing`)."""

    capacity: int
    next_sequence: int

    @property
    def first_sequence(self) -> int: ...
    def since(self, sequence: int, limit: int = ...) -> list[Line]: ...


class LogView(ScrollView, can_focus=True):
    """The lines themselves.

    Args:
        compact: leave out what doesn't fit a small pane.
    """

    class StatusChanged(Message):
        """Filter, levels, pause or counts changed."""

        def __init__(self, view: LogView) -> None:
            super().__init__()
            self.view = view
            """The view."""

        @property
        def control(self) -> LogView:
            """The view, for `on`."""
            return self.view

    def use(self, ring: Ring | None) -> None:
        """Read from `ring` from now on (another environment: another ring)."""

    def set_roles(self, canary: str | None, stable: str | None) -> None:
        """Tell which revision is the canary and which the stable one (short names)."""

    def set_counts(self, dropped: int, suppressed: int) -> None:
        """Lines dropped by canario and held back by the cloud since start."""

    def pull(self) -> None:
        """Take in what the ring got since the last pull; call it 10 times a second. Cheap where nothing is new."""

    def action_toggle_follow(self) -> None:
        """Pause, or follow again."""

    def action_next_error(self) -> None:
        """To the next line of severity ERROR or worse."""

    def action_previous_error(self) -> None:
        """To the one before."""

    def action_cycle_severity(self) -> None:
        """All, INFO+, WARNING+, ERROR+."""

    def action_cycle_revision(self) -> None:
        """Both, canary, stable."""

    def action_toggle_wrap(self) -> None:
        """Wrap long lines, or cut them."""

    def action_copy(self) -> None:
        """Copy the chosen line (or all that is shown while none is chosen) to the clipboard."""


class LogPane:
    """A LogView with its status line, filter input, detail and save: see below (being written)."""
