"""Revisions as Cloud Run makes, names, fails, prunes and deletes them."""

from __future__ import annotations

import pytest
from google.api_core import exceptions
from google.cloud import run_v2

from console.simulator import rules
from tests.simulator.conftest import CANARY, PARENT, SERVICE, STABLE, Cloud, targets

IMAGE = "us-central1-docker.pkg.dev/demo/wa-app/wa-backend"


async def deploy(cloud: Cloud, tag: str, *, name: str = "", traffic: list[run_v2.TrafficTarget] | None = None) -> str:
    """Change the template's image, as a deploy does; the operation's name."""
    template = run_v2.RevisionTemplate((await cloud.get()).template)
    template.containers[0].image = f"{IMAGE}:{tag}"
    template.revision = name
    service = run_v2.Service(name=SERVICE, template=template, traffic=traffic or [])
    return await cloud.update(service, *(["template", "traffic"] if traffic is not None else ["template"]))


def condition(revision: run_v2.Revision) -> run_v2.Condition:
    return next(c for c in revision.conditions if c.type_ == "Ready")


async def test_a_changed_template_makes_a_revision_that_the_server_names(cloud: Cloud) -> None:
    before = await cloud.get()
    after = await cloud.settled(await deploy(cloud, "fed9876"))
    made = after.latest_created_revision.rpartition("/")[2]
    assert made != before.latest_created_revision.rpartition("/")[2]
    assert made.startswith("wa-backend-00043-")
    revision = await cloud.revisions.get_revision(name=after.latest_created_revision)
    assert revision.containers[0].image == f"{IMAGE}:fed9876"
    assert revision.containers[0].env[0].name == "LOG_LEVEL"
    assert revision.creator == "maria@demo.example"
    assert condition(revision).state == run_v2.Condition.State.CONDITION_SUCCEEDED
    assert {t.revision: t.percent for t in after.traffic_statuses if t.percent} == {STABLE: 100}


async def test_a_revision_without_traffic_or_tag_is_retired_and_latest_ready_stays(cloud: Cloud) -> None:
    before = await cloud.get()
    after = await cloud.settled(await deploy(cloud, "fed9876"))
    assert after.latest_ready_revision == before.latest_ready_revision != after.latest_created_revision
    retired = condition(await cloud.revisions.get_revision(name=after.latest_created_revision))
    assert retired.revision_reason == run_v2.Condition.RevisionReason.RETIRED
    await cloud.settled(await cloud.move(("", 100, "")))
    assert (await cloud.get()).latest_ready_revision == after.latest_created_revision


async def test_one_call_may_name_a_new_revision_and_send_traffic_to_it(cloud: Cloud) -> None:
    name = "wa-backend-00043-abc"
    traffic = targets((STABLE, 100, ""), (name, 0, "green"))
    after = await cloud.settled(await deploy(cloud, "fed9876", name=name, traffic=traffic))
    assert after.latest_ready_revision == f"{SERVICE}/revisions/{name}"
    assert [(t.revision, t.tag) for t in after.traffic_statuses if t.tag] == [(name, "green")]
    assert f"{name}" in cloud.simulator.info()["revisions"]


async def test_an_existing_name_with_another_configuration_already_exists(cloud: Cloud) -> None:
    words = f"Revision named '{CANARY}' with different configuration already exists."
    with pytest.raises(Exception, match=words) as caught:
        await deploy(cloud, "fed9876", name=CANARY)
    assert "ALREADY_EXISTS" in str(caught.value)
    with pytest.raises(Exception, match="must be prefixed with 'wa-backend-'"):
        await deploy(cloud, "fed9876", name="other-00001-abc")


async def test_echoing_the_whole_service_with_other_traffic_makes_no_revision(cloud: Cloud) -> None:
    whole = await cloud.get()
    whole.traffic = targets((STABLE, 50, ""), (CANARY, 50, ""))
    after = await cloud.settled(await cloud.update(whole))
    assert after.latest_created_revision == whole.latest_created_revision
    assert {t.revision: t.percent for t in after.traffic_statuses} == {STABLE: 50, CANARY: 50}
    assert dict(after.labels) == dict(whole.labels)


@pytest.mark.parametrize(
    ("tag", "words"), [("nostart-1", "failed to start and listen on the port"), ("missing", "not found")]
)
async def test_an_image_that_cannot_start_fails_the_reconcile_and_the_old_one_serves(
    cloud: Cloud, tag: str, words: str
) -> None:
    before = await cloud.get()
    done = await cloud.wait(await deploy(cloud, tag))
    assert words in done.error.message
    after = await cloud.get()
    assert after.terminal_condition.state == run_v2.Condition.State.CONDITION_FAILED
    assert words in after.terminal_condition.message
    assert list(after.traffic_statuses) == list(before.traffic_statuses)
    assert after.latest_ready_revision == before.latest_ready_revision
    broken = await cloud.revisions.get_revision(name=after.latest_created_revision)
    assert words in condition(broken).message
    back = await cloud.settled(await cloud.move((STABLE, 100, "")))
    assert back.terminal_condition.state == run_v2.Condition.State.CONDITION_SUCCEEDED


