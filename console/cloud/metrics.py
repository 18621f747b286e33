"""Cloud Monitoring: the slow witness. Series by revision, in our units."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from console.cloud.target import CloudTarget

if TYPE_CHECKING:
    from console.cloud.connection import Connection


class Metric(StrEnum):
    """What can be asked for."""

    REQUEST_COUNT = "requests/s"
    LATENCY_P50 = "p50"
    LATENCY_P95 = "p95"
    LATENCY_P99 = "p99"
    CPU = "cpu"
    INSTANCES = "instances"


class MetricsApi:
    """Cloud Monitoring of one project."""

    def __init__(self, target: CloudTarget, connection: Connection) -> None:
        self._target = target
        self._connection = connection

    async def series(
        self, metric: Metric, service: str, *, start: datetime, end: datetime, period: timedelta
    ) -> dict[str, list[tuple[datetime, float]]]:
        """One series a revision, oldest first."""
        raise NotImplementedError

    async def error_rates(
        self, service: str, *, start: datetime, end: datetime, period: timedelta
    ) -> dict[str, list[tuple[datetime, float]]]:
        """Share of 5xx among requests, 0 to 1, by revision."""
        raise NotImplementedError
