"""The log feed: one tail session for all of a service's revisions, kept open, and what it missed fetched afterwards.

Rules (issue 2, section 3; issue 3, "Ticks"):

* The watermark is the newest receive time less `LAG_S`. A silence alone proves nothing, the stream may have lost its
  other end: only once a probe has found that there was nothing to hear do a quiet service's seconds pass too.
* When the stream breaks, nothing is closed. On reconnecting, the tail is opened first and the gap listed then: both
  overlap and insertIds settle who is counted. What a bounded list cannot reach back to stays unobserved.
* The same list at the start back-fills a bake under way, so that a restart of the console does not lose it.
* Entries that the cloud holds back are counted; where they are more than it told, that time is a gap too.
* Of a busy service less is read (`console.watch.sampling`), and a change costs no entry (`console.watch.streams`).
  Seconds from a change on are counted from the new stream alone; those still open before it are mixed, and tell a
  judge nothing but of the revision that both read whole.
* A stream that is open and mute while entries are being logged is stuck: a probe finds out, and it is opened again;
  what it kept back is counted late.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from console.clock import Clock, ServerClock
from console.errors import CanarioError, UnavailableError
from console.watch.aggregate import Aggregator, Second
from console.watch.backfill import CANARY_LIMIT, WHOLE_LIMIT, list_back, rfc3339
from console.watch.lines import LineWriter
from console.watch.sampling import WHOLE, Sampler, Sampling
from console.watch.snapshot import FeedHealth, FeedState
from console.watch.streams import BUFFER_S, Stream, Streams
from console.words import _

if TYPE_CHECKING:
    from console.cloud.logs import LogEntry, LogsApi, TailBatch

LAG_S = 5.0
"""Server seconds that an entry may take from its timestamp until it is received."""
PROBE_S = 8.0
"""Wall seconds of silence after which we ask, again and again, whether there is nothing to hear: at most eight of the
sixty reads a minute that a project has."""
PROBED = 1_000
"""Newest entries, at most, that a probe compares with those heard: a page, one read of the quota."""
LOOK_S = 1.0
"""Wall seconds between looks at how long the stream has been silent."""
OPENING_S = 0.3
"""Wall seconds that an opened tail gets to take hold before the gap is listed."""
LATE_S = 15.0
"""Server seconds of age from which the feed is late, besides two wall seconds' worth."""
SLICE = 500
"""Entries handled without letting the loop do anything else (about a millisecond)."""
LOOK_BACK_S = 360
"""Server seconds that a back-fill reaches back at most."""
FIRST_LOOK_S = 60
"""Server seconds that a starting console looks back where no bake is under way."""
FILL_S, LEAST_FILL_S = 6.0, 1.0
"""Wall seconds that each part of a back-fill may take where the cloud's time is ours, and where it runs faster: what
is not in by then stays a gap, for a verdict that stands still is worse than a bake that lasts a little longer."""
PAST_LINES = 2_000
"""Newest listed entries that become lines of the log."""
BACK_OFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Wall seconds before each new attempt."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a back-fill is for."""

    canary: str | None = None
    """Its revision, to be listed further back than the rest."""
    since: float | None = None
    """When its bake began, Unix seconds; None where none is under way."""


def service_filter(service: str, region: str) -> str:
    """The filter of the one tail session: requests and application lines of every revision, audit logs left out."""
    return (
        f'resource.type="cloud_run_revision" AND resource.labels.service_name="{service}"'
        f' AND resource.labels.location="{region}" AND NOT logName:"cloudaudit.googleapis.com"'
    )


