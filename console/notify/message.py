"""What people are told, in the runbook's own forms (`Decisión: Proceder o Rollback`, `Notificación`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from console.release.guardrails import Answer, duration, shares_text
from console.words import _


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    title: str
    """First line, e.g. `❌ DEPLOYMENT ROLLED BACK`."""
    lines: tuple[str, ...] = ()
    urgent: bool = False
    """Whether the terminal's bell rings too."""

    @property
    def text(self) -> str:
        """The whole message as plain text."""
        return "\n".join((self.title, *self.lines))


def _where(environment: str, service: str) -> tuple[str, str]:
    return (
        _("Service: {service}").format(service=service),
        _("Environment: {environment}").format(environment=environment),
    )


def rolled_back(
    *,
    environment: str,
    service: str,
    reason: str,
    took: timedelta,
    previous: str,
    who: str,
    automatic: bool,
    shares: Mapping[str, int],
) -> Message:
    """The runbook's message after a rollback: reason, reversion time, previous revision."""
    by = _("canario, automatically, for {who}") if automatic else "{who}"
    return Message(
        _("❌ DEPLOYMENT ROLLED BACK"),
        (
            _("Reason: {reason}").format(reason=reason or _("not given")),
            _("Reversion time: {took}").format(took=duration(took)),
            _("Previous revision: {revision}").format(revision=previous),
            _("Investigation: check logs + postmortem"),
            *_where(environment, service),
            _("Traffic: {shares}").format(shares=shares_text(dict(shares))),
            _("By: {who}").format(who=by.format(who=who)),
        ),
        urgent=True,
    )


def shifted(
    *,
    environment: str,
    service: str,
    canary: str,
    before: int,
    percent: int,
    previous: str,
    who: str,
    rollback_command: str,
    undo: bool = False,
) -> Message:
    """A move of the canary's share; 100 % is not called successful before its bake is done."""
    if percent == 100:
        title = _("✅ CANARY AT 100 %, VALIDATING")
    elif undo:
        title = _("↩ MOVE UNDONE")
    elif percent < before:
        title = _("▼ CANARY LOWERED")
    else:
        title = _("▲ CANARY RAISED")
    return Message(
        title,
        (
            *_where(environment, service),
            _("Revision: {revision}").format(revision=canary),
            _("Traffic: {before} % → {percent} %").format(before=before, percent=percent),
            _("Previous revision: {revision}").format(revision=previous),
            _("By: {who}").format(who=who),
            _("Rollback command (if needed): {command}").format(command=rollback_command),
        ),
    )


def successful(
    *, environment: str, service: str, canary: str, figures: tuple[str, ...], who: str, rollback_command: str
) -> Message:
    """The runbook's message once the bake at 100 % is done."""
    return Message(
        _("✅ DEPLOYMENT SUCCESSFUL"),
        (
            *_where(environment, service),
            _("Revision: {revision}").format(revision=canary),
            _("Author: {who}").format(who=who),
            _("Traffic: 100 %"),
            *(_("Metrics: {figures}").format(figures=figure) for figure in figures),
            _("Rollback command (if needed): {command}").format(command=rollback_command),
        ),
    )


def deployed(*, environment: str, service: str, revision: str, image: str, tag: str, who: str) -> Message:
    """A new revision that gets no traffic."""
    return Message(
        _("✅ REVISION DEPLOYED, NO TRAFFIC"),
        (
            *_where(environment, service),
            _("Revision: {revision}").format(revision=revision),
            _("Image: {image}").format(image=image),
            _("Tag: {tag}").format(tag=tag),
            _("By: {who}").format(who=who),
        ),
    )


def disarmed(*, environment: str, service: str, who: str, armed: bool, reason: str) -> Message:
    """Automatic rollback was armed or disarmed."""
    title = _("🔔 AUTOMATIC ROLLBACK ARMED") if armed else _("🔕 AUTOMATIC ROLLBACK DISARMED")
    why = (_("Reason: {reason}").format(reason=reason),) if reason else ()
    return Message(title, (*_where(environment, service), _("By: {who}").format(who=who), *why), urgent=not armed)


def took_over(*, environment: str, service: str, who: str, former: str, reason: str) -> Message:
    """Somebody else drives now."""
    why = (_("Reason: {reason}").format(reason=reason),) if reason else ()
    return Message(
        _("👤 DRIVER CHANGED"),
        (*_where(environment, service), _("{former} → {who}").format(former=former or "-", who=who), *why),
    )


def overrode(
    *, environment: str, service: str, what: str, who: str, reason: str, answers: tuple[Answer, ...]
) -> Message:
    """A guardrail was overridden with a written reason."""
    return Message(
        _("⚠ GUARDRAIL OVERRIDDEN"),
        (
            *_where(environment, service),
            _("Action: {what}").format(what=what),
            *(_("Overridden: {title}: {reason}").format(title=a.title, reason=a.reason) for a in answers),
            _("Reason: {reason}").format(reason=reason),
            _("By: {who}").format(who=who),
        ),
        urgent=True,
    )


def held(*, environment: str, service: str, canary: str, percent: int, kind: str, sentence: str, who: str) -> Message:
    """The release holds: canary and stable fail alike (`shared breach`), or the canary is not seen (`no data`)."""
    title = _("◆ SHARED BREACH, RELEASE HOLDS") if kind == "shared breach" else _("▲ NO DATA, RELEASE HOLDS")
    return Message(
        title,
        (
            *_where(environment, service),
            _("Revision: {revision}").format(revision=canary),
            _("Traffic: {percent} %").format(percent=percent),
            _("Verdict: {sentence}").format(sentence=sentence),
            _("Driver: {who}").format(who=who),
        ),
        urgent=True,
    )
