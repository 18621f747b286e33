"""The story of each release, told from what was written down: annotation, the audit log's copies of it, local journal.

Every write of canario's carries the whole release annotation, and the Cloud Audit Log keeps each write: so the log
holds every version of every release, whoever drove it. The local journal adds what never reached the cloud: refused
moves, and what failed. Pure but for `gather`, which reads; knows no screen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from console.cloud.logs import AuditWrites
from console.errors import CanarioError
from console.release.state import Candidate, Document, Release
from console.telling import (
    Happening,
    Kind,
    Told,
    Walk,
    Wrote,
    documents_of,
    steps_told,
    walks_of,
)
from console.watch.metrics_charts import marks_of, monitored
from console.words import _

if TYPE_CHECKING:
    from console.clock import Clock
    from console.cloud.client import Cloud
    from console.cloud.logs import AuditEntry
    from console.journal import Entry, Journal
    from console.session import Session
    from console.settings import Environment
    from console.watch.charts import ChartData
    from console.watch.snapshot import Snapshot

LOOK_BACK = timedelta(days=30)
"""How far back the audit log is read (Admin Activity is kept 400 days)."""

BEFORE = timedelta(minutes=10)
AFTER = timedelta(minutes=15)
"""What a release's charts show before its first move and after its end: what was usual, and whether it came back."""
UNTOLD = timedelta(hours=1)
"""How long after its last move a release's charts go on where its end is not written."""
LONGEST = timedelta(hours=24)


ROWS = 500
"""Rows of the journal that a history looks through for what was refused."""
RUNBOOK_ROWS = 20_000
"""And for what the runbook's steps came to."""

BESIDE = frozenset({"runbook", "notify", "watch"})
"""Kinds of journal rows that are told by what they left in the annotation, not as refused moves."""


@dataclass(frozen=True, slots=True)
class Story:
    """One release."""

    release: Release
    """As last written."""
    happenings: tuple[Happening, ...]
    """Oldest first."""
    candidate: Candidate | None = None
    """What was walked to it, as last written; None where no runbook was."""
    lines: tuple[Told, ...] = ()
    """All that was said on the candidate, every run of every step."""


@dataclass(frozen=True, slots=True)
class Version:
    """A release annotation as it was written once."""

    at: datetime
    by: str
    release: Release
    candidate: Candidate | None = None


@dataclass(frozen=True, slots=True)
class Chronicle:
    """All releases, newest first, and what could not be read."""

    stories: tuple[Story, ...] = ()
    problem: str = ""
    """Why a source is missing, or empty."""


async def gather(session: Session) -> Chronicle:
    """Read all sources; a source that can't be read is named in `problem`, the others are told."""
    now = session.cloud.server_clock.now()
    problem = ""
    found = AuditWrites()
    try:
        if now is not None:
            found = await session.cloud.logs.writes(session.environment.service, since=now - LOOK_BACK)
            problem = found.problem
    except CanarioError as error:
        problem = _("The audit log can't be read: {problem}").format(problem=error)
    played, latest = session.cloud.target.endpoint is not None, session.watcher.latest

    def told() -> tuple[tuple[Story, ...], str]:
        entries: list[Entry] = []
        unread = ""
        try:
            entries = rows_of(session.journal)
        except CanarioError as error:
            unread = str(error)
        return stories_of(found.entries, latest, entries, played=played), unread

    stories, unread = await asyncio.to_thread(told)  # some hundred documents take their time
    return Chronicle(stories, problem or unread)


def rows_of(journal: Journal) -> list[Entry]:
    """The journal's newest rows: some of every kind, and all that are the runbook's. Blocking.

    Raises:
        JournalError: it cannot be read.
    """
    rows = journal.entries(ROWS, scope=journal.scope)
    known = {row.id for row in rows}
    return [*rows, *(row for row in journal.entries(RUNBOOK_ROWS, kind="runbook") if row.id not in known)]


def stories_of(
    audits: Iterable[AuditEntry], latest: Snapshot, entries: Iterable[Entry] = (), *, played: bool = False
) -> tuple[Story, ...]:
    """The stories of all releases and of what was stopped before one, newest first. Pure.

    Args:
        audits: calls that wrote the annotation, any order.
        latest: the service as it is now.
        entries: the local journal's rows, any order.
        played: see `Told.forger`.
    """
    written, rows = documents_of(audits), tuple(entries)
    walks = walks_of(written, latest.candidate)
    told = tell(versions_of(written), latest.release, rows, latest.candidate, walks, played=played)
    unmoved = stopped_early(walks, told, rows, played=played)
    return tuple(sorted((*told, *unmoved), key=lambda story: story.release.started, reverse=True))


