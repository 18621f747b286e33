"""An operator walks the runbook: what Enter does, where the cursor goes, what is asked first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import checklists as made
import pytest
from pictures import screen_text
from stub import ME, NOON, make_app, snapshot
from textual.pilot import Pilot

from console.app import ConsoleApp
from console.errors import CanarioError
from console.notify import Message, Undelivered
from console.runbook.evidence import Progress, Result
from console.runbook.kinds.base import Answer, Observation
from console.runbook.progress import Checklist, Running
from screens.dialogs.base import Dialog
from screens.dialogs.move import MoveDialog
from widgets.step_list import StepList

REASON = "the change touches no message handling"


def opened(checklist: Checklist, canary: int = 0) -> tuple[ConsoleApp, made.StubWalk]:
    walk = made.StubWalk(checklist)
    return make_app(snapshot(canary), walk=walk), walk


async def settle(pilot: Pilot[int]) -> None:
    for _ in range(3):
        await pilot.pause()
        pilot.app.repaint()  # type: ignore[attr-defined]
    await pilot.pause()


async def press(pilot: Pilot[int], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


async def shows(pilot: Pilot[int], text: str) -> bool:
    """Whether `text` comes to be seen: a pane that has just been filled scrolls once its size is known."""
    for _ in range(60):
        if text in words(pilot.app):  # type: ignore[arg-type]
            return True
        await settle(pilot)
    return False


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No quiet time: tests press on."""
    monkeypatch.setattr("screens.dialogs.base.QUIET_S", 0.0)
    monkeypatch.setattr("screens.checklist.SETTLE_S", 0.0)


def chosen(app: ConsoleApp) -> str:
    return app.screen.query_one(StepList).chosen


def words(app: ConsoleApp) -> str:
    return " ".join(screen_text(app).replace("│", " ").split())


async def test_the_step_that_is_next_is_chosen_and_enter_runs_it() -> None:
    app, walk = opened(made.stands(("git_current",)))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k")
        assert chosen(app) == "tests"
        await press(pilot, "enter")
        assert walk.asked == [("run", "tests")]


async def test_once_a_step_has_passed_the_next_one_is_chosen_by_itself() -> None:
    app, walk = opened(made.stands(("git_current",)))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "enter")
        walk.latest = made.stands(("git_current", "tests"))
        await settle(pilot)
        assert chosen(app) == "lint"


async def test_the_cursor_stays_where_the_operator_has_put_it() -> None:
    app, walk = opened(made.stands(("git_current",)))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "enter", "down")
        assert chosen(app) == "lint"
        walk.latest = made.stands(("git_current", "tests", "lint"))
        await settle(pilot)
        assert chosen(app) == "lint"
        await press(pilot, "n")
        assert chosen(app) == "security"


async def test_a_step_that_failed_keeps_the_cursor_and_says_what_to_do() -> None:
    app, walk = opened(made.stands(("git_current",)))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "enter")
        failed = made.passed(
            "tests", result=Result.FAILED, sentence="coverage 74 %", remedy="Fix it, commit, and press Enter again."
        )
        walk.latest = made.stands(("git_current",), known=(failed,))
        await settle(pilot)
        assert chosen(app) == "tests"
        assert "coverage 74 %" in words(app)
        assert "→ Fix it, commit, and press Enter again." in words(app)


async def test_enter_typed_ahead_of_the_cursors_own_move_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.checklist.SETTLE_S", 60.0)
    app, walk = opened(made.stands(("git_current",)))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "enter")
        walk.latest = made.stands(("git_current", "tests"))
        await settle(pilot)
        await press(pilot, "enter")
        assert walk.asked == [("run", "tests")]


async def test_output_is_followed_until_it_is_scrolled_back() -> None:
    app, walk = opened(made.running_tests(60))
    async with app.run_test(size=(120, 24)) as pilot:
        await press(pilot, "k")
        assert await shows(pilot, "test_slot_59")
        await press(pilot, "pageup", "pageup")
        assert "test_slot_59" not in words(app)
        walk.latest = made.running_tests(61)
        await settle(pilot)
        assert "test_slot_60" not in words(app)
        await press(pilot, *["pagedown"] * 4)
        walk.latest = made.running_tests(62)
        await settle(pilot)
        assert await shows(pilot, "test_slot_61")


