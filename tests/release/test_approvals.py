"""Two people approve one image and one plan; what anybody else writes in their names does not count."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.release.approvals import ApprovalCheck, check_approvals, missing_roles
from console.release.audited import ApprovalState, ApprovalWrite, StepCheck, all_introduced, approval_write, check_steps
from console.release.guardrails import Action, ActionKind, Answer, Facts, evaluate
from console.release.plan import RolloutPlan
from console.release.service import Revision
from console.release.state import ANNOTATION, Approval, Candidate, Document, StepRecord, plan_digest
from console.release.template import fingerprint
from tests.release.making import CANARY, RULES, STABLE, STAGING, WEDNESDAY, facts

IMAGE = "sha256:" + "a" * 64
NEWER = "sha256:" + "b" * 64
PLAN = plan_digest(RolloutPlan())
MARIA, JUAN, MALLORY = "maria@acme.example", "juan@acme.example", "mallory@acme.example"
BOTH = replace(RULES, approvals=("code", "tech_lead"), smoke=("prod_healthz", "prod_metrics"))


def approval(role: Any, by: str, **fields: Any) -> Approval:
    values: dict[str, Any] = {
        "id": f"{role}-{by}",
        "at": WEDNESDAY,
        "digest": IMAGE,
        "plan": PLAN,
        "candidate": "2026-11-25-1005",
    }
    return Approval(role=role, by=by, **(values | fields))


CODE, LEAD = approval("code", JUAN), approval("tech_lead", MARIA)


def candidate(*approvals: Approval, **fields: Any) -> Candidate:
    opened = WEDNESDAY - timedelta(hours=1)
    return Candidate(id="2026-11-25-1005", opened=opened, opened_by=JUAN, approvals=approvals, **fields)


def written(*by: tuple[str, tuple[Approval, ...]]) -> tuple[ApprovalWrite, ...]:
    return tuple(
        ApprovalWrite(WEDNESDAY + timedelta(seconds=number), principal, approvals)
        for number, (principal, approvals) in enumerate(by)
    )


def checked(at: Candidate, writes: tuple[ApprovalWrite, ...], **fields: Any) -> tuple[ApprovalCheck, ...]:
    return check_approvals(at, writes, **({"image_id": IMAGE, "plan": PLAN} | fields))


def states(*args: Any, **fields: Any) -> list[ApprovalState]:
    return [check.state for check in checked(*args, **fields)]


HONEST = written((JUAN, (CODE,)), (MARIA, (CODE, LEAD)))


def test_two_people_who_wrote_their_own_approvals_count() -> None:
    assert states(candidate(CODE, LEAD), HONEST) == [ApprovalState.VERIFIED] * 2


def test_an_approval_counts_only_once_the_audit_log_has_told_who_wrote_it() -> None:
    code, lead = checked(candidate(CODE, LEAD), written((JUAN, (CODE,))))
    assert code.counts
    assert lead.state is ApprovalState.VERIFYING
    assert missing_roles((code, lead), ("code", "tech_lead")) == ("tech_lead",)


def test_an_approval_in_the_name_of_another_is_forged_and_names_the_forger() -> None:
    writes = written((JUAN, (CODE,)), (MALLORY, (CODE, LEAD)), (JUAN, (CODE, LEAD)))
    _code, lead = checked(candidate(CODE, LEAD), writes)
    assert lead.state is ApprovalState.FORGED
    assert lead.forger == MALLORY
    assert MALLORY in lead.why
    assert MARIA in lead.why


def test_an_honest_approval_that_another_call_carries_along_stays_honest() -> None:
    writes = written((JUAN, (CODE,)), (MALLORY, (CODE,)), (MARIA, (CODE, LEAD)), (MALLORY, (CODE, LEAD)))
    assert states(candidate(CODE, LEAD), writes) == [ApprovalState.VERIFIED] * 2


def test_an_approval_whose_image_was_changed_afterwards_is_forged() -> None:
    changed = LEAD.model_copy(update={"digest": NEWER})
    writes = (*HONEST, *written((MALLORY, (CODE, changed))))
    (_code, lead) = checked(candidate(CODE, changed), writes, image_id=NEWER)
    assert (lead.state, lead.forger) == (ApprovalState.FORGED, MALLORY)


def test_a_new_image_voids_both_and_says_which_images() -> None:
    for check in checked(candidate(CODE, LEAD), HONEST, image_id=NEWER):
        assert check.state is ApprovalState.VOID
        assert "aaaaaaa" in check.why
        assert "bbbbbbb" in check.why


def test_another_plan_voids_both() -> None:
    assert states(candidate(CODE, LEAD), HONEST, plan="another") == [ApprovalState.VOID] * 2


def test_an_approval_of_an_earlier_release_is_void() -> None:
    assert states(candidate(CODE, LEAD).model_copy(update={"id": "later"}), HONEST) == [ApprovalState.VOID] * 2


def test_a_release_that_was_stopped_takes_its_approvals_with_it() -> None:
    for check in checked(candidate(CODE, LEAD, closed="stopped"), HONEST):
        assert check.state is ApprovalState.VOID
        assert "stopped" in check.why
    assert states(candidate(CODE, LEAD, closed="done"), HONEST) == [ApprovalState.VERIFIED] * 2


def test_one_person_cannot_be_both() -> None:
    both = (approval("code", MARIA), LEAD)
    first, second = checked(candidate(*both), written((MARIA, both)))
    assert first.counts
    assert second.state is ApprovalState.VOID
    assert "two different people" in second.why


def test_nor_can_one_person_with_another_spelling_of_the_address() -> None:
    both = (approval("code", "Maria@Acme.example"), LEAD)
    assert states(candidate(*both), written((MARIA, both))) == [ApprovalState.VERIFIED, ApprovalState.VOID]


def test_where_settings_name_people_only_they_may_sign() -> None:
    people = {JUAN: ("code",), MARIA: ("code",)}
    code, lead = checked(candidate(CODE, LEAD), HONEST, people=people)
    assert code.counts
    assert lead.state is ApprovalState.VOID
    assert "tech lead" in lead.why


@given(st.permutations(HONEST))
def test_the_order_in_which_the_audit_log_is_read_changes_nothing(writes: list[ApprovalWrite]) -> None:
    assert states(candidate(CODE, LEAD), tuple(writes)) == [ApprovalState.VERIFIED] * 2


@given(st.lists(st.sampled_from([JUAN, MARIA, MALLORY]), min_size=1, max_size=6))
def test_an_approval_counts_just_where_its_person_wrote_it_first(principals: list[str]) -> None:
    (check,) = checked(candidate(LEAD), written(*((who, (LEAD,)) for who in principals)))
    assert check.counts == (principals[0] == MARIA)


def request(document: Document, **fields: Any) -> dict[str, object]:
    service = {"name": "projects/demo/locations/us-central1/services/wa-backend"}
    return {"service": {**service, "annotations": {ANNOTATION: document.dumps()}}, **fields}


UPDATE = "google.cloud.run.v2.Services.UpdateService"


def test_a_call_tells_the_approvals_that_it_wrote() -> None:
    write = approval_write(WEDNESDAY, MARIA, UPDATE, request(Document(candidate=candidate(LEAD))))
    assert write == ApprovalWrite(WEDNESDAY, MARIA, (LEAD,))


@pytest.mark.parametrize(
    ("fields", "refused", "method"),
    [
        ({"validateOnly": True}, "", UPDATE),
        ({"updateMask": "traffic"}, "", UPDATE),
        ({}, "the etag is stale", UPDATE),
        ({}, "", "google.cloud.run.v2.Services.GetService"),
    ],
)
def test_a_call_that_wrote_nothing_vouches_for_nothing(fields: dict[str, object], refused: str, method: str) -> None:
    document = Document(candidate=candidate(LEAD))
    assert approval_write(WEDNESDAY, MARIA, method, request(document, **fields), refused) is None


def test_a_call_that_wrote_the_annotation_without_an_approval_tells_that_none_was_there() -> None:
    write = approval_write(WEDNESDAY, MARIA, UPDATE, request(Document(candidate=candidate())))
    assert write == ApprovalWrite(WEDNESDAY, MARIA, ())


def test_only_a_write_before_it_shows_that_an_approval_was_not_there_already() -> None:
    assert not all_introduced(candidate(LEAD), written((MARIA, (LEAD,)), (MARIA, (LEAD,))))
    assert all_introduced(candidate(LEAD), written((MARIA, ()), (MARIA, (LEAD,))))
    assert all_introduced(candidate(LEAD), written((MARIA, ())))


def test_a_v1_replacement_tells_its_approvals_too() -> None:
    raw = Document(candidate=candidate(LEAD)).dumps()
    body = {"service": {"metadata": {"annotations": {ANNOTATION: raw}}}}
    write = approval_write(WEDNESDAY, MARIA, "google.cloud.run.v1.Services.ReplaceService", body)
    assert write is not None
    assert write.approvals == (LEAD,)


@given(st.dictionaries(st.text(max_size=12), st.recursive(st.none() | st.text(max_size=9), st.lists), max_size=4))
def test_a_request_of_any_shape_is_read_without_a_fault(body: dict[str, object]) -> None:
    assert approval_write(WEDNESDAY, MARIA, UPDATE, body) is None
    assert approval_write(WEDNESDAY, MARIA, UPDATE, {"service": body}) is None


# What the guardrails make of it


def ready(**fields: Any) -> Facts:
    smoke = tuple(StepRecord(step=step, result="passed", by=JUAN, at=WEDNESDAY, digest=IMAGE) for step in BOTH.smoke)
    revisions = (
        Revision(CANARY, image=f"host/wa-backend@{IMAGE}", digest=IMAGE, ready=True),
        Revision(STABLE, image="host/wa-backend:old", ready=True),
    )
    values: dict[str, Any] = {
        "revisions": revisions,
        "candidate": candidate(CODE, LEAD, steps=smoke),
        "approvals": checked(candidate(CODE, LEAD), HONEST),
    }
    values |= fields
    told = tuple(StepCheck(ApprovalState.VERIFIED, record=record) for record in values["candidate"].steps)
    return facts(**({"step_checks": told} | values))


def answer(rule: str, given: Facts, rules: Any = BOTH, percent: int = 10) -> Answer | None:
    answers = evaluate(Action(ActionKind.SHIFT, percent, CANARY), rules, given, WEDNESDAY)
    return next((found for found in answers if found.rule == rule), None)


def test_both_approvals_of_this_image_and_plan_let_traffic_rise() -> None:
    found = answer("approvals", ready())
    assert found is not None
    assert found.allowed
    assert found.reason == f"{JUAN} (code), {MARIA} (tech lead), this image and plan"


def test_no_reason_passes_a_missing_approval() -> None:
    found = answer("approvals", ready(approvals=checked(candidate(CODE), HONEST), candidate=candidate(CODE)))
    assert found is not None
    assert not found.allowed
    assert not found.overridable
    assert "canario approve --role tech-lead" in found.reason


def test_a_forged_approval_blocks_even_beside_two_honest_ones() -> None:
    forged = approval("tech_lead", MARIA, id="planted")
    at = candidate(CODE, LEAD, forged)
    writes = (*HONEST, *written((MALLORY, (CODE, LEAD, forged))))
    found = answer("approvals", ready(approvals=checked(at, writes), candidate=at))
    assert found is not None
    assert not found.allowed
    assert not found.overridable
    assert MALLORY in found.reason


def test_unprotected_environments_need_no_approval() -> None:
    assert answer("approvals", facts(), replace(STAGING, approvals=BOTH.approvals, smoke=BOTH.smoke)) is None


def test_lowering_needs_no_approval() -> None:
    answers = evaluate(Action(ActionKind.SHIFT, 0, CANARY), BOTH, ready(approvals=()), WEDNESDAY)
    assert all(found.allowed for found in answers)


def test_an_audit_log_that_cannot_be_read_is_no_approval() -> None:
    found = answer("approvals", ready(approvals=(), approvals_problem="no permission"))
    assert found is not None
    assert not found.allowed
    assert "no permission" in found.reason


def test_smoke_tests_of_another_image_are_stale_and_say_so() -> None:
    newer = (Revision(CANARY, image=f"host/wa-backend@{NEWER}", digest=NEWER, ready=True),)
    found = answer("smoke", ready(revisions=newer))
    assert found is not None
    assert not found.allowed
    assert found.overridable
    assert "aaaaaaa" in found.reason
    assert "bbbbbbb" in found.reason


def test_smoke_tests_of_yesterday_are_stale() -> None:
    given_facts = ready()
    answers = evaluate(
        Action(ActionKind.SHIFT, 10, CANARY), BOTH, given_facts, WEDNESDAY + timedelta(hours=24, seconds=1)
    )
    found = next(a for a in answers if a.rule == "smoke")
    assert not found.allowed
    assert "stale" in found.reason


def test_fresh_smoke_tests_of_this_image_pass() -> None:
    found = answer("smoke", ready())
    assert found is not None
    assert found.allowed


def test_smoke_tests_that_never_ran_are_named() -> None:
    found = answer("smoke", ready(candidate=candidate(CODE, LEAD)))
    assert found is not None
    assert not found.allowed
    assert "prod_healthz has not run" in found.reason


def test_a_short_digest_is_the_same_image_but_a_short_reference_is_not() -> None:
    short = tuple(
        StepRecord(step=step, result="passed", by=JUAN, at=WEDNESDAY, digest=IMAGE[:19]) for step in BOTH.smoke
    )
    found = answer("smoke", ready(candidate=candidate(CODE, LEAD, steps=short)))
    assert found is not None
    assert found.allowed
    host = "us-central1-docker.pkg.dev/acme/wa-backend:1"
    cut = tuple(record.model_copy(update={"digest": host[:19]}) for record in short)
    found = answer(
        "smoke", ready(candidate=candidate(CODE, LEAD, steps=cut), revisions=(Revision(CANARY, image=host),))
    )
    assert found is not None
    assert not found.allowed


TEMPLATE = fingerprint({"env": [["LOG_LEVEL", "INFO"]], "secrets": [], "sidecars": []})
REWIRED = fingerprint({"env": [["LOG_LEVEL", "INFO"], ["DB", "other"]], "secrets": [], "sidecars": []})


def test_another_environment_after_the_approval_voids_it_and_says_what_changed() -> None:
    lead = LEAD.model_copy(update={"template": TEMPLATE})
    writes = written((MARIA, (lead,)))
    (kept,) = checked(candidate(lead), writes, template=TEMPLATE)
    (void,) = checked(candidate(lead), writes, template=REWIRED)
    assert kept.counts
    assert void.state is ApprovalState.VOID
    assert void.why == "the environment variables changed since"


def test_no_approval_counts_while_nobody_knows_the_image() -> None:
    assert states(candidate(CODE, LEAD), HONEST, image_id="") == [ApprovalState.VOID] * 2


def test_the_same_tag_on_another_revision_is_another_image_where_no_digest_is_told() -> None:
    tag = "host/wa-backend:1"
    one, other = Revision("wa-backend-1", image=tag), Revision("wa-backend-2", image=tag)
    assert one.identity != other.identity
    approved = LEAD.model_copy(update={"digest": one.identity})
    assert states(candidate(approved), written((MARIA, (approved,))), image_id=one.identity) == ["verified"]
    assert states(candidate(approved), written((MARIA, (approved,))), image_id=other.identity) == ["void"]


def smoke_test(step: str = "prod_healthz", by: str = JUAN, **fields: Any) -> StepRecord:
    values = {"result": "passed", "at": WEDNESDAY, "digest": IMAGE, "key": "k1", "sentence": "200"} | fields
    return StepRecord(step=step, by=by, **values)


def told(*by: tuple[str, tuple[StepRecord, ...]]) -> tuple[ApprovalWrite, ...]:
    return tuple(
        ApprovalWrite(WEDNESDAY + timedelta(seconds=number), principal, (), steps=steps)
        for number, (principal, steps) in enumerate(by)
    )


def test_a_smoke_test_that_somebody_else_wrote_is_forged_and_names_them() -> None:
    record = smoke_test()
    (check,) = check_steps(candidate(steps=(record,)), told((JUAN, ()), (MALLORY, (record,)), (JUAN, (record,))))
    assert (check.state, check.forger) == (ApprovalState.FORGED, MALLORY)
    found = answer("smoke", ready(candidate=candidate(CODE, LEAD, steps=(record,)), step_checks=(check,)))
    assert found is not None
    assert not found.allowed
    assert f"prod_healthz is FORGED: {MALLORY} wrote it in the name of {JUAN}" in found.reason


def test_an_old_pass_that_somebody_puts_back_over_a_failure_is_forged() -> None:
    passed, failed = smoke_test(), smoke_test(result="failed", key="k2", at=WEDNESDAY + timedelta(seconds=1))
    writes = told((JUAN, ()), (JUAN, (passed,)), (JUAN, (failed,)), (MALLORY, (passed,)))
    (check,) = check_steps(candidate(steps=(passed,)), writes)
    assert (check.state, check.forger) == (ApprovalState.FORGED, MALLORY)


def test_a_smoke_test_counts_only_once_the_audit_log_has_told_who_wrote_it() -> None:
    record = smoke_test()
    (check,) = check_steps(candidate(steps=(record,)), told((JUAN, ())))
    assert check.state is ApprovalState.VERIFYING
    found = answer("smoke", ready(candidate=candidate(CODE, LEAD, steps=(record,)), step_checks=(check,)))
    assert found is not None
    assert "prod_healthz is verifying" in found.reason
    (check,) = check_steps(candidate(steps=(record,)), told((JUAN, ()), (JUAN, (record,)), (MARIA, (record,))))
    assert check.counts


def test_a_second_record_of_the_same_step_is_checked_by_itself() -> None:
    honest, forged = smoke_test(), smoke_test(key="k9", sentence="all well")
    writes = told((JUAN, (honest,)), (MALLORY, (honest, forged)))
    checks = check_steps(candidate(steps=(honest, forged)), writes)
    assert [check.state for check in checks] == [ApprovalState.VERIFIED, ApprovalState.FORGED]


def test_only_a_simulators_console_may_speak_for_another_person() -> None:
    record = smoke_test(by=JUAN, told_by=MARIA)
    writes = told((MARIA, ()), (MARIA, (record,)))
    (played,) = check_steps(candidate(steps=(record,)), writes, played=True)
    (real,) = check_steps(candidate(steps=(record,)), writes)
    assert played.counts
    assert real.state is ApprovalState.FORGED


def test_smoke_tests_of_another_environment_are_stale_and_say_what_changed() -> None:
    records = tuple(smoke_test(step, template=TEMPLATE) for step in BOTH.smoke)
    revision = Revision(CANARY, image=f"host/wa-backend@{IMAGE}", digest=IMAGE, ready=True, template=REWIRED)
    found = answer("smoke", ready(candidate=candidate(CODE, LEAD, steps=records), revisions=(revision,)))
    assert found is not None
    assert not found.allowed
    assert "prod_healthz is stale: the environment variables changed since" in found.reason
