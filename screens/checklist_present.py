"""From a `Checklist` to what the checklist screen's widgets take: pure, nothing of Textual."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from console.release.approvals import role_title
from console.release.images import short_image
from console.runbook.evidence import Evidence, ItemResult
from console.runbook.kinds.base import Ask
from console.runbook.progress import Checklist, Me, State, StepView, span, state_word
from console.words import _, language
from widgets.step_card import CardItem, StepCardState
from widgets.step_list import StepRow

MACHINE = "canario"
"""By whom a case is that a machine checked (`ItemResult.by`)."""

REVISIONS = "revisions"
"""The kind whose items are revisions: one of them is chosen, rather than each answered."""

LINES = 200
"""Lines of output that the card shows."""

GLYPHS: dict[State, tuple[str, str]] = {
    State.NOT_YET: ("·", "$text-muted"),
    State.OPEN: ("○", "$text-accent"),
    State.RUNNING: ("◐", "$text-accent"),
    State.PASSED: ("✔", "$text-success"),
    State.FAILED: ("✖", "$text-error"),
    State.WAITING: ("◔", "$text-warning"),
    State.VERIFYING: ("◑", "$text-warning"),
    State.SKIPPED: ("»", "$text-muted"),
    State.STALE: ("↻", "$text-warning"),
    State.UNKNOWN: ("?", "$text-error"),
}
"""Each state's glyph and style; a word always stands beside them."""


def rows(checklist: Checklist) -> list[StepRow]:
    """The list on the left: phases as headings, their steps under them."""
    found: list[StepRow] = []
    for phase in checklist.phases:
        done, whole = phase.count
        glyph = "✔" if phase.done else "●" if phase.open else "○"
        style = "$text-success" if phase.done else "" if phase.open else "$text-muted"
        title = phase.phase.title.in_language(language())
        found.append(StepRow(f"phase-{phase.phase.id}", title, glyph, f"{done}/{whole}", style, phase=True))
        for view in phase.steps:
            glyph, style = ("▲", "$text-warning") if unsent(view) else GLYPHS[view.state]
            found.append(
                StepRow(
                    view.step.id,
                    view.step.title.in_language(language()),
                    glyph,
                    word(checklist, view),
                    style,
                    mine=view.step.id == checklist.next_for_me,
                )
            )
    return found


def is_choice(view: StepView) -> bool:
    """Whether the step chooses a revision to go back to."""
    return view.step.kind == REVISIONS and view.traits.ask is Ask.ITEMS


def is_move(view: StepView) -> bool:
    """Whether the step gives the chosen revision the traffic."""
    return view.step.kind == REVISIONS and view.traits.ask is not Ask.ITEMS


def moved(checklist: Checklist) -> StepView | None:
    """The step that has given the traffic back already; None where it was not."""
    return next((view for view in checklist.steps if is_move(view) and view.state is State.PASSED), None)


def choice(checklist: Checklist) -> Evidence | None:
    """The evidence of the revision that was chosen; None where none is."""
    found = next((view for view in checklist.steps if is_choice(view)), None)
    known = found.evidence if found is not None else None
    return known if known is not None and known.learned.get("back_to") else None


def forged(checklist: Checklist, view: StepView) -> bool:
    """Whether somebody wrote the approval that this step asks for in another's name."""
    return view.traits.ask is Ask.SIGN and any(
        seen.state == "forged" and seen.role in view.step.signers for seen in checklist.approvals
    )


def alarm(checklist: Checklist) -> str:
    """What every screen must say of the runbook: a forged approval, with who wrote it; empty where all is well."""
    seen = next((seen for seen in checklist.approvals if seen.state == "forged"), None)
    if seen is None:
        return ""
    return _("FORGED APPROVAL ({role}): {why}; it does not count").format(role=role_title(seen.role), why=seen.why)


def in_hand(checklist: Checklist) -> str:
    """Id of the step to show: the next for this operator, else what runs, is waited for, failed, or is open."""
    if checklist.next_for_me:
        return checklist.next_for_me
    for state in (State.RUNNING, State.VERIFYING, State.WAITING, State.FAILED):
        found = next((view for view in checklist.steps if view.state is state and not view.done), None)
        if found is not None:
            return found.step.id
    left = next((view for view in checklist.steps if view.to_do), None)
    return left.step.id if left is not None else checklist.steps[-1].step.id if checklist.steps else ""


