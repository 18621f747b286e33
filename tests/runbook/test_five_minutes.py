"""The final validation is of five minutes at 100 %, and says how long it really looked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.runbook.final_checks import Limits, Readings, Usual, judged, observed_until, seen_for
from tests.runbook.steps import NOW

FIVE = timedelta(minutes=5)
GOOD = {"error_rate": 0.001, "p95_ms": 300.0, "cpu": 0.3, "requests_per_s": 10.0}


@pytest.mark.parametrize(("seen", "good"), [(20, False), (299, False), (300, True), (400, True)])
def test_good_readings_of_less_than_five_minutes_validate_nothing_and_the_time_is_said(seen: int, good: bool) -> None:
    readings = Readings(**GOOD, requests=21, observed=timedelta(seconds=seen))
    assert all(check.good for check in judged(readings, Limits(), Usual(10.0, "settings")))
    check = seen_for(readings, FIVE)
    assert check.good is good
    if seen == 20:
        assert check.problem == "looked at is 20 s, and must be ≥ 5:00"
        assert check.figure == ("looked at", "20 s (≥ 5:00)")


def test_monitoring_has_observed_what_lies_before_its_newest_point_quiet_minutes_too() -> None:
    minute = timedelta(minutes=1)
    assert observed_until([(NOW - minute, 1.0), (NOW + minute, 5.0), (NOW + 4 * minute, 5.0)], NOW) == 4 * minute
    assert observed_until([(NOW - minute, 1.0)], NOW) == timedelta(0)
