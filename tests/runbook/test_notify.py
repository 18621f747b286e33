"""The runbook's messages, sent to a Slack webhook on loopback: at most once, and never in a release's way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from console.actions.door import Door
from console.clock import SystemClock
from console.journal import Journal
from console.notify import Notifier
from console.runbook.evidence import Evidence, Result
from console.runbook.kinds.base import Answer, Subject
from console.simulator.server import Simulator
from tests.runbook.steps import NOW, Bench

MakeSimulator = Callable[..., Awaitable[Simulator]]


class Impatient(SystemClock):
    """Does not wait out pauses; keeps how long they were."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class NoCloud:
    """A simulator's address, and no more."""

    class server_clock:  # noqa: N801
        @staticmethod
        def now() -> datetime:
            return NOW

    target = SimpleNamespace(endpoint="127.0.0.1:1")

    class logs:  # noqa: N801
        @staticmethod
        async def write_text(*_args: Any, **_more: Any) -> None:
            return None


@pytest.fixture
async def simulator(make_simulator: MakeSimulator) -> Simulator:
    return await make_simulator()


@pytest.fixture
async def told(bench: Bench, simulator: Simulator, tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench whose Slack is the simulator's."""
    journal = Journal.open(tmp_path / "journal.db", scope="demo/us-central1/wa-backend", session="s1")
    cloud: Any = NoCloud()
    clock = Impatient()
    notifier = Notifier()
    bench.clock = clock
    bench.tools.notifier = notifier
    bench.tools.clouds["production"] = cloud
    bench.tools.actions = SimpleNamespace(
        door=Door(cloud, journal, notifier, clock), access=SimpleNamespace(journal=journal)
    )
    bench.tools.secrets["slack-webhook"] = simulator.team.addresses()["slack"]
    bench.subject = Subject(
        candidate="2026-11-25-1200",
        service="wa-backend",
        commit="abc123def4567890",
        pull_request="128",
        author_login="carlos.lopez",
        canary="wa-backend-00042-vez",
        stable="wa-backend-00041-kem",
    )
    yield bench
    journal.close()


def texts(simulator: Simulator) -> list[str]:
    return [message.text for message in simulator.team.slack.messages]


def validated() -> Evidence:
    figures = (
        ("error rate", "0.3 % (< 1.0 %)"),
        ("P95", "620 ms (< 800 ms)"),
        ("requests", "1,250 RPS (usual 1,240/s)"),
    )
    return Evidence("validation", Result.PASSED, "maria@example.com", NOW, "fine", figures=figures)


async def test_staging_passed_has_branch_commit_and_changes_as_the_runbook_writes_them(
    told: Bench, simulator: Simulator
) -> None:
    told.others["pr_form"] = Evidence(
        "pr_form", Result.PASSED, "m", NOW, "", figures=(("title", "[Paso 7] Reminders"),)
    )
    evidence = await told.run(told.step("notify", message="staging_passed"))
    assert evidence.result is Result.PASSED
    assert texts(simulator) == [
        "✅ STAGING VALIDATION PASSED\nBranch: main\nCommit: abc123def456\nChanges: [Paso 7] Reminders (#128)\n"
        "Ready for PROD? HOLD until code and tech lead have approved"
    ]


async def test_deployment_successful_has_figures_and_the_rollback_command(told: Bench, simulator: Simulator) -> None:
    told.others["validation"] = validated()
    await told.run(told.step("notify", message="deployed"))
    (text,) = texts(simulator)
    for line in (
        "✅ DEPLOYMENT SUCCESSFUL",
        "Revision: wa-backend-00042-vez",
        "Author: @carlos.lopez",
        "Status: ✅ Healthy",
        "Metrics (5 min post-deploy):",
        "- Error rate: 0.3 %",
        "- Latency P95: 620 ms",
        "- Requests: 1,250 RPS (normal)",
        'gcloud run services update-traffic wa-backend --to-revisions "wa-backend-00041-kem=100" --region=us-central1',
    ):
        assert line in text.splitlines()


async def test_a_refused_message_is_tried_again_after_the_time_that_slack_asks_for(
    told: Bench, simulator: Simulator
) -> None:
    simulator.team.slack.faults.fail_next, simulator.team.slack.faults.status = 2, 429
    simulator.team.slack.faults.retry_after_s = 7
    evidence = await told.run(told.step("notify", message="staging_passed"))
    assert evidence.result is Result.PASSED
    assert not evidence.problems
    assert len(texts(simulator)) == 1
    assert told.clock.slept == [7.0, 7.0]  # type: ignore[attr-defined]


async def test_a_message_that_does_not_go_out_is_kept_and_holds_nothing(told: Bench, simulator: Simulator) -> None:
    simulator.team.slack.faults.fail_next = 99
    step = told.step("notify", message="staging_passed")
    evidence = await told.run(step)
    assert evidence.result is Result.PASSED
    assert "Slack answered 500." in evidence.problems
    assert evidence.excerpt[0] == "✅ STAGING VALIDATION PASSED", "the step keeps its message itself"
    assert not told.tools.notifier.undelivered, "sent again from here it would come twice"
    assert step.again, "running the step again must send it again"


async def test_without_slack_it_says_so_and_the_release_goes_on(told: Bench, simulator: Simulator) -> None:
    told.tools.secrets.clear()
    evidence = await told.run(told.step("notify", message="staging_passed"))
    assert evidence.result is Result.PASSED
    assert "Slack is not set up" in evidence.sentence
    assert "STAGING VALIDATION PASSED" in evidence.problems[0]


async def test_a_played_release_tells_no_real_slack(told: Bench) -> None:
    told.tools.secrets["slack-webhook"] = "https://hooks.slack.com/services/T0/B0/secret"
    evidence = await told.run(told.step("notify", message="staging_passed"))
    assert "simulator" in evidence.sentence
    assert "secret" not in str(evidence)


async def test_what_was_cut_off_while_it_was_sent_is_unclear_and_not_sent_again(
    told: Bench, simulator: Simulator
) -> None:
    step = told.step("notify", message="staging_passed")
    context = told.context(step)
    await step.run(context)
    settled = await step.settle(context, datetime(2026, 11, 25, 12, tzinfo=UTC))
    assert settled is not None
    assert "maybe sent: look in the channel" in settled.sentence
    assert settled.problems
    assert len(texts(simulator)) == 1
    elsewhere = await told.step("notify", message="staging_passed").settle_elsewhere(
        replace(context, key="of another machine"), datetime(2026, 11, 25, 12, tzinfo=UTC)
    )
    assert elsewhere is not None
    assert "maybe sent: look in the channel" in elsewhere.sentence


async def test_what_was_cut_off_before_it_left_may_be_sent(told: Bench) -> None:
    step = told.step("notify", message="staging_passed")
    assert await step.settle(told.context(step, Answer()), datetime(2026, 11, 25, 12, tzinfo=UTC)) is None
