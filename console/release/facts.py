"""What guardrails are asked with, and what they answer: an action, an environment's rules, what is known of a service.

Plain values; the rules themselves are in `console.release.guardrails`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from console.release.approvals import ApprovalCheck
from console.release.audited import StepCheck
from console.release.migration_approvals import MigrationCheck
from console.release.plan import RolloutPlan
from console.release.service import Revision, Service
from console.release.state import Candidate, Release, VerdictRecord
from console.release.window import DeploymentWindow


class ActionKind(StrEnum):
    """What an operator can do to a service."""

    SHIFT = "shift"
    UNDO = "undo"
    ROLLBACK = "rollback"
    DEPLOY = "deploy"
    DISARM = "disarm"
    ARM = "arm"
    TAKE_OVER = "take over"
    MIGRATE = "migration"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one guardrail says."""

    rule: str
    """Stable id: `window`, `window_fit`, `steps`, `bake`, `verdict`, `canary_ready`, `unchanged`, `driver`,
    `rolled_back`, `former`, `approvals`, `smoke`, `journal`, `clock`."""
    title: str
    """A word or two for the dialog, translated."""
    allowed: bool
    reason: str
    """Figures that decided it, one sentence, translated."""
    overridable: bool = False
    """Whether a written reason of at least 10 characters lets it pass."""
    passes_at: datetime | None = None
    """When it will pass by itself, where that is known; UTC."""


@dataclass(frozen=True, slots=True)
class Action:
    """What is asked for."""

    kind: ActionKind
    percent: int | None = None
    """SHIFT: the canary's new share, 0 to 100. UNDO: the canary's share after it, filled in by `moves.propose`.
    DEPLOY: what the new revision gets at once: nothing from here, what it is told where a workflow deploys."""
    canary: str | None = None
    """Short revision name; None: found by `moves.resolve_canary`."""
    image: str = ""
    """DEPLOY: the container image."""
    tag: str = "canary"
    """DEPLOY: the tag that the new revision gets."""


@dataclass(frozen=True, slots=True)
class EnvironmentRules:
    """What an environment asks for."""

    name: str
    protected: bool = True
    """Whether the window holds here."""
    window: DeploymentWindow = field(default_factory=DeploymentWindow)
    plan: RolloutPlan = field(default_factory=RolloutPlan)
    approvals: tuple[str, ...] = ()
    """Roles that must have approved the image and the plan before traffic rises: `code`, `tech_lead`."""
    smoke: tuple[str, ...] = ()
    """Ids of the runbook's steps that must have passed for the image before traffic rises."""
    smoke_holds: timedelta = timedelta(hours=24)
    """How long a smoke test counts, in server time."""
    people: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Roles by e-mail, where settings name people; empty: anybody may sign any role."""
    logins: Mapping[str, str] = field(default_factory=dict)
    """GitHub logins by e-mail, as far as settings name them."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the service when an action is judged."""

    service: Service | None = None
    """As read last."""
    seen: Service | None = None
    """As the operator saw it; None where he acts on no earlier look (a command reads first)."""
    revisions: tuple[Revision, ...] = ()
    release: Release | None = None
    release_problem: str = ""
    """Why the annotation that is there cannot be read, or empty."""
    verdict: VerdictRecord | None = None
    """The live judge's word where this console has one, else what the driving console recorded."""
    identity: str = ""
    session_id: str = ""
    journal_ok: bool = True
    journal_problem: str = ""
    """Why the journal cannot be written, or empty."""
    candidate: Candidate | None = None
    """As written on the service."""
    approvals: tuple[ApprovalCheck, ...] = ()
    """Its approvals, held against the audit log, for the image that would get traffic."""
    signed: tuple[ApprovalCheck, ...] = ()
    """The same for the candidate's own image: what a migration goes before, when no revision of it is there yet."""
    migration_approvals: tuple[MigrationCheck, ...] = ()
    """A second person's approvals of statements, held against the audit log."""
    approvals_problem: str = ""
    """Why the audit log could not be read, or empty."""
    step_checks: tuple[StepCheck, ...] = ()
    """Records of the smoke tests on the service, held against the audit log; one without a check does not count."""

    def revision(self, name: str | None) -> Revision | None:
        """The revision of that name, where it is known."""
        return next((revision for revision in self.revisions if revision.name == name), None)

    def share_of(self, canary: str | None) -> int:
        """Desired percent of `canary` now."""
        return self.service.desired_shares().get(canary or "", 0) if self.service else 0


def current_verdict(verdict: VerdictRecord | None, release: Release | None, percent: int) -> VerdictRecord | None:
    """`verdict` where it was said of a canary at `percent` since traffic last moved, else None.

    `at` is the end of the newest judged second, and a `date` has one-second steps: two seconds of slack.
    """
    if verdict is None or verdict.step != percent:
        return None
    if release is not None and release.under_way and verdict.at < release.moved_at - timedelta(seconds=2):
        return None
    return verdict


__all__ = ["Action", "ActionKind", "Answer", "EnvironmentRules", "Facts", "current_verdict"]
