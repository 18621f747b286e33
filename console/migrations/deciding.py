"""What a person decides where nobody knows what became of a statement. Journalled, and under the lock."""

from __future__ import annotations

from functools import partial

from console.actions.door import guarded
from console.errors import ConflictError, UsageError
from console.migrations import ledger
from console.migrations.around import Surroundings
from console.migrations.database import Database
from console.migrations.settling import Settler, close
from console.migrations.threads import in_thread
from console.migrations.values import LedgerRow, digest
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
        raise ConflictError(
            _("{file}, statement {number}, has changed since it was looked at.").format(
                file=row.file, number=row.index
            ),
            traffic=_("Nothing was sent."),
            remedy=_("`canario migrations status` lists what is."),
        )


async def drop_leftovers(
    database: Database, around: Surroundings, row: LedgerRow, *, typed: str, reason: str
) -> tuple[str, ...]:
    """Drop the INVALID indexes that a failed CONCURRENTLY left, and let the statement be asked for again.

    Args:
        database: not yet connected.
        around: see `Surroundings`.
        row: the statement's.
        typed: the table's name, as the operator typed it.
        reason: why, as typed.

    Returns:
        What was sent.

    Raises:
        BlockedError: a guardrail says no, or another name was typed.
        UsageError: there is no such index.
    """
    await in_thread(database.connect)
    try:
        await Settler(database, around.door, around.clock, lambda _progress: None).lock()
        await _still(database, row)
        statements = await in_thread(lambda: database.leftovers(row.tables))
        if not statements:
            raise UsageError(_("There is no INVALID index on {tables}.").format(tables=", ".join(row.tables)))
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
