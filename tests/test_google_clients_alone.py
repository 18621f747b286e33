"""Shows 3 of the issue: Google's own clients, none of our code, work against `canario simulate`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.forked import ForkedSimulator

SCRIPT = Path(__file__).parent / "e2e" / "google_clients_alone.py"


def test_thirty_lines_of_googles_clients_alone_list_move_conflict_tail_and_chart() -> None:
    with ForkedSimulator.start(scenario="healthy", speed=5) as simulator:
        told = subprocess.run(
            [sys.executable, str(SCRIPT), simulator.grpc], capture_output=True, text=True, timeout=90, check=False
        )
    assert told.returncode == 0, told.stderr
    said = {line.split()[0] for line in told.stdout.splitlines()}
    assert said == {"service", "moved", "aborted", "tailed", "series"}
    assert "service projects/demo/locations/us-central1/services/wa-backend " in told.stdout
    assert "'wa-backend-00042-vez': 10" in told.stdout


def test_the_script_uses_none_of_our_code() -> None:
    source = SCRIPT.read_text()
    for ours in ("console", "widgets", "screens", "themes"):
        assert f"import {ours}" not in source
        assert f"from {ours}" not in source
