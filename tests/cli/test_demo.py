"""The demo's local parts, and the second terminal that joins it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from console.demo import Controls, _parts, _settings, _variables, demo
from console.demo_shared import RunningDemo, announced, find_running, folder
from console.errors import SettingsError, UsageError
from console.settings import Settings
from console.simulator.process import LocalParts, SimulatorProcess
from tests.cli.conftest import Canario

Simulator = Callable[..., SimulatorProcess]


@pytest.fixture
def running(simulator: Simulator) -> RunningDemo:
    process = simulator()
    return RunningDemo(
        os.getpid(),
        process.grpc,
        process.control,
        "healthy",
        str(process.info["github"]),
        str(process.info["slack"]),
        "/tmp/x",
    )


def test_a_running_demo_is_found_by_its_user_and_forgotten_when_it_ends(running: RunningDemo) -> None:
    assert find_running() is None
    with announced(running):
        (file,) = folder().iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert find_running() == running
        assert running.speed() == 1.0
        running.set_speed(5.0)
        assert running.speed() == 5.0
    assert list(folder().iterdir()) == []
    assert find_running() is None


def test_the_demos_clock_is_followed_where_another_terminal_turns_it(running: RunningDemo) -> None:
    ours, theirs = Controls(running, "healthy", 1.0), Controls(running, "healthy", 1.0)
    theirs.set_speed(20.0)
    assert ours.speed == 1.0
    ours.follow()
    assert ours.speed == 20.0


def test_a_simulator_that_does_not_answer_leaves_the_speed_as_it_was_known(running: RunningDemo) -> None:
    nobody = replace(running, control="http://127.0.0.1:9")
    clock = Controls(nobody, "healthy", 5.0)
    clock.follow()
    assert clock.speed == 5.0


def test_what_a_killed_demo_left_is_ignored_and_removed(running: RunningDemo) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with announced(replace(running, pid=gone.pid)):
        assert find_running() is None
        assert list(folder().iterdir()) == []


def test_a_demo_whose_simulator_is_gone_is_no_running_one(running: RunningDemo) -> None:
    with announced(replace(running, control="http://127.0.0.1:9")):
        assert find_running() is None


@pytest.mark.parametrize("content", ["{", "[]", '{"pid": "x"}', json.dumps({"pid": 1})])
def test_a_file_that_is_no_demos_is_not_believed(content: str) -> None:
    folder().mkdir(parents=True, exist_ok=True)
    file = folder() / "demo-1.json"
    file.write_text(content, encoding="utf-8")
    file.chmod(0o600)
    assert find_running() is None


def test_a_file_that_others_could_read_or_write_is_not_believed(running: RunningDemo) -> None:
    with announced(running):
        (file,) = folder().iterdir()
        file.chmod(0o666)
        assert find_running() is None


def test_a_place_that_cannot_be_written_stops_no_demo(running: RunningDemo) -> None:
    (folder().parent / "canario").write_text("in the way", encoding="utf-8")
    with announced(running):
        assert find_running() is None


@pytest.mark.parametrize("place", ["", "relative", "/tmp"])
def test_without_a_runtime_directory_of_ones_own_the_file_lies_in_the_users_state(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", place)
    assert folder().is_relative_to(own_home / "state")


def test_the_demos_parts_stand_in_for_the_teams_own(tmp_path: Path, simulator: Simulator) -> None:
    process = simulator()
    parts, problem = _parts(process_of(process), tmp_path)
    assert problem == ""
    ours = _settings(Settings(), tmp_path, parts)
    assert ours.github.repository == "acme/wa-orchestrator"
    assert ours.runbook.checkout == parts.checkout
    assert (parts.checkout / ours.contacts.playbook).is_file()
    assert (parts.checkout / ours.contacts.runbook).is_file()
    with _variables(parts, "juan.perez@example.com"):
        token = os.environ["CANARIO_GITHUB_TOKEN"]
        httpx.post(os.environ["CANARIO_SLACK_WEBHOOK"], json={"text": "hola"}).raise_for_status()
    told = httpx.get(
        f"{ours.github.api}/repos/acme/wa-orchestrator/pulls/128", headers={"Authorization": f"Bearer {token}"}
    ).json()
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=parts.checkout, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert told["head"]["sha"] == head


def test_without_git_the_demo_has_everything_but_a_checkout(
    tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = process_of(simulator())
    monkeypatch.setenv("PATH", str(tmp_path))
    parts, problem = _parts(process, tmp_path / "demo")
    assert problem.startswith("git is not installed")
    assert not (parts.checkout / ".git").exists()
    assert parts.checkout.is_relative_to(tmp_path)  # and so no step runs in the operator's own folder


def process_of(process: SimulatorProcess) -> SimulatorProcess:
    """A launched one whose ready line has been read already: waiting again returns at once."""
    process.wait_ready = lambda timeout_s=30.0: process  # type: ignore[method-assign]
    return process


def test_the_users_own_secrets_are_put_aside_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARIO_SLACK_WEBHOOK", "https://hooks.slack.com/services/real")
    parts = LocalParts("http://127.0.0.1:1", "http://127.0.0.1:2/services/T000/B000/demo", Path("/tmp/x"))
    with _variables(parts, None):
        assert os.environ["CANARIO_SLACK_WEBHOOK"] == parts.slack_webhook
        assert os.environ["CANARIO_GITHUB_TOKEN"] == "sim-maria@demo.example"
    assert os.environ["CANARIO_SLACK_WEBHOOK"] == "https://hooks.slack.com/services/real"
    assert "CANARIO_GITHUB_TOKEN" not in os.environ
    assert "services" not in repr(parts)


def test_joining_where_no_demo_runs_is_said_in_a_sentence(canario: Canario) -> None:
    done = canario("demo", "--as", "maria@example.com")
    assert "No demo is running here that could be joined" in done.stderr
    assert done.returncode == 1  # and here there is no terminal for one of its own
    assert "canario demo --headless" in done.stdout + done.stderr


def test_a_scenario_that_is_named_starts_a_demo_of_its_own(canario: Canario, running: RunningDemo) -> None:
    with announced(running):
        done = canario("demo", "--as", "maria@example.com", "--scenario", "healthy")
        assert "could be joined" not in done.stderr
        assert "canario demo --headless" in done.stdout + done.stderr


def test_a_command_walks_the_demo_that_runs_with_its_checkout_and_goes_on_where_it_stopped(
    canario: Canario, simulator: Simulator, tmp_path: Path
) -> None:
    process = process_of(simulator(bare=True, now="2026-11-25T10:05:00Z"))
    parts, problem = _parts(process, tmp_path / "demo")
    assert problem == ""
    demo = RunningDemo(
        os.getpid(),
        process.grpc,
        process.control,
        "healthy",
        parts.github_url,
        parts.slack_webhook,
        str(parts.checkout),
    )
    walk = ("runbook", "run", "--headless", "--demo", "--until", "git_current", "--yes-as", "maria@example.com")
    nowhere = canario(*walk)
    assert nowhere.returncode == 2
    assert "canario demo --bare" in nowhere.stderr
    with announced(demo):
        both = canario(*walk, "--endpoint", process.grpc)
        assert both.returncode == 2
        first = canario(*walk)
        assert first.returncode == 0, first.stderr
        assert "as maria@example.com" in first.stdout
        assert "develop is clean" in first.stdout
        again = canario(*walk)
        assert again.returncode == 0, again.stderr
        assert "> git_current" not in again.stdout, "what was done is not done again"
        shown = json.loads(canario("runbook", "show", "--demo", "--json").stdout)
    assert shown["phases"][0]["steps"][0]["state"] == "passed"


def test_a_teams_own_runbook_is_walked_in_the_demo(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    parts = LocalParts("http://127.0.0.1:1", "http://127.0.0.1:1", tmp_path)
    assert _settings(Settings(), tmp_path, parts, own).runbook_file("despliegue") == own
    assert _settings(Settings(), tmp_path, parts).runbook_file("despliegue") is None


def test_a_mistake_in_the_demos_runbook_is_told_before_anything_is_drawn(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('id = "own"\ntitel = "Own"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"own\.toml"):
        demo("healthy", speed=None, seed=0, headless=False, expect=None, auto_headless=False, email=None, runbook=own)
    with pytest.raises(UsageError, match="headless play walks none"):
        demo("healthy", speed=None, seed=0, headless=True, expect=None, auto_headless=False, email=None, runbook=own)
