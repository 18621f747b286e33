"""What was tested is what is merged: a commit after the tests opens them again, and the merge itself does not."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.release.images import Match
from console.runbook.evidence import Evidence, Result
from console.runbook.folding import head_of
from console.runbook.kinds import kinds
from console.runbook.kinds.base import Subject, checked
from console.runbook.load import Loaded, load_runbook
from console.runbook.model import Phase, Runbook, Step, Words
from console.runbook.progress import State
from console.runbook.walk import Walk
from console.session import Session
from console.settings import GitHubSettings, Settings
from console.simulator.checkout import Checkout, git
from console.simulator.process import SimulatorProcess
from tests.actions.operators import until
from tests.runbook.conftest import MakeSimulator
from tests.runbook.steps import Bench

A, B, MERGE = "a" * 40, "b" * 40, "c" * 40
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def looked(minute: int, subject: str, result: Result = Result.PASSED) -> Evidence:
    return Evidence("pr_checks", result, "maria@example.com", NOON + timedelta(minutes=minute), "", subject=subject)


@pytest.fixture
def sample(bench: Bench, team: Checkout) -> Checkout:
    """The team's sample checkout, in which the bench works."""
    bench.checkout = team.path
    return team


def commit(sample: Checkout, words: str = "more") -> str:
    git(sample.path, "commit", "-q", "--no-gpg-sign", "--allow-empty", "-m", words)
    git(sample.path, "push", "-q", "origin", "develop")
    return git(sample.path, "rev-parse", "HEAD")


def test_the_head_is_what_was_found_last_whether_that_passed_or_not() -> None:
    assert head_of([]) == ""
    assert head_of([looked(2, B), looked(1, A)]) == B
    assert head_of([looked(1, A), looked(2, B, Result.FAILED)]) == B, "red checks of a new commit are of a new commit"
    assert head_of([looked(1, A), looked(2, B, Result.CANCELLED), looked(3, "2026-11-25-1200")]) == A
    assert head_of([looked(1, A), looked(1, B)]) == B, "of equal times the later step of the runbook"


def test_the_merge_is_another_commit_and_leaves_what_was_tested_as_it_is() -> None:
    before = Subject(commit=A, head=A)
    merged = Subject(commit=MERGE, head=A)
    later = Subject(commit=MERGE, head=B)
    assert [subject.match("head", A) for subject in (before, merged, later)] == [Match.SAME, Match.SAME, Match.OTHER]
    assert Subject(head=A).match("head", f"{A}-dirty") is Match.OTHER
    assert Subject().match("head", A) is Match.SAME, "where nobody has looked, nothing is called another commit"


def test_everything_that_is_checked_before_the_merge_is_of_the_head() -> None:
    book = load_runbook()
    steps = {step.id: step for step in book.runbook.steps()}
    bound = {"git_current", "tests", "lint", "security", "pr_form", "pr_checks", "pr_approved", "pr_merged"}
    assert {own for own, step in steps.items() if step.bound_to == "head"} == bound
    assert {own for own in bound if book.kinds[own].tells_head} == bound - {"tests", "lint", "security"}


async def test_evidence_of_a_program_is_of_the_commit_that_it_ran_on(bench: Bench, sample: Checkout) -> None:
    step = bench.step("command", argv=[sys.executable, "-c", "pass"], bound_to="head")
    bench.subject = replace(bench.subject, head=A)
    here = git(sample.path, "rev-parse", "HEAD")
    assert (await bench.run(step)).subject == here, "whatever was thought to be there"
    (sample.path / "left by the tests.txt").write_text("x")
    assert (await bench.run(step)).subject == here, "what a test run leaves behind is no change"
    (sample.path / "README.md").write_text("changed\n")
    assert (await bench.run(step)).subject == f"{here}-dirty"


async def test_a_commit_while_the_tests_run_leaves_them_of_neither(bench: Bench, sample: Checkout) -> None:
    words = (
        "import pathlib, time\nprint('at work', flush=True)\nwhile not pathlib.Path('go').exists(): time.sleep(0.02)"
    )
    step = bench.step("command", argv=[sys.executable, "-c", words], bound_to="head")
    before = git(sample.path, "rev-parse", "HEAD")
    task = asyncio.ensure_future(bench.run(step))
    await until(lambda: "at work" in bench.lines)
    commit(sample)
    (sample.path / "go").write_text("")
    assert (await task).subject == f"{before}-dirty"


