"""Start to first paint of the console, and to its whole screen, against the barest Textual app."""

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


WHOLE = "PRODUCTION"
"""What the console draws once its settings are read: the header names the environment, and every pane is there."""


def measure(place: Place, say: Callable[[str], None]) -> tuple[Samples, Samples, Samples]:
    """Samples of the bare app, and of the console's first frame and its whole canary screen."""
    bare = Samples("bare Textual app: start to first paint")
    console = Samples("canario: start to first paint")
    whole = Samples("canario: start to the canary screen, keys heard")
    with SimulatorProcess.start(scenario="quiet-service", now=WEDNESDAY, seed=1) as simulator:
        command = canario("--env", "production", "--endpoint", simulator.grpc)
        ends = time.monotonic() + BUDGET_S
        for turn in range(TURNS + 1):
            if turn > 3 and time.monotonic() > ends:
                break
            say(f"first paint, turn {turn} of {TURNS}")
            first, _nothing = _paint(python(BARE_APP), place)
            second, third = _paint(command, place, WHOLE)
            if turn:  # files come from the disk the first time
                bare.ms.append(first)
                console.ms.append(second)
                whole.ms.append(third)
    return bare, console, whole


def _paint(command: Sequence[str], place: Place, then: str = "") -> tuple[float, float]:
    """Milliseconds to the first character drawn, and to `then`."""
    with Terminal(command, place.environment) as terminal:
        first = terminal.wait_first_paint()
        terminal.wait_for(lambda text: then in text, f"{then} is drawn")
        return first * 1000, (time.monotonic() - terminal.started) * 1000
