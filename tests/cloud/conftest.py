"""A simulator in a process of its own, and a Cloud connected to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from console.clock import SystemClock
from console.cloud.client import Cloud
from console.cloud.target import CloudTarget
from console.simulator.process import SimulatorProcess
from tests.forked import ForkedSimulator

MARIA = "maria@acme.example"
WEDNESDAY = datetime(2026, 11, 25, 10, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    """A healthy service of 300 requests/s, its clock ten times as fast as ours."""
    with ForkedSimulator.start(scenario="healthy", speed=10, now=WEDNESDAY) as process:
        yield process


@pytest.fixture
async def cloud(simulator: SimulatorProcess) -> AsyncIterator[Cloud]:
    connected = await Cloud.connect(CloudTarget("demo", "us-central1", simulator.grpc, email=MARIA), SystemClock())
    yield connected
    await connected.close()
