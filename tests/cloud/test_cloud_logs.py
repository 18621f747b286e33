"""An operator's console reads the log: the tail as it comes, the past, its own audit lines."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from console.clock import SystemClock
from console.cloud.client import Cloud
from console.cloud.logs import TailBatch
from console.cloud.target import CloudTarget
from console.errors import CloudError, InvalidRequestError, UnavailableError
from console.simulator.process import SimulatorProcess
from tests.forked import ForkedSimulator

REQUESTS = (
    'resource.type="cloud_run_revision" AND resource.labels.service_name="wa-backend"'
    ' AND logName:"run.googleapis.com%2Frequests"'
)


async def some_entries(cloud: Cloud, filter: str) -> TailBatch:
    tail = cloud.logs.tail(filter, buffer_window_s=1.0)
    try:
        async with asyncio.timeout(20):
            async for batch in tail:
                if batch.entries:
                    return batch
    finally:
        await tail.aclose()
    raise AssertionError("the tail ended")


async def test_the_tail_brings_requests_with_revision_status_and_latency(cloud: Cloud) -> None:
    batch = await some_entries(cloud, REQUESTS)
    assert len(batch.entries) > 10
    for line in batch.entries:
        assert (line.log, line.service) == ("requests", "wa-backend")
        assert line.revision.startswith("wa-backend-000")
        assert line.status >= 200
        assert line.latency_ms > 0
        assert line.text.startswith(line.method + " /")
        assert line.insert_id
        assert line.received >= line.timestamp
    assert len({line.insert_id for line in batch.entries}) == len(batch.entries)


async def test_the_tail_tells_the_time_too(cloud: Cloud) -> None:
    assert not cloud.server_clock.known
    await some_entries(cloud, REQUESTS)
    assert cloud.server_clock.known


async def test_a_filter_that_does_not_parse_is_refused_in_words(cloud: Cloud) -> None:
    with pytest.raises(InvalidRequestError):
        await some_entries(cloud, "severity>=")
    with pytest.raises(InvalidRequestError):
        await cloud.logs.list("AND AND")


async def test_the_past_is_listed_newest_first_or_oldest_first(cloud: Cloud) -> None:
    batch = await some_entries(cloud, REQUESTS)
    since = f'{REQUESTS} AND timestamp>="2026-11-25T10:00:00Z"'
    newest = await cloud.logs.list(since, limit=5)
    assert len(newest) == 5
    stamps = [line.timestamp for line in newest]
    assert stamps == sorted(stamps, reverse=True)
    oldest = await cloud.logs.list(since, limit=5, newest_first=False)
    assert oldest[0].timestamp <= batch.entries[0].timestamp
    assert oldest[0].timestamp <= oldest[-1].timestamp


async def test_more_than_a_page_is_read_page_by_page(cloud: Cloud) -> None:
    await some_entries(cloud, REQUESTS)
    lines = await cloud.logs.list(f'{REQUESTS} AND timestamp>="2026-11-25T10:00:00Z"', limit=1_500)
    assert len(lines) == 1_500
    assert len({line.insert_id for line in lines}) == 1_500


async def test_our_own_audit_line_can_be_read_back(cloud: Cloud) -> None:
    await cloud.logs.write_text(
        "canario-audit", {"message": "shift 10", "by": "maria", "took_s": 0.5, "automatic": False}
    )
    lines = await cloud.logs.list('logName="projects/demo/logs/canario-audit"')
    assert [(line.text, line.log, line.severity) for line in lines] == [("shift 10", "canario-audit", "NOTICE")]


async def test_an_operators_reader_can_be_cancelled_at_any_moment(cloud: Cloud) -> None:
    async def read() -> None:
        async for _batch in cloud.logs.tail(REQUESTS):
            pass

    for pause in (0.0, 0.05, 1.5):
        reader = asyncio.create_task(read())
        await asyncio.wait({reader}, timeout=pause)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
    assert await cloud.run.get_service("wa-backend")


async def test_a_stream_that_the_cloud_cuts_ends_in_a_sentence() -> None:
    with ForkedSimulator.start(scenario="healthy") as doomed:
        cloud = await Cloud.connect(CloudTarget("demo", "us-central1", doomed.grpc), SystemClock())
        tail = cloud.logs.tail(REQUESTS, buffer_window_s=0.0)
        assert (await anext(tail)) is not None
        doomed.kill()
        with pytest.raises(UnavailableError):
            async for _batch in tail:
                pass
        await cloud.close()


async def test_closing_the_connection_ends_a_tail_under_way(simulator: SimulatorProcess) -> None:
    cloud = await Cloud.connect(CloudTarget("demo", "us-central1", simulator.grpc), SystemClock())
    tail = cloud.logs.tail(REQUESTS, buffer_window_s=0.0)
    await anext(tail)
    await cloud.close()
    with pytest.raises(CloudError):
        async for _batch in tail:
            pass


async def test_every_change_is_in_the_audit_log_with_who_made_it(cloud: Cloud) -> None:
    service = await cloud.run.get_service("wa-backend")
    before = cloud.server_clock.now()
    assert before is not None
    await cloud.run.wait((await cloud.run.write(service, annotations={"acme.example/x": "1"})).operation)
    newest = (await cloud.logs.audit("wa-backend", since=before - timedelta(minutes=5)))[0]
    assert newest.principal == "maria@acme.example"
    assert newest.method.endswith("UpdateService")
    assert newest.resource.endswith("services/wa-backend")
    assert newest.time >= before - timedelta(minutes=1)
