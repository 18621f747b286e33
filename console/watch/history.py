"""The last minutes of closed seconds: figures by revision, series for the sparklines, ticks for a new judge.

Pure and bounded: `KEPT_S` seconds, whatever the traffic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from console.verdict.base import Counts, Tick
from console.watch.aggregate import Second
from console.watch.charts import Arm
from console.watch.snapshot import Figures, Series

KEPT_S = 420
"""Seconds kept: a bake of five minutes, and what a new judge may have to look back over."""
MINUTE_S = 60
SERIES_S = 300
STEP_S = 5

_Value = tuple[float | None, float | None, float | None]
"""(error rate, P95 ms, requests/s) of one step; all None where nothing was observed."""
_GAP: _Value = (None, None, None)


class History:
    """Closed seconds, newest last."""

    def __init__(self) -> None:
        self._seconds: deque[Second] = deque()
        self._minute: dict[str, Counts] = {}
        self._whole: dict[str, float] = {}
        """The minute's requests by revision, as they would be unsampled, of seconds that were read evenly."""
        self._minute_of: deque[Second] = deque()
        self._steps: dict[int, tuple[_Value, _Value]] = {}
        """Values (canary, others) of each finished step, by its first second."""
        self._steps_canary: str | None = None

    @property
    def newest(self) -> int | None:
        """The newest closed second; None before the first."""
        return self._seconds[-1].second if self._seconds else None

    def append(self, closed: Iterable[Second]) -> None:
        """Take in closed seconds, in rising order."""
        for second in closed:
            self._seconds.append(second)
            self._minute_of.append(second)
            for name, counts in second.arms.items():
                self._minute.setdefault(name, Counts()).add(counts)
                self._whole[name] = self._whole.get(name, 0.0) + _true(second, name, counts)
            while self._seconds[0].second <= second.second - KEPT_S:
                self._seconds.popleft()
            self._trim_minute(second.second)

    def _trim_minute(self, newest: int) -> None:
        while self._minute_of and self._minute_of[0].second <= newest - MINUTE_S:
            old = self._minute_of.popleft()
            for name, counts in old.arms.items():
                rolling = self._minute[name]
                rolling.subtract(counts)
                self._whole[name] -= _true(old, name, counts)
                if not rolling.requests and not rolling.error_lines:
                    del self._minute[name], self._whole[name]

    def figures(self, canary: str | None, end: int) -> dict[str, Figures]:
        """Each revision's last minute up to `end`.

        Args:
            canary: its seconds count as observed even where the others' were not.
            end: Unix second, exclusive; later than the newest closed one where the stream is down, so that figures
                run out rather than stand.
        """
        self._trim_minute(max(end - 1, self.newest or 0))
        observed = sum(second.observed and second.even(canary or "") for second in self._minute_of)
        whole = sum(second.whole and second.before is None for second in self._minute_of)
        figures = {}
        for name, counts in self._minute.items():
            seconds = observed if name == canary else whole
            figures[name] = Figures(
                requests_per_s=max(0.0, self._whole[name]) / max(1, seconds or len(self._minute_of)),
                error_rate=counts.error_rate,
                p95_ms=counts.quantile_ms(0.95),
                requests=counts.requests,
                errors=counts.errors,
            )
        return figures

    @property
    def seconds(self) -> tuple[Second, ...]:
        """The kept seconds, oldest first."""
        return tuple(self._seconds)

    def ticks(self, canary: str, since: int) -> Iterator[Tick]:
        """Ticks of the kept seconds from `since` (Unix second) on, for the judge of `canary`."""
        return (second.tick(canary) for second in self._seconds if second.second >= since)

    def series(self, canary: str | None, end: int) -> tuple[Series, Series]:
        """Five minutes of (canary, all others) in steps of five seconds, up to the last whole step before `end`."""
        if canary != self._steps_canary:
            self._steps.clear()
            self._steps_canary = canary
        last = end - end % STEP_S
        first = last - SERIES_S
        for old in [start for start in self._steps if start < first]:
            del self._steps[old]
        self._fill_steps(first)
        values = [self._steps.get(start, (_GAP, _GAP)) for start in range(first, last, STEP_S)]
        return _series([v[0] for v in values], first), _series([v[1] for v in values], first)

    def _fill_steps(self, first: int) -> None:
        newest = self.newest
        if newest is None:
            return
        done = (newest + 1) - (newest + 1) % STEP_S
        start = max(max(self._steps) + STEP_S if self._steps else first, first)
        if start >= done:
            return
        groups: dict[int, list[Second]] = {}
        for second in reversed(self._seconds):
            if second.second < start:
                break
            if second.second < done:
                groups.setdefault(second.second - second.second % STEP_S, []).append(second)
        for step in range(start, done, STEP_S):
            self._steps[step] = self._step(groups.get(step, []))

    def _step(self, seconds: list[Second]) -> tuple[_Value, _Value]:
        canary, others = Counts(), Counts()
        own = rest = 0.0
        for second in seconds:
            for name, counts in second.arms.items():
                if name == self._steps_canary:
                    canary.add(counts)
                    own += _true(second, name, counts)
                else:
                    others.add(counts)
                    rest += _true(second, name, counts)
        return (
            _value(canary, own, sum(s.observed and s.even(self._steps_canary or "") for s in seconds)),
            _value(others, rest, sum(s.whole and s.before is None for s in seconds)),
        )

    def arm(self, name: str, end: int, step_s: int = STEP_S) -> Arm:
        """One revision's lines for the metrics screen: the last five minutes up to `end`, from request logs."""
        groups: dict[int, list[Second]] = {}
        for second in self._seconds:
            if end - SERIES_S <= second.second < end and second.observed:
                groups.setdefault(second.second - second.second % step_s, []).append(second)
        lines: dict[str, list[tuple[datetime, float]]] = {}
        for start, seconds in groups.items():
            at = datetime.fromtimestamp(start + step_s, UTC)
            counts = Counts.total(s.arms[name] for s in seconds if name in s.arms)
            values = {
                "error_rate": counts.error_rate,
                "p50_ms": counts.quantile_ms(0.50),
                "p95_ms": counts.quantile_ms(0.95),
                "p99_ms": counts.quantile_ms(0.99),
                "requests_per_s": _rate(name, seconds),
            }
            for key, value in values.items():
                if value is not None:
                    lines.setdefault(key, []).append((at, value))
        return Arm(revision=name, **{key: tuple(points) for key, points in lines.items()})


def _true(second: Second, name: str, counts: Counts) -> float:
    """Requests as they would be unsampled; none where they were not read evenly."""
    return counts.requests / second.sampling.of(name) if second.even(name) else 0.0


def _rate(name: str, seconds: list[Second]) -> float | None:
    even = [second for second in seconds if second.even(name)]
    if not even:
        return None
    return sum(_true(s, name, s.arms[name]) for s in even if name in s.arms) / len(even)


def _value(counts: Counts, true: float, observed: int) -> _Value:
    if not observed:
        return _GAP
    return counts.error_rate, counts.quantile_ms(0.95), true / observed


def _series(values: list[_Value], first: int) -> Series:
    known = [index for index, value in enumerate(values) if value[2] is not None]
    newest = datetime.fromtimestamp(first + (known[-1] + 1) * STEP_S, UTC) if known else None
    return Series(
        step=timedelta(seconds=STEP_S),
        error_rate=tuple(v[0] for v in values),
        p95_ms=tuple(v[1] for v in values),
        requests_per_s=tuple(v[2] for v in values),
        newest=newest,
    )
