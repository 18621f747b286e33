"""Running a watch that lasts: live seconds where a console saw them, the log afterwards where none did.

The runbook's `watch` step and `canario watch` are this. What was judged is kept in a file (`console.watch.kept_ticks`),
so that a watch that was cut off goes on with the same evidence, and only the time between is read from the log.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from console.clock import Clock
from console.errors import CanarioError
from console.release.guardrails import duration
from console.release.state import Release
from console.runbook.movers import taken_by
from console.verdict.base import Tick
from console.verdict.figures import count, percent
from console.watch.gaps import MOST_READ, read_gap
from console.watch.kept_ticks import Batch, Header, Kept, TickFile
from console.watch.lasting import LONGEST, Lasting, Stand, hours
from console.words import _

if TYPE_CHECKING:
    from console.cloud.client import Cloud

CALLS = 1_000
"""Newest calls among which the one is looked for that took the traffic away."""
LOOK_S = 0.5
"""Wall seconds between two looks."""
LAG_S = 20.0
"""Server seconds after which the log is taken to hold all of a moment, where it is read afterwards."""
GAP_S = 15
"""Seconds that were not seen live from which on the log is read for them."""
PATIENCE_S = 20.0
"""Wall seconds that live seconds are waited for, before the log is asked in their place."""
SLICE = 100
"""Ticks judged without letting the loop do anything else (some 30 ms)."""
PAGES_A_MINUTE = 20
"""Of the sixty reads that a project has, so many are a watch's."""
KEEP_S = 30
"""Live seconds that are written to the file at once, at most; what a crash loses of them is read from the log."""


LONGEST_READ_S, SHORTEST_READ_S = 7 * 86_400, 600
"""Seconds of a hole that are read at once, at most and at least."""
ABOUT = timedelta(minutes=5)
"""Two watches of one revision that end no further apart are the same."""


class End(StrEnum):
    """Why a watch ended."""

    QUIET = "quiet"
    """The time is up, and no limit was crossed."""
    CROSSED = "crossed"
    NO_DATA = "no data"
    """The time is up, and too little was seen."""
    GONE = "gone"
    """The revision has no traffic any more."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a watch ended."""

    end: End
    stand: Stand
    problem: str = ""
    """Why the log or the file could not be used last, or empty."""
    told_before: bool = False
    """Whether an earlier process was about to tell people of the limit."""

    @property
    def sentence(self) -> str:
        """In a sentence, with the figures."""
        return ended_sentence(self.end, self.stand)


