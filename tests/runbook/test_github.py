"""GitHub as the checklist sees it: against the simulator's own server, and against one that misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

from console.clock import ManualClock
from console.errors import BlockedError, CanarioError, CredentialsError, QuotaError, UnavailableError, UsageError
from console.github.client import GitHub
from console.github.errors import Forbidden, NotThere
from console.runbook.evidence import Evidence, Result
from console.runbook.kinds.base import Known
from console.settings import GitHubSettings, Settings
from console.simulator.checkout import Checkout, git
from console.simulator.github_state import BACKEND_CI
from console.simulator.server import Simulator
from tests.runbook.conftest import MakeSimulator
from tests.runbook.steps import Bench

TOKEN = "sim-maria@example.com"
QUICK = {"poll": "50 ms", "appears": "10 s"}


@pytest.fixture
async def simulator(make_simulator: MakeSimulator, team: Checkout) -> Simulator:
    made = await make_simulator(bare=True)
    made.team.github.use(team.origin)
    return made


@pytest.fixture
async def here(bench: Bench, simulator: Simulator) -> Bench:
    """A bench whose GitHub is the simulator's."""
    api = simulator.team.github_url
    bench.tools.settings = Settings(github=GitHubSettings(api=api, repository="acme/wa-orchestrator"))
    bench.tools.secrets = {"github-token": TOKEN}
    return bench


async def look(bench: Bench, check: str, **settings: object) -> Evidence:
    return await bench.run(bench.step("github", check=check, **QUICK | settings))


async def control(simulator: Simulator, **body: object) -> dict[str, object]:
    answer = await simulator.team.control_github(body)
    assert isinstance(answer, dict)
    return answer


# -- the pull request -------------------------------------------------------------------------------------------------


async def test_a_pull_request_of_the_runbooks_form_passes_and_tells_who_wrote_it(here: Bench) -> None:
    evidence = await look(here, "form")
    assert evidence.result is Result.PASSED, evidence
    assert evidence.learned == {
        "pull_request": "128",
        "author": "carlos.lopez@example.com",
        "author_login": "carlos-lopez",
        "migration": "Y",
    }


LACKING: tuple[tuple[dict[str, object], str], ...] = (
    ({"title": "Reservas con notas"}, "title"),
    ({"labels": ["enhancement", "backend"]}, "ready-for-deploy"),
    ({"labels": ["backend", "ready-for-deploy"]}, "enhancement, bugfix, hotfix"),
    ({"labels": ["bugfix", "ready-for-deploy"]}, "backend, panel, infra"),
    ({"body": "## What changed\n\nx\n\n## Testing\n\nx\n\n## Migration? N"}, "Why"),
    ({"body": "## What changed\nx\n## Why\n## Testing\nx\n## Migration? N"}, "Why"),
    ({"body": "## What changed\nx\n## Why\nx\n## Testing\nx\n## Migration? (Y/N - if Y, detail)"}, "Y or N"),
    ({"body": "## What changed\nx\n## Why\nx\n## Testing\nx\n## Migration? Y"}, "which"),
    ({"draft": True}, "draft"),
)


async def test_what_the_form_lacks_is_said(here: Bench, simulator: Simulator) -> None:
    await look(here, "form")
    pull = simulator.team.github.pull
    well = {"title": pull.title, "body": pull.body, "labels": list(pull.labels), "draft": False}
    for change, said in LACKING:
        await control(simulator, **well | change)
        evidence = await look(here, "form")
        assert evidence.result is Result.FAILED, change
        assert said in " ".join(evidence.problems), change
        assert "/pull/128" in evidence.remedy


async def test_red_checks_fail_and_are_named(here: Bench, simulator: Simulator) -> None:
    assert (await look(here, "checks")).result is Result.PASSED
    await control(simulator, checks="failure")
    evidence = await look(here, "checks")
    assert evidence.result is Result.FAILED
    assert "backend-ci: failure" in " ".join(evidence.problems)


async def test_checks_that_run_are_followed_to_their_end(here: Bench, simulator: Simulator) -> None:
    await control(simulator, checks="pending")
    task = asyncio.ensure_future(look(here, "checks"))
    await until(lambda: any("0 of" in progress.sentence for progress in here.progress))
    assert not task.done()
    await control(simulator, checks="success")
    assert (await task).result is Result.PASSED


