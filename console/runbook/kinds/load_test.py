"""`load_test`: locust against staging, its curves live and its verdict from its own figures. Runbook: `Load Testing
Opcional`: P95 < 800 ms, errors < 1 %. Never against production.
"""  # noqa: D205 - the runbook's heading

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from console.errors import BlockedError, CanarioError
from console.runbook import address, locust_csv, process
from console.runbook.evidence import Evidence, Progress, Result
from console.runbook.kinds.base import KindSettings, StepContext, StepKind
from console.runbook.kinds.command import REPORTS, environment, keep_reports, output_file, prepare_reports, timed_out
from console.runbook.marks import UnprotectedName
from console.secrets import SECRETS
from console.settings_types import Duration, Problem
from console.text import clean
from console.words import _

PREFIX = f"{REPORTS}/load_test"
"""Where locust writes its figures, from its folder."""
FILES = ("stats", "stats_history", "failures")
LOOK_S = 1.0
"""Pause between two looks at the history."""
OVERTIME = timedelta(minutes=2)
"""What locust may take beyond the test, to start and to end."""


class LoadTestSettings(KindSettings):
    """Settings of `load_test`."""

    file: str = "locustfile.py"
    """The locustfile, from `folder`."""
    folder: str = "qa"
    """Folder of the checkout that locust runs in."""
    environment: UnprotectedName = "staging"
    """Environment whose service is put under load; never a protected one."""
    users: Annotated[int | None, Field(ge=1, le=100_000)] = None
    """Simulated users; not set: settings' `checklist.load_test_users`."""
    spawn_rate: Annotated[int | None, Field(ge=1, le=100_000)] = None
    """Users added each second; not set: settings' `checklist.load_test_spawn_rate`."""
    duration: Duration | None = None
    """How long; not set: settings' `checklist.load_test_duration`."""
    p95: Duration = timedelta(milliseconds=800)
    """P95 that it must stay under."""
    errors_percent: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 1.0
    """Share of failed requests that it must stay under."""
    requests: Annotated[int | None, Field(ge=1)] = None
    """How many requests it must make at least; not set: one of each user every ten seconds, 300 of 50 in a minute."""
    secrets: Mapping[str, str] = Field(default_factory=dict)
    """Canario's secrets that locust gets: the variable, and the secret's name in it, e.g.
    `{ WA_APP_SECRET = "app-secret" }`, which signs its messages."""

    @field_validator("file", "folder")
    @classmethod
    def _inside(cls, value: str) -> str:
        path = Path(value)
        if path.is_absolute() or ".." in path.parts:
            raise Problem(_("leads out of the checkout"), _('Write it from the checkout, like folder = "qa".'))
        return value

    @field_validator("secrets")
    @classmethod
    def _known(cls, names: Mapping[str, str]) -> Mapping[str, str]:
        if unknown := [name for name in names.values() if name not in SECRETS]:
            raise Problem(
                _("names no secret of canario's: {names}").format(names=", ".join(unknown)),
                _("Secrets: {known}.").format(known=", ".join(SECRETS)),
            )
        return names


