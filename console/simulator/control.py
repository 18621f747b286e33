"""The control address: the demo's and the tests' handle on the simulator. JSON over HTTP, loopback only.

- `GET /clock`, `POST /clock {"speed": N, "now": TIME}`: the clock; both keys are optional.
- `GET /state`: clock, services (desired, effective, reconciling), calls received with CLOCK_MONOTONIC stamps.
- `POST /fault {...}`: inject or clear faults (`FAULTS` below).
- `POST /rival {"service": NAME, "canary_percent": N | "shares": {REVISION: N}, "principal": EMAIL}`: someone else
  moves the traffic now.
- `POST /github {...}`, `POST /slack {...}`: the team's GitHub and Slack (`console.simulator.team`).
- `POST /push {"image": REFERENCE}`: another image is pushed under the same tag; revisions made from now on run it.
- `POST /open {"service": NAME, "revision": NAME}`: the URL of a revision whose port was not opened unasked.

A web page must not drive it: requests with an Origin, or to another Host than loopback, are refused.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from console.errors import CanarioError
from console.simulator.endpoints import Route
from console.simulator.faults import Planned
from console.simulator.github_state import Refused
from console.simulator.options import parse_time
from console.simulator.status import Code, StatusError

if TYPE_CHECKING:
    from console.simulator.server import Simulator

Body = Mapping[str, object]

FAULTS = {
    "unavailable": "true: every call is answered UNAVAILABLE until false",
    "expired": "true: every call is answered UNAUTHENTICATED until false",
    "hang": "true: no call is answered until false",
    "slow_s": "wall seconds that every call waits first",
    "lost_permissions": 'list of permissions that nobody has; ["*"] for all writing ones',
    "fail_next": '{"method": NAME or "*", "code": NAME, "count": N, "answered": true where only the answer is lost}',
    "cut_tails": "true: every open stream ends now",
    "break_revision": '{"service", "revision", "why"}: it is not ready from now on',
    "delete_revision": '{"service", "revision"}: it is gone, whatever it serves',
    "fail_reconcile": "words with which the next reconcile fails",
    "reconcile_s": "simulated seconds that each reconcile takes; null for the usual",
    "clear": "true: no more injected faults",
}


class Control:
    """Answers requests to the control address.

    Args:
        simulator: what is controlled.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._routes: dict[tuple[str, str], Callable[[Body], Awaitable[object]]] = {
            ("GET", "/clock"): self._clock,
            ("POST", "/clock"): self._set_clock,
            ("GET", "/state"): self._state,
            ("POST", "/fault"): self._fault,
            ("POST", "/rival"): self._rival,
            ("POST", "/open"): self._open,
            ("POST", "/push"): self._push,
            ("POST", "/github"): self._simulator.team.control_github,
            ("POST", "/slack"): self._simulator.team.control_slack,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request: 200 with JSON, or 4xx with `{"error": ...}`."""
        host = (request.host or "").rpartition(":")[0] or request.host
        if request.headers.get("Origin") or host not in ("127.0.0.1", "localhost", "[::1]"):
            return web.json_response({"error": "only for programs on this machine"}, status=403)
        act = self._routes.get((request.method, request.path))
        if act is None:
            paths = {path for _method, path in self._routes}
            status = 405 if request.path in paths else 404
            return web.json_response({"error": f"no {request.method} {request.path}"}, status=status)
        try:
            raw = await request.read() if request.method == "POST" else b""
            body = json.loads(raw) if raw.strip() else {}
            if not isinstance(body, dict):
                raise ValueError("the body is a JSON object")
            return web.json_response(await act(body))
        except StatusError as error:
            return web.json_response({"error": error.message, "code": error.code.name}, status=409)
        except Refused as error:
            return web.json_response({"error": error.message}, status=409)
        except CanarioError as error:
            return web.json_response({"error": str(error)}, status=500)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            return web.json_response({"error": str(error) or type(error).__name__}, status=400)

    async def _clock(self, body: Body) -> object:
        clock = self._simulator.clock
        return {"now": clock.datetime().isoformat(), "speed": clock.speed}

    async def _set_clock(self, body: Body) -> object:
        _only(body, "speed", "now")
        speed, now = body.get("speed"), body.get("now")
        if speed is not None and (isinstance(speed, bool) or not isinstance(speed, int | float)):
            raise ValueError("speed is a number")
        moment = parse_time(str(now)).timestamp() if now is not None else None
        if moment is not None and moment < self._simulator.clock.now():
            raise ValueError("the clock cannot go back")
        if speed is not None:
            self._simulator.clock.set_speed(float(speed))
        if moment is not None:
            self._simulator.clock.set_now(moment)
        return await self._clock({})

    async def _state(self, body: Body) -> object:
        simulator = self._simulator
        services = {}
        for name, record in simulator.store.services.items():
            services[name] = {
                "generation": record.desired.generation,
                "observed_generation": record.observed_generation,
                "reconciling": record.pending is not None,
                "etag": record.desired.etag,
                "desired": [
                    {"revision": t.revision, "percent": t.percent, "tag": t.tag} for t in record.desired.traffic
                ],
                "effective": dict(record.told),
                "revisions": {r.name: r.ready for r in record.revisions.values()},
                "annotations": dict(record.desired.annotations),
                "last_modifier": record.desired.last_modifier,
            }
        return {
            **_dict(await self._clock({})),
            "services": services,
            "received": [
                {"method": r.method, "monotonic_ns": r.monotonic_ns, "at": r.at, "principal": r.principal}
                for r in simulator.door.received
            ],
            "calls": simulator.door.calls,
        }

    async def _fault(self, body: Body) -> object:
        _only(body, *FAULTS)
        simulator, faults = self._simulator, self._simulator.faults
        if body.get("clear"):
            faults.clear()
            simulator.permissions.lost = frozenset()
            simulator.store.reconcile_fault = simulator.store.reconcile_s = None
        if "unavailable" in body:
            faults.unavailable = bool(body["unavailable"])
        if "expired" in body:
            faults.expired = bool(body["expired"])
        if "hang" in body:
            (faults.answering.clear if body["hang"] else faults.answering.set)()
        if "slow_s" in body:
            faults.slow_s = _number(body["slow_s"])
        if "lost_permissions" in body:
            lost = body["lost_permissions"]
            if not isinstance(lost, list):
                raise ValueError("lost_permissions is a list")
            simulator.permissions.lost = frozenset(map(str, lost))
        if "fail_next" in body:
            plan = _dict(body["fail_next"])
            _only(plan, "method", "code", "count", "answered")
            faults.planned.append(
                Planned(
                    str(plan.get("method", "*")),
                    Code[str(plan.get("code", "UNAVAILABLE"))],
                    int(_number(plan.get("count", 1))),
                    bool(plan.get("answered", False)),
                )
            )
        if "break_revision" in body:
            plan = _dict(body["break_revision"])
            why = str(plan.get("why", "The instance failed its health check."))
            simulator.store.break_revision(str(plan["service"]), str(plan["revision"]), why, simulator.clock.now())
        if "delete_revision" in body:
            plan = _dict(body["delete_revision"])
            simulator.store.lose_revision(str(plan["service"]), str(plan["revision"]), simulator.clock.now())
        if "fail_reconcile" in body:
            simulator.store.reconcile_fault = str(body["fail_reconcile"])
        if "reconcile_s" in body:
            seconds = body["reconcile_s"]
            simulator.store.reconcile_s = None if seconds is None else _number(seconds)
        cut = simulator.door.cut_tails() if body.get("cut_tails") else 0
        return {"cut": cut}

    async def _rival(self, body: Body) -> object:
        _only(body, "service", "canary_percent", "shares", "principal")
        service = str(body.get("service", "wa-backend"))
        principal = str(body.get("principal", "rival@demo.example"))
        shares = body.get("shares")
        if shares is not None:
            split = {str(name): int(_number(percent)) for name, percent in _dict(shares).items()}
        else:
            split = self._simulator.rival_split(service, int(_number(body.get("canary_percent", 40))))
        operation = self._simulator.move_as(principal, service, split)
        return {"operation": operation, "shares": split}

    async def _open(self, body: Body) -> object:
        service, revision = str(body["service"]), str(body["revision"])
        owner = self._simulator.store.services.get(service)
        if owner is None or revision not in owner.revisions:
            raise ValueError(f"there is no revision {revision} of {service}")
        return {"url": self._simulator.app.endpoints.url(Route(service, revision=revision))}

    async def _push(self, body: Body) -> object:
        _only(body, "image")
        image = body.get("image")
        if not isinstance(image, str) or not image or "@" in image:
            raise ValueError("image is a reference with a tag")
        return {"image": image, "digest": self._simulator.store.registry.push(image)}


def _only(body: Body, *known: str) -> None:
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}; known are {', '.join(known)}")


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def _dict(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is not an object")
    return value
