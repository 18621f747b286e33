"""PostgreSQL's partitions of a table that the same file makes: nobody waits for either.

Source: https://www.postgresql.org/docs/current/sql-createtable.html (PARTITION OF, FOR VALUES).
"""

from __future__ import annotations

from console.migrations import rules_additive as additive
from console.migrations.sql.defaults import Default, read_default
from console.migrations.sql.forms import Context, Outcome
from console.migrations.sql.grammar import Reader, Refused
from console.migrations.sql.tokens import Kind

_BOUND = frozenset({Default.NULL, Default.CONSTANT})


def read_partition(reader: Reader, context: Context) -> Outcome:
    """Read `CREATE TABLE p PARTITION OF t FOR VALUES ... | DEFAULT`, where the file itself has made `t`, partitioned.

    Raises:
        Refused: the table may be an old one, whose rows and queries would wait, or not all of it is known.
    """
    reader.need("CREATE", "TABLE")
    optional = reader.take("IF", "NOT", "EXISTS")
    table = reader.qualified()
    reader.need("PARTITION", "OF")
    parent = reader.qualified()
    if not context.is_partitioned(parent):
        raise Refused
    read_bounds(reader)
    partitioned = read_partition_by(reader)
    reader.need_end()
    outcome = Outcome(context.dialect, "create_table", tables=[table, parent], adds_tables=[table])
    outcome.find(additive.NEW_TABLE, table=table)
    outcome.find(additive.ON_NEW_TABLE, table=parent)
    if not optional or context.absent(table):
        outcome.made_tables = [table]
        outcome.made_partitioned = [table] if partitioned else []
    return outcome


def read_partition_by(reader: Reader) -> bool:
    """Read `PARTITION BY RANGE|LIST|HASH (...)`, and whether it came."""
    if not reader.take("PARTITION", "BY"):
        return False
    if not reader.take_one({"RANGE", "LIST", "HASH"}):
        raise Refused
    reader.brackets()
    return True


def read_bounds(reader: Reader) -> None:
    """Read which rows a partition takes; constants alone."""
    if reader.take("DEFAULT"):
        return
    reader.need("FOR", "VALUES")
    if reader.take("FROM"):
        _bounds(reader)
        reader.need("TO")
        _bounds(reader)
    elif reader.take("IN"):
        _bounds(reader)
    else:
        reader.need("WITH")
        reader.need_sign("(")
        reader.need("MODULUS")
        reader.need_kind(Kind.NUMBER)
        reader.need_sign(",")
        reader.need("REMAINDER")
        reader.need_kind(Kind.NUMBER)
        reader.need_sign(")")


def _bounds(reader: Reader) -> None:
    reader.need_sign("(")
    while True:
        if not reader.take_one({"MINVALUE", "MAXVALUE"}) and read_default(reader) not in _BOUND:
            raise Refused
        if not reader.take_sign(","):
            break
    reader.need_sign(")")
