"""The first frame comes before Google's clients, and a terminal that can't be drawn on is refused with a sentence."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from console import crash

HEAVY = ("google", "grpc", "plotext", "keyring", "proto", "slack_sdk", "httpx", "holidays", "aiohttp", "lark")

AT_FIRST_PAINT = """
import asyncio, json, sys
from console.settings import Settings
from console.app import ConsoleApp

settings = Settings()
seen = {}

class Watched(ConsoleApp):
    def on_ready(self):
        seen["modules"] = sorted({name.partition(".")[0] for name in sys.modules})
        seen["drawn"] = bool(self.screen.query("#header"))
        self.exit(0)

asyncio.run(Watched(settings, settings.environment("production"), endpoint="127.0.0.1:1").run_async(headless=True))
print(json.dumps(seen))
"""


def test_the_first_frame_is_up_before_anything_heavy_is_imported() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", AT_FIRST_PAINT], capture_output=True, text=True, timeout=60, check=True
    )
    seen = json.loads(answer.stdout.strip().splitlines()[-1])
    assert seen["drawn"]
    assert [name for name in HEAVY if name in seen["modules"]] == []


def test_no_terminal_is_told_in_a_sentence_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "canario rollback" in crash.terminal_problem()


def test_a_dumb_terminal_is_told_which_one_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", _Terminal())
    monkeypatch.setattr("sys.stdout", _Terminal())
    monkeypatch.setattr("sys.stderr", _Terminal())
    monkeypatch.setenv("TERM", "dumb")
    assert "TERM=dumb" in crash.terminal_problem()
    monkeypatch.setenv("TERM", "xterm-256color")
    assert crash.terminal_problem() == ""


def test_the_console_without_a_terminal_ends_with_that_sentence_and_no_traceback() -> None:
    code = (
        "from console.settings import Settings\n"
        "from console.app_run import run_console\n"
        "settings = Settings()\n"
        "raise SystemExit(run_console(settings, settings.environment()))\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 1
    assert "needs a terminal" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""


class _Terminal:
    def isatty(self) -> bool:
        return True
