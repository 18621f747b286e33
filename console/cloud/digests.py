"""Which image a revision really runs: the digest that its tag pointed at when it was made.

Cloud Run's v2 API tells the image as it was written, tag and all, and no digest (`google.cloud.run.v2.Revision` has no
field for it). The v1 API does: `status.imageDigest`, "the resolved digest for the image ... regardless of whether a tag
or digest was originally specified" (https://cloud.google.com/run/docs/reference/rest/v1/RevisionStatus), under the same
permission, `run.revisions.get`. A revision never changes, so each is asked for once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from console.text import clean
from console.words import _

if TYPE_CHECKING:
    import httpx

    from console.cloud.connection import Connection
    from console.cloud.target import CloudTarget

TIMEOUT_S = 5.0
"""Wall seconds that one answer may take."""
AGAIN_S = 15.0
"""Wall seconds before a revision that could not be asked for is asked for again."""
AT_ONCE = 8
"""Requests under way at most."""


class Digests:
    """Digests by revision, asked for as they are needed. One event loop's only.

    Args:
        target: project and region.
        connection: credentials, and where the simulator serves its v1 API.
    """

    def __init__(self, target: CloudTarget, connection: Connection) -> None:
        self._target, self._connection = target, connection
        self._known: dict[str, str] = {}
        self._failed: dict[str, float] = {}
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._client: httpx.AsyncClient | None = None
        self.problem = ""
        """Why the last one could not be read, or empty."""

    def known(self, revision: str) -> str:
        """`sha256:...` where it was read; else empty."""
        return self._known.get(revision, "")

    def refused(self, revision: str) -> bool:
        """Whether it was asked for, and could not be read."""
        return revision in self._failed

    async def learn(self, revisions: Iterable[str], *, again: bool = False) -> None:
        """Ask for those that are not known; what cannot be read stays unknown, and `problem` says why.

        Args:
            revisions: short names.
            again: ask also for those that could not be read just now.
        """
        now = self._connection.clock.monotonic()
        wanted = [
            name
            for name in dict.fromkeys(revisions)
            if name not in self._known and (again or now - self._failed.get(name, float("-inf")) > AGAIN_S)
        ]
        if wanted:
            await asyncio.gather(*(self._ask(name) for name in wanted))

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _ask(self, name: str) -> None:
        import httpx

        base = self._base()
        if not base:
            self._failed[name] = self._connection.clock.monotonic()
            return
        path = f"/apis/serving.knative.dev/v1/namespaces/{self._target.project}/revisions/{name}"
        try:
            async with self._limit, asyncio.timeout(TIMEOUT_S):
                if self._client is None:
                    self._client = httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=self._target.endpoint is None)
                answer = await self._client.get(base + path, headers=await self._headers())
                answer.raise_for_status()
                digest = digest_in(answer.json())
        except Exception as error:  # noqa: BLE001 - without it an image is not told apart, and whoever needs it says so
            self._failed[name] = self._connection.clock.monotonic()
            self.problem = clean(str(error) or type(error).__name__, 300)
            return
        if digest:
            self._known[name] = digest
            self.problem = ""
        else:
            self._failed[name] = self._connection.clock.monotonic()
            self.problem = _("Cloud Run tells no digest of {revision}").format(revision=name)

    def _base(self) -> str:
        if self._target.endpoint is not None:
            return self._connection.rest_address
        return f"https://{self._target.region}-run.googleapis.com"

    async def _headers(self) -> dict[str, str]:
        credentials: Any = self._connection.credentials
        if credentials is None:
            return dict(self._connection.metadata)
        if not credentials.valid:
            from google.auth.transport.requests import Request

            await asyncio.to_thread(credentials.refresh, Request())
        headers: dict[str, str] = {}
        await asyncio.to_thread(credentials.apply, headers)
        return headers


def digest_in(told: object) -> str:
    """`sha256:...` in a v1 revision, from `status.imageDigest`; empty where it holds none."""
    status = told.get("status") if isinstance(told, dict) else None
    image = status.get("imageDigest") if isinstance(status, dict) else None
    digest = clean(image, 500).rpartition("@")[2] if isinstance(image, str) and "@" in image else ""
    return digest if digest.startswith("sha256:") else ""
