"""Time series: Cloud Run's metrics as Monitoring holds them, and what aligning and reducing make of them.

Kinds, types and labels: https://cloud.google.com/monitoring/api/metrics_gcp (run.googleapis.com). Aligners and
reducers: google/monitoring/v3/common.proto; those that are not covered are refused, never replaced by another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from console.simulator.samples import MINUTE_S, Distribution, Sample

Value = int | float | Distribution


class Kind(IntEnum):
    """google.api.MetricDescriptor.MetricKind."""

    GAUGE = 1
    DELTA = 2


class Type(IntEnum):
    """google.api.MetricDescriptor.ValueType."""

    INT64 = 2
    DOUBLE = 3
    DISTRIBUTION = 5


class SeriesError(ValueError):
    """An aggregation that these series cannot have."""


@dataclass(frozen=True, slots=True)
class Point:
    """A value over a span of time, which for gauges is a moment."""

    start_s: float
    end_s: float
    value: Value


@dataclass(slots=True)
class Series:
    """One time series."""

    labels: dict[str, str]
    """`metric.type`, `resource.type`, `metric.labels.X`, `resource.labels.X`, `project`."""
    kind: Kind
    type: Type
    unit: str
    points: list[Point] = field(default_factory=list)
    """Oldest first."""


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric that Cloud Run reports."""

    kind: Kind
    type: Type
    unit: str
    labels: tuple[str, ...]
    """Names of its labels."""
    values: Callable[[Sample], Iterable[tuple[tuple[str, ...], Value]]]
    """A revision's minute as (label values, value)."""


def _counts(sample: Sample) -> Iterable[tuple[tuple[str, ...], Value]]:
    for code, count in sample.by_code.items():
        yield (str(code), f"{code // 100}xx"), count


def _latencies(sample: Sample) -> Iterable[tuple[tuple[str, ...], Value]]:
    for code, distribution in sample.latency.items():
        yield (str(code), f"{code // 100}xx"), distribution


def _cpu(sample: Sample) -> Iterable[tuple[tuple[str, ...], Value]]:
    if sample.cpu is not None:
        yield ("",), sample.cpu


def _instances(sample: Sample) -> Iterable[tuple[tuple[str, ...], Value]]:
    if sample.active or sample.idle:
        yield ("active",), sample.active
        yield ("idle",), sample.idle


METRICS: dict[str, MetricSpec] = {
    "run.googleapis.com/request_count": MetricSpec(
        Kind.DELTA, Type.INT64, "1", ("response_code", "response_code_class"), _counts
    ),
    "run.googleapis.com/request_latencies": MetricSpec(
        Kind.DELTA, Type.DISTRIBUTION, "ms", ("response_code", "response_code_class"), _latencies
    ),
    "run.googleapis.com/container/cpu/utilizations": MetricSpec(
        Kind.DELTA, Type.DISTRIBUTION, "1", ("container_name",), _cpu
    ),
    "run.googleapis.com/container/instance_count": MetricSpec(Kind.GAUGE, Type.INT64, "1", ("state",), _instances),
}
RESOURCE_LABELS = ("project_id", "service_name", "revision_name", "location", "configuration_name")


def gathered(
    metric: str,
    samples: Mapping[int, list[Sample]],
    base: Mapping[str, str],
    wanted: Callable[[Mapping[str, str]], bool],
) -> list[Series]:
    """The raw series of a metric that a filter wants.

    Args:
        metric: one of METRICS.
        samples: by the end of the minute, seconds since 1970.
        base: labels that all of a service's series share.
        wanted: the filter.
    """
    spec = METRICS[metric]
    found: dict[tuple[str, ...], Series | None] = {}
    for end_s in sorted(samples):
        for sample in samples[end_s]:
            for values, value in spec.values(sample):
                key = (sample.revision, *values)
                if key not in found:
                    labels = {**base, "metric.type": metric, "resource.labels.revision_name": sample.revision}
                    labels |= {f"metric.labels.{name}": text for name, text in zip(spec.labels, values, strict=True)}
                    found[key] = Series(labels, spec.kind, spec.type, spec.unit) if wanted(labels) else None
                if (series := found[key]) is not None:
                    start_s = end_s - MINUTE_S if spec.kind is Kind.DELTA else end_s
                    series.points.append(Point(start_s, end_s, value))
    return [series for series in found.values() if series is not None]


# ------------------------------------------------------------ aligning

PERCENTILES = {"PERCENTILE_99": 0.99, "PERCENTILE_95": 0.95, "PERCENTILE_50": 0.50, "PERCENTILE_05": 0.05}


