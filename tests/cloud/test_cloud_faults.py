"""A cloud that fails now and then: what is tried again, what never is, and what the operator is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from console.cloud.client import Cloud
from console.errors import (
    CanarioError,
    CloudError,
    ConfirmationLostError,
    ConflictError,
    CredentialsError,
    PermissionMissingError,
    QuotaError,
    UnavailableError,
)
from console.simulator.process import SimulatorProcess

NAME = "wa-backend"


@pytest.fixture(autouse=True)
def _well_again(simulator: SimulatorProcess) -> Iterator[None]:
    yield
    simulator.fault(unavailable=False, expired=False, hang=False, clear=True)


def fail_next(simulator: SimulatorProcess, method: str, code: str, **more: Any) -> None:
    simulator.fault(fail_next={"method": method, "code": code, **more})


def received(simulator: SimulatorProcess, method: str) -> int:
    calls: Any = simulator.state()["calls"]
    return int(calls.get(method, 0))


async def test_a_read_goes_through_a_moments_unavailability(cloud: Cloud, simulator: SimulatorProcess) -> None:
    fail_next(simulator, "GetService", "UNAVAILABLE", count=2)
    assert (await cloud.run.get_service(NAME)).name == NAME


async def test_a_read_does_not_hide_an_outage_for_long(cloud: Cloud, simulator: SimulatorProcess) -> None:
    simulator.fault(unavailable=True)
    before = received(simulator, "GetService")
    with pytest.raises(UnavailableError):
        await cloud.run.get_service(NAME)
    assert 2 <= received(simulator, "GetService") - before <= 6


async def test_a_read_that_hangs_ends_at_its_deadline(cloud: Cloud, simulator: SimulatorProcess) -> None:
    simulator.fault(hang=True)
    with pytest.raises(UnavailableError):
        await cloud.run.get_service(NAME, timeout_s=0.3)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("UNAVAILABLE", ConfirmationLostError),
        ("DEADLINE_EXCEEDED", ConfirmationLostError),
        ("INTERNAL", ConfirmationLostError),
        ("ABORTED", ConflictError),
        ("RESOURCE_EXHAUSTED", QuotaError),
        ("PERMISSION_DENIED", PermissionMissingError),
    ],
)
async def test_a_write_is_sent_once_whatever_the_cloud_says(
    cloud: Cloud, simulator: SimulatorProcess, code: str, expected: type[CanarioError]
) -> None:
    service = await cloud.run.get_service(NAME)
    before = received(simulator, "UpdateService")
    fail_next(simulator, "UpdateService", code)
    with pytest.raises(expected):
        await cloud.run.write(service, traffic=service.traffic)
    assert received(simulator, "UpdateService") - before == 1


async def test_a_write_whose_answer_alone_is_lost_was_made_all_the_same(
    cloud: Cloud, simulator: SimulatorProcess
) -> None:
    service = await cloud.run.get_service(NAME)
    fail_next(simulator, "UpdateService", "UNAVAILABLE", answered=True)
    with pytest.raises(ConfirmationLostError, match="may or may not"):
        await cloud.run.write(service, annotations={"acme.example/made": "yes"})
    assert (await cloud.run.get_service(NAME)).annotations["acme.example/made"] == "yes"


async def test_a_write_that_hangs_is_given_up_at_its_deadline_and_called_lost(
    cloud: Cloud, simulator: SimulatorProcess
) -> None:
    service = await cloud.run.get_service(NAME)
    simulator.fault(hang=True)
    with pytest.raises(ConfirmationLostError):
        await cloud.run.write(service, traffic=service.traffic, timeout_s=0.3)


async def test_waiting_for_a_change_outlives_a_short_outage(cloud: Cloud, simulator: SimulatorProcess) -> None:
    service = await cloud.run.get_service(NAME)
    stable, canary = service.latest_ready, service.effective.revision_for_tag("canary")
    other = next(r.name for r in await cloud.run.list_revisions(NAME) if r.name not in {stable, canary})
    change = await cloud.run.write(service, traffic=service.traffic.with_shares({other: 100}))
    fail_next(simulator, "WaitOperation", "UNAVAILABLE", count=3)
    after = await cloud.run.wait(change.operation)
    assert after.effective_shares() == {other: 100}


async def test_a_reconcile_that_fails_is_told_in_the_clouds_words_and_the_old_split_serves(
    cloud: Cloud, simulator: SimulatorProcess
) -> None:
    before = await cloud.run.get_service(NAME)
    other = next(r.name for r in await cloud.run.list_revisions(NAME) if r.name not in before.effective_shares())
    simulator.fault(fail_reconcile="Revision 'x' is not ready and cannot serve traffic. The container failed to start.")
    change = await cloud.run.write(before, traffic=before.traffic.with_shares({other: 100}))
    with pytest.raises(CloudError, match="container failed to start") as caught:
        await cloud.run.wait(change.operation)
    assert "still serves" in caught.value.traffic
    after = await cloud.run.get_service(NAME)
    assert after.effective_shares() == before.effective_shares()
    assert after.desired_shares() == {other: 100}
    assert not after.settled
    assert not after.ready
    assert "container failed to start" in after.condition


async def test_credentials_that_run_out_are_told_from_a_network_that_is_down(
    cloud: Cloud, simulator: SimulatorProcess
) -> None:
    simulator.fault(expired=True)
    with pytest.raises(CredentialsError, match="gcloud auth"):
        await cloud.run.get_service(NAME)


async def test_a_warm_up_without_the_permission_to_list_still_warms(cloud: Cloud, simulator: SimulatorProcess) -> None:
    simulator.fault(lost_permissions=["run.services.list"])
    await cloud.warm()
    assert cloud.channel_ready()


async def test_a_tail_that_the_cloud_cuts_ends_in_a_sentence_and_can_be_opened_again(
    cloud: Cloud, simulator: SimulatorProcess
) -> None:
    wanted = 'resource.type="cloud_run_revision"'
    tail = cloud.logs.tail(wanted, buffer_window_s=1.0)
    await anext(tail)
    simulator.fault(cut_tails=True)
    with pytest.raises(CloudError):
        async for _batch in tail:
            pass
    again = cloud.logs.tail(wanted, buffer_window_s=1.0)
    assert (await anext(again)).entries is not None
    await again.aclose()
