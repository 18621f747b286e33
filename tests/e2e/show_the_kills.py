"""The packaged runbook walked without a terminal, killed at ten random moments: `python -m tests.e2e.show_the_kills`.

It is walked twice, each time on a simulator of its own: once untouched, once killed by SIGKILL and started again until
it is done. Both must end in the same state, and of what must not be done twice (merge, dispatch, deployment, moves,
approvals, Slack's messages) the cloud's audit log, GitHub and Slack must know no more than once. No test: some twenty
minutes, for people who want to see it (docs/runbook.md); `test_runbook_killed.py` is the short one.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import random
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from console.cloud.logs import AuditEntry
from console.release.state import ANNOTATION, read_document
from console.session import Session
from console.settings import Settings
from console.simulator.checkout import write_checkout
from console.simulator.options import parse_time
from console.simulator.process import SimulatorProcess
from tests.e2e.show_the_runbook import home
from tests.e2e.walker import CARLOS, MARIA, Walker, dispatches, paced, slack

STARTS = "2026-11-25T10:05:00Z"
FAST, IN_WATCH = 15.0, 500.0
"""Simulated seconds a wall second, before and in the 24-hour watch."""
KILLS = 10
ENDS_S = 1800.0


@dataclass
class World:
    """What a walk left behind, as others know it."""

    steps: dict[str, str] = field(default_factory=dict)
    shares: dict[str, int] = field(default_factory=dict)
    moves: list[tuple[str, int]] = field(default_factory=list)
    approvals: list[tuple[str, str]] = field(default_factory=list)
    closed: str = ""
    revisions: int = 0
    """Made of the released image."""
    deployments: int = 0
    """Calls in the audit log that changed the service's template."""
    shifts: list[str] = field(default_factory=list)
    """Splits that calls in the audit log asked for, one after the other, repeated ones left in."""
    approval_calls: int = 0
    """Calls in the audit log that brought a new approval."""
    merged: bool = False
    dispatched: int = 0
    slack: list[str] = field(default_factory=list)
    """Its messages, whole."""

    def same(self) -> dict[str, object]:
        """What must be alike in two walks."""
        return {
            "steps": self.steps,
            "shares": sorted(self.shares.values()),
            "moves": self.moves,
            "approvals": self.approvals,
            "closed": self.closed,
            "revisions": self.revisions,
            "deployments": self.deployments,
            "shifts": len(self.shifts),
            "approval calls": self.approval_calls,
            "merged": self.merged,
            "dispatched": self.dispatched,
        }


async def look(running: SimulatorProcess, journal: Path) -> World:
    """Ask the simulated cloud, its audit log, GitHub and Slack."""
    world = World()
    settings = Settings(journal=journal)
    session = await Session.open(
        settings, settings.environment("production"), endpoint=running.grpc, as_email=MARIA, watch=False
    )
    try:
        snapshot = await session.watcher.refresh()
        entries = await session.cloud.logs.audit(
            "wa-backend", since=datetime(2026, 11, 25, 10, 5, tzinfo=UTC), limit=20_000, newest_first=False
        )
    finally:
        await session.close()
    service = snapshot.service
    assert service is not None
    document, problem = read_document(service.annotations)
    assert not problem, problem
    release, candidate = document.release, document.candidate
    assert release is not None
    assert candidate is not None
    world.steps = {record.step: record.result for record in candidate.steps}
    world.shares = dict(service.effective_shares())
    world.moves = [(move.kind, move.percent) for move in release.moves]
    world.approvals = sorted((approval.role, approval.by) for approval in candidate.approvals)
    world.closed = candidate.closed or ""
    world.revisions = sum(revision.image == candidate.image for revision in snapshot.revisions)
    read_calls(world, [entry for entry in entries if not entry.refused])
    github = running.post("/github", {})
    world.merged, world.dispatched = bool(github["merge"]), dispatches(github)
    world.slack = slack(running)
    return world


def read_calls(world: World, entries: list[AuditEntry]) -> None:
    """What the audit log says was asked of the service."""
    approvals: set[tuple[str, str]] = set()
    for entry in entries:
        service = entry.request.get("service")
        mask = str(entry.request.get("updateMask", ""))
        if not isinstance(service, dict):
            continue
        if "template" in mask:
            world.deployments += 1
        elif "traffic" in mask:
            lines = service.get("traffic")
            shares = [
                f"{line.get('revision', 'latest')}={line.get('percent', 0)}"
                for line in (lines if isinstance(lines, list) else [])
                if isinstance(line, dict) and line.get("percent")
            ]
            world.shifts.append(" ".join(shares))
        annotations = service.get("annotations")
        text = annotations.get(ANNOTATION) if isinstance(annotations, dict) else None
        if not isinstance(text, str):
            continue
        document, _problem = read_document({ANNOTATION: text})
        known = document.candidate.approvals if document.candidate is not None else ()
        fresh = {(approval.role, approval.by) for approval in known} - approvals
        if fresh:
            approvals |= fresh
            world.approval_calls += len(fresh)


