"""Whether evidence counts: of the present subject, not aged out, not a skip without a reason. Pure, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from console.release.images import Match
from console.runbook.evidence import Evidence, Result
from console.runbook.kinds.base import Observation, Subject
from console.runbook.model import Runbook, Step
from console.runbook.views import Running, State, StepView, Traits
from console.words import _


def counted(known: Iterable[Evidence]) -> Evidence | None:
    """The evidence that speaks for a step: the newest; of equal times the one whose key sorts last."""
    return max(known, key=lambda e: (e.at, e.key, e.result.value, e.subject, e.reason), default=None)


def stale(step: Step, evidence: Evidence, subject: Subject, now: datetime | None, *, served: bool) -> str:
    """Why `evidence` no longer counts, in a sentence; empty while it does, and while nobody can tell (`untold`).

    Args:
        step: whose evidence it is.
        evidence: of its last run.
        subject: what is being released now.
        now: server time; None where unknown.
        served: whether everything that needed the step is done: evidence does not age any more.
    """
    bound = subject.bound(step.bound_to)
    if subject.match(step.bound_to, evidence.subject) is Match.OTHER:
        return _("stale: evidence is of {what} {before}, now {present}").format(
            what=_what(step.bound_to), before=short(evidence.subject) or _("none"), present=short(bound) or _("none")
        )
    if step.holds is None or served:
        return ""
    if now is None:
        return _("its age is not known: the cloud has not told its time yet")
    over = now - evidence.at - step.holds
    return _("aged out {ago} ago").format(ago=span(over)) if over > timedelta(0) else ""


def untold(step: Step, evidence: Evidence, subject: Subject) -> str:
    """Why nobody can tell yet whether `evidence` is of what is released now, in a sentence; empty where one can."""
    if subject.match(step.bound_to, evidence.subject) is not Match.UNTOLD:
        return ""
    return subject.waits(step.bound_to) or _(
        "evidence is of {what} {before}; the digest of {present} cannot be read"
    ).format(what=_what(step.bound_to), before=short(evidence.subject), present=short(subject.bound(step.bound_to)))


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
    return {"head": _("commit"), "commit": _("commit"), "image": _("image"), "revision": _("revision")}.get(
        bound_to, bound_to
    )


class Sketch:
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
        self._used_by = _used_by(runbook)
        self._families = families(runbook)

    def view(self, step: Step, traits: Traits) -> StepView:
        """The step by itself."""
        known = counted(self._evidence.get(step.id, ()))
        base = StepView(step, State.OPEN, evidence=known, traits=traits)
        running = self._running.get(step.id)
        if running is not None:
            return moved_on(
                base,
                State.RUNNING,
                running.progress.sentence or _("running on the console of {who}").format(who=running.by),
                running=running,
                fraction=running.progress.fraction,
            )
        if step.id in self._unsettled:
            return moved_on(base, State.UNKNOWN, self._unsettled[step.id])
        seen = self._observations.get(step.id)
        if seen is not None:
            state = _OBSERVED.get(seen.state, State.OPEN)
            if state is State.PASSED and known is not None and known.result is Result.PASSED:
                kept = not stale(step, known, self._subject, self._now, served=True)
                return moved_on(base, state, known.sentence if kept else seen.sentence)
            return moved_on(base, state, seen.sentence, waiting_for=seen.waiting_for, fraction=seen.fraction)
        if known is None:
            return base
        return self._weighed(step, base, known)

    def _weighed(self, step: Step, base: StepView, known: Evidence) -> StepView:
        if known.result is Result.UNKNOWN:
            return moved_on(base, State.UNKNOWN, known.sentence)
        if doubt := untold(step, known, self._subject):
            return moved_on(base, State.VERIFYING, doubt)
        if problem := stale(
            step, known, self._subject, self._now, served=step.holds is not None and self.served(step.id)
        ):
            return moved_on(base, State.STALE, problem)
        match known.result:
            case Result.PASSED:
                return moved_on(base, State.PASSED, known.sentence)
            case Result.FAILED:
                return moved_on(base, State.FAILED, known.sentence)
            case Result.SKIPPED if step.skip is not None and known.reason.strip():
                return moved_on(
                    base, State.SKIPPED, _("skipped by {who}: {reason}").format(who=known.by, reason=known.reason)
                )
            case Result.SKIPPED:
                return moved_on(base, State.OPEN, _("a skip without a reason, or one that the runbook does not allow"))
            case Result.CANCELLED:
                return moved_on(base, State.OPEN, known.sentence or _("stopped by {who}").format(who=known.by))
            case _:
                return moved_on(base, State.OPEN, known.sentence)

    def served(self, step_id: str) -> bool:
        """Whether the step has been used: something needs it, and all that does is done."""
        if step_id not in self._served:
            self._served[step_id] = False  # a circle, which the loader refuses, must not hang us
            users = self._used_by.get(step_id, ())
            self._served[step_id] = bool(users) and all(self._done(user) for user in users)
        return self._served[step_id]

    def _done(self, step: Step) -> bool:
        """Whether the step, or one that stands for it, has evidence that counts."""
        return any(self._counts(other) for other in self._families[step.id])

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
        if untold(step, known, self._subject):
            return False
        return not stale(step, known, self._subject, self._now, served=step.holds is not None and self.served(step.id))


_OBSERVED = {
    "passed": State.PASSED,
    "failed": State.FAILED,
    "running": State.RUNNING,
    "waiting": State.WAITING,
    "verifying": State.VERIFYING,
    "open": State.OPEN,
    "unknown": State.UNKNOWN,
}


def moved_on(view: StepView, state: State, reason: str, **more: object) -> StepView:
    """`view` in another state, for another reason."""
    return replace(view, state=state, reason=reason, **more)  # type: ignore[arg-type]


def families(runbook: Runbook) -> dict[str, tuple[Step, ...]]:
    """Of each step: itself, the one that it is an alternative to, and the alternatives to that."""
    by_first: dict[str, list[Step]] = {}
    steps = tuple(runbook.steps())
    for step in steps:
        by_first.setdefault(step.alternative_to or step.id, []).append(step)
    return {step.id: tuple(by_first[step.alternative_to or step.id]) for step in steps}


def _used_by(runbook: Runbook) -> dict[str, list[Step]]:
    """The steps that need each step, directly or through its phase."""
    users: dict[str, list[Step]] = {}
    for phase in runbook.phases:
        gate = {needed for need in phase.needs for needed in runbook.needed(need)}
        for step in phase.steps:
            for needed in gate.union(*(runbook.needed(need, phase.id) for need in step.needs)) - {step.id}:
                users.setdefault(needed, []).append(step)
    return users
