"""Column definitions and table constraints: read whole, with what they ask of the database."""

from __future__ import annotations

from dataclasses import dataclass

from console.migrations.sql.defaults import Default, read_default, read_mysql_now
from console.migrations.sql.grammar import Reader, Refused
from console.migrations.sql.tokens import Kind
from console.migrations.sql.types import ColumnType, read_type
from console.migrations.verdict import Dialect

_TABLE_CONSTRAINTS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "EXCLUDE"})
_MYSQL_KEYS = frozenset({"INDEX", "KEY", "FULLTEXT", "SPATIAL"})
_CONFLICTS = frozenset({"ROLLBACK", "ABORT", "FAIL", "IGNORE", "REPLACE"})


@dataclass(slots=True)
class Column:
    """A column as it was written."""

    name: str
    type: ColumnType
    not_null: bool = False
    default: Default | None = None
    generated: str = ""
    """`VIRTUAL`, `STORED`, or empty."""
    identity: bool = False
    unique: bool = False
    primary: bool = False
    check: bool = False
    references: str = ""
    """The table, where there is a foreign key."""
    placed: bool = False
    """Whether FIRST or AFTER says where."""


def read_column(reader: Reader) -> Column:
    """Read `name type options...`.

    Raises:
        Refused: anything in it is not known.
    """
    name = reader.name()
    column = Column(name, read_type(reader))
    while _read_option(reader, column):
        pass
    return column


def _read_option(reader: Reader, column: Column) -> bool:
    dialect = reader.dialect
    if reader.take("CONSTRAINT"):
        if not reader.at("CHECK"):
            reader.name()
        if not _read_constraint(reader, column):
            raise Refused
        return True
    if _read_constraint(reader, column):
        return True
    if reader.take("COLLATE"):
        if dialect is Dialect.MYSQL and reader.take("BINARY"):
            return True
        reader.qualified()
        return True
    if dialect is Dialect.MYSQL:
        return _read_mysql_option(reader, column)
    if dialect is Dialect.POSTGRES and reader.take_one({"STORAGE", "COMPRESSION"}):
        reader.need_kind(Kind.WORD)
        return True
    return False


def _read_constraint(reader: Reader, column: Column) -> bool:
    """Read a constraint that may have a name."""
    dialect = reader.dialect
    if reader.take("NOT", "NULL"):
        column.not_null = True
        _conflict(reader)
    elif reader.take("NULL"):
        _conflict(reader)
    elif reader.take("DEFAULT"):
        if column.default is not None:
            raise Refused
        column.default = read_default(reader)
    elif reader.take("UNIQUE"):
        column.unique = True
        if dialect is Dialect.MYSQL:
            reader.take("KEY")
        elif dialect is Dialect.POSTGRES:
            _ = reader.take("NULLS", "NOT", "DISTINCT") or reader.take("NULLS", "DISTINCT")
            _index_parameters(reader)
        _conflict(reader)
        _deferrable(reader)
    elif reader.take("PRIMARY", "KEY"):
        column.primary = True
        if dialect is Dialect.SQLITE:
            reader.take_one({"ASC", "DESC"})
            _conflict(reader)
            column.identity = reader.take("AUTOINCREMENT") or column.identity
        elif dialect is Dialect.POSTGRES:
            _index_parameters(reader)
        _deferrable(reader)
    elif dialect is Dialect.MYSQL and reader.take("KEY"):
        column.primary = True
    elif reader.take("CHECK"):
        column.check = True
        _check(reader)
    elif reader.at("REFERENCES"):
        column.references = read_references(reader)
    elif reader.at("GENERATED") or reader.at("AS"):
        _generated(reader, column)
    else:
        return False
    return True


def _check(reader: Reader) -> None:
    reader.brackets()
    if reader.dialect is Dialect.MYSQL:
        _ = reader.take("NOT", "ENFORCED") or reader.take("ENFORCED")
    elif reader.dialect is Dialect.POSTGRES:
        reader.take("NO", "INHERIT")
        _ = reader.take("NOT", "ENFORCED") or reader.take("ENFORCED")
    else:
        _conflict(reader)


def _conflict(reader: Reader) -> None:
    """SQLite's ON CONFLICT."""
    if reader.dialect is Dialect.SQLITE and reader.take("ON", "CONFLICT") and not reader.take_one(_CONFLICTS):
        raise Refused


def _deferrable(reader: Reader) -> None:
    if reader.dialect is Dialect.MYSQL:
        return
    while True:
        if reader.take("NOT", "DEFERRABLE") or reader.take("DEFERRABLE"):
            continue
        if reader.take("INITIALLY"):
            if not reader.take_one({"DEFERRED", "IMMEDIATE"}):
                raise Refused
            continue
        return


def _index_parameters(reader: Reader) -> None:
    """PostgreSQL's INCLUDE, WITH and USING INDEX TABLESPACE."""
    if reader.take("INCLUDE"):
        reader.names()
    if reader.take("WITH"):
        reader.parameters()
    if reader.take("USING", "INDEX", "TABLESPACE"):
        reader.name()


def read_references(reader: Reader) -> str:
    """Read `REFERENCES table ...`, and give the table."""
    reader.need("REFERENCES")
    table = reader.qualified()
    if reader.at_sign("("):
        reader.names()
    while True:
        if reader.take("MATCH"):
            if not reader.take_one({"FULL", "PARTIAL", "SIMPLE"}):
                raise Refused
        elif reader.take("ON", "DELETE") or reader.take("ON", "UPDATE"):
            _action(reader)
        else:
            break
    _deferrable(reader)
    return table


