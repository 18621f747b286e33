"""The runbook walked without a terminal, killed by SIGKILL at ten moments: it ends as if nobody had touched it."""

from __future__ import annotations

import collections
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
from collections.abc import Callable
from pathlib import Path

import pytest

from console.release.state import read_document
from console.session import Session
from console.settings import Settings
from console.simulator.checkout import write_checkout
from console.simulator.options import parse_time
from console.simulator.process import LocalParts, SimulatorProcess

NOON = "2026-11-25T10:05:00Z"
MARIA, CARLOS = "maria@example.com", "carlos.lopez@example.com"
ENDS_S = 150.0
"""Wall seconds that one process may take; far more than it needs."""

KILLED_AT = (
    "unit", "merged", "dispatched", "ready", "approve_tech_lead",
    "deploy", "prod_healthz", "canary_10", "canary_50", "canary_100",
)  # fmt: skip
"""The step in which each of ten processes is killed, or the one that it is at by then."""


def step(own: str, kind: str, settings: str = "{}", **more: object) -> str:
    lines = [
        "[[phases.steps]]",
        f'id = "{own}"',
        f'kind = "{kind}"',
        f'title = {{ en = "{own}" }}',
        'help = { en = "" }',
        f"settings = {settings}",
        *(f"{key} = {json.dumps(value)}" for key, value in more.items()),
    ]
    return "\n".join(lines) + "\n"


def phase(own: str, *steps: str, needs: tuple[str, ...] = ()) -> str:
    return "\n".join(
        ["[[phases]]", f'id = "{own}"', f'title = {{ en = "{own}" }}', f"needs = {json.dumps(needs)}", *steps]
    )


BOOK = "\n".join(
    [
        'id = "short"\ntitle = { en = "Short" }\n',
        phase(
            "code",
            step("unit", "command", '{ argv = ["sh", "-c", "echo ran >> ../unit.log"] }'),
            step("merged", "github", '{ check = "merged", merge = true, poll = "200 ms" }', bound_to="commit"),
        ),
        phase(
            "staging",
            step(
                "dispatched",
                "github",
                '{ check = "dispatch", workflow = "deploy-backend.yml", poll = "200 ms", appears = "10 s", '
                'inputs = { environment = "staging", revision_traffic_percent = 100 } }',
            ),
            step(
                "ready",
                "cloud_run",
                '{ do = "ready", environment = "staging" }',
                bound_to="image",
                needs=["dispatched"],
            ),
            needs=("code",),
        ),
        phase(
            "approval",
            step("approve_code", "approval", '{ role = "code" }', signers=["code"], bound_to="image"),
            step("approve_tech_lead", "approval", '{ role = "tech_lead" }', signers=["tech_lead"], bound_to="image"),
            step("on_call", "confirm"),
            needs=("staging",),
        ),
        phase(
            "deploy",
            step("deploy", "cloud_run", '{ do = "deploy" }', bound_to="image"),
            step("idle", "cloud_run", '{ do = "idle" }', bound_to="revision", needs=["deploy"]),
            step(
                "prod_healthz",
                "http",
                '{ check = "healthz", target = "revision" }',
                bound_to="revision",
                needs=["idle"],
            ),
            step(
                "prod_metrics",
                "http",
                '{ check = "metrics", target = "revision" }',
                bound_to="revision",
                needs=["idle"],
            ),
            needs=("approval",),
        ),
        phase(
            "canary",
            step("canary_10", "traffic", "{ percent = 10 }", bound_to="revision"),
            step("bake_10", "bake", "{ percent = 10 }", bound_to="revision", needs=["canary_10"]),
            step("canary_50", "traffic", "{ percent = 50 }", bound_to="revision", needs=["bake_10"]),
            step("bake_50", "bake", "{ percent = 50 }", bound_to="revision", needs=["canary_50"]),
            step("canary_100", "traffic", "{ percent = 100 }", bound_to="revision", needs=["bake_50"]),
            needs=("deploy",),
        ),
        phase("after", step("last_word", "confirm"), needs=("canary",)),
    ]
)

STEPS = [id for id in re.findall(r'^id = "(\w+)"$', BOOK, re.MULTILINE) if f'title = {{ en = "{id}" }}\nhelp' in BOOK]


