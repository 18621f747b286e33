"""The migrations' desk: reads how they stand, runs them, and holds one frozen picture of it for whoever draws.

One event loop's only (the session's), but for `latest` and `compatibility`, which any thread may read. It decides
nothing: `apply` sends, `confirming` and the guardrails say what may be sent, and a person answers each question. What
talks to databases and reads SQL is imported in a thread when it is first needed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from console.errors import CanarioError, ConflictError, UsageError
from console.migrations.board import Board, Key, Phase, Sending, lines_of
from console.migrations.ground import Ground
from console.migrations.memory import Compatibility, told_of
from console.migrations.reading import Reader, Reading, journal_words
from console.migrations.threads import in_thread
from console.migrations.values import (
    OLD_TRANSACTION_S,
    Approval,
    Confirmation,
    Progress,
    Question,
    RunResult,
    Server,
    State,
    Transaction,
)
from console.text import clean
from console.words import _

if TYPE_CHECKING:
    from console.migrations.apply import Applier
    from console.migrations.around import Surroundings
    from console.migrations.database import Address, Database
    from console.migrations.watching import ReplicaWatch

log = logging.getLogger("canario.migrations")

LOOK_S = 1.0
"""Wall seconds between two looks at a statement under way, or at a question that stands open."""

LEDGER_S = 60.0
"""Wall seconds between two readings of the ledger for the rollback's sake."""

CLOSE_S = 2.0
"""Wall seconds that a run may take to stop when the console leaves."""


