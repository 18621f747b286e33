"""A new column passes with a constant, or the clock's own word where the database takes it, and with nothing else."""

from __future__ import annotations

import pytest

from console.migrations.lint import lint
from console.migrations.verdict import Dialect, StatementVerdict, Verdict


def judged(default: str, dialect: Dialect, kind: str = "text") -> StatementVerdict:
    (verdict,) = lint(f"ALTER TABLE reservas ADD COLUMN c {kind} DEFAULT {default}", dialect)
    return verdict


@pytest.mark.parametrize("default", ["now()", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "(now())", "CURRENT_TIMESTAMP(3)"])
def test_the_clocks_own_word_passes_on_postgresql(default: str) -> None:
    assert judged(default, Dialect.POSTGRES, "timestamptz").additive


@pytest.mark.parametrize("default", ["CURRENT_TIMESTAMP", "NOW()", "CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"])
def test_the_clocks_own_word_passes_on_mysql(default: str) -> None:
    assert judged(default, Dialect.MYSQL, "DATETIME").additive


@pytest.mark.parametrize("default", ["'x'", "-1", "'{}'::jsonb", "ARRAY['a']", "60 * 60", "CAST('5' AS int)", "NULL"])
def test_a_constant_passes_on_postgresql(default: str) -> None:
    assert judged(default, Dialect.POSTGRES).additive


@pytest.mark.parametrize(
    "default",
    [
        "'x' || current_user",
        "session_user",
        "now() + interval '1 day'",
        "now()::date",
        "CAST(CURRENT_TIMESTAMP AS date)",
        "now() AT TIME ZONE 'utc'",
        "ARRAY[now()]",
        "lower('X')",
        "5::mi_tipo",
        "statement_timestamp()",
    ],
)
def test_an_expression_is_named_as_one_on_postgresql(default: str) -> None:
    verdict = judged(default, Dialect.POSTGRES)
    assert verdict.verdict is Verdict.BLOCKING
    worst = verdict.rules[0]
    assert worst.id == "computed-default"
    assert "ACCESS EXCLUSIVE" in worst.reason
    assert "CURRENT_TIMESTAMP" in worst.safer


@pytest.mark.parametrize(
    "default", ["random()", "gen_random_uuid()", "nextval('s')", "now() - random() * '1 d'::interval"]
)
def test_a_value_for_each_row_rewrites_the_table_on_postgresql(default: str) -> None:
    assert judged(default, Dialect.POSTGRES).rules[0].id == "volatile-default"


@pytest.mark.parametrize("default", ["mi_funcion()", "public.now()", '"now"()', "current_setting('a.b')", "1 / 0"])
def test_a_function_that_is_not_known_is_never_shown_as_safe(default: str) -> None:
    assert judged(default, Dialect.POSTGRES).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("default", ["(UUID())", "(RAND())", "(NOW())", "NEXTVAL(s)", "(NEXT VALUE FOR s)", "(1 + 1)"])
def test_an_expression_in_brackets_may_copy_the_table_on_mysql(default: str) -> None:
    assert judged(default, Dialect.MYSQL).rules[0].id == "expression-default"


@pytest.mark.parametrize("default", ["CURRENT_TIMESTAMP", "(datetime('now'))", "(random())"])
def test_sqlite_adds_no_column_whose_default_is_no_constant(default: str) -> None:
    assert judged(default, Dialect.SQLITE).rules[0].id == "sqlite-time-default"


def test_a_type_in_a_schema_of_ones_own_may_be_a_domain() -> None:
    (verdict,) = lint("ALTER TABLE reservas ADD COLUMN c public.text", Dialect.POSTGRES)
    assert verdict.rules[0].id == "column-of-made-type"
