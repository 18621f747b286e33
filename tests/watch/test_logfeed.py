"""The log feed through silence, cuts, floods and a restart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from console.errors import QuotaError, UnavailableError
from console.watch import logfeed
from console.watch.aggregate import Aggregator, Second
from console.watch.lines import LineWriter
from console.watch.logfeed import LogFeed, Wanted
from console.watch.ring import LogRing
from console.watch.snapshot import FeedState
from tests.watch.fakes import CANARY, STABLE, FakeCloud, request, settle, turn


class Rig:
    """A feed on a fake cloud."""

    def __init__(self, wanted: Wanted | None = None) -> None:
        self.cloud = FakeCloud()
        self.ring = LogRing()
        self.aggregator = Aggregator()
        self.feed = LogFeed(
            self.cloud.logs,  # type: ignore[arg-type]
            service="wa-backend",
            region="us-central1",
            clock=self.cloud.clock,
            server_clock=self.cloud.server_clock,
            aggregator=self.aggregator,
            writer=LineWriter(self.ring, self.cloud.clock),
            wanted=lambda: wanted or Wanted(CANARY),
        )
        self.closed: list[Second] = []

    async def turn(self, seconds: float, *, traffic: bool = False, reachable: bool = True) -> None:
        """Let time pass, seconds close, and one request a second of each arm be logged where `traffic`."""
        if not reachable:
            self.cloud.logs.list_problem = UnavailableError("No route to Cloud Logging.")
        for _second in range(round(seconds)):
            if traffic:
                now = self.cloud.unix()
                self.cloud.logs.push(request(now - 1.5, CANARY), request(now - 1.4, STABLE))
            await turn(self.cloud, 1.0)
            self.closed += self.feed.close_seconds()
        if not reachable:
            self.cloud.logs.list_problem = None

    def requests(self, name: str = CANARY) -> int:
        """Requests counted in closed seconds."""
        return sum(second.arms[name].requests for second in self.closed if name in second.arms)


@contextlib.asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[Rig]:
    """The rig with its feed running."""
    task = asyncio.create_task(rig.feed.run())
    await settle()
    try:
        yield rig
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_seconds_close_five_seconds_behind_the_newest_entry() -> None:
    async with running(Rig()) as rig:
        await rig.turn(20, traffic=True)
        newest = rig.aggregator.newest_received
        assert rig.closed[-1].second == int(newest - logfeed.LAG_S) - 1
        assert rig.feed.health(rig.cloud.unix()).state is FeedState.LIVE


async def test_a_silent_stream_still_ticks_while_probes_find_nothing_missed() -> None:
    async with running(Rig()) as rig:
        await rig.turn(60)
        assert rig.closed
        assert rig.closed[-1].observed
        assert rig.cloud.unix() - rig.closed[-1].second < 24
        assert rig.feed.health(rig.cloud.unix()).state is FeedState.LIVE


async def test_a_silent_stream_does_not_tick_while_nobody_hears_the_cloud() -> None:
    async with running(Rig()) as rig:
        await rig.turn(5, traffic=True)
        before = len(rig.closed)
        await rig.turn(30, reachable=False)
        assert len(rig.closed) <= before + 3


async def test_a_silence_that_began_while_the_cloud_was_away_is_no_quiet_service() -> None:
    async with running(Rig()) as rig:
        await rig.turn(10, traffic=True)
        closed = len(rig.closed)
        for _second in range(10):  # the network is gone: logged, and not told
            rig.cloud.logs.logged.append(request(rig.cloud.unix() - 1.0, CANARY))
            await rig.turn(1, reachable=False)
        rig.cloud.logs.logged.append(request(rig.cloud.unix() - 1.0, CANARY))
        await rig.turn(3)  # it is back, but the stream has lost its other end
        assert len(rig.closed) <= closed + 3
        rig.cloud.logs.cut()
        await rig.turn(15, traffic=True)
        last = rig.closed[-1].second
        assert rig.requests() == sum(e.revision == CANARY and e.timestamp < last + 1 for e in rig.cloud.logs.logged)
        assert rig.aggregator.late == 0


async def test_a_quiet_service_ticks_again_once_a_probe_has_found_nothing_unheard() -> None:
    async with running(Rig()) as rig:
        await rig.turn(5, traffic=True)
        await rig.turn(10, reachable=False)
        closed = len(rig.closed)
        await rig.turn(40)
        assert len(rig.closed) > closed + 20
        assert rig.cloud.logs.opened == 1


async def test_a_bake_does_not_pass_in_the_sleep_of_a_laptop() -> None:
    async with running(Rig()) as rig:
        await rig.turn(30, traffic=True)
        closed = len(rig.closed)
        for second in range(60):  # logged while the lid was closed
            rig.cloud.logs.logged.append(request(rig.cloud.unix() + 60 * second, CANARY))
        rig.cloud.clock._now += timedelta(hours=1)  # but not its monotonic clock
        rig.cloud.server_clock.observe(rig.cloud.clock.now())
        await rig.turn(3)
        assert len(rig.closed) <= closed + 7


async def test_a_cut_stream_is_opened_again_and_its_gap_back_filled() -> None:
    async with running(Rig()) as rig:
        await rig.turn(10, traffic=True)
        rig.cloud.logs.refuse = UnavailableError("No route to Cloud Logging.")
        rig.cloud.logs.cut()
        await rig.turn(6, traffic=True)  # logged, but nobody listens
        assert rig.feed.health(rig.cloud.unix()).state is FeedState.DOWN
        assert "No route" in rig.feed.health(rig.cloud.unix()).problem
        closed = len(rig.closed)
        rig.cloud.logs.refuse = None
        await rig.turn(20, traffic=True)
        assert len(rig.closed) > closed
        assert all(second.observed for second in rig.closed)
        assert [second.second for second in rig.closed] == list(range(rig.closed[0].second, rig.closed[-1].second + 1))
        last = rig.closed[-1].second
        assert rig.requests() == sum(e.revision == CANARY and e.timestamp < last + 1 for e in rig.cloud.logs.logged)
        assert rig.feed.health(rig.cloud.unix()).problem == ""


async def test_a_gap_that_cannot_be_listed_stays_a_gap() -> None:
    async with running(Rig()) as rig:
        await rig.turn(10, traffic=True)
        rig.cloud.logs.list_problem = QuotaError("Too many reads.")
        rig.cloud.logs.cut()
        await rig.turn(25, traffic=True)
        unobserved = [second.second for second in rig.closed if not second.observed]
        assert unobserved
        assert rig.closed[-1].observed
        assert unobserved == list(range(unobserved[0], unobserved[-1] + 1))


async def test_no_second_closes_while_the_stream_is_down() -> None:
    async with running(Rig()) as rig:
        await rig.turn(10, traffic=True)
        rig.cloud.logs.refuse = UnavailableError("gone")
        rig.cloud.logs.cut()
        await rig.turn(1)
        closed = len(rig.closed)
        await rig.turn(60)
        assert len(rig.closed) == closed
        now = rig.cloud.unix()
        assert rig.feed.end(now) > rig.closed[-1].second + 30  # so that figures run out


async def test_a_restart_back_fills_the_bake_of_the_canary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfeed, "WHOLE_LIMIT", 50)
    rig = Rig()
    now = rig.cloud.unix()
    rig.feed._wanted = lambda: Wanted(CANARY, now - 200)
    for n in range(200):
        rig.cloud.logs.logged += [request(now - 200 + n, CANARY), request(now - 200 + n + 0.5, STABLE)]
    async with running(rig):
        await rig.turn(25)
        assert rig.closed[0].second == int(now - 200)
        assert all(second.observed for second in rig.closed)
        assert rig.requests(CANARY) == 200
        assert not rig.closed[0].whole
        assert rig.closed[190].whole
        assert len(rig.ring) == 50


async def test_what_a_bounded_list_cannot_reach_stays_unobserved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfeed, "WHOLE_LIMIT", 50)
    monkeypatch.setattr(logfeed, "CANARY_LIMIT", 60)
    rig = Rig()
    now = rig.cloud.unix()
    rig.feed._wanted = lambda: Wanted(CANARY, now - 200)
    for n in range(200):
        rig.cloud.logs.logged += [request(now - 200 + n, CANARY), request(now - 200 + n + 0.5, STABLE)]
    async with running(rig):
        await rig.turn(10)
        observed = [second.observed for second in rig.closed]
        assert not any(observed[:100])
        assert all(observed[120:])


async def test_a_bake_is_not_looked_back_upon_further_than_six_minutes() -> None:
    rig = Rig()
    now = rig.cloud.unix()
    rig.feed._wanted = lambda: Wanted(CANARY, now - 86_400)
    async with running(rig):
        await rig.turn(2)
        assert rig.closed[0].second >= now - logfeed.LOOK_BACK_S - 2


async def test_a_stream_that_is_open_but_mute_is_opened_again() -> None:
    async with running(Rig()) as rig:
        await rig.turn(5, traffic=True)
        for _second in range(20):
            rig.cloud.logs.logged.append(request(rig.cloud.unix() - 1.0, CANARY))  # and never told
            await rig.turn(1)
        await rig.turn(40)
        assert rig.cloud.logs.opened > 1
        assert rig.requests() == sum(e.revision == CANARY for e in rig.cloud.logs.logged)


async def test_no_second_counts_as_watched_before_it_is_known_that_the_mute_stream_missed_nothing() -> None:
    async with running(Rig()) as rig:
        await rig.turn(5, traffic=True)
        for _second in range(60):
            rig.cloud.logs.logged.append(request(rig.cloud.unix() - 1.0, CANARY))  # and never told by this stream
            await rig.turn(1)
        await rig.turn(30)
        assert rig.aggregator.late == 0
        last = rig.closed[-1].second
        assert rig.cloud.unix() - last < 60
        assert rig.requests() == sum(e.revision == CANARY and e.timestamp < last + 1 for e in rig.cloud.logs.logged)


async def test_suppressed_entries_are_counted_and_mark_their_second() -> None:
    async with running(Rig()) as rig:
        await rig.turn(3, traffic=True)
        rig.cloud.logs.push(request(rig.cloud.unix() - 1), suppressed=120)
        await rig.turn(15, traffic=True)
        assert rig.feed.suppressed == 120
        assert sum(second.suppressed for second in rig.closed) == 120


async def test_a_time_of_which_most_was_held_back_is_a_gap() -> None:
    async with running(Rig()) as rig:
        await rig.turn(5, traffic=True)
        await rig.turn(8)
        rig.cloud.logs.push(request(rig.cloud.unix() - 1), suppressed=5_000)
        await rig.turn(15, traffic=True)
        unobserved = [second.second for second in rig.closed if not second.observed]
        assert 5 <= len(unobserved) <= 11
        assert rig.closed[-1].observed


async def test_a_batch_of_many_thousands_lets_others_run_in_between() -> None:
    async with running(Rig()) as rig:
        await rig.turn(2, traffic=True)
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        now = rig.cloud.unix()
        rig.cloud.logs.push(*(request(now - 1 + n / 20_000) for n in range(20_000)))
        while rig.aggregator.newest_received < now + 0.999:  # noqa: ASYNC110
            await asyncio.sleep(0)
        task.cancel()
        assert turns >= 20_000 / logfeed.SLICE


async def test_the_feed_waits_for_the_clouds_time_and_says_so() -> None:
    rig = Rig()
    rig.cloud.server_clock._state = None
    async with running(rig):
        await rig.turn(2)
        assert rig.feed.health(None).state is FeedState.DOWN
        assert rig.feed.health(None).problem == "The cloud's time is not known yet."
        rig.cloud.server_clock.observe(rig.cloud.clock.now())
        await rig.turn(15, traffic=True)
        assert rig.feed.health(rig.cloud.unix()).state is FeedState.LIVE


async def test_the_age_of_a_feed_left_behind_grows_and_it_is_late() -> None:
    async with running(Rig()) as rig:
        await rig.turn(5, traffic=True)
        await turn(rig.cloud, 30)
        health = rig.feed.health(rig.cloud.unix())
        assert health.state is FeedState.LATE
        assert health.age is not None
        assert health.age > timedelta(seconds=20)