async def test_x_stops_what_runs_here() -> None:
    app, walk = opened(made.running_tests())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "x")
        assert walk.asked == [("cancel", "tests")]


async def test_what_can_not_be_done_twice_is_asked_for_once_more() -> None:
    app, walk = opened(made.stands(made.before("pr_merged")))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "enter")
        assert walk.asked == []
        assert "Enter Do it" in words(app)
        await press(pilot, "enter")
        assert walk.asked == [("run", "pr_merged")]


async def test_a_word_is_signed_by_name_and_may_be_no() -> None:
    app, walk = opened(made.stands(made.before("on_call")))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k")
        assert "#incidents" in words(app)
        await press(pilot, "enter")
        assert f"Signed as {ME}." in words(app)
        await press(pilot, *"ana", "enter")
        assert walk.answers == [Answer(word="yes", note="ana")]
        await press(pilot, "enter", "f2")
        assert walk.answers[-1] == Answer(word="no")


async def test_cases_are_answered_one_after_the_other() -> None:
    before = made.before("uat")

    def after(*results: str) -> Checklist:
        return made.stands(before, known=(made.passed("uat", result=Result.PARTIAL, items=made.cases(*results)),))

    app, walk = opened(after("pass", "pass"))
    async with app.run_test(size=(120, 40)) as pilot:
        walk.then = [after(*["pass"] * 3), after(*["pass"] * 4)]
        await press(pilot, "k", "enter")
        assert "UAT-03 · critical" in words(app)
        await press(pilot, "enter")
        assert "UAT-04 · critical" in words(app)
        await press(pilot, "enter")
        assert [answer.item for answer in walk.answers] == ["UAT-03", "UAT-04"]
        await press(pilot, "escape")
        assert not isinstance(app.screen, Dialog)


async def test_a_case_that_failed_needs_a_note_which_is_offered_for_the_pull_request() -> None:
    before = made.before("uat")
    noted = tuple(
        replace(item, note="hora llena") if item.id == "UAT-03" else item for item in made.cases("pass", "pass", "fail")
    )
    app, walk = opened(
        made.stands(before, known=(made.passed("uat", result=Result.PARTIAL, items=made.cases("pass", "pass")),))
    )
    walk.then = [made.stands(before, known=(made.passed("uat", result=Result.FAILED, items=noted),))]
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "enter", "f2")
        assert walk.answers == []
        assert "Write in one line what you saw, then Enter." in words(app)
        await press(pilot, *"hora", "space", *"llena", "enter")
        assert walk.answers == [Answer(word="fail", item="UAT-03", note="hora llena")]
        assert "UAT-03 failed: note it on the pull request?" in words(app)
        await press(pilot, "enter")
        assert walk.answers[-1] == Answer(word="post", item="UAT-03")


async def test_a_step_is_skipped_with_a_reason_only_where_the_runbook_allows_it() -> None:
    app, walk = opened(made.stands((*made.before("uat"), "uat")))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k")
        assert chosen(app) == "load_test"
        await press(pilot, "s")
        assert "nothing changed in core message handling" in words(app)
        await press(pilot, *"short", "enter")
        assert walk.asked == []
        await press(pilot, *[" " if key == "_" else key for key in REASON.replace(" ", "_")], "enter")
        assert walk.asked == [("skip", "load_test", f"short{REASON}")]


async def test_a_move_of_the_plan_opens_the_dialog_of_the_canary_screen() -> None:
    app, walk = opened(made.stands(made.before("canary_10")))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k")
        assert chosen(app) == "canary_10"
        await press(pilot, "enter")
        assert isinstance(app.screen, MoveDialog)
        assert app.screen.proposal.action.percent == 10
        assert walk.asked == []


async def test_a_bake_passes_by_itself_and_the_next_move_is_chosen() -> None:
    baking = {"bake_10": Observation("running", "3:12 of 5:00 observed", 0.64)}
    app, walk = opened(made.stands(made.before("bake_10"), observations=baking), canary=10)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k")
        assert chosen(app) == "bake_10"
        assert "3:12 of 5:00 observed" in words(app)
        walk.latest = made.stands(made.before("canary_50"), observations={"bake_10": Observation("passed", "PASS")})
        await settle(pilot)
        assert chosen(app) == "canary_50"


