"""Who leaves the console, or loses the terminal, in the middle of a rollback does not lose the rollback."""

from __future__ import annotations

import io
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from terminal import Terminal
from textual.driver import Driver
from textual.drivers._writer_thread import WriterThread

from bench.terminal import Terminal as Pty
from console.app import ConsoleApp
from console.simulator.process import SimulatorProcess
from console.terminal_driver import LastingFile
from tests.actions.operators import STABLE, updates

SLOW_S = 9
"""What the cloud takes over the rollback: longer than a console takes to close."""


@pytest.fixture
def cloud(simulator: Callable[..., SimulatorProcess]) -> SimulatorProcess:
    process = simulator(scenario="healthy", speed=1)
    process.rival(service="wa-backend", canary_percent=40)
    return process


HEEDFUL = "import os, signal as s, sys; s.signal(s.SIGINT, s.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
"""Whoever starts the tests may ignore Ctrl-C (a shell's `&` does), and a child would inherit that."""


def console_on(simulator: SimulatorProcess) -> list[str]:
    return [
        sys.executable,
        "-c",
        HEEDFUL,
        sys.executable,
        "-m",
        "console.cli",
        "--env",
        "production",
        "--endpoint",
        simulator.grpc,
    ]


def shares(simulator: SimulatorProcess) -> object:
    return simulator.state()["services"]["wa-backend"]["effective"]  # type: ignore[index]


def until(holds: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    ends = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < ends, what
        time.sleep(0.05)


def roll_back(press: Callable[[], object], cloud: SimulatorProcess) -> None:
    """Press `r` and wait until the call is with the cloud, which takes its time from now on."""
    cloud.fault(reconcile_s=SLOW_S)
    press()
    until(lambda: updates(cloud) == 1, "the rollback leaves")


@pytest.mark.slow
@pytest.mark.parametrize("leaves_by", ["q", "SIGTERM"])
def test_an_operator_who_leaves_in_a_rollback_is_told_how_it_ended(
    leaves_by: str, cloud: SimulatorProcess, own_home: Path
) -> None:
    with Pty(console_on(cloud)) as console:
        console.wait_for(lambda text: "40 %" in text and "POST /webhook" in text, "the console draws the service")
        roll_back(lambda: console.press(b"r"), cloud)
        console.press(b"q") if leaves_by == "q" else console.process.send_signal(signal.SIGTERM)
        console.wait_for(lambda text: "canario stays until it is done" in text, "it says that it stays")
        console.wait_for(lambda text: "Rolled back: 100 % wa-backend-00041-kem" in text, "it says how it ended")
        assert console.process.wait(15) == (0 if leaves_by == "q" else 128 + signal.SIGTERM)
    assert shares(cloud) == {STABLE: 100}


@pytest.mark.slow
def test_a_terminal_that_is_closed_in_a_rollback_does_not_stop_it(
    tmux: str, tmp_path: Path, cloud: SimulatorProcess, own_home: Path
) -> None:
    screen = Terminal(tmux, tmp_path)
    screen.start(shlex.join(console_on(cloud)))
    screen.wait_for("POST /webhook")
    cloud.fault(unavailable=True)
    screen.press("r")
    screen.wait_for("attempt")
    screen.close()  # the terminal goes, the cloud comes back
    cloud.fault(clear=True)
    until(lambda: shares(cloud) == {STABLE: 100}, "the traffic is back")


@pytest.mark.slow
def test_a_console_whose_terminal_was_cut_off_ends_and_leaves_the_seat(cloud: SimulatorProcess, own_home: Path) -> None:
    console = Pty(console_on(cloud))
    console.wait_for(lambda text: "POST /webhook" in text, "the console draws the service")
    console.hang_up()
    assert console.process.wait(30) == 128 + signal.SIGHUP


@pytest.mark.slow
def test_a_console_under_a_program_that_keeps_the_hang_up_to_itself_ends_all_the_same(
    tmux: str, tmp_path: Path, cloud: SimulatorProcess, own_home: Path
) -> None:
    screen, pid = Terminal(tmux, tmp_path), tmp_path / "pid"
    inner = f"echo $$ > {pid}; exec {shlex.join(console_on(cloud))}"
    screen.start(f"trap : HUP; sh -c {shlex.quote(inner)}")  # as `make demo` is: it waits for the console
    screen.wait_for("POST /webhook")
    console = int(pid.read_text())
    screen.close()
    until(lambda: not Path(f"/proc/{console}").exists(), "it has noticed by itself")


class Gone(io.StringIO):
    """A terminal that was cut off."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")

    def flush(self) -> None:
        raise OSError(5, "Input/output error")


def test_a_console_can_draw_on_and_stop_after_its_terminal_is_gone() -> None:
    assert issubclass(ConsoleApp(find=lambda _stack: None).get_driver_class(), Driver)  # type: ignore[arg-type, return-value]
    output = WriterThread(LastingFile(Gone()))  # type: ignore[arg-type]
    output.start()

    def draw_and_stop() -> None:
        for _frame in range(100):
            output.write("\x1b[2J")
        output.stop()

    drawing = threading.Thread(target=draw_and_stop, daemon=True)
    drawing.start()
    drawing.join(20)
    assert not drawing.is_alive()


@pytest.mark.slow
def test_a_rollback_that_the_cloud_does_not_take_is_said_with_what_to_do(
    cloud: SimulatorProcess, own_home: Path
) -> None:
    with Pty(console_on(cloud)) as console:
        console.wait_for(lambda text: "POST /webhook" in text, "the console draws the service")
        cloud.fault(unavailable=True)
        console.press(b"r")
        console.wait_for(lambda text: "attempt" in text, "it is tried again")
        console.press(b"q")
        console.wait_for(lambda text: "canario stays until it is done" in text, "it says that it stays")
        console.process.send_signal(signal.SIGINT)
        console.wait_for(
            lambda text: "roll back with `canario rollback --env production`" in text, "what to do is said"
        )
        assert console.process.wait(15) == 1
