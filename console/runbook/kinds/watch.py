"""`watch`: the hours after a release. Runbook: `Monitoring (24h post-deploy)`, and `Rollback Manual: 3. Monitorear`.

It runs beside the other steps and survives quitting: cut off, it is started again with the same evidence, and what
happened meanwhile is read from the log. A limit crossed rings, tells Slack, and names the revision to roll back to;
`alarm_of` is what a screen asks to open the rollback with that revision chosen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, field_validator

from console.errors import UsageError
from console.notify import limit_crossed
from console.release.moves import largest
from console.runbook.evidence import Evidence, Progress, Result
from console.runbook.kinds.base import Ask, KindSettings, StepContext, StepKind
from console.runbook.marks import StepId
from console.runbook.watching import End, Ended, Watch, figures_of, how_lost, standing_sentence
from console.settings_types import Duration, Problem
from console.watch.kept_ticks import TickFile
from console.watch.lasting import LONGEST, Stand, hours
from console.words import _

if TYPE_CHECKING:
    from console.runbook.views import Checklist
    from console.watch.snapshot import Snapshot


PICTURE_S = 30.0
"""Wall seconds that the first picture may take."""
LOOK_S = 0.2
LEAST_LEFT = timedelta(minutes=1)
"""Less than this left of a watch that is run again after a limit: it lasts its whole time once more."""


class WatchSettings(KindSettings):
    """Settings of `watch`."""

    time: Annotated[Duration | None, Field(alias="for")] = None
    """How long, in server time; not set: settings' `checklist.watch_after`. Written `for = "24 h"`."""
    after: StepId = "canary_100"
    """Id of the step from whose end it counts, where the release does not say when traffic last moved."""
    revision_of: StepId = ""
    """Id of the step that moved traffic to the revision that is watched; empty: the release's."""

    @field_validator("time")
    @classmethod
    def _bounded(cls, time: timedelta | None) -> timedelta | None:
        if time is not None and not timedelta(seconds=1) <= time <= LONGEST:
            raise Problem(_("a watch lasts a second at least and seven days at most"), _('Write it like for = "24 h".'))
        return time


class WatchStep(StepKind):
    """A watch that lasts."""

    name: ClassVar[str] = "watch"
    settings_model: ClassVar[type[KindSettings]] = WatchSettings
    ask = Ask.NOTHING
    background: ClassVar[bool] = True

    async def run(self, context: StepContext) -> Evidence:
        """Watch to the end, or until a limit is crossed.

        Raises:
            CanarioError: there is no revision to watch, or the cloud cannot be reached.
        """
        await _picture(context)
        revision, began = self._what(context)
        context.subject = replace(context.subject, canary=revision)
        since, length = began, self._length(context)
        cloud, environment = await context.tools.cloud()
        file = TickFile(context.paths.evidence / f"watch-{self.step.id}-{re.sub(r'[^a-z0-9-]', '_', revision)}.jsonl")

        def share() -> int | None:
            snapshot = context.tools.snapshot()
            service = snapshot.service if snapshot is not None else None
            return service.effective_shares().get(revision, 0) if service is not None else None

        def report(stand: Stand, problem: str) -> None:
            told = standing_sentence(stand)
            context.report(
                Progress(f"{told}; {problem}" if problem else told, stand.fraction, figures=figures_of(stand))
            )

        watch = Watch(
            cloud=cloud,
            service=environment.service,
            revision=revision,
            clock=context.clock,
            now=context.now,
            ticks=context.tools.ticks,
            share=share,
            report=report,
            usual_per_s=context.tools.settings.checklist.normal_requests_per_second,
            file=file,
        )
        if context.before is not None and context.before.result is Result.FAILED:
            await watch.put_aside()  # a limit that was crossed is not held against what comes after it
            since = max(began, context.before.at)
            left = length - (since - began)
            length = left if left > LEAST_LEFT else length
        ended = await watch.run(since, length)
        return await self._evidence(context, revision, ended)

    def explain(self) -> tuple[str, ...]:
        """What is watched, and what a limit does."""
        time = hours(self._settings.time) if self._settings.time is not None else _("the settings' time")
        return (
            _("Watches {time} from the request log, also what happens while the console is closed.").format(time=time),
            _("A limit crossed rings, tells Slack, and opens the rollback."),
        )

    async def _evidence(self, context: StepContext, revision: str, ended: Ended) -> Evidence:
        stand, figures = ended.stand, figures_of(ended.stand)
        problems: tuple[str, ...] = (ended.problem,) if ended.problem else ()
        if ended.end is End.CROSSED:
            back_to = rollback_revision(context.tools.snapshot(), revision) or context.subject.stable
            command = f"canario rollback --env {context.tools.environment.name}" + (
                f" --to {back_to}" if back_to else ""
            )
            if ended.told_before:
                problems += (_("Slack may have been told before; it is not told twice."),)
            else:
                problem = await context.tools.notifier.announce(
                    limit_crossed(
                        service=context.tools.environment.service,
                        environment=context.tools.environment.name,
                        revision=revision,
                        after=stand.upto - stand.since,
                        sentence=stand.verdict.sentence,
                        back_to=back_to,
                        command=command,
                    )
                )
                problems += (problem,) if problem else ()
            return context.evidence(
                Result.FAILED,
                ended.sentence,
                figures=(*figures, (BACK_TO, back_to)),
                problems=(stand.verdict.sentence, *problems),
                remedy=_("Roll back: `{command}`, or press `r`.").format(command=command),
            )
        if ended.end is End.NO_DATA:
            remedy = _("See that the log can be read, and run it again.")
            return context.evidence(Result.FAILED, ended.sentence, figures=figures, problems=problems, remedy=remedy)
        if ended.end is End.GONE:
            problems += (_("watched {watched} of {whole} only").format(
                watched=hours(stand.upto - stand.since), whole=hours(stand.until - stand.since)
            ),)  # fmt: skip
            return context.evidence(
                Result.FAILED,
                _("{how}: {sentence}").format(how=await _lost(context, revision), sentence=ended.sentence),
                figures=figures,
                problems=problems,
                remedy=_("Ask them why. Once it serves again, run the watch again."),
            )
        limit = context.tools.settings.limits_for(context.tools.environment).error_rate_percent / 100
        problems += worst_minutes(stand, limit)
        return context.evidence(Result.PASSED, ended.sentence, figures=figures, problems=problems)

    def _what(self, context: StepContext) -> tuple[str, datetime]:
        """Which revision, and since when.

        Raises:
            UsageError: there is none.
        """
        settings = self._settings
        if settings.revision_of:
            moved = context.others.get(settings.revision_of)
            revision = moved.learned.get("back_to", "") if moved is not None else ""
            if moved is None or not revision:
                raise UsageError(_("{step} has not moved the traffic yet.").format(step=settings.revision_of))
            return revision, moved.at
        snapshot = context.tools.snapshot()
        release = snapshot.release if snapshot is not None else None
        moved = context.others.get(settings.after)
        revision = context.subject.canary or (moved.subject if moved is not None else "")
        if not revision and release is not None and release.started >= context.now() - LONGEST:
            revision = release.canary
        if not revision:
            raise UsageError(_("There is no new revision to watch."), remedy=_("Deploy it first."))
        if release is not None and release.canary == revision and release.moves and release.moves[-1].percent == 100:
            return revision, release.moves[-1].at
        return revision, moved.at if moved is not None else context.now()

    def _length(self, context: StepContext) -> timedelta:
        return self._settings.time or context.tools.settings.checklist.watch_after

    @property
    def _settings(self) -> WatchSettings:
        assert isinstance(self.settings, WatchSettings)
        return self.settings