async def test_a_serving_tagged_or_latest_revision_is_not_deleted(cloud: Cloud) -> None:
    for name in (STABLE, CANARY):
        with pytest.raises(exceptions.FailedPrecondition, match="can receive traffic"):
            await cloud.revisions.delete_revision(name=f"{SERVICE}/revisions/{name}")
    old = f"{SERVICE}/revisions/wa-backend-00037-qib"
    with pytest.raises(exceptions.Aborted):
        await cloud.revisions.delete_revision(request={"name": old, "etag": '"stale"'})
    deleted = await (await cloud.revisions.delete_revision(name=old)).result()
    assert deleted.name == old
    assert deleted.delete_time is not None
    with pytest.raises(exceptions.NotFound, match="kind 'REVISION'"):
        await cloud.revisions.get_revision(name=old)
    listed = [r.name async for r in await cloud.revisions.list_revisions(parent=SERVICE)]
    shown = [
        r.name async for r in await cloud.revisions.list_revisions(request={"parent": SERVICE, "show_deleted": True})
    ]
    assert old not in listed
    assert old in shown


async def test_lists_come_in_pages_newest_first(cloud: Cloud) -> None:
    pager = await cloud.revisions.list_revisions(request={"parent": SERVICE, "page_size": 4})
    pages = [[r.name.rpartition("/")[2] for r in page.revisions] async for page in pager.pages]
    assert [len(page) for page in pages] == [4, 2]
    names = [name for page in pages for name in page]
    assert names[0] == CANARY
    assert names == sorted(names, reverse=True)
    everywhere = [r async for r in await cloud.revisions.list_revisions(parent=f"{PARENT}/services/-")]
    assert len(everywhere) == 9
    for bad in ({"page_token": "nonsense"}, {"page_size": -1}):
        with pytest.raises(exceptions.InvalidArgument):
            await cloud.revisions.list_revisions(request={"parent": SERVICE, **bad})


async def test_a_page_token_survives_what_comes_meanwhile_and_fits_its_list_alone(cloud: Cloud) -> None:
    first = await anext((await cloud.revisions.list_revisions(request={"parent": SERVICE, "page_size": 3})).pages)
    await cloud.settled(await deploy(cloud, "fed9876"))
    request = {"parent": SERVICE, "page_size": 3, "page_token": first.next_page_token}
    second = await anext((await cloud.revisions.list_revisions(request=request)).pages)
    names = [r.name for r in (*first.revisions, *second.revisions)]
    assert len(names) == len(set(names)) == 6
    with pytest.raises(exceptions.InvalidArgument):
        await cloud.revisions.list_revisions(request=request | {"parent": f"{PARENT}/services/-"})


async def test_services_are_listed_in_our_region_only(cloud: Cloud) -> None:
    names = [s.name.rpartition("/")[2] async for s in await cloud.services.list_services(parent=PARENT)]
    assert names == ["wa-backend", "wa-backend-staging"]
    elsewhere = "projects/demo/locations/europe-west1"
    assert [s async for s in await cloud.services.list_services(parent=elsewhere)] == []
    for parent, error in (
        ("projects/demo/locations/-", exceptions.InvalidArgument),
        ("projects/demo", exceptions.PermissionDenied),
        ("projects/other/locations/us-central1", exceptions.PermissionDenied),
    ):
        with pytest.raises(error):
            await cloud.services.list_services(parent=parent)


async def test_at_most_a_thousand_revisions_are_kept_and_what_serves_is_never_pruned(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MAX_REVISIONS", 5)
    cloud.simulator.store.reconcile_s = 0.0
    oldest = "wa-backend-00037-qib"
    await cloud.settled(await cloud.move((oldest, 100, ""), (CANARY, 0, "canary")))
    for number in range(4):
        await cloud.settled(await deploy(cloud, f"v{number}"))
    left = [r.name.rpartition("/")[2] async for r in await cloud.revisions.list_revisions(parent=SERVICE)]
    assert len(left) == 5
    assert {oldest, CANARY} <= set(left)


async def test_a_service_can_be_created_with_its_first_revision(cloud: Cloud) -> None:
    service = run_v2.Service(template={"containers": [{"image": f"{IMAGE}:new"}]})
    operation = await cloud.services.create_service(parent=PARENT, service=service, service_id="wa-panel")
    made = await operation.result()
    assert made.name == f"{PARENT}/services/wa-panel"
    assert made.generation == made.observed_generation == 1
    assert [t.percent for t in made.traffic_statuses] == [100]
    assert made.latest_ready_revision.rpartition("/")[2].startswith("wa-panel-00001-")
    assert made.uri
    with pytest.raises(exceptions.AlreadyExists):
        await cloud.services.create_service(parent=PARENT, service=service, service_id="wa-panel")
    for bad_id in ("Wa", "9x", "x" * 50, ""):
        with pytest.raises(exceptions.InvalidArgument):
            await cloud.services.create_service(parent=PARENT, service=service, service_id=bad_id)
    with pytest.raises(exceptions.InvalidArgument, match="image"):
        await cloud.services.create_service(parent=PARENT, service=run_v2.Service(), service_id="wa-empty")
