"""The console as an operator meets it: a real terminal, the real program, a simulator of its own."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from terminal import Terminal

from console.simulator.process import SimulatorProcess

ROOT = Path(__file__).parents[2]

CONSOLE = """
import sys
sys.path.insert(0, {root!r})
from console.app_run import run_console
from console.settings import Settings
settings = Settings()
here = settings.environment({environment!r})
sys.exit(run_console(settings, here, endpoint={endpoint!r}, as_email="maria@acme.example"))
"""


def console_on(simulator: SimulatorProcess, environment: str = "production") -> str:
    code = CONSOLE.format(root=str(ROOT), environment=environment, endpoint=simulator.grpc)
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


def start_release(screen: Terminal) -> None:
    """Press through 10 %."""
    screen.wait_for("1 starts the release")
    screen.press("1")
    screen.confirm()
    screen.wait_for("✔ 0 % ━━━━━ ● 10 %")


@pytest.mark.slow
def test_the_demo_goes_through_ten_percent_fails_and_is_rolled_back_with_one_key(
    terminal: Callable[..., Terminal],
) -> None:
    screen = terminal()
    screen.start(f"cd {ROOT} && {shlex.quote(sys.executable)} -m console.cli demo --scenario bad-canary --speed 20")
    start_release(screen)
    text = screen.wait_for("✖ FAIL")
    assert "▲ PRODUCTION" in text
    screen.press("r")
    text = screen.wait_for("✔ rolled back to 00041-")
    assert "100 % 100 %" in text
    screen.press("q")
    screen.wait_for("ENDED 0")


@pytest.mark.slow
def test_f9_rolls_back_while_a_dialog_is_open_and_a_reason_is_being_typed(
    terminal: Callable[..., Terminal], simulator: Callable[..., SimulatorProcess]
) -> None:
    cloud = simulator(scenario="healthy", speed=20)
    screen = terminal()
    screen.start(console_on(cloud))
    start_release(screen)
    screen.press("2")
    screen.wait_for("A written reason lets this pass")
    screen.press("our 1 reason r")
    screen.wait_for("our 1 reason r")
    screen.press("F9")
    screen.press("Escape")
    screen.wait_for("✔ rolled back to 00041-")


@pytest.mark.slow
def test_a_flood_of_log_lines_delays_no_key(
    terminal: Callable[..., Terminal], simulator: Callable[..., SimulatorProcess]
) -> None:
    cloud = simulator(scenario="busy-service", speed=4)
    screen = terminal()
    screen.start(console_on(cloud))
    screen.wait_for("POST /webhook")
    for key, shows in (("l", "following"), ("m", "30 min"), ("c", "○ 100 %"), ("l", "following"), ("c", "○ 100 %")):
        pressed = time.monotonic()
        screen.press(key)
        screen.wait_for(shows, timeout_s=5)
        assert time.monotonic() - pressed < 3.0
    start_release(screen)
    screen.press("r")
    screen.wait_for("✔ rolled back to", timeout_s=20)


@pytest.mark.slow
def test_when_the_cloud_dies_the_console_says_so_and_its_keys_answer(
    terminal: Callable[..., Terminal], simulator: Callable[..., SimulatorProcess]
) -> None:
    cloud = simulator(scenario="healthy", speed=5)
    screen = terminal()
    screen.start(console_on(cloud))
    start_release(screen)
    cloud.kill()
    screen.wait_for(lambda text: "service ✖" in text)
    screen.press("?")
    screen.wait_for("Restore the split before the release")
    screen.press("Escape")
    screen.wait_for(lambda text: "Esc Back" not in text)
    screen.press("r")
    screen.wait_for(lambda text: "rolling back" in text and "attempt" in text, timeout_s=20)
    screen.press("l")
    screen.wait_for("following")
    screen.press("q")
    screen.confirm("Enter Leave")
    screen.wait_for("canario stays until it is done")
    text = screen.wait_for("ENDED 1", timeout_s=60)
    assert "roll back with" in text
    assert "Traceback" not in text


@pytest.mark.slow
def test_with_no_cloud_at_all_every_pane_says_what_it_waits_for_and_r_waits_too(
    terminal: Callable[..., Terminal], simulator: Callable[..., SimulatorProcess]
) -> None:
    cloud = simulator(scenario="healthy")
    command = console_on(cloud)
    cloud.stop()
    screen = terminal((80, 24))
    screen.start(command)
    screen.wait_for(lambda text: "No connection" in text or "no connection" in text)
    screen.press("r")
    screen.wait_for("ROLLBACK ASKED FOR")
    screen.press("Escape")
    screen.wait_for(lambda text: "ROLLBACK ASKED FOR" not in text)
    screen.press("q")
    screen.wait_for("ENDED 0")


@pytest.mark.slow
def test_on_a_friday_the_step_is_blocked_with_its_reason_and_rollback_is_not(
    terminal: Callable[..., Terminal], simulator: Callable[..., SimulatorProcess]
) -> None:
    cloud = simulator(scenario="healthy", now="2026-11-27T12:00:00Z")
    screen = terminal()
    screen.start(console_on(cloud))
    screen.wait_for("1 starts the release")
    screen.press("1")
    text = screen.wait_for("passes by itself")
    assert "outside Tue-Thu 10:00-14:00" in text
    screen.press("Enter")
    time.sleep(0.35)
    screen.press("Enter")
    screen.press("F9")
    screen.press("Escape")
    text = screen.wait_for("Nothing to roll back")
    assert "rolled back to" not in text


@pytest.mark.slow
def test_a_console_that_is_killed_leaves_the_release_to_another_which_is_offered_it(
    terminal: Callable[..., Terminal], simulator: Callable[..., SimulatorProcess]
) -> None:
    cloud = simulator(scenario="healthy", speed=20)
    first, second = terminal(), terminal()
    first.start("echo PID $$; exec " + console_on(cloud).replace("maria@", "juan@"))
    start_release(first)
    first.close()  # the terminal is gone, and the console with it
    second.start(console_on(cloud))
    second.wait_for("t takes over", timeout_s=40)
    second.press("t")
    second.confirm("Enter Take over")
    second.wait_for("you drive")


@pytest.mark.slow
def test_a_terminal_of_forty_by_ten_still_rolls_back(
    terminal: Callable[..., Terminal], simulator: Callable[..., SimulatorProcess]
) -> None:
    cloud = simulator(scenario="bad-canary", speed=20)
    screen = terminal((40, 10))
    screen.start(console_on(cloud))
    screen.wait_for("PRODUCTION")
    screen.wait_for("00042-vez")
    screen.press("1")
    screen.confirm()
    screen.wait_for("FAIL", timeout_s=60)
    screen.press("F9")
    screen.wait_for("100 %")


@pytest.mark.slow
def test_a_bug_ends_in_a_sentence_and_a_file_and_never_in_a_traceback(
    terminal: Callable[..., Terminal], simulator: Callable[..., SimulatorProcess], own_home: Path
) -> None:
    cloud = simulator(scenario="healthy")
    broken = "from console.app import ConsoleApp\nConsoleApp.action_undo = lambda self: 1 / 0\n"
    screen = terminal()
    screen.start(console_on(cloud).replace("from console.settings", broken + "from console.settings"))
    screen.wait_for("1 starts the release")
    screen.press("u")
    text = screen.wait_for("ENDED 1")
    assert "canario failed (ZeroDivisionError). The traffic stays as it is" in " ".join(text.split())
    assert "Traceback" not in text
    assert "ZeroDivisionError: division by zero" in (own_home / "state" / "canario" / "console.log").read_text()


@pytest.mark.slow
def test_without_colour_the_screen_says_the_same(
    terminal: Callable[..., Terminal], simulator: Callable[..., SimulatorProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    cloud = simulator(scenario="bad-canary", speed=20)
    screen = terminal()
    screen.start(console_on(cloud))
    start_release(screen)
    text = screen.wait_for("✖ FAIL")
    assert "▲ PRODUCTION" in text
    assert "38;" not in screen.raw()
    assert "48;" not in screen.raw()
