"""What loses data, or hides rows from old code, is never let pass by one person's reason alone."""

from __future__ import annotations

import pytest

from console.migrations.lint import lint
from console.migrations.verdict import Verdict


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("mysql", "ALTER TABLE reservas ENGINE=BLACKHOLE"),
        ("mysql", "ALTER TABLE reservas ENGINE MEMORY COMMENT 'InnoDB'"),
        ("mysql", "ALTER TABLE reservas ROW_FORMAT=DYNAMIC ENGINE=MEMORY"),
        ("mysql", "ALTER TABLE reservas ADD COLUMN a INT, ENGINE=MyISAM"),
        ("postgres", "DROP TYPE estado CASCADE"),
        ("postgres", "DROP EXTENSION hstore CASCADE"),
    ],
)
def test_what_takes_rows_or_columns_with_it_loses_data(dialect: str, sql: str) -> None:
    (found,) = lint(sql, dialect)
    assert found.verdict is Verdict.INCOMPATIBLE
    assert found.loses_data, "so it is refused in protected environments"


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("mysql", "ALTER TABLE reservas EXCHANGE PARTITION p WITH TABLE otra"),
        ("postgres", "ALTER TABLE reservas DETACH PARTITION p CONCURRENTLY"),
        ("postgres", "ALTER TABLE reservas NO INHERIT otra"),
    ],
)
def test_rows_that_old_code_no_longer_finds_need_a_flag_and_a_second_person(dialect: str, sql: str) -> None:
    (found,) = lint(sql, dialect)
    assert found.verdict is Verdict.INCOMPATIBLE


def test_the_same_engine_is_only_a_rewrite() -> None:
    for sql in ("ALTER TABLE reservas ENGINE=InnoDB", "ALTER TABLE reservas ENGINE = innodb ROW_FORMAT=DYNAMIC"):
        (found,) = lint(sql, "mysql")
        assert found.verdict is Verdict.BLOCKING
