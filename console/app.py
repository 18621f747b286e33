"""The Textual app: it only wires. Settings and environment in; session thread, screens, keys and timer joined here.

The first frame waits for nothing: settings, the screens and all that they stand on come behind it, in a thread, so
this module imports little and its methods the rest. Google's clients, grpc, plotext and keyring come last of all, in
the session's thread (tests/screens/test_first_paint.py).
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from rich.text import Text
from textual.binding import BindingType
from textual.filter import LineFilter
from textual.screen import ModalScreen, Screen

from console.app_keys import bindings
from console.app_opening import OpensLate
from console.clock import Clock, SystemClock
from console.crash import crash_sentence, log, log_path
from console.errors import CanarioError, ExitCode
from console.opening import DemoControl, Opening
from console.registry import ACTIONS, keys_for
from console.terminal_driver import gone, lasting
from console.text import clean
from console.words import _
from themes import all_themes, default_theme
from widgets.safe import scrubbed

if TYPE_CHECKING:
    from textual.driver import Driver

    from console.actions import RollbackProgress
    from console.release.guardrails import Action
    from console.release.moves import Proposal
    from console.session import Session
    from console.settings import Environment, Settings
    from console.watch.snapshot import Snapshot
    from screens.operator import Severity
    from screens.rollback_desk import Engine
    from screens.view import View
    from screens.watch_alarm import WatchAlarm

T = TypeVar("T")
R = TypeVar("R")

REPAINT_S = 0.1
"""One repaint timer, ten times a second."""
FOLLOW_S = 1.0
"""Wall seconds between two looks at the demo's clock, which another terminal may turn."""
TERMINAL_S = 1.0
"""Wall seconds between two looks at whether there is a terminal."""
NOTICE_S = 60.0
"""How long a kept notice stands in the header."""
HANG_UPS = (signal.SIGTERM, signal.SIGHUP)
"""Signals upon which the console leaves by itself."""
SMALL = 16
"""Lines under which a toast would cover what an operator must see."""


