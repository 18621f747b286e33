"""Who wrote the approvals and the steps' records that a service carries, read from the Cloud Audit Log.

Nobody can edit that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.clock import Clock
from console.errors import CloudError
from console.release.audited import ApprovalWrite, all_introduced, approval_write, unaccounted
from console.release.state import Candidate, StepRecord

if TYPE_CHECKING:
    from console.cloud.logs import AuditEntry, LogsApi

LOOK_S = 3.0
"""Wall seconds between two looks while a line is not accounted for."""
IDLE_S = 0.5
"""Wall seconds between two looks at whether there is anything to look for."""
MARGIN = timedelta(minutes=10)
"""How long before a candidate's opening its audit entries may be dated, and the least that is read back."""
FARTHEST = timedelta(days=30)
"""The farthest back that is read (https://cloud.google.com/run/docs/audit-logging keeps 400 days)."""
FARTHER = 6
"""How many times farther back the log is read where it does not show an approval coming."""
CALLS = 2_000
"""Calls that are read at once; a release writes its service a few hundred times, and more in a watch of days."""
PAGES = 10
"""How often so many are read."""
PATIENT = 5
"""Looks at LOOK_S before the pause grows: the audit log tells within seconds, or it takes its time."""
LONGEST_S = 30.0
"""The longest pause between two looks: entries.list may be called 60 times a minute in a whole project
(https://cloud.google.com/logging/quotas)."""


async def read_approval_writes(
    logs: LogsApi, service: str, candidate: Candidate, now: datetime, known: tuple[ApprovalWrite, ...] = ()
) -> tuple[ApprovalWrite, ...]:
    """Every call that wrote the annotation since before what counts in `candidate` came, oldest first.

    The candidate's own times only say where to begin: whoever edits the annotation may have dated them later than the
    edit, to hide it. The log is read from farther and farther back until it shows each line coming.

    Args:
        logs: Cloud Logging.
        service: short name.
        candidate: as written on the service.
        now: server time, UTC.
        known: what an earlier reading of this candidate found; only what came since, and late entries, are read.

    Raises:
        CloudError: the audit log cannot be read.
    """
    farthest = now - FARTHEST
    if known:
        found = await _read(logs, service, max(known[-1].time - MARGIN, farthest))
        fresh = tuple(write for write in found if write not in known)
        return tuple(sorted((*known, *fresh), key=lambda write: write.time))
    since = min((candidate.opened, *(signature.at for signature in candidate.signatures))) - MARGIN
    since = max(min(since, now - MARGIN), farthest)
    while True:
        writes = await _read(logs, service, since)
        if since <= farthest or all_introduced(candidate, writes):
            return writes
        since = max(now - (now - since) * FARTHER, farthest)


async def _read(logs: LogsApi, service: str, since: datetime) -> tuple[ApprovalWrite, ...]:
    """Calls that wrote the annotation since a time, oldest first, PAGES times CALLS at most."""
    writes: list[ApprovalWrite] = []
    known: dict[tuple[str, str, datetime], StepRecord] = {}
    for _page in range(PAGES):
        entries = await logs.audit(service, since=since, limit=CALLS, newest_first=False)
        writes += await asyncio.to_thread(_parsed, entries, known)  # thousands of documents take their time
        if len(entries) < CALLS or entries[-1].time <= since:
            break
        since = entries[-1].time + timedelta(microseconds=1)
    return tuple(writes)


def _parsed(entries: Sequence[AuditEntry], known: dict[tuple[str, str, datetime], StepRecord]) -> list[ApprovalWrite]:
    """What `entries` wrote; a record that many calls carry along is kept once."""
    writes = []
    for entry in entries:
        write = approval_write(entry.time, entry.principal, entry.method, entry.request, entry.refused)
        if write is None:
            continue
        steps = []
        for record in write.steps:
            same = known.setdefault((record.step, record.key, record.at), record)
            steps.append(same if same == record else record)
        writes.append(replace(write, steps=tuple(steps)))
    return writes


class ApprovalFeed:
    """Looks into the audit log while something that counts is not accounted for; never raises.

    Args:
        logs: Cloud Logging.
        service: short name.
        clock: the wall.
        now: server time; None while unknown.
        candidate: the one that is written on the service now.
        changed: called with each new finding.
    """

    def __init__(
        self,
        logs: LogsApi,
        *,
        service: str,
        clock: Clock,
        now: Callable[[], datetime | None],
        candidate: Callable[[], Candidate | None],
        changed: Callable[[], None],
    ) -> None:
        self._logs, self._service, self._clock = logs, service, clock
        self._now, self._candidate, self._changed = now, candidate, changed
        self._of = ""
        self._seen: tuple[object, object, tuple[object, ...]] = (None, None, ())
        self.writes: tuple[ApprovalWrite, ...] = ()
        """Calls that wrote the annotation, oldest first."""
        self.problem = ""
        """Why the audit log could not be read, or empty."""

    async def run(self) -> None:
        """Look until cancelled."""
        missing: tuple[object, ...] = ()
        looked = 0
        while True:
            candidate, now = self._candidate(), self._now()
            lacking = self._lacking(candidate)
            if candidate is None or now is None or not lacking:
                await self._clock.sleep(IDLE_S)
                continue
            looked = looked + 1 if lacking == missing else 0
            missing = lacking
            known = self.writes if self._of == candidate.id else ()
            try:
                writes = await read_approval_writes(self._logs, self._service, candidate, now, known)
            except CloudError as error:
                self.problem = error.what
            else:
                self.problem = ""
                self.writes, self._of = writes, candidate.id
            self._changed()
            await self._pause(lacking, min(LOOK_S * 2 ** max(0, looked - PATIENT), LONGEST_S))

    def _lacking(self, candidate: Candidate | None) -> tuple[object, ...]:
        """What nobody is known to have written; worked out anew only where either side has changed."""
        if self._seen[0] is not candidate or self._seen[1] is not self.writes:
            self._seen = (candidate, self.writes, unaccounted(candidate, self.writes))
        return self._seen[2]

    async def _pause(self, lacking: tuple[object, ...], pause_s: float) -> None:
        """Wait for the next look; something new that is not accounted for is looked for after LOOK_S."""
        until = self._clock.monotonic() + pause_s
        soonest = self._clock.monotonic() + LOOK_S
        while (now := self._clock.monotonic()) < until:
            if now >= soonest and self._lacking(self._candidate()) != lacking:
                return
            await self._clock.sleep(min(IDLE_S, until - now))


__all__ = ["ApprovalFeed", "read_approval_writes", "unaccounted"]
