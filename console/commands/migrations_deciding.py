"""`canario migrations approve` and `decide`: what a person says of a statement besides confirming it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from console.actions.seconding import vouched
from console.commands.approving import LOOK_S, PATIENCE_S
from console.commands.migrations_ground import Ground, Target, folder_of, ground, read_files
from console.commands.output import say, warn
from console.commands.running import Where
from console.errors import ExitCode, UsageError
from console.migrations import deciding, ledger
from console.migrations.files import read_folder
from console.migrations.lint import lint
from console.migrations.threads import in_thread
from console.migrations.verdict import Dialect
from console.release.audited import ApprovalState
from console.release.guardrails import REASON_LENGTH, reason_counts
from console.release.migration_approvals import MigrationCheck
from console.words import _

if TYPE_CHECKING:
    from console.actions import Actions
    from console.migrations.values import LedgerRow, MigrationFile
    from console.release.state import MigrationApproval


async def approve(where: Where, target: Target, names: Sequence[str]) -> int:
    """A second person's approval of every pending statement on those tables, these very bytes, on the service.

    Returns:
        0 where the audit log confirms it, or has not told yet; 1 where it says otherwise.
    """
    async with ground(where, target) as here:
        if here.actions is None:
            raise UsageError(
                _("An approval is written on the Cloud Run service, and {environment} is this machine alone.").format(
                    environment=here.environment.name
                ),
                remedy=_(
                    "Give --endpoint or --env of where the service runs; "
                    "on a database that is only yours, run the statement by hand."
                ),
            )
        files = await read_files(here, target)
        rows = await _rows(here)
        left = [one for one in ledger.pending(files, rows) if one.name in names and one.second_person]
        if not left:
            raise UsageError(_("Nothing on {names} needs an approval.").format(names=", ".join(names) or "-"))
        given = await here.actions.approve_migrations([one.ref for one in left])
        for statement, approval in zip(left, given, strict=True):
            say(
                _("{who} approves {file}, statement {number}: {sql}").format(
                    who=approval.by, file=statement.file, number=statement.index, sql=statement.sql
                )
            )
        return await _confirmed(here, here.actions, given)


async def _confirmed(here: Ground, actions: Actions, given: Sequence[MigrationApproval]) -> int:
    """Wait for the audit log's word."""
    clock = here.clock
    ends = clock.monotonic() + PATIENCE_S
    checks = await vouched(actions.access, given)
    while _open(checks, given) and clock.monotonic() < ends:
        await clock.sleep(LOOK_S)
        checks = await vouched(actions.access, given)
    wrong = [check for check in checks if check.state in (ApprovalState.FORGED, ApprovalState.VOID)]
    for check in wrong:
        warn(_("It does not count: {why}.").format(why=check.why))
    if wrong:
        return ExitCode.FAILED
    if _open(checks, given):
        warn(_("The Cloud Audit Log has not told yet; it counts once it has."))
    else:
        say(_("The Cloud Audit Log confirms it: it counts."))
    return ExitCode.DONE


def _open(checks: Sequence[MigrationCheck], given: Sequence[MigrationApproval]) -> bool:
    """Whether the audit log still owes a word."""
    return len(checks) < len(given) or any(check.state is ApprovalState.VERIFYING for check in checks)


async def decide(
    where: Where, target: Target, file: str, number: int, word: str, reason: str, drop_invalid: str = ""
) -> int:
    """A person's word on a statement of which nobody knows whether it was applied, or on a file that was renamed.

    Args:
        where: environment.
        target: database.
        file: the file's name, or its path.
        number: the statement's; of a file that was applied under another name the word counts for all of it.
        word: `applied` or `again`.
        reason: how the person knows.
        drop_invalid: the table, as typed, whose INVALID indexes are dropped first.
    """
    if word not in ("applied", "again"):
        raise UsageError(_("Say applied or again, not {word!r}.").format(word=word[:40]))
    if not reason_counts(reason):
        raise UsageError(_("Say why: --reason TEXT, of {count} characters or more.").format(count=REASON_LENGTH))
    if drop_invalid and word != "again":
        raise UsageError(_("An INVALID index is dropped to do its statement again: say again."))
    name, applied = Path(file).name, word == "applied"
    async with ground(where, target) as here:
        rows = await _rows(here)
        row = rows.get((name, number))
        if row is None and (renamed := _renamed(here, target, file, rows)) is not None:
            now, old = renamed
            await deciding.adopt(here.database(), here.around(), now, old, applied=applied, reason=reason)
            say(_("Noted: {file}, applied as {old}: {word}.").format(file=name, old=old, word=word))
            return ExitCode.DONE
        if row is None or row.state not in ("intent", "applied"):
            raise UsageError(
                _("{file}, statement {number}, is not undecided.").format(file=name, number=number),
                remedy=_("`canario migrations status` lists what is."),
            )
        if drop_invalid:
            dropped = await deciding.drop_leftovers(
                here.database(), here.around(), row, typed=drop_invalid, reason=reason
            )
            for sql in dropped:
                say(sql)
            return ExitCode.DONE
        await deciding.decide(here.database(), here.around(), row, applied=applied, reason=reason)
        say(_("Noted: {file}, statement {number}: {word}.").format(file=name, number=number, word=word))
    return ExitCode.DONE


async def _rows(here: Ground) -> dict[tuple[str, int], LedgerRow]:
    database = here.database()
    await in_thread(database.connect)
    try:
        return await in_thread(lambda: ledger.rows(database))
    finally:
        await in_thread(database.close)


def _renamed(
    here: Ground, target: Target, file: str, rows: dict[tuple[str, int], LedgerRow]
) -> tuple[MigrationFile, str] | None:
    """The file as it is called now, and the name that it was applied under; None where it is no such file."""
    path = Path(file) if len(Path(file).parts) > 1 else folder_of(here.settings, target) / file
    if not path.is_file():
        return None
    dialect = Dialect(here.address.engine)
    (found,) = read_folder(path, lambda text: lint(text, dialect), dialect)
    old = ledger.renamed((found,), rows).get(found.name)
    return (found, old) if old is not None else None
