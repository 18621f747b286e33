"""A step's record as another console reads it: whose word it was, and the figures that a later message tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from console.release.state import FIGURE_LIMIT, FIGURES, Candidate, Document, StepRecord, read_document
from console.report.page import page
from console.report.paper import paper
from console.report.vouching import steps_of
from console.runbook.evidence import Evidence, ItemResult, Result
from console.runbook.kinds.notify import _told
from console.runbook.load import load_runbook
from console.runbook.shared_cases import cases_of
from console.runbook.store import from_record, merged, record_of
from tests.report.test_report import report

JUAN = "juan@acme.example"
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
VALIDATED = (
    ("error rate", "0.2 % (< 1.0 %)"),
    ("P95", "612 ms (< 800 ms)"),
    ("CPU", "41.0 % (< 70.0 %)"),
    ("requests", "1,240 RPS (usual 1,250/s, the hour before the release)"),
)


def evidence(step: str, **more: object) -> Evidence:
    return replace(Evidence(step, Result.PASSED, JUAN, NOON, "yes", key=step), **more)  # type: ignore[arg-type]


def there(*records: StepRecord) -> Candidate:
    """The candidate as another console reads it off the service."""
    written = Document(candidate=Candidate(id="c", opened=NOON, opened_by=JUAN, steps=records)).dumps()
    read = read_document({"canario.dev/release": written})[0].candidate
    assert read is not None
    return read


def seen(known: Evidence) -> Evidence:
    found = from_record(there(record_of(known, "")).steps[0])
    assert found is not None
    return found


@pytest.mark.parametrize("machine", [True, False])
def test_another_console_sees_whether_a_machine_checked_a_step_or_a_person_said_so(machine: bool) -> None:
    assert seen(evidence("rollback_plan", machine=machine)).machine is machine


def test_a_record_of_an_older_console_is_a_persons_word_where_its_kind_of_step_is() -> None:
    kinds = load_runbook(None, "despliegue").kinds
    machine = {step: kind.machine for step, kind in kinds.items()}
    old = [StepRecord(step=name, result="passed", by=JUAN, at=NOON, key=name) for name in ("on_call", "uat", "pytest")]
    whole, _theirs = merged({}, there(*old), None, None, machine)
    assert [whole[name][0].machine for name in ("on_call", "uat")] == [False, False]
    checked = [step for step in kinds if machine[step]]
    assert checked
    whole, _theirs = merged({}, there(old[0].model_copy(update={"step": checked[0]})), None, None, machine)
    assert whole[checked[0]][0].machine


def test_the_message_after_a_take_over_tells_the_figures_of_the_validation_done_elsewhere() -> None:
    own, theirs = evidence("validation", figures=VALIDATED), seen(evidence("validation", figures=VALIDATED))
    assert _told(theirs) == _told(own)
    assert dict(_told(theirs)) == {"Error rate": "0.2 %", "Latency P95": "612 ms", "Requests": "1,240 RPS (normal)"}


def test_figures_take_little_of_the_annotation_hide_secrets_and_read_the_same_again() -> None:
    long = tuple((f"figure {n} " * 9, "ghp_012345678901234567890123456789012345 " + "x" * 500) for n in range(40))
    record = record_of(evidence("uat", figures=long), "")
    assert record.figures is not None
    assert len(record.figures) == FIGURES
    assert all(len(text) <= FIGURE_LIMIT for pair in record.figures for text in pair)
    assert "ghp_" not in record.model_dump_json()
    once = there(record)
    assert there(*once.steps) == once, "a record read twice must still be the one that the audit log holds"


def test_a_report_made_elsewhere_marks_a_persons_word_and_has_the_cases_words() -> None:
    cases = (ItemResult("UAT-03", "Reserva con notas", "pass", by=JUAN),)
    records = (
        record_of(evidence("on_call", machine=False), ""),
        record_of(evidence("uat", machine=False, items=cases), ""),
    )
    assert cases_of(cases)
    runbook, candidate = load_runbook(None, "despliegue").runbook, there(*records)
    texts = {"uat": {item.id: replace(item, result="", by="") for item in cases}}
    lines = steps_of(runbook, candidate, (), texts=texts)
    shown = tuple(line for line in lines if line.id in ("on_call", "uat"))
    assert page(report(steps=shown)).count("a person’s word") == 2
    assert paper(report(steps=shown)).count("a person’s word") == 2
    assert "UAT-03 Reserva con notas: pass" in page(report(steps=shown))