def hours_of(release: Release, now: datetime) -> tuple[datetime, datetime]:
    """When the charts of a release begin and end: the release with a little before and after, at most a day.

    Args:
        release: as last written.
        now: server time.
    """
    start = release.started - BEFORE
    until = release.ended_at or min(now, release.moved_at + UNTOLD)
    end = min(until + AFTER, now, start + LONGEST)
    return start, max(end, start + timedelta(minutes=1))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a story is read from: the parts of a session that it takes."""

    cloud: Cloud
    environment: Environment
    journal: Journal
    clock: Clock
    latest: Snapshot

    @classmethod
    def of(cls, session: Session) -> Source:
        """Those of a session whose watcher has looked."""
        return cls(session.cloud, session.environment, session.journal, session.clock, session.watcher.latest)


async def charts(session: Session | Source, release: Release) -> ChartData:
    """The charts of a release's hours, from Cloud Monitoring; a problem is in the answer, never raised."""
    now = session.cloud.server_clock.now() or release.ended_at or release.moved_at
    start, end = hours_of(release, now)
    return await monitored(
        session.cloud,
        session.environment.service,
        canary=release.canary,
        stable=release.stable,
        start=start,
        end=end,
        marks=marks_of(release, start),
    )


def versions_of(written: Iterable[Wrote]) -> list[Version]:
    """Every release that was written, in the order of `written`."""
    return [
        Version(wrote.at, wrote.by, wrote.document.release, wrote.document.candidate)
        for wrote in written
        if wrote.document.release is not None
    ]


def stopped_early(
    walks: Mapping[str, Walk], told: Iterable[Story], entries: Iterable[Entry] = (), *, played: bool = False
) -> tuple[Story, ...]:
    """The stories of candidates that were closed before any traffic moved; their release has no canary.

    Args:
        walks: see `walks_of`.
        told: stories of releases, whose candidates are told there.
        entries: the local journal's rows, any order.
        played: see `Told.forger`.
    """
    rows = tuple(entries)
    moved = {story.candidate.id for story in told if story.candidate is not None}
    stories = []
    for walk in walks.values():
        candidate = walk.candidate
        if candidate.closed is None or candidate.id in moved:
            continue
        unmoved = Release(
            id=candidate.id,
            canary="",
            stable="",
            baseline=(),
            started=candidate.opened,
            started_by=candidate.opened_by,
            ended="abandoned",
            ended_at=candidate.closed_at,
        )
        end = Happening(candidate.closed_at or candidate.opened, "ended", unmoved_words())
        happenings = sorted([*steps_told(walk, rows, played=played), end], key=_in_order)
        stories.append(Story(unmoved, tuple(happenings), candidate, walk.lines))
    return tuple(stories)


def unmoved_words() -> str:
    """How a candidate ended that never got traffic."""
    return _("stopped before any traffic moved")


def tell(
    versions: Iterable[Version],
    current: Release | None = None,
    entries: Iterable[Entry] = (),
    candidate: Candidate | None = None,
    walks: Mapping[str, Walk] | None = None,
    *,
    played: bool = False,
) -> tuple[Story, ...]:
    """The stories of all releases, newest first.

    Args:
        versions: as written, oldest first.
        current: the one on the service now.
        entries: the local journal's rows, any order.
        candidate: the one on the service now.
        walks: what was said on each candidate (`walks_of`), those before their release began too.
        played: see `Told.forger`.
    """
    versions, rows = tuple(versions), tuple(entries)
    written_walks = _walks(versions, candidate) | dict(walks or {})
    by_id: dict[str, list[Version]] = {}
    for version in versions:
        by_id.setdefault(version.release.id, []).append(version)
    if current is not None:
        seen = by_id.setdefault(current.id, [])
        at = seen[-1].at if seen else current.ended_at or current.moved_at
        seen.append(Version(at, current.driver.email if current.driver else "", current, candidate))
    refused = _refusals(rows)
    formers = {f.id: f for f in (v.release.former for seen in by_id.values() for v in seen) if f is not None}
    stories = []
    for written in by_id.values():
        release = written[-1].release
        former = formers.get(release.id)
        if release.ended is None and former is not None:  # the next release wrote down how this one ended
            end_of = {"ended": former.ended, "ended_at": former.ended_at, "driver": None}
            release = release.model_copy(update=end_of)
            written.append(Version(former.ended_at, "", release))
        end = release.ended_at or datetime.max.replace(tzinfo=UTC)
        mine = [r for r in refused if release.started <= r.at <= end]
        walked = _walked(release, written)
        walk = written_walks.get(walked.id, Walk(walked)) if walked is not None else None
        steps = steps_told(walk, rows, played=played) if walk is not None else []
        happenings = sorted([*_happenings(written), *mine, *steps], key=_in_order)
        lines = walk.lines if walk is not None else ()
        stories.append(Story(release, tuple(happenings), walk.candidate if walk is not None else None, lines))
    return tuple(sorted(stories, key=lambda story: story.release.started, reverse=True))


