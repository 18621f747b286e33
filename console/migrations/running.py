"""One run of the desk's: applies what is pending in a task of its own, asks through the picture, and can be stopped.

One event loop's only. It decides nothing: `apply` sends, `confirming` and the guardrails say what may be sent, and a
person answers each question.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from console.errors import CanarioError
from console.migrations.board import Key, Phase, Sending
from console.migrations.source import Source, failed
from console.migrations.threads import in_thread
from console.migrations.values import (
    OLD_TRANSACTION_S,
    Confirmation,
    Progress,
    Question,
    RunResult,
    State,
    Transaction,
)
from console.words import _

if TYPE_CHECKING:
    from console.migrations.apply import Applier
    from console.migrations.database import Database

log = logging.getLogger("canario.migrations")

LOOK_S = 1.0
"""Wall seconds between two looks at a statement under way, or at a question that stands open."""

CLOSE_S = 2.0
"""Wall seconds that a run may take to stop when the console leaves."""


class Run:
    """See the module. It begins when it is made.

    Args:
        source: whose picture it draws in.
    """

    def __init__(self, source: Source) -> None:
        self._source, self._ground = source, source.ground
        self._applier: Applier | None = None
        self._answer: asyncio.Future[Confirmation | None] | None = None
        self._brought: list[str] = []
        source.set(phase=Phase.WORKING, step=_("connecting to the database …"), problem="", notes=(), sending=None)
        self._task = asyncio.get_running_loop().create_task(self._run())

    # ------------------------------------------------------------------ from beginning to end

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
            problem = failed(error)
        finally:
            around.cancel()
            with suppress(asyncio.CancelledError):
                await around
        notes.extend(await self._remember())
        self._applier = self._answer = None
        self._source.set(question=None, sending=None)
        try:
            await self._source.read(keep=True)
        except CanarioError as error:
            self._source.set(read_problem=str(error))
        self._source.set(phase=Phase.IDLE, step="", problem=problem, notes=tuple(notes))

    async def _remember(self) -> tuple[str, ...]:
        """Let the release remember what this run brought; what went wrong with that."""
        if not self._brought or self._ground.remember is None:
            return ()
        trouble = await self._ground.remember(tuple(dict.fromkeys(self._brought)))
        return (trouble,) if trouble else ()

    async def _apply(self) -> RunResult:
        from console.migrations.apply import Applier
        from console.migrations.around import RETRY_WAITS_S, Surroundings
        from console.migrations.gate import ReplicationGate
        from console.migrations.replicas import make_replica

        ground = self._ground
        address, replicas = await self._source.addresses()
        read = await self._source.read(keep=False)
        database = await self._source.database()
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

    # ------------------------------------------------------------------ a person's words

    async def _ask(self, question: Question) -> Confirmation | None:
        self._answer = asyncio.get_running_loop().create_future()
        self._source.set(phase=Phase.ASKING, question=question, step="")
        try:
            return await self._answer
        finally:
            self._answer = None
            self._source.set(phase=Phase.WORKING, question=None)

    def answer(self, confirmation: Confirmation | None, *, to: Key) -> None:
        """See `MigrationDesk.answer`."""
        question = self._source.latest.question
        if self._answer is None or self._answer.done() or question is None or question.statement.key != to:
            return
        self._answer.set_result(confirmation)

    async def cancel(self) -> None:
        """Stop: a statement under way is cancelled on the server, nothing more is sent."""
        board, applier = self._source.latest, self._applier
        if not board.busy:
            return
        if board.phase is Phase.ASKING and board.question is not None:
            self.answer(None, to=board.question.statement.key)
        elif board.phase is Phase.SENDING and applier is not None and board.sending is not None:
            self._source.set(sending=replace(board.sending, cancelled=True))
            await applier.cancel()
        else:  # the lock, an earlier attempt or the replicas are waited for: nothing is at the server
            self._task.cancel()

    async def close(self) -> None:
        """Stop, telling the server; a few seconds at most."""
        if self._task.done():
            return
        with suppress(Exception):
            await asyncio.wait_for(self.cancel(), CLOSE_S)
        done, _left = await asyncio.wait({self._task}, timeout=CLOSE_S)
        if not done:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CLOSE_S)

    # ------------------------------------------------------------------ what is told meanwhile

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
                for line in self._source.latest.lines
            )
            if state is State.VERIFIED and not statement.session:
                self._brought.append(statement.file)
        sending = self._source.latest.sending
        match progress.step:
            case "intent" if statement is not None:
                now = self._ground.clock.monotonic()
                changes |= {"phase": Phase.SENDING, "step": "", "sending": Sending(statement.key, now)}
            case "retry" if sending is not None:
                changes["sending"] = replace(sending, retry=progress.sentence)
            case "acknowledged" | "failed" | "unknown" | "verified":
                changes |= {"phase": Phase.WORKING, "sending": None, "step": progress.sentence}
            case "replicas":
                changes |= {"phase": Phase.REPLICAS, "step": progress.sentence}
            case "asked" | "planned" | "running" | "guardrails":
                pass  # the dialog shows the answers; what runs is looked at once a second here
            case _:
                changes |= {"phase": Phase.WORKING, "step": progress.sentence}
        self._source.set(**changes)

    async def _look_around(self) -> None:
        """While it is under way: who waits for whom."""
        observer: Database | None = None
        try:
            while True:
                await self._ground.clock.sleep(LOOK_S)
                board = self._source.latest
                try:
                    if board.phase not in (Phase.ASKING, Phase.SENDING):
                        continue
                    if observer is None:
                        observer = await self._source.database()
                        await in_thread(observer.connect)
                    if board.question is not None:
                        await self._look_before(observer, board.question)
                    elif board.sending is not None:
                        await self._look_at(observer, board.sending)
                except CanarioError as error:
                    log.info("looking around: %s", error)
                    if self._source.latest.sending is not None:
                        self._source.set(sending=replace(self._source.latest.sending, told=False))
                except Exception:  # what is only shown must not end a run
                    log.exception("looking around failed")
        finally:
            if observer is not None:
                await asyncio.shield(in_thread(observer.close))

    async def _look_before(self, observer: Database, question: Question) -> None:
        """While a question stands open: which transactions are in the statement's way."""
        from console.migrations.errors import DatabasePermissionError

        if question.statement.session:
            return
        try:
            open_now: tuple[Transaction, ...] | None = await in_thread(
                lambda: observer.transactions(question.statement.tables, OLD_TRANSACTION_S)
            )
        except DatabasePermissionError:
            open_now = None
        if self._source.latest.question is question:
            self._source.set(question=replace(question, transactions=open_now))

    async def _look_at(self, observer: Database, sending: Sending) -> None:
        """While a statement is at the server: what it waits for, and for whom."""
        from console.migrations import ledger
        from console.migrations.errors import DatabasePermissionError

        line = self._source.latest.line(sending.key)
        row = (await in_thread(lambda: ledger.rows(observer))).get(sending.key)
        running = await in_thread(lambda: observer.running(row.connection)) if row is not None else None
        others: tuple[Transaction, ...] = ()
        with suppress(DatabasePermissionError):
            if line is not None:
                others = await in_thread(lambda: observer.transactions(line.statement.tables, 0.0))
        ours = row.connection.partition("@")[0] if row is not None else ""
        now = self._source.latest.sending
        if now is not None and now.key == sending.key:
            rest = tuple(one for one in others if one.connection != ours)
            self._source.set(sending=replace(now, running=running, told=running is not None, transactions=rest))


__all__ = ["Run"]
