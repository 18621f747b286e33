"""At the start of a run: the lock, and what became of statements whose end nobody saw.

Whoever holds the lock knows that no earlier connection of ours still works: the lock is held by the very connection
that sends, and the server lets go of it only when that connection's statement has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from console.actions.door import Door
from console.actions.recovery import process_alive
from console.clock import Clock
from console.errors import CanarioError, ConflictError, ExitCode, JournalError
from console.journal import Entry
from console.migrations import ledger
from console.migrations.database import Database
from console.migrations.errors import DatabasePermissionError
from console.migrations.probe import fingerprint, holds, invalid_indexes
from console.migrations.states import Decision, Evidence, decide
from console.migrations.threads import in_thread
from console.migrations.values import Holder, LedgerRow, MigrationFile, Progress, Running, State, Statement
from console.words import _

KIND, CHECK, PLAN = "migration", "migration check", "migration plan"
"""Kinds of journal rows: a statement, what the schema showed after it, a whole run."""

LOOK_S = 1.0
"""Wall seconds between two looks at a connection that still works."""

IDLE_LOOKS = 15
"""Looks at an idle connection that keeps the lock before it is called stuck."""


CLOSE_S = 10.0
"""Seconds that a server may take to say goodbye."""


class UndecidedError(CanarioError):
    """Nobody knows what became of a statement: a person decides."""

    exit_code = ExitCode.BLOCKED


class Settler:
    """Takes the lock, and settles earlier attempts.

    Args:
        database: connected.
        door: with the journal.
        clock: the wall.
        report: told what is found.
    """

    def __init__(self, database: Database, door: Door, clock: Clock, report: Callable[[Progress], None]) -> None:
        self._database, self._door, self._clock, self._report = database, door, clock, report

    async def lock(self) -> None:
        """Take the lock; where an attempt of a console that is no more still runs, follow it to its end.

        Raises:
            ConflictError: another console holds it.
        """
        idle = 0
        while True:
            holder = await in_thread(self._database.acquire)
            if holder is None:
                return
            if not await self._left_behind(holder):
                raise _held(await self._named(holder))
            running = await self._look(holder.connection)
            idle = 0 if running is None or running.busy else idle + 1
            if idle > IDLE_LOOKS:
                raise _held(holder)
            self._report(Progress("follow", _following(running, holder)))
            await self._clock.sleep(LOOK_S)

    async def settle(
        self, files: Iterable[MigrationFile], rows: Mapping[tuple[str, int], LedgerRow]
    ) -> tuple[dict[tuple[str, int], LedgerRow], tuple[str, ...], dict[tuple[str, int], str]]:
        """Find out what became of every attempt that has no end; under the lock.

        Returns:
            The ledger as it is now, what was found in a sentence each, and why a statement is asked again.

        Raises:
            UndecidedError: a person must decide.
        """
        statements = {statement.key: statement for file in files for statement in file.statements}
        settled, again = [], {}
        journalled = await self._unfinished()
        for key, row in rows.items():
            if row.state not in ("intent", "applied"):
                continue
            statement = statements.get(key)
            decision, why = await self._decide(row)
            name = _("{file}, statement {number}").format(file=row.file, number=row.index)
            entry = journalled.pop(key, None)
            if decision is Decision.PERSON:
                await self._close(entry, "unknown", why)
                self._report(Progress("unknown", f"{name}: {why}", statement, State.UNKNOWN))
                raise UndecidedError(
                    _("{name}: nobody knows whether it was applied: {why}.").format(name=name, why=why),
                    traffic=_("Nothing more was sent."),
                    remedy=_(
                        "Look at the database, then say which: "
                        "canario migrations decide {file} {number} applied|again --reason TEXT "
                        "(an INVALID index: again --drop-invalid TABLE)"
                    ).format(file=row.file, number=row.index),
                )
            if decision is Decision.VERIFIED:
                await self._mark(key, "verified")
                await self._close(entry, "verified", why)
                sentence = _("{name}: applied ({why}); it is not sent again").format(name=name, why=why)
                state = State.VERIFIED
            else:
                await self._mark(key, "again")
                await self._close(entry, "failed", why)
                sentence = _("{name}: not applied ({why}); it is asked again").format(name=name, why=why)
                again[key], state = why, State.FAILED
            settled.append(sentence)
            self._report(Progress("settled", sentence, statement, state))
        for entry in journalled.values():
            await self._close(entry, "failed", _("the ledger knows nothing of it: it never left"))
        return await in_thread(lambda: ledger.rows(self._database)), tuple(settled), again

    async def _decide(self, row: LedgerRow) -> tuple[Decision, str]:
        """The decision on one attempt, once its connection has ended."""
        while True:
            try:
                running = await in_thread(lambda: self._database.running(row.connection))
                busy: bool | None = running is not None and running.busy
            except DatabasePermissionError:
                running, busy = None, False  # the lock is ours, so that its connection has ended
            decision, why = Decision.FOLLOW, ""
            if not busy:
                shape = await in_thread(lambda: self._database.shape(row.tables))
                decision, why = decide(
                    Evidence(
                        running=busy,
                        ledger_applied=row.applied,
                        atomic=row.atomic,
                        after=holds(row.expects, shape),
                        before=fingerprint(shape) == row.before if row.before and row.tables else None,
                        changes_rows=row.changes_rows,
                        invalid=invalid_indexes(row.expects, shape),
                    )
                )
            if decision is not Decision.FOLLOW:
                return decision, why
            self._report(Progress("follow", _following(running, Holder(row.connection))))
            await self._clock.sleep(LOOK_S)

    async def _left_behind(self, holder: Holder) -> bool:
        """Whether the holder is an attempt of a process of this machine that is no more."""
        if not holder.connection:
            return False
        try:
            entries = await asyncio.to_thread(self._door.journal.unfinished)
        except JournalError:
            return False
        marks = [
            str(entry.payload.get("process", ""))
            for entry in entries
            if entry.kind in (KIND, PLAN)
            and self._database.same(str(entry.payload.get("connection", "")), holder.connection)
        ]
        return bool(marks) and not any(process_alive(mark) for mark in marks)

    async def _named(self, holder: Holder) -> Holder:
        """The holder with the operator's name, where the ledger tells whose connection it is."""
        try:
            rows = await in_thread(lambda: ledger.rows(self._database))
        except CanarioError:
            return holder
        who = [row.by for row in rows.values() if row.by and self._database.same(row.connection, holder.connection)]
        if not who or who[-1] in holder.who:
            return holder
        return replace(holder, who=f"{who[-1]} {holder.who}".strip())

    async def _look(self, connection: str) -> Running | None:
        try:
            return await in_thread(lambda: self._database.running(connection))
        except DatabasePermissionError:
            return None

    async def _unfinished(self) -> dict[tuple[str, int], Entry]:
        """Journalled statements of this database that have no outcome, of processes that are no more."""
        here = self._database.address.shown
        found: dict[tuple[str, int], Entry] = {}
        for entry in await asyncio.to_thread(self._door.journal.unfinished):
            payload = entry.payload
            if payload.get("database") != here or process_alive(str(payload.get("process", ""))):
                continue
            if entry.kind in (PLAN, CHECK):
                await self._close(entry, "settled", _("its console ended before it did"))
            elif entry.kind == KIND:
                number = payload.get("statement")
                found[str(payload.get("file")), number if isinstance(number, int) else 0] = entry
        return found

    async def _mark(self, key: tuple[str, int], state: str) -> None:
        await in_thread(lambda: self._database.execute(ledger.becomes(key, state)))

    async def _close(self, entry: Entry | None, result: str, why: str) -> None:
        if entry is not None:
            await self._door.outcome(entry.id, result, {"found": why, "settled": True})


def _held(holder: Holder) -> ConflictError:
    who = " ".join(part for part in (holder.who, holder.doing and f"({holder.doing})") if part)
    return ConflictError(
        _("Another console is applying migrations to this database: {who}.").format(
            who=who or _("connection {name}").format(name=holder.connection or "?")
        ),
        traffic=_("Nothing was sent."),
        remedy=_(
            "Wait until it is done. A connection that nobody owns any more is ended on the server: {name}."
        ).format(name=holder.connection or "?"),
    )


def _following(running: Running | None, holder: Holder) -> str:
    if running is None:
        return _("Waiting for the connection of an earlier console to end ({name}).").format(name=holder.connection)
    return _("An earlier console's statement still runs on the server, for {seconds:.0f} s: {doing}").format(
        seconds=running.seconds, doing=running.doing
    )


def describe(statement: Statement) -> str:
    """A statement by its place: `0042.sql, statement 2 of 3`."""
    return _("{file}, statement {number}").format(file=statement.file, number=statement.index)


async def close(database: Database) -> None:
    """Close, also where the server no longer answers: the lock goes with the connection."""
    with suppress(TimeoutError):
        await asyncio.shield(in_thread(database.close, timeout_s=CLOSE_S))
