"""From a `Checklist` to what the checklist screen's widgets take: pure, nothing of Textual."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from console.release.approvals import short_image
from console.runbook.evidence import ItemResult
from console.runbook.kinds.base import Ask
from console.runbook.progress import Checklist, State, StepView, span
from console.words import _, language
from widgets.step_card import CardItem, StepCardState
from widgets.step_list import StepRow

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


def state_word(state: State) -> str:
    """A state in a word, translated."""
    return {
        State.NOT_YET: _("not yet"),
        State.OPEN: _("open"),
        State.RUNNING: _("running"),
        State.PASSED: _("passed"),
        State.FAILED: _("failed"),
        State.WAITING: _("waiting"),
        State.VERIFYING: _("verifying"),
        State.SKIPPED: _("skipped"),
        State.STALE: _("stale"),
        State.UNKNOWN: _("unknown"),
    }[state]


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
            glyph, style = GLYPHS[view.state]
            found.append(
                StepRow(
                    view.step.id,
                    view.step.title.in_language(language()),
                    glyph,
                    word(view),
                    style,
                    mine=view.step.id == checklist.next_for_me,
                )
            )
    return found


def word(view: StepView) -> str:
    """A step's state in a word or two, with how far it is or whom it waits for."""
    fraction = view.fraction
    if view.state is State.RUNNING and fraction is not None:
        return f"{state_word(view.state)} {fraction:.0%}"
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
    glyph, style = GLYPHS[view.state]
    phase = checklist.runbook.phase_of(step.id)
    how = _("machine-checked") if view.traits.machine else _("a person's word")
    facts = " · ".join(
        part for part in (phase.title.in_language(language()) if phase else "", how, step.source) if part
    )
    progress = view.running.progress if view.running is not None else None
    live = progress is not None
    items = progress.items if progress is not None and progress.items else (evidence.items if evidence else ())
    reason = (progress.sentence if progress is not None and progress.sentence else view.reason) or ""
    shown = evidence if not live else None
    return StepCardState(
        title=step.title.in_language(language()),
        facts=facts,
        help=step.help.in_language(language()),
        glyph=glyph,
        word=state_word(view.state),
        style=style,
        reason=reason,
        press=tuple(press(view, keys, bool(items))),
        why_not="" if view.may_run or view.done or view.running is not None else view.why_not,
        does=(*does, *(f"{name}: {value}" for name, value in contact)),
        fraction=view.fraction,
        items=tuple(_case(item, item.id == case) for item in items),
        figures=progress.figures if progress is not None else shown.figures if shown else (),
        curves=progress.curves if progress is not None else {},
        problems=shown.problems if shown and view.state in (State.FAILED, State.UNKNOWN) else (),
        remedy=shown.remedy if shown and view.state in (State.FAILED, State.UNKNOWN) else "",
        evidence=_evidence(checklist, view),
        lines=(progress.lines if progress is not None else shown.excerpt if shown else ())[-LINES:],
        live=live,
        headings={
            "does": _("what it does"),
            "figures": _("figures"),
            "curves": _("so far"),
            "evidence": _("evidence"),
            "output": _("output"),
            "cases": _("cases"),
        },
    )


def press(view: StepView, keys: Callable[[str], str], has_items: bool) -> list[tuple[str, str]]:
    """What the operator can press now."""
    found = []
    run, stop, skip = keys("checklist_run"), keys("checklist_stop"), keys("checklist_skip")
    if view.running is not None and view.running.ours:
        found.append((stop, _("Stop")))
    elif view.may_run and not (view.done and view.traits.once):
        verb = {
            Ask.NOTHING: _("Run again") if view.evidence is not None else _("Run"),
            Ask.WORD: _("Sign"),
            Ask.SIGN: _("Approve"),
            Ask.ITEMS: _("Answer the case") if has_items else _("Begin"),
            Ask.ELSEWHERE: _("Do it"),
        }[view.traits.ask]
        if view.state is State.UNKNOWN:
            verb = _("Say what became of it")
        found.append((run, verb))
    if view.may_skip:
        found.append((skip, _("Skip")))
    if not view.may_run or view.done:
        found.append((keys("checklist_next"), _("Next open step")))
    return found


def _case(item: ItemResult, chosen: bool) -> CardItem:
    glyph, word_, style = {
        "pass": ("✔", _("pass"), "$text-success"),
        "fail": ("✖", _("fail"), "$text-error"),
        "blocked": ("■", _("blocked"), "$text-warning"),
    }.get(item.result, ("○", _("open"), ""))
    return CardItem(item.id, item.title, glyph, word_, style, item.note, item.critical, chosen)


def _evidence(checklist: Checklist, view: StepView) -> tuple[tuple[str, str], ...]:
    evidence = view.evidence
    if evidence is None:
        return ()
    found = [(_("by"), f"{evidence.by}{_(' (another console)') if view.theirs else ''}")]
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


def open_case(view: StepView) -> str:
    """Id of the first case without an answer; empty where all have one."""
    progress = view.running.progress if view.running is not None else None
    items = (
        progress.items if progress is not None and progress.items else (view.evidence.items if view.evidence else ())
    )
    return next((item.id for item in items if not item.result), "")


__all__ = ["card", "open_case", "press", "rows", "state_word", "word"]
