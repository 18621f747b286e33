"""Cloud Monitoring: the slow witness. Series by revision, in our units.

Metrics and their labels: https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run. Cloud Run's are sampled
every 60 s and visible up to minutes later, so the newest point is always old; say how old.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from console.cloud.target import CloudTarget
from console.text import clean
from console.words import _

if TYPE_CHECKING:
    from console.cloud.connection import Connection

TIMEOUT_S = 15.0
MIN_PERIOD = timedelta(seconds=60)
"""Cloud Run's metrics are sampled every 60 s; Monitoring refuses a shorter alignment period."""

Points = dict[str, list[tuple[datetime, float]]]


class Metric(StrEnum):
    """What can be asked for."""

    REQUEST_COUNT = "requests/s"
    """Requests a second."""
    LATENCY_P50 = "p50"
    """Milliseconds; container start-up not included (the log's latency includes it)."""
    LATENCY_P95 = "p95"
    LATENCY_P99 = "p99"
    CPU = "cpu"
    """Mean utilization over the instances, 0 to 1."""
    INSTANCES = "instances"
    """Instances that exist, active and idle together."""


@dataclass(frozen=True, slots=True)
class _Query:
    """How one metric is asked for."""

    type: str
    aligner: str
    value: Callable[[Any], float | None]
    """From the raw `TypedValue` of a point; None leaves the point out."""


class MetricsApi:
    """Cloud Monitoring of one project. Reads try again for a second."""

    def __init__(self, target: CloudTarget, connection: Connection) -> None:
        self._target = target
        self._connection = connection

    async def series(
        self, metric: Metric, service: str, *, start: datetime, end: datetime, period: timedelta
    ) -> dict[str, list[tuple[datetime, float]]]:
        """One series a revision, oldest first; each point stands at the end of its period.

        Distributions are added up over their other labels (response code) by Monitoring and read here: quantiles are
        interpolated within a bucket, as Monitoring's own ALIGN_PERCENTILE does.

        Args:
            metric: which, and in which unit.
            service: short name.
            start: UTC, not included.
            end: UTC; later than the newest visible point is fine.
            period: alignment period, at least 60 s (a shorter one is raised to that).

        Raises:
            CloudError: one of its subclasses.
        """
        query = _QUERIES[metric]
        raw = await self._list(query, service, start, end, period, group_by=("resource.labels.revision_name",))
        result: Points = {}
        for series in raw:
            revision = clean(series.resource.labels.get("revision_name", ""), 200)
            points = result.setdefault(revision, [])
            for point in series.points:
                value = query.value(point.value)
                if value is not None:
                    points.append((_time(point.interval.end_time), value))
        return _in_order(result)

    async def error_rates(
        self, service: str, *, start: datetime, end: datetime, period: timedelta
    ) -> dict[str, list[tuple[datetime, float]]]:
        """Share of 5xx among requests, 0 to 1, by revision, oldest first; no point where there was no request.

        Args and Raises: as `series`.
        """
        query = _Query("run.googleapis.com/request_count", "ALIGN_DELTA", _number)
        group_by = ("resource.labels.revision_name", "metric.labels.response_code_class")
        raw = await self._list(query, service, start, end, period, group_by=group_by)
        counts: dict[str, dict[datetime, tuple[float, float]]] = {}
        for series in raw:
            revision = clean(series.resource.labels.get("revision_name", ""), 200)
            failed = series.metric.labels.get("response_code_class", "") == "5xx"
            of_revision = counts.setdefault(revision, {})
            for point in series.points:
                at = _time(point.interval.end_time)
                requests, errors = of_revision.get(at, (0.0, 0.0))
                count = _number(point.value) or 0.0
                of_revision[at] = (requests + count, errors + (count if failed else 0.0))
        return _in_order(
            {
                revision: [(at, errors / requests) for at, (requests, errors) in found.items() if requests > 0]
                for revision, found in counts.items()
            }
        )

    async def _list(
        self,
        query: _Query,
        service: str,
        start: datetime,
        end: datetime,
        period: timedelta,
        *,
        group_by: tuple[str, ...],
    ) -> list[Any]:
        client = await self._connection.monitoring()
        from google.cloud import monitoring_v3

        aggregation = {
            "alignment_period": max(period, MIN_PERIOD),
            "per_series_aligner": query.aligner,
            "cross_series_reducer": "REDUCE_SUM",
            "group_by_fields": list(group_by),
        }
        wanted = (
            f'metric.type="{query.type}" AND resource.type="cloud_run_revision"'
            f' AND resource.labels.service_name="{service}" AND resource.labels.location="{self._target.region}"'
        )
        found: list[Any] = []
        token = ""
        while True:
            request = monitoring_v3.ListTimeSeriesRequest(
                name=f"projects/{self._target.project}",
                filter=wanted,
                interval={"start_time": start, "end_time": end},
                aggregation=aggregation,
                view=monitoring_v3.ListTimeSeriesRequest.TimeSeriesView.FULL,
                page_token=token,
            )

            async def once(left_s: float, request: Any = request) -> Any:
                pager = await client.list_time_series(request=request, retry=None, timeout=left_s)
                return await anext(pager.pages)

            page = await self._connection.read(once, doing=_("reading metrics"), timeout_s=TIMEOUT_S)
            pb: Any = monitoring_v3.ListTimeSeriesResponse.pb(page)
            found += pb.time_series
            token = pb.next_page_token
            if not token:
                return found


