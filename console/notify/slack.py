"""Slack by incoming webhook (slack-sdk). The URL is a secret: it is never shown, logged or put in an error."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from console.clock import Clock, SystemClock
from console.errors import SettingsError
from console.notify.message import Message
from console.words import _

LONGEST_PAUSE_S = 30.0
"""Wall seconds that one pause takes at most, whatever Slack asks for."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How sending a message ended."""

    problem: str = ""
    """Empty where Slack took it, else what went wrong in a sentence, without the URL."""
    unclear: bool = False
    """Whether Slack may have it all the same."""


class SlackWebhook:
    """One incoming webhook.

    Args:
        url: https, or http to loopback alone (tests and the demo).
        clock: for the pauses between attempts.
        attempts: how often a message is sent before it counts as failed.
        timeout_s: seconds that one attempt may take.

    Raises:
        SettingsError: the URL is no https URL.
    """

    def __init__(self, url: str, *, clock: Clock | None = None, attempts: int = 4, timeout_s: float = 5.0) -> None:
        parts = urlsplit(url)
        loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
        if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
            raise SettingsError(
                _("The Slack webhook is not an https URL."),
                remedy=_("Put the URL of an incoming webhook in the keyring or in CANARIO_SLACK_WEBHOOK."),
            )
        self._url = url
        self._clock: Clock = clock or SystemClock()
        self._attempts = attempts
        self._timeout_s = timeout_s

    def __repr__(self) -> str:
        """Without the URL."""
        return "SlackWebhook(...)"

    async def send(self, message: Message) -> str:
        """Send `message`; 5xx, 429 and lost connections are tried again with growing pauses.

        Returns:
            Empty where Slack took it, else what went wrong in a sentence, without the URL.
        """
        return (await self.deliver(message)).problem

    async def deliver(self, message: Message, *, once: bool = False) -> Delivery:
        """As `send`, and tell a message that Slack refused from one that nobody can know of.

        A webhook cannot be asked what it got, and takes no key that would make a second post harmless.

        Args:
            message: what to say.
            once: whether a second copy is worse than none: an attempt that broke off after the message may have left
                is then the last one.
        """
        from aiohttp import ClientConnectorError
        from slack_sdk.webhook.async_client import AsyncWebhookClient

        # slack-sdk would by itself send again after a connection that broke off
        client = AsyncWebhookClient(self._url, timeout=max(1, round(self._timeout_s)), retry_handlers=[])
        problem, pause = "", 0.0
        for attempt in range(self._attempts):
            if attempt:
                await self._clock.sleep(min(max(pause, 0.5 * 4 ** (attempt - 1)), LONGEST_PAUSE_S))
            pause = 0.0
            try:
                answer = await asyncio.wait_for(client.send(text=_escaped(message.text)), self._timeout_s)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - slack-sdk lets aiohttp's, ssl's and its own through
                problem = _("Slack could not be reached ({kind}).").format(kind=type(error).__name__)
                if once and not isinstance(error, ClientConnectorError):
                    return Delivery(_("Slack did not answer ({kind}).").format(kind=type(error).__name__), unclear=True)
                continue
            if answer.status_code == 200:
                return Delivery()
            problem = _("Slack answered {status}.").format(status=answer.status_code)
            if answer.status_code < 500 and answer.status_code != 429:
                break
            pause = _retry_after(answer.headers)
        return Delivery(problem)


def _retry_after(headers: Mapping[str, object]) -> float:
    """Seconds that Slack asks to be left alone; 0 where it does not say.

    Source: https://docs.slack.dev/apis/web-api/rate-limits.
    """
    told = next((str(value) for name, value in headers.items() if name.lower() == "retry-after"), "")
    return float(told) if told.isascii() and told.isdecimal() else 0.0


def _escaped(text: str) -> str:
    """Slack's three control characters, so that nothing foreign pings a channel or forges a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
