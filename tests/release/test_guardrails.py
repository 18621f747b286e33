"""What the guardrails answer, rule by rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.release.guardrails import Action, ActionKind, Answer, EnvironmentRules, Facts, blocked_by, evaluate
from console.release.service import Revision
from console.release.state import Driver, RolledBack
from tests.release.making import (
    CANARY,
    FRIDAY,
    JUAN,
    OLDER,
    RULES,
    STABLE,
    STAGING,
    WEDNESDAY,
    canary_at,
    facts,
    release_at,
    revisions,
    service,
    verdict,
)

REASON = "pager says the bank needs it"


def shift(percent: int) -> Action:
    return Action(ActionKind.SHIFT, percent, CANARY)


def blocking(
    action: Action,
    known: Facts,
    now: datetime | None = WEDNESDAY,
    rules: EnvironmentRules = RULES,
    reason: str = "",
) -> list[str]:
    return [answer.rule for answer in blocked_by(evaluate(action, rules, known, now), reason)]


def answer_of(rule: str, action: Action, known: Facts, now: datetime = WEDNESDAY) -> Answer:
    return next(answer for answer in evaluate(action, RULES, known, now) if answer.rule == rule)


def test_the_first_step_on_a_wednesday_passes_without_a_verdict() -> None:
    assert blocking(shift(10), facts()) == []


def test_every_answer_has_a_title_and_a_reason() -> None:
    for known in (facts(), canary_at(10)):
        for answer in evaluate(shift(10 if known.release is None else 50), RULES, known, WEDNESDAY):
            assert answer.title
            assert answer.reason


# the window


def test_a_friday_blocks_a_rise_and_names_the_window() -> None:
    assert blocking(shift(10), facts(), FRIDAY) == ["window"]
    answer = answer_of("window", shift(10), facts(), FRIDAY)
    assert answer.reason == "Fri 12:00 UTC is outside Tue-Thu 10:00-14:00; opens Tue 10:00 UTC"
    assert answer.passes_at == datetime(2026, 12, 1, 10, tzinfo=UTC)


def test_a_written_reason_of_ten_characters_passes_the_window_and_nine_do_not() -> None:
    assert blocking(shift(10), facts(), FRIDAY, reason="0123456789") == []
    assert blocking(shift(10), facts(), FRIDAY, reason="012345678") == ["window"]
    assert blocking(shift(10), facts(), FRIDAY, reason="   a   b      ") == ["window"]


def test_lowering_is_always_allowed() -> None:
    known = canary_at(50, journal_ok=False, verdict=verdict("FAIL", step=50), revisions=())
    for percent in (0, 10, 49, 50):
        assert blocking(shift(percent), known, FRIDAY) == []
        assert blocking(shift(percent), known, None) == []


def test_staging_skips_the_window_and_keeps_the_order_of_steps() -> None:
    assert blocking(shift(10), facts(), FRIDAY, STAGING) == []
    assert blocking(shift(50), facts(), FRIDAY, STAGING) == ["steps"]


def test_a_release_that_no_longer_fits_needs_a_reason() -> None:
    late = WEDNESDAY.replace(hour=13, minute=46)
    assert blocking(shift(10), facts(), late) == ["window_fit"]
    assert blocking(shift(10), facts(), late, reason=REASON) == []
    assert "15:00, the window closes in 14:00" in answer_of("window_fit", shift(10), facts(), late).reason
    assert blocking(shift(10), facts(), late.replace(minute=45)) == []


def test_only_the_start_of_a_release_asks_whether_it_fits() -> None:
    late = WEDNESDAY.replace(hour=13, minute=59)
    known = canary_at(10, verdict=verdict(at=late - timedelta(seconds=6)))
    known = replace(known, release=_leased(known, late))
    assert blocking(shift(50), known, late) == []


def _leased(known: Facts, now: datetime, who: str = "maria") -> Any:
    assert known.release is not None
    driver = Driver(email=f"{who}@acme.example", session=f"session-{who}", expires=now + timedelta(minutes=2))
    return known.release.model_copy(update={"driver": driver})


def test_a_workflow_that_gives_its_revision_traffic_at_once_asks_what_a_move_asks() -> None:
    rules = replace(RULES, approvals=("code", "tech_lead"), smoke=("prod_healthz",))

    def blocking(percent: int, at: Facts, now: datetime = WEDNESDAY) -> set[str]:
        action = Action(ActionKind.DEPLOY, percent=percent)
        return {answer.rule for answer in evaluate(action, rules, at, now) if not answer.allowed}

    assert blocking(0, facts()) == set(), "a revision with no traffic may be made, as option B makes it"
    assert blocking(10, facts()) == {"approvals", "smoke"}
    assert blocking(50, facts()) == {"approvals", "smoke", "steps"}
    assert blocking(10, facts(), FRIDAY) == {"window", "approvals", "smoke"}
    assert "steps" in blocking(10, canary_at(50)), "another release is under way"
    assert "former" in blocking(10, canary_at(100, verdict=None))
    assert evaluate(Action(ActionKind.DEPLOY, percent=10), STAGING, facts(), FRIDAY), "staging asks for less"


def test_deploying_is_kept_to_the_window_too() -> None:
    deploy = Action(ActionKind.DEPLOY, image="host/app:1")
    assert blocking(deploy, facts(), FRIDAY) == ["window"]
    assert blocking(deploy, facts(), WEDNESDAY) == []
    assert blocking(deploy, facts(), FRIDAY, STAGING) == []
    assert blocking(deploy, facts(journal_ok=False)) == ["journal"]


# order of steps


def test_fifty_from_nothing_is_blocked_for_good() -> None:
    assert blocking(shift(50), facts(), reason=REASON) == ["steps"]
    assert answer_of("steps", shift(50), facts()).reason == "after 0 % comes 10 %, not 50 % (plan 0 → 10 → 50 → 100)"


def test_five_percent_first_is_in_order_but_is_a_step_to_bake() -> None:
    assert blocking(shift(5), facts()) == []
    assert blocking(shift(10), canary_at(5, verdict=None)) == ["bake", "verdict"]


def test_a_second_release_waits_for_the_first() -> None:
    known = canary_at(10)
    other = Action(ActionKind.SHIFT, 10, OLDER)
    assert "steps" in blocking(other, known, reason=REASON)


# bake and verdict


def test_a_baked_and_passed_step_goes_on() -> None:
    assert blocking(shift(50), canary_at(10)) == []
    assert answer_of("bake", shift(50), canary_at(10)).reason == "5:00 observed, 6,214 requests"


def test_an_unfinished_bake_says_what_it_waits_for_and_needs_a_reason() -> None:
    known = canary_at(10, verdict=verdict(bake_done=False, observed_s=192, requests_needed=214))
    assert blocking(shift(50), known) == ["bake"]
    assert blocking(shift(50), known, reason=REASON) == []
    assert answer_of("bake", shift(50), known).reason == "3:12 of 5:00 observed, 214 requests still needed"


def test_with_no_verdict_the_answer_is_inconclusive_and_the_way_to_get_one() -> None:
    known = canary_at(10, verdict=None)
    assert blocking(shift(50), known) == ["bake", "verdict"]
    assert blocking(shift(50), known, reason=REASON) == []
    assert "keep `canario` open" in answer_of("bake", shift(50), known).reason
    assert answer_of("verdict", shift(50), known).reason.startswith("INCONCLUSIVE")


def test_a_failed_canary_goes_nowhere_whatever_is_typed() -> None:
    known = canary_at(10, verdict=verdict("FAIL", sentence="3.1 % errors in 612 requests"))
    assert blocking(shift(50), known, reason=REASON) == ["verdict"]
    assert "3.1 %" in answer_of("verdict", shift(50), known).reason


def test_a_shared_breach_holds_until_somebody_writes_why() -> None:
    known = canary_at(10, verdict=verdict("SHARED BREACH"))
    assert blocking(shift(50), known) == ["verdict"]
    assert blocking(shift(50), known, reason=REASON) == []


UNDECIDED = verdict(
    "INCONCLUSIVE",
    sentence="0.2 % of 150 failed. A PASS needs about 350 more canary requests.",
    bake_done=False,
    requests=150,
    requests_needed=350,
    clear=True,
)


def test_an_inconclusive_bake_blocks_the_next_step_and_says_what_helps() -> None:
    known = canary_at(10, verdict=UNDECIDED)
    assert blocking(shift(50), known) == ["verdict"]
    assert blocking(shift(50), known, reason=REASON) == []
    answer = answer_of("verdict", shift(50), known)
    assert answer.overridable
    assert "wait for about 350 more requests, or raise the share, short of 50 %" in answer.reason
    assert answer_of("bake", shift(50), known).reason == "5:00 observed, 150 requests"


def test_with_nothing_against_the_canary_its_share_may_rise_short_of_the_next_step() -> None:
    known = canary_at(10, verdict=UNDECIDED)
    assert blocking(shift(15), known) == []
    assert blocking(shift(49), known) == []
    assert "Nothing speaks against the canary" in answer_of("verdict", shift(15), known).reason
    early = UNDECIDED.model_copy(update={"observed_s": 200.0})
    assert blocking(shift(15), canary_at(10, verdict=early)) == ["bake", "verdict"]
    against = UNDECIDED.model_copy(update={"clear": False})
    assert blocking(shift(15), canary_at(10, verdict=against)) == ["verdict"]
    assert "raise the share" not in answer_of("verdict", shift(15), canary_at(10, verdict=against)).reason
    for word in ("WARN", "SHARED BREACH", "FAIL"):
        assert blocking(shift(15), canary_at(10, verdict=UNDECIDED.model_copy(update={"word": word}))) == ["verdict"]


def test_a_warning_blocks_until_the_bake_has_ended_or_somebody_writes_why() -> None:
    known = canary_at(10, verdict=verdict("WARN", observed_s=100, bake_done=False))
    assert blocking(shift(50), known) == ["bake", "verdict"]
    assert blocking(shift(50), known, reason=REASON) == []
    assert "wait for the end of the bake" in answer_of("verdict", shift(50), known).reason


def test_a_verdict_of_another_share_or_from_before_the_move_does_not_count() -> None:
    assert blocking(shift(50), canary_at(10, verdict=verdict(step=5))) == ["bake", "verdict"]
    before = release_at(10).moved_at - timedelta(seconds=5)
    assert blocking(shift(50), canary_at(10, verdict=verdict(at=before))) == ["bake", "verdict"]


def test_an_old_pass_is_no_sign_of_a_done_bake_but_an_old_fail_still_blocks() -> None:
    old = WEDNESDAY - timedelta(minutes=3)
    assert blocking(shift(50), canary_at(10, verdict=verdict(at=old))) == ["bake"]
    assert "verdict" in blocking(shift(50), canary_at(10, verdict=verdict("FAIL", at=old)), reason=REASON)


# the canary, the look, the driver


@pytest.mark.parametrize(
    "state",
    [
        (),
        (Revision(CANARY, ready=False, reason="container failed to start"),),
        (Revision(CANARY, ready=True, deleted=True),),
    ],
)
def test_a_canary_that_is_not_ready_stays_where_it_is(state: tuple[Revision, ...]) -> None:
    assert blocking(shift(10), facts(revisions=state), reason=REASON) == ["canary_ready"]


def test_a_split_that_moved_since_the_operator_looked_blocks_and_names_who() -> None:
    moved_on = service({CANARY: 30, STABLE: 70}, last_modifier="juan@acme.example")
    known = facts(moved_on, seen=service(), verdict=verdict(step=30))
    assert "unchanged" in blocking(shift(50), known, reason=REASON)
    answer = answer_of("unchanged", shift(50), known)
    assert "juan@acme.example" in answer.reason
    assert "100 % wa-backend-00041-kud" in answer.reason


def test_a_deployment_since_the_look_blocks() -> None:
    assert blocking(shift(10), facts(service(template_fingerprint="t2"), seen=service())) == ["unchanged"]


def test_a_canary_tag_that_points_elsewhere_now_blocks() -> None:
    moved_tag = service(tags=(("canary", OLDER),))
    assert blocking(shift(10), facts(moved_tag, seen=service())) == ["unchanged"]


def test_an_annotation_alone_or_a_new_etag_is_no_conflict() -> None:
    seen = service()
    known = facts(replace(seen, etag="etag-9", generation=7, annotations={"other/tool": "x"}), seen=seen)
    assert blocking(shift(10), known) == []


def test_anothers_live_lease_needs_a_reason_and_a_dead_one_does_not() -> None:
    known = canary_at(10)
    live = replace(known, release=_leased(known, WEDNESDAY, "juan"))
    assert blocking(shift(50), live) == ["driver"]
    assert blocking(shift(50), live, reason=REASON) == []
    answer = answer_of("driver", shift(50), live)
    assert "juan@acme.example drives" in answer.reason
    assert answer.passes_at == WEDNESDAY + timedelta(minutes=2)
    dead = replace(known, release=_leased(known, WEDNESDAY - timedelta(minutes=2), "juan"))
    assert blocking(shift(50), dead) == []


def test_a_command_of_the_drivers_own_is_not_blocked_by_the_drivers_console() -> None:
    known = replace(canary_at(10), session_id="a command")
    assert blocking(shift(50), known) == []


def test_the_driver_of_an_ended_release_drives_nothing() -> None:
    known = canary_at(10)
    ended = _leased(known, WEDNESDAY, "juan").model_copy(update={"ended": "rolled back"})
    assert "driver" not in blocking(shift(50), replace(known, release=ended))


# rolled back, journal, clock


def test_a_rolled_back_revision_moves_forward_only_with_a_reason() -> None:
    mark = RolledBack(revision=CANARY, at=WEDNESDAY - timedelta(hours=1), by="juan@acme.example", reason="3.1 % errors")
    ended = release_at(10, by=JUAN).model_copy(update={"rolled_back": (mark,), "ended": "rolled back", "driver": None})
    known = facts(release=ended)
    assert blocking(shift(10), known) == ["rolled_back"]
    assert blocking(shift(10), known, reason=REASON) == []
    assert "3.1 % errors" in answer_of("rolled_back", shift(10), known).reason


def test_a_broken_journal_blocks_a_promotion_and_nothing_overrides_it() -> None:
    known = facts(journal_ok=False, journal_problem="disk full")
    assert blocking(shift(10), known, reason=REASON) == ["journal"]
    assert "disk full" in answer_of("journal", shift(10), known).reason
    assert blocking(Action(ActionKind.DISARM), known) == ["journal"]


def test_without_the_clouds_time_nothing_rises() -> None:
    assert blocking(shift(10), facts(), None, reason=REASON) == ["clock"]


@pytest.mark.parametrize("kind", [ActionKind.ROLLBACK, ActionKind.ARM])
def test_nothing_stands_before_a_rollback_or_arming(kind: ActionKind) -> None:
    assert evaluate(Action(kind), RULES, facts(journal_ok=False), None) == ()


def test_taking_over_a_live_seat_needs_a_reason() -> None:
    known = canary_at(10)
    live = replace(known, release=_leased(known, WEDNESDAY, "juan"))
    assert blocking(Action(ActionKind.TAKE_OVER), live) == ["driver"]
    assert blocking(Action(ActionKind.TAKE_OVER), live, reason=REASON) == []
    assert blocking(Action(ActionKind.TAKE_OVER), known) == []


words = st.sampled_from(["PASS", "FAIL", "INCONCLUSIVE", "WARN", "SHARED BREACH"])


@given(
    current=st.sampled_from([5, 10, 37, 50, 100]),
    target=st.integers(0, 100),
    word=words,
    baked=st.booleans(),
    journal_ok=st.booleans(),
    minutes=st.integers(0, 7 * 24 * 60),
    reason=st.sampled_from(["", "too short", REASON]),
)
def test_a_fall_is_never_blocked_and_a_rise_of_a_failed_canary_always(
    current: int, target: int, word: str, baked: bool, journal_ok: bool, minutes: int, reason: str
) -> None:
    now = WEDNESDAY + timedelta(minutes=minutes)
    known = canary_at(
        current,
        verdict=verdict(
            word,
            step=current,
            at=now - timedelta(seconds=6),
            observed_s=300 if baked else 299,
            bake_done=baked and word == "PASS",
        ),
        journal_ok=journal_ok,
    )
    blocked = blocking(shift(target), known, now, reason=reason)
    if target <= current:
        assert blocked == []
        return
    if word == "FAIL":
        assert "verdict" in blocked
    if not journal_ok:
        assert "journal" in blocked
    if not RULES.window.state(now).open and reason != REASON:
        assert "window" in blocked
    if word != "PASS" and reason != REASON:
        assert "verdict" in blocked
    if not baked and reason != REASON:
        assert "bake" in blocked


def test_every_blocked_answer_that_no_reason_passes_stays_with_any_reason() -> None:
    known = canary_at(10, verdict=verdict("FAIL"), journal_ok=False, revisions=revisions(STABLE))
    left = blocking(shift(100), known, FRIDAY, reason="a very long and honest reason")
    assert left == ["journal", "steps", "verdict", "canary_ready"]
