"""What each key does in the app: the registry's actions, a small method each; `console.app` is the rest of the app."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from console.errors import CanarioError
from console.opening import FASTEST
from console.registry import ACTIONS, Place
from console.words import _
from screens import footer

if TYPE_CHECKING:
    from console.opening import DemoControl
    from console.runbook.opening import Book
    from console.session import Session
    from console.settings import Environment, Settings
    from screens.operator import Operator, Severity
    from screens.rollback_desk import RollbackDesk
    from screens.view import View

T = TypeVar("T")
R = TypeVar("R")

SPEEDS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, FASTEST)
"""Speeds of the demo's clock that `<` and `>` step through."""


def bindings() -> list[BindingType]:
    """A binding an action, with the registry's id, so that a keymap can move it."""
    bound: list[BindingType] = []
    for spec in ACTIONS:
        if spec.place in (Place.LOGS, Place.METRICS, Place.CHECKLIST, Place.MIGRATIONS):
            continue  # bound by their screens, so that they mean nothing elsewhere
        # Esc must win over dialogs and inputs while a countdown runs, and mean what it meant before otherwise
        priority = spec.place is Place.ANYWHERE or spec.id == "stop_countdown"
        bound.append(
            Binding(
                ",".join(spec.keys),
                footer.binding_action(spec.id),
                spec.title,
                show=False,
                priority=priority,
                id=spec.id,
            )
        )
    bound.append(Binding("ctrl+c", "interrupted", show=False))
    return bound


