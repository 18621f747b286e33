"""A watch that missed most of its day reads it from a log that cannot answer for so long a stretch at once."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from console.clock import ManualClock
from console.cloud.logs import LogEntry
from console.errors import UnavailableError
from console.runbook.watching import End, Watch

BEGAN = datetime(2026, 11, 25, 11, 0, tzinfo=UTC)
REVISION = "wa-backend-00042-vez"


class Hurried(ManualClock):
    """A wall that passes while one sleeps, at once."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)


class SlowLog:
    """A log that answers for four hours at most."""

    def __init__(self) -> None:
        self.refused = 0

    async def list(self, wanted: str, *, limit: int, newest_first: bool) -> list[LogEntry]:
        first, last = (datetime.fromisoformat(at) for at in re.findall(r'timestamp[<>]=?"([^"]+)"', wanted))
        if last - first > timedelta(hours=4):
            self.refused += 1
            raise UnavailableError("Google Cloud did not answer in time.", remedy="Wait.")
        times = [first + timedelta(seconds=30 * i) for i in range(int((last - first).total_seconds() / 30))]
        return [
            LogEntry(
                f"{at}", at.timestamp(), at.timestamp(), "INFO", "requests", "wa-backend", REVISION, "POST /", 200, 90.0
            )
            for at in times
        ]


async def test_a_stretch_that_cannot_be_read_at_once_is_read_in_pieces() -> None:
    async def nothing(*_args: object, **_options: object) -> dict[str, Any]:
        return {}

    log = SlowLog()
    metrics = SimpleNamespace(series=nothing, error_rates=nothing)
    cloud: Any = SimpleNamespace(
        logs=log, metrics=metrics, target=SimpleNamespace(project="demo", region="us-central1")
    )
    watch = Watch(
        cloud=cloud,
        service="wa-backend",
        revision=REVISION,
        clock=Hurried(BEGAN),
        now=lambda: BEGAN + timedelta(hours=30),
        ticks=lambda _revision, _since: (),
        share=lambda: 100,
        report=lambda _stand, _problem: None,
        usual_per_s=0.03,
    )
    ended = await watch.run(BEGAN, timedelta(hours=24))
    assert log.refused >= 1, "the test tests nothing"
    assert ended.end is End.QUIET
    assert ended.stand.requests > 2500
