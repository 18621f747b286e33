"""How a step reaches GitHub: the repository, the token, and the release's pull request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from console.errors import UsageError
from console.github import errors
from console.github.model import PullRequest
from console.runbook import git
from console.runbook.kinds.base import StepContext
from console.words import _

if TYPE_CHECKING:
    from console.github.client import GitHub


@asynccontextmanager
async def opened(context: StepContext) -> AsyncIterator[GitHub]:
    """A client for the team's repository.

    Raises:
        CredentialsError: there is no token.
        UsageError: nobody says which repository it is.
    """
    from console.github.client import GitHub  # the HTTP client takes its time to load, and a screen imports this module

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
