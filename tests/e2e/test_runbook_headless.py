"""The packaged runbook walked from its first step without a terminal, on the demo's GitHub, Slack and checkout.

But for one figure: it watches twenty minutes rather than a day. It deploys by the team's workflow (option A); the walk
that is killed at random moments deploys from here (option B).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from console.runbook.load import load_runbook, packaged
from console.simulator.checkout import write_checkout
from console.simulator.options import parse_time
from console.simulator.process import SimulatorProcess
from tests.e2e.walker import CARLOS, MARIA, Walker, paced, slack

START = "2026-11-25T10:05:00Z"
UNTIL_WATCH, IN_WATCH = 20.0, 60.0
"""Simulated seconds a wall second."""


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_whole_runbook_is_walked_and_each_step_told_with_its_evidence(
    simulator: Callable[..., SimulatorProcess], tmp_path: Path
) -> None:
    running = simulator(scenario="healthy", speed=UNTIL_WATCH, bare=True, now=START)
    checkout = write_checkout(tmp_path, parse_time(START))
    running.post("/github", {"origin": str(checkout.origin)})
    book = tmp_path / "despliegue.toml"
    text = packaged().read_text(encoding="utf-8")
    assert text.count('settings = { for = "24 h" }') == 1
    book.write_text(text.replace('settings = { for = "24 h" }', 'settings = { for = "20 min" }'), encoding="utf-8")
    walker = Walker(
        tmp_path,
        running,
        running.parts(checkout.path),
        "--runbook",
        str(book),
        "--json",
        "--skip",
        "load_test=nothing changed in core message handling",
        "--option",
        "deploy_by_workflow",
    )
    steps: dict[str, dict[str, object]] = {}

    pace = paced(running, UNTIL_WATCH)

    def heard(line: str) -> None:
        pace(line)
        event = json.loads(line)
        if event["event"] == "step":
            steps[event["id"]] = event
            if event["id"] == "announce":
                running.set_speed(IN_WATCH)

    code = walker.walk(heard=heard)
    told = "\n".join(walker.said[-5:])
    assert code == 0, told
    assert json.loads(walker.said[-1])["exit_code"] == 0

    runbook = load_runbook()
    assert list(steps) != []
    for step in runbook.runbook.steps():
        event = steps[step.id]
        assert event["done"], event
        if step.id in ("load_test", "deploy"):
            continue
        evidence = event["evidence"]
        assert isinstance(evidence, dict), event
        assert evidence["sentence"], event
        assert evidence["machine"] == runbook.kinds[step.id].machine, event
    assert "done in another way: deploy_by_workflow" in str(steps["deploy"]["reason"])
    assert "deploy-backend.yml" in str(steps["deploy_by_workflow"]["evidence"])
    skipped = steps["load_test"]
    assert skipped["state"] == "skipped"
    assert "nothing changed in core message handling" in str(skipped["reason"])
    approvals = {step: steps[step]["evidence"]["by"] for step in ("approve_code", "approve_tech_lead")}  # type: ignore[index]
    assert approvals == {"approve_code": MARIA, "approve_tech_lead": CARLOS}
    cases = steps["uat"]["evidence"]["items"]  # type: ignore[index]
    assert len(cases) == 26
    assert {case["by"] for case in cases} == {MARIA, "canario"}
    titles = [text.splitlines()[0] for text in slack(running)]
    assert titles.count("✅ STAGING VALIDATION PASSED") == 1
    assert any("DEPLOYMENT SUCCESSFUL" in title for title in titles)


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_walk_without_anybodys_word_stops_where_one_is_needed_and_goes_on_with_it(
    simulator: Callable[..., SimulatorProcess], tmp_path: Path
) -> None:
    running = simulator(scenario="healthy", speed=20, bare=True, now=START)
    checkout = write_checkout(tmp_path, parse_time(START))
    running.post("/github", {"origin": str(checkout.origin)})
    book = tmp_path / "words.toml"
    book.write_text(
        'id = "words"\ntitle = { en = "Words" }\n[[phases]]\nid = "only"\ntitle = { en = "Only" }\n'
        '[[phases.steps]]\nid = "machine"\nkind = "command"\ntitle = { en = "M" }\nhelp = { en = "" }\n'
        'settings = { argv = ["true"] }\n'
        '[[phases.steps]]\nid = "lead"\nkind = "confirm"\ntitle = { en = "L" }\nhelp = { en = "" }\n'
        'signers = ["on_call"]\n'
    )
    walker = Walker(tmp_path, running, running.parts(checkout.path), "--runbook", str(book))
    assert walker.walk() == 3
    assert any("lead waits for on-call engineer" in line for line in walker.said), walker.said
    more = Walker(
        tmp_path, running, running.parts(checkout.path), "--runbook", str(book), "--yes-as", "ana@example.com:on_call"
    )
    assert more.walk() == 0
    assert not any("> machine" in line for line in more.said), "what was done is not done again"
    assert any("ana@example.com says yes" in line for line in more.said)
    shown = json.loads(more.show("--runbook", str(book), "--json"))
    assert (shown["closed"], shown["done"]) == ("done", True), "the last release is what is shown"
    assert [step["state"] for phase in shown["phases"] for step in phase["steps"]] == ["passed", "passed"]


@pytest.mark.slow
def test_show_asks_the_audit_log_who_approved(simulator: Callable[..., SimulatorProcess], tmp_path: Path) -> None:
    running = simulator(scenario="healthy", now=START)
    checkout = write_checkout(tmp_path, parse_time(START))
    walker = Walker(tmp_path, running, running.parts(checkout.path))
    lines = walker.show().splitlines()
    for step in ("approve_code", "approve_tech_lead", "prod_healthz"):
        assert any(line.startswith(f"  passed     {step} ") for line in lines), lines
