"""Issue 3, "Shows" 3: a log that the simulator wrote, fetched by Google's own client, judged by `canario replay`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from tests.cli.conftest import canario

__all__ = ["canario"]
EXPORT = Path(__file__).with_name("export_logs.py")
CANARY = "wa-backend-00042-vez"


def test_the_log_of_a_bad_canary_is_fetched_by_googles_client_and_fails_it(simulator, canario, tmp_path: Path) -> None:
    place = simulator(scenario="bad-canary", speed=20)
    shift = canario("shift", "10", "--endpoint", place.grpc, "--reason", "replayed by a test")
    assert shift.returncode == 0, shift.stderr
    status = json.loads(canario("status", "--json", "--endpoint", place.grpc).stdout)
    start = datetime.fromisoformat(status["server_time"])
    wanted = (
        'resource.type="cloud_run_revision" AND resource.labels.service_name="wa-backend" '
        f'AND timestamp>="{start.isoformat()}" AND timestamp<"{(start + timedelta(seconds=150)).isoformat()}"'
    )
    path = tmp_path / "log.ndjson"
    ends = time.monotonic() + 60
    while True:
        now = json.loads(canario("status", "--json", "--endpoint", place.grpc).stdout)["server_time"]
        if datetime.fromisoformat(now) - start > timedelta(seconds=165):
            break
        assert time.monotonic() < ends
    place.set_speed(1)
    with path.open("w") as file:
        subprocess.run([sys.executable, EXPORT, place.grpc, wanted], stdout=file, check=True, timeout=60)
    done = canario("replay", str(path), "--canary", CANARY, "--json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    failed = next(line for line in lines if line["verdict"] == "FAIL")
    assert failed["attribution"] == "canary"
    assert 15 < failed["elapsed_s"] < 150
    assert lines[-1]["final"] is True
    assert lines[-1]["verdict"] == "FAIL"