def walked(folder: Path, kills: int, seed: int, ends: float, tell: Callable[[str], None]) -> tuple[World, float]:
    """Walk on a simulator of its own; the world after it, and how many wall seconds its processes ran.

    Args:
        folder: an empty one.
        kills: how many processes are killed.
        seed: of the moments.
        ends: wall seconds that an untouched walk took; moments are spread over them.
        tell: told what happens.
    """
    folder.mkdir()
    chance = random.Random(seed)
    moments = sorted(chance.uniform(0.5, ends) for _ in range(kills))
    with SimulatorProcess.start(scenario="healthy", speed=FAST, bare=True, now=STARTS, seed=7) as running:
        checkout = write_checkout(folder, parse_time(STARTS))
        earlier = dispatches(running.post("/github", {"origin": str(checkout.origin)}))
        walker = Walker(folder, running, running.parts(checkout.path))
        pace, at = paced(running, FAST), [""]

        def heard(line: str) -> None:
            pace(line)
            print(f"    {line}" if line.startswith(" ") else f"  {line}", flush=True)
            begun = re.match(r"[\d:]+  > (\w+)$", line)
            at[0] = begun[1] if begun else at[0]
            if re.search(r"passed +announce", line):
                running.set_speed(IN_WATCH)
                # the day is over then; slower, the log can be read as fast as it grows
                slower = threading.Timer(86_400 * 1.02 / IN_WATCH, running.set_speed, (FAST,))
                slower.daemon = True
                slower.start()

        ran = 0.0
        for number, moment in enumerate(moments):
            began = time.monotonic()
            code = walker.walk(heard=heard, after_s=max(moment - ran, 0.5), ends_s=ENDS_S)
            ran += time.monotonic() - began
            if code is not None:
                tell(f"process {number + 1} ended by itself with {code}")
                assert code == 0
                break
            tell(f"process {number + 1} killed after {ran:.1f} s of running, in or after {at[0] or 'nothing'}")
        else:
            began = time.monotonic()
            code = walker.walk(heard=heard, ends_s=ENDS_S)
            ran += time.monotonic() - began
            assert code == 0, f"the last process ended with {code}"
        world = asyncio.run(look(running, folder / "looking.db"))
        world.dispatched -= earlier
        (folder.parent / f"{folder.name}.txt").write_text("\n".join(walker.said) + "\n", encoding="utf-8")
    return world, ran


def once(world: World) -> list[str]:
    """What was done more than once and must not be; empty where all is well."""
    wrong = []
    if world.deployments + world.dispatched != 1 or world.revisions != 1:
        wrong.append(f"{world.deployments} deployments, {world.dispatched} dispatches, {world.revisions} revisions")
    if world.moves != [("shift", 10), ("shift", 50), ("shift", 100)] or len(world.shifts) != 3:
        wrong.append(f"moves {world.moves}, asked for {world.shifts}")
    if world.approvals != [("code", MARIA), ("tech_lead", CARLOS)] or world.approval_calls != 2:
        wrong.append(f"approvals {world.approvals} in {world.approval_calls} calls")
    if not world.merged:
        wrong.append("nothing was merged")
    wrong += [
        f"Slack got {n} times: {text.splitlines()[0]}" for text, n in collections.Counter(world.slack).items() if n > 1
    ]
    if world.closed != "done":
        wrong.append(f"closed: {world.closed or 'no'}")
    wrong += [f"{step}: {result}" for step, result in world.steps.items() if result != "passed"]
    return wrong


def main(argv: list[str] | None = None) -> int:
    """Walk it twice and compare; 0 where nothing was done twice and both ended alike."""
    options = argparse.ArgumentParser(prog="python -m tests.e2e.show_the_kills", description=__doc__)
    options.add_argument("--out", type=Path, default=Path("show-kills"), help="folder for what was printed")
    options.add_argument("--seed", type=int, default=random.randrange(10_000), help="of the ten moments")
    options.add_argument("--kills", type=int, default=KILLS, help="how many processes are killed (default: 10)")
    options.add_argument("--took", type=float, help="wall seconds of an untouched walk, which is left out then")
    chosen = options.parse_args(argv)
    out: Path = chosen.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def tell(words: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {words}", flush=True)

    with tempfile.TemporaryDirectory(prefix="kills-") as name, home(Path(name)):
        plain: World | None = None
        took, walks = chosen.took, ["killed"]
        if took is None:
            tell("untouched")
            plain, took = walked(Path(name) / "untouched", 0, 0, 0.0, tell)
            tell(f"untouched: done in {took:.0f} s")
            walks = ["untouched", "killed"]
        tell(f"seed of the kills: {chosen.seed}")
        killed, ran = walked(Path(name) / "killed", chosen.kills, chosen.seed, took, tell)
        tell(f"killed: done after {ran:.0f} s of running")
        for told in walks:
            text = (Path(name) / f"{told}.txt").read_text(encoding="utf-8")
            (out / f"{told}.txt").write_text(text, encoding="utf-8")
    wrong = [f"killed: {one}" for one in once(killed)]
    if plain is not None:
        wrong += [f"untouched: {one}" for one in once(plain)]
        wrong += [
            f"{key}: untouched {value}, killed {killed.same()[key]}"
            for key, value in plain.same().items()
            if killed.same()[key] != value
        ]
    told_of = {
        name: [text.splitlines()[0] for text in world.slack]
        for name, world in (("untouched", plain), ("killed", killed))
        if world is not None
    }
    print(json.dumps({"killed": killed.same(), "audit log": killed.shifts, "slack": told_of}, indent=2, default=str))
    for one in wrong:
        print(f"✖ {one}")
    if not wrong:
        print("✔ ended well, nothing was done twice" + (", as untouched" if plain is not None else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
