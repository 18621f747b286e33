"""Since when a split holds, where nobody here saw it begin: the log's requests tell."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from console.verdict.base import Counts
from console.watch.aggregate import Second
from console.watch.holding import SETTLES_S, Holding
from tests.watch.fakes import CANARY, STABLE

MOVED = 1_000


def second(number: int, canary: int, stable: int, *, whole: bool = True, observed: bool = True) -> Second:
    """A closed second with so many requests."""
    arms = {name: Counts(requests=count) for name, count in ((CANARY, canary), (STABLE, stable)) if count}
    return Second(number, arms, observed=observed, whole=whole)


def traffic(changes_at: int, before: int, share: int, *, rate: int, until: int, seed: int = 1) -> list[Second]:
    """Seconds from the move on, `rate` requests in each, split by chance: the old way before `changes_at`."""
    chance = random.Random(seed)
    seconds = []
    for number in range(MOVED, until):
        percent = share if number >= changes_at else before
        canary = sum(chance.random() * 100 < percent for _request in range(rate))
        seconds.append(second(number, canary, rate - canary))
    return seconds


@pytest.mark.parametrize(("before", "share"), [(0, 10), (10, 50), (50, 100), (50, 10)])
def test_a_bake_begins_with_the_first_whole_second_of_the_new_split(before: int, share: int) -> None:
    asked = Holding(CANARY, before, share, MOVED, MOVED + 60)
    since = asked.since(traffic(MOVED + 7, before, share, rate=300, until=MOVED + 60))
    assert since == MOVED + 8  # in the second before, the split may have changed half-way


@pytest.mark.parametrize("seed", range(20))
def test_on_a_quiet_service_no_second_of_the_old_split_counts(seed: int) -> None:
    asked = Holding(CANARY, 0, 10, MOVED, MOVED + 60)
    since = asked.since(traffic(MOVED + 20, 0, 10, rate=2, until=MOVED + 60, seed=seed))
    assert since is not None
    assert MOVED + 20 <= since <= MOVED + 60


def test_the_split_held_from_the_first_second_on_where_nothing_speaks_against_it() -> None:
    assert (
        Holding(CANARY, 0, 10, MOVED, MOVED + 10).since(second(MOVED + n, canary=3, stable=27) for n in range(10))
        == MOVED
    )


def test_the_tags_own_calls_are_not_taken_for_the_split() -> None:
    seconds = traffic(MOVED + 30, 0, 10, rate=100, until=MOVED + 60)
    seconds[3] = second(MOVED + 3, canary=1, stable=100)
    assert Holding(CANARY, 0, 10, MOVED, MOVED + 60).since(seconds) == MOVED + 31


def test_no_answer_before_the_log_is_read_up_to_the_look_that_saw_it() -> None:
    asked = Holding(CANARY, 0, 10, MOVED, MOVED + 30)
    seconds = traffic(MOVED + 5, 0, 10, rate=100, until=MOVED + 30)
    assert asked.since([]) is None
    assert asked.since(seconds[:20]) is None
    assert asked.since(seconds) == MOVED + 6


def test_a_canary_without_a_request_bakes_from_the_look_that_saw_the_split_hold() -> None:
    silent = [second(MOVED + n, canary=0, stable=100) for n in range(200)]
    assert Holding(CANARY, 0, 10, MOVED, MOVED + 30).since(silent) == MOVED + 30
    assert Holding(CANARY, 0, 10, MOVED, MOVED + 200).since(silent) == MOVED + SETTLES_S


def test_a_canary_that_falls_silent_later_is_not_taken_for_one_that_has_not_begun() -> None:
    seconds: Iterable[Second] = [
        *traffic(MOVED + 5, 0, 10, rate=100, until=MOVED + 40),
        *(second(MOVED + n, canary=0, stable=100) for n in range(40, 120)),
    ]
    assert Holding(CANARY, 0, 10, MOVED, MOVED + 120).since(seconds) == MOVED + 6


def test_where_only_the_canary_was_read_its_first_request_tells_of_a_first_step_alone() -> None:
    seconds = [second(MOVED + n, canary=3 if n >= 5 else 0, stable=0, whole=False) for n in range(30)]
    assert Holding(CANARY, 0, 10, MOVED, MOVED + 30).since(seconds) == MOVED + 6
    assert Holding(CANARY, 10, 50, MOVED, MOVED + 30).since(seconds) == MOVED + 30


def test_seconds_that_were_not_seen_are_left_out() -> None:
    unseen = [second(MOVED + n, canary=0, stable=0, observed=False) for n in range(10)]
    seen = [second(MOVED + n, canary=10, stable=90) for n in range(10, 30)]
    assert Holding(CANARY, 0, 10, MOVED, MOVED + 30).since([*unseen, *seen]) == MOVED + 11
