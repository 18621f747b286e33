"""Messages in the runbook's words; Slack that fails, hangs or comes back; nothing is held up, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from aiohttp import web

from console.errors import SettingsError
from console.notify import Message, Notifier, SlackWebhook, rolled_back, shifted
from console.notify.message import successful


class QuickClock:
    """A clock whose sleeps are over at once, and counted."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@dataclass
class Slack:
    """A webhook on loopback that answers what it is told to."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    """Status codes to come; 200 when none is left; 0 cuts the connection."""
    got: list[str] = field(default_factory=list)
    hang: bool = False

    async def handle(self, request: web.Request) -> web.Response:
        self.got.append((await request.json())["text"])
        if self.hang:
            await asyncio.sleep(60)
        status = self.answers.pop(0) if self.answers else 200
        if status == 0:
            assert request.transport is not None
            request.transport.close()
        return web.Response(status=status or 500, text="ok" if status == 200 else "no")


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    server = Slack()
    app = web.Application()
    app.router.add_post("/services/T/B/secret", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/services/T/B/secret"
    yield server
    await runner.cleanup()


def webhook(slack: Slack, **options: object) -> SlackWebhook:
    return SlackWebhook(slack.url, clock=QuickClock(), **options)  # type: ignore[arg-type]


HELLO = Message("hello", ("world",))


async def test_a_message_arrives_as_text(slack: Slack) -> None:
    assert await Notifier(webhook(slack)).announce(HELLO) == ""
    assert slack.got == ["hello\nworld"]


@pytest.mark.parametrize("answers", [[500], [503, 500], [429], [0]])
async def test_what_slack_drops_is_sent_again(slack: Slack, answers: list[int]) -> None:
    slack.answers = list(answers)
    notifier = Notifier(webhook(slack))
    assert await notifier.announce(HELLO) == ""
    assert len(slack.got) == len(answers) + 1
    assert not notifier.undelivered


async def test_what_slack_refuses_is_kept_and_not_sent_again(slack: Slack) -> None:
    slack.answers = [403]
    notifier = Notifier(webhook(slack))
    problem = await notifier.announce(HELLO)
    assert problem == "Slack answered 403."
    assert len(slack.got) == 1
    assert [kept.message for kept in notifier.undelivered] == [HELLO]


async def test_what_was_kept_goes_out_once_slack_is_back(slack: Slack) -> None:
    slack.answers = [500] * 4
    notifier = Notifier(webhook(slack))
    await notifier.announce(HELLO)
    assert len(notifier.undelivered) == 1
    assert await notifier.retry() == 0
    assert not notifier.undelivered


async def test_a_slack_that_hangs_holds_nothing_up(slack: Slack) -> None:
    slack.hang = True
    notifier = Notifier(webhook(slack, timeout_s=30.0))
    notifier.announce_soon(HELLO)
    await notifier.flush(0.1)
    assert [kept.message for kept in notifier.undelivered] == [HELLO]


async def test_nobody_listening_is_a_problem_in_words_without_the_url() -> None:
    notifier = Notifier(SlackWebhook("http://127.0.0.1:9/services/secret", clock=QuickClock(), timeout_s=1.0))  # type: ignore[arg-type]
    problem = await notifier.announce(HELLO)
    assert problem
    assert "secret" not in problem
    assert "secret" not in repr(notifier.slack)


@pytest.mark.parametrize("url", ["", "hooks.slack.com/x", "http://hooks.slack.com/services/x", "ftp://127.0.0.1/x"])
def test_a_webhook_is_https(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        SlackWebhook(url)
    assert url == "" or url not in str(caught.value)


async def test_foreign_text_pings_nobody(slack: Slack) -> None:
    await Notifier(webhook(slack)).announce(Message("<!channel>", ("<https://evil.example|click> & co",)))
    assert slack.got == ["&lt;!channel&gt;\n&lt;https://evil.example|click&gt; &amp; co"]


async def test_the_bell_rings_for_what_is_urgent_and_a_broken_one_stops_nothing(slack: Slack) -> None:
    rung: list[Message] = []
    notifier = Notifier(None, rung.append)
    urgent = Message("fire", urgent=True)
    await notifier.announce(HELLO)
    await notifier.announce(urgent)
    assert rung == [urgent]

    def broken(message: Message) -> None:
        raise OSError("no terminal")

    assert await Notifier(webhook(slack), broken).announce(urgent) == ""
    assert slack.got == ["fire"]


def test_a_rollback_is_told_in_the_runbooks_words() -> None:
    message = rolled_back(
        environment="production",
        service="wa-backend",
        reason="Error rate spike to 2.3 %",
        took=timedelta(seconds=4.2),
        previous="wa-backend-00041-kud",
        who="maria@acme.example",
        automatic=True,
        shares={"wa-backend-00041-kud": 100},
    )
    assert message.urgent
    assert message.text.splitlines()[:5] == [
        "❌ DEPLOYMENT ROLLED BACK",
        "Reason: Error rate spike to 2.3 %",
        "Reversion time: 4 s",
        "Previous revision: wa-backend-00041-kud",
        "Investigation: check logs + postmortem",
    ]
    assert "automatically" in message.text


def test_a_full_canary_is_not_called_successful_before_its_bake() -> None:
    common = {
        "environment": "production",
        "service": "wa-backend",
        "canary": "r2",
        "rollback_command": "canario rollback",
    }
    full = shifted(**common, before=50, percent=100, previous="r1", who="maria@acme.example")
    assert "VALIDATING" in full.title
    assert "canario rollback" in full.text
    done = successful(**common, figures=("0.3 % errors in 6,214 requests",), who="maria@acme.example")
    assert done.title == "✅ DEPLOYMENT SUCCESSFUL"
    assert "Metrics: 0.3 % errors" in done.text