class ConsoleApp(OpensLate, inherit_bindings=False):
    """The console.

    Args:
        settings: all settings; None, with `environment`, where `find` tells.
        environment: where to begin.
        endpoint: `HOST:PORT` of a simulator on loopback, or None for Google.
        as_email: identity on loopback.
        demo: the demo's clock, where this is the demo.
        engine: makes a session thread for an environment; the real one unless a test says otherwise.
        clock: the wall.
        find: tells where to open, in a thread once the first frame is up.
    """

    TITLE = "canario"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = bindings()

    def __init__(
        self,
        settings: Settings | None = None,
        environment: Environment | None = None,
        *,
        endpoint: str | None = None,
        as_email: str | None = None,
        demo: DemoControl | None = None,
        engine: Callable[[Environment], Engine] | None = None,
        clock: Clock | None = None,
        find: Callable[[], Opening] | None = None,
    ) -> None:
        super().__init__()
        self._find = find
        self.clock = clock or SystemClock()
        self._make_engine = engine or self._real_engine
        self._engine: Engine | None = None
        self._notice = ("", 0.0)
        self._busy = ""
        self._view: View | None = None
        self._crashed = False
        self._cut_off = False
        self._settled: object = None
        self._mover: tuple[str, dict[str, int]] = ("", {})
        self._drove = False
        self._title = ""
        self._rung = ""
        self._alarm: WatchAlarm | None = None
        for theme in all_themes():
            self.register_theme(theme)
        self._choose_theme("")
        if settings is not None and environment is not None:
            self.open_on(Opening(settings, environment, endpoint, as_email, demo))

    # ------------------------------------------------------------------ life

    def on_mount(self) -> None:
        """Open on the canary screen, where it is known where; everything else is made when it is first asked for."""
        if self.opened:
            self.show_screens()
        if not self.is_headless:
            for number in HANG_UPS:
                signal.signal(number, self._hang_up)
            self.set_interval(TERMINAL_S, self._look_at_terminal)

    def on_ready(self) -> None:
        """The first frame is up: now the rest may be read, then the session start, and with it the heavy imports."""
        if self.opened:
            self.start_session()
        elif self._find is not None:
            self.run_worker(self.find_out(self._find), exit_on_error=False)

    def open_on(self, opening: Opening) -> None:
        """From now on it is known where this is."""
        from screens.lookout import Place
        from screens.operator import Operator
        from screens.rollback_desk import RollbackDesk

        self.settings = settings = opening.settings
        self.environment = opening.environment
        self.endpoint, self.as_email, self.demo = opening.endpoint, opening.as_email, opening.demo
        self._place = Place.of(settings, opening.environment)
        self.desk = RollbackDesk(lambda: self._engine, self.clock.monotonic)
        self.operator = Operator(self)
        self._choose_theme(settings.theme)
        self.set_keymap({spec.id: ",".join(keys_for(spec.id, settings.keymap)) for spec in ACTIONS})
        self.opened = True

    def _choose_theme(self, wanted: str) -> None:
        # App took NO_COLOR out of the environment when it was made
        self.theme = default_theme({"NO_COLOR": "1"} if self.no_color else {}, wanted)

    def show_screens(self) -> None:
        """Make the modes, and show the first."""
        from screens.canary import CanaryScreen

        self.add_mode("canary", CanaryScreen)
        self.add_mode("logs", _logs_screen)
        self.add_mode("metrics", _metrics_screen)
        self.add_mode("history", _history_screen)
        self.add_mode("checklist", _checklist_screen)
        self.add_mode("migrations", _migrations_screen)
        self.switch_mode("canary")

    def start_session(self) -> None:
        """The screen stands: connect, draw, and hear what was typed meanwhile."""
        self._engine = self._make_engine(self.environment)
        self._engine.start()
        self.set_interval(REPAINT_S, self.repaint)
        if self.demo is not None:
            self.set_interval(FOLLOW_S, self._follow_demo)
        self.repaint()
        self.hear_held()

    def _follow_demo(self) -> None:
        """Another terminal may have turned the demo's clock: the banner follows, beside the keys."""
        if self.demo is not None and not any(worker.group == "follow" for worker in self.workers):
            self.run_worker(self.demo.follow, group="follow", thread=True, exit_on_error=False)

    def _real_engine(self, environment: Environment) -> Engine:
        from console.session import SessionThread

        return SessionThread(self.settings, environment, endpoint=self.endpoint, as_email=self.as_email, drive=True)

    async def on_unmount(self) -> None:
        """Stop the session, without holding the terminal for it; but not in the middle of a rollback."""
        if not self.rolling_back:
            await asyncio.to_thread(self.stop)

    def stop(self) -> None:
        """Stop the session; a few seconds at most."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.stop()

    def _hang_up(self, number: int, _frame: object) -> None:
        """The terminal is gone, or somebody ends us: leave as `q` does, with nobody to ask."""
        self.call_later(self.exit, return_code=128 + number)

    def _look_at_terminal(self) -> None:
        """Leave where there is no terminal any more, though nobody has told us; once."""
        stdin = sys.__stdin__
        if not self._cut_off and stdin is not None and gone(stdin.fileno()):
            self._cut_off = True
            self._hang_up(signal.SIGHUP, None)

    def get_driver_class(self) -> type[Driver]:
        """Textual's, which must not hang where the terminal is cut off."""
        return lasting(super().get_driver_class())

    @property
    def rolling_back(self) -> bool:
        """Whether a rollback was asked for here, by key or countdown, and has not ended."""
        session = self.session
        if not self.opened:
            return False
        return self.desk.waiting or self.desk.running or (session is not None and session.actions.rolling_back)

    @property
    def rollback_progress(self) -> RollbackProgress | None:
        """How the rollback of this session stands; None before it has left."""
        session = self.session
        return session.actions.rollback_progress if session is not None else None

    def push_rollback(self) -> None:
        """Send a rollback that waits, where it can be sent now."""
        self.desk.tick()

    async def go_to(self, environment: Environment) -> None:
        """Leave this environment and open another: a new session, the same screens."""
        if self.desk.running or self.desk.waiting:
            self.say(_("A rollback is under way here: stay until it has ended."), "warning")
            return
        from screens.lookout import Place
        from screens.rollback_desk import RollbackDesk

        old, self._engine = self._engine, None
        self.environment = environment
        self._place = Place.of(self.settings, environment)
        self.desk = RollbackDesk(lambda: self._engine, self.clock.monotonic)
        self._notice, self._mover, self._drove = ("", 0.0), ("", {}), False
        self.book = "despliegue"
        self.repaint()
        if old is not None:
            await asyncio.to_thread(old.stop)
        self._engine = self._make_engine(environment)
        self._engine.start()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The last gate before the terminal: no sequence of a stranger leaves."""
        return scrubbed(super().get_line_filters())

    def _handle_exception(self, error: Exception) -> None:
        """A bug: a sentence for the operator, the rest to the log file, and an end."""
        log.error("the console failed", exc_info=error)
        self._crashed = True
        self._return_code = int(ExitCode.FAILED)
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self.panic(Text(crash_sentence(error)))

    # ------------------------------------------------------------------ picture

    @property
    def current(self) -> View:
        """The newest view."""
        return self._view if self._view is not None else self._look()

    @property
    def session(self) -> Session | None:
        """The open session, or None."""
        return self._engine.session if self._engine is not None else None

    def _look(self) -> View:
        from screens.lookout import Notes, look
        from screens.view import DemoView

        text, since = self._notice
        now = self.clock.monotonic()
        notes = Notes(
            notice=text if now - since < NOTICE_S else "",
            busy=self._busy,
            demo=DemoView(self.demo.speed, self.demo.running) if self.demo is not None else None,
            keymap=self.settings.keymap,
        )
        return look(self._place, self._engine, self.desk, notes, now)

    def repaint(self) -> None:
        """Ten times a second: send what waits, look, and let every screen on the stack draw what changed."""
        try:
            self.desk.tick()
            self._hear()
            self._view = view = self._look()
            for screen in self.screen_stack:
                show = getattr(screen, "show", None)
                if show is not None:
                    show(view)
            self._tell_ousted(view)
            self._announce(view)
            self._warn(view)
        except Exception as error:  # noqa: BLE001 - a bug in drawing must not take rollback's key away
            self.complain(error)

    def _hear(self) -> None:
        """Say what has come of things since the last look: a rollback, what a crash had left unfinished."""
        from console.release.guardrails import shares_text
        from screens import figures

        session = self.session
        if session is not None and session.settled and session.settled is not self._settled:
            for settled in session.settled:
                self.say(settled.sentence, "warning", keep=True)
            self._settled = session.settled
        snapshot = session.watcher.latest if session is not None else None
        mover = (snapshot.mover, snapshot.service.desired_shares()) if snapshot and snapshot.service else ("", {})
        if mover[0] and mover != self._mover:
            # kept here: the next write of ours (a lease, a verdict) clears it from the picture
            text = _("{who} changed the service: {split}")
            self.say(text.format(who=mover[0], split=shares_text(mover[1])), "warning", keep=True)
        if mover[0]:
            self._mover = mover
        answer = self.desk.take_answer()
        if isinstance(answer, CanarioError):
            self.say(str(answer), "error", keep=True)
        elif answer is not None:
            for note in answer.notes:
                self.say(note, "warning" if not answer.already else "information")
            if answer.already and not answer.notes:
                target = figures.short(answer.target, self.environment.service) or _("the stable revision")
                self.say(_("Nothing to roll back: {target} has the traffic already.").format(target=target))

    def _tell_ousted(self, view: View) -> None:
        """Say it to the driver whose seat somebody else has taken: the automatic rollback has gone with it."""
        driver = view.driver
        mine = driver is not None and driver.session == view.session_id
        if self._drove and driver is not None and not mine:
            text = _("{who} took the driver's seat; automatic rollback now lives in that console, not in this one.")
            self.say(text.format(who=driver.email), "warning", keep=True)
        self._drove = mine

    def complain(self, error: BaseException) -> None:
        """Log a bug and say so once, in a sentence."""
        log.error("drawing failed", exc_info=error)
        text = _("Something went wrong inside canario ({kind}); keys still work. Details: {path}").format(
            kind=type(error).__name__, path=log_path()
        )
        if self._notice[0] != text:
            self.say(text, "error", keep=True)

    def _warn(self, view: View) -> None:
        """A limit crossed in the hours after a release: ring, and open the rollback with the way back chosen."""
        if view.checklist is None and view.rollback_checklist is None:
            return
        from screens import watch_alarm

        self._alarm = self._alarm or watch_alarm.WatchAlarm()
        if ousted := self._alarm.ousted(view):
            self.say(ousted, "warning", keep=True)
        news = self._alarm.news(view)
        if news is None:
            return
        alarm, again = news
        if self.settings.notify.bell:
            self.bell()
        self.say(alarm.sentence, "error", keep=True)

        def then(said: str | None) -> None:
            if said == "choose":
                self.choose_revision(alarm.back_to, alarm.sentence)
            elif said == "back":
                to = "" if watch_alarm.one_key(self.current, alarm) else alarm.back_to
                if text := self.desk.ask(to, alarm.sentence):
                    self.say(text, "warning")
                self.repaint()

        self.open_dialog(watch_alarm.dialog(view, alarm, again=again), then)

    def _announce(self, view: View) -> None:
        """Terminal title and bell: what an operator in another window should notice."""
        from screens import announcer

        state, title = announcer.state(view), announcer.title(view)
        if state != self._rung:
            if state in announcer.RINGS and self.settings.notify.bell:
                self.bell()
            self._rung = state
        if title != self._title and self._driver is not None and not self.is_headless:
            self._title = title
            self._driver.write(f"\x1b]2;{title}\x07")

    # ------------------------------------------------------------------ what the operator's hand needs

    def propose(self, action: Action, seen: Snapshot) -> Proposal:
        """See `screens.operator.Host`."""
        from screens import present

        session = self.session
        if session is None:
            raise CanarioError(
                present.waiting_for(self.current, _("waiting for the session")),
                remedy=_("Rollback can be asked for already: it leaves as soon as there is a connection."),
            )
        return session.actions.propose(action, seen)

    async def ask(self, make: Callable[[Session], Awaitable[T]]) -> T:
        """Run something on the session's loop and wait for it without holding the screen up."""
        engine = self._engine
        if engine is None or engine.session is None:
            from screens import present

            raise CanarioError(present.waiting_for(self.current, _("waiting for the session")))
        future = engine.submit(make)
        result: T = await asyncio.wrap_future(future)
        return result

    def say(self, text: str, severity: Severity = "information", *, keep: bool = False) -> None:
        """A toast; with `keep` the header says it too, for a minute. Where a toast would hide the state: only that.

        Over a dialog it would hide the ways out, which the dialog names last: it has a line of its own for it.
        """
        text = clean(text)
        hides = self.size.height < SMALL or isinstance(self.screen, ModalScreen)
        if keep or hides:
            self._notice = (text, self.clock.monotonic())
        if hides:
            return
        self.notify(text, severity=severity, timeout=10 if severity == "error" else 6, markup=False)

    def working(self, text: str) -> None:
        """What has been sent and not answered yet."""
        self._busy = text
        if text:
            self._notice = ("", 0.0)
            self.clear_notifications()  # what was said of the last action would only hide this one

    def open_dialog(self, dialog: Screen[R], then: Callable[[R | None], None]) -> None:
        """Show a dialog over the screen."""
        self.clear_notifications()  # they would cover its last line
        self.push_screen(dialog, then)

    def spawn(self, work: Awaitable[None]) -> None:
        """Let it run beside the screen."""
        from screens.operator import settle

        self.run_worker(
            settle(work, lambda text: self.say(text, "error", keep=True), self.complain), exit_on_error=False
        )


def _logs_screen() -> Screen[Any]:
    from screens.logs import LogsScreen

    return LogsScreen()


def _metrics_screen() -> Screen[Any]:
    from screens.metrics import MetricsScreen

    return MetricsScreen()


def _checklist_screen() -> Screen[Any]:
    from screens.checklist import ChecklistScreen

    return ChecklistScreen()


def _migrations_screen() -> Screen[Any]:
    from screens.migrations import MigrationsScreen

    return MigrationsScreen()


def _history_screen() -> Screen[Any]:
    from screens.history import HistoryScreen

    return HistoryScreen()
