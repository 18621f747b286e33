"""Tail sessions: entries as they are received, with Cloud Logging's limits.

Sources: https://cloud.google.com/logging/quotas ("Live tailing": 10 sessions and 60,000 entries a minute for a
project, one hour a session) and google/logging/v2/logging.proto (TailLogEntries: buffer window, suppression). Windows
and quotas are simulated time; how far a slow reader may fall behind is wall time.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from time import perf_counter

from google.cloud.logging_v2.types import TailLogEntriesResponse

from console.simulator.entries import NS, Kept
from console.simulator.filters import Filter
from console.simulator.logs import LogBook, Selector, last_whole_tick
from console.simulator.status import Code, StatusError
from console.simulator.traffic import TICK_NS

MOST_SESSIONS = 10
ENTRIES_A_MINUTE = 60_000
LONGEST_S = 3600.0
DEFAULT_WINDOW_S = 2.0
LONGEST_WINDOW_S = 60.0
LAG_S = 5.0
"""Wall seconds that a reader may be behind before entries are dropped as not consumed."""
BATCH_ENTRIES = 1_000
BATCH_BYTES = 1_500_000
"""A message's size; gRPC clients refuse more than 4 MiB."""

_SLICE_S = 0.005
_PAUSE_S = 0.05
_MOST_READY = 10_000
"""Entries held in memory for one round; the rest waits for the next."""
_LOOK_BACK = 80
"""Ticks before the session's start in which requests may have begun that are only now received."""
_RESPONSE = TailLogEntriesResponse.pb()
_RATE_LIMIT = int(TailLogEntriesResponse.SuppressionInfo.Reason.RATE_LIMIT)
_NOT_CONSUMED = int(TailLogEntriesResponse.SuppressionInfo.Reason.NOT_CONSUMED)


class RateLimit:
    """60,000 entries a minute, metered by the second: 1,000 a second, with one second's worth saved up at most."""

    def __init__(self, now_ns: int) -> None:
        self._per_s = ENTRIES_A_MINUTE / 60
        self._saved = self._per_s
        self._at_ns = now_ns

    def grant(self, wanted: int, now_ns: int) -> int:
        """How many of `wanted` entries may be sent now."""
        gained = max(0, now_ns - self._at_ns) / NS * self._per_s
        self._at_ns = max(self._at_ns, now_ns)
        # whatever time went by since the last grant may be used in full: a faster clock must not cost entries
        available = min(self._saved, self._per_s) + gained
        granted = min(wanted, int(available))
        self._saved = available - granted
        return granted


class TailHub:
    """The project's tail sessions.

    Args:
        book: where entries come from.
    """

    def __init__(self, book: LogBook) -> None:
        self.book = book
        self.sessions: set[TailSession] = set()
        self.limit = RateLimit(book.now_ns)

    def open(self, wanted: Filter, window_s: float = DEFAULT_WINDOW_S) -> TailSession:
        """A new session; to be closed.

        Raises:
            StatusError: RESOURCE_EXHAUSTED for an eleventh, INVALID_ARGUMENT for a window out of range.
        """
        if not 0.0 <= window_s <= LONGEST_WINDOW_S:
            raise StatusError(Code.INVALID_ARGUMENT, "buffer_window must be between 0s and 60s.")
        if len(self.sessions) >= MOST_SESSIONS:
            raise StatusError(
                Code.RESOURCE_EXHAUSTED,
                "Quota exceeded for quota metric 'Number of live tailing sessions' and limit "
                f"'{MOST_SESSIONS} sessions per project' of service 'logging.googleapis.com' for consumer "
                f"'projects/{self.book.project}'.",
            )
        session = TailSession(self, wanted, window_s)
        self.sessions.add(session)
        self.book.listeners.add(session.take)
        self.book.readers = len(self.sessions)
        return session

    def cut_tails(self) -> int:
        """End every session with UNAVAILABLE; how many there were."""
        for session in self.sessions:
            session.cut = True
        return len(self.sessions)


