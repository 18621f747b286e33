"""The release annotation: written strictly, read leniently, carried from move to move."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from console.release.split import TrafficSplit, TrafficTarget
from console.release.state import ANNOTATION, Driver, read_release
from console.release.transitions import (
    KEPT_MARKS,
    KEPT_MOVES,
    Who,
    annotated,
    begin,
    drives,
    moved,
    promoted,
    rolled_back,
    with_lease,
    without_lease,
)
from tests.release.making import CANARY, JUAN, MARIA, OLDER, STABLE, WEDNESDAY, release_at, service, verdict


def test_what_is_written_reads_back() -> None:
    release = release_at(10).model_copy(update={"verdict": verdict()})
    assert read_release({ANNOTATION: release.dumps()}) == (release, "")


def test_a_field_of_a_newer_canario_is_kept() -> None:
    value = json.loads(release_at(10).dumps()) | {"approvals": [{"by": "juan"}]}
    release, problem = read_release({ANNOTATION: json.dumps(value)})
    assert problem == ""
    assert release is not None
    assert json.loads(moved(release, service({CANARY: 10, STABLE: 90}), MARIA, kind="shift", percent=50).dumps())[
        "approvals"
    ] == [{"by": "juan"}]


def test_no_annotation_is_no_release_and_an_unreadable_one_says_why() -> None:
    assert read_release({}) == (None, "")
    release, problem = read_release({ANNOTATION: "{"})
    assert release is None
    assert problem
    release, problem = read_release({ANNOTATION: '{"version": 1, "id": "2026-11-25-1005"}'})
    assert release is None
    assert "canary" in problem
    release, problem = read_release({ANNOTATION: '{"version": 9}'})
    assert release is None
    assert "version" in problem


def test_a_document_with_no_id_holds_no_release_yet() -> None:
    assert read_release({ANNOTATION: '{"version": 1}'}) == (None, "")


def test_an_annotation_edited_by_hand_has_its_times_in_utc_and_its_text_made_safe() -> None:
    raw = json.loads(release_at(10).dumps())
    raw["driver"]["expires"] = raw["driver"]["expires"].removesuffix("Z")
    raw["driver"]["email"] = "maria\x1b]52;c;aGk=\x07@acme.example"
    release, problem = read_release({ANNOTATION: json.dumps(raw)})
    assert release is not None, problem
    assert drives(release, MARIA.session, MARIA.at)
    assert release.driver is not None
    assert release.driver.email == "maria@acme.example"


def test_figures_that_are_none_make_an_annotation_unreadable_rather_than_a_guardrail_fail() -> None:
    raw = json.loads(release_at(10).dumps()) | {"verdict": json.loads(verdict().model_dump_json())}
    for figure in (float("nan"), 1e300, -1.0):
        raw["verdict"]["observed_s"] = figure
        assert read_release({ANNOTATION: json.dumps(raw)})[0] is None


def test_foreign_annotations_are_kept() -> None:
    foreign = replace(service(), annotations={"team/owner": "wa", ANNOTATION: "old"})
    kept = annotated(foreign, release_at(10))
    assert kept["team/owner"] == "wa"
    assert kept[ANNOTATION] != "old"
    assert annotated(foreign, None) == dict(foreign.annotations)


def test_a_release_begins_from_the_split_by_name_with_its_tags() -> None:
    latest = replace(
        service(latest_ready=STABLE),
        traffic=TrafficSplit((TrafficTarget(None, 100), TrafficTarget(CANARY, tag="canary"))),
    )
    release = begin(latest, None, CANARY, MARIA)
    assert release.baseline_shares() == {STABLE: 100}
    assert [(line.tag, line.revision) for line in release.baseline if line.tag] == [("canary", CANARY)]
    assert release.stable == STABLE
    assert release.id == "2026-11-25-1150-00042-vez"


def test_a_share_that_the_canary_already_had_is_no_part_of_the_baseline() -> None:
    release = begin(service({CANARY: 30, STABLE: 70}), None, CANARY, MARIA)
    assert release.baseline_shares() == {STABLE: 100}


def test_marks_of_rolled_back_revisions_outlive_a_release() -> None:
    at = service({CANARY: 10, STABLE: 90})
    ended = rolled_back(release_at(10), at, JUAN, shares={STABLE: 100}, canary=CANARY, reason="3.1 % errors")
    assert ended is not None
    following = begin(service(), ended, OLDER, MARIA)
    mark = following.was_rolled_back(CANARY)
    assert mark is not None
    assert (mark.by, mark.reason) == ("juan@acme.example", "3.1 % errors")


def test_a_move_takes_the_seat_forgets_the_verdict_and_remembers_the_split() -> None:
    release = release_at(10).model_copy(update={"verdict": verdict()})
    after = moved(release, service({CANARY: 10, STABLE: 90}), JUAN, kind="shift", percent=50, reason="why")
    assert after.step == 50
    assert after.verdict is None
    assert after.driver is not None
    assert after.driver.email == "juan@acme.example"
    assert after.driver.expires == JUAN.at + timedelta(minutes=2)
    last = after.moves[-1]
    assert (last.kind, last.percent, last.by, last.reason) == ("shift", 50, "juan@acme.example", "why")
    assert {line.revision: line.percent for line in last.before if line.percent} == {CANARY: 10, STABLE: 90}


def test_lowering_anothers_release_leaves_the_driver_in_the_seat() -> None:
    live = Driver(email=MARIA.email, session=MARIA.session, expires=WEDNESDAY + timedelta(minutes=1))
    release = release_at(50).model_copy(update={"driver": live})
    at = service({CANARY: 50, STABLE: 50})
    assert moved(release, at, JUAN, kind="shift", percent=10).driver == live
    raised = moved(release, at, JUAN, kind="shift", percent=60).driver
    assert raised is not None
    assert raised.email == JUAN.email


def test_a_command_leaves_its_own_users_console_in_the_seat() -> None:
    live = Driver(email=MARIA.email, session=MARIA.session, expires=WEDNESDAY + timedelta(minutes=1))
    release = release_at(10).model_copy(update={"driver": live})
    command = Who(MARIA.email, "a command", WEDNESDAY, renews=False)
    assert moved(release, service({CANARY: 10, STABLE: 90}), command, kind="shift", percent=50).driver == live


def test_walking_a_failed_canary_down_by_hand_marks_it_too() -> None:
    failed = release_at(10).model_copy(update={"verdict": verdict("FAIL", sentence="3.1 % errors")})
    at = service({CANARY: 10, STABLE: 90})
    after = moved(failed, at, MARIA, kind="shift", percent=0)
    assert after.ended == "abandoned"
    assert after.driver is None
    assert after.was_rolled_back(CANARY) is not None
    passed = moved(release_at(10), at, MARIA, kind="shift", percent=0)
    assert passed.was_rolled_back(CANARY) is None


def test_a_raise_with_a_reason_takes_the_mark_away() -> None:
    at = service({CANARY: 10, STABLE: 90})
    ended = rolled_back(release_at(10), at, MARIA, shares={STABLE: 100}, canary=CANARY)
    again = moved(begin(service(), ended, CANARY, MARIA), service(), MARIA, kind="shift", percent=10, reason="fixed it")
    assert again.was_rolled_back(CANARY) is None
    assert again.moves[-1].reason == "fixed it"


def test_a_rollback_with_no_release_leaves_a_record_that_carries_the_mark() -> None:
    at = service({CANARY: 30, STABLE: 70})
    made = rolled_back(None, at, MARIA, shares={STABLE: 100}, canary=CANARY, reason="errors", automatic=True)
    assert made is not None
    assert not made.under_way
    assert made.was_rolled_back(CANARY) is not None
    assert made.moves[-1].automatic
    assert made.baseline_shares() == {STABLE: 100}


def test_a_release_at_100_percent_ends_promoted() -> None:
    over = promoted(release_at(100), WEDNESDAY)
    assert not over.under_way
    assert over.driver is None
    assert over.ended_at == WEDNESDAY


def test_only_a_live_lease_of_ones_own_drives() -> None:
    release = with_lease(release_at(10), JUAN)
    assert drives(release, JUAN.session, WEDNESDAY)
    assert not drives(release, JUAN.session, WEDNESDAY + timedelta(minutes=2))
    assert not drives(release, MARIA.session, WEDNESDAY)
    assert not drives(release, JUAN.session, None)
    assert without_lease(release, MARIA.session) == release
    assert without_lease(release, JUAN.session).driver is None


@given(st.lists(st.tuples(st.integers(0, 100), st.booleans()), max_size=60))
def test_the_annotation_stays_small_however_often_traffic_moves(steps: list[tuple[int, bool]]) -> None:
    release = begin(service(), None, CANARY, MARIA)
    for percent, back in steps:
        if back:
            after = rolled_back(release, service(), MARIA, shares={STABLE: 100}, canary=CANARY, reason="x" * 50)
            assert after is not None
            release = after
        else:
            release = moved(release, service(), MARIA, kind="shift", percent=percent)
    assert len(release.moves) <= KEPT_MOVES
    assert len(release.rolled_back) <= KEPT_MARKS
    assert read_release({ANNOTATION: release.dumps()}) == (release, "")
