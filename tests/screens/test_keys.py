"""What a key does, where it is heard, and that no wrong one costs anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from pictures import screen_text
from stub import (
    FRIDAY,
    ME,
    STABLE,
    make_app,
    release,
    rolled_back_release,
    service,
    snapshot,
    verdict,
)
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from console.actions.outcome import RollbackProgress
from console.app import ConsoleApp
from console.errors import CanarioError, UnavailableError
from console.opening import FASTEST
from console.settings import Settings
from console.verdict.base import Word
from console.watch.snapshot import Snapshot
from screens.dialogs import base as dialog_base
from screens.dialogs.base import Dialog
from screens.dialogs.move import MoveDialog


@pytest.fixture(autouse=True)
def no_quiet_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests press Enter at once; the one about the quiet time sets it itself."""
    monkeypatch.setattr(dialog_base, "QUIET_S", 0.0)


def asked(app: ConsoleApp) -> list[str]:
    return [name for name, _arguments in app.stub.actions.asked]  # type: ignore[attr-defined]


async def settle(pilot: Pilot[int]) -> None:
    await pilot.pause()
    pilot.app.repaint()  # type: ignore[attr-defined]
    await pilot.pause()


async def press(pilot: Pilot[int], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


def healthy(step: int = 10) -> Snapshot:
    return snapshot(step, verdict=verdict(Word.PASS, "0.2 % errors in 6,214 requests", done=True))


DIALOGS = {
    "move": ("2", MoveDialog),
    "deploy": ("d", Dialog),
    "disarm": ("a", MoveDialog),
    "help": ("question_mark", Dialog),
    "quit": ("q", Dialog),
    "environments": ("e", Dialog),
}


@pytest.mark.parametrize("name", DIALOGS)
async def test_f9_rolls_back_at_once_from_inside_every_dialog(name: str) -> None:
    key, kind = DIALOGS[name]
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, key)
        assert isinstance(app.screen, kind)
        assert "F9 Roll back" in screen_text(app)
        await press(pilot, "f9")
        assert asked(app) == ["rollback"]


async def test_f9_rolls_back_while_a_reason_is_being_typed() -> None:
    app = make_app(snapshot(10))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "2", *"our reas")
        assert isinstance(app.focused, Input)
        assert app.focused.value == "our reas"
        assert asked(app) == []
        await press(pilot, "f9")
        assert asked(app) == ["rollback"]


async def test_f9_rolls_back_from_the_command_palette_and_the_log_filter() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "ctrl+p", "f9")
        assert asked(app) == ["rollback"]
        await press(pilot, "escape", "escape", "l", "slash", "r", "f9")
        assert asked(app) == ["rollback", "rollback"]


@pytest.mark.parametrize("screen", ["c", "l"])
async def test_the_logs_keys_are_heard_wherever_a_log_is_shown(screen: str) -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, screen, "s", "s", "s", "v")
        assert "ERROR+ · canary only" in screen_text(app)
        await press(pilot, "slash", *"slots")
        assert "lines with slots" in screen_text(app)
        await press(pilot, "enter", "p")
        assert "paused" in screen_text(app)


async def test_the_arrows_change_the_charts_span() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "m", "right", "right")
        assert "▸3 h" in screen_text(app)
        await press(pilot, "left")
        assert "▸30 min" in screen_text(app)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_what_is_said_meanwhile_covers_no_dialogs_way_out(size: tuple[int, int]) -> None:
    app = make_app(snapshot(10, now=FRIDAY))
    async with app.run_test(size=size, notifications=True) as pilot:
        app.say("The automatic rollback is armed.")
        await press(pilot, "2")
        app.say("The tag canary still reaches wa-backend-00042-vez (http://127.0.0.1:41291).", "warning")
        for _ in range(60):  # the dialog makes room for it once it is laid out
            await settle(pilot)
            shown = screen_text(app).replace("\u00a0", " ")
            if "Esc Leave as it is" in shown:
                break
        assert "still reaches" in shown
        assert "Esc Leave as it is     F9 Roll back" in shown
        assert not app.query("Toast")
        assert "canary 00042-vez 10 %" in shown, "nor does the split that is asked about scroll away"