def _walks(versions: Iterable[Version], current: Candidate | None) -> dict[str, Walk]:
    return walks_of([Wrote(v.at, v.by, Document(candidate=v.candidate)) for v in versions], current)


_RANKS = {
    kind: rank
    for rank, kinds in enumerate(
        (
            ("candidate",),
            ("step",),
            ("approval",),
            ("started",),
            ("driver",),
            ("shift", "undo"),
            ("auto",),
            ("verdict",),
            ("refused",),
            ("rollback",),
            ("ended",),
        )
    )
    for kind in kinds
}
"""What comes first of what is told of the same second: a cause before its effect."""


def _in_order(happening: Happening) -> tuple[datetime, int, datetime]:
    """By second, since the times of moves, verdicts and audit entries come from several clocks; then by rank."""
    return happening.at.replace(microsecond=0), _RANKS[happening.kind], happening.at


def _happenings(written: list[Version]) -> list[Happening]:
    last = written[-1].release
    found = [
        Happening(last.started, "started", _("release of {canary} begins").format(canary=last.canary), last.started_by)
    ]
    found += _moves(written)
    before: Release | None = None
    for version in written:
        found += _changes(before, version)
        before = version.release
    if last.ended is not None and last.ended != "rolled back":
        text = {
            "promoted": _("promoted: the canary serves everyone"),
            "promoted unwatched": _("promoted, its bake unwatched: the next release begins"),
            "abandoned": _("abandoned"),
        }[last.ended]
        found.append(Happening(last.ended_at or last.moved_at, "ended", text))
    return found


def _walked(release: Release, written: list[Version]) -> Candidate | None:
    """The candidate that became `release`: open when it began, and opened before."""
    for version in reversed(written):
        found = version.candidate
        if found is None or found.opened > release.started:
            continue  # none, or the next one's
        if found.closed_at is None or found.closed_at >= release.started:
            return found
    return None


def _moves(written: list[Version]) -> list[Happening]:
    """Each move once: an annotation keeps the last twenty, so earlier versions fill in what fell off."""
    found: dict[tuple[datetime, str, int], Happening] = {}
    for version in reversed(written):
        first = min((at for at, _kind, _percent in found), default=None)
        for move in version.release.moves:
            if first is not None and move.at >= first:
                continue
            key = (move.at, move.kind, move.percent)
            text = {
                "shift": _("canary to {percent} %"),
                "undo": _("undone: canary back to {percent} %"),
                "rollback": _("ROLLED BACK: canary to {percent} %"),
            }[move.kind].format(percent=move.percent)
            if move.automatic:
                text = _("{text}, automatically").format(text=text)
            if move.reason:
                text = f"{text} · {move.reason}"
            found[key] = Happening(move.at, move.kind, text, move.by)
    return list(found.values())


def _changes(before: Release | None, version: Version) -> list[Happening]:
    release = version.release
    found = []
    verdict = release.verdict
    old = before.verdict if before is not None else None
    if verdict is not None and (old is None or (old.word, old.step) != (verdict.word, verdict.step)):
        text = _("verdict at {step} %: {word}").format(step=verdict.step, word=verdict.word)
        found.append(Happening(verdict.at, "verdict", f"{text} · {verdict.sentence}" if verdict.sentence else text))
    driver, former = release.driver, before.driver if before is not None else None
    if driver is not None and former is not None and driver.session != former.session:
        found.append(Happening(version.at, "driver", _("takes over from {who}").format(who=former.email), driver.email))
    if before is not None and before.auto_rollback != release.auto_rollback:
        text = _("automatic rollback armed") if release.auto_rollback else _("automatic rollback DISARMED")
        found.append(Happening(version.at, "auto", text, version.by))
    return found


def _refusals(entries: Iterable[Entry]) -> list[Happening]:
    found = []
    by_id = {entry.id: entry for entry in entries}
    for entry in by_id.values():
        if entry.phase != "outcome" or entry.kind in BESIDE or entry.result in ("done", "settled", ""):
            continue
        intent = by_id.get(entry.intent or -1)
        who = str((intent or entry).payload.get("by", ""))
        error = str(entry.payload.get("error", ""))
        found.append(
            Happening(
                entry.server_time or entry.at,
                "refused",
                _("{kind}: {result} · {error}").format(kind=entry.kind, result=entry.result, error=error),
                who,
            )
        )
    return found


__all__ = [
    "LOOK_BACK",
    "Chronicle",
    "Happening",
    "Kind",
    "Source",
    "Story",
    "Version",
    "charts",
    "documents_of",
    "gather",
    "hours_of",
    "rows_of",
    "stopped_early",
    "stories_of",
    "tell",
    "unmoved_words",
    "versions_of",
    "walks_of",
]
