"""The rollout plan: 10, 50, 100, five minutes each."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import SettingsError
from console.release.plan import RolloutPlan

PLAN = RolloutPlan()


@pytest.mark.parametrize(("current", "following"), [(0, 10), (5, 10), (10, 50), (49, 50), (50, 100), (100, None)])
def test_the_next_step(current: int, following: int | None) -> None:
    assert PLAN.next_step(current) == following


@pytest.mark.parametrize(("current", "before"), [(0, 0), (10, 0), (11, 10), (100, 50)])
def test_the_step_before(current: int, before: int) -> None:
    assert PLAN.previous_step(current) == before


def test_a_whole_release_needs_three_bakes() -> None:
    assert PLAN.total_time() == timedelta(minutes=15)
    assert PLAN.total_time(10) == timedelta(minutes=10)
    assert PLAN.total_time(100) == timedelta(0)


@pytest.mark.parametrize("steps", [(), (50,), (50, 10, 100), (10, 10, 100), (0, 100), (10, 50, 100, 110), (-5, 100)])
def test_steps_that_do_not_rise_to_100_are_refused(steps: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError):
        RolloutPlan(steps)


def test_a_bake_of_nothing_is_refused() -> None:
    with pytest.raises(SettingsError):
        RolloutPlan(bake=timedelta(0))
    with pytest.raises(SettingsError):
        RolloutPlan(minimum_requests=-1)


def test_five_points_up_from_nothing_stay_under_the_first_step() -> None:
    assert [PLAN.nudge(current, 5) for current in (0, 5, 8, 10, 48, 98, 100)] == [5, 10, 10, 15, 50, 100, 100]
    assert [PLAN.nudge(current, -5) for current in (0, 3, 10)] == [0, 0, 5]


plans = st.sets(st.integers(1, 99), max_size=6).map(lambda steps: RolloutPlan((*sorted(steps), 100)))


@given(plans, st.integers(0, 100), st.integers(0, 100))
def test_no_step_is_ever_jumped_over(plan: RolloutPlan, current: int, target: int) -> None:
    between = [step for step in plan.steps if current < step < target]
    assert plan.allows(current, target) is (target <= current or not between)


@given(plans, st.integers(0, 100), st.integers(-100, 100))
def test_a_nudge_is_always_allowed_by_the_order_of_steps(plan: RolloutPlan, current: int, points: int) -> None:
    target = plan.nudge(current, points)
    assert 0 <= target <= 100
    assert plan.allows(current, target)


@given(plans)
def test_walking_the_steps_ends_at_100(plan: RolloutPlan) -> None:
    current, walked = 0, []
    while (following := plan.next_step(current)) is not None:
        walked.append(following)
        current = following
    assert tuple(walked) == plan.steps
