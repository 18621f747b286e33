"""HTTP on loopback: a port for each service, revision and tag, and the real requests that come in there.

A port is bound the moment it is needed, so that its URL can be told at once, and served right after. A service's
port splits requests by the effective traffic; a tag's goes to the tag's revision. Each real request becomes a
request log entry like the simulated ones.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from console.simulator.records import ServiceRecord
from console.simulator.store import Store

MOST_OPEN_REVISIONS = 100
"""Ports opened unasked for a service's newest revisions; serving and tagged ones always have one."""


@dataclass(frozen=True, slots=True)
class Route:
    """What a port leads to."""

    service: str
    revision: str = ""
    """By name; empty where a tag or the split decides."""
    tag: str = ""


Handler = Callable[[web.BaseRequest, Route], Awaitable[web.StreamResponse]]


class Endpoints:
    """The ports.

    Args:
        store: whose services these are; its `uri_of_service` and `uri_of_tag` are set.
        handle: answers a request that came in by a route.
    """

    def __init__(self, store: Store, handle: Handler) -> None:
        self._store = store
        self._handle = handle
        self._ports: dict[Route, int] = {}
        self._servers: list[asyncio.Server] = []
        self._opening: set[asyncio.Task[None]] = set()
        store.uri_of_service = lambda service: self.url(Route(service))
        store.uri_of_tag = lambda service, tag: self.url(Route(service, tag=tag))

    def url(self, route: Route) -> str:
        """Where `route` is served; its port is opened where it is not yet."""
        if route.service not in self._store.services:
            return ""
        port = self._ports.get(route)
        if port is None:
            port = self._open(route)
        return f"http://127.0.0.1:{port}"

    def follow(self, record: ServiceRecord) -> None:
        """Open what a service now needs: its own port, its tags', its exposed and newest revisions'."""
        self.url(Route(record.name))
        for target in (*record.serving, *record.desired.traffic):
            if target.tag:
                self.url(Route(record.name, tag=target.tag))
        newest = list(record.revisions)[-MOST_OPEN_REVISIONS:]
        for name in {*newest, *(n for n in record.exposed() if n in record.revisions)}:
            self.url(Route(record.name, revision=name))

    def urls(self) -> tuple[dict[str, str], dict[str, str]]:
        """({service: URL}, {revision: URL}) of the ports open now."""
        services = {r.service: self.url(r) for r in sorted(self._ports, key=repr) if not r.revision and not r.tag}
        revisions = {r.revision: self.url(r) for r in sorted(self._ports, key=repr) if r.revision}
        return services, revisions

    def revision_of(self, route: Route, chance: random.Random, pinned: str = "") -> str:
        """The revision that a request by `route` goes to now; empty where there is none.

        Args:
            route: where it came in.
            chance: decides between the revisions that serve, by their shares.
            pinned: the revision that the client's affinity cookie names; it beats the split as long as that
                revision serves (https://cloud.google.com/run/docs/configuring/session-affinity).
        """
        record = self._store.services.get(route.service)
        if record is None:
            return ""
        if route.revision:
            return route.revision if route.revision in record.revisions else ""
        if route.tag:
            target = next((t for t in record.serving if t.tag == route.tag), None)
            return (target.revision or record.latest_ready) if target is not None else ""
        shares = record.told
        if pinned in shares and pinned in record.revisions and record.revisions[pinned].message.session_affinity:
            return pinned
        return chance.choices(list(shares), weights=list(shares.values()))[0] if shares else ""

    async def close(self) -> None:
        """Close every port."""
        for task in self._opening:
            task.cancel()
        for server in self._servers:
            server.close()
        self._servers.clear()

    def _open(self, route: Route) -> int:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        listener.setblocking(False)
        port = int(listener.getsockname()[1])
        self._ports[route] = port
        task = asyncio.get_running_loop().create_task(self._serve(route, listener))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return port

    async def _serve(self, route: Route, listener: socket.socket) -> None:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await self._handle(request, route)

        factory = web.Server(handle, access_log=None)
        self._servers.append(await asyncio.get_running_loop().create_server(factory, sock=listener))
