"""Would a rollback work right now? What the operator is told."""

from __future__ import annotations

from console.release.service import Revision
from console.release.split import TrafficSplit
from console.release.state import Release, lines_of
from console.watch.readiness import Signs, _prune_warnings, assess
from tests.watch.fakes import CANARY, REVISIONS, STABLE, START, service

MOVED = {CANARY: 10, STABLE: 90}
ALL_TO_CANARY = {CANARY: 100}


def test_a_ready_target_is_ready() -> None:
    readiness = assess(service(MOVED), None, REVISIONS, CANARY, Signs(allowed=True, instances={STABLE: 4}))
    assert readiness.ok
    assert readiness.target == STABLE
    assert readiness.warm_instances == 4
    assert readiness.problems == ()
    assert readiness.warnings == ()


def test_a_target_that_is_not_ready_is_a_problem() -> None:
    broken = Revision(STABLE, ready=False, reason="Image not found")
    readiness = assess(service(MOVED), None, (REVISIONS[0], broken), CANARY, Signs(allowed=True))
    assert not readiness.ok
    assert readiness.problems == (f"{STABLE}, which a rollback restores, is not ready (Image not found).",)


def test_a_target_that_is_gone_is_said_with_what_takes_its_place() -> None:
    recorded = Release(
        id="r1",
        canary=CANARY,
        stable=STABLE,
        baseline=lines_of(TrafficSplit.of({STABLE: 100})),
        started=START,
        started_by="maria@demo.example",
        step=100,
    )
    older = Revision("wa-backend-00040-pol", ready=True)
    known = (REVISIONS[0], Revision(STABLE, deleted=True), older)
    readiness = assess(service(ALL_TO_CANARY), recorded, known, CANARY, Signs(allowed=True))
    assert readiness.target == older.name
    assert any(STABLE in warning and "is gone" in warning for warning in readiness.warnings)


def test_a_missing_permission_and_a_cold_channel_are_problems() -> None:
    signs = Signs(allowed=False, channel_ready=False)
    readiness = assess(service(MOVED), None, REVISIONS, CANARY, signs)
    assert not readiness.ok
    assert "run.services.update is missing" in readiness.problems[0]
    assert "connection to Cloud Run is down" in readiness.problems[1]


def test_an_unknown_permission_is_no_problem_yet() -> None:
    assert assess(service(MOVED), None, REVISIONS, CANARY, Signs()).ok


def test_a_cold_target_and_pinned_users_are_warned_of() -> None:
    pinned = service(MOVED, affinity=True, tags=[("beta", CANARY), ("old", STABLE)])
    readiness = assess(pinned, None, REVISIONS, CANARY, Signs(allowed=True, instances={CANARY: 2}))
    assert readiness.ok
    assert readiness.warm_instances == 0
    assert readiness.warnings == (
        f"{STABLE} has no warm instance: a rollback begins with cold starts.",
        "Session affinity is on: a cookie keeps users on their revision for up to 30 days, whatever the split.",
        f"The tag beta keeps its users on {CANARY} after a rollback.",
    )


def test_an_idle_target_near_the_end_of_the_list_is_about_to_be_deleted() -> None:
    two_serve = service({CANARY: 60, "wa-backend-00039-tip": 40})
    signs = Signs(allowed=True, newer=990)
    target = assess(two_serve, None, (*REVISIONS, Revision("wa-backend-00039-tip", ready=True)), CANARY, signs)
    assert target.warnings == ()  # it serves, so it is kept
    (warning,) = _prune_warnings(STABLE, service(ALL_TO_CANARY), 990)
    assert warning == (
        f"{STABLE} will soon be deleted: Cloud Run keeps 1,000 revisions, and 9 more deploys push it out."
    )
    assert _prune_warnings(STABLE, service(ALL_TO_CANARY), 900) == []


def test_before_the_first_read_nothing_is_ready() -> None:
    assert not assess(None, None, (), None, Signs()).ok
