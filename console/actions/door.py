"""The one door to the cloud: guard, journal, act, journal, tell. Migrations go through it too."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeVar

from console.clock import Clock, ServerClock
from console.errors import BlockedError, CanarioError, ConfirmationLostError, ConflictError, JournalError
from console.journal import Entry, Journal
from console.journal.scrub import scrub, scrub_text
from console.notify import Message, Notifier
from console.release.guardrails import REASON_LENGTH, Answer, blocked_by, reason_counts
from console.words import _

T = TypeVar("T")

AUDIT_LOG = "canario-audit"
"""Log in Cloud Logging that gets a copy of every journal row, best effort."""


def process_mark() -> str:
    """This process, so that another one does not take its unfinished intents for lost: `HOST:PID@START`."""
    return _mark(os.getpid())


@lru_cache(maxsize=1)
def _mark(pid: int) -> str:
    started = started_at(pid)
    return f"{socket.gethostname()}:{pid}@{started}" if started else f"{socket.gethostname()}:{pid}"


def started_at(pid: int) -> str:
    """When a process began, as the system tells it: what tells it from a later one with its number; else empty.

    Linux: clock ticks since boot, field 22 of `/proc/PID/stat` (proc_pid_stat(5)). Elsewhere `ps -o lstart=`.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return stat.rpartition(")")[2].split()[19]  # the name in parentheses may hold anything
    except (OSError, IndexError):
        pass
    if Path("/proc/self/stat").exists():
        return ""
    try:
        told = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return "-".join(told.stdout.split()).replace(":", ".")


class AuditLog(Protocol):
    """Where copies of journal rows go."""

    async def write_text(self, log: str, payload: Mapping[str, str | int | float | bool]) -> None:
        """Write one."""


class Informant(Protocol):
    """What a door needs of the cloud."""

    @property
    def server_clock(self) -> ServerClock:
        """The cloud's time."""

    @property
    def logs(self) -> AuditLog:
        """The cloud's log."""


@dataclass
class Door:
    """What `guarded` needs: a journal, people to tell, a log for copies."""

    cloud: Informant
    journal: Journal
    notifier: Notifier
    clock: Clock
    context: Mapping[str, str] = field(default_factory=dict)
    """Written into every row: identity, project, region, service, environment."""
    _copies: set[asyncio.Task[None]] = field(default_factory=set)

    async def intent(self, kind: str, payload: Mapping[str, object]) -> int:
        """Write an intent, off the loop.

        Raises:
            JournalError: it could not be written.
        """
        whole = {**self.context, "process": process_mark(), **payload}
        now = self.cloud.server_clock.now()
        entry: Entry = await asyncio.to_thread(self.journal.write_intent, kind, whole, server_time=now)
        self._copy({"phase": "intent", "entry": entry.id, "kind": kind, "hash": entry.hash, **_flat(whole)})
        return entry.id

    async def outcome(self, number: int, result: str, payload: Mapping[str, object]) -> str:
        """Write an outcome, off the loop; never raises.

        Returns:
            What went wrong, or empty.
        """
        now = self.cloud.server_clock.now()
        try:
            entry: Entry = await asyncio.to_thread(self.journal.outcome, number, result, payload, server_time=now)
        except JournalError as error:
            return error.what
        self._copy(
            {
                **self.context,
                "phase": "outcome",
                "entry": entry.id,
                "intent": number,
                "kind": entry.kind,
                "result": result,
                "hash": entry.hash,
                **_flat(payload),
            }
        )
        return ""

    def _copy(self, payload: Mapping[str, str | int | float | bool]) -> None:
        task = asyncio.get_running_loop().create_task(self._write_copy(payload))
        self._copies.add(task)
        task.add_done_callback(self._copies.discard)

    async def _write_copy(self, payload: Mapping[str, str | int | float | bool]) -> None:
        try:
            await self.cloud.logs.write_text(AUDIT_LOG, payload)
        except CanarioError:
            return  # best effort (DESIGN.md, decision 3): the local row stands

    async def flush(self, timeout_s: float = 2.0) -> None:
        """Wait for copies and messages under way, at most `timeout_s` seconds."""
        await self.notifier.flush(timeout_s)
        if self._copies:
            _done, pending = await asyncio.wait(tuple(self._copies), timeout=timeout_s)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)


async def guarded(
    door: Door,
    *,
    kind: str,
    answers: tuple[Answer, ...],
    reason: str,
    payload: Mapping[str, object],
    act: Callable[[], Awaitable[T]],
    told: Callable[[T], tuple[Message, ...]],
    result: Callable[[T], Mapping[str, object]],
    word: str = "done",
) -> tuple[T, tuple[str, ...]]:
    """Do one thing to the cloud, the only way there is (a rollback aside).

    Args:
        door: journal, people, log.
        kind: what is done, for the journal.
        answers: every guardrail's answer.
        reason: as typed; may override the answers that allow it.
        payload: what is about to be done, for the intent's row.
        act: does it.
        told: messages for people once it is done.
        result: what was done, for the outcome's row.
        word: what the outcome's row calls it once it is done.

    Returns:
        What `act` returned, and notes: what failed besides.

    Raises:
        BlockedError: a guardrail said no, or the intent could not be journalled; nothing was sent.
        CanarioError: what `act` raised; journalled.
    """
    refuse(answers, reason)
    try:
        number = await door.intent(kind, {"reason": reason, **payload})
    except JournalError as error:
        raise BlockedError((error.what,), overridable=False, remedy=error.remedy) from error
    try:
        done = await act()
    except CanarioError as error:
        ended = "conflict" if isinstance(error, ConflictError) else "failed"
        ended = "blocked" if isinstance(error, BlockedError) else ended
        ended = "unknown" if isinstance(error, ConfirmationLostError) else ended
        await door.outcome(number, ended, {"error": str(error)})
        raise
    notes = []
    problem = await door.outcome(number, word, result(done))
    if problem:
        notes.append(problem)
    for message in told(done):
        door.notifier.announce_soon(message)
    return done, tuple(notes)


def refuse(answers: tuple[Answer, ...], reason: str) -> None:
    """Raise where a guardrail blocks.

    Raises:
        BlockedError: naming each answer that blocks, and whether a written reason would pass them all.
    """
    blocking = blocked_by(answers, reason)
    if not blocking:
        return
    overridable = all(answer.overridable for answer in blocking)
    if overridable and reason.strip() and not reason_counts(reason):
        remedy = _("A reason has at least {count} characters; this one has {has}.").format(
            count=REASON_LENGTH, has=len(reason.strip())
        )
    elif overridable:
        remedy = _("A written reason of at least {count} characters lets it pass (--reason TEXT).").format(
            count=REASON_LENGTH
        )
    else:
        remedy = _("No reason overrides this.")
    reasons = tuple(f"{answer.title}: {answer.reason}" for answer in blocking)
    raise BlockedError(reasons, overridable=overridable, remedy=remedy)


def _flat(payload: Mapping[str, object]) -> dict[str, str | int | float | bool]:
    return {
        key: value if isinstance(value, str | int | float | bool) else scrub_text(str(value))
        for key, value in scrub(payload).items()
        if value is not None
    }


__all__ = ["AUDIT_LOG", "Door", "guarded", "process_mark", "refuse"]
