"""The metrics screen's points: the last five minutes from our own seconds, longer spans from Cloud Monitoring."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from console.errors import CanarioError
from console.release.state import Release
from console.watch.charts import Arm, ChartData, Mark, Points
from console.watch.history import SERIES_S, STEP_S, History
from console.watch.past_moves import PastMoves, mark_of, merged
from console.words import _

if TYPE_CHECKING:
    from console.cloud.client import Cloud

CACHED_S = 30.0
"""Server seconds that an answer of Monitoring is shown before it is asked again."""
POINTS = 150
"""Points of one line at most, about."""
MINUTE = timedelta(seconds=60)
DELAY = timedelta(minutes=3)
"""How old Monitoring's newest point usually is; the five-minute CPU line starts that much earlier."""

_Found = dict[str, list[tuple[datetime, float]]]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be drawn: the last `span` up to `now`."""

    span: timedelta
    now: datetime
    canary: str | None
    stable: str | None
    marks: tuple[Mark, ...]
    end: int
    """Unix second (exclusive) of our newest closed second."""

    @property
    def start(self) -> datetime:
        """UTC."""
        return self.now - self.span

    @property
    def arms(self) -> tuple[str | None, str | None]:
        """Canary, stable."""
        return (self.canary, self.stable)


class Charts:
    """Reads charts of one service, and keeps each span's for `CACHED_S`."""

    def __init__(self, cloud: Cloud, service: str, history: History) -> None:
        self._cloud = cloud
        self._service = service
        self._history = history
        self._kept: dict[timedelta, tuple[tuple[str | None, str | None], datetime, ChartData]] = {}
        self._cpu: _Found = {}
        self._cpu_at: datetime | None = None
        self._past = PastMoves(cloud.logs, service)

    async def read(
        self, span: timedelta, *, canary: str | None, stable: str | None, release: Release | None, end: int
    ) -> ChartData:
        """The charts of the last `span`.

        Args:
            span: at most five minutes come from request logs, second by second; longer ones from Monitoring.
            canary: revision name, where there is one.
            stable: likewise.
            release: whose moves are marked; earlier ones, and those of others, are found in the audit log.
            end: Unix second (exclusive) of our newest closed second.
        """
        now = self._cloud.server_clock.now()
        if now is None:
            unknown = datetime.fromtimestamp(0, UTC)
            return ChartData(span, unknown, unknown, problem=_("The cloud's time is not known yet."))
        start = now - span
        earlier = await self._past.read(now, canary or "")
        marks = merged((mark for mark in earlier if mark.time >= start), marks_of(release, start))
        data = await self._read(_Wanted(span, now, canary, stable, marks, end))
        if self._past.problem and not data.problem:
            unmarked = _("Only this release's moves are marked: {problem}").format(problem=self._past.problem)
            return replace(data, problem=unmarked)
        return data

    async def _read(self, wanted: _Wanted) -> ChartData:
        if wanted.span.total_seconds() <= SERIES_S:
            return await self._recent(wanted)
        kept = self._kept.get(wanted.span)
        if kept is not None and kept[0] == wanted.arms and (wanted.now - kept[1]).total_seconds() < CACHED_S:
            return replace(kept[2], marks=wanted.marks)
        data = await monitored(
            self._cloud,
            self._service,
            canary=wanted.canary,
            stable=wanted.stable,
            start=wanted.start,
            end=wanted.now,
            marks=wanted.marks,
        )
        if not data.problem:
            self._kept[wanted.span] = (wanted.arms, wanted.now, data)
        elif kept is not None and kept[0] == wanted.arms:
            return replace(kept[2], marks=wanted.marks, problem=data.problem)
        return data

    async def _recent(self, wanted: _Wanted) -> ChartData:
        """From our own closed seconds; only CPU is Monitoring's."""
        now, end, problem = wanted.now, wanted.end, ""
        if self._cpu_at is None or (now - self._cpu_at).total_seconds() >= CACHED_S:
            try:
                self._cpu = await _series(self._cloud, self._service, "CPU", wanted.start - DELAY, now, MINUTE)
                self._cpu_at = now
            except CanarioError as error:
                problem = error.what
        first = end - int(wanted.span.total_seconds())
        canary, stable = (
            _with_cpu(self._history.arm(name, end), self._cpu, first) if name else Arm() for name in wanted.arms
        )
        newest = max((arm.requests_per_s[-1][0] for arm in (canary, stable) if arm.requests_per_s), default=None)
        return ChartData(
            span=wanted.span,
            start=wanted.start,
            end=now,
            period=timedelta(seconds=STEP_S),
            canary=canary,
            stable=stable,
            marks=wanted.marks,
            newest=newest,
            source=_("request logs (CPU: Cloud Monitoring)"),
            problem=problem,
        )


async def monitored(
    cloud: Cloud,
    service: str,
    *,
    canary: str | None,
    stable: str | None,
    start: datetime,
    end: datetime,
    marks: tuple[Mark, ...] = (),
) -> ChartData:
    """The charts between two moments, all of them from Cloud Monitoring, which keeps Cloud Run's for six weeks.

    Args:
        cloud: an open connection.
        service: short name.
        canary: revision name, where there is one.
        stable: likewise.
        start: UTC.
        end: UTC; later than the newest visible point is fine.
        marks: what moved.

    Returns:
        With a `problem` and no points where Monitoring cannot be read.
    """
    span = end - start
    period = MINUTE * max(1, round(span / POINTS / MINUTE))
    wanted = ("REQUEST_COUNT", "LATENCY_P50", "LATENCY_P95", "LATENCY_P99", "CPU")
    problem = ""
    try:
        errors, *others = await asyncio.gather(
            cloud.metrics.error_rates(service, start=start, end=end, period=period),
            *(_series(cloud, service, name, start, end, period) for name in wanted),
        )
    except CanarioError as error:
        problem = error.what
        errors, others = {}, [{} for _name in wanted]
    found = {"error_rate": errors, **dict(zip(wanted, others, strict=True))}
    arms = [_monitored_arm(name, found) for name in (canary, stable)]
    newest = max((p[-1][0] for series in found.values() for p in series.values() if p), default=None)
    return ChartData(span, start, end, period, arms[0], arms[1], marks, newest, _("Cloud Monitoring"), problem)


async def _series(cloud: Cloud, service: str, metric: str, start: datetime, end: datetime, period: timedelta) -> _Found:
    from console.cloud.metrics import Metric

    return await cloud.metrics.series(Metric[metric], service, start=start, end=end, period=period)


def _monitored_arm(name: str | None, found: dict[str, _Found]) -> Arm:
    if name is None:
        return Arm()

    def points(key: str) -> Points:
        return tuple(found[key].get(name, ()))

    return Arm(
        revision=name,
        error_rate=points("error_rate"),
        p50_ms=points("LATENCY_P50"),
        p95_ms=points("LATENCY_P95"),
        p99_ms=points("LATENCY_P99"),
        requests_per_s=points("REQUEST_COUNT"),
        cpu=points("CPU"),
    )


def _with_cpu(arm: Arm, cpu: _Found, first: int) -> Arm:
    points = tuple((at, value) for at, value in cpu.get(arm.revision, ()) if at.timestamp() >= first)
    return Arm(arm.revision, arm.error_rate, arm.p50_ms, arm.p95_ms, arm.p99_ms, arm.requests_per_s, points)


def marks_of(release: Release | None, start: datetime) -> tuple[Mark, ...]:
    """The moves of `release` since `start`."""
    if release is None:
        return ()
    return tuple(mark_of(move) for move in release.moves if move.at >= start)
