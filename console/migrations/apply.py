"""Applying: each statement asked for, written down, sent, and looked for in the schema; then the next.

The order is what makes a crash harmless: lock, ledger and journal say that a statement is about to leave (fsynced),
its bytes leave on the connection that holds the lock, and what the schema shows afterwards is written down last.
Decisions are `confirming`'s, `states`' and the guardrails'; this module only carries them out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from console.actions.door import guarded, refuse
from console.errors import CanarioError, JournalError
from console.migrations import confirming, ledger
from console.migrations.around import Ask, Gate, Surroundings
from console.migrations.database import Database, Mark
from console.migrations.errors import (
    CancelledError,
    DatabaseError,
    DatabasePermissionError,
    LostError,
)
from console.migrations.facts import TableFacts
from console.migrations.messages import messages
from console.migrations.probe import fingerprint, holds, invalid_indexes, missing
from console.migrations.sending import Sender
from console.migrations.settling import CHECK, KIND, PLAN, Settler, UndecidedError, close, describe
from console.migrations.threads import in_thread
from console.migrations.values import (
    OLD_TRANSACTION_S,
    Applied,
    Confirmation,
    Expect,
    LedgerRow,
    MigrationFile,
    Progress,
    Question,
    ReplicaState,
    RunResult,
    Server,
    State,
    Statement,
    Transaction,
)
from console.release.guardrails import Action, ActionKind, Answer, Facts, evaluate, overridden
from console.words import _


class ReplicationError(CanarioError):
    """A replica has not got what was applied, or nobody knows whether it has."""


class Applier:
    """One run on one database. One event loop's only; `cancel` may be called while `run` is under way.

    Args:
        database: not yet connected.
        around: see `Surroundings`.
        report: told what happens, from the loop.
    """

    def __init__(
        self, database: Database, around: Surroundings, report: Callable[[Progress], None] = lambda progress: None
    ) -> None:
        self._database, self._around, self._report = database, around, report
        self._door, self._clock = around.door, around.clock
        self._settler = Settler(database, around.door, around.clock, report)
        self._service = str(around.door.context.get("service", "-"))
        self._sender = Sender(database, around, report)
        self._cancelled = False
        self._applied: list[Applied] = []
        self._positions: list[str] = []
        self._notes: list[str] = []
        self._replicas: tuple[ReplicaState, ...] = ()

    async def cancel(self) -> None:
        """Stop: what is under way is cancelled on the server, nothing more is sent."""
        self._cancelled = True
        await self._sender.cancel()

    async def run(self, files: Sequence[MigrationFile], ask: Ask) -> RunResult:
        """Apply what is pending in `files`, statement by statement.

        Args:
            files: of the folder, in order.
            ask: asks a person before each statement.

        Raises:
            ConflictError: another console is at it.
            ChangedFileError: a file was changed after it was applied.
            RenamedFileError: a file was applied under another name.
            BlockedError: a guardrail, or what a statement needs, says no.
            UndecidedError: nobody knows what became of a statement.
            ReplicationError: a replica has not got it.
            DatabaseError, LostError: the database said no, or nothing.
        """
        await in_thread(self._database.connect)
        try:
            server = await in_thread(self._database.server)
            await self._settler.lock()
            rows = await in_thread(lambda: ledger.rows(self._database))
            ledger.check_files(files, rows)
            rows, settled, again = await self._settler.settle(files, rows)
            ledger.check_files(files, rows)  # what turned out to be applied may have been changed since
            await self._catch_up(rows)
            await self._all(server, ledger.pending(files, rows), ask, again)
        finally:
            await close(self._database)
        return RunResult(tuple(self._applied), settled, self._replicas, tuple(self._notes), tuple(self._positions))

    async def _all(
        self, server: Server, statements: Sequence[Statement], ask: Ask, again: Mapping[tuple[str, int], str]
    ) -> None:
        if not statements:
            return
        connection = await in_thread(self._database.connection)
        plan = await self._door.intent(
            PLAN,
            {
                "database": self._database.address.shown,
                "server": str(server),
                "connection": connection,
                "statements": [f"{one.file}:{one.index}:{one.digest}" for one in statements],
            },
        )
        for one in statements:
            self._report(Progress("planned", describe(one), one, State.PLANNED))
        try:
            for statement in statements:
                if self._cancelled or not await self._one(server, statement, ask, again.get(statement.key, "")):
                    break
        except CanarioError as error:
            await self._door.outcome(plan, "failed", {"error": str(error)})
            raise
        await self._door.outcome(plan, "done", {"applied": len(self._applied)})

    async def _one(self, server: Server, statement: Statement, ask: Ask, again: str) -> bool:
        """One statement, from the question to the replicas; False where the operator does not go on."""
        shape = await in_thread(lambda: self._database.shape(statement.probed))
        unmet = missing(statement.expects, shape)
        question = Question(
            statement,
            server,
            self._around.rules.name,
            self._around.rules.protected,
            await self._sizes(statement),
            await self._transactions(statement),
            again,
            already=bool(statement.expects) and not unmet,
        )
        self._report(Progress("asked", describe(statement), statement, State.PLANNED))
        given = await ask(question)
        if given is None or self._cancelled:
            return False
        facts = await self._around.facts()
        asked = Action(ActionKind.MIGRATE)
        now = self._door.cloud.server_clock.now()
        answers = (
            *evaluate(asked, self._around.rules, facts, now),
            *confirming.answers(question, given, self._around.operator, facts),
        )
        self._report(Progress("guardrails", describe(statement), statement, answers=answers))
        refuse(answers, given.reason)
        if not await in_thread(self._database.locked):
            raise DatabaseError(
                _("This session no longer holds the lock that keeps other consoles out."),
                traffic=_("Nothing was sent."),
                remedy=_("Connect to the server itself, not to a pooler that shares sessions; then run it again."),
            )
        approver = self._approver(statement, facts)
        row = await self._row(server, statement, given, approver, fingerprint(shape), unmet)
        await self._guarded(server, statement, given, row, answers)
        await self._verify(statement, row)
        return True

    def _approver(self, statement: Statement, facts: Facts) -> str:
        """E-mail of the second person, where it takes one; the guardrail has seen that there is one."""
        if not statement.second_person:
            return ""
        found = confirming.second(statement, self._around.operator, facts)
        return found.approval.by if found is not None else ""

    async def _row(
        self,
        server: Server,
        statement: Statement,
        given: Confirmation,
        approver: str,
        before: str,
        unmet: tuple[Expect, ...],
    ) -> LedgerRow:
        """What the ledger and the journal keep of the attempt."""
        connection = await in_thread(self._database.connection)
        atomic = await in_thread(
            lambda: self._database.atomic(statement.sql, changes_rows=statement.changes_rows, tables=statement.tables)
        )
        return LedgerRow(
            file=statement.file,
            file_digest=statement.file_digest,
            index=statement.index,
            statement_digest=statement.digest,
            state="intent",
            verdict=statement.verdict,
            reason=given.reason.strip(),
            flag=given.flag.strip(),
            approved_by=approver,
            by=self._around.operator,
            at=self._stamp(),
            connection=connection,
            server=str(server),
            before=before,
            atomic=atomic,
            changes_rows=statement.changes_rows or statement.unseen,
            replicated="" if self._around.gate else "none",
            tables=statement.probed,
            expects=unmet,
        )

    async def _guarded(
        self, server: Server, statement: Statement, given: Confirmation, row: LedgerRow, answers: tuple[Answer, ...]
    ) -> None:
        """Through the door: guard, ledger, journal, send, journal."""
        if not statement.session:
            await in_thread(lambda: ledger.ensure(self._database))
            await self._execute(ledger.intent(row))
        payload = {
            "database": self._database.address.shown,
            "server": str(server),
            "sql_mode": server.sql_mode,
            "file": statement.file,
            "file_digest": statement.file_digest,
            "statement": statement.index,
            "statement_digest": statement.digest,
            "verdict": statement.verdict,
            "operator": row.by,
            "approver": row.approved_by,
            "flag": row.flag,
            "before": row.before,
            "expects": [str(expect) for expect in row.expects],
            "connection": row.connection,
            "position": await self._position(),
            "session_only": statement.session,
        }
        self._report(Progress("intent", describe(statement), statement, State.INTENT))
        try:
            _done, notes = await guarded(
                self._door,
                kind=KIND,
                answers=answers,
                reason=given.reason,
                payload=payload,
                act=lambda: self._sender.send(statement, row),
                told=lambda _attempts: messages(
                    statement, row, self._around.rules.name, self._service, overridden(answers, given.reason)
                ),
                result=lambda attempts: {"attempts": attempts},
                word="acknowledged",
            )
        except LostError as error:
            self._report(Progress("unknown", str(error), statement, State.UNKNOWN))
            raise
        except CanarioError as error:
            await self._refused(statement, row, error)
            raise
        self._notes.extend(notes)
        self._report(Progress("acknowledged", describe(statement), statement, State.ACKNOWLEDGED))

    async def _execute(self, marks: Sequence[Mark]) -> None:
        await in_thread(lambda: self._database.execute(marks))

    async def _refused(self, statement: Statement, row: LedgerRow, error: CanarioError) -> None:
        """The server said no: look whether that is so, and leave the ledger as it is where it is not."""
        if statement.session:
            return
        try:
            shape = await in_thread(lambda: self._database.shape(statement.probed))
            same = fingerprint(shape) == row.before and not invalid_indexes(row.expects, shape)
            if same or row.atomic:
                await self._execute(ledger.becomes(statement.key, "again"))
                word = _("cancelled") if isinstance(error, CancelledError) else _("failed")
                self._report(
                    Progress("failed", f"{describe(statement)}: {word}. {error.what}", statement, State.FAILED)
                )
                return
        except CanarioError as problem:
            self._notes.append(str(problem))
        self._report(Progress("unknown", f"{describe(statement)}: {error.what}", statement, State.UNKNOWN))

    async def _verify(self, statement: Statement, row: LedgerRow) -> None:
        """What the schema shows now, written down; then the replicas."""
        if statement.session:
            self._report(Progress("verified", describe(statement), statement, State.VERIFIED))
            return
        shape = await in_thread(lambda: self._database.shape(statement.probed))
        invalid = invalid_indexes(row.expects, shape)
        good = holds(row.expects, shape) is not False and not invalid
        position = await self._position()
        found = {
            "database": self._database.address.shown,
            "file": statement.file,
            "statement": statement.index,
            "statement_digest": statement.digest,
            "position": position,
            "after": fingerprint(shape),
            "missing": [str(expect) for expect in missing(row.expects, shape)],
        }
        try:
            number = await self._door.intent(CHECK, found)
            problem = await self._door.outcome(number, "verified" if good else "unknown", {"invalid": list(invalid)})
        except JournalError as error:
            problem = error.what
        if problem:
            self._notes.append(problem)
        if not good:
            words = _("{name} was acknowledged, and the schema does not show it: {what}.").format(
                name=describe(statement), what=", ".join((*map(str, missing(row.expects, shape)), *invalid))
            )
            self._report(Progress("unknown", words, statement, State.UNKNOWN))
            raise UndecidedError(words, remedy=_("Look at the database; then: canario migrations decide."))
        await self._execute(ledger.becomes(statement.key, "verified"))
        self._positions.append(position)
        self._applied.append(
            Applied(
                statement.file,
                statement.index,
                statement.digest,
                statement.verdict,
                self._now(),
                row.by,
                row.reason,
                row.flag,
                row.approved_by,
                statement.tables,
            )
        )
        self._report(Progress("verified", describe(statement), statement, State.VERIFIED))
        await self._wait_for_replicas(row.expects, [statement.key])

    async def _catch_up(self, rows: Mapping[tuple[str, int], LedgerRow]) -> None:
        """Wait for what an earlier run applied and did not see on the replicas."""
        left = [key for key, row in rows.items() if row.applied and not row.replicated]
        if left and self._around.gate is not None:
            await self._wait_for_replicas([expect for key in left for expect in rows[key].expects], left)

    async def _wait_for_replicas(self, expects: Sequence[Expect], keys: Sequence[tuple[str, int]]) -> None:
        if self._around.gate is None:
            return
        self._replicas = await self._around.gate(expects)
        self._report(Progress("replicas", _("Replicas: {states}").format(states=_states(self._replicas)), None, None,
                              self._replicas))  # fmt: skip
        late = [replica for replica in self._replicas if replica.state != "arrived"]
        if late:
            raise ReplicationError(
                _("Nobody knows whether the replicas have it: {states}.").format(states=_states(late)),
                traffic=_("The primary has it; nothing more was sent."),
                remedy=_("Look at the replica, then run it again: it waits for the replicas first."),
            )
        marks = ledger.replicated(keys, self._stamp())
        await in_thread(lambda: self._database.execute(marks))

    async def _sizes(self, statement: Statement) -> Mapping[str, TableFacts]:
        """Size of the tables, for people; empty where the server does not tell."""
        if not statement.tables:
            return {}
        try:
            tables = (await in_thread(self._database.facts)).tables
        except DatabaseError:
            return {}
        return {name: tables[name] for name in statement.tables if name in tables}

    async def _transactions(self, statement: Statement) -> tuple[Transaction, ...] | None:
        if statement.session:
            return ()
        try:
            return await in_thread(lambda: self._database.transactions(statement.tables, OLD_TRANSACTION_S))
        except DatabasePermissionError:
            return None

    async def _position(self) -> str:
        """Replication position now; empty where the server has none."""
        try:
            return await in_thread(self._database.position)
        except DatabaseError:
            return ""

    def _now(self) -> datetime:
        return (self._door.cloud.server_clock.now() or self._clock.now()).astimezone(UTC)

    def _stamp(self) -> str:
        return self._now().isoformat(timespec="seconds")


def _states(replicas: Sequence[ReplicaState]) -> str:
    return "; ".join(f"{replica.name}: {replica.state}, {replica.sentence}" for replica in replicas)


__all__ = ["Applier", "Ask", "Gate", "ReplicationError", "Surroundings"]