async def _lost(context: StepContext, revision: str) -> str:
    """How the watched revision lost its traffic, and by whose hand."""
    snapshot = context.tools.snapshot()
    cloud, environment = await context.tools.cloud()
    return await how_lost(
        cloud, environment.service, revision, snapshot.release if snapshot is not None else None, context.now()
    )


async def _picture(context: StepContext) -> None:
    """Wait, not for ever, until the service is seen: a console that has just opened goes on with its watch at once."""
    give_up = context.clock.monotonic() + PICTURE_S
    while context.tools.snapshot() is None and context.clock.monotonic() < give_up:
        await context.clock.sleep(LOOK_S)


BACK_TO = "rollback_to"
"""Name of the figure that holds the revision to roll back to; never translated."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A watch has seen a limit crossed, and nobody has dealt with it yet."""

    step: str
    at: datetime
    sentence: str
    back_to: str
    """Revision that the rollback is to be opened with; empty where none is known."""


def alarm_of(checklist: Checklist) -> Alarm | None:
    """The newest limit that a watch of this checklist saw crossed and that still stands; None without one. Pure.

    A screen opens the rollback with `back_to` chosen when a new one appears.
    """
    found = None
    for view in checklist.steps:
        evidence = view.evidence
        if view.step.kind != WatchStep.name or evidence is None or evidence.result is not Result.FAILED:
            continue
        back_to = dict(evidence.figures).get(BACK_TO)
        if back_to is not None and view.running is None and (found is None or evidence.at > found.at):
            found = Alarm(view.step.id, evidence.at, evidence.sentence, back_to)
    return found


def worst_minutes(stand: Stand, limit: float) -> tuple[str, ...]:
    """Where Monitoring counted more errors in a minute than the limit, in a stretch of which few requests were read.

    A minute is too short for what was read of it to tell, so it is said and does not fail the watch.

    Args:
        stand: how the watch ended.
        limit: share of errors, 0 to 1.
    """
    return tuple(
        _(
            "{start:%m-%d %H:%M} to {end:%H:%M} UTC Monitoring counted a minute with {worst:.1%} errors; look at it"
        ).format(start=thinned.start, end=thinned.end, worst=thinned.worst_minute)
        for thinned in stand.thinned
        if thinned.worst_minute is not None and thinned.worst_minute > limit
    )


def rollback_revision(snapshot: Snapshot | None, watched: str) -> str:
    """The revision that a rollback from `watched` goes to, as the live picture knows it; empty where it does not."""
    if snapshot is None:
        return ""
    target = snapshot.readiness.target
    if target and target != watched:
        return target
    release = snapshot.release
    if release is not None and release.canary == watched:
        before = largest({name: share for name, share in release.baseline_shares().items() if name != watched})
        if before:
            return before
    own = next((revision.created for revision in snapshot.revisions if revision.name == watched), None)
    for revision in snapshot.revisions:  # newest first
        older = own is None or revision.created is None or revision.created < own
        back = release is not None and release.was_rolled_back(revision.name) is not None
        if revision.name != watched and revision.ready and not revision.deleted and older and not back:
            return revision.name
    return ""


__all__ = ["Alarm", "BACK_TO", "WatchSettings", "WatchStep", "alarm_of", "rollback_revision", "worst_minutes"]
