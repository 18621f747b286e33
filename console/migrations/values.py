"""The values that migrations are told in. Immutable, with no I/O: screens and commands draw them, tests make them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from console.migrations.facts import TableFacts
from console.migrations.verdict import Finding
from console.release.guardrails import Answer
from console.release.migration_approvals import StatementRef

LOCK_TIMEOUT_S = 5
"""Seconds that a statement of ours may wait for a lock at most: plain SELECTs queue behind a waiting ALTER."""

OLD_TRANSACTION_S = 5.0
"""Seconds after which somebody's open transaction is listed before a statement is sent."""


def digest(data: bytes | str) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


class State(StrEnum):
    """What is known of one statement."""

    PLANNED = "planned"
    INTENT = "intent"
    """Written down; it may have left, nobody knows how it ended."""
    ACKNOWLEDGED = "acknowledged"
    """The server said it is done."""
    FAILED = "failed"
    """The server said no, and the schema is as it was."""
    UNKNOWN = "unknown"
    """Nobody knows; a person decides."""
    VERIFIED = "verified"
    """The schema shows it. Never sent again."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a file, as it will be sent."""

    file: str
    """The file's name, without its folder."""
    file_digest: str
    index: int
    """1 for the first."""
    line: int
    """In the file, from 1."""
    sql: str
    """Exactly what is sent, in UTF-8."""
    verdict: str
    """`additive`, `blocking`, `incompatible`, `unknown`."""
    reasons: tuple[str, ...] = ()
    """Why, a sentence each."""
    tables: tuple[str, ...] = ()
    loses_data: bool = False
    expects: tuple[Expect, ...] = ()
    """What the schema shows once it is applied; empty where nothing could be told."""
    session: bool = False
    """Whether it sets only this session (timeouts): sent again in every session, remembered by no ledger."""
    changes_rows: bool = False
    """Whether it changes rows and no schema."""
    unseen: bool = False
    """Whether it may take effect without the shape of its tables changing, e.g. TRUNCATE, or RENAME of two into each
    other."""
    findings: tuple[Finding, ...] = ()
    """The rules behind `reasons`, in the same order, with their sources and the forms that do no harm."""
    kind: str = "other"
    """As `StatementVerdict.kind` says."""

    @property
    def digest(self) -> str:
        """Of the bytes that are sent."""
        return digest(self.sql)

    @property
    def name(self) -> str:
        """What the operator types to confirm: the first table, else the file."""
        return self.tables[0] if self.tables else self.file

    @property
    def probed(self) -> tuple[str, ...]:
        """Tables whose shape tells whether it was applied."""
        return tuple(dict.fromkeys((*self.tables, *(expect.table for expect in self.expects if expect.table))))

    @property
    def key(self) -> tuple[str, int]:
        """Its place in the ledger."""
        return self.file, self.index

    @property
    def ref(self) -> StatementRef:
        """What a second person approves: these bytes, in this file."""
        return StatementRef(self.file, self.file_digest, self.index, self.digest)

    @property
    def second_person(self) -> bool:
        """Whether one person may not send it alone."""
        return self.verdict not in ("additive", "blocking")


@dataclass(frozen=True, slots=True)
class Expect:
    """One fact of the schema."""

    kind: str
    """`table`, `column` or `index`."""
    table: str
    name: str
    present: bool = True

    def __str__(self) -> str:
        name = f"{self.table}.{self.name}" if self.name else self.table
        return f"{self.kind} {name} {'is there' if self.present else 'is gone'}"