class Walker:
    """Starts `canario runbook run --headless` as a shell would, and kills it."""

    def __init__(self, folder: Path, running: SimulatorProcess, parts: LocalParts) -> None:
        self._folder, self._running = folder, running
        book = folder / "short.toml"
        book.write_text(BOOK, encoding="utf-8")
        assert parts.checkout is not None
        self._command = [
            str(Path(sys.executable).with_name("canario")), "runbook", "run", "--headless",
            "--runbook", str(book), "--endpoint", running.grpc, "--checkout", str(parts.checkout),
            "--yes-as", f"{MARIA}:code", "--yes-as", f"{CARLOS}:tech_lead",
        ]  # fmt: skip
        self._environment = {
            **os.environ,
            **parts.variables(MARIA),
            "CANARIO_JOURNAL": str(folder / "journal.db"),
            "CANARIO_GITHUB__API": parts.github_url,
            "CANARIO_GITHUB__REPOSITORY": parts.repository,
            "CANARIO_PLAN__BAKE": "1 min",
            "CANARIO_PLAN__MINIMUM_REQUESTS": "200",
        }
        self.said: list[str] = []

    def walk(self, until: str = "", chance: random.Random | None = None) -> int | None:
        """Walk to the end, or kill it a moment after it has begun `until` or is past it; its exit code, or None."""
        process = subprocess.Popen(
            self._command,
            env=self._environment,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        moment = None if chance is None else chance.choice((0.0, 0.02, 0.1, 0.3, 0.7))
        deadline = time.monotonic() + ENDS_S
        kill_at: float | None = None
        late = KILLED_AT[KILLED_AT.index(until) :] if until else ()
        text = b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                now = time.monotonic()
                assert now < deadline, "\n".join(self.said[-40:])
                if kill_at is not None and now >= kill_at:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    process.stdout.close()
                    return None
                if not selector.select(0.02 if kill_at is None else max(0.0, min(0.02, kill_at - now))):
                    continue
                part = os.read(process.stdout.fileno(), 65536)
                if not part:
                    process.stdout.close()
                    return process.wait()
                *lines, text = (text + part).split(b"\n")
                for line in lines:
                    self.said.append(line.decode())
                    begun = line.decode().partition("> ")[2]
                    if begun in late and kill_at is None and moment is not None:
                        kill_at = time.monotonic() + moment


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_killed_at_ten_moments_it_does_nothing_twice_and_ends_the_same(
    simulator: Callable[..., SimulatorProcess], tmp_path: Path
) -> None:
    running = simulator(scenario="healthy", speed=20, bare=True, now=NOON)
    checkout = write_checkout(tmp_path, parse_time(NOON))
    earlier = dispatches(running.post("/github", {"origin": str(checkout.origin)}))
    walker = Walker(tmp_path, running, running.parts(checkout.path))
    chance = random.Random(20261125)
    killed = 0
    for moment in KILLED_AT:
        code = walker.walk(moment, chance)
        assert code in (None, 0), "\n".join(walker.said[-40:])
        killed += code is None
    assert killed == 10, "a process ended before it could be killed"
    code = walker.walk()
    told = "\n".join(walker.said[-60:])
    assert code == 0, told
    assert "The whole runbook is done." in walker.said

    # the world: one merge, one dispatch, one deployment, each move once, two approvals
    github = running.post("/github", {})
    assert github["merge"]
    assert dispatches(github) == earlier + 1, told
    settings = Settings(journal=tmp_path / "looking.db")
    session = await Session.open(
        settings, settings.environment("production"), endpoint=running.grpc, as_email=MARIA, watch=False
    )
    try:
        snapshot = await session.watcher.refresh()
    finally:
        await session.close()
    assert snapshot.service is not None
    document, problem = read_document(snapshot.service.annotations)
    assert not problem
    release, candidate = document.release, document.candidate
    assert release is not None
    assert candidate is not None
    assert snapshot.service.effective_shares() == {release.canary: 100}
    assert [(move.kind, move.percent) for move in release.moves] == [("shift", 10), ("shift", 50), ("shift", 100)]
    made = [revision.name for revision in snapshot.revisions if revision.image == candidate.image]
    assert made == [release.canary], "deployed more than once"
    assert sorted((approval.role, approval.by) for approval in candidate.approvals) == [
        ("code", MARIA),
        ("tech_lead", CARLOS),
    ]
    assert candidate.closed == "done"
    assert {record.step: record.result for record in candidate.steps} == dict.fromkeys(STEPS, "passed")
    messages = [str(message["text"]) for message in slack(running)]
    twice = [text for text, count in collections.Counter(messages).items() if count > 1]
    assert not twice


def dispatches(github: dict[str, object]) -> int:
    """How many runs of the manual workflow GitHub has."""
    runs = github["runs"]
    assert isinstance(runs, list)
    return [run["file"] for run in runs].count("deploy-backend.yml")


def slack(running: SimulatorProcess) -> list[dict[str, object]]:
    """What Slack got."""
    address = str(running.info["slack"]).partition("/services/")[0] + "/messages"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=10) as answer:
        found = json.loads(answer.read())
    messages = found["messages"] if isinstance(found, dict) else found
    return list(messages)
