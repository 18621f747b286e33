"""Each mistake gets a sentence that says what and what now, the right exit code, and nothing moves."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

CANARIO = Path(sys.executable).with_name("canario")


def told(done: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("shift", "101"), "0 to 100"),
        (("shift", "10.5"), "0 to 100"),
        (("shift", "١٠"), "0 to 100"),
        (("shift", "ten"), "0 to 100"),
        (("shift", "-5"), "0 to 100"),
        (("shift",), "PERCENT"),
        (("shift", "10", "--to", "Wa_Backend;rm"), "revision"),
        (("shift", "10", "--to", ""), "revision"),
        (("rollback", "--to", "x" * 200), "revision"),
        (("deploy", "an image"), "image"),
        (("deploy", ""), "image"),
        (("deploy", "image:1", "--tag", "CANARY"), "tag"),
        (("status", "--env", "prod"), "production"),
        (("status", "--endpoint", "8.8.8.8:443"), "loopback"),
        (("status", "--endpoint", "127.0.0.1"), "HOST:PORT"),
        (("status", "--endpoint", "127.0.0.1:99999"), "HOST:PORT"),
        (("status", "--endpoint", "127.0.0.1:1", "--as", "nobody"), "e-mail"),
        (("status", "--as", "maria@acme.example", "--env", "staging"), "simulator"),
        (("status", "--env", "dev"), "canario simulate"),
        (("status", "--env", "staging"), "GOOGLE_CLOUD_PROJECT"),
        (("logs", "--since", "yesterday", "--endpoint", "127.0.0.1:1"), "5 min"),
        (("demo", "--scenario", "worse-canary"), "bad-canary"),
        (("demo", "--speed", "0"), "0.1"),
        (("demo", "--headless", "--expect", "fame"), "rolled-back"),
        (("simulate", "--now", "soon"), "2026-11-25T10:05:00Z"),
        (("simulate", "--speed", "nan"), "0.001"),
        (("reboot",), "reboot"),
    ],
)  # fmt: skip
def test_wrong_usage_is_a_sentence_and_exits_2(canario, arguments: tuple[str, ...], words: str) -> None:
    done = canario(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in told(done)
    assert done.stdout == ""


def test_wrong_settings_name_file_line_and_key(canario, tmp_path: Path) -> None:
    (tmp_path / "canario.toml").write_text("[plan]\nsteps = [50, 10, 100]\n")
    done = canario("status", cwd=tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path / 'canario.toml'}:2" in told(done)
    assert "plan.steps" in done.stderr
    assert canario("status", CANARIO_PLAN__BAKE="soon").returncode == 2


def test_no_simulator_at_the_endpoint_fails_soon_with_a_sentence(canario) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    began = time.monotonic()
    done = canario("status", "--endpoint", f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert told(done).startswith("canario:")
    assert time.monotonic() - began < 30


def test_no_credentials_is_a_sentence(canario) -> None:
    done = canario("status", "--env", "staging", GOOGLE_CLOUD_PROJECT="acme-dev", GCE_METADATA_HOST="127.0.0.1:1",
                   NO_GCE_CHECK="true", PATH="/nonexistent")  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "credentials" in told(done).lower()
    assert "gcloud auth application-default login" in done.stderr


def test_unknown_services_and_revisions_are_sentences(simulator, canario, tmp_path: Path) -> None:
    endpoint = simulator().grpc
    (tmp_path / "canario.toml").write_text("[environments.ghost]\nservice = 'wa-ghost'\n")
    for command in (("status",), ("revisions",), ("rollback",), ("shift", "10"), ("deploy", "image:1")):
        done = canario(*command, "--env", "ghost", "--endpoint", endpoint, cwd=tmp_path)
        assert done.returncode in (1, 3), (command, done.stdout, done.stderr)
        assert "wa-ghost" in told(done), command
    before = json.loads(canario("status", "--json", "--endpoint", endpoint).stdout)["traffic"]
    for command in (("shift", "10"), ("rollback",)):
        done = canario(*command, "--to", "wa-backend-09999-zzz", "--endpoint", endpoint)
        assert done.returncode in (1, 2, 3), (command, done.stdout, done.stderr)
        assert "wa-backend-09999-zzz" in told(done)
    assert json.loads(canario("status", "--json", "--endpoint", endpoint).stdout)["traffic"] == before


def test_the_column_of_a_filters_error_is_that_of_what_the_operator_typed(simulator, canario) -> None:
    done = canario("logs", "--filter", "severity >>> (", "--endpoint", simulator().grpc)
    assert "line 1, column 11" in done.stderr


def test_a_filter_that_does_not_parse_is_refused_in_the_clouds_words(simulator, canario) -> None:
    endpoint = simulator().grpc
    done = canario("logs", "--filter", "severity >>> (", "--endpoint", endpoint)
    assert done.returncode in (1, 2)
    assert told(done).startswith("canario:")


def test_a_reader_that_stops_reading_is_no_error(simulator, canario) -> None:
    endpoint = simulator().grpc
    reader = subprocess.run(
        f"{CANARIO} logs --follow --json --endpoint {endpoint} | head -n 3",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert reader.returncode == 0
    assert reader.stderr == ""
    lines = reader.stdout.splitlines()
    assert len(lines) == 3
    assert {"time", "severity", "revision", "text"} <= json.loads(lines[0]).keys()


def test_ctrl_c_ends_a_command_with_a_sentence(simulator, own_home: Path) -> None:
    endpoint = simulator().grpc
    # whoever starts the tests may ignore Ctrl-C (a shell's `&` does), and a child would inherit that
    heedful = "import os, signal as s, sys; s.signal(s.SIGINT, s.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    with subprocess.Popen(
        [sys.executable, "-c", heedful, CANARIO, "logs", "--follow", "--endpoint", endpoint],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    ) as follower:
        try:
            assert follower.stdout is not None
            assert follower.stdout.readline()
            follower.send_signal(signal.SIGINT)
            _out, error = follower.communicate(timeout=20)
        finally:
            follower.kill()  # else it outlives a failure here, and its pipes fail some later test
    assert follower.returncode == 130
    assert "Traceback" not in error
    assert "Interrupted" in error


def test_a_journal_that_cannot_be_written_blocks_a_shift_and_never_a_rollback(
    simulator, canario, own_home: Path
) -> None:
    endpoint = simulator().grpc
    assert canario("shift", "10", "--endpoint", endpoint).returncode == 0
    blocked = {"CANARIO_JOURNAL": "/proc/none/journal.db"}
    done = canario("shift", "15", "--endpoint", endpoint, **blocked)
    assert done.returncode == 3
    assert "journal" in told(done)
    done = canario("rollback", "--endpoint", endpoint, **blocked)
    assert done.returncode == 0, done.stderr
    assert "Rolled back" in done.stdout


def test_a_bug_of_our_own_is_one_sentence_and_a_file(canario, own_home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import console.settings as s\n"
        "def load_settings(*a, **k): raise ZeroDivisionError('inside')\n"
        "s.load_settings = load_settings\n"
    )
    done = canario("status", PYTHONPATH=str(broken))
    assert done.returncode == 1
    assert "ZeroDivisionError" in told(done)
    log = own_home / "state" / "canario" / "console.log"
    assert str(log) in done.stderr
    assert "inside" in log.read_text()


def test_a_service_with_no_revisions_and_one_with_two_hundred(simulator, canario, tmp_path: Path) -> None:
    many = "\n".join(
        f'[services.many.revisions."many-{n:05}-abc"]\nimage = "app:{n}"\nage_hours = {300 - n}\n'
        f"percent = {100 if n == 199 else 0}\n" + ('tag = "canary"\n' if n == 200 else "")
        for n in range(1, 201)
    )
    scenario = tmp_path / "crowd.toml"
    scenario.write_text(
        f'title = "A crowd."\noutcome = "held"\n[services.empty]\nrequests_per_s = 0.0\nrevisions = {{}}\n'
        f"[services.many]\nrequests_per_s = 1.0\n{many}"
    )
    (tmp_path / "canario.toml").write_text(
        "[environments.empty]\nservice = 'empty'\n[environments.many]\nservice = 'many'\n"
    )
    endpoint = simulator(scenario=str(scenario)).grpc

    def on(environment: str, *command: str) -> subprocess.CompletedProcess[str]:
        return canario(*command, "--env", environment, "--endpoint", endpoint, cwd=tmp_path)

    assert on("empty", "status").returncode == 0
    assert "no revisions" in on("empty", "revisions").stdout
    for command in (("shift", "10"), ("rollback",)):
        done = on("empty", *command)
        assert done.returncode in (1, 2, 3), (command, done.stdout)
        assert "empty" in told(done)
    assert len(json.loads(on("many", "revisions", "--json", "--limit", "1000").stdout)["revisions"]) == 200
    moved = on("many", "shift", "10")
    assert moved.returncode == 0, moved.stderr
    assert "10 % many-00200-abc" in moved.stdout


def test_without_a_terminal_the_console_says_what_to_use_instead(simulator, canario) -> None:
    done = canario("--endpoint", simulator().grpc)
    assert done.returncode == 1
    assert "canario status" in told(done)
    done = canario("demo")
    assert done.returncode == 1
    assert "--headless" in told(done)


def test_a_simulator_that_crashes_ends_the_play_with_a_sentence(own_home: Path) -> None:
    play = subprocess.Popen(
        [CANARIO, "demo", "--headless", "--scenario", "healthy", "--speed", "5"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    assert play.stdout is not None
    assert "start" in play.stdout.readline()
    (child,) = Path(f"/proc/{play.pid}/task/{play.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGKILL)
    out, error = play.communicate(timeout=60)
    assert play.returncode == 1
    assert "simulator" in out + error
    assert "Traceback" not in out + error


@pytest.mark.parametrize(
    ("keymap", "words"),
    [
        ("undo = 'r'", "R would do both rollback and undo"),
        ("deploy = 'f9'", "F9 would do both rollback_anywhere and deploy"),
        ("help = 'f9'", "F9 would do both rollback_anywhere and help"),
        ("quit = 'escape'", "Esc would do both stop_countdown and quit"),
    ],
)
def test_a_keymap_that_takes_rollbacks_keys_away_is_refused_before_anything_opens(
    canario, tmp_path: Path, keymap: str, words: str
) -> None:
    file = tmp_path / "canario.toml"
    file.write_text(f"[keymap]\n{keymap}\n")
    done = canario("status", "--endpoint", "127.0.0.1:9", cwd=tmp_path)
    assert done.returncode == 2
    assert str(file) in told(done)
    assert words.casefold() in " ".join(done.stderr.split()).casefold()
