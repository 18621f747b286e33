"""What it takes to send a statement, by its verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from console.migrations.confirming import answers, controls_transaction, needs, second_person
from console.migrations.values import Confirmation, Question, Server, Statement
from console.release.audited import ApprovalState
from console.release.guardrails import Action, ActionKind, EnvironmentRules, Facts, blocked_by, evaluate
from console.release.state import Candidate
from tests.migrations.crew import MARIA, PEDRO, approved, noon
from tests.release.making import service

SERVER = Server("mysql", "8.0.36", "id", "wa")


def question(
    verdict: str, *, sql: str = "ALTER TABLE t ADD a INT", protected: bool = True, loses: bool = False
) -> Question:
    statement = Statement("0001.sql", "f", 1, 1, sql, verdict, ("It locks t.",), ("t",), loses_data=loses)
    return Question(statement, SERVER, "production", protected)


def approvals(asked: Question, by: object = None, state: ApprovalState = ApprovalState.VERIFIED, **more: Any) -> Facts:
    """What is known of a service on which `by` has approved what is asked for."""
    candidate = Candidate(id="2026-11-25-1005", opened=noon(), opened_by=MARIA)
    checks = (approved(asked.statement, str(by), state, "so it is"),) if by else ()
    return Facts(**({"service": service(), "candidate": candidate, "migration_approvals": checks} | more))


def blocking(asked: Question, **given: object) -> list[str]:
    """Rules that still block."""
    digest = asked.statement.digest
    facts = given.pop("facts", None) or approvals(asked, given.pop("approval", None))
    words = [str(given.get(key, default)) for key, default in (("typed", "t"), ("reason", ""), ("flag", ""))]
    answer = Confirmation(digest, *words)
    return [one.rule for one in blocked_by(answers(asked, answer, MARIA, facts), answer.reason)]


def test_an_additive_statement_needs_its_tables_name_alone() -> None:
    assert blocking(question("additive")) == []
    assert blocking(question("additive"), typed="T") == ["name"]
    assert needs(question("additive")) == ()


def test_a_blocking_statement_needs_a_written_reason() -> None:
    assert blocking(question("blocking")) == ["blocking"]
    assert blocking(question("blocking"), reason="short") == ["blocking"]
    assert blocking(question("blocking"), reason="a quiet hour at night") == []


def test_an_incompatible_statement_needs_its_flag_and_another_person() -> None:
    asked = question("incompatible")
    assert blocking(asked, reason="we have thought of it") == ["incompatible", "approval"]
    assert blocking(asked, flag="off", approval=MARIA) == ["approval"]
    assert blocking(asked, flag="off", approval=MARIA.upper()) == ["approval"], "the same person in capitals"
    assert blocking(asked, flag="off", approval=PEDRO) == []
    assert blocking(asked, approval=PEDRO) == ["incompatible"]


def test_what_loses_data_passes_in_no_protected_environment() -> None:
    everything = {"reason": "we have thought of it", "flag": "off", "approval": PEDRO}
    assert blocking(question("incompatible", loses=True), **everything) == ["data"]
    assert blocking(question("incompatible", loses=True, protected=False), **everything) == []


def test_what_is_not_understood_never_passes_by_one_person() -> None:
    assert blocking(question("unknown"), reason="I know what I do here", flag="off") == ["approval"]
    assert blocking(question("unknown"), approval=PEDRO) == ["unknown"]
    assert blocking(question("unknown"), approval=PEDRO, reason="we both have read it") == []
    assert blocking(question("a new word"), reason="we both have read it") == ["approval"], "an unheard-of verdict"


def said(asked: Question, facts: Facts, operator: str = MARIA) -> str:
    """What the second person's guardrail says."""
    answer = second_person(asked.statement, operator, facts)
    assert not answer.allowed
    assert not answer.overridable
    return answer.reason


