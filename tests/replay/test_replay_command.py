"""`canario replay` as a person or a script runs it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from console.replay.files import LogFiles
from console.replay.judging import Replay
from tests.cli.conftest import canario
from tests.replay.logs import CANARY, NOON, Document, as_gcloud, as_ndjson, request, traffic

__all__ = ["canario"]
KEYS = {"time", "elapsed_s", "verdict", "attribution", "reason", "canary", "stable"}
BAD = traffic(90, 60, canary=0.25)


def test_each_change_is_a_line_of_json_and_the_last_is_final(canario, tmp_path: Path) -> None:
    done = canario("replay", str(as_gcloud(tmp_path / "a.json", BAD)), "--canary", CANARY, "--json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(set(line) == KEYS for line in lines[:-1])
    assert set(lines[-1]) == KEYS | {"final"}
    assert lines[-1]["final"] is True
    failed = next(line for line in lines if line["verdict"] == "FAIL")
    assert failed["attribution"] == "canary"
    assert failed["time"] == f"2026-11-25T12:00:{failed['elapsed_s']:02}Z"
    assert failed["canary"]["errors"] > 0
    assert set(failed["canary"]) == set(failed["stable"]) == {"requests", "errors"}


def test_a_person_reads_a_table_in_his_language(canario, tmp_path: Path) -> None:
    path = str(as_ndjson(tmp_path / "a", BAD))
    done = canario("replay", path, path, "--canary", CANARY)
    assert "FAIL (canary)" in done.stdout
    assert "5,400 entries came twice" in done.stderr
    assert done.returncode == 0


def test_a_mistyped_canary_is_judged_as_absent_and_said(canario, tmp_path: Path) -> None:
    done = canario("replay", str(as_ndjson(tmp_path / "a", BAD)), "--canary", "wa-backend-00042-vex", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[-1])["verdict"] == "INCONCLUSIVE"
    assert "wa-backend-00041-kem, wa-backend-00042-vez" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--share", "0"), "no share"),
        (("--share", "nan"), "no share"),
        (("--share", "10"), "no share"),
        (("--bake", "0"), "bake"),
        (("--grace", "-1"), "grace"),
        (("--horizon", "0"), "horizon"),
        (("--stable", CANARY), "against itself"),
        (("--stable", "No Name"), "can be no"),
    ],
)
def test_wrong_options_are_refused(canario, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = canario("replay", str(as_ndjson(tmp_path / "a", BAD)), "--canary", CANARY, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_an_empty_log_is_refused(canario, tmp_path: Path) -> None:
    for text in ("", "[]", "\n\n"):
        (tmp_path / "a").write_text(text)
        done = canario("replay", str(tmp_path / "a"), "--canary", CANARY)
        assert done.returncode == 2
        assert "no log entry" in done.stderr


def test_standard_input_is_read(tmp_path: Path) -> None:
    path = as_gcloud(tmp_path / "a.json", BAD)
    with path.open() as file:
        done = subprocess.run(
            [Path(sys.executable).with_name("canario"), "replay", "-", "--canary", CANARY, "--json"],
            stdin=file, capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1])["verdict"] == "FAIL"


def test_foreign_names_cannot_speak_to_the_terminal(canario, tmp_path: Path) -> None:
    evil = request(NOON, number=1)
    evil["resource"]["labels"] = {"service_name": "wa-backend\x1b[2J", "revision_name": "x\x1b]0;owned\x07"}
    done = canario("replay", str(as_ndjson(tmp_path / "a", [evil])), "--canary", CANARY)
    assert "\x1b" not in done.stdout + done.stderr
    assert "\x07" not in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("write", [as_gcloud, as_ndjson])
def test_a_hundred_thousand_entries_a_second_are_read_and_judged(
    tmp_path: Path, write: Callable[[Path, list[Document]], Path]
) -> None:
    path = write(tmp_path / "a.json", traffic(50, 1000))
    best = float("inf")
    for _attempt in range(5):  # other tests may keep the processor
        began = time.process_time()
        found = LogFiles()
        found.read(str(path))
        list(Replay(found.entries, CANARY).run())
        best = min(best, time.process_time() - began)
    assert 50_000 / best > 100_000
