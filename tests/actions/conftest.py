"""A team on one simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from console.simulator.process import SimulatorProcess
from tests.actions.operators import Team
from tests.conftest import WEDNESDAY
from tests.forked import ForkedSimulator

MakeTeam = Callable[..., Team]


class Supply:
    """Healthy simulators, the next one starting while a test runs on the last."""

    def __init__(self) -> None:
        self._next = self._launch()

    def _launch(self) -> SimulatorProcess:
        return ForkedSimulator.launch(scenario="healthy", speed=20, seed=7, now=WEDNESDAY)

    def take(self) -> SimulatorProcess:
        taken = self._next.wait_ready()
        self._next = self._launch()
        return taken

    def stop(self) -> None:
        self._next.stop()


@pytest.fixture(scope="module")
def supply() -> Iterator[Supply]:
    simulators = Supply()
    yield simulators
    simulators.stop()


@pytest.fixture
async def team_on(simulator: Callable[..., SimulatorProcess], tmp_path: Path) -> AsyncIterator[MakeTeam]:
    """Makes teams on simulators of their own (options as `SimulatorProcess.start`), twenty times as fast as we."""
    teams: list[Team] = []

    def make(**options: Any) -> Team:
        team = Team(simulator(**({"scenario": "healthy", "speed": 20} | options)), tmp_path)
        teams.append(team)
        return team

    yield make
    for team in teams:
        await team.leave()


@pytest.fixture
async def team(supply: Supply, tmp_path: Path) -> AsyncIterator[Team]:
    """A team on a healthy service, on a Wednesday at noon, twenty times as fast as we."""
    process = supply.take()
    joined = Team(process, tmp_path)
    yield joined
    await joined.leave()
    process.stop()
