"""`github`: the pull request and the workflows, over the REST API. Runbook: `Preparación de PR`, `Review + Aprobación`,
`Merge a main`, `Opción A: Desde GitHub Actions`.
"""  # noqa: D205 - the runbook's headings

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from console.errors import ConfirmationLostError, UsageError
from console.github import errors, rules
from console.github.model import PullRequest, WorkflowRun
from console.runbook import github_site as site
from console.runbook import workflows
from console.runbook.evidence import Evidence, Progress, Result
from console.runbook.kinds.base import KindSettings, Known, StepContext, StepKind
from console.runbook.model import Step
from console.settings_types import Duration, Problem
from console.words import _

if TYPE_CHECKING:
    from console.github.client import GitHub

LEEWAY = timedelta(seconds=5)
"""By how much GitHub's clock may be behind the cloud's."""


class GitHubStepSettings(KindSettings):
    """Settings of `github`."""

    check: Literal["form", "checks", "approvals", "merged", "workflow", "dispatch"]
    """What is looked at, or done: see the class."""
    number: Annotated[int | None, Field(gt=0)] = None
    """The pull request's number; not set: the open one of the checkout's branch."""
    title: str = rules.TITLE
    """`form`: regular expression that the title begins with."""
    sections: tuple[str, ...] = rules.SECTIONS
    """`form`: sections that the description has."""
    labels: bool = True
    """`form`: whether the runbook's labels are asked for."""
    required: Annotated[tuple[str, ...], Field(examples=[["build"]])] = ()
    """`checks`: names that must be among the green ones."""
    approvals: Annotated[int | None, Field(ge=0, le=100)] = None
    """`approvals`: how many; not set: settings' `checklist.code_approvals`."""
    merge: bool = False
    """`merged`: whether Enter merges it once it is approved and green."""
    workflow: str = ""
    """`workflow`, `dispatch`: the workflow's file name, e.g. `backend-ci.yml`."""
    ref: str = ""
    """`dispatch`: branch that it runs on; empty: settings' `github.base`."""
    inputs: Mapping[str, str | int | bool] = Field(default_factory=dict)
    """`dispatch`: its inputs, e.g. `{ environment = "production", revision_traffic_percent = 10 }`."""
    wait: Duration = timedelta(minutes=30)
    """How long what is still running is followed."""
    appears: Duration = timedelta(minutes=2)
    """`workflow`, `dispatch`: how long GitHub may take to list the run."""
    poll: Duration = timedelta(seconds=3)
    """Pause between two looks."""

    @field_validator("title")
    @classmethod
    def _compiles(cls, title: str) -> str:
        try:
            re.compile(title)
        except re.error as error:
            raise Problem(_("is no regular expression: {problem}").format(problem=error), "") from error
        return title

    @model_validator(mode="after")
    def _whole(self) -> GitHubStepSettings:
        if self.check in ("workflow", "dispatch") and not self.workflow:
            raise Problem(_("names no workflow"), _('Write its file name, like workflow = "backend-ci.yml".'), "check")
        if self.merge and self.check != "merged":
            raise Problem(_('is for check = "merged" alone'), _("Leave merge out."), "merge")
        return self


