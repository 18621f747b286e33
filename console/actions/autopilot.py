"""The autopilot: the driving console's automatic rollback, its lease, its record of the verdict, the release's end.

A FAIL latches until the bake ends, and so does the countdown it starts: Esc holds it back for a minute, then it starts
again, for as long as the FAIL stands and the canary has traffic. Who wants the canary to stay writes why: disarming is
journalled and announced. A shared breach, and a canary that is not seen, page once a spell and roll nothing back.

It acts only while this console drives (holds the lease of a release under way) and automatic rollback is armed. It
lives only while the console does; the screen says so, and when a driver's lease has run out another console may take
over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from console.actions.countdown import Countdown, CountdownMachine, Event, Sight
from console.actions.paging import Page, Pager
from console.errors import CanarioError
from console.release.state import LEASE, VerdictRecord
from console.release.transitions import drives, may_hold
from console.text import clean
from console.verdict.base import Word
from console.words import _

if TYPE_CHECKING:
    from console.actions.actions import Actions
    from console.clock import Clock
    from console.cloud.client import Cloud
    from console.watch.snapshot import Snapshot
    from console.watch.watcher import Watcher

log = logging.getLogger("canario.autopilot")

LOOK_S = 0.1
"""Wall seconds between looks at the picture."""

RENEW_AFTER = LEASE / 3
"""Server time after which a lease is renewed: a third of it, so that two renewals may fail."""

SLACK = timedelta(seconds=2)
"""How far our notion of server time may be off (a `date` has one-second steps): no offer that is then refused."""

RECORD_EVERY = timedelta(seconds=30)
"""Server time between two records of the verdict at least (issue 2, section 5)."""


class Autopilot:
    """One console's automatic rollback and lease.

    Args:
        cloud: for server time.
        watcher: whose picture it looks at.
        actions: what it acts through.
        clock: the wall.
        countdown_s: wall seconds from breach to rollback.
        hold_s: wall seconds that Esc holds for where the breach goes on.
    """

    def __init__(
        self,
        *,
        cloud: Cloud,
        watcher: Watcher,
        actions: Actions,
        clock: Clock,
        countdown_s: float | None = None,
        hold_s: float | None = None,
    ) -> None:
        self._cloud, self._watcher, self._actions, self._clock = cloud, watcher, actions, clock
        self._machine = CountdownMachine()
        if countdown_s is not None or hold_s is not None:
            default = CountdownMachine()
            self._machine = CountdownMachine(
                default.seconds if countdown_s is None else countdown_s, default.hold_s if hold_s is None else hold_s
            )
        self._pager = Pager()
        self._pages: set[asyncio.Task[None]] = set()
        self._rollback_problem = ""
        self._seat_problem = ""
        self._page_problem = ""
        self.notes: list[str] = []
        """What happened, newest last, for the timeline: countdowns started, stopped, run out."""
        self._recorded: VerdictRecord | None = None
        self._recorded_at: datetime | None = None
        self._writing: asyncio.Task[None] | None = None
        self._rolling: asyncio.Task[None] | None = None
        self._write_again_at = 0.0

    @property
    def problem(self) -> str:
        """Why the last rollback, renewal or record of ours failed, in a sentence each; empty while well.

        A renewal that goes well says nothing of a rollback that did not.
        """
        problems = (self._rollback_problem, self._seat_problem, self._page_problem)
        return " ".join(problem for problem in problems if problem)

    @property
    def countdown(self) -> Countdown | None:
        """The countdown under way, or None."""
        return self._machine.countdown

    def held_s(self) -> float:
        """Wall seconds for which Esc still holds the countdown back; 0 where it does not."""
        return self._machine.held_s(self._clock.monotonic())

    def stop_countdown(self) -> None:
        """Esc: stop the countdown; the same breach starts none before it ends, traffic moves, or a minute passes."""
        if self._machine.stop(self._clock.monotonic(), _step_of(self._watcher.latest)):
            self.notes.append(_("countdown stopped by hand"))

    @property
    def drives(self) -> bool:
        """Whether this console holds the live lease of a release under way."""
        release = self._watcher.latest.release
        return drives(release, self._actions.session_id, self._cloud.server_clock.now())

    @property
    def armed(self) -> bool:
        """Whether automatic rollback is armed for the release under way, or for the next one."""
        release = self._watcher.latest.release
        return (
            release.auto_rollback if release is not None and release.under_way else self._actions.auto_rollback_default
        )

    @property
    def may_take_over(self) -> bool:
        """Whether a release is under way whose driver's console is gone (or that nobody drives)."""
        snapshot, now = self._watcher.latest, self._cloud.server_clock.now()
        release = snapshot.release
        if release is None or not release.under_way or now is None:
            return False
        if release.driver is None:
            return True
        return release.driver.session != self._actions.session_id and release.driver.expires + SLACK <= now

    async def run(self) -> None:
        """Look, count down, roll back, renew, record, until cancelled; nothing but that ends it."""
        self._actions.renews = True
        try:
            while True:
                self._look()
                await self._clock.sleep(LOOK_S)
        finally:
            self._actions.renews = False
            for task in (self._writing, self._rolling, *self._pages):
                if task is not None:
                    task.cancel()

    def _look(self) -> None:
        snapshot, now = self._watcher.latest, self._clock.monotonic()
        verdict = snapshot.verdict
        canary_has = snapshot.service is not None and bool(
            snapshot.service.desired_shares().get(snapshot.canary or "")
            or snapshot.service.effective_shares().get(snapshot.canary or "")
        )
        if not canary_has:
            self._rollback_problem = ""  # somebody else's rollback, or a press of `r`, has made good for it
        sight = Sight(
            now=now,
            breach=verdict is not None and verdict.breach and canary_has,
            reason=verdict.breach_reason if verdict is not None else "",
            may=self.armed and self.drives and canary_has and not self._actions.rolling_back,
            step=_step_of(snapshot),
        )
        reason = self.countdown.reason if self.countdown is not None else sight.reason
        event = self._machine.look(sight)
        if event is Event.STARTED:
            self.notes.append(_("countdown started: {reason}").format(reason=clean(sight.reason)))
        elif event is Event.STOPPED:
            self.notes.append(_("countdown ended: nothing to roll back, disarmed, or another drives"))
        elif event is Event.FIRE:
            self.notes.append(_("automatic rollback: {reason}").format(reason=clean(reason)))
            self._rolling = asyncio.get_running_loop().create_task(self._roll_back(sight.reason or reason))
        if self.drives and canary_has:
            page = self._pager.look(verdict)
            if page is not None:
                self._page(page, snapshot)
        del self.notes[:-100]
        self._keep_seat(snapshot)

    def _page(self, page: Page, snapshot: Snapshot) -> None:
        """A shared breach, or a canary that is not seen: call somebody and hold."""
        self.notes.append(_("paged and held: {reason}").format(reason=clean(page.sentence)))
        canary = snapshot.canary or ""
        percent = snapshot.service.desired_shares().get(canary, 0) if snapshot.service is not None else 0
        task = asyncio.get_running_loop().create_task(self._call(page, canary, percent))
        self._pages.add(task)
        task.add_done_callback(self._pages.discard)

    async def _call(self, page: Page, canary: str, percent: int) -> None:
        try:
            await self._actions.page(page.kind, page.sentence, canary=canary, percent=percent)
        except Exception as error:  # noqa: BLE001 - as in `_roll_back`
            self._page_problem = _said(error)
        else:
            self._page_problem = ""

    async def _roll_back(self, reason: str) -> None:
        try:
            await self._actions.rollback(reason=reason, automatic=True)
        except Exception as error:  # noqa: BLE001 - a task of its own: unsaid, a fault of ours would end it in silence
            self._rollback_problem = _said(error)
        else:
            self._rollback_problem = ""

    def _keep_seat(self, snapshot: Snapshot) -> None:
        """Renew, record, or write down that the release is over: one write at a time, in the background."""
        release, now = snapshot.release, self._cloud.server_clock.now()
        if (self._writing is not None and not self._writing.done()) or self._clock.monotonic() < self._write_again_at:
            return
        if release is None or not release.under_way or now is None or self._actions.rolling_back:
            return
        if not may_hold(release, self._actions.identity, self._actions.session_id):
            return
        assert release.driver is not None
        if release.driver.session != self._actions.session_id:
            self._write(self._renew(None, now))
            return
        record = self._record(snapshot, now)
        baked = record is not None and record.step == 100 and record.bake_done and record.word != Word.FAIL
        if record is not None and baked and snapshot.service is not None and snapshot.service.settled:
            self._write(self._finish(record))
            return
        if release.driver.expires - now <= LEASE - RENEW_AFTER:
            self._write(self._renew(record, now))
        elif record is not None and self._news(record, now):
            self._write(self._write_record(record, now))

    def _record(self, snapshot: Snapshot, now: datetime) -> VerdictRecord | None:
        if snapshot.verdict is None or snapshot.verdict.at is None or snapshot.release is None:
            return None
        record = self._watcher.verdict_record(now)
        if record is None or record.at < snapshot.release.moved_at:
            return None  # said of an earlier share
        return record

    def _news(self, record: VerdictRecord, now: datetime) -> bool:
        last = self._recorded
        if last is None or self._recorded_at is None:
            return True
        told, newest = ((r.word, r.step, r.bake_done, r.over) for r in (last, record))
        if told == newest:
            return False
        return now - self._recorded_at >= RECORD_EVERY

    def _write(self, work: Coroutine[Any, Any, None]) -> None:
        self._writing = asyncio.get_running_loop().create_task(self._guard(work))

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - as above
            self._seat_problem = _said(error)
            self._write_again_at = self._clock.monotonic() + 1.0
        else:
            self._seat_problem = ""

    async def _renew(self, record: VerdictRecord | None, now: datetime) -> None:
        if await self._actions.renew_lease(record) and record is not None:
            self._recorded, self._recorded_at = record, now

    async def _write_record(self, record: VerdictRecord, now: datetime) -> None:
        if await self._actions.record_verdict(record):
            self._recorded, self._recorded_at = record, now

    async def _finish(self, record: VerdictRecord) -> None:
        figures = []
        if record.requests:
            figures.append(
                _("{rate:.1%} errors in {requests:,} requests").format(
                    rate=record.errors / record.requests, requests=record.requests
                )
            )
        await self._actions.finish(tuple(figures))
        self.notes.append(_("release promoted: the bake at 100 % is done"))


def _said(error: Exception) -> str:
    """What the screen shows of `error`; a fault of our own goes to the log file too."""
    if isinstance(error, CanarioError):
        return str(error)
    log.error("the autopilot failed", exc_info=error)
    return _("The autopilot failed ({kind}: {words}); it tries again.").format(
        kind=type(error).__name__, words=clean(str(error), 200)
    )


def _step_of(snapshot: Snapshot) -> str:
    release = snapshot.release
    return f"{release.id} {len(release.moves)} {release.step}" if release is not None else ""


__all__ = ["Autopilot", "Countdown"]
