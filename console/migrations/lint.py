"""The judge: text in, a verdict on each of its statements out.

Fail-closed: a statement is additive only where one of the forms of this package reads it whole, token by token, and
finds nothing against it, and sqlglot reads the same one statement. Everything else is named as well as may be, and what
cannot be named is unknown. Pure: no file, no connection, no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from console.migrations import rules_additive as additive
from console.migrations import rules_blocking as blocking
from console.migrations import rules_unknown as unknown
from console.migrations.facts import Facts
from console.migrations.sql.acting import acting_function
from console.migrations.sql.alter import read_alter_table
from console.migrations.sql.forms import Context, Outcome
from console.migrations.sql.grammar import Reader, Refused
from console.migrations.sql.indexes import read_create_index
from console.migrations.sql.naming import name_statement
from console.migrations.sql.objects import (
    read_alter_sequence,
    read_alter_type,
    read_comment,
    read_create_schema,
    read_create_sequence,
    read_create_type,
    read_create_view,
    read_virtual_table,
)
from console.migrations.sql.partitions import read_partition
from console.migrations.sql.rows import read_insert
from console.migrations.sql.second import MAX_TOKENS, pglast_agrees, sqlglot_agrees
from console.migrations.sql.split import Piece, split
from console.migrations.sql.tables import read_create_table
from console.migrations.sql.timeouts import read_set
from console.migrations.sql.tokens import Kind, Oddity, Token
from console.migrations.verdict import Dialect, Finding, Rule, StatementVerdict, Verdict, worst

_FORMS: dict[str, tuple[Callable[[Reader, Context], Outcome], ...]] = {
    "ALTER": (read_alter_table, read_alter_type, read_alter_sequence),
    "CREATE": (
        read_create_index,
        read_create_table,
        read_partition,
        read_create_view,
        read_create_type,
        read_create_sequence,
        read_create_schema,
        read_virtual_table,
    ),
    "COMMENT": (read_comment,),
    "INSERT": (read_insert,),
    "SET": (read_set,),
    "PRAGMA": (read_set,),
}

_ODD: dict[Oddity, Rule] = {
    Oddity.EXECUTABLE_COMMENT: unknown.EXECUTABLE_COMMENT,
    Oddity.HIDDEN_CHARACTER: unknown.HIDDEN_CHARACTER,
    Oddity.BACKSLASH: unknown.CLIENT_COMMAND,
    Oddity.UNBALANCED: unknown.UNTERMINATED,
    Oddity.UNTERMINATED: unknown.UNTERMINATED,
    Oddity.AMBIGUOUS_QUOTE: unknown.AMBIGUOUS,
    Oddity.AMBIGUOUS_COMMENT: unknown.AMBIGUOUS,
    Oddity.NUL: unknown.UNREADABLE,
    Oddity.TOO_LONG: unknown.TOO_LONG,
}

_READ_BY_OTHERS = frozenset({"create_view", "add_column", "create_index"})
"""Kinds of statement whose expressions are computed when somebody reads; a new table's defaults are new code's own."""

_KEEPS_NAMES = frozenset(
    {"create_table", "create_index", "add_column", "validate_constraint", "set_timeout", "comment", "create_view"}
)
"""Kinds of statement after which the names of a file's tables still mean what they meant."""


def lint(text: str, dialect: Dialect | str, facts: Facts | None = None) -> tuple[StatementVerdict, ...]:
    """Judge every statement of `text`, each in the context of all of them.

    Args:
        text: a file's content.
        dialect: whose SQL it is.
        facts: what the live database says, which sharpens the verdicts.

    Returns:
        One verdict for each statement, in order; empty statements and comments are none. A text that cannot be cut
        into statements is one unknown statement.
    """
    dialect = Dialect(dialect)
    pieces = split(text, dialect)
    context = Context(dialect, facts, dropped_defaults=_dropped_defaults(pieces))
    return tuple(_judge(number, piece, context) for number, piece in enumerate(pieces, 1))


def unreadable(dialect: Dialect, text: str = "") -> StatementVerdict:
    """The verdict on a file that is no text."""
    return StatementVerdict(1, 1, text, Verdict.UNKNOWN, (Finding(unknown.UNREADABLE, dialect),))


def _judge(number: int, piece: Piece, context: Context) -> StatementVerdict:
    outcome = _outcome(piece, context)
    _sharpen(outcome, context)
    verdict = worst([finding.rule.verdict for finding in outcome.findings])
    if verdict is Verdict.ADDITIVE:
        context.learn(outcome)
    elif verdict is Verdict.UNKNOWN or outcome.kind not in _KEEPS_NAMES:
        context.forget()
    return StatementVerdict(
        index=number,
        line=piece.line,
        sql=piece.sql,
        verdict=verdict,
        rules=tuple(sorted(outcome.findings, key=lambda finding: -finding.rule.verdict.severity)),
        kind=outcome.kind,
        tables=tuple(outcome.tables),
        adds_tables=tuple(outcome.adds_tables),
        adds_columns=tuple(outcome.adds_columns),
        adds_indexes=tuple(outcome.adds_indexes),
    )