@dataclass
class Watch:
    """One watch.

    Args:
        cloud: an open connection.
        service: short name.
        revision: that is watched.
        clock: the wall.
        now: server time.
        ticks: closed seconds of the revision from a Unix second on, as a live picture has them; empty where none.
        share: the revision's effective percent now; None where unknown.
        report: told how it stands, about twice a second.
        usual_per_s: requests a second where nothing tells.
        file: where it is kept; None keeps nothing.
        grace_s: see `Lasting`.
    """

    cloud: Cloud
    service: str
    revision: str
    clock: Clock
    now: Callable[[], datetime]
    ticks: Callable[[str, int], tuple[Tick, ...]]
    share: Callable[[], int | None]
    report: Callable[[Stand, str], None]
    usual_per_s: float
    file: TickFile | None = None
    grace_s: int = 0

    def __post_init__(self) -> None:
        self._problem = ""
        self._unkept: list[Tick] = []
        self._gap_read: float | None = None
        self._reach = LONGEST_READ_S
        """The longest stretch that is read at once: shorter after one that could not be read, then longer again."""
        self._waited: float | None = None
        self._file_problem = ""

    async def run(self, since: datetime, length: timedelta) -> Ended:
        """Watch until the time is up, a limit is crossed, or the revision has no traffic any more.

        Args:
            since: when the watch began; one that is kept goes on from there.
            length: how long.
        """
        lasting, told = await self._resume(since, length)
        while True:
            stand = lasting.stand()
            self.report(stand, self._problem)
            if stand.crossed:
                return await self._finished(End.CROSSED, lasting, told)
            if stand.over:
                return await self._finished(End.NO_DATA if stand.no_data else End.QUIET, lasting, told)
            if self.share() == 0 and lasting.next_second >= self._settled():
                return await self._finished(End.GONE, lasting, told)
            if not await self._advance(lasting):
                await self.clock.sleep(LOOK_S)

    async def _resume(self, since: datetime, length: timedelta) -> tuple[Lasting, bool]:
        kept: Kept | None = None
        if self.file is not None:
            kept = await asyncio.to_thread(self.file.read)
        wanted = Lasting(since, length, grace_s=self.grace_s)
        if kept is None or not _same(kept.header, self.revision, wanted.until):
            if self.file is not None:
                await self._keep(lambda f: f.begin(Header(self.revision, wanted.since, wanted.until)))
            return wanted, False
        lasting = Lasting(kept.header.since, kept.header.until - kept.header.since, grace_s=self.grace_s)
        for batch in kept.batches:
            for start in range(0, len(batch.ticks), SLICE):
                lasting.take(batch.ticks[start : start + SLICE], seen_s=0)
                await asyncio.sleep(0)
            lasting.take((), batch.upto, seen_s=batch.seen_s)
            if batch.thinned is not None:
                lasting.note(batch.thinned)
        return lasting, kept.told

    async def _advance(self, lasting: Lasting) -> bool:
        """Judge what has come; whether anything had."""
        start = lasting.next_second
        live = self.ticks(self.revision, start)
        run = _unbroken(live, start)
        if run:
            self._waited = None
            for at in range(0, len(run), SLICE):
                lasting.take(run[at : at + SLICE])
                await asyncio.sleep(0)
            self._unkept += run
            if len(self._unkept) >= KEEP_S:
                await self._keep_live(lasting)
            return True
        gap_end = self._gap_end(live, start, int(lasting.until.timestamp()))
        if gap_end is None:
            return False
        return await self._fill(lasting, start, gap_end)

    def _settled(self) -> int:
        """The Unix second up to which the log holds all."""
        return int((self.now() - timedelta(seconds=LAG_S)).timestamp())

    def _gap_end(self, live: tuple[Tick, ...], start: int, until: int) -> int | None:
        """Up to where the log is to be read from `start` on; None where live seconds may still come."""
        settled = min(self._settled(), until)
        seen = next((tick.second for tick in live if tick.observed and tick.second > start), None)
        end = min(settled, seen) if seen is not None else settled
        now = self.clock.monotonic()
        if end <= start:
            self._waited = None
            return None
        if seen is not None or end - start >= 600 or end == until:
            return end
        if self._waited is None:
            self._waited = now
        # what the live picture is about to close is not read twice
        patient = end - start < GAP_S or now - self._waited < PATIENCE_S
        return None if patient else end

    async def _fill(self, lasting: Lasting, start: int, end: int) -> bool:
        await self._keep_live(lasting)
        end = min(end, start + self._reach)
        wall = self.clock.monotonic()
        most = MOST_READ
        if self._gap_read is not None:
            pages = (wall - self._gap_read) / 60 * PAGES_A_MINUTE
            if pages < 1.0 and end - start < 3600:
                return False  # the reads of a minute are used sparingly
            most = min(MOST_READ, max(1, int(pages)) * 1000)
        try:
            gap = await read_gap(
                self.cloud, self.service, self.revision, start, end, usual_per_s=self.usual_per_s, most=most
            )
        except CanarioError as error:
            self._problem = error.what
            self._reach = max(SHORTEST_READ_S, (end - start) // 2)  # a day is too much for a log that is slow to answer
            await self.clock.sleep(2.0)
            return False
        self._problem, self._gap_read, self._waited = "", wall, None
        self._reach = min(self._reach * 2, LONGEST_READ_S)
        for at in range(0, len(gap.ticks), SLICE):
            lasting.take(gap.ticks[at : at + SLICE], seen_s=0)
            await asyncio.sleep(0)
        seen = gap.upto - start
        lasting.take((), gap.upto, seen_s=seen)
        lasting.note(gap.thinned)
        await self._keep(lambda f: f.add(Batch(gap.ticks, gap.upto, seen, gap.thinned)))
        return True

    async def _keep_live(self, lasting: Lasting) -> None:
        ticks, self._unkept = tuple(self._unkept), []
        if ticks:
            seen = sum(tick.observed for tick in ticks)
            await self._keep(lambda f: f.add(Batch(ticks, ticks[-1].second + 1, seen)))

    async def _keep(self, write: Callable[[TickFile], None]) -> None:
        """Write to the file; a disk that is full costs what a restart would know, not the watch."""
        if self.file is None:
            return
        try:
            await asyncio.to_thread(write, self.file)
        except OSError as error:
            self._file_problem = _("The watch cannot be kept: {problem}").format(problem=error.strerror or error)

    async def _finished(self, end: End, lasting: Lasting, told: bool) -> Ended:
        await self._keep_live(lasting)
        if end is End.CROSSED and not told:
            await self._keep(lambda f: f.note_told())
        return Ended(end, lasting.stand(), self._problem or self._file_problem, told)

    async def put_aside(self) -> None:
        """Let the next watch of this revision begin anew."""
        if self.file is not None:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self.file.put_aside)


