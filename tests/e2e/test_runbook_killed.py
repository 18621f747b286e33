"""The runbook walked without a terminal, killed by SIGKILL at ten moments: it ends as if nobody had touched it."""

from __future__ import annotations

import collections
import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from console.release.state import read_document
from console.session import Session
from console.settings import Settings
from console.simulator.checkout import write_checkout
from console.simulator.options import parse_time
from console.simulator.process import SimulatorProcess
from tests.e2e.walker import CARLOS, MARIA, Walker, dispatches, paced, slack

FAST = 20.0
"""Simulated seconds a wall second."""
NOON = "2026-11-25T10:05:00Z"

KILLED_AT = (
    "unit", "merged", "dispatched", "staging_passed", "approve_tech_lead",
    "deploy", "prod_healthz", "canary_10", "canary_50", "canary_100",
)  # fmt: skip
"""The step in which each of ten processes is killed, or the one that it is at by then."""


def step(own: str, kind: str, settings: str = "{}", **more: object) -> str:
    lines = [
        "[[phases.steps]]",
        f'id = "{own}"',
        f'kind = "{kind}"',
        f'title = {{ en = "{own}" }}',
        'help = { en = "" }',
        f"settings = {settings}",
        *(f"{key} = {json.dumps(value)}" for key, value in more.items()),
    ]
    return "\n".join(lines) + "\n"


def phase(own: str, *steps: str, needs: tuple[str, ...] = ()) -> str:
    return "\n".join(
        ["[[phases]]", f'id = "{own}"', f'title = {{ en = "{own}" }}', f"needs = {json.dumps(needs)}", *steps]
    )


BOOK = "\n".join(
    [
        'id = "short"\ntitle = { en = "Short" }\n',
        phase(
            "code",
            step("unit", "command", '{ argv = ["sh", "-c", "echo ran >> ../unit.log"] }'),
            step("merged", "github", '{ check = "merged", merge = true, poll = "200 ms" }', bound_to="commit"),
        ),
        phase(
            "staging",
            step("ci", "github", '{ check = "workflow", workflow = "backend-ci.yml", poll = "200 ms" }'),
            step(
                "on_staging",
                "github",
                '{ check = "workflow", workflow = "deploy-staging.yml", event = "workflow_run", poll = "200 ms" }',
                needs=["ci"],
            ),
            step(
                "dispatched",
                "github",
                '{ check = "dispatch", workflow = "deploy-backend.yml", poll = "200 ms", appears = "10 s", '
                'inputs = { environment = "staging", revision_traffic_percent = 100 } }',
                needs=["on_staging"],
            ),
            step(
                "ready",
                "cloud_run",
                '{ do = "ready", environment = "staging" }',
                bound_to="image",
                needs=["dispatched"],
            ),
            step("staging_passed", "notify", '{ message = "staging_passed" }', bound_to="image", needs=["ready"]),
            needs=("code",),
        ),
        phase(
            "approval",
            step("approve_code", "approval", '{ role = "code" }', signers=["code"], bound_to="image"),
            step("approve_tech_lead", "approval", '{ role = "tech_lead" }', signers=["tech_lead"], bound_to="image"),
            step("on_call", "confirm"),
            needs=("staging",),
        ),
        phase(
            "deploy",
            step("deploy", "cloud_run", '{ do = "deploy" }', bound_to="image"),
            step("idle", "cloud_run", '{ do = "idle" }', bound_to="revision", needs=["deploy"]),
            step(
                "prod_healthz",
                "http",
                '{ check = "healthz", target = "revision" }',
                bound_to="revision",
                needs=["idle"],
            ),
            step(
                "prod_metrics",
                "http",
                '{ check = "metrics", target = "revision" }',
                bound_to="revision",
                needs=["idle"],
            ),
            needs=("approval",),
        ),
        phase(
            "canary",
            step("canary_10", "traffic", "{ percent = 10 }", bound_to="revision"),
            step("bake_10", "bake", "{ percent = 10 }", bound_to="revision", needs=["canary_10"]),
            step("canary_50", "traffic", "{ percent = 50 }", bound_to="revision", needs=["bake_10"]),
            step("bake_50", "bake", "{ percent = 50 }", bound_to="revision", needs=["canary_50"]),
            step("canary_100", "traffic", "{ percent = 100 }", bound_to="revision", needs=["bake_50"]),
            needs=("deploy",),
        ),
        phase(
            "after",
            step("announce", "notify", '{ message = "deployed" }', bound_to="revision"),
            step("last_word", "confirm"),
            needs=("canary",),
        ),
    ]
)

