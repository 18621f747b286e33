"""The final validation's limits, held against what was read. Runbook: `Validación Final`, "Métricas objetivo". Pure.

Requests are in the normal range where their mean rate lies between `least` and `most` times the usual one: that of the
hour before the release as Cloud Monitoring counted it, else the settings' `checklist.normal_requests_per_second`. Twice
and half as much are the defaults: traffic drifts over a day, and a service that answers nobody or is hammered by
retries is far outside both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.release.figures import duration
from console.words import _

ENOUGH_REQUESTS = 20
"""Requests without which an error rate and a P95 are not read."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the runbook asks of a release that has all traffic."""

    error_rate: float = 0.01
    """Under this, 0 to 1."""
    p95_ms: float = 800.0
    """Under this."""
    cpu: float = 0.70
    """Under this, 0 to 1."""
    least: float = 0.5
    most: float = 2.0
    """Requests: times the usual rate."""


@dataclass(frozen=True, slots=True)
class Usual:
    """The usual rate of requests."""

    per_s: float
    source: str
    """Where it is from, translated."""


@dataclass(frozen=True, slots=True)
class Readings:
    """What was read of the minutes after 100 %; None where it could not be."""

    error_rate: float | None = None
    p95_ms: float | None = None
    cpu: float | None = None
    requests_per_s: float | None = None
    requests: int = 0
    """Requests that error rate and P95 are of."""
    observed: timedelta = timedelta(0)
    """Time after 100 % that error rate and P95 are of, in server time."""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One limit with its reading."""

    name: str
    value: str
    limit: str
    good: bool
    known: bool = True
    """Whether it could be read."""

    @property
    def figure(self) -> tuple[str, str]:
        """As evidence keeps it: the reading, and the limit that it is under."""
        return self.name, f"{self.value} ({self.limit})" if self.limit else self.value

    @property
    def problem(self) -> str:
        """What is wrong, or empty."""
        if self.good:
            return ""
        if not self.known:
            return _("{name} could not be read").format(name=self.name)
        return _("{name} is {value}, and must be {limit}").format(name=self.name, value=self.value, limit=self.limit)


def judged(readings: Readings, limits: Limits, usual: Usual) -> tuple[Check, ...]:
    """Each limit with its reading; what could not be read is not good.

    Args:
        readings: what was read.
        limits: what they must keep.
        usual: rate of requests.
    """
    enough = readings.requests >= ENOUGH_REQUESTS
    low, high = usual.per_s * limits.least, usual.per_s * limits.most
    return (
        _under(_("error rate"), readings.error_rate if enough else None, limits.error_rate, _percent),
        _under(_("P95"), readings.p95_ms if enough else None, limits.p95_ms, _milliseconds),
        _under(_("CPU"), readings.cpu, limits.cpu, _percent),
        _within(_("requests"), readings.requests_per_s, low, high, usual),
    )


def seen_for(readings: Readings, whole: timedelta) -> Check:
    """Whether the time asked for was really observed; a good reading of less of it says nothing of the rest.

    Args:
        readings: what was read.
        whole: how long it must be looked at.
    """
    seen = readings.observed
    return Check(_("looked at"), duration(seen), f"≥ {duration(whole)}", seen >= whole)


def observed_until(points: Iterable[tuple[datetime, float]], start: datetime) -> timedelta:
    """How much of the time since `start` a series tells of: up to its newest point, minutes without a request too."""
    return max((at - start for at, _value in points if at > start), default=timedelta(0))


def highest(points: Iterable[tuple[datetime, float]], since: datetime) -> float | None:
    """The highest value of the points after `since` (a point stands at the end of its minute); None without one."""
    return max((value for at, value in points if at > since), default=None)


def mean(points: Iterable[tuple[datetime, float]], since: datetime, until: datetime) -> float | None:
    """The mean of the points in (`since`, `until`]; None without one."""
    values = [value for at, value in points if since < at <= until]
    return sum(values) / len(values) if values else None


def added(series: Iterable[Iterable[tuple[datetime, float]]]) -> list[tuple[datetime, float]]:
    """Several revisions' rates added up, by time."""
    total: dict[datetime, float] = {}
    for points in series:
        for at, value in points:
            total[at] = total.get(at, 0.0) + value
    return sorted(total.items())


def hour_before(started: datetime) -> tuple[datetime, datetime]:
    """The hour that tells what is usual."""
    return started - timedelta(hours=1), started


def _under(name: str, value: float | None, limit: float, shown: object) -> Check:
    assert callable(shown)
    told = f"< {shown(limit)}"
    if value is None:
        return Check(name, _("not known"), told, False, known=False)
    return Check(name, shown(value), told, value < limit)


def _within(name: str, value: float | None, low: float, high: float, usual: Usual) -> Check:
    told = _("usual {usual}/s, {source}").format(usual=_rate(usual.per_s), source=usual.source)
    if value is None:
        return Check(name, _("not known"), told, False, known=False)
    if low <= value <= high:
        return Check(name, f"{_rate(value)} RPS", told, True)
    limit = _("between {low} and {high}/s ({told})").format(low=_rate(low), high=_rate(high), told=told)
    return Check(name, f"{_rate(value)} RPS", limit, False)


def _percent(value: float) -> str:
    return f"{value:.1%}".replace("%", " %")


def _milliseconds(value: float) -> str:
    return f"{value:,.0f} ms"


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
