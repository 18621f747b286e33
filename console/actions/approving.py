"""An approval: one person's yes, under their own identity, to one image and one plan (runbook: `Requerimientos`)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Literal

from console.actions.door import guarded
from console.actions.reading import ServiceAccess
from console.actions.site import Site
from console.errors import UsageError
from console.notify import Message
from console.release.approvals import ApprovalCheck, check_approvals, is_new, role_title
from console.release.audited import ApprovalState
from console.release.guardrails import Answer
from console.release.images import image_identity, short_image, told_apart
from console.release.service import Revision, Service
from console.release.state import Approval, Candidate, Document, plan_digest, read_document
from console.words import _


async def approve(site: Site, role: Literal["code", "tech_lead"]) -> Approval:
    """Write our approval into the release annotation; the Cloud Audit Log will tell that it was us.

    Raises:
        UsageError: nothing is there to approve, or nobody knows who we are.
        BlockedError: we have not the role, or approved in the other one already.
        CloudError: the annotation cannot be written.
    """
    access, rules = site.access, site.rules
    await access.named()
    facts = await access.facts()
    candidate = access.opened(facts.candidate)
    revisions = await access.cloud.run.with_digests(facts.revisions, _in_hand(facts.service), again=True)
    image_id, template = released(candidate, facts.service, revisions)
    if not image_id:
        raise UsageError(
            _("The image to be released is not known yet."),
            remedy=_("Staging comes first: the runbook's step that verifies it finds the image."),
        )
    if not told_apart(image_id):
        raise UsageError(
            _(
                "The digest of {image} is not known, and its tag may be pushed again: nobody can say what is approved."
            ).format(image=short_image(image_id)),
            remedy=_(
                "Run the step that verifies staging again once Cloud Run's v1 API answers ({problem}); or deploy, "
                "then approve the new revision."
            ).format(problem=access.cloud.run.digests.problem or "-"),
        )
    plan = plan_digest(rules.plan)
    approval = Approval(
        id=secrets.token_hex(8),
        role=role,
        by=access.identity,
        at=access.who().at,
        digest=image_id,
        plan=plan,
        candidate=candidate.id,
        template=template,
    )
    checks = check_approvals(
        candidate,
        (await access.approval_writes(candidate))[0],
        image_id=image_id,
        plan=plan,
        people=rules.people,
        template=template,
    )
    live = [check.approval for check in checks if check.state in (ApprovalState.VERIFIED, ApprovalState.VERIFYING)]
    same = next((known for known in live if _same(known.by, approval.by) and known.role == role), None)
    # whoever signs a role stands for it: what was forged there blocks no more, and the audit log and journal keep it
    forged = [c.approval for c in checks if c.state is ApprovalState.FORGED and c.approval.role == role]
    if same is not None and not forged:
        return same
    replaced = (*forged, *((same,) if same is not None else ()))

    def added(document: Document) -> Document | None:
        now = document.candidate
        if now is None or not now.open or now.id != candidate.id:
            return None
        kept = tuple(known for known in now.approvals if known.id != approval.id and known not in replaced)
        return document.model_copy(update={"candidate": now.model_copy(update={"approvals": (*kept, approval)})})

    async def act() -> Approval:
        if await access.annotate_document(added) is None:
            raise UsageError(
                _("The release candidate {id} was closed meanwhile.").format(id=candidate.id),
                remedy=_("Look at the checklist again."),
            )
        return approval

    done, _notes = await guarded(
        site.door,
        kind="approve",
        answers=_answers(approval, live, rules.people),
        reason="",
        payload={"role": role, "candidate": candidate.id, "image": image_id, "plan": plan, "approval": approval.id},
        act=act,
        told=lambda given: (_message(site, given),),
        result=lambda given: {"approval": given.id},
    )
    return done


async def vouched(access: ServiceAccess, approval: Approval) -> ApprovalCheck | None:
    """What the audit log says of an approval now; None where the service does not carry it (any more).

    Raises:
        CloudError: the service cannot be read.
    """
    service = await access.read()
    candidate = read_document(service.annotations)[0].candidate
    writes, _problem = await access.approval_writes(candidate)
    checks = check_approvals(
        candidate,
        writes,
        image_id=approval.digest,
        plan=approval.plan,
        people=access.rules.people,
        template=approval.template,
    )
    return next((check for check in checks if check.approval.id == approval.id), None)


def released(candidate: Candidate, service: Service | None, revisions: Sequence[Revision]) -> tuple[str, str]:
    """(identity of the image that an approval is for, fingerprint of what it runs with); empty where not known.

    The new revision's once it is made, since traffic moves to that; before, the image that the steps found, and what
    the service would make a revision with now.
    """
    by_name = {revision.name: revision for revision in revisions}
    canary = by_name.get(_canary(service) or "")
    if canary is not None and is_new(candidate, canary):
        return canary.identity, canary.template
    latest = by_name.get(service.latest_created or "") if service is not None else None
    template = latest.template if latest is not None else ""
    if candidate.image:
        return image_identity(candidate.image), template
    return (canary.identity, canary.template) if canary is not None else ("", "")


def _in_hand(service: Service | None) -> tuple[str, ...]:
    canary = _canary(service)
    return (canary,) if canary else ()


def _canary(service: Service | None) -> str | None:
    if service is None:
        return None
    release = read_document(service.annotations)[0].release
    if release is not None and release.under_way:
        return release.canary
    return service.traffic.revision_for_tag("canary")


def _answers(approval: Approval, live: list[Approval], people: Mapping[str, tuple[str, ...]]) -> tuple[Answer, ...]:
    title = role_title(approval.role)
    held = {email.casefold(): roles for email, roles in people.items()}.get(approval.by.casefold(), ())
    if people and approval.role not in held:
        words = _("the settings do not name {by} as {role}").format(by=approval.by, role=title)
        return (Answer("role", _("role"), False, words),)
    other = next((known for known in live if _same(known.by, approval.by) and known.role != approval.role), None)
    if other is not None:
        words = _("{by} already approved as {role}: two different people must").format(
            by=approval.by, role=role_title(other.role)
        )
        return (Answer("role", _("role"), False, words),)
    return (Answer("role", _("role"), True, title),)


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _message(site: Site, approval: Approval) -> Message:
    return Message(
        _("☑ APPROVED ({role})").format(role=role_title(approval.role)),
        (
            _("Service: {service}").format(service=site.access.service),
            _("Environment: {environment}").format(environment=site.rules.name),
            _("Image: {image}").format(image=short_image(approval.digest)),
            _("By: {who}").format(who=approval.by),
        ),
    )


__all__ = ["approve", "released", "vouched"]
