"""A look at the ledger for whoever is about to roll back: short, read-only, and never in the way."""

from __future__ import annotations

from datetime import datetime

from console.errors import CanarioError
from console.migrations import ledger
from console.migrations.database import Database
from console.migrations.memory import Compatibility, runs_on
from console.migrations.threads import in_thread
from console.words import _

PATIENCE_S = 5.0
"""Seconds that the database may take in all; a rollback waits for none of it."""


async def compatibility(
    database: Database, released: datetime | None, *, patience_s: float = PATIENCE_S
) -> Compatibility:
    """Whether a revision that was made at `released` runs on the schema as it now is. Never raises.

    Args:
        database: not yet connected.
        released: when the target revision was made, UTC; None where that is not known.
        patience_s: seconds to wait at most.
    """

    def look() -> Compatibility:
        database.connect()
        try:
            return runs_on(released, ledger.rows(database).values())
        finally:
            database.close()

    try:
        return await in_thread(look, timeout_s=patience_s)
    except TimeoutError:
        problem = _("the database does not answer")
    except CanarioError as error:
        problem = error.what
    return Compatibility(None, _("Nobody knows whether it runs on the schema as it now is."), (problem,))
