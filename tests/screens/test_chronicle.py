"""The story of a release is told whole, once, from whatever was written down."""

from __future__ import annotations

from datetime import timedelta

from stub import ME, NOON, release, rolled_back_release

from console.chronicle import Story, Version, documents_of, stopped_early, tell, versions_of, walks_of
from console.cloud.logs import AuditEntry
from console.journal import Entry
from console.release.state import (
    ANNOTATION,
    Candidate,
    Document,
    Line,
    Move,
    Release,
    RolledBack,
    StepRecord,
    VerdictRecord,
)


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)


def move(n: int, percent: int, kind: str = "shift", **rest: object) -> Move:
    before = (Line(revision="wa-backend-00041-kud", percent=100),)
    return Move(kind=kind, at=NOON + minutes(n), by=ME, percent=percent, before=before, **rest)  # type: ignore[arg-type]


def audit(at: float, written: Release, *, by: str = ME, refused: str = "") -> AuditEntry:
    request = {"service": {"annotations": {ANNOTATION: written.dumps(), "other": "kept"}}}
    return AuditEntry(NOON + minutes(at), by, "google.cloud.run.v2.Services.UpdateService", "", request, refused)


def test_moves_verdicts_and_drivers_are_told_in_order_and_once() -> None:
    first = release(10, started=NOON, moves=(move(0, 10),))
    failing = first.model_copy(
        update={"verdict": VerdictRecord(word="FAIL", sentence="3.1 % errors", at=NOON + minutes(2), step=10)}
    )
    assert failing.driver is not None
    taken = failing.model_copy(
        update={"driver": failing.driver.model_copy(update={"email": "juan@acme.example", "session": "other"})}
    )
    ended = taken.model_copy(
        update={
            "moves": (move(0, 10), move(4, 0, "rollback", automatic=True, reason="error rate")),
            "ended": "rolled back",
            "ended_at": NOON + minutes(4),
            "rolled_back": (RolledBack(revision=first.canary, at=NOON + minutes(4), by=ME),),
        }
    )
    audits = [audit(0, first), audit(2.1, failing), audit(3, taken, by="juan@acme.example"), audit(4, ended)]
    (story,) = tell(versions_of(documents_of(reversed(audits))), ended)
    assert [h.kind for h in story.happenings] == ["started", "shift", "verdict", "driver", "rollback"]
    assert "FAIL · 3.1 % errors" in story.happenings[2].text
    assert story.happenings[3].by == "juan@acme.example"
    assert story.happenings[4].text == "ROLLED BACK: canary to 0 %, automatically · error rate"


def test_in_one_second_the_move_is_told_before_its_verdict_and_that_before_the_rollback() -> None:
    begun = NOON + timedelta(seconds=0.9)
    verdict = VerdictRecord(word="FAIL", at=NOON + timedelta(seconds=0.2), step=10)
    failing = release(10, started=begun, moves=(move(0.015, 10),), verdict=verdict)
    ended = failing.model_copy(
        update={
            "moves": (*failing.moves, move(0.001, 0, "rollback")),
            "ended": "rolled back",
            "ended_at": NOON + timedelta(seconds=0.95),
        }
    )
    (story,) = tell(versions_of(documents_of([audit(0, failing), audit(0, ended)])), ended)
    assert [h.kind for h in story.happenings] == ["started", "shift", "verdict", "rollback"]


def test_a_refused_call_moved_nothing_and_is_not_told() -> None:
    good, refused = release(10, moves=(move(0, 10),)), release(50, moves=(move(0, 10), move(1, 50)))
    (story,) = tell(versions_of(documents_of([audit(0, good), audit(1, refused, refused="stale etag")])))
    assert [h.text for h in story.happenings if h.kind == "shift"] == ["canary to 10 %"]


def test_moves_that_fell_off_the_annotation_are_filled_in_from_earlier_versions() -> None:
    all_moves = tuple(move(n, 10 + n) for n in range(30))
    early, late = release(19, moves=all_moves[:20]), release(39, moves=all_moves[10:])
    (story,) = tell([Version(NOON, ME, early), Version(NOON + minutes(30), ME, late)])
    assert len([h for h in story.happenings if h.kind == "shift"]) == 30


def test_releases_come_newest_first() -> None:
    old = rolled_back_release(NOON - timedelta(days=1)).model_copy(update={"id": "old"})
    stories = tell([Version(NOON - timedelta(days=1), ME, old)], release(10))
    assert [story.release.id for story in stories] == ["2026-11-25-1200-00042-vez", "old"]


def test_what_was_refused_here_is_told_from_the_journal() -> None:
    intent = Entry(1, NOON, NOON + minutes(1), "intent", None, "shift", "", "s", "x", {"by": ME})
    outcome = Entry(2, NOON, NOON + minutes(1), "outcome", 1, "shift", "conflict", "s", "x", {"error": "juan moved it"})
    done = Entry(3, NOON, NOON + minutes(2), "outcome", 9, "shift", "done", "s", "x", {})
    (story,) = tell([], release(10), [outcome, intent, done])
    assert [(h.text, h.by) for h in story.happenings if h.kind == "refused"] == [
        ("shift: conflict · juan moved it", ME)
    ]


def test_annotations_that_cannot_be_read_and_calls_of_others_are_passed_over() -> None:
    strange = AuditEntry(NOON, ME, "DeleteRevision", "", {"name": "x"})
    broken = AuditEntry(NOON, ME, "UpdateService", "", {"service": {"annotations": {ANNOTATION: "{"}}})
    assert tell(versions_of(documents_of([strange, broken]))) == ()


def test_a_candidate_stopped_before_any_traffic_moved_has_a_story_too() -> None:
    opened = Candidate(id="2026-11-25-0900", opened=NOON, opened_by=ME)
    failed = StepRecord(step="uat", result="failed", by=ME, at=NOON + minutes(3), sentence="UAT-07 failed", key="k")
    stopped = opened.model_copy(update={"steps": (failed,), "closed": "stopped", "closed_at": NOON + minutes(5)})

    def wrote(at: float, candidate: Candidate) -> AuditEntry:
        request: dict[str, object] = {"service": {"annotations": {ANNOTATION: Document(candidate=candidate).dumps()}}}
        return AuditEntry(NOON + minutes(at), ME, "google.cloud.run.v2.Services.UpdateService", "", request)

    audits = [wrote(5, stopped), wrote(0, opened)]
    (story,) = stopped_early(walks_of(documents_of(audits)), tell(versions_of(documents_of(audits))))
    assert [happening.text for happening in story.happenings] == [
        "checklist opened: 2026-11-25-0900",
        "uat: FAILED · UAT-07 failed",
        "checklist closed: stopped",
        "stopped before any traffic moved",
    ]
    assert stopped_early(walks_of(documents_of(audits[1:])), ()) == (), "one that is walked is no story yet"
    moved = release(10, started=NOON + minutes(4))
    assert stopped_early(walks_of(documents_of(audits)), [Story(moved, (), stopped)]) == (), "it is its release's story"
