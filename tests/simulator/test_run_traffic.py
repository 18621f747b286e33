"""Traffic as Cloud Run keeps it, over the wire, with Google's own clients."""

from __future__ import annotations

import asyncio

import pytest
from google.api_core import exceptions
from google.cloud import run_v2

from tests.simulator.conftest import CANARY, PARENT, SERVICE, STABLE, TEN_PERCENT, Cloud, MakeCloud, targets


async def test_a_move_is_reconciled_and_then_serves(cloud: Cloud) -> None:
    before = await cloud.get()
    operation = await cloud.move(*TEN_PERCENT, etag=before.etag)
    during = run_v2.Service.deserialize(cloud.last.metadata.value)
    assert during.reconciling
    assert {t.revision: t.percent for t in during.traffic if t.percent} == {STABLE: 90, CANARY: 10}
    assert {t.revision: t.percent for t in during.traffic_statuses if t.percent} == {STABLE: 100}
    after = await cloud.settled(operation)
    assert not after.reconciling
    assert {t.revision: t.percent for t in after.traffic_statuses if t.percent} == {STABLE: 90, CANARY: 10}
    assert after.generation == before.generation + 1 == after.observed_generation
    assert after.terminal_condition.state == run_v2.Condition.State.CONDITION_SUCCEEDED
    assert after.last_modifier == "maria@demo.example"
    assert after.latest_created_revision == before.latest_created_revision


async def test_a_tag_keeps_its_own_target_and_address(cloud: Cloud) -> None:
    after = await cloud.settled(await cloud.move(*TEN_PERCENT))
    tagged = [t for t in after.traffic_statuses if t.tag]
    assert [(t.revision, t.percent, t.tag) for t in tagged] == [(CANARY, 0, "canary")]
    assert tagged[0].uri.startswith("http://127.0.0.1:")
    assert (await cloud.get()).uri.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([(STABLE, 90, ""), (CANARY, 9, "")], "sum to 100, got 99"),
        ([(STABLE, 101, "")], "between 0 and 100"),
        ([(STABLE, 110, ""), (CANARY, -10, "")], "between 0 and 100"),
        ([(CANARY, 0, "canary")], "sum to 100, got 0"),
        ([(STABLE, 100, "a"), (CANARY, 0, "a")], "more than one"),
        ([(STABLE, 100, "Loud")], "DNS label"),
    ],
)
async def test_a_split_that_cannot_be_is_refused(cloud: Cloud, lines: list[tuple[str, int, str]], words: str) -> None:
    before = await cloud.get()
    with pytest.raises(Exception, match=words) as caught:
        await cloud.move(*lines)
    assert "INVALID_ARGUMENT" in str(caught.value)
    assert (await cloud.get()).etag == before.etag


async def test_a_target_says_latest_or_names_a_revision(cloud: Cloud) -> None:
    for broken in ({"percent": 100}, {"percent": 100, "type_": 2}, {"percent": 100, "type_": 1, "revision": STABLE}):
        with pytest.raises(Exception, match="INVALID_ARGUMENT"):
            await cloud.update(run_v2.Service(name=SERVICE, traffic=[broken]), "traffic")


async def test_an_unknown_or_deleted_revision_is_not_found_in_cloud_runs_words(cloud: Cloud) -> None:
    words = "Revision '{}' does not exist or is deleted. Update all traffic to route to currently available revisions."
    with pytest.raises(Exception, match=words.format("wa-backend-00099-nix")):
        await cloud.move(("wa-backend-00099-nix", 100, ""))
    old = "wa-backend-00037-qib"
    await (await cloud.revisions.delete_revision(name=f"{SERVICE}/revisions/{old}")).result()
    with pytest.raises(exceptions.NotFound):
        await cloud.revisions.get_revision(name=f"{SERVICE}/revisions/{old}")
    with pytest.raises(Exception, match=words.format(old)) as caught:
        await cloud.move((old, 100, ""))
    assert "NOT_FOUND" in str(caught.value)


async def test_empty_traffic_means_all_to_the_latest_ready(cloud: Cloud) -> None:
    after = await cloud.settled(await cloud.update(run_v2.Service(name=SERVICE), "traffic"))
    assert [(t.type_, t.percent) for t in after.traffic_statuses] == [
        (run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST, 100)
    ]
    assert cloud.simulator.store.effective_shares("wa-backend") == {CANARY: 100}


async def test_latest_and_a_name_can_share(cloud: Cloud) -> None:
    after = await cloud.settled(await cloud.move(("", 25, ""), (STABLE, 75, "")))
    assert [(t.revision, t.percent) for t in after.traffic_statuses] == [("", 25), (STABLE, 75)]
    assert cloud.simulator.store.effective_shares("wa-backend") == {CANARY: 25, STABLE: 75}


async def test_a_stale_etag_is_aborted_and_none_is_not_checked(cloud: Cloud) -> None:
    before = await cloud.get()
    await cloud.move(*TEN_PERCENT, etag=before.etag)
    with pytest.raises(Exception, match="Conflict for resource 'wa-backend'") as caught:
        await cloud.move((STABLE, 100, ""), etag=before.etag)
    assert "ABORTED" in str(caught.value)
    after = await cloud.settled(await cloud.move((STABLE, 100, ""), etag=""))
    assert {t.revision: t.percent for t in after.traffic_statuses if t.percent} == {STABLE: 100}


