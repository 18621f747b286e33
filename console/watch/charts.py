"""What the metrics screen draws: a few lines of points over a span, with the moves of the traffic marked.

Plain values; made by `Watcher.chart`. Must know nothing of plotext or of screens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

Points = tuple[tuple[datetime, float], ...]
"""(time UTC, value), oldest first; a hole in time longer than the period is a gap, to be drawn as one."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm's lines over the span; each empty where nothing is known."""

    revision: str = ""
    """Short revision name, empty where there is no such arm."""
    error_rate: Points = ()
    """Share of 5xx, 0 to 1."""
    p50_ms: Points = ()
    p95_ms: Points = ()
    p99_ms: Points = ()
    requests_per_s: Points = ()
    cpu: Points = ()
    """Share of the allocated CPU in use, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment to mark on every chart."""

    time: datetime
    kind: str
    """`shift`, `undo` or `rollback`."""
    percent: int
    """Canary's share after it."""
    by: str = ""
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class ChartData:
    """All charts of one span."""

    span: timedelta
    start: datetime
    end: datetime
    """Server time when it was read, UTC."""
    period: timedelta = timedelta(seconds=60)
    """Time between two points."""
    canary: Arm = field(default_factory=Arm)
    stable: Arm = field(default_factory=Arm)
    marks: tuple[Mark, ...] = ()
    newest: datetime | None = None
    """Time of the newest point; None where there is none."""
    source: str = ""
    """Where the points come from, translated, e.g. `request logs` or `Cloud Monitoring`."""
    problem: str = ""
    """Why some of it is missing or old, in a sentence; empty while well."""
