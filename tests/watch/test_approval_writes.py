"""The audit log is read back to where each approval came, whatever times the annotation claims."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from console.cloud.logs import AuditEntry
from console.release.approvals import check_approvals
from console.release.audited import ApprovalState
from console.release.state import ANNOTATION, Approval, Candidate, Document
from console.watch.approvals import read_approval_writes
from tests.release.making import WEDNESDAY

if TYPE_CHECKING:
    from console.cloud.logs import LogsApi

IMAGE, PLAN = "sha256:" + "a" * 64, "0123456789abcdef"
MARIA, MALLORY = "maria@acme.example", "mallory@acme.example"


class AuditLog:
    """Entries of a service, read as Cloud Logging is."""

    def __init__(self, *entries: AuditEntry) -> None:
        self.entries = entries
        self.reads = 0

    async def audit(self, service: str, *, since: datetime, limit: int, newest_first: bool) -> list[AuditEntry]:
        self.reads += 1
        return [entry for entry in self.entries if entry.time >= since][:limit]


def wrote(at: datetime, who: str, candidate: Candidate) -> AuditEntry:
    request: dict[str, object] = {"service": {"annotations": {ANNOTATION: Document(candidate=candidate).dumps()}}}
    return AuditEntry(at, who, "google.cloud.run.v2.Services.UpdateService", "wa-backend", request)


def opened(at: datetime, *approvals: Approval) -> Candidate:
    return Candidate(id="2026-11-25-1005", opened=at, opened_by=MARIA, approvals=approvals)


def approval(at: datetime) -> Approval:
    return Approval(
        id="0" * 16, role="tech_lead", by=MARIA, at=at, digest=IMAGE, plan=PLAN, candidate="2026-11-25-1005"
    )


async def states(log: AuditLog, candidate: Candidate, now: datetime) -> list[ApprovalState]:
    writes = await read_approval_writes(cast("LogsApi", log), "wa-backend", candidate, now)
    return [check.state for check in check_approvals(candidate, writes, image_id=IMAGE, plan=PLAN)]


async def test_a_forged_approval_dated_later_is_not_the_victims_once_her_console_writes_again() -> None:
    later = WEDNESDAY + timedelta(hours=2)
    forged = opened(later, approval(later))
    log = AuditLog(
        wrote(WEDNESDAY - timedelta(hours=1), MARIA, opened(WEDNESDAY - timedelta(hours=1))),
        wrote(WEDNESDAY, MALLORY, forged),
        wrote(later + timedelta(minutes=1), MARIA, forged),  # her console renews its lease
    )
    assert await states(log, forged, later + timedelta(minutes=5)) == [ApprovalState.FORGED]


async def test_an_honest_approval_is_found_in_one_read() -> None:
    honest = opened(WEDNESDAY, approval(WEDNESDAY + timedelta(minutes=5)))
    log = AuditLog(wrote(WEDNESDAY, MARIA, opened(WEDNESDAY)), wrote(WEDNESDAY + timedelta(minutes=5), MARIA, honest))
    assert await states(log, honest, WEDNESDAY + timedelta(minutes=6)) == [ApprovalState.VERIFIED]
    assert log.reads == 1
