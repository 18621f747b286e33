"""CREATE TABLE."""

from __future__ import annotations

from console.migrations import rules_additive as additive
from console.migrations.sql.columns import at_constraint, read_column, read_constraint
from console.migrations.sql.forms import Context, Outcome
from console.migrations.sql.grammar import Reader, Refused, word_set
from console.migrations.sql.partitions import read_partition_by
from console.migrations.sql.tokens import Kind, Token
from console.migrations.verdict import Dialect

_ENGINES = frozenset({"INNODB", "MYISAM", "ARIA", "MEMORY", "ROCKSDB"})
_LIKE_PARTS = word_set("ALL COMMENTS COMPRESSION CONSTRAINTS DEFAULTS GENERATED IDENTITY INDEXES STATISTICS STORAGE")
_MYSQL_NUMBERS = word_set(
    "AUTO_INCREMENT AVG_ROW_LENGTH MAX_ROWS MIN_ROWS KEY_BLOCK_SIZE STATS_SAMPLE_PAGES CHECKSUM DELAY_KEY_WRITE"
)
_MYSQL_WORDS = word_set(
    "ROW_FORMAT PACK_KEYS STATS_PERSISTENT STATS_AUTO_RECALC PAGE_COMPRESSED PAGE_CHECKSUM TRANSACTIONAL"
)
_PARTITIONS = frozenset({"RANGE", "LIST", "HASH", "KEY"})


def read_create_table(reader: Reader, context: Context) -> Outcome:
    """Read CREATE TABLE.

    Raises:
        Refused: it is none, or not all of it is known.
    """
    dialect = context.dialect
    outcome = Outcome(context.dialect, "create_table")
    reader.need("CREATE")
    if dialect is Dialect.POSTGRES:
        reader.take("UNLOGGED")
    reader.need("TABLE")
    optional = reader.take("IF", "NOT", "EXISTS")
    table = reader.qualified()
    outcome.tables = [table]
    references: list[str] = []
    partitioned = False
    if dialect is Dialect.MYSQL and reader.take("LIKE"):
        outcome.tables.append(reader.qualified())
    elif dialect is Dialect.MYSQL and reader.at_sign("(") and reader.word(1) == "LIKE":
        reader.need_sign("(")
        reader.need("LIKE")
        outcome.tables.append(reader.qualified())
        reader.need_sign(")")
    else:
        _read_elements(reader, outcome, references)
        partitioned = _read_options(reader, dialect)
    reader.need_end()
    outcome.find(additive.NEW_TABLE, table=table)
    for parent in dict.fromkeys(references):
        if parent != table:
            outcome.find(additive.NEW_TABLE_FK, table=table, name=parent)
            if parent not in outcome.tables:
                outcome.tables.append(parent)
    outcome.adds_tables = [table]
    if not optional or context.absent(table):
        outcome.made_tables = [table]
        outcome.made_partitioned = [table] if partitioned else []
    return outcome


def _read_elements(reader: Reader, outcome: Outcome, references: list[str]) -> None:
    inside = reader.brackets(definitions=True)
    if not inside:
        if reader.dialect is Dialect.POSTGRES:
            return
        raise Refused
    columns = 0
    for part in Reader(inside, reader.dialect).commas():
        element = Reader(part, reader.dialect)
        if reader.dialect is Dialect.POSTGRES and element.at("LIKE"):
            _read_like(element, outcome)
            columns += 1
        elif at_constraint(element):
            constraint = read_constraint(element)
            if constraint.references:
                references.append(constraint.references)
        else:
            column = read_column(element)
            if column.placed:
                raise Refused
            columns += 1
            if column.references:
                references.append(column.references)
        element.need_end()
    if not columns:
        raise Refused


def _read_like(reader: Reader, outcome: Outcome) -> None:
    reader.need("LIKE")
    outcome.tables.append(reader.qualified())
    while reader.take_one({"INCLUDING", "EXCLUDING"}):
        if not reader.take_one(_LIKE_PARTS):
            raise Refused


def _read_options(reader: Reader, dialect: Dialect) -> bool:
    """Read what follows the brackets: whether PostgreSQL will want partitions."""
    partitioned = False
    if dialect is Dialect.SQLITE:
        while not reader.done:
            if not reader.take("WITHOUT", "ROWID"):
                reader.need("STRICT")
            if not reader.done:
                reader.need_sign(",")
                if reader.done:
                    raise Refused
    elif dialect is Dialect.POSTGRES:
        partitioned = read_partition_by(reader)
        if reader.take("USING"):
            reader.name()
        if reader.take("WITH"):
            reader.parameters()
        if reader.take("TABLESPACE"):
            reader.name()
    else:
        while not reader.done and not reader.at("PARTITION"):
            _read_mysql_option(reader)
            reader.take_sign(",")
        if not reader.done:
            _read_mysql_partitions(reader)
    return partitioned


def _read_mysql_option(reader: Reader) -> None:
    if reader.take_one({"ENGINE", "TYPE"}):
        if reader.equals_word() not in _ENGINES:
            raise Refused
        return
    reader.take("DEFAULT")
    if reader.take("CHARACTER", "SET") or reader.take_one({"CHARSET", "COLLATE"}):
        reader.take_sign("=")
        if not reader.take("BINARY") and not reader.take_kind(Kind.STRING):
            reader.name()
    elif reader.take_one({"COMMENT", "COMPRESSION", "ENCRYPTION"}):
        reader.take_sign("=")
        reader.need_kind(Kind.STRING)
    elif reader.take_one(_MYSQL_NUMBERS):
        reader.take_sign("=")
        reader.need_kind(Kind.NUMBER)
    elif reader.take_one(_MYSQL_WORDS):
        reader.take_sign("=")
        if not reader.take_kind(Kind.NUMBER):
            reader.need_kind(Kind.WORD)
    else:
        raise Refused


def _read_mysql_partitions(reader: Reader) -> None:
    reader.need("PARTITION", "BY")
    reader.take("LINEAR")
    if not reader.take_one(_PARTITIONS):
        raise Refused
    if reader.take("ALGORITHM"):
        reader.need_sign("=")
        reader.need_kind(Kind.NUMBER)
    reader.take("COLUMNS")
    reader.brackets()
    while True:
        if reader.take_one({"PARTITIONS", "SUBPARTITIONS"}):
            reader.need_kind(Kind.NUMBER)
        elif reader.take("SUBPARTITION", "BY"):
            reader.take("LINEAR")
            if not reader.take_one({"HASH", "KEY"}):
                raise Refused
            reader.brackets()
        else:
            break
    if reader.at_sign("("):
        _check_partitions(reader.brackets(definitions=True), reader.dialect)


def _check_partitions(tokens: list[Token], dialect: Dialect) -> None:
    """Each `PARTITION name [VALUES ...] [ENGINE = InnoDB] [COMMENT = '...']`."""
    for part in Reader(tokens, dialect).commas():
        reader = Reader(part, dialect)
        reader.need("PARTITION")
        reader.name()
        if reader.take("VALUES", "LESS", "THAN"):
            if not reader.take("MAXVALUE"):
                reader.brackets()
        elif reader.take("VALUES", "IN"):
            reader.brackets()
        while not reader.done:
            if reader.take("ENGINE"):
                if reader.equals_word() not in _ENGINES:
                    raise Refused
            else:
                reader.need("COMMENT")
                reader.take_sign("=")
                reader.need_kind(Kind.STRING)
