"""How a runbook stands: a pure function from evidence, what runs and what is seen to the checklist that screens draw.

Evidence counts while it is of the present subject and has not aged out. Ageing matters only until everything that
needed the step is done: a word given before the canary is not asked for again in the 24-hour watch. Knows no kind, no
cloud, no clock: `walk` passes in what it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from console.runbook.evidence import Evidence
from console.runbook.kinds.base import ApprovalSeen, Ask, Observation, Subject
from console.runbook.model import Runbook, Step
from console.runbook.views import (
    DONE,
    Checklist,
    Me,
    PhaseView,
    Running,
    State,
    StepView,
    Traits,
)
from console.runbook.weighing import Sketch, counted, families, moved_on, short, span, stale
from console.words import _

SIGNED_BY_ONE = frozenset({"verified", "verifying"})
"""States of an approval that its signer stands for."""


def checklist(
    runbook: Runbook,
    *,
    evidence: Mapping[str, Sequence[Evidence]],
    subject: Subject,
    now: datetime | None,
    me: Me,
    running: Mapping[str, Running] | None = None,
    observations: Mapping[str, Observation] | None = None,
    traits: Mapping[str, Traits] | None = None,
    approvals: tuple[ApprovalSeen, ...] = (),
    theirs: frozenset[str] = frozenset(),
    unsettled: Mapping[str, str] | None = None,
    refused: Mapping[str, str] | None = None,
    closed: str = "",
    driver_expires: datetime | None = None,
    problems: tuple[str, ...] = (),
) -> Checklist:
    """The checklist.

    Args:
        runbook: the procedure.
        evidence: all that is known of each step, by its id, in any order.
        subject: what is being released now.
        now: server time; None where unknown, and then nothing that can age counts.
        me: who looks.
        running: runs under way, by step.
        observations: what the live picture says of steps that are seen rather than run; where there is one it counts
            before the step's evidence.
        traits: of each step's kind.
        approvals: the candidate's approvals, checked.
        theirs: keys of evidence that came from other consoles.
        unsettled: steps whose cut-off run could not be settled yet, with why.
        refused: why steps could not be tried last, or what became of a run that was cut off.
        closed: `done` or `stopped` where the candidate is closed.
        driver_expires: when the driver's lease runs out, server time.
        problems: of the walk itself.
    """
    all_traits = traits or {}
    sketch = Sketch(runbook, evidence, subject, now, running or {}, observations or {}, unsettled or {})
    views = {step.id: sketch.view(step, all_traits.get(step.id, Traits())) for step in runbook.steps()}
    for step_id, sentence in (refused or {}).items():
        if step_id in views and views[step_id].state is State.OPEN and not views[step_id].reason:
            views[step_id] = moved_on(views[step_id], State.OPEN, sentence)
    kin = families(runbook)
    views = _joined(runbook, views, kin)
    whole = _Whole(runbook, views, kin, me, approvals, closed, subject)
    phases = []
    for phase in runbook.phases:
        missing = _unmet(runbook, phase.needs, views)
        seen = []
        for step in phase.steps:
            unmet = (*missing, *_unmet(runbook, step.needs, views, phase.id))
            seen.append(_gated(_mark(views[step.id], theirs), unmet, whole))
        phases.append(PhaseView(phase, tuple(seen), not missing, _waits_for(runbook, missing)))
    return Checklist(
        runbook=runbook,
        phases=tuple(phases),
        subject=subject,
        me=me,
        now=now,
        next_for_me=_next([view for phase in phases for view in phase.steps]),
        approvals=approvals,
        closed=closed,
        driver_expires=driver_expires,
        problems=problems,
    )


def state_word(state: State) -> str:
    """A state in words."""
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


def closed_word(how: str) -> str:
    """How a release candidate was closed (`done`, `stopped`), translated."""
    return {"done": _("done"), "stopped": _("stopped")}.get(how, how)


def role_name(role: str) -> str:
    """A role in words."""
    return {
        "anyone": _("anyone"),
        "driver": _("the driver"),
        "code": _("code reviewer"),
        "tech_lead": _("tech lead"),
        "on_call": _("on-call engineer"),
        "qa": _("QA"),
    }.get(role, role)


def _mark(view: StepView, theirs: frozenset[str]) -> StepView:
    known = view.evidence
    if known is None or not known.key or known.key not in theirs:
        return view
    return moved_on(view, view.state, view.reason, theirs=True)


def _joined(
    runbook: Runbook, views: Mapping[str, StepView], families: Mapping[str, tuple[Step, ...]]
) -> dict[str, StepView]:
    """Alternatives: one that passed passes the others; while one is under way the others wait."""
    joined = dict(views)
    for step in runbook.steps():
        kin = families[step.id]
        view = views[step.id]
        if len(kin) < 2 or view.state in (*DONE, State.RUNNING):
            continue
        other = next((views[o.id] for o in kin if o.id != step.id and views[o.id].state is State.PASSED), None)
        if other is not None:
            joined[step.id] = moved_on(
                view, State.PASSED, _("done in another way: {step}").format(step=other.step.id), evidence=other.evidence
            )
    return joined


def _unmet(runbook: Runbook, needs: Iterable[str], views: Mapping[str, StepView], within: str = "") -> tuple[str, ...]:
    missing = [n for n in needs if not all(views[s].done for s in runbook.needed(n, within) if s in views)]
    return tuple(dict.fromkeys(missing))


def _waits_for(runbook: Runbook, missing: Sequence[str]) -> str:
    return _("needs {steps} first").format(steps=", ".join(missing)) if missing else ""


@dataclass(frozen=True, slots=True)
class _Whole:
    """Everything that decides what an operator may do about one step."""

    runbook: Runbook
    views: Mapping[str, StepView]
    kin: Mapping[str, tuple[Step, ...]]
    me: Me
    approvals: tuple[ApprovalSeen, ...]
    closed: str
    subject: Subject


def _gated(view: StepView, missing: tuple[str, ...], whole: _Whole) -> StepView:
    """`view` with its needs, and with what this operator may do about it."""
    me, closed, runbook = whole.me, whole.closed, whole.runbook
    needs = tuple(dict.fromkeys(missing))
    if needs and view.state in (State.OPEN, State.WAITING):
        view = moved_on(view, State.NOT_YET, view.reason or _waits_for(runbook, needs))
    waits = whole.subject.waits(view.step.bound_to)
    if waits and view.state in (State.OPEN, State.WAITING):
        view = moved_on(view, State.VERIFYING, waits)
    view = moved_on(view, view.state, view.reason, unmet=needs)
    why_skip = _why_not_skip(view, me, closed)
    view = moved_on(view, view.state, view.reason, may_skip=not why_skip, why_not_skip=why_skip)
    why = _why_not(view, whole)
    if not why:
        ours = State.OPEN if view.state is State.WAITING else view.state
        return moved_on(view, ours, view.reason, may_run=True)
    waiting = _whose_turn(view, me, needs)
    if waiting:
        sentence = view.reason or _("waits for {who}").format(who=waiting)
        return moved_on(view, State.WAITING, sentence, waiting_for=view.waiting_for or waiting, why_not=why)
    return moved_on(view, view.state, view.reason, why_not=why)


def _whose_turn(view: StepView, me: Me, needs: tuple[str, ...]) -> str:
    """Whom an open step of a role that is not ours waits for."""
    if view.state is not State.OPEN or needs:
        return ""
    if view.traits.ask not in (Ask.SIGN, Ask.WORD) or _own_roles(view.step, me):
        return ""
    return ", ".join(role_name(role) for role in view.step.signers)


def _own_roles(step: Step, me: Me) -> frozenset[str]:
    """Roles of the step's signers that this operator has."""
    held = me.roles | {"anyone"} | ({"driver"} if me.drives else frozenset())
    return held & frozenset(step.signers)


