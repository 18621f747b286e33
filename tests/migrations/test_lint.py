"""What the judge says to an operator: statement by statement, in the context of the file and of the live database."""

from __future__ import annotations

import time

import pytest

from console.migrations.facts import Facts, TableFacts
from console.migrations.lint import lint
from console.migrations.rules import RULES
from console.migrations.sql import second
from console.migrations.verdict import Dialect, StatementVerdict, Verdict

RUNBOOK = "ALTER TABLE reservas ADD COLUMN notes VARCHAR(500);\nCREATE INDEX idx_notes ON reservas(notes);\n"


def one(sql: str, dialect: str = "postgres", facts: Facts | None = None) -> StatementVerdict:
    (verdict,) = lint(sql, dialect, facts)
    return verdict


def ids(verdict: StatementVerdict) -> set[str]:
    return {finding.id for finding in verdict.rules}


def test_the_runbooks_own_example_is_additive_on_mysql() -> None:
    column, index = lint(RUNBOOK, "mysql")
    assert column.verdict is index.verdict is Verdict.ADDITIVE
    assert (column.line, index.line) == (1, 2)
    assert column.adds_columns == (("reservas", "notes"),)
    assert index.adds_indexes == (("reservas", "idx_notes"),)


def test_the_runbooks_index_blocks_on_postgresql_and_names_lock_table_and_form() -> None:
    _column, index = lint(RUNBOOK, "postgres")
    (finding,) = index.rules
    assert index.verdict is Verdict.BLOCKING
    assert "SHARE" in finding.reason
    assert "reservas" in finding.reason
    assert "CONCURRENTLY" in finding.reason


@pytest.mark.parametrize("dialect", list(Dialect))
def test_every_added_column_says_that_an_insert_without_columns_breaks(dialect: Dialect) -> None:
    assert "insert-without-columns" in ids(one("ALTER TABLE reservas ADD COLUMN notes TEXT", dialect))
    assert "insert-without-columns" in ids(one("ALTER TABLE reservas ADD COLUMN notes TEXT NOT NULL", dialect))


def test_mysql_is_offered_the_clause_that_makes_the_server_refuse() -> None:
    column, index = lint(RUNBOOK, "mysql")
    assert any("ALGORITHM=INSTANT" in finding.reason for finding in column.rules)
    assert any("ALGORITHM=INPLACE LOCK=NONE" in finding.reason for finding in index.rules)
    assert "name-algorithm" not in ids(one("ALTER TABLE r ADD COLUMN n INT, ALGORITHM=INSTANT", "mysql"))


def test_a_default_that_a_later_statement_drops_is_told_of_both() -> None:
    sql = "ALTER TABLE r ADD COLUMN n int NOT NULL DEFAULT 0; ALTER TABLE r ALTER COLUMN n DROP DEFAULT"
    assert [verdict.verdict for verdict in lint(sql, "postgres")] == [Verdict.INCOMPATIBLE] * 2


def test_the_worst_rule_of_a_statement_is_its_verdict_and_stands_first() -> None:
    verdict = one("ALTER TABLE r ADD COLUMN a INT, DROP COLUMN b", "mysql")
    assert verdict.verdict is Verdict.INCOMPATIBLE
    assert verdict.rules[0].id == "drop-column"
    assert verdict.loses_data


def test_what_is_sent_is_the_statement_from_its_first_word_to_its_last_and_nothing_else() -> None:
    first, second_ = lint(
        "\ufeff -- why\n ALTER  TABLE r /* here */\n ADD n int ; -- end\n;\n DROP TABLE r", "postgres"
    )
    assert first.sql == "ALTER  TABLE r /* here */\n ADD n int"
    assert (first.index, first.line, second_.index, second_.line) == (1, 2, 2, 5)
    assert second_.sql == "DROP TABLE r"


@pytest.mark.parametrize(
    "sql", ["ALTER TABLE r ADD n INT COMMENT 'x; DROP TABLE r;", "ALTER TABLE r ADD n INT; /* x", "DELIMITER $$\nX$$"]
)
def test_a_file_that_cannot_be_cut_is_one_unknown_statement(sql: str) -> None:
    assert one(sql, "mysql").verdict is Verdict.UNKNOWN


