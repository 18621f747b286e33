"""A bake that is run when there is nothing to watch ends at once: a run that never ends would hold the checklist up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from console.errors import UsageError
from console.runbook.evidence import Result
from console.runbook.kinds.base import Subject
from console.watch.snapshot import Snapshot
from tests.release.making import CANARY, STABLE, release_at, service
from tests.runbook.steps import Bench, Tools


@dataclass
class Watching(Tools):
    """Tools whose live picture has the canary at a share."""

    percent: int = 0

    def snapshot(self) -> Snapshot:  # type: ignore[override]
        shares = {STABLE: 100 - self.percent, CANARY: self.percent} if self.percent else None
        release = release_at(self.percent) if self.percent else None
        return Snapshot("demo", "us-central1", "wa-backend", service=service(shares), release=release)


def bench(folder: Path, percent: int) -> Bench:
    subject = Subject(candidate="2026-11-25-1200", service="wa-backend", canary=CANARY)
    return Bench(folder, Watching(percent=percent), subject)


async def test_a_bake_run_again_once_the_canary_has_more_is_behind_it(tmp_path: Path) -> None:
    here = bench(tmp_path, 50)
    evidence = await here.run(here.step("bake", percent=10))
    assert evidence.result is Result.PASSED
    assert evidence.sentence == "the canary has 50 %: this step is behind it"


async def test_a_bake_before_its_move_says_that_there_is_nothing_to_watch(tmp_path: Path) -> None:
    here = bench(tmp_path, 0)
    with pytest.raises(UsageError, match="has 0 %, not 10 %"):
        await here.run(here.step("bake", percent=10))
