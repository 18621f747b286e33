"""A run that was cut off: the world is asked what became of it, and a person only where nothing can be asked."""

from __future__ import annotations

from console.errors import BlockedError, JournalError, UnavailableError, UsageError
from console.release.guardrails import REASON_LENGTH, reason_counts
from console.runbook.evidence import Evidence, Result
from console.runbook.keeping import Keeping
from console.runbook.kinds.base import Answer, StepKind
from console.runbook.running import Run
from console.runbook.store import INTERRUPTED
from console.runbook.views import StepView
from console.runbook.weighing import counted
from console.words import _


class CutOff(Keeping):
    """A walk that finds out what became of runs that were cut off."""

    def _is_cut_off(self, step_id: str, view: StepView) -> bool:
        """Whether a step's state is not known because a run of it was cut off, so that there is one to ask about."""
        return step_id in self._unsettled or (view.evidence is not None and view.evidence.result is Result.UNKNOWN)

    async def _look_again(self, step_id: str, kind: StepKind, answer: Answer, who: str) -> Evidence:
        """Find out what became of a run that was cut off: the world is asked; a person only where it cannot be.

        Raises:
            UnavailableError: nobody can tell yet.
            UsageError: a person has to say, and has not, or without a reason.
            CanarioError: it cannot be looked, or written down.
        """
        if not kind.looks:
            return await self._told_what_became(step_id, answer, who)
        if (unsettled := self._unsettled.get(step_id)) is not None:
            begun = unsettled[0]
            await self._settle_one(begun)
            if (still := self._unsettled.get(step_id)) is not None:
                raise UnavailableError(
                    _("Nobody can tell yet what became of {step}: {why}").format(step=step_id, why=still[1]),
                    remedy=_("Look again in a while; it is not done twice meanwhile."),
                )
            await self._shared_soon()
            newest = counted(self._past.evidence.get(step_id, ()))
            if newest is not None and newest.key == begun.key:
                return newest
            said = _("{who} looked again: it was not done; it may be run").format(who=who)
            return await self._write_down(step_id, Result.CANCELLED, said, who, machine=True)
        evidence, _theirs = self._merged()
        known = counted(evidence.get(step_id, ()))
        assert known is not None
        opened = self._candidate.opened if self._candidate is not None else known.at
        begun_at = self._past.begun_at.get(known.key, opened)
        context = self._context(Run(step_id, who, begun_at, self.session.clock.monotonic(), key=known.key), answer)
        found = await kind.settle(context, begun_at)
        if found is None:
            said = _("{who} looked again: it was not done; it may be run").format(who=who)
            return await self._write_down(step_id, Result.CANCELLED, said, who, machine=True)
        if found.result is Result.UNKNOWN:
            raise UnavailableError(
                _("Nobody can tell yet what became of {step}: {why}").format(step=step_id, why=found.sentence),
                remedy=found.remedy or _("Look again in a while; it is not done twice meanwhile."),
            )
        subject = context.subject.bound(context.step.bound_to)
        try:
            number = await self.store.begin(self.candidate_id, self.runbook.id, step_id, known.key, subject, who)
        except JournalError as error:
            raise BlockedError((error.what,), overridable=False, remedy=error.remedy) from error
        kept = await self._keep(number, found)
        await self._shared_soon()
        return kept

    async def _told_what_became(self, step_id: str, answer: Answer, who: str) -> Evidence:
        """A person's word on a run that was cut off, of a kind that nothing can be asked about."""
        words = {"yes": True, "done": True, "no": False, "not done": False}
        done = words.get(answer.word.strip().lower())
        if done is None:
            raise UsageError(
                _("{step} was cut off, and nothing can be asked whether it was done.").format(step=step_id),
                remedy=_("Look at the world, then say `done` or `not done`, with what you saw."),
            )
        if not reason_counts(answer.note):
            raise UsageError(
                _("That {step} was done, or not, is your word: it needs a reason.").format(step=step_id),
                remedy=_("Write what you saw, in at least {count} characters.").format(count=REASON_LENGTH),
            )
        begun = self._unsettled.pop(step_id, None)
        if begun is not None:
            await self.store.end_without(begun[0].number, INTERRUPTED, begun[1])
        result = Result.PASSED if done else Result.CANCELLED
        said = (
            _("{who} says that it was done: {reason}")
            if done
            else _("{who} says that it was not done, it may be run again: {reason}")
        )
        sentence = said.format(who=who, reason=answer.note.strip())
        return await self._write_down(step_id, result, sentence, who, reason=answer.note.strip())