async def test_a_check_that_the_runbook_requires_and_that_never_ran_fails(here: Bench) -> None:
    evidence = await look(here, "checks", required=["security-scan"], appears="100 ms")
    assert "security-scan" in " ".join(evidence.problems)


async def test_another_commit_than_the_one_tested_here_is_told(here: Bench) -> None:
    here.subject = replace(here.subject, commit="f" * 40)
    evidence = await look(here, "checks")
    assert evidence.result is Result.FAILED
    assert "f" * 12 in " ".join(evidence.problems)


async def test_one_approval_that_is_not_the_authors_is_enough(here: Bench, simulator: Simulator) -> None:
    assert (await look(here, "approvals")).result is Result.PASSED
    await control(simulator, dismiss="juan-perez")
    evidence = await look(here, "approvals")
    assert evidence.result is Result.FAILED
    await control(simulator, approve="ana-diaz")
    assert "ana-diaz" in (await look(here, "approvals")).sentence


async def test_the_latest_review_counts_and_a_request_for_changes_blocks(here: Bench, simulator: Simulator) -> None:
    await control(simulator, request_changes="ana-diaz")
    evidence = await look(here, "approvals")
    assert evidence.result is Result.FAILED
    assert "ana-diaz" in " ".join(evidence.problems)
    await control(simulator, approve="ana-diaz")
    assert (await look(here, "approvals")).result is Result.PASSED


async def test_an_approval_of_the_commit_before_the_last_is_none_and_says_who_gave_it(
    here: Bench, simulator: Simulator
) -> None:
    assert (await look(here, "approvals")).result is Result.PASSED
    before = simulator.team.github.pull.head
    await control(simulator, push="One more thing")
    evidence = await look(here, "approvals")
    assert evidence.result is Result.FAILED
    said = " ".join(evidence.problems)
    assert "juan-perez approved an earlier commit" in said
    assert before[:12] in said
    await control(simulator, approve="juan-perez")
    assert (await look(here, "approvals")).result is Result.PASSED


async def test_a_stranger_who_approves_does_not_let_the_release_pass(here: Bench, simulator: Simulator) -> None:
    await control(simulator, dismiss="juan-perez")
    await control(simulator, approve="passer-by", association="NONE")
    evidence = await look(here, "approvals")
    assert evidence.result is Result.FAILED
    assert "passer-by" in " ".join(evidence.problems)
    assert (await look(here, "approvals", associations=["NONE"])).result is Result.PASSED


async def test_checks_that_were_all_skipped_are_not_green(here: Bench, simulator: Simulator) -> None:
    await look(here, "checks")
    simulator.team.github.set_checks("skipped")
    evidence = await look(here, "checks")
    assert evidence.result is Result.FAILED
    assert "none has passed" in " ".join(evidence.problems)


async def merged_by_hand(simulator: Simulator) -> str:
    """What the runbook's own `git merge --no-ff` and `git push` leave, past GitHub's branch protection."""
    github = simulator.team.github
    await github.sync()
    person, moment = ("Carlos", "carlos@example.com"), datetime(2026, 11, 25, 12, tzinfo=UTC)
    commit = github.repository.merge("main", github.pull.head, "Merge develop\n", person, moment)
    await github.sync()
    return commit


async def test_a_merge_made_elsewhere_passes_where_it_was_reviewed_and_green(here: Bench, simulator: Simulator) -> None:
    commit = await merged_by_hand(simulator)
    here.subject = replace(here.subject, pull_request="128")
    evidence = await look(here, "merged", required=["backend-ci"])
    assert evidence.result is Result.PASSED, evidence
    assert evidence.learned["commit"] == commit


async def test_a_merge_made_elsewhere_of_what_nobody_reviewed_does_not_pass(here: Bench, simulator: Simulator) -> None:
    await control(simulator, dismiss="juan-perez", checks="failure")
    await merged_by_hand(simulator)
    here.subject = replace(here.subject, pull_request="128")
    evidence = await look(here, "merged", merge=True)
    assert evidence.result is Result.FAILED
    said = " ".join(evidence.problems)
    assert "0 of 1 approvals" in said
    assert "backend-ci: failure" in said
    assert "commit" not in evidence.learned, "nothing is released of it"
    await control(simulator, approve="juan-perez", checks="success")
    assert (await look(here, "merged", merge=True)).result is Result.PASSED


