"""`approval`: one of two people's yes, under their own identity, from a console of their own.

Runbook: `Requerimientos`, "2 personas autorizan (code + tech lead)". It is written into the release annotation, and
counts once the Cloud Audit Log says that the person named wrote it (`console.release.approvals`).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from console.release.approvals import role_title
from console.release.images import short_image
from console.runbook.evidence import Evidence, Result
from console.runbook.kinds.base import ApprovalSeen, Ask, KindSettings, Observation, Observed, StepContext, StepKind
from console.words import _


class ApprovalSettings(KindSettings):
    """Settings of `approval`."""

    role: Literal["code", "tech_lead"]
    """The role that it is given in."""


class ApprovalStep(StepKind):
    """An approval. Enter signs it, where this console's identity may."""

    name: ClassVar[str] = "approval"
    settings_model: ClassVar[type[KindSettings]] = ApprovalSettings
    ask = Ask.SIGN
    machine = True

    async def run(self, context: StepContext) -> Evidence:
        """Write the approval; a second time is the same one.

        Raises:
            CanarioError: not our role, no image yet, or it cannot be written.
        """
        role = self._settings.role
        given = await context.tools.actions.approve(role)
        sentence = _("{by} approved {image} as {role}").format(
            by=given.by, image=short_image(given.digest), role=role_title(role)
        )
        return context.evidence(Result.PASSED, sentence)

    def observe(self, seen: Observed) -> Observation | None:
        """What the approvals in the annotation, held against the audit log, say of this role."""
        role = self._settings.role
        mine = [approval for approval in seen.approvals if approval.role == role]
        forged = next((approval for approval in mine if approval.state == "forged"), None)
        if forged is not None:
            return Observation("failed", _("FORGED: {why}").format(why=forged.why))
        counted = _newest(mine, "verified")
        if counted is not None:
            return Observation("passed", _("{by}, this image and plan").format(by=counted.by))
        pending = _newest(mine, "verifying")
        if pending is not None:
            return Observation("verifying", f"{pending.by}: {pending.why}")
        void = _newest(mine, "void")
        if void is not None:
            return Observation(
                "waiting", _("void: {by}'s, {why}").format(by=void.by, why=void.why), waiting_for=role_title(role)
            )
        return Observation("waiting", waiting_for=role_title(role))

    def explain(self) -> tuple[str, ...]:
        """What a signature is bound to."""
        return (
            _("Enter signs as {role}, under your own identity.").format(role=role_title(self._settings.role)),
            _("It holds for this image and this plan: a new image or another plan voids it."),
            _("It counts once the Cloud Audit Log confirms that it was you; two different people must sign."),
        )

    @property
    def _settings(self) -> ApprovalSettings:
        assert isinstance(self.settings, ApprovalSettings)
        return self.settings


def _newest(approvals: list[ApprovalSeen], state: str) -> ApprovalSeen | None:
    return next((approval for approval in reversed(approvals) if approval.state == state), None)
