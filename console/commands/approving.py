"""`canario approve`: our own approval of the open candidate, and whether the audit log vouches for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from console.actions.approving import vouched
from console.commands.output import say, warn
from console.commands.running import Place, session_at
from console.errors import ExitCode, UsageError
from console.release.approvals import ApprovalCheck, role_title
from console.release.audited import ApprovalState
from console.release.images import short_image
from console.words import N_, _

STATES = {
    ApprovalState.VERIFIED: N_("verified"),
    ApprovalState.VERIFYING: N_("verifying"),
    ApprovalState.VOID: N_("void"),
    ApprovalState.FORGED: N_("FORGED"),
}

PATIENCE_S = 30.0
"""Wall seconds that the audit log is waited for."""
LOOK_S = 1.0


def role_of(word: str) -> Literal["code", "tech_lead"]:
    """The role that `word` names.

    Raises:
        UsageError: it names none.
    """
    found: dict[str, Literal["code", "tech_lead"]] = {
        "code": "code",
        "tech-lead": "tech_lead",
        "tech_lead": "tech_lead",
    }
    if word not in found:
        raise UsageError(
            _("{word!r} is no role that approves a release.").format(word=word[:40]),
            remedy=_("Choose one of: {names}.").format(names="code, tech-lead"),
        )
    return found[word]


def approvals_line(checks: Sequence[ApprovalCheck]) -> str:
    """The candidate's approvals in a line: who, as what, and what the audit log says of it; empty without any."""
    told = _("{who} ({role}) {state}")
    parts = [
        told.format(who=check.approval.by, role=role_title(check.approval.role), state=_(STATES[check.state]))
        + (f": {check.why}" if check.why else "")
        for check in checks
    ]
    return "; ".join(parts)


def approvals_document(checks: Sequence[ApprovalCheck]) -> list[dict[str, object]]:
    """The same in JSON (docs/json.md)."""
    return [
        {
            "role": check.approval.role,
            "by": check.approval.by,
            "at": check.approval.at,
            "state": check.state.value,
            "why": check.why or None,
            "forger": check.forger or None,
        }
        for check in checks
    ]


async def approve(place: Place, role: Literal["code", "tech_lead"]) -> int:
    """Approve in `role`, then wait for the audit log's word; 1 where it does not come or says otherwise."""
    async with session_at(place) as session:
        before = (await session.actions.access.facts()).approvals
        approval = await session.actions.approve(role)
        for one in before:
            if one.state is ApprovalState.FORGED:
                warn(_("FORGED ({role}): {why}").format(role=role_title(one.approval.role), why=one.why))
        say(
            _("{by} approves {image} as {role} ({where}).").format(
                by=approval.by,
                image=short_image(approval.digest),
                role=role_title(role),
                where=f"{place.environment.service}, {place.environment.name}",
            )
        )
        clock = session.clock
        ends = clock.monotonic() + PATIENCE_S
        check = await vouched(session.actions.access, approval)
        while (check is None or check.state is ApprovalState.VERIFYING) and clock.monotonic() < ends:
            await clock.sleep(LOOK_S)
            check = await vouched(session.actions.access, approval)
        if check is not None and check.counts:
            say(_("The Cloud Audit Log confirms it: it counts."))
            return ExitCode.DONE
        if check is not None and check.state is not ApprovalState.VERIFYING:
            warn(_("It does not count: {why}.").format(why=check.why))
            return ExitCode.FAILED
    warn(_("The Cloud Audit Log has not told yet; it counts once it has. `canario runbook show` says when."))
    return ExitCode.DONE
