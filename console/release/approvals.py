"""Approvals and steps' records, held against the Cloud Audit Log. Pure: (candidate, who wrote what, ...) -> checks.

Both are lines in the release annotation, which anybody may edit who may edit the service. What nobody can edit is the
Cloud Audit Log: Google names the principal of each call and keeps its request. So a line counts only where the call
that put it there was made by the person whom it names (issue 4, `approval`); an approval only for the image, what it
runs with, and the plan that it was given for.

Runbook: `Requerimientos`, "2 personas autorizan (code + tech lead)".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from console.release.images import Match, image_identity, match_image, short_image, told_apart
from console.release.service import Revision
from console.release.state import (
    ANNOTATION,
    Approval,
    Candidate,
    MigrationApproval,
    StepRecord,
    read_document,
)
from console.release.template import changed_parts, part_title
from console.words import _

UPDATE_METHODS = frozenset({"UpdateService", "CreateService", "ReplaceService"})
"""Methods that write a service's annotations: the last part of `methodName`, v1 and v2
(https://cloud.google.com/run/docs/audit-logging)."""


class ApprovalState(StrEnum):
    """What an approval is worth."""

    VERIFIED = "verified"
    """The audit log says that the person named wrote it, for this image and this plan."""
    VERIFYING = "verifying"
    """The audit log has not told yet who wrote it; it does not count."""
    FORGED = "forged"
    """Somebody else wrote it in the name of another."""
    VOID = "void"
    """Given for another image, plan or candidate, by somebody without the role, or twice by one person."""


@dataclass(frozen=True, slots=True)
class ApprovalWrite:
    """One call that wrote the annotation, as the audit log tells it."""

    time: datetime
    principal: str
    approvals: tuple[Approval, ...]
    """All that the annotation held after it; empty where it held none."""
    migrations: tuple[MigrationApproval, ...] = ()
    """The same, of statements of migrations."""
    steps: tuple[StepRecord, ...] = ()
    """Steps' records that it held."""

    @property
    def signatures(self) -> tuple[Approval | MigrationApproval, ...]:
        """As `Candidate.signatures`, after it."""
        return (*self.approvals, *self.migrations)


@dataclass(frozen=True, slots=True)
class ApprovalCheck:
    """One approval, checked."""

    approval: Approval
    state: ApprovalState
    why: str = ""
    """In a sentence, translated: who forged it, or what it was given for."""
    forger: str = ""
    """E-mail of whoever wrote it in another's name, or empty."""

    @property
    def counts(self) -> bool:
        """Whether it lets traffic move."""
        return self.state is ApprovalState.VERIFIED


def role_title(role: str) -> str:
    """What people call a role."""
    return {"code": _("code"), "tech_lead": _("tech lead")}.get(role, role)


def approval_write(
    time: datetime, principal: str, method: str, request: Mapping[str, object], refused: str = ""
) -> ApprovalWrite | None:
    """What an audit entry says of approvals; None where the call left the annotation alone, was refused, or only tried.

    Args:
        time: of the entry.
        principal: `authenticationInfo.principalEmail`.
        method: `methodName`.
        request: `protoPayload.request`, a JSON object (v2: `service`, `updateMask`, `validateOnly`; v1: `service`).
        refused: why the call was refused, or empty.
    """
    if refused or method.rpartition(".")[2] not in UPDATE_METHODS:
        return None
    if request.get("validateOnly") or request.get("validate_only") or request.get("dryRun"):
        return None
    mask = request.get("updateMask", request.get("update_mask", ""))
    if isinstance(mask, Mapping):
        mask = ",".join(map(str, mask.get("paths", ())))
    paths = [path.strip() for path in str(mask).split(",") if path.strip()]
    if paths and not any(path == "*" or path.split(".")[0] == "annotations" for path in paths):
        return None
    service = request.get("service")
    if not isinstance(service, Mapping):
        return None
    metadata = service.get("metadata")
    holder = metadata if isinstance(metadata, Mapping) and "annotations" in metadata else service
    annotations = holder.get("annotations")
    raw = annotations.get(ANNOTATION) if isinstance(annotations, Mapping) else None
    if not isinstance(raw, str):
        return None
    document, _problem = read_document({ANNOTATION: raw})
    candidate = document.candidate
    if candidate is None:
        return ApprovalWrite(time, principal, ())
    return ApprovalWrite(time, principal, candidate.approvals, candidate.migration_approvals, candidate.steps)


def all_introduced(candidate: Candidate, writes: Iterable[ApprovalWrite]) -> bool:
    """Whether the writes show each known line coming: a write that has it, and one before that has it not.

    Where the log is read from too late on, the first write that has a line may be anybody's who wrote the annotation
    again after it was put there.
    """
    ordered = sorted(writes, key=lambda write: write.time)
    if not ordered:
        return True
    earliest = ordered[0]
    return not any(signature in earliest.signatures for signature in candidate.signatures) and not any(
        record in earliest.steps for record in counting(candidate)
    )


def counting(candidate: Candidate, steps: Collection[str] | None = None) -> tuple[StepRecord, ...]:
    """Records that say how a step ended; one that only runs says nothing yet.

    Args:
        candidate: as written on the service.
        steps: ids of the steps that matter; None: all.
    """
    return tuple(
        record for record in candidate.steps if record.result != "running" and (steps is None or record.step in steps)
    )


def unaccounted(
    candidate: Candidate | None, writes: Iterable[ApprovalWrite], steps: Collection[str] | None = None
) -> tuple[Approval | MigrationApproval | StepRecord, ...]:
    """Approvals, of the release and of its migrations, and steps' records that count, that no known call wrote.

    Args:
        candidate: as written on the service.
        writes: calls known.
        steps: ids of the steps that matter; None: all.
    """
    if candidate is None:
        return ()
    known, records = tuple(writes), counting(candidate, steps)
    wanted = {record.step for record in records}
    written: dict[str, list[StepRecord]] = {}
    for write in known:
        for line in write.steps if wanted else ():
            if line.step in wanted and not any(line is other for other in written.setdefault(line.step, [])):
                written[line.step].append(line)
    signatures = [line for write in known for line in write.signatures]
    return (
        *(signature for signature in candidate.signatures if signature not in signatures),
        *(record for record in records if record not in written.get(record.step, ())),
    )


@dataclass(frozen=True, slots=True)
class StepCheck:
    """One step's record, checked."""

    record: StepRecord
    state: ApprovalState
    """VERIFIED, VERIFYING or FORGED."""
    why: str = ""
    """In a sentence, translated: who forged it, or what is waited for."""
    forger: str = ""
    """E-mail of whoever wrote it in another's name, or empty."""

    @property
    def counts(self) -> bool:
        """Whether the record may be taken for what it says."""
        return self.state is ApprovalState.VERIFIED


def check_steps(
    candidate: Candidate | None,
    writes: Iterable[ApprovalWrite],
    *,
    played: bool = False,
    only: Collection[str] | None = None,
) -> tuple[StepCheck, ...]:
    """Steps' records in the annotation, held against the audit log.

    Args:
        candidate: as written on the service now.
        writes: calls that wrote the annotation since before the records came, in any order.
        played: whether this is a simulator, where one console may speak for several people (`StepRecord.told_by`).
        only: ids of the steps that matter; None: all.
    """
    records = [record for record in candidate.steps if only is None or record.step in only] if candidate else []
    if not records:
        return ()
    ordered = sorted(writes, key=lambda write: write.time)
    lines: list[tuple[str, dict[str, list[StepRecord]]]] = []
    for write in ordered:
        by_step: dict[str, list[StepRecord]] = {}
        for line in write.steps:
            if only is None or line.step in only:
                by_step.setdefault(line.step, []).append(line)
        lines.append((write.principal, by_step))
    checks = []
    for record in records:
        by = introducer([(principal, _holds(by_step.get(record.step, ()), record)) for principal, by_step in lines])
        writer = (record.told_by if played else "") or record.by
        if by is None:
            why = _("the Cloud Audit Log has not told yet who wrote it")
            checks.append(StepCheck(record, ApprovalState.VERIFYING, why))
        elif by.casefold() != writer.casefold():
            why = _("{forger} wrote it in the name of {by}").format(forger=by or _("somebody"), by=writer)
            checks.append(StepCheck(record, ApprovalState.FORGED, why, by))
        else:
            checks.append(StepCheck(record, ApprovalState.VERIFIED))
    return tuple(checks)


def _holds(lines: Sequence[StepRecord], record: StepRecord) -> bool:
    return any(line is record or (line.key == record.key and line == record) for line in lines)


def introducer(held: Sequence[tuple[str, bool]]) -> str | None:
    """Who put a line there that is there now: the last who wrote it where it was not; None where nobody is known.

    The last, since what was honestly written and taken out again may have been put back by anybody.

    Args:
        held: (principal, whether the annotation held the line after their call), oldest first.
    """
    found, before = None, False
    for principal, there in held:
        if there and not before:
            found = principal
        before = there
    return found


def check_approvals(
    candidate: Candidate | None,
    writes: Iterable[ApprovalWrite],
    *,
    image_id: str,
    plan: str,
    people: Mapping[str, Sequence[str]] | None = None,
    template: str = "",
    alias: str = "",
) -> tuple[ApprovalCheck, ...]:
    """Every approval in the annotation, checked, in the order in which it is written there.

    Args:
        candidate: as written on the service now.
        writes: calls that wrote the annotation since before the approvals came, in any order.
        image_id: identity of the image that would get traffic (`Revision.identity`); empty where not known, and then
            none counts.
        plan: digest of the plan as it is now (`plan_digest`).
        people: roles by e-mail, where settings name people; None or empty: anybody may sign.
        template: fingerprint of what the image would run with; empty where not known.
        alias: the image as its revision alone tells it (`Revision.alias`), or empty.
    """
    if candidate is None:
        return ()
    ordered = sorted(writes, key=lambda write: write.time)
    checks: list[ApprovalCheck] = []
    signed: dict[str, str] = {}
    for approval in candidate.approvals:
        check = _checked(approval, candidate, ordered, _Wanted(image_id, alias, template, plan, people or {}))
        if check.counts:
            other = signed.get(approval.by.casefold())
            if other is not None and other != approval.role:
                why = _("{by} already approved as {role}: two different people must").format(
                    by=approval.by, role=role_title(other)
                )
                check = ApprovalCheck(approval, ApprovalState.VOID, why)
            else:
                signed[approval.by.casefold()] = approval.role
        checks.append(check)
    return tuple(checks)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What an approval must have been given for, and by whom."""

    image_id: str
    alias: str
    template: str
    plan: str
    people: Mapping[str, Sequence[str]]


def _checked(
    approval: Approval, candidate: Candidate, ordered: Sequence[ApprovalWrite], wanted: _Wanted
) -> ApprovalCheck:
    by = introducer([(write.principal, approval in write.approvals) for write in ordered])
    if by is not None and by.casefold() != approval.by.casefold():
        why = _("{forger} wrote it in the name of {by}").format(forger=by or _("somebody"), by=approval.by)
        return ApprovalCheck(approval, ApprovalState.FORGED, why, by)
    void = _void(approval, candidate, wanted)
    if void:
        return ApprovalCheck(approval, ApprovalState.VOID, void)
    if match_image(approval.digest, wanted.image_id, wanted.alias) is Match.UNTOLD:
        why = _("it was given for {given}, and the digest of {now} cannot be read now").format(
            given=short_image(approval.digest), now=short_image(wanted.image_id)
        )
        return ApprovalCheck(approval, ApprovalState.VERIFYING, why)
    if by is None:
        return ApprovalCheck(approval, ApprovalState.VERIFYING, _("the Cloud Audit Log has not told yet who wrote it"))
    return ApprovalCheck(approval, ApprovalState.VERIFIED)


def _void(approval: Approval, candidate: Candidate, wanted: _Wanted) -> str:
    image_id, people = wanted.image_id, wanted.people
    if approval.candidate != candidate.id:
        return _("it was given for another release, {candidate}").format(candidate=approval.candidate)
    if candidate.closed == "stopped":
        return _("its release was stopped")
    if not image_id:
        return _("the image that would be released is not known")
    if match_image(approval.digest, image_id, wanted.alias) is Match.OTHER:
        return _("it was given for the image {given}, and the image is now {now}").format(
            given=short_image(approval.digest), now=short_image(image_id)
        )
    if changed := changed_since(approval.template, wanted.template):
        return changed
    if approval.plan != wanted.plan:
        return _("it was given for another plan of steps and bakes")
    roles = {email.casefold(): held for email, held in people.items()}.get(approval.by.casefold())
    if people and (roles is None or approval.role not in roles):
        return _("the settings do not name {by} as {role}").format(by=approval.by, role=role_title(approval.role))
    return ""


def changed_since(before: str, now: str) -> str:
    """What changed since in what the image runs with, half a sentence; empty where nothing did, or nobody can tell.

    Args:
        before: fingerprint then (`console.release.template`).
        now: fingerprint now.
    """
    changed = changed_parts(before, now)
    return _("{parts} changed since").format(parts=", ".join(part_title(part) for part in changed)) if changed else ""


def is_new(candidate: Candidate, revision: Revision) -> bool:
    """Whether a revision was made for a candidate: after it was opened, or of its very image."""
    if revision.created is not None and revision.created >= candidate.opened:
        return True
    return told_apart(revision.identity) and image_identity(candidate.image) == revision.identity


def missing_roles(checks: Sequence[ApprovalCheck], roles: Sequence[str]) -> tuple[str, ...]:
    """Which of `roles` no approval that counts was given in."""
    given = {check.approval.role for check in checks if check.counts}
    return tuple(role for role in roles if role not in given)


__all__ = [
    "ApprovalCheck",
    "ApprovalState",
    "ApprovalWrite",
    "StepCheck",
    "all_introduced",
    "approval_write",
    "changed_since",
    "check_approvals",
    "check_steps",
    "counting",
    "introducer",
    "is_new",
    "missing_roles",
    "role_title",
    "short_image",
    "told_apart",
    "unaccounted",
]
