"""What `canario runbook show` prints of a step and of a closed release is in the operator's own language."""

from __future__ import annotations

import gettext
from datetime import UTC, datetime

import pytest

from console import words
from console.commands.runbook import evidence_lines
from console.runbook.evidence import Evidence, Result
from console.runbook.progress import closed_word


class Marked(gettext.NullTranslations):
    """A language in which every translated text is in guillemets."""

    def gettext(self, message: str) -> str:
        return f"«{message}»"


@pytest.fixture(autouse=True)
def marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_current", Marked())


@pytest.mark.parametrize("result", Result)
def test_how_a_step_ended_is_told_in_the_operators_language(result: Result) -> None:
    evidence = Evidence("pytest", result, "maria@example.com", datetime(2026, 11, 25, 10, tzinfo=UTC), "")
    line = next(evidence_lines(evidence)).strip()
    assert line.startswith("2026-11-25 10:00:00 UTC  «")
    assert line.endswith("»  maria@example.com  («checked by a machine»)")


@pytest.mark.parametrize(("how", "told"), [("done", "«done»"), ("stopped", "«stopped»"), ("", "")])
def test_how_a_release_was_closed_is_told_in_the_operators_language(how: str, told: str) -> None:
    assert closed_word(how) == told
