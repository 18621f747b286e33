"""How a step reaches GitHub: the repository, the token, the release's pull request, and a run followed to its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from console.errors import CanarioError, UsageError
from console.github import errors, rules
from console.github.client import GitHub
from console.github.model import Job, PullRequest, WorkflowRun
from console.runbook import git
from console.runbook.evidence import Progress
from console.runbook.kinds.base import StepContext
from console.words import _


@asynccontextmanager
async def opened(context: StepContext) -> AsyncIterator[GitHub]:
    """A client for the team's repository.

    Raises:
        CredentialsError: there is no token.
        UsageError: nobody says which repository it is.
    """
    settings = context.tools.settings.github
    token = await context.tools.secret("github-token")
    if not token:
        raise errors.no_token()
    repository = settings.repository or git.repository_of(await git.ask(context, "remote", "get-url", "origin"))
    if not repository:
        raise UsageError(
            _("Nobody says which GitHub repository this is."),
            remedy=_('Write it in canario.toml under [github], like repository = "acme/wa-orchestrator".'),
        )
    async with GitHub(settings.api, repository, token, context.clock) as github:
        yield github


async def find_pull_request(context: StepContext, github: GitHub, number: int | None = None) -> PullRequest:
    """The release's pull request: the one of that number, the one it knows already, or the open one of its branch.

    Where none is open, one that is merged counts only where it holds the release's commit: the branch is the same each
    time, and last week's pull request is not this one's.

    Raises:
        UsageError: there is none, or more than one.
    """
    known = number or (int(context.subject.pull_request) if context.subject.pull_request.isdecimal() else None)
    if known:
        return await github.pull_request(known)
    settings = context.tools.settings.github
    branch = await git.ask(context, "symbolic-ref", "--quiet", "--short", "HEAD")
    heads = [head for head in dict.fromkeys((branch, settings.head)) if head and head != settings.base]
    for head in heads:
        found = await github.pull_requests(head=head, base=settings.base)
        if len(found) > 1:
            raise UsageError(
                _("{count} open pull requests lead from {head} to {base}: {numbers}.").format(
                    count=len(found),
                    head=head,
                    base=settings.base,
                    numbers=", ".join(f"#{pull.number}" for pull in found),
                ),
                remedy=_("Close those that are not this release's, or write its number in the step."),
            )
        if found:
            return found[0]
    commit = context.subject.commit or await git.ask(context, "rev-parse", "HEAD")
    for head in heads:
        for pull in await github.pull_requests(head=head, base=settings.base, state="closed"):
            if pull.merged and commit and commit in (pull.head, pull.merge_commit):
                return pull
    raise UsageError(
        _("No open pull request leads from {head} to {base} in {repository}.").format(
            head=" / ".join(heads), base=settings.base, repository=github.repository
        ),
        remedy=_("Open it on GitHub, and press Enter again."),
    )


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
