"""CREATE INDEX, and what an index may hold without failing a write of code that does not know it."""

from __future__ import annotations

from console.migrations import rules_additive as additive
from console.migrations import rules_blocking as blocking
from console.migrations import rules_incompatible as incompatible
from console.migrations.sql.columns import read_mysql_index_option
from console.migrations.sql.forms import Context, Outcome
from console.migrations.sql.grammar import WRITING, Reader, Refused, word_set
from console.migrations.sql.tokens import Kind, Token
from console.migrations.verdict import Dialect

_CALM_FUNCTIONS = word_set(
    "LOWER UPPER COALESCE LENGTH CHAR_LENGTH TRIM BTRIM LTRIM RTRIM MD5 DATE_TRUNC TO_TSVECTOR NULLIF IFNULL LEFT "
    "RIGHT ABS DATE"
)
"""Functions that give something for every value that the column can hold."""

_BEFORE_BRACKETS = word_set("IN AND OR NOT ANY ARRAY WHEN THEN ELSE CASE IS LIKE ALL")
_CALM_SIGNS = frozenset(
    {"(", ")", "[", "]", ",", ".", "=", "<>", "!=", "<", ">", "<=", ">=", "||", "&&", "@>", "<@", "?"}
)
_ARROWS = frozenset({"->", "->>", "#>", "#>>"})
LONGEST_OWN_WAIT_S = 5
"""Seconds that a statement may say itself to wait for its lock: the applier's limit, which it would undo."""
_ALGORITHMS = frozenset({"DEFAULT", "INSTANT", "INPLACE", "NOCOPY"})


def is_calm(tokens: list[Token], dialect: Dialect) -> bool:
    """Whether the expression cannot fail, whatever the row holds, and does nothing but compute."""
    for number, token in enumerate(tokens):
        following = tokens[number + 1] if number + 1 < len(tokens) else None
        called = following is not None and following.kind is Kind.SIGN and following.text == "("
        if token.kind is Kind.SIGN:
            if token.text == "::":
                before = tokens[number - 1] if number else None
                text_type = following is not None and following.upper in {"TEXT", "VARCHAR"}
                if not text_type and (before is None or before.kind is not Kind.STRING):
                    return False
            elif token.text in _ARROWS:
                if dialect is not Dialect.POSTGRES:  # SQLite's fail on what is no JSON
                    return False
            elif token.text in "-+":
                before = tokens[number - 1] if number else None
                signs = before is None or (before.kind is Kind.SIGN and before.text not in ")]")
                if not signs or following is None or following.kind is not Kind.NUMBER:
                    return False
            elif token.text not in _CALM_SIGNS or (token.text == "?" and dialect is not Dialect.POSTGRES):
                return False
        elif token.kind is Kind.WORD:
            if called and token.upper not in _CALM_FUNCTIONS and token.upper not in _BEFORE_BRACKETS:
                return False
            if token.upper in WRITING or token.upper in {"CAST", "COLLATE", "WITH"}:
                return False
            if called and number and tokens[number - 1].text == ".":
                return False
        elif token.kind is Kind.NAME and called:
            return False
    return True


def read_parts(tokens: list[Token], dialect: Dialect) -> bool:
    """Read what stands in the brackets of an index: whether all of it is calm.

    Raises:
        Refused: it is not what stands in such brackets.
    """
    if not tokens:
        raise Refused
    calm = True
    for part in Reader(tokens, dialect).commas():
        calm = _read_part(Reader(part, dialect)) and calm
    return calm


def _read_part(reader: Reader) -> bool:
    calm = True
    if reader.at_sign("("):
        calm = is_calm(reader.brackets(), reader.dialect) and reader.dialect is not Dialect.MYSQL
    else:
        function = reader.word()
        if reader.at_sign("(", 1) and function in _CALM_FUNCTIONS and reader.dialect is not Dialect.MYSQL:
            reader.position += 1
            calm = is_calm(reader.brackets(), reader.dialect)
        else:
            name = reader.qualified()
            if reader.at_sign("("):
                inside = reader.brackets()
                length = len(inside) == 1 and inside[0].kind is Kind.NUMBER
                calm = length and reader.dialect is Dialect.MYSQL
            elif "." in name:
                raise Refused
    if reader.dialect is not Dialect.MYSQL:
        if reader.take("COLLATE"):
            reader.qualified()
        if reader.dialect is Dialect.POSTGRES and reader.word() not in {"", "ASC", "DESC", "NULLS"}:
            reader.qualified()
            if reader.at_sign("("):
                reader.brackets()
    reader.take_one({"ASC", "DESC"})
    if reader.dialect is not Dialect.MYSQL and reader.take("NULLS") and not reader.take_one({"FIRST", "LAST"}):
        raise Refused
    reader.need_end()
    return calm


