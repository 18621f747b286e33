"""A service of 1,250 requests a second, through real gRPC, to the verdict: read by chance, and judged all the same."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from console.clock import SystemClock
from console.cloud.client import Cloud
from console.cloud.logs import TailBatch
from console.cloud.target import CloudTarget
from console.release.plan import RolloutPlan
from console.simulator.process import SimulatorProcess
from console.verdict.base import Judge, JudgeSettings, Verdict, Word
from console.verdict.joint import JointJudge
from console.verdict.sequential import SequentialJudge
from console.verdict.threshold import ThresholdJudge
from console.watch.aggregate import Second
from console.watch.snapshot import Snapshot
from console.watch.watcher import Watcher
from tests.watch.test_watch_simulator import observed_s, shift, until

pytestmark = pytest.mark.slow
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


class Shares:
    """Which shares of the stable's log were read while a test looked on."""

    def __init__(self) -> None:
        self.seen: set[float] = set()

    def note(self, picture: Snapshot) -> bool:
        """For `until`: notes, and goes on."""
        assert picture.sampling is not None, "all was read"
        self.seen.add(picture.sampling)
        return True

    def explain(self, verdict: Verdict) -> bool:
        """Whether the verdict counts the canary whole and the stable, nine times as busy, as it was read."""
        ratio = verdict.stable.requests / (9 * verdict.canary.requests)
        # while the share changes some seconds of the stable tell nothing
        least = 0.85 * min(self.seen) if len(self.seen) == 1 else 0.5 * min(self.seen)
        return least < ratio < 1.15 * max(self.seen)


async def test_a_bad_canary_fails_under_sampling_and_nothing_is_held_back(simulator: Start) -> None:
    async with watching(simulator(scenario="busy-bad-canary", speed=5)) as (cloud, watcher):
        await until(watcher, lambda picture: picture.sampling and picture.figures)
        await shift(cloud, watcher, 10)
        await until(watcher, lambda picture: observed_s(picture) > 5)
        held_back = watcher.latest.suppressed
        shares = Shares()
        seen = await until(watcher, lambda p: shares.note(p) and p.verdict and p.verdict.word is Word.FAIL)
        assert seen.verdict is not None
        assert seen.verdict.attribution == "canary"
        assert seen.verdict.breach
        assert shares.explain(seen.verdict)
        assert seen.verdict.canary.requests == pytest.approx(125 * observed_s(seen), rel=0.15)
        assert seen.figures[seen.canary or ""].requests == pytest.approx(seen.verdict.canary.requests, rel=0.1)
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
        shares = Shares()
        seen = await until(watcher, lambda p: shares.note(p) and p.verdict and p.verdict.word is Word.PASS, 60.0)
        assert seen.verdict is not None
        assert seen.verdict.canary.requests == pytest.approx(125 * observed_s(seen), rel=0.1)
        assert 0.5 * min(shares.seen) < seen.verdict.stable.requests / (9 * seen.verdict.canary.requests) < 0.8
        assert seen.suppressed == held_back
        assert seen.monitoring_gap == ""
        assert seen.canary_sampling is None


async def test_a_change_of_what_is_read_takes_two_streams_for_a_moment_and_loses_no_canary_request_unsaid(
    simulator: Start,
) -> None:
    async with watching(simulator(scenario="busy-service", speed=20)) as (cloud, watcher):
        await until(watcher, lambda picture: picture.sampling and picture.figures)
        open_now, most, tail = 0, 0, cloud.logs.tail

        async def counted(filter: str, *, buffer_window_s: float = 2.0) -> AsyncIterator[TailBatch]:
            nonlocal open_now, most
            open_now += 1
            most = max(most, open_now)
            try:
                async with contextlib.aclosing(tail(filter, buffer_window_s=buffer_window_s)) as batches:
                    async for batch in batches:
                        yield batch
            finally:
                open_now -= 1

        cloud.logs.tail = counted  # type: ignore[method-assign,assignment]
        await shift(cloud, watcher, 10)
        await until(watcher, lambda picture: observed_s(picture) > 40)
        before = watcher.latest
        await shift(cloud, watcher, 50)

        def after_the_move() -> list[Second]:
            """The seconds from the first on in which the canary had half of the traffic."""
            known = [second for second in watcher._history.seconds if before.canary in second.arms]
            full = (index for index, second in enumerate(known) if second.arms[before.canary or ""].requests > 400)
            return known[next(full, len(known)) :]

        await until(watcher, lambda p: p.sampling != before.sampling and len(after_the_move()) >= 30, 60.0)
        assert most <= 2
        seconds = after_the_move()
        # what one was not told, for both together ask for more than a project's tails are, the other mostly was;
        # a second that is short all the same (a busy machine, twenty times too fast) is near one that says so
        flagged = {second.second for second in seconds if second.suppressed or not second.observed}
        short = [second.second for second in seconds if second.arms[before.canary or ""].requests < 500]
        assert all(any(abs(second - other) <= 3 for other in flagged) for second in short), (short, flagged)


async def test_a_canary_with_all_the_traffic_is_thinned_too_and_still_judged(simulator: Start) -> None:
    async with watching(simulator(scenario="busy-bad-canary", speed=2)) as (cloud, watcher):
        await until(watcher, lambda picture: picture.sampling and picture.figures)
        await shift(cloud, watcher, 100)
        seen = await until(watcher, lambda picture: picture.verdict and picture.verdict.word is Word.FAIL, 60.0)
        assert seen.canary_sampling is not None
        assert seen.canary_sampling < 1.0
