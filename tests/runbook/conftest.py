"""A bench for single steps, and a simulator in this process with the team's GitHub, Slack and services."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console.simulator.checkout import Checkout, write_checkout
from console.simulator.options import SimulatorOptions
from console.simulator.server import Simulator
from tests.runbook.steps import Bench

MakeSimulator = Callable[..., Awaitable[Simulator]]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Runs single steps in a checkout of its own."""
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample team's checkout and its origin, written once: writing it takes git a second."""
    folder = tmp_path_factory.mktemp("team")
    write_checkout(folder, datetime(2026, 11, 25, tzinfo=UTC))
    return folder


@pytest.fixture
def team(written: Path, tmp_path: Path) -> Checkout:
    """A checkout of the test's own."""
    folder = tmp_path / "team"
    shutil.copytree(written, folder, symlinks=True)
    return Checkout(folder / "wa_orchestrator", folder / "origin.git")


@pytest.fixture
async def make_simulator() -> AsyncIterator[MakeSimulator]:
    """Starts simulators in this process that stop with the test."""
    started: list[Simulator] = []

    async def make(**options: Any) -> Simulator:
        chosen = {"scenario": "healthy", "now": datetime(2026, 11, 25, 12, tzinfo=UTC), "seed": 7, "speed": 100.0}
        simulator = Simulator(SimulatorOptions(**(chosen | options)))
        await simulator.start()
        started.append(simulator)
        return simulator

    yield make
    for simulator in started:
        await simulator.stop()
