"""What a database must be able to do for us. Blocking: every method is called from a worker thread, one at a time.

Only `cancel`, `running` and `still_there` use a connection of their own and may be called while another call is under
way. Queries of ours mark their values with `?`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from console.errors import CanarioError
from console.migrations.errors import LostError, lost
from console.migrations.facts import Facts
from console.migrations.probe import Shape
from console.migrations.values import Holder, Running, Server, Transaction

Row = tuple[object, ...]
Mark = tuple[str, tuple[object, ...]]
"""A statement of ours and its values, which commits together with the operator's."""

LOCK_NAME = "canario.migrations"
"""What the advisory lock is called; each database has its own."""

CONNECT_TIMEOUT_S = 10
"""Seconds that a server may take to let us in."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is and who we are there. Its password is in no repr."""

    engine: str
    """`mysql`, `postgres` or `sqlite`."""
    host: str = ""
    port: int | None = None
    database: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    socket: str = ""
    """A Unix socket (MySQL) or its folder (PostgreSQL)."""
    ca: str = ""
    """File with the certificate authority; empty: the system's."""
    tls: bool = False
    """Whether the server must prove who it is."""
    cloud_sql: str = ""
    """`project:region:instance`, reached by the Cloud SQL connector."""
    iam: bool = False
    """Whether Cloud SQL logs us in by IAM."""

    @property
    def shown(self) -> str:
        """Without user and password."""
        if self.engine == "sqlite":
            return self.database
        where = self.cloud_sql or self.socket or f"{self.host}:{self.port}"
        return f"{where}/{self.database}"


class Database(ABC):
    """One database, with the one connection that holds the lock and sends the statements."""

    def __init__(self, address: Address, *, who: str = "") -> None:
        self.address = address
        self.who = who
        """Told to the server where it has a place for it."""

    @abstractmethod
    def connect(self) -> None:
        """Connect, with lock timeouts of at most 5 s.

        Raises:
            DatabaseError: it cannot be reached, or does not let us in.
        """

    @abstractmethod
    def close(self) -> None:
        """Close, and let go of the lock."""

    @abstractmethod
    def server(self) -> Server:
        """Who answers."""

    @abstractmethod
    def connection(self) -> str:
        """The server's name of our connection: its number, and when it or its server began."""

    def same(self, one: str, other: str) -> bool:
        """Whether two names that `connection` gave are one connection's."""
        return one == other

    @abstractmethod
    def acquire(self) -> Holder | None:
        """Take the lock without waiting; where another holds it, who."""

    @abstractmethod
    def locked(self) -> bool:
        """Whether the very session that would send holds the lock.

        A statement, or a pooler that hands sessions around, may have lost it.
        """

    @abstractmethod
    def query(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """Rows of a query of ours."""

    @abstractmethod
    def execute(self, marks: Sequence[Mark]) -> None:
        """Statements of ours, in one transaction."""

    @abstractmethod
    def send(self, statement: bytes, marks: Sequence[Mark], *, alone: bool = False) -> None:
        """Send the operator's statement, these very bytes, and `marks` in its transaction where there is one.

        Args:
            statement: in UTF-8; one statement, which the server must hold us to.
            marks: see `Mark`.
            alone: outside any transaction; `marks` follow on their own.

        Raises:
            LockTimeoutError: given up waiting for a lock; nothing was done.
            NotInTransactionError: only `alone`; nothing was done.
            CancelledError: it was cancelled.
            DatabaseError: the server said no.
            LostError: the connection ended.
        """

    @abstractmethod
    def atomic(self, statement: str, *, changes_rows: bool, tables: Sequence[str]) -> bool:
        """Whether `send`'s marks commit with the statement or not at all."""

    @abstractmethod
    def cancel(self) -> None:
        """Cancel on the server what `send` is waiting for."""

    @abstractmethod
    def running(self, connection: str) -> Running | None:
        """The connection of that name, where the server still has it.

        Raises:
            DatabasePermissionError: the server does not show us others' connections.
        """

    @abstractmethod
    def transactions(self, tables: Sequence[str], older_s: float) -> tuple[Transaction, ...]:
        """Others' open transactions on those tables, older than that, oldest first.

        Raises:
            DatabasePermissionError: the server does not show them to us.
        """

    @abstractmethod
    def shape(self, tables: Sequence[str]) -> Shape:
        """How those tables look now, by folded name."""

    def leftovers(self, tables: Sequence[str]) -> tuple[str, ...]:
        """Statements that drop the INVALID indexes of those tables, which a failed CONCURRENTLY left behind."""
        return ()

    @abstractmethod
    def facts(self) -> Facts:
        """What sharpens the judge; read-only."""

    @abstractmethod
    def position(self) -> str:
        """Replication position after everything that we committed.

        Raises:
            DatabaseError: the server has none (no binary log).
        """


def after_the_fact(write: Callable[[], None]) -> None:
    """Write the marks of a statement that has already taken effect: whatever goes wrong now leaves its end unknown.

    Raises:
        LostError: they could not be written.
    """
    try:
        write()
    except LostError:
        raise
    except CanarioError as error:
        raise lost(error.what) from error


Opener = Callable[[Address], Database]


def make_database(address: Address, *, who: str = "") -> Database:
    """The database at `address`, not yet connected. Its driver is imported here."""
    match address.engine:
        case "mysql":
            from console.migrations.mysql import MySQL

            return MySQL(address, who=who)
        case "postgres":
            from console.migrations.postgres import Postgres

            return Postgres(address, who=who)
        case _:
            from console.migrations.sqlite import SQLite

            return SQLite(address, who=who)
