"""How a runbook stands: a pure function from evidence, what runs and what is seen to the checklist that screens draw.

Evidence counts while it is of the present subject and has not aged out. Ageing matters only until everything that
needed the step is done: a word given before the canary is not asked for again in the 24-hour watch. Knows no kind, no
cloud, no clock: `walk` passes in what it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from console.runbook.evidence import Evidence, Progress, Result
from console.runbook.kinds.base import ApprovalSeen, Ask, Observation, Subject
from console.runbook.model import Phase, Runbook, Step
from console.words import _

SIGNED_BY_ONE = frozenset({"verified", "verifying"})
"""States of an approval that its signer stands for."""


class State(StrEnum):
    """How a step stands."""

    NOT_YET = "not yet"
    """Something that it needs is not done."""
    OPEN = "open"
    """It may be done now."""
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    WAITING = "waiting"
    """Another person's turn."""
    VERIFYING = "verifying"
    """Signed; the audit log has not confirmed it yet, so that it does not count."""
    SKIPPED = "skipped"
    STALE = "stale"
    """Its evidence has aged out, or is of another commit, image or revision: open again."""
    UNKNOWN = "unknown"
    """Cut off, and the world does not tell whether it was done: a person says."""


DONE = frozenset({State.PASSED, State.SKIPPED})
"""States that satisfy what needs the step; a failed step that only advises does too."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What a step's kind says of it, as far as the checklist asks."""

    ask: Ask = Ask.NOTHING
    machine: bool = True
    once: bool = False
    background: bool = False
    """Whether it runs beside others (a 24-hour watch)."""


@dataclass(frozen=True, slots=True)
class Running:
    """A run that is under way."""

    by: str
    begun: datetime | None
    progress: Progress = field(default_factory=Progress)
    ours: bool = True
    """Whether this console runs it."""


@dataclass(frozen=True, slots=True)
class Me:
    """Who looks at the checklist."""

    identity: str
    roles: frozenset[str] = frozenset()
    """Roles that this person may sign in (`[people]`; all of them where that table is empty)."""
    drives: bool = False
    """Whether this console holds the candidate's driver's seat."""
    driver: str = ""
    """E-mail of who holds it; empty where nobody does."""


@dataclass(frozen=True, slots=True)
class StepView:
    """One step as it stands now."""

    step: Step
    state: State
    reason: str = ""
    """Why it stands so, in a sentence without glyphs; of passed steps the evidence's sentence."""
    evidence: Evidence | None = None
    """Its last evidence, counted or not."""
    theirs: bool = False
    """Whether that evidence came from another console, with less detail."""
    running: Running | None = None
    waiting_for: str = ""
    """A role's or person's name, where WAITING."""
    fraction: float | None = None
    """How far it is, 0 to 1, where RUNNING and known."""
    may_run: bool = False
    """Whether this operator may run or sign it now."""
    why_not: str = ""
    """Why not, in a sentence; empty where they may."""
    may_skip: bool = False
    why_not_skip: str = ""
    traits: Traits = field(default_factory=Traits)
    unmet: tuple[str, ...] = ()
    """Ids of steps and phases that it waits for."""

    @property
    def done(self) -> bool:
        """Whether what needs this step may go on."""
        return self.state in DONE or (self.state is State.FAILED and self.step.advice)

    @property
    def to_do(self) -> bool:
        """Whether it could be done now, by somebody."""
        return self.state in (State.OPEN, State.STALE, State.WAITING, State.UNKNOWN) or (
            self.state is State.FAILED and not self.step.advice
        )


@dataclass(frozen=True, slots=True)
class PhaseView:
    """One phase as it stands now."""

    phase: Phase
    steps: tuple[StepView, ...]
    open: bool = True
    """Whether its needs are met."""
    reason: str = ""
    """Why it is not open."""

    @property
    def done(self) -> bool:
        """Whether every step of it is done."""
        return all(view.done for view in self.steps)

    @property
    def count(self) -> tuple[int, int]:
        """Steps done, and all of them."""
        return sum(view.done for view in self.steps), len(self.steps)