@pytest.mark.parametrize("screen", ["c", "l", "m", "h"])
async def test_r_rolls_back_at_once_from_every_screen_and_asks_nothing(screen: str) -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, screen, "r")
        assert asked(app) == ["rollback"]
        assert not isinstance(app.screen, Dialog)


async def test_rollback_works_on_a_friday_with_a_failed_judge_and_no_feeds() -> None:
    app = make_app(snapshot(10, now=FRIDAY, verdict=None, feeds=(), readiness=replace(snapshot().readiness, ok=False)))
    async with app.run_test() as pilot:
        await press(pilot, "r")
        assert asked(app) == ["rollback"]


async def test_keys_typed_while_a_dialog_is_open_move_nothing() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "2", "r", "1", "3", "u", "a", "plus", "q")
        assert isinstance(app.screen, MoveDialog)
        assert asked(app) == []


async def test_pasting_text_with_an_r_in_it_moves_nothing() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        app.post_message(events.Paste("rollback\r1\r"))
        await settle(pilot)
        assert asked(app) == []


async def test_a_second_r_does_not_send_a_second_rollback() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        app.stub.hold = True
        await press(pilot, "r", "r", "f9")
        assert asked(app) == ["rollback"]


async def test_a_failed_rollback_says_so_and_the_key_sends_another() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        app.stub.hold = True
        await press(pilot, "r")
        app.stub.pending.pop().set_exception(UnavailableError("The cloud does not answer."))
        await settle(pilot)
        assert "The cloud does not answer." in screen_text(app)
        await press(pilot, "r")
        assert asked(app) == ["rollback", "rollback"]


async def test_the_screen_follows_a_rollback_to_its_end() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        app.stub.hold = True
        await press(pilot, "l", "r")
        app.stub.actions.rollback_progress = RollbackProgress("retrying", 995.0, 3, {STABLE: 100}, problem="no answer")
        await settle(pilot)
        assert "rolling back to 00041-kud: attempt 3, 5.0 s · no answer" in screen_text(app)
        app.stub.actions.rollback_progress = RollbackProgress("done", 995.0, 3, {STABLE: 100}, timedelta(seconds=2.1))
        app.stub.publish(snapshot(0, release=rolled_back_release()))
        await press(pilot, "c")
        assert "00041-kud in 2.1 s" in screen_text(app)


async def test_before_the_connection_is_open_rollback_waits_says_so_and_leaves_by_itself() -> None:
    app = make_app(None)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "f9")
        text = " ".join(screen_text(app).split())
        assert "ROLLBACK ASKED FOR" in text
        assert "Esc cancels it" in text
        assert asked(app) == []
        app.stub.open(healthy())
        await settle(pilot)
        assert asked(app) == ["rollback"]
        assert "ROLLBACK ASKED FOR" not in screen_text(app)


async def test_esc_cancels_a_rollback_that_still_waits() -> None:
    app = make_app(None)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "r", "escape")
        app.stub.open(healthy())
        await settle(pilot)
        assert asked(app) == []


async def test_a_failed_connection_is_named_while_a_rollback_waits() -> None:
    app = make_app(None)
    async with app.run_test(size=(120, 40)) as pilot:
        app.stub.state, app.stub.problem = "failed", "No credentials: run gcloud auth application-default login."
        await press(pilot, "r")
        text = " ".join(screen_text(app).split())
        assert "ROLLBACK ASKED FOR, waiting: No credentials" in text


async def test_esc_stops_the_countdown_and_nothing_else_does() -> None:
    app = make_app(snapshot(10, bad=True))
    async with app.run_test(size=(120, 40)) as pilot:
        app.stub.count_down(8)
        await press(pilot, "l", "m", "c", "question_mark")
        assert "stop_countdown" not in asked(app)
        await press(pilot, "escape")
        assert asked(app) == ["stop_countdown"]
        assert isinstance(app.screen, Dialog), "Esc stops the countdown first; the dialog stays"
        await press(pilot, "escape")
        assert not isinstance(app.screen, Dialog)


