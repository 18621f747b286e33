"""A report and a timeline tell every time that a step was tried, whole, and not only how it ended last."""

from __future__ import annotations

from datetime import timedelta

from console.chronicle import tell
from console.journal import Entry
from console.release.state import Candidate, Document, StepRecord
from console.report.page import page
from console.report.paper import paper
from console.report.vouching import steps_of
from console.runbook.load import load_runbook
from console.telling import Walk, Wrote, steps_told, walks_of
from tests.report.test_report import T0, candidate, release, report, step

ME = "maria@example.com"
LONG = ("process_cpu_usage, process_memory_bytes, " * 8).strip()


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)


def written(*versions: tuple[str, Candidate]) -> Walk:
    """The walk of a candidate that the audit log has in these versions, oldest first."""
    wrote = [Wrote(T0 + minutes(n), by, Document(candidate=one)) for n, (by, one) in enumerate(versions)]
    return walks_of(wrote)["2026-11-25-0900"]


def texts(walk: Walk, *rows: Entry) -> list[str]:
    told = sorted(steps_told(walk, rows), key=lambda one: one.at)
    return [one.text for one in told if one.kind == "step"]


NO = step("on_call", "failed", at=T0 + minutes(1), sentence="nobody is on call")
YES = step("on_call", "passed", at=T0 + minutes(2), sentence="Ana is")


def asked_twice() -> Walk:
    return written((ME, candidate()), (ME, candidate(steps=(NO,))), (ME, candidate(steps=(YES,))))


def test_the_timeline_tells_a_no_that_became_a_yes() -> None:
    assert texts(asked_twice()) == ["on_call: FAILED · nobody is on call", "on_call: passed · Ana is"]


def test_the_report_shows_a_failed_run_under_the_one_that_passed() -> None:
    walk = asked_twice()
    runbook = load_runbook(None, "despliegue").runbook
    lines = {one.id: one for one in steps_of(runbook, walk.candidate, (), lines=walk.lines)}
    assert [record.result for record in lines["on_call"].earlier] == ["failed"]
    for whole in (page(report(steps=(lines["on_call"],))), paper(report(steps=(lines["on_call"],)))):
        assert "before: FAILED · nobody is on call" in whole


def run_in_journal(number: int, record: StepRecord, sentence: str) -> tuple[Entry, Entry]:
    evidence = {**record.model_dump(mode="json", exclude_none=True), "sentence": sentence}
    begun = Entry(number, T0, T0, "intent", None, "runbook", "", "s", "x", {"what": "step", "candidate": CANDIDATE})
    return begun, Entry(number + 1, T0, T0, "outcome", number, "runbook", "", "s", "x", {"evidence": evidence})


CANDIDATE = "2026-11-25-0900"


def test_a_sentence_that_the_annotation_cut_is_told_whole_from_our_own_journal() -> None:
    cut = step("metrics", sentence=LONG)
    assert cut.sentence.endswith("…")
    (told,) = texts(written((ME, candidate()), (ME, candidate(steps=(cut,)))), *run_in_journal(1, cut, LONG))
    assert told == f"metrics: passed · {LONG}"


def test_a_run_here_that_was_tried_again_before_others_were_told_is_told_too() -> None:
    failed = step("migrations", "failed", at=T0 + minutes(1))
    passed = step("migrations", at=T0 + minutes(2))
    walk = written((ME, candidate()), (ME, candidate(steps=(passed,))))
    rows = (*run_in_journal(1, failed, "0005 is pending"), *run_in_journal(3, passed, "ok"))
    assert texts(walk, *rows) == ["migrations: FAILED · 0005 is pending", "migrations: passed · ok"]


def test_twenty_six_answers_of_one_list_are_told_once_and_who_fails_it_is_told_apart() -> None:
    answers = [
        step("uat", "partial", at=T0 + minutes(n), key=f"k{n}", sentence=f"{n} of 26 cases passed") for n in range(1, 6)
    ]
    failed = step("uat", "failed", at=T0 + minutes(7), sentence="UAT-06 failed")
    walk = written((ME, candidate()), *((ME, candidate(steps=(one,))) for one in (*answers, failed)))
    assert texts(walk) == ["uat: begun · 5 of 26 cases passed", "uat: FAILED · UAT-06 failed"]


def test_a_step_that_another_passed_in_her_name_is_told_as_forged() -> None:
    uat = step("uat")
    (told,) = texts(written((ME, candidate()), ("mallory@example.com", candidate(steps=(uat,)))))
    assert "FORGED: written by mallory@example.com" in told


def test_a_release_tells_what_was_tried_before_its_traffic_moved() -> None:
    walk = asked_twice()
    (story,) = tell([], release(), (), walk.candidate, {walk.candidate.id: walk})
    assert [one.text.partition(" · ")[0] for one in story.happenings if one.kind == "step"] == [
        "on_call: FAILED",
        "on_call: passed",
    ]
