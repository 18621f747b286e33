"""A team on one simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from console.simulator.process import SimulatorProcess
from tests.actions.operators import Team

MakeTeam = Callable[..., Team]


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
def team(team_on: MakeTeam) -> Team:
    """A team on a healthy service, on a Wednesday at noon."""
    return team_on()
