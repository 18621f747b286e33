"""What a column's DEFAULT costs: a constant is kept once for all rows, another value is computed for each of them.

https://www.postgresql.org/docs/current/sql-altertable.html (Notes: a volatile default rewrites the table),
https://dev.mysql.com/doc/refman/8.4/en/data-type-defaults.html, https://www.sqlite.org/lang_altertable.html.
"""

from __future__ import annotations

from enum import Enum, auto

from console.migrations.sql.grammar import Reader, Refused, word_set
from console.migrations.sql.tokens import Kind, Token
from console.migrations.sql.types import read_type
from console.migrations.verdict import Dialect


class Default(Enum):
    """Kinds of default, the cheapest first."""

    NULL = auto()
    CONSTANT = auto()
    NOW = auto()
    """CURRENT_TIMESTAMP, or another of the clock's words, by itself."""
    EXPRESSION = auto()
    """MySQL's and SQLite's bracketed expressions, and function calls."""
    COMPUTED = auto()
    """PostgreSQL's expressions that are no constant: what they cost, and give, hangs on each function in them."""
    VOLATILE = auto()
    """A value for each row."""
    OTHER = auto()
    """Not known."""


_CLOCK_WORDS = frozenset({"CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "LOCALTIMESTAMP", "LOCALTIME"})
_NOW = frozenset({"NOW", "TRANSACTION_TIMESTAMP"})
_STABLE = word_set("STATEMENT_TIMESTAMP CURRENT_DATABASE CURRENT_SCHEMA VERSION INET_CLIENT_ADDR PG_BACKEND_PID")
_PURE = word_set(
    "LOWER UPPER COALESCE JSONB_BUILD_OBJECT JSONB_BUILD_ARRAY JSON_BUILD_OBJECT JSON_BUILD_ARRAY TIMEZONE "
    "DATE_TRUNC TO_CHAR MD5 CONCAT"
)
_VOLATILE = word_set(
    "RANDOM GEN_RANDOM_UUID UUID_GENERATE_V1 UUID_GENERATE_V1MC UUID_GENERATE_V4 UUIDV4 UUIDV7 CLOCK_TIMESTAMP "
    "NEXTVAL TIMEOFDAY GEN_RANDOM_BYTES SETSEED LASTVAL CURRVAL"
)
_WHO = word_set("CURRENT_USER SESSION_USER CURRENT_ROLE USER CURRENT_CATALOG SYSTEM_USER")
_TYPED = frozenset({"DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "INTERVAL", "JSON", "JSONB", "UUID", "TEXT", "INET"})
_OPERATORS = frozenset({"+", "-", "*", "/", "||"})


def read_default(reader: Reader) -> Default:
    """Read what follows DEFAULT.

    Raises:
        Refused: nothing that can follow it comes next.
    """
    match reader.dialect:
        case Dialect.MYSQL:
            return _read_mysql(reader)
        case Dialect.SQLITE:
            return _read_sqlite(reader)
        case Dialect.POSTGRES:
            return _read_postgres(reader)


def _signed_number(reader: Reader) -> bool:
    signed = reader.take_sign("-") or reader.take_sign("+")
    if reader.take_kind(Kind.NUMBER):
        return True
    if signed:
        raise Refused
    return False


def _read_mysql(reader: Reader) -> Default:
    if reader.take("NULL"):
        return Default.NULL
    if _signed_number(reader) or reader.take_one({"TRUE", "FALSE"}):
        return Default.CONSTANT
    token = reader.peek()
    if token is not None and token.kind is Kind.WORD and token.text.startswith("_"):
        reader.position += 1  # a character set before a string: _utf8mb4'x'
        reader.need_kind(Kind.STRING)
        return Default.CONSTANT
    if reader.take_kind(Kind.STRING):
        return Default.CONSTANT
    if reader.at_sign("("):
        reader.brackets()
        return Default.EXPRESSION
    if read_mysql_now(reader):
        return Default.NOW
    reader.name()
    reader.brackets()
    return Default.EXPRESSION


def read_mysql_now(reader: Reader) -> bool:
    """Read CURRENT_TIMESTAMP or one of its other names, with its digits, if it comes next."""
    word = reader.take_one({"CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP"})
    if not word:
        return False
    if reader.take_sign("("):
        reader.take_kind(Kind.NUMBER)
        reader.need_sign(")")
    elif word == "NOW":
        raise Refused
    return True


def _read_sqlite(reader: Reader) -> Default:
    if reader.take("NULL"):
        return Default.NULL
    if _signed_number(reader) or reader.take_one({"TRUE", "FALSE"}) or reader.take_kind(Kind.STRING):
        return Default.CONSTANT
    if reader.take_one(_CLOCK_WORDS):
        return Default.NOW
    if reader.at_sign("("):
        reader.brackets()
        return Default.EXPRESSION
    reader.need_kind(Kind.NAME)  # SQLite takes what is in double quotes for a string here
    return Default.CONSTANT


def _read_postgres(reader: Reader) -> Default:
    kinds = [_postgres_operand(reader)]
    while True:
        token = reader.peek()
        if token is not None and token.kind is Kind.SIGN and token.text in _OPERATORS:
            reader.position += 1
            if token.text == "/":
                kinds.append(Default.OTHER)  # it can fail
            kinds.append(_postgres_operand(reader))
        else:
            break
    return _together(kinds)


def _together(kinds: list[Default]) -> Default:
    """The dearest of `kinds`; but a NULL among constants makes the whole NULL, and the time in a sum is no constant."""
    found = max(kinds, key=lambda kind: kind.value)
    if len(kinds) > 1 and found is Default.NOW:
        return Default.COMPUTED
    return Default.NULL if Default.NULL in kinds and found is Default.CONSTANT else found


def _computed(kind: Default) -> Default:
    """What a function or a cast makes of `kind`: never a constant."""
    return max(kind, Default.COMPUTED, key=lambda one: one.value)


def _postgres_operand(reader: Reader) -> Default:
    token = reader.peek()
    found = _postgres_primary(reader)
    while True:
        if reader.take_sign("::"):
            cast = read_type(reader)
            literal = token is not None and token.kind is Kind.STRING and found is Default.CONSTANT
            if found is not Default.NULL and (found is not Default.CONSTANT or (cast.made and not literal)):
                found = _computed(found)  # a cast of the time, or one that somebody made
        elif reader.take("AT", "TIME", "ZONE"):
            reader.need_kind(Kind.STRING)
            found = _computed(found)
        elif reader.take("COLLATE"):
            reader.qualified()
        else:
            return found


def _postgres_primary(reader: Reader) -> Default:
    if reader.take("NULL"):
        return Default.NULL
    if _signed_number(reader) or reader.take_one({"TRUE", "FALSE"}) or reader.take_kind(Kind.STRING):
        return Default.CONSTANT
    following = reader.peek(1)
    if reader.word() in _TYPED and following is not None and following.kind is Kind.STRING:
        reader.position += 2
        return Default.CONSTANT
    if reader.take_one(_CLOCK_WORDS):
        if reader.take_sign("("):
            reader.need_kind(Kind.NUMBER)
            reader.need_sign(")")
        return Default.NOW
    if reader.take_one(_WHO):
        return Default.COMPUTED
    if reader.at("ARRAY"):
        reader.need("ARRAY")
        return _inside_square(reader)
    if reader.at("CAST"):
        reader.need("CAST")
        return _inside_cast(reader)
    if reader.at_sign("("):
        return _inside(reader, reader.brackets())
    function = reader.word()
    name = reader.qualified()
    inside = reader.brackets()
    if not function or "." in name:
        return Default.VOLATILE if name.upper().rpartition(".")[2] in _VOLATILE else Default.OTHER
    if function in _VOLATILE:
        return Default.VOLATILE
    if function in _NOW:
        return Default.NOW if not inside else Default.OTHER
    if function in _STABLE:
        return Default.COMPUTED if not inside else Default.OTHER
    if function in _PURE:
        return _computed(_arguments(reader, inside))
    return Default.OTHER


def _inside(reader: Reader, tokens: list[Token]) -> Default:
    inner = Reader(tokens, reader.dialect)
    try:
        found = _read_postgres(inner)
        inner.need_end()
    except Refused:
        return Default.OTHER
    return found


def _inside_cast(reader: Reader) -> Default:
    inner = Reader(reader.brackets(), reader.dialect)
    try:
        found = _read_postgres(inner)
        inner.need("AS")
        cast = read_type(inner)
        inner.need_end()
    except Refused:
        return Default.OTHER
    plain = found is Default.NULL or (found is Default.CONSTANT and not cast.made)
    return found if plain else _computed(found)


def _inside_square(reader: Reader) -> Default:
    reader.need_sign("[")
    found = Default.CONSTANT
    while not reader.take_sign("]"):
        one = _read_postgres(reader)
        found = max(found, _computed(one) if one is Default.NOW else one, key=lambda kind: kind.value)
        if not reader.at_sign("]"):
            reader.need_sign(",")
    return found


def _arguments(reader: Reader, tokens: list[Token]) -> Default:
    if not tokens:
        return Default.CONSTANT
    return _together([_inside(reader, part) for part in Reader(tokens, reader.dialect).commas()])
