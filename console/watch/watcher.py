"""The watcher: runs the feeds of one service and publishes the live picture, an immutable Snapshot, about 5/s.

Everything runs on one event loop in bounded slices; whoever draws reads `latest` (one attribute, replaced as a
whole) from any thread.
"""

from __future__ import annotations

import asyncio
import gc
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

from console.clock import Clock
from console.errors import CloudError
from console.release.moves import rollback_target
from console.release.service import Service
from console.release.state import Candidate, Release, VerdictRecord, read_document, read_release
from console.verdict.base import Judge, JudgeFactory, JudgeSettings, Tick, Verdict
from console.verdict.threshold import ThresholdJudge
from console.watch.aggregate import Aggregator, Second
from console.watch.approvals import ApprovalFeed
from console.watch.charts import ChartData
from console.watch.feeds import MetricsFeed, PermissionFeed, ServiceFeed, newest_rates
from console.watch.history import History
from console.watch.holding import Holding
from console.watch.lines import LineWriter
from console.watch.logfeed import LogFeed, Wanted
from console.watch.metrics_charts import Charts
from console.watch.readiness import Signs, assess
from console.watch.reconcile import Minutes, difference
from console.watch.ring import LogRing
from console.watch.roles import Roles, assign, bake_start
from console.watch.sampling import Sampler
from console.watch.snapshot import FeedState, Series, ServerTime, Snapshot

if TYPE_CHECKING:
    from console.cloud.client import Cloud
    from console.release.plan import RolloutPlan

PUBLISH_S = 0.2
"""Wall seconds between two snapshots."""
TICKS_A_SLICE = 50
"""Ticks judged without letting the loop do anything else (some milliseconds)."""


