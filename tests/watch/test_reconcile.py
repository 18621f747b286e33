"""Monitoring's figures against the log's."""

from __future__ import annotations

import random

from console.verdict.base import Counts
from console.watch.aggregate import Second
from console.watch.reconcile import Minutes, difference
from console.watch.sampling import WHOLE, Sampling
from tests.watch.fakes import CANARY, STABLE

START = 1_200_000  # a whole minute


def logged(per_s: int = 100, errors: int = 0, minutes: int = 3, sampling: Sampling = WHOLE) -> list[Second]:
    """Seconds in which the stable had so many requests, thinned by chance."""
    chance = random.Random(3)
    seconds = []
    for number in range(START, START + 60 * minutes):
        read = sum(chance.random() < sampling.of(STABLE) for _request in range(per_s))
        failed = min(read, errors)
        seconds.append(
            Second(
                number,
                {STABLE: Counts(requests=read, errors=failed), CANARY: Counts(requests=10)},
                observed=True,
                whole=True,
                sampling=sampling,
            )
        )
    return seconds


def told(stable: float, errors: float = 0.0, canary: float = 600.0) -> Minutes:
    """Monitoring's minutes."""
    ends = [START + 60, START + 120, START + 180]
    return {STABLE: dict.fromkeys(ends, (stable, errors)), CANARY: dict.fromkeys(ends, (canary, 0.0))}


def test_the_same_figures_are_no_news() -> None:
    assert difference(logged(), told(6000), 0) == ""
    assert difference(logged(), told(6200), 0) == ""  # 3 %


def test_a_difference_over_five_per_cent_is_said_with_both_figures() -> None:
    sentence = difference(logged(), told(7000), 0)
    assert "7,000" in sentence
    assert "6,000" in sentence
    assert STABLE in sentence


def test_errors_that_the_log_does_not_have_are_said() -> None:
    assert "errors" in difference(logged(errors=1), told(6000, errors=300), 0)


def test_a_revision_that_the_log_never_told_of_is_said() -> None:
    minutes = {**told(6000), "wa-backend-00040-lam": {START + 180: (600.0, 0.0)}}
    assert "00040-lam" in difference(logged(), minutes, 0)


def test_what_thinning_by_chance_explains_is_no_difference() -> None:
    thinned = logged(per_s=100, sampling=Sampling(0.02, CANARY))
    assert difference(thinned, told(6000), 0) == ""
    assert difference(thinned, told(12_000), 0) != ""


def test_a_handful_of_requests_proves_nothing() -> None:
    assert difference(logged(per_s=0), {CANARY: {START + 180: (606.0, 4.0)}}, 0) == ""


def test_minutes_with_a_gap_a_change_or_entries_held_back_are_not_compared() -> None:
    for spoil in ("whole", "before", "suppressed"):
        seconds = logged()
        for second in seconds[::60]:
            setattr(second, spoil, {"whole": False, "before": Sampling(0.5), "suppressed": 3}[spoil])
        assert difference(seconds, told(9000), 0) == ""
    assert difference(logged()[1:59], told(9000), 0) == ""


def test_the_minute_in_which_the_split_moved_is_not_compared() -> None:
    assert difference(logged(), told(9000), START + 170) == ""
    assert difference(logged(), told(9000), START + 30) != ""
