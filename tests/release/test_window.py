"""The deployment window: Tuesday to Thursday, 10:00-14:00 UTC, start in, end out, holidays out."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import SettingsError
from console.release.window import HORIZON_DAYS, DeploymentWindow

RUNBOOK = DeploymentWindow()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-24T10:00:00", True),
        ("2026-11-24T09:59:59.999999", False),
        ("2026-11-25T12:00:00", True),
        ("2026-11-26T13:59:59.999999", True),
        ("2026-11-26T14:00:00", False),
        ("2026-11-27T12:00:00", False),
        ("2026-11-28T12:00:00", False),
        ("2026-11-30T12:00:00", False),
    ],
)
def test_start_is_in_and_end_is_out(moment: str, is_open: bool) -> None:
    assert RUNBOOK.state(at(moment)).open is is_open


def test_a_friday_says_in_figures_why_and_until_when() -> None:
    state = RUNBOOK.state(at("2026-11-27T12:00:00"))
    assert state.reason == "Fri 12:00 UTC is outside Tue-Thu 10:00-14:00; opens Tue 10:00 UTC"
    assert state.opens_at == at("2026-12-01T10:00:00")
    assert state.closes_at is None


def test_a_wednesday_says_when_it_closes() -> None:
    state = RUNBOOK.state(at("2026-11-25T12:05:00"))
    assert state.closes_at == at("2026-11-25T14:00:00")
    assert state.reason == "Wed 12:05 UTC is inside Tue-Thu 10:00-14:00; closes Wed 14:00 UTC"


def test_a_holiday_keeps_it_closed_and_is_named() -> None:
    window = DeploymentWindow(holidays={date(2026, 11, 25): "Founders' day"})
    state = window.state(at("2026-11-25T12:00:00"))
    assert not state.open
    assert state.holiday == "Founders' day"
    assert state.opens_at == at("2026-11-26T10:00:00")
    assert "holiday (Founders' day)" in state.reason


def test_holidays_may_be_a_function() -> None:
    window = DeploymentWindow(holidays=lambda day: "Every Wednesday" if day.weekday() == 2 else None)
    assert not window.state(at("2026-11-25T12:00:00")).open
    assert window.state(at("2026-11-26T12:00:00")).open


def test_an_opening_a_week_away_is_told_with_its_date() -> None:
    window = DeploymentWindow(days=frozenset({2}))
    assert window.state(at("2026-11-25T15:00:00")).reason.endswith("opens Wed 2026-12-02 10:00 UTC")


def test_it_is_judged_in_utc_whatever_zone_the_time_is_told_in() -> None:
    caracas = timezone(timedelta(hours=-4))
    assert RUNBOOK.state(datetime(2026, 11, 25, 6, 0, tzinfo=caracas)).open
    assert not RUNBOOK.state(datetime(2026, 11, 25, 11, 0, tzinfo=caracas)).open


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        RUNBOOK.state(datetime(2026, 11, 25, 12, 0))


@pytest.mark.parametrize(
    "fields",
    [
        {"days": frozenset()},
        {"days": frozenset({7})},
        {"start": time(14), "end": time(10)},
        {"start": time(10), "end": time(10)},
    ],
)
def test_a_window_that_never_opens_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        DeploymentWindow(**fields)  # type: ignore[arg-type]


def test_holidays_that_fill_every_day_leave_it_closed_for_good() -> None:
    window = DeploymentWindow(holidays=lambda day: "Always")
    assert not window.ever_opens(at("2026-11-25T12:00:00"))
    state = window.state(at("2026-11-27T12:00:00"))
    assert state.opens_at is None
    assert str(HORIZON_DAYS) in state.reason


def test_midnight_as_the_end_means_the_end_of_the_day_and_days_join() -> None:
    window = DeploymentWindow(days=frozenset({1, 2}), start=time(0), end=time(0))
    state = window.state(at("2026-11-24T23:59:59"))
    assert state.closes_at == at("2026-11-26T00:00:00")
    assert window.label() == "Tue, Wed 00:00-24:00"


moments = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))
times = st.times()
windows = st.builds(
    DeploymentWindow,
    days=st.frozensets(st.integers(0, 6), min_size=1),
    start=st.just(time(10)),
    end=st.sampled_from([time(0), time(10, 0, 1), time(14), time(23, 59, 59)]),
    holidays=st.dictionaries(st.dates(date(2024, 1, 1), date(2030, 1, 1)), st.just("H"), max_size=5),
)


@given(windows, moments)
def test_an_open_window_is_open_until_it_closes_and_a_closed_one_opens_when_it_says(
    window: DeploymentWindow, now: datetime
) -> None:
    state = window.state(now)
    tick = timedelta(microseconds=1)
    if state.open:
        assert state.opens_at is None
        assert state.closes_at is not None
        assert now < state.closes_at
        assert window.state(state.closes_at - tick).open
        assert not window.state(state.closes_at).open
    else:
        assert state.closes_at is None
        assert state.opens_at is not None
        assert now < state.opens_at
        assert not window.state(state.opens_at - tick).open
        assert window.state(state.opens_at).open


@given(moments)
def test_the_runbooks_window_is_what_the_runbook_says(now: datetime) -> None:
    assert RUNBOOK.state(now).open is (now.weekday() in (1, 2, 3) and 10 <= now.hour < 14)
