"""What a release remembers of its migrations, and whether an older revision runs on the schema as it now is. Pure.

Additive and blocking statements leave old code alone: it ignores new columns, so that a rollback needs none of the
database (runbook, `Database Migrations`, 5). An incompatible one was forced with a feature flag that keeps old code
off; whether an old revision runs then hangs on that flag, and a person must hear of it before the rollback.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from console.migrations.values import Applied, LedgerRow, RunResult
from console.words import _, ngettext


@dataclass(frozen=True, slots=True)
class MigrationRecord:
    """A migration as the release's annotation keeps it."""

    file: str
    statements: int
    """How many of its statements this run applied."""
    verdict: str
    """The most severe of them."""
    at: datetime
    by: str
    flag: str = ""
    approved_by: str = ""
    tables: tuple[str, ...] = ()

    def plain(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "file": self.file,
            "statements": self.statements,
            "verdict": self.verdict,
            "at": self.at.isoformat(timespec="seconds"),
            "by": self.by,
            "flag": self.flag,
            "approved_by": self.approved_by,
            "tables": list(self.tables),
        }


@dataclass(frozen=True, slots=True)
class Compatibility:
    """Whether a revision runs on the schema as it now is."""

    runs: bool | None
    """None where nobody knows."""
    sentence: str
    warnings: tuple[str, ...] = ()
    """One for each statement that speaks against it."""


_SEVERITY = ("additive", "blocking", "incompatible", "unknown")


def records(result: RunResult) -> tuple[MigrationRecord, ...]:
    """What a release keeps of a run, one record a file, in the order in which they were applied."""
    files: dict[str, list[Applied]] = {}
    for one in result.applied:
        files.setdefault(one.file, []).append(one)
    return tuple(_record(file, statements) for file, statements in files.items())


def names(result: RunResult) -> tuple[str, ...]:
    """Names of the files that a run applied something of: what `Candidate.migrations` keeps."""
    return tuple(record.file for record in records(result))


def _record(file: str, statements: Sequence[Applied]) -> MigrationRecord:
    worst = max(statements, key=lambda one: _severity(one.verdict))
    return MigrationRecord(
        file,
        len(statements),
        worst.verdict,
        max(one.at for one in statements),
        worst.by,
        worst.flag,
        worst.approved_by,
        tuple(dict.fromkeys(table for one in statements for table in one.tables)),
    )


def runs_on(released: datetime | None, rows: Iterable[LedgerRow]) -> Compatibility:
    """Whether a revision that was made at `released` runs on the schema that the ledger tells of.

    Args:
        released: when the target revision was made, UTC; None where that is not known: every row counts then.
        rows: the ledger's.

    Returns:
        `runs` True where all that was applied since leaves old code alone; False where something was forced that old
        code may not survive; None where something was not understood, or a statement's end is not known.
    """
    later = [row for row in rows if row.state != "again" and _since(row, released)]
    doubtful = tuple(_warning(row) for row in later if _severity(row.verdict) >= 2 or not row.applied)
    if not later:
        return Compatibility(True, _("The schema is as it was when that revision was made."))
    if not doubtful:
        return Compatibility(
            True,
            ngettext(
                "It runs: {count} statement since, which old code does not notice.",
                "It runs: {count} statements since, which old code does not notice.",
                len(later),
            ).format(count=len(later)),
        )
    if any(row.applied and row.verdict == "incompatible" for row in later):
        return Compatibility(False, _("It may fail: the schema has changed under it."), doubtful)
    return Compatibility(None, _("Nobody knows whether it runs on the schema as it now is."), doubtful)


def told_of(released: datetime | None, rows: Iterable[LedgerRow], problem: str) -> Compatibility:
    """As `runs_on`; not known where the ledger could not be read.

    Args:
        released: see `runs_on`.
        rows: the ledger's.
        problem: why the ledger could not be read, or empty.
    """
    if problem:
        words = _("Nobody knows whether it runs on the schema as it now is: {problem}")
        return Compatibility(None, words.format(problem=problem))
    return runs_on(released, rows)


def rows_by_record(records: Iterable[Mapping[str, object]]) -> tuple[LedgerRow, ...]:
    """The release's own records as ledger rows, where the database cannot be asked."""
    return tuple(
        LedgerRow(
            str(record.get("file", "")),
            "",
            0,
            "",
            "verified",
            verdict=str(record.get("verdict", "unknown")),
            flag=str(record.get("flag", "")),
            by=str(record.get("by", "")),
            at=str(record.get("at", "")),
        )
        for record in records
    )


def _since(row: LedgerRow, released: datetime | None) -> bool:
    """Whether it was applied at `released` or later; a time that cannot be read counts as later."""
    if released is None:
        return True
    try:
        at = datetime.fromisoformat(row.at)
    except ValueError:
        return True
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) >= released


def _warning(row: LedgerRow) -> str:
    tables = ", ".join(row.tables)
    if not row.applied:
        return _("{file}, statement {number} ({tables}): nobody knows whether it was applied.").format(
            file=row.file, number=row.index, tables=tables
        )
    held = _("the flag {flag} must be off").format(flag=row.flag) if row.flag else _("no flag keeps old code off it")
    return _("{file}, statement {number} ({tables}) is {verdict}, forced by {who} on {at}: {held}.").format(
        file=row.file, number=row.index, tables=tables, verdict=row.verdict, who=row.by or "?", at=row.at, held=held
    )


def _severity(verdict: str) -> int:
    return _SEVERITY.index(verdict) if verdict in _SEVERITY else len(_SEVERITY) - 1
