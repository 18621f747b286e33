"""Column types, as each database writes them."""

from __future__ import annotations

from dataclasses import dataclass

from console.migrations.sql.grammar import Reader, Refused, word_set
from console.migrations.sql.tokens import Kind
from console.migrations.verdict import Dialect

SERIAL = frozenset({"SERIAL", "BIGSERIAL", "SMALLSERIAL", "SERIAL2", "SERIAL4", "SERIAL8"})
"""Types that bring a sequence, and so a value computed for every row that is there."""

_MYSQL_INTEGERS = word_set(
    "TINYINT SMALLINT MEDIUMINT INT INTEGER BIGINT INT1 INT2 INT3 INT4 INT8 DECIMAL DEC NUMERIC FIXED FLOAT "
    "DOUBLE REAL FLOAT4 FLOAT8"
)
_MYSQL_OTHERS = word_set(
    "BIT BOOL BOOLEAN DATE YEAR DATETIME TIMESTAMP TIME CHAR CHARACTER VARCHAR NCHAR NVARCHAR BINARY VARBINARY "
    "TINYTEXT TEXT MEDIUMTEXT LONGTEXT TINYBLOB BLOB MEDIUMBLOB LONGBLOB JSON GEOMETRY POINT LINESTRING POLYGON "
    "MULTIPOINT MULTILINESTRING MULTIPOLYGON GEOMETRYCOLLECTION UUID INET4 INET6 VECTOR LONG"
)
_POSTGRES = word_set(
    "SMALLINT INT2 INTEGER INT INT4 BIGINT INT8 REAL FLOAT4 FLOAT8 FLOAT DECIMAL NUMERIC DEC MONEY BPCHAR TEXT "
    "NAME CITEXT BYTEA BOOLEAN BOOL DATE TIMETZ TIMESTAMPTZ UUID JSON JSONB XML INET CIDR MACADDR MACADDR8 VARBIT "
    "POINT LINE LSEG BOX PATH POLYGON CIRCLE TSVECTOR TSQUERY INT4RANGE INT8RANGE NUMRANGE TSRANGE TSTZRANGE "
    "DATERANGE INT4MULTIRANGE INT8MULTIRANGE NUMMULTIRANGE TSMULTIRANGE TSTZMULTIRANGE DATEMULTIRANGE HSTORE "
    "LTREE GEOMETRY GEOGRAPHY VECTOR HALFVEC SPARSEVEC OID PG_LSN JSONPATH"
)
_EXTENSIONS = word_set("CITEXT HSTORE LTREE GEOMETRY GEOGRAPHY VECTOR HALFVEC SPARSEVEC")
"""Types that an extension puts into a schema of the user's, where any other name is somebody's own type."""
_INTERVAL = frozenset({"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"})
_SQLITE_ENDS = word_set(
    "CONSTRAINT PRIMARY NOT NULL UNIQUE CHECK DEFAULT COLLATE REFERENCES GENERATED AS FOREIGN ON AUTOINCREMENT "
    "HIDDEN SELECT WITH STRICT WITHOUT"
)


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A column's type.

    Args:
        name: its words in capitals, or the name of a type that someone made, as stored.
        serial: whether it brings a sequence.
        made: whether it is none that the database or a known extension brings: perhaps a domain with constraints.
    """

    name: str
    serial: bool = False
    made: bool = False


def read_type(reader: Reader) -> ColumnType:
    """Read a type.

    Raises:
        Refused: none comes next.
    """
    match reader.dialect:
        case Dialect.MYSQL:
            return _read_mysql(reader)
        case Dialect.POSTGRES:
            return _read_postgres(reader)
        case Dialect.SQLITE:
            return _read_sqlite(reader)


def _numbers(reader: Reader, *, most: int = 2, signed: bool = False) -> None:
    """Read `(n[, n])` where it comes next."""
    if not reader.take_sign("("):
        return
    for number in range(most):
        if number and not reader.take_sign(","):
            break
        if signed:
            _ = reader.take_sign("-") or reader.take_sign("+")
        reader.need_kind(Kind.NUMBER)
    reader.need_sign(")")


def _read_mysql(reader: Reader) -> ColumnType:
    word = reader.need_kind(Kind.WORD).upper
    if word == "SERIAL":
        return ColumnType(word, serial=True)
    if word in {"ENUM", "SET"}:
        reader.need_sign("(")
        reader.need_kind(Kind.STRING)
        while reader.take_sign(","):
            reader.need_kind(Kind.STRING)
        reader.need_sign(")")
    elif word in _MYSQL_INTEGERS:
        if word == "DOUBLE":
            reader.take("PRECISION")
        _numbers(reader)
        while reader.take_one({"UNSIGNED", "SIGNED", "ZEROFILL"}):
            pass
    elif word == "NATIONAL":
        if not reader.take_one({"CHAR", "CHARACTER", "VARCHAR"}):
            raise Refused
        reader.take("VARYING")
        _numbers(reader, most=1)
    elif word in _MYSQL_OTHERS:
        if word == "LONG" and not reader.take_one({"VARCHAR", "VARBINARY"}):
            raise Refused
        if word in {"CHAR", "CHARACTER", "NCHAR"}:
            reader.take("VARYING")
        _numbers(reader, most=1)
    else:
        raise Refused
    return ColumnType(word)


def _read_postgres(reader: Reader) -> ColumnType:
    token = reader.peek()
    if token is None:
        raise Refused
    word = reader.word()
    serial = made = False
    if word in SERIAL:
        reader.position += 1
        return ColumnType(word, serial=True)
    if word == "DOUBLE":
        reader.need("DOUBLE", "PRECISION")
    elif word in {"CHARACTER", "CHAR", "VARCHAR", "BIT", "NCHAR", "NATIONAL"}:
        reader.position += 1
        if word == "NATIONAL" and not reader.take_one({"CHARACTER", "CHAR"}):
            raise Refused
        reader.take("VARYING")
        _numbers(reader, most=1)
    elif word in {"TIME", "TIMESTAMP"}:
        reader.position += 1
        _numbers(reader, most=1)
        if reader.take("WITH") or reader.take("WITHOUT"):
            reader.need("TIME", "ZONE")
    elif word == "INTERVAL":
        reader.position += 1
        if reader.take_one(_INTERVAL) and reader.take("TO") and not reader.take_one(_INTERVAL):
            raise Refused
        _numbers(reader, most=1)
    elif _take_known(reader):
        word = reader.tokens[reader.position - 1].upper
        if word in {"GEOMETRY", "GEOGRAPHY"} and reader.take_sign("("):
            reader.need_kind(Kind.WORD)
            if reader.take_sign(","):
                reader.need_kind(Kind.NUMBER)
            reader.need_sign(")")
        else:
            _numbers(reader)
    else:
        word, made = reader.qualified(), True
        _numbers(reader)
    if reader.take("ARRAY"):
        if reader.take_sign("["):
            reader.need_kind(Kind.NUMBER)
            reader.need_sign("]")
    else:
        while reader.take_sign("["):
            reader.take_kind(Kind.NUMBER)
            reader.need_sign("]")
    return ColumnType(word, serial=serial, made=made)


def _take_known(reader: Reader) -> bool:
    """Read a type of the database or of a known extension, if one comes next."""
    if (
        reader.word() in {"PG_CATALOG", "PUBLIC", "EXTENSIONS"}
        and reader.at_sign(".", 1)
        and reader.word(2) in (_POSTGRES if reader.word() == "PG_CATALOG" else _EXTENSIONS)
    ):
        reader.position += 3
        return True
    if reader.word() in _POSTGRES and not reader.at_sign(".", 1):
        reader.position += 1
        return True
    return False


def _read_sqlite(reader: Reader) -> ColumnType:
    words: list[str] = []
    while len(words) < 6:
        token = reader.peek()
        if token is None or (token.kind is Kind.WORD and token.upper in _SQLITE_ENDS):
            break
        if token.kind not in (Kind.WORD, Kind.NAME):
            break
        words.append(reader.name().upper())
    if words:
        _numbers(reader, signed=True)
    return ColumnType(" ".join(words))