class LoadTest(StepKind):
    """A load test of staging."""

    name: ClassVar[str] = "load_test"
    settings_model: ClassVar[type[KindSettings]] = LoadTestSettings
    needs_checkout: ClassVar[bool] = True

    @property
    def _settings(self) -> LoadTestSettings:
        assert isinstance(self.settings, LoadTestSettings)
        return self.settings

    async def run(self, context: StepContext) -> Evidence:
        """Run locust to its end, and judge its figures.

        Raises:
            BlockedError: it would hit production.
            UsageError: no checkout, no locust, or the service has no URL.
            asyncio.CancelledError: stopped; locust and all that it started are gone.
        """
        settings = self._settings
        host = await self._host(context)
        argv, duration = self._command_line(context, host)
        folder = context.paths.checkout / settings.folder
        reports = tuple((name, folder / f"{PREFIX}_{name}.csv") for name in FILES)
        if folder.is_dir():
            prepare_reports(folder, reports)
        output = output_file(context)
        limit = duration + OVERTIME
        variables = await environment(context, secrets=settings.secrets)
        async with _watched(context, dict(reports)["stats_history"], duration):
            ran = await process.run(
                argv,
                cwd=folder,
                environment=variables,
                hidden=tuple(variables[name] for name in settings.secrets),
                output=output,
                clock=context.clock,
                timeout_s=limit.total_seconds(),
                lines=lambda lines: context.report(Progress(lines=lines)),
                shown=shlex.join(argv),
            )
        kept = await asyncio.to_thread(keep_reports, context, reports)
        if ran.timed_out:
            judged = timed_out(limit)
        else:
            judged = locust_csv.judge(
                locust_csv.read_totals(kept.get("stats", "")),
                p95_ms=settings.p95.total_seconds() * 1000,
                errors_percent=settings.errors_percent,
                code=ran.code,
                requests=self._fewest(context),
            )
        failures = locust_csv.read_failures(kept.get("failures", ""))
        return context.evidence(
            Result.PASSED if judged.passed else Result.FAILED,
            judged.sentence,
            figures=(*judged.figures, (_("host"), clean(host, 200))),
            problems=judged.problems + (() if judged.passed else failures),
            remedy=judged.remedy,
            excerpt=ran.tail,
            output=str(output),
        )

    def explain(self) -> tuple[str, ...]:
        """The command line; the host is the service's URL as the cloud tells it when it runs."""
        settings = self._settings
        users, rate = settings.users or "USERS", settings.spawn_rate or "RATE"
        seconds = f"{settings.duration.total_seconds():.0f}s" if settings.duration else "TIME"
        line = f"locust -f {settings.file} --host=URL -u {users} -r {rate} -t {seconds} --headless --csv={PREFIX}"
        where = _("in {folder}; URL is that of {environment}").format(
            folder=settings.folder, environment=settings.environment
        )
        if None in (settings.users, settings.spawn_rate, settings.duration):
            where += _("; USERS, RATE and TIME are the settings' (checklist.load_test_*)")
        limits = _("P95 must stay under {p95} ms and errors under {errors} %; it never runs against production.")
        return (
            line,
            where,
            limits.format(p95=f"{settings.p95.total_seconds() * 1000:g}", errors=f"{settings.errors_percent:g}"),
        )

    def _command_line(self, context: StepContext, host: str) -> tuple[tuple[str, ...], timedelta]:
        """(the words that run, how long the test takes)."""
        settings, general = self._settings, context.tools.settings.checklist
        duration = settings.duration or general.load_test_duration
        users = settings.users or general.load_test_users
        rate = settings.spawn_rate or general.load_test_spawn_rate
        argv = ["locust", "-f", settings.file, f"--host={host}", "-u", f"{users}", "-r", f"{rate}"]
        argv += ["-t", f"{max(duration.total_seconds(), 1):.0f}s", "--headless", f"--csv={PREFIX}"]
        return tuple(argv), duration

    def _fewest(self, context: StepContext) -> int:
        """How many requests it must make at least."""
        settings, general = self._settings, context.tools.settings.checklist
        duration = settings.duration or general.load_test_duration
        return settings.requests or locust_csv.fewest_requests(
            settings.users or general.load_test_users, duration.total_seconds()
        )

    async def _host(self, context: StepContext) -> str:
        """The URL to put under load.

        Raises:
            BlockedError: it is production's, by name, by its rules or by its address.
        """
        name = self._settings.environment
        _cloud, here = await context.tools.cloud(name)
        if here.protected:
            raise _blocked(_("{environment} is protected.").format(environment=name))
        found = await address.find(context, name, "service", "")
        host = _host_of(found.url)
        for other, environment_ in context.tools.settings.environments.items():
            if not environment_.protected:
                continue
            try:
                theirs = (await address.find(context, other, "service", "")).url
            except CanarioError as error:
                if other == context.tools.environment.name or environment_.service == here.service:
                    raise _blocked(
                        _("Whether this is {environment}'s service cannot be told: {problem}").format(
                            environment=other, problem=error.what
                        )
                    ) from error
                continue
            if _host_of(theirs) == host:
                raise _blocked(_("{host} is {environment}'s.").format(host=host, environment=other))
        return found.url


def _host_of(url: str) -> str:
    """Host and port, a tag's prefix taken off."""
    return urlsplit(url).netloc.lower().rpartition("---")[2]


def _blocked(reason: str) -> BlockedError:
    return BlockedError(
        (_("The load test never runs against production.") + " " + reason,),
        overridable=False,
        remedy=_("Name an environment of its own in the step, such as staging."),
    )


@contextlib.asynccontextmanager
async def _watched(context: StepContext, history: Path, duration: timedelta) -> AsyncIterator[None]:
    """Tell the curves while locust runs."""
    watching = asyncio.ensure_future(_watch(context, history, duration))
    try:
        yield
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await _tell(context, history, 1.0)


async def _watch(context: StepContext, history: Path, duration: timedelta) -> None:
    started = context.clock.monotonic()
    while True:
        await context.clock.sleep(LOOK_S)
        spent = context.clock.monotonic() - started
        await _tell(context, history, min(spent / max(duration.total_seconds(), 1.0), 1.0))


def _read_history(history: Path) -> locust_csv.History:
    """What locust has written of the curves so far. Blocking."""
    try:
        small = history.stat().st_size <= process.LARGEST_CAPTURE
        text = history.read_text(encoding="utf-8", errors="replace") if small else ""
    except OSError:
        text = ""
    return locust_csv.read_history(text)


async def _tell(context: StepContext, history: Path, fraction: float) -> None:
    told = await asyncio.to_thread(_read_history, history)
    if not told.p95_ms:
        context.report(Progress(_("locust is starting"), fraction=fraction))
        return
    sentence = _("{users} users, {rate} requests/s, P95 {p95} ms, errors {errors} %").format(
        users=told.users,
        rate=f"{told.per_second[-1]:.1f}",
        p95=f"{told.p95_ms[-1]:g}",
        errors=f"{told.errors_percent[-1]:.2f}",
    )
    context.report(
        Progress(
            sentence,
            fraction=fraction,
            curves={
                "P95 ms": told.p95_ms,
                _("requests/s"): told.per_second,
                _("errors %"): told.errors_percent,
            },
        )
    )