STEPS = [id for id in re.findall(r'^id = "(\w+)"$', BOOK, re.MULTILINE) if f'title = {{ en = "{id}" }}\nhelp' in BOOK]


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_killed_at_ten_moments_it_does_nothing_twice_and_ends_the_same(
    simulator: Callable[..., SimulatorProcess], tmp_path: Path
) -> None:
    running = simulator(scenario="healthy", speed=FAST, bare=True, now=NOON)
    checkout = write_checkout(tmp_path, parse_time(NOON))
    earlier = dispatches(running.post("/github", {"origin": str(checkout.origin)}))
    book = tmp_path / "short.toml"
    book.write_text(BOOK, encoding="utf-8")
    walker = Walker(
        tmp_path,
        running,
        running.parts(checkout.path),
        "--runbook",
        str(book),
        CANARIO_PLAN__BAKE="1 min",
        CANARIO_PLAN__MINIMUM_REQUESTS="200",
    )
    chance = random.Random(20261125)
    killed = 0
    for moment in KILLED_AT:
        code = walker.walk(KILLED_AT[KILLED_AT.index(moment) :], chance, paced(running, FAST))
        assert code in (None, 0), "\n".join(walker.said[-40:])
        killed += code is None
    assert killed >= 9, "processes ended before they could be killed"  # the last step of all may be quicker than a kill
    if code is None:  # else it is done: another walk would be another release
        code = walker.walk(heard=paced(running, FAST))
    told = "\n".join(walker.said[-60:])
    assert code == 0, told
    assert any(line.startswith("The whole runbook is done") for line in walker.said), told

    # the world: one merge, one dispatch, one deployment, each move once, two approvals
    github = running.post("/github", {})
    assert github["merge"]
    assert dispatches(github) == earlier + 1, told
    settings = Settings(journal=tmp_path / "looking.db")
    session = await Session.open(
        settings, settings.environment("production"), endpoint=running.grpc, as_email=MARIA, watch=False
    )
    try:
        snapshot = await session.watcher.refresh()
    finally:
        await session.close()
    assert snapshot.service is not None
    document, problem = read_document(snapshot.service.annotations)
    assert not problem
    release, candidate = document.release, document.candidate
    assert release is not None
    assert candidate is not None
    assert snapshot.service.effective_shares() == {release.canary: 100}
    assert [(move.kind, move.percent) for move in release.moves] == [("shift", 10), ("shift", 50), ("shift", 100)]
    made = [revision.name for revision in snapshot.revisions if revision.image == candidate.image]
    assert made == [release.canary], "deployed more than once"
    assert sorted((approval.role, approval.by) for approval in candidate.approvals) == [
        ("code", MARIA),
        ("tech_lead", CARLOS),
    ]
    assert candidate.closed == "done"
    assert {record.step: record.result for record in candidate.steps} == dict.fromkeys(STEPS, "passed")
    messages = slack(running)
    twice = [text for text, count in collections.Counter(messages).items() if count > 1]
    assert not twice
    titles = collections.Counter(text.splitlines()[0] for text in messages)
    assert titles["✅ STAGING VALIDATION PASSED"] <= 1, "killed while it was sent, it is not sent again"
    assert titles["✅ DEPLOYMENT SUCCESSFUL"] >= 1
