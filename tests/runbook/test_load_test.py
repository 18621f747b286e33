"""The load test: locust itself against the simulated staging, judged by its own figures, never against production."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from console.clock import SystemClock
from console.cloud.client import Cloud
from console.cloud.target import CloudTarget
from console.errors import BlockedError, UnavailableError, UsageError
from console.release.service import Service
from console.runbook import process
from console.runbook.evidence import Result
from console.runbook.locust_csv import Totals, fewest_requests, judge, read_failures, read_history, read_totals
from console.settings import Environment, Settings
from console.simulator import checkout, webhook
from tests.runbook.conftest import MakeSimulator
from tests.runbook.steps import Bench

SHORT = {"users": 4, "spawn_rate": 4, "duration": "4 s", "secrets": {"WA_APP_SECRET": "app-secret"}}


@pytest.fixture
async def here(bench: Bench, make_simulator: MakeSimulator) -> AsyncIterator[Bench]:
    """A bench with the team's locustfile and the simulated cloud."""
    simulator = await make_simulator(speed=20.0)
    cloud = await Cloud.connect(CloudTarget("demo", "us-central1", f"127.0.0.1:{simulator.port}"), SystemClock())
    bench.tools.clouds = {"production": cloud, "staging": cloud}
    bench.tools.secrets = {"app-secret": webhook.APP_SECRET}
    with_locustfile(bench)
    yield bench
    await cloud.close()


def with_locustfile(bench: Bench) -> None:
    files = Path(checkout.__file__).parent / "files" / "qa" / "locustfile.py"
    (bench.checkout / "qa").mkdir()
    shutil.copyfile(files, bench.checkout / "qa" / "locustfile.py")


async def test_locust_runs_live_and_its_own_figures_judge(here: Bench) -> None:
    evidence = await here.run(here.step("load_test", **SHORT, errors_percent=50, p95="60 s"))
    assert evidence.result is Result.PASSED, evidence
    figures = dict(evidence.figures)
    assert int(figures["requests"].replace(",", "")) > 0
    assert {"P95", "errors", "host"} <= set(figures)
    curves = [progress.curves for progress in here.progress if progress.curves]
    assert curves, "no curve was told while it ran"
    assert set(curves[-1]) == {"P95 ms", "requests/s", "errors %"}
    assert len({len(curve) for curve in curves[-1].values()}) == 1
    assert evidence.excerpt[0].startswith("$ locust -f locustfile.py --host=http://127.0.0.1:")
    assert list((here.folder / "evidence").glob("a_step-*-load_test_stats.csv"))


async def test_errors_over_the_limit_fail_and_are_named(here: Bench) -> None:
    here.tools.secrets = {"app-secret": "not the one"}
    evidence = await here.run(here.step("load_test", **SHORT, p95="60 s"))
    assert evidence.result is Result.FAILED
    assert "%" in evidence.problems[0]
    assert "/webhook" in " ".join(evidence.problems)
    assert "not the one" not in str(evidence)


async def test_cancel_stops_locust_and_all_that_it_started(here: Bench) -> None:
    task = asyncio.ensure_future(here.run(here.step("load_test", **SHORT | {"duration": "10 min"})))
    await until(lambda: any(progress.curves for progress in here.progress))
    assert locusts(here)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not locusts(here))


async def test_production_is_refused_by_its_rules(here: Bench) -> None:
    with pytest.raises(BlockedError) as raised:
        await here.run(here.step("load_test", **SHORT, environment="production"))
    assert not raised.value.overridable
    assert "never runs against production" in raised.value.what
    assert not here.progress


@dataclass
class OneUrl:
    """A cloud whose every service has the same address."""

    uri: str
    broken: bool = False

    @property
    def run(self) -> OneUrl:
        return self

    async def get_service(self, name: str) -> Service:
        if self.broken:
            raise UnavailableError("The cloud is away.")
        return Service(name, "p", "us-central1", "e", uri=self.uri)


async def test_productions_address_under_another_name_is_refused(bench: Bench) -> None:
    bench.tools.clouds = {
        "production": OneUrl("https://wa-backend-abc.a.run.app"),
        "staging": OneUrl("https://canary---WA-backend-abc.a.run.app"),
    }
    with pytest.raises(BlockedError):
        await bench.run(bench.step("load_test"))


async def test_where_production_cannot_be_asked_nothing_is_put_under_load(bench: Bench) -> None:
    bench.tools.clouds = {"production": OneUrl("", broken=True), "staging": OneUrl("https://other.a.run.app")}
    with pytest.raises(BlockedError) as raised:
        await bench.run(bench.step("load_test"))
    assert "cannot be told" in raised.value.what