@dataclass(frozen=True, slots=True)
class Checklist:
    """The whole runbook as it stands now; immutable, for any thread."""

    runbook: Runbook
    phases: tuple[PhaseView, ...]
    subject: Subject = field(default_factory=Subject)
    me: Me = field(default_factory=lambda: Me(""))
    now: datetime | None = None
    next_for_me: str = ""
    """Id of the next step that this operator can do; empty where there is none."""
    approvals: tuple[ApprovalSeen, ...] = ()
    closed: str = ""
    """`done` or `stopped` where the candidate is closed."""
    driver_expires: datetime | None = None
    """Server time at which the driver's lease runs out."""
    problems: tuple[str, ...] = ()
    """What is wrong with the walk itself, a sentence each: another runbook, a journal that cannot be written, ..."""

    @property
    def steps(self) -> tuple[StepView, ...]:
        """Every step's view, in order."""
        return tuple(view for phase in self.phases for view in phase.steps)

    def view(self, step_id: str) -> StepView | None:
        """The view of a step by its id, or None."""
        return next((view for view in self.steps if view.step.id == step_id), None)

    @property
    def done(self) -> bool:
        """Whether the whole runbook is done."""
        return all(phase.done for phase in self.phases)

    @property
    def failed(self) -> tuple[StepView, ...]:
        """Steps whose failure stops what comes after."""
        return tuple(view for view in self.steps if view.state is State.FAILED and not view.step.advice)


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
    sketch = _Sketch(runbook, evidence, subject, now, running or {}, observations or {}, unsettled or {})
    views = {step.id: sketch.view(step, all_traits.get(step.id, Traits())) for step in runbook.steps()}
    for step_id, sentence in (refused or {}).items():
        if step_id in views and views[step_id].state is State.OPEN and not views[step_id].reason:
            views[step_id] = _with(views[step_id], State.OPEN, sentence)
    views = _joined(runbook, views)
    phases = []
    for phase in runbook.phases:
        missing = _unmet(runbook, phase.needs, views)
        seen = tuple(
            _gated(
                _mark(views[step.id], theirs), runbook, (*missing, *_unmet(runbook, step.needs, views)), views, me,
                approvals, closed,
            )
            for step in phase.steps
        )  # fmt: skip
        phases.append(PhaseView(phase, seen, not missing, _waits_for(runbook, missing)))
    whole = tuple(view for phase in phases for view in phase.steps)
    return Checklist(
        runbook=runbook,
        phases=tuple(phases),
        subject=subject,
        me=me,
        now=now,
        next_for_me=_next(whole),
        approvals=approvals,
        closed=closed,
        driver_expires=driver_expires,
        problems=problems,
    )


def counted(known: Iterable[Evidence]) -> Evidence | None:
    """The evidence that speaks for a step: the newest; of equal times the one whose key sorts last."""
    return max(known, key=lambda evidence: (evidence.at, evidence.key, evidence.result.value), default=None)


def stale(step: Step, evidence: Evidence, subject: Subject, now: datetime | None, *, served: bool) -> str:
    """Why `evidence` no longer counts, in a sentence; empty while it does.

    Args:
        step: whose evidence it is.
        evidence: of its last run.
        subject: what is being released now.
        now: server time; None where unknown.
        served: whether everything that needed the step is done: evidence does not age any more.
    """
    bound = subject.bound(step.bound_to)
    if step.bound_to != "release" and not same_subject(evidence.subject, bound):
        return _("stale: evidence is of {what} {before}, now {present}").format(
            what=_what(step.bound_to), before=short(evidence.subject) or _("none"), present=short(bound) or _("none")
        )
    if step.holds is None or served:
        return ""
    if now is None:
        return _("its age is not known: the cloud has not told its time yet")
    over = now - evidence.at - step.holds
    return _("aged out {ago} ago").format(ago=span(over)) if over > timedelta(0) else ""


def same_subject(one: str, other: str) -> bool:
    """Whether two identities are the same thing; other consoles share an image's first 19 characters alone."""
    if one == other:
        return True
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= 19 and longer.startswith(shorter)


def short(identity: str) -> str:
    """An identity as people tell it apart: `@` and seven digits of a digest, seven of a commit, else its last part."""
    if "sha256:" in identity:
        return "@" + identity.rpartition("sha256:")[2][:7]
    if len(identity) == 40 and all(character in "0123456789abcdef" for character in identity):
        return identity[:7]
    return identity.rpartition("/")[2]


def span(length: timedelta) -> str:
    """A length of time in its largest sensible unit: `40 s`, `25 min`, `3 h`, `2 d`."""
    seconds = max(0, int(length.total_seconds()))
    for unit, size, until in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < until:
            return f"{seconds // size} {unit}"
    return f"{seconds // 86_400} d"


def _what(bound_to: str) -> str:
    return {"commit": _("commit"), "image": _("image"), "revision": _("revision")}.get(bound_to, bound_to)


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


