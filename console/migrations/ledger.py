"""The ledger: a table in the database itself that remembers each file's digest and what became of each statement.

It is beside the data that it speaks of, so that it is restored, copied and replicated with it, and every console sees
the same. A second small table carries a mark from the primary to its replicas (`gate`), a third the second person's
approvals.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from console.errors import CanarioError
from console.migrations.database import Database, Mark
from console.migrations.values import Approval, Expect, LedgerRow, MigrationFile, Statement
from console.words import _

LEDGER, HEARTBEAT, APPROVALS = "canario_migrations", "canario_heartbeat", "canario_approvals"

_COLUMNS = (
    "file_name, file_digest, number, statement_digest, state, verdict, reason, flag, approved_by, applied_by,"
    " applied_at, connection_name, server_name, before_print, expected, is_atomic, changes_rows,"
    " replicated, tables_named"
)

_TABLES = {
    LEDGER: f"""CREATE TABLE {LEDGER} (
    file_name VARCHAR(190) NOT NULL,
    file_digest CHAR(64) NOT NULL,
    number INTEGER NOT NULL,
    statement_digest CHAR(64) NOT NULL,
    state VARCHAR(16) NOT NULL,
    verdict VARCHAR(16) NOT NULL,
    reason VARCHAR(500) NOT NULL,
    flag VARCHAR(190) NOT NULL,
    approved_by VARCHAR(254) NOT NULL,
    applied_by VARCHAR(254) NOT NULL,
    applied_at VARCHAR(40) NOT NULL,
    connection_name VARCHAR(190) NOT NULL,
    server_name VARCHAR(500) NOT NULL,
    before_print VARCHAR(64) NOT NULL,
    expected TEXT NOT NULL,
    is_atomic INTEGER NOT NULL,
    changes_rows INTEGER NOT NULL,
    replicated VARCHAR(40) NOT NULL,
    tables_named TEXT NOT NULL,
    PRIMARY KEY (file_name, number)
)""",
    HEARTBEAT: f"""CREATE TABLE {HEARTBEAT} (
    id INTEGER NOT NULL PRIMARY KEY,
    mark VARCHAR(64) NOT NULL
)""",
    APPROVALS: f"""CREATE TABLE {APPROVALS} (
    statement_digest CHAR(64) NOT NULL,
    approved_by VARCHAR(190) NOT NULL,
    approved_at VARCHAR(40) NOT NULL,
    PRIMARY KEY (statement_digest, approved_by)
)""",
}


class ChangedFileError(CanarioError):
    """A file is not what it was when it was applied."""


def exists(database: Database) -> bool:
    """Whether the ledger is there."""
    return database.shape((LEDGER,))[LEDGER] is not None


def ensure(database: Database) -> None:
    """Make the tables that are missing."""
    shape = database.shape(tuple(_TABLES))
    engine = " ENGINE=InnoDB" if database.address.engine == "mysql" else ""
    for name, sql in _TABLES.items():
        if shape[name] is None:
            database.execute(((sql + engine, ()),))


def rows(database: Database) -> dict[tuple[str, int], LedgerRow]:
    """Everything that it remembers, by file and number; empty where there is no ledger."""
    if not exists(database):
        return {}
    found = database.query(f"SELECT {_COLUMNS} FROM {LEDGER} ORDER BY applied_at, file_name, number")  # noqa: S608
    ledger = {}
    for row in found:
        text = [str(value) for value in row]
        ledger[text[0], int(text[2])] = LedgerRow(
            file=text[0],
            file_digest=text[1],
            index=int(text[2]),
            statement_digest=text[3],
            state=text[4],
            verdict=text[5],
            reason=text[6],
            flag=text[7],
            approved_by=text[8],
            by=text[9],
            at=text[10],
            connection=text[11],
            server=text[12],
            before=text[13],
            expects=_expects(text[14]),
            atomic=bool(int(text[15])),
            changes_rows=bool(int(text[16])),
            replicated=text[17],
            tables=tuple(json.loads(text[18] or "[]")),
        )
    return ledger


def intent(row: LedgerRow) -> tuple[Mark, ...]:
    """What writes `row` down, in place of an earlier attempt's."""
    expected = json.dumps([[e.kind, e.table, e.name, e.present] for e in row.expects])
    values = (
        row.file, row.file_digest, row.index, row.statement_digest, row.state, row.verdict, row.reason[:500], row.flag,
        row.approved_by, row.by, row.at, row.connection, row.server[:500], row.before, expected, int(row.atomic),
        int(row.changes_rows), row.replicated, json.dumps(list(row.tables)),
    )  # fmt: skip
    places = ", ".join("?" * len(values))
    return (
        (f"DELETE FROM {LEDGER} WHERE file_name = ? AND number = ?", (row.file, row.index)),  # noqa: S608
        (f"INSERT INTO {LEDGER} ({_COLUMNS}) VALUES ({places})", values),  # noqa: S608
    )


