"""The team's GitHub: the pull request, its reviews and checks, the merge and what it sets off, dispatches, errors."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from console.simulator.checkout import git, write_checkout
from console.simulator.deployments import image_of, mixed
from console.simulator.github_state import BACKEND_CI, MANUAL, Refused, check_inputs
from tests.simulator.conftest import NOON, Cloud, MakeCloud

REPO = "/repos/acme/wa-orchestrator"
PULL = f"{REPO}/pulls/128"
DEPLOY = f"{REPO}/actions/workflows/deploy-backend.yml/dispatches"
TEN = {"ref": "main", "inputs": {"environment": "production", "revision_traffic_percent": "10"}}


class Hub:
    """A console's view of the simulated GitHub."""

    def __init__(self, cloud: Cloud, who: str = "maria@example.com") -> None:
        self.cloud = cloud
        self.http = httpx.AsyncClient(
            base_url=cloud.info["github"], headers={"Authorization": f"Bearer sim-{who}"}, timeout=30
        )

    async def get(self, path: str, expect: int = 200, **query: Any) -> Any:
        answer = await self.http.get(path, params=query)
        assert answer.status_code == expect, answer.text[:400]
        return answer.json()

    async def control(self, **what: Any) -> Any:
        answer = await self.http.post(self.cloud.info["control"] + "/github", json=what)
        return answer.status_code, answer.json()

    async def merge(self, **body: Any) -> httpx.Response:
        return await self.http.put(f"{PULL}/merge", json=body)

    async def runs(self, **query: Any) -> list[Any]:
        return list((await self.get(f"{REPO}/actions/runs", **query))["workflow_runs"])


@pytest.fixture
async def hub(cloud: Cloud) -> AsyncIterator[Hub]:
    """At a hundred times the speed."""
    made = Hub(cloud)
    yield made
    await made.http.aclose()


async def until(found: Callable[[], Awaitable[Any]], timeout: float = 60.0) -> Any:
    """What `found` returns once it is true of something."""
    async with asyncio.timeout(timeout):
        while not (result := await found()):  # noqa: ASYNC110 - a server's state, seen over HTTP
            await asyncio.sleep(0.02)
        return result


async def test_the_pull_request_is_open_in_the_runbooks_form_green_and_approved_by_another(hub: Hub) -> None:
    (listed,) = await hub.get(f"{REPO}/pulls", state="open", head="acme:develop", base="main")
    pull = await hub.get(PULL)
    assert listed["number"] == pull["number"] == 128
    assert pull["title"] == "[Paso 3] Reservas con notas"
    assert pull["user"]["login"] == "carlos-lopez"
    for section in ("What changed", "Why", "Testing done locally", "Migration? Y"):
        assert section in pull["body"]
    assert [label["name"] for label in pull["labels"]] == ["enhancement", "backend", "ready-for-deploy"]
    assert (pull["mergeable"], pull["mergeable_state"], pull["merged"]) == (True, "clean", False)
    (review,) = await hub.get(f"{PULL}/reviews")
    assert (review["user"]["login"], review["state"]) == ("juan-perez", "APPROVED")
    assert review["commit_id"] == pull["head"]["sha"]
    checks = (await hub.get(f"{REPO}/commits/{pull['head']['sha']}/check-runs"))["check_runs"]
    assert {check["name"]: check["conclusion"] for check in checks} == {"backend-ci": "success", "panel-ci": "success"}
    assert (await hub.get(f"{REPO}/commits/develop/status"))["total_count"] == 0


async def test_a_browser_is_shown_the_pull_request_where_its_address_leads(hub: Hub) -> None:
    await hub.http.post(f"{REPO}/issues/128/comments", json={"body": "<script>alert(1)</script>"})
    async with httpx.AsyncClient() as browser:
        shown = (await browser.get((await hub.get(PULL))["html_url"])).text
    assert "[Paso 3] Reservas con notas" in shown
    assert "juan-perez: APPROVED" in shown
    assert "<script>" not in shown


async def test_its_commits_and_files_are_those_of_the_checkout(hub: Hub) -> None:
    commits = await hub.get(f"{PULL}/commits")
    assert len(commits) == 3
    assert {commit["commit"]["author"]["email"] for commit in commits} == {"carlos.lopez@example.com"}
    files = {file["filename"]: file for file in await hub.get(f"{PULL}/files")}
    migration = files["migrations/0007_reservas_notes.sql"]
    assert migration["status"] == "added"
    assert "+ALTER TABLE reservas ADD COLUMN notes VARCHAR(500);" in migration["patch"]
    assert (await hub.get(f"{REPO}/commits/develop"))["sha"] == commits[-1]["sha"]
    assert (await hub.get(f"{REPO}/commits/nowhere", 422))["message"] == "No commit found for SHA: nowhere"


