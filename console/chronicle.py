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
from typing import TYPE_CHECKING, Literal, TypeAlias

from console.errors import CanarioError
from console.release.approvals import role_title
from console.release.images import short_image
from console.release.state import ANNOTATION, Candidate, Release, read_document
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


Kind: TypeAlias = Literal[
    "started",
    "shift",
    "undo",
    "rollback",
    "verdict",
    "driver",
    "auto",
    "ended",
    "refused",
    "step",
    "approval",
    "candidate",
]
"""What happenings are of; never translated. `step`: one of the runbook's; `candidate`: it was opened or closed."""

BESIDE = frozenset({"runbook", "notify", "watch"})
"""Kinds of journal rows that are told by what they left in the annotation, not as refused moves."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened in a release."""

    at: datetime
    """Server time, UTC."""
    kind: Kind
    text: str
    """What, in a sentence, translated."""
    by: str = ""
    """Who, or empty where it was the judge."""


@dataclass(frozen=True, slots=True)
class Story:
    """One release."""

    release: Release
    """As last written."""
    happenings: tuple[Happening, ...]
    """Oldest first."""
    candidate: Candidate | None = None
    """What was walked to it, as last written; None where no runbook was."""


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
    audits: list[AuditEntry] = []
    entries: list[Entry] = []
    name = session.environment.service
    try:
        if now is not None:
            audits = await session.cloud.logs.audit(name, since=now - LOOK_BACK, limit=1000)
    except CanarioError as error:
        problem = _("The audit log can't be read: {problem}").format(problem=error)
    try:
        entries = await asyncio.to_thread(session.journal.entries, 500, scope=session.journal.scope)
    except CanarioError as error:
        problem = problem or str(error)
    latest = session.watcher.latest
    told = tell(versions_of(audits), latest.release, entries, latest.candidate)
    unmoved = stopped_early(candidates_of(audits), latest.candidate, told)
    stories = sorted((*told, *unmoved), key=lambda story: story.release.started, reverse=True)
    return Chronicle(tuple(stories), problem)


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


def versions_of(audits: Iterable[AuditEntry]) -> list[Version]:
    """Every release annotation in the audit log, oldest first; refused calls wrote none."""
    found = []
    for audit in audits:
        service = audit.request.get("service")
        annotations = service.get("annotations") if isinstance(service, Mapping) else None
        if audit.refused or not isinstance(annotations, Mapping) or not isinstance(annotations.get(ANNOTATION), str):
            continue
        document, _problem = read_document(annotations)
        if document.release is not None:
            found.append(Version(audit.time, audit.principal, document.release, document.candidate))
    return sorted(found, key=lambda version: version.at)


def candidates_of(audits: Iterable[AuditEntry]) -> dict[str, Candidate]:
    """Every candidate in the audit log as it was written last, by its id; refused calls wrote none."""
    found: dict[str, Candidate] = {}
    for audit in sorted(audits, key=lambda audit: audit.time):
        service = audit.request.get("service")
        annotations = service.get("annotations") if isinstance(service, Mapping) else None
        if audit.refused or not isinstance(annotations, Mapping) or not isinstance(annotations.get(ANNOTATION), str):
            continue
        candidate = read_document(annotations)[0].candidate
        if candidate is not None:
            found[candidate.id] = candidate
    return found


def stopped_early(
    written: Mapping[str, Candidate], current: Candidate | None, told: Iterable[Story]
) -> tuple[Story, ...]:
    """The stories of candidates that were closed before any traffic moved; their release has no canary.

    Args:
        written: candidates by id, as written last.
        current: the one on the service now.
        told: stories of releases, whose candidates are told there.
    """
    whole = dict(written)
    if current is not None:
        whole[current.id] = current
    moved = {story.candidate.id for story in told if story.candidate is not None}
    stories = []
    for candidate in whole.values():
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
        happenings = [*_steps(candidate), Happening(candidate.closed_at or candidate.opened, "ended", unmoved_words())]
        stories.append(Story(unmoved, tuple(sorted(happenings, key=_in_order)), candidate))
    return tuple(stories)


def unmoved_words() -> str:
    """How a candidate ended that never got traffic."""
    return _("stopped before any traffic moved")


def tell(
    versions: Iterable[Version],
    current: Release | None = None,
    entries: Iterable[Entry] = (),
    candidate: Candidate | None = None,
) -> tuple[Story, ...]:
    """The stories of all releases, newest first.

    Args:
        versions: as written, oldest first.
        current: the one on the service now.
        entries: the local journal's rows, any order.
        candidate: the one on the service now.
    """
    versions = tuple(versions)
    by_id: dict[str, list[Version]] = {}
    for version in versions:
        by_id.setdefault(version.release.id, []).append(version)
    if current is not None:
        seen = by_id.setdefault(current.id, [])
        at = seen[-1].at if seen else current.ended_at or current.moved_at
        seen.append(Version(at, current.driver.email if current.driver else "", current, candidate))
    refused = _refusals(entries)
    formers = {f.id: f for f in (v.release.former for seen in by_id.values() for v in seen) if f is not None}
    newest = {v.candidate.id: v.candidate for v in versions if v.candidate is not None}
    if candidate is not None:
        newest[candidate.id] = candidate
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
        walked = newest.get(walked.id, walked) if walked is not None else None
        steps = _steps(walked) if walked is not None else []
        happenings = sorted([*_happenings(written), *mine, *steps], key=_in_order)
        stories.append(Story(release, tuple(happenings), walked))
    return tuple(sorted(stories, key=lambda story: story.release.started, reverse=True))


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


def _steps(candidate: Candidate) -> list[Happening]:
    """What the runbook's steps came to, and who signed."""
    found = [
        Happening(
            candidate.opened, "candidate", _("checklist opened: {id}").format(id=candidate.id), candidate.opened_by
        )
    ]
    for record in candidate.steps:
        if record.result == "running":
            continue
        told = f"{record.step}: {result_word(record.result)}"
        why = record.reason if record.result == "skipped" and record.reason not in record.sentence else ""
        text = " · ".join(part for part in (told, record.sentence, why) if part)
        found.append(Happening(record.at, "step", text, record.by))
    for approval in candidate.approvals:
        text = _("approved as {role}: {image}").format(
            role=role_title(approval.role), image=short_image(approval.digest)
        )
        found.append(Happening(approval.at, "approval", text, approval.by))
    for given in candidate.migration_approvals:
        text = _("approved {file}, statement {number}").format(file=given.file, number=given.statement)
        found.append(Happening(given.at, "approval", text, given.by))
    if candidate.closed is not None and candidate.closed_at is not None:
        text = _("checklist closed: done") if candidate.closed == "done" else _("checklist closed: stopped")
        found.append(Happening(candidate.closed_at, "candidate", text))
    return found


def result_word(result: str) -> str:
    """How a step ended, translated."""
    return {
        "passed": _("passed"),
        "failed": _("FAILED"),
        "skipped": _("skipped"),
        "partial": _("begun"),
        "cancelled": _("stopped"),
        "unknown": _("cut off"),
        "running": _("running"),
    }.get(result, result)


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
