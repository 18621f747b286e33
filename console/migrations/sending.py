"""Sending one statement: again where a lock was not to be had, watched while it takes long, cancelled on the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from console.errors import CanarioError
from console.migrations import ledger
from console.migrations.around import Surroundings
from console.migrations.database import Database, Mark
from console.migrations.errors import LockTimeoutError, NotInTransactionError, lost
from console.migrations.locking import describe_running
from console.migrations.threads import in_thread
from console.migrations.values import LedgerRow, Progress, State, Statement
from console.words import _

WATCH_S = 5.0
"""Wall seconds after which, and between which, a statement under way is looked at from a second connection."""

GONE_LOOKS = 3
"""Looks without its connection after which a statement's end is called unknown."""


class Sender:
    """Sends statements on the connection that holds the lock. One event loop's only.

    Args:
        database: connected once something is sent.
        around: see `Surroundings`.
        report: told of attempts, and how a long one stands.
    """

    def __init__(self, database: Database, around: Surroundings, report: Callable[[Progress], None]) -> None:
        self._database, self._around, self._report = database, around, report
        self._cancelled = self._sending = False

    async def cancel(self) -> None:
        """Cancel on the server what is under way, and send nothing more."""
        self._cancelled = True
        if self._sending:
            with suppress(TimeoutError):
                await in_thread(self._database.cancel, timeout_s=15.0)

    async def send(self, statement: Statement, row: LedgerRow) -> int:
        """Send it, again where a lock was not to be had; the number of attempts."""
        marks: tuple[Mark, ...] = () if statement.session else ledger.becomes(statement.key, "applied")
        alone, attempts = statement.session, 0
        while True:
            attempts += 1
            try:
                self._sending = True
                await self._until_sent(statement, row, marks, alone=alone)
            except NotInTransactionError:
                if alone:
                    raise
                alone = True
                if row.atomic:  # it will not commit with its mark, and whoever looks after a crash must know
                    rewritten = ledger.intent(replace(row, atomic=False))
                    await in_thread(partial(self._database.execute, rewritten))
                continue
            except LockTimeoutError as error:
                if self._cancelled or alone or attempts > len(self._around.retry_waits_s):
                    raise
                wait = self._around.retry_waits_s[attempts - 1]
                words = _("{problem} Again in {wait:.0f} s.").format(problem=error.what, wait=wait)
                self._report(Progress("retry", words, statement, State.INTENT))
                await self._around.clock.sleep(wait)
                if self._cancelled:
                    raise
                continue
            finally:
                self._sending = False
            return attempts

    async def _until_sent(self, statement: Statement, row: LedgerRow, marks: Sequence[Mark], *, alone: bool) -> None:
        """Send and wait; where our task is cancelled, the server is told, and its last word waited for."""
        data = statement.sql.encode()
        sending = asyncio.ensure_future(in_thread(lambda: self._database.send(data, marks, alone=alone)))
        gone = 0
        try:
            while not (await asyncio.wait({sending}, timeout=WATCH_S))[0]:
                gone = 0 if await self._still_there(statement, row) else gone + 1
                if gone >= GONE_LOOKS:  # the server has ended it, and no word of that has come through
                    sending.cancel()
                    raise lost(_("the server no longer knows the connection"))
            sending.result()
        except asyncio.CancelledError:
            await self.cancel()
            with suppress(CanarioError, TimeoutError):
                await asyncio.wait_for(sending, 30.0)
            raise

    async def _still_there(self, statement: Statement, row: LedgerRow) -> bool:
        """Look from a second connection at what takes long, and tell of it; False where the server has it no more."""
        if self._database.address.engine == "sqlite":
            return True
        try:
            running = await in_thread(lambda: self._database.running(row.connection), timeout_s=2 * WATCH_S)
        except (CanarioError, TimeoutError) as error:
            words = _("The server does not answer a second connection: {problem}").format(problem=error)
            self._report(Progress("running", words, statement, State.INTENT))
            return True
        if running is None:
            return False
        self._report(Progress("running", describe_running(running), statement, State.INTENT))
        return True