@pytest.mark.parametrize("key", ["r", "f9"])
async def test_r_and_f9_do_not_wait_for_the_countdown(key: str) -> None:
    app = make_app(snapshot(10, bad=True))
    async with app.run_test(size=(120, 40)) as pilot:
        app.stub.count_down(8)
        await press(pilot, key)
        assert asked(app) == ["rollback"]


@pytest.mark.parametrize("screen", ["l", "m", "h", "question_mark", "2"])
async def test_the_countdown_is_seen_on_every_screen_and_dialog(screen: str) -> None:
    app = make_app(snapshot(10, bad=True))
    async with app.run_test(size=(120, 40)) as pilot:
        app.stub.count_down(8)
        await press(pilot, screen)
        text = " ".join(screen_text(app).split())
        assert "Automatic rollback in 8 s" in text
        assert "Esc stops it" in text


async def test_a_step_asks_first_and_enter_sends_it_with_what_was_seen() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "2")
        text = " ".join(screen_text(app).split())
        assert "PRODUCTION: canary 10 % → 50 %?" in text
        assert "now canary 00042-vez 10 % stable 00041-kud 90 %" in text.replace("\u00a0", " ")
        assert "then canary 00042-vez 50 % stable 00041-kud 50 %" in text.replace("\u00a0", " ")
        assert asked(app) == []
        await press(pilot, "enter")
        name, arguments = app.stub.actions.asked[0]
        assert (name, arguments[0]) == ("shift", 50)
        assert dict(arguments[1:])["seen"] == service(10)  # type: ignore[call-overload]


async def test_esc_leaves_the_split_as_it_is() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "2", "escape")
        assert asked(app) == []
        assert not isinstance(app.screen, Dialog)


async def test_enter_is_dead_while_a_guardrail_that_nothing_overrides_blocks() -> None:
    app = make_app(snapshot(10, bad=True))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "2")
        assert "nothing overrides it" in " ".join(screen_text(app).split())
        await press(pilot, "enter")
        assert isinstance(app.screen, MoveDialog)
        assert asked(app) == []


async def test_a_written_reason_of_ten_characters_overrides_the_window() -> None:
    app = make_app(snapshot(10, now=FRIDAY, verdict=verdict(Word.PASS, "well", done=True)))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "2")
        text = " ".join(screen_text(app).split())
        assert "outside Tue-Thu 10:00-14:00" in text
        assert "passes by itself" in text
        await press(pilot, *"too short", "enter")
        assert asked(app) == []
        await press(pilot, *" now", "enter")
        assert asked(app) == ["shift"]
        assert ("reason", "too short now") in app.stub.actions.asked[0][1]


async def test_the_dialog_follows_the_picture_while_it_is_open() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "2")
        assert app.screen.can_confirm()
        app.stub.publish(snapshot(10, bad=True))
        await settle(pilot)
        assert not app.screen.can_confirm()
        app.stub.publish(healthy())
        await settle(pilot)
        assert app.screen.can_confirm()


async def test_a_split_that_somebody_else_moved_is_seen_before_enter() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "2")
        moved = replace(healthy(), service=service(30, last_modifier="juan@acme.example"))
        app.stub.publish(moved)
        await settle(pilot)
        text = " ".join(screen_text(app).split())
        assert "juan@acme.example" in text
        await press(pilot, "enter")
        assert asked(app) == []


async def test_an_enter_that_is_held_down_confirms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(dialog_base, "QUIET_S", 0.3)
    monkeypatch.setattr(dialog_base, "monotonic", lambda: now[0])
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "2")
        for _ in range(5):
            now[0] += 0.05
            await press(pilot, "enter")
        assert asked(app) == []
        now[0] += 0.5
        await press(pilot, "enter")
        assert asked(app) == ["shift"]


async def test_plus_and_minus_are_five_points_and_never_pass_the_next_step() -> None:
    app = make_app(replace(healthy(), service=service(45), release=release(45)))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "plus")
        assert "45 % → 50 %" in screen_text(app)
        await press(pilot, "escape", "minus")
        assert "45 % → 40 %" in screen_text(app)
        await press(pilot, "enter")
        assert app.stub.actions.asked[0][1][0] == 40


