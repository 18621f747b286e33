"""`rollback.driven_by`: what starts the automatic rollback of a real session on a live service, through gRPC."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from console.session import Session
from console.settings import Settings
from console.simulator.process import SimulatorProcess
from console.verdict.base import Word

Start = Callable[..., SimulatorProcess]
CANARY, STABLE = "wa-backend-00042-vez", "wa-backend-00041-kem"

ALIKE = """
title = "Canary and stable fail alike, a little over the runbook's limit: no reason to blame the canary."
outcome = "held"

[profiles.stable]
error_share = 0.016

[profiles.canary]
error_share = 0.016
"""


@pytest.fixture
def alike(tmp_path: Path) -> str:
    path = tmp_path / "alike.toml"
    path.write_text(ALIKE)
    return str(path)


@asynccontextmanager
async def driving(cloud: SimulatorProcess, driven_by: str) -> AsyncIterator[Session]:
    """A console's session that has just put 10 % on the canary."""
    settings = Settings.model_validate({"rollback": {"driven_by": driven_by, "countdown": "1s"}})
    session = await Session.open(
        settings, settings.environment("production"), endpoint=cloud.grpc, as_email="maria@acme.example", drive=True
    )
    try:
        await until(session, lambda: session.watcher.latest.service and session.watcher.latest.revisions)
        await session.actions.shift(10)
        yield session
    finally:
        await session.close()


async def until(session: Session, true: Callable[[], object], timeout_s: float = 45.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, (session.problem, session.autopilot.notes, session.watcher.latest.verdict)
        await asyncio.sleep(0.02)


async def shares(session: Session) -> dict[str, int]:
    return (await session.cloud.run.get_service("wa-backend")).desired_shares()


def over_the_limit(session: Session) -> bool:
    """Whether the runbook's error rate reads as crossed now."""
    verdict = session.watcher.latest.verdict
    return verdict is not None and any(
        reading.rule == "error rate > 1 %" and reading.crossed for reading in verdict.rules
    )


async def test_the_runbooks_own_rule_rolls_back_although_the_engine_has_not_said_fail(
    simulator: Start, alike: str
) -> None:
    async with driving(simulator(scenario=alike, speed=10), "runbook") as session:
        await until(session, lambda: session.autopilot.countdown is not None)
        verdict, countdown = session.watcher.latest.verdict, session.autopilot.countdown
        assert verdict is not None
        assert countdown is not None
        assert verdict.word is not Word.FAIL
        assert verdict.breach
        assert over_the_limit(session)
        assert verdict.canary.requests >= 500
        assert countdown.reason.startswith("error rate > 1 %: ")
        await until(session, lambda: (p := session.actions.rollback_progress) is not None and p.state == "done")
        progress = session.actions.rollback_progress
        assert progress is not None
        assert progress.automatic
        assert await shares(session) == {STABLE: 100}
        [done] = [note for note in session.autopilot.notes if note.startswith("automatic rollback: ")]
        assert "error rate > 1 %: " in done
        release = (await session.watcher.refresh()).release
        assert release is not None
        assert release.moves[-1].automatic
        assert "error rate > 1 %: " in release.moves[-1].reason


async def test_the_same_stream_rolls_nothing_back_where_the_verdict_drives(simulator: Start, alike: str) -> None:
    async with driving(simulator(scenario=alike, speed=20), "verdict") as session:
        crossed = 0

        def observed() -> bool:
            nonlocal crossed
            verdict = session.watcher.latest.verdict
            assert session.autopilot.countdown is None
            assert session.actions.rollback_progress is None
            crossed += over_the_limit(session)
            return verdict is not None and verdict.observed >= timedelta(seconds=240)

        await until(session, observed)
        assert crossed > 10, "the rule was never crossed: the test tests nothing"
        verdict = session.watcher.latest.verdict
        assert verdict is not None
        assert verdict.word is not Word.FAIL
        assert not verdict.breach
        assert "though a rule of the runbook is crossed" in verdict.note or not over_the_limit(session)
        assert await shares(session) == {CANARY: 10, STABLE: 90}
