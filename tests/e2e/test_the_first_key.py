"""A key pressed as soon as the console is asked for is kept by the terminal, and answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from terminal import Terminal

from console.simulator.process import SimulatorProcess
from tests.e2e.test_console_in_a_terminal import console_on


@pytest.fixture
def screen(tmux: str, tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmux, tmp_path, (160, 40))
    yield terminal
    terminal.close()


@pytest.mark.slow
def test_a_step_that_is_pressed_before_the_first_frame_is_answered_while_the_cloud_is_silent(
    screen: Terminal, simulator: Callable[..., SimulatorProcess]
) -> None:
    cloud = simulator(scenario="healthy", speed=50)
    cloud.fault(hang=True)
    screen.start(console_on(cloud))
    screen.press("1")
    screen.wait_for("Still connecting")
    assert "Enter Move" not in screen.text()
    cloud.fault(clear=True)
    screen.wait_for("1 starts the release")
    screen.press("1")
    screen.wait_for("Enter Move")
