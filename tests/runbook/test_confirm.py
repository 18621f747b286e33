"""A person's word: taken by name, kept as a word."""

from __future__ import annotations

import pytest

from console.errors import UsageError
from console.runbook.evidence import Result
from console.runbook.kinds.base import Answer, Ask
from tests.runbook.steps import MARIA, Bench


@pytest.mark.parametrize("kind", ["confirm", "migration"])
async def test_a_yes_passes_under_the_persons_name_and_never_as_a_machines(bench: Bench, kind: str) -> None:
    step = bench.step(kind)
    evidence = await bench.run(step, Answer(word="yes", note="Ana answers at once"))
    assert evidence.result is Result.PASSED
    assert MARIA in evidence.sentence
    assert not evidence.machine
    assert step.ask is Ask.WORD
    assert ("note", "Ana answers at once") in evidence.figures


async def test_a_no_fails_and_keeps_why(bench: Bench) -> None:
    evidence = await bench.run(bench.step("confirm"), Answer(word="no", note="on-call is on a plane"))
    assert evidence.result is Result.FAILED
    assert evidence.problems == ("on-call is on a plane",)


async def test_enter_with_no_word_signs_nothing(bench: Bench) -> None:
    with pytest.raises(UsageError):
        await bench.run(bench.step("confirm"))


async def test_a_word_that_needs_a_note_is_not_taken_without(bench: Bench) -> None:
    step = bench.step("confirm", note="required")
    with pytest.raises(UsageError):
        await bench.run(step, Answer(word="yes", note="  "))
    assert (await bench.run(step, Answer(word="yes", note="seen"))).result is Result.PASSED


async def test_escape_sequences_in_a_note_do_not_reach_the_evidence(bench: Bench) -> None:
    evidence = await bench.run(bench.step("confirm"), Answer(word="yes", note="fine\x1b]52;c;aGk=\x07"))
    assert "\x1b" not in str(evidence)


def test_the_role_whose_card_is_shown_is_the_settings_own(bench: Bench) -> None:
    step = bench.step("confirm", role="on_call", question={"en": "Is on-call there?"})
    assert step.explain()[0] == "Is on-call there?"
    assert step.role == "on_call"  # type: ignore[attr-defined]


async def test_whom_the_word_is_about_is_kept_with_it(bench: Bench) -> None:
    evidence = await bench.run(bench.step("confirm", role="tech_lead"), Answer(word="yes"))
    assert dict(evidence.figures)["contact"] == "Carlos López"
