"""The watcher: runs the feeds of one service and publishes the live picture, an immutable Snapshot, about 5/s."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.clock import Clock
from console.release.service import Service
from console.release.state import VerdictRecord
from console.verdict.base import JudgeFactory
from console.verdict.threshold import ThresholdJudge
from console.watch.charts import ChartData
from console.watch.snapshot import Snapshot

if TYPE_CHECKING:
    from console.cloud.client import Cloud
    from console.release.plan import RolloutPlan


class Watcher:
    """Watches one service.

    Args:
        cloud: an open connection.
        service: short service name.
        clock: the wall.
        judge: makes the judge of each bake (`ThresholdJudge.of` unless told).
        plan: bake time and requests needed.
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
        self.latest = Snapshot(project=cloud.target.project, region=cloud.target.region, service_name=service)

    async def run(self) -> None:
        """Run all feeds until cancelled; a broken feed is retried and says so, it never raises."""
        raise NotImplementedError

    async def refresh(self) -> Snapshot:
        """Read service and revisions once, now, and publish; needs no feeds running.

        Raises:
            CloudError: the service or its revisions cannot be read.
        """
        raise NotImplementedError

    def note_service(self, service: Service) -> None:
        """Take in what a write of ours answered, so that the picture follows at once."""
        raise NotImplementedError

    async def chart(self, span: timedelta) -> ChartData:
        """The metrics screen's charts of the last `span`, cached for half a minute of server time."""
        raise NotImplementedError

    def verdict_record(self, now: datetime) -> VerdictRecord | None:
        """The verdict as the release annotation keeps it; None where there is nothing to judge.

        Args:
            now: server time, UTC; used where the judge has seen no tick yet.
        """
        raise NotImplementedError
