"""What a report holds, read from everywhere it was written down. A source that cannot be read is named, not fatal."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from console.chronicle import LOOK_BACK, Source, Story, charts, hours_of, rows_of, stories_of
from console.cloud.logs import AuditWrites
from console.errors import CanarioError, UsageError
from console.release.audited import ApprovalWrite, approval_write
from console.release.images import image_identity
from console.release.state import Candidate, plan_digest
from console.report.statements import StatementYes, first_words, statement_yeses
from console.report.vouching import Released, Signature, StepLine, signatures_of, steps_of
from console.runbook.kinds.base import LocalPaths
from console.runbook.shared_cases import HasItems, Texts
from console.watch.approvals import MARGIN, read_approval_writes
from console.watch.backfill import rfc3339
from console.watch.charts import ChartData
from console.words import _

if TYPE_CHECKING:
    from console.journal import Entry
    from console.runbook.load import Loaded
    from console.settings import Settings

EXCERPTS = 40
"""Log entries that a report quotes."""
LOGS_S = 20.0
"""Wall seconds that reading the log may take."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One line of the log."""

    at: datetime
    severity: str
    revision: str
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    service: str
    environment: str
    project: str
    region: str
    made: datetime
    story: Story
    charts: ChartData
    steps: tuple[StepLine, ...] = ()
    signatures: tuple[Signature, ...] = ()
    statements: tuple[StatementYes, ...] = ()
    """Approvals of statements of migrations by a second person."""
    excerpts: tuple[Excerpt, ...] = ()
    problems: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    """`error_rate` (0 to 1) and `p95_ms`, for the charts."""


async def gather_report(session: Source, settings: Settings, wanted: str = "") -> Report:
    """Read all of it.

    Args:
        session: where from.
        settings: all of them.
        wanted: id of a release, its revision or its candidate; empty: the latest.

    Raises:
        UsageError: there is no such release; names those that exist.
    """
    problems: list[str] = []
    now = session.cloud.server_clock.now() or session.clock.now()
    found = AuditWrites()
    rows: list[Entry] = []
    try:
        found = await session.cloud.logs.writes(session.environment.service, since=now - LOOK_BACK)
        problems += [found.problem] if found.problem else []
    except CanarioError as error:
        problems.append(_("The audit log can't be read: {problem}").format(problem=error))
    try:
        rows = await asyncio.to_thread(rows_of, session.journal)
    except CanarioError as error:
        problems.append(str(error))
    played = session.cloud.target.endpoint is not None
    stories = await asyncio.to_thread(stories_of, found.entries, session.latest, rows, played=played)
    story = choose(stories, wanted, session.environment.service)
    writes = await _writes(session, found, story.candidate, now, problems)
    start, end = hours_of(story.release, now)
    drawn, excerpts = await asyncio.gather(charts(session, story.release), _excerpts(session, story, start, end))
    if drawn.problem:
        problems.append(drawn.problem)
    problems += [excerpts] if isinstance(excerpts, str) else []
    steps: tuple[StepLine, ...] = ()
    if story.candidate is not None:
        loaded = await asyncio.to_thread(_runbook, settings)
        for kind in loaded.kinds.values():
            kind.stand_in(session.environment)
        steps = steps_of(
            loaded.runbook,
            story.candidate,
            rows,
            writes,
            played=played,
            lines=story.lines,
            texts=await asyncio.to_thread(_texts, settings, loaded, story.candidate),
            machine={step: kind.machine for step, kind in loaded.kinds.items()},
        )
    statements = await _statements(session, settings, story.candidate, writes)
    limits = settings.limits_for(session.environment)
    return Report(
        service=session.environment.service,
        environment=session.environment.name,
        project=session.cloud.target.project,
        region=session.cloud.target.region,
        made=now,
        story=story,
        charts=drawn,
        steps=steps,
        signatures=signatures_of(story.candidate, writes, await _released(session, settings, story)),
        statements=statements,
        excerpts=() if isinstance(excerpts, str) else excerpts,
        problems=tuple(problems),
        limits={
            "error_rate": limits.error_rate_percent / 100,
            "p95_ms": limits.p95_target.total_seconds() * 1000,
        },
    )


def choose(stories: Sequence[Story], wanted: str, service: str) -> Story:
    """The story of a release. Pure.

    Args:
        stories: newest first.
        wanted: id of a release, its revision or its candidate, or the beginning of one; empty: the newest.
        service: for the sentence.

    Raises:
        UsageError: there is none such, or several; names those that exist.
    """
    if not stories:
        raise UsageError(
            _("No release of {service} is recorded yet.").format(service=service),
            remedy=_("A release is recorded with its first move."),
        )
    if not wanted:
        return stories[0]

    def names(story: Story) -> tuple[str, ...]:
        return (story.release.id, story.release.canary, story.candidate.id if story.candidate is not None else "")

    exact = [story for story in stories if wanted in names(story)]
    found = exact or [story for story in stories if any(name.startswith(wanted) for name in names(story) if name)]
    if len(found) == 1 or exact:
        return found[0]
    known = ", ".join(story.release.id for story in stories[:10])
    if found:
        raise UsageError(
            _("{wanted!r} is the beginning of several releases.").format(wanted=wanted[:80]),
            remedy=_("There are: {known}.").format(known=known),
        )
    raise UsageError(
        _("{service} has no release {wanted!r}.").format(service=service, wanted=wanted[:80]),
        remedy=_("There are: {known}.").format(known=known),
    )