async def test_a_run_that_was_cut_off_is_looked_at_again_and_is_no_box_to_tick() -> None:
    app, walk = opened(made.stands(made.before("pr_merged"), unsettled={"pr_merged": "GitHub does not tell"}))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k")
        assert "Look again" in words(app)
        await press(pilot, "enter")
        assert "It was done" not in words(app)
        assert walk.answers == [Answer()]


async def test_only_where_nothing_can_be_asked_a_person_says_what_became_of_a_run() -> None:
    stands = made.stands(made.before("pr_merged"), unsettled={"pr_merged": "nothing can be asked"})
    app, walk = opened(_blind(stands, "pr_merged"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "enter")
        assert "kept as your word" in words(app)
        assert "Enter It was done" in words(app)
        await press(pilot, "f2")
        assert walk.answers == [Answer(word="no")]


def _blind(checklist: Checklist, own: str) -> Checklist:
    """`checklist` with one step of a kind that nothing can be asked about."""
    phases = tuple(
        replace(
            phase,
            steps=tuple(
                replace(view, traits=replace(view.traits, looks=False)) if view.step.id == own else view
                for view in phase.steps
            ),
        )
        for phase in checklist.phases
    )
    return replace(checklist, phases=phases)


async def test_a_second_console_is_read_only_and_says_whose_the_seat_is() -> None:
    app, walk = opened(made.stands(made.before("load_test"), me=made.READER))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "enter")
        assert f"READ-ONLY: {made.JUAN} drives" in words(app)
        assert walk.asked == []
        assert "Take over?" in words(app)


@pytest.mark.parametrize("key", ["t", "enter"])
async def test_taking_the_seat_of_a_live_console_needs_a_reason(key: str) -> None:
    app, walk = opened(made.stands(made.before("load_test"), me=made.READER, driver_expires=NOON.replace(hour=13)))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", key, "enter")
        assert walk.asked == []
        await press(pilot, *"juan_has_gone_to_lunch", "enter")
        assert walk.asked == [("take_over", "juan_has_gone_to_lunch")]
        walk.latest = made.stands(made.before("load_test"))
        await settle(pilot)
        assert "you drive" in words(app)


async def test_a_second_console_signs_its_own_step() -> None:
    waiting = {"approve_code": Observation("waiting", waiting_for="code")}
    app, walk = opened(made.stands(made.before("approve_code"), me=made.READER, observations=waiting))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k")
        assert chosen(app) == "approve_code"
        await press(pilot, "enter")
        assert "Enter Approve" in words(app)
        await press(pilot, "enter")
        assert walk.asked == [("run", "approve_code")]


async def test_an_image_that_changed_while_the_dialog_was_read_is_not_signed() -> None:
    waiting = {"approve_code": Observation("waiting", waiting_for="code")}
    app, walk = opened(made.stands(made.before("approve_code"), me=made.READER, observations=waiting))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "enter")
        walk.latest = made.stale_after_a_new_image()
        await settle(pilot)
        await press(pilot, "enter")
        assert walk.asked == []
        assert "The image has changed since you read it" in words(app), words(app)


async def test_a_dialog_over_a_step_that_passed_meanwhile_says_so_and_enter_does_nothing() -> None:
    app, walk = opened(made.stands(made.before("pr_merged")))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "enter")
        assert "Enter Do it" in words(app)
        walk.latest = made.stands((*made.before("pr_merged"), "pr_merged"))
        await settle(pilot)
        assert f"settled meanwhile by {ME}. all well" in words(app)
        assert "(Enter does nothing any more) Esc Close F9 Roll back" in words(app)
        await press(pilot, "enter", "enter")
        assert isinstance(app.screen, Dialog)
        await press(pilot, "escape")
        assert not isinstance(app.screen, Dialog)
        assert walk.asked == []


async def test_a_dialog_over_a_step_that_another_console_runs_waits_until_that_has_ended() -> None:
    app, walk = opened(made.stands(made.before("pr_merged")))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "enter")
        theirs = Running(made.JUAN, NOON, ours=False)
        walk.latest = made.stands(made.before("pr_merged"), running={"pr_merged": theirs})
        await settle(pilot)
        assert f"{made.JUAN} has started this step meanwhile." in words(app)
        await press(pilot, "enter")
        assert walk.asked == []
        walk.latest = made.stands(made.before("pr_merged"))  # it was stopped there
        await settle(pilot)
        await press(pilot, "enter")
        assert walk.asked == [("run", "pr_merged")]


