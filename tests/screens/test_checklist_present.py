"""What the checklist says, without a screen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import checklists as made
import pytest
from stub import ME, NOON

from console.runbook.evidence import Result
from console.runbook.kinds.base import Observation
from console.runbook.progress import State, StepView, state_word
from screens import checklist_present as present
from screens.checklist import release_line


def keys(id: str) -> str:
    return {"checklist_run": "Enter", "checklist_stop": "x", "checklist_skip": "s", "checklist_next": "n"}[id]


def view(checklist: made.Checklist, own: str) -> StepView:
    found = checklist.view(own)
    assert found is not None
    return found


def test_every_state_has_a_glyph_and_a_word_of_its_own() -> None:
    assert len({present.GLYPHS[state][0] for state in State}) == len(State)
    assert len({state_word(state) for state in State}) == len(State)


def test_phases_are_headings_and_count_what_is_done() -> None:
    rows = present.rows(made.stands(("git_current", "tests")))
    assert [row.word for row in rows if row.phase][:2] == ["2/4", "0/7"]
    assert [row.id for row in rows if row.mine] == ["lint"]


def test_a_forged_approval_is_a_word_of_its_own_and_names_the_forger() -> None:
    checklist = made.forged()
    row = next(row for row in present.rows(checklist) if row.id == "approve_tech_lead")
    assert row.word == "FORGED"
    card = present.card(checklist, view(checklist, "approve_tech_lead"), keys=keys)
    assert card.alarm
    assert "mallory@acme.example wrote it in the name of" in card.reason
    assert "mallory@acme.example" in present.alarm(checklist)
    assert present.alarm(made.fresh()) == ""


def test_a_new_image_makes_steps_stale_with_the_reason_and_takes_the_old_answers_away() -> None:
    checklist = made.stale_after_a_new_image()
    card = present.card(checklist, view(checklist, "staging_healthz"), keys=keys)
    assert card.word == "stale"
    assert "evidence is of image @a1b2c3d, now @0f1e2d3" in card.reason
    first = present.card(checklist, view(checklist, "staging_ready"), keys=keys)
    assert first.press[0] == ("Enter", "Run again")
    uat = replace(view(checklist, "uat"), evidence=made.passed("uat", items=made.cases(*["pass"] * 26)))
    assert present.items_of(uat) == ()


def test_a_void_approval_says_whose_and_why() -> None:
    checklist = made.stale_after_a_new_image()
    card = present.card(checklist, view(checklist, "approve_code"), keys=keys)
    assert f"void: {made.JUAN}'s" in card.reason


def test_a_case_is_asked_for_in_order_then_again_where_a_person_said_no() -> None:
    def uat(*results: str, result: Result = Result.PARTIAL) -> StepView:
        known = made.passed("uat", result=result, items=made.cases(*results))
        return view(made.stands(made.before("uat"), known=(known,)), "uat")

    assert present.open_case(uat("pass", "pass", "pass")) == "UAT-04"
    assert present.open_case(uat("pass", "pass", "fail")) == "UAT-04"
    failed = uat(*["pass"] * 2, "fail", *["pass"] * 23, result=Result.FAILED)
    assert present.open_case(failed) == "UAT-03"
    machines = uat("fail", *["pass"] * 25, result=Result.FAILED)
    assert present.open_case(machines) == ""


@pytest.mark.parametrize(
    ("checklist", "own"),
    [
        (made.fresh, "git_current"),
        (made.running_tests, "tests"),
        (made.uat_half_done, "uat"),
        (made.read_only, "load_test"),
    ],
)
def test_the_step_in_hand_is_what_is_next_or_runs(checklist: object, own: str) -> None:
    assert callable(checklist)
    assert present.in_hand(checklist()) == own


def test_whom_it_waits_for_is_chosen_where_nothing_is_ours() -> None:
    checklist = made.stands(
        made.before("approve_code"),
        me=replace(made.READER, roles=frozenset()),
        observations={
            "approve_code": Observation("verifying", f"{made.JUAN}: the audit log has not told yet"),
            "approve_tech_lead": Observation("waiting", waiting_for="tech lead"),
        },
    )
    assert present.in_hand(checklist) == "approve_code"
    row = next(row for row in present.rows(checklist) if row.id == "approve_tech_lead")
    assert row.word == "tech lead"


def test_the_canary_screens_line_says_how_far_and_what_next() -> None:
    assert present.next_line(made.uat_half_done(), "k") == (
        "runbook 16/38, next: ○ UAT checklist, 26 cases (13 of 26) · k"
    )
    assert present.next_line(made.fresh(), "k") == ""
    assert present.next_line(made.stands(made.ids()), "k") == ""


def test_evidence_tells_by_whom_when_and_of_which_image() -> None:
    checklist = made.stands(made.before("uat"), now=NOON + timedelta(hours=3))
    card = present.card(checklist, view(checklist, "staging_healthz"), keys=keys)
    assert card.evidence == (
        ("by", ME),
        ("at", "Wed 2026-11-25 12:03:31 UTC, 3 h ago"),
        ("of", "@a1b2c3d4a1b2"),
    )


def test_the_line_on_top_says_whose_console_this_is() -> None:
    assert "you drive" in release_line(made.stands(("git_current",))).plain
    told = release_line(made.read_only()).plain
    assert told.startswith(f" READ-ONLY: {made.JUAN} drives")
    assert "▲ The journal is full" in release_line(made.stands(problems=("The journal is full",))).plain
