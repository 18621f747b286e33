"""Which image a revision runs: its tag may be pushed again, and only Cloud Run's v1 API tells the digest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from google.cloud import run_v2

from console.cloud import convert
from console.cloud.client import Cloud
from console.cloud.digests import digest_in
from console.release.template import changed_parts
from console.simulator.process import SimulatorProcess


async def test_the_same_tag_pushed_again_is_another_image_on_the_next_revision(
    simulator: SimulatorProcess, cloud: Cloud
) -> None:
    tag = "us-central1-docker.pkg.dev/demo/wa-app/wa-backend:again"

    async def deployed() -> str:
        service = await cloud.run.get_service("wa-backend")
        pending = await cloud.run.deploy(service, image=tag, tag="canary")
        assert pending.service is not None
        await cloud.run.wait(pending.operation)
        name = pending.service.latest_created or ""
        revision = await cloud.run.get_revision("wa-backend", name)
        assert revision.image == tag, "the v2 API tells the image as it was written"
        (revision,) = await cloud.run.with_digests((revision,), (name,))
        return revision.identity

    first = await deployed()
    again = await deployed()
    assert first == again, "the same push is the same image"
    await asyncio.to_thread(simulator.post, "/push", {"image": tag})
    pushed = await deployed()
    assert first.startswith("sha256:")
    assert pushed.startswith("sha256:")
    assert pushed != first


async def test_what_cannot_be_read_leaves_the_revision_itself_as_the_identity(
    simulator: SimulatorProcess, cloud: Cloud
) -> None:
    (one, *_rest) = await cloud.run.list_revisions("wa-backend", limit=1)
    await asyncio.to_thread(simulator.post, "/fault", {"lost_permissions": ["run.revisions.get"]})
    (unread,) = await cloud.run.with_digests((one,), (one.name,))
    assert one.asking, "its identity may still change"
    assert unread.identity == f"{one.image}#{one.name}"
    assert not unread.asking
    assert "403" in cloud.run.digests.problem
    await asyncio.to_thread(simulator.post, "/fault", {"clear": True})
    (read,) = await cloud.run.with_digests((one,), (one.name,), again=True)
    assert read.identity.startswith("sha256:")


@pytest.mark.parametrize(
    "told", [None, {}, {"status": None}, {"status": {"imageDigest": 7}}, {"status": {"imageDigest": "x@md5:1"}}]
)
def test_an_answer_that_tells_no_digest_is_none(told: object) -> None:
    assert digest_in(told) == ""


def revision(**fields: object) -> run_v2.Revision:
    container = run_v2.Container(
        image="host/app:1",
        env=[
            run_v2.EnvVar(name="LOG_LEVEL", value="INFO"),
            run_v2.EnvVar(
                name="TOKEN",
                value_source=run_v2.EnvVarSource(secret_key_ref=run_v2.SecretKeySelector(secret="token", version="1")),
            ),
        ],
        ports=[run_v2.ContainerPort(container_port=8080)],
    )
    return run_v2.Revision(**({"name": "x/revisions/app-1", "containers": [container]} | fields))


def parts(change: Callable[[run_v2.Revision], None]) -> tuple[str, ...]:
    """What is told to have changed after `change`."""
    changed = revision()
    change(changed)
    return changed_parts(convert.revision_from(revision()).template, convert.revision_from(changed).template)


def test_what_a_revision_runs_with_is_told_apart_part_by_part() -> None:
    def variable(one: run_v2.Revision) -> None:
        one.containers[0].env[0].value = "DEBUG"

    def secret(one: run_v2.Revision) -> None:
        one.containers[0].env[1].value_source.secret_key_ref.version = "2"

    def sidecar(one: run_v2.Revision) -> None:
        one.containers.append(run_v2.Container(name="proxy", image="host/proxy:1"))

    def account(one: run_v2.Revision) -> None:
        one.service_account = "other@demo.iam.gserviceaccount.com"

    assert parts(variable) == ("env",)
    assert parts(secret) == ("secrets",)
    assert parts(sidecar) == ("sidecars",)
    assert parts(account) == ("account",)


def test_names_labels_annotations_and_the_image_itself_are_no_part_of_it() -> None:
    def other(one: run_v2.Revision) -> None:
        one.name, one.labels, one.annotations = "x/revisions/app-2", {"commit-sha": "1"}, {"a": "b"}
        one.containers[0].image = "host/app:2"

    assert parts(other) == ()


def test_no_value_stands_in_the_fingerprint() -> None:
    assert "INFO" not in convert.revision_from(revision()).template
