"""What an operator sees on the canary screen, state by state and size by size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from pictures import assert_picture, screen_text
from stub import (
    CANARY,
    FRIDAY,
    NOON,
    OLD,
    STABLE,
    make_app,
    release,
    revision,
    rolled_back_release,
    service,
    snapshot,
    verdict,
)

from console.actions.outcome import RollbackProgress
from console.app import ConsoleApp
from console.release.split import TrafficSplit
from console.verdict.base import Verdict, Word
from console.watch.snapshot import FeedHealth, FeedState, Readiness, ServerTime, Snapshot

SIZES = [(120, 40), (80, 24)]


def many() -> Snapshot:
    old = tuple(revision(f"wa-backend-{n:05d}-old", 200 - n) for n in range(198, 0, -1))
    return snapshot(10, revisions=(revision(CANARY, 0.007), revision(STABLE, 6), *old))


def none() -> Snapshot:
    return Snapshot(
        "acme-prod",
        "us-central1",
        "wa-backend",
        time=ServerTime(NOON, 1000.0),
        service=service(
            0, traffic=TrafficSplit(), effective_split=TrafficSplit(), latest_ready=None, reconciling=False
        ),
        feeds=(FeedHealth("service", FeedState.LIVE, timedelta(seconds=1)), FeedHealth("logs"), FeedHealth("metrics")),
    )


STATES: dict[str, Callable[[], Snapshot | None]] = {
    "waiting": lambda: None,
    "healthy-at-10": lambda: snapshot(10),
    "failing-with-countdown": lambda: snapshot(10, bad=True),
    "rolled-back": lambda: snapshot(0, release=rolled_back_release()),
    "reconciling": lambda: snapshot(50, service=service(50, effective=10)),
    "two-hundred-revisions": many,
    "no-revisions": none,
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("state", STATES)
async def test_the_canary_screen_as_drawn(state: str, size: tuple[int, int]) -> None:
    app = make_app(STATES[state]())
    async with app.run_test(size=size) as pilot:
        if state == "failing-with-countdown":
            app.stub.count_down(7)
        if state == "rolled-back":
            app.stub.actions.rollback_progress = RollbackProgress(
                "done", 990.0, 1, {STABLE: 100}, timedelta(seconds=2.1)
            )
        await pilot.pause()
        app.repaint()
        await pilot.pause()
        text = assert_picture(app, f"canary-{state}-{size[0]}x{size[1]}")
        assert "PRODUCTION" in text
        assert "F9 Roll back" in text


@pytest.mark.parametrize("state", ["waiting", "healthy-at-10", "failing-with-countdown"])
async def test_forty_by_ten_still_says_where_how_and_how_to_get_out(state: str) -> None:
    app = make_app(STATES[state]())
    async with app.run_test(size=(40, 10)) as pilot:
        if state == "failing-with-countdown":
            app.stub.count_down(7)
        await pilot.pause()
        app.repaint()
        await pilot.pause()
        text = assert_picture(app, f"canary-{state}-40x10")
        assert "PRODUCTION" in text
        assert "r F9 Roll back" in text
        if state != "waiting":
            assert "00042-vez" in text
            assert "10 %" in text
        if state == "failing-with-countdown":
            assert "FAIL" in text
            assert "7 s" in text


async def drawn(app: ConsoleApp, size: tuple[int, int] = (120, 40)) -> str:
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        app.repaint()
        await pilot.pause()
        return " ".join(screen_text(app).split())


async def test_every_pane_says_what_it_waits_for_before_data_comes() -> None:
    text = await drawn(make_app(None))
    assert text.count("connecting to acme-prod") >= 3


async def test_a_service_that_is_not_there_is_named_in_the_panes() -> None:
    missing = FeedHealth("service", FeedState.DOWN, problem="There is no service wa-backend in acme-prod.")
    app = make_app(Snapshot("acme-prod", "us-central1", "wa-backend", feeds=(missing,)))
    text = await drawn(app)
    assert text.count("There is no service wa-backend in acme-prod.") >= 2


async def test_a_closed_window_says_when_it_opens() -> None:
    text = await drawn(make_app(snapshot(10, now=FRIDAY)))
    assert "closed" in text
    assert "opens" in text


async def test_a_gone_driver_is_named_and_taking_over_is_offered() -> None:
    away = release(10, session="another", expires=-30)
    text = await drawn(make_app(snapshot(10, release=away)))
    assert "nobody guards this release" in text
    assert "t Take over" in text


async def test_the_screen_says_where_the_automatic_rollback_lives() -> None:
    assert "lives only while this console does" in await drawn(make_app(snapshot(10)))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (lambda: snapshot(10, release=None, release_problem="step: not a number"), "can't be read"),
        (
            lambda: snapshot(10, readiness=Readiness(STABLE, True, warnings=("Session affinity is on.",))),
            "Session affinity is on.",
        ),
        (
            lambda: snapshot(10, readiness=Readiness(STABLE, False, problems=("00041-kud is gone.",))),
            "00041-kud is gone.",
        ),
        (
            lambda: snapshot(10, time=ServerTime(NOON, 1000.0, skew=timedelta(seconds=90))),
            "clock is 1 min ahead",
        ),
        (
            lambda: snapshot(10, service=service(50, effective=10, reconciling=False)),
            "What serves is not what was asked for",
        ),
        (lambda: snapshot(0, release=rolled_back_release()), "only a written reason"),
    ],
)
async def test_what_an_operator_must_weigh_is_warned_of(state: Callable[[], Snapshot], words: str) -> None:
    app = make_app(state())
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.pause()
        await pilot.press("question_mark")
        await pilot.pause()
        app.repaint()
        await pilot.pause()
        assert words in " ".join(screen_text(app).split())


async def test_text_of_strangers_is_never_markup() -> None:
    bad = "[@click=app.rollback]x[/] [/] \x1b]52;c;aGk=\x07 [bold]"
    app = make_app(
        snapshot(
            10,
            release=release(10, id=bad, started_by=bad),
            revisions=(revision(CANARY, 1, image=bad, reason=bad, ready=False), replace(revision(OLD, 2), name=bad)),
            service=service(10, condition=bad, ready=False, last_modifier=bad),
            readiness=Readiness(bad, False, (bad,), (bad,)),
            mover=bad,
            verdict=replace(Verdict(Word.FAIL, bad)),
        )
    )
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        app.say(bad, "error", keep=True)
        app.stub.session.autopilot.problem = bad
        for key in ("2", "escape", "question_mark", "escape", "e", "escape", "h", "l", "m", "c"):
            await pilot.press(key)
            await pilot.pause()
            app.repaint()
        assert "rollback" not in [name for name, _ in app.stub.actions.asked]
        assert "\x1b" not in screen_text(app)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_verdict_that_nobody_stands_behind_is_not_shown_as_todays(size: tuple[int, int]) -> None:
    done = verdict(Word.PASS, "0.2 % errors in 612 requests", done=True)
    app = make_app(snapshot(10, verdict=done))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        text = screen_text(app)
        assert "PASS" in text
        assert "baked" in text
        app.stub.publish(snapshot(10, verdict=done, now=NOON + timedelta(minutes=4, seconds=32)))
        app.repaint()
        await pilot.pause()
        text = screen_text(app)
        assert "✔ PASS" not in text
        assert "next step may be taken" not in text
        assert "last judged 4:32 ago" in text


async def test_bad_news_stays_loud_however_old_it_is() -> None:
    app = make_app(
        snapshot(10, bad=True, now=NOON + timedelta(minutes=4, seconds=32), verdict=verdict(Word.FAIL, "3 %"))
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        text = screen_text(app)
        assert "✖ FAIL" in text
        assert "said 4:32 ago" in text
