"""What every call passes: operations, the clock's date, identities, permissions, audit entries, faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import grpc.aio
import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from google.cloud.audit import audit_log_pb2
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2AsyncClient
from google.cloud.logging_v2.services.logging_service_v2.transports import LoggingServiceV2GrpcAsyncIOTransport
from google.iam.v1 import iam_policy_pb2
from google.longrunning import operations_pb2
from google.protobuf import json_format

from console.simulator.callers import Permissions
from console.simulator.clock import SimClock
from console.simulator.faults import Faults
from console.simulator.interceptor import FrontDoor
from tests.simulator.conftest import CANARY, NOON, PARENT, SERVICE, STABLE, TEN_PERCENT, Cloud, MakeCloud


def call(cloud: Cloud, method: str, request: Any, answer: Any) -> grpc.aio.UnaryUnaryCall:
    """A bare call with raw messages, whose metadata can be read."""
    stub = cloud.channel.unary_unary(
        method, request_serializer=type(request).SerializeToString, response_deserializer=answer.FromString
    )
    return stub(request, metadata=cloud.metadata)


async def date_of(answer: grpc.aio.Call) -> datetime:
    return parsedate_to_datetime(str(dict(await answer.initial_metadata())["date"]))


def logging_client(cloud: Cloud) -> LoggingServiceV2AsyncClient:
    return LoggingServiceV2AsyncClient(transport=LoggingServiceV2GrpcAsyncIOTransport(channel=cloud.channel))


async def audits(cloud: Cloud) -> list[tuple[Any, audit_log_pb2.AuditLog]]:
    """(entry, audit) of each entry of the admin activity log, newest first."""
    wanted = 'logName="projects/demo/logs/cloudaudit.googleapis.com%2Factivity"'
    pager = await logging_client(cloud).list_log_entries(
        request={"resource_names": ["projects/demo"], "filter": wanted, "order_by": "timestamp desc"}
    )
    found = []
    async for entry in pager:
        audit = audit_log_pb2.AuditLog()
        assert type(entry).pb(entry).proto_payload.Unpack(audit)
        found.append((entry, audit))
    return found


# ---------------------------------------------------------------------------- date


async def test_every_answer_carries_the_simulators_clock(make_cloud: MakeCloud) -> None:
    cloud = await make_cloud(now=datetime(2026, 11, 27, 12, 0, tzinfo=UTC), speed=1.0)
    asked = run_v2.GetServiceRequest.pb(run_v2.GetServiceRequest(name=SERVICE))
    good = call(cloud, "/google.cloud.run.v2.Services/GetService", asked, run_v2.Service.pb())
    await good
    date = await date_of(good)
    assert abs((date - datetime(2026, 11, 27, 12, 0, tzinfo=UTC)).total_seconds()) <= 5
    asked.name += "x"
    for method in ("GetService", "NoSuchMethod"):
        bad = call(cloud, f"/google.cloud.run.v2.Services/{method}", asked, run_v2.Service.pb())
        with pytest.raises(grpc.aio.AioRpcError):
            await bad
        assert (await date_of(bad)).date() == date.date()


async def test_a_stream_tells_the_date_when_it_opens(cloud: Cloud) -> None:
    stream = await logging_client(cloud).tail_log_entries(
        requests=_once({"resource_names": ["projects/demo"], "filter": "severity>=DEFAULT"})
    )
    assert (await date_of(stream)).date() == NOON.date()
    stream.cancel()


async def _once(request: dict[str, Any]) -> Any:
    yield request


async def test_the_answer_to_a_long_wait_is_dated_when_it_leaves(make_cloud: MakeCloud) -> None:
    cloud = await make_cloud(speed=10.0)
    cloud.simulator.store.reconcile_s = 5.0
    name = await cloud.move(*TEN_PERCENT)
    begun = cloud.simulator.clock.now()
    request = operations_pb2.WaitOperationRequest(name=name)
    answer = call(cloud, "/google.longrunning.Operations/WaitOperation", request, operations_pb2.Operation)
    assert (await answer).done
    assert (await date_of(answer)).timestamp() >= begun + 3


# ---------------------------------------------------------------------------- operations


async def test_waiting_ends_the_moment_the_operation_does(make_cloud: MakeCloud) -> None:
    cloud = await make_cloud(speed=1.0)
    cloud.simulator.store.reconcile_s = 0.3
    name = await cloud.move(*TEN_PERCENT)
    begun = time.monotonic()
    assert (await cloud.wait(name)).done
    assert time.monotonic() - begun < 1.0


async def test_waiting_gives_up_at_its_timeout_or_before_the_callers_deadline(make_cloud: MakeCloud) -> None:
    cloud = await make_cloud(speed=1.0)
    cloud.simulator.store.reconcile_s = 600.0
    name = await cloud.move(*TEN_PERCENT)
    request = operations_pb2.WaitOperationRequest(name=name)
    request.timeout.FromMilliseconds(100)
    answer = call(cloud, "/google.longrunning.Operations/WaitOperation", request, operations_pb2.Operation)
    assert not (await answer).done
    assert not (await cloud.wait(name, timeout=0.3)).done


async def test_operations_can_be_read_and_listed(cloud: Cloud) -> None:
    name = await cloud.move(*TEN_PERCENT)
    await cloud.wait(name)
    got = await cloud.services.get_operation(operations_pb2.GetOperationRequest(name=name))
    assert got.done
    assert run_v2.Service.deserialize(got.response.value).name == SERVICE
    listed = await cloud.services.list_operations(operations_pb2.ListOperationsRequest(name=PARENT))
    assert name in [operation.name for operation in listed.operations]
    with pytest.raises(exceptions.NotFound):
        await cloud.services.get_operation(operations_pb2.GetOperationRequest(name=f"{PARENT}/operations/nix"))


async def test_googles_own_waiting_works_too(cloud: Cloud) -> None:
    change = run_v2.Service(name=SERVICE, annotations={"a.dev/b": "1"})
    operation = await cloud.services.update_service(service=change, update_mask={"paths": ["annotations"]})
    assert dict((await operation.result()).annotations) == {"a.dev/b": "1"}


# ---------------------------------------------------------------------------- who calls


async def test_each_change_leaves_an_audit_entry_of_who_made_it(cloud: Cloud) -> None:
    stale = (await cloud.get()).etag
    await cloud.settled(await cloud.move(*TEN_PERCENT))
    with pytest.raises(grpc.aio.AioRpcError):
        await cloud.move((STABLE, 100, ""), etag=stale)
    (refused, second), (entry, audit) = await audits(cloud)
    assert audit.service_name == "run.googleapis.com"
    assert audit.method_name == "google.cloud.run.v2.Services.UpdateService"
    assert audit.resource_name == SERVICE
    assert audit.authentication_info.principal_email == "maria@demo.example"
    request = json_format.MessageToDict(audit.request)
    assert request["service"]["traffic"][1] == {
        "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION",
        "revision": CANARY,
        "percent": 10,
    }
    assert entry.resource.labels["service_name"] == "wa-backend"
    assert entry.timestamp.timestamp() == pytest.approx(NOON.timestamp(), abs=900)
    assert not audit.HasField("status")
    assert second.status.code == grpc.StatusCode.ABORTED.value[0]
    assert refused.insert_id != entry.insert_id


async def test_a_caller_without_a_token_is_anonymous_and_may_do_everything(cloud: Cloud) -> None:
    cloud.metadata = ()
    after = await cloud.settled(await cloud.move(*TEN_PERCENT))
    assert after.last_modifier == "anonymous@demo.example"


async def test_expired_and_foreign_tokens_are_not_authenticated(cloud: Cloud) -> None:
    for token in ("sim-expired@demo.example", "ya29.something"):
        cloud.metadata = (("authorization", f"Bearer {token}"),)
        with pytest.raises(exceptions.Unauthenticated, match="invalid authentication credentials"):
            await cloud.get()


async def test_a_denied_caller_reads_and_cannot_write_and_is_told_which_permission(cloud: Cloud) -> None:
    cloud.metadata = (("authorization", "Bearer sim-denied@demo.example"),)
    before = await cloud.get()
    with pytest.raises(grpc.aio.AioRpcError, match=r"Permission 'run.services.update' denied on resource"):
        await cloud.move(*TEN_PERCENT)
    assert await cloud.get() == before
    asked = ["run.services.update", "run.services.get"]
    request = iam_policy_pb2.TestIamPermissionsRequest(resource=SERVICE, permissions=asked)
    held = await cloud.services.test_iam_permissions(request=request, metadata=cloud.metadata)
    assert list(held.permissions) == ["run.services.get"]
    with pytest.raises(exceptions.PermissionDenied):
        await logging_client(cloud).write_log_entries(
            request={"entries": [{"log_name": "projects/demo/logs/x", "text_payload": "x"}]}, metadata=cloud.metadata
        )
    (_entry, audit) = (await audits(cloud))[0]
    assert audit.status.code == grpc.StatusCode.PERMISSION_DENIED.value[0]
    assert not audit.authorization_info[0].granted


async def test_permissions_are_tested_by_name(cloud: Cloud) -> None:
    request = iam_policy_pb2.TestIamPermissionsRequest(resource=SERVICE, permissions=["run.services.update"])
    assert list((await cloud.services.test_iam_permissions(request=request)).permissions) == ["run.services.update"]
    request.permissions[:] = ["run.*"]
    with pytest.raises(exceptions.InvalidArgument):
        await cloud.services.test_iam_permissions(request=request)
    request = iam_policy_pb2.TestIamPermissionsRequest(resource=SERVICE + "x", permissions=["run.services.update"])
    assert list((await cloud.services.test_iam_permissions(request=request)).permissions) == []


# ---------------------------------------------------------------------------- faults


async def test_a_flaky_cloud_fails_calls_by_the_seed_and_repeats_them(make_cloud: MakeCloud) -> None:
    async def codes(seed: int) -> list[str]:
        cloud = await make_cloud(scenario="flaky-cloud", seed=seed)
        cloud.simulator.clock.set_now(NOON.timestamp() + 60)
        cloud.simulator.clock.set_speed(0.001)
        found = []
        for _number in range(150):
            try:
                await cloud.get()
                found.append("OK")
            except exceptions.GoogleAPICallError as error:
                found.append(str(error.grpc_status_code))
        return found

    first, again, other = await codes(1), await codes(1), await codes(2)
    assert first == again != other
    assert {code.rpartition(".")[2] for code in first} == {
        "OK", "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED",
    }  # fmt: skip


async def test_a_lost_answer_is_of_a_change_that_was_made(cloud: Cloud) -> None:
    from console.simulator.faults import Planned
    from console.simulator.status import Code

    cloud.simulator.faults.planned.append(Planned("UpdateService", Code.UNAVAILABLE, answered=True))
    with pytest.raises(grpc.aio.AioRpcError, match="UNAVAILABLE"):
        await cloud.move(*TEN_PERCENT)
    assert [t.percent for t in (await cloud.get()).traffic] == [90, 10, 0]
    await cloud.move((STABLE, 100, ""))


async def test_open_tails_can_be_cut(cloud: Cloud) -> None:
    stream = await logging_client(cloud).tail_log_entries(
        requests=_once({"resource_names": ["projects/demo"], "filter": "severity>=DEFAULT"})
    )
    await stream.initial_metadata()
    assert cloud.simulator.door.cut_tails() == 1
    with pytest.raises((grpc.aio.AioRpcError, exceptions.ServiceUnavailable), match=r"currently unavailable|UNAVAIL"):
        async for _answer in stream:
            pass
    assert (await cloud.get()).name == SERVICE


async def test_a_stream_cut_while_grpc_sends_a_message_ends_for_its_client_too() -> None:
    class Context:
        code: grpc.StatusCode | None = None

        def invocation_metadata(self) -> tuple[()]:
            return ()

        async def send_initial_metadata(self, _metadata: object) -> None: ...

        async def abort(self, code: grpc.StatusCode, _details: str, _trailing: object) -> None:
            self.code = code
            raise grpc.aio.AbortError

    async def endless(_request: object, _context: object) -> AsyncIterator[bytes]:
        while True:
            yield b"a message"

    door, context = FrontDoor(SimClock(NOON, 1.0), Faults(None, seed=7, start=0.0), Permissions()), Context()
    answers = door._streaming("TailLogEntries", endless)(None, context)
    assert await anext(answers) == b"a message"
    assert door.cut_tails() == 1
    with pytest.raises(grpc.aio.AbortError):
        await anext(answers)
    assert context.code is grpc.StatusCode.UNAVAILABLE


async def test_a_rival_moves_the_traffic_a_minute_after_the_first_move(make_cloud: MakeCloud) -> None:
    cloud = await make_cloud(scenario="rival-operator", speed=200.0)
    await cloud.settled(await cloud.move(*TEN_PERCENT))
    async with asyncio.timeout(10):
        while (await cloud.get()).last_modifier != "rival@demo.example":  # noqa: ASYNC110 - over the wire
            await asyncio.sleep(0.02)
    service = await cloud.get()
    assert {t.revision: t.percent for t in service.traffic if t.percent} == {STABLE: 60, CANARY: 40}
    assert [(t.revision, t.tag) for t in service.traffic if t.tag] == [(CANARY, "canary")]
    (_entry, audit) = (await audits(cloud))[0]
    assert audit.authentication_info.principal_email == "rival@demo.example"


async def test_a_bug_in_a_handler_is_an_internal_error_with_a_date(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(self: FrontDoor, *_more: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(FrontDoor, "_enter", broken)
    with pytest.raises(exceptions.InternalServerError, match="internal error"):
        await cloud.get()
    assert "boom" in caplog.text
