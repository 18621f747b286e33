"""Cloud Logging: the live tail, lists, our own audit lines, the Cloud Audit Log. Foreign text is cleaned here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from console.cloud.target import CloudTarget

if TYPE_CHECKING:
    from console.cloud.connection import Connection


@dataclass(slots=True)
class LogEntry:
    """One log entry. Made some thousand times a second, so plain and mutable; treat it as read-only."""

    insert_id: str
    timestamp: float
    """Log timestamp, Unix seconds."""
    received: float
    """When Cloud Logging received it, Unix seconds; 0 where it does not say."""
    severity: str
    """DEFAULT, DEBUG, INFO, NOTICE, WARNING, ERROR, CRITICAL, ALERT, EMERGENCY."""
    log: str
    """Last part of the log's name: `requests`, `stderr`, `stdout`, `canario-audit`,
    `cloudaudit.googleapis.com/activity`, ... (`run.googleapis.com/` taken off)."""
    service: str
    revision: str
    text: str
    """Cleaned, on one line, for requests e.g. `POST /webhook`."""
    status: int = 0
    """HTTP status of a request entry, else 0."""
    latency_ms: float = 0.0
    method: str = ""
    url: str = ""
    trace: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One mutating call in the Cloud Audit Log."""

    time: datetime
    principal: str
    """E-mail of the caller."""
    method: str
    """E.g. `google.cloud.run.v2.Services.UpdateService`."""
    resource: str
    request: dict[str, object]
    """The request as logged; strings cleaned."""


@dataclass(slots=True)
class TailBatch:
    """Entries that arrived together."""

    entries: list[LogEntry] = field(default_factory=list)
    suppressed: dict[str, int] = field(default_factory=dict)
    """Entries held back by the cloud since the last batch, by reason: `RATE_LIMIT`, `NOT_CONSUMED`."""


class LogsApi:
    """Cloud Logging of one project."""

    def __init__(self, target: CloudTarget, connection: Connection) -> None:
        self._target = target
        self._connection = connection

    async def tail(self, filter: str, *, buffer_window_s: float = 2.0) -> AsyncIterator[TailBatch]:
        """Entries as they are logged."""
        raise NotImplementedError
        yield TailBatch()

    async def list(self, filter: str, *, limit: int = 1000, newest_first: bool = True) -> list[LogEntry]:
        """Entries of the past."""
        raise NotImplementedError

    async def write_text(
        self, log: str, payload: Mapping[str, str | int | float | bool], severity: str = "NOTICE"
    ) -> None:
        """Write one structured entry."""
        raise NotImplementedError

    async def audit(self, service: str, *, since: datetime, limit: int = 50) -> list[AuditEntry]:
        """Mutating calls on `service`, newest first."""
        raise NotImplementedError
