"""The ledger: a table in the database itself that remembers each file's digest and what became of each statement.

It is beside the data that it speaks of, so that it is restored, copied and replicated with it, and every console sees
the same. A second small table carries a mark from the primary to its replicas (`gate`). Approvals are not here: whoever
may write to the database could write them (`console.release.migration_approvals`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from console.errors import CanarioError, ExitCode
from console.migrations.database import Database, Mark
from console.migrations.values import Expect, LedgerRow, MigrationFile, Statement
from console.words import _

LEDGER, HEARTBEAT = "canario_migrations", "canario_heartbeat"

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
}


class ChangedFileError(CanarioError):
    """A file is not what it was when it was applied."""


class RenamedFileError(CanarioError):
    """A file was applied under another name."""

    exit_code = ExitCode.BLOCKED


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


def renamed(files: Iterable[MigrationFile], ledger: Mapping[tuple[str, int], LedgerRow]) -> dict[str, str]:
    """Files of which nothing is known by their name, and all of it by another: the name that they were applied under.

    A copy under a second name is one too: either way it would be applied again.
    """
    known = {row.file for row in ledger.values()}
    applied = {row.file_digest: row.file for row in ledger.values() if row.applied}
    return {file.name: applied[file.digest] for file in files if file.name not in known and file.digest in applied}


def adopted(ledger: Mapping[tuple[str, int], LedgerRow], old: str, new: str, *, applied: bool) -> tuple[Mark, ...]:
    """What writes down for `new` what is known of `old`: that it is applied, or that it is asked for again."""
    rows = (row for row in ledger.values() if row.file == old and row.applied)
    state = {} if applied else {"state": "again"}
    return tuple(mark for row in rows for mark in intent(replace(row, file=new, **state)))  # type: ignore[arg-type]


def check_files(files: Sequence[MigrationFile], ledger: Mapping[tuple[str, int], LedgerRow]) -> None:
    """Refuse a folder that is not what was applied: a changed file, or one under another name.

    Raises:
        ChangedFileError, RenamedFileError: naming the first one.
    """
    check_unchanged(files, ledger)
    for new, old in renamed(files, ledger).items():
        row = next(row for row in ledger.values() if row.file == old and row.applied)
        raise RenamedFileError(
            _("{file} was applied already, as {old} (by {who}, {at}).").format(
                file=new, old=old, who=row.by or "?", at=row.at
            ),
            traffic=_("Nothing was sent."),
            remedy=_(
                "Give it back its name, or say which: canario migrations decide {file} 1 applied --reason TEXT "
                "(it is the same; nothing is sent), or again (send it a second time)."
            ).format(file=new),
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
