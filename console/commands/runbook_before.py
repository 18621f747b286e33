"""What was before `canario runbook run` was started: which failures it tries once more, and whose no it lets stand.

A machine's failure from before may have been put right since, so it is tried once; a failure of this run is one. A
person's no is never answered over unless the operator says so and why. Pure: it reads views, and runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from console.release.images import Match
from console.runbook.evidence import Evidence, ItemResult, Result
from console.runbook.kinds.base import Ask
from console.runbook.progress import Checklist, State, StepView
from console.runbook.uat_list import MACHINE


class Before:
    """How the steps stood when the command was started.

    Args:
        checklist: of that moment.
        yes_again: why a word is given over a person's no, by step.
        skipped: ids of steps that are to be left out.
    """

    def __init__(self, checklist: Checklist, yes_again: Mapping[str, str], skipped: frozenset[str]) -> None:
        self._keys = {view.step.id: view.evidence.key for view in checklist.steps if view.evidence is not None}
        self._yes_again, self._skipped = yes_again, skipped

    def ends(self, view: StepView, checklist: Checklist) -> bool:
        """Whether the failure of a step ends the walk, rather than being tried once more, skipped or answered."""
        if view.step.id in self._skipped and view.may_skip:
            return False
        if self._stands(view, checklist):
            return True
        return not self._old(view) or view.traits.once or view.traits.ask is Ask.SIGN or not view.may_run

    def held(self, view: StepView, checklist: Checklist) -> bool:
        """Whether a step that is open again is held up by a no that a person gave to what is released now."""
        open_again = view.state in (State.OPEN, State.STALE, State.WAITING)
        skipped = view.step.id in self._skipped and view.may_skip
        return open_again and not skipped and self._stands(view, checklist)

    def why(self, view: StepView) -> str:
        """The reason for which a person's no is answered over now; empty where there is no such no, or no reason."""
        return self._yes_again.get(view.step.id, "") if self._old(view) and no_of(view) else ""

    def _old(self, view: StepView) -> bool:
        """Whether the step's evidence was there when the command was started."""
        return view.evidence is not None and self._keys.get(view.step.id) == view.evidence.key

    def _stands(self, view: StepView, checklist: Checklist) -> bool:
        """Whether a person's no counts: one to another image or commit was about something else."""
        evidence = view.evidence
        if evidence is None or not no_of(view) or self.why(view):
            return False
        return checklist.subject.match(view.step.bound_to, evidence.subject) is not Match.OTHER


def no_of(view: StepView) -> str:
    """Who said no to a step, or failed a case of its list or found it blocked; empty where nobody did."""
    evidence = view.evidence
    if evidence is None:
        return ""
    if view.traits.ask is Ask.WORD:
        return evidence.by if evidence.result is Result.FAILED else ""
    case = next((item for item in evidence.items if _no(item)), None) if view.traits.ask is Ask.ITEMS else None
    return case.by or evidence.by if case is not None else ""


def case_to_answer(evidence: Evidence, *, over_no: bool) -> ItemResult | None:
    """The next case of a list that a person's word is given for; None where there is none.

    Args:
        evidence: of the list as it stands.
        over_no: whether cases that a person failed or found blocked are answered too.
    """
    open_cases = [item for item in evidence.items if not item.result] if evidence.result is Result.PARTIAL else []
    failed = [item for item in evidence.items if _no(item)] if over_no else []
    return next(iter((*failed, *open_cases)), None)


def _no(item: ItemResult) -> bool:
    return item.result in ("fail", "blocked") and item.by != MACHINE