class MigrationDesk:
    """See the module.

    Args:
        ground: see `Ground`.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.latest = Board(
            Phase.READING if ground.addresses is not None else Phase.NO_DATABASE,
            ground.environment,
            ground.folder,
            lag_limit_s=ground.lag_limit_s,
        )
        """The picture; replaced whole, from the loop."""
        self._places: tuple[Address, tuple[Address, ...]] | None = None
        self._task: asyncio.Task[None] | None = None
        self._applier: Applier | None = None
        self._answer: asyncio.Future[Confirmation | None] | None = None
        self._looking = asyncio.Lock()
        self._reader = Reader(ground.folder, ground.identity)
        self._brought: list[str] = []
        self._watch: ReplicaWatch | None = None
        self._told: tuple[object, Compatibility | None] = (None, None)

    def _set(self, **changes: object) -> None:
        self.latest = replace(self.latest, **changes)  # type: ignore[arg-type]

    # ------------------------------------------------------------------ looking

    async def look(self) -> None:
        """Read folder, ledger, journal and replicas afresh; what goes wrong stands in the picture. Writes nothing."""
        if self._ground.addresses is None or self.latest.busy or self._looking.locked():
            return
        async with self._looking:
            try:
                await self._look()
            except CanarioError as error:
                problem = str(error)
            except Exception as error:  # a bug is told once, here, and not with every look
                log.exception("looking failed")
                problem = _failed(error)
            else:
                return
            self._set(phase=self.latest.phase if self.latest.busy else Phase.IDLE, read_problem=problem)

    async def _look(self) -> None:
        database, replicas = await self._addresses()
        self._set(engine=database.engine, where=database.shown)
        read = await in_thread(lambda: self._reader.read(database, keep=True))
        await self._put(read)
        await self._look_at_replicas(read.server, replicas)

    async def _put(self, read: Reading) -> None:
        from console.migrations import ledger

        words = await in_thread(lambda: journal_words(self._ground.door.journal, self.latest.where))
        changed = ""
        try:
            ledger.check_unchanged(read.files, read.rows)
        except ledger.ChangedFileError as error:
            changed = str(error)
        self._set(
            phase=self.latest.phase if self.latest.busy else Phase.IDLE,
            server=read.server,
            tables=read.facts.tables,
            lines=lines_of(read.files, read.rows, words, read.approvals, ledger.pending(read.files, read.rows)),
            rows=tuple(read.rows.values()),
            rows_problem="",
            changed=changed,
            read_problem="",
        )

    async def _addresses(self) -> tuple[Address, tuple[Address, ...]]:
        if self._ground.addresses is None:
            raise UsageError(_("No database is set for {environment}.").format(environment=self._ground.environment))
        if self._places is None:
            self._places = await in_thread(self._ground.addresses)
            _database, replicas = self._places
            self._set(replica_names=tuple(_replica_name(address) for address in replicas))
        return self._places

    async def _look_at_replicas(self, server: Server, replicas: tuple[Address, ...]) -> None:
        if not replicas or self.latest.busy:
            return
        if self._watch is None:
            from console.migrations.watching import ReplicaWatch

            self._watch = ReplicaWatch(replicas, replicas_of=self._places[0].database if self._places else "")
        states = await self._watch.look(server.id, self._ground.lag_limit_s)
        if not self.latest.busy:
            self._set(replicas=states)

    async def watch_ledger(self) -> None:
        """Read the ledger now and then, so that a rollback can be told what the schema has become. Never returns."""
        while True:
            if self._ground.addresses is not None and not self.latest.busy:
                try:
                    database, _replicas = await self._addresses()
                    self._set(engine=database.engine, where=database.shown)
                    rows = await in_thread(partial(self._reader.rows, database))
                    self._set(rows=rows, rows_problem="")
                except CanarioError as error:
                    self._set(rows_problem=error.what)
            await self._ground.clock.sleep(LEDGER_S)

    def compatibility(self, target: str | None, made: datetime | None) -> Compatibility | None:
        """Whether `target` runs on the schema as it now is; None where there is no target or no database. Any thread.

        Args:
            target: the revision that a rollback goes to.
            made: when that revision was made, UTC; None where not known.
        """
        board = self.latest
        if target is None or self._ground.addresses is None or (board.phase is Phase.READING and not board.where):
            return None
        mark = (target, made, board.rows, board.rows_problem)
        if self._told[0] != mark:
            self._told = mark, told_of(made, board.rows, board.rows_problem)
        return self._told[1]

    # ------------------------------------------------------------------ a run

    def start(self) -> None:
        """Apply what is pending, in a task of its own: the picture shows the questions, `answer` answers them.

        Raises:
            UsageError: no database is set.
            ConflictError: a run is under way here already.
        """
        if self._ground.addresses is None:
            raise UsageError(_("No database is set for {environment}.").format(environment=self._ground.environment))
        if self.latest.busy:
            raise ConflictError(_("A run is under way here already."))
        self._set(phase=Phase.WORKING, step=_("connecting to the database …"), problem="", notes=(), sending=None)
        self._brought = []
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        around = asyncio.get_running_loop().create_task(self._look_around())
        problem, notes = "", []
        try:
            result = await self._apply()
            notes = [*result.settled, *result.notes]
        except CanarioError as error:
            problem = str(error)
        except asyncio.CancelledError:
            problem = _("Stopped. What was sent is looked for in the schema when you go on.")
        except Exception as error:  # a bug must not take the screen, nor the picture of what was sent
            log.exception("applying failed")
            problem = _failed(error)
        finally:
            around.cancel()
            with suppress(asyncio.CancelledError):
                await around
        notes.extend(await self._remember())
        self._applier = self._answer = None
        self._set(question=None, sending=None)
        try:
            address, _replicas = await self._addresses()
            await self._put(await in_thread(lambda: self._reader.read(address, keep=True)))
        except CanarioError as error:
            self._set(read_problem=str(error))
        self._set(phase=Phase.IDLE, step="", problem=problem, notes=tuple(notes))

    async def _remember(self) -> tuple[str, ...]:
        """Let the release remember what this run brought; what went wrong with that."""
        if not self._brought or self._ground.remember is None:
            return ()
        trouble = await self._ground.remember(tuple(dict.fromkeys(self._brought)))
        return (trouble,) if trouble else ()

    async def _apply(self) -> RunResult:
        from console.migrations.apply import Applier
        from console.migrations.around import RETRY_WAITS_S, Surroundings
        from console.migrations.database import make_database
        from console.migrations.gate import ReplicationGate
        from console.migrations.replicas import make_replica

        ground = self._ground
        address, replicas = await self._addresses()
        self._set(engine=address.engine, where=address.shown)
        read = await in_thread(lambda: self._reader.read(address, keep=False))
        await self._put(read)
        database = make_database(address, who=ground.identity())
        gate = None
        if replicas:
            gate = ReplicationGate(
                database,
                [make_replica(one, address.database) for one in replicas],
                ground.clock,
                wait_s=ground.replica_wait_s,
                limit_s=ground.lag_limit_s,
                report=self._report,
            )
        waits = ground.retry_waits_s if ground.retry_waits_s is not None else RETRY_WAITS_S
        around = Surroundings(ground.door, ground.rules, ground.identity(), ground.facts, ground.clock, gate, waits)
        self._applier = Applier(database, around, self._report)
        return await self._applier.run(read.files, self._ask)

    async def _ask(self, question: Question) -> Confirmation | None:
        self._answer = asyncio.get_running_loop().create_future()
        self._set(phase=Phase.ASKING, question=question, step="")
        try:
            return await self._answer
        finally:
            self._answer = None
            self._set(phase=Phase.WORKING, question=None)

    def answer(self, confirmation: Confirmation | None, *, to: Key) -> None:
        """The operator's word on the question that stands.

        Args:
            confirmation: of what was shown; None: do not go on.
            to: the statement that was asked for; where another is asked for by now, nothing happens.
        """
        question = self.latest.question
        if self._answer is None or self._answer.done() or question is None or question.statement.key != to:
            return
        self._answer.set_result(confirmation)

    async def cancel(self) -> None:
        """Stop the run: a statement under way is cancelled on the server, nothing more is sent."""
        board, applier, task = self.latest, self._applier, self._task
        if not board.busy or task is None:
            return
        if board.phase is Phase.ASKING and board.question is not None:
            self.answer(None, to=board.question.statement.key)
        elif board.phase is Phase.SENDING and applier is not None and board.sending is not None:
            self._set(sending=replace(board.sending, cancelled=True))
            await applier.cancel()
        else:  # the lock, an earlier attempt or the replicas are waited for: nothing is at the server
            task.cancel()

    def _report(self, progress: Progress) -> None:
        """Take in what the engine tells; called from the loop."""
        statement, state = progress.statement, progress.state
        changes: dict[str, object] = {}
        if progress.replicas:
            changes["replicas"] = progress.replicas
        if statement is not None and state is not None:
            changes["lines"] = tuple(
                replace(
                    line,
                    state=state,
                    sentence="" if progress.step in ("planned", "asked") else progress.sentence,
                    pending=line.pending and state is not State.VERIFIED,
                )
                if line.key == statement.key
                else line
                for line in self.latest.lines
            )
            if state is State.VERIFIED and not statement.session:
                self._brought.append(statement.file)
        match progress.step:
            case "intent" if statement is not None:
                changes |= {"phase": Phase.SENDING, "step": "", "sending": self._sent(statement.key)}
            case "retry" if self.latest.sending is not None:
                changes["sending"] = replace(self.latest.sending, retry=progress.sentence)
            case "acknowledged" | "failed" | "unknown" | "verified":
                changes |= {"phase": Phase.WORKING, "sending": None, "step": progress.sentence}
            case "replicas":
                changes |= {"phase": Phase.REPLICAS, "step": progress.sentence}
            case "asked" | "planned" | "running":
                pass  # what runs is looked at once a second here
            case _:
                changes |= {"phase": Phase.WORKING, "step": progress.sentence}
        self._set(**changes)

    def _sent(self, key: Key) -> Sending:
        return Sending(key, self._ground.clock.monotonic())

    async def _look_around(self) -> None:
        """While a run is under way: who waits for whom, and what others have said meanwhile."""
        observer: Database | None = None
        try:
            while True:
                await self._ground.clock.sleep(LOOK_S)
                try:
                    if self.latest.phase not in (Phase.ASKING, Phase.SENDING):
                        continue
                    if observer is None:
                        observer = await self._observer()
                    await self._observe(observer)
                except CanarioError as error:
                    log.info("looking around: %s", error)
                    if self.latest.sending is not None:
                        self._set(sending=replace(self.latest.sending, told=False))
                except Exception:  # what is only shown must not end a run
                    log.exception("looking around failed")
        finally:
            if observer is not None:
                await asyncio.shield(in_thread(observer.close))

    async def _observer(self) -> Database:
        from console.migrations.database import make_database

        address, _replicas = await self._addresses()
        observer = make_database(address, who=self._ground.identity())
        await in_thread(observer.connect)
        return observer

    async def _observe(self, observer: Database) -> None:
        from console.migrations import ledger
        from console.migrations.errors import DatabasePermissionError

        question, sending = self.latest.question, self.latest.sending
        if question is not None:
            approvals = await in_thread(lambda: ledger.approvals(observer))
            open_now: tuple[Transaction, ...] | None = ()
            try:
                tables = question.statement.tables
                if not question.statement.session:
                    open_now = await in_thread(lambda: observer.transactions(tables, OLD_TRANSACTION_S))
            except DatabasePermissionError:
                open_now = None
            if self.latest.question is question:
                self._set(
                    question=replace(question, transactions=open_now),
                    lines=tuple(
                        replace(line, approvals=_of(approvals, line.statement.digest)) for line in self.latest.lines
                    ),
                )
        elif sending is not None:
            line = self.latest.line(sending.key)
            row = (await in_thread(lambda: ledger.rows(observer))).get(sending.key)
            running = await in_thread(lambda: observer.running(row.connection)) if row is not None else None
            others: tuple[Transaction, ...] = ()
            with suppress(DatabasePermissionError):
                if line is not None:
                    others = await in_thread(lambda: observer.transactions(line.statement.tables, 0.0))
            ours = row.connection.partition("@")[0] if row is not None else ""
            now = self.latest.sending
            if now is not None and now.key == sending.key:
                rest = tuple(one for one in others if one.connection != ours)
                self._set(sending=replace(now, running=running, told=running is not None, transactions=rest))

    # ------------------------------------------------------------------ what a person decides besides

    async def decide(self, key: Key, *, applied: bool, reason: str) -> None:
        """A person's word on a statement of which nobody knows whether it was applied; journalled.

        Raises:
            UsageError: its end is known.
            ConflictError: another console is at it.
            BlockedError: a guardrail says no.
        """
        from console.migrations.database import make_database
        from console.migrations.deciding import decide

        if self.latest.busy:
            raise ConflictError(_("A run is under way here already."))
        address, _replicas = await self._addresses()
        row = next(
            (row for row in await in_thread(lambda: self._reader.rows(address)) if (row.file, row.index) == key), None
        )
        if row is None or row.state not in ("intent", "applied"):
            raise UsageError(_("{file}, statement {number}, is not undecided.").format(file=key[0], number=key[1]))
        database = make_database(address, who=self._ground.identity())
        await decide(database, self._around(), row, applied=applied, reason=reason)
        self._set(problem="")
        await self.look()

    async def approve(self, key: Key, digest: str) -> None:
        """Write down that the operator, as a second person, approves those bytes; journalled.

        Args:
            key: which statement.
            digest: of the bytes that were shown.

        Raises:
            UsageError: nobody needs to approve it, it is not what was shown, or nobody knows who you are.
        """
        from console.migrations import ledger
        from console.migrations.database import make_database
        from console.release.transitions import UNKNOWN_IDENTITY

        line = self.latest.line(key)
        who = self._ground.identity()
        if line is None or not line.pending or line.statement.verdict not in ("incompatible", "unknown"):
            raise UsageError(_("Nobody needs to approve that statement."))
        if line.statement.digest != digest:
            raise UsageError(_("Those are not the bytes that you saw."), remedy=_("Look at them again."))
        if not who or who == UNKNOWN_IDENTITY:
            raise UsageError(_("Nobody knows who you are, so you cannot approve."))
        address, _replicas = await self._addresses()
        statement, door = line.statement, self._ground.door
        now = door.cloud.server_clock.now() or self._ground.clock.now()

        def write() -> None:
            database = make_database(address, who=who)
            database.connect()
            try:
                ledger.approve(database, statement, who, now)
            finally:
                database.close()

        payload = {"file": statement.file, "statement": statement.index, "digest": statement.digest}
        number = await door.intent("migration approval", payload)
        await in_thread(write)
        await door.outcome(number, "done", payload)
        await self.look()

    def _around(self) -> Surroundings:
        from console.migrations.around import Surroundings

        ground = self._ground
        return Surroundings(ground.door, ground.rules, ground.identity(), ground.facts, ground.clock)

    async def close(self) -> None:
        """Stop a run, telling the server; a few seconds at most."""
        task = self._task
        if task is None or task.done():
            return
        with suppress(Exception):
            await asyncio.wait_for(self.cancel(), CLOSE_S)
        done, _left = await asyncio.wait({task}, timeout=CLOSE_S)
        if not done:
            task.cancel()
            await asyncio.wait({task}, timeout=CLOSE_S)


def _failed(error: Exception) -> str:
    return _("canario failed inside ({kind}: {words}).").format(kind=type(error).__name__, words=clean(str(error), 200))


def _of(approvals: Sequence[Approval], digest: str) -> tuple[Approval, ...]:
    return tuple(one for one in approvals if one.statement_digest == digest)


def _replica_name(address: Address) -> str:
    return f"{address.socket or address.host}:{address.port}"