async def test_what_github_is_asked_is_of_the_pull_requests_newest_commit(
    bench: Bench, sample: Checkout, make_simulator: MakeSimulator
) -> None:
    simulator = await make_simulator(bare=True)
    simulator.team.github.use(sample.origin)
    api = simulator.team.github_url
    bench.tools.settings = Settings(github=GitHubSettings(api=api, repository="acme/wa-orchestrator"))
    bench.tools.secrets = {"github-token": "sim-maria@example.com"}
    bench.subject = replace(bench.subject, head=A)
    head = git(sample.path, "rev-parse", "HEAD")
    for check in ("form", "checks", "approvals", "merged"):
        step = bench.step("github", check=check, merge=check == "merged", poll="50 ms", bound_to="head")
        evidence = await bench.run(step)
        assert (evidence.result, evidence.subject) == (Result.PASSED, head), check
        bench.subject = replace(bench.subject, pull_request="128")
    commit(sample, "the next release's")
    again = await bench.run(bench.step("github", check="merged", merge=True, bound_to="head"))
    assert again.subject == head, "what was merged is what it was"


# -- on consoles ------------------------------------------------------------------------------------------------------


def loaded() -> Loaded:
    def step(own: str, **settings: object) -> Step:
        told = {"id": own, "title": Words(en=own), "help": Words(en=""), "kind": "command", "bound_to": "head"}
        return Step.model_validate(told | {"settings": settings})

    steps = (step("current", read="git_current"), step("tests", argv=[sys.executable, "-c", "pass"]))
    book = Runbook(id="book", title=Words(en="Book"), phases=(Phase(id="before", title=Words(en="B"), steps=steps),))
    return Loaded(book, {one.id: checked(kinds()["command"], one) for one in steps}, "book.toml")


@pytest.fixture
async def two(
    simulator: Callable[..., SimulatorProcess], tmp_path: Path, sample: Checkout
) -> AsyncIterator[Callable[..., object]]:
    """Opens consoles in the sample checkout, each with a journal of its own."""
    running = simulator(scenario="healthy", bare=True, speed=10)
    async with AsyncExitStack() as stack:

        async def open_one(email: str, *, drive: bool) -> Walk:
            settings = Settings.model_validate({"journal": tmp_path / email / "journal.db"})
            session = await Session.open(
                settings, settings.environment("production"), endpoint=running.grpc, as_email=email, watch=True
            )
            stack.push_async_callback(session.close)
            await session.watcher.refresh()
            walk = await Walk.open(session, settings, loaded(), drive=drive, checkout=sample.path)
            stack.push_async_callback(walk.close)
            return walk

        yield open_one


async def states(walk: Walk, *wanted: State) -> None:
    """Wait until the two steps stand so."""
    await until(lambda: [view.state for view in walk.checklist().steps] == list(wanted), timeout_s=60)


async def test_a_commit_after_the_tests_opens_them_again_on_every_console(
    two: Callable[..., object], sample: Checkout
) -> None:
    maria: Walk = await two("maria@acme.example", drive=True)  # type: ignore[misc]
    before = git(sample.path, "rev-parse", "HEAD")
    await maria.run("current")
    await maria.run("tests")
    await states(maria, State.PASSED, State.PASSED)
    carlos: Walk = await two("carlos@acme.example", drive=False)  # type: ignore[misc]
    await states(carlos, State.PASSED, State.PASSED)
    after = commit(sample)
    await maria.run("current")
    for console in (maria, carlos):
        await states(console, State.PASSED, State.STALE)
        stale = console.checklist().view("tests")
        assert stale is not None
        assert stale.reason == f"stale: evidence is of commit {before[:7]}, now {after[:7]}"
    await maria.run("tests")
    for console in (maria, carlos):
        await states(console, State.PASSED, State.PASSED)
