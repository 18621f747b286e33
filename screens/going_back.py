"""The manual rollback's own steps, as the checklist asks for them: which revision, and whether to give it the traffic.

It holds nothing: given the checklist as it stands, it makes dialogs and words.
"""

from __future__ import annotations

from console.release.guardrails import shares_text
from console.runbook.evidence import Evidence
from console.runbook.progress import Checklist
from console.words import _, language
from screens import figures
from screens.checklist_present import choice, moved
from screens.dialogs.choose import ChooseDialog, Offered
from screens.dialogs.confirm import ConfirmDialog
from screens.view import View


def choose_dialog(view: View, items: Evidence, wanted: str = "", reason: str = "") -> ChooseDialog:
    """Which revision to go back to.

    Args:
        view: the latest view.
        items: evidence whose items are the revisions.
        wanted: full name of the one to begin at; empty: the one that was chosen, else the first.
        reason: of the rollback, as far as it is known; empty: as it was given before.
    """
    before = next((item for item in items.items if item.result == "pass"), None)
    service = view.snapshot.service_name
    offered = [Offered(i.id, figures.short(i.id, service), i.title, i.critical) for i in items.items]
    return ChooseDialog(
        view,
        offered,
        wanted or (before.id if before is not None else ""),
        reason or (before.note if before is not None else ""),
    )


def move_dialog(view: View, checklist: Checklist) -> ConfirmDialog | None:
    """Whether to give the chosen revision the traffic; None where none is chosen."""
    chosen = choice(checklist)
    if chosen is None:
        return None
    to, service = chosen.learned["back_to"], view.snapshot.service
    item = next((item for item in chosen.items if item.id == to), None)
    now = shares_text(service.effective_shares()) if service is not None else "?"
    lines = [
        _("now    {split}").format(split=now),
        _("then   {split}").format(split=shares_text({to: 100})),
        "",
        *([item.title] if item is not None else []),
        _("why    {reason}").format(reason=chosen.reason or _("not given")),
        "",
        _("At once, past every guardrail; Slack is told."),
    ]
    title = _("Give all traffic to {revision}?").format(revision=figures.short(to, view.snapshot.service_name))
    return ConfirmDialog(view, title, tuple(lines), _("Move it"))


def another_dialog(view: View, checklist: Checklist) -> ConfirmDialog | None:
    """Whether to begin another rollback, this one having moved the traffic; None where it has not."""
    done = moved(checklist)
    if done is None:
        return None
    left = [each.step.title.in_language(language()) for each in checklist.steps if not each.done]
    lines = [done.reason]
    if left and not checklist.closed:
        lines.append(_("Left undone of it: {steps}.").format(steps=", ".join(left)))
    lines.append(_("Another one begins with the list of revisions; nothing is moved before its second step."))
    return ConfirmDialog(view, _("Begin another manual rollback?"), tuple(lines), _("Begin"))


__all__ = ["another_dialog", "choose_dialog", "move_dialog"]
