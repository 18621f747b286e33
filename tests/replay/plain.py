"""The replay as it was first written: every entry an object, all in one sorted list. What the packed one must equal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from console.cloud.logs import LogEntry
from console.replay.entries import EntryParser
from console.replay.judging import PROMPT_S, WATERMARK_S, Change, ReplaySettings
from console.verdict.base import Counts, Tick, Verdict, Word
from console.verdict.sequential import SequentialJudge
from console.watch.aggregate import AHEAD_S, MAX_JUMP_S, Aggregator, Second

_insert_id = attrgetter("insert_id")


def entries_of(path: Path) -> list[LogEntry]:
    """The entries of a file of either form."""
    text = path.read_text()
    documents = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    parser = EntryParser()
    return [entry for entry in map(parser.entry, documents) if entry is not None]


class PlainReplay:
    """See the module."""

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
        own = [entry for entry in entries if entry.service == self.service]
        self.revisions = Counter(entry.revision for entry in own if entry.revision)
        self.imported = bool(own) and min(entry.received - entry.timestamp for entry in own) > WATERMARK_S
        self._received = attrgetter("timestamp" if self.imported else "received")
        own.sort(key=self._received)
        self.duplicates = 0
        self._entries = self._once(own)
        self._aggregator = Aggregator()
        self._start = self._ticks = 0
        self._last: tuple[Word, str | None] | None = None
        self.beyond = 0

    @property
    def late(self) -> int:
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
        yield Change(_settled(judge), self._ticks, final=True)

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


def _settled(judge: SequentialJudge) -> Verdict:
    verdict = judge.verdict
    return replace(verdict, word=Word.INCONCLUSIVE) if verdict.word is Word.WARN else verdict
