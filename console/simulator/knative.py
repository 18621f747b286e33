"""Cloud Run's v1 API, as far as canario asks it: a revision's `status.imageDigest`.

`GET /apis/serving.knative.dev/v1/namespaces/PROJECT/revisions/NAME`, as gcloud asks it (recorded: GCLOUD.md), on a
loopback port of its own. Google serves it at `https://REGION-run.googleapis.com`; the simulator tells its address with
each gRPC answer, in the initial metadata `ADDRESS_KEY`, which Google does not send.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from aiohttp import web

from console.simulator.callers import Permissions, caller_of
from console.simulator.clock import SimClock
from console.simulator.faults import Faults, refusal
from console.simulator.registry import pinned
from console.simulator.revisions import RevisionRecord
from console.simulator.status import Code, StatusError
from console.simulator.store import Store

ADDRESS_KEY = "x-canario-rest"
"""Metadata key under which the simulator tells where this is served."""

_HTTP = {Code.NOT_FOUND: 404, Code.UNAUTHENTICATED: 401, Code.PERMISSION_DENIED: 403, Code.UNAVAILABLE: 503}


class Knative:
    """The v1 front.

    Args:
        store: whose revisions these are.
        permissions: who may read.
        faults: what goes wrong, as over gRPC.
        clock: simulated time.
    """

    def __init__(self, store: Store, permissions: Permissions, faults: Faults, clock: SimClock) -> None:
        self._store, self._permissions, self._faults, self._clock = store, permissions, faults, clock
        self._server: asyncio.Server | None = None
        self.url = ""
        """Where it is served."""

    async def start(self) -> None:
        """Serve."""
        factory = web.Server(self._handle, access_log=None)
        self._server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Serve no more."""
        if self._server is not None:
            self._server.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        await self._faults.answering.wait()
        try:
            if self._faults.unavailable or self._faults.expired:
                raise refusal(Code.UNAVAILABLE if self._faults.unavailable else Code.UNAUTHENTICATED)
            return web.json_response(self._revision(request), headers={"Date": self._clock.http_date()})
        except StatusError as error:
            status = _HTTP.get(error.code, 500)
            told = {"code": status, "message": error.message, "status": error.code.name}
            return web.json_response({"error": told}, status=status)

    def _revision(self, request: web.BaseRequest) -> dict[str, object]:
        parts = request.path.strip("/").split("/")
        if request.method != "GET" or parts[:4] != ["apis", "serving.knative.dev", "v1", "namespaces"]:
            raise StatusError(Code.NOT_FOUND, f"no {request.method} {request.path}")
        who = caller_of((key.lower(), value) for key, value in request.headers.items())
        place = "/".join(parts[4:])
        self._permissions.require(who, "run.revisions.get", f"namespaces/{place}")
        if len(parts) != 7 or parts[4] != self._store.project or parts[5] != "revisions":
            raise StatusError(Code.NOT_FOUND, f"no {request.method} {request.path}")
        for owner in self._store.services.values():
            if parts[6] in owner.revisions:
                return told(owner.revisions[parts[6]], self._store.project)
        raise StatusError(Code.NOT_FOUND, f"Revision '{parts[6]}' was not found")


def told(record: RevisionRecord, project: str) -> dict[str, object]:
    """A revision in v1's form: what canario and gcloud's lists read of it."""
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Revision",
        "metadata": {
            "name": record.name,
            "namespace": project,
            "uid": record.message.uid,
            "creationTimestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        },
        "spec": {"containers": [{"image": str(container.image)} for container in record.template.containers]},
        "status": {
            "imageDigest": pinned(record.image, record.digest),
            "conditions": [{"type": "Ready", "status": "True" if record.ready else "False"}],
        },
    }
