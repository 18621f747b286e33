"""What a runbook's step observes of the migrations, and what a release remembers of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from console.actions.remembering import with_migrations
from console.migrations.standing import migrations_state
from console.migrations.values import LedgerRow, MigrationFile, Statement
from console.release.state import Candidate, Document

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
FIRST = Statement("0001.sql", "d1", 1, 1, "CREATE TABLE t (id INT)", "additive", tables=("t",))
FILE = MigrationFile("0001.sql", "d1", (FIRST, replace(FIRST, index=2)))
ROW = LedgerRow("0001.sql", "d1", 1, FIRST.digest, "verified", verdict="additive")


def rows(*states: str, **more: str) -> dict[tuple[str, int], LedgerRow]:
    return {
        ("0001.sql", number): replace(ROW, index=number, state=state, **more)  # type: ignore[arg-type]
        for number, state in enumerate(states, 1)
    }


def test_a_release_may_go_on_once_everything_is_verified_and_on_every_replica() -> None:
    assert migrations_state([], {}).ok
    assert migrations_state([FILE], rows("verified", "verified")).ok
    late = migrations_state([FILE], rows("verified", "verified"), replicas=("r1",))
    assert (late.word, late.late) == ("unreplicated", ("0001.sql:1", "0001.sql:2"))
    assert migrations_state([FILE], rows("verified", "verified", replicated="2026-11-25"), replicas=("r1",)).ok


def test_what_is_left_or_not_known_holds_it() -> None:
    assert migrations_state([FILE], rows("verified")).pending == ("0001.sql:2",)
    assert migrations_state([FILE], rows("verified", "again")).word == "pending"
    assert migrations_state([FILE], rows("verified", "intent")).word == "undecided"
    assert migrations_state([FILE], rows("verified", "applied")).word == "undecided"
    assert migrations_state([replace(FILE, digest="other")], rows("verified", "verified")).word == "changed"
    assert migrations_state([FILE], {}, only=("0002.sql",)).word == "none"
    renamed = migrations_state([replace(FILE, name="0002.sql")], rows("verified", "verified"))
    assert (renamed.word, renamed.pending) == ("undecided", ())


def test_an_open_candidate_remembers_names_once_and_a_closed_one_nothing() -> None:
    candidate = Candidate(id="c", opened=NOON, opened_by="maria@demo.example", migrations=("0001.sql",))
    noted = with_migrations(Document(candidate=candidate), ["0001.sql", "0002.sql", "0002.sql"])
    assert noted is not None
    assert noted.candidate is not None
    assert noted.candidate.migrations == ("0001.sql", "0002.sql")
    assert with_migrations(noted, ["0002.sql"]) is None
    assert with_migrations(Document(candidate=candidate.model_copy(update={"closed": "done"})), ["0002.sql"]) is None
    assert with_migrations(Document(), ["0002.sql"]) is None
