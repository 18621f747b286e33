"""New views, types, sequences, schemas and comments: the short forms of CREATE that are additive."""

from __future__ import annotations

from console.migrations import rules_additive as additive
from console.migrations.sql.forms import Context, Outcome
from console.migrations.sql.grammar import MAX_DEPTH, WRITING, Reader, Refused
from console.migrations.sql.tokens import Kind
from console.migrations.sql.types import read_type
from console.migrations.verdict import Dialect

_QUERY_WORDS = (WRITING | {"PROCEDURE"}) - {"SELECT"}
_CALLED = frozenset({"REPLACE", "TRUNCATE", "INSERT"})
_COMMENTED = frozenset(
    {"TABLE", "COLUMN", "INDEX", "VIEW", "SCHEMA", "TYPE", "SEQUENCE", "DOMAIN", "FUNCTION", "PROCEDURE"}
)


def read_create_view(reader: Reader, context: Context) -> Outcome:
    """Read CREATE VIEW, never OR REPLACE; a materialized one only WITH NO DATA.

    Raises:
        Refused: it is none, or not all of it is known.
    """
    dialect = context.dialect
    reader.need("CREATE")
    materialized = False
    if dialect is Dialect.MYSQL:
        if reader.take("ALGORITHM"):
            reader.need_sign("=")
            if not reader.take_one({"UNDEFINED", "MERGE", "TEMPTABLE"}):
                raise Refused
        if reader.take("DEFINER"):
            reader.need_sign("=")
            _read_account(reader)
        if reader.take("SQL", "SECURITY") and not reader.take_one({"DEFINER", "INVOKER"}):
            raise Refused
    elif dialect is Dialect.POSTGRES:
        materialized = reader.take("MATERIALIZED")
        if not materialized:
            reader.take("RECURSIVE")
    reader.need("VIEW")
    if dialect is not Dialect.POSTGRES or materialized:
        reader.take("IF", "NOT", "EXISTS")
    view = reader.qualified()
    if reader.at_sign("("):
        reader.names()
    if dialect is Dialect.POSTGRES and reader.take("WITH"):
        reader.parameters()
    reader.need("AS")
    _read_query(reader, materialized=materialized)
    outcome = Outcome(context.dialect, "create_view", tables=[view], adds_tables=[view])
    outcome.find(additive.NEW_VIEW, table=view)
    return outcome


def read_virtual_table(reader: Reader, context: Context) -> Outcome:
    """Read SQLite's CREATE VIRTUAL TABLE of a module that SQLite brings and that keeps its rows in the database.

    Source: https://www.sqlite.org/vtablist.html.
    """
    if context.dialect is not Dialect.SQLITE:
        raise Refused
    reader.need("CREATE", "VIRTUAL", "TABLE")
    reader.take("IF", "NOT", "EXISTS")
    table = reader.qualified()
    reader.need("USING")
    if not reader.take_one({"FTS4", "FTS5", "RTREE"}):
        raise Refused
    for token in reader.brackets():
        if token.kind is Kind.SIGN and token.text not in {",", "="}:
            raise Refused
    reader.need_end()
    outcome = Outcome(context.dialect, "create_table", tables=[table], adds_tables=[table])
    outcome.find(additive.NEW_TABLE, table=table)
    return outcome


def _read_account(reader: Reader) -> None:
    """`user@host` or CURRENT_USER."""
    if reader.take("CURRENT_USER"):
        return
    for part in range(2):
        if not reader.take_kind(Kind.STRING):
            reader.name()
        if not part:
            reader.need_sign("@")


def _read_query(reader: Reader, *, materialized: bool) -> None:
    """Read a query to the statement's end: it may compute anything and write nothing."""
    first = reader.peek(0)
    if reader.word() not in {"SELECT", "WITH", "VALUES"} and not (first is not None and first.text == "("):
        raise Refused
    start, depth = reader.position, 0
    while not reader.done:
        token = reader.peek()
        assert token is not None
        if token.kind is Kind.WORD and token.upper in _QUERY_WORDS:
            called = token.upper in _CALLED and reader.at_sign("(", 1)
            if not called and reader.tokens[reader.position - 1].text != ".":
                raise Refused
        elif token.kind is Kind.WORD and token.upper == "FOR":
            if reader.word(1) in {"UPDATE", "SHARE", "NO", "KEY"}:
                raise Refused
        elif token.kind is Kind.SIGN and (token.text in {"@", "@@", ":", ":=", ";", "\\"} or len(token.text) > 3):
            raise Refused
        elif token.kind is Kind.SIGN:
            depth += (token.text == "(") - (token.text == ")")
            if depth > MAX_DEPTH:
                raise Refused
        reader.position += 1
    words = [token.upper for token in reader.tokens[start:]]
    if "SELECT" not in words or (materialized and words[-3:] != ["WITH", "NO", "DATA"]):
        raise Refused


def read_create_type(reader: Reader, context: Context) -> Outcome:
    """Read PostgreSQL's CREATE TYPE ... AS ENUM (...) or AS (...), and CREATE DOMAIN."""
    if context.dialect is not Dialect.POSTGRES:
        raise Refused
    reader.need("CREATE")
    outcome = Outcome(context.dialect, "create_type")
    if reader.take("DOMAIN"):
        name = reader.qualified()
        reader.take("AS")
        read_type(reader)
        while not reader.done:
            if reader.take("CONSTRAINT"):
                reader.name()
            if reader.take("CHECK"):
                reader.brackets()
            elif reader.take("DEFAULT"):
                reader.need_kind(Kind.STRING)
            elif not (reader.take("NOT", "NULL") or reader.take("NULL")):
                raise Refused
    else:
        reader.need("TYPE")
        name = reader.qualified()
        reader.need("AS")
        if reader.take("ENUM"):
            _read_values(reader)
        else:
            for part in Reader(reader.brackets(definitions=True), context.dialect).commas():
                attribute = Reader(part, context.dialect)
                attribute.name()
                read_type(attribute)
                attribute.need_end()
        outcome.made_types = [name]
    reader.need_end()
    outcome.find(additive.NEW_TYPE, name=name)
    return outcome


