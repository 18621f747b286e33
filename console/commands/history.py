"""`canario history`: what was done to a service, from three records, each under its own name.

`release`: the moves that the release annotation keeps (everybody's, the last 20). `journal`: this machine's own rows.
`audit`: the Cloud Audit Log. A move stands once: its audit line and its journal row are left out where the
annotation tells it.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from console.commands.output import SCHEMA, say, say_json, say_table
from console.commands.running import Place, session_at
from console.errors import CanarioError, ExitCode
from console.journal import Entry
from console.release.state import Release, read_release, split_of
from console.words import _

SAME_S = 5.0
"""Seconds between two records of one move."""

Event = dict[str, object]


async def history(place: Place, *, as_json: bool, days: int, limit: int) -> int:
    """What was done to the service, newest first: the release's moves, this machine's journal, the audit log."""
    name = place.environment.service
    problem = ""
    async with session_at(place) as session:
        service = await session.cloud.run.get_service(name)
        release = read_release(service.annotations)[0]
        events = _moves_of(release) if release else []
        events += _journalled(await asyncio.to_thread(session.journal.entries, limit, scope=session.journal.scope))
        now = session.cloud.server_clock.now()
        try:
            if now is not None:
                audits = await session.cloud.logs.audit(name, since=now - timedelta(days=days), limit=limit)
                events += [
                    {
                        "time": audit.time,
                        "source": "audit",
                        "kind": audit.method.rpartition(".")[2],
                        "by": audit.principal,
                        "result": "done",
                    }
                    for audit in audits
                ]
        except CanarioError as error:
            problem = str(error)
    events = merged(events)[:limit]
    if as_json:
        say_json({"schema": SCHEMA, "service": name, "events": events, "problem": problem or None})
        return ExitCode.DONE
    if not events:
        say(_("Nothing is recorded of {service} yet.").format(service=name))
    else:
        say_table(
            (_("time"), _("what"), _("result"), _("by"), _("source"), _("reason")),
            [
                (
                    _time(event["time"]),
                    _what(event),
                    str(event.get("result") or ""),
                    str(event.get("by") or "-"),
                    str(event["source"]),
                    str(event.get("reason") or ""),
                )
                for event in events
            ],
        )
    if problem:
        say(_("The audit log could not be read: {problem}").format(problem=problem))
    return ExitCode.DONE


def _moves_of(release: Release) -> list[Event]:
    events: list[Event] = [
        {
            "time": move.at,
            "source": "release",
            "kind": move.kind,
            "by": move.by,
            "result": "done",
            "percent": move.percent,
            "before": split_of(move.before).shares(),
            "reason": move.reason or None,
            "automatic": move.automatic,
            "canary": release.canary,
        }
        for move in release.moves
    ]
    return events


def _journalled(entries: list[Entry]) -> list[Event]:
    """The journal's outcomes, and its intents that have none."""
    intents = {entry.id: entry for entry in entries if entry.phase == "intent"}
    events: list[Event] = []
    for entry in entries:
        intent = intents.pop(entry.intent, None) if entry.phase == "outcome" and entry.intent else None
        if entry.phase == "outcome":
            events.append(_row(intent or entry, entry.result, entry))
    return events + [_row(intent, "unfinished", intent) for intent in intents.values()]


def _row(intent: Entry, result: str, entry: Entry) -> Event:
    return {
        "time": entry.server_time or entry.at,
        "source": "journal",
        "kind": intent.kind,
        "by": intent.payload.get("identity"),
        "result": result,
        "percent": intent.payload.get("percent"),
        "reason": intent.payload.get("reason") or None,
        "error": entry.payload.get("error"),
    }


def merged(events: list[Event]) -> list[Event]:
    """The events newest first, a move that several records tell kept once, as the release annotation tells it."""
    moves = [(_at(event), event.get("by")) for event in events if event["source"] == "release"]

    def told(event: Event) -> bool:
        if event["source"] == "release" or event.get("result") != "done":
            return False
        at, by = _at(event), event.get("by")
        return any(abs(at - moved) <= SAME_S and by in (who, None) for moved, who in moves)

    return sorted((event for event in events if not told(event)), key=_at, reverse=True)


def _at(event: Event) -> float:
    at = event["time"]
    return at.astimezone(UTC).timestamp() if isinstance(at, datetime) else 0.0


def _what(event: Event) -> str:
    percent = event.get("percent")
    words = str(event["kind"]) + (f" → {percent} %" if isinstance(percent, int) else "")
    return f"{words} ({_('automatic')})" if event.get("automatic") else words


def _time(at: object) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if isinstance(at, datetime) else "-"
