"""The countdown to an automatic rollback, second by second, with no clock and no cloud."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from console.actions.countdown import COUNTDOWN_S, HOLD_S, RETRY_S, CountdownMachine, Event, Sight


def sight(now: float, **fields: Any) -> Sight:
    values: dict[str, Any] = {"breach": True, "reason": "3.1 % errors", "may": True, "step": "r 10"}
    return Sight(now, **(values | fields))


def test_a_breach_fires_after_ten_seconds_and_not_before() -> None:
    machine = CountdownMachine()
    assert machine.look(sight(100.0)) is Event.STARTED
    assert machine.countdown is not None
    assert machine.countdown.reason == "3.1 % errors"
    assert machine.countdown.seconds_left(104.0) == 6.0
    assert machine.look(sight(100.0 + COUNTDOWN_S - 0.01)) is None
    assert machine.look(sight(100.0 + COUNTDOWN_S)) is Event.FIRE
    assert machine.countdown is None


def test_no_breach_no_countdown_and_none_where_it_may_not() -> None:
    machine = CountdownMachine()
    assert machine.look(sight(100.0, breach=False)) is None
    assert machine.look(sight(100.0, may=False)) is None
    assert machine.countdown is None


def test_a_rate_that_flickers_around_its_limit_does_not_put_it_off() -> None:
    machine = CountdownMachine()
    machine.look(sight(100.0))
    for tenth in range(1, 100):
        assert machine.look(sight(100.0 + tenth / 10, breach=tenth % 2 == 0)) is None
    assert machine.look(sight(110.0, breach=False)) is Event.FIRE


def test_escape_holds_for_this_breach_until_it_ends() -> None:
    machine = CountdownMachine()
    machine.look(sight(100.0))
    assert machine.stop(103.0, "r 10")
    assert machine.held_s(103.0) == HOLD_S
    assert machine.look(sight(110.0)) is None
    assert machine.look(sight(111.0, breach=False)) is None
    assert machine.held_s(111.0) == 0
    assert machine.look(sight(112.0)) is Event.STARTED


def test_escape_holds_a_breach_that_goes_on_for_a_minute() -> None:
    machine = CountdownMachine()
    machine.look(sight(100.0))
    machine.stop(103.0, "r 10")
    assert machine.look(sight(103.0 + HOLD_S - 0.1)) is None
    assert machine.look(sight(103.0 + HOLD_S)) is Event.STARTED


def test_escape_does_not_hold_the_next_steps_breach() -> None:
    machine = CountdownMachine()
    machine.look(sight(100.0))
    machine.stop(103.0, "r 10")
    assert machine.look(sight(104.0, step="r 50")) is Event.STARTED


def test_escape_with_no_countdown_holds_nothing() -> None:
    machine = CountdownMachine()
    assert not machine.stop(100.0)
    assert machine.look(sight(100.0)) is Event.STARTED


def test_disarming_or_losing_the_seat_ends_it() -> None:
    machine = CountdownMachine()
    machine.look(sight(100.0))
    assert machine.look(sight(101.0, may=False)) is Event.STOPPED
    assert machine.look(sight(102.0)) is Event.STARTED


def test_a_rollback_that_failed_is_tried_again_after_a_pause() -> None:
    machine = CountdownMachine()
    machine.look(sight(100.0))
    machine.look(sight(110.0))
    assert machine.look(sight(110.0 + RETRY_S - 0.1)) is None
    assert machine.look(sight(110.0 + RETRY_S)) is Event.STARTED


moments = st.lists(st.tuples(st.floats(0.05, 3.0), st.booleans(), st.booleans(), st.booleans()), max_size=120)


@given(moments)
def test_it_never_fires_without_ten_unbroken_seconds_of_leave_and_no_escape(
    looks: list[tuple[float, bool, bool, bool]],
) -> None:
    machine, now, since = CountdownMachine(), 1000.0, None
    for step, breach, may, escape in looks:
        now += step
        if escape:
            machine.stop(now, "r 10")
            since = None
        event = machine.look(sight(now, breach=breach, may=may))
        if not may:
            since = None
        if event is Event.STARTED:
            assert breach
            since = now
        if event is Event.FIRE:
            assert since is not None
            assert now - since >= COUNTDOWN_S
            since = None