class TailSession:
    """One reader's stream.

    Args:
        hub: all sessions; holds the project's rate limit.
        wanted: the filter.
        window_s: buffer window, simulated seconds.
    """

    def __init__(self, hub: TailHub, wanted: Filter, window_s: float) -> None:
        self.hub = hub
        self.book = hub.book
        self.selector = Selector(self.book, wanted)
        self.window_ns = int(window_s * NS)
        self.cut = False
        self.opened_ns = self.book.now_ns
        self._cursor = self.opened_ns // TICK_NS - _LOOK_BACK
        self._waiting: list[tuple[int, int, str, Kept]] = []
        """Entries whose time to be sent has not come: a heap of (when, timestamp, insertId, entry)."""
        self._suppressed: dict[int, int] = {}
        self._behind = False
        """Whether the last round left something to send."""

    def close(self) -> None:
        """End the session."""
        self.hub.sessions.discard(self)
        self.book.listeners.discard(self.take)
        self.book.readers = len(self.hub.sessions)

    def change(self, wanted: Filter) -> None:
        """Go on with another filter."""
        self.selector = Selector(self.book, wanted)

    def take(self, kept: Kept) -> None:
        """Take in an entry that was just kept."""
        if kept.received_ns >= self.opened_ns and self.selector.filter.matches(kept.entry):
            self._wait(kept)

    def _wait(self, kept: Kept) -> None:
        # a writer's clock may be ahead: its entry waits for the window, not for its own time
        due = max(kept.received_ns, min(kept.stamp_ns, kept.received_ns) + self.window_ns)
        heapq.heappush(self._waiting, (due, kept.stamp_ns, kept.insert_id, kept))

    async def messages(self) -> AsyncIterator[bytes]:
        """Serialised TailLogEntriesResponse messages, until the session's hour is over.

        Raises:
            StatusError: OUT_OF_RANGE after an hour, UNAVAILABLE when the stream is cut.
        """
        clock = self.book.clock
        while True:
            await asyncio.sleep(0 if self._behind else max(_PAUSE_S, min(0.1, 0.1 / clock.speed)))
            if self.cut:
                raise StatusError(Code.UNAVAILABLE, "The service is currently unavailable.")
            now = self.book.now_ns
            if now - self.opened_ns > LONGEST_S * NS:
                raise StatusError(
                    Code.OUT_OF_RANGE,
                    "The session has run for the maximum allowed time of 1 hour. To continue, start a new session.",
                )
            ready = await self._collect(now)
            granted = self.hub.limit.grant(len(ready), now)
            if granted < len(ready):
                self._suppress(_RATE_LIMIT, len(ready) - granted)
                del ready[granted:]
            for message in self._batches(ready):
                yield message

    async def _collect(self, now: int) -> list[Kept]:
        """The entries to be sent now, in time order."""
        self._drop_what_was_not_consumed(now)
        ready: list[Kept] = []
        last = last_whole_tick(now - self.window_ns)
        began = perf_counter()
        while self._cursor <= last and len(ready) < _MOST_READY:
            for kept in self.selector.made(self._cursor)[0]:
                if kept.received_ns < self.opened_ns:
                    continue
                if kept.received_ns <= now:
                    ready.append(kept)
                else:
                    self._wait(kept)
            self._cursor += 1
            if perf_counter() - began > _SLICE_S:
                await asyncio.sleep(0)
                began = perf_counter()
        self._behind = self._cursor <= last
        while self._waiting and self._waiting[0][0] <= now:
            ready.append(heapq.heappop(self._waiting)[3])
        ready.sort(key=lambda kept: (kept.stamp_ns, kept.insert_id))
        return ready

    def _drop_what_was_not_consumed(self, now: int) -> None:
        """Skip what the reader has no hope to catch up with, and count it."""
        lag = last_whole_tick(now - self.window_ns) - self._cursor
        allowed = int(LAG_S * self.book.clock.speed * NS / TICK_NS) + _LOOK_BACK
        if lag > allowed:
            resume = self._cursor + lag - allowed // 2
            self._suppress(_NOT_CONSUMED, self.selector.estimate(self._cursor, resume))
            self._cursor = resume

    def _suppress(self, reason: int, count: int) -> None:
        if count > 0:
            self._suppressed[reason] = self._suppressed.get(reason, 0) + count

    def _batches(self, ready: list[Kept]) -> list[bytes]:
        messages: list[bytes] = []
        parts: list[bytes] = []
        size = 0
        if self._suppressed:
            told = _RESPONSE()
            for reason, count in self._suppressed.items():
                told.suppression_info.add(reason=reason, suppressed_count=min(count, 2**31 - 1))
            parts.append(told.SerializeToString())
            self._suppressed.clear()
        for kept in ready:
            frame = kept.framed
            if parts and (len(parts) >= BATCH_ENTRIES or size + len(frame) > BATCH_BYTES):
                messages.append(b"".join(parts))
                parts, size = [], 0
            parts.append(frame)
            size += len(frame)
        if parts:
            messages.append(b"".join(parts))
        return messages
