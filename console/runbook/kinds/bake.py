"""`bake`: a step of the plan is watched until its time is observed and the judge says PASS.

Runbook: `Monitorear por 5 minutos`. The judge is the canary screen's own (docs/verdict.md); this step only reads it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from console.errors import UsageError
from console.release.guardrails import current_verdict, duration
from console.release.state import VerdictRecord
from console.runbook.evidence import Evidence, Progress, Result
from console.runbook.kinds.base import Ask, KindSettings, Observation, Observed, StepContext, StepKind
from console.runbook.marks import PlanPercent
from console.settings_types import Duration
from console.verdict.base import Verdict, Word
from console.watch.snapshot import Snapshot
from console.words import _, ngettext

LOOK_S = 0.25
"""Wall seconds between two looks."""


class BakeSettings(KindSettings):
    """Settings of `bake`."""

    percent: PlanPercent
    """The canary's share that is watched."""
    patience: Duration = timedelta(minutes=15)
    """Server time that an INCONCLUSIVE bake is waited for once its time is observed."""


class Bake(StepKind):
    """A bake. Nothing has to be pressed: it is seen while it runs."""

    name: ClassVar[str] = "bake"
    settings_model: ClassVar[type[KindSettings]] = BakeSettings
    ask = Ask.NOTHING

    async def run(self, context: StepContext) -> Evidence:
        """Watch until PASS, FAIL, or patience is at an end.

        Raises:
            UsageError: the canary has less than the share that is watched: there is nothing to watch.
        """
        over_since = None
        while True:
            snapshot = context.tools.snapshot()
            ended = self._ended(snapshot, context.subject.canary)
            if ended is not None:
                return context.evidence(Result.FAILED, ended, remedy=_("Look at the canary screen."))
            if behind := self._behind(snapshot, context.subject.canary):
                return context.evidence(Result.PASSED, behind)
            self._check_begun(snapshot, context.subject.canary)
            verdict = (
                snapshot.verdict if snapshot is not None and self._here(snapshot, context.subject.canary) else None
            )
            if verdict is not None:
                context.report(Progress(_sentence(verdict), _fraction(verdict)))
                figures = (
                    (_("observed"), duration(verdict.observed)),
                    (_("canary requests"), f"{verdict.canary.requests:,}"),
                    (_("canary errors"), f"{verdict.canary.errors:,}"),
                )
                if verdict.word is Word.FAIL:
                    return context.evidence(
                        Result.FAILED, f"FAIL: {verdict.sentence}", figures=figures, remedy=_("`r` rolls back.")
                    )
                if verdict.word is Word.PASS and verdict.bake_done:
                    return context.evidence(Result.PASSED, f"PASS: {verdict.sentence}", figures=figures)
                over = verdict.observed >= verdict.required
                over_since = (over_since or context.now()) if over else None
                if over_since is not None and context.now() - over_since > self._settings.patience:
                    return context.evidence(
                        Result.FAILED,
                        f"{verdict.word}: {verdict.sentence}",
                        figures=figures,
                        remedy=_("Run it again to wait on, or move with a written reason (canary screen)."),
                    )
            await context.clock.sleep(LOOK_S)

    def observe(self, seen: Observed) -> Observation | None:
        """How the bake stands, off the live picture or the driver's record."""
        snapshot, canary = seen.snapshot, seen.subject.canary
        if snapshot is None or snapshot.service is None or not canary:
            return None
        share = snapshot.service.effective_shares().get(canary, 0)
        if behind := self._behind(snapshot, canary):
            return Observation("passed", behind)
        if share != self._settings.percent:
            return None
        record = current_verdict(snapshot.release.verdict if snapshot.release else None, snapshot.release, share)
        if record is not None and record.word == "PASS" and record.bake_done:
            return Observation("passed", _said(record))
        verdict = snapshot.verdict
        if verdict is not None and self._here(snapshot, canary):
            if verdict.word is Word.PASS and verdict.bake_done:
                return Observation("passed", f"PASS: {verdict.sentence}")
            if verdict.word is Word.FAIL:
                return Observation("failed", f"FAIL: {verdict.sentence}")
            return Observation("running", _sentence(verdict), _fraction(verdict))
        return Observation("running", _said(record)) if record is not None else None

    def explain(self) -> tuple[str, ...]:
        """What is waited for."""
        return (
            _("Watches the canary at {percent} % until the judge says PASS.").format(percent=self._settings.percent),
        )

    def _here(self, snapshot: Snapshot, canary: str) -> bool:
        """Whether the live verdict is of this step."""
        service = snapshot.service
        return (
            service is not None
            and snapshot.canary == canary
            and service.effective_shares().get(canary, 0) == self._settings.percent
        )

    def _behind(self, snapshot: Snapshot | None, canary: str) -> str:
        """Whether the canary has more already, in a sentence; empty where it has not."""
        if snapshot is None or snapshot.service is None or self._ended(snapshot, canary) is not None:
            return ""
        share = snapshot.service.effective_shares().get(canary, 0)
        if share <= self._settings.percent:
            return ""
        return _("the canary has {share} %: this step is behind it").format(share=share)

    def _check_begun(self, snapshot: Snapshot | None, canary: str) -> None:
        """See that the canary has, or is being given, the share that is watched.

        Raises:
            UsageError: it has less.
        """
        if snapshot is None or snapshot.service is None:
            return
        share = snapshot.service.desired_shares().get(canary, 0)
        if share < self._settings.percent:
            raise UsageError(
                _("The canary has {share} %, not {percent} %: there is nothing to watch.").format(
                    share=share, percent=self._settings.percent
                ),
                remedy=_("Move it first."),
            )

    def _ended(self, snapshot: Snapshot | None, canary: str) -> str | None:
        release = snapshot.release if snapshot is not None else None
        if release is None or release.canary != canary or release.ended not in ("rolled back", "abandoned"):
            return None
        return _("the canary was taken back")

    @property
    def _settings(self) -> BakeSettings:
        assert isinstance(self.settings, BakeSettings)
        return self.settings


def _said(record: VerdictRecord) -> str:
    return f"{record.word}: {record.sentence}"


def _sentence(verdict: Verdict) -> str:
    told = _("{observed} of {required} observed").format(
        observed=duration(verdict.observed), required=duration(verdict.required)
    )
    if verdict.requests_needed:
        needed = ngettext("{count:,} more request needed", "{count:,} more requests needed", verdict.requests_needed)
        told = f"{told}, {needed.format(count=verdict.requests_needed)}"
    return f"{told}; {verdict.word}"


def _fraction(verdict: Verdict) -> float:
    return min(1.0, verdict.observed / verdict.required) if verdict.required else 1.0