class Watcher:
    """Watches one service.

    Args:
        cloud: an open connection.
        service: short service name.
        clock: the wall.
        plan: bake time and requests needed.
        judge: makes the judge of each bake.
        ring_capacity: log lines kept.
    """

    def __init__(
        self,
        cloud: Cloud,
        *,
        service: str,
        clock: Clock,
        plan: RolloutPlan,
        judge: JudgeFactory = ThresholdJudge.of,
        ring_capacity: int = 10_000,
    ) -> None:
        self._cloud = cloud
        self._name = service
        self._clock = clock
        self._plan = plan
        self._make_judge = judge
        self._ring = LogRing(ring_capacity)
        self._writer = LineWriter(self._ring, clock)
        self._aggregator = Aggregator()
        self._history = History()
        self._services = ServiceFeed(
            cloud.run, service=service, clock=clock, changed=self._follow, needed=self._needed_revisions
        )
        self._sampler = Sampler()
        self._log_feed = LogFeed(
            cloud.logs,
            service=service,
            region=cloud.target.region,
            clock=clock,
            server_clock=cloud.server_clock,
            aggregator=self._aggregator,
            writer=self._writer,
            wanted=self._wanted,
            ready=self._services.known,
            sampler=self._sampler,
            rates=self._known_rates,
        )
        self._metrics = MetricsFeed(cloud.metrics, service=service, clock=clock, server_clock=cloud.server_clock)
        self._permission = PermissionFeed(cloud.run, service=service, clock=clock, newer=self._newer_than_target)
        self._approvals = ApprovalFeed(
            cloud.logs,
            service=service,
            clock=clock,
            now=cloud.server_clock.now,
            candidate=lambda: self._candidate,
            changed=self._publish,
        )
        self._charts = Charts(cloud, service, self._history)
        self._candidate: Candidate | None = None
        self._release: Release | None = None
        self._release_problem = ""
        self._annotated: Service | None = None
        self._roles = Roles()
        self._bake: tuple[str, str | None, int] | None = None
        self._bake_from: float = 0.0
        """Unix second from which on seconds belong to the bake."""
        self._holding: Holding | None = None
        """What the log is asked before the bake is judged: since when its split holds. None where that is known."""
        self._judge: Judge | None = None
        self._judged_to = 0
        self._compared: Minutes = {}
        self._gap = ""
        self._looked_at: datetime | None = None
        self._watching = False
        self._spared = False
        self._sequence = 0
        self.latest = Snapshot(project=cloud.target.project, region=cloud.target.region, service_name=service)
        """The newest picture; replaced as a whole."""

    async def run(self) -> None:
        """Run all feeds until cancelled; a broken feed is retried and says so, it never raises."""
        self._watching = True
        try:
            async with asyncio.TaskGroup() as feeds:
                feeds.create_task(self._services.run())
                feeds.create_task(self._log_feed.run())
                feeds.create_task(self._metrics.run())
                feeds.create_task(self._permission.run())
                feeds.create_task(self._approvals.run())
                feeds.create_task(self._publish_forever())
        finally:
            self._watching = False

    async def refresh(self) -> Snapshot:
        """Read service and revisions once, now, with the digests of those that matter; publish. Needs no feeds running.

        Raises:
            CloudError: the service or its revisions cannot be read.
        """
        await self._services.read_service()
        await self._services.read_revisions(patient=True)
        self._publish()
        return self.latest

    def note_service(self, service: Service) -> None:
        """Take in what a write of ours answered, so that the picture follows at once."""
        self._services.note(service)

    def ticks(self, revision: str, since: int) -> tuple[Tick, ...]:
        """Closed seconds that are still kept (some minutes), from Unix second `since` on, for a judge of `revision`.

        Of the session's loop only.
        """
        return tuple(self._history.ticks(revision, since))

    async def chart(self, span: timedelta) -> ChartData:
        """The metrics screen's charts of the last `span`, cached for half a minute of server time.

        What cannot be read is missing, and `ChartData.problem` says why; it does not raise.
        """
        return await self._charts.read(
            span, canary=self._roles.canary, stable=self._roles.stable, release=self._release, end=self._end()
        )

    def verdict_record(self, now: datetime) -> VerdictRecord | None:
        """The verdict as the release annotation keeps it; None where there is nothing to judge.

        Args:
            now: server time, UTC; used where the judge has seen no tick yet.
        """
        verdict = self._verdict()
        if verdict is None:
            return None
        return VerdictRecord(
            word=verdict.word.value,
            sentence=verdict.sentence,
            at=verdict.at or now,
            step=self._roles.share,
            observed_s=verdict.observed.total_seconds(),
            bake_done=verdict.bake_done,
            requests=verdict.canary.requests,
            errors=verdict.canary.errors,
            requests_needed=verdict.requests_needed,
            clear=verdict.clear,
            over=verdict.observed >= verdict.required,
            attribution=verdict.attribution or "",
        )

    def _verdict(self) -> Verdict | None:
        return self._judge.verdict if self._judge is not None and self._roles.canary is not None else None

    def _needed_revisions(self) -> list[str]:
        if self._release is None:
            return []
        return [name for name in (self._release.canary, *self._release.baseline_shares()) if name]

    async def _newer_than_target(self) -> int | None:
        service = self._services.service
        if service is None:
            return None
        target = rollback_target(service, self._release, self._services.revisions).revision
        return await self._services.newer_than(target) if target else None

    def _follow(self) -> None:
        """A new value of the service or its revisions: read the release from it, see whose bake it is, publish."""
        service = self._services.service
        if service is not None and service is not self._annotated:
            self._annotated = service
            self._release, self._release_problem = read_release(service.annotations)
            self._candidate = read_document(service.annotations)[0].candidate
        now = self._cloud.server_clock.now()
        self._roles = assign(service, self._release, self._services.revisions, now)
        if service is not None:
            self._follow_traffic(service)
        if service is not None and now is not None:
            self._follow_bake(now)
            if self._services.reachable():
                self._looked_at = now
        self._publish()

    def _follow_traffic(self, service: Service) -> None:
        """Tell the sampler which shares the canary has and is about to have, before the traffic moves."""
        canary = self._roles.canary
        shares = (service.effective_shares(), service.desired_shares())
        self._sampler.follow(canary, [split.get(canary, 0) / 100 for split in shares] if canary else ())

    async def _known_rates(self) -> dict[str, float]:
        """Requests a second by revision, as Monitoring told them last; empty where it tells nothing."""
        while (now := self._cloud.server_clock.now()) is None:
            await self._clock.sleep(0.1)
        return await newest_rates(self._cloud.metrics, self._name, now)

    def _follow_bake(self, now: datetime) -> None:
        roles = self._roles
        # a look before the feeds ran, or while they were down, has seen the bake and made no judge of it
        judged = self._judge is not None or roles.canary is None or not self._watching
        if roles.bake == self._bake and judged:
            return
        if roles.bake != self._bake:
            self._begin_bake(roles, now)
        self._judge = None
        if roles.canary is None or not self._watching:
            return
        settings = JudgeSettings(step=roles.share, bake=self._plan.bake, minimum_requests=self._plan.minimum_requests)
        self._judge = self._make_judge(settings)
        self._judged_to = ceil(self._bake_from)

    def _begin_bake(self, roles: Roles, now: datetime) -> None:
        start = bake_start(roles, self._release, now=now, last_look=self._looked_at)
        self._bake = roles.bake
        self._bake_from = start.at.timestamp()
        self._holding = None
        if start.before is not None and roles.canary is not None and roles.share:
            moved, seen = ceil(self._bake_from), ceil(now.timestamp())
            self._holding = Holding(roles.canary, start.before, roles.share, moved, seen)

    def _wanted(self) -> Wanted:
        if self._roles.canary is None or self._roles.share == 0:
            return Wanted(self._roles.canary)
        return Wanted(self._roles.canary, self._bake_from)

    async def _publish_forever(self) -> None:
        while True:
            self._spare_the_collector()
            self._history.append(self._close())
            await self._judge_seconds()
            self._publish()
            await self._clock.sleep(PUBLISH_S)

    def _spare_the_collector(self) -> None:
        """Once every client is imported, take what there is out of the garbage collector's sight.

        The Google libraries' objects live as long as the process; walking them stops every thread, keys included, for
        some 100 ms each time a log ring's worth of lines has been made.
        """
        if not self._spared and all(feed.state is not FeedState.WAITING for feed in self.latest.feeds):
            self._spared = True
            gc.freeze()

    def _close(self) -> list[Second]:
        try:
            return self._log_feed.close_seconds()
        except CloudError:  # the cloud's time is unknown yet
            return []

    async def _judge_seconds(self) -> None:
        """Give the judge every kept second that it has not had: new ones, and those of a bake that began earlier."""
        canary = self._roles.canary
        newest = self._history.newest
        if self._judge is None or canary is None or newest is None or newest < self._judged_to:
            return
        if self._holding is not None:
            if (held := self._holding.since(self._history.seconds)) is None:
                return
            self._holding, self._judged_to, self._bake_from = None, held, float(held)
        judge = self._judge
        for index, tick in enumerate(list(self._history.ticks(canary, self._judged_to))):
            if index % TICKS_A_SLICE == TICKS_A_SLICE - 1:
                await asyncio.sleep(0)
            if self._judge is not judge:  # another bake began meanwhile
                return
            judge.tick(tick)
            self._judged_to = tick.second + 1

    def _monitoring_gap(self) -> str:
        """Looked for anew with each reading of Monitoring, not with each picture."""
        minutes = self._metrics.minutes
        if minutes is not self._compared:
            self._compared = minutes
            self._gap = difference(self._history.seconds, minutes, self._bake_from)
        return self._gap

    def _end(self) -> int:
        now = self._cloud.server_clock.now()
        return self._log_feed.end(now.timestamp() if now is not None else None)

    def _publish(self) -> None:
        clock = self._cloud.server_clock
        taken = self._clock.monotonic()
        now = clock.now(taken)
        unix = now.timestamp() if now is not None else None
        roles = self._roles
        end = self._end()
        canary_series, stable_series = (
            self._history.series(roles.canary, end) if self._history.newest is not None else (Series(), Series())
        )
        services = self._services
        sampling = self._log_feed.sampling
        self._sequence += 1
        self.latest = Snapshot(
            project=self._cloud.target.project,
            region=self._cloud.target.region,
            service_name=self._name,
            sequence=self._sequence,
            time=ServerTime(now, taken, clock.rate, clock.skew()) if now is not None else None,
            service=services.service,
            revisions=services.revisions,
            release=self._release,
            release_problem=self._release_problem,
            canary=roles.canary,
            stable=roles.stable,
            feeds=(services.health(clock.rate), self._log_feed.health(unix), self._metrics.health(now)),
            figures=self._history.figures(roles.canary, end),
            canary_series=canary_series,
            stable_series=stable_series,
            verdict=self._verdict(),
            readiness=assess(
                services.service,
                self._release,
                services.revisions,
                roles.canary,
                Signs(
                    allowed=self._permission.allowed,
                    channel_ready=self._cloud.channel_ready(),
                    instances=self._metrics.instances,
                    newer=self._permission.newer,
                ),
            ),
            dropped=self._writer.dropped,
            suppressed=self._log_feed.suppressed,
            logs=self._ring,
            sampling=sampling.fraction if sampling.fraction < 1.0 else None,
            monitoring_gap=self._monitoring_gap(),
            canary_sampling=sampling.of(roles.canary) if sampling.of(roles.canary) < 1.0 else None,
            late=self._aggregator.late,
            mover=services.mover,
            candidate=self._candidate,
            approval_writes=self._approvals.writes,
            approvals_problem=self._approvals.problem,
        )
