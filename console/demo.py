"""`canario demo`: a simulator of its own, and on it the console, or the whole release played without a terminal.

The simulator is a child process that ends with us. Its clock starts on a Wednesday at 10:05 UTC, so that the window is
open whenever a newcomer plays. The demo brings what a team has beside its cloud: a GitHub and a Slack, served by the
simulator, and a checkout in a temporary folder. It keeps its own journal and tells nobody outside; the user's keys,
theme and language hold, the team's environments do not. `canario demo --as EMAIL` joins the demo that runs already.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from console.commands.output import say, warn
from console.commands.running import Where, default_identity, find_settings, identity, use_settings
from console.crash import terminal_problem
from console.demo_database import DATABASE, at_database, with_database
from console.errors import ExitCode, UsageError
from console.opening import FASTEST, SLOWEST, Opening
from console.simulator.checkout import CheckoutError, write_checkout
from console.simulator.process import LocalParts, SimulatorError, SimulatorProcess
from console.words import _

if TYPE_CHECKING:
    from console.demo_shared import RunningDemo
    from console.settings import Settings

STARTS = datetime(2026, 11, 25, 10, 5, tzinfo=UTC)
"""A Wednesday, five minutes into the runbook's window."""

SPEED = 5.0
"""Simulated seconds a wall second, unless told."""

OUTCOMES = ("promoted", "rolled-back", "held")
"""What `--expect` takes."""


class Clockwork(Protocol):
    """A running simulator's clock."""

    @property
    def running(self) -> bool:
        """Whether the simulator has not ended."""
        ...

    def speed(self) -> float:
        """What the clock runs at; blocks on HTTP."""
        ...

    def set_speed(self, speed: float) -> None:
        """Run the clock at `speed`; blocks on HTTP."""
        ...


class Controls:
    """What the console's `<` and `>` turn: the simulator's clock. Safe to use from any thread.

    Args:
        simulator: a running one.
        scenario: its name, for the banner.
        speed: what it runs at.
    """

    def __init__(self, simulator: Clockwork, scenario: str, speed: float) -> None:
        self._simulator = simulator
        self.scenario = scenario
        self._speed = speed
        self._asking = Lock()

    @property
    def speed(self) -> float:
        """Simulated seconds a wall second, as last set here or followed."""
        return self._speed

    @property
    def running(self) -> bool:
        """Whether the simulator has not ended."""
        return self._simulator.running

    def set_speed(self, speed: float) -> None:
        """Run the simulator's clock at `speed` from now on; blocks on HTTP.

        Raises:
            SimulatorError: it has ended.
        """
        with self._asking:
            self._simulator.set_speed(speed)
            self._speed = speed

    def follow(self) -> None:
        """Learn what speed another terminal may have set; blocks on HTTP. With no answer it stays as it was."""
        with self._asking, contextlib.suppress(SimulatorError):
            self._speed = self._simulator.speed()


def demo(
    scenario: str,
    *,
    speed: float | None,
    seed: int,
    headless: bool,
    expect: str | None,
    auto_headless: bool,
    email: str | None,
    extend_s: int = 0,
    own: bool = True,
    bare: bool = False,
    runbook: Path | None = None,
) -> int:
    """The command `canario demo`; see `console.commands.line_local` for what the options mean.

    Args:
        scenario: its name, or a file's.
        speed: simulated seconds a wall second; None for the usual.
        seed: makes a run repeatable.
        headless: play it without a terminal.
        expect: the outcome that a headless play must have, or None.
        auto_headless: play headless where there is no terminal.
        email: who plays; None for the user.
        extend_s: how long an undecided bake of a headless play may go on.
        own: whether a demo of its own is wanted; else `email` joins the one that runs.
        bare: start without smoke tests and approvals on record, to walk the whole runbook.
        runbook: the team's own, in place of the packaged one.

    Raises:
        UsageError: an unknown scenario or outcome, a speed out of range.
        SettingsError: the runbook is wrong.
    """
    from console.simulator.scenario import load_scenario

    chosen = load_scenario(scenario)
    if extend_s and not headless and not auto_headless:
        raise UsageError(_("--extend is for --headless."))
    if speed is not None and not SLOWEST <= speed <= FASTEST:
        raise UsageError(_("The speed {speed:g} is out of range.").format(speed=speed), remedy=_("Give 0.1 to 1000."))
    if expect is not None and expect not in OUTCOMES:
        raise UsageError(
            _("{outcome!r} is no outcome.").format(outcome=expect[:40]),
            remedy=_("Choose one of: {names}.").format(names=", ".join(OUTCOMES)),
        )
    if auto_headless and not headless and terminal_problem():
        headless, expect = True, expect or chosen.outcome.replace(" ", "-")
        speed = speed or 20.0
        say(
            _("No terminal here: playing {scenario} headless, {speed:g} times faster; expecting: {outcome}.").format(
                scenario=scenario, speed=speed, outcome=_outcome_word(expect)
            )
        )
    if runbook is not None:
        from console.runbook.load import load_runbook

        if headless:
            raise UsageError(
                _("--runbook is for the console: the headless play walks none."),
                remedy=_("`canario runbook run --headless --runbook FILE` walks it without a terminal."),
            )
        load_runbook(runbook)  # a mistake is told before anything is drawn
        runbook = runbook.absolute()
    if headless:
        return _headless(scenario, speed or SPEED, seed, expect, email, extend_s, bare=bare)
    if expect is not None:
        raise UsageError(_("--expect is for --headless."))
    if email is not None and not own:
        from console.demo_shared import find_running

        running = find_running()
        if running is not None:
            return join(running, email, runbook=runbook)
        warn(_("No demo is running here that could be joined; this is a new one."))
    return play(scenario, speed=speed or SPEED, seed=seed, email=email, bare=bare, runbook=runbook)


