"""Whether what an open dialog asks has been answered meanwhile: by another console, by the watcher, by the cloud. Pure.

Each function says it in a sentence, or nothing while the question stands.
"""

from __future__ import annotations

from console.release.images import Match
from console.runbook.kinds.base import Ask
from console.runbook.progress import Checklist, State, StepView, closed_word
from console.words import _, language
from screens import checklist_present as made


def step(before: StepView, opened: Checklist, now: Checklist | None) -> str:
    """Of a dialog that would run or sign a step.

    Args:
        before: the step as it stood when the dialog was opened.
        opened: the checklist at that moment.
        now: the checklist now; None while it is not known.
    """
    if now is None:
        return ""
    if now.subject.candidate != opened.subject.candidate:
        return _("Another release stands in the runbook now: this was asked of the one before.")
    if before.traits.ask is Ask.SIGN and now.subject.match("image", opened.subject.image_id) is Match.OTHER:
        return _("The image has changed since you read it: nothing was signed. Look again.")
    view = now.view(before.step.id)
    if view is None:
        return _("The step is not in the runbook any more.")
    if view.running is not None and before.running is None:
        return _("{who} has started this step meanwhile.").format(who=view.running.by)
    if view.done and (not before.done or view.evidence != before.evidence):
        return _settled(view)
    if before.state is State.UNKNOWN and view.state is not State.UNKNOWN:
        return _settled(view)
    if before.may_run and not view.may_run:
        return _("Not any more: {why}").format(why=view.why_not or view.reason)
    return ""


def skip(before: StepView, opened: Checklist, now: Checklist | None) -> str:
    """Of a dialog that would leave a step out; see `step`."""
    said = step(before, opened, now)
    view = now.view(before.step.id) if now is not None else None
    if said or view is None:
        return said
    return "" if view.may_skip else _("Not any more: {why}").format(why=view.why_not_skip or view.reason)


def case(before: StepView, item: str, opened: Checklist, now: Checklist | None) -> str:
    """Of a dialog that asks how one case of a list went; see `step`.

    Args:
        before: the step as it stood when the dialog was opened.
        item: id of the case.
        opened: the checklist at that moment.
        now: the checklist now; None while it is not known.
    """
    view = now.view(before.step.id) if now is not None else None
    known = next((each for each in made.items_of(view) if each.id == item), None) if view is not None else None
    if known is not None and known.result:
        return _("{who} has answered this case meanwhile: {result}.").format(who=known.by, result=_word(known.result))
    return step(before, opened, now)


def seat(opened: Checklist, now: Checklist | None) -> str:
    """Of a dialog that would take the driver's seat; see `step`."""
    if now is None or (now.me.driver == opened.me.driver and not now.me.drives and not now.closed):
        return ""
    if now.closed:
        return _("The release is closed: {how}.").format(how=closed_word(now.closed))
    if now.me.drives:
        return _("You drive this release already.")
    return _("{who} drives this release now.").format(who=now.me.driver or _("nobody"))


def _settled(view: StepView) -> str:
    title = view.step.title.in_language(language())
    who = view.evidence.by if view.evidence is not None else ""
    if not who:
        return _("{step}: settled meanwhile. {reason}").format(step=title, reason=view.reason)
    return _("{step}: settled meanwhile by {who}. {reason}").format(step=title, who=who, reason=view.reason)


def _word(result: str) -> str:
    return {"pass": _("pass"), "fail": _("fail"), "blocked": _("blocked")}.get(result, result)
