"""Recorded entries to changes of the verdict, as a console would have judged them while they came.

Entries are fed in order of receive time. A second of log timestamp is closed once an entry was received 5 s after its
end; an entry for a closed second goes to the oldest open one. The bake starts at the second of the first entry, every
second from there on is a tick, silent ones too, and the last one's end closes all. After the bake's end nothing is
read. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

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
_insert_id = attrgetter("insert_id")


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
        self.service = choose_service(entries, canary, stable)
        """The service judged; empty where the files do not tell."""
        own = [entry for entry in entries if entry.service == self.service]
        self.revisions = Counter(entry.revision for entry in own if entry.revision)
        """Entries of each of its revisions."""
        self.imported = bool(own) and min(entry.received - entry.timestamp for entry in own) > WATERMARK_S
        """Whether every entry was received too late for a tail: receive times tell nothing then, timestamps order."""
        self._received = attrgetter("timestamp" if self.imported else "received")
        own.sort(key=self._received)
        self.duplicates = 0
        """Entries left out because their insertId was there before."""
        self._entries = self._once(own)
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
        if not self._entries:
            return
        settings, aggregator = self._settings, self._aggregator
        judge = SequentialJudge(
            settings.share,
            timedelta(seconds=settings.bake_s),
            grace_s=settings.grace_s,
            horizon=settings.horizon,
        )
        received = self._received
        prompt = [e.timestamp for e in self._entries if received(e) - e.timestamp <= PROMPT_S]
        self._start = int(min(prompt or (e.timestamp for e in self._entries)))
        last = max((int(e.timestamp) for e in self._entries if e.timestamp <= received(e) + AHEAD_S), default=0)
        aggregator.begin(self._start)
        aggregator.cover(self._start, float("inf"))
        read = 0
        for moment, group in groupby(self._entries, lambda entry: int(received(entry))):
            yield from self._close(judge, moment - WATERMARK_S)
            if self._ticks >= settings.bake_s:
                break
            batch = list(group)
            read += len(batch)
            late = aggregator.late
            aggregator.add(batch)
            if aggregator.late > late and aggregator.next_second is not None:
                last = max(last, aggregator.next_second)  # the oldest open second, which took them in
        self.beyond = len(self._entries) - read
        yield from self._close(judge, max(last, self._start) + 1)
        yield Change(_settled(judge.verdict), self._ticks, final=True)

    def _once(self, entries: list[LogEntry]) -> list[LogEntry]:
        """`entries` (in order of receive time) without what was there before, by insertId."""
        ids = set(map(_insert_id, entries))
        if len(ids) == len(entries):
            return entries
        known: set[str] = set()
        once = []
        for entry in entries:
            if entry.insert_id:
                if entry.insert_id in known:
                    continue
                known.add(entry.insert_id)
            once.append(entry)
        self.duplicates = len(entries) - len(once)
        return once

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


def choose_service(entries: Sequence[LogEntry], canary: str, stable: str | None = None) -> str:
    """The canary's service: by its own entries, else the stable's, else by its name, else the only one there is."""
    for revision in (canary, stable):
        found = Counter(entry.service for entry in entries if entry.revision == revision and entry.service)
        if found:
            return found.most_common(1)[0][0]
    services = {entry.service for entry in entries if entry.service}
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
