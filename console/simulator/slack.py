"""A Slack incoming webhook on loopback that keeps what it got, and shows it.

- `POST /services/T000/B000/demo`: the webhook. Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
  ("Handling errors"): 200 `ok`; 400 `invalid_payload`, `no_text`; 404 `no_service` for another address; and
  https://docs.slack.dev/apis/web-api/rate-limits: 429 with `Retry-After`, seconds.
- `GET /messages`: what came, JSON, newest last.
- `GET /`: the same as a page, for people.

As the simulated GitHub it guards nothing, and serves loopback only.
"""

from __future__ import annotations

import asyncio
import html
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from console.simulator.clock import SimClock

PATH = "/services/T000/B000/demo"
CHANNEL = "#deployments"
MOST_KEPT = 1000
LARGEST_BODY = 256 * 1024
LONGEST_TEXT = 40_000
"""Characters; Slack cuts longer texts (https://docs.slack.dev/changelog/2018-truncating-really-long-messages)."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was taken."""

    at: str
    """Simulated time, ISO."""
    text: str
    payload: Mapping[str, object]


@dataclass(slots=True)
class SlackFaults:
    """How the next posts fail."""

    fail_next: int = 0
    """So many are refused."""
    status: int = 500
    """With this status; 429 says Retry-After."""
    retry_after_s: int = 1
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared: no post is answered."""


class Slack:
    """The webhook.

    Args:
        clock: simulated time.
    """

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self.messages: deque[Message] = deque(maxlen=MOST_KEPT)
        self.on_change: Callable[[], None] = lambda: None
        """Called after a message was taken."""
        self.refused = 0
        """Posts that were not taken."""
        self.faults = SlackFaults()
        self.faults.answering.set()
        self.app = web.Application(client_max_size=LARGEST_BODY)
        self.app.router.add_post("/services/{tail:.*}", self._post)
        self.app.router.add_get("/messages", self._list)
        self.app.router.add_get("/", self._page)

    async def _post(self, request: web.Request) -> web.Response:
        await self.faults.answering.wait()
        refusal = await self._refusal(request)
        if isinstance(refusal, web.Response):
            self.refused += 1
            return refusal
        text = str(refusal.get("text") or "")[:LONGEST_TEXT]
        self.messages.append(Message(self._clock.datetime().isoformat(timespec="seconds"), text, refusal))
        self.on_change()
        return web.Response(text="ok", content_type="text/html")

    async def _refusal(self, request: web.Request) -> web.Response | Mapping[str, object]:
        """The answer that refuses, or the payload."""
        if self.faults.fail_next > 0:
            self.faults.fail_next -= 1
            status = self.faults.status
            headers = {"Retry-After": str(self.faults.retry_after_s)} if status == 429 else {}
            words = "rate_limited" if status == 429 else "rollup_error"
            return web.Response(status=status, text=words, headers=headers)
        if request.path != PATH:
            return web.Response(status=404, text="no_service")
        try:
            raw = await request.read()
            if request.content_type == "application/x-www-form-urlencoded":
                raw = str((await request.post()).get("payload", "")).encode()
            payload = json.loads(raw)
        except (ValueError, RecursionError):
            return web.Response(status=400, text="invalid_payload")
        if not isinstance(payload, dict):
            return web.Response(status=400, text="invalid_payload")
        if not any(payload.get(key) for key in ("text", "blocks", "attachments")):
            return web.Response(status=400, text="no_text")
        return payload

    async def _list(self, request: web.Request) -> web.Response:
        told = [{"at": one.at, "channel": CHANNEL, "text": one.text, "payload": one.payload} for one in self.messages]
        return web.json_response(told)

    async def _page(self, request: web.Request) -> web.Response:
        items = "".join(
            f"<article><time>{html.escape(one.at)}</time><pre>{html.escape(one.text or json.dumps(one.payload))}</pre>"
            "</article>"
            for one in self.messages
        )
        return web.Response(text=_PAGE.format(channel=CHANNEL, items=items or "<p>-</p>"), content_type="text/html")


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{channel}</title><meta http-equiv="refresh" content="3">
<style>body{{font:15px system-ui;max-width:50rem;margin:2rem auto}}article{{border-left:4px solid #4a154b;
padding:0 1rem;margin:1rem 0}}time{{color:#777}}pre{{white-space:pre-wrap;margin:.2rem 0}}</style></head>
<body><h1>{channel}</h1>{items}</body></html>
"""
