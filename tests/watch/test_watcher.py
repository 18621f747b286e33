"""The live picture: what an operator sees, and when it changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from console.errors import UnavailableError
from console.release.plan import RolloutPlan
from console.release.split import TrafficSplit
from console.release.state import ANNOTATION, Move, Release, lines_of
from console.verdict.base import JudgeSettings, Word
from console.verdict.threshold import ThresholdJudge
from console.watch.snapshot import FeedState
from console.watch.watcher import Watcher
from tests.watch.fakes import CANARY, REVISIONS, STABLE, START, FakeCloud, request, service, settle, turn

PLAN = RolloutPlan(bake=timedelta(seconds=20), minimum_requests=50)


class Rig:
    """A watcher on a fake cloud that logs so many requests a second."""

    def __init__(self, plan: RolloutPlan = PLAN) -> None:
        self.cloud = FakeCloud()
        self.judges: list[JudgeSettings] = []
        self.watcher = Watcher(
            self.cloud,  # type: ignore[arg-type]
            service="wa-backend",
            clock=self.cloud.clock,
            plan=plan,
            judge=self._judge,
        )

    def _judge(self, settings: JudgeSettings) -> ThresholdJudge:
        self.judges.append(settings)
        return ThresholdJudge(settings.step, settings.bake, settings.minimum_requests, arming_requests=100)

    async def turn(self, seconds: float, *, canary: int = 0, errors: int = 0, stable: int = 0) -> None:
        """Let time pass, with so many requests of each arm a second."""
        for _second in range(round(seconds)):
            now = self.cloud.unix()
            entries = [request(now - 1.5, CANARY, 500 if n < errors else 200) for n in range(canary)]
            entries += [request(now - 1.4, STABLE) for _n in range(stable)]
            if entries:
                self.cloud.logs.push(*entries)
            await turn(self.cloud, 1.0)

    def move(self, percent: int, *, annotate: bool = False, at: float = 0.0) -> None:
        """Somebody moves the canary to `percent`."""
        annotations = {}
        if annotate:
            moved = Move(kind="shift", at=START + timedelta(seconds=at), by="maria", percent=percent, before=())
            annotations[ANNOTATION] = Release(
                id="r1",
                canary=CANARY,
                stable=STABLE,
                baseline=lines_of(TrafficSplit.of({STABLE: 100})),
                started=START,
                started_by="maria@demo.example",
                step=percent,
                moves=(moved,),
            ).dumps()
        generation = self.cloud.run.service.generation + 1
        shares = {CANARY: percent, STABLE: 100 - percent} if percent else {STABLE: 100}
        self.cloud.run.service = service(shares, generation=generation, etag=f"e{generation}", annotations=annotations)


@contextlib.asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[Watcher]:
    """The rig with its watcher running."""
    task = asyncio.create_task(rig.watcher.run())
    await settle()
    try:
        yield rig.watcher
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_command_reads_the_picture_once_without_feeds() -> None:
    rig = Rig()
    rig.move(10, annotate=True)
    snapshot = await rig.watcher.refresh()
    assert snapshot.service is not None
    assert snapshot.release is not None
    assert (snapshot.canary, snapshot.stable) == (CANARY, STABLE)
    assert snapshot.revisions == REVISIONS
    assert snapshot.verdict is None
    assert snapshot.time is not None


async def test_a_command_is_told_when_the_service_cannot_be_read() -> None:
    rig = Rig()
    rig.cloud.run.problem = UnavailableError("Cloud Run cannot be reached.")
    with pytest.raises(UnavailableError):
        await rig.watcher.refresh()


async def test_the_picture_comes_several_times_a_second_and_is_whole() -> None:
    rig = Rig()
    async with running(rig) as watcher:
        await rig.turn(16, canary=2, stable=20)
        before = watcher.latest
        await rig.turn(1, canary=2, stable=20)
        after = watcher.latest
        assert after.sequence - before.sequence >= 5
        assert [feed.state for feed in after.feeds[:2]] == [FeedState.LIVE, FeedState.LIVE]
        assert after.figures[STABLE].requests >= 60
        assert after.stable_series.requests_per_s[-1] == 20.0
        assert after.readiness.ok
        assert after.readiness.target == STABLE
        assert after.logs is not None
        assert len(after.logs) == 17 * 22


async def test_a_healthy_step_bakes_and_passes_and_the_next_begins_anew() -> None:
    rig = Rig()
    async with running(rig) as watcher:
        await rig.turn(5, stable=20)
        rig.move(10)
        await rig.turn(15, canary=5, stable=20)
        verdict = watcher.latest.verdict
        assert verdict is not None
        assert verdict.word is Word.INCONCLUSIVE
        assert timedelta(0) < verdict.observed < timedelta(seconds=12)
        await rig.turn(20, canary=5, stable=20)
        assert watcher.latest.verdict is not None
        assert watcher.latest.verdict.word is Word.PASS
        rig.move(50)
        await rig.turn(3, canary=5, stable=20)
        assert watcher.latest.verdict is not None
        assert watcher.latest.verdict.word is Word.INCONCLUSIVE
        assert watcher.latest.verdict.observed == timedelta(0)
        assert [settings.step for settings in rig.judges] == [0, 10, 50]


async def test_seconds_from_before_the_move_do_not_count_for_the_bake() -> None:
    rig = Rig()
    async with running(rig) as watcher:
        await rig.turn(20, canary=50, errors=50, stable=20)  # the tag's own calls
        rig.move(10)
        await rig.turn(4, canary=5, stable=20)
        verdict = watcher.latest.verdict
        assert verdict is not None
        assert verdict.canary.errors == 0
        assert not verdict.breach


async def test_a_failing_canary_is_a_breach_in_the_picture_and_in_the_record() -> None:
    rig = Rig()
    async with running(rig) as watcher:
        await rig.turn(5, stable=20)
        rig.move(10)
        await rig.turn(20, canary=20, errors=2, stable=20)
        verdict = watcher.latest.verdict
        assert verdict is not None
        assert verdict.breach
        assert verdict.word is Word.FAIL
        record = watcher.verdict_record(START)
        assert record is not None
        assert (record.word, record.step) == ("FAIL", 10)
        assert record.errors * 10 == record.requests
        assert record.observed_s == verdict.observed.total_seconds()
        assert record.sentence == verdict.sentence


async def test_a_console_that_joins_gets_the_bake_back_from_the_log() -> None:
    rig = Rig()
    rig.cloud.clock.advance(100)
    rig.cloud.server_clock.observe(rig.cloud.clock.now())
    rig.move(10, annotate=True, at=80.0)
    now = rig.cloud.unix()
    for second in range(20):
        rig.cloud.logs.logged += [request(now - 20.5 + second, CANARY) for _n in range(5)]
    async with running(rig) as watcher:
        await rig.turn(7, canary=5, stable=20)
        verdict = watcher.latest.verdict
        assert verdict is not None
        assert verdict.word is Word.PASS
        assert verdict.observed >= timedelta(seconds=20)


async def test_a_console_that_joins_does_not_count_the_seconds_that_the_cloud_took_to_move() -> None:
    rig = Rig()
    rig.cloud.clock.advance(100)
    rig.cloud.server_clock.observe(rig.cloud.clock.now())
    rig.move(10, annotate=True, at=60.0)
    now = rig.cloud.unix()
    for second in range(40):  # twelve seconds after the move's record the canary gets its first request
        rig.cloud.logs.logged += [request(now - 40.5 + second, STABLE) for _n in range(18)]
        rig.cloud.logs.logged += [request(now - 40.5 + second, CANARY) for _n in range(2 if second > 12 else 0)]
    await rig.watcher.refresh()  # the session looks once before the feeds run
    async with running(rig) as watcher:
        await rig.turn(7, canary=2, stable=18)
        verdict = watcher.latest.verdict
        assert verdict is not None
        assert timedelta(seconds=20) < verdict.observed < timedelta(seconds=34)
        assert verdict.stable.requests == 9 * verdict.canary.requests


async def test_a_write_of_ours_is_in_the_picture_before_the_next_read() -> None:
    rig = Rig()
    async with running(rig) as watcher:
        await rig.turn(2)
        moved = service({CANARY: 10, STABLE: 90}, effective={STABLE: 100}, reconciling=True, generation=2, etag="e2")
        watcher.note_service(moved)
        assert watcher.latest.service is moved
        assert watcher.latest.mover == ""


async def test_one_broken_feed_leaves_the_others_alone() -> None:
    rig = Rig()
    rig.cloud.logs.refuse = UnavailableError("Cloud Logging cannot be reached.")
    rig.cloud.metrics.problem = UnavailableError("Monitoring cannot be reached.")
    async with running(rig) as watcher:
        await rig.turn(5)
        states = {feed.name: (feed.state, feed.problem) for feed in watcher.latest.feeds}
        assert states["service"] == (FeedState.LIVE, "")
        assert states["logs"] == (FeedState.DOWN, "Cloud Logging cannot be reached.")
        assert states["metrics"] == (FeedState.DOWN, "Monitoring cannot be reached.")
        rig.cloud.logs.refuse = None
        await rig.turn(20, stable=20)
        assert watcher.latest.feeds[1].state is FeedState.LIVE


async def test_a_bug_in_one_feed_is_shown_and_not_raised() -> None:
    rig = Rig()
    rig.cloud.metrics.problem = ValueError("not a number")  # type: ignore[assignment]
    async with running(rig) as watcher:
        await rig.turn(2)
        assert watcher.latest.feeds[2].problem == "ValueError: not a number"


async def test_a_release_that_cannot_be_read_is_said() -> None:
    rig = Rig()
    rig.cloud.run.service = service(annotations={ANNOTATION: '{"version": 9}'})
    snapshot = await rig.watcher.refresh()
    assert snapshot.release is None
    assert snapshot.release_problem


async def test_the_last_five_minutes_of_the_metrics_screen_come_from_the_log() -> None:
    rig = Rig()
    async with running(rig) as watcher:
        await rig.turn(3, stable=20)
        rig.move(10, annotate=True, at=3.0)
        await rig.turn(20, canary=5, errors=1, stable=20)
        charts = await watcher.chart(timedelta(minutes=5))
        assert charts.source.startswith("request logs")
        assert charts.canary.error_rate[-1][1] == pytest.approx(0.2)
        assert charts.stable.requests_per_s[-1][1] == 20.0
        assert [(mark.kind, mark.percent) for mark in charts.marks] == [("shift", 10)]
        assert charts.newest is not None


async def test_longer_charts_come_from_monitoring_and_are_cached() -> None:
    rig = Rig()
    minute = timedelta(minutes=1)
    rig.cloud.metrics.found = {STABLE: [(START - 3 * minute, 0.5)], CANARY: [(START - 2 * minute, 0.25)]}
    await rig.watcher.refresh()
    charts = await rig.watcher.chart(timedelta(hours=3))
    assert charts.period == minute
    assert charts.stable.error_rate == ((START - 3 * minute, 0.5),)
    assert charts.canary.cpu == ((START - 2 * minute, 0.25),)
    assert charts.newest == START - 2 * minute
    reads = rig.cloud.metrics.reads
    await rig.watcher.chart(timedelta(hours=3))
    assert rig.cloud.metrics.reads == reads
    rig.cloud.clock.advance(31)
    rig.cloud.metrics.problem = UnavailableError("Monitoring is down.")
    charts = await rig.watcher.chart(timedelta(hours=3))
    assert charts.problem == "Monitoring is down."
    assert charts.stable.error_rate
    assert (await rig.watcher.chart(timedelta(hours=24))).period == 10 * minute
