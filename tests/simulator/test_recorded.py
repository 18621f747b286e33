"""What a scenario starts with: smoke tests and approvals on record, and the audit entries of who wrote them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.cloud.audit import audit_log_pb2
from google.protobuf import json_format

from console.release.plan import RolloutPlan
from console.release.state import ANNOTATION, Document, plan_digest, read_document
from console.simulator.scenario import list_scenarios, load_scenario
from tests.simulator.conftest import CANARY, NOON, TEN_PERCENT, Cloud, MakeCloud
from tests.simulator.test_run_http import RUNBOOK_MESSAGE, fetch, post_webhook


def document(cloud: Cloud, service: str = "wa-backend") -> Document:
    found, problem = read_document(dict(cloud.simulator.store.services[service].desired.annotations))
    assert problem == ""
    return found


def calls(cloud: Cloud) -> list[tuple[str, Any]]:
    """(who, request) of each audit entry, oldest first."""
    found = []
    for kept in cloud.simulator.logs.kept:
        if "cloudaudit" in kept.entry.log_name:
            audit = audit_log_pb2.AuditLog()
            kept.entry.proto_payload.Unpack(audit)
            request = json_format.MessageToDict(audit.request)
            found.append((audit.authentication_info.principal_email, request))
    return found


async def test_the_canary_starts_with_smoke_tests_and_two_approvals_of_its_image_and_plan(
    make_cloud: MakeCloud,
) -> None:
    cloud = await make_cloud(bare=False)
    candidate = document(cloud).candidate
    assert candidate is not None
    assert candidate.id == "2026-11-25-1200"
    assert candidate.open
    made = cloud.simulator.store.services["wa-backend"].revisions[CANARY]
    assert candidate.image == f"{made.image}@{made.digest}"
    assert {(one.role, one.by) for one in candidate.approvals} == {
        ("code", "juan.perez@example.com"),
        ("tech_lead", "carlos.lopez@example.com"),
    }
    for approval in candidate.approvals:
        assert approval.digest == made.digest
        assert approval.plan == plan_digest(RolloutPlan())
        assert timedelta() < NOON - approval.at < timedelta(minutes=10)
    assert {(step.step, step.result, step.subject) for step in candidate.steps} == {
        ("prod_healthz", "passed", CANARY),
        ("prod_metrics", "passed", CANARY),
    }


async def test_each_approval_stands_in_the_audit_entry_of_its_approvers_own_call(make_cloud: MakeCloud) -> None:
    cloud = await make_cloud(bare=False)
    candidate = document(cloud).candidate
    assert candidate is not None
    first_told: dict[str, str] = {}
    for who, request in calls(cloud):
        assert request["updateMask"] == "annotations"
        written = json.loads(request["service"]["annotations"][ANNOTATION])
        for approval in written["candidate"].get("approvals", ()):
            first_told.setdefault(approval["id"], who)
    assert first_told == {approval.id: approval.by for approval in candidate.approvals}
    assert (await cloud.get()).last_modifier == "carlos.lopez@example.com"


async def test_a_move_afterwards_keeps_the_record_and_bare_has_none(make_cloud: MakeCloud) -> None:
    cloud = await make_cloud(bare=False)
    await cloud.settled(await cloud.move(*TEN_PERCENT))
    assert document(cloud).candidate is not None
    bare = await make_cloud()
    assert dict((await bare.get()).annotations) == {}
    assert calls(bare) == []


async def test_stagings_canary_has_its_record_too(make_cloud: MakeCloud) -> None:
    candidate = document(await make_cloud(bare=False), "wa-backend-staging").candidate
    assert candidate is not None
    assert {step.subject for step in candidate.steps} == {"wa-backend-staging-00119-tob"}


@pytest.mark.parametrize("name", list_scenarios())
async def test_every_scenario_with_a_canary_has_its_record(make_cloud: MakeCloud, name: str) -> None:
    cloud = await make_cloud(scenario=name, bare=False)
    expected = load_scenario(name).services["wa-backend"].canary is not None
    assert (document(cloud).candidate is not None) == expected


async def test_a_restarted_simulator_records_nothing_twice(make_cloud: MakeCloud, tmp_path: Path) -> None:
    first = await make_cloud(bare=False, state=tmp_path)
    before = calls(first)
    assert len(before) == 8  # four calls a service
    await first.simulator.stop()
    again = await make_cloud(scenario=None, now=None, seed=None, bare=False, state=tmp_path)
    assert calls(again) == before


async def test_a_processed_message_is_in_the_log_of_the_revision_that_processed_it(cloud: Cloud) -> None:
    status, _answer = await post_webhook(cloud.info["revisions"][CANARY], RUNBOOK_MESSAGE)
    assert status == 200
    lines = [k.entry for k in cloud.simulator.logs.kept if "stdout" in k.entry.log_name]
    (line,) = [one for one in lines if one.json_payload.fields["message_id"].string_value == "test-msg-1"]
    assert "test-msg-1" in line.json_payload.fields["message"].string_value
    assert line.resource.labels["revision_name"] == CANARY
    (request,) = [k.entry for k in cloud.simulator.logs.kept if k.entry.http_request.request_method == "POST"]
    assert request.trace == line.trace


async def test_a_refused_message_is_in_the_log_as_a_warning_without_its_text(cloud: Cloud) -> None:
    assert (await fetch("POST", cloud.info["revisions"][CANARY] + "/webhook", json=RUNBOOK_MESSAGE))[0] == 401
    lines = [k.entry for k in cloud.simulator.logs.kept if "stdout" in k.entry.log_name]
    (line,) = [one for one in lines if one.severity == 400]
    assert "X-Hub-Signature-256" in line.json_payload.fields["message"].string_value
    assert "viernes" not in str(line)
