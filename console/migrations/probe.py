"""Probes of the schema: what a statement must leave behind, and whether it is so. Pure.

A shape is what the database says of the tables that a statement names; its fingerprint before the statement is kept,
and what the statement adds or removes is told beforehand from its text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp

from console.migrations.values import Expect, digest


@dataclass(frozen=True, slots=True)
class TableShape:
    """One table as the database describes it; names are folded to lower case."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """Type, nullability and default by column."""
    indexes: Mapping[str, str] = field(default_factory=dict)
    """Uniqueness, columns and validity by index."""
    options: str = ""
    """Engine, collation, comment."""
    invalid: tuple[str, ...] = ()
    """Indexes that are there and INVALID (PostgreSQL)."""


Shape = Mapping[str, TableShape | None]
"""Tables by name, None for one that is not there."""


def fold(name: str) -> str:
    """A name as it is compared: the last part, without quotes, in lower case."""
    return name.rpartition(".")[2].strip('`"[]').lower()


def fingerprint(shape: Shape) -> str:
    """SHA-256 of a shape; equal where nothing of it changed."""
    plain = {
        name: None
        if table is None
        else [
            sorted(table.columns.items()),
            sorted((index, words) for index, words in table.indexes.items() if index not in table.invalid),
            table.options,
        ]
        for name, table in sorted(shape.items())
    }
    return digest(json.dumps(plain, sort_keys=True))


def holds(expects: Iterable[Expect], shape: Shape) -> bool | None:
    """Whether every expectation is met; None where there is none."""
    answers = [_met(expect, shape) for expect in expects]
    return all(answers) if answers else None


def missing(expects: Iterable[Expect], shape: Shape) -> tuple[Expect, ...]:
    """The expectations that are not met."""
    return tuple(expect for expect in expects if not _met(expect, shape))


def invalid_indexes(expects: Iterable[Expect], shape: Shape) -> tuple[str, ...]:
    """Indexes that should be there and are there only INVALID."""
    wanted = {fold(expect.name) for expect in expects if expect.kind == "index" and expect.present}
    return tuple(name for table in shape.values() if table for name in table.invalid if name in wanted)


def own_leftovers(drops: Sequence[str], expects: Iterable[Expect]) -> tuple[str, ...]:
    """Of the statements that drop a table's INVALID indexes, those of the indexes that a statement was to make.

    All of them where it names none: REINDEX leaves indexes that the server names.

    Args:
        drops: `DROP INDEX ... name`, the name last.
        expects: the statement's.
    """
    wanted = {fold(expect.name) for expect in expects if expect.kind == "index" and expect.present}
    return tuple(sql for sql in drops if not wanted or fold(sql.rpartition(" ")[2]) in wanted)


def _met(expect: Expect, shape: Shape) -> bool:
    table = shape.get(fold(expect.table))
    match expect.kind:
        case "table":
            found = table is not None
        case "column":
            found = table is not None and fold(expect.name) in table.columns
        case _:
            tables = [table] if expect.table else list(shape.values())
            found = any(
                fold(expect.name) in one.indexes and fold(expect.name) not in one.invalid for one in tables if one
            )
    return found is expect.present


def expectations(sql: str, dialect: str) -> tuple[Expect, ...]:
    """What the schema shows once `sql` is applied, as far as its text tells; empty where it does not.

    Args:
        sql: one statement.
        dialect: sqlglot's name of it.
    """
    try:
        parsed = sqlglot.parse(sql, read=dialect)
    except (sqlglot.errors.SqlglotError, RecursionError):
        return ()
    if len(parsed) != 1 or parsed[0] is None:
        return ()
    tree = parsed[0]
    if isinstance(tree, exp.Create):
        return _created(tree)
    if isinstance(tree, exp.Drop):
        return _dropped(tree)
    if isinstance(tree, exp.Alter) and isinstance(tree.this, exp.Table):
        return _altered(tree)
    return ()


def _created(tree: exp.Create) -> tuple[Expect, ...]:
    kind = str(tree.args.get("kind", "")).upper()
    if kind == "TABLE":
        table = tree.find(exp.Table)
        return (Expect("table", table.name, ""),) if table is not None and table.name else ()
    if kind == "INDEX" and isinstance(tree.this, exp.Index):
        table = tree.this.args.get("table")
        if isinstance(table, exp.Table) and tree.this.name:
            return (Expect("index", table.name, tree.this.name),)
    return ()


def _dropped(tree: exp.Drop) -> tuple[Expect, ...]:
    kind = str(tree.args.get("kind", "")).upper()
    names = [item.name for item in tree.args.get("tables") or () if isinstance(item, exp.Table) and item.name]
    if kind == "TABLE":
        return tuple(Expect("table", name, "", present=False) for name in names)
    if kind == "INDEX":
        on = tree.args.get("cluster")
        table = on.this.name if on is not None and isinstance(on.this, exp.Table) else ""
        return tuple(Expect("index", table, name, present=False) for name in names)
    return ()


def _altered(tree: exp.Alter) -> tuple[Expect, ...]:
    table = tree.this.name
    found: list[Expect] = []
    for action in tree.args.get("actions") or ():
        if isinstance(action, exp.ColumnDef):
            found.append(Expect("column", table, action.name))
        elif isinstance(action, exp.Drop) and str(action.args.get("kind", "")).upper() == "COLUMN":
            gone = (column.name for column in action.args.get("tables") or () if column.name)
            found.extend(Expect("column", table, name, present=False) for name in gone)
        elif isinstance(action, exp.RenameColumn):
            found.append(Expect("column", table, action.this.name, present=False))
            found.append(Expect("column", table, action.args["to"].name))
        elif isinstance(action, exp.AlterRename):
            found.append(Expect("table", table, "", present=False))
            found.append(Expect("table", action.this.name, ""))
    # a column that the same statement drops and adds again says nothing
    places = [(expect.kind, expect.table, fold(expect.name)) for expect in found]
    return tuple(expect for expect, place in zip(found, places, strict=True) if places.count(place) == 1)
