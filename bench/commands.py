"""`canario rollback` as a whole process, against a bare import of Google's client."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

from bench.figures import Samples
from bench.keys import WEDNESDAY
from bench.places import Place, canario, python
from console.simulator.process import SimulatorProcess

TURNS = 9
BUDGET_S = 50.0
"""After which no new turn is begun, so that a busy machine does not take all day."""


def measure(place: Place, say: Callable[[str], None]) -> tuple[Samples, Samples, Samples]:
    """Samples of the bare import, of the command until the call arrives, and of the whole process."""
    bare = Samples('python -c "import google.cloud.run_v2"')
    sent = Samples("canario rollback: start to UpdateService received")
    whole = Samples("canario rollback: the whole process")
    with SimulatorProcess.start(scenario="quiet-service", now=WEDNESDAY, seed=1) as simulator:
        simulator.fault(reconcile_s=0.0)
        ends = time.monotonic() + BUDGET_S
        for turn in range(TURNS + 1):
            if turn > 3 and time.monotonic() > ends:
                break
            say(f"commands, turn {turn} of {TURNS}")
            importing = _run(python("import google.cloud.run_v2"), place)
            simulator.rival(canary_percent=10)
            time.sleep(0.1)
            started = time.monotonic()
            took = _run(canario("rollback", "--env", "production", "--endpoint", simulator.grpc), place)
            if turn == 0:
                continue  # files come from the disk the first time
            bare.ms.append(importing)
            whole.ms.append(took)
            sent.ms.append((_last_update(simulator) - started) * 1000)
    return bare, sent, whole


def _run(command: list[str], place: Place) -> float:
    with tempfile.TemporaryFile() as said:
        started = time.monotonic()
        code = subprocess.run(
            command, env={**os.environ, **place.environment}, stdout=said, stderr=said, timeout=60, check=False
        ).returncode
        took = time.monotonic() - started
        if code:
            said.seek(0)
            raise RuntimeError(f"{command} ended with {code}: {said.read().decode('utf-8', 'replace')}")
    return took * 1000


def _last_update(simulator: SimulatorProcess) -> float:
    calls: Any = simulator.state()["received"]
    updates = [call for call in calls if call["method"].endswith("UpdateService") and "rival" not in call["principal"]]
    return float(updates[-1]["monotonic_ns"]) / 1e9
