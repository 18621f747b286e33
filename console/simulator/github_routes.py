"""GitHub's REST API: which path does what, over the state of `console.simulator.github`.

Sources, all https://docs.github.com/en/rest/...: `pulls/pulls`, `pulls/reviews`, `issues/comments`, `issues/labels`,
`commits/commits`, `commits/statuses`, `checks/runs`, `actions/workflows`, `actions/workflow-runs`,
`actions/workflow-jobs`. Tokens, limits, pages and errors are `console.simulator.github_front`'s.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime

from aiohttp import web

from console.simulator.github import GitHub
from console.simulator.github_front import Answer, Asked, Front
from console.simulator.github_json import Json
from console.simulator.github_page import page
from console.simulator.github_repo import FileChange
from console.simulator.github_runs_json import RunShapes
from console.simulator.github_state import BASE, HEAD, NUMBER, WORKFLOWS, Refused, Run, why_not_mergeable

ALWAYS_TELLS_RUN = "2026-03-10"
"""The API version from which a dispatch is answered 200 with its run; before, 204, or 200 with `return_run_details`."""
LARGEST_BODY = 1024 * 1024
LONGEST_BODY = 65_536
"""Characters of a comment."""


class GitHubApi:
    """Answers requests.

    Args:
        github: what it tells of.
        root: gives the URL that it is served at.
    """

    def __init__(self, github: GitHub, root: Callable[[], str]) -> None:
        self.github = github
        self.front = Front(github, root)
        self._root = root
        repo = f"/repos/{github.owner}/{github.name}"
        pull, issue, actions = f"{repo}/pulls/{{number}}", f"{repo}/issues/{{number}}", f"{repo}/actions"
        self._app = web.Application(client_max_size=LARGEST_BODY)
        for method, path, handler in (
            ("GET", "/user", self._user),
            ("GET", "/rate_limit", self._rate_limit),
            ("GET", repo, self._repository),
            ("GET", f"{repo}/pulls", self._pulls),
            ("GET", pull, self._pull),
            ("GET", f"{pull}/reviews", self._reviews),
            ("GET", f"{pull}/files", self._files),
            ("GET", f"{pull}/commits", self._commits),
            ("PUT", f"{pull}/merge", self._merge),
            ("GET", f"{pull}/merge", self._merged),
            ("GET", f"{issue}/comments", self._comments),
            ("POST", f"{issue}/comments", self._comment),
            ("GET", f"{issue}/labels", self._labels),
            ("POST", f"{issue}/labels", self._add_labels),
            ("GET", f"{repo}/commits/{{ref}}", self._commit),
            ("GET", f"{repo}/commits/{{ref}}/check-runs", self._check_runs),
            ("GET", f"{repo}/commits/{{ref}}/status", self._status),
            ("GET", f"{actions}/workflows", self._workflows),
            ("GET", f"{actions}/workflows/{{file}}", self._workflow),
            ("GET", f"{actions}/workflows/{{file}}/runs", self._runs),
            ("POST", f"{actions}/workflows/{{file}}/dispatches", self._dispatch),
            ("GET", f"{actions}/runs", self._runs),
            ("GET", f"{actions}/runs/{{run}}", self._run),
            ("GET", f"{actions}/runs/{{run}}/jobs", self._jobs),
        ):
            self._app.router.add_route(method, path, self.front.served(handler))
        self._app.router.add_get(f"/{github.owner}/{github.name}/{{any:.*}}", self._page)
        self._app.router.add_route("*", "/{any:.*}", self.front.served(self._nowhere))

    @property
    def app(self) -> web.Application:
        """What an HTTP server serves."""
        return self._app

    @property
    def shapes(self) -> RunShapes:
        """Its JSON."""
        return RunShapes(self._root(), self.github.owner, self.github.name)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        """What a browser is shown, with no token, at every address that an answer names for people."""
        return await page(self.github)

    async def _nowhere(self, asked: Asked) -> tuple[int, Answer]:
        raise Refused(404, "Not Found")

    # ---------------------------------------------------------------- the repository

    async def _user(self, asked: Asked) -> tuple[int, Answer]:
        return 200, self.shapes.whole_user(asked.login, self.github.began - 900 * 86_400)

    async def _rate_limit(self, asked: Asked) -> tuple[int, Answer]:
        core = self.front.free()
        return 200, {"resources": {"core": core, "search": {**core, "limit": 30, "resource": "search"}}, "rate": core}

    async def _repository(self, asked: Asked) -> tuple[int, Answer]:
        pull = self.github.pull
        created = self.github.began - 2.2 * 365 * 86_400
        return 200, self.shapes.repository(created, max(pull.created, pull.updated), int(pull.open))

    def _number(self, asked: Asked) -> None:
        """Refuse any number but the pull request's."""
        if asked.request.match_info["number"] != str(NUMBER):
            raise Refused(404, "Not Found")

    async def _pulls(self, asked: Asked) -> tuple[int, Answer]:
        state = asked.request.query.get("state", "open")
        if state not in ("open", "closed", "all"):
            raise Refused(422, "Validation Failed", [_invalid("PullRequest", "state")])
        pull = self.github.pull
        head, base = asked.request.query.get("head"), asked.request.query.get("base")
        fits = (
            (state == "all" or (state == "open") == pull.open)
            and head in (None, "", f"{self.github.owner}:{HEAD}")
            and base in (None, "", BASE)
        )
        return 200, self.front.paged(asked, [self.shapes.pull(pull)] if fits else [])

    async def _pull(self, asked: Asked) -> tuple[int, Answer]:
        self._number(asked)
        pull = self.github.pull
        commits = await self.github.call(self.github.repository.between, pull.base, pull.head)
        files = await self._changes(pull.base, pull.head)
        state = "draft" if pull.draft else "blocked" if why_not_mergeable(pull, self.github.runs) else "clean"
        return 200, self.shapes.whole_pull(pull, commits, files, state)

    async def _reviews(self, asked: Asked) -> tuple[int, Answer]:
        self._number(asked)
        return 200, self.front.paged(asked, [self.shapes.review(one) for one in self.github.pull.reviews])

    async def _files(self, asked: Asked) -> tuple[int, Answer]:
        self._number(asked)
        pull = self.github.pull
        return 200, self.front.paged(
            asked, [self.shapes.file(one, pull.head) for one in await self._changes(pull.base, pull.head)]
        )

    async def _commits(self, asked: Asked) -> tuple[int, Answer]:
        self._number(asked)
        pull = self.github.pull
        commits = await self.github.call(self.github.repository.between, pull.base, pull.head)
        return 200, self.front.paged(asked, [self.shapes.commit(one) for one in commits])

    async def _merge(self, asked: Asked) -> tuple[int, Answer]:
        self._number(asked)
        body = await _body(asked)
        sha = await self.github.merge(
            asked.login,
            method=_text(body, "merge_method") or "merge",
            sha=_text(body, "sha"),
            title=_text(body, "commit_title"),
            message=_text(body, "commit_message"),
        )
        return 200, {"sha": sha, "merged": True, "message": "Pull Request successfully merged"}

    async def _merged(self, asked: Asked) -> tuple[int, Answer]:
        self._number(asked)
        if self.github.pull.merged_at is None:
            raise Refused(404, "Not Found")
        return 204, None

    async def _comments(self, asked: Asked) -> tuple[int, Answer]:
        self._number(asked)
        return 200, self.front.paged(asked, [self.shapes.comment(one) for one in self.github.pull.comments])

    async def _comment(self, asked: Asked) -> tuple[int, Answer]:
        self._number(asked)
        words = _text(await _body(asked), "body")
        if not words or not words.strip():
            raise Refused(422, "Validation Failed", [_invalid("IssueComment", "body", "missing_field")])
        if len(words) > LONGEST_BODY:
            raise Refused(422, "Validation Failed", [_invalid("IssueComment", "body", "too_long")])
        return 201, self.shapes.comment(self.github.comment(asked.login, words))

    async def _labels(self, asked: Asked) -> tuple[int, Answer]:
        self._number(asked)
        return 200, self.front.paged(asked, [self.shapes.label(name) for name in self.github.pull.labels])

    async def _add_labels(self, asked: Asked) -> tuple[int, Answer]:
        self._number(asked)
        body = await _json(asked)
        names = body.get("labels") if isinstance(body, dict) else body
        if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
            raise Refused(422, "Invalid request.\n\nlabels is not an array of names.")
        return 200, [self.shapes.label(name) for name in self.github.add_labels(names)]

    # ---------------------------------------------------------------- commits and checks

    async def _sha(self, asked: Asked) -> str:
        ref = asked.request.match_info["ref"]
        sha = await self.github.call(self.github.repository.resolve, ref)
        if sha is None:
            raise Refused(422, f"No commit found for SHA: {ref}")
        return sha

    async def _commit(self, asked: Asked) -> tuple[int, Answer]:
        commit = await self.github.call(self.github.repository.commit, await self._sha(asked))
        files = await self._changes(commit.parents[0], commit.sha) if commit.parents else []
        return 200, self.shapes.whole_commit(commit, files)

    async def _changes(self, base: str, head: str) -> list[FileChange]:
        fork = await self.github.call(self.github.repository.fork, base, head)
        return await self.github.call(self.github.repository.changes, fork, head)

    async def _check_runs(self, asked: Asked) -> tuple[int, Answer]:
        sha = await self._sha(asked)
        wanted, status = asked.request.query.get("check_name"), asked.request.query.get("status")
        newest: dict[str, Json] = {}
        for run in self.github.runs:
            for number, name in enumerate(run.jobs):
                if run.sha == sha and wanted in (None, name) and status in (None, run.status):
                    newest[f"{run.workflow.file}/{name}"] = self.shapes.check_run(run, name, number)
        found = list(newest.values())
        return 200, {"total_count": len(found), "check_runs": self.front.paged(asked, found)}

    async def _status(self, asked: Asked) -> tuple[int, Answer]:
        return 200, self.shapes.combined_status(await self._sha(asked))

    # ---------------------------------------------------------------- actions

    async def _workflows(self, asked: Asked) -> tuple[int, Answer]:
        created = self.github.began - 400 * 86_400
        listed = [self.shapes.workflow(one, created) for one in WORKFLOWS]
        return 200, {"total_count": len(listed), "workflows": self.front.paged(asked, listed)}

    async def _workflow(self, asked: Asked) -> tuple[int, Answer]:
        found = self.github.workflow(asked.request.match_info["file"])
        return 200, self.shapes.workflow(found, self.github.began - 400 * 86_400)

    async def _runs(self, asked: Asked) -> tuple[int, Answer]:
        """Runs, newest first; filters as https://docs.github.com/en/rest/actions/workflow-runs tells them."""
        query = asked.request.query
        runs = [run for run in reversed(self.github.runs) if _fits(run, query)]
        if "file" in asked.request.match_info:
            workflow = self.github.workflow(asked.request.match_info["file"])
            runs = [run for run in runs if run.workflow is workflow]
        page = self.front.paged(asked, runs)
        return 200, {"total_count": len(runs), "workflow_runs": [await self._told(run) for run in page]}

    async def _told(self, run: Run) -> Json:
        return self.shapes.run(run, await self.github.call(self.github.repository.commit, run.sha))

    async def _dispatch(self, asked: Asked) -> tuple[int, Answer]:
        workflow = self.github.workflow(asked.request.match_info["file"])
        body = await _body(asked)
        ref, inputs = body.get("ref"), body.get("inputs", {})
        if not isinstance(ref, str) or not ref:
            raise Refused(422, 'Invalid request.\n\n"ref" wasn\'t supplied.')
        if not isinstance(inputs, dict):
            raise Refused(422, "Invalid request.\n\nFor 'properties/inputs', it is not an object.")
        run = await self.github.dispatch(workflow, asked.login, ref, inputs)
        version = asked.request.headers.get("X-GitHub-Api-Version", "")
        if body.get("return_run_details") is True or version >= ALWAYS_TELLS_RUN:
            told = await self._told(run)
            return 200, {"workflow_run_id": run.id, "run_url": told["url"], "html_url": told["html_url"]}
        return 204, None

    def _find_run(self, asked: Asked) -> Run:
        found = next((run for run in self.github.runs if str(run.id) == asked.request.match_info["run"]), None)
        if found is None:
            raise Refused(404, "Not Found")
        return found

    async def _run(self, asked: Asked) -> tuple[int, Answer]:
        return 200, await self._told(self._find_run(asked))

    async def _jobs(self, asked: Asked) -> tuple[int, Answer]:
        run = self._find_run(asked)
        jobs = [self.shapes.job(run, name, number) for number, name in enumerate(run.jobs)]
        return 200, {"total_count": len(jobs), "jobs": self.front.paged(asked, jobs)}


