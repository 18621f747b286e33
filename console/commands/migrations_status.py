"""`canario migrations status`: what is pending, what was applied, when and by whom. Reads only."""

from __future__ import annotations

from console.commands.migrations_ground import Target, ground, read_files
from console.commands.output import SCHEMA, say, say_json, say_table
from console.commands.running import Where
from console.errors import CanarioError, ExitCode
from console.migrations import ledger
from console.migrations.threads import in_thread
from console.migrations.values import LedgerRow, State, Statement
from console.words import _

_COLUMNS = ("file", "index", "state", "verdict", "at", "by", "sql")


async def status(where: Where, target: Target, *, as_json: bool) -> int:
    """What is pending, what was applied, by whom; reads only."""
    async with ground(where, target) as here:
        files = await read_files(here, target)
        database = here.database()
        await in_thread(database.connect)
        try:
            rows = await in_thread(lambda: ledger.rows(database))
            server = await in_thread(database.server)
        finally:
            await in_thread(database.close)
        listed = [_state(statement, rows.get(statement.key)) for file in files for statement in file.statements]
        problem: CanarioError | None = None
        try:
            ledger.check_files(files, rows)
        except (ledger.ChangedFileError, ledger.RenamedFileError) as error:
            problem = error
        if as_json:
            say_json(
                {
                    "schema": SCHEMA,
                    "environment": here.environment.name,
                    "server": str(server),
                    "replicas": [f"{address.host}:{address.port}" for address in here.replicas],
                    "problem": str(problem) if problem else None,
                    "statements": listed,
                }
            )
        else:
            say(str(server))
            heads = (_("file"), "#", _("state"), _("verdict"), _("when"), _("by"), _("statement"))
            say_table(heads, [["" if one[key] is None else str(one[key]) for key in _COLUMNS] for one in listed])
            if not here.replicas:
                say(_("No replica is configured."))
        if problem is not None:
            raise problem
    return ExitCode.DONE


def _state(statement: Statement, row: LedgerRow | None) -> dict[str, object]:
    words = {
        "intent": State.INTENT,
        "applied": State.ACKNOWLEDGED,
        "verified": State.VERIFIED,
        "again": State.PLANNED,
    }
    return {
        "file": statement.file,
        "index": statement.index,
        "state": (words.get(row.state, State.UNKNOWN) if row else State.PLANNED).value,
        "verdict": row.verdict if row is not None and row.applied and row.verdict else statement.verdict,
        "at": row.at if row else None,
        "by": row.by if row else None,
        "replicated": row.replicated or None if row else None,
        "connection": row.connection if row else None,
        "sql": statement.sql,
    }