@dataclass(frozen=True, slots=True)
class MigrationFile:
    """One file of the folder."""

    name: str
    digest: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Server:
    """Which server, which database, how it is set."""

    engine: str
    """`mysql`, `mariadb`, `postgres`, `sqlite`."""
    version: str
    id: str
    """What the server calls itself (server_uid, server_uuid, system identifier, path)."""
    database: str
    started: str = ""
    """When it started, as it says; a connection of an earlier start is gone."""
    sql_mode: str = ""

    @property
    def dialect(self) -> str:
        """As the judge of SQL names it."""
        return "mysql" if self.engine == "mariadb" else self.engine

    def __str__(self) -> str:
        return f"{self.engine} {self.version} {self.id}/{self.database}"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock."""

    connection: str
    """The server's name of the connection (`connection_mark`), empty where unknown."""
    who: str = ""
    doing: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """A connection that still works."""

    connection: str
    seconds: float
    doing: str
    busy: bool
    """Whether a statement is under way on it."""
    waits: str = ""
    """What the server says that it waits for (PostgreSQL: `Lock: relation`); empty where it does not say, or works."""
    blockers: tuple[Transaction, ...] = ()
    """Whoever keeps it waiting, as the server says."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open transaction that a statement of ours would wait for."""

    connection: str
    who: str
    seconds: float
    doing: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked before a statement is sent."""

    statement: Statement
    server: Server
    environment: str
    protected: bool
    facts: Mapping[str, TableFacts] = field(default_factory=dict)
    """Size of each table that it names."""
    transactions: tuple[Transaction, ...] | None = ()
    """Open for longer than 5 s; None where the server does not tell us."""
    again: str = ""
    """Why it is asked again: what became of an earlier attempt."""
    already: bool = False
    """Whether the schema shows it already."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A person's answer to a question."""

    statement_digest: str
    """Of the bytes that were shown."""
    typed: str
    """The name, as typed."""
    reason: str = ""
    flag: str = ""
    """The feature flag that keeps old code off."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What the ledger remembers of a statement."""

    file: str
    file_digest: str
    index: int
    statement_digest: str
    state: str
    """`intent`, `applied`, `verified`, or `again` (it was found not applied)."""
    verdict: str = ""
    reason: str = ""
    flag: str = ""
    approved_by: str = ""
    by: str = ""
    at: str = ""
    """RFC 3339, UTC."""
    connection: str = ""
    server: str = ""
    before: str = ""
    """Fingerprint of the schema before it."""
    atomic: bool = False
    """Whether the ledger's `applied` commits with the statement or not at all."""
    changes_rows: bool = False
    """Whether a schema that is as before proves nothing, since the statement changes rows or is `Statement.unseen`."""
    replicated: str = ""
    """When every replica had it, RFC 3339; empty where not yet, `none` where there is no replica."""
    tables: tuple[str, ...] = ()
    expects: tuple[Expect, ...] = ()
    """What the schema did not show before it and must show after it."""

    @property
    def applied(self) -> bool:
        """Whether the statement has taken effect, as the ledger knows."""
        return self.state in ("applied", "verified")

    @property
    def forced(self) -> bool:
        """Whether it was more than additive."""
        return self.verdict not in ("additive", "")


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """What is known of one replica."""

    name: str
    """Host and port."""
    state: str
    """`waiting`, `arrived` or `unknown` (which is a failure)."""
    sentence: str = ""
    lag_s: float | None = None
    """Seconds behind; None where unknown. Never 0 for want of a number."""
    lags: tuple[float | None, ...] = ()
    """The samples so far, for a sparkline."""
    position: str = ""
    """What it has applied up to, as it says (GTID or LSN); empty where it does not say."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One thing that happened. Sent to the callback, from the event loop."""

    step: str
    """`follow`, `settled`, `planned`, `asked`, `guardrails`, `intent`, `running`, `retry`, `acknowledged`, `verified`,
    `failed`, `unknown`, `replicas`."""
    sentence: str
    statement: Statement | None = None
    state: State | None = None
    replicas: tuple[ReplicaState, ...] = ()
    answers: tuple[Answer, ...] = ()
    """With `guardrails`: every answer, those that a reason passed among them."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A statement that was applied: what the release remembers of it."""

    file: str
    index: int
    statement_digest: str
    verdict: str
    at: datetime
    by: str
    reason: str = ""
    flag: str = ""
    approved_by: str = ""
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended."""

    applied: tuple[Applied, ...] = ()
    settled: tuple[str, ...] = ()
    """What earlier attempts turned out to be, a sentence each."""
    replicas: tuple[ReplicaState, ...] = ()
    notes: tuple[str, ...] = ()
    positions: tuple[str, ...] = field(default=())
    """Replication position after each applied statement."""
