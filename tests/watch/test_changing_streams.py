"""A change of what is read: two streams for a moment, and no entry lost, counted twice, or counted with a bias."""

from __future__ import annotations

import random

import pytest

from console.errors import QuotaError
from console.verdict.base import Counts, Tick
from console.watch.aggregate import Aggregator, Second
from console.watch.lines import LineWriter
from console.watch.logfeed import LogFeed, Wanted
from console.watch.ring import LogRing
from console.watch.sampling import Sampler, Sampling
from tests.watch.fakes import CANARY, STABLE, START, FakeCloud, request, turn
from tests.watch.test_logfeed import running


class Rig:
    """A feed on a busy fake cloud that samples and limits as Cloud Logging does."""

    def __init__(self, share: float = 0.1, expect: float = 0.0) -> None:
        self.cloud = FakeCloud()
        self.cloud.logs.matches = _matches
        self.aggregator = Aggregator()
        self.sampler = Sampler(limit=100.0)
        self.sampler.follow(CANARY, (share,))
        if expect:
            self.sampler.expect({CANARY: expect * share, STABLE: expect * (1 - share)}, CANARY)
        self.share = share
        self.feed = LogFeed(
            self.cloud.logs,  # type: ignore[arg-type]
            service="wa-backend",
            region="us-central1",
            clock=self.cloud.clock,
            server_clock=self.cloud.server_clock,
            aggregator=self.aggregator,
            writer=LineWriter(LogRing(), self.cloud.clock),
            wanted=lambda: Wanted(CANARY),
            sampler=self.sampler,
        )
        self.closed: list[Second] = []
        self.made = 0

    def ticks(self) -> list[Tick]:
        """The closed seconds that had traffic all through."""
        return [second.tick(CANARY) for second in self.closed if second.second >= START.timestamp()]

    async def turn(self, seconds: float, per_s: int) -> None:
        """Let time pass with so many requests a second, told two seconds after they began."""
        for _tenth in range(round(seconds * 10)):
            now = self.cloud.unix()
            entries = []
            for number in range(per_s // 10):
                own = number < per_s // 10 * self.share
                entries.append(request(now - 2.05, CANARY if own else STABLE, lag=0.3, id=f"i{self.made}"))
                self.made += 1
            self.cloud.logs.push(*entries)
            await turn(self.cloud, 0.1)
            self.closed += self.feed.close_seconds()


def _matches(filter: str, entry: object) -> bool:
    name, fraction = "", 1.0
    if "sample(insertId, " in filter:
        fraction = float(filter.split("sample(insertId, ")[1].split(")")[0])
        if "revision_name=" in filter:
            name = filter.split('revision_name="')[1].split('"')[0]
    revision, insert_id = entry.revision, entry.insert_id  # type: ignore[attr-defined]
    return revision == name or random.Random(insert_id).random() < fraction


async def test_the_canary_loses_nothing_and_the_stable_is_thinned_from_a_whole_second_on() -> None:
    rig = Rig()
    async with running(rig):  # type: ignore[arg-type]
        await rig.turn(30, 200)
        assert rig.feed.sampling.whole == CANARY
        assert rig.cloud.logs.opened == 2
        ticks = rig.ticks()
        assert {tick.canary.requests for tick in ticks} == {20}
        assert all(tick.observed for tick in ticks)
        dropped = [tick for tick in ticks if not tick.stable.requests]
        assert 1 <= len(dropped) <= 9  # the seconds that both streams told of
        after = [tick for tick in ticks if tick.stable_sampling < 1.0 and tick.stable.requests]
        assert len(after) > 8
        fraction = rig.feed.sampling.fraction
        assert sum(t.stable.requests for t in after) == pytest.approx(180 * fraction * len(after), rel=0.1)
        before = [tick for tick in ticks if tick.stable_sampling == 1.0]
        assert all(tick.stable.requests == 180 for tick in before)


async def test_a_rate_that_is_known_opens_the_right_stream_at_once() -> None:
    rig = Rig(expect=200)
    async with running(rig):  # type: ignore[arg-type]
        await rig.turn(20, 200)
        assert rig.cloud.logs.opened == 1
        assert "sample(insertId" in rig.cloud.logs.lists[0]


async def test_a_refused_change_leaves_the_stream_as_it_is() -> None:
    rig = Rig()
    async with running(rig):  # type: ignore[arg-type]
        await rig.turn(2, 200)
        rig.cloud.logs.refuse = QuotaError("Ten tails are open already.")
        await rig.turn(20, 200)
        assert rig.feed.sampling.fraction == 1.0
        assert rig.cloud.logs.opened == 1
        assert all(second.before is None for second in rig.closed)
        rig.cloud.logs.refuse = None
        await rig.turn(40, 200)
        assert rig.feed.sampling.fraction < 1.0


async def test_a_stream_cut_in_the_middle_of_a_change_costs_the_canary_nothing() -> None:
    rig = Rig()
    async with running(rig):  # type: ignore[arg-type]
        for _tenth in range(80):
            await rig.turn(0.1, 200)
            if rig.cloud.logs.opened == 2:
                break
        rig.cloud.logs.cut()
        await rig.turn(30, 200)
        numbers = [second.second for second in rig.closed]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert {tick.canary.requests for tick in rig.ticks()} == {20}
        assert all(tick.observed for tick in rig.ticks())


def _aggregator(sampling: Sampling, start: int) -> Aggregator:
    aggregator = Aggregator()
    aggregator.begin(1000)
    aggregator.cover(0, float("inf"))
    aggregator.add([request(1000.0 + n / 10, CANARY if n % 2 else STABLE) for n in range(60)])
    aggregator.sample(sampling, start)
    return aggregator


def test_seconds_that_two_samplings_told_of_say_nothing_of_what_was_thinned() -> None:
    closed = _aggregator(Sampling(0.5, CANARY), 1003).close(1006)
    ticks = [second.tick(CANARY) for second in closed]
    assert [tick.stable.requests for tick in ticks] == [0, 0, 0, 5, 5, 5]
    assert [tick.canary.requests for tick in ticks] == [5] * 6
    assert all(tick.observed for tick in ticks)
    assert [tick.stable_sampling for tick in ticks] == [0.5] * 6


def test_a_canary_that_is_thinned_as_well_stops_the_bake_clock_for_those_seconds() -> None:
    ticks = [second.tick(CANARY) for second in _aggregator(Sampling(0.5), 1002).close(1004)]
    assert [tick.observed for tick in ticks] == [False, False, True, True]
    assert ticks[0].canary == Counts()
    assert [tick.canary_sampling for tick in ticks] == [0.5] * 4


def test_entries_held_back_are_shared_out_between_the_seconds_they_may_be_of() -> None:
    aggregator = _aggregator(Sampling(), 1000)
    aggregator.suppress(7, 1001.5, 1003.2)
    assert [second.suppressed for second in aggregator.close(1005)] == [0, 3, 2, 2, 0]
    aggregator.suppress(4, 900.0, 901.0)  # of closed seconds: the oldest open one takes them
    assert aggregator.close(1006)[0].suppressed == 4
