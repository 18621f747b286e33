"""The feeds of Cloud Run and Cloud Monitoring: the service, its revisions, its instances, our permission on it.

Each feed is a loop that ends only when cancelled. What goes wrong becomes its health's problem sentence and is tried
again; it never reaches another feed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from console.clock import Clock, ServerClock
from console.errors import CanarioError, NotFoundError
from console.release.service import Revision, Service
from console.watch.reconcile import Minutes
from console.watch.snapshot import FeedHealth, FeedState

if TYPE_CHECKING:
    from console.cloud.metrics import MetricsApi
    from console.cloud.run import RunApi

POLL_S = 1.0
"""Wall seconds between two looks at the service."""
HURRY_S = 0.25
"""The same while it reconciles or has just been changed."""
HURRIED_FOR_S = 5.0
"""Wall seconds that a change counts as just made."""
REVISIONS_S = 15.0
"""Wall seconds between two lists of the revisions; a change of the service lists them at once."""
UNREADY_S = 2.0
"""The same while a serving or tagged revision is not ready."""
LATE_S = 5.0
"""Wall seconds of age from which the service feed is late."""
DIGESTS_S = 1.0
"""Wall seconds that the picture waits for the digests of the images that serve or are tagged."""
LISTED = 200
KEPT_REVISIONS = 1_000
"""Revisions of a service that Cloud Run keeps (https://cloud.google.com/run/quotas)."""
METRICS_S = 30.0
"""Server seconds between two looks at Monitoring."""
MINUTE = timedelta(minutes=1)
METRICS_LATE = timedelta(minutes=5)
PERMISSION_S = 60.0
"""Wall seconds between two questions whether we may roll back."""
PERMISSION = "run.services.update"


def problem_of(error: Exception) -> str:
    """What a feed shows of `error`."""
    return error.what if isinstance(error, CanarioError) else f"{type(error).__name__}: {error}"


async def pause(clock: Clock, seconds: float, wake: asyncio.Event) -> None:
    """Sleep, or less where `wake` is set (it is cleared)."""
    waits = [asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(wake.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    wake.clear()


class ServiceFeed:
    """The service and its revisions, as last known.

    Args:
        run: where to read.
        service: short name.
        clock: the wall.
        changed: called after each new value, for whoever publishes.
        needed: names of revisions that must be known besides those that serve or bear a tag.
    """

    def __init__(
        self,
        run: RunApi,
        *,
        service: str,
        clock: Clock,
        changed: Callable[[], None] = lambda: None,
        needed: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._run = run
        self._name = service
        self._clock = clock
        self._changed = changed
        self._needed = needed
        self.service: Service | None = None
        self.revisions: tuple[Revision, ...] = ()
        self.known = asyncio.Event()
        """Set once the service has been read."""
        self.mover = ""
        """Who changed traffic or template last, where it was not this console."""
        self._mover_generation = 0
        self._noted_at = float("-inf")
        self._hurry_until = float("-inf")
        self._read_at: float | None = None
        self._failed = False
        self._service_problem = ""
        self._revisions_problem = ""
        self._wake = asyncio.Event()
        self._list_wake = asyncio.Event()
        self._asking: set[asyncio.Task[tuple[Revision, ...]]] = set()
        self._absent: dict[str, float] = {}
        """Revisions that the cloud does not have, and when it said so."""

    async def run(self) -> None:
        """Read until cancelled."""
        try:
            await asyncio.gather(self._poll_service(), self._poll_revisions())
        finally:
            for task in self._asking:
                task.cancel()

    async def _poll_service(self) -> None:
        while True:
            try:
                await self.read_service()
            except Exception as error:  # noqa: BLE001 - shown as the feed's problem; the other feeds go on
                self._failed = True
                self._service_problem = problem_of(error)
                self._changed()
            moving = self.service is not None and self.service.reconciling
            hurry = moving or self._clock.monotonic() < self._hurry_until
            await pause(self._clock, HURRY_S if hurry and not self._failed else POLL_S, self._wake)

    async def _poll_revisions(self) -> None:
        while True:
            try:
                await self.read_revisions()
                self._revisions_problem = ""
            except Exception as error:  # noqa: BLE001
                self._revisions_problem = problem_of(error)
            wanted = set(self._wanted_names())
            unready = any(not r.ready for r in self.revisions if r.name in wanted)
            await pause(self._clock, UNREADY_S if unready or self._revisions_problem else REVISIONS_S, self._list_wake)

    async def read_service(self) -> Service:
        """Read the service now.

        Raises:
            CloudError: it cannot be read.
        """
        while True:
            asked = self._clock.monotonic()
            service = await self._run.get_service(self._name)
            if asked >= self._noted_at:
                break
            # a write of ours answered while this read was under way: it may tell of the time before
        self._failed = False
        self._service_problem = ""
        self._read_at = self._clock.monotonic()
        before = self.service
        self._accept(service)
        if before is not None and _differs(before, service):
            self.mover = service.last_modifier
            self._mover_generation = service.generation
        return service

    def note(self, service: Service) -> None:
        """Take in what a write of ours answered."""
        self._noted_at = self._clock.monotonic()
        if service.generation >= self._mover_generation:
            self.mover = ""
        self._accept(service)
        self._hurry_until = self._clock.monotonic() + HURRIED_FOR_S
        self._wake.set()

    def _accept(self, service: Service) -> None:
        before = self.service
        self.service = service
        if before is None or _differs(before, service):
            self._hurry_until = self._clock.monotonic() + HURRIED_FOR_S
            self._list_wake.set()
        self.known.set()
        self._changed()

    async def read_revisions(self, *, patient: bool = False) -> tuple[Revision, ...]:
        """Read the revisions now: the newest, and every one that serves, bears a tag or is needed.

        Args:
            patient: wait for the digests of those that matter, however late they come; else they follow by themselves.

        Raises:
            CloudError: they cannot be read.
        """
        listed = list(await self._run.list_revisions(self._name, limit=LISTED))
        known = {revision.name for revision in listed}
        for name in self._wanted_names():
            if name not in known:
                known.add(name)
                listed.append(await self._one(name))
        asking = asyncio.create_task(self._run.with_digests(listed, tuple(self._wanted_names())))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        done, _late = await asyncio.wait({asking}, timeout=None if patient else DIGESTS_S)
        self.revisions = asking.result() if done else tuple(listed)
        self._changed()
        if not done:
            asking.add_done_callback(self._take_in_late)
        return self.revisions

    def _take_in_late(self, asked: asyncio.Task[tuple[Revision, ...]]) -> None:
        """Digests that came after the picture that they belong to, unless a newer one is there."""
        if asked.cancelled():
            return
        told = {revision.name: revision for revision in asked.result()}
        kept = tuple(told.get(one.name, one) if one.asking else one for one in self.revisions)
        if kept != self.revisions:
            self.revisions = kept
            self._changed()

    async def _one(self, name: str) -> Revision:
        if self._clock.monotonic() - self._absent.get(name, float("-inf")) < 60.0:
            return Revision(name=name, deleted=True)
        try:
            return await self._run.get_revision(self._name, name)
        except NotFoundError:
            self._absent[name] = self._clock.monotonic()
            return Revision(name=name, deleted=True)

    def _wanted_names(self) -> Iterable[str]:
        names: dict[str, None] = {}
        if self.service is not None:
            for target in (*self.service.traffic.targets, *self.service.effective.targets):
                if target.revision:
                    names[target.revision] = None
            if self.service.latest_ready:
                names[self.service.latest_ready] = None
        names.update(dict.fromkeys(self._needed()))
        return names

    async def newer_than(self, name: str) -> int | None:
        """How many revisions are newer than `name`, counted among all; None where `name` is not there."""
        for index, revision in enumerate(self.revisions[:LISTED]):
            if revision.name == name and not revision.deleted:
                if index < LISTED - 1 or len(self.revisions) < LISTED:
                    return index
                break
        for index, revision in enumerate(await self._run.list_revisions(self._name, limit=KEPT_REVISIONS)):
            if revision.name == name:
                return index
        return None

    def reachable(self) -> bool:
        """Whether the cloud answered the last question, not long ago."""
        return not self._failed and self._read_at is not None and self._age_s() < LATE_S

    def _age_s(self) -> float:
        return self._clock.monotonic() - self._read_at if self._read_at is not None else 0.0

    def health(self, rate: float) -> FeedHealth:
        """How the feed is.

        Args:
            rate: server seconds a wall second; the age is told in server time.
        """
        age = None if self._read_at is None else timedelta(seconds=self._age_s() * rate)
        if self._failed:
            state = FeedState.DOWN
        elif age is None:
            state = FeedState.WAITING
        else:
            state = FeedState.LATE if self._age_s() > LATE_S else FeedState.LIVE
        return FeedHealth("service", state, age, self._service_problem or self._revisions_problem)


def _differs(before: Service, after: Service) -> bool:
    """Whether traffic or template changed (annotations, and the cloud's own progress, aside)."""
    return (
        before.traffic != after.traffic
        or before.template_fingerprint != after.template_fingerprint
        or before.latest_created != after.latest_created
    )


class MetricsFeed:
    """Instances of each revision, from Monitoring, and how old its newest figure is."""

    def __init__(self, metrics: MetricsApi, *, service: str, clock: Clock, server_clock: ServerClock) -> None:
        self._metrics = metrics
        self._service = service
        self._clock = clock
        self._server_clock = server_clock
        self._problem = ""
        self._newest: datetime | None = None
        self.instances: Mapping[str, int] = {}
        """Instances by revision at the newest point; none known while empty."""
        self.minutes: Minutes = {}
        """Requests and 5xx of whole minutes, by revision and the minute's end in Unix seconds."""

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            now = self._server_clock.now()
            if now is None:
                await self._clock.sleep(0.2)
                continue
            try:
                await self._read(now)
                self._problem = ""
            except Exception as error:  # noqa: BLE001 - shown as the feed's problem; the other feeds go on
                self._problem = problem_of(error)
            # asked again each second, for the cloud's rate is learned, and may change
            while (later := self._server_clock.now()) is not None and (later - now).total_seconds() < METRICS_S:
                await self._clock.sleep(1.0)

    async def _read(self, now: datetime) -> None:
        from console.cloud.metrics import Metric

        found = await self._metrics.series(
            Metric.INSTANCES, self._service, start=now - timedelta(minutes=6), end=now, period=timedelta(seconds=60)
        )
        newest = max((points[-1][0] for points in found.values() if points), default=None)
        if newest is None:
            return
        self._newest = newest
        self.instances = {
            # a revision that has not reported at the newest time has no instance any more
            name: round(points[-1][1]) if points[-1][0] == newest else 0
            for name, points in found.items()
            if points
        }
        await self._read_minutes(now)

    async def _read_minutes(self, now: datetime) -> None:
        from console.cloud.metrics import Metric

        # whole minutes of the clock, which are also the log's
        end = now.replace(second=0, microsecond=0)
        span = {"start": end - timedelta(minutes=6), "end": end}
        rates = await self._metrics.series(Metric.REQUEST_COUNT, self._service, period=MINUTE, **span)
        errors = await self._metrics.error_rates(self._service, period=MINUTE, **span)
        minutes: dict[str, dict[int, tuple[float, float]]] = {}
        for name, points in rates.items():
            shares = dict(errors.get(name, ()))
            for at, rate in points:
                minutes.setdefault(name, {})[int(at.timestamp())] = (rate * 60, rate * 60 * shares.get(at, 0.0))
        self.minutes = minutes

    def health(self, now: datetime | None) -> FeedHealth:
        """How the feed is at server time `now`."""
        age = max(timedelta(0), now - self._newest) if now is not None and self._newest is not None else None
        if self._problem:
            state = FeedState.DOWN
        elif age is None:
            state = FeedState.WAITING
        else:
            state = FeedState.LATE if age > METRICS_LATE else FeedState.LIVE
        return FeedHealth("metrics", state, age, self._problem)


async def newest_rates(metrics: MetricsApi, service: str, now: datetime) -> dict[str, float]:
    """Requests a second by revision at Monitoring's newest point.

    Raises:
        CloudError: it cannot be read.
    """
    from console.cloud.metrics import Metric

    found = await metrics.series(
        Metric.REQUEST_COUNT, service, start=now - timedelta(minutes=6), end=now, period=timedelta(seconds=60)
    )
    newest = max((points[-1][0] for points in found.values() if points), default=None)
    return {name: points[-1][1] for name, points in found.items() if points and points[-1][0] == newest}


class PermissionFeed:
    """Whether we may roll back, and whether the rollback's target is about to be pruned: asked now and then.

    Args:
        run: where to ask.
        service: short name.
        clock: the wall.
        newer: how many revisions are newer than the target now; None where it is not there or not known.
    """

    def __init__(self, run: RunApi, *, service: str, clock: Clock, newer: Callable[[], Awaitable[int | None]]) -> None:
        self._run = run
        self._service = service
        self._clock = clock
        self._newer = newer
        self.allowed: bool | None = None
        """Whether `run.services.update` is ours; None while unknown."""
        self.newer: int | None = None
        """Revisions newer than the target; None while unknown."""

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            seconds = PERMISSION_S
            try:
                self.allowed = PERMISSION in await self._run.test_permissions(self._service, [PERMISSION])
                self.newer = await self._newer()
            except Exception:  # noqa: BLE001 - the service feed shows what is wrong; what was known stays
                seconds = 5.0
            await self._clock.sleep(seconds)


def unix(time: datetime | None) -> float | None:
    """`time` in Unix seconds."""
    return None if time is None else time.astimezone(UTC).timestamp()


__all__ = ["MetricsFeed", "PermissionFeed", "ServiceFeed", "newest_rates", "pause", "problem_of", "unix"]