async def test_a_case_that_another_console_has_answered_is_not_answered_over_it() -> None:
    app, walk = opened(made.uat_half_done())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "enter")
        assert "UAT-14" in words(app)
        known = made.passed(
            "uat", result=Result.PARTIAL, sentence="14 of 26", items=made.cases(*["pass"] * 13, "fail"), by=made.JUAN
        )
        walk.latest = made.stands(made.before("uat"), known=(known,))
        await settle(pilot)
        assert "has answered this case meanwhile: fail." in words(app)
        await press(pilot, *"seen", "f2", "enter", "escape")
        assert walk.asked == []


async def test_a_skip_is_asked_for_no_more_once_the_step_has_passed() -> None:
    done = (*made.before("uat"), "uat")
    app, walk = opened(made.stands(done))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "s", *[" " if key == "_" else key for key in REASON.replace(" ", "_")])
        walk.latest = made.stands((*done, "load_test"))
        await settle(pilot)
        await press(pilot, "enter", "escape")
        assert walk.asked == []


async def test_a_seat_that_was_given_up_meanwhile_is_not_taken_by_an_old_question() -> None:
    driven = made.stands(made.before("load_test"), me=made.READER)
    app, walk = opened(driven)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "enter")
        assert "Take over?" in words(app)
        walk.latest = replace(driven, me=replace(driven.me, driver="", drives=False))
        await settle(pilot)
        assert "nobody drives this release now." in words(app)
        await press(pilot, *"a_good_long_reason", "enter", "escape")
        assert walk.asked == []


@pytest.mark.parametrize("screen", ["c", "k", "l", "h"])
async def test_a_forged_approval_is_told_on_every_screen_with_who_forged_it(screen: str) -> None:
    app, _walk = opened(made.forged())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, screen)
        assert f"FORGED APPROVAL (tech lead): mallory@acme.example wrote it in the name of {made.JUAN}" in words(app)


async def test_what_the_walk_refuses_is_said_and_nothing_crashes() -> None:
    app, walk = opened(made.stands(("git_current",)))
    walk.error = CanarioError("pytest is not installed here.", remedy="Install it.")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "enter")
        assert "pytest is not installed here." in words(app)


async def test_a_dialog_that_is_answered_twice_is_answered_once() -> None:
    app, walk = opened(made.stands(made.before("pr_merged")))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "enter")
        dialog: Any = app.screen
        dialog.confirm()
        dialog.confirm()
        await settle(pilot)
        assert walk.asked == [("run", "pr_merged")]


async def test_the_canary_screen_says_what_the_runbooks_next_step_is() -> None:
    app, _walk = opened(made.uat_half_done())
    for size in ((120, 40), (80, 24)):
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            assert "next: ○ UAT checklist, 26 cases (13 of 26) · k" in words(app)
        app, _walk = opened(made.uat_half_done())


@pytest.mark.parametrize("canary", [0, 10, 50, 100])
async def test_the_footer_names_every_view_of_the_release_at_120_columns(canary: int) -> None:
    app, _walk = opened(made.fresh(), canary)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        footer = screen_text(app).splitlines()[-1]
        assert footer.strip().startswith("r F9 Roll back")
        for key in ("? Help", "k Checklist", "l Logs", "m Metrics"):
            assert key in footer


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_footer_of_the_checklist_names_its_own_keys_behind_the_rollback(size: tuple[int, int]) -> None:
    app, _walk = opened(made.uat_half_done())
    async with app.run_test(size=size) as pilot:
        await press(pilot, "k")
        await settle(pilot)
        footer = screen_text(app).splitlines()[-1].strip()
        assert footer.startswith("r F9 Roll back")
        places = [footer.index(key) for key in ("Enter Run or sign", "n Next open step", "s Skip", "i Contacts")]
        assert places == sorted(places)


