"""The runbook's own announcements, in exactly its shape: `Aprobación para PROD`, `Notificación`, `Rollback Manual`.

Titles and field names are the runbook's and stay English, as the team writes them; what canario adds is translated.
"""

from __future__ import annotations

from datetime import timedelta

from console.notify.message import Message
from console.release.guardrails import duration
from console.words import _

NOT_KNOWN = "-"


def staging_passed(*, branch: str, commit: str, changes: str, approved: bool = False) -> Message:
    """`STAGING VALIDATION PASSED`, with whether production is approved already.

    Args:
        branch: merged to.
        commit: full hash; its first twelve digits are told.
        changes: brief summary, e.g. the pull request.
        approved: whether both approvals are there.
    """
    ready = "APPROVED" if approved else _("HOLD until code and tech lead have approved")
    return Message(
        "✅ STAGING VALIDATION PASSED",
        (
            f"Branch: {branch or NOT_KNOWN}",
            f"Commit: {commit[:12] or NOT_KNOWN}",
            f"Changes: {changes or NOT_KNOWN}",
            f"Ready for PROD? {ready}",
        ),
    )


def deployment_successful(
    *,
    service: str,
    environment: str,
    revision: str,
    commit: str,
    author: str,
    percent: int,
    healthy: bool,
    figures: tuple[tuple[str, str], ...],
    rollback_command: str,
) -> Message:
    """`DEPLOYMENT SUCCESSFUL`, with the figures of the five minutes after it.

    Args:
        service: short name.
        environment: its name.
        revision: the one released.
        commit: full hash; its first twelve digits are told.
        author: of the change, with an @ where it is a login.
        percent: its share.
        healthy: whether the final validation passed.
        figures: name and value pairs: error rate, latency P95, requests.
        rollback_command: what a person types.
    """
    status = "✅ Healthy" if healthy else "⚠ " + _("not validated")
    return Message(
        "✅ DEPLOYMENT SUCCESSFUL",
        (
            "",
            f"Service: {service}",
            f"Environment: {environment}",
            f"Revision: {revision or NOT_KNOWN}",
            f"Commit: {commit[:12] or NOT_KNOWN}",
            f"Author: {author or NOT_KNOWN}",
            f"Traffic: {percent}%",
            f"Status: {status}",
            "",
            "Metrics (5 min post-deploy):",
            *(f"- {name}: {value}" for name, value in figures or ((_("no figures"), NOT_KNOWN),)),
            "",
            "Rollback command (if needed):",
            rollback_command,
        ),
    )


def rolled_back_later(
    *,
    service: str,
    environment: str,
    reason: str,
    took: str,
    revision: str,
    by: str,
    since: str,
    postmortem: str,
) -> Message:
    """A manual rollback, once it has been watched: `Deployment rolled back due to [reason]`.

    Args:
        service: short name.
        environment: its name.
        reason: as typed.
        took: time to revert, e.g. `2 s`.
        revision: that serves again.
        by: who moved it.
        since: how it has done since, a sentence.
        postmortem: where the post-mortem is begun.
    """
    why = reason or _("a reason that was not given")
    return Message(
        f"❌ Deployment rolled back due to {why}",
        (
            f"Service: {service}",
            f"Environment: {environment}",
            f"Reversion time: {took or NOT_KNOWN}",
            f"Previous revision: {revision or NOT_KNOWN}",
            _("By: {who}").format(who=by),
            *((_("Since then: {what}").format(what=since),) if since else ()),
            f"Investigation: Check logs + postmortem{f' ({postmortem})' if postmortem else ''}",
        ),
        urgent=True,
    )


def limit_crossed(
    *, service: str, environment: str, revision: str, after: timedelta, sentence: str, back_to: str, command: str
) -> Message:
    """The watch after a release has seen a limit crossed.

    Args:
        service: short name.
        environment: its name.
        revision: that is watched.
        after: since it had all traffic.
        sentence: the engine's.
        back_to: the revision that a rollback would restore, or empty.
        command: that rolls back.
    """
    return Message(
        _("🚨 LIMIT CROSSED AFTER THE DEPLOYMENT"),
        (
            _("Service: {service}").format(service=service),
            _("Environment: {environment}").format(environment=environment),
            _("Revision: {revision}").format(revision=revision),
            _("After: {time} at 100 %").format(time=duration(after)),
            _("Verdict: {sentence}").format(sentence=sentence),
            *((_("Roll back to: {revision}").format(revision=back_to),) if back_to else ()),
            _("Rollback command: {command}").format(command=command),
            _("1. call on-call 2. open an incident 3. the incident playbook"),
        ),
        urgent=True,
    )