def test_an_approval_of_other_bytes_or_of_another_version_of_the_file_counts_for_nothing() -> None:
    asked = question("incompatible")
    other = replace(asked, statement=replace(asked.statement, sql="ALTER TABLE t ADD b INT"))
    edited = replace(asked, statement=replace(asked.statement, file_digest="g"))
    for one in (other, edited):
        assert "other bytes, or another version" in said(asked, approvals(one, PEDRO))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (ApprovalState.VERIFYING, "verifying pedro@demo.example's"),
        (ApprovalState.VOID, "pedro@demo.example's is void"),
        (ApprovalState.FORGED, "FORGED"),
    ],
)
def test_an_approval_counts_only_by_the_audit_logs_word(state: ApprovalState, words: str) -> None:
    asked = question("unknown")
    assert words in said(asked, approvals(asked, PEDRO, state))
    assert blocking(asked, reason="we both have read it", facts=approvals(asked, PEDRO, state)) == ["approval"]


def test_a_forged_approval_is_named_whatever_else_there_is() -> None:
    asked = question("unknown")
    honest, forged = approvals(asked, PEDRO), approvals(asked, PEDRO, ApprovalState.FORGED)
    both = replace(honest, migration_approvals=(*honest.migration_approvals, *forged.migration_approvals))
    assert "FORGED" in said(asked, both)


def test_where_nobody_can_approve_it_is_said_why() -> None:
    asked = question("unknown")
    assert "none is asked here" in said(asked, approvals(asked, service=None))
    assert "none is open" in said(asked, approvals(asked, candidate=None))
    assert "nobody knows who you are" in said(asked, approvals(asked, PEDRO), operator="unknown")
    pending = approvals(asked, PEDRO, ApprovalState.VERIFYING, approvals_problem="it is down")
    assert "audit log cannot be read" in said(asked, pending)


@pytest.mark.parametrize(
    ("sql", "long"),
    [
        ("ALTER TABLE t WAIT 3600 DROP COLUMN a", True),
        ("ALTER TABLE t WAIT 5 DROP COLUMN a", False),
        ("SET STATEMENT lock_wait_timeout=3600 FOR DROP TABLE t", True),
        ("SET STATEMENT `innodb_lock_wait_timeout` = 50 FOR DROP TABLE t", True),
        ("DO $$ BEGIN SET lock_timeout TO 0; DROP TABLE t; END $$", True),
        ("DO $$ BEGIN RESET lock_timeout; DROP TABLE t; END $$", True),
        ("SELECT set_config('lock_timeout', '0', false)", True),
        ("ALTER TABLE settings ALTER COLUMN lock_timeout TYPE text", False),
        ("ALTER TABLE t DROP COLUMN wait", False),
    ],
)
def test_a_wait_for_locks_that_a_statement_brings_itself_is_refused_whoever_approves(sql: str, long: bool) -> None:
    asked = question("incompatible", sql=sql)
    assert ("wait" in blocking(asked, reason="we both have read it", flag="off", approval=PEDRO)) is long


@pytest.mark.parametrize(
    "sql",
    ["BEGIN", "start transaction", "COMMIT", "/* hi */ ROLLBACK", "-- hi\nEND", "SET autocommit = 0",
     "LOCK TABLES t READ", "set session transaction read only", "SAVEPOINT a", "SET @@session.autocommit=0"],
)  # fmt: skip
def test_whatever_begins_or_ends_transactions_is_never_sent(sql: str) -> None:
    assert controls_transaction(sql)
    asked = question("additive", sql=sql)
    assert "transaction" in blocking(asked, reason="we both have read it", flag="off", approval=PEDRO)


@pytest.mark.parametrize("sql", ["ALTER TABLE begin ADD a INT", "SET lock_timeout = '2s'", "UPDATE commit SET a = 1"])
def test_names_that_only_look_like_it_are_no_transaction(sql: str) -> None:
    assert not controls_transaction(sql)


def test_a_migration_asks_for_window_journal_and_driver_and_a_protected_one_for_the_clouds_clock() -> None:
    def rules(protected: bool, now: datetime | None) -> dict[str, bool]:
        facts = Facts(journal_ok=False, journal_problem="the disk is full")
        found = evaluate(Action(ActionKind.MIGRATE), EnvironmentRules("here", protected), facts, now)
        return {one.rule: one.allowed for one in found}

    wednesday, friday = (datetime(2026, 11, day, 12, tzinfo=UTC) for day in (25, 27))
    assert rules(True, wednesday) == {"journal": False, "window": True, "driver": True}
    assert rules(True, friday) == {"journal": False, "window": False, "driver": True}
    assert rules(True, None) == {"clock": False, "journal": False, "driver": True}
    assert rules(False, None) == {"journal": False, "driver": True}