class _Sketch:
    """Each step by itself: its evidence weighed, needs left aside."""

    def __init__(
        self,
        runbook: Runbook,
        evidence: Mapping[str, Sequence[Evidence]],
        subject: Subject,
        now: datetime | None,
        running: Mapping[str, Running],
        observations: Mapping[str, Observation],
        unsettled: Mapping[str, str],
    ) -> None:
        self._runbook, self._evidence, self._subject, self._now = runbook, evidence, subject, now
        self._running, self._observations, self._unsettled = running, observations, unsettled
        self._served: dict[str, bool] = {}

    def view(self, step: Step, traits: Traits) -> StepView:
        known = counted(self._evidence.get(step.id, ()))
        base = StepView(step, State.OPEN, evidence=known, traits=traits)
        running = self._running.get(step.id)
        if running is not None:
            return _with(
                base,
                State.RUNNING,
                running.progress.sentence or _("running on the console of {who}").format(who=running.by),
                running=running,
                fraction=running.progress.fraction,
            )
        if step.id in self._unsettled:
            return _with(base, State.UNKNOWN, self._unsettled[step.id])
        seen = self._observations.get(step.id)
        if seen is not None:
            state = _OBSERVED.get(seen.state, State.OPEN)
            return _with(base, state, seen.sentence, waiting_for=seen.waiting_for, fraction=seen.fraction)
        if known is None:
            return base
        return self._weighed(step, base, known)

    def _weighed(self, step: Step, base: StepView, known: Evidence) -> StepView:
        if known.result is Result.UNKNOWN:
            return _with(base, State.UNKNOWN, known.sentence)
        if problem := stale(step, known, self._subject, self._now, served=self.served(step.id)):
            return _with(base, State.STALE, problem)
        match known.result:
            case Result.PASSED:
                return _with(base, State.PASSED, known.sentence)
            case Result.FAILED:
                return _with(base, State.FAILED, known.sentence)
            case Result.SKIPPED if step.skip is not None and known.reason.strip():
                return _with(
                    base, State.SKIPPED, _("skipped by {who}: {reason}").format(who=known.by, reason=known.reason)
                )
            case Result.SKIPPED:
                return _with(base, State.OPEN, _("a skip without a reason, or one that the runbook does not allow"))
            case Result.CANCELLED:
                return _with(base, State.OPEN, known.sentence or _("stopped by {who}").format(who=known.by))
            case _:
                return _with(base, State.OPEN, known.sentence)

    def served(self, step_id: str) -> bool:
        """Whether the step has been used: something needs it, and all that does is done."""
        if step_id not in self._served:
            self._served[step_id] = False  # a circle, which the loader refuses, must not hang us
            users = self._users(step_id)
            self._served[step_id] = bool(users) and all(self._done(user) for user in users)
        return self._served[step_id]

    def _users(self, step_id: str) -> list[Step]:
        phase = self._runbook.phase_of(step_id)
        names = {step_id} | ({phase.id} if phase is not None else set())
        found = []
        for other in self._runbook.phases:
            gated = bool(names & set(other.needs))
            found += [step for step in other.steps if (gated or names & set(step.needs)) and step.id != step_id]
        return found

    def _done(self, step: Step) -> bool:
        """Whether the step, or one that stands for it, has evidence that counts."""
        return any(self._counts(other) for other in _family(self._runbook, step))

    def _counts(self, step: Step) -> bool:
        if step.id in self._running:
            return False
        seen = self._observations.get(step.id)
        if seen is not None:
            return seen.state == "passed"
        known = counted(self._evidence.get(step.id, ()))
        if known is None or known.result not in (Result.PASSED, Result.SKIPPED, Result.FAILED):
            return False
        if known.result is Result.FAILED and not step.advice:
            return False
        if known.result is Result.SKIPPED and (step.skip is None or not known.reason.strip()):
            return False
        return not stale(step, known, self._subject, self._now, served=self.served(step.id))


_OBSERVED = {
    "passed": State.PASSED,
    "failed": State.FAILED,
    "running": State.RUNNING,
    "waiting": State.WAITING,
    "verifying": State.VERIFYING,
    "open": State.OPEN,
    "unknown": State.UNKNOWN,
}


def _with(view: StepView, state: State, reason: str, **more: object) -> StepView:
    return replace(view, state=state, reason=reason, **more)  # type: ignore[arg-type]


def _mark(view: StepView, theirs: frozenset[str]) -> StepView:
    known = view.evidence
    if known is None or not known.key or known.key not in theirs:
        return view
    return _with(view, view.state, view.reason, theirs=True)


