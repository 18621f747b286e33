"""ALTER TABLE, one action after the other: those that may be additive are read whole, the others named."""

from __future__ import annotations

from dataclasses import dataclass

from console.migrations import rules_additive as additive
from console.migrations import rules_blocking as blocking
from console.migrations import rules_incompatible as incompatible
from console.migrations import rules_unknown as unknown
from console.migrations.sql.actions import name_action
from console.migrations.sql.columns import Column, at_constraint, read_column, read_constraint, read_mysql_index_option
from console.migrations.sql.defaults import Default, read_default
from console.migrations.sql.forms import Context, Outcome
from console.migrations.sql.grammar import Reader, Refused
from console.migrations.sql.indexes import read_algorithm, read_parts, read_wait
from console.migrations.sql.partitions import read_bounds
from console.migrations.verdict import Dialect, Rule, Verdict


@dataclass(slots=True)
class _Seen:
    """What the actions of one ALTER TABLE have in common."""

    columns: int = 0
    indexes: int = 0
    others: int = 0
    placed: bool = False
    alone: bool = False
    """Whether there is one action only: another one's lock would be held while a constraint is validated."""
    algorithm: str = ""
    lock: str = ""


def read_alter_table(reader: Reader, context: Context) -> Outcome:
    """Read ALTER TABLE.

    Raises:
        Refused: it is none, or where it names the table it is not understood.
    """
    dialect = context.dialect
    outcome = Outcome(context.dialect)
    reader.need("ALTER", "TABLE")
    if dialect is not Dialect.SQLITE:
        reader.take("IF", "EXISTS")
    if dialect is Dialect.POSTGRES:
        reader.take("ONLY")
    table = reader.qualified()
    outcome.tables = [table]
    if dialect is Dialect.POSTGRES:
        reader.take_sign("*")
    if dialect is Dialect.MYSQL:
        read_wait(reader, outcome)
    seen = _Seen()
    parts = reader.commas()
    if dialect is Dialect.SQLITE and len(parts) > 1:
        raise Refused
    for part in parts:
        action = Reader(part, dialect)
        seen.alone = len(parts) == 1
        if not action.attempt(lambda action=action: _read_action(action, context, outcome, table, seen)):  # type: ignore[misc]
            name_action(Reader(part, dialect), context, outcome, table)
            seen.others += 1
    if not (seen.columns or seen.indexes or seen.others):
        raise Refused
    _judge_together(context, outcome, table, seen)
    if not seen.others:
        outcome.kind = "add_column" if seen.columns else outcome.kind
        outcome.kind = "create_index" if seen.indexes and not seen.columns else outcome.kind
    return outcome


def _judge_together(context: Context, outcome: Outcome, table: str, seen: _Seen) -> None:
    """Rules that speak of the whole statement, once its actions are known."""
    if context.is_made(table) or context.dialect is not Dialect.MYSQL:
        return
    if seen.columns and seen.indexes:
        outcome.find(blocking.COLUMN_AND_INDEX, table=table)
    if seen.placed and seen.algorithm != "ALGORITHM=INSTANT" and not _places_instantly(context):
        outcome.find(blocking.PLACED_COLUMN, table=table)
    if seen.columns and _rebuilds_for_columns(context):
        outcome.find(blocking.OLD_SERVER, table=table, lock="ALGORITHM=INPLACE")
    if any(finding.rule.verdict is not Verdict.ADDITIVE for finding in outcome.findings):
        return
    if seen.columns and seen.algorithm != "ALGORITHM=INSTANT" and seen.lock != "LOCK=NONE":
        outcome.find(additive.NAME_ALGORITHM, table=table, name="ALGORITHM=INSTANT")
    elif seen.indexes and not seen.columns and seen.lock != "LOCK=NONE":
        outcome.find(additive.NAME_ALGORITHM, table=table, name="ALGORITHM=INPLACE, LOCK=NONE")


