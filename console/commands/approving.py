"""`canario approve`: our own approval of the open candidate, and whether the audit log vouches for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from console.actions.approving import vouched
from console.commands.output import say, warn
from console.commands.running import Place, session_at
from console.errors import BlockedError, ExitCode, UsageError
from console.release.approvals import ApprovalCheck, role_title
from console.release.audited import ApprovalState
from console.release.images import short_image
from console.words import N_, _

if TYPE_CHECKING:
    from console.session import Session

STATES = {
    ApprovalState.VERIFIED: N_("verified"),
    ApprovalState.VERIFYING: N_("verifying"),
    ApprovalState.VOID: N_("void"),
    ApprovalState.FORGED: N_("FORGED"),
}

PATIENCE_S = 30.0
"""Wall seconds that the audit log is waited for."""
VOUCHING_S = 5.0
"""Wall seconds that it is waited for before a step that another console has just done is taken for undone."""
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


async def approve(place: Place, role: Literal["code", "tech_lead"], file: Path | None = None) -> int:
    """Approve in `role`, then wait for the audit log's word; 1 where it does not come or says otherwise.

    Args:
        place: where.
        role: that we approve in.
        file: the runbook that the release follows; the settings' where None.

    Raises:
        BlockedError: what the runbook wants done before is not done; each step is named.
        CanarioError: as `Actions.approve`.
    """
    async with session_at(place) as session:
        facts = await session.actions.access.facts()
        before = facts.approvals
        if facts.candidate is not None and facts.candidate.open and facts.candidate.runbook:
            await _refuse_early(session, place, role, file)
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


async def _refuse_early(session: Session, place: Place, role: str, file: Path | None) -> None:
    """Raise where the steps that an approval in `role` needs are not done.

    Raises:
        BlockedError: naming each of them.
    """
    from console.commands.runbook import loaded
    from console.runbook.signing import approving, missing_for
    from console.runbook.walk import Walk

    book = loaded(place.settings, file)
    steps = approving(book.runbook, role)
    await session.watcher.refresh()
    walk = await Walk.open(session, place.settings, book, drive=False, look=False)
    try:
        ends = session.clock.monotonic() + VOUCHING_S
        while (missing := missing_for(walk.checklist(), steps)) and session.clock.monotonic() < ends:
            await session.clock.sleep(LOOK_S)
            await walk.account()
        for problem in walk.latest.problems:
            warn(problem)
    finally:
        await walk.close()
    if missing:
        raise BlockedError(
            missing,
            overridable=False,
            remedy=_("Nothing was signed. Finish these first (`canario runbook show`), then approve."),
        )
