"""What a simulated revision answers over HTTP: `/healthz`, `/metrics`, `GET /events`, `POST /webhook`.

Webhook calls fail and take as long as the revision's profile says; the other paths are well as long as it is ready.
A request's time is simulated time: at twice the speed it takes half as long on the wall.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web
from google.cloud import run_v2

from console.simulator import webhook
from console.simulator.clock import SimClock
from console.simulator.endpoints import Endpoints, Route
from console.simulator.figures import Figures
from console.simulator.revisions import RevisionRecord
from console.simulator.scenario import Profile
from console.simulator.store import Store
from console.simulator.traffic import Traffic, tick_at

AFFINITY_COOKIE = "GAESA"
"""Set for 30 days by revisions with session affinity."""

_RESTRICTED = (
    run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY,
    run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER,
    run_v2.IngressTraffic.INGRESS_TRAFFIC_NONE,
)
"""Ingress settings under which a service's addresses answer 404 to the world (FACTS.md)."""
_Z95 = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Said:
    """One structured line that the application wrote while it answered."""

    severity: str
    """`INFO`, `WARNING` or `ERROR`."""
    message: str
    fields: Mapping[str, str] = field(default_factory=dict)
    """What stands beside `message` in jsonPayload."""


@dataclass(frozen=True, slots=True)
class Served:
    """One real request, answered."""

    service: str
    revision: str
    method: str
    url: str
    status: int
    started: float
    """Unix seconds of simulated time."""
    latency_s: float
    request_bytes: int
    response_bytes: int
    user_agent: str
    remote_ip: str
    said: tuple[Said, ...] = ()


class App:
    """Answers the requests of every port.

    Args:
        store: which revisions there are.
        traffic: how they behave, and what they have served.
        clock: simulated time.
        seed: makes failures and latencies repeatable, in the order of the requests.
        record: told of each real request.
    """

    def __init__(
        self, store: Store, traffic: Traffic, clock: SimClock, *, seed: int, record: Callable[[Served], None]
    ) -> None:
        self._store = store
        self._traffic = traffic
        self._clock = clock
        self._chance = random.Random(f"http/{seed}")
        self._record = record
        self._figures = Figures(store, traffic, clock)
        self.endpoints = Endpoints(store, self.handle)

    async def handle(self, request: web.BaseRequest, route: Route) -> web.StreamResponse:
        """Answer one request that came in by `route`."""
        started = self._clock.now()
        name = self.endpoints.revision_of(route, self._chance, request.cookies.get(AFFINITY_COOKIE, ""))
        owner = self._store.services.get(route.service)
        revision = owner.revisions.get(name) if owner is not None else None
        if owner is None or revision is None or owner.desired.ingress in _RESTRICTED:
            return web.json_response({"error": "no revision serves this address"}, status=404)
        said: list[Said] = []
        if not revision.ready:
            response = web.json_response({"error": "the revision is not ready"}, status=503)
        else:
            response = await self._answer(request, route.service, revision, said)
        response.headers["X-Canario-Revision"] = name
        if revision.message.session_affinity:
            response.set_cookie(AFFINITY_COOKIE, name, max_age=30 * 86_400, httponly=True)
        latency = self._clock.now() - started
        self._figures.count(route.service, name, response.status, latency)
        self._record(
            Served(
                service=route.service,
                revision=name,
                method=request.method,
                url=str(request.url),
                status=response.status,
                started=started,
                latency_s=latency,
                request_bytes=request.content_length or 0,
                response_bytes=len(response.body) if isinstance(response.body, bytes) else 0,
                user_agent=request.headers.get("User-Agent", ""),
                remote_ip=request.remote or "",
                said=tuple(said),
            )
        )
        return response

    async def _answer(
        self, request: web.BaseRequest, service: str, revision: RevisionRecord, said: list[Said]
    ) -> web.Response:
        name = revision.name
        match request.method, request.path:
            case ("GET" | "HEAD", "/healthz"):
                version = self._store.version(revision)
                return web.json_response({"status": "ok", "service": service, "revision": name, "version": version})
            case ("GET" | "HEAD", "/metrics"):
                return web.Response(body=self._figures.text(service, name).encode(), headers=_PROMETHEUS)
            case ("GET", "/events"):
                try:
                    return web.Response(text=webhook.verify(request.query))
                except webhook.BadRequest as error:
                    return web.json_response({"error": error.problem}, status=error.status)
            case ("POST", "/webhook"):
                return await self._webhook(request, service, name, said)
            case (_, "/healthz" | "/metrics" | "/events" | "/webhook"):
                return web.json_response({"error": "method not allowed"}, status=405)
        return web.json_response({"error": "not found"}, status=404)

    async def _webhook(self, request: web.BaseRequest, service: str, name: str, said: list[Said]) -> web.Response:
        body = await _body(request)
        if body is None:
            return web.json_response({"error": "the body is over 1 MiB"}, status=413)
        try:
            answer, replies = webhook.receive(body, request.headers.get(webhook.SIGNATURE_HEADER))
        except webhook.BadRequest as error:
            said.append(Said("WARNING", f"webhook rechazado: {error.problem}"))
            return web.json_response({"error": error.problem}, status=error.status)
        failing, latency = self._draw(service, name)
        await self._clock.sleep(latency)
        for reply in replies:
            fields = {"message_id": reply.message, "intent": reply.intent}
            if failing:
                said.append(Said("ERROR", f"mensaje {reply.message}: no se pudo procesar ({reply.intent})", fields))
            else:
                said.append(Said("INFO", f"mensaje {reply.message} procesado: {reply.intent}", fields))
        if failing:
            return web.json_response({"error": "internal error"}, status=500)
        return web.json_response({**answer, "revision": name})

    def _draw(self, service: str, name: str) -> tuple[bool, float]:
        """(does it fail, how long does it take in simulated seconds) by the revision's profile as it is now."""
        profile: Profile = self._traffic.scenario.profile_of(service, name)
        failing = profile.error_share
        era = self._traffic.service(service).era(tick_at(self._clock.now()))
        arm = next((a for a in era.arms if a.revision == name), None) if era is not None else None
        wait = 0.0
        if arm is not None and arm.ok_per_tick + arm.failed_per_tick > 0:
            failing = arm.failed_per_tick / (arm.ok_per_tick + arm.failed_per_tick)
            if arm.start_up_s and self._chance.random() < profile.cold_start.start_up_share:
                wait = arm.start_up_s
        mu = math.log(profile.latency.median_ms / 1000)
        sigma = (math.log(profile.latency.p95_ms / 1000) - mu) / _Z95
        return self._chance.random() < failing, wait + math.exp(self._chance.gauss(mu, sigma))


_PROMETHEUS = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}


async def _body(request: web.BaseRequest) -> bytes | None:
    """The body, or None where it is over the limit."""
    parts: list[bytes] = []
    size = 0
    async for part in request.content.iter_chunked(64 * 1024):
        size += len(part)
        if size > webhook.LARGEST_BODY:
            return None
        parts.append(part)
    return b"".join(parts)
