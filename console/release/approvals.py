"""Approvals, held against the Cloud Audit Log. Pure: (candidate, what was written and by whom, image, plan) -> checks.

An approval is a line in the release annotation, which anybody may edit who may edit the service. What nobody can edit
is the Cloud Audit Log: Google names the principal of each call and keeps its request. So an approval counts only where
the first call that ever wrote it was made by the person whom it names (issue 4, `approval`), and only for the image and
the plan that it was given for.

Runbook: `Requerimientos`, "2 personas autorizan (code + tech lead)".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from console.release.state import ANNOTATION, Approval, Candidate, MigrationApproval, read_document
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
    return ApprovalWrite(time, principal, candidate.approvals, migrations=candidate.migration_approvals)


def all_introduced(candidate: Candidate, writes: Iterable[ApprovalWrite]) -> bool:
    """Whether the writes show each known approval coming: a write that has it, and one before that has it not.

    Where the log is read from too late on, the first write that has an approval may be anybody's who wrote the
    annotation again after it was put there.
    """
    ordered = sorted(writes, key=lambda write: write.time)
    firsts = (
        next((place for place, write in enumerate(ordered) if signature in write.signatures), None)
        for signature in candidate.signatures
    )
    return all(first is None or first > 0 for first in firsts)


def check_approvals(
    candidate: Candidate | None,
    writes: Iterable[ApprovalWrite],
    *,
    image_id: str,
    plan: str,
    people: Mapping[str, Sequence[str]] | None = None,
) -> tuple[ApprovalCheck, ...]:
    """Every approval in the annotation, checked, in the order in which it is written there.

    Args:
        candidate: as written on the service now.
        writes: calls that wrote the annotation since before the approvals came, in any order.
        image_id: identity of the image that would get traffic (`image_identity`); empty where not known.
        plan: digest of the plan as it is now (`plan_digest`).
        people: roles by e-mail, where settings name people; None or empty: anybody may sign.
    """
    if candidate is None:
        return ()
    ordered = sorted(writes, key=lambda write: write.time)
    checks: list[ApprovalCheck] = []
    signed: dict[str, str] = {}
    for approval in candidate.approvals:
        check = _checked(approval, candidate, ordered, image_id, plan, people or {})
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


def _checked(
    approval: Approval,
    candidate: Candidate,
    ordered: Sequence[ApprovalWrite],
    image_id: str,
    plan: str,
    people: Mapping[str, Sequence[str]],
) -> ApprovalCheck:
    first = next((write for write in ordered if approval in write.approvals), None)
    if first is not None and first.principal.casefold() != approval.by.casefold():
        why = _("{forger} wrote it in the name of {by}").format(forger=first.principal or _("somebody"), by=approval.by)
        return ApprovalCheck(approval, ApprovalState.FORGED, why, first.principal)
    void = _void(approval, candidate, image_id, plan, people)
    if void:
        return ApprovalCheck(approval, ApprovalState.VOID, void)
    if first is None:
        return ApprovalCheck(approval, ApprovalState.VERIFYING, _("the Cloud Audit Log has not told yet who wrote it"))
    return ApprovalCheck(approval, ApprovalState.VERIFIED)


def _void(
    approval: Approval, candidate: Candidate, image_id: str, plan: str, people: Mapping[str, Sequence[str]]
) -> str:
    if approval.candidate != candidate.id:
        return _("it was given for another release, {candidate}").format(candidate=approval.candidate)
    if candidate.closed == "stopped":
        return _("its release was stopped")
    if image_id and approval.digest != image_id:
        return _("it was given for the image {given}, and the image is now {now}").format(
            given=short_image(approval.digest), now=short_image(image_id)
        )
    if approval.plan != plan:
        return _("it was given for another plan of steps and bakes")
    roles = {email.casefold(): held for email, held in people.items()}.get(approval.by.casefold())
    if people and (roles is None or approval.role not in roles):
        return _("the settings do not name {by} as {role}").format(by=approval.by, role=role_title(approval.role))
    return ""


def short_image(image_id: str) -> str:
    """An image's identity as people read it: `@1a2b3c4d5e6f` of a digest, `name:tag` of a reference."""
    if image_id.startswith("sha256:"):
        return "@" + image_id.removeprefix("sha256:")[:12]
    return image_id.rpartition("/")[2] or image_id or "-"


def missing_roles(checks: Sequence[ApprovalCheck], roles: Sequence[str]) -> tuple[str, ...]:
    """Which of `roles` no approval that counts was given in."""
    given = {check.approval.role for check in checks if check.counts}
    return tuple(role for role in roles if role not in given)


__all__ = [
    "ApprovalCheck",
    "ApprovalState",
    "ApprovalWrite",
    "all_introduced",
    "approval_write",
    "check_approvals",
    "missing_roles",
    "role_title",
    "short_image",
]
