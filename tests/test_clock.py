"""The console learns the cloud's time and speed from the dates that it sees, and trusts no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.clock import ManualClock, ServerClock

WEDNESDAY = datetime(2026, 11, 25, 10, 5, tzinfo=UTC)


class Cloud:
    """A cloud whose clock runs `rate` times the wall's and whose answers carry whole seconds."""

    def __init__(self, wall: ManualClock, start: datetime, rate: float = 1.0) -> None:
        self.wall, self.rate, self.time = wall, rate, start.timestamp()

    def pass_seconds(self, wall_seconds: float) -> None:
        self.wall.advance(wall_seconds)
        self.time += wall_seconds * self.rate

    def date(self) -> datetime:
        return datetime.fromtimestamp(int(self.time), UTC)


def error_of(clock: ServerClock, cloud: Cloud) -> float:
    now = clock.now()
    assert now is not None
    return now.timestamp() - cloud.time


def test_before_any_answer_the_time_is_unknown() -> None:
    clock = ServerClock(ManualClock(WEDNESDAY))
    assert clock.now() is None
    assert not clock.known
    assert clock.skew() == timedelta(0)


def test_a_laptop_a_week_off_is_shown_and_not_trusted() -> None:
    wall = ManualClock(WEDNESDAY + timedelta(days=7))
    cloud = Cloud(wall, WEDNESDAY)
    clock = ServerClock(wall)
    for _ in range(10):
        cloud.pass_seconds(1)
        clock.observe(cloud.date())
    assert clock.rate == 1.0
    assert abs(error_of(clock, cloud)) <= 1.0
    assert abs(clock.skew() - timedelta(days=7)) <= timedelta(seconds=1)


@given(
    rate=st.sampled_from([1.0, 2.0, 5.0, 10.0, 20.0, 60.0]),
    fraction=st.floats(min_value=0, max_value=0.999),
    step=st.floats(min_value=0.2, max_value=2.0),
)
@settings(max_examples=60)
def test_the_rate_of_a_faster_simulator_is_learned(rate: float, fraction: float, step: float) -> None:
    wall = ManualClock(WEDNESDAY)
    cloud = Cloud(wall, WEDNESDAY + timedelta(seconds=fraction), rate)
    clock = ServerClock(wall)
    clock.observe(cloud.date())
    for _ in range(int(15 / step)):
        cloud.pass_seconds(step)
        clock.observe(cloud.date())
    assert clock.rate == pytest.approx(rate, rel=0.1)
    assert abs(error_of(clock, cloud)) <= 1.0 + 0.15 * rate


def test_a_changed_speed_is_followed_within_seconds() -> None:
    wall = ManualClock(WEDNESDAY)
    cloud = Cloud(wall, WEDNESDAY)
    clock = ServerClock(wall)
    for second in range(40):
        if second == 20:
            cloud.rate = 20.0
        cloud.pass_seconds(1)
        clock.observe(cloud.date())
    assert clock.rate == pytest.approx(20, rel=0.1)
    for _ in range(10):
        cloud.rate = 1.0
        cloud.pass_seconds(1)
        clock.observe(cloud.date())
    assert clock.rate == pytest.approx(1, rel=0.25)
    assert abs(error_of(clock, cloud)) <= 2


@given(
    slept=st.floats(min_value=60, max_value=200_000),
    before=st.integers(min_value=1, max_value=30),
    step=st.floats(min_value=0.05, max_value=3.0),
)
@settings(max_examples=100)
def test_a_laptop_that_slept_does_not_believe_that_time_races(slept: float, before: int, step: float) -> None:
    wall = ManualClock(WEDNESDAY)
    cloud = Cloud(wall, WEDNESDAY)
    clock = ServerClock(wall)
    for second in range(before + 30):
        if second == before:
            cloud.time += slept
        cloud.pass_seconds(step)
        clock.observe(cloud.date())
        assert clock.rate == 1.0
        assert abs(error_of(clock, cloud)) <= 1.5


def test_an_answer_that_comes_late_does_not_turn_time_back() -> None:
    wall = ManualClock(WEDNESDAY)
    cloud = Cloud(wall, WEDNESDAY)
    clock = ServerClock(wall)
    stale = (cloud.date(), wall.monotonic())
    for _ in range(5):
        cloud.pass_seconds(1)
        clock.observe(cloud.date())
    before = error_of(clock, cloud)
    clock.observe(*stale)
    assert error_of(clock, cloud) == before
