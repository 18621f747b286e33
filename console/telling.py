"""What was done on the way to a release, told from every version of its candidate that was written down. Pure.

The annotation holds the newest record of each step alone; the Cloud Audit Log holds every version of it, so that a No
that became a Yes, and a run that failed before it passed, are told too. Knows no screen and reads nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import ValidationError

from console.release.approvals import role_title
from console.release.audited import same_person
from console.release.images import short_image
from console.release.state import (
    ANNOTATION,
    Approval,
    Candidate,
    Document,
    MigrationApproval,
    StepRecord,
    read_document,
)
from console.text import clean
from console.words import _

if TYPE_CHECKING:
    from console.cloud.logs import AuditEntry
    from console.journal import Entry

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

Line: TypeAlias = StepRecord | Approval | MigrationApproval
"""What somebody said on the way to a release."""


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
class Wrote:
    """The release annotation as one call wrote it."""

    at: datetime
    by: str
    """E-mail of the caller, as the audit log has it."""
    document: Document


@dataclass(frozen=True, slots=True)
class Told:
    """A line, and who is known to have put it there first."""

    line: Line
    writer: str = ""
    """E-mail; empty where the log begins with it there."""

    def forger(self, *, played: bool = False) -> str:
        """Who wrote it in the name of another, or empty.

        Args:
            played: whether this is a simulator, where one console may speak for several people.
        """
        speaks = (self.line.told_by if played and isinstance(self.line, StepRecord) else "") or self.line.by
        return self.writer if self.writer and not same_person(self.writer, speaks) else ""


@dataclass(frozen=True, slots=True)
class Walk:
    """A candidate as written last, and all that was said on it since it was opened."""

    candidate: Candidate
    lines: tuple[Told, ...] = ()
    """In the order in which they came; of a step every run that ended."""


def documents_of(audits: Iterable[AuditEntry]) -> list[Wrote]:
    """Every release annotation in the audit log, oldest first; refused calls wrote none."""
    found = []
    for audit in audits:
        service = audit.request.get("service")
        annotations = service.get("annotations") if isinstance(service, Mapping) else None
        if audit.refused or not isinstance(annotations, Mapping) or not isinstance(annotations.get(ANNOTATION), str):
            continue
        found.append(Wrote(audit.time, audit.principal, read_document(annotations)[0]))
    return sorted(found, key=lambda wrote: wrote.at)


def walks_of(written: Sequence[Wrote], current: Candidate | None = None) -> dict[str, Walk]:
    """Every candidate by its id, with what was said on it.

    Args:
        written: oldest first.
        current: the one on the service now.
    """
    last: dict[str, Candidate] = {}
    lines: dict[str, dict[tuple[str, ...], Told]] = {}
    seen = [(number, wrote.by, wrote.document.candidate) for number, wrote in enumerate(written)]
    for number, by, candidate in [*seen, (0, "", current)]:
        if candidate is None:
            continue
        last[candidate.id] = candidate
        known = lines.setdefault(candidate.id, {})
        said: tuple[Line, ...] = (*candidate.steps, *candidate.approvals, *candidate.migration_approvals)
        for line in said:
            if isinstance(line, StepRecord) and line.result == "running":
                continue
            known.setdefault(_identity(line), Told(line, by if number else ""))
    return {own: Walk(candidate, tuple(lines[own].values())) for own, candidate in last.items()}


def journal_runs(entries: Iterable[Entry], candidate: str) -> tuple[StepRecord, ...]:
    """How the runs of a candidate's steps ended on this machine, whole: with sentences that no annotation cut.

    Args:
        entries: the local journal's rows, any order.
        candidate: its id.
    """
    rows = tuple(entries)
    ours = {row.id for row in rows if row.phase == "intent" and row.payload.get("candidate") == candidate}
    found = []
    ends = (row for row in rows if row.phase == "outcome" and row.intent in ours)
    for row in sorted(ends, key=lambda row: row.id):
        written = row.payload.get("evidence")
        if not isinstance(written, Mapping):
            continue
        fields = {name: written.get(name, "") for name in ("step", "result", "by", "at", "reason", "key")}
        try:
            record = StepRecord.model_validate(fields)
        except ValidationError:  # a row that a newer canario wrote stops nothing
            continue
        found.append(record.model_copy(update={"sentence": clean(str(written.get("sentence", "")))}))
    return tuple(found)


def steps_told(walk: Walk, entries: Iterable[Entry] = (), *, played: bool = False) -> list[Happening]:
    """What the runbook's steps came to, each time, and who signed.

    Args:
        walk: what was written.
        entries: the local journal's rows, any order.
        played: see `Told.forger`.
    """
    candidate = walk.candidate
    text = _("checklist opened: {id}").format(id=candidate.id)
    found = [Happening(candidate.opened, "candidate", text, candidate.opened_by)]
    whole = {_identity(record): record for record in journal_runs(entries, candidate.id)}
    known = {_identity(told.line): told for told in walk.lines}
    for own, run in whole.items():
        written = known.get(own)
        known[own] = Told(run, written.writer if written is not None else "")
    records = sorted((told for told in known.values() if isinstance(told.line, StepRecord)), key=lambda t: t.line.at)
    last: dict[str, Told] = {}
    for told in reversed(records):
        record = told.line
        assert isinstance(record, StepRecord)
        after = last.get(record.step)
        last[record.step] = told
        if record.result == "partial" and after is not None and _goes_on(record, after.line):
            continue  # twenty-six answers are one list, told once
        found.append(_of_step(record, told.forger(played=played)))
    for told in known.values():
        if not isinstance(told.line, StepRecord):
            found.append(_of_signature(told.line, told.forger(played=played)))
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


def _goes_on(record: StepRecord, after: Line) -> bool:
    return isinstance(after, StepRecord) and after.result == "partial" and same_person(after.by, record.by)


def _identity(line: Line) -> tuple[str, ...]:
    """What tells one line from another; whoever writes over a line with another name or answer writes another."""
    if isinstance(line, StepRecord):
        return "step", line.step, line.key or line.at.isoformat(), line.result, line.by.casefold()
    if isinstance(line, Approval):
        return "approval", line.id, line.role, line.by.casefold(), line.digest
    return "statement", line.id, line.by.casefold(), line.digest


def _of_step(record: StepRecord, forger: str) -> Happening:
    told = f"{record.step}: {result_word(record.result)}"
    why = record.reason if record.result == "skipped" and record.reason not in record.sentence else ""
    return Happening(
        record.at, "step", " · ".join(filter(None, (told, record.sentence, why, _forged(forger)))), record.by
    )


def _of_signature(line: Approval | MigrationApproval, forger: str) -> Happening:
    if isinstance(line, Approval):
        text = _("approved as {role}: {image}").format(role=role_title(line.role), image=short_image(line.digest))
    else:
        text = _("approved {file}, statement {number}").format(file=line.file, number=line.statement)
    return Happening(line.at, "approval", " · ".join(filter(None, (text, _forged(forger)))), line.by)


def _forged(forger: str) -> str:
    return _("FORGED: written by {who}").format(who=forger) if forger else ""


__all__ = [
    "Happening",
    "Kind",
    "Told",
    "Walk",
    "Wrote",
    "documents_of",
    "journal_runs",
    "result_word",
    "steps_told",
    "walks_of",
]
