"""`traffic`: a move of the plan, through the same guarded door as the canary screen's keys.

Runbook: `Canary Deploy (10% tráfico)`, `Decisión: Proceder o Rollback`.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from console.release.guardrails import shares_text
from console.runbook.evidence import Evidence, Result
from console.runbook.kinds.base import Ask, KindSettings, Observation, Observed, StepContext, StepKind
from console.runbook.marks import PlanPercent
from console.words import _


class TrafficSettings(KindSettings):
    """Settings of `traffic`."""

    percent: PlanPercent
    """The canary's share after it."""


class Traffic(StepKind):
    """A forward move. Its state is read off the service: a move made on the canary screen passes it too."""

    name: ClassVar[str] = "traffic"
    settings_model: ClassVar[type[KindSettings]] = TrafficSettings
    ask = Ask.ELSEWHERE
    once = True

    async def run(self, context: StepContext) -> Evidence:
        """Move the canary; a guardrail's no is an error, and nothing is sent.

        Raises:
            CanarioError: blocked, in conflict, or the cloud refused.
        """
        outcome = await context.tools.actions.shift(
            self._settings.percent, canary=context.subject.canary or None, reason=context.answer.note
        )
        sentence = _("{shares} in {seconds:.1f} s").format(
            shares=shares_text(dict(outcome.after)), seconds=outcome.took.total_seconds()
        )
        return context.evidence(
            Result.PASSED, sentence, figures=tuple((name, f"{share} %") for name, share in outcome.after.items())
        )

    async def settle(self, context: StepContext, begun: datetime) -> Evidence | None:
        """The service tells whether the move was made."""
        cloud, environment = await context.tools.cloud()
        service = await cloud.run.get_service(environment.service)
        share = service.desired_shares().get(context.subject.canary, 0)
        if share < self._settings.percent:
            return None
        return context.evidence(Result.PASSED, _("the canary has {share} %").format(share=share))

    def observe(self, seen: Observed) -> Observation | None:
        """Passed while the canary has that share or more; failed once the release was taken back."""
        snapshot, canary = seen.snapshot, seen.subject.canary
        if snapshot is None or snapshot.service is None or not canary:
            return None
        release = snapshot.release
        if release is not None and release.canary == canary and release.ended in ("rolled back", "abandoned"):
            reached = max((move.percent for move in release.moves if move.kind == "shift"), default=0)
            if reached >= self._settings.percent:
                return Observation("failed", _("the release was {how}").format(how=_ended(release.ended)))
            return None
        share = snapshot.service.effective_shares().get(canary, 0)
        if share >= self._settings.percent:
            return Observation("passed", _("the canary has {share} %").format(share=share))
        if snapshot.service.desired_shares().get(canary, 0) >= self._settings.percent:
            return Observation("running", _("the cloud is moving the traffic"))
        return None

    def explain(self) -> tuple[str, ...]:
        """The move."""
        return (
            _("Moves the canary to {percent} %, once every guardrail lets it.").format(percent=self._settings.percent),
        )

    @property
    def _settings(self) -> TrafficSettings:
        assert isinstance(self.settings, TrafficSettings)
        return self.settings


def _ended(how: str | None) -> str:
    return {"rolled back": _("rolled back"), "abandoned": _("abandoned")}.get(how or "", how or "")
