"""Monitoring's figures held against what the log told: two witnesses of the same requests. Pure.

Monitoring counts requests by the minute, seen minutes later; the log is counted by the second. Compared are whole
minutes that the log was read in without a gap, after the split last moved. What is thinned by chance is scaled back,
and what that chance, and requests across a minute's edge, can explain is not called a difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import sqrt

from console.verdict.figures import count, percent
from console.watch.aggregate import Second
from console.words import _

Minutes = Mapping[str, Mapping[int, tuple[float, float]]]
"""(requests, 5xx) by revision and the Unix second at which the minute ends, a multiple of 60."""

TOLERANCE = 0.05
"""Difference that is shown (issue 3)."""
SIGMAS = 4.0
"""And beyond so many standard deviations of what chance explains."""
EDGE_S = 2.0
"""Seconds' worth of requests that may fall to the next minute: the log has a request's beginning, Monitoring its
end."""


@dataclass(slots=True)
class _Minute:
    """What the log told of one revision in one minute, scaled back, with the variance of that."""

    requests: float = 0.0
    errors: float = 0.0
    variance: float = 0.0
    error_variance: float = 0.0


def difference(seconds: Iterable[Second], monitoring: Minutes, steady_from: float) -> str:
    """What Monitoring and the log disagree on in the newest minute that both know, in a sentence; empty where nothing.

    Args:
        seconds: closed seconds, in rising order.
        monitoring: its figures.
        steady_from: Unix second since which the split has not moved; the minute in which it did is left out.
    """
    minutes = _whole_minutes(seconds)
    for end in sorted(minutes, reverse=True):
        if end - 120 < steady_from:
            break
        known = {name: figures[end] for name, figures in monitoring.items() if end in figures}
        if not known:
            continue
        for name in sorted(known.keys() | minutes[end].keys()):
            sentence = _compare(name, end, minutes[end].get(name, _Minute()), known.get(name, (0.0, 0.0)))
            if sentence:
                return sentence
        return ""
    return ""


def _whole_minutes(seconds: Iterable[Second]) -> dict[int, dict[str, _Minute]]:
    """By end and revision; only minutes all of whose seconds were read whole, evenly and with nothing held back."""
    found: dict[int, dict[str, _Minute]] = {}
    good: dict[int, int] = {}
    for second in seconds:
        end = second.second - second.second % 60 + 60
        if not second.whole or second.before is not None or second.suppressed:
            continue
        good[end] = good.get(end, 0) + 1
        minute = found.setdefault(end, {})
        for name, counts in second.arms.items():
            fraction = second.sampling.of(name)
            into = minute.setdefault(name, _Minute())
            spread = (1 - fraction) / fraction**2
            into.requests += counts.requests / fraction
            into.errors += counts.errors / fraction
            into.variance += counts.requests * spread
            into.error_variance += counts.errors * spread
    return {end: minute for end, minute in found.items() if good[end] == 60}


def _compare(name: str, end: int, log: _Minute, monitoring: tuple[float, float]) -> str:
    requests, errors = monitoring
    at = f"{datetime.fromtimestamp(end, UTC):%H:%M}"
    if _differ(log.requests, requests, log.variance):
        return _(
            "Monitoring counts {theirs} requests of {revision} in the minute to {at}, the log {ours}: {apart} apart."
        ).format(
            theirs=count(round(requests)),
            revision=name,
            at=at,
            ours=count(round(log.requests)),
            apart=percent(_apart(log.requests, requests)),
        )
    if _differ(log.errors, errors, log.error_variance):
        return _(
            "Monitoring counts {theirs} 5xx errors of {revision} in the minute to {at}, the log {ours}: {apart} apart."
        ).format(
            theirs=count(round(errors)),
            revision=name,
            at=at,
            ours=count(round(log.errors)),
            apart=percent(_apart(log.errors, errors)),
        )
    return ""


def _apart(ours: float, theirs: float) -> float:
    return abs(ours - theirs) / max(ours, theirs)


def _differ(ours: float, theirs: float, variance: float) -> bool:
    largest = max(ours, theirs)
    if largest <= 0 or _apart(ours, theirs) <= TOLERANCE:
        return False
    edges = 1.0 + 2 * EDGE_S * largest / 60
    return abs(ours - theirs) > SIGMAS * sqrt(variance + edges)
