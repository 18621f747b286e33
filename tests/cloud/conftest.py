"""A simulator in a process of its own, and a Cloud connected to it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from console.clock import SystemClock
from console.cloud.client import Cloud
from console.cloud.target import CloudTarget

MARIA = "maria@acme.example"


@contextmanager
def simulated(*options: str) -> Iterator[dict[str, Any]]:
    """A running simulator's addresses, as it prints them."""
    with subprocess.Popen(
        [sys.executable, "-m", "console.simulator", "--watch-stdin", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="module")
def simulator() -> Iterator[dict[str, Any]]:
    with simulated("--scenario", "healthy", "--speed", "10", "--now", "2026-11-25T10:05:00Z") as info:
        yield info


@pytest.fixture
async def cloud(simulator: dict[str, Any]) -> AsyncIterator[Cloud]:
    connected = await Cloud.connect(CloudTarget("demo", "us-central1", simulator["grpc"], email=MARIA), SystemClock())
    yield connected
    await connected.close()
