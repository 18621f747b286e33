"""What `canario doctor` asks of the cloud: credentials, APIs, permissions, the clock. Plain records, nothing printed.

Each check runs whatever the others found, bounded in time, and never raises: a failure is an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from console.clock import Clock
from console.cloud.client import Cloud
from console.cloud.metrics import Metric
from console.cloud.target import CloudTarget
from console.errors import CanarioError
from console.words import _

CHECK_TIMEOUT_S = 20.0

PERMISSIONS = ("run.services.get", "run.services.list", "run.services.update")
"""What the console needs on a service (https://cloud.google.com/run/docs/reference/iam/permissions). Logging's and
Monitoring's cannot be asked for on a service: their checks make the call itself."""

SKEW_SHOWN = timedelta(seconds=5)


class Health(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One answer of the doctor."""

    id: str
    """Stable: `credentials`, `run`, `permissions`, `logging`, `monitoring`, `clock`."""
    title: str
    """A word or two, translated."""
    health: Health
    detail: str
    """What was found, a sentence, cleaned and translated."""
    remedy: str = ""
    """What to do about it; empty where all is well."""


async def examine(target: CloudTarget, service: str, clock: Clock) -> tuple[Check, ...]:
    """Every check of the cloud, in the order in which to read them.

    Args:
        target: project, region, endpoint.
        service: short name of the service to try.
        clock: the local one.

    Raises:
        SettingsError: the endpoint is not a loopback address.
    """
    title = _("credentials")
    try:
        cloud = await Cloud.connect(target, clock)
    except CanarioError as error:
        if error.exit_code.name == "USAGE":
            raise
        return (Check("credentials", title, Health.FAILED, _said(error), error.remedy),)
    try:
        first = await _run("credentials", title, lambda: _identity(cloud))
        # the first answer teaches the cloud's time, which Monitoring is asked by
        second = await _run("run", _("Cloud Run"), lambda: _reads_service(cloud, service))
        others = await asyncio.gather(
            _run("permissions", _("permissions"), lambda: _permitted(cloud, service)),
            _run("logging", _("Cloud Logging"), lambda: _reads_log(cloud)),
            _run("monitoring", _("Cloud Monitoring"), lambda: _reads_metrics(cloud, service, clock)),
        )
        last = await _run("clock", _("clock"), lambda: _clocks_agree(cloud))
        return (first, second, *others, last)
    finally:
        await cloud.close()


_Finding = tuple[Health, str, str]


async def _run(id: str, title: str, check: Callable[[], Awaitable[_Finding]]) -> Check:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            health, detail, remedy = await check()
    except CanarioError as error:
        return Check(id, title, Health.FAILED, _said(error), error.remedy)
    except TimeoutError:
        detail = _("No answer within {seconds} s.").format(seconds=round(CHECK_TIMEOUT_S))
        return Check(id, title, Health.FAILED, detail, _("Check the network."))
    return Check(id, title, health, detail, remedy)


def _said(error: CanarioError) -> str:
    return f"{error.what} {error.traffic}".strip()


async def _identity(cloud: Cloud) -> _Finding:
    email = await cloud.identity()
    return Health.OK, _("We are {email}.").format(email=email), ""


async def _reads_service(cloud: Cloud, service: str) -> _Finding:
    found = await cloud.run.get_service(service)
    detail = _("{name} reads; generation {generation}.").format(name=found.name, generation=found.generation)
    return Health.OK, detail, ""


async def _permitted(cloud: Cloud, service: str) -> _Finding:
    held = await cloud.run.test_permissions(service, PERMISSIONS)
    missing = [permission for permission in PERMISSIONS if permission not in held]
    if not missing:
        return Health.OK, _("All that is needed is granted: {held}.").format(held=", ".join(PERMISSIONS)), ""
    return (
        Health.FAILED,
        _("Missing on {name}: {missing}.").format(name=service, missing=", ".join(missing)),
        _("Ask for roles/run.developer on the service {name}.").format(name=service),
    )


async def _reads_log(cloud: Cloud) -> _Finding:
    name = f"projects/{cloud.target.project}/logs/run.googleapis.com%2Frequests"
    found = await cloud.logs.list(f'logName="{name}"', limit=1)
    if found:
        return Health.OK, _("Request logs read."), ""
    return (
        Health.WARNING,
        _("The log reads, but holds no request yet."),
        _("Without request logs there is no verdict: check that there is traffic, and that no sink excludes them."),
    )


async def _reads_metrics(cloud: Cloud, service: str, clock: Clock) -> _Finding:
    end = cloud.server_clock.now() or clock.now()
    start = end - timedelta(minutes=15)
    found = await cloud.metrics.series(Metric.REQUEST_COUNT, service, start=start, end=end, period=timedelta(minutes=1))
    if found:
        return Health.OK, _("Metrics read."), ""
    return (
        Health.WARNING,
        _("Monitoring answers, with no requests in the last 15 minutes."),
        _("Check again with traffic."),
    )


async def _clocks_agree(cloud: Cloud) -> _Finding:
    clock = cloud.server_clock
    if not clock.known:
        return (
            Health.FAILED,
            _("The cloud's answers carry no time, so the deployment window cannot be judged."),
            _("Check that https://run.googleapis.com can be reached."),
        )
    skew = clock.skew()
    if abs(skew) <= SKEW_SHOWN:
        return Health.OK, _("The local clock agrees with the cloud's."), ""
    if cloud.target.endpoint is not None:
        return Health.OK, _("The simulator keeps a time of its own (--now, --speed)."), ""
    return (
        Health.WARNING,
        _("The local clock is off by {seconds} s; the window is judged by the cloud's.").format(
            seconds=f"{skew.total_seconds():+,.0f}"
        ),
        _("Set the clock (NTP)."),
    )
