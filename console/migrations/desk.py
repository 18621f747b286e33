"""The migrations' desk: how they stand, runs of them, and what a person decides besides, for whoever draws.

One event loop's only (the session's), but for `latest` and `compatibility`, which any thread may read. What talks to
databases and reads SQL is imported in a thread when it is first needed.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from console.errors import CanarioError, ConflictError, UsageError
from console.migrations.board import Board, Key, Phase
from console.migrations.ground import Ground
from console.migrations.memory import Compatibility, told_of
from console.migrations.running import Run
from console.migrations.source import Source, failed, no_database
from console.migrations.values import Confirmation, LedgerRow
from console.words import _

if TYPE_CHECKING:
    from console.migrations.around import Surroundings

log = logging.getLogger("canario.migrations")

LEDGER_S = 60.0
"""Wall seconds between two readings of the ledger for the rollback's sake."""


class MigrationDesk:
    """See the module.

    Args:
        ground: see `Ground`.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._source = Source(ground)
        self._looking = asyncio.Lock()
        self._run: Run | None = None
        self._told: tuple[object, Compatibility | None] = (None, None)

    @property
    def latest(self) -> Board:
        """The picture; replaced whole, from the loop."""
        return self._source.latest

    # ------------------------------------------------------------------ looking

    async def look(self) -> None:
        """Read folder, ledger, journal and replicas afresh; what goes wrong stands in the picture. Writes nothing."""
        if self._ground.addresses is None or self.latest.busy or self._looking.locked():
            return
        async with self._looking:
            try:
                read = await self._source.read(keep=True)
                await self._source.look_at_replicas(read.server)
            except CanarioError as error:
                problem = str(error)
            except Exception as error:  # a bug is told once, here, and not with every look
                log.exception("looking failed")
                problem = failed(error)
            else:
                return
            self._source.set(phase=self.latest.phase if self.latest.busy else Phase.IDLE, read_problem=problem)

    async def watch_ledger(self) -> None:
        """Read the ledger now and then, so that a rollback can be told what the schema has become. Never returns."""
        while True:
            if self._ground.addresses is not None and not self.latest.busy:
                with suppress(CanarioError):  # it stands in the picture
                    await self._source.read_ledger()
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
            raise no_database(self._ground)
        self._idle()
        self._run = Run(self._source)

    def _idle(self) -> None:
        """Raise ConflictError while a run is under way."""
        if self.latest.busy:
            raise ConflictError(_("A run is under way here already."))

    def answer(self, confirmation: Confirmation | None, *, to: Key) -> None:
        """The operator's word on the question that stands.

        Args:
            confirmation: of what was shown; None: do not go on.
            to: the statement that was asked for; where another is asked for by now, nothing happens.
        """
        if self._run is not None:
            self._run.answer(confirmation, to=to)

    async def cancel(self) -> None:
        """Stop the run: a statement under way is cancelled on the server, nothing more is sent."""
        if self._run is not None:
            await self._run.cancel()

    async def close(self) -> None:
        """Stop a run, telling the server; a few seconds at most."""
        if self._run is not None:
            await self._run.close()

    # ------------------------------------------------------------------ what a person decides besides

    async def decide(self, key: Key, *, applied: bool, reason: str) -> None:
        """A person's word on a statement of which nobody knows whether it was applied; journalled.

        Of a file that was applied under another name: whether it is the same.

        Raises:
            UsageError: its end is known.
            ConflictError: another console is at it.
        """
        from console.migrations import ledger
        from console.migrations.deciding import adopt, decide

        self._idle()
        read = await self._source.read(keep=True)
        database, around = await self._source.database(), self._around()
        old = ledger.renamed(read.files, read.rows).get(key[0])
        if old is not None:
            file = next(file for file in read.files if file.name == key[0])
            await adopt(database, around, file, old, applied=applied, reason=reason)
        else:
            await decide(database, around, self._undecided(key), applied=applied, reason=reason)
        self._source.set(problem="")
        await self.look()

    async def drop_leftovers(self, key: Key, *, typed: str, shown: tuple[str, ...], reason: str) -> None:
        """Drop the INVALID indexes that a statement left behind, so that it can be asked for again; journalled.

        Args:
            key: which statement.
            typed: the table's name, as the operator typed it.
            shown: the statements that were shown.
            reason: as typed; may let a guardrail pass.

        Raises:
            UsageError: there is nothing to drop, or other than what was shown.
            ConflictError: another console is at it.
            BlockedError: a guardrail says no, or another name was typed.
        """
        from console.migrations.deciding import drop_leftovers

        self._idle()
        await self._source.read(keep=True)
        database, row = await self._source.database(), self._undecided(key)
        await drop_leftovers(database, self._around(), row, typed=typed, reason=reason, shown=shown)
        self._source.set(problem="")
        await self.look()

    async def approve(self, key: Key, digest: str) -> None:
        """Write down on the service that the operator, as a second person, approves those bytes; journalled.

        Args:
            key: which statement.
            digest: of the bytes that were shown.

        Raises:
            UsageError: nobody needs to approve it, it is not what was shown, or no release candidate is open.
            BlockedError: the operator may not be the second person.
            CloudError: it cannot be written.
        """
        line = self.latest.line(key)
        if line is None or not line.pending or not line.statement.second_person:
            raise UsageError(_("Nobody needs to approve that statement."))
        if line.statement.digest != digest:
            raise UsageError(_("Those are not the bytes that you saw."), remedy=_("Look at them again."))
        if self._ground.approve is None:
            raise UsageError(_("An approval is written on the Cloud Run service, and none is asked here."))
        await self._ground.approve((line.statement.ref,))

    def _undecided(self, key: Key) -> LedgerRow:
        row = next((row for row in self.latest.rows if (row.file, row.index) == key), None)
        if row is None or row.state not in ("intent", "applied"):
            raise UsageError(_("{file}, statement {number}, is not undecided.").format(file=key[0], number=key[1]))
        return row

    def _around(self) -> Surroundings:
        from console.migrations.around import Surroundings

        ground = self._ground
        return Surroundings(ground.door, ground.rules, ground.identity(), ground.facts, ground.clock)


__all__ = ["MigrationDesk"]
