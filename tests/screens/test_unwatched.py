"""What a console shows that opens on a release at 100 % whose driver's console is gone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pictures import screen_text
from stub import CANARY, ME, NOON, make_app, release, service, snapshot
from test_keys import asked, press, settle

from console.chronicle import Version, tell
from console.release.split import TrafficSplit
from console.release.state import Former, Line, Move
from console.watch.snapshot import Snapshot
from screens.dialogs import base as dialog_base
from screens.dialogs.base import Dialog

FULL = TrafficSplit.of({CANARY: 100}, [("canary", CANARY)])


@pytest.fixture(autouse=True)
def no_quiet_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialog_base, "QUIET_S", 0.0)


def at_full(age: timedelta) -> Snapshot:
    began = NOON - age
    move = Move(kind="shift", at=began, by=ME, percent=100, before=(Line(revision=CANARY, percent=50),))
    written = release(100, now=began, session="gone", moves=(move,), started=began)
    return snapshot(100, service=service(100, traffic=FULL, effective_split=FULL), release=written, verdict=None)


async def test_a_release_at_100_percent_whose_console_is_gone_offers_its_bake_to_whoever_looks() -> None:
    app = make_app(at_full(timedelta(hours=1)))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        text = " ".join(screen_text(app).split())
        assert "nobody watches its bake: the release ends once a console has" in text
        assert "t takes over" in text
        await press(pilot, "t", "enter")
        assert asked(app) == ["take_over"]


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_after_a_day_it_is_shown_as_ended_unwatched_and_leaving_asks_nothing(size: tuple[int, int]) -> None:
    app = make_app(at_full(timedelta(days=3)))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        text = " ".join(screen_text(app).split())
        assert "ended, unwatched" in text
        assert "nobody guards" not in text
        await press(pilot, "q")
        assert not isinstance(app.screen, Dialog)


async def test_its_age_and_the_way_back_are_told_among_the_warnings() -> None:
    from screens import alerts

    app = make_app(at_full(timedelta(days=3)))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        told = alerts.warnings(app.current)[0]
        assert "at 100 % for 3 d" in told
        assert "2026-11-22 12:04 UTC" in told


def test_history_tells_how_an_unwatched_release_ended_once_the_next_one_has_written_it() -> None:
    old = at_full(timedelta(days=3)).release
    assert old is not None
    former = Former(id=old.id, canary=old.canary, ended="promoted unwatched", ended_at=NOON)
    following = release(10, id="2026-11-25-1204-00043-zup", started=NOON, former=former)
    newest, before = tell([Version(old.started, ME, old), Version(NOON, ME, following)])
    assert newest.release.under_way
    assert before.release.ended == "promoted unwatched"
    assert before.happenings[-1].kind == "ended"
    assert "its bake unwatched" in before.happenings[-1].text
