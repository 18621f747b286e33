"""Lines of the release annotation, held against the Cloud Audit Log. Pure: (candidate, who wrote what) -> checks.

Anybody may edit the annotation who may edit the service. What nobody can edit is the Cloud Audit Log: Google names the
principal of each call and keeps its request. So a line counts only where the call that put it there was made by the
person whom it names (issue 4, `approval`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from console.release.state import ANNOTATION, Approval, Candidate, MigrationApproval, StepRecord, read_document
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
class Check:
    """What a line is worth."""

    state: ApprovalState
    why: str = ""
    """In a sentence, translated: who forged it, what is waited for, or what it was given for."""
    forger: str = ""
    """E-mail of whoever wrote it in another's name, or empty."""

    @property
    def counts(self) -> bool:
        """Whether it may be taken for what it says."""
        return self.state is ApprovalState.VERIFIED


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


def introducer(held: Sequence[tuple[str, bool]], *, there_before: bool = False) -> str | None:
    """Who put a line there that is there now: the last who wrote it where it was not; None where nobody is known.

    The last, since what was honestly written and taken out again may have been put back by anybody.

    Args:
        held: (principal, whether the annotation held the line after their call), oldest first.
        there_before: whether it may have held it before the first of them.
    """
    found, before = None, there_before
    for principal, there in held:
        if there and not before:
            found = principal
        before = there
    return found


def seen_coming(held: Sequence[tuple[str, bool]]) -> str | None:
    """As `introducer`, where the log is not read to its beginning: what its first call has may have been there before.

    Args:
        held: (principal, whether the annotation held the line after their call), oldest first.
    """
    return introducer(held, there_before=bool(held) and held[0][1])


def held(writer: str | None, named: str) -> tuple[ApprovalState, str, str]:
    """What the audit log says of a line, as a `Check` begins: VERIFIED, VERIFYING or FORGED, why, and who forged it.

    Args:
        writer: who put it there (`introducer`).
        named: whose word it says it is.
    """
    if writer is None:
        return ApprovalState.VERIFYING, _("the Cloud Audit Log has not told yet who wrote it"), ""
    if not writer or not same_person(writer, named):
        why = _("{forger} wrote it in the name of {by}").format(forger=writer or _("somebody"), by=named)
        return ApprovalState.FORGED, why, writer
    return ApprovalState.VERIFIED, "", ""


def same_person(one: str, other: str) -> bool:
    """Whether two e-mails are one person's."""
    return one.casefold() == other.casefold()


@dataclass(frozen=True, slots=True)
class StepCheck(Check):
    """One step's record, checked: VERIFIED, VERIFYING or FORGED."""

    record: StepRecord = field(kw_only=True)


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
        checks.append(StepCheck(*held(by, writer), record=record))
    return tuple(checks)


def _holds(lines: Sequence[StepRecord], record: StepRecord) -> bool:
    return any(line is record or (line.key == record.key and line == record) for line in lines)