def aligned(series: Series, aligner: str, period_s: float, start_s: float, end_s: float) -> Series:
    """One value a period; periods are counted back from the interval's end.

    A period of which only a part has been reported yet has that part's value.

    Args:
        series: raw.
        aligner: without the prefix `ALIGN_`.
        period_s: alignment period, 60 or more.
        start_s: the interval's start, seconds since 1970.
        end_s: its end.

    Raises:
        SeriesError: the aligner does not suit the metric.
    """
    kind, type_, combine = _aligner(series, aligner)
    buckets: dict[int, list[Point]] = {}
    for point in series.points:
        behind = int((end_s - point.end_s) // period_s)
        buckets.setdefault(behind, []).append(point)
    points = []
    for behind in sorted(buckets, reverse=True):
        ends = end_s - behind * period_s
        if ends <= start_s:
            continue
        begins = ends - period_s if kind is Kind.DELTA else ends
        points.append(Point(begins, ends, combine(buckets[behind])))
    return Series(series.labels, kind, type_, series.unit, points)


def _aligner(series: Series, aligner: str) -> tuple[Kind, Type, Callable[[list[Point]], Value]]:
    numeric = series.type is not Type.DISTRIBUTION
    delta = series.kind is Kind.DELTA
    if aligner == "DELTA" and delta:
        return Kind.DELTA, series.type, lambda points: total([point.value for point in points])
    if aligner == "SUM":
        return series.kind, series.type, lambda points: total([point.value for point in points])
    if aligner == "RATE" and delta and numeric:
        return Kind.GAUGE, Type.DOUBLE, _rate
    if aligner == "COUNT" and numeric:
        return Kind.GAUGE, Type.INT64, len
    if aligner == "MEAN" and numeric:
        return Kind.GAUGE, Type.DOUBLE, lambda points: sum(_numbers(points)) / len(points)
    if aligner == "MIN" and numeric:
        return series.kind, series.type, lambda points: min(_numbers(points))
    if aligner == "MAX" and numeric:
        return series.kind, series.type, lambda points: max(_numbers(points))
    if aligner == "NEXT_OLDER" and not delta:
        return Kind.GAUGE, series.type, lambda points: points[-1].value
    if aligner in PERCENTILES and not numeric:
        share = PERCENTILES[aligner]
        return Kind.GAUGE, Type.DOUBLE, lambda points: _merged([p.value for p in points]).percentile(share)
    kind = "a delta" if delta else "a gauge"
    raise SeriesError(
        f'Field aggregation.perSeriesAligner had an invalid value of "ALIGN_{aligner}": The aligner cannot be '
        f"applied to metrics with kind {series.kind.name} and value type {series.type.name} ({kind})."
    )


def _rate(points: list[Point]) -> float:
    return sum(_numbers(points)) / sum(point.end_s - point.start_s for point in points)


def _numbers(points: list[Point]) -> list[float]:
    return [point.value for point in points if not isinstance(point.value, Distribution)]


def _merged(values: list[Value]) -> Distribution:
    distributions = [value for value in values if isinstance(value, Distribution)]
    return distributions[0].merged(distributions[1:])


def total(values: list[Value]) -> Value:
    """Values of one kind, added up."""
    if isinstance(values[0], Distribution):
        return _merged(values)
    return sum(value for value in values if not isinstance(value, Distribution))


# ------------------------------------------------------------ reducing


def reduced(all_series: list[Series], reducer: str, group_by: list[str]) -> list[Series]:
    """Aligned series combined across all labels but those of `group_by`.

    Args:
        all_series: aligned alike.
        reducer: without the prefix `REDUCE_`.
        group_by: labels in canonical form.

    Raises:
        SeriesError: the reducer does not suit the values.
    """
    groups: dict[tuple[str, ...], list[Series]] = {}
    for series in all_series:
        groups.setdefault(tuple(series.labels.get(name, "") for name in group_by), []).append(series)
    result = []
    for key, members in groups.items():
        first = members[0]
        type_, combine = _reducer(first, reducer)
        # Monitoring keeps the types, the project and what it grouped by
        kept = ("metric.type", "resource.type", "project", "resource.labels.project_id")
        labels = {name: first.labels[name] for name in kept if name in first.labels}
        labels |= {name: text for name, text in zip(group_by, key, strict=True) if text}
        at: dict[tuple[float, float], list[Value]] = {}
        for series in members:
            for point in series.points:
                at.setdefault((point.start_s, point.end_s), []).append(point.value)
        points = [Point(start, end, combine(values)) for (start, end), values in sorted(at.items())]
        kind = first.kind if reducer in ("SUM",) else Kind.GAUGE if type_ is not Type.DISTRIBUTION else first.kind
        if kind is Kind.GAUGE:
            points = [Point(point.end_s, point.end_s, point.value) for point in points]
        result.append(Series(labels, kind, type_, first.unit, points))
    return result


def _reducer(series: Series, reducer: str) -> tuple[Type, Callable[[list[Value]], Value]]:
    numeric = series.type is not Type.DISTRIBUTION
    if reducer == "SUM":
        return series.type, total
    if reducer == "MEAN":
        # the mean of distributions is the distribution of all their values
        return (Type.DOUBLE, _mean) if numeric else (series.type, total)
    if reducer == "COUNT":
        return Type.INT64, len
    if reducer in ("MIN", "MAX") and numeric:
        pick = min if reducer == "MIN" else max
        return series.type, lambda values: pick(v for v in values if not isinstance(v, Distribution))
    if reducer in PERCENTILES:
        share = PERCENTILES[reducer]
        if numeric:
            return Type.DOUBLE, lambda values: _percentile(values, share)
        return Type.DOUBLE, lambda values: _merged(values).percentile(share)
    raise SeriesError(
        f'Field aggregation.crossSeriesReducer had an invalid value of "REDUCE_{reducer}": The reducer cannot be '
        f"applied to value type {series.type.name}."
    )


def _mean(values: list[Value]) -> float:
    numbers = [value for value in values if not isinstance(value, Distribution)]
    return sum(numbers) / len(numbers)


def _percentile(values: list[Value], share: float) -> float:
    numbers = sorted(value for value in values if not isinstance(value, Distribution))
    position = share * (len(numbers) - 1)
    low = int(position)
    high = min(low + 1, len(numbers) - 1)
    return numbers[low] + (numbers[high] - numbers[low]) * (position - low)
