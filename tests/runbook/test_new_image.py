"""A new image after the approvals: what was tested and approved is not taken for it, and the checklist says why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

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


async def test_a_new_image_on_staging_voids_both_approvals_and_opens_what_was_tested(
    simulator: Callable[..., SimulatorProcess], tmp_path: Path
) -> None:
    running = simulator(scenario="healthy", bare=True)
    book = tmp_path / "short.toml"
    book.write_text(BOOK, encoding="utf-8")
    loaded = load_runbook(book)
    async with AsyncExitStack() as stack:

        async def console(email: str) -> Walk:
            settings = Settings(journal=tmp_path / email / "journal.db")
            session = await Session.open(
                settings, settings.environment("production"), endpoint=running.grpc, as_email=email, watch=True
            )
            stack.push_async_callback(session.close)
            await session.watcher.refresh()
            walk = await Walk.open(session, settings, loaded, checkout=tmp_path)
            stack.push_async_callback(walk.close)
            return walk

        async def until(walk: Walk, holds: Callable[[Checklist], bool]) -> Checklist:
            async with asyncio.timeout(60):
                while not holds(walk.latest):
                    await walk.changed()
            return walk.latest

        def states(found: Checklist) -> dict[str, State]:
            return {view.step.id: view.state for view in found.steps}

        maria = await console(MARIA)
        await maria.run("staging_ready")
        await maria.run("staging_healthz")
        carlos = await console(CARLOS)
        await maria.run("approve_code")
        await carlos.run("approve_tech_lead")
        await until(maria, lambda found: found.done)

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