def _places_instantly(context: Context) -> bool:
    facts = context.facts
    if facts is None or not facts.version:
        return False
    return not facts.before(10, 4) if facts.engine == "mariadb" else not facts.before(8, 0, 29)


def _rebuilds_for_columns(context: Context) -> bool:
    facts = context.facts
    return facts is not None and (facts.before(10, 3, 2) if facts.engine == "mariadb" else facts.before(8, 0, 12))


def _read_action(reader: Reader, context: Context, outcome: Outcome, table: str, seen: _Seen) -> None:
    """Read one action whole, or raise Refused having noted nothing."""
    noted = Outcome(context.dialect)
    if context.dialect is Dialect.MYSQL and reader.word() in {"ALGORITHM", "LOCK"}:
        word = read_algorithm(reader, context, noted, table)
        reader.need_end()
        if word.startswith("LOCK"):
            seen.lock = word
        else:
            seen.algorithm = word
    elif context.dialect is Dialect.POSTGRES and seen.alone and reader.take("VALIDATE", "CONSTRAINT"):
        reader.name()
        reader.need_end()
        noted.find(additive.VALIDATE_CONSTRAINT, table=table)
        outcome.kind = "validate_constraint"
        seen.others += 1
    elif context.dialect is Dialect.POSTGRES and reader.take("ATTACH", "PARTITION"):
        partition = reader.qualified()
        if not (context.is_partitioned(table) and context.is_made(partition)):
            raise Refused
        read_bounds(reader)
        reader.need_end()
        noted.find(additive.ON_NEW_TABLE, table=table)
        seen.others += 1
    elif reader.at("ALTER"):
        _read_new_table_setting(reader, context, noted, table)
        seen.others += 1
    else:
        reader.need("ADD")
        if at_constraint(reader):
            _read_constraint(reader, context, noted, table, seen)
        else:
            _read_columns(reader, context, noted, table, seen)
    for finding in noted.findings:
        if finding not in outcome.findings:
            outcome.findings.append(finding)
    outcome.adds_columns += noted.adds_columns
    outcome.adds_indexes += noted.adds_indexes
    outcome.tables += [name for name in noted.tables if name not in outcome.tables]


def _read_new_table_setting(reader: Reader, context: Context, noted: Outcome, table: str) -> None:
    """A default or NOT NULL of a column of a table that nobody knows yet."""
    if not context.is_made(table):
        raise Refused
    reader.need("ALTER")
    reader.take("COLUMN")
    reader.name()
    if reader.take("SET", "DEFAULT"):
        if read_default(reader) is Default.OTHER:
            raise Refused
    elif not reader.take("DROP", "DEFAULT") and not reader.take("DROP", "NOT", "NULL"):
        reader.need("SET", "NOT", "NULL")
    reader.need_end()
    noted.find(additive.ON_NEW_TABLE, table=table)


def _read_constraint(reader: Reader, context: Context, noted: Outcome, table: str, seen: _Seen) -> None:
    if context.is_made(table):
        constraint = read_constraint(reader)
        if context.dialect is Dialect.POSTGRES:
            reader.take("NOT", "VALID")
        reader.need_end()
        noted.find(additive.ON_NEW_TABLE, table=table)
        if constraint.references and constraint.references != table:
            noted.find(additive.NEW_TABLE_FK, table=table, name=constraint.references)
            noted.tables.append(constraint.references)
        seen.others += 1
        return
    if not reader.take_one({"INDEX", "KEY"}):
        raise Refused
    reader.take("IF", "NOT", "EXISTS")
    index = ""
    if not reader.at_sign("(") and not reader.at("USING"):
        index = reader.name()
    if reader.take("USING") and not reader.take_one({"BTREE", "HASH"}):
        raise Refused
    calm = read_parts(reader.brackets(), context.dialect)
    while read_mysql_index_option(reader):
        pass
    reader.need_end()
    seen.indexes += 1
    noted.adds_indexes.append((table, index))
    if calm:
        noted.find(additive.NEW_INDEX, table=table)
    else:
        noted.find(blocking.FUNCTIONAL_INDEX, table=table, lock=context.shared)


