"""What a person decides where nobody knows what became of a statement. Journalled, and under the lock."""

from __future__ import annotations

from functools import partial

from console.actions.door import guarded
from console.errors import ConflictError, UsageError
from console.migrations import ledger
from console.migrations.around import Surroundings
from console.migrations.database import Database
from console.migrations.probe import own_leftovers
from console.migrations.settling import Settler, close
from console.migrations.threads import in_thread
from console.migrations.values import LedgerRow, MigrationFile, digest
from console.release.guardrails import Action, ActionKind, Answer, evaluate
from console.words import _


async def decide(database: Database, around: Surroundings, row: LedgerRow, *, applied: bool, reason: str) -> None:
    """A person's word on a statement of which nobody knows whether it was applied; journalled.

    Raises:
        ConflictError: another console is at it, or has settled it meanwhile.
        JournalError: it could not be journalled.
    """
    await in_thread(database.connect)
    try:
        await Settler(database, around.door, around.clock, lambda _progress: None).lock()
        await _still(database, row)
        word = "verified" if applied else "again"
        payload = {"file": row.file, "statement": row.index, "decided": word, "reason": reason}
        number = await around.door.intent("migration decision", payload)
        key = (row.file, row.index)
        await in_thread(lambda: database.execute(ledger.becomes(key, word)))
        await around.door.outcome(number, "done", {"decided": word})
    finally:
        await close(database)


async def _still(database: Database, row: LedgerRow) -> None:
    """Under the lock: refuse where another console has found out meanwhile what became of the statement."""
    if (await in_thread(lambda: ledger.rows(database))).get((row.file, row.index)) != row:
        raise _moved(row.file, row.index)


def _moved(file: str, number: int) -> ConflictError:
    return ConflictError(
        _("{file}, statement {number}, has changed since it was looked at.").format(file=file, number=number),
        traffic=_("Nothing was sent."),
        remedy=_("`canario migrations status` lists what is."),
    )


async def adopt(
    database: Database, around: Surroundings, file: MigrationFile, old: str, *, applied: bool, reason: str
) -> None:
    """A person's word on a file that was applied under another name: the same, or to be sent again; journalled.

    Args:
        database: not yet connected.
        around: see `Surroundings`.
        file: as it is called now.
        old: the name that it was applied under.
        applied: whether it is the same and nothing is to be sent.
        reason: how the person knows.

    Raises:
        ConflictError: another console is at it, or has decided meanwhile.
        JournalError: it could not be journalled.
    """
    await in_thread(database.connect)
    try:
        await Settler(database, around.door, around.clock, lambda _progress: None).lock()
        rows = await in_thread(lambda: ledger.rows(database))
        if ledger.renamed((file,), rows) != {file.name: old}:
            raise _moved(file.name, 1)
        word = "verified" if applied else "again"
        payload = {"file": file.name, "applied_as": old, "file_digest": file.digest, "decided": word, "reason": reason}
        number = await around.door.intent("migration decision", payload)
        marks = ledger.adopted(rows, old, file.name, applied=applied)
        await in_thread(lambda: database.execute(marks))
        await around.door.outcome(number, "done", {"decided": word})
    finally:
        await close(database)


async def drop_leftovers(
    database: Database,
    around: Surroundings,
    row: LedgerRow,
    *,
    typed: str,
    reason: str,
    shown: tuple[str, ...] | None = None,
) -> tuple[str, ...]:
    """Drop the INVALID indexes that a failed CONCURRENTLY left, and let the statement be asked for again.

    Args:
        database: not yet connected.
        around: see `Surroundings`.
        row: the statement's.
        typed: the table's name, as the operator typed it.
        reason: why, as typed.
        shown: the statements that the operator saw; None: a command, whose operator named the table alone.

    Returns:
        What was sent.

    Raises:
        BlockedError: a guardrail says no, or another name was typed.
        UsageError: there is no such index, or others than those that were shown.
    """
    await in_thread(database.connect)
    try:
        await Settler(database, around.door, around.clock, lambda _progress: None).lock()
        await _still(database, row)
        statements = await in_thread(lambda: own_leftovers(database.leftovers(row.tables), row.expects))
        if not statements:
            raise UsageError(_("There is no INVALID index on {tables}.").format(tables=", ".join(row.tables)))
        if shown is not None and shown != statements:
            raise UsageError(_("Those are not the indexes that you saw."), remedy=_("Look at them again."))
        named = typed.strip() == (row.tables[0] if row.tables else "")
        answers = (
            *evaluate(
                Action(ActionKind.MIGRATE),
                around.rules,
                await around.facts(),
                around.door.cloud.server_clock.now(),
            ),
            Answer("name", _("named"), named, _("type {name} to send it").format(name=", ".join(row.tables[:1]))),
        )
        for sql in statements:
            payload = {"file": row.file, "statement": row.index, "sql": sql, "digest": digest(sql)}
            await guarded(
                around.door,
                kind="migration cleanup",
                answers=answers,
                reason=reason,
                payload=payload,
                act=partial(in_thread, partial(database.send, sql.encode(), (), alone=True)),
                told=lambda _nothing: (),
                result=lambda _nothing: {},
            )
        await in_thread(lambda: database.execute(ledger.becomes((row.file, row.index), "again")))
        return statements
    finally:
        await close(database)
