"""The final validation is of five minutes at 100 %, and says how long it really looked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from console.clock import SystemClock
from console.cloud.client import Cloud
from console.cloud.target import CloudTarget
from console.runbook.evidence import Result
from console.runbook.final_checks import Limits, Readings, Usual, judged, observed_until, seen_for
from console.simulator.server import Simulator
from tests.runbook.steps import NOW, Bench

FIVE = timedelta(minutes=5)
GOOD = {"error_rate": 0.001, "p95_ms": 300.0, "cpu": 0.3, "requests_per_s": 10.0}


@pytest.mark.parametrize(("seen", "good"), [(20, False), (299, False), (300, True), (400, True)])
def test_good_readings_of_less_than_five_minutes_validate_nothing_and_the_time_is_said(seen: int, good: bool) -> None:
    readings = Readings(**GOOD, requests=21, observed=timedelta(seconds=seen))
    assert all(check.good for check in judged(readings, Limits(), Usual(10.0, "settings")))
    check = seen_for(readings, FIVE)
    assert check.good is good
    if seen == 20:
        assert check.problem == "looked at is 20 s, and must be ≥ 5:00"
        assert check.figure == ("looked at", "20 s (≥ 5:00)")


@pytest.mark.parametrize(("patience", "result"), [("0 s", Result.FAILED), ("20 min", Result.PASSED)])
async def test_a_validation_waits_for_five_observed_minutes_and_passes_nothing_on_less(
    make_simulator: Callable[..., Awaitable[Simulator]], bench: Bench, patience: str, result: Result
) -> None:
    simulator = await make_simulator(speed=150.0)
    cloud = await Cloud.connect(CloudTarget("demo", "us-central1", f"127.0.0.1:{simulator.port}"), SystemClock())
    try:
        await cloud.run.get_service("wa-backend")
        bench.tools.clouds["production"] = cloud
        bench.subject = replace(bench.subject, canary="wa-backend-00041-kem")  # it serves everybody
        step = bench.step("validation", patience=patience, checks=(), least_percent=1, most_percent=9_999)

        def now() -> datetime:
            told = cloud.server_clock.now()
            assert told is not None
            return told

        async def watch() -> None:
            while True:  # as a session's watcher does, by which the console knows how fast the cloud's time runs
                await cloud.run.get_service("wa-backend")
                await SystemClock().sleep(0.3)

        watching = asyncio.create_task(watch())
        evidence = await step.run(replace(bench.context(step), now=now))
        watching.cancel()
    finally:
        await cloud.close()
    looked = dict(evidence.figures)["looked at"]
    assert evidence.result is result, evidence
    short = [problem for problem in evidence.problems if problem.startswith("looked at is")]
    assert len(short) == (result is Result.FAILED)
    assert looked.endswith("(≥ 5:00)")


def test_monitoring_has_observed_what_lies_before_its_newest_point_quiet_minutes_too() -> None:
    minute = timedelta(minutes=1)
    assert observed_until([(NOW - minute, 1.0), (NOW + minute, 5.0), (NOW + 4 * minute, 5.0)], NOW) == 4 * minute
    assert observed_until([(NOW - minute, 1.0)], NOW) == timedelta(0)