async def test_a_pull_request_merged_into_another_branch_is_not_merged_for_this_release(
    here: Bench, simulator: Simulator
) -> None:
    await merged_by_hand(simulator)
    here.subject = replace(here.subject, pull_request="128")
    here.tools.settings = here.tools.settings.model_copy(
        update={"github": here.tools.settings.github.model_copy(update={"base": "release"})}
    )
    evidence = await look(here, "merged")
    assert evidence.result is Result.FAILED
    assert "leads to main, not to release" in " ".join(evidence.problems)


async def test_enter_merges_once_it_is_approved_and_green_and_the_commit_is_learned(
    here: Bench, simulator: Simulator
) -> None:
    step = here.step("github", check="merged", merge=True, **QUICK)
    assert step.once
    await control(simulator, dismiss="juan-perez")
    blocked = await here.run(step)
    assert blocked.result is Result.FAILED
    assert not (await control(simulator))["merge"]
    await control(simulator, approve="juan-perez")
    evidence = await here.run(step)
    assert evidence.result is Result.PASSED
    assert evidence.learned["commit"] == (await control(simulator))["merge"] != ""
    here.subject = replace(here.subject, pull_request=evidence.learned["pull_request"])
    again = await here.run(step)
    assert again.learned["commit"] == evidence.learned["commit"]


async def test_without_merge_it_only_looks(here: Bench, simulator: Simulator) -> None:
    evidence = await look(here, "merged")
    assert evidence.result is Result.FAILED
    assert not (await control(simulator))["merge"]
    with pytest.raises(ValidationError):
        here.step("github", check="form", merge=True)


async def test_a_merge_that_was_cut_off_is_found_done_or_not_done(here: Bench, simulator: Simulator) -> None:
    step = here.step("github", check="merged", merge=True, **QUICK)
    context = here.context(step)
    assert await step.settle(context, context.now()) is None
    await here.run(step)
    here.subject = replace(here.subject, pull_request="128")
    settled = await step.settle(here.context(step), context.now())
    assert settled is not None
    assert settled.result is Result.PASSED


async def test_last_weeks_merged_pull_request_is_not_this_releases(here: Bench) -> None:
    merged = await here.run(here.step("github", check="merged", merge=True, **QUICK))
    with pytest.raises(UsageError):
        await look(here, "form")
    here.subject = replace(here.subject, commit=merged.learned["commit"])
    assert (await look(here, "form")).learned["pull_request"] == "128"


async def test_the_repository_is_the_checkouts_origin_where_settings_name_none(here: Bench) -> None:
    git(here.checkout, "init", "-q", "--initial-branch=develop")
    git(here.checkout, "remote", "add", "origin", "git@github.com:acme/wa-orchestrator.git")
    here.tools.settings = Settings(github=GitHubSettings(api=here.tools.settings.github.api))
    assert (await look(here, "form")).result is Result.PASSED
    git(here.checkout, "remote", "set-url", "origin", "/srv/git/acme/wa.git")
    with pytest.raises(UsageError):
        await look(here, "form")


# -- workflows --------------------------------------------------------------------------------------------------------


async def test_the_workflow_of_the_merge_commit_is_followed_to_its_end(here: Bench) -> None:
    merged = await here.run(here.step("github", check="merged", merge=True, **QUICK))
    here.subject = replace(here.subject, commit=merged.learned["commit"])
    evidence = await look(here, "workflow", workflow="backend-ci.yml")
    assert evidence.result is Result.PASSED, evidence
    assert any("queued" in p.sentence or "in progress" in p.sentence for p in here.progress)


async def test_a_run_that_fails_names_its_job_and_where_to_read(here: Bench, simulator: Simulator) -> None:
    await control(simulator, fail_workflow="panel-ci.yml")
    merged = await here.run(here.step("github", check="merged", merge=True, **QUICK))
    here.subject = replace(here.subject, commit=merged.learned["commit"])
    evidence = await look(here, "workflow", workflow="panel-ci.yml")
    assert evidence.result is Result.FAILED
    assert "panel-ci: failure" in evidence.problems[0]
    assert "/actions/runs/" in evidence.remedy


