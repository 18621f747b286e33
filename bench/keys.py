"""Key press to UpdateService received by the simulator: at rest, and under the runbook's normal load."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bench.figures import Samples
from bench.places import Place, canario
from bench.terminal import Terminal
from console.simulator.process import SimulatorProcess

WEDNESDAY = datetime(2026, 11, 25, 10, 5, tzinfo=UTC)
ROUNDS = 2
PRESSES = 5
"""For each key in each round."""

KEYS = {"r": b"r", "F9": b"\x1b[20~"}


def measure(place: Place, say: Callable[[str], None]) -> tuple[Samples, Samples]:
    """Samples at rest and under load, in turns."""
    rest = Samples("key press to UpdateService received, at rest (5 requests/s)")
    busy = Samples("key press to UpdateService received, 1,250 log entries/s")
    for number in range(ROUNDS):
        for scenario, samples in (("quiet-service", rest), ("busy-service", busy)):
            say(f"keys, round {number + 1} of {ROUNDS}: {scenario}")
            _one_console(place, scenario, samples)
    return rest, busy


def _one_console(place: Place, scenario: str, samples: Samples) -> None:
    with SimulatorProcess.start(scenario=scenario, now=WEDNESDAY, seed=1) as simulator:
        simulator.fault(reconcile_s=0.2)
        with Terminal(canario("--env", "production", "--endpoint", simulator.grpc), place.environment) as console:
            console.wait_for(lambda text: "00041" in text, "the revisions are drawn")
            for key in [key for _ in range(PRESSES) for key in KEYS.values()]:
                _give_the_canary_traffic(simulator)
                before = len(_updates(simulator))
                pressed = console.press(key)
                samples.ms.append((_next_update(simulator, before) - pressed) * 1000)


def _give_the_canary_traffic(simulator: SimulatorProcess) -> None:
    """Let someone else move 10 % to the canary, and wait until the console has seen it."""
    _wait(lambda: not _service(simulator)["reconciling"], "the rollback before is carried out")
    simulator.rival(canary_percent=10)
    _wait(lambda: not _service(simulator)["reconciling"], "the rival's move is carried out")
    reads = _reads(simulator)
    _wait(lambda: _reads(simulator) > reads, "the console reads the service")
    time.sleep(0.4)  # it has the answer, and draws it


def _next_update(simulator: SimulatorProcess, before: int) -> float:
    _wait(lambda: len(_updates(simulator)) > before, "UpdateService arrives")
    return float(_updates(simulator)[before]["monotonic_ns"]) / 1e9


def _updates(simulator: SimulatorProcess) -> list[dict[str, Any]]:
    return [call for call in _received(simulator, "UpdateService") if not call["principal"].startswith("rival")]


def _reads(simulator: SimulatorProcess) -> int:
    calls: Any = simulator.state()["calls"]
    return int(calls.get("GetService", 0))


def _received(simulator: SimulatorProcess, method: str) -> list[dict[str, Any]]:
    calls: Any = simulator.state()["received"]
    return [call for call in calls if call["method"].endswith(method)]


def _service(simulator: SimulatorProcess) -> dict[str, Any]:
    services: Any = simulator.state()["services"]
    found: dict[str, Any] = services["wa-backend"]
    return found


def _wait(holds: Callable[[], bool], what: str, timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.03)
