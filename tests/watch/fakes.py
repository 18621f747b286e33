"""A cloud of plain values for the watcher's tests: what it logs, serves and refuses is set by the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from console.clock import ManualClock, ServerClock
from console.cloud.logs import AuditEntry, LogEntry, TailBatch
from console.cloud.target import CloudTarget
from console.errors import CloudError, NotFoundError, UnavailableError
from console.release.service import Revision, Service
from console.release.split import TrafficSplit, TrafficTarget

START = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
CANARY = "wa-backend-00042-vez"
STABLE = "wa-backend-00041-kud"

_serial = iter(range(10**9))


def request(
    at: float, revision: str = STABLE, status: int = 200, latency_ms: float = 200.0, *, lag: float = 1.0, id: str = ""
) -> LogEntry:
    """A request entry at Unix second `at`, received `lag` seconds later."""
    return LogEntry(
        insert_id=id or f"id{next(_serial)}",
        timestamp=at,
        received=at + lag,
        severity="ERROR" if status >= 500 else "INFO",
        log="requests",
        service="wa-backend",
        revision=revision,
        text="POST /webhook",
        status=status,
        latency_ms=latency_ms,
    )


def line(at: float, text: str, severity: str = "ERROR", revision: str = CANARY, trace: str = "") -> LogEntry:
    """An application line."""
    return LogEntry(f"id{next(_serial)}", at, at + 1.0, severity, "stderr", "wa-backend", revision, text, trace=trace)


def service(
    shares: dict[str, int] | None = None,
    *,
    generation: int = 1,
    etag: str = "e1",
    annotations: dict[str, str] | None = None,
    reconciling: bool = False,
    effective: dict[str, int] | None = None,
    tag: str | None = CANARY,
    modifier: str = "ana@demo.example",
    affinity: bool = False,
    tags: Sequence[tuple[str, str]] = (),
) -> Service:
    """A service with this split (all to the stable one where none is given) and the tag `canary`."""
    wanted = TrafficSplit.of(shares or {STABLE: 100})
    serving = TrafficSplit.of(effective) if effective else wanted
    marks = [TrafficTarget(revision=r, tag=t) for t, r in [*([("canary", tag)] if tag else []), *tags]]
    return Service(
        name="wa-backend",
        project="demo",
        region="us-central1",
        etag=etag,
        generation=generation,
        traffic=TrafficSplit((*wanted.targets, *marks)),
        effective=TrafficSplit((*serving.targets, *marks)),
        reconciling=reconciling,
        annotations=annotations or {},
        latest_ready=CANARY,
        latest_created=CANARY,
        session_affinity=affinity,
        last_modifier=modifier,
    )


REVISIONS = (
    Revision(CANARY, created=START - timedelta(minutes=10), ready=True),
    Revision(STABLE, created=START - timedelta(days=6), ready=True),
)


class FakeRun:
    """Cloud Run: one service, its revisions, permissions."""

    def __init__(self) -> None:
        self.service = service()
        self.revisions: tuple[Revision, ...] = REVISIONS
        self.permissions = frozenset({"run.services.update"})
        self.problem: CloudError | None = None
        self.reads = 0
        self.gate: asyncio.Event | None = None
        """Where set, a read waits for it after it has been answered (an answer on its way)."""
        self.digest = ""
        """Of every image that is asked about."""
        self.digests_come: asyncio.Event | None = None
        """Where set, digests wait for it."""

    async def get_service(self, name: str, *, timeout_s: float = 10.0) -> Service:
        """See `RunApi`."""
        self.reads += 1
        answer = self.service
        if self.gate is not None:
            await self.gate.wait()
        if self.problem is not None:
            raise self.problem
        return answer

    async def list_revisions(self, service: str, *, limit: int = 200) -> tuple[Revision, ...]:
        """See `RunApi`."""
        if self.problem is not None:
            raise self.problem
        return self.revisions[:limit]

    async def get_revision(self, service: str, name: str) -> Revision:
        """See `RunApi`."""
        for revision in self.revisions:
            if revision.name == name:
                return revision
        raise NotFoundError(f"Revision {name} not found.")

    async def with_digests(
        self, revisions: Sequence[Revision], names: Iterable[str], *, again: bool = False
    ) -> tuple[Revision, ...]:
        """See `RunApi`."""
        if self.digests_come is not None:
            await self.digests_come.wait()
        wanted = set(names)
        return tuple(
            replace(one, digest=self.digest, asking=False) if self.digest and one.name in wanted else one
            for one in revisions
        )

    async def test_permissions(self, service: str, permissions: Sequence[str]) -> frozenset[str]:
        """See `RunApi`."""
        return self.permissions & frozenset(permissions)


class FakeLogs:
    """Cloud Logging: entries are pushed by the test; a list answers from all of them."""

    def __init__(self) -> None:
        self.logged: list[LogEntry] = []
        self.audits: list[AuditEntry] = []
        self.lists: list[str] = []
        self.list_problem: CloudError | None = None
        self.opened = 0
        self._tails: dict[asyncio.Queue[TailBatch | CloudError], str] = {}
        """Open tails and their filters."""
        self.refuse: CloudError | None = None
        self.matches: Callable[[str, LogEntry], bool] = lambda _filter, _entry: True

    def push(self, *entries: LogEntry, suppressed: int = 0) -> None:
        """Log `entries` and tell them to the open tail."""
        self.logged += entries
        for queue, filter in self._tails.items():
            told = [entry for entry in entries if self.matches(filter, entry)]
            queue.put_nowait(TailBatch(told, {"RATE_LIMIT": suppressed} if suppressed else {}))

    def cut(self) -> None:
        """Break the open tails."""
        for queue in self._tails:
            queue.put_nowait(UnavailableError("The log stream was cut."))

    async def tail(self, filter: str, *, buffer_window_s: float = 2.0) -> AsyncGenerator[TailBatch, None]:
        """See `LogsApi`."""
        if self.refuse is not None:
            raise self.refuse
        self.opened += 1
        queue: asyncio.Queue[TailBatch | CloudError] = asyncio.Queue()
        self._tails[queue] = filter
        try:
            while True:
                told = await queue.get()
                if isinstance(told, CloudError):
                    raise told
                yield told
        finally:
            del self._tails[queue]

    async def list(self, filter: str, *, limit: int = 1000, newest_first: bool = True) -> list[LogEntry]:
        """See `LogsApi`; understands the timestamps and the revision of our own filters."""
        self.lists.append(filter)
        if self.list_problem is not None:
            raise self.list_problem
        found = [entry for entry in self.logged if _in_span(filter, entry) and self.matches(filter, entry)]
        found.sort(key=lambda entry: entry.timestamp, reverse=newest_first)
        return found[:limit]

    async def audit(self, service: str, *, since: datetime, limit: int = 50) -> list[AuditEntry]:
        """See `LogsApi`."""
        return [entry for entry in self.audits if entry.time >= since][:limit]


def _in_span(filter: str, entry: LogEntry) -> bool:
    for part in filter.split(" AND "):
        for sign, allowed in ((">=", entry.timestamp.__ge__), ("<", entry.timestamp.__lt__)):
            if part.startswith(f'timestamp{sign}"'):
                limit = datetime.fromisoformat(part.split('"')[1].replace("Z", "+00:00")).timestamp()
                if not allowed(limit):
                    return False
        if part.startswith("resource.labels.revision_name=") and part.split('"')[1] != entry.revision:
            return False
    return True


class FakeMetrics:
    """Cloud Monitoring: fixed series."""

    def __init__(self) -> None:
        self.found: dict[str, list[tuple[datetime, float]]] = {}
        self.problem: CloudError | None = None
        self.reads = 0

    async def series(
        self, metric: object, service: str, *, start: datetime, end: datetime, period: timedelta
    ) -> dict[str, list[tuple[datetime, float]]]:
        """See `MetricsApi`."""
        self.reads += 1
        if self.problem is not None:
            raise self.problem
        return self.found

    async def error_rates(
        self, service: str, *, start: datetime, end: datetime, period: timedelta
    ) -> dict[str, list[tuple[datetime, float]]]:
        """See `MetricsApi`."""
        if self.problem is not None:
            raise self.problem
        return self.found


class FakeCloud:
    """All of it, with a clock turned by hand that is the cloud's as well."""

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        self.server_clock = ServerClock(self.clock)
        self.server_clock.observe(START)
        self.target = CloudTarget("demo", "us-central1")
        self.run = FakeRun()
        self.logs = FakeLogs()
        self.metrics = FakeMetrics()
        self.ready = True

    def channel_ready(self) -> bool:
        """See `Cloud`."""
        return self.ready

    def unix(self) -> float:
        """The cloud's time, Unix seconds."""
        now = self.server_clock.now()
        assert now is not None
        return now.timestamp()


async def settle() -> None:
    """Let every task run until it waits for the clock or for a test's own event."""
    for _turn in range(60):
        await asyncio.sleep(0)


async def turn(cloud: FakeCloud, seconds: float, step: float = 0.1) -> None:
    """Turn the clock on in small steps, tasks running in between."""
    for _step in range(round(seconds / step)):
        cloud.clock.advance(step)
        await settle()
