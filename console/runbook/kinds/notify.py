"""`notify`: the runbook's messages to Slack. Runbook: `Aprobación para PROD`, `Notificación`, `Rollback Manual`.

Sent at most once by itself: a webhook cannot be asked what it got, so what was cut off while it was sent is said to be
unclear and is sent again by a person alone. A message that does not go out never holds the release: the step passes
with the problem beside it, the message is kept, and running the step again sends it again.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from console.errors import CanarioError, JournalError
from console.notify import (
    Message,
    SlackWebhook,
    deployment_successful,
    rolled_back_later,
    staging_passed,
)
from console.runbook.evidence import Evidence, Progress, Result
from console.runbook.kinds.base import Ask, KindSettings, StepContext, StepKind
from console.runbook.marks import StepId
from console.text import clean
from console.words import _

KIND = "notify"
"""Kind of the journal rows that say that a message is about to leave."""

ROWS = 500
"""Newest rows of that kind that are looked through."""


class NotifySettings(KindSettings):
    """Settings of `notify`."""

    message: Literal["staging_passed", "deployed", "rolled_back"]
    """Which of the runbook's messages."""
    figures_of: StepId = "validation"
    """`deployed`: id of the step whose figures it tells."""
    moved_by: StepId = "move_back"
    """`rolled_back`: id of the step that moved the traffic."""
    watched_by: StepId = "watch_back"
    """`rolled_back`: id of the step that watched it afterwards."""


class Notify(StepKind):
    """One message."""

    name: ClassVar[str] = "notify"
    settings_model: ClassVar[type[KindSettings]] = NotifySettings
    ask = Ask.NOTHING
    once = True
    again: ClassVar[bool] = True

    async def run(self, context: StepContext) -> Evidence:
        """Send it; whatever happens, the release goes on."""
        message = self.message(context)
        excerpt = tuple(clean(line) for line in message.text.splitlines())
        try:
            webhook, why = await _webhook(context)
        except CanarioError as error:
            return self._kept(context, message, excerpt, error.what, error.remedy)
        if webhook is None:
            return context.evidence(
                Result.PASSED,
                _("Slack is not set up, nobody was told: {why}").format(why=why),
                problems=(_("not sent: {title}").format(title=message.title),),
                remedy=_("Tell the team, or set CANARIO_SLACK_WEBHOOK and run this step again."),
                excerpt=excerpt,
            )
        context.report(Progress(_("telling Slack"), lines=excerpt))
        try:
            await _write_down(context, message)
        except JournalError as error:
            return self._kept(context, message, excerpt, error.what, _("Run this step again to send it."))
        delivery = await webhook.deliver(message, once=True)
        if not delivery.problem:
            return context.evidence(
                Result.PASSED, _("Slack has it: {title}").format(title=message.title), excerpt=excerpt
            )
        if delivery.unclear:
            return self._unclear(context, excerpt, delivery.problem)
        return self._kept(context, message, excerpt, delivery.problem, _("Run this step again to send it again."))

    async def settle(self, context: StepContext, begun: datetime) -> Evidence | None:
        """Whether it had left is in the journal; where it had, it may have arrived and is not sent again by itself."""
        journal = context.tools.actions.access.journal
        rows = await asyncio.to_thread(journal.entries, ROWS, kind=KIND)
        ours = {row.id for row in rows if row.phase == "intent" and row.payload.get("key") == context.key}
        if not any(row.phase == "outcome" and row.intent in ours for row in rows):
            return None
        excerpt = tuple(clean(line) for line in self.message(context).text.splitlines())
        return self._unclear(context, excerpt, _("cut off at {when:%H:%M:%S}").format(when=begun))

    async def settle_elsewhere(self, context: StepContext, begun: datetime) -> Evidence | None:
        """Nobody here knows whether it had left: it may have, and a person looks before it is sent again."""
        excerpt = tuple(clean(line) for line in self.message(context).text.splitlines())
        problem = _("begun at {when:%H:%M:%S} on another console, which never told its end").format(when=begun)
        return self._unclear(context, excerpt, problem)

    def message(self, context: StepContext) -> Message:
        """What is sent."""
        match self._settings.message:
            case "staging_passed":
                return _staging_passed(context)
            case "deployed":
                return self._deployed(context)
        return self._rolled_back(context)

    def explain(self) -> tuple[str, ...]:
        """Which message, and what happens where it does not go out."""
        title = {
            "staging_passed": "STAGING VALIDATION PASSED",
            "deployed": "DEPLOYMENT SUCCESSFUL",
            "rolled_back": "Deployment rolled back due to ...",
        }[self._settings.message]
        return (
            _("Sends to Slack: {title}").format(title=title),
            _("A message that does not go out is kept and shown; it never holds the release."),
        )

    def _deployed(self, context: StepContext) -> Message:
        subject, tools = context.subject, context.tools
        validated = context.others.get(self._settings.figures_of)
        snapshot = tools.snapshot()
        shares = snapshot.service.effective_shares() if snapshot is not None and snapshot.service is not None else {}
        stable = subject.stable or (snapshot.release.stable if snapshot and snapshot.release else "")
        region = tools.environment.region
        service = subject.service or tools.environment.service
        author = f"@{subject.author_login}" if subject.author_login else subject.author
        return deployment_successful(
            service=service,
            environment=subject.environment,
            revision=subject.canary,
            commit=subject.commit,
            author=author,
            percent=shares.get(subject.canary, 0),
            healthy=validated is not None and validated.result is Result.PASSED and validated.machine,
            figures=_told(validated),
            rollback_command=gcloud_rollback(service, stable, region),
        )

    def _rolled_back(self, context: StepContext) -> Message:
        moved = context.others.get(self._settings.moved_by)
        watched = context.others.get(self._settings.watched_by)
        figures = dict(moved.figures) if moved is not None else {}
        learned = dict(moved.learned) if moved is not None else {}
        return rolled_back_later(
            service=context.subject.service or context.tools.environment.service,
            environment=context.tools.environment.name,
            reason=(moved.reason if moved is not None else "") or figures.get(_("reason"), ""),
            took=figures.get(_("took"), ""),
            revision=learned.get("back_to", "") or figures.get(_("revision"), ""),
            by=moved.by if moved is not None else context.identity,
            since=watched.sentence if watched is not None else "",
            postmortem="",
        )

    def _kept(
        self, context: StepContext, message: Message, excerpt: tuple[str, ...], problem: str, remedy: str
    ) -> Evidence:
        return context.evidence(
            Result.PASSED,
            _("not sent, and kept: {problem}").format(problem=problem),
            problems=(problem,),
            remedy=remedy,
            excerpt=excerpt,
        )

    def _unclear(self, context: StepContext, excerpt: tuple[str, ...], problem: str) -> Evidence:
        return context.evidence(
            Result.PASSED,
            _("maybe sent: look in the channel; it is not sent again by itself"),
            problems=(problem,),
            remedy=_("Look at the channel; where it is missing, run this step again to send it."),
            excerpt=excerpt,
        )

    @property
    def _settings(self) -> NotifySettings:
        assert isinstance(self.settings, NotifySettings)
        return self.settings