async def test_without_or_with_a_wrong_token_nobody_gets_in_and_a_reader_may_not_write(hub: Hub) -> None:
    url = hub.cloud.info["github"] + REPO
    async with httpx.AsyncClient() as plain:
        assert (await plain.get(url)).json()["message"] == "Requires authentication"
        for token in ("ghp_wrong", "sim-expired@example.com"):
            answer = await plain.get(url, headers={"Authorization": f"Bearer {token}"})
            assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")
        denied = {"Authorization": "token sim-denied@example.com"}
        assert (await plain.get(url, headers=denied)).status_code == 200
        assert (await plain.put(f"{url}/pulls/128/merge", headers=denied)).status_code == 403
    for path in ("/repos/acme/other", f"{REPO}/pulls/1", f"{REPO}/actions/workflows/none.yml", "/nothing"):
        assert (await hub.get(path, 404))["message"] == "Not Found"


async def test_an_unchanged_answer_is_304_and_costs_nothing_and_at_zero_the_limit_holds(hub: Hub) -> None:
    first = await hub.http.get(PULL)
    left = int(first.headers["X-RateLimit-Remaining"])
    again = await hub.http.get(PULL, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert int(again.headers["X-RateLimit-Remaining"]) == left
    assert first.headers["X-RateLimit-Limit"] == "5000"
    assert int(first.headers["X-RateLimit-Reset"]) > hub.cloud.simulator.clock.now() - 3600
    await hub.http.post(f"{REPO}/issues/128/comments", json={"body": "uno"})
    assert (await hub.http.get(PULL, headers={"If-None-Match": first.headers["ETag"]})).status_code == 200
    await hub.control(rate_limit=0)
    limited = await hub.http.get(PULL)
    assert (limited.status_code, limited.headers["X-RateLimit-Remaining"]) == (403, "0")
    await hub.control(rate_limit=10, fail_next={"status": 429, "retry_after": 7})
    busy = await hub.http.get(PULL)
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "7")
    assert (await hub.http.get(PULL)).status_code == 200


async def test_lists_come_in_pages_with_links_to_the_next(hub: Hub) -> None:
    for number in range(5):
        answer = await hub.http.post(f"{REPO}/issues/128/comments", json={"body": f"nota {number}"})
        assert answer.status_code == 201
    page = await hub.http.get(f"{REPO}/issues/128/comments", params={"per_page": 2})
    assert page.links.keys() == {"next", "last"}
    seen = [comment["body"] for comment in page.json()]
    while "next" in page.links:
        page = await hub.http.get(page.links["next"]["url"])
        seen += [comment["body"] for comment in page.json()]
    assert seen == [f"nota {number}" for number in range(5)]
    assert page.links.keys() == {"first", "prev"}
    assert page.json()[0]["user"]["login"] == "maria"


async def test_comments_and_labels_are_kept_and_empty_ones_refused(hub: Hub) -> None:
    refused = await hub.http.post(f"{REPO}/issues/128/comments", json={"body": " "})
    assert refused.status_code == 422
    assert (await hub.http.post(f"{REPO}/issues/128/comments", content=b"{")).status_code == 400
    added = await hub.http.post(f"{REPO}/issues/128/labels", json={"labels": ["infra", "backend"]})
    assert [label["name"] for label in added.json()] == ["enhancement", "backend", "ready-for-deploy", "infra"]
    assert len(await hub.get(f"{REPO}/issues/128/labels")) == 4
    assert (await hub.http.post(f"{REPO}/issues/128/labels", json={"labels": "infra"})).status_code == 422


@pytest.mark.parametrize(
    ("broken", "mended", "words"),
    [
        ({"checks": "failure"}, {"checks": "success"}, 'Required status check "backend-ci" is failing.'),
        ({"checks": "pending"}, {"checks": "success"}, 'Required status check "backend-ci" is expected.'),
        ({"dismiss": "juan-perez"}, {"approve": "juan-perez"}, "At least 1 approving review is required"),
        ({"request_changes": "juan-perez"}, {"approve": "juan-perez"}, "Changes have been requested"),
        ({"draft": True}, {"draft": False}, "Pull Request is not mergeable"),
    ],
)
async def test_what_the_branch_protection_refuses_is_405_until_it_is_mended(
    hub: Hub, broken: dict[str, Any], mended: dict[str, Any], words: str
) -> None:
    await hub.control(**broken)
    assert (await hub.get(PULL))["mergeable_state"] in ("blocked", "draft")
    refused = await hub.merge()
    assert refused.status_code == 405
    assert refused.json()["message"].startswith(words)
    await hub.control(**mended)
    assert (await hub.merge()).json()["merged"] is True


