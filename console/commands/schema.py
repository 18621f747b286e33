"""Whether a revision runs on the schema as it now is, for commands: read from the ledger, in a few seconds at most."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from console.errors import CanarioError
from console.words import _

if TYPE_CHECKING:
    from console.migrations.memory import Compatibility
    from console.migrations.values import LedgerRow
    from console.settings import Environment

WAIT_S = 5.0
"""Wall seconds that the database may take; a command's answer never hangs on it."""


async def schema_for(environment: Environment, made: datetime | None) -> Compatibility | None:
    """Whether a revision made at `made` runs on the schema; None where no database is set. Never raises.

    Args:
        environment: whose database.
        made: when the revision was made, UTC; None where not known: everything that was ever applied counts then.
    """
    if environment.database is None:
        return None
    from console.migrations.memory import told_of
    from console.migrations.threads import in_thread

    try:
        rows = await in_thread(lambda: _rows(environment), timeout_s=WAIT_S)
    except CanarioError as error:
        return told_of(made, (), error.what)
    except TimeoutError:
        problem = _("the database does not answer within {seconds:.0f} s").format(seconds=WAIT_S)
        return told_of(made, (), problem)
    return told_of(made, rows, "")


def _rows(environment: Environment) -> tuple[LedgerRow, ...]:
    from console.migrations.places import addresses_of
    from console.migrations.reading import Reader

    address, _replicas = addresses_of(environment)
    return Reader("", lambda: "").rows(address)
