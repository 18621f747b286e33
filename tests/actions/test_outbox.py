"""Messages that Slack did not get outlive the console: kept in the journal, shown by the next one, sent again once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.actions.door import Door
from console.actions.outbox import JournalOutbox
from console.clock import SystemClock
from console.journal import Journal
from console.notify import Message, Notifier

TOLD = Message("❌ DEPLOYMENT ROLLED BACK", ("Reason: 3.1 % errors", "By: maria@acme.example"), urgent=True)
DOWN = "Slack answered 503."


class Slack:
    """Takes messages, unless it has a problem."""

    def __init__(self, problem: str = "") -> None:
        self.problem = problem
        self.got: list[Message] = []

    async def send(self, message: Message) -> str:
        """See `console.notify.SlackWebhook.send`."""
        if not self.problem:
            self.got.append(message)
        return self.problem


class NoCloud:
    """Tells no time and keeps no log."""

    def __init__(self) -> None:
        self.server_clock = self.logs = self

    def now(self) -> None:
        """Nothing is known."""

    async def write_text(self, _log: str, _payload: object) -> None:
        """Nothing is kept."""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path / "journal.db", scope="demo/us-central1/wa-backend", session="s1")
    yield opened
    opened.close()


def notifier_of(journal: Journal, slack: Slack) -> tuple[Notifier, JournalOutbox]:
    notifier = Notifier(slack)
    cloud: Any = NoCloud()
    outbox = JournalOutbox(Door(cloud, journal, notifier, SystemClock()))
    notifier.outbox = outbox
    return notifier, outbox


async def test_a_message_that_failed_is_there_for_the_next_console_as_it_was(journal: Journal) -> None:
    first, _outbox = notifier_of(journal, Slack(DOWN))
    await first.announce(TOLD)
    second, outbox = notifier_of(journal, Slack(DOWN))
    second.remember(await outbox.load())
    (kept,) = second.waiting()
    assert (kept.message, kept.problem) == (TOLD, DOWN)


async def test_sent_again_it_is_gone_for_every_console_and_was_sent_once(journal: Journal) -> None:
    first, _outbox = notifier_of(journal, Slack(DOWN))
    await first.announce(TOLD)
    slack = Slack()
    second, outbox = notifier_of(journal, slack)
    second.remember(await outbox.load())
    assert await second.retry() == 0
    assert slack.got == [TOLD]
    assert second.waiting() == ()
    assert await outbox.load() == ()


async def test_while_slack_is_down_sending_again_keeps_it_once(journal: Journal) -> None:
    notifier, outbox = notifier_of(journal, Slack(DOWN))
    await notifier.announce(TOLD)
    assert await notifier.retry() == 1
    assert await notifier.retry() == 1
    assert len(await outbox.load()) == 1


async def test_what_is_remembered_comes_once_and_before_what_failed_since(journal: Journal) -> None:
    first, _outbox = notifier_of(journal, Slack(DOWN))
    await first.announce(TOLD)
    second, outbox = notifier_of(journal, Slack(DOWN))
    await second.announce(Message("later"))
    second.remember(await outbox.load())
    assert [item.message.title for item in second.waiting()] == [TOLD.title, "later"]


async def test_a_journal_that_cannot_be_written_keeps_it_in_memory_and_breaks_nothing(journal: Journal) -> None:
    notifier, _outbox = notifier_of(journal, Slack(DOWN))
    journal.close()
    assert await notifier.announce(TOLD) == DOWN
    assert [item.message for item in notifier.waiting()] == [TOLD]
