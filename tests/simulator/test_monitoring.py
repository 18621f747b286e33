"""ListTimeSeries, asked by Google's own client: what is sampled, when it can be seen, how it is aligned and reduced."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.monitoring_v3.types import Aggregation
from hypothesis import given, settings
from hypothesis import strategies as st

from console.simulator.metrics_filter import FilterError, parse
from console.simulator.samples import LATENCY_EDGES, Distribution
from console.simulator.traffic import TICKS_PER_S
from tests.simulator.simulated_cloud import CANARY, STABLE, START, Cloud, cloud

COUNT = "run.googleapis.com/request_count"
LATENCIES = "run.googleapis.com/request_latencies"
CPU = "run.googleapis.com/container/cpu/utilizations"
INSTANCES = "run.googleapis.com/container/instance_count"
REVISION = "resource.labels.revision_name"
CLASS = "metric.labels.response_code_class"
TEN_PERCENT = {STABLE: 90, CANARY: 10}


def of_service(metric: str, service: str = "wa-backend") -> str:
    return (
        f'metric.type="{metric}" AND resource.type="cloud_run_revision"'
        f' AND resource.labels.service_name="{service}" AND resource.labels.location="us-central1"'
    )


def request(
    metric: str = COUNT,
    *,
    start: float = 0,
    end: float = 600,
    period: float | None = 60,
    align: str = "ALIGN_NONE",
    reduce: str = "REDUCE_NONE",
    by: tuple[str, ...] = (),
    **more: Any,
) -> dict[str, Any]:
    """A request; times in seconds after the start."""
    aggregation = {
        "per_series_aligner": Aggregation.Aligner[align],
        "cross_series_reducer": Aggregation.Reducer[reduce],
        "group_by_fields": list(by),
    }
    if period is not None:
        aggregation["alignment_period"] = timedelta(seconds=period)
    return {
        "name": "projects/demo",
        "filter": of_service(metric),
        "interval": {"start_time": START + timedelta(seconds=start), "end_time": START + timedelta(seconds=end)},
        "aggregation": aggregation,
    } | more


async def series(sim: Cloud, asked: dict[str, Any]) -> list[Any]:
    """The series, as raw protobuf."""
    pager = await sim.monitoring.list_time_series(request=asked, retry=None)
    return [type(one).pb(one) async for one in pager]


def by_revision(found: list[Any]) -> dict[str, Any]:
    return {one.resource.labels["revision_name"]: one for one in found}


def ends(one: Any) -> list[float]:
    """Ends of the points, seconds after the start, as sent (newest first)."""
    return [point.interval.end_time.ToNanoseconds() / 1e9 - START.timestamp() for point in one.points]


def later(sim: Cloud, seconds: float) -> None:
    sim.clock.set_now(START.timestamp() + seconds)


async def canary_at_60(sim: Cloud, seconds: float) -> None:
    """10 % on the canary a minute after the start, and the clock `seconds` after the start."""
    sim.traffic.split_changed("wa-backend", START.timestamp() + 60, TEN_PERCENT)
    later(sim, seconds)


async def test_a_sample_can_be_seen_two_minutes_after_it_was_taken() -> None:
    async with cloud() as sim:
        later(sim, 179)
        assert await series(sim, request()) == []
        later(sim, 180)
        assert {tuple(ends(one)) for one in await series(sim, request())} == {(60,)}


async def test_points_are_a_minute_apart_newest_first() -> None:
    async with cloud() as sim:
        later(sim, 721)
        found = (await series(sim, request()))[0]
        assert ends(found) == [600 - 60 * k for k in range(10)]
        assert {p.interval.end_time.seconds - p.interval.start_time.seconds for p in found.points} == {60}


async def test_failed_requests_are_counted_exactly_as_the_logs_have_them() -> None:
    async with cloud("bad-canary") as sim:
        await canary_at_60(sim, 721)
        found = await series(sim, request(align="ALIGN_DELTA", reduce="REDUCE_SUM", by=(REVISION, CLASS)))
        traffic = sim.traffic.services["wa-backend"]
        for one in found:
            revision = one.resource.labels["revision_name"]
            kind = one.metric.labels["response_code_class"]
            for point, end in zip(one.points, ends(one), strict=True):
                ticks = range(
                    traffic.start_tick + int(end - 60) * TICKS_PER_S, traffic.start_tick + int(end) * TICKS_PER_S
                )
                tallies = [t for tick in ticks for arm, t in traffic.tallies(tick) if arm.revision == revision]
                if kind == "5xx":
                    assert point.value.int64_value == sum(tally.failed for tally in tallies)
                else:
                    assert point.value.int64_value <= sum(tally.served for tally in tallies)
        classes = {one.metric.labels["response_code_class"] for one in found}
        assert classes == {"2xx", "4xx", "5xx"}


async def test_a_rate_is_requests_a_second_by_revision() -> None:
    async with cloud("bad-canary") as sim:
        await canary_at_60(sim, 721)
        found = by_revision(await series(sim, request(align="ALIGN_RATE", reduce="REDUCE_SUM", by=(REVISION,))))
        assert [p.value.double_value for p in found[STABLE].points[:9]] == pytest.approx([270.0] * 9, rel=0.06)
        assert [p.value.double_value for p in found[CANARY].points] == pytest.approx([30.0] * 9, rel=0.15)
        assert found[STABLE].metric_kind == 1
        assert found[STABLE].value_type == 3


async def test_a_longer_period_adds_its_minutes_up() -> None:
    async with cloud() as sim:
        later(sim, 800)
        minutes = (await series(sim, request(align="ALIGN_DELTA", reduce="REDUCE_SUM")))[0]
        fives = (await series(sim, request(align="ALIGN_DELTA", reduce="REDUCE_SUM", period=300)))[0]
        counted = [point.value.int64_value for point in minutes.points]
        assert [point.value.int64_value for point in fives.points] == [sum(counted[:5]), sum(counted[5:])]
        assert ends(fives) == [600, 300]


async def test_the_p95_is_that_of_the_profile_and_without_container_start_up() -> None:
    async with cloud("slow-canary") as sim:
        await canary_at_60(sim, 721)
        found = by_revision(
            await series(sim, request(LATENCIES, align="ALIGN_DELTA", reduce="REDUCE_PERCENTILE_95", by=(REVISION,)))
        )
        assert [p.value.double_value for p in found[STABLE].points] == pytest.approx([615] * 10, rel=0.06)
        assert [p.value.double_value for p in found[CANARY].points] == pytest.approx([900] * 9, rel=0.12)
    async with cloud("cold-start") as sim:
        await canary_at_60(sim, 400)
        asked = request(LATENCIES, align="ALIGN_DELTA", reduce="REDUCE_PERCENTILE_99", by=(REVISION,), end=120)
        (cold,) = by_revision(await series(sim, asked))[CANARY].points
        assert cold.value.double_value < 1500


@pytest.mark.parametrize(
    ("align", "low", "high"),
    [("ALIGN_PERCENTILE_50", 220, 260), ("ALIGN_PERCENTILE_95", 560, 670), ("ALIGN_PERCENTILE_99", 780, 1010)],
)
async def test_each_percentile_has_its_aligner(align: str, low: float, high: float) -> None:
    async with cloud() as sim:
        later(sim, 721)
        found = await series(sim, request(LATENCIES, align=align, filter=of_service(LATENCIES) + f' AND {CLASS}="2xx"'))
        (one,) = found
        assert all(low < point.value.double_value < high for point in one.points)


async def test_a_distribution_says_its_count_mean_and_buckets() -> None:
    async with cloud() as sim:
        later(sim, 721)
        (one,) = await series(sim, request(LATENCIES, align="ALIGN_DELTA", reduce="REDUCE_SUM"))
        value = one.points[0].value.distribution_value
        assert value.count == sum(value.bucket_counts) == pytest.approx(18_000, rel=0.03)
        assert value.mean == pytest.approx(282, rel=0.05)
        assert value.bucket_options.exponential_buckets.growth_factor == pytest.approx(1.1)
        assert one.value_type == 5
        assert one.unit == "ms"


async def test_instances_are_told_by_state_and_cpu_as_a_share() -> None:
    async with cloud() as sim:
        await canary_at_60(sim, 721)
        found = await series(sim, request(INSTANCES))
        active = {
            one.resource.labels["revision_name"]: one.points[0].value.int64_value
            for one in found
            if one.metric.labels["state"] == "active"
        }
        assert 5 <= active[STABLE] <= 9
        assert active[CANARY] >= 1
        idle = await series(
            sim, request(INSTANCES, end=60, filter=of_service(INSTANCES) + ' AND metric.labels.state="idle"')
        )
        assert by_revision(idle)[CANARY].points[0].value.int64_value == 1, "its minimum, before it serves"
        cpu = by_revision(await series(sim, request(CPU, align="ALIGN_PERCENTILE_50")))
        assert 0.3 < cpu[STABLE].points[0].value.double_value < 0.6


async def test_the_last_day_is_there_right_after_the_start() -> None:
    async with cloud() as sim:
        later(sim, 0)
        asked = request(align="ALIGN_RATE", reduce="REDUCE_SUM", start=-86_400, end=0, period=900)
        (one,) = await series(sim, asked)
        assert len(one.points) == 96
        assert [point.value.double_value for point in one.points] == pytest.approx([300.0] * 96, rel=0.03)


async def test_what_was_seen_once_stays_as_it_was() -> None:
    async with cloud("bad-canary") as sim:
        await canary_at_60(sim, 500)
        before = await series(sim, request(align="ALIGN_DELTA", reduce="REDUCE_SUM", by=(REVISION,), end=300))
        sim.traffic.split_changed("wa-backend", START.timestamp() + 500, {STABLE: 100})
        later(sim, 900)
        assert await series(sim, request(align="ALIGN_DELTA", reduce="REDUCE_SUM", by=(REVISION,), end=300)) == before


async def test_pages_of_points_add_up_to_the_whole() -> None:
    async with cloud("bad-canary") as sim:
        await canary_at_60(sim, 721)
        whole = await series(sim, request())
        paged = await series(sim, request(page_size=7))
        points: dict[str, list[Any]] = {}
        for one in paged:
            points.setdefault(str(one.metric) + str(one.resource), []).extend(one.points)
        assert points == {str(one.metric) + str(one.resource): list(one.points) for one in whole}


async def test_headers_have_no_points() -> None:
    async with cloud() as sim:
        later(sim, 721)
        found = await series(sim, request(view=1, page_size=2))
        assert len(found) == 7
        assert all(not one.points and one.metric.type == COUNT for one in found)


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        (request(name="demo"), exceptions.InvalidArgument, "projects/"),
        (request(name="projects/other"), exceptions.PermissionDenied, "denied"),
        (request(filter=""), exceptions.InvalidArgument, "metric type"),
        (request(filter='resource.type="cloud_run_revision"'), exceptions.InvalidArgument, "single metric type"),
        (request(filter='metric.type="a" AND'), exceptions.InvalidArgument, "parsed at line 1"),
        (request(filter='metric.type="a" AND metric.type="b"'), exceptions.InvalidArgument, "single metric type"),
        (request(filter='metric.type=starts_with("run")'), exceptions.InvalidArgument, "in full"),
        (request(filter=of_service("run.googleapis.com/nope")), exceptions.NotFound, "Cannot find metric"),
        (request(interval={}), exceptions.InvalidArgument, "endTime"),
        (request(start=10, end=5), exceptions.InvalidArgument, "startTime"),
        (request(order_by="x"), exceptions.InvalidArgument, "orderBy"),
        (request(page_size=-1), exceptions.InvalidArgument, "pageSize"),
        (request(page_token="x"), exceptions.InvalidArgument, "pageToken"),
        (request(reduce="REDUCE_SUM"), exceptions.InvalidArgument, "needs an aligner"),
        (request(align="ALIGN_RATE", period=None), exceptions.InvalidArgument, "60 seconds"),
        (request(align="ALIGN_RATE", period=30), exceptions.InvalidArgument, "60 seconds"),
        (request(LATENCIES, align="ALIGN_RATE"), exceptions.InvalidArgument, "ALIGN_RATE"),
        (request(align="ALIGN_PERCENTILE_95"), exceptions.InvalidArgument, "ALIGN_PERCENTILE_95"),
        (request(INSTANCES, align="ALIGN_DELTA"), exceptions.InvalidArgument, "GAUGE"),
        (request(align="ALIGN_STDDEV"), exceptions.InvalidArgument, "ALIGN_STDDEV"),
        (request(align="ALIGN_RATE", reduce="REDUCE_STDDEV"), exceptions.InvalidArgument, "REDUCE_STDDEV"),
        (request(align="ALIGN_RATE", reduce="REDUCE_SUM", by=("zone",)), exceptions.InvalidArgument, "no such label"),
    ],
)
async def test_a_wrong_request_is_refused_with_the_field(
    asked: dict[str, Any], error: type[Exception], words: str
) -> None:
    async with cloud() as sim:
        later(sim, 721)
        with pytest.raises(error, match=words):
            await series(sim, asked)


LABELS = {
    "metric.type": COUNT,
    "resource.type": "cloud_run_revision",
    "resource.labels.service_name": "wa-backend",
    "resource.labels.revision_name": CANARY,
    "metric.labels.response_code": "503",
    "project": "demo",
}


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ('resource.labels.service_name="wa-backend"', True),
        ('resource.label.service_name = "wa-backend"', True),
        ("resource.labels.service_name = 'wa-backend'", True),
        ('resource.labels.service_name!="wa-backend"', False),
        ('resource.labels.revision_name=starts_with("wa-backend-00042")', True),
        ('resource.labels.revision_name=ends_with("vez")', True),
        ('resource.labels.revision_name=has_substring("00042")', True),
        ('resource.labels.revision_name=one_of("a", "b")', False),
        ('resource.labels.revision_name!=one_of("a", "b")', True),
        ('resource.labels.revision_name=monitoring.regex.full_match(".*-(vez|kem)")', True),
        ('resource.labels.revision_name=monitoring.regex.full_match("vez")', False),
        ("metric.labels.response_code>=500", True),
        ("metric.labels.response_code<500", False),
        ('metric.labels.response_code:"50"', True),
        ('NOT metric.labels.response_code="503"', False),
        ('(metric.labels.response_code="200" OR metric.labels.response_code="503")', True),
        ('project="demo"', True),
        ('metric.labels.nothing="x"', False),
    ],
)
def test_the_filters_selectors_and_functions(text: str, yes: bool) -> None:
    assert parse(f'metric.type="{COUNT}" AND {text}').matches(LABELS) is yes
    assert parse(f'{text}\nmetric.type = "{COUNT}"').matches(LABELS) is yes


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='metric.typresouclb="()ANDORNT<>:!- \n', max_size=50))
def test_any_text_is_either_a_filter_or_refused(text: str) -> None:
    try:
        parse(text).matches(LABELS)
    except FilterError:
        return


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(1.0, 90_000.0), min_size=1, max_size=300), st.floats(0.01, 1.0))
def test_a_percentile_lies_within_a_bucket_of_the_true_one(values: list[float], share: float) -> None:
    made = Distribution.empty(LATENCY_EDGES)
    for value in values:
        made.add(value)
    true = sorted(values)[min(len(values) - 1, max(0, -int(-share * len(values) // 1) - 1))]
    assert true / 1.11 <= made.percentile(share) <= true * 1.11 or made.percentile(share) == pytest.approx(
        true, rel=0.11
    )
    assert made.mean == pytest.approx(sum(values) / len(values))
