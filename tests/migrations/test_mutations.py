"""No way of writing an unsafe statement otherwise makes it pass; and noise never crashes the judge."""

from __future__ import annotations

import itertools
import random
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.migrations.lint import lint
from console.migrations.sql.tokens import Kind, read
from console.migrations.verdict import Dialect, StatementVerdict
from tests.migrations.labelled_set import Case, cases

UNSAFE = [
    case
    for case in cases(safe=False)
    if case.sql.isascii() and not (case.dialect is Dialect.MYSQL and re.search(r"--\S", case.sql))
]  # but those that a space after two dashes would make safe
SAFE = {dialect: [case.sql for case in cases(safe=True) if case.dialect is dialect] for dialect in Dialect}
MAKES = re.compile(r"CREATE\s+(\w+\s+)?(TABLE|TYPE)", re.IGNORECASE)
# What a file makes itself may be altered in it: a neighbour that makes a table or a type could make an unsafe one safe.
NEIGHBOURS = {dialect: [sql for sql in SAFE[dialect] if not MAKES.search(sql)] for dialect in Dialect}
ONE_STATEMENT = [case for case in UNSAFE if len(lint(case.sql, case.dialect)) == 1]

SPACES = [
    " ",
    "\n",
    "\t",
    "\r\n",
    "  ",
    " /* c */ ",
    "/**/",
    " -- c\n",
    " /* ; */ ",
    "\n\n",
    " /*\n*/ ",
    "\u00a0",
    "\f",
]
WRAPS = [
    "/*!50000 {} */",
    "/*! {} */",
    "/*M! {} */",
    "/*M!100000 {}*/",
    "({})",
    "{};",
    ";{}",
    "BEGIN; {}; COMMIT",
    "\ufeff{}",
]
WRAPS += ["{} /* end", "{} -- end", "EXPLAIN {}", "{}\\g", "-- squawk-ignore\n{}", "/* noqa */ {}", "{};;", "ELSE {}"]


VOCABULARY = """ALTER TABLE ADD COLUMN DROP CREATE INDEX ON reservas a b INT text NOT NULL DEFAULT 0 'x' ( ) , ; --
/* */ /*! # ' " ` $$ E' \\ [ ] . = :: UNIQUE CONCURRENTLY IF EXISTS VIEW AS SELECT FROM SET lock_timeout ALGORITHM
LOCK NONE RENAME TO TYPE ENUM VALUE CHECK REFERENCES GENERATED ALWAYS VIRTUAL STORED now random MODIFY TRUNCATE DELETE
UPDATE"""
HARMFUL = frozenset(
    {"DROP", "TRUNCATE", "DELETE", "UPDATE", "RENAME", "MODIFY", "UNIQUE", "CHECK", "REFERENCES", "STORED"}
)


def said(verdict: StatementVerdict, dialect: Dialect) -> set[str]:
    """The words of a statement in capitals; none of one that makes something new, where they may all stand."""
    if verdict.sql.upper().startswith("CREATE") and verdict.kind != "create_index":
        return set()
    return {token.upper for token in read(verdict.sql, dialect).tokens if token.kind is Kind.WORD}


def passes(sql: str, dialect: Dialect) -> bool:
    verdicts = lint(sql, dialect)
    return bool(verdicts) and all(verdict.additive for verdict in verdicts)


def pieces(case: Case) -> list[str]:
    """Its tokens, where the text can be cut into tokens at all; else the whole of it."""
    reading = read(case.sql, case.dialect)
    return [case.sql] if reading.oddities else [token.text for token in reading.tokens]


def mutate(case: Case, chance: random.Random) -> str:
    """The same statement, written otherwise: case, spacing, comments, quoted names, schemas, wraps, neighbours."""
    parts = pieces(case)
    if len(parts) > 1:
        reading = read(case.sql, case.dialect)
        quote = "`" if case.dialect is Dialect.MYSQL else '"'
        for at, token in enumerate(reading.tokens):
            word = parts[at]
            if token.kind is not Kind.WORD:
                continue
            if chance.random() < 0.5 and token.upper != "RESERVAS":  # on MySQL that may name another table
                word = "".join(chance.choice((letter.lower(), letter.upper())) for letter in word)
            if token.text in {"reservas", "notes", "canales", "a", "b", "t"} and chance.random() < 0.3:
                word = f"{quote}{token.text}{quote}"
            if token.text == "reservas" and chance.random() < 0.2:
                word = f"public.{word}"
            parts[at] = word
        sql = parts[0]
        for before, after in itertools.pairwise(parts):
            joins = re.match(r"[\w$`\"'@:]", after) and re.search(r"[\w$`\"'@:]$", before)
            comments = before[-1] in "-/*" and after[0] in "-/*"
            tight = not joins and not comments and chance.random() < 0.3
            sql += ("" if tight else chance.choice(SPACES)) + after
    else:
        sql = parts[0]
    if chance.random() < 0.5:
        sql = chance.choice(WRAPS).format(sql) if "{" not in sql else sql
    if chance.random() < 0.3:
        sql = f"{chance.choice(NEIGHBOURS[case.dialect])}\n;{sql}"
    if chance.random() < 0.3:
        sql = f"{sql}\n;{chance.choice(NEIGHBOURS[case.dialect])}"
    return sql


@settings(max_examples=1_500, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=st.sampled_from(UNSAFE), seed=st.integers(0, 2**32))
def test_no_mutation_of_an_unsafe_file_passes(case: Case, seed: int) -> None:
    assert not passes(mutate(case, random.Random(seed)), case.dialect)


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=st.sampled_from(ONE_STATEMENT), data=st.data())
def test_an_unsafe_statement_does_not_pass_behind_any_part_of_a_safe_one(case: Case, data: st.DataObject) -> None:
    safe = data.draw(st.sampled_from([sql for sql in NEIGHBOURS[case.dialect] if sql.strip()]))
    cut = data.draw(st.integers(0, len(safe)))
    for sql in (
        safe[:cut] + case.sql,
        safe[:cut] + " " + case.sql,
        safe[:cut] + ", " + case.sql,
        case.sql + safe[cut:],
    ):
        if passes(sql, case.dialect):
            # A comment or a string of the safe part may swallow the unsafe one whole: then it is not sent, or is data.
            assert not any(HARMFUL & said(verdict, case.dialect) for verdict in lint(sql, case.dialect))


@settings(max_examples=1_500, deadline=None, suppress_health_check=list(HealthCheck))
@given(words=st.lists(st.sampled_from(VOCABULARY.split()), max_size=25), dialect=st.sampled_from(list(Dialect)))
def test_random_words_never_crash_and_pass_only_without_a_harmful_one(words: list[str], dialect: Dialect) -> None:
    for verdict in lint(" ".join(words), dialect):
        assert not verdict.additive or not HARMFUL & said(verdict, dialect)


@settings(max_examples=800, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.text(max_size=200), dialect=st.sampled_from(list(Dialect)))
def test_random_text_never_crashes_and_never_passes(text: str, dialect: Dialect) -> None:
    assert not any(verdict.additive for verdict in lint(text, dialect))


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), dialect=st.sampled_from(list(Dialect)))
def test_a_safe_file_with_one_character_put_in_never_crashes(data: st.DataObject, dialect: Dialect) -> None:
    safe = data.draw(st.sampled_from(SAFE[dialect]))
    at = data.draw(st.integers(0, len(safe)))
    character = data.draw(st.characters())
    for verdict in lint(safe[:at] + character + safe[at:], dialect):
        assert verdict.index >= 1
