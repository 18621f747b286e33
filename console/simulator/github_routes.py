"""GitHub's REST API over HTTP: which path does what, who may, and the headers, status codes and errors it answers with.

Sources, all https://docs.github.com/en/rest/...:
- `using-the-rest-api/getting-started-with-the-rest-api`, `.../troubleshooting-the-rest-api`: 401 "Requires
  authentication" without a token, 401 "Bad credentials" with a wrong one, 403 where the token may not write, 404.
- `using-the-rest-api/rate-limits-for-the-rest-api`: `x-ratelimit-*` on each answer, 5,000 an hour; at 0 a 403.
- `using-the-rest-api/best-practices-for-using-the-rest-api`: `etag`, and 304 to `if-none-match`, which costs nothing.
- `using-the-rest-api/using-pagination-in-the-rest-api`: `per_page` (30, at most 100), `page`, and the `link` header.
- `pulls/pulls`, `pulls/reviews`, `issues/comments`, `issues/labels`, `commits/commits`, `commits/statuses`,
  `checks/runs`, `actions/workflows`, `actions/workflow-runs`, `actions/workflow-jobs`: the resources.

A token is `sim-EMAIL`: whoever sends `sim-carlos.lopez@example.com` acts as `carlos-lopez`. Any `sim-` token is taken;
`sim-expired...` is a bad credential and `sim-denied...` may only read, as at the simulated cloud. Tokens guard nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode

from aiohttp import web

from console.errors import CanarioError
from console.simulator.github import GitHub
from console.simulator.github_json import Json
from console.simulator.github_repo import FileChange
from console.simulator.github_runs_json import RunShapes
from console.simulator.github_state import (
    BASE,
    HEAD,
    NUMBER,
    WORKFLOWS,
    Refused,
    Run,
    login_of,
    why_not_mergeable,
)

T = TypeVar("T")
Answer = Json | list[Json] | None
Handler = Callable[[web.Request], Awaitable[tuple[int, Answer]]]

log = logging.getLogger(__name__)

RATE_LIMIT = 5000
DOCUMENTATION = "https://docs.github.com/rest"
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
        self.remaining = RATE_LIMIT
        self.fail_next: list[tuple[int, int]] = []
        """Answers to the next requests, instead of theirs: (status, seconds of Retry-After or 0)."""
        self.answering = asyncio.Event()
        """Cleared: no request is answered."""
        self.answering.set()
        self._root = root
        self._window = 0
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
            self._app.router.add_route(method, path, self._served(handler))
        self._app.router.add_route("*", "/{any:.*}", self._served(self._nowhere))

    @property
    def app(self) -> web.Application:
        """What an HTTP server serves."""
        return self._app

    @property
    def shapes(self) -> RunShapes:
        """Its JSON."""
        return RunShapes(self._root(), self.github.owner, self.github.name)

    # ---------------------------------------------------------------- every answer

    def _served(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            await self.answering.wait()
            extra: dict[str, str] = {}
            try:
                if self.fail_next:
                    status, seconds = self.fail_next.pop(0)
                    extra = {"Retry-After": str(seconds)} if seconds else {}
                    raise Refused(status, "You have exceeded a secondary rate limit." if status == 429 else "Unicorn!")
                self._allow(request)
                await self.github.sync()
                request["link"] = ""
                status, answer = await handler(request)
                if request["link"]:
                    extra["Link"] = request["link"]
            except Refused as error:
                status = error.status
                answer = {"message": error.message, "documentation_url": DOCUMENTATION, "status": str(status)}
                if error.errors is not None:
                    answer["errors"] = error.errors
            except CanarioError as error:
                log.warning("GitHub cannot answer %s: %s", request.path, error)
                status, answer = 502, {"message": str(error), "documentation_url": DOCUMENTATION, "status": "502"}
            return self._response(request, status, answer, extra)

        return serve

    def _response(self, request: web.Request, status: int, answer: Answer, extra: dict[str, str]) -> web.Response:
        body = b"" if answer is None else json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "Date": self.github.clock.http_date(),
            "Server": "github.com",
            "X-GitHub-Api-Version-Selected": "2022-11-28",
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Request-Id": hashlib.blake2b(f"{self.github.next_id()}".encode(), digest_size=8).hexdigest(),
            "Cache-Control": "private, max-age=60, s-maxage=60",
            **extra,
        }
        if request.method in ("GET", "HEAD") and status == 200:
            headers["ETag"] = f'W/"{hashlib.sha256(body).hexdigest()}"'
            if request.headers.get("If-None-Match", "").strip() in (headers["ETag"], headers["ETag"][2:]):
                status, body = 304, b""
                self.remaining = min(RATE_LIMIT, self.remaining + 1)
        headers |= {f"X-RateLimit-{name}": str(value) for name, value in self._limits().items()}
        if body:
            headers["Content-Type"] = "application/json; charset=utf-8"
        return web.Response(status=status, body=body, headers=headers)

    def _limits(self) -> Json:
        return {
            "Limit": RATE_LIMIT,
            "Remaining": self.remaining,
            "Reset": (self._window + 1) * 3600,
            "Used": RATE_LIMIT - self.remaining,
            "Resource": "core",
        }

    def _allow(self, request: web.Request) -> None:
        """Know who asks, count the request, and refuse who may not."""
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if not token:
            raise Refused(401, "Requires authentication")
        if scheme.lower() not in ("bearer", "token") or len(token) < 5 or not token.startswith("sim-"):
            raise Refused(401, "Bad credentials")
        if token.startswith("sim-expired"):
            raise Refused(401, "Bad credentials")
        request["login"] = login_of(token[4:])
        window = int(self.github.clock.now()) // 3600
        if window != self._window:
            self._window, self.remaining = window, RATE_LIMIT
        if self.remaining <= 0:
            raise Refused(
                403, "API rate limit exceeded for user ID 1. If you reach out to GitHub Support for help, ..."
            )
        self.remaining -= 1
        if request.method not in ("GET", "HEAD") and token.startswith("sim-denied"):
            raise Refused(403, "Resource not accessible by personal access token")

    def _paged(self, request: web.Request, items: Sequence[T]) -> list[T]:
        """The asked page of `items`; the Link header is kept for the answer."""
        size = min(100, max(1, _whole(request.query.get("per_page"), 30)))
        page = max(1, _whole(request.query.get("page"), 1))
        last = max(1, -(-len(items) // size))
        rels = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        wanted = {rel: n for rel, n in rels.items() if (n >= 1 and rel in ("prev", "first") and page > 1)}
        wanted |= {rel: n for rel, n in rels.items() if rel in ("next", "last") and page < last}
        others = {key: value for key, value in request.query.items() if key not in ("page", "per_page")}
        request["link"] = ", ".join(
            f'<{self._root()}{request.path}?{urlencode({**others, "per_page": size, "page": n})}>; rel="{rel}"'
            for rel, n in wanted.items()
        )
        return list(items[(page - 1) * size : page * size])

    async def _nowhere(self, request: web.Request) -> tuple[int, Answer]:
        raise Refused(404, "Not Found")

    # ---------------------------------------------------------------- the repository

    async def _user(self, request: web.Request) -> tuple[int, Answer]:
        return 200, self.shapes.user(request["login"])

    async def _rate_limit(self, request: web.Request) -> tuple[int, Answer]:
        self.remaining = min(RATE_LIMIT, self.remaining + 1)  # asking costs nothing
        core: Json = {key.lower(): value for key, value in self._limits().items()}
        return 200, {"resources": {"core": core}, "rate": core}

    async def _repository(self, request: web.Request) -> tuple[int, Answer]:
        pull = self.github.pull
        created = self.github.began - 2.2 * 365 * 86_400
        return 200, self.shapes.repository(created, max(pull.created, pull.updated), int(pull.open))

    def _number(self, request: web.Request) -> None:
        """Refuse any number but the pull request's."""
        if request.match_info["number"] != str(NUMBER):
            raise Refused(404, "Not Found")

    async def _pulls(self, request: web.Request) -> tuple[int, Answer]:
        state = request.query.get("state", "open")
        if state not in ("open", "closed", "all"):
            raise Refused(422, "Validation Failed", [_invalid("PullRequest", "state")])
        pull = self.github.pull
        head, base = request.query.get("head"), request.query.get("base")
        fits = (
            (state == "all" or (state == "open") == pull.open)
            and head in (None, "", f"{self.github.owner}:{HEAD}")
            and base in (None, "", BASE)
        )
        return 200, self._paged(request, [self.shapes.pull(pull)] if fits else [])

    async def _pull(self, request: web.Request) -> tuple[int, Answer]:
        self._number(request)
        pull = self.github.pull
        commits = await self.github.call(self.github.repository.between, pull.base, pull.head)
        files = await self._changes(pull.base, pull.head)
        state = "draft" if pull.draft else "blocked" if why_not_mergeable(pull, self.github.runs) else "clean"
        return 200, self.shapes.whole_pull(pull, commits, files, state)

    async def _reviews(self, request: web.Request) -> tuple[int, Answer]:
        self._number(request)
        return 200, self._paged(request, [self.shapes.review(one) for one in self.github.pull.reviews])

    async def _files(self, request: web.Request) -> tuple[int, Answer]:
        self._number(request)
        pull = self.github.pull
        return 200, self._paged(
            request, [self.shapes.file(one, pull.head) for one in await self._changes(pull.base, pull.head)]
        )

    async def _commits(self, request: web.Request) -> tuple[int, Answer]:
        self._number(request)
        pull = self.github.pull
        commits = await self.github.call(self.github.repository.between, pull.base, pull.head)
        return 200, self._paged(request, [self.shapes.commit(one) for one in commits])

    async def _merge(self, request: web.Request) -> tuple[int, Answer]:
        self._number(request)
        body = await _body(request)
        sha = await self.github.merge(
            request["login"],
            method=_text(body, "merge_method") or "merge",
            sha=_text(body, "sha"),
            title=_text(body, "commit_title"),
            message=_text(body, "commit_message"),
        )
        return 200, {"sha": sha, "merged": True, "message": "Pull Request successfully merged"}

    async def _merged(self, request: web.Request) -> tuple[int, Answer]:
        self._number(request)
        if self.github.pull.merged_at is None:
            raise Refused(404, "Not Found")
        return 204, None

    async def _comments(self, request: web.Request) -> tuple[int, Answer]:
        self._number(request)
        return 200, self._paged(request, [self.shapes.comment(one) for one in self.github.pull.comments])

    async def _comment(self, request: web.Request) -> tuple[int, Answer]:
        self._number(request)
        words = _text(await _body(request), "body")
        if not words or not words.strip():
            raise Refused(422, "Validation Failed", [_invalid("IssueComment", "body", "missing_field")])
        if len(words) > LONGEST_BODY:
            raise Refused(422, "Validation Failed", [_invalid("IssueComment", "body", "too_long")])
        return 201, self.shapes.comment(self.github.comment(request["login"], words))

    async def _labels(self, request: web.Request) -> tuple[int, Answer]:
        self._number(request)
        return 200, self._paged(request, [self.shapes.label(name) for name in self.github.pull.labels])

    async def _add_labels(self, request: web.Request) -> tuple[int, Answer]:
        self._number(request)
        body = await _json(request)
        names = body.get("labels") if isinstance(body, dict) else body
        if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
            raise Refused(422, "Invalid request.\n\nlabels is not an array of names.")
        return 200, [self.shapes.label(name) for name in self.github.add_labels(names)]

    # ---------------------------------------------------------------- commits and checks

    async def _sha(self, request: web.Request) -> str:
        ref = request.match_info["ref"]
        sha = await self.github.call(self.github.repository.resolve, ref)
        if sha is None:
            raise Refused(422, f"No commit found for SHA: {ref}")
        return sha

    async def _commit(self, request: web.Request) -> tuple[int, Answer]:
        commit = await self.github.call(self.github.repository.commit, await self._sha(request))
        files = await self._changes(commit.parents[0], commit.sha) if commit.parents else []
        return 200, self.shapes.whole_commit(commit, files)

    async def _changes(self, base: str, head: str) -> list[FileChange]:
        fork = await self.github.call(self.github.repository.fork, base, head)
        return await self.github.call(self.github.repository.changes, fork, head)

    async def _check_runs(self, request: web.Request) -> tuple[int, Answer]:
        sha = await self._sha(request)
        wanted, status = request.query.get("check_name"), request.query.get("status")
        newest: dict[str, Json] = {}
        for run in self.github.runs:
            for number, name in enumerate(run.jobs):
                if run.sha == sha and wanted in (None, name) and status in (None, run.status):
                    newest[f"{run.workflow.file}/{name}"] = self.shapes.check_run(run, name, number)
        found = list(newest.values())
        return 200, {"total_count": len(found), "check_runs": self._paged(request, found)}

    async def _status(self, request: web.Request) -> tuple[int, Answer]:
        return 200, self.shapes.combined_status(await self._sha(request))

    # ---------------------------------------------------------------- actions

    async def _workflows(self, request: web.Request) -> tuple[int, Answer]:
        created = self.github.began - 400 * 86_400
        listed = [self.shapes.workflow(one, created) for one in WORKFLOWS]
        return 200, {"total_count": len(listed), "workflows": self._paged(request, listed)}

    async def _workflow(self, request: web.Request) -> tuple[int, Answer]:
        found = self.github.workflow(request.match_info["file"])
        return 200, self.shapes.workflow(found, self.github.began - 400 * 86_400)

    async def _runs(self, request: web.Request) -> tuple[int, Answer]:
        """Runs, newest first; filters as https://docs.github.com/en/rest/actions/workflow-runs tells them."""
        query = request.query
        runs = [run for run in reversed(self.github.runs) if _fits(run, query)]
        if "file" in request.match_info:
            workflow = self.github.workflow(request.match_info["file"])
            runs = [run for run in runs if run.workflow is workflow]
        page = self._paged(request, runs)
        return 200, {"total_count": len(runs), "workflow_runs": [await self._told(run) for run in page]}

    async def _told(self, run: Run) -> Json:
        return self.shapes.run(run, await self.github.call(self.github.repository.commit, run.sha))

    async def _dispatch(self, request: web.Request) -> tuple[int, Answer]:
        workflow = self.github.workflow(request.match_info["file"])
        body = await _body(request)
        ref, inputs = body.get("ref"), body.get("inputs", {})
        if not isinstance(ref, str) or not ref:
            raise Refused(422, 'Invalid request.\n\n"ref" wasn\'t supplied.')
        if not isinstance(inputs, dict):
            raise Refused(422, "Invalid request.\n\nFor 'properties/inputs', it is not an object.")
        run = await self.github.dispatch(workflow, request["login"], ref, inputs)
        if body.get("return_run_details") is True:
            told = await self._told(run)
            return 200, {"workflow_run_id": run.id, "run_url": told["url"], "html_url": told["html_url"]}
        return 204, None

    def _find_run(self, request: web.Request) -> Run:
        found = next((run for run in self.github.runs if str(run.id) == request.match_info["run"]), None)
        if found is None:
            raise Refused(404, "Not Found")
        return found

    async def _run(self, request: web.Request) -> tuple[int, Answer]:
        return 200, await self._told(self._find_run(request))

    async def _jobs(self, request: web.Request) -> tuple[int, Answer]:
        run = self._find_run(request)
        jobs = [self.shapes.job(run, name, number) for number, name in enumerate(run.jobs)]
        return 200, {"total_count": len(jobs), "jobs": self._paged(request, jobs)}


async def _json(request: web.Request) -> object:
    raw = await request.read()
    if not raw.strip():
        return {}
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused(400, "Problems parsing JSON") from None


async def _body(request: web.Request) -> Json:
    """The body, an object.

    Raises:
        Refused: 400 where it is not JSON or no object.
    """
    found = await _json(request)
    if not isinstance(found, dict):
        raise Refused(400, "Body should be a JSON object")
    return found


def _text(body: Json, key: str) -> str | None:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise Refused(422, f"Invalid request.\n\nFor 'properties/{key}', {json.dumps(value)} is not a string.")
    return value


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 9 else otherwise


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
