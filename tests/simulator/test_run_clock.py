"""The simulator's clock: faster than the wall, changeable while somebody sleeps on it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest

from console.simulator.clock import SimClock

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


class Wall:
    """A wall clock that a test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_gains_speed_seconds_a_second_and_a_change_of_speed_loses_none() -> None:
    wall = Wall()
    clock = SimClock(NOON, 10.0, monotonic=wall)
    wall.now = 6.0
    assert clock.now() == NOON.timestamp() + 60
    clock.set_speed(2.0)
    wall.now = 16.0
    assert clock.now() == NOON.timestamp() + 80
    assert clock.http_date() == "Wed, 25 Nov 2026 12:01:20 GMT"
    assert clock.wall_seconds(3.0) == 1.5


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_an_impossible_speed_is_refused_and_changes_nothing(speed: float) -> None:
    clock = SimClock(NOON, 3.0)
    with pytest.raises(ValueError, match="speed"):
        clock.set_speed(speed)
    assert clock.speed == 3.0


async def test_a_sleeper_is_retimed_when_the_speed_changes() -> None:
    clock = SimClock(NOON, 1.0)
    begun = time.monotonic()
    sleeper = asyncio.create_task(clock.sleep(100.0))
    await asyncio.sleep(0)
    clock.set_speed(1000.0)
    await sleeper
    assert time.monotonic() - begun < 5.0
    assert clock.now() >= NOON.timestamp() + 100


async def test_sleepers_wake_in_order_and_at_once_when_the_clock_is_set() -> None:
    clock = SimClock(NOON, 0.001)
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    tasks = [asyncio.create_task(sleep(seconds)) for seconds in (30.0, 10.0, 20.0)]
    await asyncio.sleep(0)
    clock.set_now(NOON.timestamp() + 60)
    await asyncio.gather(*tasks)
    assert woken == [10.0, 20.0, 30.0]


async def test_a_sleeper_may_be_cancelled() -> None:
    clock = SimClock(NOON, 100.0)
    gone = asyncio.create_task(clock.sleep(1.0))
    await asyncio.sleep(0)
    gone.cancel()
    await clock.sleep(2.0)
    assert gone.cancelled()
