"""What no schema shows: after a lost word it is never told as not applied, and an error in rows is an error."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from console.errors import ConflictError
from console.migrations import ledger
from console.migrations.apply import Applier
from console.migrations.deciding import decide
from console.migrations.errors import DatabaseError, LostError, lost
from console.migrations.files import unseen
from console.migrations.settling import UndecidedError
from console.migrations.values import Confirmation, LedgerRow, Question
from tests.migrations.crew import PEDRO, Crew, agree


async def together(question: Question) -> Confirmation:
    """Types the name, gives a reason and a flag."""
    statement = question.statement
    return Confirmation(statement.digest, statement.name, "as agreed at noon", "flag")


class Behind:
    """A database in front of which something happens once a statement has been sent."""

    def __init__(self, database: Any) -> None:
        self._database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


class Silent(Behind):
    """Its word is lost on the way back."""

    def send(self, statement: bytes, marks: Any, *, alone: bool = False) -> None:
        self._database.send(statement, (), alone=alone)
        raise lost("reset by peer")


class Unlocking(Behind):
    """What it sends takes the lock away, as `DISCARD ALL` or a pooler does."""

    def send(self, statement: bytes, marks: Any, *, alone: bool = False) -> None:
        self._database.send(statement, marks, alone=alone)
        maria = self._database.address.engine == "mysql"
        self._database.query("SELECT RELEASE_ALL_LOCKS()" if maria else "SELECT pg_advisory_unlock_all()")


def ledger_row(crew: Crew) -> LedgerRow:
    database = crew.open()
    database.connect()
    with closing(database):
        return ledger.rows(database)["0001.sql", 1]


async def _lose(crew: Crew, sql: str) -> None:
    crew.second = PEDRO
    crew.write(sql)
    database: Any = Silent(crew.open())
    with pytest.raises(LostError):
        await Applier(database, crew.surroundings(), crew.said.append).run(crew.files(), together)


@pytest.mark.parametrize("crew", ["maria"], indirect=True)
@pytest.mark.parametrize(
    "sql",
    [
        "TRUNCATE TABLE reservas",
        "RENAME TABLE one TO tmp, two TO one, tmp TO two",
        "ALTER TABLE one ADD CONSTRAINT positive CHECK (id > 0)",
        "OPTIMIZE TABLE reservas",
    ],
)
async def test_what_no_schema_shows_is_asked_of_a_person_and_never_called_not_applied(crew: Crew, sql: str) -> None:
    crew.sql("CREATE TABLE one (id INT)")
    crew.sql("CREATE TABLE two (id INT)")
    await _lose(crew, sql)
    with pytest.raises(UndecidedError):
        await crew.apply(ask=together)
    assert crew.states() == ["intent"]


@pytest.mark.parametrize("crew", ["maria"], indirect=True)
async def test_a_file_changed_before_anybody_knew_that_it_was_applied_is_an_error(crew: Crew) -> None:
    await _lose(crew, "ALTER TABLE reservas ADD COLUMN notes VARCHAR(500);")
    changed = "ALTER TABLE reservas ADD COLUMN notes VARCHAR(100);\nALTER TABLE reservas ADD COLUMN more INT;"
    with pytest.raises(ledger.ChangedFileError):
        await crew.apply(changed)
    assert "more" not in crew.columns()


@pytest.mark.parametrize("crew", ["maria"], indirect=True)
async def test_an_error_that_the_server_tells_in_a_row_is_an_error(crew: Crew) -> None:
    database = crew.open()
    database.connect()
    with closing(database):
        with pytest.raises(DatabaseError, match="missing"):
            database.send(b"OPTIMIZE TABLE missing", ())
        database.send(b"OPTIMIZE TABLE reservas", ())


@pytest.mark.parametrize("crew", ["maria", "postgres"], indirect=True)
async def test_nothing_is_sent_by_a_session_that_has_lost_the_lock(crew: Crew) -> None:
    crew.write(crew.runbook)
    database: Any = Unlocking(crew.open())
    with pytest.raises(DatabaseError, match="no longer holds the lock"):
        await Applier(database, crew.surroundings(), crew.said.append).run(crew.files(), agree)
    assert crew.states() == ["verified"]
    await crew.apply()
    assert crew.states() == ["verified", "verified"]


@pytest.mark.parametrize("crew", ["sqlite"], indirect=True)
async def test_a_decision_on_what_another_console_has_settled_meanwhile_is_refused(crew: Crew) -> None:
    await crew.apply(crew.runbook)
    row = ledger_row(crew)
    stale = replace(row, state="intent")
    with pytest.raises(ConflictError, match="has changed"):
        await decide(crew.open(), crew.surroundings(), stale, applied=False, reason="I have looked")
    assert crew.states() == ["verified", "verified"], "not asked for again"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("ALTER TABLE t MODIFY a BIGINT", False),
        ("DROP INDEX i ON t", False),
        ("CREATE UNIQUE INDEX i ON t (a)", False),
        ("TRUNCATE t", True),
        ("RENAME TABLE a TO b", True),
        ("ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u", True),
        ("ALTER TABLE t ENGINE=InnoDB", True),
        ("CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1", True),
        ("GRANT SELECT ON t TO u", True),
        ("LOAD DATA INFILE 'x' INTO TABLE t", True),
    ],
)
def test_only_what_changes_shapes_is_seen_in_them(sql: str, expected: bool) -> None:
    assert unseen(sql) is expected