def becomes(key: tuple[str, int], state: str) -> tuple[Mark, ...]:
    """What gives a row another state: `applied`, `verified`, `again`."""
    return ((f"UPDATE {LEDGER} SET state = ? WHERE file_name = ? AND number = ?", (state, *key)),)  # noqa: S608


def replicated(keys: Iterable[tuple[str, int]], at: str) -> tuple[Mark, ...]:
    """What notes that every replica has those statements."""
    sql = f"UPDATE {LEDGER} SET replicated = ? WHERE file_name = ? AND number = ?"  # noqa: S608
    return tuple((sql, (at, *key)) for key in keys)


def heartbeat(number: int, mark: str) -> tuple[Mark, ...]:
    """What leaves `mark` for a replica to show; each replica has a number of its own."""
    return (
        (f"DELETE FROM {HEARTBEAT} WHERE id = ?", (number,)),  # noqa: S608
        (f"INSERT INTO {HEARTBEAT} (id, mark) VALUES (?, ?)", (number, mark)),  # noqa: S608
    )


def approve(database: Database, statement: Statement, by: str, at: datetime) -> None:
    """Write down that `by` approves that statement, these very bytes. The caller has verified who `by` is."""
    ensure(database)
    values = (statement.digest, by)
    database.execute(
        (
            (f"DELETE FROM {APPROVALS} WHERE statement_digest = ? AND approved_by = ?", values),  # noqa: S608
            (
                f"INSERT INTO {APPROVALS} (statement_digest, approved_by, approved_at) VALUES (?, ?, ?)",  # noqa: S608
                (*values, at.isoformat(timespec="seconds")),
            ),
        )
    )


def approvals(database: Database) -> tuple[Approval, ...]:
    """Every approval that was written down."""
    if database.shape((APPROVALS,))[APPROVALS] is None:
        return ()
    found = database.query(f"SELECT statement_digest, approved_by, approved_at FROM {APPROVALS}")  # noqa: S608
    return tuple(Approval(str(by), str(digest), datetime.fromisoformat(str(at))) for digest, by, at in found)


def check_unchanged(files: Iterable[MigrationFile], ledger: Mapping[tuple[str, int], LedgerRow]) -> None:
    """Refuse files that are not what they were when a statement of theirs was applied.

    Raises:
        ChangedFileError: naming the first one.
    """
    for file in files:
        for (name, _number), row in ledger.items():
            if name == file.name and row.applied and row.file_digest != file.digest:
                raise ChangedFileError(
                    _("{file} was changed after it was applied (by {who}, {at}).").format(
                        file=name, who=row.by or "?", at=row.at
                    ),
                    traffic=_("Nothing was sent."),
                    remedy=_("Put it back as it was, and write what is new into a new file."),
                )


def pending(files: Iterable[MigrationFile], ledger: Mapping[tuple[str, int], LedgerRow]) -> tuple[Statement, ...]:
    """Statements still to be sent, in order: those that the ledger does not hold for applied.

    What sets only the session is sent again wherever a statement after it in its file is to be sent.
    """
    left: list[Statement] = []
    for file in files:
        missing = [
            statement
            for statement in file.statements
            if statement.session or not ((row := ledger.get(statement.key)) and row.applied)
        ]
        while missing and missing[-1].session:
            missing.pop()
        left.extend(missing)
    return tuple(left)


def _expects(text: str) -> tuple[Expect, ...]:
    return tuple(Expect(str(kind), str(table), str(name), bool(there)) for kind, table, name, there in json.loads(text))
