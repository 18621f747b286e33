"""Whether an older revision runs on the schema as it now is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from console.migrations.looking import compatibility
from console.migrations.memory import records, rows_by_record, runs_on
from console.migrations.values import Applied, Confirmation, LedgerRow, Question, RunResult
from tests.migrations.crew import MARIA, PEDRO, Crew, noon
from tests.migrations.servers import Link, MariaPair

ADDED = LedgerRow(
    "0001.sql", "f", 1, "s", "verified", "additive", at=noon().isoformat(), by=MARIA, tables=("reservas",)
)
DROPPED = replace(ADDED, file="0002.sql", verdict="incompatible", flag="new_names", approved_by=PEDRO)
BEFORE, AFTER = noon() - timedelta(days=1), noon() + timedelta(days=1)


def test_old_code_runs_where_all_that_came_since_is_additive() -> None:
    found = runs_on(BEFORE, [ADDED, replace(ADDED, index=2, verdict="blocking")])
    assert found.runs is True
    assert found.warnings == ()


def test_a_forced_incompatible_statement_is_warned_of_with_its_flag() -> None:
    found = runs_on(BEFORE, [ADDED, DROPPED])
    assert found.runs is False
    assert len(found.warnings) == 1
    assert "the flag new_names must be off" in found.warnings[0]
    assert MARIA in found.warnings[0]


def test_what_was_applied_before_that_revision_was_made_says_nothing() -> None:
    assert runs_on(AFTER, [DROPPED]).runs is True
    assert runs_on(None, [DROPPED]).runs is False, "where nobody knows when it was made, all of it counts"


def test_a_statement_whose_end_nobody_knows_leaves_it_open() -> None:
    assert runs_on(BEFORE, [replace(ADDED, state="intent")]).runs is None
    assert runs_on(BEFORE, [replace(ADDED, verdict="unknown")]).runs is None
    assert runs_on(BEFORE, [replace(ADDED, verdict="incompatible", state="again")]).runs is True, "never applied"
    assert runs_on(BEFORE, [replace(DROPPED, at="some day")]).runs is False, "a time that cannot be read"


def test_the_release_keeps_one_record_a_file_with_its_severest_verdict() -> None:
    def applied(file: str, index: int, verdict: str, at: datetime) -> Applied:
        return Applied(
            file, index, "s", verdict, at, MARIA, flag="f" if verdict == "incompatible" else "", tables=("t",)
        )

    result = RunResult((applied("1.sql", 1, "additive", BEFORE), applied("1.sql", 2, "incompatible", noon()),
                        applied("2.sql", 1, "additive", AFTER)))  # fmt: skip
    kept = records(result)
    assert [(one.file, one.statements, one.verdict, one.flag, one.at) for one in kept] == [
        ("1.sql", 2, "incompatible", "f", noon()),
        ("2.sql", 1, "additive", "", AFTER),
    ]
    again = rows_by_record(one.plain() for one in kept)
    assert runs_on(BEFORE, again).runs is False
    assert runs_on(AFTER, again).runs is True


async def test_a_look_at_the_ledger_tells_whether_an_older_revision_runs(crew: Crew) -> None:
    assert (await compatibility(crew.open(), BEFORE)).runs is True, "no ledger, no migrations"
    await crew.apply(crew.runbook)
    found = await compatibility(crew.open(), BEFORE)
    assert (found.runs, found.warnings) == (True, ())

    async def forced(question: Question) -> Confirmation:
        digest = question.statement.digest
        return Confirmation(digest, question.statement.name, "rehearsed", "new_names")

    crew.write("ALTER TABLE reservas DROP COLUMN quien;", "0002.sql")
    crew.second = PEDRO
    await crew.apply(None, forced)
    found = await compatibility(crew.open(), BEFORE)
    assert found.runs is False
    assert "new_names must be off" in found.warnings[0]
    assert (await compatibility(crew.open(), datetime(2100, 1, 1, tzinfo=UTC))).runs is True


async def test_a_database_that_does_not_answer_is_said_and_holds_nothing_up(maria: MariaPair, maria_crew: Crew) -> None:
    link = Link(maria.port)
    link.pause()
    maria_crew.address = replace(maria_crew.address, port=link.port)
    try:
        found = await compatibility(maria_crew.open(), BEFORE, patience_s=0.3)
    finally:
        link.close()
    assert found.runs is None
    assert found.warnings == ("the database does not answer",)