async def test_undo_shows_what_it_goes_back_to() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "u")
        assert "Undo the last move: canary 10 % → 0 %?" in screen_text(app)
        await press(pilot, "enter")
        assert asked(app) == ["undo"]


async def test_disarming_asks_for_a_reason_and_arming_does_not() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a", "enter")
        assert asked(app) == []
        await press(pilot, *"load test now", "enter")
        assert app.stub.actions.asked[0] == ("set_auto_rollback", (False, ("reason", "load test now")))
        app.stub.publish(replace(healthy(), release=release(10, auto_rollback=False)))
        await settle(pilot)
        await press(pilot, "a")
        assert app.stub.actions.asked[1] == ("set_auto_rollback", (True,))


async def test_a_gone_drivers_release_is_taken_over_and_a_live_ones_only_with_a_reason() -> None:
    app = make_app(replace(healthy(), release=release(10, session="other", expires=-5)))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "t", "enter")
        assert asked(app) == ["take_over"]
    driver = release(10).driver
    assert driver is not None
    live = release(10, driver=driver.model_copy(update={"session": "other", "email": "juan@acme.example"}))
    app = make_app(replace(healthy(), release=live))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "t", "enter")
        assert asked(app) == []
        await press(pilot, *"juan is asleep", "enter")
        assert asked(app) == ["take_over"]


async def test_deploying_asks_for_image_and_tag_and_says_what_is_wrong() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "d", "enter")
        assert asked(app) == []
        await press(pilot, *"registry/app:v2")
        app.screen.query_one("#tag", Input).value = "Not A Tag"
        await settle(pilot)
        assert "A tag is lower case" in screen_text(app)
        await press(pilot, "enter")
        assert asked(app) == []
        app.screen.query_one("#tag", Input).value = "canary"
        await press(pilot, "enter")
        assert app.stub.actions.asked[0] == ("deploy", ("registry/app:v2", ("tag", "canary"), ("reason", "")))


async def test_leaving_asks_while_a_release_is_under_way() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "q")
        assert "nobody will guard" in " ".join(screen_text(app).split())
        await press(pilot, "escape")
        assert app.is_running
        await press(pilot, "q", "enter")
    assert app.return_code == 0
    assert app.stub.stopped


async def test_a_rollback_that_waits_is_not_forgotten_by_leaving() -> None:
    app = make_app(None)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await press(pilot, "r", "q")
        assert app.is_running
        assert "then leave." in screen_text(app)
        app.stub.open(healthy())
        await settle(pilot)
        assert asked(app) == ["rollback"]
    other = make_app(None)
    async with other.run_test(size=(120, 40)) as pilot:
        await press(pilot, "r", "escape")
        await pilot.press("q")
        await pilot.pause()
    assert other.return_code == 0
    assert asked(other) == []


async def test_an_operator_whose_own_lease_ran_out_is_told_so_and_not_that_he_is_gone() -> None:
    mine = make_app(snapshot(10, release=release(10, expires=-5)))
    async with mine.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        text = " ".join(screen_text(mine).split())
        assert "Your lease ran out" in text
        assert "is gone" not in text
    theirs = make_app(snapshot(10, release=release(10, expires=-5, session="session-2")))
    async with theirs.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert f"{ME} is gone" in " ".join(screen_text(theirs).split())


async def test_leaving_asks_nothing_where_no_release_is_under_way() -> None:
    app = make_app(snapshot(0, release=rolled_back_release()))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("q")
        await pilot.pause()
    assert app.return_code == 0


async def test_ctrl_c_says_how_to_leave_and_leaves_the_console_up() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await press(pilot, "ctrl+c")
        assert "Press q to leave." in screen_text(app)
        assert app.is_running


async def test_somebody_elses_move_is_told_and_stays_told_after_our_next_write() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        app.stub.publish(replace(healthy(), service=service(40), mover="juan@acme.example"))
        await settle(pilot)
        app.stub.publish(replace(healthy(), service=service(40)))
        await settle(pilot)
        text = " ".join(screen_text(app).split())
        assert "juan@acme.example changed the service: 60 % wa-backend-00041-kud" in text


