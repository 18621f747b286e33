"""The log screen: the live log over the whole terminal."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from console.words import _
from screens import present
from screens.base import ConsoleScreen
from screens.view import View
from widgets.log_pane import LogPane


class LogsScreen(ConsoleScreen):
    """One log pane. Its keys work wherever the focus is, unless text is being typed."""

    NAME: ClassVar[str] = "logs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(each.key, f"pane({each.action!r})", each.description, id=each.id, show=False)
        for each in LogPane.BINDINGS
        if isinstance(each, Binding) and each.id
    ]

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

    async def action_pane(self, action: str) -> None:
        """Do one of the pane's actions."""
        await self.pane.run_action(action)

    def show_body(self, view: View) -> None:
        """Hand the ring to the pane."""
        snapshot = view.snapshot
        pane = self.pane
        pane.use(snapshot.logs)
        pane.set_roles(snapshot.canary, snapshot.stable)
        pane.set_counts(snapshot.dropped, snapshot.suppressed)
        pane.set_waiting(present.waiting_for(view, _("waiting for the first log line")))
        pane.pull()
