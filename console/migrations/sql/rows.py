"""INSERT of constants into a table that the same file makes: rows that no code that runs can meet."""

from __future__ import annotations

from console.migrations import rules_additive as additive
from console.migrations.sql.defaults import Default, read_default
from console.migrations.sql.forms import Context, Outcome
from console.migrations.sql.grammar import Reader, Refused

_CONSTANT = frozenset({Default.NULL, Default.CONSTANT, Default.NOW})


def read_insert(reader: Reader, context: Context) -> Outcome:
    """Read `INSERT INTO table (columns) VALUES (constants), ...`, where the file itself has made the table.

    Raises:
        Refused: the table may be an old one, or the rows are anything else than constants.
    """
    reader.need("INSERT", "INTO")
    table = reader.qualified()
    if not context.is_made(table):
        raise Refused
    columns = len(reader.names())
    reader.need("VALUES")
    while True:
        read_constants(reader, columns)
        if not reader.take_sign(","):
            break
    reader.need_end()
    outcome = Outcome(context.dialect, "insert_rows", tables=[table])
    outcome.find(additive.FIRST_ROWS, table=table)
    return outcome


def read_constants(reader: Reader, count: int) -> None:
    """Read `(constant, ...)`, so many of them, or raise Refused."""
    reader.need_sign("(")
    for number in range(count):
        if number:
            reader.need_sign(",")
        if not reader.take("DEFAULT") and read_default(reader) not in _CONSTANT:
            raise Refused
    reader.need_sign(")")
