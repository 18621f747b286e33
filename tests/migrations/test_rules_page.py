"""docs/migrations.md lists every rule as it is, with an example that it applies to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from console.migrations.lint import lint
from console.migrations.rules import RULES
from console.migrations.rules_page import BEGIN, END, rules_text
from console.migrations.verdict import Dialect, Rule, worst

PAGE = (Path(__file__).parents[2] / "docs" / "migrations.md").read_text(encoding="utf-8")
WITHOUT_EXAMPLE = {"old-server", "exists-already", "table-size", "too-long", "parsers-disagree"}
"""These speak of the live database, of length, or of a parser's mistake: no plain text shows them."""

EXAMPLES = [(rule, dialect, sql) for rule in RULES.values() for dialect, sql in rule.examples]


def test_the_page_lists_the_rules_as_they_are() -> None:
    between = PAGE.partition(BEGIN)[2].partition(END)[0]
    assert between.strip() == rules_text().strip(), "run: python -m console.migrations.rules_page"


def test_every_rule_of_the_page_exists_and_every_rule_is_on_the_page() -> None:
    assert re.findall(r"^#### `([a-z-]+)`$", PAGE, re.MULTILINE) == list(RULES)


def test_every_rule_has_an_example_but_those_that_text_cannot_show() -> None:
    assert {rule.id for rule in RULES.values() if not rule.examples} == WITHOUT_EXAMPLE


@pytest.mark.parametrize(("rule", "dialect", "sql"), EXAMPLES, ids=lambda value: getattr(value, "id", None))
def test_every_example_meets_its_rule_and_has_its_verdict(rule: Rule, dialect: Dialect, sql: str) -> None:
    verdicts = lint(sql, dialect)
    assert any(finding.rule is rule for verdict in verdicts for finding in verdict.rules)
    assert worst([verdict.verdict for verdict in verdicts]) is rule.verdict