async def test_until_the_runbook_is_read_the_screen_says_so() -> None:
    app = make_app(snapshot(0))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k", "enter")
        assert "reading the runbook" in words(app)
        assert "The runbook is not read yet" in str([told.message for told in app._notifications])


async def test_a_load_test_shows_its_curves_while_it_runs() -> None:
    told = Progress(
        "50 users, 44 requests/s", 0.5, ("line",) * 60, curves={"P95 ms": (120.0, 140.0), "errors %": (0.0, 0.2)}
    )
    app, _walk = opened(made.stands(made.before("load_test"), running={"load_test": Running(ME, NOON, told)}))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "k")
        assert "50 users, 44 requests/s" in words(app)
        assert "140" in words(app)
        assert "50 %" in words(app)


async def test_a_limit_crossed_in_the_24_hours_opens_the_rollback_with_the_way_back_chosen_once() -> None:
    app, walk = opened(made.stands(made.before("watch_24h")), canary=100)
    crossed = made.passed(
        "watch_24h",
        result=Result.FAILED,
        sentence="3.1 % errors in 9,120 requests, limit 1 %",
        figures=(("rollback_to", "wa-backend-00041-kud"),),
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert not isinstance(app.screen, Dialog)
        walk.latest = made.stands(made.before("watch_24h"), known=(crossed,))
        await settle(pilot)
        assert "A limit was crossed: roll back to 00041-kud?" in words(app)
        assert "3.1 % errors in 9,120 requests" in words(app)
        await press(pilot, "escape")
        walk.latest = made.stands(made.before("watch_24h"), known=(crossed,))
        await settle(pilot)
        assert not isinstance(app.screen, Dialog)
        assert app.stub.actions.asked == []  # type: ignore[attr-defined]


async def test_whose_seat_was_taken_is_told_by_whom_on_any_screen() -> None:
    app, walk = opened(made.stands(("git_current",)))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        walk.latest = made.stands(("git_current",), me=made.READER)
        await settle(pilot)
        assert f"{made.JUAN} took the driver's seat of the runbook" in words(app)


async def test_what_slack_did_not_get_is_listed_and_w_sends_it_again() -> None:
    app, _walk = opened(made.stands(("git_current",)))
    notifier = app.stub.session.notifier  # type: ignore[attr-defined]
    notifier.undelivered = [Undelivered(Message("❌ DEPLOYMENT ROLLED BACK"), "Slack answered 503.")]
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "l")
        assert "Slack did not get: ❌ DEPLOYMENT ROLLED BACK (Slack answered 503.)" in words(app)
        await press(pilot, "k")
        assert "Slack did not get 1 message: ❌ DEPLOYMENT ROLLED BACK (Slack answered 503.) · w sends again" in words(
            app
        )
        await press(pilot, "w")
        assert notifier.retried == 1
        assert "Slack has them all now." in str([told.message for told in app._notifications])
        assert "w sends again" not in words(app)


async def test_a_step_whose_message_did_not_go_out_says_so_and_enter_sends_it_again() -> None:
    kept = made.passed(
        "staging_passed",
        sentence="not sent, and kept: Slack answered 503.",
        problems=("Slack answered 503.",),
        remedy="Run this step again to send it again.",
        excerpt=("✅ STAGING VALIDATION PASSED", "Branch: main"),
    )
    app, walk = opened(made.stands((*made.before("staging_passed"),), known=(kept,)))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "k")
        app.screen.query_one(StepList).choose("staging_passed")
        await settle(pilot)
        assert "▲ check Slack" in words(app)
        assert "Enter Send again" in words(app)
        assert "Branch: main" in words(app)
        await press(pilot, "enter", "enter")
        assert walk.asked == [("run", "staging_passed")]


@pytest.mark.parametrize("key", ["f", "ctrl+p"])
async def test_the_report_of_the_latest_release_is_offered_with_its_path(key: str) -> None:
    app, _walk = opened(made.fresh(), canary=10)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, key)
        if key == "ctrl+p":
            await press(pilot, *"Report")
            await pilot.pause(0.3)
            await press(pilot, "enter")
        assert await shows(pilot, "Write the report of 2026-11-25-1200-00042-vez?")
        assert "canario-wa-backend-2026-11-25-1200-00042-vez.html" in words(app)
        assert "Enter Write" in words(app)
