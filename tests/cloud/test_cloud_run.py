"""An operator's console reads and moves a Cloud Run service over the real clients."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from console.clock import SystemClock
from console.cloud.client import Cloud
from console.cloud.target import CloudTarget
from console.errors import (
    ConfirmationLostError,
    ConflictError,
    CredentialsError,
    InvalidRequestError,
    NotFoundError,
    PermissionMissingError,
)
from console.release.service import Service
from console.release.split import TrafficSplit
from console.simulator.process import SimulatorProcess

NAME = "wa-backend"


def canary_of(service: Service) -> str:
    name = service.effective.revision_for_tag("canary")
    assert name is not None
    return name


def stable_of(service: Service) -> str:
    shares = service.effective_shares()
    return max((name for name in shares if name != canary_of(service)), key=lambda name: shares[name])


async def moved(cloud: Cloud, percent: int) -> Service:
    service = await cloud.run.get_service(NAME)
    shares = {canary_of(service): percent, stable_of(service): 100 - percent}
    change = await cloud.run.write(service, traffic=service.traffic.with_shares(shares))
    return await cloud.run.wait(change.operation)


async def test_the_service_reads_with_its_split_tag_and_address(cloud: Cloud) -> None:
    service = await cloud.run.get_service(NAME)
    assert (service.name, service.project, service.region) == (NAME, "demo", "us-central1")
    assert service.etag
    assert service.ready
    assert service.effective.uri_for_tag("canary").startswith("http://127.0.0.1:")


async def test_every_service_of_the_region_is_listed(cloud: Cloud) -> None:
    assert [service.name for service in await cloud.run.list_services()] == [NAME, "wa-backend-staging"]


async def test_revisions_come_newest_first_and_no_more_than_asked_for(cloud: Cloud) -> None:
    revisions = await cloud.run.list_revisions(NAME)
    made = [revision.created for revision in revisions]
    assert made == sorted(made, key=lambda at: at or datetime.min.replace(tzinfo=UTC), reverse=True)
    assert all(revision.ready for revision in revisions)
    assert await cloud.run.list_revisions(NAME, limit=2) == revisions[:2]
    assert await cloud.run.get_revision(NAME, revisions[-1].name) == revisions[-1]


async def test_a_warm_channel_is_ready_and_knows_the_clouds_time(cloud: Cloud) -> None:
    assert not cloud.channel_ready()
    await cloud.warm()
    assert cloud.channel_ready()
    now = cloud.server_clock.now()
    assert now is not None
    assert now.date() == datetime(2026, 11, 25, tzinfo=UTC).date()


async def test_a_move_is_pending_until_the_cloud_has_carried_it_out(cloud: Cloud) -> None:
    service = await cloud.run.get_service(NAME)
    stable, canary = stable_of(service), canary_of(service)
    change = await cloud.run.write(service, traffic=service.traffic.with_shares({canary: 25, stable: 75}))
    assert change.service is not None
    assert change.service.reconciling
    assert change.service.desired_shares() == {canary: 25, stable: 75}
    assert not change.service.settled
    after = await cloud.run.wait(change.operation)
    assert after.settled
    assert after.effective_shares() == {canary: 25, stable: 75}
    assert after.effective.revision_for_tag("canary") == canary
    assert after.last_modifier == "maria@acme.example"


async def test_moving_traffic_leaves_the_template_and_foreign_annotations_alone(cloud: Cloud) -> None:
    before = await cloud.run.get_service(NAME)
    revisions = await cloud.run.list_revisions(NAME)
    change = await cloud.run.write(before, annotations={**before.annotations, "acme.example/team": "whatsapp\n\x1b"})
    annotated = await cloud.run.wait(change.operation)
    after = await moved(cloud, 30)
    assert after.annotations["acme.example/team"] == "whatsapp\n\x1b"
    assert after.template_fingerprint == before.template_fingerprint == annotated.template_fingerprint
    assert await cloud.run.list_revisions(NAME) == revisions


async def test_a_stale_look_cannot_win(cloud: Cloud) -> None:
    stale = await cloud.run.get_service(NAME)
    await moved(cloud, 35)
    with pytest.raises(ConflictError):
        await cloud.run.write(stale, traffic=stale.traffic)
    assert (await cloud.run.get_service(NAME)).effective_shares()[canary_of(stale)] == 35


async def test_without_an_etag_the_write_goes_through_whatever_happened(cloud: Cloud) -> None:
    stale = await cloud.run.get_service(NAME)
    await moved(cloud, 40)
    split = stale.traffic.with_shares({canary_of(stale): 45, stable_of(stale): 55})
    after = await cloud.run.wait((await cloud.run.write(stale, traffic=split, etag="")).operation)
    assert after.effective_shares()[canary_of(stale)] == 45


async def test_a_dry_run_changes_nothing(cloud: Cloud) -> None:
    before = await cloud.run.get_service(NAME)
    await cloud.run.write(before, traffic=TrafficSplit.of({stable_of(before): 100}), validate_only=True)
    assert (await cloud.run.get_service(NAME)).etag == before.etag


async def test_a_split_that_names_a_revision_that_is_not_there_is_refused_in_words(cloud: Cloud) -> None:
    service = await cloud.run.get_service(NAME)
    with pytest.raises(NotFoundError, match="wa-backend-09999-zzz") as caught:
        await cloud.run.write(service, traffic=TrafficSplit.of({"wa-backend-09999-zzz": 100}))
    assert "Nothing was changed" in caught.value.traffic


async def test_a_reserved_annotation_is_refused(cloud: Cloud) -> None:
    service = await cloud.run.get_service(NAME)
    with pytest.raises(InvalidRequestError):
        await cloud.run.write(service, annotations={"run.googleapis.com/launch-stage": "BETA"})


async def test_an_unknown_service_or_revision_is_not_found(cloud: Cloud) -> None:
    with pytest.raises(NotFoundError, match="no-such-service"):
        await cloud.run.get_service("no-such-service")
    with pytest.raises(NotFoundError):
        await cloud.run.get_revision(NAME, "wa-backend-00000-nil")


async def test_deploying_makes_a_revision_without_traffic_under_its_tag(cloud: Cloud) -> None:
    before = await moved(cloud, 20)
    change = await cloud.run.deploy(before, image="us-docker.pkg.dev/acme/wa/app:9", tag="next")
    after = await cloud.run.wait(change.operation)
    fresh = after.latest_created
    assert fresh is not None
    assert fresh not in {canary_of(before), stable_of(before)}
    assert after.effective_shares() == before.effective_shares()
    assert after.effective.revision_for_tag("next") == fresh
    assert after.effective.revision_for_tag("canary") == canary_of(before)
    assert after.template_fingerprint != before.template_fingerprint
    revision = await cloud.run.get_revision(NAME, fresh)
    assert revision.image == "us-docker.pkg.dev/acme/wa/app:9"
    assert revision.ready
    moved_on = await moved(cloud, 21)  # a later move must not trip over the template's revision name
    assert moved_on.template_fingerprint == after.template_fingerprint


async def test_waiting_is_given_up_in_time_and_the_change_goes_on(cloud: Cloud) -> None:
    service = await cloud.run.get_service(NAME)
    split = service.traffic.with_shares({canary_of(service): 15, stable_of(service): 85})
    change = await cloud.run.write(service, traffic=split)
    with pytest.raises(ConfirmationLostError, match="accepted"):
        await cloud.run.wait(change.operation, timeout_s=0.001)
    assert (await cloud.run.wait(change.operation)).effective_shares()[canary_of(service)] == 15


async def test_what_we_may_do_is_told(cloud: Cloud) -> None:
    asked = ["run.services.update", "run.services.get"]
    assert await cloud.run.test_permissions(NAME, asked) == frozenset(asked)


@pytest.mark.parametrize(
    ("email", "expected"),
    [("expired@acme.example", CredentialsError), ("denied@acme.example", PermissionMissingError)],
)
async def test_bad_credentials_and_missing_permissions_are_told_apart(
    simulator: SimulatorProcess, email: str, expected: type[Exception]
) -> None:
    cloud = await Cloud.connect(CloudTarget("demo", "us-central1", simulator.grpc, email=email), SystemClock())
    service = Service(name=NAME, project="demo", region="us-central1", etag="")
    with pytest.raises(expected):
        await cloud.run.write(service, annotations={"acme.example/a": "b"})
    await cloud.close()


async def test_an_operator_who_stops_waiting_does_not_stop_the_change(cloud: Cloud) -> None:
    service = await cloud.run.get_service(NAME)
    split = service.traffic.with_shares({canary_of(service): 16, stable_of(service): 84})
    change = await cloud.run.write(service, traffic=split)
    waiting = asyncio.create_task(cloud.run.wait(change.operation))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await cloud.run.wait(change.operation)).settled
