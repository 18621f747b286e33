"""`canario runbook run --headless` as a shell starts it: read line by line, and killed where a test says so."""

from __future__ import annotations

import json
import os
import random
import re
import selectors
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from console.simulator.process import LocalParts, SimulatorProcess
from tests.forked import Forked, canario

MARIA, CARLOS = "maria@example.com", "carlos.lopez@example.com"
ENDS_S = 300.0
"""Wall seconds that one process may take; far more than it needs."""


LIFE = 2.0
"""Simulated seconds a wall second while traffic moves."""


class Walker:
    """Starts it, and kills it.

    Args:
        folder: where it runs, and keeps its journal.
        running: the simulator.
        parts: its GitHub, Slack and checkout.
        arguments: options besides.
        variables: environment variables besides.
    """

    def __init__(
        self,
        folder: Path,
        running: SimulatorProcess,
        parts: LocalParts,
        *arguments: str,
        **variables: str,
    ) -> None:
        self._folder, self._running = folder, running
        assert parts.checkout is not None
        self._command = [
            str(Path(sys.executable).with_name("canario")), "runbook", "run", "--headless",
            "--endpoint", running.grpc, "--checkout", str(parts.checkout),
            "--yes-as", f"{MARIA}:code", "--yes-as", f"{CARLOS}:tech_lead", *arguments,
        ]  # fmt: skip
        self._environment = {
            **os.environ,
            **parts.variables(MARIA),
            "CANARIO_JOURNAL": str(folder / "journal.db"),
            "CANARIO_GITHUB__API": parts.github_url,
            "CANARIO_GITHUB__REPOSITORY": parts.repository,
            **variables,
        }
        self.said: list[str] = []

    def show(self, *arguments: str) -> str:
        """What `canario runbook show` prints."""
        return subprocess.run(
            [self._command[0], "runbook", "show", "--endpoint", self._running.grpc, *arguments],
            env=self._environment,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout

    def walk(
        self,
        killed_in: Sequence[str] = (),
        chance: random.Random | None = None,
        heard: Callable[[str], None] = lambda _line: None,
        *,
        after_s: float | None = None,
        ends_s: float = ENDS_S,
    ) -> int | None:
        """Walk to the end, or kill it a moment after it has begun one of `killed_in`; its exit code, or None.

        Args:
            killed_in: ids of steps.
            chance: how long after it.
            heard: told each line.
            after_s: kill it so many wall seconds after it was started, whatever it does then.
            ends_s: wall seconds that it may take.
        """
        read, write = os.pipe()
        with open(os.devnull) as nothing:
            process = Forked(
                canario, self._command[1:], self._environment, (nothing.fileno(), write, write), self._folder
            )
        os.close(write)
        output = os.fdopen(read, "rb", 0)
        moment = None if chance is None else chance.choice((0.0, 0.02, 0.1, 0.3, 0.7))
        deadline = time.monotonic() + ends_s
        kill_at = None if after_s is None else time.monotonic() + after_s
        text = b""
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while True:
                now = time.monotonic()
                assert now < deadline, "\n".join(line[:160] for line in self.said[-40:])
                if kill_at is not None and now >= kill_at:
                    os.kill(process.pid, signal.SIGKILL)
                    process.wait()
                    output.close()
                    return None
                if not selector.select(0.02 if kill_at is None else max(0.0, min(0.02, kill_at - now))):
                    continue
                part = os.read(output.fileno(), 65536)
                if not part:
                    output.close()
                    return process.wait()
                *lines, text = (text + part).split(b"\n")
                for line in lines:
                    self.said.append(line.decode())
                    heard(line.decode())
                    begun = line.decode().partition("> ")[2]
                    if begun in killed_in and kill_at is None and moment is not None:
                        kill_at = time.monotonic() + moment


def paced(running: SimulatorProcess, fast: float) -> Callable[[str], None]:
    """Hears each line, and lets the simulator's clock run fast but for the moves after a bake, as the demo does.

    A guardrail asks for a verdict of the last two minutes; on a busy machine a clock that runs fast makes it older.
    """

    def heard(line: str) -> None:
        told = re.search(r'passed +(bake|canary)_\d+ |"id": "(bake|canary)_\d+".*"state": "passed"', line)
        if told is not None:
            running.set_speed(LIFE if "bake" in told.groups() else fast)

    return heard


def slack(running: SimulatorProcess) -> list[str]:
    """The messages that Slack got, oldest first."""
    return messages_at(str(running.info["slack"]).partition("/services/")[0])


def messages_at(slack: str) -> list[str]:
    """The messages that the Slack at this address got, oldest first."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(slack + "/messages", timeout=10) as answer:
        found = json.loads(answer.read())
    messages = found["messages"] if isinstance(found, dict) else found
    return [str(message["text"]) for message in messages]


def dispatches(github: dict[str, object]) -> int:
    """How many runs of the manual workflow GitHub has."""
    runs = github["runs"]
    assert isinstance(runs, list)
    return [run["file"] for run in runs].count("deploy-backend.yml")