class KeyActions(App[int], inherit_bindings=False):
    """The keys' half of `console.app.ConsoleApp`."""

    opened: bool = False
    """Whether it is known where this is; what follows is there from then on."""
    book: Book = "despliegue"
    """Which runbook the checklist screen shows."""
    settings: Settings
    environment: Environment
    endpoint: str | None
    as_email: str | None
    demo: DemoControl | None
    desk: RollbackDesk
    operator: Operator

    @property
    @abstractmethod
    def current(self) -> View:
        """The newest view."""

    @property
    @abstractmethod
    def session(self) -> Session | None:
        """The open session, or None."""

    @abstractmethod
    def repaint(self) -> None:
        """Look and draw now."""

    @abstractmethod
    def say(self, text: str, severity: Severity = "information", *, keep: bool = False) -> None:
        """Tell the operator."""

    @abstractmethod
    def working(self, text: str) -> None:
        """What has been sent and not answered yet; empty once it is."""

    @abstractmethod
    async def ask(self, make: Callable[[Session], Awaitable[T]]) -> T:
        """Run something on the session's loop."""

    @abstractmethod
    def open_dialog(self, dialog: Screen[R], then: Callable[[R | None], None]) -> None:
        """Show a dialog."""

    @abstractmethod
    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let it run beside the screen."""

    @abstractmethod
    async def go_to(self, environment: Environment) -> None:
        """Open another environment."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys mean something now."""
        if not self.opened:
            return False
        if action == "stop_countdown":
            return self.desk.waiting or (self.session is not None and self.session.autopilot.countdown is not None)
        if action == "step":
            return isinstance(parameters[0], int) and parameters[0] <= len(self.current.rules.plan.steps)
        if action in ("slower", "faster"):
            return self.demo is not None
        return True

    def action_rollback(self) -> None:
        """`r`, `F9`: at once, from anywhere."""
        text = self.desk.ask()
        if text:
            self.say(text, "warning")
        self.repaint()

    def action_stop_countdown(self) -> None:
        """Esc, while a rollback waits or counts down."""
        if self.desk.cancel():
            self.say(_("The rollback that was waiting is cancelled: nothing was sent."), "warning")
        elif self.session is not None:
            self.session.autopilot.stop_countdown()
            self.say(
                _("Countdown stopped. {keys} rolls back now.").format(
                    keys=footer.all_keys(("rollback", "rollback_anywhere"), self.settings.keymap)
                ),
                "warning",
            )
        self.repaint()

    def action_step(self, number: int) -> None:
        """`1` to `9`."""
        self.operator.step(number)

    def action_more(self) -> None:
        """`+`."""
        self.operator.nudge(5)

    def action_less(self) -> None:
        """`-`."""
        self.operator.nudge(-5)

    def action_undo(self) -> None:
        """`u`."""
        self.operator.undo()

    def action_auto_rollback(self) -> None:
        """`a`."""
        self.operator.auto_rollback()

    def action_take_over(self) -> None:
        """`t`: of the release under way; before its first move, of the candidate that the runbook is walked for."""
        from screens.checklist_hand import ChecklistHand

        release = self.current.snapshot.release
        if (release is None or not release.under_way) and ChecklistHand(self).take_seat(self.current):
            return
        self.operator.take_over()

    def action_deploy(self) -> None:
        """`d`."""
        self.operator.deploy()

    def action_show_screen(self, name: str) -> None:
        """`c`, `k`, `l`, `m`, `g`, `h`."""
        if name == "checklist":
            self.book = "despliegue"
        self.switch_mode(name)
        self.call_after_refresh(self.repaint)

    def action_manual_rollback(self) -> None:
        """`b`: the checklist screen, with the manual rollback's runbook."""
        self.book = "rollback"
        self.switch_mode("checklist")
        self.call_after_refresh(self.repaint)
        if self.current.connection == "open":  # else the screen asks once it is
            self.read_rollback_book()

    def read_rollback_book(self) -> None:
        """Read the manual rollback's runbook, where it is not read yet."""

        async def read() -> None:
            await self.ask(lambda session: session.open_rollback_walk(self.settings))

        self.spawn(read())

    def choose_revision(self, wanted: str, reason: str) -> None:
        """The manual rollback, its list of revisions opened at the one wanted: where a limit was crossed."""
        from screens.checklist_hand import ChecklistHand
        from screens.checklist_present import is_choice

        self.action_manual_rollback()

        async def ask() -> None:
            walk = await self.ask(lambda session: session.open_rollback_walk(self.settings))
            step = next((view.step.id for view in walk.latest.steps if is_choice(view)), "")
            if step:
                ChecklistHand(self, "rollback").choose(step, wanted, reason)

        self.spawn(ask())

    async def action_on_screen(self, id: str) -> None:
        """A key of the log or of the charts: the screen knows whether it has them."""
        act = getattr(self.screen, "act", None)
        if act is not None:
            await act(id)

    def action_environments(self) -> None:
        """`e`."""
        from console import neighbours
        from screens.dialogs.environments import EnvironmentsDialog

        async def look_around() -> tuple[neighbours.Neighbour, ...]:
            return await self.ask(
                lambda session: neighbours.look_around(
                    session, self.settings, endpoint=self.endpoint, as_email=self.as_email
                )
            )

        def then(chosen: neighbours.Neighbour | None) -> None:
            here = (self.environment.name, self.environment.service)
            if chosen is not None and (chosen.environment.name, chosen.environment.service) != here:
                self.operator.leave(lambda: self.spawn(self.go_to(chosen.environment)), to=chosen.environment.name)

        here = (self.environment.name, self.environment.service)
        self.open_dialog(EnvironmentsDialog(self.current, neighbours.known(self.settings), look_around, here), then)

    def action_contacts(self) -> None:
        """`i`: over the screen that is shown, so that Esc goes back there."""
        from console import library
        from screens import contacts_present
        from screens.dialogs.contacts import ContactsDialog, Document

        place, checkout, checklist = self.settings.contacts, self.settings.checkout(), self.current.checklist

        async def playbook() -> str:
            return await asyncio.to_thread(library.fetch, place.playbook, checkout)

        async def runbook() -> str:
            if place.runbook:
                return await asyncio.to_thread(library.fetch, place.runbook, checkout)
            if checklist is None:
                raise CanarioError(_("The runbook is not read yet: a moment."))
            return contacts_present.as_markdown(checklist.runbook)

        documents = (
            Document(_("Incident playbook"), library.shown_place(place.playbook), playbook),
            Document(_("Runbook"), library.shown_place(place.runbook), runbook),
        )
        cards = contacts_present.cards(self.settings)
        self.open_dialog(ContactsDialog(self.current, cards, documents), lambda _answer: None)

    def action_report(self) -> None:
        """`f`: the report of the release under the history's cursor, elsewhere of the latest."""
        from console.report import paths
        from screens.dialogs.confirm import ConfirmDialog
        from screens.history import HistoryScreen

        base, latest = self.screen_stack[0], self.current.snapshot.release
        chosen = base.chosen_id if isinstance(base, HistoryScreen) else ""
        release = chosen or (latest.id if latest is not None else "")
        if not release:
            self.say(_("No release is recorded of this service yet: there is nothing to report."), "warning")
            return
        folder = Path.cwd()
        html, markdown = paths(self.environment.service, release, folder)
        lines = (
            _("It is read from the journal, the audit log, Monitoring and the request log, and written to:"),
            str(html),
            str(markdown),
            _("One that is there already is written anew."),
        )

        def then(yes: bool | None) -> None:
            if yes:
                self.spawn(self._write_report(release, folder))

        title = _("Write the report of {release}?").format(release=release)
        self.open_dialog(ConfirmDialog(self.current, title, lines, _("Write"), _("Leave it")), then)

    async def _write_report(self, release: str, folder: Path) -> None:
        from console.chronicle import Source
        from console.report import write_report

        self.working(_("writing the report of {release} …").format(release=release))
        try:
            written = await self.ask(lambda session: write_report(Source.of(session), self.settings, release, folder))
        finally:
            self.working("")
        for problem in written.problems:
            self.say(problem, "warning")
        self.say(_("The report is written: {path}").format(path=written.html), keep=True)

    def action_keys(self) -> None:
        """`?`."""
        from screens.dialogs.help import HelpDialog

        self.open_dialog(HelpDialog(self.current), lambda _answer: None)

    def action_leave(self) -> None:
        """`q`."""
        self.operator.leave(lambda: self.exit(0))

    def action_interrupted(self) -> None:
        """Ctrl+C: say how to leave."""
        self.say(_("Press {key} to leave.").format(key=footer.first_key("quit", self.settings.keymap)))

    def action_slower(self) -> None:
        """`<`."""
        self.spawn(self._set_speed(-1))

    def action_faster(self) -> None:
        """`>`."""
        self.spawn(self._set_speed(1))

    async def _set_speed(self, direction: int) -> None:
        if self.demo is None:
            return
        now = self.demo.speed
        slower = [speed for speed in SPEEDS if speed < now]
        faster = [speed for speed in SPEEDS if speed > now]
        wanted = (faster[0] if faster else now) if direction > 0 else (slower[-1] if slower else now)
        if wanted == now:
            self.say(_("The demo's clock runs at {speed}× already: no further.").format(speed=f"{now:g}"))
            return
        await asyncio.to_thread(self.demo.set_speed, wanted)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The command palette lists the registry, and the themes."""
        for title, explanation, id in footer.palette(self.current):
            yield SystemCommand(title, explanation, self._runner(id))
        yield SystemCommand(_("Theme"), _("Choose the colours."), self.action_change_theme)

    def _runner(self, id: str) -> Callable[[], Awaitable[bool]]:
        async def run() -> bool:
            return await self.run_action(f"app.{footer.binding_action(id)}")

        return run
