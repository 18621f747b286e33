"""Messages that could not be delivered, kept in the journal: a console that comes back still shows them.

A row of the kind `unsent` holds the message; another one, which names it, says that it has gone out since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from console.actions.door import Door
from console.errors import JournalError
from console.journal import Entry
from console.notify import Message, Undelivered
from console.text import clean

KIND = "unsent"
"""Kind of the journal's rows."""

ROWS = 1_000
"""Newest rows of that kind that are looked through."""


class JournalOutbox:
    """Keeps messages for later. Never raises: telling people must not break what it tells of.

    Args:
        door: writes the rows, with copies to Cloud Logging.
    """

    def __init__(self, door: Door) -> None:
        self._door = door

    async def keep(self, item: Undelivered) -> int:
        """Write a message down; its row's number, 0 where it cannot be written and lives in memory alone."""
        message = item.message
        payload = {"what": "kept", "title": message.title, "lines": list(message.lines), "problem": item.problem}
        return await self._write(payload | {"urgent": message.urgent})

    async def sent(self, number: int) -> None:
        """Write down that the message of row `number` has gone out, or is not wanted any more."""
        await self._write({"what": "sent", "of": number})

    async def load(self) -> tuple[Undelivered, ...]:
        """What has not gone out yet, oldest first."""
        try:
            rows = await asyncio.to_thread(self._door.journal.entries, ROWS, kind=KIND)
        except JournalError:
            return ()
        return waiting(rows)

    async def _write(self, payload: dict[str, object]) -> int:
        try:
            number = await self._door.intent(KIND, payload)
        except JournalError:
            return 0
        await self._door.outcome(number, "done", {})
        return number


def waiting(rows: Iterable[Entry]) -> tuple[Undelivered, ...]:
    """The messages of `rows` that have not gone out, oldest first. Pure; rows in any order."""
    told = sorted((row for row in rows if row.kind == KIND and row.phase == "intent"), key=lambda row: row.id)
    gone = {row.payload.get("of") for row in told if row.payload.get("what") == "sent"}
    found = []
    for row in told:
        lines = row.payload.get("lines")
        if row.payload.get("what") != "kept" or row.id in gone:
            continue
        message = Message(
            clean(str(row.payload.get("title", ""))),
            tuple(clean(str(line)) for line in lines) if isinstance(lines, list) else (),
            urgent=bool(row.payload.get("urgent")),
        )
        found.append(Undelivered(message, clean(str(row.payload.get("problem", ""))), row.id))
    return tuple(found)


__all__ = ["JournalOutbox", "waiting"]
