"""The first frame comes before Google's clients, and a terminal that can't be drawn on is refused with a sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from console import crash

HEAVY = ("google", "grpc", "plotext", "keyring", "proto", "slack_sdk", "httpx", "holidays", "aiohttp", "lark")

BEHIND = (*HEAVY, "typer", "click", "pydantic", "pydantic_core", "pydantic_settings", "sqlite3")
"""What the first frame of all does not wait for either: the command line library, and what settings are read with."""
OURS_BEHIND = (
    "console.settings", "console.commands.line", "console.release.state", "console.watch.snapshot", "screens.canary",
    "screens.operator", "screens.dialogs.base", "screens.logs", "screens.metrics", "screens.history",
)  # fmt: skip

FRAMES = """
import asyncio, json, sys
from console import cli
from console.app import ConsoleApp
from console.commands import starting

seen = {}

def look(app, frame):
    seen[frame] = {
        "modules": sorted({name.partition(".")[0] for name in sys.modules} | set(sys.modules)),
        "screen": type(app.screen).__name__,
        "drawn": bool(app.screen.query("#header, #title")),
    }

class Watched(ConsoleApp):
    def on_ready(self):
        look(self, "first")
        super().on_ready()

    def start_session(self):
        look(self, "whole")
        self.exit(0)

def open_app(find):
    from contextlib import ExitStack
    with ExitStack() as stack:
        asyncio.run(Watched(find=lambda: find(stack)).run_async(headless=True))
    return 0

import console.app_run
console.app_run.open_app = open_app
starting.terminal_problem = lambda: ""
assert cli.start(["--env", "production", "--endpoint", "127.0.0.1:1"]) == 0
print(json.dumps(seen))
"""


def frames(own_home: Path) -> dict[str, Any]:
    answer = subprocess.run(
        [sys.executable, "-c", FRAMES], capture_output=True, text=True, timeout=60, check=True, cwd=own_home
    )
    seen: dict[str, Any] = json.loads(answer.stdout.strip().splitlines()[-1])
    return seen


def test_the_first_frame_waits_for_no_settings_no_command_line_and_nothing_heavy(own_home: Path) -> None:
    first = frames(own_home)["first"]
    assert first["drawn"]
    assert first["screen"] == "OpeningScreen"
    assert [name for name in (*BEHIND, *OURS_BEHIND) if name in first["modules"]] == []


def test_the_canary_screen_is_up_before_anything_heavy_is_imported(own_home: Path) -> None:
    whole = frames(own_home)["whole"]
    assert whole["drawn"]
    assert whole["screen"] == "CanaryScreen"
    assert [name for name in HEAVY if name in whole["modules"]] == []


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
