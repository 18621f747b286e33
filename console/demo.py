"""`canario demo`: a simulator of its own, and on it the console, or the whole release played without a terminal.

The simulator is a child process that ends with us. Its clock starts on a Wednesday at 10:05 UTC, so that the window is
open whenever a newcomer plays. The demo keeps its own journal and tells nobody; the user's keys, theme and language
hold, the team's environments do not.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from console.commands.output import say, warn
from console.commands.running import find_settings, identity
from console.crash import terminal_problem
from console.demo_database import with_database
from console.errors import ExitCode, UsageError
from console.opening import Opening
from console.simulator.process import SimulatorProcess
from console.words import _

if TYPE_CHECKING:
    from console.settings import Settings

STARTS = datetime(2026, 11, 25, 10, 5, tzinfo=UTC)
"""A Wednesday, five minutes into the runbook's window."""

SPEED = 5.0
"""Simulated seconds a wall second, unless told."""

OUTCOMES = ("promoted", "rolled-back", "held")
"""What `--expect` takes."""


class Controls:
    """What the console's `<` and `>` turn: the simulator's clock. Safe to use from any thread.

    Args:
        simulator: a running one.
        scenario: its name, for the banner.
        speed: what it runs at.
    """

    def __init__(self, simulator: SimulatorProcess, scenario: str, speed: float) -> None:
        self._simulator = simulator
        self.scenario = scenario
        self._speed = speed

    @property
    def speed(self) -> float:
        """Simulated seconds a wall second."""
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
        self._simulator.set_speed(speed)
        self._speed = speed


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
) -> int:
    """The command `canario demo`; see `console.commands.line` for what the options mean.

    Raises:
        UsageError: an unknown scenario or outcome, a speed out of range.
    """
    from console.simulator.scenario import load_scenario

    chosen = load_scenario(scenario)
    if extend_s and not headless and not auto_headless:
        raise UsageError(_("--extend is for --headless."))
    if speed is not None and not 0.1 <= speed <= 1000:
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
    if headless:
        return _headless(scenario, speed or SPEED, seed, expect, email, extend_s)
    if expect is not None:
        raise UsageError(_("--expect is for --headless."))
    return play(scenario, speed=speed or SPEED, seed=seed, email=email)


def play(scenario: str, *, speed: float, seed: int = 0, email: str | None = None) -> int:
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
        lambda stack: stack.enter_context(playing(scenario, find_settings(), speed=speed, seed=seed, email=email))
    )


@contextmanager
def playing(
    scenario: str, settings: Settings, *, speed: float, seed: int = 0, email: str | None = None
) -> Iterator[Opening]:
    """A simulator, and the console's place on it; it stops at the end.

    Args:
        scenario: what happens in it.
        settings: the user's, of which look, keys and words hold in the demo.
        speed: simulated seconds a wall second.
        seed: makes a run repeatable.
        email: who the operator is there.
    """
    who = identity(email, "demo")
    with tempfile.TemporaryDirectory(prefix="canario-demo-") as folder:
        ours = with_database(settings.for_demo(Path(folder) / "journal.db"), Path(folder))
        child = SimulatorProcess.launch(scenario=scenario, speed=speed, seed=seed, now=STARTS)
        with child:
            child.wait_ready()
            here = ours.environment("production")
            yield Opening(ours, here, child.grpc, who, Controls(child, scenario, speed))


def _headless(scenario: str, speed: float, seed: int, expect: str | None, email: str | None, extend_s: int) -> int:
    import asyncio

    from console.headless import Ending, Play

    who = identity(email, "demo")
    settings = find_settings()
    with tempfile.TemporaryDirectory(prefix="canario-demo-") as folder:
        ours = settings.for_demo(Path(folder) / "journal.db")
        with SimulatorProcess.start(scenario=scenario, speed=1.0, seed=seed, now=STARTS) as child:
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
