"""A simulator in this very process, with Google's own clients connected to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc.aio
import pytest
from google.cloud import run_v2
from google.cloud.run_v2.services.revisions.transports import RevisionsGrpcAsyncIOTransport
from google.cloud.run_v2.services.services.transports import ServicesGrpcAsyncIOTransport
from google.longrunning import operations_pb2

from console.simulator.options import SimulatorOptions
from console.simulator.server import Simulator

PARENT = "projects/demo/locations/us-central1"
SERVICE = f"{PARENT}/services/wa-backend"
STABLE = "wa-backend-00041-kem"
CANARY = "wa-backend-00042-vez"
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def targets(*lines: tuple[str, int, str]) -> list[run_v2.TrafficTarget]:
    """Traffic from (revision, percent, tag); an empty revision is LATEST."""
    kinds = run_v2.TrafficTargetAllocationType
    return [
        run_v2.TrafficTarget(
            type_=kinds.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
            if revision
            else kinds.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST,
            revision=revision,
            percent=percent,
            tag=tag,
        )
        for revision, percent, tag in lines
    ]


TEN_PERCENT = [(STABLE, 90, ""), (CANARY, 10, ""), (CANARY, 0, "canary")]


@dataclass
class Cloud:
    """One simulator, and the clients."""

    simulator: Simulator
    info: dict[str, Any]
    channel: grpc.aio.Channel
    services: run_v2.ServicesAsyncClient = field(init=False)
    revisions: run_v2.RevisionsAsyncClient = field(init=False)
    metadata: Sequence[tuple[str, str]] = (("authorization", "Bearer sim-maria@demo.example"),)

    def __post_init__(self) -> None:
        self.services = run_v2.ServicesAsyncClient(transport=ServicesGrpcAsyncIOTransport(channel=self.channel))
        self.revisions = run_v2.RevisionsAsyncClient(transport=RevisionsGrpcAsyncIOTransport(channel=self.channel))

    async def get(self, name: str = SERVICE) -> run_v2.Service:
        return await self.services.get_service(name=name, retry=None, metadata=self.metadata)

    async def update(self, service: run_v2.Service, *paths: str, **more: Any) -> str:
        """UpdateService by mask; the operation's name."""
        request = run_v2.UpdateServiceRequest(service=service, update_mask={"paths": list(paths)}, **more)
        call = self.channel.unary_unary(
            "/google.cloud.run.v2.Services/UpdateService",
            request_serializer=run_v2.UpdateServiceRequest.serialize,
            response_deserializer=operations_pb2.Operation.FromString,
        )
        operation = await call(request, metadata=self.metadata)
        self.last: operations_pb2.Operation = operation
        return str(operation.name)

    async def move(self, *lines: tuple[str, int, str], etag: str = "") -> str:
        """Change the traffic; the operation's name."""
        return await self.update(run_v2.Service(name=SERVICE, etag=etag, traffic=targets(*lines)), "traffic")

    async def wait(self, operation: str, timeout: float = 10.0) -> operations_pb2.Operation:
        call = self.channel.unary_unary(
            "/google.longrunning.Operations/WaitOperation",
            request_serializer=operations_pb2.WaitOperationRequest.SerializeToString,
            response_deserializer=operations_pb2.Operation.FromString,
        )
        answer = await call(
            operations_pb2.WaitOperationRequest(name=operation), metadata=self.metadata, timeout=timeout
        )
        assert isinstance(answer, operations_pb2.Operation)
        return answer

    async def settled(self, operation: str) -> run_v2.Service:
        """The service that an operation ends with."""
        done = await self.wait(operation)
        assert done.done
        assert not done.HasField("error"), done.error
        return run_v2.Service.deserialize(done.response.value)


MakeCloud = Callable[..., Awaitable[Cloud]]


@pytest.fixture
async def make_cloud() -> AsyncIterator[MakeCloud]:
    """Starts simulators in this process that stop with the test."""
    started: list[Cloud] = []

    async def make(**options: Any) -> Cloud:
        chosen = {"scenario": "healthy", "now": NOON, "seed": 7, "speed": 100.0, "bare": True} | options
        simulator = Simulator(SimulatorOptions(**chosen))
        info = await simulator.start()
        cloud = Cloud(simulator, info, grpc.aio.insecure_channel(str(info["grpc"])))
        started.append(cloud)
        return cloud

    yield make
    for cloud in started:
        await cloud.channel.close()
        await cloud.simulator.stop()


@pytest.fixture
async def cloud(make_cloud: MakeCloud) -> Cloud:
    """A healthy one at a hundred times the speed."""
    return await make_cloud()
