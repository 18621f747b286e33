"""A server in the test's own process that speaks Logging and Monitoring over modelled traffic, and real clients."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc.aio
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2AsyncClient
from google.cloud.logging_v2.services.logging_service_v2.transports import LoggingServiceV2GrpcAsyncIOTransport
from google.cloud.logging_v2.types import TailLogEntriesRequest, TailLogEntriesResponse
from google.cloud.monitoring_v3 import MetricServiceAsyncClient
from google.cloud.monitoring_v3.services.metric_service.transports import MetricServiceGrpcAsyncIOTransport

from console.simulator import logging_service, monitoring_service
from console.simulator.callers import Permissions
from console.simulator.clock import SimClock
from console.simulator.faults import Faults
from console.simulator.interceptor import FrontDoor
from console.simulator.logs import LogBook
from console.simulator.scenario import Scenario, load_scenario
from console.simulator.tail import TailHub
from console.simulator.traffic import Traffic

START = datetime(2026, 11, 25, 10, 5, tzinfo=UTC)
"""A Wednesday, inside the window."""
PROJECT = ["projects/demo"]
STABLE = "wa-backend-00041-kem"
CANARY = "wa-backend-00042-vez"
OF_SERVICE = 'resource.type="cloud_run_revision" AND resource.labels.service_name="wa-backend"'
REQUESTS = OF_SERVICE + ' AND log_id("run.googleapis.com/requests")'


@dataclass
class Cloud:
    """A simulated cloud and clients that speak to it."""

    clock: SimClock
    traffic: Traffic
    book: LogBook
    hub: TailHub
    door: FrontDoor
    logging: LoggingServiceV2AsyncClient
    monitoring: MetricServiceAsyncClient

    async def listed(
        self, wanted: str, *, newest_first: bool = False, limit: int = 100_000, page: int = 1000
    ) -> list[Any]:
        """What ListLogEntries gives, page by page, as raw protobuf."""
        order = "timestamp desc" if newest_first else "timestamp asc"
        request = {"resource_names": PROJECT, "filter": wanted, "order_by": order, "page_size": page}
        found: list[Any] = []
        async for entry in await self.logging.list_log_entries(request=request, retry=None):
            found.append(type(entry).pb(entry))
            if len(found) >= limit:
                break
        return found

    async def tailed(
        self,
        wanted: str,
        until: Callable[[list[Any], dict[int, int]], bool],
        *,
        window_s: float | None = None,
        opened: Callable[[], object] = lambda: None,
    ) -> tuple[list[Any], dict[int, int]]:
        """What TailLogEntries gives until a condition holds: raw entries, and suppressed counts by reason."""
        request = TailLogEntriesRequest(resource_names=PROJECT, filter=wanted)
        if window_s is not None:
            TailLogEntriesRequest.pb(request).buffer_window.FromNanoseconds(int(window_s * 1e9))

        async def requests() -> AsyncIterator[TailLogEntriesRequest]:
            yield request

        stream = await self.logging.tail_log_entries(requests=requests())
        await stream.initial_metadata()
        opened()
        entries: list[Any] = []
        suppressed: dict[int, int] = {}
        async for response in stream:
            message = TailLogEntriesResponse.pb(response)
            entries += message.entries
            for info in message.suppression_info:
                suppressed[info.reason] = suppressed.get(info.reason, 0) + info.suppressed_count
            if until(entries, suppressed):
                stream.cancel()
                break
        return entries, suppressed


@asynccontextmanager
async def cloud(
    scenario: str | Scenario = "healthy", *, speed: float = 1.0, seed: int = 7, start: datetime = START
) -> AsyncIterator[Cloud]:
    """A simulated cloud that serves until the block ends."""
    clock = SimClock(start, speed)
    world = load_scenario(scenario) if isinstance(scenario, str) else scenario
    traffic = Traffic(world, seed=seed, start=clock.now())
    book = LogBook(traffic, clock)
    hub = TailHub(book)
    door = FrontDoor(clock, Faults(None, seed=seed, start=0.0), Permissions())
    server = grpc.aio.server(interceptors=(door,))
    server.add_generic_rpc_handlers(
        (*logging_service.handlers(book, hub), *monitoring_service.handlers(traffic, clock))
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    try:
        yield Cloud(
            clock,
            traffic,
            book,
            hub,
            door,
            LoggingServiceV2AsyncClient(transport=LoggingServiceV2GrpcAsyncIOTransport(channel=channel)),
            MetricServiceAsyncClient(transport=MetricServiceGrpcAsyncIOTransport(channel=channel)),
        )
    finally:
        await channel.close()
        await server.stop(0)
