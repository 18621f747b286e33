"""Words that must be true: of a rollback with no target yet, of a clock that is a simulator's own, of steps not due."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pictures import screen_text
from stub import NOON, make_app, snapshot
from test_keys import Clockwork, healthy, press, settle

from console.actions.outcome import RollbackProgress
from console.watch.snapshot import ServerTime, Snapshot
from screens.dialogs import base as dialog_base
from screens.dialogs.move import MoveDialog


@pytest.fixture(autouse=True)
def no_quiet_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialog_base, "QUIET_S", 0.0)


def a_week_off() -> Snapshot:
    return snapshot(10, time=ServerTime(NOON, 1000.0, skew=timedelta(days=7)))


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_against_google_a_local_clock_that_is_off_is_shown(size: tuple[int, int]) -> None:
    app = make_app(a_week_off())
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert "clock" in screen_text(app)
        assert "7 d" in screen_text(app)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_simulators_clock_is_its_own_and_no_skew_is_shown(size: tuple[int, int]) -> None:
    app = make_app(a_week_off())
    app.stub.session.simulated = True  # type: ignore[attr-defined]
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert "local clock" not in screen_text(app)
        assert "machine's clock" not in screen_text(app)
        assert "12:04" in screen_text(app), "the time shown, and the window's, stay the cloud's"


async def test_a_demo_shows_no_skew() -> None:
    app = make_app(a_week_off(), demo=Clockwork())
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "local clock" not in screen_text(app)
        assert "machine's clock" not in screen_text(app)


async def test_a_rollback_with_no_target_yet_names_what_it_goes_back_to() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        app.stub.hold = True  # type: ignore[attr-defined]
        await press(pilot, "r")
        app.stub.actions.rollback_progress = RollbackProgress("sending", 999.5)  # type: ignore[attr-defined]
        await settle(pilot)
        assert "back to :" not in screen_text(app)
        assert "rolling back: sending, 0.5 s" in " ".join(screen_text(app).split())


async def test_a_step_that_is_not_due_is_no_first_step() -> None:
    app = make_app(snapshot(0))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "2")
        assert isinstance(app.screen, MoveDialog)
        text = " ".join(screen_text(app).split())
        assert "after 0 % comes 10 %, not 50 %" in text
        assert "first step" not in text
        assert "nothing yet: the canary has no traffic" in text
        await press(pilot, "escape", "1")
        assert "first step: no traffic to judge yet" in " ".join(screen_text(app).split())


async def test_a_reason_says_how_many_characters_are_missing_until_none_is() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a")
        await press(pilot, *"too")
        assert "7 characters more" in " ".join(screen_text(app).split())
        await press(pilot, *" short")
        assert "1 character more" in " ".join(screen_text(app).split())
        await press(pilot, *" ")
        assert "1 character more" in " ".join(screen_text(app).split()), "a trailing space is no reason"
        await press(pilot, *"now")
        assert " more" not in " ".join(screen_text(app).split()).partition("announced:")[2].partition("Enter")[0]
