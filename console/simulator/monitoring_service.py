"""`google.monitoring.v3.MetricService`: ListTimeSeries over what Cloud Run reports.

A sample is taken every 60 s and can be seen 120 s later (https://cloud.google.com/monitoring/api/metrics_gcp: "Sampled
every 60 seconds. After sampling, data is not visible for up to 120 seconds"). Rules of the request:
google/monitoring/v3/metric_service.proto.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
import math
import re
from time import perf_counter
from typing import Any

import grpc
from google.cloud.monitoring_v3.types import Aggregation, ListTimeSeriesRequest, ListTimeSeriesResponse, TimeSeries

from console.simulator import series as model
from console.simulator.logs import Clock
from console.simulator.metrics_filter import FilterError, MetricFilter, canonical, parse
from console.simulator.samples import CPU_EDGES, LATENCY_EDGES, MINUTE_S, Distribution, Sample, Sampler
from console.simulator.series import METRICS, RESOURCE_LABELS, Point, Series, SeriesError
from console.simulator.status import Code, StatusError
from console.simulator.traffic import HISTORY_S, Traffic

SERVICE = "google.monitoring.v3.MetricService"
VISIBLE_AFTER_S = 120.0
MOST_POINTS = 100_000
LONGEST_PERIOD_S = 104 * 7 * 86_400.0
_SLICE_S = 0.005
_HEADERS = int(ListTimeSeriesRequest.TimeSeriesView.HEADERS)
_ALIGNERS = {int(item): item.name.removeprefix("ALIGN_") for item in Aggregation.Aligner}
_REDUCERS = {int(item): item.name.removeprefix("REDUCE_") for item in Aggregation.Reducer}
_NAME = re.compile(r"projects/([^/]+)\Z")
_SERIES: Any = TimeSeries.pb()
_RESPONSE: Any = ListTimeSeriesResponse.pb()


def _invalid(message: str) -> StatusError:
    return StatusError(Code.INVALID_ARGUMENT, message)


class MonitoringService:
    """The API over simulated traffic.

    Args:
        traffic: what happens.
        clock: simulated time.
        project: id.
        region: location of the services.
    """

    def __init__(self, traffic: Traffic, clock: Clock, *, project: str = "demo", region: str = "us-central1") -> None:
        self.traffic = traffic
        self.clock = clock
        self.project = project
        self.region = region
        self._samplers: dict[str, Sampler] = {}

    async def list_time_series(self, request: Any, context: object) -> Any:
        """ListTimeSeries."""
        wanted = self._checked(request)
        aggregation = request.aggregation
        asked = hashlib.blake2b(
            b"\0".join(
                [
                    request.filter.encode(),
                    request.interval.SerializeToString(deterministic=True),
                    aggregation.SerializeToString(deterministic=True),
                ]
            ),
            digest_size=8,
        ).hexdigest()
        now, offset = self._resumed(request.page_token, asked)
        end_s = request.interval.end_time.ToNanoseconds() / 1e9
        start_s = (
            request.interval.start_time.ToNanoseconds() / 1e9 if request.interval.HasField("start_time") else end_s
        )
        found = await self._gather(wanted, start_s, end_s, now, aggregation)
        try:
            found = self._aggregated(found, aggregation, start_s, end_s)
        except SeriesError as error:
            raise _invalid(str(error)) from error
        return self._page(found, request, offset, now, asked)

    # ------------------------------------------------------------ the request

    def _checked(self, request: Any) -> MetricFilter:
        match = _NAME.match(request.name)
        if not match:
            raise _invalid(f'Field name had an invalid value of "{request.name}": must be projects/[PROJECT_ID].')
        if match.group(1) != self.project:
            raise StatusError(
                Code.PERMISSION_DENIED,
                f"Permission monitoring.timeSeries.list denied (or the resource may not exist): {request.name}.",
            )
        try:
            wanted = parse(request.filter)
        except FilterError as error:
            raise _invalid(str(error)) from error
        if wanted.metric_type not in METRICS:
            raise StatusError(
                Code.NOT_FOUND,
                f'Cannot find metric(s) that match type = "{wanted.metric_type}". If a metric was created recently, '
                "it could take up to 10 minutes to become available. Please try again soon.",
            )
        interval = request.interval
        if not request.HasField("interval") or not interval.HasField("end_time"):
            raise _invalid("Field interval.endTime had an invalid value: it is required.")
        start = interval.start_time if interval.HasField("start_time") else interval.end_time
        if start.ToNanoseconds() > interval.end_time.ToNanoseconds():
            raise _invalid("Field interval.startTime had an invalid value: it is after the end time.")
        if request.order_by:
            raise _invalid("Field orderBy is unsupported and must be left blank.")
        if request.page_size < 0:
            raise _invalid("Field pageSize must not be negative.")
        if request.HasField("secondary_aggregation"):
            raise _invalid("Field secondaryAggregation is not supported by this simulator.")
        return wanted

    def _resumed(self, token: str, asked: str) -> tuple[float, int]:
        """(simulated time that the first page saw, points that earlier pages gave)."""
        if not token:
            return self.clock.now(), 0
        try:
            same, now, offset = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
            now, offset = float(now), int(offset)
        except (ValueError, TypeError, binascii.Error, UnicodeError) as error:
            raise _invalid("Field pageToken had an invalid value.") from error
        if same != asked or offset < 0:
            raise _invalid("Field pageToken does not match the other fields of the request.")
        return now, offset

    # ------------------------------------------------------------ the series

    async def _gather(
        self, wanted: MetricFilter, start_s: float, end_s: float, now: float, aggregation: Any
    ) -> list[Series]:
        """The raw series within the interval, as far as they can be seen at `now`."""
        last = min(end_s, now - VISIBLE_AFTER_S)
        first = max(start_s, self.traffic.start - HISTORY_S)
        period_s = aggregation.alignment_period.ToNanoseconds() / 1e9
        if aggregation.per_series_aligner and period_s >= MINUTE_S:
            # the first aligned value needs all of its period, also the part before the interval
            first = end_s - math.ceil((end_s - first) / period_s) * period_s
        if start_s == end_s and first == start_s:
            first_minute = math.ceil(first / MINUTE_S) * MINUTE_S
        else:
            first_minute = math.floor(first / MINUTE_S) * MINUTE_S + MINUTE_S
        found: list[Series] = []
        began = perf_counter()
        for name, traffic in self.traffic.services.items():
            base = {
                "project": self.project,
                "resource.type": "cloud_run_revision",
                "resource.labels.project_id": self.project,
                "resource.labels.service_name": name,
                "resource.labels.location": self.region,
                "resource.labels.configuration_name": name,
            }
            if wanted.service not in (None, name):
                continue
            sampler = self._samplers.get(name)
            if sampler is None or sampler.traffic is not traffic:
                sampler = self._samplers[name] = Sampler(traffic, self.traffic.seed)
            samples: dict[int, list[Sample]] = {}
            minute = first_minute
            while minute <= last:
                samples[minute] = sampler.minute(minute)
                minute += MINUTE_S
                if perf_counter() - began > _SLICE_S:
                    await asyncio.sleep(0)
                    began = perf_counter()
            found += model.gathered(wanted.metric_type, samples, base, wanted.matches)
        return found

    def _aggregated(self, found: list[Series], aggregation: Any, start_s: float, end_s: float) -> list[Series]:
        aligner = _ALIGNERS.get(aggregation.per_series_aligner)
        reducer = _REDUCERS.get(aggregation.cross_series_reducer)
        if aligner is None or reducer is None:
            raise SeriesError("Field aggregation had an unknown aligner or reducer.")
        period_s = aggregation.alignment_period.ToNanoseconds() / 1e9
        group_by = [self._group_field(name) for name in aggregation.group_by_fields]
        if aligner == "NONE":
            if reducer != "NONE":
                raise SeriesError(
                    'Field aggregation.perSeriesAligner had an invalid value of "ALIGN_NONE": a cross-series '
                    "reducer needs an aligner."
                )
            return found
        if not MINUTE_S <= period_s <= LONGEST_PERIOD_S:
            raise SeriesError(
                f'Field aggregation.alignmentPeriod had an invalid value of "{period_s:g}s": it must be at least 60 '
                "seconds and at most 104 weeks."
            )
        out = [model.aligned(series, aligner, period_s, start_s, end_s) for series in found]
        if reducer != "NONE":
            out = model.reduced(out, reducer, group_by)
        return [series for series in out if series.points]

    def _group_field(self, name: str) -> str:
        field = canonical(name)
        label = field.rpartition(".")[2]
        known = field in ("metric.type", "resource.type", "project")
        known = known or (field.startswith("resource.labels.") and label in RESOURCE_LABELS)
        known = known or (field.startswith("metric.labels.") and any(label in spec.labels for spec in METRICS.values()))
        if not known:
            raise SeriesError(f'Field aggregation.groupByFields had an invalid value of "{name}": no such label.')
        return field

    # ------------------------------------------------------------ the answer

    def _page(self, found: list[Series], request: Any, offset: int, now: float, asked: str) -> Any:
        """The part of the answer after `offset` points (or, for HEADERS, series)."""
        size = min(request.page_size or MOST_POINTS, MOST_POINTS)
        answer = _RESPONSE()
        if request.view == _HEADERS:
            for series in found[offset : offset + size]:
                answer.time_series.append(_message(series, []))
            more = offset + size < len(found)
        else:
            seen = 0
            for series in found:
                newest_first = series.points[::-1]
                part = newest_first[max(0, offset - seen) : max(0, offset + size - seen)]
                seen += len(newest_first)
                if part:
                    answer.time_series.append(_message(series, part))
            more = offset + size < seen
        if more:
            token = json.dumps([asked, now, offset + size]).encode()
            answer.next_page_token = base64.urlsafe_b64encode(token).decode("ascii")
        if found:
            answer.unit = found[0].unit
        return answer


def _message(series: Series, points: list[Point]) -> Any:
    """A series as Monitoring sends it."""
    message = _SERIES(metric_kind=int(series.kind), value_type=int(series.type), unit=series.unit)
    for name, text in series.labels.items():
        if name == "metric.type":
            message.metric.type = text
        elif name == "resource.type":
            message.resource.type = text
        elif name.startswith("metric.labels."):
            if text:
                message.metric.labels[name.removeprefix("metric.labels.")] = text
        elif name.startswith("resource.labels."):
            message.resource.labels[name.removeprefix("resource.labels.")] = text
    for point in points:
        added = message.points.add()
        added.interval.start_time.FromNanoseconds(round(point.start_s * 1000) * 1_000_000)
        added.interval.end_time.FromNanoseconds(round(point.end_s * 1000) * 1_000_000)
        if isinstance(point.value, Distribution):
            _fill(added.value.distribution_value, point.value)
        elif series.type is model.Type.INT64:
            added.value.int64_value = int(point.value)
        else:
            added.value.double_value = float(point.value)
    return message


def _fill(message: Any, value: Distribution) -> None:
    count = value.count
    message.count = count
    message.mean = value.mean
    message.sum_of_squared_deviation = max(0.0, value.squares - count * value.mean**2)
    if value.edges is LATENCY_EDGES:
        shape = message.bucket_options.exponential_buckets
        shape.num_finite_buckets, shape.growth_factor, shape.scale = len(LATENCY_EDGES) - 1, 1.1, 1.0
    else:
        linear = message.bucket_options.linear_buckets
        linear.num_finite_buckets, linear.width, linear.offset = len(CPU_EDGES) - 1, CPU_EDGES[1], 0.0
    counts = value.counts
    while counts and not counts[-1]:
        # trailing empty buckets may be left out (distribution.proto)
        counts = counts[:-1]
    message.bucket_counts.extend(counts)


def handlers(
    traffic: Traffic, clock: Clock, *, project: str = "demo", region: str = "us-central1"
) -> list[grpc.GenericRpcHandler]:
    """The gRPC handlers of the Monitoring API over `traffic`, for the server."""
    service = MonitoringService(traffic, clock, project=project, region=region)
    methods: dict[str, Any] = {
        "ListTimeSeries": grpc.unary_unary_rpc_method_handler(
            service.list_time_series,
            request_deserializer=ListTimeSeriesRequest.pb().FromString,
            response_serializer=_RESPONSE.SerializeToString,
        )
    }
    return [grpc.method_handlers_generic_handler(SERVICE, methods)]