def _read_columns(reader: Reader, context: Context, noted: Outcome, table: str, seen: _Seen) -> None:
    reader.take("COLUMN")
    if context.dialect is not Dialect.SQLITE:
        reader.take("IF", "NOT", "EXISTS")
    if context.dialect is Dialect.MYSQL and reader.at_sign("("):
        inside = reader.brackets(definitions=True)
        reader.need_end()
        columns = []
        for part in Reader(inside, context.dialect).commas():
            one = Reader(part, context.dialect)
            if at_constraint(one):
                raise Refused
            columns.append(read_column(one))
            one.need_end()
            if columns[-1].placed:
                raise Refused
    else:
        columns = [read_column(reader)]
        reader.need_end()
    for column in columns:
        judge_column(column, context, noted, table)
        noted.adds_columns.append((table, column.name))
        seen.columns += 1
        seen.placed = seen.placed or column.placed


def judge_column(column: Column, context: Context, outcome: Outcome, table: str) -> None:
    """What a column that is added to `table` does to code that does not know it."""
    dialect = context.dialect
    if context.is_made(table):
        outcome.find(additive.ON_NEW_TABLE, table=table)
        if column.references and column.references != table:
            outcome.find(additive.NEW_TABLE_FK, table=table, name=column.references)
        return
    before = len(outcome.findings)

    def find(rule: Rule, name: str = column.name) -> None:
        outcome.find(rule, table=table, name=name, lock=context.exclusive)

    if column.type.serial or column.identity:
        find(blocking.SERIAL_COLUMN if dialect is Dialect.POSTGRES else blocking.AUTO_INCREMENT_COLUMN)
    if column.primary:
        find(incompatible.PRIMARY_KEY)
    if column.unique:
        find(incompatible.UNIQUE)
    if column.check:
        find(incompatible.CHECK)
    if column.references:
        find(blocking.COLUMN_FOREIGN_KEY, column.references)
    if column.generated:
        if column.generated == "STORED":
            find(blocking.STORED_COLUMN)
        if column.not_null:
            find(incompatible.NOT_NULL_GENERATED)
    elif not column.identity and not column.type.serial:
        _judge_default(column, context, outcome, table)
    if column.type.made and not _is_enum(column.type.name, context):
        find(blocking.MADE_TYPE)
    if len(outcome.findings) == before:
        find(additive.NEW_COLUMN)
    outcome.find(additive.INSERT_WITHOUT_COLUMNS, table=table)


def _judge_default(column: Column, context: Context, outcome: Outcome, table: str) -> None:
    rule = None
    match column.default:
        case None | Default.NULL:
            if column.not_null:
                rule = incompatible.NOT_NULL_COLUMN
        case Default.VOLATILE:
            rule = blocking.VOLATILE_DEFAULT
        case Default.COMPUTED:
            rule = blocking.COMPUTED_DEFAULT
        case Default.OTHER:
            rule = unknown.UNKNOWN_DEFAULT
        case Default.EXPRESSION:
            mysql = context.dialect is Dialect.MYSQL
            rule = blocking.EXPRESSION_DEFAULT if mysql else blocking.SQLITE_TIME_DEFAULT
        case Default.NOW:
            if context.dialect is Dialect.SQLITE:
                rule = blocking.SQLITE_TIME_DEFAULT
        case Default.CONSTANT:
            pass
    if rule is not None:
        outcome.find(rule, table=table, name=column.name, lock=context.exclusive)
    facts = context.facts
    if context.dialect is Dialect.POSTGRES and column.default and facts is not None and facts.before(11):
        outcome.find(blocking.OLD_SERVER, table=table, lock=context.exclusive)
    if column.not_null and context.drops_default(table, column.name):
        outcome.find(incompatible.DEFAULT_DROPPED, table=table, name=column.name)


def _is_enum(name: str, context: Context) -> bool:
    return name in context.made_types or (context.facts is not None and name in context.facts.enum_types)
