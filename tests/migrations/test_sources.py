"""A verdict rests on the manual of the database in hand, or on a linter of its SQL, and speaks of no other database."""

from __future__ import annotations

import re

import pytest

from console.migrations.lint import lint, unreadable
from console.migrations.rules import RULES
from console.migrations.rules_unknown import PARSERS_DISAGREE, TOO_LONG
from console.migrations.verdict import Dialect, Finding, Rule
from tests.migrations.labelled_set import cases

OWN = {
    Dialect.MYSQL: ("https://dev.mysql.com/doc/refman/8.4/en/", "https://mariadb.com/kb/en/"),
    Dialect.POSTGRES: ("https://www.postgresql.org/docs/current/", "https://squawkhq.com/docs/"),
    Dialect.SQLITE: ("https://www.sqlite.org/",),
}
"""MySQL's and MariaDB's manuals; PostgreSQL's, and Squawk, a linter of its SQL alone; SQLite's."""

FOREIGN_WORDS = {
    Dialect.MYSQL: r"PostgreSQL|pg_|pglast|SQLite|PRAGMA|\bWAL\b|CONCURRENTLY|VALIDATE|NOT VALID|ON CONFLICT",
    Dialect.POSTGRES: r"MySQL|InnoDB|MariaDB|gh-ost|pt-online|SQLite|PRAGMA|ALGORITHM|INVISIBLE|metadata lock|LOCK=",
    Dialect.SQLITE: r"PostgreSQL|pg_|pglast|MySQL|InnoDB|MariaDB|gh-ost|CONCURRENTLY|VALIDATE|NOT VALID|LOCK=",
}

LIVE_ONLY = {"table-size", "old-server", "exists-already", "too-long"}
"""What only a live database, or a text of great length, brings up."""

PAIRS = [(rule, dialect) for rule in RULES.values() for dialect in rule.sources]
TEXTS = sorted({case.sql for case in cases()} | {sql for rule in RULES.values() for _dialect, sql in rule.examples})


def findings(dialect: Dialect) -> list[Finding]:
    """All that the judge says of every text of the labelled set, whoever's SQL it is, read as `dialect`."""
    return [finding for text in TEXTS for verdict in lint(text, dialect) for finding in verdict.rules]


def test_every_rule_has_a_source_somewhere() -> None:
    assert [rule.id for rule in RULES.values() if not rule.sources] == []


@pytest.mark.parametrize(("rule", "dialect"), PAIRS, ids=lambda value: getattr(value, "id", value))
def test_a_rule_rests_on_the_manual_of_the_database_in_hand(rule: Rule, dialect: Dialect) -> None:
    source = rule.sources[dialect]
    assert source.startswith(OWN[dialect])
    assert source not in OWN[dialect], "a page, not the whole manual"


@pytest.mark.parametrize(("rule", "dialect"), PAIRS, ids=lambda value: getattr(value, "id", value))
def test_a_rule_speaks_of_no_other_database(rule: Rule, dialect: Dialect) -> None:
    said = f"{rule.reason_in(dialect)} {rule.safer_in(dialect)}"
    assert not re.search(FOREIGN_WORDS[dialect], said), said


@pytest.mark.parametrize("dialect", Dialect)
def test_whatever_is_judged_its_source_is_of_its_own_database(dialect: Dialect) -> None:
    strange = {(finding.id, finding.source) for finding in findings(dialect)
               if not finding.source.startswith(OWN[dialect])}  # fmt: skip
    assert strange == set()


@pytest.mark.parametrize("dialect", Dialect)
def test_whatever_is_judged_its_lock_is_named_as_its_own_database_does(dialect: Dialect) -> None:
    locks = {name for finding in findings(dialect) for key, name in finding.names if key == "lock"}
    assert locks
    assert [lock for lock in locks if re.search(FOREIGN_WORDS[dialect], lock)] == []


@pytest.mark.parametrize("dialect", Dialect)
def test_every_source_that_is_written_down_is_met_by_some_statement(dialect: Dialect) -> None:
    written = {rule.id for rule in RULES.values() if dialect in rule.sources}
    assert written - {finding.id for finding in findings(dialect)} <= LIVE_ONLY


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [
        ("VACUUM FULL reservas", Dialect.MYSQL),
        ("OPTIMIZE TABLE reservas", Dialect.SQLITE),
        ("REFRESH MATERIALIZED VIEW v", Dialect.MYSQL),
        ("ALTER TYPE estado RENAME VALUE 'a' TO 'b'", Dialect.MYSQL),
    ],
)
def test_a_statement_that_another_database_has_never_passes(sql: str, dialect: Dialect) -> None:
    (verdict,) = lint(sql, dialect)
    assert not verdict.additive
    assert verdict.rules[0].source.startswith(OWN[dialect])


def test_the_runbooks_index_on_mysql_rests_on_mysqls_manual() -> None:
    (verdict,) = lint("CREATE INDEX idx_notes ON reservas (notes)", Dialect.MYSQL)
    new = next(finding for finding in verdict.rules if finding.id == "new-index")
    assert new.source == "https://dev.mysql.com/doc/refman/8.4/en/innodb-online-ddl-operations.html"


@pytest.mark.parametrize("dialect", Dialect)
def test_what_no_text_of_the_set_shows_has_a_source_too(dialect: Dialect) -> None:
    assert unreadable(dialect).rules[0].source.startswith(OWN[dialect])
    for rule in (TOO_LONG, PARSERS_DISAGREE):
        assert Finding(rule, dialect).source.startswith(OWN[dialect])