def _action(reader: Reader) -> None:
    if reader.take_one({"CASCADE", "RESTRICT"}) or reader.take("NO", "ACTION"):
        return
    if reader.take("SET", "NULL") or reader.take("SET", "DEFAULT"):
        if reader.dialect is Dialect.POSTGRES and reader.at_sign("("):
            reader.names()
        return
    raise Refused


def _generated(reader: Reader, column: Column) -> None:
    if reader.take("GENERATED"):
        by_default = reader.take("BY", "DEFAULT")
        if not by_default:
            reader.need("ALWAYS")
        reader.need("AS")
        if reader.dialect is Dialect.POSTGRES and reader.take("IDENTITY"):
            column.identity = True
            if reader.at_sign("("):
                reader.brackets()
            return
        if by_default:
            raise Refused
    else:
        reader.need("AS")
        if reader.dialect is Dialect.POSTGRES:
            raise Refused
    reader.brackets()
    word = reader.take_one({"VIRTUAL", "STORED", "PERSISTENT"})
    if word == "PERSISTENT":
        word = "STORED"
    if not word:
        # Before PostgreSQL 18 the word is owed and there is STORED alone.
        word = "STORED" if reader.dialect is Dialect.POSTGRES else "VIRTUAL"
    column.generated = word


def _read_mysql_option(reader: Reader, column: Column) -> bool:
    if reader.take("AUTO_INCREMENT"):
        column.identity = True
    elif reader.take("COMMENT"):
        reader.need_kind(Kind.STRING)
    elif reader.take("CHARACTER", "SET") or reader.take("CHARSET"):
        if not reader.take("BINARY"):
            reader.name()
    elif reader.take("ON", "UPDATE"):
        if not read_mysql_now(reader):
            raise Refused
    elif reader.take_one({"VISIBLE", "INVISIBLE", "BINARY"}):
        pass
    elif reader.take("SRID"):
        reader.need_kind(Kind.NUMBER)
    elif reader.take("FIRST"):
        column.placed = True
    elif reader.take("AFTER"):
        column.placed = True
        reader.name()
    else:
        return False
    return True


@dataclass(frozen=True, slots=True)
class TableElement:
    """A constraint or an index in the brackets of CREATE TABLE."""

    references: str = ""


def at_constraint(reader: Reader) -> bool:
    """Whether a constraint or an index comes next, and not a column."""
    word = reader.word()
    if word == "EXCLUDE":
        return reader.dialect is Dialect.POSTGRES and (reader.word(1) == "USING" or reader.at_sign("(", 1))
    if word in _TABLE_CONSTRAINTS:
        return True
    return reader.dialect is Dialect.MYSQL and word in _MYSQL_KEYS


def read_constraint(reader: Reader) -> TableElement:
    """Read a table's constraint or index.

    Raises:
        Refused: anything in it is not known.
    """
    if reader.take("CONSTRAINT") and not (
        reader.dialect is Dialect.MYSQL and reader.word() in (_TABLE_CONSTRAINTS | _MYSQL_KEYS)
    ):
        reader.name()
    references = ""
    mysql = reader.dialect is Dialect.MYSQL
    if reader.take("PRIMARY", "KEY"):
        _key_parts(reader, named=mysql)
    elif reader.take("UNIQUE"):
        if mysql:
            reader.take_one({"INDEX", "KEY"})
        elif reader.dialect is Dialect.POSTGRES:
            _ = reader.take("NULLS", "NOT", "DISTINCT") or reader.take("NULLS", "DISTINCT")
        _key_parts(reader, named=mysql)
    elif reader.take("FOREIGN", "KEY"):
        if mysql and not reader.at_sign("("):
            reader.name()
        reader.names()
        references = read_references(reader)
    elif reader.take("CHECK"):
        _check(reader)
    elif reader.dialect is Dialect.POSTGRES and reader.take("EXCLUDE"):
        if reader.take("USING"):
            reader.name()
        reader.brackets()
        _index_parameters(reader)
        if reader.take("WHERE"):
            reader.brackets()
    elif mysql and reader.take_one({"FULLTEXT", "SPATIAL"}):
        reader.take_one({"INDEX", "KEY"})
        _key_parts(reader, named=True)
    elif mysql and reader.take_one({"INDEX", "KEY"}):
        _key_parts(reader, named=True)
    else:
        raise Refused
    _deferrable(reader)
    return TableElement(references)


def _key_parts(reader: Reader, *, named: bool) -> None:
    if named:
        if reader.take("IF", "NOT", "EXISTS"):
            pass
        if not reader.at_sign("(") and not reader.at("USING"):
            reader.name()
        _using(reader)
    reader.brackets()
    if reader.dialect is Dialect.POSTGRES:
        _index_parameters(reader)
    elif reader.dialect is Dialect.SQLITE:
        _conflict(reader)
    else:
        while read_mysql_index_option(reader):
            pass


def _using(reader: Reader) -> None:
    if reader.take("USING") and not reader.take_one({"BTREE", "HASH", "RTREE"}):
        raise Refused


def read_mysql_index_option(reader: Reader) -> bool:
    """Read an option of a MySQL index, if one comes next; ALGORITHM and LOCK are none."""
    if reader.at("USING"):
        _using(reader)
    elif reader.take("COMMENT"):
        reader.need_kind(Kind.STRING)
    elif reader.take("KEY_BLOCK_SIZE"):
        reader.take_sign("=")
        reader.need_kind(Kind.NUMBER)
    elif reader.take("WITH", "PARSER"):
        reader.name()
    elif reader.take("NOT", "IGNORED") or reader.take_one({"VISIBLE", "INVISIBLE", "IGNORED"}):
        pass
    else:
        return False
    return True
