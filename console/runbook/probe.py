"""One service asked over HTTP: bounded in size and time, never led to another host, never trusted.

TLS certificates are verified; plaintext goes to loopback alone. What comes back is foreign text: it is cleaned where
it is told, and never markup.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

from console.clock import Clock
from console.cloud.target import is_loopback
from console.errors import UsageError
from console.runbook.replies import LARGEST_BODY, MOST_REDIRECTS, ProbeError, Reply
from console.text import clean
from console.words import _


class Probe:
    """Asks one service.

    Args:
        url: its address, https, or http on loopback.
        clock: wall time.
        timeout_s: seconds that one request may take, redirects included.
        identity: gives an identity token where the service wants one; asked at most once.

    Raises:
        UsageError: the address is no such URL.
    """

    def __init__(
        self, url: str, clock: Clock, *, timeout_s: float, identity: Callable[[], Awaitable[str]] | None = None
    ) -> None:
        origin = _origin(url)
        self.loopback = origin is not None and is_loopback(origin[1])
        if origin is None or not _safe(origin[0], self.loopback):
            raise UsageError(
                _("{url} is no https address.").format(url=clean(url, 200)),
                remedy=_("Look at the service's URL in the console of Cloud Run."),
            )
        self.url = url.rstrip("/")
        self._origin = origin
        self._clock = clock
        self._timeout_s = timeout_s
        self._identity = None if self.loopback else identity
        self._token = ""
        self._client = httpx.AsyncClient(
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=not self.loopback,
            # what is small when compressed may be boundless: none is asked for, and none is taken apart
            headers={"User-Agent": "canario", "Accept-Encoding": "identity"},
        )

    async def __aenter__(self) -> Self:
        """Use it, and close it after."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self._client.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        largest: int = LARGEST_BODY,
        welcome: bool = True,
    ) -> Reply:
        """One request, and its answer whatever it is.

        Args:
            method: `GET`, `POST`.
            path: from the address.
            query: laid into the URL, and never told.
            headers: besides ours.
            body: to send.
            largest: bytes of the answer that are read.
            welcome: whether we should be let in: a 401 or 403 is then tried again with an identity token.

        Raises:
            ProbeError: no answer, too large a one, or one that leads elsewhere.
            CredentialsError: it wants an identity token, and there is none.
        """
        reply = await self._once(method, path, query, headers, body, largest)
        if reply.status in (401, 403) and welcome and self._identity is not None and not self._token:
            self._token = await self._identity()
            reply = await self._once(method, path, query, headers, body, largest)
        return reply

    async def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        largest: int,
    ) -> Reply:
        started = self._clock.monotonic()
        url = httpx.URL(self.url + path, params=dict(query)) if query else httpx.URL(self.url + path)
        try:
            async with asyncio.timeout(self._timeout_s):
                for _hop in range(MOST_REDIRECTS + 1):
                    reply, target = await self._hop(method, url, headers, body, largest, started)
                    if not target:
                        return reply
                    url = self._followed(url, target, method, reply.status)
        except TimeoutError:
            raise ProbeError(
                _("{path} did not answer within {seconds} s.").format(path=path, seconds=f"{self._timeout_s:g}"),
                starting=True,
                remedy=_("See in the log what it is doing, and press Enter again."),
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProbeError(
                _("{host} cannot be reached ({problem}).").format(
                    host=self._origin[1], problem=clean(str(error) or type(error).__name__, 200)
                ),
                starting=isinstance(error, httpx.TransportError),
                remedy=_("Check that the service is there and its ingress lets you in, and press Enter again."),
            ) from error
        raise ProbeError(
            _("{path} redirects more than {count} times.").format(path=path, count=MOST_REDIRECTS),
            remedy=_("Read the application's redirects; a check follows them on its own host alone."),
        )

    async def _hop(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        largest: int,
        started: float,
    ) -> tuple[Reply, str]:
        """(answer, where it redirects to or empty)."""
        sent = dict(headers or {})
        if self._token:
            from console.cloud.identity_token import HEADER

            sent[HEADER] = f"Bearer {self._token}"
        async with self._client.stream(method, url, headers=sent, content=body) as answer:
            got = bytearray()
            async for part in answer.aiter_raw():
                got += part
                if len(got) > largest:
                    raise ProbeError(
                        _("{path} answers with more than {size} KiB.").format(path=url.path, size=largest // 1024),
                        remedy=_("See what it sends: a check reads no more than that."),
                    )
            reply = Reply(
                answer.status_code,
                bytes(got),
                {name.lower(): value for name, value in answer.headers.items()},
                (self._clock.monotonic() - started) * 1000,
            )
            return reply, answer.headers.get("location", "") if answer.status_code in (301, 302, 303, 307, 308) else ""

    def _followed(self, url: httpx.URL, target: str, method: str, status: int) -> httpx.URL:
        """Where a redirect leads, on the same host.

        Raises:
            ProbeError: to another host, to plaintext, or a POST to be sent as a GET.
        """
        try:
            followed = url.join(target)
        except (httpx.InvalidURL, ValueError):
            followed = None
        if followed is None or _origin(str(followed)) != self._origin:
            host = followed.host if followed is not None else target
            raise ProbeError(
                _("{path} redirects to another host, {host}, and is not followed there.").format(
                    path=url.path, host=clean(host or target, 200)
                ),
                remedy=_("See why: the check must be answered by the revision itself."),
            )
        if method != "GET" and status not in (307, 308):
            raise ProbeError(
                _("{path} redirects a {method} ({status}).").format(path=url.path, method=method, status=status),
                remedy=_("See why: what is sent there would be lost."),
            )
        return followed


def _origin(url: str) -> tuple[str, str, int] | None:
    """(scheme, host, port) of a URL without user or password; None where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return None
    if not parts.hostname or parts.username or parts.password:
        return None
    return parts.scheme, parts.hostname, port


def _safe(scheme: str, loopback: bool) -> bool:
    return scheme == "https" or (scheme == "http" and loopback)
