"""How the checklist stands: what counts, what has aged, what is of another image, and whose turn it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from console.runbook.evidence import Evidence, Result
from console.runbook.kinds.base import ApprovalSeen, Ask, Observation, Subject
from console.runbook.model import Phase, Runbook, Skip, Step, Words
from console.runbook.progress import Checklist, Me, Running, State, Traits, checklist
from console.runbook.signing import approving, missing_for

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "d" * 64
SUBJECT = Subject(candidate="c1", commit="1" * 40, image="repo/app", image_id=NEW, canary="app-2", stable="app-1")
MARIA = Me(
    "maria@example.com", frozenset({"code", "tech_lead", "on_call", "qa"}), drives=True, driver="maria@example.com"
)
WATCHER = Me("carlos@example.com", frozenset({"tech_lead"}), drives=False, driver="maria@example.com")


def step(own: str, **more: Any) -> Step:
    return Step(id=own, title=Words(en=own), help=Words(en=""), kind="command", **more)


def runbook(*phases: tuple[str, tuple[str, ...], tuple[Step, ...]]) -> Runbook:
    return Runbook(
        id="book",
        title=Words(en="Book"),
        phases=tuple(Phase(id=own, title=Words(en=own), needs=needs, steps=steps) for own, needs, steps in phases),
    )


def evidence(
    own: str, result: Result = Result.PASSED, *, ago: timedelta = timedelta(minutes=1), **more: Any
) -> Evidence:
    return Evidence(own, result, "maria@example.com", NOW - ago, f"{own} {result}", **({"key": own} | more))


def stands(book: Runbook, *known: Evidence, **more: Any) -> Checklist:
    by_step: dict[str, list[Evidence]] = {}
    for one in known:
        by_step.setdefault(one.step, []).append(one)
    return checklist(book, **({"evidence": by_step, "subject": SUBJECT, "now": NOW, "me": MARIA} | more))


def state(found: Checklist, own: str) -> State:
    view = found.view(own)
    assert view is not None
    return view.state


def one_step(**more: Any) -> Runbook:
    return runbook(("only", (), (step("one", **more),)))


# What counts


def test_a_new_release_opens_the_first_phase_alone() -> None:
    book = runbook(("first", (), (step("aa"), step("bb", needs=("aa",)))), ("later", ("first",), (step("cc"),)))
    found = stands(book)
    assert [state(found, own) for own in ("aa", "bb", "cc")] == [State.OPEN, State.NOT_YET, State.NOT_YET]
    assert found.next_for_me == "aa"
    found = stands(book, evidence("aa"), evidence("bb"))
    assert state(found, "cc") is State.OPEN
    assert found.phases[0].done
    assert found.next_for_me == "cc"


def test_evidence_of_another_image_is_stale_and_says_of_which() -> None:
    found = stands(one_step(bound_to="image"), evidence("one", subject=OLD))
    view = found.view("one")
    assert view is not None
    assert view.state is State.STALE
    assert view.reason == "stale: evidence is of image @aaaaaaa, now @ddddddd"
    assert view.may_run
    assert found.next_for_me == "one"


def test_another_consoles_record_of_the_same_image_counts_though_it_is_shortened() -> None:
    found = stands(one_step(bound_to="image"), evidence("one", subject=NEW[:19]))
    assert state(found, "one") is State.PASSED


def test_until_it_is_known_which_image_is_released_nothing_is_stale_and_nothing_can_be_bound_to_it() -> None:
    asked = replace(SUBJECT, image_id="repo/app:v1#app-2", pending="which image app-2 runs is being asked")
    later = step("later", bound_to="image", needs=("two",))
    book = runbook(("only", (), (step("one", bound_to="image"), step("two", bound_to="image"), later, step("three"))))
    found = stands(book, evidence("one", subject=NEW), subject=asked)
    assert state(found, "later") is State.NOT_YET
    for own in ("one", "two"):
        view = found.view(own)
        assert view is not None
        assert (view.state, view.may_run) == (State.VERIFYING, False)
        assert view.reason == view.why_not == "which image app-2 runs is being asked"
    assert found.next_for_me == "three"
    told = stands(book, evidence("one", subject=NEW), subject=replace(SUBJECT, image_id=NEW))
    assert [state(told, own) for own in ("one", "two")] == [State.PASSED, State.OPEN]


def test_nor_is_an_approval_called_void_before_and_a_forged_one_is_named_all_the_same() -> None:
    asked = replace(SUBJECT, pending="app-2 is being read")
    book = one_step(bound_to="image", signers=("code",))
    void = stands(book, subject=asked, observations={"one": Observation("waiting", "void: carlos's")})
    assert state(void, "one") is State.VERIFYING
    forged = stands(book, subject=asked, observations={"one": Observation("failed", "FORGED: mallory")})
    assert state(forged, "one") is State.FAILED


def test_what_passed_for_the_image_that_is_still_known_stays_so_while_the_revision_is_read() -> None:
    book = one_step(bound_to="image")
    found = stands(book, evidence("one", subject=NEW), subject=replace(SUBJECT, pending="app-2 is being read"))
    assert state(found, "one") is State.PASSED


def test_a_digest_that_cannot_be_read_makes_no_evidence_stale_and_says_so() -> None:
    unread = replace(SUBJECT, image_id="repo/app:v1#app-2", image_alias="repo/app:v1#app-2")
    found = stands(one_step(bound_to="image"), evidence("one", subject=NEW), subject=unread)
    view = found.view("one")
    assert view is not None
    assert (view.state, view.may_run) == (State.VERIFYING, False)
    assert view.reason == "evidence is of image @ddddddd; the digest of app:v1#app-2 cannot be read"


def test_evidence_from_before_the_digest_was_read_counts_after_it() -> None:
    alias = "repo/app:v1#app-2"
    found = stands(
        one_step(bound_to="image"), evidence("one", subject=alias), subject=replace(SUBJECT, image_alias=alias)
    )
    assert state(found, "one") is State.PASSED


def test_evidence_ages_and_is_open_again_by_itself() -> None:
    book = one_step(holds="30 min")
    assert state(stands(book, evidence("one", ago=timedelta(minutes=30))), "one") is State.PASSED
    view = stands(book, evidence("one", ago=timedelta(minutes=55))).view("one")
    assert view is not None
    assert (view.state, view.reason, view.may_run) == (State.STALE, "aged out 25 min ago", True)


def test_nothing_that_can_age_counts_before_the_cloud_has_told_its_time() -> None:
    assert state(stands(one_step(holds="30 min"), evidence("one"), now=None), "one") is State.STALE
    assert state(stands(one_step(), evidence("one"), now=None), "one") is State.PASSED


def test_a_word_that_was_used_is_not_asked_for_again_a_day_later() -> None:
    book = runbook(
        ("ask", (), (step("on_call", holds="4 h"),)),
        ("act", ("ask",), (step("deploy"), step("move"))),
        ("after", ("act",), (step("watch"),)),
    )
    day = timedelta(hours=20)
    half = stands(book, evidence("on_call", ago=day), evidence("deploy", ago=day))
    assert state(half, "on_call") is State.STALE
    assert state(half, "move") is State.NOT_YET
    used = stands(book, evidence("on_call", ago=day), evidence("deploy", ago=day), evidence("move", ago=day))
    assert state(used, "on_call") is State.PASSED
    assert state(used, "watch") is State.OPEN


def test_a_failed_staging_step_stops_the_release() -> None:
    book = runbook(("staging", (), (step("uat"),)), ("deploy", ("staging",), (step("go"),)))
    found = stands(book, evidence("uat", Result.FAILED))
    assert (state(found, "uat"), state(found, "go")) == (State.FAILED, State.NOT_YET)
    assert not found.phases[1].open
    assert [view.step.id for view in found.failed] == ["uat"]


def test_advice_that_failed_holds_nothing_up() -> None:
    book = runbook(("code", (), (step("lint", advice=True),)), ("next", ("code",), (step("go"),)))
    found = stands(book, evidence("lint", Result.FAILED))
    assert (state(found, "lint"), state(found, "go")) == (State.FAILED, State.OPEN)
    assert found.next_for_me == "go"


def test_one_of_two_ways_passes_both_and_while_it_runs_the_other_waits() -> None:
    book = runbook(
        ("deploy", (), (step("direct"), step("workflow", alternative_to="direct"))),
        ("next", ("deploy",), (step("go"),)),
    )
    found = stands(book, evidence("workflow"))
    assert (state(found, "direct"), state(found, "go")) == (State.PASSED, State.OPEN)
    running = stands(book, running={"workflow": Running("maria@example.com", NOW)})
    view = running.view("direct")
    assert view is not None
    assert not view.may_run
    assert "workflow" in view.why_not
    assert not stands(book, evidence("direct", Result.FAILED)).phases[0].done


def test_a_skip_needs_the_runbooks_leave_and_a_reason() -> None:
    allowed = one_step(skip=Skip())
    assert state(stands(allowed, evidence("one", Result.SKIPPED, reason="core is not touched")), "one") is State.SKIPPED
    assert state(stands(allowed, evidence("one", Result.SKIPPED)), "one") is State.OPEN
    assert state(stands(one_step(), evidence("one", Result.SKIPPED, reason="in a hurry")), "one") is State.OPEN
    view = stands(one_step()).view("one")
    assert view is not None
    assert not view.may_skip


def test_a_run_that_nobody_can_tell_of_asks_a_person_and_is_never_open_by_itself() -> None:
    found = stands(one_step(), evidence("one", Result.UNKNOWN))
    assert state(found, "one") is State.UNKNOWN
    assert found.view("one").may_run  # type: ignore[union-attr]  # to say which it was
    unsettled = stands(one_step(), unsettled={"one": "GitHub does not answer"})
    assert state(unsettled, "one") is State.UNKNOWN


def test_what_is_seen_counts_before_what_was_written_down() -> None:
    found = stands(one_step(), evidence("one"), observations={"one": Observation("failed", "rolled back")})
    assert (state(found, "one"), found.view("one").reason) == (State.FAILED, "rolled back")  # type: ignore[union-attr]


# Whose turn it is


def test_only_the_driver_runs_steps_and_others_are_told_who_that_is() -> None:
    view = stands(one_step(), me=WATCHER).view("one")
    assert view is not None
    assert not view.may_run
    assert "maria@example.com drives" in view.why_not


def test_another_person_signs_what_is_theirs_without_driving() -> None:
    book = one_step(signers=("tech_lead",))
    traits = {"one": Traits(ask=Ask.SIGN)}
    assert stands(book, me=WATCHER, traits=traits).next_for_me == "one"
    driver = Me("ana@example.com", frozenset({"code"}), drives=True, driver="ana@example.com")
    view = stands(book, me=driver, traits=traits).view("one")
    assert view is not None
    assert (view.state, view.waiting_for) == (State.WAITING, "tech lead")


def test_one_person_cannot_be_both_approvers() -> None:
    book = one_step(signers=("tech_lead",))
    traits = {"one": Traits(ask=Ask.SIGN)}
    seen = (ApprovalSeen("code", "maria@example.com", "verified"),)
    view = stands(book, traits=traits, approvals=seen).view("one")
    assert view is not None
    assert not view.may_run
    assert "two different people" in view.why_not


def test_who_signs_too_early_is_told_each_step_that_is_missing() -> None:
    sign = Step(
        id="code",
        title=Words(en="Code"),
        help=Words(en=""),
        kind="approval",
        settings={"role": "code"},
        needs=("called",),
    )
    book = runbook(
        ("staging", (), (step("ready"), step("uat", bound_to="image"), step("load", advice=True))),
        ("approval", ("staging",), (step("called"), sign)),
    )
    known = (evidence("ready"), evidence("uat", subject=OLD), evidence("load", Result.FAILED), evidence("called"))
    wanted = approving(book, "code")
    assert [one.id for one in wanted] == ["code"]
    missing = missing_for(stands(book, *known), wanted)
    assert missing == ("uat (uat) is stale: evidence is of image @aaaaaaa, now @ddddddd",)
    assert missing_for(stands(book, *known, evidence("uat", subject=NEW, ago=timedelta(0))), wanted) == ()
    assert missing_for(stands(book), approving(book, "tech_lead")) == (), "the runbook asks for none"


def test_one_step_at_a_time_but_for_what_runs_beside() -> None:
    book = runbook(("only", (), (step("aa"), step("bb"), step("watch"))))
    traits = {"watch": Traits(background=True)}
    busy = stands(book, running={"aa": Running("maria@example.com", NOW)}, traits=traits)
    assert not busy.view("bb").may_run  # type: ignore[union-attr]
    assert busy.view("watch").may_run  # type: ignore[union-attr]
    beside = stands(book, running={"watch": Running("maria@example.com", NOW)}, traits=traits)
    assert beside.view("aa").may_run  # type: ignore[union-attr]


def test_what_must_not_be_done_twice_is_not_offered_again() -> None:
    traits = {"one": Traits(once=True)}
    assert not stands(one_step(), evidence("one"), traits=traits).view("one").may_run  # type: ignore[union-attr]
    assert stands(one_step(), evidence("one")).view("one").may_run  # type: ignore[union-attr]


def test_a_release_that_is_over_takes_nothing_more_but_the_first_step_of_another() -> None:
    book = runbook(("first", (), (step("aa"), step("bb", needs=("aa",)))), ("later", ("first",), (step("cc"),)))
    found = stands(book, evidence("aa"), evidence("bb"), evidence("cc", Result.FAILED), closed="stopped")
    assert {view.step.id: view.may_run for view in found.steps} == {"aa": True, "bb": False, "cc": False}
    assert "the first step begins another" in found.view("cc").why_not  # type: ignore[union-attr]
    assert found.next_for_me == ""
    assert not stands(book, closed="done", me=WATCHER).view("aa").may_run  # type: ignore[union-attr]


# Of any evidence

SUBJECTS = ("", OLD, NEW, NEW[:19], "app-1", "app-2", "c1", "1" * 40)

steps = st.builds(
    lambda number, bound, holds, skip, advice: step(
        f"step_{number}", bound_to=bound, holds=holds, skip=Skip() if skip else None, advice=advice
    ),
    st.integers(0, 3),
    st.sampled_from(("release", "commit", "image", "revision")),
    st.sampled_from((None, "10 min", "4 h")),
    st.booleans(),
    st.booleans(),
)
known = st.builds(
    lambda number, result, ago, subject, reason, key: evidence(
        f"step_{number}", result, ago=timedelta(minutes=ago), subject=subject, reason=reason, key=key
    ),
    st.integers(0, 3),
    st.sampled_from(list(Result)),
    st.integers(0, 600),
    st.sampled_from(SUBJECTS),
    st.sampled_from(("", " ", "the core is not touched")),
    st.text("0123456789abcdef", min_size=4, max_size=4),
)


@st.composite
def books(draw: st.DrawFn) -> Runbook:
    chosen = draw(st.lists(steps, min_size=1, max_size=4, unique_by=lambda s: s.id))
    cut = draw(st.integers(1, len(chosen)))
    phases = [("first", (), tuple(chosen[:cut]))]
    if chosen[cut:]:
        phases.append(("later", ("first",) if draw(st.booleans()) else (), tuple(chosen[cut:])))
    return runbook(*phases)  # type: ignore[arg-type]


@given(books(), st.lists(known, max_size=12), st.booleans())
def test_no_step_is_passed_without_evidence_of_the_present_subject(
    book: Runbook, all_of_it: list[Evidence], clock: bool
) -> None:
    found = stands(book, *all_of_it, now=NOW if clock else None)
    for view in found.steps:
        if view.state is State.PASSED:
            assert view.evidence is not None
            assert view.evidence.step == view.step.id
            assert view.evidence.result is Result.PASSED
            assert not any(one.step == view.step.id and one.at > view.evidence.at for one in all_of_it), (
                "a newer run says otherwise"
            )
            if view.step.bound_to != "release":
                bound = SUBJECT.bound(view.step.bound_to)
                assert view.evidence.subject == bound or (
                    len(view.evidence.subject) >= 19 and bound.startswith(view.evidence.subject)
                )
        if view.state is State.SKIPPED:
            assert view.step.skip is not None
            assert view.evidence is not None
            assert view.evidence.reason.strip()
        if view.may_run:
            assert not view.unmet


@given(books(), st.lists(known, max_size=5))
def test_the_order_in_which_evidence_is_read_does_not_matter(book: Runbook, all_of_it: list[Evidence]) -> None:
    first = stands(book, *all_of_it)
    for order in list(permutations(all_of_it))[:24]:
        again = stands(book, *order)
        assert [(v.state, v.reason, v.may_run) for v in again.steps] == [
            (v.state, v.reason, v.may_run) for v in first.steps
        ]


@given(books(), st.lists(known, max_size=8))
def test_a_later_phase_opens_only_when_the_one_before_is_done(book: Runbook, all_of_it: list[Evidence]) -> None:
    found = stands(book, *all_of_it)
    for phase in found.phases:
        if phase.phase.needs and not found.phases[0].done:
            assert not phase.open
            assert not any(view.may_run for view in phase.steps)
