"""The slow witness: what Monitoring says, by revision and in our units; and the doctor's look at everything."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from console.clock import SystemClock
from console.cloud.client import Cloud
from console.cloud.doctor import Check, Health, examine
from console.cloud.metrics import Metric
from console.cloud.target import CloudTarget
from console.errors import SettingsError
from console.simulator.process import SimulatorProcess

MINUTE = timedelta(minutes=1)


async def now_of(cloud: Cloud) -> datetime:
    await cloud.warm()
    now = cloud.server_clock.now()
    assert now is not None
    return now


async def latest(cloud: Cloud, metric: Metric, *, period: timedelta = MINUTE) -> dict[str, float]:
    now = await now_of(cloud)
    found = await cloud.metrics.series(metric, "wa-backend", start=now - timedelta(minutes=30), end=now, period=period)
    assert found, "the service has had traffic"
    for points in found.values():
        times = [at for at, _value in points]
        assert times == sorted(times)
        assert times[-1] <= now
    return {revision: points[-1][1] for revision, points in found.items()}


async def test_requests_come_as_a_rate_by_revision(cloud: Cloud) -> None:
    rates = await latest(cloud, Metric.REQUEST_COUNT)
    assert sum(rates.values()) == pytest.approx(300, rel=0.2)


async def test_latencies_come_in_milliseconds_and_in_order(cloud: Cloud) -> None:
    p50, p95, p99 = [await latest(cloud, m) for m in (Metric.LATENCY_P50, Metric.LATENCY_P95, Metric.LATENCY_P99)]
    for revision in p50:
        assert 10 < p50[revision] < p95[revision] < p99[revision] < 60_000


async def test_cpu_is_a_share_and_instances_are_counted(cloud: Cloud) -> None:
    assert all(0 <= share <= 1 for share in (await latest(cloud, Metric.CPU)).values())
    assert sum((await latest(cloud, Metric.INSTANCES)).values()) >= 1


async def test_error_rates_are_shares_of_each_revisions_own_requests(cloud: Cloud) -> None:
    now = await now_of(cloud)
    rates = await cloud.metrics.error_rates("wa-backend", start=now - timedelta(minutes=30), end=now, period=5 * MINUTE)
    assert rates
    for points in rates.values():
        assert all(0 <= share < 0.05 for _at, share in points)


async def test_a_period_shorter_than_the_samples_is_raised_to_theirs(cloud: Cloud) -> None:
    assert await latest(cloud, Metric.REQUEST_COUNT, period=timedelta(seconds=5))


async def test_a_service_without_data_has_no_series(cloud: Cloud) -> None:
    now = await now_of(cloud)
    found = await cloud.metrics.series(
        Metric.REQUEST_COUNT, "no-such-service", start=now - MINUTE, end=now, period=MINUTE
    )
    assert found == {}


# -- the doctor -----------------------------------------------------------------------------------------------------


async def examined(endpoint: str, email: str = "maria@acme.example") -> dict[str, Check]:
    target = CloudTarget("demo", "us-central1", endpoint, email)
    return {check.id: check for check in await examine(target, "wa-backend", SystemClock())}


async def test_the_doctor_finds_a_sound_cloud_sound_and_a_local_clock_that_is_off(simulator: SimulatorProcess) -> None:
    checks = await examined(simulator.grpc)
    assert list(checks) == ["credentials", "run", "permissions", "logging", "monitoring", "clock"]
    sound = ("credentials", "run", "permissions", "logging", "monitoring")
    assert {id: checks[id].health for id in sound} == dict.fromkeys(sound, Health.OK)
    assert "maria@acme.example" in checks["credentials"].detail


async def test_the_doctor_names_what_is_missing_and_what_to_do(simulator: SimulatorProcess) -> None:
    checks = await examined(simulator.grpc, "denied@acme.example")
    assert checks["permissions"].health is Health.FAILED
    assert "run.services.update" in checks["permissions"].detail
    assert "roles/run.developer" in checks["permissions"].remedy
    expired = await examined(simulator.grpc, "expired@acme.example")
    assert expired["run"].health is Health.FAILED
    assert "gcloud auth application-default login" in expired["run"].remedy


async def test_the_doctor_answers_even_where_nothing_does() -> None:
    checks = await examined("127.0.0.1:9")
    assert {checks[id].health for id in ("run", "permissions", "logging", "monitoring", "clock")} == {Health.FAILED}
    assert all(check.remedy for check in checks.values() if check.health is Health.FAILED)


async def test_the_doctor_refuses_plaintext_to_another_machine() -> None:
    with pytest.raises(SettingsError):
        await examined("example.com:443")
