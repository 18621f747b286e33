"""TailLogEntries, read by Google's own client: what comes, when, and the limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.logging_v2.types import LogEntry, TailLogEntriesRequest

from console.simulator.filters import parse
from console.simulator.logs import LogBook, Selector
from console.simulator.scenario import load_scenario
from console.simulator.tail import ENTRIES_A_MINUTE, RateLimit, TailHub, TailSession
from console.simulator.traffic import Traffic
from tests.simulator.simulated_cloud import CANARY, OF_SERVICE, PROJECT, REQUESTS, STABLE, Cloud, cloud

RATE_LIMIT, NOT_CONSUMED = 1, 2
NS = 10**9


def received(entry: Any) -> int:
    return int(entry.receive_timestamp.ToNanoseconds())


def stamped(entry: Any) -> int:
    return int(entry.timestamp.ToNanoseconds())


def many(count: int) -> Any:
    return lambda entries, _suppressed: len(entries) >= count


async def open_stream(sim: Cloud, wanted: str = REQUESTS) -> Any:
    async def requests() -> AsyncIterator[TailLogEntriesRequest]:
        yield TailLogEntriesRequest(resource_names=PROJECT, filter=wanted)

    stream = await sim.logging.tail_log_entries(requests=requests())
    await stream.initial_metadata()
    return stream


async def test_a_tail_gives_every_entry_that_is_received_after_it_opened_once_and_as_a_list_gives_it() -> None:
    async with cloud("bad-canary", speed=10) as sim:
        sim.traffic.split_changed("wa-backend", sim.traffic.start, {STABLE: 90, CANARY: 10})
        entries, suppressed = await sim.tailed(OF_SERVICE, many(6000))
        assert suppressed == {}
        names = [entry.insert_id for entry in entries]
        assert len(set(names)) == len(names)
        assert {entry.resource.labels["revision_name"] for entry in entries} == {STABLE, CANARY}
        # the middle of what was tailed is exactly what a list gives of that time
        stamps = sorted(stamped(entry) for entry in entries)
        low, high = stamps[0] + 5 * NS, stamps[-1] - 8 * NS
        middle = {entry.insert_id for entry in entries if low <= stamped(entry) < high}
        listed = await sim.listed(f'{OF_SERVICE} AND timestamp>="{iso(low)}" AND timestamp<"{iso(high)}"')
        assert middle == {entry.insert_id for entry in listed}
        assert len(middle) > 500


def iso(nanoseconds: int) -> str:
    seconds = datetime.fromtimestamp(nanoseconds // NS, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{seconds}.{nanoseconds % NS:09d}Z"


async def test_within_the_buffer_window_entries_come_in_time_order() -> None:
    async with cloud(speed=10) as sim:
        entries, _suppressed = await sim.tailed(REQUESTS, many(4000), window_s=10)
        stamps = [stamped(entry) for entry in entries]
        assert stamps == sorted(stamps)


async def test_without_a_window_entries_come_as_soon_as_they_are_received() -> None:
    async with cloud(speed=1) as sim:
        ages: list[float] = []

        def look(entries: list[Any], _suppressed: dict[int, int]) -> bool:
            if entries:
                ages.append(sim.clock.now() - received(entries[-1]) / NS)
            return len(entries) > 200

        entries, _suppressed = await sim.tailed(REQUESTS, look, window_s=0)
        assert min(ages) < 0.4
        assert all(received(entry) / NS <= sim.clock.now() for entry in entries)


async def test_the_filter_decides_what_is_tailed() -> None:
    async with cloud("broken-canary", speed=10) as sim:
        sim.traffic.split_changed("wa-backend", sim.traffic.start, {STABLE: 50, CANARY: 50})
        wanted = f'{OF_SERVICE} AND severity>=ERROR AND resource.labels.revision_name="{CANARY}"'
        entries, _suppressed = await sim.tailed(wanted, many(500))
        assert {entry.severity for entry in entries} == {500}
        assert {entry.resource.labels["revision_name"] for entry in entries} == {CANARY}
        assert len({entry.log_name for entry in entries}) == 2, "requests and stderr in one session"


async def test_entries_that_are_written_and_real_requests_are_tailed_too() -> None:
    async with cloud("quiet-service", speed=10) as sim:
        written = asyncio.Event()

        async def write() -> None:
            entry = LogEntry(log_name="projects/demo/logs/canario-audit", text_payload="moved")
            await sim.logging.write_log_entries(entries=[entry], resource={"type": "global"})
            sim.book.append_request(
                "wa-backend", CANARY, method="GET", url="http://x/healthz", status=200, latency_s=0.01
            )
            written.set()

        tasks: list[asyncio.Task[None]] = []
        entries, _suppressed = await sim.tailed(
            f'log_id("canario-audit") OR resource.labels.revision_name="{CANARY}"',
            many(2),
            opened=lambda: tasks.append(asyncio.create_task(write())),
        )
        assert written.is_set()
        assert {entry.text_payload or entry.http_request.request_url for entry in entries} == {
            "moved",
            "http://x/healthz",
        }


async def test_an_eleventh_session_is_refused_and_a_closed_one_makes_room() -> None:
    async with cloud() as sim:
        streams = [await open_stream(sim) for _number in range(10)]
        await until(lambda: len(sim.hub.sessions) == 10)
        assert await how_it_ends(await open_stream(sim)) is grpc.StatusCode.RESOURCE_EXHAUSTED
        streams[0].cancel()
        await until(lambda: len(sim.hub.sessions) == 9)
        await sim.tailed(REQUESTS, many(1))
        for stream in streams:
            stream.cancel()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the server's state has no event to wait for
            await asyncio.sleep(0.01)


async def how_it_ends(stream: Any) -> grpc.StatusCode:
    """Read a stream to its end, which must be an error."""
    with pytest.raises(exceptions.GoogleAPICallError) as ended:
        async for _response in stream:
            pass
    code = ended.value.grpc_status_code
    assert isinstance(code, grpc.StatusCode)
    return code


async def test_a_session_ends_after_an_hour() -> None:
    async with cloud("quiet-service") as sim:
        stream = await open_stream(sim)
        await until(lambda: sim.hub.sessions)
        sim.clock.set_now(sim.clock.now() + 3601)
        assert await how_it_ends(stream) is grpc.StatusCode.OUT_OF_RANGE
        await until(lambda: not sim.hub.sessions)


@pytest.mark.parametrize("who", ["front door", "logging"])
async def test_a_stream_that_is_cut_ends_unavailable_and_can_be_opened_again(who: str) -> None:
    async with cloud(speed=10) as sim:
        stream = await open_stream(sim)
        await until(lambda: sim.hub.sessions)
        assert (sim.door.cut_tails() if who == "front door" else sim.hub.cut_tails()) == 1
        assert await how_it_ends(stream) is grpc.StatusCode.UNAVAILABLE
        await until(lambda: not sim.hub.sessions)
        await sim.tailed(REQUESTS, many(1))


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (TailLogEntriesRequest(resource_names=PROJECT, filter="severity="), grpc.StatusCode.INVALID_ARGUMENT),
        (TailLogEntriesRequest(resource_names=[]), grpc.StatusCode.INVALID_ARGUMENT),
        (TailLogEntriesRequest(resource_names=["projects/other"]), grpc.StatusCode.PERMISSION_DENIED),
        (
            TailLogEntriesRequest(resource_names=PROJECT, buffer_window={"seconds": 61}),
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
    ],
)
async def test_a_wrong_request_is_refused(request_: TailLogEntriesRequest, code: grpc.StatusCode) -> None:
    async def requests() -> AsyncIterator[TailLogEntriesRequest]:
        yield request_

    async with cloud() as sim:
        assert await how_it_ends(await sim.logging.tail_log_entries(requests=requests())) is code
        assert not sim.hub.sessions


async def test_more_than_60_000_entries_a_minute_are_held_back_and_counted() -> None:
    async with cloud("busy-service", speed=10) as sim:
        entries, suppressed = await sim.tailed(REQUESTS, many(25_000))
        assert suppressed.keys() == {RATE_LIMIT}
        total = len(entries) + suppressed[RATE_LIMIT]
        assert suppressed[RATE_LIMIT] / total == pytest.approx(0.2, abs=0.07)
        span = (max(map(stamped, entries)) - min(map(stamped, entries))) / NS
        assert total / span == pytest.approx(1250, rel=0.1), "what is held back is counted in full"


async def test_a_sampled_filter_stays_under_the_limit() -> None:
    async with cloud("busy-service", speed=10) as sim:
        sim.traffic.split_changed("wa-backend", sim.traffic.start, {STABLE: 90, CANARY: 10})
        wanted = f'{REQUESTS} AND (resource.labels.revision_name="{CANARY}" OR sample(insertId, 0.3))'
        entries, suppressed = await sim.tailed(wanted, many(8000))
        assert suppressed == {}
        canary = sum(1 for entry in entries if entry.resource.labels["revision_name"] == CANARY)
        assert canary / len(entries) == pytest.approx(125 / (125 + 0.3 * 1125), abs=0.03)


async def test_a_later_request_of_a_session_changes_its_filter() -> None:
    async with cloud("bad-canary", speed=10) as sim:
        switch = asyncio.Event()

        async def requests() -> AsyncIterator[TailLogEntriesRequest]:
            yield TailLogEntriesRequest(resource_names=PROJECT, filter=REQUESTS)
            await switch.wait()
            yield TailLogEntriesRequest(resource_names=PROJECT, filter=OF_SERVICE + " AND severity>=ERROR")

        stream = await sim.logging.tail_log_entries(requests=requests())
        async for _response in stream:
            switch.set()
            break
        async with asyncio.timeout(10):
            async for response in stream:
                if {entry.severity for entry in response.entries} == {500}:
                    break
        stream.cancel()


# ------------------------------------------------------------ without a server


class HandClock:
    """A clock that the test sets."""

    speed = 1.0

    def __init__(self, now: float) -> None:
        self.time = now

    def now(self) -> float:
        return self.time


def by_hand(scenario: str = "busy-service") -> tuple[HandClock, TailHub]:
    clock = HandClock(1_795_601_100.0)
    traffic = Traffic(load_scenario(scenario), seed=7, start=clock.now())
    return clock, TailHub(LogBook(traffic, clock))


async def test_a_reader_who_is_too_slow_is_told_how_much_he_missed() -> None:
    clock, hub = by_hand()
    session = hub.open(parse(REQUESTS))
    clock.time += 60
    ready = await session._collect(hub.book.now_ns)
    missed = session._suppressed[NOT_CONSUMED]
    assert 0 < len(ready) < 20_000
    assert missed + len(ready) == pytest.approx(60 * 1250, rel=0.15)
    messages = session._batches([])
    assert len(messages) == 1, "it is told even when there is nothing else to say"


async def test_large_batches_are_cut_into_messages_that_clients_take() -> None:
    clock, hub = by_hand()
    session = hub.open(parse(REQUESTS))
    clock.time += 6
    messages = session._batches(await session._collect(hub.book.now_ns))
    assert len(messages) > 2
    assert max(len(message) for message in messages) < 4 * 1024 * 1024


def test_the_rate_limit_lets_60_000_entries_a_minute_through_whatever_the_pace_of_asking() -> None:
    for pause_s in (0.01, 0.1, 1.0, 5.0):
        limit = RateLimit(0)
        passed, now = 0, 0.0
        while now < 60:
            now += pause_s
            passed += limit.grant(int(2000 * pause_s), int(now * NS))
        assert passed == pytest.approx(ENTRIES_A_MINUTE, rel=0.03)


def test_readers_of_the_same_moment_share_what_was_made_for_one() -> None:
    clock, hub = by_hand()
    sessions: list[TailSession] = [hub.open(parse(REQUESTS)) for _number in range(2)]
    clock.time += 5
    tick = hub.book.traffic.start_tick + 3
    first, second = (session.selector.made(tick)[0] for session in sessions)
    assert len(first) > 50
    assert all(one is other for one, other in zip(first, second, strict=True))
    for session in sessions:
        session.close()
    assert hub.book.readers == 0


def test_a_filter_that_no_traffic_can_match_makes_nothing() -> None:
    _clock, hub = by_hand()
    selector = Selector(hub.book, parse('resource.labels.service_name="other" AND severity>=ERROR'))
    assert selector.made(hub.book.traffic.start_tick) == ([], 0)
    assert selector.next_alive(hub.book.traffic.start_tick, 1) > 1 << 50
    assert selector.next_alive(hub.book.traffic.start_tick, -1) < 0
