"""Approvals of a release, held against the Cloud Audit Log. Pure: (candidate, who wrote what, ...) -> checks.

Like every line of the annotation an approval counts only where the person whom it names put it there
(`console.release.audited`), and only for the image, what that runs with, and the plan that it was given for.

Runbook: `Requerimientos`, "2 personas autorizan (code + tech lead)".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from console.release.audited import ApprovalState, ApprovalWrite, Check, held, introducer
from console.release.images import Match, image_identity, match_image, short_image, told_apart
from console.release.service import Revision
from console.release.state import Approval, Candidate
from console.release.template import changed_parts, part_title
from console.words import _


@dataclass(frozen=True, slots=True)
class ApprovalCheck(Check):
    """One approval, checked; `counts` lets traffic move."""

    approval: Approval = field(kw_only=True)


def role_title(role: str) -> str:
    """What people call a role."""
    return {"code": _("code"), "tech_lead": _("tech lead")}.get(role, role)


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
                check = ApprovalCheck(ApprovalState.VOID, why, approval=approval)
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
    told = held(by, approval.by)
    if told[0] is ApprovalState.FORGED:
        return ApprovalCheck(*told, approval=approval)
    void = _void(approval, candidate, wanted)
    if void:
        return ApprovalCheck(ApprovalState.VOID, void, approval=approval)
    if match_image(approval.digest, wanted.image_id, wanted.alias) is Match.UNTOLD:
        why = _("it was given for {given}, and the digest of {now} cannot be read now").format(
            given=short_image(approval.digest), now=short_image(wanted.image_id)
        )
        return ApprovalCheck(ApprovalState.VERIFYING, why, approval=approval)
    return ApprovalCheck(*told, approval=approval)


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


__all__ = ["ApprovalCheck", "changed_since", "check_approvals", "is_new", "missing_roles", "role_title"]