async def test_fields_outside_the_mask_are_kept(cloud: Cloud) -> None:
    before = await cloud.get()
    change = run_v2.Service(name=SERVICE, annotations={"canario.dev/release": "{}"}, description="not in the mask")
    after = await cloud.settled(await cloud.update(change, "annotations"))
    assert dict(after.annotations) == {"canario.dev/release": "{}"}
    assert after.description == before.description
    assert list(after.traffic) == list(before.traffic)
    assert after.template == before.template
    assert after.generation == before.generation + 1
    assert after.latest_created_revision == before.latest_created_revision


async def test_both_masks_replace_whole_lists_and_maps(cloud: Cloud) -> None:
    await cloud.settled(await cloud.update(run_v2.Service(name=SERVICE, annotations={"a.dev/b": "1"}), "annotations"))
    change = run_v2.Service(name=SERVICE, annotations={"c.dev/d": "2"}, traffic=targets((STABLE, 100, "")))
    after = await cloud.settled(await cloud.update(change, "traffic", "annotations"))
    assert dict(after.annotations) == {"c.dev/d": "2"}
    assert [(t.revision, t.tag) for t in after.traffic] == [(STABLE, "")]


async def test_a_nested_path_and_one_in_camel_case_are_honoured(cloud: Cloud) -> None:
    change = run_v2.Service(name=SERVICE, scaling={"min_instance_count": 3, "max_instance_count": 9})
    after = await cloud.settled(await cloud.update(change, "scaling.minInstanceCount"))
    assert (after.scaling.min_instance_count, after.scaling.max_instance_count) == (3, 0)
    with pytest.raises(Exception, match="invalid path 'trafic'"):
        await cloud.update(change, "trafic")


@pytest.mark.parametrize(
    "key",
    ["run.googleapis.com/x", "cloud.googleapis.com/x", "serving.knative.dev/x", "autoscaling.knative.dev/minScale"],
)
async def test_reserved_annotations_are_refused(cloud: Cloud, key: str) -> None:
    with pytest.raises(Exception, match="reserved") as caught:
        await cloud.update(run_v2.Service(name=SERVICE, annotations={key: "1"}), "annotations")
    assert "INVALID_ARGUMENT" in str(caught.value)


async def test_validate_only_changes_nothing_and_still_refuses(cloud: Cloud) -> None:
    before = await cloud.get()
    await cloud.update(run_v2.Service(name=SERVICE, traffic=targets(*TEN_PERCENT)), "traffic", validate_only=True)
    assert cloud.last.done
    with pytest.raises(Exception, match="INVALID_ARGUMENT"):
        await cloud.update(
            run_v2.Service(name=SERVICE, traffic=targets((STABLE, 1, ""))), "traffic", validate_only=True
        )
    assert await cloud.get() == before


async def test_writing_what_is_desired_already_is_no_change(cloud: Cloud) -> None:
    await cloud.settled(await cloud.move(*TEN_PERCENT))
    before = await cloud.get()
    operation = await cloud.move(*TEN_PERCENT)
    assert cloud.last.done
    assert (await cloud.settled(operation)).generation == before.generation


async def test_a_rollback_overtakes_a_move_that_is_still_reconciling(make_cloud: MakeCloud) -> None:
    cloud = await make_cloud(speed=1.0)
    forward = await cloud.move(*TEN_PERCENT)
    back = await cloud.move((STABLE, 100, ""), (CANARY, 0, "canary"))
    cloud.simulator.clock.set_speed(1000)
    after, overtaken = await asyncio.gather(cloud.settled(back), cloud.settled(forward))
    assert {t.revision: t.percent for t in after.traffic_statuses if t.percent} == {STABLE: 100}
    assert overtaken.generation == after.generation
    told = [dict(change.shares) for change in cloud.simulator.traffic.service("wa-backend").changes]
    assert told == [{STABLE: 100}]


async def test_traffic_to_a_revision_that_is_not_ready_fails_and_the_old_state_serves(cloud: Cloud) -> None:
    cloud.simulator.store.break_revision("wa-backend", CANARY, "The instance failed its health check.", 0.0)
    before = await cloud.get()
    done = await cloud.wait(await cloud.move(*TEN_PERCENT))
    assert done.done
    assert f"Revision '{CANARY}' is not ready and cannot serve traffic." in done.error.message
    after = await cloud.get()
    assert not after.reconciling
    assert {t.revision: t.percent for t in after.traffic_statuses if t.percent} == {STABLE: 100}
    assert {t.revision: t.percent for t in after.traffic if t.percent} == {STABLE: 90, CANARY: 10}
    assert after.terminal_condition.state == run_v2.Condition.State.CONDITION_FAILED
    assert CANARY in after.terminal_condition.message
    assert after.observed_generation == before.observed_generation < after.generation
    back = await cloud.settled(await cloud.move((STABLE, 100, "")))
    assert back.terminal_condition.state == run_v2.Condition.State.CONDITION_SUCCEEDED


async def test_a_missing_service_is_named(cloud: Cloud) -> None:
    with pytest.raises(exceptions.NotFound, match="Resource 'nix' of kind 'SERVICE'"):
        await cloud.get(f"{PARENT}/services/nix")
    with pytest.raises(exceptions.PermissionDenied):
        await cloud.get("projects/other/locations/us-central1/services/wa-backend")
    with pytest.raises(Exception, match="NOT_FOUND"):
        await cloud.update(run_v2.Service(name=f"{PARENT}/services/nix"), "traffic")
