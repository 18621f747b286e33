"""The log screen: the live log over the whole terminal."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from console.registry import Place
from console.words import _
from screens import present
from screens.base import ConsoleScreen, keys_of
from screens.view import View
from widgets.log_pane import LogPane


class LogsScreen(ConsoleScreen):
    """One log pane."""

    NAME: ClassVar[str] = "logs"
    BINDINGS: ClassVar[list[BindingType]] = keys_of(Place.LOGS)

    def compose_body(self) -> ComposeResult:
        """The pane."""
        yield LogPane(id="log-pane")

    @property
    def pane(self) -> LogPane:
        """The log pane."""
        return self.query_one("#log-pane", LogPane)

    def on_screen_resume(self) -> None:
        """The lines have the focus, so that arrows move in them."""
        if self.focused is None:
            self.pane.focus_log()

    def show_body(self, view: View) -> None:
        """Hand the ring to the pane."""
        snapshot = view.snapshot
        pane = self.pane
        pane.use(snapshot.logs)
        pane.set_roles(snapshot.canary, snapshot.stable)
        pane.set_counts(snapshot.dropped, snapshot.suppressed, present.sampled(snapshot))
        pane.set_waiting(present.waiting_for(view, _("waiting for the first log line")))
        pane.pull()