def read_algorithm(reader: Reader, context: Context, outcome: Outcome, table: str) -> str:
    """Read `ALGORITHM [=] x` or `LOCK [=] x`, if one comes next; gives `ALGORITHM=x`, `LOCK=x` or nothing."""
    if reader.take("ALGORITHM"):
        word = reader.equals_word()
        if word not in _ALGORITHMS:
            if word != "COPY":
                raise Refused
            outcome.find(blocking.LOCK_ASKED, table=table, lock="ALGORITHM=COPY, LOCK=SHARED")
        return f"ALGORITHM={word}"
    if reader.take("LOCK"):
        word = reader.equals_word()
        if word not in {"DEFAULT", "NONE"}:
            if word not in {"SHARED", "EXCLUSIVE"}:
                raise Refused
            outcome.find(blocking.LOCK_ASKED, table=table, lock=f"LOCK={word}")
        return f"LOCK={word}"
    return ""


def read_create_index(reader: Reader, context: Context) -> Outcome:
    """Read CREATE INDEX.

    Raises:
        Refused: it is none, or not all of it is known.
    """
    dialect = context.dialect
    outcome = Outcome(context.dialect, "create_index")
    reader.need("CREATE")
    unique = reader.take("UNIQUE")
    text = "" if unique or dialect is not Dialect.MYSQL else reader.take_one({"FULLTEXT", "SPATIAL"})
    reader.need("INDEX")
    concurrently = dialect is Dialect.POSTGRES and reader.take("CONCURRENTLY")
    optional = reader.take("IF", "NOT", "EXISTS")
    index = ""
    if not (dialect is Dialect.POSTGRES and reader.at("ON") and not optional):
        index = reader.qualified() if dialect is Dialect.SQLITE else reader.name()
    if dialect is Dialect.MYSQL and reader.take("USING") and not reader.take_one({"BTREE", "HASH", "RTREE"}):
        raise Refused
    reader.need("ON")
    if dialect is Dialect.POSTGRES:
        reader.take("ONLY")
    table = reader.qualified()
    if dialect is Dialect.SQLITE and "." in table:
        raise Refused
    if dialect is Dialect.POSTGRES and reader.take("USING"):
        reader.name()
    calm = read_parts(reader.brackets(), dialect)
    asked: list[str] = []
    calm = _read_tail(reader, context, outcome, table, asked) and calm
    reader.need_end()

    outcome.tables = [table]
    outcome.adds_indexes = [(table, index)]
    if context.is_made(table):
        outcome.findings.clear()
        outcome.find(additive.ON_NEW_TABLE, table=table)
        return outcome
    if unique:
        outcome.find(incompatible.UNIQUE, table=table)
    if text:
        outcome.find(blocking.FULLTEXT_INDEX, table=table, lock=context.shared)
    if not calm:
        doubtful = blocking.FUNCTIONAL_INDEX if dialect is Dialect.MYSQL else blocking.DOUBTFUL_INDEX
        outcome.find(doubtful, table=table, lock=context.shared)
    if dialect is Dialect.POSTGRES and not concurrently:
        outcome.find(blocking.INDEX_LOCKS_WRITES, table=table, lock=context.shared)
    if not outcome.findings:
        outcome.find(additive.NEW_INDEX, table=table)
        if dialect is Dialect.MYSQL and not any(word.startswith("LOCK=NONE") for word in asked):
            outcome.find(additive.NAME_ALGORITHM, table=table, name="ALGORITHM=INPLACE LOCK=NONE")
    return outcome


def read_wait(reader: Reader, outcome: Outcome) -> bool:
    """Read MariaDB's `WAIT n` or `NOWAIT`, and whether one came; it stands over the session's limit.

    Source: https://mariadb.com/kb/en/wait-and-nowait/
    """
    if not reader.take("WAIT"):
        return reader.take("NOWAIT")
    seconds = reader.need_kind(Kind.NUMBER).text
    if not (seconds.isdecimal() and len(seconds) < 9 and int(seconds) <= LONGEST_OWN_WAIT_S):
        outcome.find(blocking.LONG_LOCK_TIMEOUT)
    return True


def _read_tail(reader: Reader, context: Context, outcome: Outcome, table: str, asked: list[str]) -> bool:
    """Read what follows an index's brackets: whether it is calm."""
    if context.dialect is Dialect.MYSQL:
        while not reader.done:
            if read_mysql_index_option(reader):
                continue
            if not read_wait(reader, outcome):
                word = read_algorithm(reader, context, outcome, table)
                if not word:
                    raise Refused
                asked.append(word)
        return True
    if context.dialect is Dialect.POSTGRES:
        if reader.take("INCLUDE"):
            reader.names()
        _ = reader.take("NULLS", "NOT", "DISTINCT") or reader.take("NULLS", "DISTINCT")
        if reader.take("WITH"):
            reader.parameters()
        if reader.take("TABLESPACE"):
            reader.name()
    if reader.take("WHERE"):
        rest = list(reader.tokens[reader.position :])
        reader.position = len(reader.tokens)
        return bool(rest) and is_calm(rest, context.dialect)
    return True
