"""The judge holds its bar on a labelled set: nothing unsafe passes, hardly anything safe is refused."""

from __future__ import annotations

import pytest

from console.migrations.lint import lint
from console.migrations.sql import second
from tests.migrations.labelled_set import Case, cases

SAFE, UNSAFE = cases(safe=True), cases(safe=False)
MOST_REFUSED = 0.03


def name(case: Case) -> str:
    return f"{case.dialect.value}: {case.sql.encode('unicode_escape').decode()[:100]}"


def passes(case: Case) -> bool:
    return all(verdict.additive for verdict in lint(case.sql, case.dialect))


def test_the_set_is_large_enough_to_mean_something() -> None:
    assert len(SAFE) >= 200
    assert len(UNSAFE) >= 400


@pytest.mark.parametrize("case", UNSAFE, ids=name)
def test_no_unsafe_file_passes(case: Case) -> None:
    assert not passes(case)


def test_hardly_any_safe_file_is_refused() -> None:
    refused = [name(case) for case in SAFE if not passes(case)]
    assert len(refused) <= MOST_REFUSED * len(SAFE), refused


@pytest.mark.parametrize("missing", ["sqlglot_agrees", "pglast_agrees"])
def test_our_own_grammar_alone_lets_nothing_unsafe_pass(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hasattr(second, missing)
    monkeypatch.setattr(f"console.migrations.lint.{missing}", lambda *_: True)
    assert [name(case) for case in UNSAFE if passes(case)] == []


def test_a_mixed_file_passes_no_unsafe_statement_for_the_safe_ones_around_it() -> None:
    before = {"mysql": "ALTER TABLE p ADD COLUMN n INT", "postgres": "CREATE INDEX CONCURRENTLY i ON p (n)"}
    for case in UNSAFE:
        safe = before.get(case.dialect, "ALTER TABLE p ADD COLUMN n INT")
        if "\ufeff" not in case.sql:
            assert not passes(Case(case.dialect, False, f"{safe}\n;\n{case.sql}"))
