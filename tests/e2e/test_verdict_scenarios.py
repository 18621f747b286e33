"""Issue 3, "Shows" 2: each scenario played as a process, through real gRPC, to the verdict and what it does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TIMELINE = "Timeline"


def play(tmp_path: Path, scenario: str, speed: int, *more: str) -> subprocess.CompletedProcess[str]:
    """One headless play; its timeline is on standard output."""
    return subprocess.run(
        [
            Path(sys.executable).with_name("canario"),
            *("demo", "--headless", "--scenario", scenario, "--speed", str(speed), *more),
        ],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def after_timeline(done: subprocess.CompletedProcess[str]) -> str:
    """The timeline, or all that was printed where there is none."""
    return (done.stdout + done.stderr).partition(TIMELINE)[2] or done.stdout + done.stderr


def assert_sampled_before(done: subprocess.CompletedProcess[str], verdict: str) -> None:
    """Whether the stable was read by chance when the verdict was said, and the verdict counts what was read."""
    before, found, after = done.stdout.partition(verdict)
    assert found, done.stdout
    share = int(re.findall(r"stable sampled (\d+) %", before)[-1]) / 100
    assert 0.05 <= share < 0.8
    said = re.match(r".*? of ([\d,]+) failed.*?, stable [\d.]+ % of ([\d,]+)", after)
    assert said is not None, after
    canary, stable = (int(count.replace(",", "")) for count in said.groups())
    assert 0.3 * share < stable / (9 * canary) < 0.85


def test_a_bad_canary_fails_and_is_rolled_back(tmp_path: Path, own_home: Path) -> None:
    done = play(tmp_path, "bad-canary", 20)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAIL" in done.stdout
    assert "failed in" in done.stdout
    assert "rolled back" in after_timeline(done)


def test_a_broken_canary_is_rolled_back_by_the_fast_path_or_while_it_starts(tmp_path: Path, own_home: Path) -> None:
    done = play(tmp_path, "broken-canary", 10)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "test over 30 %" in done.stdout or "test over 10 % at the start" in done.stdout
    assert "rolled back" in after_timeline(done)


def test_a_slow_canary_fails_on_latency_and_is_rolled_back(tmp_path: Path, own_home: Path) -> None:
    done = play(tmp_path, "slow-canary", 20)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAIL" in done.stdout
    assert "took over 800 ms" in done.stdout
    assert "rolled back" in after_timeline(done)


@pytest.mark.slow
def test_a_cold_start_passes_every_step(tmp_path: Path, own_home: Path) -> None:
    done = play(tmp_path, "cold-start", 40)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS" in done.stdout
    assert "ROLLED BACK" not in done.stdout
    assert "promoted" in after_timeline(done)


@pytest.mark.slow
def test_a_shared_outage_pages_and_holds_and_rolls_nothing_back(tmp_path: Path, own_home: Path) -> None:
    done = play(tmp_path, "shared-outage", 40)
    assert done.returncode == 6, done.stdout + done.stderr
    assert "SHARED BREACH" in done.stdout
    assert "paged and held" in done.stdout
    assert "ROLLED BACK" not in done.stdout
    assert "The canary stays at 10 %" in after_timeline(done)


@pytest.mark.slow
def test_a_quiet_service_is_undecided_and_says_how_many_requests_would_decide_it(
    tmp_path: Path, own_home: Path
) -> None:
    done = play(tmp_path, "quiet-service", 40)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "INCONCLUSIVE" in done.stdout
    assert "more canary requests would decide it" in done.stdout
    assert "PASS  " not in done.stdout


@pytest.mark.slow
def test_a_busy_service_passes_with_sampling_on(tmp_path: Path, own_home: Path) -> None:
    done = play(tmp_path, "busy-service", 20)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_sampled_before(done, "10 %  PASS")
    assert re.search(r"all sampled \d+ %", done.stdout), "a canary with half of the traffic or all is thinned as well"
    assert "promoted" in after_timeline(done)


def test_a_busy_bad_canary_is_rolled_back_with_sampling_on(tmp_path: Path, own_home: Path) -> None:
    done = play(tmp_path, "busy-bad-canary", 10)
    assert done.returncode == 1, done.stdout + done.stderr
    assert_sampled_before(done, "10 %  FAIL")
    assert "rolled back" in after_timeline(done)


def test_extending_is_for_the_headless_play(tmp_path: Path, own_home: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("canario"), "demo", "--extend", "60"],
        cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--extend is for --headless" in done.stderr
