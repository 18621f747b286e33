"""What stands between a release and a signature: the steps that the approval needs, not done yet. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from console.runbook.model import Runbook, Step
from console.runbook.progress import Checklist, state_word
from console.runbook.views import DONE, StepView
from console.words import _, language

MOST = 12
"""Steps that are listed; the others are counted."""


def approving(runbook: Runbook, role: str) -> tuple[Step, ...]:
    """The steps that are an approval in `role`."""
    return tuple(step for step in runbook.steps() if step.kind == "approval" and step.settings.get("role") == role)


def missing_for(checklist: Checklist, steps: Sequence[Step]) -> tuple[str, ...]:
    """What is missing before one of `steps` may be signed, a sentence for each step that is not done.

    Args:
        checklist: as it stands.
        steps: those that a signature would be for; empty where the runbook asks for none, and then nothing is missing.
    """
    views = [view for step in steps if (view := checklist.view(step.id)) is not None]
    if not views or any(not _waits(view) for view in views):
        return ()
    wanted = dict.fromkeys(
        step
        for view in views
        for need in view.unmet
        for step in checklist.runbook.needed(need, _phase(checklist.runbook, view.step.id))
    )
    undone = [view for step in wanted if (view := checklist.view(step)) is not None and not view.done]
    told = [
        _("{title} ({step}) is {state}").format(
            title=view.step.title.in_language(language()), step=view.step.id, state=_state(view)
        )
        for view in undone[:MOST]
    ]
    if len(undone) > MOST:
        told.append(_("and {count} more").format(count=len(undone) - MOST))
    return tuple(told)


def _waits(view: StepView) -> bool:
    return bool(view.unmet) and view.state not in DONE


def _state(view: StepView) -> str:
    word = state_word(view.state)
    reason = view.reason.removeprefix(f"{word}: ")
    return f"{word}: {reason}" if reason else word


def _phase(runbook: Runbook, step: str) -> str:
    phase = runbook.phase_of(step)
    return phase.id if phase is not None else ""


__all__ = ["approving", "missing_for"]
