"""Start to first paint of the console, against the barest Textual app."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from bench.figures import Samples
from bench.keys import WEDNESDAY
from bench.places import Place, canario, python
from bench.terminal import Terminal
from console.simulator.process import SimulatorProcess

TURNS = 9
BUDGET_S = 50.0
"""After which no new turn is begun, so that a busy machine does not take all day."""

BARE_APP = """
from textual.app import App
from textual.widgets import Static

class Bare(App):
    def compose(self):
        yield Static("first paint")

Bare().run()
"""


def measure(place: Place, say: Callable[[str], None]) -> tuple[Samples, Samples]:
    """Samples of the bare app and of the console."""
    bare = Samples("bare Textual app: start to first paint")
    console = Samples("canario: start to first paint")
    with SimulatorProcess.start(scenario="quiet-service", now=WEDNESDAY, seed=1) as simulator:
        command = canario("--env", "production", "--endpoint", simulator.grpc)
        ends = time.monotonic() + BUDGET_S
        for turn in range(TURNS + 1):
            if turn > 3 and time.monotonic() > ends:
                break
            say(f"first paint, turn {turn} of {TURNS}")
            first = _paint(python(BARE_APP), place)
            second = _paint(command, place)
            if turn:  # files come from the disk the first time
                bare.ms.append(first)
                console.ms.append(second)
    return bare, console


def _paint(command: Sequence[str], place: Place) -> float:
    with Terminal(command, place.environment) as terminal:
        return terminal.wait_first_paint() * 1000
