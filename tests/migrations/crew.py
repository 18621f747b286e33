"""An operator with a database, for tests: writes migrations, applies them, and looks at what became of them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pymysql

from console.actions.door import Door
from console.clock import SystemClock
from console.journal import Entry, Journal
from console.migrations import ledger
from console.migrations.apply import Applier
from console.migrations.around import Surroundings
from console.migrations.database import Address, Database, make_database
from console.migrations.files import read_folder
from console.migrations.gate import ReplicationGate
from console.migrations.lint import lint
from console.migrations.offline import NoCloud
from console.migrations.replicas import make_replica
from console.migrations.urls import read_url
from console.migrations.values import Confirmation, LedgerRow, Progress, Question, RunResult, Statement
from console.migrations.verdict import Dialect
from console.notify import Notifier
from console.release.audited import ApprovalState
from console.release.guardrails import EnvironmentRules, Facts
from console.release.migration_approvals import MigrationCheck
from console.release.state import Candidate, MigrationApproval
from tests.migrations.servers import Pair, until
from tests.release.making import service

MARIA, PEDRO = "maria@demo.example", "pedro@demo.example"

RUNBOOK = "ALTER TABLE reservas ADD COLUMN notes VARCHAR(500);\nCREATE INDEX idx_notes ON reservas(notes);\n"
"""The runbook's own example. Runbook: `Database Migrations`."""

Ask = Callable[[Question], Awaitable[Confirmation | None]]


async def agree(question: Question) -> Confirmation:
    """Types the name that is asked for."""
    return Confirmation(question.statement.digest, question.statement.name)


def approved(
    statement: Statement, by: str, state: ApprovalState = ApprovalState.VERIFIED, why: str = ""
) -> MigrationCheck:
    """Somebody's approval of a statement, as the audit log vouches for it, or does not."""
    given = MigrationApproval(
        id="0" * 16,
        by=by,
        at=noon(),
        file=statement.file,
        file_digest=statement.file_digest,
        statement=statement.index,
        digest=statement.digest,
        candidate="2026-11-25-1005",
    )
    return MigrationCheck(state, why, approval=given)