def _read_values(reader: Reader) -> None:
    reader.need_sign("(")
    if reader.take_sign(")"):
        return
    reader.need_kind(Kind.STRING)
    while reader.take_sign(","):
        reader.need_kind(Kind.STRING)
    reader.need_sign(")")


def read_alter_type(reader: Reader, context: Context) -> Outcome:
    """Read PostgreSQL's ALTER TYPE ... ADD VALUE at the end of the type."""
    if context.dialect is not Dialect.POSTGRES:
        raise Refused
    reader.need("ALTER", "TYPE")
    name = reader.qualified()
    reader.need("ADD", "VALUE")
    reader.take("IF", "NOT", "EXISTS")
    reader.need_kind(Kind.STRING)
    reader.need_end()
    outcome = Outcome(context.dialect, "add_enum_value")
    outcome.find(additive.NEW_ENUM_VALUE, name=name)
    return outcome


def read_create_sequence(reader: Reader, context: Context) -> Outcome:
    """Read CREATE SEQUENCE; a column may own it where the file itself has made the table."""
    if context.dialect is Dialect.SQLITE:
        raise Refused
    reader.need("CREATE", "SEQUENCE")
    optional = reader.take("IF", "NOT", "EXISTS")
    name = reader.qualified()
    outcome = Outcome(context.dialect, "create_sequence")
    while not reader.done:
        if reader.take("AS"):
            read_type(reader)
        elif reader.take("NO"):
            if not reader.take_one({"MINVALUE", "MAXVALUE", "CYCLE"}):
                raise Refused
        elif reader.take("OWNED", "BY", "NONE") or reader.take_one({"CYCLE", "NOCYCLE", "NOMINVALUE", "NOMAXVALUE"}):
            pass
        elif reader.take_one({"INCREMENT", "MINVALUE", "MAXVALUE", "START", "CACHE"}):
            reader.take_one({"BY", "WITH"})
            reader.take_sign("=")
            reader.take_sign("-")
            reader.need_kind(Kind.NUMBER)
        elif not _owned(reader, context, outcome):
            raise Refused
    outcome.find(additive.NEW_SEQUENCE, name=name)
    outcome.made_sequences = [] if optional else [name]
    return outcome


def read_alter_sequence(reader: Reader, context: Context) -> Outcome:
    """Read PostgreSQL's `ALTER SEQUENCE s OWNED BY t.c`, where the file itself has made both."""
    if context.dialect is not Dialect.POSTGRES:
        raise Refused
    reader.need("ALTER", "SEQUENCE")
    name = reader.qualified()
    outcome = Outcome(context.dialect, "alter_sequence")
    if name not in context.made_sequences or not _owned(reader, context, outcome):
        raise Refused
    reader.need_end()
    return outcome


def _owned(reader: Reader, context: Context, outcome: Outcome) -> bool:
    """Read `OWNED BY table.column` of a table that the file has made: whether it came."""
    if context.dialect is not Dialect.POSTGRES or not reader.take("OWNED", "BY"):
        return False
    parts = [reader.name()]
    while reader.take_sign("."):
        parts.append(reader.name())
    table = ".".join(parts[:-1])
    if not context.is_made(table):
        raise Refused
    outcome.tables.append(table)
    outcome.find(additive.ON_NEW_TABLE, table=table)
    return True


def read_create_schema(reader: Reader, context: Context) -> Outcome:
    """Read CREATE SCHEMA of an empty schema."""
    if context.dialect is Dialect.SQLITE:
        raise Refused
    reader.need("CREATE", "SCHEMA")
    reader.take("IF", "NOT", "EXISTS")
    name = reader.name()
    if context.dialect is Dialect.POSTGRES:
        if reader.take("AUTHORIZATION"):
            reader.name()
    else:
        while not reader.done:
            reader.take("DEFAULT")
            if not reader.take("CHARACTER", "SET") and not reader.take_one({"CHARSET", "COLLATE"}):
                raise Refused
            reader.take_sign("=")
            reader.name()
    reader.need_end()
    outcome = Outcome(context.dialect, "create_schema")
    outcome.find(additive.NEW_SCHEMA, name=name)
    return outcome


def read_comment(reader: Reader, context: Context) -> Outcome:
    """Read PostgreSQL's COMMENT ON."""
    if context.dialect is not Dialect.POSTGRES:
        raise Refused
    reader.need("COMMENT", "ON")
    outcome = Outcome(context.dialect, "comment")
    if reader.take("CONSTRAINT"):
        reader.name()
        reader.need("ON")
        outcome.tables.append(reader.qualified())
    else:
        reader.take("MATERIALIZED")
        what = reader.take_one(_COMMENTED)
        if not what:
            raise Refused
        name = reader.qualified()
        if what in {"FUNCTION", "PROCEDURE"}:
            reader.brackets()
        if reader.take_sign("."):
            name = f"{name}.{reader.name()}"
        if what == "TABLE":
            outcome.tables.append(name)
        elif what == "COLUMN":
            outcome.tables.append(name.rpartition(".")[0])
    reader.need("IS")
    if not reader.take("NULL"):
        reader.need_kind(Kind.STRING)
    reader.need_end()
    outcome.find(additive.NEW_COMMENT)
    return outcome
