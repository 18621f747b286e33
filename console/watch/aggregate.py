"""Log entries in, closed seconds out: requests counted by second of log timestamp and revision.

A second is closed by the watermark (see `LogFeed`): nothing more is expected for it then. An entry that comes later
all the same is added to the oldest second still open, once (by insertId), and flagged. Pure: no I/O, no clock.

Memory is bounded by time, not by traffic alone: at most `MAX_OPEN` open seconds, insertIds of the open seconds and
of the last `REMEMBERED_S` before the newest heard (the tail's own limit of 60,000 entries a minute bounds each), the
newest `TRACES` traces of ERROR lines.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from console.verdict.base import LATENCY_EDGES_MS, Counts, Tick
from console.watch.sampling import WHOLE, Sampling

if TYPE_CHECKING:
    from console.cloud.logs import LogEntry

MAX_OPEN = 600
"""Open seconds at most; entries for further ones go to the oldest."""
MAX_JUMP_S = 600
"""Seconds closed at once at most; after a longer gap the older ones are left out (a judge takes gaps)."""
REMEMBERED_S = 30
"""Closed seconds whose insertIds are still known, so that a reconnect's overlap is counted once."""
STRAYS = 20_000
"""insertIds remembered, at most, of entries later than that; all forgotten when there are more."""
TRACES = 20_000
AHEAD_S = 60
"""How far a log timestamp may lie after the newest receive time and still be believed."""

ERROR_SEVERITIES = frozenset({"ERROR", "CRITICAL", "ALERT", "EMERGENCY"})
_BUCKETS = len(LATENCY_EDGES_MS) + 1


@dataclass(slots=True)
class Second:
    """One second of log timestamp, by revision. Written by the aggregator until it is closed, then never."""

    second: int
    """Unix second."""
    arms: dict[str, Counts] = field(default_factory=dict)
    """By short revision name."""
    observed: bool = False
    """Whether the canary's entries of the whole second were seen."""
    whole: bool = False
    """Whether every revision's were; a back-fill of the canary alone leaves it False."""
    late: int = 0
    """Entries of earlier seconds that came after those were closed."""
    suppressed: int = 0
    """Entries that the tail said it held back."""
    sampling: Sampling = WHOLE
    """What of each revision's entries was read."""
    before: Sampling | None = None
    """Where the sampling changed in it: what was read earlier of it. Slow requests, which are received last, were then
    read by another chance than fast ones, so what is not read whole by both tells a judge nothing."""

    def even(self, revision: str) -> bool:
        """Whether all of that revision's entries in this second were read by the same chance."""
        return self.before is None or self.before.of(revision) == self.sampling.of(revision)

    def tick(self, canary: str) -> Tick:
        """This second for the judge of `canary`: it against all other revisions."""
        others = [counts for name, counts in self.arms.items() if name != canary and self.even(name)]
        even = self.even(canary)
        return Tick(
            second=self.second,
            canary=(self.arms.get(canary) if even else None) or Counts(),
            stable=others[0] if len(others) == 1 else Counts.total(others),
            observed=self.observed and even,
            suppressed=self.suppressed,
            stable_sampling=self.sampling.fraction,
            canary_sampling=self.sampling.of(canary),
            late=self.late,
        )


_Place = tuple[dict[str, Counts] | None, set[str], Second | None]
"""Where entries of one second go: counts by revision (None: not counted), insertIds, and the second to flag if late."""