async def test_a_merge_of_another_head_is_409_and_of_another_kind_or_a_second_one_405(hub: Hub) -> None:
    assert (await hub.merge(sha="0" * 40)).status_code == 409
    assert (await hub.merge(merge_method="fast")).status_code == 422
    assert (await hub.merge(merge_method="squash")).status_code == 405
    head = (await hub.get(PULL))["head"]["sha"]
    assert (await hub.merge(sha=head)).status_code == 200
    assert (await hub.merge(sha=head)).status_code == 405
    assert (await hub.get(f"{REPO}/pulls", state="open")) == []
    assert (await hub.get(f"{REPO}/pulls", state="closed"))[0]["merged_at"]


async def test_after_the_merge_ci_runs_and_staging_serves_the_image_of_the_merge_commit(hub: Hub) -> None:
    merged = (await hub.merge(commit_title="Merge del Paso 3")).json()
    pull = await hub.get(PULL)
    assert (pull["state"], pull["merged_by"]["login"], pull["merge_commit_sha"]) == ("closed", "maria", merged["sha"])
    commit = await hub.get(f"{REPO}/commits/{merged['sha']}")
    assert [parent["sha"] for parent in commit["parents"]] == [pull["base"]["sha"], pull["head"]["sha"]]
    begun = await hub.runs(head_sha=merged["sha"], event="push")
    assert {run["path"] for run in begun} == {".github/workflows/backend-ci.yml", ".github/workflows/panel-ci.yml"}
    assert {run["status"] for run in begun} <= {"queued", "in_progress"}

    async def deployed() -> list[Any]:
        return await hub.runs(head_sha=merged["sha"], event="workflow_run", status="success")

    (run,) = await until(deployed)
    (job,) = (await hub.get(f"{REPO}/actions/runs/{run['id']}/jobs"))["jobs"]
    assert (job["name"], job["conclusion"]) == ("deploy", "success")
    (ci,) = await hub.runs(head_sha=merged["sha"], event="push", branch="main", status="completed", per_page=1)
    took = _seconds(run["updated_at"]) - _seconds(ci["created_at"])
    assert 100 < took < 400
    staging = hub.cloud.simulator.store.services["wa-backend-staging"]
    revision = staging.revisions[staging.latest_ready]
    assert staging.told == {revision.name: 100}
    assert revision.image == image_of("demo", merged["sha"])
    health = await hub.get(hub.cloud.info["services"]["wa-backend-staging"] + "/healthz")
    assert health["version"] == merged["sha"][:7]
    (audit,) = [k.entry for k in hub.cloud.simulator.logs.kept if "cloudaudit" in k.entry.log_name]
    assert b"github-actions@demo.example" in audit.proto_payload.value


async def test_where_ci_fails_nothing_is_deployed(hub: Hub) -> None:
    await hub.control(fail_workflow="backend-ci.yml")
    sha = (await hub.merge()).json()["sha"]

    async def failed() -> list[Any]:
        return await hub.runs(head_sha=sha, status="failure")

    (run,) = await until(failed)
    assert run["name"] == "Backend CI"
    hub.cloud.simulator.clock.set_now(hub.cloud.simulator.clock.now() + 600)
    assert await hub.runs(head_sha=sha, event="workflow_run") == []


async def test_the_manual_deploy_makes_a_production_revision_of_stagings_image_with_its_share(hub: Hub) -> None:
    started = await hub.http.post(DEPLOY, json=TEN)
    assert (started.status_code, started.content) == (204, b"")
    began = hub.cloud.simulator.clock.datetime().strftime("%Y-%m-%dT%H:%M:%SZ")
    query = {"event": "workflow_dispatch", "created": f"{NOON:%Y-%m-%d}"}

    async def done() -> list[Any]:
        path = f"{REPO}/actions/workflows/deploy-backend.yml/runs"
        return list((await hub.get(path, **query, status="success"))["workflow_runs"])

    (run,) = await until(done)
    assert run["actor"]["login"] == "maria"
    assert run["created_at"] <= began
    production = hub.cloud.simulator.store.services["wa-backend"]
    assert production.told == {production.latest_ready: 10, "wa-backend-00041-kem": 90}
    assert [t.revision for t in production.desired.traffic if t.tag == "canary"] == [production.latest_ready]
    newest = production.revisions[production.latest_ready]
    assert newest.image.endswith(":abc123d")  # staging's newest
    assert newest.message.creator == "github-actions@demo.example"


