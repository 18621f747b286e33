"""A second opinion on what our own grammar calls additive: sqlglot, and pglast where it is installed.

Either may only say no. Both read the statement without its comments, as our own reader understood it.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from console.migrations.sql.forms import Outcome
from console.migrations.sql.grammar import word_set
from console.migrations.sql.tokens import Token
from console.migrations.verdict import Dialect

if TYPE_CHECKING:
    from sqlglot import exp

MAX_TOKENS = 20_000
"""A statement of more tokens is not judged: both parsers take time and stack for each."""

_WRITING_NODES = word_set("""
AlterColumn AlterRename Analyze Attach Cache Command Commit Copy Delete Detach Drop DropPartition Execute Insert Into
Kill LoadData Lock Merge Refresh RenameColumn Rollback Transaction TruncateTable Uncache Update Use
""")

_AFTER_QUERY = (
    ("WITH", "NO", "DATA"),
    ("WITH", "CASCADED", "CHECK", "OPTION"),
    ("WITH", "LOCAL", "CHECK", "OPTION"),
    ("WITH", "CHECK", "OPTION"),
)
"""What may follow a view's query."""

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
    "insert_rows": ("Insert", ""),
}
_ROOTS = {
    "create_index": {"Create", "Alter"},
    "set_timeout": {"Set", "Pragma"},
    "other": {"Alter"},
    "alter_sequence": {"Alter"},
}


def sqlglot_agrees(tokens: Sequence[Token], outcome: Outcome, dialect: Dialect) -> bool:
    """Whether sqlglot reads one statement of the same kind with nothing in it that writes or drops.

    Of a form that it cannot read (a parse error, its opaque Command) our grammar spelt out every token but those of the
    expressions in brackets and of a view's query: these sqlglot must read by themselves.
    """
    from sqlglot import exp

    try:
        root = _parse(tokens, dialect)
    except _LostError:
        return False
    if root is None or isinstance(root, exp.Command):
        return _parts_agree(tokens, outcome, dialect)
    writers = _writers()
    if outcome.kind == "other":  # on a table of the same file a column may be set NOT NULL, and a partition attached
        writers = tuple(kind for kind in writers if kind not in (exp.AlterColumn, exp.Attach))
    elif outcome.kind == "insert_rows":  # the one INSERT, of VALUES and of no query
        writers = (*(kind for kind in writers if kind is not exp.Insert), exp.Query)
    return _same_kind(root, outcome) and not any(isinstance(node, writers) for node in root.walk())


class _LostError(Exception):
    """sqlglot found no one statement, or lost its way: that says nothing good about what it read."""


def _parse(tokens: Sequence[Token], dialect: Dialect, before: str = "") -> exp.Expr | None:
    """The one tree of these tokens, put after `before`; None where sqlglot says that it cannot read them."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    sql = before + " ".join(token.text for token in tokens)
    with _quiet():
        try:
            trees = sqlglot.parse(sql, dialect=dialect.value)
        except SqlglotError:
            return None
        except (RecursionError, ValueError, LookupError, AttributeError, TypeError) as error:
            raise _LostError from error
    if len(trees) != 1 or trees[0] is None:
        raise _LostError
    return trees[0]


def _parts_agree(tokens: Sequence[Token], outcome: Outcome, dialect: Dialect) -> bool:
    if outcome.kind == "create_view":
        words = [token.upper for token in tokens]
        query = list(tokens[words.index("AS") + 1 :])
        for end in _AFTER_QUERY:
            if [token.upper for token in query[-len(end) :]] == list(end):
                query = query[: -len(end)]
                break
        return _reads(query, dialect, "")
    if outcome.kind == "insert_rows" or (outcome.kind == "create_index" and dialect is not Dialect.MYSQL):
        return False
    return all(_reads(inside, dialect, "SELECT ") for inside in _expressions(tokens))


def _expressions(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """What stands in the brackets after CHECK, AS and DEFAULT."""
    for at, token in enumerate(tokens[:-1]):
        if token.upper in {"CHECK", "AS", "DEFAULT"} and tokens[at + 1].text == "(":
            depth = 0
            for end in range(at + 1, len(tokens)):
                depth += (tokens[end].text == "(") - (tokens[end].text == ")")
                if depth == 0:
                    yield tokens[at + 2 : end]
                    break


def _reads(tokens: Sequence[Token], dialect: Dialect, before: str) -> bool:
    from sqlglot import exp

    try:
        root = _parse(tokens, dialect, before)
    except _LostError:
        return False
    return isinstance(root, exp.Query) and not any(isinstance(node, _writers()) for node in root.walk())


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
    if name in {"Create", "Alter", "Insert"} and outcome.tables:
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
    "insert_rows": {"InsertStmt"},
    "alter_sequence": {"AlterSeqStmt"},
    "other": {"AlterTableStmt"},
}
