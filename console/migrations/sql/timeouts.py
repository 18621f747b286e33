"""Limits that a session sets on itself: how long it waits for locks, how long a statement may take."""

from __future__ import annotations

import re

from console.migrations import rules_additive as additive
from console.migrations import rules_blocking as blocking
from console.migrations.sql.forms import Context, Outcome
from console.migrations.sql.grammar import Reader, Refused
from console.migrations.sql.tokens import Kind
from console.migrations.verdict import Dialect

LONGEST_LOCK_WAIT_S = 60.0
"""A statement that waits longer for its lock keeps all later queries of the table behind it. The applier waits 5 s."""

_LOCK_LIMITS = {
    Dialect.MYSQL: frozenset({"LOCK_WAIT_TIMEOUT", "INNODB_LOCK_WAIT_TIMEOUT"}),
    Dialect.POSTGRES: frozenset({"LOCK_TIMEOUT"}),
}
_OTHER_LIMITS = {
    Dialect.MYSQL: frozenset({"MAX_EXECUTION_TIME", "MAX_STATEMENT_TIME"}),
    Dialect.POSTGRES: frozenset(
        {"STATEMENT_TIMEOUT", "TRANSACTION_TIMEOUT", "IDLE_IN_TRANSACTION_SESSION_TIMEOUT", "IDLE_SESSION_TIMEOUT"}
    ),
}
_DURATION = re.compile(r"\s*([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*(us|ms|s|min|h|d)?\s*\Z")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def read_set(reader: Reader, context: Context) -> Outcome:
    """Read SET of timeouts of this session, and nothing else.

    Raises:
        Refused: it sets anything else, or for anybody else.
    """
    outcome = Outcome(context.dialect, "set_timeout")
    if context.dialect is Dialect.SQLITE:
        _read_pragma(reader, outcome)
        return outcome
    reader.need("SET")
    if context.dialect is Dialect.POSTGRES:
        reader.take_one({"SESSION", "LOCAL"})
        _read_one(reader, context, outcome)
    else:
        _read_one_of_mysql(reader, context, outcome)
        while reader.take_sign(","):
            _read_one_of_mysql(reader, context, outcome)
    reader.need_end()
    return outcome


def _read_one_of_mysql(reader: Reader, context: Context, outcome: Outcome) -> None:
    if reader.take_sign("@@"):
        if reader.take_one({"SESSION", "LOCAL"}):
            reader.need_sign(".")
    else:
        reader.take_one({"SESSION", "LOCAL"})
    _read_one(reader, context, outcome)


def _read_one(reader: Reader, context: Context, outcome: Outcome) -> None:
    dialect = context.dialect
    setting = reader.word()
    reader.position += 1
    if setting not in _LOCK_LIMITS[dialect] and setting not in _OTHER_LIMITS[dialect]:
        raise Refused
    if not reader.take_sign("=") and not (reader.take_sign(":=") if dialect is Dialect.MYSQL else reader.take("TO")):
        raise Refused
    seconds = _read_seconds(reader, dialect)
    if setting in _LOCK_LIMITS[dialect] and not 0 < seconds <= LONGEST_LOCK_WAIT_S:
        outcome.find(blocking.LONG_LOCK_TIMEOUT)
    else:
        outcome.find(additive.SESSION_TIMEOUT)


def _read_seconds(reader: Reader, dialect: Dialect) -> float:
    """A number (milliseconds on PostgreSQL), or a string with a unit."""
    token = reader.take_kind(Kind.NUMBER)
    if token is None:
        token = reader.need_kind(Kind.STRING)
        if dialect is Dialect.MYSQL or token.text[0] != "'":
            raise Refused
    found = _DURATION.match(token.text.strip("'"))
    if found is None:
        raise Refused
    unit = found[2] or ("ms" if dialect is Dialect.POSTGRES else "s")
    return float(found[1]) * _SECONDS[unit]


def _read_pragma(reader: Reader, outcome: Outcome) -> None:
    reader.need("PRAGMA", "BUSY_TIMEOUT")
    brackets = reader.take_sign("(")
    if not brackets:
        reader.need_sign("=")
    milliseconds = reader.need_kind(Kind.NUMBER).text
    if brackets:
        reader.need_sign(")")
    reader.need_end()
    if not milliseconds.isdecimal() or len(milliseconds) > 9:
        raise Refused
    if int(milliseconds) > LONGEST_LOCK_WAIT_S * 1000:
        outcome.find(blocking.LONG_LOCK_TIMEOUT)
    else:
        outcome.find(additive.SESSION_TIMEOUT)