class Aggregator:
    """Counts entries into seconds and closes them in order.

    Call `begin` once, `cover` for each span of time whose entries are (or will be) all handed in, `add` for entries,
    `close` as the watermark rises.
    """

    def __init__(self) -> None:
        self.newest_received = 0.0
        """Newest receive time seen, Unix seconds; 0 before the first entry."""
        self.next_second: int | None = None
        """The oldest second still open; None before `begin`."""
        self.duplicates = 0
        """Entries left out because their insertId was counted already."""
        self.late = 0
        """Entries that came after their second was closed."""
        self._begun = 0
        self._open: dict[int, Second] = {}
        self._ids: dict[int, set[str]] = {}
        self._strays: set[str] = set()
        self._traces: dict[str, None] = {}
        self._covered: list[tuple[float, float, bool]] = []
        self._samplings: list[tuple[int, Sampling]] = [(0, WHOLE)]
        """(first second, sampling), in rising order."""
        self._mixed: list[tuple[int, int, Sampling]] = []
        """(first second, end, sampling before) where it changed."""

    def begin(self, second: int) -> None:
        """Start at `second`; entries of earlier ones are not counted. Only the first call counts."""
        if self.next_second is None:
            self.next_second = self._begun = second

    def cover(self, start: float, end: float, *, whole: bool = True) -> None:
        """Say that all entries with a timestamp in [start, end) are handed in before their second is closed.

        Args:
            start: Unix seconds.
            end: Unix seconds; infinity while a stream is open (and `uncover` when it breaks).
            whole: of every revision; False where only the canary's are.
        """
        if end > start:
            self._covered.append((start, end, whole))

    def uncover(self, start: float) -> None:
        """Take back what `cover` said of all time from `start` on: the stream broke."""
        self._covered = [(s, min(e, start), w) for s, e, w in self._covered if s < start]

    def sample(self, sampling: Sampling, start: int | None = None) -> None:
        """Say what of each revision's entries is handed in.

        Args:
            sampling: from `start` on.
            start: Unix second; open ones before it had entries handed in under both this sampling and the one before.
                None where all open seconds will have this one's alone.
        """
        before = self._samplings[-1][1]
        if sampling == before:
            return
        first = self.next_second or 0
        if start is not None and start > first:
            self._mixed.append((first, start, before))
        self._samplings.append((first if start is None else max(first, start), sampling))

    def add(self, entries: Sequence[LogEntry], fresh: list[LogEntry] | None = None) -> None:
        """Count `entries`. Call with slices of some hundred: one call blocks for about a microsecond an entry.

        Args:
            entries: in any order; nothing is kept of them but counts and insertIds.
            fresh: where given, entries that were not duplicates are appended to it.
        """
        places: dict[int, _Place] = {}
        if len(self._strays) > STRAYS:
            self._strays.clear()
        edges, buckets, errors = LATENCY_EDGES_MS, _BUCKETS, ERROR_SEVERITIES
        newest = self.newest_received
        for entry in entries:
            second = int(entry.timestamp)
            place = places.get(second)
            if place is None:
                place = places[second] = self._place(second, newest)
            arms, ids, late = place
            insert_id = entry.insert_id
            if insert_id:
                if insert_id in ids:
                    self.duplicates += 1
                    continue
                ids.add(insert_id)
            if fresh is not None:
                fresh.append(entry)
            if entry.received > newest:
                newest = entry.received
            revision = entry.revision
            if arms is None or not revision:
                continue
            if late is not None:
                late.late += 1
                self.late += 1
            counts = arms.get(revision)
            if counts is None:
                counts = arms[revision] = Counts()
            if entry.log == "requests":
                latency = entry.latency_ms
                counts.requests += 1
                if entry.status >= 500:
                    counts.errors += 1
                if latency > 800:
                    counts.over_800ms += 1
                    if latency > 1000:
                        counts.over_1s += 1
                histogram = counts.latency
                if not histogram:
                    histogram = counts.latency = [0] * buckets
                histogram[bisect_left(edges, latency)] += 1
            elif entry.severity in errors:
                counts.error_lines += 1
                if self._new_trace(entry.trace):
                    counts.error_traces += 1
        self.newest_received = newest

    def knows(self, entry: LogEntry) -> bool:
        """Whether `entry` was handed in, or is older than what is counted."""
        second = int(entry.timestamp)
        return not entry.insert_id or second < self._begun or entry.insert_id in self._ids.get(second, self._strays)

    def suppress(self, count: int, start: float = 0.0, end: float = 0.0) -> None:
        """Note that the cloud held back `count` entries.

        Args:
            count: how many.
            start: Unix time from which on they may have been logged: of closed seconds, the oldest open one takes it.
            end: and up to which; shared out evenly between the seconds, for the cloud does not say.
        """
        if self.next_second is None or count <= 0:
            return
        first = max(self.next_second, int(start))
        seconds = range(first, min(max(first, int(end)) + 1, first + MAX_OPEN))
        each, rest = divmod(count, len(seconds))
        for index, second in enumerate(seconds):
            if share := each + (index < rest):
                self._at(second).suppressed += share

    def close(self, watermark: float) -> list[Second]:
        """Close every second that ended at or before `watermark` (Unix seconds), empty ones too, oldest first."""
        if self.next_second is None:
            return []
        end = int(watermark)
        if end <= self.next_second:
            return []
        if end - self.next_second > MAX_JUMP_S:
            self.next_second = end - MAX_JUMP_S
            for old in [s for s in self._open if s < self.next_second]:
                del self._open[old]
        closed = []
        for number in range(self.next_second, end):
            second = self._open.pop(number, None) or Second(number)
            second.observed, second.whole = self._is_covered(number)
            second.sampling, second.before = self._sampled(number)
            closed.append(second)
        self.next_second = end
        self._covered = [span for span in self._covered if span[1] > end]
        self._mixed = [span for span in self._mixed if span[1] > end]
        while len(self._samplings) > 1 and self._samplings[1][0] <= end:
            del self._samplings[0]
        # through a silence the last heard stay known: a stuck stream's gap is listed from there
        heard = min(end, int(self.newest_received) or end)
        for old in [s for s in self._ids if s < heard - REMEMBERED_S]:
            del self._ids[old]
        return closed

    def _is_covered(self, number: int) -> tuple[bool, bool]:
        spans = [whole for start, end, whole in self._covered if start <= number and number + 1 <= end]
        return bool(spans), any(spans)

    def _sampled(self, number: int) -> tuple[Sampling, Sampling | None]:
        sampling = next((s for start, s in reversed(self._samplings) if start <= number), self._samplings[0][1])
        # in a mixed second the later sampling is the one to name
        for start, end, before in self._mixed:
            if start <= number < end:
                after = next(s for first, s in self._samplings if first >= end)
                return after, before
        return sampling, None

    def _place(self, second: int, newest: float) -> _Place:
        first = self.next_second
        if first is None or second < self._begun:
            return None, self._strays, None
        if second < first:
            oldest = self._at(first)
            return oldest.arms, self._ids.get(second, self._strays), oldest
        believed = newest + AHEAD_S if newest else float("inf")
        if second not in self._open and (second > believed or len(self._open) >= MAX_OPEN):
            return self._at(first).arms, self._ids[first], None
        return self._at(second).arms, self._ids[second], None

    def _new_trace(self, trace: str) -> bool:
        if not trace:
            return True
        if trace in self._traces:
            return False
        if len(self._traces) >= TRACES:
            del self._traces[next(iter(self._traces))]
        self._traces[trace] = None
        return True

    def _at(self, number: int) -> Second:
        second = self._open.get(number)
        if second is None:
            second = self._open[number] = Second(number)
            self._ids.setdefault(number, set())
        return second
