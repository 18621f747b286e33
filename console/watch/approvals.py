"""Who wrote the approvals that a service carries: read from the Cloud Audit Log, which nobody can edit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.clock import Clock
from console.errors import CloudError
from console.release.approvals import ApprovalWrite, all_introduced, approval_write
from console.release.state import Approval, Candidate, MigrationApproval

if TYPE_CHECKING:
    from console.cloud.logs import LogsApi

LOOK_S = 3.0
"""Wall seconds between two looks while an approval is not accounted for."""
IDLE_S = 0.5
"""Wall seconds between two looks at whether there is anything to look for."""
MARGIN = timedelta(minutes=10)
"""How long before a candidate's opening its audit entries may be dated, and the least that is read back."""
FARTHEST = timedelta(days=30)
"""The farthest back that is read (https://cloud.google.com/run/docs/audit-logging keeps 400 days)."""
FARTHER = 6
"""How many times farther back the log is read where it does not show an approval coming."""
CALLS = 2_000
"""Calls that are read at most; a release writes its service a few hundred times."""


async def read_approval_writes(
    logs: LogsApi, service: str, candidate: Candidate, now: datetime
) -> tuple[ApprovalWrite, ...]:
    """Every call that wrote the annotation since before the approvals of `candidate` came, oldest first.

    The candidate's own times only say where to begin: whoever edits the annotation may have dated them later than the
    edit, to hide it. The log is read from farther and farther back until it shows each approval coming.

    Args:
        logs: Cloud Logging.
        service: short name.
        candidate: as written on the service.
        now: server time, UTC.

    Raises:
        CloudError: the audit log cannot be read.
    """
    farthest = now - FARTHEST
    since = min((candidate.opened, *(signature.at for signature in candidate.signatures))) - MARGIN
    since = max(min(since, now - MARGIN), farthest)
    while True:
        entries = await logs.audit(service, since=since, limit=CALLS, newest_first=False)
        found = (
            approval_write(entry.time, entry.principal, entry.method, entry.request, entry.refused) for entry in entries
        )
        writes = tuple(write for write in found if write is not None)
        if since <= farthest or all_introduced(candidate, writes):
            return writes
        since = max(now - (now - since) * FARTHER, farthest)


def unaccounted(
    candidate: Candidate | None, writes: Iterable[ApprovalWrite]
) -> tuple[Approval | MigrationApproval, ...]:
    """Approvals, of the release and of its migrations, that no known call wrote."""
    if candidate is None or not candidate.signatures:
        return ()
    known = [signature for write in writes for signature in write.signatures]
    return tuple(signature for signature in candidate.signatures if signature not in known)


class ApprovalFeed:
    """Looks into the audit log while an approval is not accounted for; never raises.

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
        self.writes: tuple[ApprovalWrite, ...] = ()
        """Calls that wrote the annotation, oldest first."""
        self.problem = ""
        """Why the audit log could not be read, or empty."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            candidate, now = self._candidate(), self._now()
            if candidate is None or now is None or not unaccounted(candidate, self.writes):
                await self._clock.sleep(IDLE_S)
                continue
            try:
                writes = await read_approval_writes(self._logs, self._service, candidate, now)
            except CloudError as error:
                self.problem = error.what
            else:
                self.problem = ""
                self.writes = writes
            self._changed()
            await self._clock.sleep(LOOK_S)


__all__ = ["ApprovalFeed", "read_approval_writes", "unaccounted"]