async def test_a_commit_without_a_run_fails_after_a_while(here: Bench) -> None:
    here.subject = replace(here.subject, commit="a" * 40)
    evidence = await look(here, "workflow", workflow="backend-ci.yml", appears="100 ms")
    assert evidence.result is Result.FAILED
    here.subject = replace(here.subject, commit="")
    with pytest.raises(UsageError):
        await look(here, "workflow", workflow="backend-ci.yml")


async def test_a_run_by_hand_on_another_branch_is_not_the_merges_own(here: Bench, simulator: Simulator) -> None:
    github = simulator.team.github
    await github.sync()
    github.start(BACKEND_CI, "workflow_dispatch", "develop", github.pull.head, "maria", "Backend CI")
    here.subject = replace(here.subject, commit=github.pull.head)
    evidence = await look(here, "workflow", workflow="backend-ci.yml", appears="300 ms")
    assert evidence.result is Result.FAILED
    assert "no run" in evidence.sentence
    assert "workflow_dispatch (develop)" in evidence.problems[1]


DEPLOY = {"workflow": "deploy-backend.yml", "inputs": {"environment": "production", "revision_traffic_percent": 10}}


STAGING = {"environment": "staging", "revision_traffic_percent": 0}


def dispatches(simulator: Simulator) -> int:
    return sum(run.event == "workflow_dispatch" and run.actor == "maria" for run in simulator.team.github.runs)


async def test_the_manual_deploy_is_started_once_found_again_and_followed(here: Bench, simulator: Simulator) -> None:
    # what it deploys is what staging serves: the merge has to be there first
    merged = await here.run(here.step("github", check="merged", merge=True, **QUICK))
    here.subject = replace(here.subject, commit=merged.learned["commit"])
    staging = await look(here, "workflow", workflow="deploy-staging.yml", event="workflow_run", appears="60 s")
    assert staging.result is Result.PASSED
    here.tools.actions = Guards()
    step = here.step("github", check="dispatch", **QUICK, **DEPLOY)
    assert step.once
    evidence = await here.run(step)
    assert evidence.result is Result.PASSED, evidence
    assert dispatches(simulator) == 1
    assert simulator.team.github.runs[-1].inputs == {"environment": "production", "revision_traffic_percent": "10"}
    assert here.tools.actions.asked == [10]


@dataclass
class Guards:
    """The guarded door's place: what it was asked, and what it answers."""

    no: str = ""
    asked: list[int] = field(default_factory=list)

    async def deploy_elsewhere(
        self, what: str, percent: int, send: Callable[[], Awaitable[None]], *, reason: str = ""
    ) -> tuple[str, ...]:
        self.asked.append(percent)
        if self.no:
            raise BlockedError((self.no,), overridable=False)
        await send()
        return ()


async def test_a_dispatch_to_production_that_a_guardrail_blocks_starts_nothing(
    here: Bench, simulator: Simulator
) -> None:
    here.tools.actions = Guards("window: closed")
    with pytest.raises(BlockedError):
        await look(here, "dispatch", **DEPLOY)
    assert dispatches(simulator) == 0
    assert here.tools.actions.asked == [10]


async def test_a_dispatch_to_staging_asks_no_guardrail(here: Bench, simulator: Simulator) -> None:
    await look(here, "dispatch", workflow="deploy-backend.yml", inputs=STAGING)
    assert dispatches(simulator) == 1, "there is no door here that could have been asked"


@pytest.mark.parametrize("inputs", [{}, {"environment": "elsewhere"}, {"environment": "production"}])
async def test_a_dispatch_that_does_not_say_its_share_starts_nothing(
    here: Bench, simulator: Simulator, inputs: dict[str, str]
) -> None:
    for told in ({}, {"revision_traffic_percent": "ten"}, {"revision_traffic_percent": "1000"}):
        with pytest.raises(UsageError) as raised:
            await look(here, "dispatch", workflow="deploy-backend.yml", inputs=inputs | told)
        assert "revision_traffic_percent" in raised.value.remedy
    assert dispatches(simulator) == 0


async def test_a_release_for_staging_cannot_set_off_a_deployment_to_production(
    here: Bench, simulator: Simulator
) -> None:
    here.tools.environment_name = "staging"
    with pytest.raises(UsageError) as raised:
        await look(here, "dispatch", **DEPLOY)
    assert "--env production" in raised.value.remedy
    assert dispatches(simulator) == 0


