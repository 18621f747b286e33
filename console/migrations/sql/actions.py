"""Actions of ALTER TABLE that are not additive, named by how they begin. What is named here never passes."""

from __future__ import annotations

from console.migrations import rules_blocking as blocking
from console.migrations import rules_incompatible as incompatible
from console.migrations import rules_losing as losing
from console.migrations import rules_unknown as unknown
from console.migrations.sql.forms import Context, Outcome
from console.migrations.sql.grammar import Reader, Refused, word_set
from console.migrations.verdict import Rule

_REWRITES = word_set(
    "ENGINE CONVERT FORCE ROW_FORMAT ORDER CHARACTER CHARSET DEFAULT COLLATE KEY_BLOCK_SIZE TABLESPACE ENCRYPTION "
    "COMPRESSION AUTO_INCREMENT COMMENT CLUSTER PAGE_COMPRESSED STATS_PERSISTENT TYPE"
)
_PARTITIONING = word_set(
    "ATTACH DETACH REORGANIZE COALESCE EXCHANGE REMOVE REBUILD PARTITION INHERIT OPTIMIZE REPAIR ANALYZE CHECK"
)


def name_action(reader: Reader, context: Context, outcome: Outcome, table: str) -> None:
    """Note the rule that speaks of this action; where none does, that it is not understood."""
    rule, name = _rule(reader)
    lock = context.exclusive
    outcome.find(rule, table=table, name=name, lock=lock)


def _name(reader: Reader) -> str:
    try:
        return reader.name()
    except Refused:
        return ""


def _rule(reader: Reader) -> tuple[Rule, str]:
    word = reader.word()
    if word == "ADD":
        return _added(reader)
    if word == "DROP":
        return _dropped(reader)
    if word == "ALTER":
        return _altered(reader)
    if word == "RENAME":
        return incompatible.RENAME, ""
    if word == "CHANGE":
        return incompatible.RENAME, ""
    if word == "MODIFY":
        reader.position += 1
        reader.take("COLUMN")
        return incompatible.TYPE_CHANGED, _name(reader)
    if word == "TRUNCATE":
        return losing.TRUNCATE, ""
    if word in {"ENABLE", "DISABLE", "FORCE", "NO"}:
        rest = {reader.word(ahead) for ahead in range(1, 5)}
        if "ROW" in rest:
            return incompatible.ROW_SECURITY, ""
        if rest & {"TRIGGER", "RULE"}:
            return incompatible.TRIGGER, ""
    if word == "SET":
        if reader.word(1) in {"TABLESPACE", "LOGGED", "UNLOGGED", "ACCESS", "WITHOUT", "WITH"}:
            return blocking.TABLE_REWRITE, ""
        if reader.word(1) == "SCHEMA":
            return incompatible.RENAME, ""
    if word == "OWNER":
        return incompatible.RIGHTS, ""
    if word in _REWRITES and not _keeps_engine(reader):
        return losing.ENGINE_CHANGED, ""
    if word in {"DETACH", "EXCHANGE"} or (word == "NO" and reader.word(1) == "INHERIT"):
        return incompatible.ROWS_MOVED, ""
    if word in _REWRITES:
        return blocking.TABLE_REWRITE, ""
    if word in _PARTITIONING:
        return blocking.PARTITION, ""
    return unknown.NOT_UNDERSTOOD, ""


def _keeps_engine(reader: Reader) -> bool:
    """Whether every ENGINE among the options is InnoDB."""
    words = [token.value.upper() for token in reader.tokens if token.text != "="]
    named = [words[at + 1 : at + 2] for at, word in enumerate(words) if word in {"ENGINE", "TYPE"}]
    return all(name == ["INNODB"] for name in named)


def _added(reader: Reader) -> tuple[Rule, str]:
    reader.need("ADD")
    if reader.take("CONSTRAINT") and reader.word() not in {"UNIQUE", "PRIMARY", "FOREIGN", "CHECK", "EXCLUDE"}:
        _name(reader)
    match reader.word():
        case "UNIQUE":
            return incompatible.UNIQUE, ""
        case "PRIMARY":
            return incompatible.PRIMARY_KEY, ""
        case "FOREIGN":
            return incompatible.FOREIGN_KEY, ""
        case "CHECK":
            return incompatible.CHECK, ""
        case "EXCLUDE":
            return incompatible.EXCLUSION, ""
        case "FULLTEXT" | "SPATIAL":
            return blocking.FULLTEXT_INDEX, ""
        case "PARTITION":
            return blocking.PARTITION, ""
        case _:
            return unknown.NOT_UNDERSTOOD, ""


def _dropped(reader: Reader) -> tuple[Rule, str]:
    reader.need("DROP")
    match reader.word():
        case "INDEX" | "KEY":
            return incompatible.INDEX_DROPPED, ""
        case "PRIMARY":
            return incompatible.PRIMARY_KEY, ""
        case "FOREIGN" | "CONSTRAINT" | "CHECK":
            return incompatible.CONSTRAINT_DROPPED, ""
        case "PARTITION":
            return losing.DROP_PARTITION, ""
    reader.take("COLUMN")
    reader.take("IF", "EXISTS")
    return losing.DROP_COLUMN, _name(reader)


def _altered(reader: Reader) -> tuple[Rule, str]:
    reader.need("ALTER")
    if reader.word() == "INDEX":
        return incompatible.INDEX_DROPPED, ""
    if reader.word() in {"CHECK", "CONSTRAINT"}:
        return incompatible.CHECK, ""
    reader.take("COLUMN")
    name = _name(reader)
    if reader.at("TYPE") or reader.at("SET", "DATA", "TYPE"):
        return incompatible.TYPE_CHANGED, name
    if reader.at("SET", "NOT", "NULL"):
        return incompatible.SET_NOT_NULL, name
    if reader.at("DROP", "NOT", "NULL"):
        return incompatible.DROP_NOT_NULL, name
    if reader.at("DROP", "DEFAULT") or reader.at("DROP", "EXPRESSION") or reader.at("DROP", "IDENTITY"):
        return incompatible.DEFAULT_DROPPED, name
    if reader.at("SET", "DEFAULT") or reader.at("ADD", "GENERATED") or reader.at("SET", "GENERATED"):
        return incompatible.DEFAULT_CHANGED, name
    return unknown.NOT_UNDERSTOOD, name
