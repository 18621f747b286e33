"""A second person's yes to statements of migrations, written on the service as every approval is (see `approving`)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial

from console.actions.door import guarded
from console.actions.reading import ServiceAccess
from console.actions.site import Site
from console.errors import UsageError
from console.notify import Message
from console.release.audited import ApprovalState, same_person
from console.release.guardrails import Answer, EnvironmentRules
from console.release.migration_approvals import MigrationCheck, StatementRef, check_migration_approvals, may_not_second
from console.release.state import Candidate, Document, MigrationApproval, read_document
from console.words import _

KEPT = 200
"""Approvals of statements that a candidate keeps; an annotation is small."""


async def second(site: Site, statements: Sequence[StatementRef]) -> tuple[MigrationApproval, ...]:
    """Write our approval of each of `statements` into the candidate; those that we gave already are the same ones.

    Raises:
        UsageError: no candidate is open, or nobody knows who we are.
        BlockedError: we wrote the change ourselves, or the settings do not name us.
        CloudError: the annotation cannot be written.
    """
    access, rules = site.access, site.rules
    await access.named()
    candidate = access.opened(read_document((await access.read()).annotations)[0].candidate)
    who = access.who()
    live = await _live(access, candidate)
    made: list[MigrationApproval] = []
    for one in statements:
        same = (known for known in live if one.approved_by(known) and same_person(known.by, who.email))
        made.append(
            next(same, None)
            or MigrationApproval(
                id=secrets.token_hex(8),
                by=who.email,
                at=who.at,
                file=one.file,
                file_digest=one.file_digest,
                statement=one.statement,
                digest=one.digest,
                candidate=candidate.id,
            )
        )
    new = tuple(approval for approval in made if approval not in live)
    if not new:
        return tuple(made)

    async def act() -> None:
        if await access.annotate_document(partial(_added, candidate.id, new)) is None:
            raise UsageError(
                _("The release candidate {id} was closed meanwhile.").format(id=candidate.id),
                remedy=_("Look at the checklist again."),
            )

    await guarded(
        site.door,
        kind="migration approval",
        answers=_answers(who.email, candidate, rules),
        reason="",
        payload={
            "candidate": candidate.id,
            "statements": [f"{one.file}:{one.statement}:{one.digest}" for one in new],
            "files": sorted({f"{one.file}:{one.file_digest}" for one in new}),
            "approvals": [one.id for one in new],
        },
        act=act,
        told=lambda _nothing: (_message(site, new),),
        result=lambda _nothing: {"approvals": [one.id for one in new]},
    )
    return tuple(made)


async def vouched(access: ServiceAccess, approvals: Sequence[MigrationApproval]) -> tuple[MigrationCheck, ...]:
    """What the audit log says now of those of `approvals` that the service carries.

    Raises:
        CloudError: the service cannot be read.
    """
    candidate = read_document((await access.read()).annotations)[0].candidate
    writes, _problem = await access.approval_writes(candidate)
    wanted = {approval.id for approval in approvals}
    return tuple(check for check in access.migration_checks(candidate, writes) if check.approval.id in wanted)


async def _live(access: ServiceAccess, candidate: Candidate) -> tuple[MigrationApproval, ...]:
    """Approvals that count, or will once the audit log has told."""
    writes, _problem = await access.approval_writes(candidate)
    checks = check_migration_approvals(candidate, writes, people=access.rules.people, logins=access.rules.logins)
    return tuple(check.approval for check in checks if check.state in (ApprovalState.VERIFIED, ApprovalState.VERIFYING))


def _added(id: str, new: tuple[MigrationApproval, ...], document: Document) -> Document | None:
    now = document.candidate
    if now is None or not now.open or now.id != id:
        return None
    kept = tuple(known for known in now.migration_approvals if known not in new)
    update = {"migration_approvals": (*kept, *new)[-KEPT:]}
    return document.model_copy(update={"candidate": now.model_copy(update=update)})


def _answers(who: str, candidate: Candidate, rules: EnvironmentRules) -> tuple[Answer, ...]:
    problem = may_not_second(who, candidate, rules.people, rules.logins)
    return (Answer("second_person", _("second person"), not problem, problem or who),)


def _message(site: Site, given: tuple[MigrationApproval, ...]) -> Message:
    return Message(
        _("☑ MIGRATION APPROVED"),
        (
            _("Service: {service}").format(service=site.access.service),
            _("Environment: {environment}").format(environment=site.rules.name),
            *(_("{file}, statement {number}").format(file=one.file, number=one.statement) for one in given),
            _("By: {who}").format(who=given[0].by),
        ),
    )


__all__ = ["second", "vouched"]