def _why_not(view: StepView, whole: _Whole) -> str:
    me, views = whole.me, whole.views
    step, ask = view.step, view.traits.ask
    if whole.closed:
        phase = whole.runbook.phase_of(step.id)
        begins = me.drives and not step.needs and phase is not None and not phase.needs
        return "" if begins else _("this release is over; the first step begins another")
    if view.state is State.RUNNING:
        return _("it is running")
    if waits := whole.subject.waits(step.bound_to):
        return waits
    if view.state is State.VERIFYING:
        return view.reason if ask is not Ask.SIGN else _("it is signed, and the audit log is being asked")
    if view.unmet:
        return _waits_for(whole.runbook, view.unmet)
    troubled = view.traits.again and view.evidence is not None and bool(view.evidence.problems)
    if (
        view.state in (State.PASSED, State.SKIPPED)
        and not troubled
        and (view.traits.once or ask in (Ask.SIGN, Ask.ELSEWHERE))
    ):
        return _("it is done")
    roles = _own_roles(step, me)
    if not roles:
        return _("only {roles} may do it").format(roles=", ".join(role_name(role) for role in step.signers))
    if ask is Ask.SIGN:
        own = frozenset(step.signers)
        if any(
            seen.by == me.identity and seen.state in SIGNED_BY_ONE and seen.role not in own for seen in whole.approvals
        ):
            return _("you have signed as {role} already: two different people authorise a release").format(
                role=next(role_name(s.role) for s in whole.approvals if s.by == me.identity)
            )
        return ""
    if not me.drives and not (ask is Ask.WORD and roles - {"anyone", "driver"}):
        if me.driver:
            return _("{who} drives this release; take over to run its steps").format(who=me.driver)
        return _("nobody drives this release; take over to run its steps")
    for other in whole.kin[step.id]:
        if other.id != step.id and views[other.id].state in (State.RUNNING, State.UNKNOWN):
            return _("{step}, which does the same, is {state}").format(
                step=other.id, state=state_word(views[other.id].state)
            )
    if view.traits.background:
        return ""
    busy = next(
        (v for v in views.values() if v.running is not None and v.running.ours and not v.traits.background), None
    )
    return _("{step} is running; one step at a time").format(step=busy.step.id) if busy is not None else ""


def _why_not_skip(view: StepView, me: Me, closed: str) -> str:
    if view.step.skip is None:
        return _("the runbook does not let it be skipped")
    if closed:
        return _("this release is over; the first step begins another")
    if view.state in (State.PASSED, State.SKIPPED, State.RUNNING):
        return _("it is {state}").format(state=state_word(view.state))
    held = me.roles | {"anyone"} | ({"driver"} if me.drives else frozenset())
    if not held & frozenset(view.step.skip.by):
        return _("only {roles} may skip it").format(roles=", ".join(role_name(role) for role in view.step.skip.by))
    return ""


def _next(views: Sequence[StepView]) -> str:
    """The first step that this operator can do; what failed comes in its order, what only advises is done."""
    for view in views:
        if view.may_run and view.to_do:
            return view.step.id
    return ""


__all__ = [
    "DONE",
    "Checklist",
    "Me",
    "PhaseView",
    "Running",
    "State",
    "StepView",
    "Traits",
    "checklist",
    "closed_word",
    "counted",
    "role_name",
    "short",
    "span",
    "stale",
    "state_word",
]