async def _json(asked: Asked) -> object:
    raw = await asked.request.read()
    if not raw.strip():
        return {}
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused(400, "Problems parsing JSON") from None


async def _body(asked: Asked) -> Json:
    """The body, an object.

    Raises:
        Refused: 400 where it is not JSON or no object.
    """
    found = await _json(asked)
    if not isinstance(found, dict):
        raise Refused(400, "Body should be a JSON object")
    return found


def _text(body: Json, key: str) -> str | None:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise Refused(422, f"Invalid request.\n\nFor 'properties/{key}', {json.dumps(value)} is not a string.")
    return value


def _invalid(resource: str, field: str, code: str = "invalid") -> Json:
    return {"resource": resource, "field": field, "code": code}


def _fits(run: Run, query: Mapping[str, str]) -> bool:
    status = query.get("status")
    return (
        query.get("branch") in (None, "", run.branch)
        and query.get("event") in (None, "", run.event)
        and query.get("head_sha") in (None, "", run.sha)
        and query.get("actor") in (None, "", run.actor)
        and status in (None, "", run.status, run.conclusion)
        and _created(run.created, query.get("created") or "")
    )


def _created(at: float, wanted: str) -> bool:
    """Whether a run of `at` is in a date range as GitHub's search writes it (`>=D`, `>D`, `<=D`, `<D`, `A..B`, `D`).

    Source: https://docs.github.com/en/search-github/getting-started-with-searching-on-github/
    understanding-the-search-syntax#query-for-dates. A day alone is that whole day.

    Raises:
        Refused: 422 for what is no date.
    """
    if not wanted:
        return True
    at = float(int(at))
    try:
        if ".." in wanted:
            first, _dots, last = wanted.partition("..")
            return (first == "*" or at >= _day(first)[0]) and (last == "*" or at <= _day(last)[1])
        for sign in (">=", "<=", ">", "<"):
            if wanted.startswith(sign):
                start, end = _day(wanted.removeprefix(sign))
                return {">=": at >= start, "<=": at <= end, ">": at > end, "<": at < start}[sign]
        start, end = _day(wanted)
    except ValueError:
        raise Refused(422, "Validation Failed", [_invalid("WorkflowRun", "created")]) from None
    return start <= at <= end


def _day(text: str) -> tuple[float, float]:
    """First and last second of a date or moment."""
    moment = datetime.fromisoformat(text if "T" in text else text + "T00:00:00+00:00")
    if moment.tzinfo is None:
        moment = datetime.fromisoformat(text + "+00:00")
    start = moment.timestamp()
    return (start, start) if "T" in text else (start, start + 86_399)
