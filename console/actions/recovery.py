"""Crash recovery: an intent with no outcome is settled by reading the service (DESIGN.md, decision 3)."""

from __future__ import annotations

import asyncio
import os
import socket

from console.actions.door import Door, started_at
from console.actions.outcome import Settled
from console.actions.reading import ServiceAccess
from console.errors import CanarioError, JournalError
from console.journal import Unfinished
from console.release.guardrails import shares_text
from console.release.service import Service
from console.release.state import Release, read_release
from console.words import _


async def settle_unfinished(access: ServiceAccess, door: Door) -> tuple[Settled, ...]:
    """Settle the intents of processes that are no more; what cannot be read now waits for the next start."""
    try:
        unfinished = await asyncio.to_thread(access.journal.unfinished, session=access.session_id)
    except JournalError:
        return ()
    # a runbook's steps and migrations are settled by their own kind, which knows what to ask the world
    lost = [
        entry
        for entry in unfinished
        if entry.kind != "runbook"
        and not entry.kind.startswith("migration")
        and not process_alive(str(entry.payload.get("process", "")))
    ]
    if not lost:
        return ()
    try:
        service = await access.read()
    except CanarioError:
        return ()
    release, _problem = read_release(service.annotations)
    settled = []
    for entry in lost:
        done = _done(entry, service, release)
        sentence = _sentence(entry, service, done)
        await door.outcome(entry.id, "settled", {"done": done, "found": sentence})
        settled.append(Settled(entry.kind, done, sentence))
    return tuple(settled)


def process_alive(mark: str) -> bool:
    """Whether the process of a mark `HOST:PID@START` still runs; one on another machine counts as running.

    A process that got the same number later is another one; marks of an older canario have no start.
    """
    host, _colon, rest = mark.rpartition(":")
    pid, _at, started = rest.partition("@")
    if not host or not pid.isdecimal():
        return False
    if host != socket.gethostname():
        return True
    if int(pid) == os.getpid():
        return False  # an earlier process had our number
    if started and (now := started_at(int(pid))) and now != started:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _done(entry: Unfinished, service: Service, release: Release | None) -> bool:
    after = entry.payload.get("after")
    if isinstance(after, dict):
        return service.desired_shares() == after
    image = entry.payload.get("image")
    if isinstance(image, str):
        return False  # a deployment cut off is looked at by a person: the new revision gets no traffic anyway
    if entry.kind == "disarm" and release is not None:
        return not release.auto_rollback
    return entry.kind == "arm" and release is not None and release.auto_rollback


def _sentence(entry: Unfinished, service: Service, done: bool) -> str:
    when = entry.server_time or entry.at
    word = _("was done") if done else _("was not done, or was moved again since")
    if entry.kind == "dispatch":
        word = _("may have been started: its step in the checklist finds out")
    return _("{kind} of {when:%Y-%m-%d %H:%M} UTC was cut off; it {word}. Serving now: {shares}.").format(
        kind=entry.kind, when=when, word=word, shares=shares_text(service.effective_shares())
    )
