"""Issue 2, "Shows" 2 and 4: the commands against a simulator whose clock says Friday, or Wednesday."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

FRIDAY = datetime.fromisoformat("2026-11-27T12:00:00Z")
WEDNESDAY = datetime.fromisoformat("2026-11-25T12:00:00Z")

SKEWED = """
import datetime, sys, time
OFF = {seconds}
real = time.time
def skewed():
    # grpc hands its core deadlines in absolute time, and the core reads the true clock: leave grpc out of it
    caller = sys._getframe(1).f_globals.get("__name__", "")
    return real() if caller.partition(".")[0] == "grpc" else real() + OFF
time.time = skewed
class Skewed(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)
    @classmethod
    def utcnow(cls):
        return cls.fromtimestamp(time.time(), datetime.timezone.utc).replace(tzinfo=None)
datetime.datetime = Skewed
"""
"""A local clock that is off, for a process started with this as its sitecustomize."""


@pytest.fixture
def skewed(tmp_path: Path):
    """Variables that set a process's local clock off by some days."""

    def make(days: int) -> dict[str, str]:
        folder = tmp_path / f"skew{days}"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(SKEWED.format(seconds=timedelta(days=days).total_seconds()))
        return {"PYTHONPATH": str(folder)}

    return make


def test_on_a_friday_a_shift_is_blocked_by_the_window_and_a_rollback_is_not(simulator, canario) -> None:
    endpoint = simulator(now=FRIDAY).grpc
    shift = canario("shift", "10", "--env", "production", "--endpoint", endpoint)
    assert shift.returncode == 3, shift.stderr
    assert "window" in shift.stderr
    assert "Tue-Thu 10:00-14:00" in shift.stderr
    assert "--reason" in shift.stderr
    assert shift.stdout == ""
    rollback = canario("rollback", "--env", "production", "--endpoint", endpoint)
    assert rollback.returncode == 0, rollback.stderr
    assert "already" in rollback.stdout


def test_on_a_wednesday_the_shift_is_done_and_the_rollback_undoes_it(simulator, canario) -> None:
    endpoint = simulator(now=WEDNESDAY).grpc
    shift = canario("shift", "10", "--env", "production", "--endpoint", endpoint)
    assert shift.returncode == 0, shift.stderr
    assert "10 % wa-backend-00042-vez" in shift.stdout
    status = json.loads(canario("status", "--json", "--endpoint", endpoint).stdout)
    assert status["traffic"]["effective"] == {"wa-backend-00041-kem": 90, "wa-backend-00042-vez": 10}
    assert status["release"]["canary"] == "wa-backend-00042-vez"
    assert status["verdict"]["word"] == "INCONCLUSIVE"
    rollback = canario("rollback", "--endpoint", endpoint, "--reason", "customers complain")
    assert rollback.returncode == 0, rollback.stderr
    assert "Rolled back" in rollback.stdout
    status = json.loads(canario("status", "--json", "--endpoint", endpoint).stdout)
    assert status["traffic"]["effective"] == {"wa-backend-00041-kem": 100}
    assert status["tags"] == {"canary": "wa-backend-00042-vez"}, "tags are kept"
    assert status["release"]["rolled_back"] == ["wa-backend-00042-vez"]
    again = canario("shift", "10", "--endpoint", endpoint)
    assert again.returncode == 3, "a revision that was rolled back moves forward only with a reason"
    assert "rolled back" in again.stderr
    told = canario("history", "--endpoint", endpoint)
    assert "rolled back" in told.stdout
    assert "customers complain" in told.stdout


@pytest.mark.parametrize("days", [-7, 7, 2])
def test_a_local_clock_that_is_off_changes_nothing(simulator, canario, skewed, days: int) -> None:
    off = skewed(days)
    friday = simulator(now=FRIDAY).grpc
    shift = canario("shift", "10", "--env", "production", "--endpoint", friday, **off)
    assert shift.returncode == 3, shift.stderr
    assert "Fri 12:00 UTC" in shift.stderr
    wednesday = simulator(now=WEDNESDAY).grpc
    shift = canario("shift", "10", "--env", "production", "--endpoint", wednesday, **off)
    assert shift.returncode == 0, shift.stderr


def test_a_written_reason_opens_the_window_and_is_journalled(simulator, canario) -> None:
    endpoint = simulator(now=FRIDAY).grpc
    short = canario("shift", "10", "--endpoint", endpoint, "--reason", "because")
    assert short.returncode == 3
    assert "10" in short.stderr
    shift = canario("shift", "10", "--endpoint", endpoint, "--reason", "hotfix for the outage of today")
    assert shift.returncode == 0, shift.stderr
    told = json.loads(canario("history", "--json", "--endpoint", endpoint).stdout)
    assert "hotfix for the outage of today" in json.dumps(told)


def test_staging_has_no_window(simulator, canario) -> None:
    endpoint = simulator(now=FRIDAY).grpc
    shift = canario("shift", "10", "--env", "staging", "--endpoint", endpoint)
    assert shift.returncode == 0, shift.stderr
    assert "wa-backend-staging" in shift.stdout


def test_steps_are_walked_in_order(simulator, canario) -> None:
    endpoint = simulator(now=WEDNESDAY).grpc
    jump = canario("shift", "50", "--endpoint", endpoint)
    assert jump.returncode == 3
    assert "10" in jump.stderr
    assert canario("shift", "0", "--endpoint", endpoint).returncode == 0, "lowering is never blocked"


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    ("scenario", "speed", "code", "step", "ending"),
    [("bad-canary", "20", 1, "canary to 10 %", "rolled back"), ("healthy", "60", 0, "canary to 100 %", "promoted")],
)
def test_without_a_terminal_a_bad_canary_is_rolled_back_and_a_healthy_one_reaches_everyone(
    canario, scenario: str, speed: str, code: int, step: str, ending: str
) -> None:
    played = canario("demo", "--headless", "--scenario", scenario, "--speed", speed, timeout=180)
    assert played.returncode == code, played.stdout + played.stderr
    timeline = played.stdout.partition("Timeline")[2]
    assert step in timeline
    assert ending in timeline
    assert played.stderr == ""


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_make_demo_without_a_terminal_counts_the_expected_rollback_as_success(canario) -> None:
    played = canario("demo", "--scenario", "broken-canary", "--auto-headless", timeout=120)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "No terminal here" in played.stdout.splitlines()[0]
    assert "As expected: rolled back" in played.stdout