def test_a_mysql_comment_needs_a_space_after_its_dashes() -> None:
    assert one("ALTER TABLE r ADD n INT -- DROP", "mysql").additive
    assert not one("ALTER TABLE r ADD n INT --DROP", "mysql").additive


def test_comments_nest_on_postgresql_alone() -> None:
    sql = "/* a /* b */ DROP TABLE r; -- */\nALTER TABLE r ADD n int"
    assert [verdict.additive for verdict in lint(sql, "postgres")] == [True]
    assert [verdict.additive for verdict in lint(sql, "sqlite")] == [False, True]


def test_an_index_on_a_table_of_the_same_file_is_additive_unless_the_table_may_be_there_already() -> None:
    made = "CREATE TABLE a (id int); CREATE UNIQUE INDEX u ON a (id)"
    assert all(verdict.additive for verdict in lint(made, "postgres"))
    doubtful = made.replace("TABLE a", "TABLE IF NOT EXISTS a")
    assert [verdict.additive for verdict in lint(doubtful, "postgres")] == [True, False]
    known = Facts("postgres", (16, 1), tables={"r": TableFacts()}, tables_known=True)
    assert all(verdict.additive for verdict in lint(doubtful, "postgres", known))


def test_facts_of_an_old_server_make_it_stricter() -> None:
    sql = "ALTER TABLE r ADD COLUMN n int NOT NULL DEFAULT 0"
    assert one(sql, "postgres", Facts("postgres", (12, 1))).additive
    assert "old-server" in ids(one(sql, "postgres", Facts("postgres", (10, 23))))
    assert "old-server" in ids(one(sql, "mysql", Facts("mysql", (5, 7, 44))))
    assert one(sql, "mysql", Facts("mariadb", (10, 11, 6))).additive


def test_facts_tell_whether_a_column_can_be_put_anywhere() -> None:
    sql = "ALTER TABLE r ADD COLUMN n INT AFTER id"
    assert one(sql, "mysql").verdict is Verdict.BLOCKING
    assert one(sql, "mysql", Facts("mysql", (8, 0, 29))).additive
    assert not one(sql, "mysql", Facts("mysql", (8, 0, 28))).additive
    assert one(sql, "mysql", Facts("mariadb", (10, 11, 6))).additive


def test_facts_tell_an_enum_from_a_domain() -> None:
    sql = "ALTER TABLE r ADD COLUMN e estado"
    assert one(sql).verdict is Verdict.BLOCKING
    assert one(sql, facts=Facts("postgres", (16,), enum_types=frozenset({"estado"}))).additive


def test_facts_show_what_is_there_already_and_how_large_the_table_is() -> None:
    facts = Facts("mysql", (8, 4, 0), tables={"reservas": TableFacts(2_000_000, columns=frozenset({"Notes"}))})
    column, index = lint(RUNBOOK, "mysql", facts)
    assert "exists-already" in ids(column)
    assert any("2,000,000" in finding.reason for finding in index.rules)


def test_a_sql_mode_that_reads_strings_otherwise_is_heeded() -> None:
    sql = 'ALTER TABLE r ADD COLUMN s VARCHAR(9) DEFAULT "x"'
    assert one(sql, "mysql").additive
    ansi = Facts("mysql", (8, 4, 0), sql_mode=frozenset({"ANSI_QUOTES"}))
    assert one(sql, "mysql", ansi).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("note", ["-- squawk-ignore drop-table", "-- noqa", "-- atlas:nolint", "/* sqlfluff:off */"])
def test_a_comment_that_asks_to_look_away_changes_nothing(note: str) -> None:
    for sql in ("DROP TABLE r", "ALTER TABLE r ADD COLUMN a int", "CREATE INDEX i ON r (a)"):
        assert one(f"{note}\n{sql}").verdict is one(sql).verdict


