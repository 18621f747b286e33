"""What it takes to send a statement, by its verdict."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from console.migrations.confirming import answers, controls_transaction, needs
from console.migrations.values import Approval, Confirmation, Question, Server, Statement
from console.release.guardrails import Action, ActionKind, EnvironmentRules, Facts, blocked_by, evaluate
from tests.migrations.crew import MARIA, PEDRO

SERVER = Server("mysql", "8.0.36", "id", "wa")


def question(
    verdict: str, *, sql: str = "ALTER TABLE t ADD a INT", protected: bool = True, loses: bool = False
) -> Question:
    statement = Statement("0001.sql", "f", 1, 1, sql, verdict, ("It locks t.",), ("t",), loses_data=loses)
    return Question(statement, SERVER, "production", protected)


def blocking(asked: Question, **given: object) -> list[str]:
    """Rules that still block."""
    digest = asked.statement.digest
    approval = given.pop("approval", None)
    words = [str(given.get(key, default)) for key, default in (("typed", "t"), ("reason", ""), ("flag", ""))]
    answer = Confirmation(digest, *words, Approval(str(approval), digest) if approval else None)
    return [one.rule for one in blocked_by(answers(asked, answer, MARIA), answer.reason)]


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


def test_an_approval_of_other_bytes_counts_for_nothing() -> None:
    asked = question("incompatible")
    given = Confirmation(asked.statement.digest, "t", "", "off", Approval(PEDRO, "0" * 64))
    assert [one.rule for one in blocked_by(answers(asked, given, MARIA))] == ["approval"]


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