class Clockwork:
    speed = 5.0
    running = True

    theirs: float | None = None

    def set_speed(self, speed: float) -> None:
        self.speed = speed

    def follow(self) -> None:
        self.speed = self.theirs or self.speed


async def test_the_demos_clock_is_turned_by_less_and_greater_than() -> None:
    clock = Clockwork()
    app = make_app(healthy(), demo=clock)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, ">")
        await app.workers.wait_for_complete()
        assert clock.speed == 10.0
        await settle(pilot)
        assert "10×" in screen_text(app)
        await press(pilot, "<", "<")
        await app.workers.wait_for_complete()
        assert clock.speed == 2.0


async def test_the_fastest_that_the_demo_allows_is_reached_and_told() -> None:
    clock = Clockwork()
    clock.speed = FASTEST / 2
    app = make_app(healthy(), demo=clock)
    async with app.run_test(size=(120, 40)) as pilot:
        for _time in range(2):
            await press(pilot, ">")
            await app.workers.wait_for_complete()
        assert clock.speed == FASTEST
        await settle(pilot)
        told = str([each.message for each in app._notifications])
        assert "The demo's clock runs at 1000× already: no further." in told


async def test_the_banner_follows_a_clock_that_another_terminal_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.app.FOLLOW_S", 0.05)
    clock = Clockwork()
    app = make_app(healthy(), demo=clock)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "clock 5×" in screen_text(app)
        clock.theirs = 200.0
        while "clock 200×" not in screen_text(app):
            await pilot.pause(0.02)


async def test_a_simulator_that_has_ended_is_told_in_the_demos_banner() -> None:
    clock = Clockwork()
    clock.running = False
    app = make_app(healthy(), demo=clock)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "the simulator has ended" in screen_text(app)


async def test_outside_the_demo_the_clocks_keys_mean_nothing() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "<", ">")
        assert "×" not in screen_text(app)


async def test_a_keymap_adds_to_rollback_and_moves_the_others() -> None:
    settings = Settings(
        keymap={"rollback": "z", "rollback_anywhere": "f8", "step_2": "f2"},
        environments={"production": {"name": "production", "service": "wa-backend", "project": "acme-prod"}},  # type: ignore[dict-item]
    )
    app = make_app(healthy(), settings=settings)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "2")
        assert not isinstance(app.screen, Dialog)
        await press(pilot, "f2")
        assert isinstance(app.screen, MoveDialog)
        await press(pilot, "f8", "escape", "z", "r", "f9")
        assert asked(app) == ["rollback"] * 4
        assert "r z F9 F8 Roll back" in screen_text(app)


async def test_the_palette_lists_the_registrys_actions() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40)):
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert "Roll back" in titles
        assert "Canary to 50 %" in titles
        assert not any("Step" in title for title in titles)


async def test_a_blocked_action_is_told_and_kept_on_the_screen() -> None:
    app = make_app(healthy())
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        app.stub.hold = True
        await press(pilot, "2", "enter")
        assert "moving the canary to 50 %" in screen_text(app)
        app.stub.pending.pop().set_exception(CanarioError("juan moved it to 30 %.", remedy="Look again."))
        await settle(pilot)
        await settle(pilot)
        assert screen_text(app).count("juan moved it to 30 %. Look again.") >= 1


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_driver_whose_seat_is_taken_is_told_so(size: tuple[int, int]) -> None:
    app = make_app(snapshot(10))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        app.repaint()
        taken = release(10, session="ana-session")
        assert taken.driver is not None
        ana = taken.driver.model_copy(update={"email": "ana@acme.example"})
        app.stub.publish(snapshot(10, release=taken.model_copy(update={"driver": ana})))
        app.repaint()
        await pilot.pause()
        told = "ana@acme.example took the driver's seat"
        assert any(told in toast.message for toast in app._notifications)
        assert told in app.current.notice or told in app._notice[0]
