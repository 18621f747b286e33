"""A new image after the approvals: what was tested and approved is not taken for it, and the checklist says why."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from google.cloud import run_v2

from console.cloud import convert
from console.runbook.kinds.cloud_run import by_digest
from console.runbook.load import load_runbook
from console.runbook.progress import Checklist, State
from console.runbook.walk import Walk
from console.session import Session
from console.settings import Settings
from console.simulator.process import SimulatorProcess

MARIA, CARLOS = "maria@acme.example", "carlos@acme.example"

BOOK = """\
id = "short"
title = { en = "Short" }
[[phases]]
id = "staging"
title = { en = "Staging" }
[[phases.steps]]
id = "staging_ready"
kind = "cloud_run"
title = { en = "Ready" }
help = { en = "" }
settings = { do = "ready", environment = "staging" }
bound_to = "image"
[[phases.steps]]
id = "staging_healthz"
kind = "http"
title = { en = "Healthz" }
help = { en = "" }
settings = { check = "healthz", environment = "staging" }
bound_to = "image"
needs = ["staging_ready"]
[[phases]]
id = "approval"
title = { en = "Approval" }
needs = ["staging"]
[[phases.steps]]
id = "approve_code"
kind = "approval"
title = { en = "Code" }
help = { en = "" }
settings = { role = "code" }
signers = ["code"]
bound_to = "image"
[[phases.steps]]
id = "approve_tech_lead"
kind = "approval"
title = { en = "Lead" }
help = { en = "" }
settings = { role = "tech_lead" }
signers = ["tech_lead"]
bound_to = "image"
"""


Opened = Callable[[str], Awaitable[Walk]]


@pytest.fixture
async def console(running: SimulatorProcess, tmp_path: Path) -> AsyncIterator[Opened]:
    """Opens consoles on one bare simulator; each person has a journal of their own."""
    book = tmp_path / "short.toml"
    book.write_text(BOOK, encoding="utf-8")
    loaded = load_runbook(book)
    async with AsyncExitStack() as stack:

        async def opened(email: str) -> Walk:
            settings = Settings(journal=tmp_path / email / "journal.db")
            session = await Session.open(
                settings, settings.environment("production"), endpoint=running.grpc, as_email=email, watch=True
            )
            stack.push_async_callback(session.close)
            await session.watcher.refresh()
            walk = await Walk.open(session, settings, loaded, checkout=tmp_path)
            stack.push_async_callback(walk.close)
            return walk

        yield opened


@pytest.fixture
def running(simulator: Callable[..., SimulatorProcess]) -> SimulatorProcess:
    """A simulator of its own."""
    return simulator(scenario="healthy", bare=True)


async def until(walk: Walk, holds: Callable[[Checklist], bool]) -> Checklist:
    """The checklist once it is so."""
    async with asyncio.timeout(60):
        while not holds(walk.latest):
            await walk.changed()
    return walk.latest


def states(found: Checklist) -> dict[str, State]:
    """Of each step."""
    return {view.step.id: view.state for view in found.steps}


async def approved(console: Opened) -> tuple[Walk, Walk]:
    """Two consoles, both approvals given."""
    maria = await console(MARIA)
    await maria.run("staging_ready")
    await maria.run("staging_healthz")
    carlos = await console(CARLOS)
    await maria.run("approve_code")
    await carlos.run("approve_tech_lead")
    await until(maria, lambda found: found.done)
    return maria, carlos


async def deployed(walk: Walk, image: str, **variables: str) -> str:
    """Somebody deploys to production past the runbook, under the canary's tag; the revision's name."""
    run = walk.session.cloud.run
    service = await run.get_service("wa-backend")
    current = await run._get("wa-backend", 10.0)
    name = convert.next_revision_name("wa-backend", service.generation, service.latest_created, random.Random(7))
    template = convert.with_image(current.template, image=image, revision=name)
    for key, value in variables.items():
        template.containers[0].env.append(run_v2.EnvVar(name=key, value=value))
    split = service.traffic.with_shares(service.desired_shares()).with_tag("canary", name)
    message = run_v2.Service(name=current.name, template=template, traffic=convert.targets_from(split))
    client = await walk.session.cloud._connection.services()
    request = run_v2.UpdateServiceRequest(service=message, update_mask={"paths": ["template", "traffic"]})
    operation = await client.update_service(request=request)
    await run.wait(operation.operation.name)
    return name


async def test_the_same_tag_pushed_again_and_deployed_voids_both_approvals_and_says_which_images(
    console: Opened, running: SimulatorProcess
) -> None:
    maria, _carlos = await approved(console)
    tested = maria.subject.image_id
    tag = maria.subject.image.partition("@")[0]
    assert ":" in tag.rpartition("/")[2], "staging was deployed by a tag"
    await asyncio.to_thread(running.post, "/push", {"image": tag})
    await deployed(maria, tag)
    found = await until(maria, lambda found: all(one.state == "void" for one in found.approvals))
    assert found.subject.image_id != tested
    for one in found.approvals:
        assert one.why.startswith("it was given for the image @")
        assert tested.removeprefix("sha256:")[:12] in one.why
        assert found.subject.image_id.removeprefix("sha256:")[:12] in one.why
    healthz = found.view("staging_healthz")
    assert healthz is not None
    assert healthz.state is State.STALE


async def test_other_environment_variables_after_the_approval_void_both_and_say_so(console: Opened) -> None:
    maria, _carlos = await approved(console)
    tested = by_digest(maria.subject.image)
    await deployed(maria, tested)
    found = await until(maria, lambda found: bool(found.subject.canary))
    assert [one.state for one in found.approvals] == ["verified", "verified"], "the same image, run the same way"
    await deployed(maria, tested, DATABASE="another")
    found = await until(maria, lambda found: all(one.state == "void" for one in found.approvals))
    assert {one.why for one in found.approvals} == {"the environment variables changed since"}


async def test_a_new_image_on_staging_voids_both_approvals_and_opens_what_was_tested(
    console: Opened, running: SimulatorProcess
) -> None:
    maria, carlos = await approved(console)
    new = str((await asyncio.to_thread(running.post, "/github", {"new_image": True}))["image"])
    found = await until(maria, lambda found: states(found)["staging_ready"] is State.STALE)
    assert found.subject.image == new
    digest = new.rpartition("sha256:")[2][:7]
    healthz = found.view("staging_healthz")
    assert healthz is not None
    assert healthz.state is State.STALE
    assert healthz.reason.startswith("stale: evidence is of image ")
    assert healthz.reason.endswith(f", now @{digest}")
    found = await until(maria, lambda found: all(a.state == "void" for a in found.approvals) and not found.done)
    for step in ("approve_code", "approve_tech_lead"):
        view = found.view(step)
        assert view is not None
        assert not view.done
        assert "void" in view.reason
        assert digest in view.reason
    theirs = await until(carlos, lambda found: states(found)["staging_ready"] is State.STALE)
    assert theirs.subject.image == new
