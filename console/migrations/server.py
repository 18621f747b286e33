"""What MySQL and PostgreSQL have in common: one connection to a server, and how marks go along with a statement."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import ClassVar, Generic, Protocol, TypeVar

from console.migrations.database import Address, Database, Mark, Row, after_the_fact
from console.migrations.errors import DatabaseError
from console.migrations.facts import TableFacts
from console.words import _


class Closable(Protocol):
    """A driver's connection."""

    def close(self) -> None:
        """Close."""


C = TypeVar("C", bound=Closable)


class ServerDatabase(Database, Generic[C]):
    """A database behind a network. Subclasses say how their driver sends, and what its errors mean."""

    BEGIN: ClassVar[bytes]
    """What begins a transaction."""
    DRIVER_ERRORS: ClassVar[tuple[type[Exception], ...]]
    """What the driver raises."""

    def __init__(self, address: Address, *, who: str = "") -> None:
        super().__init__(address, who=who)
        self._connection: C | None = None

    @abstractmethod
    def _rows(self, sql: str, values: Sequence[object]) -> list[Row]:
        """Rows of a query of ours."""

    @abstractmethod
    def _bound_waits(self) -> None:
        """Hold the session's lock waits to 5 s, whatever a file has set them to."""

    @abstractmethod
    def _raw(self, statement: bytes) -> None:
        """Send these very bytes."""

    def _operators(self, statement: bytes) -> None:
        """Send the operator's statement, and hear whatever way the server tells of errors in."""
        self._raw(statement)

    def _still_ours(self) -> None:
        """Raise DatabaseError where the operator's statement ended the transaction that it was sent in."""

    def _write(self, marks: Sequence[Mark]) -> None:
        for sql, values in marks:
            self.query(sql, values)

    @property
    def _open(self) -> C:
        if self._connection is None:
            raise DatabaseError(_("The database is not open."))
        return self._connection

    def close(self) -> None:
        """See `Database.close`."""
        if self._connection is not None:
            with suppress(*self.DRIVER_ERRORS, OSError):
                self._connection.close()
            self._connection = None

    def query(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """See `Database.query`."""
        return self._rows(sql, values)

    def execute(self, marks: Sequence[Mark]) -> None:
        """See `Database.execute`."""
        self._transaction(b"", marks)

    def send(self, statement: bytes, marks: Sequence[Mark], *, alone: bool = False) -> None:
        """See `Database.send`."""
        self._bound_waits()
        if not alone:
            self._transaction(statement, marks)
            return
        self._operators(statement)
        if marks:
            after_the_fact(lambda: self._transaction(b"", marks))

    def _transaction(self, statement: bytes, marks: Sequence[Mark]) -> None:
        self._raw(self.BEGIN)
        try:
            if statement:
                self._operators(statement)
                self._still_ours()
            self._write(marks)
            self._raw(b"COMMIT")
        except Exception:
            with suppress(Exception):
                self._raw(b"ROLLBACK")
            raise

    def _names(self, sql: str, values: Sequence[object] = ()) -> dict[str, list[str]]:
        """Rows of two columns as lists by the first."""
        names: dict[str, list[str]] = {}
        for table, name in self.query(sql, values):
            names.setdefault(str(table), []).append(str(name))
        return names


def table_facts(
    sizes: Sequence[Row],
    columns: dict[str, list[str]],
    indexes: dict[str, list[str]],
    count: Callable[[object], int | None],
) -> dict[str, TableFacts]:
    """Tables by name.

    Args:
        sizes: name, rows and bytes of each, as the server says.
        columns: names by table.
        indexes: names by table.
        count: what the server's number of rows means; None where it does not know.
    """
    return {
        str(name): TableFacts(
            count(rows),
            int(str(size)) if size is not None else None,
            frozenset(columns.get(str(name), ())),
            frozenset(indexes.get(str(name), ())),
        )
        for name, rows, size in sizes
    }
