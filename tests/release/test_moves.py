"""What a move would do, and where a rollback goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import UsageError
from console.release.guardrails import Action, ActionKind
from console.release.moves import Proposal, RollbackTarget, propose, resolve_canary, rollback_target
from console.release.service import Revision
from console.release.split import TrafficSplit, TrafficTarget
from console.release.transitions import annotated, begin, moved, promoted, rolled_back
from tests.release.making import (
    CANARY,
    MARIA,
    OLDER,
    RULES,
    STABLE,
    WEDNESDAY,
    canary_at,
    facts,
    release_at,
    revisions,
    service,
)

NEWER = "wa-backend-00043-wix"


def proposed(percent: int | None, known=None, *, canary: str | None = None, kind=ActionKind.SHIFT) -> Proposal:  # type: ignore[no-untyped-def]
    return propose(Action(kind, percent, canary), RULES, known or facts(), WEDNESDAY)


# shift


def test_a_first_step_shows_the_split_before_and_after() -> None:
    proposal = proposed(10)
    assert proposal.before == {STABLE: 100}
    assert proposal.after == {CANARY: 10, STABLE: 90}
    assert proposal.starts_release
    assert proposal.raises
    assert not proposal.blocked
    assert proposal.split is not None
    assert proposal.split.tags() == (("canary", CANARY),)


def test_a_blocked_move_says_whether_a_reason_would_do() -> None:
    hard = proposed(50)
    assert hard.blocked
    assert not hard.overridable
    soft = proposed(50, canary_at(10, verdict=None))
    assert soft.blocked
    assert soft.overridable


def test_the_share_is_taken_from_the_split_before_the_release() -> None:
    before = service({STABLE: 60, OLDER: 40})
    release = moved(begin(before, None, CANARY, MARIA), before, MARIA, kind="shift", percent=100)
    known = facts(service({CANARY: 100}), release=release)
    assert proposed(50, known).after == {CANARY: 50, STABLE: 30, OLDER: 20}


def test_the_same_share_is_already_there() -> None:
    assert proposed(10, canary_at(10)).already


def test_a_shift_needs_a_canary_and_a_share() -> None:
    with pytest.raises(UsageError, match="tag canary"):
        proposed(10, facts(service(tags=())))
    with pytest.raises(UsageError):
        proposed(None)
    with pytest.raises(UsageError):
        proposed(101)
    with pytest.raises(UsageError, match="not been read"):
        propose(Action(ActionKind.SHIFT, 10), RULES, replace(facts(), service=None), WEDNESDAY)


def test_lowering_the_stable_revision_is_no_way_round_the_guardrails_of_the_canary() -> None:
    with pytest.raises(UsageError, match=f"would raise {CANARY} from 10 % to 80 %"):
        proposed(20, canary_at(10), canary=STABLE)
    by_hand = facts(service({STABLE: 90, CANARY: 10}, tags=()))
    with pytest.raises(UsageError, match=f"would raise {CANARY} from 10 % to 50 %"):
        proposed(50, by_hand, canary=STABLE)


def test_a_canary_older_than_the_stable_revision_can_be_lowered() -> None:
    hotfix = facts(service({CANARY: 90, OLDER: 10}, tags=(("canary", OLDER),)))
    assert proposed(0, hotfix).after == {CANARY: 100}
    assert proposed(0, hotfix, canary=OLDER).after == {CANARY: 100}


def test_lowering_warns_of_what_keeps_users_on_the_revision() -> None:
    known = canary_at(50)
    assert known.service is not None
    sticky = replace(known, service=replace(known.service, session_affinity=True))
    warnings = proposed(10, sticky).warnings
    assert any("affinity" in warning for warning in warnings)
    assert any("tag canary" in warning for warning in warnings)
    assert proposed(100, sticky).warnings == ()


def test_the_last_judgement_is_shown() -> None:
    assert proposed(50, canary_at(10)).sentence == "PASS: 0.2 % errors"
    assert proposed(10).sentence == ""


# which revision is meant


def test_the_canary_is_the_releases_else_the_tagged_one() -> None:
    assert resolve_canary(service(), None) == CANARY
    assert resolve_canary(service(tags=()), None) is None
    assert resolve_canary(None, None) is None
    other = service({CANARY: 10, STABLE: 90}, tags=(("canary", NEWER),))
    assert resolve_canary(other, release_at(10)) == CANARY
    ended = release_at(10).model_copy(update={"ended": "rolled back"})
    assert resolve_canary(other, ended) == NEWER
    assert resolve_canary(service(tags=()), ended) == CANARY


def test_ten_percent_after_a_full_release_means_the_next_release_not_a_step_back() -> None:
    at = service({CANARY: 100}, tags=(("canary", NEWER),))
    known = (Revision(NEWER, ready=True, created=WEDNESDAY), *revisions())
    assert resolve_canary(at, release_at(100), known) == NEWER
    proposal = propose(
        Action(ActionKind.SHIFT, 10), RULES, facts(at, release=release_at(100), revisions=known), WEDNESDAY
    )
    assert proposal.after == {NEWER: 10, CANARY: 90}
    assert proposal.starts_release
    old_tag = service({CANARY: 100}, tags=(("canary", OLDER),))
    assert resolve_canary(old_tag, release_at(100), known) == CANARY


# undo


def test_undo_goes_back_to_the_split_before_the_last_move() -> None:
    known = canary_at(10)
    assert known.release is not None
    assert known.service is not None
    further = moved(known.release, known.service, MARIA, kind="shift", percent=50)
    at = service({CANARY: 50, STABLE: 50})
    proposal = proposed(None, replace(known, service=at, release=further), kind=ActionKind.UNDO)
    assert proposal.after == {CANARY: 10, STABLE: 90}
    assert not proposal.blocked


def test_undoing_a_rollback_is_a_rise_and_guarded() -> None:
    at = service({CANARY: 10, STABLE: 90})
    ended = rolled_back(release_at(10), at, MARIA, shares={STABLE: 100}, canary=CANARY)
    proposal = proposed(None, facts(release=ended), kind=ActionKind.UNDO)
    assert proposal.after == {CANARY: 10, STABLE: 90}
    assert [answer.rule for answer in proposal.answers if not answer.allowed] == ["rolled_back"]


def test_undo_refuses_where_somebody_moved_the_split_since() -> None:
    known = canary_at(10)
    with pytest.raises(UsageError, match="somebody moved it"):
        proposed(None, replace(known, service=service({CANARY: 30, STABLE: 70})), kind=ActionKind.UNDO)
    with pytest.raises(UsageError, match="nothing to undo"):
        proposed(None, facts(), kind=ActionKind.UNDO)


# rollback


def target(at=None, release=None, **options) -> RollbackTarget:  # type: ignore[no-untyped-def]
    return rollback_target(at or service({CANARY: 10, STABLE: 90}), release, revisions(), **options)


def test_the_recorded_split_comes_back_with_todays_tags() -> None:
    before = service({STABLE: 60, OLDER: 40}, tags=(("old", OLDER),))
    release = moved(begin(before, None, CANARY, MARIA), before, MARIA, kind="shift", percent=10)
    now = service({CANARY: 10, STABLE: 54, OLDER: 36}, tags=(("canary", CANARY), ("pr-7", NEWER)))
    found = target(now, release)
    assert found.shares == {STABLE: 60, OLDER: 40}
    assert found.source == "recorded"
    assert found.split.tags() == (("canary", CANARY), ("pr-7", NEWER))
    assert found.canary == CANARY


def test_with_no_release_the_largest_share_that_is_not_the_canary_gets_all() -> None:
    found = target(service({CANARY: 60, STABLE: 30, OLDER: 10}))
    assert found.shares == {STABLE: 100}
    assert found.source == "largest"


def test_the_effective_split_decides_where_it_differs_from_the_desired_one() -> None:
    found = target(service({CANARY: 100}, effective={STABLE: 100}))
    assert found.shares == {STABLE: 100}
    assert not found.already


def test_a_stable_revision_that_has_everything_stays_and_nothing_older_is_taken() -> None:
    for at in (service(), service(tags=()), service({STABLE: 100}, tags=(("canary", STABLE),))):
        found = target(at)
        assert found.already
        assert found.shares == {STABLE: 100}


def test_a_service_still_on_its_way_is_not_already_there() -> None:
    assert not target(service({STABLE: 100}, effective={CANARY: 100})).already


def test_a_second_rollback_says_already_even_for_a_mixed_baseline() -> None:
    before = service({STABLE: 60, OLDER: 40})
    release = moved(begin(before, None, CANARY, MARIA), before, MARIA, kind="shift", percent=10)
    ended = rolled_back(release, before, MARIA, shares={STABLE: 60, OLDER: 40}, canary=CANARY)
    found = target(before, ended)
    assert found.already
    assert found.shares == {STABLE: 60, OLDER: 40}


def test_a_promoted_release_whose_canary_still_serves_can_be_taken_back() -> None:
    over = promoted(release_at(100), WEDNESDAY)
    assert target(service({CANARY: 100}), over).shares == {STABLE: 100}


def test_a_promoted_revision_is_the_stable_one_once_the_next_canary_stands_under_the_tag() -> None:
    over = promoted(release_at(100), WEDNESDAY)
    found = target(service({CANARY: 100}, tags=(("canary", NEWER),)), over)
    assert found.already
    assert found.shares == {CANARY: 100}
    by_hand = target(service({CANARY: 90, NEWER: 10}, tags=(("canary", NEWER),)), over)
    assert by_hand.shares == {CANARY: 100}
    left_behind = target(service({CANARY: 100}, tags=(("canary", OLDER),)), over)
    assert left_behind.shares == {STABLE: 100}


def test_a_release_of_long_ago_says_nothing_of_todays_split() -> None:
    over = promoted(release_at(100), WEDNESDAY)
    found = target(service({NEWER: 100}), over)
    assert found.already
    assert found.shares == {NEWER: 100}


def test_a_recorded_revision_that_is_gone_leaves_its_share_to_the_others() -> None:
    before = service({STABLE: 60, OLDER: 40})
    release = moved(begin(before, None, CANARY, MARIA), before, MARIA, kind="shift", percent=10)
    found = target(service({CANARY: 10, STABLE: 54, OLDER: 36}), release, gone=frozenset({STABLE}))
    assert found.shares == {OLDER: 100}
    assert found.source == "fallback"
    assert STABLE in found.notes[0]


def test_with_every_recorded_revision_gone_the_newest_good_one_is_taken() -> None:
    at = service({CANARY: 100})
    found = target(at, release_at(100), gone=frozenset({STABLE}))
    assert found.shares == {OLDER: 100}
    assert any("newest ready" in note for note in found.notes)


def test_with_nothing_left_there_is_nowhere_to_go() -> None:
    found = target(service({CANARY: 100}), release_at(100), gone=frozenset({STABLE, OLDER}))
    assert found.shares == {}
    assert not found.already


def test_a_deleted_revision_is_known_to_be_gone() -> None:
    listed = (Revision(CANARY, ready=True), Revision(STABLE, deleted=True), Revision(OLDER, ready=True))
    assert rollback_target(service({CANARY: 100}), release_at(100), listed).shares == {OLDER: 100}
    with pytest.raises(UsageError, match="deleted"):
        rollback_target(service({CANARY: 100}), release_at(100), listed, to=STABLE)


def test_the_operator_may_name_an_older_revision() -> None:
    found = target(service({STABLE: 100}), to=OLDER)
    assert found.shares == {OLDER: 100}
    assert found.source == "asked"
    assert found.canary == STABLE


def test_a_rollback_never_goes_forward() -> None:
    at = service({CANARY: 10, STABLE: 90})
    with pytest.raises(UsageError, match="only goes back"):
        target(at, release_at(10), to=CANARY)
    with pytest.raises(UsageError, match="only goes back"):
        target(service(), to=CANARY)
    newest = (Revision(NEWER, ready=True, created=WEDNESDAY + timedelta(minutes=1)), *revisions())
    with pytest.raises(UsageError, match="only goes back"):
        rollback_target(service(tags=()), None, newest, to=NEWER)
    with pytest.raises(UsageError, match="only goes back"):
        rollback_target(service({NEWER: 60, STABLE: 40}, tags=()), None, newest, to=NEWER)


def test_a_named_rollback_may_go_to_a_revision_that_served_before_the_release_however_new() -> None:
    before = service({STABLE: 50, OLDER: 50})
    at = service({CANARY: 10, STABLE: 45, OLDER: 45})
    assert target(at, release_at(10, before=before), to=STABLE).shares == {STABLE: 100}


def test_latest_is_restored_by_the_name_it_stood_for() -> None:
    latest = replace(
        service(latest_ready=STABLE),
        traffic=TrafficSplit((TrafficTarget(None, 100), TrafficTarget(CANARY, tag="canary"))),
    )
    release = moved(begin(latest, None, CANARY, MARIA), latest, MARIA, kind="shift", percent=10)
    found = target(service({CANARY: 10, STABLE: 90}, latest_ready=CANARY), release)
    assert found.shares == {STABLE: 100}


names = st.sampled_from([CANARY, STABLE, OLDER, NEWER])
splits = st.lists(st.tuples(names, st.integers(1, 100)), min_size=1, max_size=4).map(lambda parts: _to_100(dict(parts)))


def _to_100(weights: dict[str, int]) -> dict[str, int]:
    total = sum(weights.values())
    shares = {name: weight * 100 // total for name, weight in weights.items()}
    first = next(iter(shares))
    shares[first] += 100 - sum(shares.values())
    return {name: share for name, share in shares.items() if share}


@given(splits, splits, st.sampled_from([None, 0, 10, 50, 100]), st.booleans(), st.frozensets(names, max_size=3))
def test_a_rollback_never_gives_the_canary_anything_nor_a_revision_that_is_gone(
    desired: dict[str, int], effective: dict[str, int], step: int | None, ended: bool, gone: frozenset[str]
) -> None:
    release = release_at(step) if step is not None else None
    if release is not None and ended:
        release = release.model_copy(update={"ended": "promoted"})
    at = service(desired, effective=effective)
    found = rollback_target(at, release, revisions(CANARY, STABLE, OLDER, NEWER), gone=gone)
    if not found.shares or found.already:
        return
    assert sum(found.shares.values()) == 100
    assert not gone & set(found.shares)
    assert found.canary not in found.shares
    assert set(found.split.tags()) == set(at.traffic.tags())


@given(splits, st.sampled_from([10, 50, 100]))
def test_rolling_back_lands_where_a_rollback_has_nothing_more_to_do(before: dict[str, int], step: int) -> None:
    before = {name: share for name, share in before.items() if name != CANARY} or {STABLE: 100}
    before = _to_100(before)
    start = service(before)
    release = moved(begin(start, None, CANARY, MARIA), start, MARIA, kind="shift", percent=step)
    proposal = propose(Action(ActionKind.SHIFT, step, CANARY), RULES, facts(start), WEDNESDAY)
    there = service(dict(proposal.after))
    there = replace(there, annotations=annotated(there, release))
    found = rollback_target(there, release, revisions())
    assert found.shares == before
    ended = rolled_back(release, there, MARIA, shares=found.shares, canary=found.canary)
    assert rollback_target(service(dict(found.shares)), ended, revisions()).already