@pytest.mark.parametrize(
    ("file", "body", "words"),
    [
        ("deploy-backend.yml", {}, '"ref" wasn'),
        ("deploy-backend.yml", TEN | {"ref": "nope"}, "No ref found for: nope"),
        ("deploy-backend.yml", {"ref": "main"}, "Required input 'environment' not provided"),
        ("deploy-backend.yml", {"ref": "main", "inputs": {"x": 1}}, 'Unexpected inputs provided: ["x"]'),
        ("deploy-backend.yml", {"ref": "main", "inputs": []}, "it is not an object"),
        ("panel-ci.yml", {"ref": "main"}, "Workflow does not have 'workflow_dispatch' trigger"),
    ],
)
async def test_a_wrong_dispatch_is_422_in_githubs_words(hub: Hub, file: str, body: Any, words: str) -> None:
    answer = await hub.http.post(f"{REPO}/actions/workflows/{file}/dispatches", json=body)
    assert answer.status_code == 422
    assert words in answer.json()["message"]


async def test_a_share_that_is_none_fails_the_run_and_one_by_id_tells_its_run(hub: Hub) -> None:
    body = TEN | {"inputs": TEN["inputs"] | {"revision_traffic_percent": "some"}, "return_run_details": True}  # type: ignore[operator]
    answer = await hub.http.post(DEPLOY.replace("deploy-backend.yml", str(MANUAL.id)), json=body)
    assert answer.status_code == 200
    number = answer.json()["workflow_run_id"]

    newer = await hub.http.post(DEPLOY, json=TEN, headers={"X-GitHub-Api-Version": "2026-03-10"})
    assert newer.json()["workflow_run_id"] > number

    async def ended() -> Any:
        return (await hub.get(f"{REPO}/actions/runs/{number}"))["conclusion"]

    assert await until(ended) == "failure"


async def test_a_date_range_narrows_the_runs_and_nonsense_is_422(hub: Hub) -> None:
    everything = await hub.runs()
    assert len(everything) == 6
    day = f"{NOON:%Y-%m-%d}"
    assert await hub.runs(created=f">={day}T00:00:00Z") == []
    assert len(await hub.runs(created=f"<{day}")) == 6
    assert len(await hub.runs(created="2026-11-24..2026-11-25", branch="develop")) == 2
    await hub.get(f"{REPO}/actions/runs", 422, created="yesterday")


async def test_a_push_from_the_checkout_is_seen_and_a_merge_comes_back_with_a_pull(
    make_cloud: MakeCloud, tmp_path: Path
) -> None:
    cloud = await make_cloud()
    hub = Hub(cloud, "carlos.lopez@example.com")
    checkout = write_checkout(tmp_path, NOON)
    assert (await hub.control(origin=str(checkout.origin)))[0] == 200
    before = (await hub.get(PULL))["head"]["sha"]
    assert before == git(checkout.path, "rev-parse", "HEAD")
    (checkout.path / "README.md").write_text("# wa\n", encoding="utf-8")
    git(checkout.path, "commit", "-qam", "Acorta el README")
    git(checkout.path, "push", "-q", "origin", "develop")
    pull = await hub.get(PULL)
    assert pull["head"]["sha"] == git(checkout.path, "rev-parse", "HEAD") != before
    assert pull["mergeable_state"] == "blocked"  # its checks run again

    async def clean() -> bool:
        return bool((await hub.get(PULL))["mergeable_state"] == "clean")

    await until(clean)
    merged = (await hub.merge()).json()["sha"]
    git(checkout.path, "checkout", "-q", "main")
    git(checkout.path, "pull", "-q", "origin", "main")
    assert git(checkout.path, "rev-parse", "HEAD") == merged
    await hub.http.aclose()


async def test_a_merge_pushed_by_hand_closes_the_pull_request_and_runs_ci(
    make_cloud: MakeCloud, tmp_path: Path
) -> None:
    hub = Hub(await make_cloud())
    checkout = write_checkout(tmp_path, NOON)
    await hub.control(origin=str(checkout.origin))
    git(checkout.path, "checkout", "-q", "main")
    git(checkout.path, "merge", "-q", "--no-ff", "--no-edit", "develop")
    git(checkout.path, "push", "-q", "origin", "main")
    pull = await hub.get(PULL)
    assert pull["merged"] is True
    assert pull["merge_commit_sha"] == git(checkout.path, "rev-parse", "HEAD")
    assert len(await hub.runs(head_sha=pull["merge_commit_sha"])) == 2
    await hub.http.aclose()


