"""Runs of GitHub's workflows, as a step follows them: of a commit, or of a dispatch of its own, to their end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.errors import CanarioError
from console.github import errors, rules
from console.github.model import Job, WorkflowRun
from console.runbook.evidence import Progress
from console.runbook.judging import Judged
from console.runbook.kinds.base import StepContext
from console.settings_types import shown_duration
from console.words import _

if TYPE_CHECKING:
    from console.github.client import GitHub


@dataclass(frozen=True, slots=True)
class Followed:
    """A run, as it stood when following it ended."""

    run: WorkflowRun
    jobs: tuple[Job, ...]
    waited_out: bool = False
    """Whether it had not ended yet."""

    @property
    def failed_jobs(self) -> tuple[Job, ...]:
        """Jobs that did not end well."""
        return tuple(job for job in self.jobs if job.conclusion not in ("", "success", "skipped", "neutral"))


async def follow(
    context: StepContext, github: GitHub, run: WorkflowRun, *, poll: timedelta, wait: timedelta
) -> Followed:
    """A run until it has ended, told in progress; GitHub out of reach meanwhile is waited out.

    Args:
        context: of the step.
        github: where it runs.
        run: as first seen.
        poll: pause between two looks.
        wait: how long at most, on the wall.
    """
    started = context.clock.monotonic()
    trouble = ""
    jobs: tuple[Job, ...] = ()
    while True:
        try:
            run = await github.run(run.id)
            jobs = tuple(await github.jobs(run.id))
            trouble = ""
        except CanarioError as error:
            trouble = error.what
            if isinstance(error, errors.NotThere | errors.Forbidden):
                raise
        if run.done and not trouble:
            return Followed(run, jobs)
        context.report(_progress(run, jobs, trouble))
        if context.clock.monotonic() - started > wait.total_seconds():
            return Followed(run, jobs, waited_out=True)
        await context.clock.sleep(poll.total_seconds())


def _progress(run: WorkflowRun, jobs: tuple[Job, ...], trouble: str) -> Progress:
    working = ", ".join(job.name for job in jobs if job.status == "in_progress")
    said = _("{name} #{id}: {status}").format(name=run.name, id=run.id, status=run.status.replace("_", " "))
    return Progress(
        " · ".join(part for part in (said, working, trouble) if part),
        fraction=rules.fraction_of(jobs),
        figures=((_("run"), run.url),),
    )


async def appeared(
    context: StepContext,
    look: Callable[[], Awaitable[WorkflowRun | None]],
    *,
    poll: timedelta,
    within: timedelta,
    waiting: str,
) -> WorkflowRun | None:
    """What `look` finds, asked again and again for a while; None where it finds nothing.

    Args:
        context: of the step.
        look: finds it.
        poll: pause between two looks.
        within: how long at most, on the wall.
        waiting: what is told meanwhile.
    """
    started = context.clock.monotonic()
    while True:
        found = await look()
        if found is not None or context.clock.monotonic() - started > within.total_seconds():
            return found
        context.report(Progress(waiting))
        await context.clock.sleep(poll.total_seconds())


async def of_commit(
    context: StepContext,
    github: GitHub,
    workflow: str,
    commit: str,
    *,
    event: str,
    branch: str,
    poll: timedelta,
    within: timedelta,
    waiting: str,
) -> WorkflowRun | None:
    """The run of a workflow that `event` set off on `branch` for a commit; None where GitHub lists none in time.

    Other arguments as `appeared`.
    """

    async def look() -> WorkflowRun | None:
        found = await github.runs(workflow, head_sha=commit, event=event)
        return rules.run_of_commit(found, commit, event=event, branch=branch)

    return await appeared(context, look, poll=poll, within=within, waiting=waiting)


async def dispatched(
    context: StepContext,
    github: GitHub,
    workflow: str,
    *,
    ref: str,
    login: str,
    since: datetime,
    known: frozenset[int],
    poll: timedelta,
    within: timedelta,
) -> WorkflowRun | None:
    """The run that a dispatch of ours became; None where GitHub lists none in time.

    Args:
        context: of the step.
        github: where it runs.
        workflow: its file.
        ref: branch that it was started on.
        login: who started it; empty where the token does not tell.
        since: server time from which on it can have been made.
        known: ids of runs that were there before; where none is told, `since` alone decides.
        poll: pause between two looks.
        within: how long at most, on the wall.
    """

    async def look() -> WorkflowRun | None:
        ours = [
            run
            for run in await github.runs(workflow, event="workflow_dispatch")
            if run.id not in known
            and run.branch == ref
            and (not login or run.actor == login)
            and run.created is not None
            and (bool(known) or run.created >= since)
        ]
        return min(ours, key=lambda run: run.id, default=None)

    waiting = _("waiting until GitHub lists the run of {file}").format(file=workflow)
    return await appeared(context, look, poll=poll, within=within, waiting=waiting)


def judge(followed: Followed, workflow: str, wait: timedelta) -> Judged:
    """Whether a followed run ended well; a failed one names its jobs and where to read."""
    run = followed.run
    problems = [f"{job.name}: {job.conclusion} {job.url}" for job in followed.failed_jobs]
    if followed.waited_out:
        problems.append(_("It has not ended within {wait}.").format(wait=shown_duration(wait)))
    elif run.conclusion != "success" and not problems:
        problems.append(_("It ended: {conclusion}.").format(conclusion=run.conclusion or run.status))
    state = run.conclusion or run.status
    return Judged(
        run.done and run.conclusion == "success",
        _("{file} for {commit}: {state}").format(file=workflow, commit=run.commit[:12], state=state),
        (
            (_("run"), f"#{run.id}"),
            (_("jobs"), ", ".join(f"{job.name} {job.conclusion or job.status}" for job in followed.jobs)),
            (_("URL"), run.url),
        ),
        tuple(problems),
        _("Read its log at {url}; once it is green, press Enter again.").format(url=run.url),
    )
