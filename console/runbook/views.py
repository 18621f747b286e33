"""What a checklist is made of: states, views, and who looks. Immutable, for any thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from console.runbook.evidence import Evidence, Progress
from console.runbook.kinds.base import ApprovalSeen, Ask, Subject
from console.runbook.model import Phase, Runbook, Step


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
    """Cut off, and nobody can tell yet whether it was done: Enter looks again; a person says only where nothing can."""


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
    again: bool = False
    """Whether it may be run again where it passed with a problem, though it is `once`."""
    looks: bool = True
    """Whether the world can be asked what became of a run that was cut off; else a person says, with a reason."""


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
        """Whether the whole runbook is done; one without steps never is."""
        return bool(self.steps) and all(phase.done for phase in self.phases)

    @property
    def failed(self) -> tuple[StepView, ...]:
        """Steps whose failure stops what comes after."""
        return tuple(view for view in self.steps if view.state is State.FAILED and not view.step.advice)