def gcloud_rollback(service: str, revision: str, region: str) -> str:
    """The runbook's rollback command."""
    return (
        f'gcloud run services update-traffic {service} --to-revisions "{revision or "REVISION"}=100" --region={region}'
    )


def _staging_passed(context: StepContext) -> Message:
    subject = context.subject
    form = context.others.get("pr_form")
    title = dict(form.figures).get(_("title"), "") if form is not None else ""
    number = f"#{subject.pull_request}" if subject.pull_request else ""
    changes = " ".join(part for part in (title, f"({number})" if title and number else number) if part)
    snapshot = context.tools.snapshot()
    candidate = snapshot.candidate if snapshot is not None else None
    roles = {approval.role for approval in candidate.approvals} if candidate is not None else set()
    return staging_passed(
        branch=subject.branch, commit=subject.commit, changes=changes, approved=roles >= {"code", "tech_lead"}
    )


def _told(validated: Evidence | None) -> tuple[tuple[str, str], ...]:
    """Error rate, P95 and requests, under the names that the runbook's message has."""
    if validated is None:
        return ()
    figures = dict(validated.figures)
    wanted = (("Error rate", _("error rate")), ("Latency P95", _("P95")), ("Requests", _("requests")))
    readings = {name: value.partition(" (")[0] for name, value in figures.items()}  # the limit stands behind it
    if validated.result is Result.PASSED and _("requests") in readings:
        readings[_("requests")] += " (normal)"
    return tuple((told, readings[name]) for told, name in wanted if name in readings)


async def _webhook(context: StepContext) -> tuple[SlackWebhook | None, str]:
    """The webhook, or why there is none. A played release tells nobody but a server on this machine."""
    from console.cloud.target import is_loopback

    if not context.tools.settings.notify.slack:
        return None, _("notify.slack is off")
    url = (await context.tools.secret("slack-webhook") or "").strip()
    if not url:
        return None, _("no webhook in the keyring or in CANARIO_SLACK_WEBHOOK")
    cloud, _environment = await context.tools.cloud()
    if cloud.target.endpoint is not None and not is_loopback(urlsplit(url).hostname or ""):
        return None, _("this is a simulator, and the webhook is a real one")
    return SlackWebhook(url, clock=context.clock), ""


async def _write_down(context: StepContext, message: Message) -> None:
    """That it is about to leave: what a crash from here on has cut off may have arrived.

    Raises:
        JournalError: it cannot be written.
    """
    door = context.tools.actions.door
    number = await door.intent(KIND, {"step": context.step.id, "key": context.key, "title": message.title})
    if problem := await door.outcome(number, "done", {}):
        raise JournalError(problem)