async def test_a_dispatch_cut_off_by_a_crash_is_found_by_who_where_and_when(here: Bench, simulator: Simulator) -> None:
    step = here.step("github", check="dispatch", **QUICK | {"appears": "300 ms"}, **DEPLOY)
    begun = datetime.fromtimestamp(simulator.clock.now(), UTC)
    assert await step.settle(here.context(step), begun) is None, "the run of the release before is not ours"
    async with GitHub(
        here.tools.settings.github.api, "acme/wa-orchestrator", "sim-juan@example.com", here.clock
    ) as other:
        await other.dispatch(
            "deploy-backend.yml", ref="main", inputs={"environment": "staging", "revision_traffic_percent": "0"}
        )
    assert await step.settle(here.context(step), begun) is None, "nor is another's"
    async with GitHub(here.tools.settings.github.api, "acme/wa-orchestrator", TOKEN, here.clock) as mine:
        await mine.dispatch(
            "deploy-backend.yml", ref="main", inputs={"environment": "staging", "revision_traffic_percent": "0"}
        )
    settled = await step.settle(here.context(step), begun)
    assert settled is not None
    assert settled.result in (Result.PASSED, Result.FAILED)
    later = datetime.fromtimestamp(simulator.clock.now(), UTC) + timedelta(hours=1)
    assert await step.settle(here.context(step), later) is None
    assert dispatches(simulator) == 1


async def test_an_input_that_the_workflow_does_not_know_is_told_in_githubs_words(here: Bench) -> None:
    evidence = await look(here, "dispatch", workflow="deploy-backend.yml", inputs=STAGING | {"nonsense": "1"})
    assert evidence.result is Result.FAILED
    assert "nonsense" in " ".join(evidence.problems)


# -- refusals and trouble ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "kind", "words"),
    [
        ("sim-expired", CredentialsError, "CANARIO_GITHUB_TOKEN"),
        ("", CredentialsError, "keyring set canario github-token"),
    ],
)
async def test_a_token_that_will_not_do_is_a_sentence(
    here: Bench, token: str, kind: type[CanarioError], words: str
) -> None:
    here.tools.secrets = {"github-token": token} if token else {}
    with pytest.raises(kind) as raised:
        await look(here, "form")
    assert words in raised.value.remedy
    assert not token or token not in str(raised.value)


async def test_a_token_that_may_only_read_cannot_merge_and_says_what_it_needs(here: Bench) -> None:
    here.tools.secrets = {"github-token": "sim-denied-maria@example.com"}
    assert (await look(here, "form")).result is Result.PASSED
    with pytest.raises(Forbidden) as raised:
        await look(here, "merged", merge=True)
    assert "write" in raised.value.remedy


async def test_a_repository_that_is_not_there_is_a_sentence(here: Bench) -> None:
    api = here.tools.settings.github.api
    here.tools.settings = Settings(github=GitHubSettings(api=api, repository="acme/nothing"))
    with pytest.raises(NotThere) as raised:
        await look(here, "form")
    assert "repository" in raised.value.remedy


async def test_a_used_up_rate_limit_says_how_long(here: Bench, simulator: Simulator) -> None:
    await look(here, "form")  # the hour of the limit begins with the first request
    await control(simulator, rate_limit=0)
    with pytest.raises(QuotaError) as raised:
        await look(here, "form")
    assert "min" in raised.value.what


async def test_a_short_retry_after_is_waited_for_and_a_busy_github_asked_again(
    here: Bench, simulator: Simulator
) -> None:
    await control(simulator, fail_next={"status": 429, "retry_after": 1, "count": 1})
    assert (await look(here, "form")).result is Result.PASSED
    await control(simulator, fail_next={"status": 502, "count": 2})
    assert (await look(here, "form")).result is Result.PASSED


