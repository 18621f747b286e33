"""The notifier: takes a message, tells everybody it can, keeps what failed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from console.notify.message import Message

Bell: TypeAlias = Callable[[Message], None]
"""Rings and sets the terminal's title; called in the loop that announces, so it must be quick."""


class Sender(Protocol):
    """What a SlackWebhook is to a notifier."""

    async def send(self, message: Message) -> str:
        """Empty where it went out, else what went wrong."""
        ...


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A message that did not go out."""

    message: Message
    problem: str
    number: int = 0
    """Where the outbox keeps it; 0: in memory alone."""


class Outbox(Protocol):
    """Where undelivered messages outlive the process. Never raises."""

    async def keep(self, item: Undelivered) -> int:
        """Keep one; its number, 0 where it cannot be kept."""
        ...

    async def sent(self, number: int) -> None:
        """One has gone out."""
        ...


class Notifier:
    """Tells people; never raises, never holds anything up.

    Args:
        slack: where messages go; None: nowhere but the bell.
        bell: rung for urgent messages.
    """

    def __init__(self, slack: Sender | None = None, bell: Bell | None = None) -> None:
        self.slack = slack
        self.bell = bell
        self.undelivered: deque[Undelivered] = deque(maxlen=100)
        """Messages that failed after all attempts, oldest first, shown on screen; `retry` sends them again."""
        self.outbox: Outbox | None = None
        """Where they are kept besides; None: in memory alone."""
        self._under_way: set[asyncio.Task[str]] = set()
        self._retrying = asyncio.Lock()

    async def announce(self, message: Message) -> str:
        """Tell everybody, waiting for Slack's answer.

        Returns:
            What went wrong, in a sentence, or empty.
        """
        self._ring(message)
        return await self._send(message)

    def announce_soon(self, message: Message) -> None:
        """Tell everybody without waiting: Slack gets it in a task of its own (`flush` waits for it)."""
        self._ring(message)
        if self.slack is None:
            return
        task = asyncio.get_running_loop().create_task(self._send(message))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def flush(self, timeout_s: float = 3.0) -> None:
        """Wait for messages under way, at most `timeout_s` seconds; what is not out by then is kept as undelivered."""
        if self._under_way:
            _done, pending = await asyncio.wait(tuple(self._under_way), timeout=timeout_s)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        for item in tuple(self.undelivered):
            if not item.number:  # cut off, so that nobody could write it down then
                await self._write_down(item)

    def waiting(self) -> tuple[Undelivered, ...]:
        """What is undelivered, oldest first. From any thread."""
        while True:
            try:
                return tuple(self.undelivered)
            except RuntimeError:  # another thread has added one meanwhile
                continue

    def remember(self, kept: Iterable[Undelivered]) -> None:
        """Take in what an earlier process could not deliver, before our own."""
        known = {item.number for item in self.undelivered}
        for item in reversed([item for item in kept if item.number not in known]):
            self.undelivered.appendleft(item)

    async def retry(self) -> int:
        """Send what is undelivered again; returns how many still are."""
        if self.slack is None:
            return len(self.undelivered)
        async with self._retrying:  # asked for twice, what is under way is not taken for sent
            waiting = list(self.undelivered)
            self.undelivered.clear()
            for item in waiting:
                if not await self._send(item.message, item) and item.number and self.outbox is not None:
                    await self.outbox.sent(item.number)
            return len(self.undelivered)

    async def _keep(self, item: Undelivered) -> None:
        self.undelivered.append(item)
        await self._write_down(item)

    async def _write_down(self, item: Undelivered) -> None:
        if self.outbox is None or item.number:
            return
        number = await self.outbox.keep(item)
        if number and item in self.undelivered:
            self.undelivered[self.undelivered.index(item)] = replace(item, number=number)

    def _ring(self, message: Message) -> None:
        if self.bell is None or not message.urgent:
            return
        try:
            self.bell(message)
        except Exception as error:  # noqa: BLE001 - a broken bell must not stop a rollback's message
            self.undelivered.append(Undelivered(message, type(error).__name__))

    async def _send(self, message: Message, before: Undelivered | None = None) -> str:
        if self.slack is None:
            return ""
        kept = before or Undelivered(message, "")
        try:
            problem = await self.slack.send(message)
        except asyncio.CancelledError:
            self.undelivered.append(replace(kept, problem="cut off"))
            raise
        except Exception as error:  # noqa: BLE001 - telling people must never break what it tells of
            problem = type(error).__name__
        if problem:
            await self._keep(replace(kept, problem=problem))
        return problem