def next_line(checklist: Checklist, key: str) -> str:
    """Where the runbook is, in one line for other screens; empty where nothing has been begun, or all is done.

    Args:
        checklist: the whole.
        key: the checklist screen's, as shown.
    """
    if not checklist.subject.candidate or checklist.closed or not checklist.steps:
        return ""
    view = checklist.view(in_hand(checklist))
    if view is None or view.state in (State.PASSED, State.SKIPPED):
        return ""
    title = view.step.title.in_language(language())
    told = f"{GLYPHS[view.state][0]} {title}"
    items = items_of(view)
    if items:
        count = _("{done} of {all}").format(done=sum(1 for item in items if item.result), all=len(items))
        told += f" ({count})"
    elif view.state is not State.OPEN:
        told += f" ({word(checklist, view)})"
    done = sum(each.done for each in checklist.steps)
    return _("runbook {done}/{all}, next: {step} · {key}").format(
        done=done, all=len(checklist.steps), step=told, key=key
    )


def word(checklist: Checklist, view: StepView) -> str:
    """A step's state in a word or two, with how far it is or whom it waits for."""
    if forged(checklist, view):
        return _("FORGED")
    fraction = view.fraction
    items = () if is_choice(view) else items_of(view)
    if unsent(view):
        return _("check Slack")
    if items and view.state in (State.OPEN, State.RUNNING):
        return f"{sum(1 for item in items if item.result)}/{len(items)}"
    if view.state is State.RUNNING and fraction is not None:
        return f"{state_word(view.state)} {fraction * 100:.0f} %"
    if view.state is State.WAITING and view.waiting_for:
        return view.waiting_for if len(view.waiting_for) <= 16 else state_word(view.state)
    if view.state is State.FAILED and view.step.advice:
        return _("advice")
    return state_word(view.state)


def card(
    checklist: Checklist,
    view: StepView,
    *,
    keys: Callable[[str], str],
    does: tuple[str, ...] = (),
    case: str = "",
    contact: tuple[tuple[str, str], ...] = (),
) -> StepCardState:
    """The step in hand.

    Args:
        checklist: the whole.
        view: the step.
        keys: the key of a registry id, as shown.
        does: what its kind says that it will do.
        case: id of the case under the cursor, where it has cases.
        contact: the card of the person that it asks for, as name and value.
    """
    step, evidence = view.step, view.evidence
    missed, chooses = unsent(view), is_choice(view)
    glyph, style = ("▲", "$text-warning") if missed else GLYPHS[view.state]
    phase = checklist.runbook.phase_of(step.id)
    how = _("machine-checked") if view.traits.machine else _("a person's word")
    facts = " · ".join(
        part for part in (phase.title.in_language(language()) if phase else "", how, step.source) if part
    )
    progress = view.running.progress if view.running is not None else None
    live = progress is not None
    items = items_of(view)
    reason = (progress.sentence if progress is not None and progress.sentence else view.reason) or ""
    shown = evidence if not live else None
    return StepCardState(
        title=step.title.in_language(language()),
        facts=facts,
        help=step.help.in_language(language()),
        glyph=glyph,
        word=_("FORGED") if forged(checklist, view) else _("check Slack") if missed else state_word(view.state),
        style=style,
        reason=reason,
        alarm=forged(checklist, view),
        press=tuple(
            press(
                view,
                checklist.me,
                keys,
                bool(items),
                checklist.next_for_me not in ("", step.id),
                another=bool(checklist.closed) or (chooses and moved(checklist) is not None),
            )
        ),
        why_not="" if view.may_run or view.done or view.state is State.RUNNING else view.why_not,
        contact=contact,
        does=does,
        fraction=view.fraction,
        items=tuple(_revision(item) if chooses else _case(item, item.id == case) for item in items),
        figures=progress.figures if progress is not None else shown.figures if shown else (),
        curves=progress.curves if progress is not None else {},
        problems=shown.problems if shown and (missed or view.state in (State.FAILED, State.UNKNOWN)) else (),
        remedy=shown.remedy if shown and (missed or view.state in (State.FAILED, State.UNKNOWN)) else "",
        evidence=_evidence(checklist, view),
        lines=(progress.lines if progress is not None else shown.excerpt if shown else ())[-LINES:],
        live=live,
        headings={
            "contact": _("whom to call"),
            "does": _("what it does"),
            "figures": _("figures"),
            "evidence": _("evidence"),
            "output": _("message") if step.kind == "notify" else _("output"),
            "cases": _("earlier revisions") if chooses else _("cases"),
        },
    )


def takes_seat(view: StepView, me: Me) -> bool:
    """Whether Enter on the step offers the driver's seat: it is the driver's to do, and another console drives."""
    return not view.may_run and bool(me.driver) and not me.drives and view.traits.ask is not Ask.SIGN and view.to_do


def _case_verb(view: StepView) -> str:
    if all(item.result for item in items_of(view)):
        return _("Answer again") if open_case(view) else _("Check again")
    return _("Answer {case}").format(case=open_case(view))


