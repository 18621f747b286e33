"""`command`: runs a program in the operator's checkout and reads what it says. Runbook: `Verificación de Código`.

What `explain` shows is what runs, word for word: the reports that a reader needs are part of the command line, and lie
in `.canario/` of the checkout, which keeps itself out of git.
"""

from __future__ import annotations

import asyncio
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from console.errors import CredentialsError
from console.runbook import process, readers
from console.runbook.evidence import Evidence, Progress, Result
from console.runbook.judging import Judged
from console.runbook.kinds.base import KindSettings, StepContext, StepKind
from console.runbook.model import Step
from console.secrets import SECRETS, looks_secret
from console.settings_types import Duration, Problem, shown_duration
from console.text import clean
from console.words import _

REPORTS = ".canario"
"""Folder of the checkout that reports are written to."""


class CommandSettings(KindSettings):
    """Settings of `command`."""

    argv: Annotated[tuple[str, ...], Field(examples=[["pytest", "tests/"]])] = ()
    """The program and its words, e.g. `["pytest", "tests/", "-v"]`; with `shell`, one line for `/bin/sh`. Empty for
    `git_current` alone, which has commands of its own."""
    shell: bool = False
    """Whether the one line in `argv` is run by a shell."""
    folder: str = "."
    """Folder inside the checkout that it runs in."""
    read: Literal["none", "git_current", "pytest", "pylint", "bandit"] = "none"
    """Who reads what it says: see `console.runbook.readers` and `console.runbook.git`."""
    timeout: Duration = timedelta(minutes=15)
    """Time after which it is stopped."""
    codes: tuple[int, ...] = (0,)
    """Exit codes that are well, for `none`."""
    coverage_percent: Annotated[float | None, Field(gt=0, le=100, allow_inf_nan=False)] = None
    """Coverage that `pytest` needs, percent; not set: settings' `checklist.coverage_percent`."""
    branch: str = "develop"
    """Branch that `git_current` wants checked out; empty: any."""
    remote: str = "origin"
    """Remote whose branch of that name `git_current` fetches and compares with, whatever the checkout follows."""
    secrets: Mapping[str, str] = Field(default_factory=dict)
    """Canario's secrets that the program gets: the variable, and the secret's name in it, e.g.
    `{ WA_APP_SECRET = "app-secret" }`. All others are taken from it."""
    variables: Mapping[str, str] = Field(default_factory=dict)
    """Further environment variables; no secrets."""

    @field_validator("folder")
    @classmethod
    def _inside(cls, folder: str) -> str:
        path = Path(folder)
        if path.is_absolute() or ".." in path.parts:
            raise Problem(_("leads out of the checkout"), _('Write a folder inside it, like folder = "qa".'))
        return folder

    @field_validator("secrets")
    @classmethod
    def _known(cls, names: Mapping[str, str]) -> Mapping[str, str]:
        if unknown := [name for name in names.values() if name not in SECRETS]:
            raise Problem(
                _("names no secret of canario's: {names}").format(names=", ".join(unknown)),
                _("Secrets: {known}.").format(known=", ".join(SECRETS)),
            )
        return names

    @field_validator("variables")
    @classmethod
    def _open(cls, variables: Mapping[str, str]) -> Mapping[str, str]:
        for name, value in variables.items():
            if looks_secret(name, value):
                raise Problem(
                    _("holds what looks like a secret, {name}").format(name=name),
                    _("Keep it in the environment that canario starts in."),
                )
        return variables

    @model_validator(mode="after")
    def _runnable(self) -> CommandSettings:
        if not self.argv and self.read != "git_current":
            raise Problem(_("says no command"), _('Write one like argv = ["pytest", "tests/"].'), "argv")
        if self.shell and len(self.argv) != 1:
            raise Problem(_("is for a shell, which takes one line"), _('Write it like argv = ["make test"].'), "argv")
        return self

    def command_line(self) -> tuple[str, ...]:
        """The words that run."""
        if self.shell:
            return ("/bin/sh", "-c", *self.argv)
        if self.read == "pytest":
            return readers.with_reports(self.argv, REPORTS)
        return self.argv


