"""A watch that lasts: a revision with all traffic, judged for hours by the engine of the bakes. Pure.

The horizon of the engine is the watch's length in seconds (docs/verdict.md). With all traffic on one revision there is
no stable to compare it with: the absolute tests judge, and requests that reach other revisions by their tags are left
out. What is not seen stays unseen and is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from console.verdict.base import Counts, Tick, Verdict, Word
from console.verdict.sequential import SequentialJudge
from console.words import _, ngettext

LONGEST = timedelta(days=7)
"""The longest that a watch may be told to last."""

SEEN_SHARE = 0.5
"""Share of the time that must have been seen for a watch to be called quiet."""


@dataclass(frozen=True, slots=True)
class Thinned:
    """A stretch of time that was read from the log afterwards."""

    start: datetime
    end: datetime
    fraction: float
    """Share of the requests that was read, by chance, over 0 to 1."""
    read: int
    """Requests read."""
    counted: float | None = None
    """Requests as Cloud Monitoring counted them; None where it could not be asked."""
    error_rate: float | None = None
    """Its share of 5xx, 0 to 1."""
    worst_minute: float | None = None
    """The highest share of 5xx in one of its minutes."""

    @property
    def sentence(self) -> str:
        """What was read and what was left out."""
        span = f"{self.start:%m-%d %H:%M}-{self.end:%H:%M} UTC"
        if self.fraction >= 1.0:
            return _("{span}: read afterwards, all {read:,} requests").format(span=span, read=self.read)
        told = _("{span}: read afterwards, thinned to {read:,} requests (1 in {each:,.0f}, by chance)").format(
            span=span, read=self.read, each=1 / self.fraction
        )
        if self.counted is None:
            return told
        rest = _("Monitoring counted {requests:,.0f}, {rate:.2%} errors, at most {worst:.2%} in a minute").format(
            requests=self.counted, rate=self.error_rate or 0.0, worst=self.worst_minute or 0.0
        )
        return f"{told}; {rest}"


@dataclass(frozen=True, slots=True)
class Stand:
    """How a watch stands."""

    verdict: Verdict
    since: datetime
    until: datetime
    upto: datetime
    """What lies before is judged, or known to be unseen."""
    requests: int
    """Requests judged."""
    errors: int
    p95_ms: float | None
    seen: timedelta
    """Time that was seen, whole or thinned."""
    thinned: tuple[Thinned, ...]
    """Stretches read afterwards, oldest first."""

    @property
    def crossed(self) -> bool:
        """Whether a limit was crossed beyond chance."""
        return self.verdict.word is Word.FAIL

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.upto >= self.until

    @property
    def no_data(self) -> bool:
        """Whether too little was seen to call it quiet."""
        return not self.requests or self.seen < (self.upto - self.since) * SEEN_SHARE

    @property
    def fraction(self) -> float:
        """How far it is, 0 to 1."""
        length = (self.until - self.since).total_seconds()
        return min(1.0, max(0.0, (self.upto - self.since).total_seconds() / length)) if length else 1.0

    @property
    def error_rate(self) -> float | None:
        """Errors of the requests judged, 0 to 1."""
        return self.errors / self.requests if self.requests else None


class Lasting:
    """One watch.

    Args:
        since: when it begins, whole seconds, UTC.
        length: how long it lasts.
        grace_s: seconds after the first request in which a cold start may fail; 0 where it serves already.
    """

    def __init__(self, since: datetime, length: timedelta, *, grace_s: int = 0) -> None:
        self.since = since.astimezone(UTC).replace(microsecond=0)
        self.until = self.since + length
        seconds = max(1, int(length.total_seconds()))
        self._judge = SequentialJudge(1.0, length, grace_s=grace_s, horizon=seconds)
        self._counts = Counts()
        self._next = int(self.since.timestamp())
        self._seen_s = 0
        self._thinned: list[Thinned] = []

    @property
    def next_second(self) -> int:
        """The Unix second that is waited for."""
        return self._next

    def take(self, ticks: Iterable[Tick], upto: int | None = None, *, seen_s: int | None = None) -> None:
        """Take in ticks in rising order; those before `next_second` or after the end are left out.

        Args:
            ticks: of the revision that is watched.
            upto: Unix second up to which all is in; the last tick's end where None.
            seen_s: seconds that they show; as many as were observed where None.
        """
        end = int(self.until.timestamp())
        kept = []
        for tick in ticks:
            if self._next <= tick.second < end:
                alone = replace(tick, stable=Counts())
                kept.append(alone)
                self._counts.add(alone.canary)
                self._next = tick.second + 1
        self._judge.feed(kept)
        self._seen_s += sum(tick.observed for tick in kept) if seen_s is None else seen_s
        if upto is not None:
            self._next = max(self._next, min(upto, end))

    def note(self, thinned: Thinned) -> None:
        """Keep that a stretch was read afterwards."""
        self._thinned.append(thinned)

    def stand(self) -> Stand:
        """How it stands."""
        return Stand(
            verdict=self._judge.verdict,
            since=self.since,
            until=self.until,
            upto=datetime.fromtimestamp(self._next, UTC),
            requests=self._counts.requests,
            errors=self._counts.errors,
            p95_ms=self._counts.quantile_ms(0.95),
            seen=timedelta(seconds=self._seen_s),
            thinned=tuple(self._thinned),
        )


def block_s(per_s: float) -> int:
    """Seconds that go into one tick where `per_s` requests a second are read: one request or so in each, five at most.

    Decided before anything is read, so that the tests stay valid.
    """
    if per_s >= 1.0:
        return 1
    return max(1, round(1.0 / per_s)) if per_s > 0.2 else 5


def hours(span: timedelta) -> str:
    """A span in words: `24 h`, `3 h 12 min`, `5 min`, `40 s`."""
    total = int(span.total_seconds())
    if total < 60:
        return ngettext("{count} s", "{count} s", total).format(count=total)
    whole, minutes = divmod(total // 60, 60)
    parts = [f"{whole} h"] if whole else []
    if minutes or not whole:
        parts.append(f"{minutes} min")
    return " ".join(parts)
