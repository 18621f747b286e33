"""The watcher on the simulator, through real gRPC: from requests to the verdict."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from console.clock import SystemClock
from console.cloud.client import Cloud
from console.cloud.target import CloudTarget
from console.release.plan import RolloutPlan
from console.release.split import TrafficSplit
from console.release.state import ANNOTATION, Move, Release, lines_of
from console.simulator.process import SimulatorProcess
from console.verdict.base import Word
from console.watch.snapshot import FeedState, Snapshot
from console.watch.watcher import Watcher

Start = Callable[..., SimulatorProcess]


@contextlib.asynccontextmanager
async def watching(simulator: SimulatorProcess) -> AsyncIterator[tuple[Cloud, Watcher]]:
    """A console's connection and its running watcher."""
    clock = SystemClock()
    cloud = await Cloud.connect(CloudTarget("demo", "us-central1", simulator.grpc, "maria@demo.example"), clock)
    watcher = Watcher(cloud, service="wa-backend", clock=clock, plan=RolloutPlan())
    task = asyncio.create_task(watcher.run())
    try:
        yield cloud, watcher
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await cloud.close()


async def until(watcher: Watcher, holds: Callable[[Snapshot], object], timeout_s: float = 40.0) -> Snapshot:
    """The first picture of which `holds` is true."""
    deadline = time.monotonic() + timeout_s
    while not holds(watcher.latest):
        assert time.monotonic() < deadline, watcher.latest
        await asyncio.sleep(0.02)
    return watcher.latest


async def shift(cloud: Cloud, watcher: Watcher, percent: int) -> None:
    """Move the canary, recorded as canario does."""
    seen = await until(watcher, lambda picture: picture.canary and picture.stable and picture.time)
    assert seen.canary is not None
    assert seen.stable is not None
    now = cloud.server_clock.now()
    assert now is not None
    shares = {seen.canary: percent, seen.stable: 100 - percent}
    release = Release(
        id="r1",
        canary=seen.canary,
        stable=seen.stable,
        baseline=lines_of(TrafficSplit.of({seen.stable: 100})),
        started=now,
        started_by="maria@demo.example",
        step=percent,
        moves=(Move(kind="shift", at=now, by="maria@demo.example", percent=percent, before=()),),
    )
    service = await cloud.run.get_service("wa-backend")
    change = await cloud.run.write(
        service,
        traffic=service.traffic.with_shares(shares),
        annotations={**service.annotations, ANNOTATION: release.dumps()},
    )
    if change.service is not None:
        watcher.note_service(change.service)


async def control(simulator: SimulatorProcess, path: str, **body: object) -> None:
    """Tell the simulator's control address something."""
    told = urllib.request.Request(f"{simulator.info['control']}{path}", json.dumps(body).encode(), method="POST")
    told.add_header("Content-Type", "application/json")
    await asyncio.to_thread(lambda: urllib.request.urlopen(told).close())


def observed_s(picture: Snapshot) -> float:
    """Seconds of the bake observed, 0 with no verdict."""
    return picture.verdict.observed.total_seconds() if picture.verdict else 0.0


async def test_a_bad_canary_is_a_breach_within_seconds_of_its_requests(simulator: Start) -> None:
    async with watching(simulator(scenario="bad-canary", speed=20)) as (cloud, watcher):
        await shift(cloud, watcher, 10)
        seen = await until(watcher, lambda picture: picture.verdict and picture.verdict.breach)
        assert seen.verdict is not None
        assert seen.verdict.word is Word.FAIL
        assert seen.verdict.canary.requests >= 500
        assert seen.mover == ""
        assert seen.logs is not None
        assert any(line.status >= 500 for line in seen.logs.since(0))


async def test_a_healthy_canary_passes_its_bake_and_a_restart_keeps_it(simulator: Start) -> None:
    process = simulator(scenario="healthy", speed=20)
    async with watching(process) as (cloud, watcher):
        await shift(cloud, watcher, 10)
        before = await until(watcher, lambda picture: observed_s(picture) > 100)
    async with watching(process) as (_cloud, watcher):
        after = await until(watcher, lambda picture: observed_s(picture) > 0)
        assert observed_s(after) >= observed_s(before) - 5
        seen = await until(watcher, lambda picture: picture.verdict and picture.verdict.word is Word.PASS)
        assert seen.verdict is not None
        assert seen.verdict.bake_done
        assert seen.time is not None
        assert seen.verdict.at is not None
        assert seen.release is not None
        took = seen.verdict.at - seen.release.moved_at
        assert took < timedelta(seconds=340)
        assert seen.readiness.ok


async def test_a_cut_tail_costs_the_bake_nothing(simulator: Start) -> None:
    process = simulator(scenario="healthy", speed=10)
    async with watching(process) as (cloud, watcher):
        await shift(cloud, watcher, 10)
        await until(watcher, lambda picture: observed_s(picture) > 20)
        await control(process, "/fault", cut_tails=True)
        await until(watcher, lambda picture: picture.feeds[1].state is not FeedState.LIVE)
        seen = await until(watcher, lambda picture: observed_s(picture) > 80)
        assert seen.feeds[1].state is FeedState.LIVE
        assert seen.release is not None
        assert seen.verdict is not None
        assert seen.verdict.at is not None
        lost = (seen.verdict.at - seen.release.moved_at).total_seconds() - observed_s(seen)
        assert lost < 15  # the time the split took to become effective, not the time of the cut


async def test_a_cloud_that_is_gone_for_a_while_is_found_again(simulator: Start) -> None:
    process = simulator(scenario="healthy", speed=5)
    async with watching(process) as (_cloud, watcher):
        await until(watcher, lambda picture: picture.figures)
        await control(process, "/fault", unavailable=True)
        seen = await until(watcher, lambda picture: picture.feeds[0].state is FeedState.DOWN)
        assert seen.service is not None
        assert seen.feeds[0].problem
        await control(process, "/fault", unavailable=False)
        await until(watcher, lambda picture: all(f.state is FeedState.LIVE for f in picture.feeds[:2]))


async def test_a_rival_is_named(simulator: Start) -> None:
    process = simulator(scenario="healthy", speed=5)
    async with watching(process) as (_cloud, watcher):
        await until(watcher, lambda picture: picture.service)
        await control(process, "/rival", service="wa-backend", canary_percent=30, principal="rival@demo.example")
        seen = await until(watcher, lambda picture: picture.mover)
        assert seen.mover == "rival@demo.example"
        charts = await watcher.chart(timedelta(minutes=30))
        assert [(mark.percent, mark.by) for mark in charts.marks] == [(30, "rival@demo.example")]


async def test_charts_of_half_an_hour_come_from_monitoring(simulator: Start) -> None:
    async with watching(simulator(scenario="healthy", speed=5)) as (_cloud, watcher):
        await until(watcher, lambda picture: picture.figures)
        charts = await watcher.chart(timedelta(minutes=30))
        assert charts.problem == ""
        assert len(charts.stable.requests_per_s) > 20
        assert len(charts.stable.p95_ms) > 20
        assert charts.newest is not None
        assert timedelta(seconds=60) < charts.end - charts.newest < timedelta(minutes=5)
