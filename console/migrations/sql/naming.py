"""Statements that are not additive, named by how they begin. What is named here never passes.

Where nothing is named, the statement is not understood.
"""

from __future__ import annotations

from console.migrations import rules_blocking as blocking
from console.migrations import rules_incompatible as incompatible
from console.migrations import rules_losing as losing
from console.migrations import rules_unknown as unknown
from console.migrations.sql.forms import Context, Outcome
from console.migrations.sql.grammar import Reader, Refused, word_set
from console.migrations.sql.tokens import Kind
from console.migrations.verdict import Dialect, Rule

_SKIPPED = word_set(
    "IF NOT EXISTS ONLY CONCURRENTLY TABLE INTO FROM UNIQUE FULLTEXT SPATIAL INDEX VIEW MATERIALIZED TEMPORARY "
    "TEMP UNLOGGED FULL VERBOSE ANALYZE TABLES LOW_PRIORITY QUICK IGNORE DELAYED HIGH_PRIORITY OR"
)
_CLIENT = word_set(
    "DELIMITER SOURCE SYSTEM CONNECT PROMPT TEE NOTEE EDIT PAGER NOPAGER REHASH STATUS GO EXIT QUIT CHARSET CLEAR "
    "PRINT NOWARNING WARNINGS EGO"
)
_CODE = frozenset({"DO", "CALL", "EXECUTE", "PREPARE", "DEALLOCATE", "HANDLER", "LOAD", "COPY", "IMPORT", "INSTALL"})
_ENDS_TRANSACTION = frozenset(
    {"BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "END", "ABORT", "XA", "DECLARE", "FETCH"}
)
_OBJECTS = word_set(
    "VIEW TYPE SEQUENCE FUNCTION PROCEDURE TRIGGER EVENT EXTENSION DOMAIN MATERIALIZED AGGREGATE CAST COLLATION "
    "RULE OPERATOR POLICY PUBLICATION SUBSCRIPTION SERVER FOREIGN OWNED ROLE USER LANGUAGE STATISTICS PACKAGE"
)


def name_statement(reader: Reader, context: Context) -> Outcome:
    """The rule that speaks of this statement, by its first words."""
    outcome = Outcome(context.dialect)
    rule = _rule(reader, context)
    table = _table(reader, rule)
    if table:
        outcome.tables = [table]
    lock = context.shared if rule in (blocking.INDEX_LOCKS_WRITES, blocking.FULLTEXT_INDEX) else context.exclusive
    outcome.find(rule, table=table, lock=lock)
    return outcome


def _table(reader: Reader, rule: Rule) -> str:
    """The table that the statement names, as far as that can be told; for people, never for a decision."""
    words = reader.tokens
    if rule.verdict is unknown.NOT_UNDERSTOOD.verdict:
        return ""
    start = 1
    for at, token in enumerate(words):
        if token.upper == "ON" and words[0].upper in {"CREATE", "DROP", "GRANT", "REVOKE", "REFRESH"}:
            start = at + 1
            break
    reader.position = start
    while reader.word() in _SKIPPED:
        reader.position += 1
    try:
        return reader.qualified()
    except Refused:
        return ""


def _rule(reader: Reader, context: Context) -> Rule:
    first = reader.word()
    second = reader.word(1)
    words = {token.upper for token in reader.tokens if token.kind is Kind.WORD}
    match first:
        case "DROP":
            return _dropped(second, cascade="CASCADE" in words)
        case "CREATE":
            return _created(reader, context, words)
        case "ALTER":
            return _altered(reader, second, words)
        case "TRUNCATE":
            return losing.TRUNCATE
        case "DELETE":
            return losing.DELETE_ROWS
        case "UPDATE" | "MERGE":
            return losing.UPDATE_ROWS
        case "REPLACE":
            return losing.UPDATE_ROWS
        case "INSERT":
            return losing.UPDATE_ROWS if words & {"REPLACE", "DUPLICATE", "CONFLICT"} else blocking.INSERT_ROWS
        case "WITH":
            return _with(words)
        case "RENAME":
            return incompatible.RIGHTS if second == "USER" else incompatible.RENAME
        case "SELECT":
            return blocking.TABLE_FROM_QUERY if "INTO" in words else unknown.NOT_UNDERSTOOD
        case "OPTIMIZE" | "CLUSTER" | "VACUUM" | "REPAIR":
            return blocking.TABLE_REWRITE
        case "REINDEX":
            return blocking.REINDEX
        case "REFRESH":
            return blocking.MATERIALIZED_VIEW_DATA
        case "LOCK":
            return blocking.LOCK_TABLE
        case "GRANT" | "REVOKE" | "REASSIGN":
            return incompatible.RIGHTS
        case "RESET" if second in {"MASTER", "REPLICA", "SLAVE", "BINARY"}:
            return unknown.NOT_UNDERSTOOD
        case "SET" | "RESET" | "PRAGMA" | "USE" | "ATTACH" | "DETACH":
            return unknown.SERVER_SETTING
    if first in _CLIENT:
        return unknown.CLIENT_COMMAND
    if first in _CODE:
        return unknown.OPAQUE_CODE
    if first in _ENDS_TRANSACTION:
        return blocking.TRANSACTION
    if reader.at_sign(".") and context.dialect is Dialect.SQLITE:
        return unknown.CLIENT_COMMAND
    return unknown.NOT_UNDERSTOOD


def _with(words: set[str]) -> Rule:
    if "DELETE" in words:
        return losing.DELETE_ROWS
    if words & {"UPDATE", "MERGE"}:
        return losing.UPDATE_ROWS
    return blocking.INSERT_ROWS if "INSERT" in words else unknown.NOT_UNDERSTOOD


def _dropped(second: str, *, cascade: bool) -> Rule:
    match second:
        case "TABLE" | "TABLES" | "TEMPORARY" | "FOREIGN":
            return losing.DROP_TABLE
        case "DATABASE" | "SCHEMA" | "TABLESPACE" | "OWNED":
            return losing.DROP_DATABASE
        case "INDEX":
            return incompatible.INDEX_DROPPED
        case "TYPE" | "DOMAIN" | "EXTENSION" if cascade:
            return losing.DROP_CASCADE
        case _:
            return incompatible.DROP_OTHER if second in _OBJECTS else unknown.NOT_UNDERSTOOD


def _created(reader: Reader, context: Context, words: set[str]) -> Rule:
    heads = [reader.word(ahead) for ahead in range(1, 9)]
    if heads[:2] == ["OR", "REPLACE"]:
        if "FUNCTION" in heads or "PROCEDURE" in heads:
            return unknown.OPAQUE_CODE
        if "TRIGGER" in heads:
            return incompatible.TRIGGER
        return losing.DROP_TABLE if "TABLE" in heads else incompatible.REPLACED
    if {"TEMP", "TEMPORARY"} & set(heads[:2]) and "TABLE" in heads[:3]:
        return unknown.TEMPORARY
    for word, rule in (
        ("TRIGGER", incompatible.TRIGGER),
        ("RULE", incompatible.TRIGGER),
        ("POLICY", incompatible.ROW_SECURITY),
        ("FUNCTION", unknown.OPAQUE_CODE),
        ("PROCEDURE", unknown.OPAQUE_CODE),
        ("EVENT", unknown.OPAQUE_CODE),
        ("EXTENSION", unknown.OPAQUE_CODE),
    ):
        if word in heads[:4] or (word in heads and "DEFINER" in heads):
            return rule
    if heads[0] == "MATERIALIZED" and "DATA" not in words:
        return blocking.MATERIALIZED_VIEW_DATA
    if heads[0] in {"TABLE", "UNLOGGED"}:
        if "PARTITION" in words and "OF" in words:
            return blocking.PARTITION
        if "INHERITS" in words:
            return blocking.PARTITION
        if words & {"SELECT", "EXECUTE", "VALUES"} and ("AS" in words or context.dialect is Dialect.MYSQL):
            return blocking.TABLE_FROM_QUERY
    return unknown.NOT_UNDERSTOOD


def _altered(reader: Reader, second: str, words: set[str]) -> Rule:
    if second == "TYPE":
        if words & {"BEFORE", "AFTER", "RENAME", "DROP"}:
            return incompatible.ENUM_REORDERED
        return incompatible.TYPE_CHANGED
    if second == "SYSTEM":
        return unknown.SERVER_SETTING
    if "VIEW" in words and second != "TABLE":
        return incompatible.REPLACED
    if second == "INDEX" and "RENAME" in words:
        return incompatible.RENAME
    if "RENAME" in words:
        return incompatible.RENAME
    if "OWNER" in words:
        return incompatible.RIGHTS
    if second in {"FUNCTION", "PROCEDURE", "EVENT"}:
        return unknown.OPAQUE_CODE
    return unknown.NOT_UNDERSTOOD