async def test_a_github_that_is_down_is_a_sentence(here: Bench, simulator: Simulator) -> None:
    await control(simulator, fail_next={"status": 503, "count": 9})
    with pytest.raises(UnavailableError) as raised:
        await look(here, "form")
    assert "503" in raised.value.what


Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serves a handler on loopback, for what no GitHub does."""
    servers: list[TestServer] = []

    async def start(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> str:
        app = web.Application()
        app.router.add_route("*", "/{any:.*}", handler)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        return str(server.make_url("")).rstrip("/")

    yield start
    for server in servers:
        await server.close()


async def test_every_page_is_read_and_no_other_host_gets_the_token(serve: Serve) -> None:
    stolen: list[str] = []

    async def thief(request: web.Request) -> web.Response:
        stolen.append(request.headers.get("Authorization", ""))
        return web.json_response([])

    elsewhere = await serve(thief)

    async def pages(request: web.Request) -> web.Response:
        page = int(request.query.get("page", "1"))
        target = elsewhere if page == 3 else f"http://{request.host}"
        link = f'<{target}{request.path}?page={page + 1}>; rel="next", <http://x/>; rel="last"'
        review = {"user": {"login": f"user{page}"}, "state": "APPROVED"}
        return web.json_response([review], headers={"Link": link})

    api = await serve(pages)
    async with GitHub(api, "a/b", "tok", ManualClock(datetime(2026, 11, 25, tzinfo=UTC))) as github:
        found = await github.reviews(1)
    assert [review.user for review in found] == ["user1", "user2", "user3"]
    assert stolen == []


async def test_an_unchanged_answer_costs_nothing_of_the_limit(serve: Serve) -> None:
    statuses: list[int] = []

    async def tagged(request: web.Request) -> web.Response:
        statuses.append(304 if request.headers.get("If-None-Match") == '"one"' else 200)
        if statuses[-1] == 304:
            return web.Response(status=304)
        return web.json_response({"number": 5, "title": "kept"}, headers={"ETag": '"one"'})

    async with GitHub(await serve(tagged), "a/b", "tok", ManualClock(datetime(2026, 11, 25, tzinfo=UTC))) as github:
        assert [(await github.pull_request(5)).title for _ in range(3)] == ["kept"] * 3
    assert statuses == [200, 304, 304]


@pytest.mark.parametrize("body", ["", "null", "[]", "{}", '"x"', "[[[", '{"head": 3, "user": [], "labels": {"a": 1}}'])
async def test_nonsense_from_github_is_no_crash(bench: Bench, serve: Serve, body: str) -> None:
    async def nonsense(_request: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/json")

    bench.tools.settings = Settings(github=GitHubSettings(api=await serve(nonsense), repository="a/b"))
    bench.tools.secrets = {"github-token": "ghp_" + "z" * 36}
    for check in ("form", "checks", "approvals", "merged"):
        with contextlib.suppress(CanarioError):
            assert (await look(bench, check, number=7, appears="10 ms")).result is Result.FAILED


async def test_githubs_words_reach_people_without_escapes_or_tokens(bench: Bench, serve: Serve) -> None:
    async def rude(_request: web.Request) -> web.Response:
        message = "no\x1b]52;c;aGk=\x07 ghp_" + "q" * 36
        return web.Response(status=422, text=json.dumps({"message": message}), content_type="application/json")

    bench.tools.settings = Settings(github=GitHubSettings(api=await serve(rude), repository="a/b"))
    bench.tools.secrets = {"github-token": "t"}
    with pytest.raises(CanarioError) as raised:
        await look(bench, "form")
    assert "\x1b" not in str(raised.value)
    assert "qqqq" not in str(raised.value)


async def test_plain_http_to_another_machine_is_refused(bench: Bench) -> None:
    with pytest.raises(CanarioError):
        GitHub("http://github.example.com", "a/b", "t", bench.clock)


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        await asyncio.sleep(0.02)


async def test_what_enter_merges_is_named_as_far_as_it_is_known(bench: Bench) -> None:
    merge = bench.step("github", check="merged", merge=True)
    known = Known("acme/wa-orchestrator", "main", "128")
    assert merge.explain_of(known) == (
        "Once it is approved and green: PUT /repos/acme/wa-orchestrator/pulls/128/merge, merge_method merge.",
    )
    assert merge.explain_of(Known(pull_request="128")) == (
        "Once it is approved and green: merges #128 of the checkout's origin, merge_method merge.",
    )
    dispatch = bench.step("github", check="dispatch", workflow="deploy.yml")
    assert dispatch.explain_of(replace(known, base="trunk")) == (
        "POST /repos/acme/wa-orchestrator/actions/workflows/deploy.yml/dispatches",
        "ref trunk, inputs -",
        "Into a protected environment only past the guardrails of a deployment; above 0 % those of a move too.",
    )
    for step in (merge, dispatch):
        for line in (*step.explain(), *step.explain_of(known)):
            assert not {"OWNER", "NAME", "NUMBER"} & set(line.split("/"))
