"""A release at 100 % whose bake nobody watched neither stands in the way for ever nor passes for a good one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.release.guardrails import Action, ActionKind, Answer, Facts, evaluate
from console.release.moves import rollback_target
from console.release.plan import RolloutPlan
from console.release.state import Driver, Release
from console.release.transitions import begin, promoted
from console.release.unwatched import OLD_SPLIT, UNWATCHED_AFTER, superseded, unwatched
from tests.release.making import (
    CANARY,
    JUAN,
    MARIA,
    OLDER,
    RULES,
    STABLE,
    WEDNESDAY,
    facts,
    release_at,
    revisions,
    service,
    verdict,
)

PLAN = RolloutPlan()
NEWER = "wa-backend-00043-zup"
LATE = MARIA.at + PLAN.bake + UNWATCHED_AFTER + timedelta(seconds=1)


def left_alone(percent: int = 100, **fields: object) -> Release:
    return release_at(percent).model_copy(update={"driver": None} | fields)


def at_full() -> Facts:
    listed = (replace(revisions(CANARY)[0], name=NEWER, created=WEDNESDAY), *revisions())
    return facts(service({CANARY: 100}, tags=(("canary", NEWER),)), release=left_alone(), revisions=listed)


def of_the_one_before(known: Facts, now: datetime = WEDNESDAY) -> Answer | None:
    answers = evaluate(Action(ActionKind.SHIFT, 10, NEWER), RULES, known, now)
    return next((answer for answer in answers if answer.rule == "former"), None)


def test_a_day_after_its_bake_a_release_nobody_drives_counts_as_ended() -> None:
    assert unwatched(left_alone(), 100, PLAN, LATE)
    assert not unwatched(left_alone(), 100, PLAN, LATE - timedelta(seconds=1))


def test_one_that_somebody_drives_or_that_is_not_at_100_percent_does_not() -> None:
    live = Driver(email=MARIA.email, session="s", expires=LATE + timedelta(seconds=1))
    gone = live.model_copy(update={"expires": LATE})
    assert not unwatched(left_alone(driver=live), 100, PLAN, LATE)
    assert unwatched(left_alone(driver=gone), 100, PLAN, LATE)
    assert not unwatched(left_alone(50), 50, PLAN, LATE)
    assert not unwatched(left_alone(), 90, PLAN, LATE), "somebody moved it since"
    assert not unwatched(promoted(left_alone(), WEDNESDAY), 100, PLAN, LATE)
    assert not unwatched(left_alone(), 100, PLAN, None)
    assert not unwatched(None, 100, PLAN, LATE)


@given(st.integers(0, 10**7), st.integers(0, 10**6))
def test_once_ended_it_stays_so_until_somebody_takes_the_seat(first: int, more: int) -> None:
    now = MARIA.at + timedelta(seconds=first)
    if unwatched(left_alone(), 100, PLAN, now):
        assert unwatched(left_alone(), 100, PLAN, now + timedelta(seconds=more))


def test_a_next_release_waits_for_the_bake_at_100_percent_unless_a_reason_says_why_not() -> None:
    waits = of_the_one_before(at_full())
    assert waits is not None
    assert not waits.allowed
    assert waits.overridable
    assert "take over and watch it" in waits.reason
    live = Driver(email=JUAN.email, session="s", expires=WEDNESDAY + timedelta(minutes=1))
    driven = of_the_one_before(replace(at_full(), release=left_alone(driver=live)))
    assert driven is not None
    assert "still bakes" in driven.reason


@pytest.mark.parametrize("how", ["unwatched", "baked", "promoted"])
def test_a_next_release_begins_once_the_one_before_is_over(how: str) -> None:
    known, now = at_full(), WEDNESDAY
    if how == "unwatched":
        now = LATE
    elif how == "baked":
        known = replace(known, verdict=verdict("PASS", step=100))
    else:
        known = replace(known, release=promoted(left_alone(), WEDNESDAY))
    answer = of_the_one_before(known, now)
    assert answer is None or answer.allowed


def test_the_next_release_writes_down_how_the_one_before_ended() -> None:
    full = service({CANARY: 100}, tags=(("canary", NEWER),))
    former = begin(full, left_alone(), NEWER, JUAN).former
    assert former is not None
    assert (former.id, former.canary, former.ended, former.ended_at) == (
        left_alone().id,
        CANARY,
        "promoted unwatched",
        JUAN.at,
    )
    taken_back = begin(service({STABLE: 100}), left_alone(10), OLDER, JUAN).former
    assert taken_back is not None
    assert taken_back.ended == "abandoned"
    watched = superseded(promoted(left_alone(), WEDNESDAY), 100, LATE)
    assert (watched.ended, watched.ended_at) == ("promoted", WEDNESDAY)
    assert begin(service(), None, CANARY, JUAN).former is None


def test_a_rollback_of_an_old_release_goes_where_it_says_and_says_how_old_that_is() -> None:
    full = service({CANARY: 100})
    found = rollback_target(full, left_alone(), revisions(), now=LATE)
    assert found.shares == {STABLE: 100}
    assert found.notes == (
        f"The split that this goes back to was recorded 24 h 05 ago, on {MARIA.at:%Y-%m-%d %H:%M} UTC.",
    )
    days = rollback_target(full, left_alone(), revisions(), now=MARIA.at + timedelta(days=9, hours=2))
    assert "9 d 2 h ago" in days.notes[0]
    assert rollback_target(full, left_alone(), revisions(), now=MARIA.at + OLD_SPLIT - timedelta(seconds=1)).notes == ()
    assert rollback_target(full, left_alone(), revisions()).notes == ()
    assert rollback_target(full, None, revisions(), now=LATE).notes[0].startswith("wa-backend")
