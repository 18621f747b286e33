"""What a report says of a release's word: each approval and each step as the Cloud Audit Log vouches for it. Pure.

By the rules that the screen goes by (`console.release.audited`), with one difference: a report is made of releases long
past, so what the log no longer holds is said to be no longer there, and is not called forged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.release.approvals import check_approvals
from console.release.audited import ApprovalState, ApprovalWrite, StepCheck, check_steps, seen_coming
from console.release.state import Approval, Candidate, StepRecord
from console.runbook.evidence import Evidence, Result
from console.runbook.shared_cases import worded
from console.runbook.store import KIND as RUNBOOK_KIND
from console.runbook.store import from_record, merged, past_of
from console.telling import Told, result_word
from console.words import _, language

if TYPE_CHECKING:
    from console.journal import Entry
    from console.runbook.model import Runbook
    from console.runbook.shared_cases import Texts


@dataclass(frozen=True, slots=True)
class Released:
    """What a release's approvals must have been given for."""

    image_id: str = ""
    """Identity of its image, or empty where it is not known."""
    alias: str = ""
    template: str = ""
    plan: str = ""
    people: Mapping[str, Sequence[str]] | None = None
    """See `check_approvals`."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One approval, and what the audit log says of it."""

    approval: Approval
    state: ApprovalState = ApprovalState.VERIFIED
    why: str = ""
    """In a sentence, translated."""
    forger: str = ""
    """E-mail of whoever wrote it in another's name, or empty."""
    gone: bool = False
    """Whether the log no longer holds the call that put it there."""

    @property
    def said(self) -> tuple[str, str]:
        """(what is to be said of it, `good`, `bad` or `soft`)."""
        if self.state is ApprovalState.FORGED:
            told = _("FORGED: written by {who}").format(who=self.forger or _("somebody"))
            without = _("it does not count")
            return f"{told}; {without}", "bad"
        if self.state is ApprovalState.VOID:
            return _("counts for nothing: {why}").format(why=self.why), "bad"
        if self.gone:
            return _gone(), "soft"
        if self.state is ApprovalState.VERIFYING:
            return _("not confirmed, does not count: {why}").format(why=self.why), "bad"
        return _("confirmed by the audit log"), "good"


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step of the checklist as it stood."""

    phase: str
    id: str
    title: str
    evidence: Evidence | None = None
    """None: it was never done."""
    doubt: str = ""
    """Why its record does not count, in a sentence; empty where it does."""
    earlier: tuple[StepRecord, ...] = ()
    """How it ended before, where it did not pass, oldest first."""


def signatures_of(
    candidate: Candidate | None, writes: Sequence[ApprovalWrite], released: Released
) -> tuple[Signature, ...]:
    """Each approval as it counted while its release was worked on.

    Args:
        candidate: whose approvals they are.
        writes: of the annotation, oldest first. The oldest tells nothing: what it has may have been there before.
        released: what they must have been given for.
    """
    if candidate is None:
        return ()
    checks = check_approvals(
        candidate.model_copy(update={"closed": None}),  # that it is over voids nothing that it had
        writes,
        image_id=released.image_id,
        plan=released.plan,
        people=released.people,
        template=released.template,
        alias=released.alias,
    )
    found = []
    for check in checks:
        approval = check.approval
        writer = seen_coming([(write.principal, approval in write.approvals) for write in writes])
        gone = writer is None and (not writes or approval in writes[0].approvals or approval.at < writes[0].time)
        state = ApprovalState.VERIFYING if gone and check.state is ApprovalState.FORGED else check.state
        found.append(Signature(approval, state, check.why, check.forger, gone))
    return tuple(found)


def steps_of(
    runbook: Runbook,
    candidate: Candidate,
    rows: Sequence[Entry],
    writes: Sequence[ApprovalWrite] = (),
    *,
    played: bool = False,
    lines: Sequence[Told] = (),
    texts: Mapping[str, Texts] | None = None,
    machine: Mapping[str, bool] | None = None,
) -> tuple[StepLine, ...]:
    """The checklist as it stood: each step with its newest evidence, ours or another console's that is vouched for.

    Steps that the runbook has no more come last. A record that nobody vouches for is shown, and why it does not count.

    Args:
        runbook: its phases.
        candidate: as written last.
        rows: the local journal's.
        writes: of the annotation, oldest first.
        played: whether this is a simulator, where one console may speak for several people.
        lines: all that was ever said on it.
        texts: of the steps' lists as our checkout has them, by step.
        machine: whether a machine checks a step, by its id, for records that do not say.
    """
    past = past_of([row for row in rows if row.kind == RUNBOOK_KIND], candidate.id)
    checks = tuple(_as_read(check, writes) for check in check_steps(candidate, writes, played=played))
    evidence, _theirs = merged(past.evidence, candidate, checks, texts, machine)
    newest = {step: max(known, key=lambda one: (one.at, one.key)) for step, known in evidence.items() if known}
    doubts: dict[str, str] = {}
    ours = {one.key for known in past.evidence.values() for one in known}
    for check in checks:
        record = check.record
        unsure = check.state is ApprovalState.VERIFYING and record.key not in ours
        if check.state is not ApprovalState.FORGED and not (unsure and record.result in ("passed", "skipped")):
            continue
        doubts[record.step] = _doubt(check)
        shown = from_record(record, (machine or {}).get(record.step, True))
        if record.step not in newest and shown is not None:
            newest[record.step] = worded(shown, (texts or {}).get(record.step, {}))
    before = _earlier(newest, evidence, lines)
    words = language()

    def line(phase: str, step: str, title: str) -> StepLine:
        return StepLine(phase, step, title, newest.get(step), doubts.get(step, ""), before.get(step, ()))

    known = [
        line(phase.title.in_language(words), step.id, step.title.in_language(words))
        for phase in runbook.phases
        for step in phase.steps
    ]
    there = {one.id for one in known}
    return (*known, *(line(_("Other steps"), step, step) for step in sorted(newest) if step not in there))


def _gone() -> str:
    return _("no longer in the audit log")


def _doubt(check: StepCheck) -> str:
    record = check.record
    if check.state is ApprovalState.FORGED:
        why = _("FORGED: written by {who}").format(who=check.forger or _("somebody"))
    elif check.why == _gone():
        return f"{record.step}: {check.why}"
    else:
        why = _("not confirmed: {why}").format(why=check.why)
    return _("{step}: {result} in the name of {by} does not count. {why}").format(
        step=record.step, result=result_word(record.result), by=record.by, why=why
    )


def _as_read(check: StepCheck, writes: Sequence[ApprovalWrite]) -> StepCheck:
    """A check of a log that is not read to its beginning: whoever is first seen with a record may have carried it."""
    if check.state is not ApprovalState.FORGED:
        return check
    record = check.record
    if seen_coming([(write.principal, record in write.steps) for write in writes]) is not None:
        return check
    return StepCheck(ApprovalState.VERIFYING, _gone(), record=record)


def _earlier(
    newest: Mapping[str, Evidence], evidence: Mapping[str, Sequence[Evidence]], lines: Sequence[Told]
) -> dict[str, tuple[StepRecord, ...]]:
    """Runs before the newest that did not pass, by step: of our own journal, and of every version written down."""
    found: dict[str, dict[tuple[str, str], StepRecord]] = {}
    records = [told.line for told in lines if isinstance(told.line, StepRecord)]
    for known in evidence.values():
        for one in known:
            record = StepRecord(step=one.step, result=one.result.value, by=one.by, at=one.at, key=one.key)
            records.append(record.model_copy(update={"sentence": one.sentence}))  # whole, where it is our own
    for record in records:
        last = newest.get(record.step)
        if last is None or record.result in ("running", "partial", Result.PASSED) or record.at >= last.at:
            continue
        found.setdefault(record.step, {})[record.key or record.at.isoformat(), record.result] = record
    return {step: tuple(sorted(known.values(), key=lambda one: one.at)) for step, known in found.items()}


__all__ = ["Released", "Signature", "StepLine", "signatures_of", "steps_of"]