def quantile(distribution: Any, q: float) -> float | None:
    """Value below which a share `q` (0 to 1) of a raw `google.api.Distribution` lies; None where it is empty.

    Interpolated evenly within its bucket, whatever the kind of bucket options
    (https://cloud.google.com/monitoring/api/ref_v3/rest/v3/TypedValue#bucketoptions). A distribution without buckets
    gives its mean.
    """
    if not distribution.count:
        return None
    edges = _edges(distribution.bucket_options)
    counts = distribution.bucket_counts
    total = sum(counts)
    if not edges or not total:
        return float(distribution.mean)
    wanted = q * total
    seen = 0.0
    for index, count in enumerate(counts):
        if count and seen + count >= wanted:
            if index >= len(edges):  # the overflow bucket has no upper edge
                return edges[-1]
            low = edges[index - 1] if index else min(0.0, edges[0])
            return float(low + (edges[index] - low) * (wanted - seen) / count)
        seen += count
    return edges[min(len(counts), len(edges)) - 1]


def _edges(options: Any) -> list[float]:
    kind = options.WhichOneof("options")
    if kind == "explicit_buckets":
        return list(options.explicit_buckets.bounds)
    if kind == "exponential_buckets":
        shape = options.exponential_buckets
        return [shape.scale * shape.growth_factor**index for index in range(shape.num_finite_buckets + 1)]
    if kind == "linear_buckets":
        shape = options.linear_buckets
        return [shape.offset + shape.width * index for index in range(shape.num_finite_buckets + 1)]
    return []


def _number(value: Any) -> float | None:
    kind = value.WhichOneof("value")
    if kind == "double_value":
        return float(value.double_value)
    if kind == "int64_value":
        return float(value.int64_value)
    return None


def _quantile_of(q: float) -> Callable[[Any], float | None]:
    def read(value: Any) -> float | None:
        if value.WhichOneof("value") == "distribution_value":
            return quantile(value.distribution_value, q)
        return _number(value)

    return read


def _mean(value: Any) -> float | None:
    if value.WhichOneof("value") == "distribution_value":
        distribution = value.distribution_value
        return float(distribution.mean) if distribution.count else None
    return _number(value)


def _time(stamp: Any) -> datetime:
    return datetime.fromtimestamp(stamp.seconds + stamp.nanos * 1e-9, UTC)


def _in_order(points: dict[str, list[tuple[datetime, float]]]) -> Points:
    return {revision: sorted(found, key=_first) for revision, found in points.items() if found}


def _first(point: tuple[datetime, float]) -> datetime:
    return point[0]


_LATENCIES = "run.googleapis.com/request_latencies"
_QUERIES = {
    Metric.REQUEST_COUNT: _Query("run.googleapis.com/request_count", "ALIGN_RATE", _number),
    Metric.LATENCY_P50: _Query(_LATENCIES, "ALIGN_DELTA", _quantile_of(0.50)),
    Metric.LATENCY_P95: _Query(_LATENCIES, "ALIGN_DELTA", _quantile_of(0.95)),
    Metric.LATENCY_P99: _Query(_LATENCIES, "ALIGN_DELTA", _quantile_of(0.99)),
    Metric.CPU: _Query("run.googleapis.com/container/cpu/utilizations", "ALIGN_DELTA", _mean),
    Metric.INSTANCES: _Query("run.googleapis.com/container/instance_count", "ALIGN_MEAN", _number),
}
