"""SQLite: the demo's database, and a developer's. Transactional to the last statement; the lock is a file's."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from console.errors import CanarioError
from console.migrations.database import Database, Mark, Row, after_the_fact
from console.migrations.errors import CancelledError, DatabaseError, LockTimeoutError
from console.migrations.facts import Facts, TableFacts
from console.migrations.probe import Shape, TableShape, fold
from console.migrations.values import LOCK_TIMEOUT_S, Holder, Running, Server, Transaction
from console.text import clean
from console.words import _


class SQLite(Database):
    """A file."""

    _connection: sqlite3.Connection | None = None
    _lock: int | None = None

    def connect(self) -> None:
        """See `Database.connect`. Never makes the file."""
        path = Path(self.address.database)
        if not path.is_file():
            raise DatabaseError(
                _("There is no database {path}.").format(path=path), remedy=_("Name the file of one that is there.")
            )
        try:
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=LOCK_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
            )
            self._connection.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.Error as error:
            self.close()
            raise _told(error) from error

    def close(self) -> None:
        """See `Database.close`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise DatabaseError(_("The database is not open."))
        return self._connection

    def server(self) -> Server:
        """See `Database.server`."""
        path = str(Path(self.address.database).resolve())
        return Server("sqlite", sqlite3.sqlite_version, path, Path(path).name)

    def connection(self) -> str:
        """The process: SQLite has no server."""
        return f"{os.getpid()}"

    def acquire(self) -> Holder | None:
        """See `Database.acquire`: an flock on a file beside the database, which the kernel lets go with the process."""
        if self._lock is not None:
            return None
        path = Path(f"{Path(self.address.database).resolve()}.canario-lock")
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise DatabaseError(
                _("The lock {path} cannot be made: {problem}.").format(path=path, problem=error.strerror)
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            words = os.read(lock, 1000).decode("utf-8", "replace").split("\n")
            os.close(lock)
            return Holder(clean(words[0]), clean(words[1] if len(words) > 1 else ""))
        os.ftruncate(lock, 0)
        os.write(lock, f"{self.connection()}\n{self.who}\n".encode())
        self._lock = lock
        return None

    def locked(self) -> bool:
        """See `Database.locked`."""
        return self._lock is not None

    def query(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """See `Database.query`."""
        try:
            return [tuple(row) for row in self._open.execute(sql, tuple(values)).fetchall()]
        except sqlite3.Error as error:
            raise _told(error) from error

    def execute(self, marks: Sequence[Mark]) -> None:
        """See `Database.execute`."""
        self._transaction(b"", marks)

    def send(self, statement: bytes, marks: Sequence[Mark], *, alone: bool = False) -> None:
        """See `Database.send`. sqlite3 itself refuses a second statement."""
        if not alone:
            self._transaction(statement, marks)
            return
        try:
            self._open.execute(statement.decode())
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise _told(error) from error
        if marks:
            after_the_fact(lambda: self._transaction(b"", marks))

    def _transaction(self, statement: bytes, marks: Sequence[Mark]) -> None:
        connection = self._open
        try:
            connection.execute("BEGIN IMMEDIATE")
            if statement:
                connection.execute(statement.decode())
                if not connection.in_transaction:
                    raise DatabaseError(_("The statement ended the transaction that it was sent in."))
            for sql, values in marks:
                connection.execute(sql, values)
            connection.execute("COMMIT")
        except (sqlite3.Error, sqlite3.Warning) as error:
            self._undo()
            raise _told(error) from error
        except CanarioError:
            self._undo()
            raise

    def _undo(self) -> None:
        with suppress(sqlite3.Error):
            if self._open.in_transaction:
                self._open.execute("ROLLBACK")

    def atomic(self, statement: str, *, changes_rows: bool, tables: Sequence[str]) -> bool:
        """Always: SQLite's DDL is transactional."""
        return True

    def cancel(self) -> None:
        """See `Database.cancel`."""
        if self._connection is not None:
            self._connection.interrupt()

    def running(self, connection: str) -> Running | None:
        """None: a statement ends with its process, and whoever asks holds the lock."""
        return None

    def transactions(self, tables: Sequence[str], older_s: float) -> tuple[Transaction, ...]:
        """None: SQLite does not tell of others."""
        return ()

    def shape(self, tables: Sequence[str]) -> Shape:
        """See `Database.shape`."""
        return {fold(table): self._table(fold(table)) for table in tables}

    def _table(self, name: str) -> TableShape | None:
        found = self.query("SELECT sql FROM sqlite_master WHERE type = 'table' AND lower(name) = ?", (name,))
        if not found:
            return None
        columns = {
            str(row[1]).lower(): f"{row[2]} {'NOT NULL' if row[3] else ''} {row[4]} {row[5]} {row[6]}"
            for row in self.query("SELECT * FROM pragma_table_xinfo(?)", (name,))
        }
        indexes = {
            str(row[0]).lower(): str(row[1])
            for row in self.query(
                "SELECT name, coalesce(sql, '') FROM sqlite_master WHERE type = 'index' AND lower(tbl_name) = ?",
                (name,),
            )
        }
        return TableShape(columns, indexes, str(found[0][0]))

    def facts(self) -> Facts:
        """See `Database.facts`."""
        tables = {}
        for (name,) in self.query("SELECT name FROM sqlite_master WHERE type = 'table'"):
            shape = self._table(str(name).lower())
            if shape is not None:
                tables[str(name)] = TableFacts(columns=frozenset(shape.columns), indexes=frozenset(shape.indexes))
        return Facts("sqlite", sqlite3.sqlite_version_info, tables=tables, tables_known=True)

    def position(self) -> str:
        """See `Database.position`; SQLite has none."""
        raise DatabaseError(_("SQLite has no replicas."))


def _told(error: Exception) -> DatabaseError:
    words = clean(str(error), 400)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LockTimeoutError(_("The database is locked by another: {problem}.").format(problem=words))
    if code == sqlite3.SQLITE_INTERRUPT:
        return CancelledError(_("The statement was cancelled."))
    return DatabaseError(_("The database says: {problem}.").format(problem=words))
