"""Enter on a release in the history: the charts of its hours, read from Cloud Monitoring, and what they say without."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pictures import assert_picture, screen_text
from stub import CANARY, NOON, STABLE, make_app, release, rolled_back_release, snapshot
from test_chronicle import audit, move
from textual.pilot import Pilot

from console.app import ConsoleApp
from console.chronicle import AFTER, BEFORE, LONGEST, UNTOLD, hours_of
from console.errors import UnavailableError
from console.release.state import Release
from widgets.chart import ChartView

BEGAN = NOON - timedelta(hours=3)


def rolled_back() -> Release:
    return rolled_back_release(BEGAN + timedelta(minutes=22)).model_copy(
        update={
            "started": BEGAN,
            "moves": (move(-180, 10), move(-165, 50), move(-158, 0, kind="rollback")),
        }
    )


def measured() -> dict[str, list[tuple[datetime, float]]]:
    def points(first: int, last: int, value: float) -> list[tuple[datetime, float]]:
        return [(BEGAN + timedelta(minutes=n), value * (1 + n % 3)) for n in range(first, last)]

    return {CANARY: points(1, 22, 0.01), STABLE: points(-9, 36, 0.002)}


def opened() -> ConsoleApp:
    written = rolled_back()
    app = make_app(snapshot(0, release=written))
    app.stub.session.cloud.audits = [audit(-180, written)]  # type: ignore[attr-defined]
    return app


async def settle(pilot: Pilot[int]) -> None:
    app = pilot.app
    await app.workers.wait_for_complete()
    for _ in range(4):
        await pilot.pause()
    app.repaint()  # type: ignore[attr-defined]
    await pilot.pause()
    await app.workers.wait_for_complete()
    await pilot.pause()


async def to_history(pilot: Pilot[int]) -> None:
    await pilot.press("h")
    await settle(pilot)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_enter_draws_error_rate_and_p95_of_the_releases_hours_with_its_moves(size: tuple[int, int]) -> None:
    app = opened()
    app.stub.session.cloud.measured = measured()  # type: ignore[attr-defined]
    async with app.run_test(size=size) as pilot:
        await to_history(pilot)
        assert "Enter: its charts" in screen_text(app)
        assert not any(view.display for view in app.screen.query(ChartView))
        await pilot.press("enter")
        await settle(pilot)
        await settle(pilot)
        if size == (80, 24):
            await pilot.press("end")
            await settle(pilot)
            assert "P95" in screen_text(app)
            return
        text = assert_picture(app, "history-charts-120x40")
        assert "error rate" in text
        assert "P95" in text
        assert "50 %" in text
        assert "◀ 0 %" in text
        assert "09:00" in text
        asked = app.stub.session.cloud.asked_of_monitoring  # type: ignore[attr-defined]
        assert set(asked) == {(BEGAN - BEFORE, BEGAN + timedelta(minutes=22) + AFTER)}


async def test_a_terminal_of_ten_lines_still_lists_a_release() -> None:
    app = opened()
    async with app.run_test(size=(40, 10)) as pilot:
        await to_history(pilot)
        assert "00042-vez" in screen_text(app)
        assert "rolled back" in screen_text(app)


async def test_no_data_says_so_and_so_does_an_error_which_enter_tries_again() -> None:
    app = opened()
    async with app.run_test(size=(120, 40)) as pilot:
        await to_history(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert "nothing measured in these 47 min" in screen_text(app)
        app.stub.session.cloud.measured = UnavailableError("Monitoring does not answer.")  # type: ignore[attr-defined]
        app.screen.query_one("#list").focus()
        await pilot.press("enter")
        await settle(pilot)
        assert screen_text(app).count("Monitoring does not answer.") == 2
        app.stub.session.cloud.measured = measured()  # type: ignore[attr-defined]
        app.screen.query_one("#list").focus()
        await pilot.press("enter")
        await settle(pilot)
        assert "Monitoring does not answer." not in screen_text(app)


async def test_while_they_are_read_the_charts_say_what_they_wait_for() -> None:
    import asyncio

    app = opened()
    gate = asyncio.Event()
    cloud = app.stub.session.cloud  # type: ignore[attr-defined]

    async def slow(*_arguments: object, **_options: object) -> object:
        await gate.wait()
        return measured()

    cloud.series = cloud.error_rates = slow
    async with app.run_test(size=(120, 40)) as pilot:
        await to_history(pilot)
        await pilot.press("enter")
        await pilot.pause()
        await pilot.pause()
        assert screen_text(app).count("reading Cloud Monitoring …") == 2
        gate.set()
        await settle(pilot)
        assert "reading Cloud Monitoring" not in screen_text(app)


def test_the_hours_of_a_release_reach_from_before_it_to_after_its_end_and_never_past_now_or_a_day() -> None:
    ended = rolled_back()
    assert hours_of(ended, NOON) == (BEGAN - BEFORE, BEGAN + timedelta(minutes=22) + AFTER)
    fresh = release(10, started=NOON - timedelta(minutes=4), moves=(move(-4, 10),))
    assert hours_of(fresh, NOON) == (NOON - timedelta(minutes=4) - BEFORE, NOON)
    left = release(10, started=BEGAN, moves=(move(-180, 10),))
    assert hours_of(left, NOON) == (BEGAN - BEFORE, BEGAN + UNTOLD + AFTER)
    long = ended.model_copy(update={"ended_at": BEGAN + timedelta(days=3)})
    assert hours_of(long, NOON + timedelta(days=9)) == (BEGAN - BEFORE, BEGAN - BEFORE + LONGEST)
