"""Who moved the traffic in the last day, for the charts' marks: read from the Cloud Audit Log, which keeps every move.

The release on the service remembers its own moves only. The log also has those of releases before it, and those of
people who moved the traffic without canario.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.errors import CanarioError
from console.release.state import ANNOTATION, Move, Release, read_release
from console.watch.charts import Mark

if TYPE_CHECKING:
    from console.cloud.logs import AuditEntry, LogsApi

FARTHEST = timedelta(hours=24)
"""How far back moves are looked for: the longest span of the charts."""
AGAIN = timedelta(seconds=30)
"""Server time between two looks."""
LATE = timedelta(minutes=1)
"""How late an entry may come into the log: so much of it is read again."""
ENTRIES = 1_000
"""Entries read at once at most. A driving console writes two a minute; each carries the last moves of its release."""


def mark_of(move: Move) -> Mark:
    """A release's own move, as charts mark it."""
    return Mark(move.at, move.kind, move.percent, move.by, move.automatic)


def merged(*groups: Iterable[Mark]) -> tuple[Mark, ...]:
    """All marks, each once, oldest first."""
    return tuple(sorted({(m.time, m.kind, m.percent): m for group in groups for m in group}.values(), key=_time))


def _time(mark: Mark) -> datetime:
    return mark.time


class MovesSeen:
    """Moves found so far in audit entries; pure. Entries may be given again, and are then passed over."""

    def __init__(self) -> None:
        self._marks: dict[tuple[datetime, str, int], Mark] = {}
        self._own: set[tuple[datetime, str, int]] = set()
        """Moves that releases have told of, also those that no chart reaches any more."""
        self._read: set[tuple[datetime, str]] = set()
        self._shares: Mapping[str, int] | None = None
        self._canary = ""

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Oldest first."""
        return merged(self._marks.values())

    def take(self, audits: Iterable[AuditEntry], canary: str = "") -> None:
        """Take in entries of the log, in any order.

        Args:
            audits: entries.
            canary: whose share is told of moves before which no release was written.
        """
        self._canary = self._canary or canary
        for audit in sorted(audits, key=lambda entry: entry.time):
            if audit.refused or (audit.time, audit.principal) in self._read:
                continue
            self._read.add((audit.time, audit.principal))
            self._take(audit)

    def _take(self, audit: AuditEntry) -> None:
        service = audit.request.get("service")
        if not isinstance(service, Mapping):
            return
        release = _release(service)
        ours = False
        if release is not None:
            self._canary = release.canary
            for move in release.moves:
                mark = mark_of(move)
                key = (mark.time, mark.kind, mark.percent)
                if key not in self._own:
                    ours = True
                    self._own.add(key)
                    self._marks[key] = mark
        shares = _shares(audit.request, service)
        if shares is None:
            return
        if not ours and self._canary and shares != self._shares:
            percent = shares.get(self._canary, 0)
            self._marks[audit.time, "shift", percent] = Mark(audit.time, "shift", percent, audit.principal)
        self._shares = shares

    def forget_before(self, moment: datetime) -> None:
        """Drop what no chart reaches any more."""
        self._marks = {key: mark for key, mark in self._marks.items() if mark.time >= moment}
        self._read = {key for key in self._read if key[0] >= moment}


def _release(service: Mapping[str, object]) -> Release | None:
    annotations = service.get("annotations")
    if not isinstance(annotations, Mapping) or not isinstance(annotations.get(ANNOTATION), str):
        return None
    return read_release(annotations)[0]


def _shares(request: Mapping[str, object], service: Mapping[str, object]) -> dict[str, int] | None:
    """The split that a request asks for; None where it leaves the traffic alone."""
    mask = request.get("updateMask")
    if isinstance(mask, str) and mask and "traffic" not in (field.strip() for field in mask.split(",")):
        return None
    traffic = service.get("traffic")
    if not isinstance(traffic, list):
        return None
    shares: dict[str, int] = {}
    for target in traffic:
        if isinstance(target, Mapping) and isinstance(percent := target.get("percent"), int | float) and percent:
            name = str(target.get("revision", ""))
            shares[name] = shares.get(name, 0) + int(percent)
    return shares


class PastMoves:
    """Reads the audit log of one service, a little at a time; what cannot be read is missing, never raised.

    Args:
        logs: Cloud Logging.
        service: short name.
    """

    def __init__(self, logs: LogsApi, service: str) -> None:
        self._logs, self._service = logs, service
        self._seen = MovesSeen()
        self._looked: datetime | None = None
        self.problem = ""
        """Why the log could not be read, in a sentence, or empty."""

    async def read(self, now: datetime, canary: str = "") -> tuple[Mark, ...]:
        """The moves of the last day, oldest first.

        Args:
            now: server time, UTC.
            canary: whose share is told of moves before which no release was written.
        """
        looked = self._looked
        if looked is None or not timedelta(0) <= now - looked < AGAIN:
            since = max(now - FARTHEST, looked - LATE) if looked is not None and not self.problem else now - FARTHEST
            self._looked = now
            try:
                self._seen.take(await self._logs.audit(self._service, since=since, limit=ENTRIES), canary)
                self.problem = ""
            except CanarioError as error:
                self.problem = error.what
            self._seen.forget_before(now - FARTHEST)
        return self._seen.marks


__all__ = ["MovesSeen", "PastMoves", "mark_of", "merged"]