def play(
    scenario: str,
    *,
    speed: float,
    seed: int = 0,
    email: str | None = None,
    bare: bool = False,
    runbook: Path | None = None,
) -> int:
    """Open the console on a simulator of its own, and stop that when the operator leaves."""
    identity(email, "demo")  # a mistake is told before anything is drawn
    if problem := terminal_problem():
        find_settings()
        tell = say if sys.stdout.isatty() else warn
        tell(problem)
        tell(_("To watch the same release without a terminal: canario demo --headless"))
        return ExitCode.FAILED
    from console.app_run import open_app

    return open_app(
        lambda stack: stack.enter_context(
            playing(scenario, find_settings(), speed=speed, seed=seed, email=email, bare=bare, runbook=runbook)
        )
    )


@contextmanager
def playing(
    scenario: str,
    settings: Settings,
    *,
    speed: float,
    seed: int = 0,
    email: str | None = None,
    bare: bool = False,
    runbook: Path | None = None,
) -> Iterator[Opening]:
    """A simulator, and the console's place on it; it stops at the end.

    Args:
        scenario: what happens in it.
        settings: the user's, of which look, keys and words hold in the demo.
        speed: simulated seconds a wall second.
        seed: makes a run repeatable.
        email: who the operator is there.
        bare: start without smoke tests and approvals on record.
        runbook: the file of the runbook that is walked; None: the packaged one.
    """
    from console.demo_shared import RunningDemo, announced

    who = identity(email, "demo")
    with tempfile.TemporaryDirectory(prefix="canario-demo-") as folder:
        child = SimulatorProcess.launch(scenario=scenario, speed=speed, seed=seed, now=STARTS, bare=bare)
        with child:
            parts, problem = _parts(child, Path(folder))
            ours = with_database(_settings(settings, Path(folder), parts, runbook), Path(folder), _migrations(parts))
            told = RunningDemo(
                pid=os.getpid(),
                endpoint=child.grpc,
                control=child.control,
                scenario=scenario,
                github_url=parts.github_url,
                slack_webhook=parts.slack_webhook,
                checkout=str(parts.checkout),
            )
            with announced(told), _variables(parts, who):
                yield Opening(ours, ours.environment("production"), child.grpc, who, Controls(child, scenario, speed))
    if problem:  # only now: the console had the screen
        warn(problem)


def join(running: RunningDemo, email: str, *, runbook: Path | None = None) -> int:
    """Open a second console on a demo that runs, as somebody else."""
    identity(email, running.endpoint)  # a mistake is told before anything is drawn
    if problem := terminal_problem():
        find_settings()
        (say if sys.stdout.isatty() else warn)(problem)
        return ExitCode.FAILED
    from console.app_run import open_app

    return open_app(lambda stack: stack.enter_context(joining(running, find_settings(), email, runbook)))


@contextmanager
def joining(running: RunningDemo, settings: Settings, email: str, runbook: Path | None = None) -> Iterator[Opening]:
    """A second console's place on a demo that runs.

    Args:
        running: the demo.
        settings: the user's, of which look, keys and words hold in the demo.
        email: who the operator is there.
        runbook: as of `playing`.
    """
    who = identity(email, running.endpoint)
    controls = Controls(running, running.scenario, running.speed())
    with tempfile.TemporaryDirectory(prefix="canario-demo-") as folder:
        ours = _joined_settings(running, settings, Path(folder), runbook)
        with _variables(running.parts(), who):
            yield Opening(ours, ours.environment("production"), running.endpoint, who, controls)