class GitHubStep(StepKind):
    """One look at GitHub, or one thing done there."""

    name: ClassVar[str] = "github"
    settings_model: ClassVar[type[KindSettings]] = GitHubStepSettings

    def __init__(self, step: Step, settings: KindSettings) -> None:
        super().__init__(step, settings)
        self.once = self._settings.merge or self._settings.check == "dispatch"

    @property
    def _settings(self) -> GitHubStepSettings:
        assert isinstance(self.settings, GitHubStepSettings)
        return self.settings

    async def run(self, context: StepContext) -> Evidence:
        """Look, or do it.

        Raises:
            CloudError: GitHub cannot be asked, or the token will not do.
            UsageError: no pull request, or no commit to look for.
        """
        async with site.opened(context) as github:
            match self._settings.check:
                case "workflow":
                    return await self._workflow(context, github)
                case "dispatch":
                    return await self._dispatch(context, github)
                case "merged":
                    return await self._merged(context, github)
                case "checks":
                    return await self._checks(context, github)
                case "approvals":
                    return await self._approvals(context, github)
            return await self._form(context, github)

    async def settle(self, context: StepContext, begun: datetime) -> Evidence | None:
        """A cut-off merge or dispatch: is the pull request merged; is there a run of ours since `begun`."""
        if not self.once:
            return None
        async with site.opened(context) as github:
            if self._settings.check == "merged":
                pull = await site.find_pull_request(context, github, self._settings.number)
                return await self._is_merged(context, github, pull) if pull.merged else None
            # GitHub lists a run within seconds: long after, one look tells
            appears = self._settings.appears
            left = min(max(appears - (context.now() - begun), timedelta(0)), appears)
            found = await self._ours(context, github, await github.login(), begun - LEEWAY, frozenset(), within=left)
            return await self._followed(context, github, found) if found is not None else None

    def explain(self) -> tuple[str, ...]:
        """What is asked of GitHub, or sent to it."""
        return self.explain_of(Known())

    def explain_of(self, known: Known) -> tuple[str, ...]:
        """The same, with the repository and the pull request where they are known."""
        settings = self._settings
        number = str(settings.number or known.pull_request)
        pull = f"#{number}" if number else _("the release's pull request")
        repository = known.repository or _("the checkout's origin")
        match settings.check:
            case "form":
                return (
                    _("Reads {pull}: title like [Paso X] ..., sections {sections}, labels.").format(
                        pull=pull, sections=", ".join(settings.sections)
                    ),
                )
            case "checks":
                return (_("Reads every check and status of the newest commit of {pull}.").format(pull=pull),)
            case "approvals":
                return (_("Reads the reviews of {pull}; its author's does not count.").format(pull=pull),)
            case "merged" if settings.merge:
                if not known.repository or not number:
                    return (
                        _("Once it is approved and green: merges {pull} of {repository}, merge_method merge.").format(
                            pull=pull, repository=repository
                        ),
                    )
                return (
                    _("Once it is approved and green: PUT {path}, merge_method merge.").format(
                        path=f"/repos/{known.repository}/pulls/{number}/merge"
                    ),
                )
            case "merged":
                return (_("Reads whether {pull} is merged.").format(pull=pull),)
            case "workflow":
                return (_("Follows the run of {file} for the merge commit.").format(file=settings.workflow),)
        inputs = ", ".join(f"{name}={value}" for name, value in self._inputs().items())
        ran = (
            f"POST /repos/{known.repository}/actions/workflows/{settings.workflow}/dispatches"
            if known.repository
            else _("Starts {file} of {repository}.").format(file=settings.workflow, repository=repository)
        )
        return (ran, _("ref {ref}, inputs {inputs}").format(ref=settings.ref or known.base, inputs=inputs or "-"))

    # -- the pull request -----------------------------------------------------------------------------------------

    async def _form(self, context: StepContext, github: GitHub) -> Evidence:
        settings = self._settings
        pull = await site.find_pull_request(context, github, settings.number)
        form = rules.judge_form(pull, title=settings.title, names=settings.sections, labelled=settings.labels)
        problems = form.problems
        if pull.draft:
            problems += (_("It is a draft."),)
        if not pull.open and not pull.merged:
            problems += (_("It was closed without being merged."),)
        figures = ((_("title"), pull.title), (_("labels"), ", ".join(pull.labels)), (_("migration"), form.migration))
        learned = await self._learned(github, pull) | ({"migration": form.migration} if form.migration else {})
        return self._found(
            context,
            not problems,
            _("#{number} {title}").format(number=pull.number, title=pull.title),
            problems=problems,
            remedy=_("Edit it on GitHub ({url}), and press Enter again.").format(url=pull.url),
            figures=figures,
            learned=learned,
        )

    async def _checks(self, context: StepContext, github: GitHub) -> Evidence:
        settings = self._settings
        started = context.clock.monotonic()
        while True:
            pull = await site.find_pull_request(context, github, settings.number)
            seen = await github.checks(pull.head)
            checks = rules.judge_checks(seen, settings.required)
            waiting = checks.running or not checks.total or checks.missing
            if checks.failed or not waiting:
                break
            if (
                context.clock.monotonic() - started
                > (settings.wait if checks.running else settings.appears).total_seconds()
            ):
                break
            said = _("{green} of {total} checks are green").format(green=checks.green, total=checks.total)
            fraction = checks.green / checks.total if checks.total else None
            context.report(Progress(" · ".join((said, *checks.running[:3])), fraction=fraction))
            await context.clock.sleep(settings.poll.total_seconds())
        problems = [
            _("{name}: {conclusion} {url}").format(name=c.name, conclusion=c.conclusion, url=c.url)
            for c in checks.failed
        ]
        problems += [_("{name} has not ended.").format(name=name) for name in checks.running]
        problems += [_("{name} has not run.").format(name=name) for name in checks.missing]
        if not checks.total:
            problems.append(_("No check has run for {commit}.").format(commit=pull.head[:12]))
        tested = context.subject.commit
        if tested and pull.open and tested != pull.head:
            problems.append(
                _("Its newest commit is {head}, and what was tested here is {commit}: push, or pull.").format(
                    head=pull.head[:12], commit=tested[:12]
                )
            )
        return self._found(
            context,
            not problems,
            _("#{number}: {green} of {total} checks are green").format(
                number=pull.number, green=checks.green, total=checks.total
            ),
            problems=tuple(problems),
            remedy=_("Look at {url}/checks, put it right, and press Enter again.").format(url=pull.url),
            figures=((_("commit"), pull.head[:12]), (_("checks"), f"{checks.green}/{checks.total}")),
            learned=await self._learned(github, pull),
        )

    async def _approvals(self, context: StepContext, github: GitHub) -> Evidence:
        pull = await site.find_pull_request(context, github, self._settings.number)
        problems, figures = await self._reviewed(context, github, pull)
        return self._found(
            context,
            not problems,
            _("#{number}: approved by {names}").format(number=pull.number, names=figures[0][1] or _("nobody")),
            problems=problems,
            remedy=_("Ask for a review at {url}, and press Enter again.").format(url=pull.url),
            figures=figures,
            learned=await self._learned(github, pull),
        )

    async def _reviewed(
        self, context: StepContext, github: GitHub, pull: PullRequest
    ) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """(what its reviews lack, figures)."""
        needed = self._settings.approvals
        if needed is None:
            needed = context.tools.settings.checklist.code_approvals
        found = rules.judge_reviews(await github.reviews(pull.number), author=pull.author, head=pull.head)
        problems = [_("{name} asks for changes.").format(name=name) for name in found.against]
        if len(found.by) < needed:
            problems.append(
                _("{count} of {needed} approvals; the author's own does not count.").format(
                    count=len(found.by), needed=needed
                )
            )
        figures = [(_("approved by"), ", ".join(found.by)), (_("author"), pull.author)]
        if found.earlier:
            figures.append((_("on an earlier commit"), ", ".join(found.earlier)))
        return tuple(problems), tuple(figures)

    async def _merged(self, context: StepContext, github: GitHub) -> Evidence:
        pull = await site.find_pull_request(context, github, self._settings.number)
        if pull.merged:
            return await self._is_merged(context, github, pull)
        if not self._settings.merge:
            return self._not_merged(context, pull, (_("It is not merged."),))
        problems, _figures = await self._reviewed(context, github, pull)
        checks = rules.judge_checks(await github.checks(pull.head), self._settings.required)
        if not checks.passed:
            problems += (_("{green} of {total} checks are green.").format(green=checks.green, total=checks.total),)
        base = context.tools.settings.github.base
        if pull.base_branch != base:
            problems += (_("It leads to {branch}, not to {base}.").format(branch=pull.base_branch, base=base),)
        if pull.draft or not pull.open:
            problems += (_("It is a draft, or closed."),)
        if problems:
            return self._not_merged(context, pull, problems)
        context.report(Progress(_("merging #{number}").format(number=pull.number)))
        try:
            await github.merge(pull.number, head=pull.head)
        except errors.Refused as error:
            return self._not_merged(context, pull, (error.what,))
        except ConfirmationLostError as error:
            pull = await github.pull_request(pull.number)
            if not pull.merged:
                return context.evidence(Result.UNKNOWN, error.what, remedy=error.remedy)
        return await self._is_merged(context, github, await github.pull_request(pull.number))

    async def _is_merged(self, context: StepContext, github: GitHub, pull: PullRequest) -> Evidence:
        commit = pull.merge_commit
        return self._found(
            context,
            True,
            _("#{number} is merged into {base} as {commit}").format(
                number=pull.number, base=pull.base_branch, commit=commit[:12]
            ),
            figures=((_("commit"), commit[:12]), (_("title"), pull.title)),
            learned=await self._learned(github, pull) | {"commit": commit},
        )

    def _not_merged(self, context: StepContext, pull: PullRequest, problems: tuple[str, ...]) -> Evidence:
        return self._found(
            context,
            False,
            _("#{number} is not merged").format(number=pull.number),
            problems=problems,
            remedy=_("Merge it at {url}, or put right what stands in the way, and press Enter again.").format(
                url=pull.url
            ),
        )

    async def _learned(self, github: GitHub, pull: PullRequest) -> dict[str, str]:
        told = {"pull_request": f"{pull.number}", "author_login": pull.author}
        if pull.author and (email := await github.author_email(pull.number, pull.author)):
            told["author"] = email
        return told

    # -- workflows ------------------------------------------------------------------------------------------------

    async def _workflow(self, context: StepContext, github: GitHub) -> Evidence:
        settings = self._settings
        commit = context.subject.commit
        if not commit:
            raise UsageError(
                _("The commit to look for is not known yet."),
                remedy=_("Run the step before that sees the pull request merged."),
            )

        waiting = _("{file} has no run for {commit} yet").format(file=settings.workflow, commit=commit[:12])
        run = await workflows.of_commit(
            context, github, settings.workflow, commit, poll=settings.poll, within=settings.appears, waiting=waiting
        )
        if run is None:
            return self._found(
                context,
                False,
                waiting,
                problems=(waiting,),
                remedy=_("See that the workflow runs on a push to {base}, and press Enter again.").format(
                    base=context.tools.settings.github.base
                ),
            )
        return await self._followed(context, github, run)

    async def _dispatch(self, context: StepContext, github: GitHub) -> Evidence:
        settings = self._settings
        login = await github.login()
        before = frozenset(run.id for run in await github.runs(settings.workflow, event="workflow_dispatch"))
        begun = context.now() - LEEWAY
        ref = settings.ref or context.tools.settings.github.base
        context.report(Progress(_("starting {file} on {ref}").format(file=settings.workflow, ref=ref)))
        lost: ConfirmationLostError | None = None
        try:
            await github.dispatch(settings.workflow, ref=ref, inputs=self._inputs())
        except errors.Refused as error:
            return self._found(context, False, error.what, problems=(error.what,), remedy=error.remedy)
        except ConfirmationLostError as error:
            lost = error
        run = await self._ours(context, github, login, begun, before)
        if run is not None:
            return await self._followed(context, github, run)
        said = lost.what if lost else _("GitHub took the dispatch, and lists no run of it.")
        remedy = _("Look at the runs of {file} on GitHub; do not start it again unseen.").format(file=settings.workflow)
        return context.evidence(Result.UNKNOWN, said, remedy=remedy)

    async def _ours(
        self,
        context: StepContext,
        github: GitHub,
        login: str,
        since: datetime,
        known: frozenset[int],
        *,
        within: timedelta | None = None,
    ) -> WorkflowRun | None:
        settings = self._settings
        return await workflows.dispatched(
            context,
            github,
            settings.workflow,
            ref=settings.ref or context.tools.settings.github.base,
            login=login,
            since=since,
            known=known,
            poll=settings.poll,
            within=settings.appears if within is None else within,
        )

    def _inputs(self) -> dict[str, str]:
        shown = {True: "true", False: "false"}
        return {n: shown[v] if isinstance(v, bool) else str(v) for n, v in self._settings.inputs.items()}

    async def _followed(self, context: StepContext, github: GitHub, run: WorkflowRun) -> Evidence:
        settings = self._settings
        followed = await workflows.follow(context, github, run, poll=settings.poll, wait=settings.wait)
        judged = workflows.judge(followed, settings.workflow, settings.wait)
        return self._found(
            context,
            judged.passed,
            judged.sentence,
            problems=judged.problems,
            remedy=judged.remedy,
            figures=judged.figures,
        )

    def _found(
        self,
        context: StepContext,
        passed: bool,
        sentence: str,
        *,
        problems: tuple[str, ...] = (),
        remedy: str = "",
        figures: tuple[tuple[str, str], ...] = (),
        learned: Mapping[str, str] | None = None,
    ) -> Evidence:
        return context.evidence(
            Result.PASSED if passed else Result.FAILED,
            sentence if passed or not problems else f"{sentence}: {problems[0]}",
            figures=tuple((name, value) for name, value in figures if value),
            problems=problems,
            remedy="" if passed else remedy,
            learned=learned,
        )
