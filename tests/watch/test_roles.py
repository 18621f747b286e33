"""Who is canary, who is stable, and when a bake began."""

from __future__ import annotations

from datetime import timedelta

from console.release.split import TrafficSplit
from console.release.state import Move, Release, VerdictRecord, lines_of
from console.watch.roles import BakeStart, Roles, assign, bake_start
from tests.watch.fakes import CANARY, REVISIONS, STABLE, START, service


def release(**changes: object) -> Release:
    """A release of the canary from a split that was all stable."""
    values: dict[str, object] = {
        "id": "r1",
        "canary": CANARY,
        "stable": STABLE,
        "baseline": lines_of(TrafficSplit.of({STABLE: 100})),
        "started": START,
        "started_by": "maria@demo.example",
    }
    return Release.model_validate(values | changes)


def test_before_a_release_the_tag_names_the_canary() -> None:
    roles = assign(service(), None, REVISIONS, START)
    assert roles == Roles(CANARY, STABLE, 0, "")


def test_a_release_names_its_canary_and_its_share() -> None:
    roles = assign(service({CANARY: 10, STABLE: 90}), release(), REVISIONS, START)
    assert roles == Roles(CANARY, STABLE, 10, "r1")


def test_at_100_percent_the_stable_is_the_one_that_served_before() -> None:
    roles = assign(service({CANARY: 100}), release(step=100), REVISIONS, START)
    assert roles == Roles(CANARY, STABLE, 100, "r1")


def test_a_promoted_canary_is_watched_for_an_hour() -> None:
    ended = release(ended="promoted", ended_at=START)
    promoted = service({CANARY: 100})
    assert assign(promoted, ended, REVISIONS, START + timedelta(minutes=5)).canary == CANARY
    assert assign(promoted, ended, REVISIONS, START + timedelta(hours=2)) == Roles(None, CANARY, 0, "")


def test_a_rolled_back_canary_stays_in_sight() -> None:
    roles = assign(service(), release(ended="rolled back", ended_at=START), REVISIONS, START)
    assert roles == Roles(CANARY, STABLE, 0, "r1")


def test_without_tag_and_release_there_is_no_canary() -> None:
    assert assign(service(tag=None), None, REVISIONS, START) == Roles(None, STABLE, 0, "")


def test_nothing_is_known_before_the_first_read() -> None:
    assert assign(None, None, (), None) == Roles()


def move(at: int, percent: int, before: int = 0) -> Move:
    """A move, `at` seconds after START, from `before` percent."""
    split = lines_of(TrafficSplit.of({CANARY: before, STABLE: 100 - before} if before else {STABLE: 100}))
    return Move(kind="shift", at=START + timedelta(seconds=at), by="maria", percent=percent, before=split)


AT_TEN = Roles(CANARY, STABLE, 10, "r1")


def test_a_bake_seen_beginning_begins_now() -> None:
    at_ten = release(step=10, moves=(move(0, 10),))
    now = START + timedelta(seconds=4)
    assert bake_start(AT_TEN, at_ten, now=now, last_look=now - timedelta(seconds=1)) == BakeStart(now)


def test_a_console_that_joins_takes_the_recorded_moment_and_asks_the_log_since_when_it_holds() -> None:
    at_ten = release(step=10, moves=(move(0, 10),))
    now = START + timedelta(seconds=200)
    assert bake_start(AT_TEN, at_ten, now=now, last_look=None) == BakeStart(START, before=0)
    assert bake_start(AT_TEN, at_ten, now=now, last_look=START - timedelta(minutes=5)) == BakeStart(START, before=0)


def test_a_look_after_the_move_that_still_saw_the_old_split_bounds_the_bake() -> None:
    at_ten = release(step=10, moves=(move(0, 10, before=50),))
    now = START + timedelta(seconds=60)
    looked = START + timedelta(seconds=20)
    assert bake_start(AT_TEN, at_ten, now=now, last_look=looked) == BakeStart(looked, before=50)


def test_the_driving_consoles_own_bake_is_taken_over_without_the_seconds_before_it() -> None:
    told = VerdictRecord(word="INCONCLUSIVE", at=START + timedelta(seconds=95), step=10, observed_s=90.0)
    at_ten = release(step=10, moves=(move(0, 10),), verdict=told)
    now = START + timedelta(seconds=200)
    assert bake_start(AT_TEN, at_ten, now=now, last_look=None) == BakeStart(START + timedelta(seconds=5))


def test_a_verdict_on_an_earlier_bake_or_on_nothing_yet_says_nothing_of_this_one() -> None:
    told = VerdictRecord(word="PASS", at=START - timedelta(seconds=5), step=10, observed_s=300.0)
    other = VerdictRecord(word="PASS", at=START + timedelta(seconds=5), step=50, observed_s=3.0)
    nothing = VerdictRecord(word="INCONCLUSIVE", at=START + timedelta(seconds=150), step=10)
    now = START + timedelta(seconds=200)
    for verdict in (told, other, nothing):
        at_ten = release(step=10, moves=(move(0, 10),), verdict=verdict)
        assert bake_start(AT_TEN, at_ten, now=now, last_look=None) == BakeStart(START, before=0)


def test_a_move_that_left_the_share_as_it_was_needs_no_answer_from_the_log() -> None:
    at_ten = release(step=10, moves=(move(0, 10, before=10),))
    assert bake_start(AT_TEN, at_ten, now=START + timedelta(seconds=200), last_look=None) == BakeStart(START)


def test_a_share_that_nobody_recorded_bakes_from_now() -> None:
    at_ten = release(step=10, moves=(move(0, 10),))
    roles = Roles(CANARY, STABLE, 30, "r1")
    now = START + timedelta(seconds=200)
    assert bake_start(roles, at_ten, now=now, last_look=None) == BakeStart(now)
    assert bake_start(roles, None, now=now, last_look=None) == BakeStart(now)