def _family(runbook: Runbook, step: Step) -> tuple[Step, ...]:
    """The step, the one that it is an alternative to, and the alternatives to it."""
    first = step.alternative_to or step.id
    return tuple(other for other in runbook.steps() if other.id == first or other.alternative_to == first)


def _joined(runbook: Runbook, views: Mapping[str, StepView]) -> dict[str, StepView]:
    """Alternatives: one that passed passes the others; while one is under way the others wait."""
    joined = dict(views)
    for step in runbook.steps():
        family = _family(runbook, step)
        view = views[step.id]
        if len(family) < 2 or view.state in (*DONE, State.RUNNING):
            continue
        other = next((views[o.id] for o in family if o.id != step.id and views[o.id].state is State.PASSED), None)
        if other is not None:
            joined[step.id] = _with(
                view, State.PASSED, _("done in another way: {step}").format(step=other.step.id), evidence=other.evidence
            )
    return joined


def _unmet(runbook: Runbook, needs: Iterable[str], views: Mapping[str, StepView]) -> tuple[str, ...]:
    missing = []
    for need in needs:
        phase = next((phase for phase in runbook.phases if phase.id == need), None)
        ids = [step.id for step in phase.steps] if phase is not None else [need]
        if not all(views[step_id].done for step_id in ids if step_id in views):
            missing.append(need)
    return tuple(dict.fromkeys(missing))


def _waits_for(runbook: Runbook, missing: Sequence[str]) -> str:
    return _("needs {steps} first").format(steps=", ".join(missing)) if missing else ""


def _gated(
    view: StepView,
    runbook: Runbook,
    missing: tuple[str, ...],
    views: Mapping[str, StepView],
    me: Me,
    approvals: tuple[ApprovalSeen, ...],
    closed: str,
) -> StepView:
    """`view` with its needs, and with what this operator may do about it."""
    needs = tuple(dict.fromkeys(missing))
    if needs and view.state in (State.OPEN, State.WAITING):
        view = _with(view, State.NOT_YET, view.reason or _waits_for(runbook, needs))
    view = _with(view, view.state, view.reason, unmet=needs)
    why_skip = _why_not_skip(view, me, closed)
    view = _with(view, view.state, view.reason, may_skip=not why_skip, why_not_skip=why_skip)
    why = _why_not(view, runbook, views, me, approvals, closed)
    if not why:
        ours = State.OPEN if view.state is State.WAITING else view.state
        return _with(view, ours, view.reason, may_run=True)
    waiting = _whose_turn(view, me, needs)
    if waiting:
        sentence = view.reason or _("waits for {who}").format(who=waiting)
        return _with(view, State.WAITING, sentence, waiting_for=view.waiting_for or waiting, why_not=why)
    return _with(view, view.state, view.reason, why_not=why)


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


def _why_not(
    view: StepView,
    runbook: Runbook,
    views: Mapping[str, StepView],
    me: Me,
    approvals: tuple[ApprovalSeen, ...],
    closed: str,
) -> str:
    step, ask = view.step, view.traits.ask
    if closed:
        return _("this release candidate is closed")
    if view.state is State.RUNNING:
        return _("it is running")
    if view.state is State.VERIFYING:
        return _("it is signed, and the audit log is being asked")
    if view.unmet:
        return _waits_for(runbook, view.unmet)
    if view.state in (State.PASSED, State.SKIPPED) and (view.traits.once or ask in (Ask.SIGN, Ask.ELSEWHERE)):
        return _("it is done")
    roles = _own_roles(step, me)
    if not roles:
        return _("only {roles} may do it").format(roles=", ".join(role_name(role) for role in step.signers))
    if ask is Ask.SIGN:
        own = frozenset(step.signers)
        if any(seen.by == me.identity and seen.state in SIGNED_BY_ONE and seen.role not in own for seen in approvals):
            return _("you have signed as {role} already: two different people authorise a release").format(
                role=next(role_name(s.role) for s in approvals if s.by == me.identity)
            )
        return ""
    if not me.drives and not (ask is Ask.WORD and roles - {"anyone", "driver"}):
        if me.driver:
            return _("{who} drives this release; take over to run its steps").format(who=me.driver)
        return _("nobody drives this release; take over to run its steps")
    for other in _family(runbook, step):
        if other.id != step.id and views[other.id].state in (State.RUNNING, State.UNKNOWN):
            return _("{step}, which does the same, is {state}").format(step=other.id, state=views[other.id].state)
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
        return _("this release candidate is closed")
    if view.state in (State.PASSED, State.SKIPPED, State.RUNNING):
        return _("it is {state}").format(state=view.state)
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
