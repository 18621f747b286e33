"""What a report holds, read from everywhere it was written down. A source that cannot be read is named, not fatal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from console.chronicle import LOOK_BACK, Chronicle, Source, Story, charts, hours_of, tell, versions_of
from console.errors import CanarioError, UsageError
from console.release.audited import ApprovalWrite, approval_write
from console.release.state import Approval, Candidate
from console.report.statements import StatementYes, first_words, statement_yeses
from console.runbook.evidence import Evidence
from console.runbook.store import KIND as RUNBOOK_KIND
from console.runbook.store import merged, past_of
from console.watch.backfill import rfc3339
from console.watch.charts import ChartData
from console.words import _, language

if TYPE_CHECKING:
    from console.chronicle import Version
    from console.journal import Entry
    from console.runbook.model import Runbook
    from console.settings import Settings

EXCERPTS = 40
"""Log entries that a report quotes."""
ROWS = 20_000
AUDITS = 1_000
LOGS_S = 20.0
"""Wall seconds that reading the log may take."""


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step of the checklist as it stood."""

    phase: str
    id: str
    title: str
    evidence: Evidence | None = None
    """None: it was never done."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One approval, and who wrote it."""

    approval: Approval
    written_by: str = ""
    """E-mail in the audit log's entry of the call that wrote it; empty where that is not there any more."""

    @property
    def forged(self) -> bool:
        """Whether another wrote it in their name."""
        return bool(self.written_by) and self.written_by.casefold() != self.approval.by.casefold()


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
    versions: list[Version] = []
    writes: list[ApprovalWrite] = []
    rows: list[Entry] = []
    try:
        audits = await session.cloud.logs.audit(session.environment.service, since=now - LOOK_BACK, limit=AUDITS)
        versions = versions_of(audits)
        told = (approval_write(one.time, one.principal, one.method, one.request, one.refused) for one in audits)
        writes = sorted((write for write in told if write is not None), key=lambda write: write.time)
    except CanarioError as error:
        problems.append(_("The audit log can't be read: {problem}").format(problem=error))
    try:
        rows = await asyncio.to_thread(session.journal.entries, ROWS, scope=session.journal.scope)
    except CanarioError as error:
        problems.append(str(error))
    latest = session.latest
    chronicle = Chronicle(tell(versions, latest.release, rows, latest.candidate))
    story = choose(chronicle.stories, wanted, session.environment.service)
    start, end = hours_of(story.release, now)
    drawn, excerpts = await asyncio.gather(charts(session, story.release), _excerpts(session, story, start, end))
    if drawn.problem:
        problems.append(drawn.problem)
    problems += [excerpts] if isinstance(excerpts, str) else []
    steps: tuple[StepLine, ...] = ()
    if story.candidate is not None:
        runbook = await asyncio.to_thread(_runbook, settings)
        steps = steps_of(runbook, story.candidate, rows)
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
        signatures=signatures_of(story.candidate, writes),
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


def steps_of(runbook: Runbook, candidate: Candidate, rows: Sequence[Entry]) -> tuple[StepLine, ...]:
    """The checklist as it stood: each step with its newest evidence, ours or another console's. Pure.

    Steps that the runbook has no more come last.
    """
    past = past_of([row for row in rows if row.kind == RUNBOOK_KIND], candidate.id)
    evidence, _theirs = merged(past.evidence, candidate)
    newest = {step: max(known, key=lambda one: (one.at, one.key)) for step, known in evidence.items() if known}
    words = language()
    lines = [
        StepLine(phase.title.in_language(words), step.id, step.title.in_language(words), newest.pop(step.id, None))
        for phase in runbook.phases
        for step in phase.steps
    ]
    lines += [StepLine(_("Other steps"), step, step, one) for step, one in sorted(newest.items())]
    return tuple(lines)


def signatures_of(candidate: Candidate | None, writes: Sequence[ApprovalWrite]) -> tuple[Signature, ...]:
    """Each approval with who put it there, as the audit log has it. Pure.

    Args:
        candidate: whose approvals they are.
        writes: of the annotation, oldest first. The oldest tells nothing: what it has may have been there before.
    """
    found = []
    for approval in candidate.approvals if candidate is not None else ():
        place = next((place for place, write in enumerate(writes) if approval in write.approvals), 0)
        found.append(Signature(approval, writes[place].principal if place else ""))
    return tuple(found)


async def _statements(
    session: Source, settings: Settings, candidate: Candidate | None, writes: Sequence[ApprovalWrite]
) -> tuple[StatementYes, ...]:
    if candidate is None or not candidate.migration_approvals:
        return ()
    rules = settings.rules(session.environment)
    words = await asyncio.to_thread(first_words, Path(settings.migrations.folder), candidate.migration_approvals)
    return statement_yeses(candidate, writes, words, rules.people, rules.logins)


def _runbook(settings: Settings) -> Runbook:
    from console.runbook.load import load_runbook

    try:
        return load_runbook(settings.runbook_file("despliegue"), "despliegue").runbook
    except UsageError:  # the team's file is broken now; the packaged one names most steps
        return load_runbook(None, "despliegue").runbook


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
