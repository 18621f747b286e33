"""An operator goes back by hand, days later: the earlier revisions, the choice, the move, and the way there."""

from __future__ import annotations

from dataclasses import replace

import checklists as made
import pytest
from pictures import assert_picture, screen_text
from stub import ME, NOON, OLD, STABLE, make_app, service, snapshot
from textual.pilot import Pilot

from console.app import ConsoleApp
from console.runbook.evidence import Evidence, Result
from console.runbook.kinds.base import Answer
from console.runbook.kinds.watch import BACK_TO
from console.runbook.progress import Checklist
from screens.dialogs.choose import ChooseDialog
from screens.dialogs.limit import LimitDialog
from widgets.step_list import StepList

REASON = "bookings lose their hour"
MOVED = Evidence("move_back", Result.PASSED, ME, NOON, "all traffic to 00041-kud in 2.1 s", key="m")
CROSSED = made.passed(
    "watch_24h", result=Result.FAILED, sentence="3.1 % errors in 612 requests", figures=((BACK_TO, STABLE),)
)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No quiet time: tests press on."""
    monkeypatch.setattr("screens.dialogs.base.QUIET_S", 0.0)
    monkeypatch.setattr("screens.checklist.SETTLE_S", 0.0)


def opened(back: Checklist, release: Checklist | None = None) -> tuple[ConsoleApp, made.StubWalk]:
    walk = made.StubWalk(back, made.rollback_book())
    walk.evidence["choose_revision"] = made.earlier()
    first = made.StubWalk(release or made.fresh())
    return make_app(snapshot(100), walk=first, rollback_walk=walk), walk


async def press(pilot: Pilot[int], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        for _ in range(3):
            await pilot.pause()
            pilot.app.repaint()  # type: ignore[attr-defined]
        await pilot.pause()


def words(app: ConsoleApp) -> str:
    return " ".join(screen_text(app).replace("│", " ").split())


async def test_b_opens_the_manual_rollback_from_any_screen_and_k_goes_back_to_the_release() -> None:
    app, _walk = opened(made.going_back())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "l", "b")
        assert "MANUAL ROLLBACK · 00042-vez serves 100 % now" in words(app)
        assert app.screen.query_one(StepList).chosen == "choose_revision"
        assert "k Checklist" in words(app)
        await press(pilot, "k")
        assert "no release yet" in words(app)
        assert "b Manual rollback" in words(app)


async def test_b_pressed_before_there_is_a_connection_opens_it_once_there_is_one() -> None:
    app = make_app(None)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "b")
        app.stub.open(snapshot(100))  # type: ignore[attr-defined]
        session = app.stub.session  # type: ignore[attr-defined]

        async def open_rollback_walk(_settings: object) -> None:
            session.rollback_walk = made.StubWalk(made.going_back(), made.rollback_book())

        session.open_rollback_walk = open_rollback_walk
        for _ in range(60):
            await pilot.pause()
            app.repaint()
            if "Choose the revision" in words(app):
                break
        assert "MANUAL ROLLBACK" in words(app)


async def test_earlier_revisions_are_listed_afresh_and_one_is_chosen_with_a_reason() -> None:
    app, walk = opened(made.going_back())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "b", "enter")
        assert isinstance(app.screen, ChooseDialog)
        assert "served 2026-11-18 12:04 to 2026-11-25 11:59 UTC, 6 d in all" in words(app)
        assert "DOUBTFUL: migration 0007 since" in words(app)
        assert "Enter Choose 00041-kud" in words(app)
        await press(pilot, *[" " if key == "_" else key for key in REASON.replace(" ", "_")], "down")
        assert "Enter Choose 00040-pol" in words(app)
        await press(pilot, "up", "enter")
        assert walk.answers == [Answer(), Answer("pass", STABLE, REASON)]


async def test_the_move_says_from_where_to_where_and_why_before_it_is_made() -> None:
    app, walk = opened(made.going_back(made.earlier(STABLE, REASON)))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "b")
        assert app.screen.query_one(StepList).chosen == "move_back"
        assert f"To 00041-kud: {REASON}" in words(app)
        await press(pilot, "enter")
        for told in ("Give all traffic to 00041-kud?", "now 100 % wa-backend-00042-vez", f"why {REASON}"):
            assert told in words(app)
        assert walk.asked == []
        await press(pilot, "enter")
        assert walk.asked == [("run", "move_back")]


async def test_after_the_move_the_first_step_begins_another_rollback_and_asks_first() -> None:
    app, walk = opened(made.going_back(made.earlier(STABLE, REASON), MOVED))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "b", "up", "up")
        assert app.screen.query_one(StepList).chosen == "choose_revision"
        assert "Enter Begin another" in words(app)
        await press(pilot, "enter")
        assert "Left undone of it: /healthz, Watched, Tell Slack, Post-mortem." in words(app)
        assert walk.asked == []
        await press(pilot, "enter")
        assert isinstance(app.screen, ChooseDialog)


async def test_where_the_post_mortem_lies_is_said_once_it_is_signed() -> None:
    app, walk = opened(made.going_back(made.earlier(STABLE), MOVED, replace(MOVED, step="healthz", key="h")))
    opens = "maria@acme.example opens the post-mortem: docs/postmortems/00042.md"
    walk.evidence["postmortem"] = Evidence(
        "postmortem", Result.PASSED, ME, NOON, opens, machine=False, output="docs/postmortems/00042.md"
    )
    async with app.run_test(size=(200, 60)) as pilot:
        await press(pilot, "b", "down", "down")
        assert app.screen.query_one(StepList).chosen == "postmortem"
        await press(pilot, "enter", "enter")
        assert opens in str([told.message for told in app._notifications])


async def test_a_limit_crossed_opens_the_rollback_with_its_revision_and_enter_goes_there_at_once() -> None:
    app, _walk = opened(made.going_back(), made.stands(made.before("watch_24h"), known=(CROSSED,)))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "c")
        assert isinstance(app.screen, LimitDialog)
        assert "A limit was crossed: roll back to 00041-kud?" in words(app)
        assert "Enter gives 00041-kud all traffic at once." in words(app)
        await press(pilot, "enter")
        (asked,) = [each for each in app.stub.actions.asked if each[0] == "rollback"]  # type: ignore[attr-defined]
        assert ("reason", "3.1 % errors in 612 requests") in asked[1]


async def test_a_limit_crossed_may_be_answered_with_the_list_at_that_revision() -> None:
    app, walk = opened(made.going_back(), made.stands(made.before("watch_24h"), known=(CROSSED,)))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "c", "f2")
        assert isinstance(app.screen, ChooseDialog)
        assert "Enter Choose 00041-kud" in words(app)
        await press(pilot, "enter")
        assert walk.answers[-1] == Answer("pass", STABLE, "3.1 % errors in 612 requests")


async def test_a_revision_other_than_the_keys_own_is_named_in_the_rollback_itself() -> None:
    crossed = replace(CROSSED, figures=((BACK_TO, OLD),))
    app, _walk = opened(made.going_back(), made.stands(made.before("watch_24h"), known=(crossed,)))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "c", "enter")
        (asked,) = [each for each in app.stub.actions.asked if each[0] == "rollback"]  # type: ignore[attr-defined]
        assert ("to", OLD) in asked[1]


async def test_a_limit_that_was_dealt_with_is_not_told_again() -> None:
    release = made.stands(made.before("watch_24h"), known=(replace(CROSSED, figures=((BACK_TO, STABLE),)),))
    app, _walk = opened(made.going_back(), release)
    app.stub.publish(replace(snapshot(0), service=service(0)))  # type: ignore[attr-defined]
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "c")
        assert not isinstance(app.screen, LimitDialog)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_manual_rollback_as_drawn(size: tuple[int, int]) -> None:
    app, _walk = opened(made.going_back(made.earlier(STABLE, REASON)))
    async with app.run_test(size=size) as pilot:
        await press(pilot, "b", "up")
        text = " ".join(assert_picture(app, f"manual-rollback-{size[0]}x{size[1]}").replace("│", " ").split())
        assert "MANUAL ROLLBACK" in text
        assert "Enter Choose another" in text
