"""The tail sessions: one that is read, and for a moment a second one that takes its place with another sampling.

A change opens the new stream beside the old one, which is closed once it has told all that the new one will not: no
entry is lost, insertIds settle who is counted. Both together may for that moment ask for more than a project's tails
are told; the cloud then says how much it held back, and those seconds give no credit for a PASS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from console.clock import Clock
from console.errors import UnavailableError
from console.watch.feeds import pause
from console.watch.sampling import WHOLE, Sampling
from console.words import _

if TYPE_CHECKING:
    from console.cloud.logs import LogEntry, LogsApi, TailBatch

BUFFER_S = 2.0
"""Server seconds that the tail holds entries back to sort them."""
HAND_OVER_S = 10.0
"""Wall seconds that changing from one stream to another may take."""
REFUSED_S = 30.0
"""Wall seconds before a change that the cloud refused is tried again."""
EMITTED_S = 0.5
"""Server seconds by which the old stream must be past the new one's beginning."""


class Stream:
    """One tail session."""

    def __init__(self, sampling: Sampling) -> None:
        self.sampling = sampling
        self.task: asyncio.Task[None] | None = None
        self.first = 0.0
        """The earliest receive time in its first batch: whatever was received later, it tells. 0 before that."""
        self.received = 0.0
        """Newest receive time that it told."""
        self.told = 0.0
        """Newest log timestamp, not after its receive time: what is due before it has been told."""
        self.end = float("inf")
        """Timestamps from which on the stream after this one counts."""

    def hear(self, entries: Sequence[LogEntry]) -> None:
        """Take note of a batch."""
        if entries:
            if not self.first:
                self.first = min(entry.received for entry in entries)
            self.received = max(self.received, max(entry.received for entry in entries))
            self.told = max(self.told, max(min(entry.timestamp, entry.received) for entry in entries))

    async def close(self) -> None:
        """End it."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)


Take = Callable[[Stream, "Sequence[LogEntry]", "TailBatch", float], Awaitable[None]]
"""(stream, the batch's entries that count, the batch, the stream's newest receive time before it)"""


class Streams:
    """Reads one stream after another without a break.

    Args:
        logs: where to read.
        filter: of the service's entries, without the sampling.
        clock: the wall.
        take: given each batch.
        opened: called when a stream was opened, and when it is the only one.
        cut_over: given the sampling and the Unix second from which on a new stream counts.
    """

    def __init__(
        self,
        logs: LogsApi,
        filter: str,
        *,
        clock: Clock,
        take: Take,
        opened: Callable[[], None],
        cut_over: Callable[[Sampling, int], None],
    ) -> None:
        self._logs = logs
        self._filter = filter
        self._clock = clock
        self._give = take
        self._opened = opened
        self._tell_cut_over = cut_over
        self.sampling = WHOLE
        """What is read of each revision's entries now."""
        self.current = Stream(WHOLE)
        """The stream that is read."""
        self.following: Stream | None = None
        """The stream that is about to take the other's place."""
        self.last_batch = clock.monotonic()
        """Wall time of the last batch, or of the last opening."""
        self._due = WHOLE
        self._change = asyncio.Event()
        self._progress = asyncio.Event()
        self._refused_until = float("-inf")

    async def run(self) -> None:
        """Tell what the streams say until one breaks.

        Raises:
            CanarioError: why.
        """
        self._change.clear()
        self.current = self._open(self.sampling)
        try:
            while True:
                assert self.current.task is not None
                change = asyncio.create_task(self._change.wait())
                await asyncio.wait({self.current.task, change}, return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
                if self.current.task.done():
                    self.current.task.result()
                self._change.clear()
                await self._hand_over(self._due)
        finally:
            for stream in (self.current, self.following):
                if stream is not None:
                    await stream.close()

    @property
    def may_change(self) -> bool:
        """Whether another sampling may be asked for now."""
        return self.following is None and self._clock.monotonic() >= self._refused_until

    def change(self, sampling: Sampling) -> None:
        """Go on with another sampling, as soon as a stream of it tells."""
        self._due = sampling
        self._change.set()

    def heard(self, newest: float) -> float:
        """Receive time up to which all has been told: the old stream's, where two are open.

        Args:
            newest: the newest that was told by any.
        """
        if self.following is not None and self.current.received:
            return min(newest, self.current.received)
        return newest

    def _open(self, sampling: Sampling) -> Stream:
        stream = Stream(sampling)
        self.last_batch = self._clock.monotonic()
        self._opened()
        stream.task = asyncio.create_task(self._follow(stream))
        stream.task.add_done_callback(lambda _task: self._progress.set())
        return stream

    async def _follow(self, stream: Stream) -> None:
        wanted = self._filter + stream.sampling.clause
        async with aclosing(self._logs.tail(wanted, buffer_window_s=BUFFER_S)) as batches:
            async for batch in batches:
                self.last_batch = self._clock.monotonic()
                await self._take(stream, batch)
        raise UnavailableError(_("Cloud Logging ended the log stream."))

    async def _take(self, stream: Stream, batch: TailBatch) -> None:
        before, opening = stream.received, not stream.first
        stream.hear(batch.entries)
        if stream is self.following and opening and stream.first:
            self._cut_over(self.current, stream)
        entries: Sequence[LogEntry] = batch.entries
        if stream.end < float("inf"):
            end, old, after = stream.end, stream.sampling, self.sampling
            entries = [e for e in entries if e.timestamp < end or old.of(e.revision) == after.of(e.revision)]
        await self._give(stream, entries, batch, before)
        self._progress.set()

    async def _hand_over(self, sampling: Sampling) -> None:
        """Go on with a stream of another sampling, leaving nothing out."""
        old, new = self.current, self._open(sampling)
        assert old.task is not None
        assert new.task is not None
        self.following = new
        give_up = self._clock.monotonic() + HAND_OVER_S
        while not (new.first and old.told >= new.first + EMITTED_S):
            self._progress.clear()
            if old.task.done():
                old.task.result()
            if new.task.done() or self._clock.monotonic() >= give_up:
                if new.first:
                    raise UnavailableError(_("The log stream was too slow to be changed; it is opened again."))
                self.following = None
                self._refused_until = self._clock.monotonic() + REFUSED_S
                await new.close()
                return
            await pause(self._clock, 0.5, self._progress)
        self.current, self.following = new, None
        self._opened()
        await old.close()

    def _cut_over(self, old: Stream, new: Stream) -> None:
        """Decide, at the new stream's first batch, from which second on it counts."""
        start = int(max(new.first, old.told)) + 1
        old.end = start
        self.sampling = new.sampling
        self._tell_cut_over(new.sampling, start)