class Command(StepKind):
    """A program in the checkout."""

    name: ClassVar[str] = "command"
    settings_model: ClassVar[type[KindSettings]] = CommandSettings
    needs_checkout: ClassVar[bool] = True

    def __init__(self, step: Step, settings: KindSettings) -> None:
        super().__init__(step, settings)
        self.tells_head = self._settings.read == "git_current"

    async def run(self, context: StepContext) -> Evidence:
        """Run it to its end, and read it.

        Raises:
            UsageError: no checkout, or the program is missing.
            asyncio.CancelledError: stopped; the program and all that it started are gone.
        """
        settings = self._settings
        if settings.read == "git_current":
            from console.runbook import git

            return await git.current(context, branch=settings.branch, remote=settings.remote)
        before = await self._head(context)
        argv = settings.command_line()
        folder = context.paths.checkout / settings.folder
        reports = readers.report_files(argv, folder) if settings.read == "pytest" else ()
        if folder.is_dir():
            prepare_reports(folder, reports)
        output = output_file(context)
        context.report(Progress(shlex.join(argv)))
        variables = await environment(context, settings.variables, settings.secrets)
        ran = await process.run(
            argv,
            cwd=folder,
            environment=variables,
            hidden=tuple(variables[name] for name in settings.secrets),
            output=output,
            clock=context.clock,
            timeout_s=settings.timeout.total_seconds(),
            lines=lambda lines: context.report(Progress(lines=lines)),
            shown=shlex.join(argv),
        )
        kept = await asyncio.to_thread(keep_reports, context, reports)  # a rollback waits for no large report
        if ran.timed_out:
            judged = timed_out(settings.timeout)
        else:
            judged = await asyncio.to_thread(self._judge, context, ran, kept)
        evidence = context.evidence(
            Result.PASSED if judged.passed else Result.FAILED,
            judged.sentence,
            figures=judged.figures,
            problems=judged.problems,
            remedy=judged.remedy,
            excerpt=ran.tail,
            output=str(output),
        )
        if not before:
            return evidence
        moved = await self._head(context) != before  # somebody committed or changed a file meanwhile
        return replace(evidence, subject=f"{before.removesuffix('-dirty')}-dirty" if moved else before)

    async def _head(self, context: StepContext) -> str:
        """The commit that is in the checkout now, where evidence is of that; else empty."""
        if self.step.bound_to != "head":
            return ""
        from console.runbook import git

        return await git.head(context)

    def explain(self) -> tuple[str, ...]:
        """The command line, as it runs."""
        settings = self._settings
        if settings.read == "git_current":
            from console.runbook import git

            return tuple(shlex.join(argv) for argv in git.commands(settings.remote, settings.branch or "BRANCH"))
        where = () if settings.folder == "." else (_("in {folder}").format(folder=settings.folder),)
        return (shlex.join(settings.command_line()), *where)

    @property
    def _settings(self) -> CommandSettings:
        assert isinstance(self.settings, CommandSettings)
        return self.settings

    def _judge(self, context: StepContext, ran: process.Ran, reports: Mapping[str, str]) -> Judged:
        settings = self._settings
        match settings.read:
            case "pytest":
                needed = settings.coverage_percent
                if needed is None:
                    needed = context.tools.settings.checklist.coverage_percent
                return readers.judge_pytest(
                    code=ran.code,
                    output=ran.stdout,
                    junit=reports.get("junit", ""),
                    coverage=reports.get("coverage", ""),
                    needed=needed,
                )
            case "pylint":
                return readers.judge_pylint(code=ran.code, output=ran.stdout)
            case "bandit":
                return readers.judge_bandit(code=ran.code, output=ran.stdout, cut=ran.cut)
        return readers.judge_code(code=ran.code, well=settings.codes)


def output_file(context: StepContext) -> Path:
    """Where the whole output of this run goes."""
    return context.paths.evidence / f"{context.step.id}-{context.key[:12]}.log"


async def environment(
    context: StepContext, more: Mapping[str, str] | None = None, secrets: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Variables of a program that a step runs.

    Args:
        context: of the step.
        more: laid over the operator's.
        secrets: canario's secrets that it gets besides: the variable, and the secret's name.

    Raises:
        CredentialsError: one of those is missing.
    """
    named: dict[str, str] = {}
    for variable, name in (secrets or {}).items():
        value = await context.tools.secret(name)
        if not value:
            raise CredentialsError(
                _("There is no {name} to give to the program.").format(name=name),
                remedy=_("Run `keyring set canario {name}`, or set {variable}.").format(
                    name=name, variable=SECRETS[name]
                ),
            )
        named[variable] = value
    return process.child_environment(context.tools.variables(), context.paths.checkout, more={**(more or {}), **named})


def timed_out(limit: timedelta) -> Judged:
    """What is said of a program that was stopped because it took too long."""
    return Judged(
        False,
        _("Stopped: it took over {limit}.").format(limit=shown_duration(limit)),
        problems=(_("It did not end within {limit}.").format(limit=shown_duration(limit)),),
        remedy=_("Read its last lines, put it right, and press Enter again."),
    )


def prepare_reports(folder: Path, reports: tuple[tuple[str, Path], ...]) -> None:
    """Take away reports of earlier runs, so that none is read for this one's, and keep the folder out of git."""
    own = folder / REPORTS
    for _kind, path in reports:
        path.unlink(missing_ok=True)
        if path.parent == own:
            own.mkdir(exist_ok=True)
            (own / ".gitignore").write_text("*\n", encoding="utf-8")


def keep_reports(context: StepContext, reports: tuple[tuple[str, Path], ...]) -> dict[str, str]:
    """The reports' text by kind; each is copied beside the evidence."""
    found: dict[str, str] = {}
    for kind, path in reports:
        if not path.is_file() or path.stat().st_size > process.LARGEST_OUTPUT:
            continue
        found[kind] = path.read_text(encoding="utf-8", errors="replace")
        copy = context.paths.evidence / f"{context.step.id}-{context.key[:12]}-{clean(path.name, 80)}"
        shutil.copyfile(path, copy)
        copy.chmod(0o600)
    return found
