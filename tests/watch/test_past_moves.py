"""What the charts mark besides the release's own moves: earlier releases, and who moved without canario."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from console.cloud.logs import AuditEntry
from console.errors import UnavailableError
from console.release.split import TrafficSplit
from console.release.state import ANNOTATION, Move, Release, lines_of
from console.watch.past_moves import MovesSeen, PastMoves
from tests.watch.fakes import CANARY, STABLE, START

MARIA, RIVAL = "maria@demo.example", "rival@demo.example"
MINUTE = timedelta(minutes=1)


def release(*moves: Move, id: str = "r1", canary: str = CANARY) -> Release:
    return Release(
        id=id,
        canary=canary,
        stable=STABLE,
        baseline=lines_of(TrafficSplit.of({STABLE: 100})),
        started=START,
        started_by=MARIA,
        moves=moves,
    )


def move(percent: int, at: datetime, kind: str = "shift") -> Move:
    return Move.model_validate({"kind": kind, "at": at, "by": MARIA, "percent": percent, "before": ()})


def written(
    at: datetime,
    by: str = MARIA,
    *,
    told: Release | None = None,
    shares: Mapping[str, int] | None = None,
    mask: str = "traffic,annotations",
    refused: str = "",
) -> AuditEntry:
    """An UpdateService call in the audit log."""
    service: dict[str, object] = {}
    if told is not None:
        service["annotations"] = {ANNOTATION: told.dumps()}
    if shares is not None:
        service["traffic"] = [{"revision": name, "percent": percent} for name, percent in shares.items()]
    request: dict[str, object] = {"service": service, "updateMask": mask}
    return AuditEntry(at, by, "google.cloud.run.v2.Services.UpdateService", "wa-backend", request, refused)


def seen(*audits: AuditEntry) -> list[tuple[str, int, str]]:
    moves = MovesSeen()
    moves.take(audits)
    return [(mark.kind, mark.percent, mark.by) for mark in moves.marks]


def test_a_release_that_is_over_keeps_its_marks() -> None:
    yesterday = START - timedelta(hours=3)
    old = release(move(10, yesterday), move(0, yesterday + MINUTE, "rollback"), id="r0", canary="wa-backend-00040-pol")
    new = release(move(10, START))
    assert seen(
        written(yesterday + MINUTE, told=old, shares={STABLE: 100}),
        written(START, told=new, shares={CANARY: 10, STABLE: 90}),
    ) == [("shift", 10, MARIA), ("rollback", 0, MARIA), ("shift", 10, MARIA)]


def test_who_moves_the_traffic_without_canario_is_marked_by_name() -> None:
    assert seen(
        written(START, told=release(move(10, START)), shares={CANARY: 10, STABLE: 90}),
        written(START + MINUTE, RIVAL, shares={CANARY: 40, STABLE: 60}, mask="traffic"),
    ) == [("shift", 10, MARIA), ("shift", 40, RIVAL)]


def test_a_lease_or_a_refused_call_is_no_move() -> None:
    first = release(move(10, START))
    split = {CANARY: 10, STABLE: 90}
    assert seen(
        written(START, told=first, shares=split),
        written(START + MINUTE, told=first, shares={CANARY: 90}, mask="annotations"),
        written(START + 2 * MINUTE, RIVAL, shares={CANARY: 40, STABLE: 60}, mask="traffic", refused="ABORTED"),
        written(START + 3 * MINUTE, RIVAL, shares=split, mask="traffic"),
    ) == [("shift", 10, MARIA)]


class Log:
    """Cloud Logging's audit log, as it was asked."""

    def __init__(self, *entries: AuditEntry) -> None:
        self.entries = entries
        self.asked: list[datetime] = []
        self.problem: UnavailableError | None = None

    async def audit(self, service: str, *, since: datetime, limit: int) -> list[AuditEntry]:
        self.asked.append(since)
        if self.problem is not None:
            raise self.problem
        return [entry for entry in self.entries if entry.time >= since][::-1]


async def test_the_log_is_read_once_in_full_and_then_only_what_is_new() -> None:
    log = Log(written(START - MINUTE, told=release(move(10, START - MINUTE)), shares={CANARY: 10, STABLE: 90}))
    past = PastMoves(log, "wa-backend")  # type: ignore[arg-type]
    assert len(await past.read(START)) == 1
    assert len(await past.read(START + timedelta(seconds=5))) == 1
    log.entries += (written(START + MINUTE / 2, RIVAL, shares={CANARY: 40, STABLE: 60}, mask="traffic"),)
    assert [mark.percent for mark in await past.read(START + MINUTE)] == [10, 40]
    assert log.asked == [START - timedelta(hours=24), START - MINUTE]
    assert await past.read(START + timedelta(hours=25)) == ()


@pytest.mark.parametrize("seconds", [31, 3600])
async def test_a_log_that_cannot_be_read_costs_no_mark_that_is_known(seconds: int) -> None:
    log = Log(written(START - MINUTE, told=release(move(10, START - MINUTE)), shares={CANARY: 10, STABLE: 90}))
    past = PastMoves(log, "wa-backend")  # type: ignore[arg-type]
    await past.read(START)
    log.problem = UnavailableError("The log is away.")
    assert len(await past.read(START + timedelta(seconds=seconds))) == 1
    assert past.problem == "The log is away."
