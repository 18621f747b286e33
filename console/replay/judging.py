"""Recorded entries to changes of the verdict, as a console would have judged them while they came.

Entries are fed in order of receive time. A second of log timestamp is closed once an entry was received 5 s after its
end; an entry for a closed second goes to the oldest open one. The bake starts at the second of the first entry, every
second from there on is a tick, silent ones too, and the last one's end closes all. After the bake's end nothing is
read. Pure.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from operator import sub
from typing import TYPE_CHECKING

from console.replay.packed import PackedLog
from console.verdict.base import Counts, Tick, Verdict, Word
from console.verdict.detectors import GRACE_S
from console.verdict.sequential import SequentialJudge
from console.watch.aggregate import AHEAD_S, MAX_JUMP_S, Aggregator, Second
from console.words import _

if TYPE_CHECKING:
    from console.cloud.logs import LogEntry

WATERMARK_S = 5
"""A second is closed so long after its end, in receive time (VERDICT.md; the live console's too)."""
PROMPT_S = 60
"""An entry received later than this after its timestamp starts no bake: one straggler would start it hours early."""


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """What the judge is told."""

    share: float = 0.10
    """The canary's expected share of the requests, over 0, at most 1."""
    bake_s: int = 300
    grace_s: int = GRACE_S
    horizon: int | None = None
    """Ticks; None takes the bake's."""


@dataclass(frozen=True, slots=True)
class Change:
    """A verdict that differs from the one before in word or attribution, or the final one."""

    verdict: Verdict
    """Its counts are of the time since the bake's start."""
    elapsed_s: int
    """End of the second that it was said after, counted from the bake's start."""
    final: bool = False


class Replay:
    """One bake replayed.

    Args:
        entries: in any order, of any services.
        canary: short revision name.
        stable: the only revision it is held against; None takes all others of the canary's service.
        settings: see there.
    """

    def __init__(
        self,
        entries: Sequence[LogEntry],
        canary: str,
        stable: str | None = None,
        settings: ReplaySettings | None = None,
    ) -> None:
        self._canary = canary
        self._stable = stable
        self._settings = settings or ReplaySettings()
        log = self._log = entries if isinstance(entries, PackedLog) else PackedLog.of(entries)
        arms = Counter(log.arms)
        self.service = _choose_service({log.names[arm]: count for arm, count in arms.items()}, canary, stable)
        """The service judged; empty where the files do not tell."""
        own = {arm: log.names[arm][1] for arm in arms if log.names[arm][0] == self.service}
        self.revisions = Counter({revision: arms[arm] for arm, revision in own.items() if revision})
        """Entries of each of its revisions."""
        indices = range(len(log)) if len(own) == len(arms) else [i for i, arm in enumerate(log.arms) if arm in own]
        lags = map(sub, log.received, log.timestamps) if isinstance(indices, range) else map(log.lag, indices)
        self.imported = min(lags, default=0.0) > WATERMARK_S
        """Whether every entry was received too late for a tail: receive times tell nothing then, timestamps order."""
        self._received = log.timestamps if self.imported else log.received
        self.duplicates = 0
        """Entries left out because their insertId was there before."""
        self._seconds = self._in_order(indices)
        """Entries by the second in which they were received, both in order."""
        self._aggregator = Aggregator()
        self._start = self._ticks = 0
        self._last: tuple[Word, str | None] | None = None
        self.beyond = 0
        """Entries received after the bake's last second was closed, and so not read."""

    @property
    def late(self) -> int:
        """Entries that came after their second was closed, counted in a later one."""
        return self._aggregator.late

    def run(self) -> Iterator[Change]:
        """Judge; every change of verdict, and last the one at the bake's or the file's end.

        A service without entries gives nothing at all.
        """
        if not self._seconds:
            return
        settings, aggregator = self._settings, self._aggregator
        judge = SequentialJudge(
            settings.share,
            timedelta(seconds=settings.bake_s),
            grace_s=settings.grace_s,
            horizon=settings.horizon,
        )
        self._start, last = self._span()
        aggregator.begin(self._start)
        aggregator.cover(self._start, float("inf"))
        entry = self._log.entry  # without insertIds: each is there once by now
        read = 0
        for moment, indices in self._seconds.items():
            yield from self._close(judge, moment - WATERMARK_S)
            if self._ticks >= settings.bake_s:
                break
            read += len(indices)
            late = aggregator.late
            aggregator.add([entry(index) for index in indices])
            if aggregator.late > late and aggregator.next_second is not None:
                last = max(last, aggregator.next_second)  # the oldest open second, which took them in
        self.beyond = sum(map(len, self._seconds.values())) - read
        yield from self._close(judge, max(last, self._start) + 1)
        yield Change(_settled(judge.verdict), self._ticks, final=True)

    def _in_order(self, indices: Sequence[int]) -> dict[int, array[int]]:
        """`indices` of entries by second of receive time, in its order, without what was there before by insertId."""
        found: dict[int, array[int]] = {}
        received = self._received
        for index in indices:
            second = int(received[index])
            place = found.get(second)
            if place is None:
                place = found[second] = array("I")
            place.append(index)
        repeated, ids = self._log.repeated(), self._log.ids
        known: set[int] = set()
        ordered = {}
        for second in sorted(found):
            place = array("I", sorted(found.pop(second), key=received.__getitem__))
            if repeated:
                once = array("I")
                for index in place:
                    number = ids[index]
                    if number in repeated:
                        if number in known:
                            self.duplicates += 1
                            continue
                        known.add(number)
                    once.append(index)
                place = once
            if place:
                ordered[second] = place
        return ordered

    def _span(self) -> tuple[int, int]:
        """The second of the first entry that came promptly, or of the first, and the last that an entry is of."""
        received, timestamps = self._received, self._log.timestamps
        first = prompt = float("inf")
        last = 0.0
        for indices in self._seconds.values():
            for index in indices:
                at, came = timestamps[index], received[index]
                if at < first:
                    first = at
                if at < prompt and came - at <= PROMPT_S:
                    prompt = at
                if last < at <= came + AHEAD_S:
                    last = at
        return int(first if prompt == float("inf") else prompt), int(last)

    def _close(self, judge: SequentialJudge, end: int) -> Iterator[Change]:
        """Judge every second before `end`, up to the bake's end."""
        aggregator = self._aggregator
        end = min(end, self._start + self._settings.bake_s)
        while aggregator.next_second is not None and aggregator.next_second < end:
            # in steps, for the aggregator leaves out what is over MAX_JUMP_S at once
            for second in aggregator.close(min(end, aggregator.next_second + MAX_JUMP_S)):
                verdict = judge.tick(self._tick(second))
                self._ticks = second.second + 1 - self._start
                if (verdict.word, verdict.attribution) != self._last:
                    self._last = (verdict.word, verdict.attribution)
                    yield Change(verdict, self._ticks)

    def _tick(self, second: Second) -> Tick:
        tick = second.tick(self._canary)
        if self._stable is None:
            return tick
        return replace(tick, stable=second.arms.get(self._stable) or Counts())


def _choose_service(counts: Mapping[tuple[str, str], int], canary: str, stable: str | None) -> str:
    """The canary's service: by its own entries, else the stable's, else by its name, else the only one there is.

    Args:
        counts: entries of each (service, revision).
        canary: short revision name.
        stable: the same, or None.
    """
    for wanted in (canary, stable):
        found = Counter({service: n for (service, revision), n in counts.items() if revision == wanted and service})
        if found:
            return found.most_common(1)[0][0]
    services = {service for service, _revision in counts if service}
    named = [service for service in services if canary.startswith(f"{service}-")]
    if named:
        return max(named, key=len)
    return services.pop() if len(services) == 1 else ""


def _settled(verdict: Verdict) -> Verdict:
    """`verdict` as a final one, which is never WARN: a log that ends before the bake leaves it open."""
    if verdict.word is not Word.WARN:
        return verdict
    sentence = _("The log ends before the bake, at a warning: {sentence}").format(sentence=verdict.sentence)
    return replace(verdict, word=Word.INCONCLUSIVE, sentence=sentence)
