"""Figures, series and ticks from the last minutes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from console.verdict.base import Counts
from console.watch.aggregate import Second
from console.watch.history import KEPT_S, History
from tests.watch.fakes import CANARY, STABLE

START = 1_764_072_000


def second(number: int, canary: int = 3, errors: int = 0, stable: int = 27, **flags: bool) -> Second:
    """A closed second."""
    arms = {CANARY: Counts(), STABLE: Counts()}
    for index in range(canary):
        arms[CANARY].request(500 if index < errors else 200, 640.0)
    for _index in range(stable):
        arms[STABLE].request(200, 300.0)
    return Second(number, arms, observed=flags.get("observed", True), whole=flags.get("whole", True))


def test_figures_are_those_of_the_last_minute() -> None:
    history = History()
    history.append(second(START + n, errors=1 if n < 60 else 0) for n in range(120))
    figures = history.figures(CANARY, START + 120)
    assert figures[CANARY].requests == 180
    assert figures[CANARY].errors == 0
    assert figures[CANARY].requests_per_s == 3.0
    assert figures[STABLE].requests_per_s == 27.0
    assert figures[CANARY].p95_ms == pytest.approx(640, abs=15)


def test_seconds_not_observed_do_not_thin_the_rate() -> None:
    history = History()
    history.append(second(START + n) for n in range(30))
    history.append(Second(START + n) for n in range(30, 60))
    assert history.figures(CANARY, START + 60)[CANARY].requests_per_s == 3.0


def test_a_back_fill_of_the_canary_alone_says_nothing_of_the_others() -> None:
    history = History()
    history.append(second(START + n, stable=0, whole=False) for n in range(30))
    history.append(second(START + n) for n in range(30, 60))
    figures = history.figures(CANARY, START + 60)
    assert figures[STABLE].requests_per_s == 27.0
    assert figures[CANARY].requests_per_s == 3.0
    canary, stable = history.series(CANARY, START + 60)
    assert stable.requests_per_s[-12:-6] == (None,) * 6
    assert canary.requests_per_s[-12:] == (3.0,) * 12


def test_figures_run_out_when_the_stream_stays_down() -> None:
    history = History()
    history.append(second(START + n) for n in range(60))
    assert history.figures(CANARY, START + 100)[CANARY].requests == 60
    assert history.figures(CANARY, START + 200) == {}


def test_a_series_has_five_minutes_and_shows_gaps_as_gaps() -> None:
    history = History()
    history.append(second(START + n, errors=1) for n in range(10))
    history.append(Second(START + n) for n in range(10, 20))
    history.append(second(START + n) for n in range(20, 30))
    canary, _stable = history.series(CANARY, START + 33)
    assert len(canary.error_rate) == 60
    assert canary.error_rate[-6:] == (pytest.approx(1 / 3), pytest.approx(1 / 3), None, None, 0.0, 0.0)
    assert canary.newest == datetime.fromtimestamp(START + 30, UTC)
    later, _stable = history.series(CANARY, START + 63)
    assert later.error_rate[-6:] == (None,) * 6


def test_an_observed_second_without_requests_is_no_gap() -> None:
    history = History()
    history.append(second(START + n, canary=0) for n in range(10))
    canary, _stable = history.series(CANARY, START + 10)
    assert canary.requests_per_s[-2:] == (0.0, 0.0)
    assert canary.error_rate[-1] is None


def test_another_canary_gets_its_own_series() -> None:
    history = History()
    history.append(second(START + n) for n in range(10))
    assert history.series(CANARY, START + 10)[0].requests_per_s[-1] == 3.0
    assert history.series(STABLE, START + 10)[0].requests_per_s[-1] == 27.0


def test_a_new_judge_gets_the_seconds_of_its_bake() -> None:
    history = History()
    history.append(second(START + n) for n in range(10))
    ticks = list(history.ticks(CANARY, START + 7))
    assert [tick.second for tick in ticks] == [START + 7, START + 8, START + 9]
    assert ticks[0].canary.requests == 3
    assert ticks[0].stable.requests == 27


def test_it_keeps_some_minutes_only() -> None:
    history = History()
    history.append(second(START + n) for n in range(2_000))
    history.series(CANARY, START + 2_000)
    assert len(history._seconds) == KEPT_S
    assert len(history._steps) <= 60


def test_the_metrics_screen_gets_quantiles_of_its_own() -> None:
    history = History()
    history.append(second(START + n) for n in range(20))
    arm = history.arm(STABLE, START + 20)
    assert len(arm.p50_ms) == 4
    assert arm.p99_ms[0][1] == pytest.approx(300, abs=25)
    assert arm.error_rate[-1] == (datetime.fromtimestamp(START + 20, UTC), 0.0)