async def test_without_locust_the_sentence_says_how_to_install_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "BESIDE_US", Path("/nowhere"))
    environments = {"staging": Environment(service="s", protected=False), "production": Environment(service="p")}
    bench.tools.settings = Settings(environments=environments)
    bench.tools.clouds = {"production": OneUrl("http://127.0.0.1:1"), "staging": OneUrl("http://127.0.0.1:2")}
    with_locustfile(bench)
    bench.tools.more = {"PATH": "/nowhere"}
    bench.tools.secrets = {"app-secret": "x"}
    with pytest.raises(UsageError) as raised:
        await bench.run(bench.step("load_test", **SHORT))
    assert "pip install locust" in raised.value.remedy


def test_a_locustfile_outside_the_checkout_is_refused(bench: Bench) -> None:
    for wrong in ({"file": "/etc/x.py"}, {"folder": "../x"}, {"secrets": {"A": "nothing"}}, {"users": 0}):
        with pytest.raises(ValidationError):
            bench.step("load_test", **wrong)


# -- reading and judging ----------------------------------------------------------------------------------------------

HEAD = "Type,Name,Request Count,Failure Count,Requests/s,95%\n"


@pytest.mark.parametrize(
    ("p95", "failures", "requests", "passed"),
    [
        (799, 9, 1_000, True),
        (800, 0, 1_000, False),
        (100, 10, 1_000, False),
        (0, 0, 0, False),
        (620, 0, 1, True),
    ],
)
def test_under_both_limits_and_with_a_request_at_least(p95: float, failures: int, requests: int, passed: bool) -> None:
    totals = Totals(requests, failures, p95, 10.0)
    assert judge(totals, p95_ms=800, errors_percent=1).passed is passed


def test_a_handful_of_requests_is_no_load_test() -> None:
    least = fewest_requests(50, 60)
    assert least == 300
    assert not judge(Totals(1, 0, 5.0, 1.0), p95_ms=800, errors_percent=1, requests=least).passed
    assert not judge(Totals(299, 0, 5.0, 5.0), p95_ms=800, errors_percent=1, requests=least).passed
    assert judge(Totals(300, 0, 5.0, 5.0), p95_ms=800, errors_percent=1, requests=least).passed
    assert fewest_requests(4, 4) == 4, "each user once, in the shortest test"


async def test_locust_that_asked_next_to_nothing_fails(here: Bench) -> None:
    evidence = await here.run(here.step("load_test", **SHORT, errors_percent=50, p95="60 s", requests=100_000))
    assert evidence.result is Result.FAILED
    assert "100,000" in evidence.problems[0]


def test_no_figures_or_a_failure_of_locusts_own_fails() -> None:
    fine = Totals(10, 0, 5, 1)
    assert not judge(None, p95_ms=800, errors_percent=1).passed
    assert not judge(fine, p95_ms=800, errors_percent=1, code=2).passed
    assert judge(fine, p95_ms=800, errors_percent=1, code=1).passed, "1 says that a request failed: the figures judge"


def test_only_the_aggregated_row_counts() -> None:
    text = HEAD + "GET,Aggregated,1,1,1,9000\n,Aggregated,200,1,3.5,120\n"
    assert read_totals(text) == Totals(200, 1, 120, 3.5)
    assert read_totals(HEAD + ",Aggregated,200,201,3.5,120\n") is None
    assert read_totals(HEAD + ",Aggregated,nan,0,1,1\n") is None
    assert read_totals(HEAD + ",Aggregated,10,0,1,N/A\n") is None


def test_a_row_that_is_being_written_is_left_out() -> None:
    head = "Timestamp,User Count,Type,Name,Requests/s,Failures/s,95%,Total Request Count\n"
    text = head + "1,0,,Aggregated,0,0,N/A,0\n2,5,,Aggregated,10,1,120,10\n3,5,,Aggrega"
    told = read_history(text)
    assert (told.p95_ms, told.per_second, told.errors_percent, told.users) == ((120,), (10,), (10,), 5)


@given(st.text(alphabet='Aggregated,Name95%RequestCountFailure/s 0123.e-+naif"\n\r\0\x1b', max_size=400))
def test_hostile_figures_are_read_or_left(text: str) -> None:
    for whole in (text, HEAD + text, HEAD + ",Aggregated," + text):
        totals = read_totals(whole)
        assert totals is None or 0 <= totals.failures <= totals.requests
        told = read_history(whole)
        assert len(told.p95_ms) == len(told.per_second) == len(told.errors_percent)
        assert all(0 <= share <= 100 for share in told.errors_percent)
        assert not {"\x1b", "\n"} & set("".join(read_failures(whole)))


def locusts(bench: Bench) -> list[int]:
    """Processes that run in this bench's checkout."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            inside = (entry / "cwd").resolve().is_relative_to(bench.checkout)
            dead = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue
        if inside and not dead:
            found.append(int(entry.name))
    return found


async def until(condition: Callable[[], bool], seconds: float = 40.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        await asyncio.sleep(0.02)