def _same(header: Header, revision: str, until: datetime) -> bool:
    """Whether what is kept is of this watch: its beginning is told a little differently once the release is read."""
    return header.revision == revision and abs(header.until - until) <= ABOUT


def _unbroken(live: tuple[Tick, ...], start: int) -> list[Tick]:
    """Live seconds from `start` on up to the first hole; a few unseen ones are taken as they are."""
    run: list[Tick] = []
    unseen: list[Tick] = []
    wanted = start
    for tick in live:
        if tick.second != wanted:
            break
        wanted += 1
        if not tick.observed:
            unseen.append(tick)
            if len(unseen) >= GAP_S:
                return run
            continue
        run += [*unseen, tick]
        unseen = []
    return run


async def how_lost(cloud: Cloud, service: str, revision: str, release: Release | None, now: datetime) -> str:
    """How a watched revision lost its traffic, and by whose hand, in half a sentence; never raises.

    Args:
        cloud: an open connection.
        service: short name.
        revision: that was watched.
        release: on the service now.
        now: server time.
    """
    if release is not None and release.canary == revision and release.ended == "rolled back":
        mark = release.was_rolled_back(revision)
        return _("{who} rolled it back").format(who=mark.by) if mark is not None else _("rolled back")
    try:
        taken = taken_by(await cloud.logs.audit(service, since=now - LONGEST, limit=CALLS), revision)
        if taken is not None:
            return _("{who} moved the traffic away at {at:%m-%d %H:%M} UTC").format(
                who=taken.principal or _("somebody"), at=taken.time
            )
        who = (await cloud.run.get_service(service)).last_modifier
    except CanarioError as error:
        return _("somebody moved the traffic away; who, cannot be read: {problem}").format(problem=error.what)
    return _("the traffic was moved away; {who} changed the service last").format(who=who or _("somebody"))


def figures_of(stand: Stand) -> tuple[tuple[str, str], ...]:
    """What a watch has seen, as evidence keeps it."""
    figures = [
        (_("watched"), hours(stand.upto - stand.since)),
        (_("seen"), hours(stand.seen)),
        (_("requests"), count(stand.requests)),
        (_("errors"), count(stand.errors)),
        (_("error rate"), percent(stand.error_rate) if stand.error_rate is not None else "-"),
        (_("P95"), f"{stand.p95_ms:,.0f} ms" if stand.p95_ms is not None else "-"),
    ]
    figures += [(_("read afterwards"), thinned.sentence) for thinned in stand.thinned[-20:]]
    return tuple(figures)


def standing_sentence(stand: Stand) -> str:
    """How a watch stands, while it goes on."""
    if stand.error_rate is None:
        return _("{watched} of {whole}; no request seen yet").format(
            watched=hours(stand.upto - stand.since), whole=hours(stand.until - stand.since)
        )
    rate = percent(stand.error_rate)
    return _("{watched} of {whole}; {rate} errors in {requests} requests; {word}").format(
        watched=hours(stand.upto - stand.since),
        whole=hours(stand.until - stand.since),
        rate=rate,
        requests=count(stand.requests),
        word=_("quiet") if not stand.crossed else stand.verdict.word.value,
    )


def ended_sentence(end: End, stand: Stand) -> str:
    """How a watch ended."""
    watched = hours(stand.upto - stand.since)
    rate = percent(stand.error_rate) if stand.error_rate is not None else "-"
    match end:
        case End.CROSSED:
            return _("limit crossed after {watched}: {sentence}").format(
                watched=watched, sentence=stand.verdict.sentence
            )
        case End.NO_DATA:
            return _("no data: of {watched} only {seen} was seen, with {requests} requests").format(
                watched=watched, seen=duration(stand.seen), requests=count(stand.requests)
            )
        case End.GONE:
            return _("the revision has no traffic any more; quiet for {watched}, {rate} errors").format(
                watched=watched, rate=rate
            )
    return _("quiet for {watched}: {rate} errors in {requests} requests").format(
        watched=watched, rate=rate, requests=count(stand.requests)
    )
