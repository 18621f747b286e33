"""The REST client: one repository, one token, over httpx.

Sources: https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api (conditional requests,
Retry-After, x-ratelimit-reset), .../using-pagination-in-the-rest-api (the Link header). The token is in a header alone:
never in a URL, a message or a repr.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

import httpx

from console.clock import Clock
from console.cloud.target import is_loopback
from console.errors import ConfirmationLostError, SettingsError, UnavailableError
from console.github import errors, model
from console.github.model import Check, Job, Json, PullRequest, Review, WorkflowRun
from console.words import _

TIMEOUT_S = 10.0
ATTEMPTS = 3
"""How often a read is tried where GitHub is busy or out of reach."""
LONGEST_PAUSE_S = 30.0
"""A rate limit that ends within so many seconds is waited for once; a later one is told."""
LARGEST_BODY = 16 * 1024 * 1024
MOST_PAGES = 20
PER_PAGE = 100
KEPT = 64
"""Answers that are kept with their ETags: asking again then costs nothing of the rate limit."""
VERSION = "2022-11-28"


class GitHub:
    """One repository.

    Args:
        api: URL of the API, https, or http on loopback.
        repository: `owner/name`.
        token: personal access token; never shown.
        clock: for pauses.
        timeout_s: seconds that one request may take.

    Raises:
        SettingsError: `api` is no such URL.
    """

    def __init__(self, api: str, repository: str, token: str, clock: Clock, *, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(api)
        loopback = is_loopback(parts.hostname or "")
        if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
            raise SettingsError(
                _("GitHub's API is not at an https URL."),
                remedy=_('Write it in canario.toml under [github], like api = "https://api.github.com".'),
            )
        self.repository = repository
        self._api = api.rstrip("/")
        self._clock = clock
        self._kept: OrderedDict[str, tuple[str, Json, str]] = OrderedDict()
        self._client = httpx.AsyncClient(
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": VERSION,
                "User-Agent": "canario",
            },
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=not loopback,
        )

    def __repr__(self) -> str:
        """Without the token."""
        return f"GitHub({self._api}, {self.repository})"

    async def __aenter__(self) -> Self:
        """Use it, and close it after."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self._client.aclose()

    # -- who ------------------------------------------------------------------------------------------------------

    async def login(self) -> str:
        """Login of the token's owner; empty where the token may not tell (an app's)."""
        try:
            return model.text(model.table(await self._get("/user")).get("login"), 100)
        except (errors.Forbidden, errors.NotThere):
            return ""

    # -- pull requests --------------------------------------------------------------------------------------------

    async def pull_request(self, number: int) -> PullRequest:
        """One by its number.

        Raises:
            CloudError: GitHub says no, or nothing.
        """
        return model.read_pull_request(await self._get(self._path("pulls", number)))

    async def pull_requests(self, *, head: str, base: str, state: str = "open") -> list[PullRequest]:
        """Those of a head and a base branch of this repository, the newest first (at most a hundred).

        Args:
            head: branch.
            base: branch.
            state: `open`, `closed` or `all`.
        """
        owner = self.repository.partition("/")[0]
        query = {"head": f"{owner}:{head}", "base": base, "state": state, "sort": "updated", "direction": "desc"}
        found = await self._get(self._path("pulls"), {**query, "per_page": str(PER_PAGE)})
        return [model.read_pull_request(dict(pull)) for pull in model.rows(found)]

    async def reviews(self, number: int) -> list[Review]:
        """Every review, oldest first."""
        return [model.read_review(dict(told)) for told in await self._pages(self._path("pulls", number, "reviews"))]

    async def author_email(self, number: int, login: str) -> str:
        """E-mail of the newest commit of a pull request that `login` wrote; empty where none is theirs."""
        commits = await self._pages(self._path("pulls", number, "commits"))
        for told in reversed(commits):
            if model.table(told.get("author")).get("login") == login:
                author = model.table(model.table(told.get("commit")).get("author"))
                return model.text(author.get("email"), 200)
        return ""

    async def merge(self, number: int, *, head: str) -> str:
        """Merge it with a merge commit (the runbook's `--no-ff`); the commit's hash. Sent once.

        Args:
            number: the pull request's.
            head: full hash that its head must have, so that nothing unseen is merged.

        Raises:
            errors.Refused: GitHub will not merge it, or its head has moved.
            ConfirmationLostError: the answer never came.
        """
        told = await self._send("PUT", self._path("pulls", number, "merge"), {"merge_method": "merge", "sha": head})
        return model.text(model.table(told).get("sha"), 64)

    async def comment(self, number: int, words: str) -> str:
        """Write a comment on it; the comment's URL. Sent once."""
        told = await self._send("POST", self._path("issues", number, "comments"), {"body": words})
        return model.text(model.table(told).get("html_url"))

    async def comments(self, number: int) -> list[str]:
        """The text of every comment on it, as it was written: to be searched, not shown."""
        told = await self._pages(self._path("issues", number, "comments"))
        return [body for comment in told if isinstance(body := comment.get("body"), str)]

    # -- checks ---------------------------------------------------------------------------------------------------

    async def checks(self, commit: str) -> list[Check]:
        """The newest check run of each name, and the newest status of each context, of a commit."""
        path = self._path("commits", commit, "check-runs")
        runs = await self._pages(path, {"filter": "latest"}, key="check_runs")
        statuses = await self._pages(self._path("commits", commit, "status"), key="statuses")
        found = [model.read_check_run(dict(told)) for told in runs]
        return found + [model.read_status(dict(told)) for told in statuses]

    # -- workflows ------------------------------------------------------------------------------------------------

    async def runs(self, workflow: str, **query: str) -> list[WorkflowRun]:
        """The newest hundred runs of a workflow file, newest first.

        Args:
            workflow: file name, e.g. `backend-ci.yml`.
            query: `head_sha`, `branch`, `event`, `actor`, `created` as the API takes them.
        """
        path = self._path("actions", "workflows", workflow, "runs")
        told = model.table(await self._get(path, {**query, "per_page": str(PER_PAGE)}))
        return [model.read_run(dict(run)) for run in model.rows(told.get("workflow_runs"))]

    async def run(self, run: int) -> WorkflowRun:
        """One run."""
        return model.read_run(await self._get(self._path("actions", "runs", run)))

    async def jobs(self, run: int) -> list[Job]:
        """The jobs of a run's latest attempt."""
        told = await self._pages(self._path("actions", "runs", run, "jobs"), key="jobs")
        return [model.read_job(dict(job)) for job in told]

    async def dispatch(self, workflow: str, *, ref: str, inputs: Mapping[str, str]) -> None:
        """Start a workflow by hand. Sent once; GitHub does not tell which run it becomes.

        Raises:
            errors.Refused: no such workflow, ref or input.
            ConfirmationLostError: the answer never came.
        """
        path = self._path("actions", "workflows", workflow, "dispatches")
        await self._send("POST", path, {"ref": ref, "inputs": dict(inputs)})

    # -- requests -------------------------------------------------------------------------------------------------

    def _path(self, *parts: str | int) -> str:
        return f"/repos/{self.repository}/" + "/".join(quote(str(part), safe="") for part in parts)

    async def _pages(
        self, path: str, query: Mapping[str, str] | None = None, key: str = ""
    ) -> list[Mapping[str, Json]]:
        """The objects of every page (at most MOST_PAGES); `key` names the list in a page that is an object."""
        url: str = str(httpx.URL(self._api + path, params={**(query or {}), "per_page": str(PER_PAGE)}))
        found: list[Mapping[str, Json]] = []
        for _page in range(MOST_PAGES):
            told, following = await self._read(url)
            found += model.rows(model.table(told).get(key) if key else told)
            # another host's link would be sent the token
            if not following or not following.startswith(self._api + "/"):
                break
            url = following
        return found

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        told, _next = await self._read(str(httpx.URL(self._api + path, params=dict(query or {}))))
        return told

    async def _read(self, url: str) -> tuple[Json, str]:
        """(what is there, the URL of the next page or empty); tried again while GitHub is busy."""
        kept = self._kept.get(url)
        headers = {"If-None-Match": kept[0]} if kept else {}
        failure: UnavailableError | None = None
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._clock.sleep(0.5 * 3 ** (attempt - 1))
            try:
                status, answered, body = await self._request("GET", url, headers=headers)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                failure = errors.unreachable(self._api, error)
                continue
            if status == 304 and kept:
                self._kept.move_to_end(url)
                return kept[1], kept[2]
            if status < 300:
                told, following = _parsed(body), _next_page(answered)
                if etag := answered.get("etag", ""):
                    self._kept[url] = (etag, told, following)
                    while len(self._kept) > KEPT:
                        self._kept.popitem(last=False)
                return told, following
            pause = errors.pause_s(status, answered, self._clock.now())
            if pause is not None and pause <= LONGEST_PAUSE_S and attempt + 1 < ATTEMPTS:
                await self._clock.sleep(pause)
                continue
            refusal = errors.translate(status, answered, body, repository=self.repository, now=self._clock.now())
            if not isinstance(refusal, UnavailableError):
                raise refusal
            failure = refusal
        assert failure is not None
        raise failure

    async def _send(self, method: str, path: str, content: Mapping[str, Json]) -> Json:
        """A write: sent once, but for a rate limit, which has refused it."""
        for attempt in range(2):
            try:
                status, answered, body = await self._request(method, self._api + path, content=dict(content))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                raise errors.unreachable(self._api, error) from error
            except httpx.HTTPError as error:
                raise ConfirmationLostError(
                    _("GitHub's answer never came: it may have been done or not."),
                    remedy=_("Look at the pull request or the workflow's runs before you try again."),
                ) from error
            if status < 300:
                return _parsed(body)
            pause = errors.pause_s(status, answered, self._clock.now())
            if pause is None or pause > LONGEST_PAUSE_S or attempt:
                break
            await self._clock.sleep(pause)
        if status >= 500:
            raise ConfirmationLostError(
                _("GitHub answered {status}: it may have been done or not.").format(status=status),
                remedy=_("Look at the pull request or the workflow's runs before you try again."),
            )
        raise errors.translate(status, answered, body, repository=self.repository, now=self._clock.now())

    async def _request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, content: Json = None
    ) -> tuple[int, httpx.Headers, bytes]:
        async with self._client.stream(method, url, headers=headers, json=content) as answer:
            body = bytearray()
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > LARGEST_BODY:
                    raise httpx.DecodingError("the answer is too large")
            return answer.status_code, answer.headers, bytes(body)


def _parsed(body: bytes) -> Json:
    if not body.strip():
        return None
    try:
        told: Json = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnavailableError(
            _("GitHub answered with something that is no JSON."),
            remedy=_("Check api under [github] in canario.toml, and any proxy between."),
        ) from error
    return told


def _next_page(headers: httpx.Headers) -> str:
    links: str = headers.get("link", "")
    for link in links.split(","):
        target, _semicolon, rest = link.partition(";")
        if 'rel="next"' in rest:
            return target.strip().removeprefix("<").removesuffix(">")
    return ""
