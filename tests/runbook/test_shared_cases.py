"""A list's answers in the annotation: who takes over is asked no answered case again, and it stays small."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from console.release.state import Candidate, Document, read_document
from console.runbook.evidence import Evidence, ItemResult, Result
from console.runbook.shared_cases import cases_of, items_from, worded
from console.runbook.store import from_record, record_of

JUAN = "juan@acme.example"
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def items(*results: str) -> tuple[ItemResult, ...]:
    told = (*results, *([""] * (26 - len(results))))
    return tuple(
        ItemResult(
            f"UAT-{number:02d}",
            f"Reserva de prueba número {number}, con un texto que nadie quiere en una anotación",
            result,
            "la hora salió ocupada" if result in ("fail", "blocked") else "",
            critical=number <= 5,
            by="canario" if result and number <= 2 else JUAN if result else "",
        )
        for number, result in enumerate(told, 1)
    )


def evidence(known: tuple[ItemResult, ...]) -> Evidence:
    return Evidence("uat", Result.PARTIAL, JUAN, NOON, "3 of 26 cases passed", items=known, key="k")


def through_the_annotation(known: Evidence) -> Evidence:
    """As another console reads it off the service."""
    candidate = Candidate(id="c", opened=NOON, opened_by=JUAN, steps=(record_of(known, ""),))
    written = Document(candidate=candidate).dumps()
    read = read_document({"canario.dev/release": written})[0].candidate
    assert read is not None
    found = from_record(read.steps[0])
    assert found is not None
    return found


def texts(known: tuple[ItemResult, ...]) -> dict[str, ItemResult]:
    return {item.id: replace(item, result="", note="", by="") for item in known}


def test_another_console_sees_every_answer_who_gave_it_and_the_note_of_what_failed() -> None:
    known = items("pass", "pass", "pass", "fail", "blocked")
    seen = worded(through_the_annotation(evidence(known)), texts(known))
    assert seen.items == known


def test_a_case_whose_text_is_another_one_here_is_open() -> None:
    known = items("pass", "pass", "pass")
    ours = texts(known)
    ours["UAT-03"] = replace(ours["UAT-03"], title="Otra prueba")
    seen = worded(through_the_annotation(evidence(known)), ours)
    assert [item.result for item in seen.items[:4]] == ["pass", "pass", "", ""]


def test_without_the_list_the_ids_and_answers_are_shown_and_no_mark() -> None:
    seen = worded(through_the_annotation(evidence(items("pass", "fail"))), {})
    assert [(item.id, item.result, item.title) for item in seen.items[:2]] == [
        ("UAT-01", "pass", ""),
        ("UAT-02", "fail", ""),
    ]
    assert len(seen.items) == 26


def test_26_cases_take_little_of_the_annotation() -> None:
    shared = [group.model_dump(mode="json") for group in cases_of(items(*["pass"] * 25, "fail"))]
    assert len(json.dumps(shared, separators=(",", ":"))) < 700


def test_a_note_is_cut_and_a_list_that_is_too_long_is_not_shared() -> None:
    (group,) = cases_of((ItemResult("UAT-01", "t", "fail", "x" * 900),))
    assert len(group.note) == 160
    assert cases_of(tuple(ItemResult(f"C-{n}", "t", "pass") for n in range(500))) == ()


def test_a_step_without_cases_adds_nothing_to_its_record() -> None:
    assert "cases" not in json.loads(Document(candidate=Candidate(id="c", opened=NOON, opened_by=JUAN, steps=(record_of(
        replace(evidence(()), step="tests"), ""),))).dumps())["candidate"]["steps"][0]  # fmt: skip


def test_what_this_console_answered_itself_keeps_its_words() -> None:
    known = evidence(items("pass"))
    assert worded(known, {}) is known
    assert items_from(()) == ()
