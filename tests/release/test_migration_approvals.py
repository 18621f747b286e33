"""A second person's word on a statement: it counts by the audit log alone, and for those very bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from console.release.audited import ApprovalState, ApprovalWrite, all_introduced, approval_write, unaccounted
from console.release.guardrails import Action, ActionKind, Facts, evaluate
from console.release.migration_approvals import MigrationCheck, StatementRef, check_migration_approvals
from console.release.state import ANNOTATION, Candidate, Document, MigrationApproval, read_document
from tests.release.making import WEDNESDAY
from tests.release.test_approvals import BOTH, CODE, JUAN, LEAD, MALLORY, MARIA, checked, written
from tests.release.test_approvals import candidate as released

ID = "2026-11-25-1005"


def given(by: str = JUAN, **fields: Any) -> MigrationApproval:
    values: dict[str, Any] = {
        "id": f"m-{by}",
        "at": WEDNESDAY,
        "file": "0007.sql",
        "file_digest": "f" * 64,
        "statement": 1,
        "digest": "d" * 64,
        "candidate": ID,
    }
    return MigrationApproval(by=by, **(values | fields))


def candidate(*approvals: MigrationApproval, **fields: Any) -> Candidate:
    values = {"id": ID, "opened": WEDNESDAY - timedelta(hours=1), "opened_by": MARIA} | fields
    return Candidate(migration_approvals=approvals, **values)


def wrote(*by: tuple[str, tuple[MigrationApproval, ...]]) -> tuple[ApprovalWrite, ...]:
    return tuple(
        ApprovalWrite(WEDNESDAY + timedelta(seconds=number), principal, (), migrations=approvals)
        for number, (principal, approvals) in enumerate(by)
    )


def one(at: Candidate, writes: tuple[ApprovalWrite, ...], **fields: Any) -> MigrationCheck:
    (check,) = check_migration_approvals(at, writes, **fields)
    return check


def test_whoever_wrote_it_first_in_their_own_name_counts_whoever_carries_it_along() -> None:
    mine = given()
    assert one(candidate(mine), wrote((JUAN, (mine,)), (MALLORY, (mine,)))).counts
    assert one(candidate(mine), wrote((JUAN.upper(), (mine,)))).counts, "an e-mail in capitals is the same"


def test_one_that_somebody_writes_in_anothers_name_is_forged_and_names_the_forger() -> None:
    check = one(candidate(given()), wrote((MALLORY, (given(),)), (JUAN, (given(),))))
    assert check.state is ApprovalState.FORGED
    assert check.why == f"{MALLORY} wrote it in the name of {JUAN}"


def test_one_that_was_taken_out_and_is_put_back_is_whoevers_who_put_it_back() -> None:
    back = wrote((JUAN, (given(),)), (JUAN, ()), (MALLORY, (given(),)), (JUAN, (given(),)))
    check = one(candidate(given()), back)
    assert check.state is ApprovalState.FORGED
    assert MALLORY in check.why


def test_until_the_audit_log_has_told_nothing_counts() -> None:
    assert one(candidate(given()), ()).state is ApprovalState.VERIFYING
    other = given(digest="e" * 64)
    assert one(candidate(given()), wrote((JUAN, (other,)))).state is ApprovalState.VERIFYING, "other bytes, same id"


@pytest.mark.parametrize(
    ("at", "people", "why"),
    [
        (candidate(given(candidate="another")), None, "another release"),
        (candidate(given(), closed="done"), None, "its release is over"),
        (candidate(given(), closed="stopped"), None, "its release is over"),
        (candidate(given(), author=JUAN.upper()), None, "wrote the change"),
        (candidate(given(), author_login=JUAN), None, "wrote the change"),
        (candidate(given()), {MARIA: ("code",)}, "the settings do not name"),
    ],
)
def test_it_is_void_for_another_release_by_the_author_or_by_a_stranger(at: Candidate, people: Any, why: str) -> None:
    check = one(at, wrote((JUAN, at.migration_approvals)), people=people)
    assert check.state is ApprovalState.VOID
    assert why in check.why


def test_an_author_known_by_the_github_login_alone_is_known_again_by_the_settings() -> None:
    at = candidate(given(), author_login="juan-p")
    assert one(at, wrote((JUAN, at.migration_approvals))).counts, "nobody can tell who juan-p is"
    check = one(at, wrote((JUAN, at.migration_approvals)), logins={JUAN.upper(): "Juan-P"})
    assert check.state is ApprovalState.VOID
    assert "wrote the change" in check.why


def test_it_is_bound_to_the_bytes_and_to_the_file() -> None:
    ref = StatementRef("0007.sql", "f" * 64, 1, "d" * 64)
    assert ref.approved_by(given())
    assert ref.approved_by(given(file="0008_renamed.sql")), "a name is no byte"
    assert not ref.approved_by(given(digest="e" * 64))
    assert not ref.approved_by(given(file_digest="e" * 64))


def test_the_audit_entry_tells_of_it_and_the_feed_looks_until_it_does() -> None:
    value = Document(candidate=candidate(given())).dumps()
    request = {"updateMask": "annotations", "service": {"annotations": {ANNOTATION: value}}}
    write = approval_write(WEDNESDAY, JUAN, "google.cloud.run.v2.Services.UpdateService", request)
    assert write is not None
    assert write.migrations == (given(),)
    at = read_document({ANNOTATION: value})[0].candidate
    assert at is not None
    assert unaccounted(at, ()) == (given(),)
    assert unaccounted(at, (write,)) == ()
    assert not all_introduced(at, (write,)), "the first write that is known may be anybody's"
    assert all_introduced(at, (replace(write, time=WEDNESDAY - timedelta(hours=1), migrations=()), write))
    assert "migration_approvals" in json.loads(value)["candidate"]


def test_a_migration_in_production_asks_for_the_releases_two_approvals() -> None:
    both = checked(released(CODE, LEAD), written((JUAN, (CODE,)), (MARIA, (CODE, LEAD))))

    def approvals(signed: Any, rules: Any = BOTH) -> list[tuple[bool, bool]]:
        found = evaluate(Action(ActionKind.MIGRATE), rules, Facts(signed=signed), WEDNESDAY)
        return [(answer.allowed, answer.overridable) for answer in found if answer.rule == "approvals"]

    assert approvals(both) == [(True, False)]
    assert approvals(both[:1]) == [(False, False)]
    assert approvals(()) == [(False, False)]
    assert approvals((), replace(BOTH, protected=False)) == []
    made = Facts(signed=both[:1], approvals=both)
    assert all(one.allowed for one in evaluate(Action(ActionKind.MIGRATE), BOTH, made, WEDNESDAY)), "of its revision"
    over = Facts(approvals=both)
    assert not all(one.allowed for one in evaluate(Action(ActionKind.MIGRATE), BOTH, over, WEDNESDAY)), "it is over"
    assert approvals((), replace(BOTH, approvals=())) == []
