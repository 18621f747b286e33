"""A second opinion on what our own grammar calls additive: sqlglot, and pglast where it is installed.

Either may only say no. Both read the statement without its comments, as our own reader understood it.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from console.migrations.sql.forms import Outcome
from console.migrations.sql.grammar import word_set
from console.migrations.verdict import Dialect

if TYPE_CHECKING:
    from sqlglot import exp

MAX_TOKENS = 20_000
"""A statement of more tokens is not judged: both parsers take time and stack for each."""

_WRITING_NODES = word_set("""
AlterColumn AlterRename Analyze Attach Cache Command Commit Copy Delete Detach Drop DropPartition Execute Insert Into
Kill LoadData Lock Merge Refresh RenameColumn Rollback Transaction TruncateTable Uncache Update Use
""")

_KINDS = {
    "create_table": ("Create", "TABLE"),
    "create_index": ("Create", "INDEX"),
    "create_view": ("Create", "VIEW"),
    "create_type": ("Create", "TYPE"),
    "create_sequence": ("Create", "SEQUENCE"),
    "create_schema": ("Create", "SCHEMA"),
    "comment": ("Comment", ""),
    "add_column": ("Alter", "TABLE"),
    "validate_constraint": ("Alter", "TABLE"),
}
_ROOTS = {"create_index": {"Create", "Alter"}, "set_timeout": {"Set", "Pragma"}, "other": {"Alter"}}


def sqlglot_agrees(sql: str, outcome: Outcome, dialect: Dialect) -> bool:
    """Whether sqlglot reads one statement of the same kind with nothing in it that writes or drops.

    What it cannot read (a parse error, its opaque Command) is left to our grammar, which spelt it out token by token.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    with _quiet():
        try:
            trees = sqlglot.parse(sql, dialect=dialect.value)
        except SqlglotError:
            return True
        except (RecursionError, ValueError, LookupError, AttributeError, TypeError):
            return False  # it lost its way, which says nothing about the statement
    if len(trees) != 1 or trees[0] is None:
        return False
    root = trees[0]
    if isinstance(root, exp.Command):
        return True
    writers = _writers()
    if outcome.kind == "other":  # on a table of the same file a column may be set NOT NULL
        writers = tuple(kind for kind in writers if kind is not exp.AlterColumn)
    return _same_kind(root, outcome) and not any(isinstance(node, writers) for node in root.walk())


@lru_cache(maxsize=1)
def _writers() -> tuple[type, ...]:
    """The classes of sqlglot's nodes that write, drop or change what is there; those that this version has."""
    from sqlglot import exp

    return tuple(kind for name in _WRITING_NODES if isinstance(kind := getattr(exp, name, None), type))


def _same_kind(root: exp.Expr, outcome: Outcome) -> bool:
    name = type(root).__name__
    if outcome.kind in _ROOTS:
        if name not in _ROOTS[outcome.kind]:
            return False
    else:
        wanted, kind = _KINDS[outcome.kind]
        if name != wanted or (kind and str(root.args.get("kind") or "").upper() != kind):
            return False
    if root.args.get("replace") or root.args.get("cascade"):
        return False
    if name in {"Create", "Alter"} and outcome.tables:
        return _names_table(root, outcome.tables[0])
    return True


def _names_table(root: exp.Expr, table: str) -> bool:
    """Whether the table that we read is in the tree."""
    wanted = table.rpartition(".")[2].lower()
    return any(node.name.lower() == wanted for node in root.walk() if isinstance(node.name, str))


@contextmanager
def _quiet() -> Iterator[None]:
    """Sqlglot warns in its log where it falls back to a Command; that is for us to say."""
    logger = logging.getLogger("sqlglot")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


def pglast_agrees(sql: str, outcome: Outcome) -> bool:
    """Whether PostgreSQL's own parser (extra `pglast`) reads the same kind of statement; true where it is missing."""
    try:
        parser = importlib.import_module("pglast.parser")
    except ImportError:
        return True
    try:
        import json

        statements = json.loads(parser.parse_sql_json(sql))["stmts"]
    except parser.ParseError:
        return False
    except (RecursionError, ValueError, KeyError):
        return False
    if len(statements) != 1:
        return False
    (kind,) = statements[0]["stmt"]
    return kind in _POSTGRES_NODES.get(outcome.kind, set())


_POSTGRES_NODES = {
    "create_table": {"CreateStmt"},
    "create_index": {"IndexStmt", "AlterTableStmt"},
    "create_view": {"ViewStmt", "CreateTableAsStmt"},
    "create_type": {"CreateEnumStmt", "CompositeTypeStmt", "CreateDomainStmt"},
    "create_sequence": {"CreateSeqStmt"},
    "create_schema": {"CreateSchemaStmt"},
    "comment": {"CommentStmt"},
    "add_column": {"AlterTableStmt"},
    "validate_constraint": {"AlterTableStmt"},
    "add_enum_value": {"AlterEnumStmt"},
    "set_timeout": {"VariableSetStmt"},
    "other": {"AlterTableStmt"},
}