class LogFeed:
    """Feeds an aggregator and a ring from Cloud Logging.

    Args:
        logs: where to read.
        service: short name.
        region: its location.
        clock: the wall.
        server_clock: the cloud's time.
        aggregator: only this writes to it.
        writer: of the ring.
        wanted: asked at each back-fill.
        ready: awaited before the first one, at most `FIRST_WAIT_S`, so that `wanted` can know.
        sampler: chooses what is read; its `follow` is the watcher's to call.
        rates: asked for requests a second by revision before the first stream is opened, as long as `ready` may take.
    """

    FIRST_WAIT_S = 3.0

    def __init__(
        self,
        logs: LogsApi,
        *,
        service: str,
        region: str,
        clock: Clock,
        server_clock: ServerClock,
        aggregator: Aggregator,
        writer: LineWriter,
        wanted: Callable[[], Wanted] = Wanted,
        ready: asyncio.Event | None = None,
        sampler: Sampler | None = None,
        rates: Callable[[], Awaitable[Mapping[str, float]]] | None = None,
    ) -> None:
        self._logs = logs
        self._filter = service_filter(service, region)
        self._clock = clock
        self._server_clock = server_clock
        self._aggregator = aggregator
        self._writer = writer
        self._wanted = wanted
        self._ready = ready
        self._sampler = sampler or Sampler()
        self._rates = rates
        self._streams = Streams(
            logs,
            self._filter,
            clock=clock,
            take=self._take,
            opened=lambda: self._sampler.changed(self._now()),
            cut_over=aggregator.sample,
        )
        self._chosen_at = 0.0
        self._live = False
        """Whether the stream is open and its gap filled: only then do seconds close."""
        self._gap_from: float | None = None
        """What has to be listed on the next connection starts here, Unix seconds; None before the first."""
        self._proved = 0.0
        """Up to here, Unix seconds, a list has shown that nothing was missed."""
        self._problem = ""
        self._failures = 0
        self.suppressed = 0
        """Entries that the cloud says it held back, since start."""

    @property
    def sampling(self) -> Sampling:
        """What is read of each revision's entries now."""
        return self._streams.sampling

    async def run(self) -> None:
        """Keep the stream open until cancelled."""
        while True:
            opened = self._clock.monotonic()
            try:
                await self._session()
            except CanarioError as error:
                self._problem = error.what
            except Exception as error:  # noqa: BLE001 - shown as the feed's problem; the other feeds go on
                self._problem = f"{type(error).__name__}: {error}"
            finally:
                self._cut()
            self._failures = 0 if self._clock.monotonic() - opened > 30.0 else self._failures + 1
            await self._clock.sleep(BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)])

    async def _session(self) -> None:
        """One stream after another without a break, from opening to the end, which is always an error."""
        if self._gap_from is None:
            await self._first_look()
        self._begin()
        reader = asyncio.create_task(self._streams.run())
        keeper = asyncio.create_task(self._keep())
        try:
            await asyncio.wait({reader, keeper}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reader, keeper):
                task.cancel()
            results = await asyncio.gather(reader, keeper, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _first_look(self) -> None:
        """Wait, not for long, until it is known whose log this is and how busy."""
        look = asyncio.create_task(self._look())
        enough = asyncio.ensure_future(self._clock.sleep(self.FIRST_WAIT_S))
        try:
            await asyncio.wait({look, enough}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            look.cancel()
            enough.cancel()
            await asyncio.gather(look, return_exceptions=True)

    async def _look(self) -> None:
        rates = asyncio.create_task(self._ask_rates())
        try:
            if self._ready is not None:
                await self._ready.wait()
            found = await rates
        finally:
            rates.cancel()
        self._sampler.expect(found, self._wanted().canary)

    async def _ask_rates(self) -> Mapping[str, float]:
        try:
            return await self._rates() if self._rates is not None else {}
        except Exception:  # noqa: BLE001 - the metrics feed says what is wrong; the first seconds will tell the rate
            return {}

    async def _take(self, stream: Stream, entries: Sequence[LogEntry], batch: TailBatch, before: float) -> None:
        """Count a batch; see `console.watch.streams.Take`."""
        await self._ingest(entries, self._writer.write)
        held_back = sum(batch.suppressed.values())
        if held_back:
            self.suppressed += held_back
            latest = max(before, stream.received, self._aggregator.newest_received - LAG_S)
            self._aggregator.suppress(held_back, min(before or latest, latest), stream.received or latest)
            if self._live and before and held_back > len(batch.entries):
                # more was lost than told: what lies between this batch and the last was not observed
                self._aggregator.uncover(before)
                self._aggregator.cover(max(before, self._aggregator.newest_received), float("inf"))
        if stream is self._streams.current:
            # what we were too slow to take is no sign of more traffic, or of others who read
            limited = batch.suppressed.get("RATE_LIMIT", 0)
            self._choose(stream, Counter(entry.revision for entry in batch.entries), limited)

    def _choose(self, stream: Stream, counts: Mapping[str, int], held_back: int) -> None:
        """See whether another sampling is due."""
        if not stream.received:
            return
        if self._streams.following is not None:
            held_back = 0
        self._sampler.pace(self._server_clock.rate)
        self._sampler.note(counts, held_back, stream.received, stream.sampling)
        if not self._live or self._streams.following is not None or stream.received - self._chosen_at < 1.0:
            return
        self._chosen_at = stream.received
        due = self._sampler.choose(stream.sampling, stream.received)
        if due != stream.sampling and self._streams.may_change:
            self._streams.change(due)

    async def _ingest(self, entries: Sequence[LogEntry], write: Callable[[list[LogEntry]], None] | None) -> None:
        for start in range(0, len(entries), SLICE):
            fresh: list[LogEntry] | None = None if write is None else []
            self._aggregator.add(entries[start : start + SLICE], fresh)
            if fresh and write is not None:
                write(fresh)
            await asyncio.sleep(0)

    async def _keep(self) -> None:
        """Fill the gap, then watch over a silent stream."""
        await self._clock.sleep(OPENING_S)
        await self._catch_up()
        self._problem = ""
        opened, probed = self._now(), self._clock.monotonic()
        while True:
            await self._clock.sleep(LOOK_S)
            if self._clock.monotonic() - max(self._streams.last_batch, probed) < PROBE_S:
                continue
            probed = self._clock.monotonic()
            if await self._unheard(opened):
                raise UnavailableError(_("The log stream is open but has stopped telling; it is opened again."))

    async def _unheard(self, opened: float) -> bool:
        """Whether something was logged that a silent stream should have told by now."""
        start = max(self._aggregator.newest_received, opened) - LAG_S
        end = self._now() - LAG_S - BUFFER_S - 5.0 * self._server_clock.rate
        if end <= start:
            return False
        span = f' AND timestamp>="{rfc3339(start)}" AND timestamp<"{rfc3339(end)}"'
        try:
            newest = await self._logs.list(self._filter + self.sampling.clause + span, limit=PROBED)
        except CanarioError:
            return False  # the stream itself will tell what is wrong
        unheard = not all(map(self._aggregator.knows, newest))
        if not unheard:
            self._proved = max(self._proved, end)
        return unheard

    def _now(self) -> float:
        now = self._server_clock.now()
        if now is None:
            raise UnavailableError(_("The cloud's time is not known yet."))
        return now.timestamp()

    def _begin(self) -> None:
        """Decide, before anything is heard, from which second on this console counts."""
        if self._gap_from is None:
            now = self._now()
            since = self._wanted().since
            first = now - FIRST_LOOK_S if since is None else min(now - FIRST_LOOK_S, since)
            self._gap_from = max(first, now - LOOK_BACK_S)
            self._aggregator.begin(int(self._gap_from))
            self._streams.sampling = self._sampler.choose(WHOLE, now)
            self._aggregator.sample(self.sampling)

    async def _catch_up(self) -> None:
        """List what lies between the last stream and this one, and let seconds close again."""
        gap_from = self._gap_from if self._gap_from is not None else self._now()
        since = int(max(gap_from, self._now() - LOOK_BACK_S))
        give_up = self._clock.monotonic() + self._fill_s()
        for attempt in range(3):
            asked = self._now()
            try:
                covered = await self._back_fill(since, self._wanted().canary)
                self._proved = max(self._proved, asked - LAG_S)
                break
            except CanarioError as error:
                self._problem = error.what
                await self._clock.sleep(BACK_OFF_S[attempt])
            if self._clock.monotonic() > give_up:
                covered = int(self._now()) + 1
                break
        else:
            covered = int(self._now()) + 1  # the gap stays a gap
        self._aggregator.cover(covered, float("inf"))
        self._live = True

    def _fill_s(self) -> float:
        return max(LEAST_FILL_S, FILL_S / max(1.0, self._server_clock.rate))

    async def _back_fill(self, since: int, canary: str | None) -> int:
        """Hand in what was logged since `since`; return from which second on every revision's entries are in."""
        found: list[LogEntry] = []
        covered = await self._list_back(found.extend, "", since, None, WHOLE_LIMIT)
        found.sort(key=_by_time)
        await self._ingest(found[:-PAST_LINES], None)
        await self._ingest(found[-PAST_LINES:], self._writer.write_past)
        if canary and covered > since:
            only = f' AND resource.labels.revision_name="{canary}" AND (logName:"requests" OR severity>=ERROR)'
            found = []
            reached = await self._list_back(found.extend, only, since, covered, CANARY_LIMIT)
            await self._ingest(found, None)
            self._aggregator.cover(reached, covered, whole=False)
        return covered

    async def _list_back(
        self, take: Callable[[list[LogEntry]], object], clause: str, since: int, before: int | None, limit: int
    ) -> int:
        wanted = self._filter + self.sampling.clause + clause
        give_up = self._clock.monotonic() + self._fill_s()
        return await list_back(
            self._logs, wanted, take, since, before, limit, lambda: self._clock.monotonic() > give_up
        )

    def _cut(self) -> None:
        """Remember from when on the next stream has something to make up for."""
        if not self._live:
            return
        self._live = False
        heard = self._heard() - LAG_S
        self._streams.following = None
        self._aggregator.uncover(max(self._aggregator.next_second or 0, heard))
        # not from the open seconds on: the silence before the break may have been the stream's, not the service's
        self._gap_from = max(self._gap_from or 0.0, heard)

    def _heard(self) -> float:
        """Newest receive time up to which all has been told."""
        return self._streams.heard(self._aggregator.newest_received)

    def close_seconds(self) -> list[Second]:
        """The seconds that the watermark has passed since the last call; none while the stream is down."""
        if not self._live:
            return []
        return self._aggregator.close(max(self._heard() - LAG_S, self._proved))

    def end(self, now: float | None) -> int:
        """Unix second (exclusive) up to which figures are drawn: the oldest open one, or later where we are cut off.

        Args:
            now: server time, Unix seconds; None where unknown.
        """
        following = self._aggregator.next_second or 0
        if now is None:
            return following
        late = LAG_S + BUFFER_S + LATE_S + 2.0 * self._server_clock.rate
        return max(following, int(now - late))

    def health(self, now: float | None) -> FeedHealth:
        """How the feed is at server time `now` (Unix seconds; None where unknown)."""
        heard = max(self._aggregator.newest_received, (self._aggregator.next_second or 0) + LAG_S)
        begun = self._aggregator.next_second is not None and heard > LAG_S
        age = timedelta(seconds=max(0.0, now - heard)) if begun and now is not None else None
        if not self._live:
            state = FeedState.DOWN if self._problem else FeedState.WAITING
        elif age is not None and age.total_seconds() > LATE_S + 2.0 * self._server_clock.rate:
            state = FeedState.LATE
        else:
            state = FeedState.LIVE
        return FeedHealth("logs", state, age, self._problem)


def _by_time(entry: LogEntry) -> float:
    return entry.timestamp
