"""The folder of migrations: files in the order of their names, each taken apart and judged. Reads files only."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from console.errors import UsageError
from console.migrations.probe import expectations, fold
from console.migrations.values import Expect, MigrationFile, Statement, digest
from console.migrations.verdict import Dialect, StatementVerdict
from console.words import _

Judge = Callable[[str], Sequence[StatementVerdict]]
"""Takes a file's text apart and judges it."""

NAME_LENGTH = 190
"""Characters that a file's name may have: the ledger keeps it as a key."""

_ROWS = re.compile(
    r"(?:\s|--[^\n]*\n|#[^\n]*\n|/\*.*?\*/)*(?:INSERT|UPDATE|DELETE|REPLACE|MERGE|WITH|CALL|COPY)\b", re.I | re.S
)


_SHAPES = re.compile(
    r"(?:CREATE\s+(?:(?:OR\s+REPLACE|UNIQUE|FULLTEXT|SPATIAL|UNLOGGED|ONLINE|OFFLINE)\s+)*|ALTER\s+(?:IGNORE\s+|ONLINE\s+)*"
    r"|DROP\s+)(?:TABLE|INDEX)\b",
    re.I,
)
"""What changes the shape of tables wherever it takes effect,"""
_SHAPELESS = re.compile(
    r"\b(?:PARTITION|PARTITIONS|TABLESPACE|RENAME|FORCE|ENGINE|KEYS|CONVERT|ORDER\s+BY|AUTO_INCREMENT|SECONDARY_LOAD|VISIBLE|INVISIBLE|IGNORED|ENFORCED)\b",
    re.I,
)
"""but for these words of ALTER TABLE."""


def unseen(sql: str) -> bool:
    """Whether a statement may take effect without the shape of its tables changing; comments only make it likelier."""
    return _SHAPES.match(sql) is None or (sql[:5].upper() == "ALTER" and _SHAPELESS.search(sql) is not None)


def read_folder(folder: Path, judge: Judge, dialect: Dialect) -> tuple[MigrationFile, ...]:
    """Every `*.sql` in `folder` (or the one file that it is), sorted by name.

    Raises:
        UsageError: it is not there, a file cannot be read, or a name is too long.
    """
    if folder.is_file():
        paths = [folder]
    elif folder.is_dir():
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".sql" and path.is_file())
    else:
        raise UsageError(
            _("There is no folder {folder}.").format(folder=folder),
            remedy=_("Name the folder of your *.sql files, or set migrations.folder."),
        )
    return tuple(_read(path, judge, dialect) for path in paths)


def stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, time of change and size of every file that `read_folder` would read; empty where there is none."""
    paths = [folder] if folder.is_file() else sorted(folder.glob("*.sql"))
    found = []
    for path in paths:
        try:
            about = path.stat()
        except OSError:
            continue  # gone between: the next look sees it
        found.append((path.name, about.st_mtime_ns, about.st_size))
    return tuple(found)


def _read(path: Path, judge: Judge, dialect: Dialect) -> MigrationFile:
    if len(path.name) > NAME_LENGTH:
        raise UsageError(_("The name of {file} is too long for the ledger.").format(file=path.name[:60] + "…"))
    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(_("{file} cannot be read: {problem}.").format(file=path, problem=error)) from error
    whole = digest(data)
    statements = tuple(statement_of(path.name, whole, verdict, dialect) for verdict in judge(text))
    return MigrationFile(path.name, whole, statements)


def statement_of(file: str, file_digest: str, verdict: StatementVerdict, dialect: Dialect) -> Statement:
    """A judged statement as it is applied: with what the schema must show afterwards."""
    expects = _expects(verdict, dialect)
    return Statement(
        file=file,
        file_digest=file_digest,
        index=verdict.index,
        line=verdict.line,
        sql=verdict.sql,
        verdict=verdict.verdict.value,
        reasons=tuple(finding.reason for finding in verdict.rules),
        tables=verdict.tables,
        loses_data=verdict.loses_data,
        expects=expects,
        session=verdict.kind == "set_timeout",
        changes_rows=_ROWS.match(verdict.sql) is not None,
        unseen=not expects and unseen(verdict.sql),
        findings=verdict.rules,
        kind=verdict.kind,
    )


def _expects(verdict: StatementVerdict, dialect: Dialect) -> tuple[Expect, ...]:
    """What it adds, as the judge says, and what it removes, as its tree says."""
    found = [Expect("table", table, "") for table in verdict.adds_tables]
    found += [Expect("column", table, name) for table, name in verdict.adds_columns]
    found += [Expect("index", table, name) for table, name in verdict.adds_indexes if name]
    known = {(expect.kind, fold(expect.table), fold(expect.name)) for expect in found}
    for expect in expectations(verdict.sql, dialect.value):
        place = (expect.kind, fold(expect.table), fold(expect.name))
        if place not in known:
            found.append(expect)
    return tuple(found)