def test_a_second_parser_can_only_say_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.migrations.lint.sqlglot_agrees", lambda *_: False)
    assert one("ALTER TABLE r ADD COLUMN a int").verdict is Verdict.UNKNOWN
    assert one("DROP TABLE r").verdict is Verdict.INCOMPATIBLE


def test_pglast_says_no_to_what_postgresql_would_not_parse() -> None:
    pytest.importorskip("pglast")
    outcome = second.Outcome("add_column")
    assert second.pglast_agrees("ALTER TABLE r ADD COLUMN a int", outcome)
    assert not second.pglast_agrees("ALTER TABLE r ADD COLUMN a int; DROP TABLE r", outcome)
    assert not second.pglast_agrees("DROP TABLE r", outcome)
    assert not second.pglast_agrees("ALTER TABLE r ADD COLUMN", outcome)


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE r ADD COLUMN a int CHECK (" + "(" * 5_000 + "1" + ")" * 5_000 + ")",
        "CREATE VIEW v AS SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
        "CREATE VIEW v AS SELECT " + "NOT " * 5_000 + "true",
        "CREATE VIEW v AS SELECT " + "CASE WHEN 1 THEN " * 2_000 + "1" + " END" * 2_000,
        "ALTER TABLE r ADD COLUMN a int DEFAULT " + "(" * 5_000 + "1" + ")" * 5_000,
        "SELECT " * 5_000,
    ],
)
def test_deep_nesting_is_unknown_and_never_a_crash(sql: str) -> None:
    for dialect in Dialect:
        assert not any(verdict.additive for verdict in lint(sql, dialect))


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE r ADD COLUMN a int;\n" * 1_000,
        "'" * 60_001,
        "/*" * 60_000,
        "'\\' \\" * 20_000,
        "$a$" * 20_001,
        "(" * 60_000,
        "a" * 200_000,
        "-- \n" * 50_000,
        ";" * 100_000,
        "E'" * 20_000,
        "\\" * 40_000,
    ],
    ids=[
        "alters",
        "quotes",
        "comments",
        "backslashes",
        "dollars",
        "brackets",
        "letters",
        "lines",
        "ends",
        "e",
        "slashes",
    ],
)
def test_a_huge_file_is_judged_in_a_time_that_grows_with_its_length(text: str) -> None:
    for dialect in Dialect:
        started = time.perf_counter()
        lint(text, dialect)
        assert time.perf_counter() - started < 30


def test_no_rule_is_without_a_reason_and_a_page_to_read() -> None:
    for rule in RULES.values():
        assert rule.reason.endswith((".", ":"))
        assert all(source.startswith("https://") for source in rule.sources.values())


@pytest.mark.parametrize(
    ("sql", "dialect", "function"),
    [
        ("CREATE VIEW v AS SELECT a FROM t WHERE SLEEP(9)", Dialect.MYSQL, "SLEEP"),
        ("ALTER TABLE t ADD COLUMN a INT AS (GET_LOCK('x', 9)) VIRTUAL", Dialect.MYSQL, "GET_LOCK"),
        ("CREATE VIEW v AS SELECT pg_catalog.pg_sleep(9)", Dialect.POSTGRES, "pg_sleep"),
        ('CREATE VIEW v AS SELECT "pg_advisory_lock"(1)', Dialect.POSTGRES, "pg_advisory_lock"),
        ("CREATE VIEW v AS SELECT load_extension('x')", Dialect.SQLITE, "load_extension"),
    ],
)
def test_a_view_that_does_something_when_it_is_read_is_no_mere_view(sql: str, dialect: Dialect, function: str) -> None:
    (verdict,) = lint(sql, dialect)
    assert verdict.verdict is Verdict.UNKNOWN
    assert verdict.rules[0].id == "acting-function"
    assert function in verdict.rules[0].reason


def test_a_new_tables_own_defaults_may_take_numbers() -> None:
    (verdict,) = lint("CREATE TABLE t (id bigint DEFAULT nextval('s'))", Dialect.POSTGRES)
    assert verdict.additive
