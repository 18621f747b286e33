"""A service of 1,250 requests a second, through real gRPC, to the verdict: read by chance, and judged all the same."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from console.clock import SystemClock
from console.cloud.client import Cloud
from console.cloud.target import CloudTarget
from console.release.plan import RolloutPlan
from console.simulator.process import SimulatorProcess
from console.verdict.base import Judge, JudgeSettings, Word
from console.verdict.joint import JointJudge
from console.verdict.sequential import SequentialJudge
from console.verdict.threshold import ThresholdJudge
from console.watch.watcher import Watcher
from tests.watch.test_watch_simulator import observed_s, shift, until

Start = Callable[..., SimulatorProcess]


def judge(settings: JudgeSettings) -> Judge:
    """What a session makes, with its defaults."""
    rules = ThresholdJudge(settings.step, settings.bake, settings.minimum_requests)
    engine = SequentialJudge(settings.step / 100, settings.bake, minimum_requests=settings.minimum_requests)
    return JointJudge(engine, rules)


@contextlib.asynccontextmanager
async def watching(simulator: SimulatorProcess) -> AsyncIterator[tuple[Cloud, Watcher]]:
    """A console with the sequential judge."""
    clock = SystemClock()
    cloud = await Cloud.connect(CloudTarget("demo", "us-central1", simulator.grpc, "maria@demo.example"), clock)
    watcher = Watcher(cloud, service="wa-backend", clock=clock, plan=RolloutPlan(), judge=judge)
    task = asyncio.create_task(watcher.run())
    try:
        yield cloud, watcher
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await cloud.close()


async def test_a_bad_canary_fails_under_sampling_and_nothing_is_held_back(simulator: Start) -> None:
    async with watching(simulator(scenario="busy-bad-canary", speed=5)) as (cloud, watcher):
        await until(watcher, lambda picture: picture.sampling and picture.figures)
        await shift(cloud, watcher, 10)
        await until(watcher, lambda picture: observed_s(picture) > 5)
        held_back = watcher.latest.suppressed
        seen = await until(watcher, lambda picture: picture.verdict and picture.verdict.word is Word.FAIL)
        assert seen.verdict is not None
        assert seen.verdict.attribution == "canary"
        assert seen.verdict.breach
        assert seen.verdict.observed.total_seconds() < 90
        assert seen.suppressed == held_back
        assert seen.sampling is not None
        assert seen.canary_sampling is None
        assert seen.verdict.stable.requests < 9 * seen.verdict.canary.requests  # as read


async def test_a_good_canary_passes_and_the_figures_are_those_of_the_whole_service(simulator: Start) -> None:
    async with watching(simulator(scenario="busy-service", speed=10)) as (cloud, watcher):
        await until(watcher, lambda picture: picture.sampling and picture.figures)
        await shift(cloud, watcher, 10)
        await until(watcher, lambda picture: observed_s(picture) > 70)
        held_back = watcher.latest.suppressed
        seen = watcher.latest
        assert seen.canary is not None
        assert seen.stable is not None
        assert 1000 < seen.figures[seen.stable].requests_per_s < 1250
        assert 100 < seen.figures[seen.canary].requests_per_s < 150
        seen = await until(watcher, lambda picture: picture.verdict and picture.verdict.word is Word.PASS, 60.0)
        assert seen.suppressed == held_back
        assert seen.monitoring_gap == ""
        assert seen.canary_sampling is None


async def test_a_canary_with_all_the_traffic_is_thinned_too_and_still_judged(simulator: Start) -> None:
    async with watching(simulator(scenario="busy-bad-canary", speed=2)) as (cloud, watcher):
        await until(watcher, lambda picture: picture.sampling and picture.figures)
        await shift(cloud, watcher, 100)
        seen = await until(watcher, lambda picture: picture.verdict and picture.verdict.word is Word.FAIL, 60.0)
        assert seen.canary_sampling is not None
        assert seen.canary_sampling < 1.0
