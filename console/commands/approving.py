"""`canario approve`: our own approval of the open candidate, and whether the audit log vouches for it."""

from __future__ import annotations

from typing import Literal

from console.actions.approving import vouched
from console.commands.output import say, warn
from console.commands.running import Place, session_at
from console.errors import ExitCode, UsageError
from console.release.approvals import ApprovalState, role_title, short_image
from console.words import _

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


async def approve(place: Place, role: Literal["code", "tech_lead"]) -> int:
    """Approve in `role`, then wait for the audit log's word; 1 where it does not come or says otherwise."""
    async with session_at(place) as session:
        approval = await session.actions.approve(role)
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