def go_to(where: Where) -> Where:
    """Let this process, a command, go to the demo that runs: its settings, secrets, cloud and checkout hold from here.

    Its journal lasts as long as the demo, so that what was killed goes on where it was.

    Args:
        where: as typed.

    Raises:
        UsageError: no demo runs here, or another place was typed too.
    """
    from console.demo_shared import find_running

    if where.env is not None or where.endpoint is not None:
        raise UsageError(_("--demo says where; --env and --endpoint say it too."), remedy=_("Give one of them."))
    running = find_running()
    if running is None:
        raise UsageError(_("No demo is running here."), remedy=_("Start one in another terminal: canario demo --bare"))
    folder = running.parts().checkout.parent / "commands"
    folder.mkdir(mode=0o700, exist_ok=True)
    use_settings(_joined_settings(running, find_settings(), folder))
    os.environ.update(running.parts().variables(where.email or default_identity()))
    return Where(None, running.endpoint, where.email, demo=True)


def act_as(email: str) -> None:
    """Act as `email` at the demo's GitHub from here, once `go_to` has gone to it."""
    os.environ["CANARIO_GITHUB_TOKEN"] = LocalParts("", "", Path()).variables(email)["CANARIO_GITHUB_TOKEN"]


def _joined_settings(running: RunningDemo, settings: Settings, folder: Path, runbook: Path | None = None) -> Settings:
    ours = _settings(settings, folder, running.parts(), runbook)
    shared = running.parts().checkout.parent / DATABASE
    if not shared.is_file():
        return ours
    # the same database as the demo's own console
    return at_database(ours, shared, _migrations(running.parts()) or shared.parent / "migrations")


def _parts(child: SimulatorProcess, folder: Path) -> tuple[LocalParts, str]:
    """Write the checkout while the simulator gets up, and let its GitHub keep its commits there.

    Without git the checkout is a place where nothing is, and the demo has everything else.

    Returns:
        (parts, problem): the problem is a sentence where there is no checkout, else empty.
    """
    place, origin, problem = folder / "wa_orchestrator", None, ""
    try:
        origin = write_checkout(folder, STARTS).origin
    except CheckoutError as error:
        problem = str(error)
    child.wait_ready()
    if origin is not None:
        child.post("/github", {"origin": str(origin)})
    return child.parts(place), problem


def _migrations(parts: LocalParts) -> Path | None:
    """The checkout's migrations; None where there is no checkout."""
    folder = parts.checkout / "migrations"
    return folder if folder.is_dir() else None


def _settings(settings: Settings, folder: Path, parts: LocalParts, runbook: Path | None = None) -> Settings:
    """The demo's settings: as built in, with the local parts in the places of the team's own."""
    from console.settings import ContactsSettings, GitHubSettings, NotifySettings, RunbookSettings

    ours = settings.for_demo(folder / "journal.db")
    return ours.model_copy(
        update={
            "github": GitHubSettings(repository=parts.repository, api=parts.github_url),
            "runbook": RunbookSettings(checkout=parts.checkout, file=runbook),
            "contacts": ContactsSettings(runbook="docs/runbooks/despliegue.md"),
            "notify": NotifySettings(slack=True, bell=ours.notify.bell),
        }
    )


@contextmanager
def _variables(parts: LocalParts, email: str | None) -> Iterator[None]:
    """Let the local parts' secrets stand in for the user's own, which the demo must not use."""
    ours = parts.variables(email or default_identity())
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _headless(
    scenario: str, speed: float, seed: int, expect: str | None, email: str | None, extend_s: int, *, bare: bool
) -> int:
    import asyncio

    from console.headless import Ending, Play

    who = identity(email, "demo")
    settings = find_settings()
    with (
        tempfile.TemporaryDirectory(prefix="canario-demo-") as folder,
        SimulatorProcess.launch(scenario=scenario, speed=1.0, seed=seed, now=STARTS, bare=bare) as child,
    ):
        parts, problem = _parts(child, Path(folder))
        if problem:
            warn(problem)
        ours = _settings(settings, Path(folder), parts)
        with _variables(parts, who):
            play = Play(ours, Controls(child, scenario, 1.0), child.grpc, who, speed, extend_s)
            ending: Ending = asyncio.run(play.run())
    if expect is None:
        return ending.exit_code
    if ending.outcome == expect:
        say(_("As expected: {outcome}.").format(outcome=_outcome_word(expect)))
        return ExitCode.DONE
    warn(_("Expected {wanted}, got {got}.").format(wanted=_outcome_word(expect), got=_outcome_word(ending.outcome)))
    return ExitCode.FAILED


def _outcome_word(outcome: str) -> str:
    return {
        "promoted": _("promoted"),
        "rolled-back": _("rolled back"),
        "held": _("held"),
        "stuck": _("stuck"),
    }.get(outcome, outcome)
