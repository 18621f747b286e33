"""What holds for every answer of the simulated GitHub: tokens, rate limits, ETags, pages, errors.

Sources, all https://docs.github.com/en/rest/...:
- `using-the-rest-api/troubleshooting-the-rest-api`, `authentication/authenticating-to-the-rest-api`: 401 "Requires
  authentication" without a token, 401 "Bad credentials" with a wrong one, 403 where the token may not write, 404.
- `using-the-rest-api/rate-limits-for-the-rest-api`: `x-ratelimit-*` on each answer, 5,000 an hour; at 0 a 403.
- `using-the-rest-api/best-practices-for-using-the-rest-api`: `etag`, and 304 to `if-none-match`, which costs nothing.
- `using-the-rest-api/using-pagination-in-the-rest-api`: `per_page` (30, at most 100), `page`, and the `link` header.

A token is `sim-EMAIL`: whoever sends `sim-carlos.lopez@example.com` acts as `carlos-lopez`. Any `sim-` token is taken;
`sim-expired...` is a bad credential and `sim-denied...` may only read, as at the simulated cloud. Tokens guard nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from aiohttp import web

from console.errors import CanarioError
from console.simulator.github import GitHub
from console.simulator.github_json import Json
from console.simulator.github_state import Refused, login_of

T = TypeVar("T")
Answer = Json | list[Json] | None

log = logging.getLogger(__name__)

RATE_LIMIT = 5000
DOCUMENTATION = "https://docs.github.com/rest"


@dataclass(slots=True)
class Asked:
    """One request that may be answered."""

    request: web.Request
    login: str
    """Who asks."""
    link: str = ""
    """The answer's Link header, where it is one page of several."""


Handler = Callable[[Asked], Awaitable[tuple[int, Answer]]]


class Front:
    """Stands before every path.

    Args:
        github: brought up to date before each answer.
        root: gives the URL that it is served at.
    """

    def __init__(self, github: GitHub, root: Callable[[], str]) -> None:
        self.remaining = RATE_LIMIT
        self.fail_next: list[tuple[int, int]] = []
        """Answers to the next requests, instead of theirs: (status, seconds of Retry-After or 0)."""
        self.answering = asyncio.Event()
        """Cleared: no request is answered."""
        self.answering.set()
        self.on_change: Callable[[], None] = lambda: None
        """Called after a request that changed something."""
        self._github = github
        self._root = root
        self._window = int(github.clock.now()) // 3600

    def served(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """`handler`, behind all this."""

        async def serve(request: web.Request) -> web.StreamResponse:
            await self.answering.wait()
            extra: dict[str, str] = {}
            answer: Answer
            try:
                if self.fail_next:
                    status, seconds = self.fail_next.pop(0)
                    extra = {"Retry-After": str(seconds)} if seconds else {}
                    raise Refused(status, "You have exceeded a secondary rate limit." if status == 429 else "Unicorn!")
                asked = Asked(request, self._admit(request))
                await self._github.sync()
                status, answer = await handler(asked)
                if request.method not in ("GET", "HEAD"):
                    self.on_change()
                if asked.link:
                    extra["Link"] = asked.link
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

    def paged(self, asked: Asked, items: Sequence[T]) -> list[T]:
        """The asked page of `items`; the Link header is kept for the answer."""
        query = asked.request.query
        size = min(100, max(1, _whole(query.get("per_page"), 30)))
        page = max(1, _whole(query.get("page"), 1))
        last = max(1, -(-len(items) // size))
        rels = {"prev": page - 1, "first": 1} if page > 1 else {}
        rels |= {"next": page + 1, "last": last} if page < last else {}
        others = {key: value for key, value in query.items() if key not in ("page", "per_page")}
        here = self._root() + asked.request.path
        asked.link = ", ".join(
            f'<{here}?{urlencode({**others, "per_page": size, "page": number})}>; rel="{rel}"'
            for rel, number in rels.items()
        )
        return list(items[(page - 1) * size : page * size])

    def free(self) -> Json:
        """The limits, in an answer that costs nothing."""
        self.remaining = min(RATE_LIMIT, self.remaining + 1)
        return {key.lower(): value for key, value in self._limits().items()}

    def _admit(self, request: web.Request) -> str:
        """Know who asks, count the request, and refuse who may not; the login."""
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if not token:
            raise Refused(401, "Requires authentication")
        if scheme.lower() not in ("bearer", "token") or len(token) < 5 or not token.startswith("sim-"):
            raise Refused(401, "Bad credentials")
        if token.startswith("sim-expired"):
            raise Refused(401, "Bad credentials")
        window = int(self._github.clock.now()) // 3600
        if window != self._window:
            self._window, self.remaining = window, RATE_LIMIT
        if self.remaining <= 0:
            raise Refused(403, "API rate limit exceeded for user ID 1.")
        self.remaining -= 1
        if request.method not in ("GET", "HEAD") and token.startswith("sim-denied"):
            raise Refused(403, "Resource not accessible by personal access token")
        return login_of(token[4:])

    def _response(self, request: web.Request, status: int, answer: Answer, extra: dict[str, str]) -> web.Response:
        body = b"" if answer is None else json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "Date": self._github.clock.http_date(),
            "Server": "github.com",
            "X-GitHub-Api-Version-Selected": request.headers.get("X-GitHub-Api-Version", "2022-11-28"),
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Request-Id": hashlib.blake2b(f"{self._github.next_id()}".encode(), digest_size=8).hexdigest(),
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


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 9 else otherwise