def _sharpen(outcome: Outcome, context: Context) -> None:
    """What the live database adds: what is there already, and how large it is."""
    if context.facts is None:
        return
    tables = context.facts.tables
    for table in outcome.adds_tables:
        if table in tables:
            outcome.find(blocking.EXISTS_ALREADY, table=table, name=table)
    for table, column in outcome.adds_columns:
        if table in tables and column.lower() in {name.lower() for name in tables[table].columns}:
            outcome.find(blocking.EXISTS_ALREADY, table=table, name=column)
    for table, index in outcome.adds_indexes:
        if table in tables and index and index.lower() in {name.lower() for name in tables[table].indexes}:
            outcome.find(blocking.EXISTS_ALREADY, table=table, name=index)
    for table in outcome.tables[:1]:
        rows = tables[table].rows if table in tables else None
        if rows is not None:
            outcome.find(additive.TABLE_SIZE, table=table, name=f"{rows:,}")


def _outcome(piece: Piece, context: Context) -> Outcome:
    if piece.oddities:
        odd = Outcome(context.dialect)
        for oddity in piece.oddities:
            odd.find(_ODD[oddity])
        return odd
    if _reads_otherwise(piece, context):
        return _unknown(unknown.AMBIGUOUS, context.dialect)
    if len(piece.tokens) > MAX_TOKENS:
        return _unknown(unknown.TOO_LONG, context.dialect)
    first = Reader(piece.tokens, context.dialect).word()
    for form in _FORMS.get(first, ()):
        try:
            outcome = form(Reader(piece.tokens, context.dialect), context)
        except Refused:
            continue
        return _confirmed(outcome, piece, context)
    return name_statement(Reader(piece.tokens, context.dialect), context)


def _reads_otherwise(piece: Piece, context: Context) -> bool:
    """Whether this server's sql_mode reads a string of the statement otherwise than we did."""
    modes = context.facts.sql_mode if context.facts is not None else frozenset()
    if context.dialect is not Dialect.MYSQL or not modes & {"ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ANSI"}:
        return False
    strings = [token.text for token in piece.tokens if token.kind is Kind.STRING]
    return any(text.startswith('"') or "\\" in text for text in strings)


def _confirmed(outcome: Outcome, piece: Piece, context: Context) -> Outcome:
    """`outcome`, where the other parsers do not object to what it calls additive."""
    if any(finding.rule.verdict is not Verdict.ADDITIVE for finding in outcome.findings):
        return outcome
    acting = acting_function(piece.tokens) if outcome.kind in _READ_BY_OTHERS else ""
    if acting:
        odd = Outcome(context.dialect)
        odd.find(unknown.ACTING_FUNCTION, name=acting)
        return odd
    agrees = outcome.findings and sqlglot_agrees(piece.tokens, outcome, context.dialect)
    if agrees and context.dialect is Dialect.POSTGRES:
        agrees = pglast_agrees(piece.sql, outcome)
    return outcome if agrees else _unknown(unknown.PARSERS_DISAGREE, context.dialect)


def _unknown(rule: Rule, dialect: Dialect) -> Outcome:
    outcome = Outcome(dialect)
    outcome.find(rule)
    return outcome


def _words_at(tokens: Sequence[Token], at: int, *words: str) -> bool:
    """Whether these words stand at `at`."""
    return len(tokens) >= at + len(words) and all(tokens[at + n].upper == word for n, word in enumerate(words))


def _dropped_defaults(pieces: Sequence[Piece]) -> frozenset[tuple[str, str]]:
    """Table and column, in lower case, of each default that a statement of the file drops."""
    found: set[tuple[str, str]] = set()
    for piece in pieces:
        words = piece.words
        if words[:2] != ("ALTER", "TABLE") or not {"DROP", "SET", "MODIFY", "CHANGE"} & set(words):
            continue
        tokens = piece.tokens
        table = ""
        for at, token in enumerate(tokens):
            word = token.upper
            if not table and at >= 2 and word not in {"IF", "EXISTS", "ONLY"}:
                dotted = at + 2 < len(tokens) and tokens[at + 1].text == "."
                table = (tokens[at + 2] if dotted else token).value.lower()
            if (word == "DROP" and _words_at(tokens, at + 1, "DEFAULT")) or (
                word == "SET" and _words_at(tokens, at + 1, "DEFAULT", "NULL")
            ):
                found.add((table, tokens[at - 1].value.lower()))
            if word in {"MODIFY", "CHANGE"} and at + 2 < len(tokens) and "DEFAULT" not in words:
                named = tokens[at + 2] if tokens[at + 1].upper == "COLUMN" else tokens[at + 1]
                found.add((table, named.value.lower()))
    return frozenset(found)