@dataclass
class Crew:
    """See the module."""

    engine: str
    address: Address
    url: str
    folder: Path
    journal: Journal
    pair: Pair | None = None
    database: str = ""
    replica: Address | None = None
    replica_url: str = ""
    second: str = ""
    """Whoever has approved, by the audit log's word, everything that this folder holds; or nobody."""
    said: list[Progress] = field(default_factory=list)
    asked: list[Question] = field(default_factory=list)

    @property
    def runbook(self) -> str:
        """The runbook's two statements, as this database does them without a lock."""
        return RUNBOOK.replace("CREATE INDEX", "CREATE INDEX CONCURRENTLY") if self.engine == "postgres" else RUNBOOK

    @property
    def dialect(self) -> Dialect:
        return Dialect(self.address.engine)

    def write(self, sql: str, name: str = "0001.sql") -> None:
        (self.folder / name).write_text(sql)

    def files(self) -> Any:
        return read_folder(self.folder, lambda text: lint(text, self.dialect), self.dialect)

    def surroundings(
        self,
        *,
        protected: bool = False,
        gate: bool = False,
        wait_s: float = 30.0,
        retries: tuple[float, ...] = (),
        operator: str = MARIA,
        database: Database | None = None,
    ) -> Surroundings:
        """What applying needs, the gate on `database`."""
        clock = SystemClock()
        door = Door(NoCloud(clock), self.journal, Notifier(None), clock, {"by": operator})

        async def facts() -> Facts:
            return self.facts(operator)

        waits = (
            ReplicationGate(
                database,
                [make_replica(self.replica, self.database)],
                clock,
                wait_s=wait_s,
                limit_s=60.0,
                report=self.said.append,
            )
            if gate and database is not None and self.replica is not None
            else None
        )
        rules = EnvironmentRules("production" if protected else "dev", protected)
        return Surroundings(door, rules, operator, facts, clock, waits, retries)

    def facts(self, operator: str = MARIA) -> Facts:
        """What is known of the service: a candidate is open, and `second` has approved what is in the folder."""
        statements = [one for file in self.files() for one in file.statements] if self.second else []
        return Facts(
            service=service(),
            identity=operator,
            journal_ok=self.journal.writable,
            journal_problem=self.journal.problem,
            candidate=Candidate(id="2026-11-25-1005", opened=noon(), opened_by=MARIA),
            migration_approvals=tuple(approved(one, self.second) for one in statements),
        )

    def applier(self, **options: Any) -> Applier:
        """An applier on a connection of its own, which tells what happens: into `said`."""
        database = self.open()
        return Applier(database, self.surroundings(database=database, **options), self.said.append)

    async def apply(self, sql: str | None = None, ask: Ask = agree, **options: Any) -> RunResult:
        """Apply the folder, with `sql` in its only file where given."""
        if sql is not None:
            self.write(sql)

        async def asked(question: Question) -> Confirmation | None:
            self.asked.append(question)
            return await ask(question)

        return await self.applier(**options).run(self.files(), asked)

    def open(self) -> Database:
        return make_database(self.address, who=MARIA)

    def sql(self, sql: str, *, replica: bool = False) -> list[tuple[Any, ...]]:
        """One statement, as somebody else."""
        if self.pair is None:
            connection = sqlite3.connect(self.address.database, timeout=30)
            with connection:
                found = connection.execute(sql).fetchall()
            connection.close()
            return found
        return self.pair.sql(sql, self.database, replica=replica)

    def sql_or_none(self, sql: str) -> bool:
        """Whether a query works at all."""
        try:
            self.sql(sql)
        except (pymysql.Error, psycopg.Error, sqlite3.Error):
            return False
        return True

    def connected(self) -> bool:
        """Whether a console of ours is connected to the database."""
        if self.engine == "postgres":
            return bool(self.sql("SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
                                 " AND application_name LIKE 'canario%'"))  # fmt: skip
        return bool(self.sql("SELECT 1 FROM information_schema.processlist WHERE db = DATABASE()"
                             " AND id <> CONNECTION_ID()"))  # fmt: skip

    def ledger(self) -> dict[tuple[str, int], LedgerRow]:
        database = self.open()
        database.connect()
        try:
            return ledger.rows(database)
        finally:
            database.close()

    def states(self) -> list[str]:
        """The ledger's word on each statement, in order."""
        return [row.state for _key, row in sorted(self.ledger().items())]

    def columns(self, table: str = "reservas") -> list[str]:
        return sorted(self._shape(table).columns)

    def indexes(self, table: str = "reservas") -> list[str]:
        return sorted(self._shape(table).indexes)

    def _shape(self, table: str) -> Any:
        database = self.open()
        database.connect()
        try:
            return database.shape((table,))[table]
        finally:
            database.close()

    def rows(self, kind: str = "migration") -> list[Entry]:
        """Journal rows of a kind, oldest first."""
        return [entry for entry in reversed(self.journal.entries(1000)) if entry.kind == kind]

    def words(self, kind: str = "migration") -> list[str]:
        """How each intent of a kind ended, oldest first."""
        return [entry.result for entry in self.rows(kind) if entry.phase == "outcome"]

    def arguments(self, command: str = "apply", *more: str, gate: bool = False) -> list[str]:
        """`canario migrations ...` on this database, as one types it."""
        replica = ["--replica", self.replica_url] if gate and self.replica_url else []
        where = ["--env", "dev", "--database", self.url, *replica]
        return [sys.executable, "-m", "console.cli", "migrations", command, str(self.folder), *where, *more]

    def environ(self) -> dict[str, str]:
        journal = str(self.journal.path)
        return {**os.environ, "CANARIO_JOURNAL": journal, "CANARIO_DATABASE_PASSWORD": "canario", "USER": "maria"}

    def command(self, command: str = "apply", *more: str, gate: bool = False) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            self.arguments(command, *more, gate=gate), env=self.environ(), capture_output=True, text=True, timeout=110
        )


@contextmanager
def open_crew(folder: Path, pair: Pair | None) -> Iterator[Crew]:
    """A crew with an empty folder, a journal of its own, and a table `reservas` with three rows."""
    (folder / "migrations").mkdir()
    scope = "local/local/wa-backend"
    with Journal.open(folder / "journal.db", scope=scope, session="0001") as journal:
        if pair is None:
            path = folder / "wa.db"
            sqlite3.connect(path).close()
            address = Address("sqlite", database=str(path))
            made = Crew("sqlite", address, f"sqlite:///{path}", folder / "migrations", journal)
            key = "INTEGER PRIMARY KEY"
        else:
            name = pair.fresh()
            url, replica = pair.url(name), pair.url(name, replica=True)
            addresses = [replace(read_url(one), password="canario") for one in (url, replica)]
            made = Crew(
                pair.engine, addresses[0], url, folder / "migrations", journal, pair, name, addresses[1], replica
            )
            key = "SERIAL PRIMARY KEY" if pair.engine == "postgres" else "INT AUTO_INCREMENT PRIMARY KEY"
        if not Path(made.address.database).is_file() and pair is None:
            Path(made.address.database).touch()
        made.sql(f"CREATE TABLE reservas (id {key}, quien VARCHAR(100))")
        made.sql("INSERT INTO reservas (quien) VALUES ('ana'), ('luis'), ('eva')")
        if pair is not None:
            until(lambda: _followed(made), "the replica has followed")
        yield made


def _followed(crew: Crew) -> bool:
    try:
        return bool(crew.sql("SELECT 1 FROM reservas WHERE quien = 'eva'", replica=True))
    except (pymysql.Error, psycopg.Error):
        return False


def noon() -> datetime:
    """Some moment."""
    return datetime(2026, 11, 25, 12, tzinfo=UTC)