async def test_a_new_image_on_staging_is_another_digest(hub: Hub) -> None:
    staging = hub.cloud.simulator.store.services["wa-backend-staging"]
    status, told = await hub.control(new_image=True)
    assert status == 200
    assert "@sha256:" in told["image"]
    assert staging.revisions[staging.latest_ready].image == told["image"]
    assert (await hub.control(new_image=True))[1]["image"] != told["image"]


async def test_control_refuses_what_it_does_not_know(hub: Hub) -> None:
    for wrong in ({"chekcs": "red"}, {"checks": "red"}, {"labels": "x"}, {"dismiss": "nobody"}, {"origin": "/nowhere"}):
        assert (await hub.control(**wrong))[0] == 400
    assert (await hub.control(fail_workflow="none.yml"))[0] == 409
    assert (await hub.control(push="Otro cambio", title="[Paso 3] Otra", labels=["bugfix"]))[0] == 200
    pull = await hub.get(PULL)
    assert (pull["title"], pull["commits"], [label["name"] for label in pull["labels"]]) == (
        "[Paso 3] Otra",
        4,
        ["bugfix"],
    )


async def test_a_github_that_hangs_answers_when_it_is_let(hub: Hub) -> None:
    await hub.get(PULL)
    hub.cloud.simulator.team.api.front.answering.clear()
    asking = asyncio.ensure_future(hub.get(PULL))
    done, _pending = await asyncio.wait({asking}, timeout=0.3)
    assert not done
    hub.cloud.simulator.team.api.front.answering.set()
    assert (await asking)["number"] == 128


async def test_a_restarted_simulator_goes_on_with_the_pull_request_its_runs_and_slacks_messages(
    make_cloud: MakeCloud, tmp_path: Path
) -> None:
    first = await make_cloud(state=tmp_path, speed=1.0)
    hub = Hub(first)
    sha = (await hub.merge()).json()["sha"]
    await hub.http.post(f"{REPO}/issues/128/comments", json={"body": "antes"})
    await hub.http.post(first.info["slack"], json={"text": "antes"})
    await hub.http.aclose()
    await first.simulator.stop()
    again = await make_cloud(state=tmp_path, scenario=None, seed=None, now=None)
    hub = Hub(again)
    pull = await hub.get(PULL)
    assert (pull["merged"], pull["merge_commit_sha"], pull["comments"]) == (True, sha, 1)
    assert (await hub.get(again.info["slack"].partition("/services")[0] + "/messages"))[0]["text"] == "antes"

    async def deployed() -> list[Any]:
        return await hub.runs(head_sha=sha, event="workflow_run", status="success")

    await until(deployed)
    assert len(await hub.runs(head_sha=sha)) == 3
    health = await hub.get(again.info["services"]["wa-backend-staging"] + "/healthz")
    assert health["version"] == sha[:7]
    await hub.http.aclose()


def test_shares_are_scaled_to_make_room_and_total_100() -> None:
    assert mixed({"a": 100}, "new", 10) == {"new": 10, "a": 90}
    assert mixed({"a": 90, "b": 10}, "new", 0) == {"a": 90, "b": 10}
    assert mixed({"a": 33, "b": 33, "c": 34}, "new", 50) == {"new": 50, "a": 16, "b": 16, "c": 18}
    assert mixed({"a": 60, "new": 40}, "new", 100) == {"new": 100}
    for percent in range(101):
        assert sum(mixed({"a": 7, "b": 31, "c": 62}, "new", percent).values()) == 100


def test_inputs_are_text_and_a_workflow_without_the_trigger_takes_none() -> None:
    inputs = {"environment": "staging", "revision_traffic_percent": 0}
    assert check_inputs(MANUAL, inputs) == {"environment": "staging", "revision_traffic_percent": "0"}
    with pytest.raises(Refused):
        check_inputs(BACKEND_CI, {})


def test_an_image_is_its_commits_digest() -> None:
    assert image_of("demo", "a") == image_of("demo", "a") != image_of("demo", "b")
    assert len(image_of("demo", "a").partition("@sha256:")[2]) == hashlib.sha256().digest_size * 2


def _seconds(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()