def press(
    view: StepView,
    me: Me,
    keys: Callable[[str], str],
    has_items: bool,
    following: bool = True,
    *,
    another: bool = False,
) -> list[tuple[str, str]]:
    """What the operator can press now, as key and words.

    Args:
        view: the step in hand.
        me: who looks.
        keys: the key of a registry id, as shown.
        has_items: whether its cases are known.
        following: whether another step is open for this operator.
        another: whether running it begins another release, or another manual rollback.
    """
    found = []
    run, stop, skip = keys("checklist_run"), keys("checklist_stop"), keys("checklist_skip")
    if view.running is not None and view.running.ours:
        found.append((stop, _("Stop")))
    elif view.may_run and (unsent(view) or not (view.done and view.traits.once)):
        verb = {
            Ask.NOTHING: _("Run again") if view.evidence is not None else _("Run"),
            Ask.WORD: _("Sign"),
            Ask.SIGN: _("Approve"),
            Ask.ITEMS: _case_verb(view) if has_items else _("Begin"),
            Ask.ELSEWHERE: _("Do it"),
        }[view.traits.ask]
        if is_move(view):
            verb = _("Move the traffic")
        if is_choice(view):
            verb = _("Choose another") if view.done else _("Choose")
        if another:
            verb = _("Begin another")
        if unsent(view):
            verb = _("Send again")
        if view.state is State.UNKNOWN:
            verb = _("Look again") if view.traits.looks else _("Say what became of it")
        found.append((run, verb))
    if not view.may_run and takes_seat(view, me):
        found.append((run, _("Take over")))
    if view.may_skip:
        found.append((skip, _("Skip")))
    if (not view.may_run or view.done) and following:
        found.append((keys("checklist_next"), _("Next open step")))
    return found


def _case(item: ItemResult, chosen: bool) -> CardItem:
    glyph, word_, style = {
        "pass": ("✔", _("pass"), "$text-success"),
        "fail": ("✖", _("fail"), "$text-error"),
        "blocked": ("■", _("blocked"), "$text-warning"),
    }.get(item.result, ("○", _("open"), ""))
    return CardItem(item.id, item.title, glyph, word_, style, item.note, item.critical, chosen)


def _revision(item: ItemResult) -> CardItem:
    """A revision of the list that one is chosen of."""
    glyph, word_, style = ("●", _("chosen"), "$text-success") if item.result == "pass" else ("○", "", "")
    return CardItem(item.id, item.title, glyph, word_, style, item.note, item.critical, item.result == "pass")


def unsent(view: StepView) -> bool:
    """Whether the step's message did not go out, or nobody knows: it passed all the same, and may be sent again."""
    known = view.evidence
    return view.step.kind == "notify" and view.done and known is not None and bool(known.problems)


def _evidence(checklist: Checklist, view: StepView) -> tuple[tuple[str, str], ...]:
    evidence = view.evidence
    if evidence is None:
        return ()
    found = [(_("by"), evidence.by + (_(" (another console)") if view.theirs else ""))]
    found.append((_("at"), _when(evidence.at, checklist.now)))
    if evidence.subject:
        subject = evidence.subject
        found.append((_("of"), short_image(subject) if view.step.bound_to == "image" else subject[:40]))
    if evidence.reason:
        found.append((_("reason"), evidence.reason))
    if evidence.sentence and evidence.sentence != view.reason:
        found.append((_("it said"), evidence.sentence))
    if evidence.output:
        found.append((_("whole output"), evidence.output))
    return tuple(found)


def _when(at: datetime, now: datetime | None) -> str:
    shown = at.strftime("%a %Y-%m-%d %H:%M:%S UTC")
    return _("{time}, {age} ago").format(time=shown, age=span(now - at)) if now is not None and now >= at else shown


def items_of(view: StepView) -> tuple[ItemResult, ...]:
    """Its cases as they stand; none where it has none, or where their answers are about another image."""
    progress = view.running.progress if view.running is not None else None
    if progress is not None and progress.items:
        return progress.items
    if view.state is State.STALE:  # answers about another image are answers about another program
        return ()
    return view.evidence.items if view.evidence is not None else ()


def open_case(view: StepView) -> str:
    """Id of the case to answer: the first without an answer, else the first that a person said no to; or empty.

    Cases that the machine checks are its own: Enter without a case checks them again.
    """
    items = items_of(view)
    waiting = next((item.id for item in items if not item.result), "")
    return waiting or next(
        (item.id for item in items if item.result in ("fail", "blocked") and item.by not in ("", MACHINE)), ""
    )


__all__ = [
    "alarm",
    "card",
    "choice",
    "forged",
    "in_hand",
    "is_choice",
    "is_move",
    "items_of",
    "moved",
    "next_line",
    "open_case",
    "press",
    "rows",
    "takes_seat",
    "unsent",
    "word",
]