async def _statements(
    session: Source, settings: Settings, candidate: Candidate | None, writes: Sequence[ApprovalWrite]
) -> tuple[StatementYes, ...]:
    if candidate is None or not candidate.migration_approvals:
        return ()
    rules = settings.rules(session.environment)
    words = await asyncio.to_thread(first_words, Path(settings.migrations.folder), candidate.migration_approvals)
    return statement_yeses(candidate, writes, words, rules.people, rules.logins)


async def _writes(
    session: Source, found: AuditWrites, candidate: Candidate | None, now: datetime, problems: list[str]
) -> list[ApprovalWrite]:
    """Calls that wrote what the candidate holds, oldest first; where `found` does not reach back to it, read again."""
    if candidate is not None and found.cut is not None and candidate.opened - MARGIN < found.cut:
        try:
            return list(await read_approval_writes(session.cloud.logs, session.environment.service, candidate, now))
        except CanarioError as error:
            problems.append(_("The audit log can't be read: {problem}").format(problem=error))
    told = (approval_write(one.time, one.principal, one.method, one.request, one.refused) for one in found.entries)
    return [write for write in told if write is not None]


async def _released(session: Source, settings: Settings, story: Story) -> Released:
    """What the release's approvals must have been given for: of one that is over, the plan that it was opened with."""
    rules, candidate, canary = settings.rules(session.environment), story.candidate, story.release.canary
    if candidate is None:
        return Released()
    revision = next((one for one in session.latest.revisions if one.name == canary), None)
    if revision is None and canary:
        try:
            revision = await session.cloud.run.get_revision(session.environment.service, canary)
        except CanarioError:  # deleted since: what the candidate says of its image is all that is known
            revision = None
    if revision is not None and not revision.digest:
        (revision,) = await session.cloud.run.with_digests((revision,), (canary,))
    over = story.release.ended is not None or not candidate.open
    plan = (candidate.plan if over else "") or plan_digest(rules.plan)
    if revision is not None and revision.identity:
        return Released(revision.identity, revision.alias, revision.template, plan, rules.people)
    return Released(image_identity(candidate.image), plan=plan, people=rules.people)


def _texts(settings: Settings, loaded: Loaded, candidate: Candidate) -> dict[str, Texts]:
    """The words of the steps' lists as our checkout has them, by step; nothing of a list that is not here. Blocking."""
    found: dict[str, Texts] = {}
    checkout = settings.checkout()
    for record in candidate.steps:
        kind: object = loaded.kinds.get(record.step)
        if record.cases and isinstance(kind, HasItems):
            with contextlib.suppress(CanarioError):
                found[record.step] = {item.id: item for item in kind.items(LocalPaths(checkout, checkout))}
    return found


def _runbook(settings: Settings) -> Loaded:
    from console.runbook.load import load_runbook

    try:
        return load_runbook(settings.runbook_file("despliegue"), "despliegue")
    except UsageError:  # the team's file is broken now; the packaged one names most steps
        return load_runbook(None, "despliegue")


async def _excerpts(session: Source, story: Story, start: datetime, end: datetime) -> tuple[Excerpt, ...] | str:
    """The first errors of the release's revision in its hours; why there are none where the log cannot be read."""
    release, service = story.release, session.environment.service
    begun = max(start, release.started - timedelta(minutes=1))
    wanted = (
        f'resource.type="cloud_run_revision" AND resource.labels.service_name="{service}"'
        f' AND resource.labels.location="{session.cloud.target.region}"'
        f' AND resource.labels.revision_name="{release.canary}" AND severity>=ERROR'
        f' AND NOT logName:"cloudaudit.googleapis.com"'
        f' AND timestamp>="{rfc3339(begun.timestamp())}" AND timestamp<"{rfc3339(end.timestamp())}"'
    )
    try:
        async with asyncio.timeout(LOGS_S):
            entries = await session.cloud.logs.list(wanted, limit=EXCERPTS, newest_first=False)
    except CanarioError as error:
        return _("The log can't be read: {problem}").format(problem=error.what)
    except TimeoutError:
        return _("The log took too long to read.")
    from datetime import UTC

    return tuple(
        Excerpt(
            datetime.fromtimestamp(entry.timestamp, UTC),
            entry.severity,
            entry.revision,
            f"{entry.text} → {entry.status}" if entry.status else entry.text,
        )
        for entry in entries
    )
