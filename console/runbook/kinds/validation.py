"""`validation`: five minutes at 100 %, then every limit with its reading. Runbook: `Validación Final`.

Error rate and P95 come from the request logs, as the judge of the bake at 100 % counted them, or from Cloud Monitoring
where no console was watching; CPU is Monitoring's alone, which is some minutes late and is waited for. What cannot be
read is not good.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from console.errors import CanarioError
from console.release.guardrails import duration
from console.runbook.evidence import Evidence, Progress, Result
from console.runbook.final_checks import (
    Check,
    Limits,
    Readings,
    Usual,
    added,
    highest,
    hour_before,
    judged,
    mean,
    observed_until,
    seen_for,
)
from console.runbook.http_checks import Check as HttpCheck
from console.runbook.http_checks import Wanted, perform
from console.runbook.kinds.base import Ask, KindSettings, Observation, Observed, StepContext, StepKind
from console.settings_types import Duration
from console.verdict.base import Verdict, Word
from console.watch.snapshot import Snapshot
from console.words import _

LOOK_S = 0.25
"""Wall seconds between two looks at the live picture."""
MONITORING_S = 30.0
"""Server seconds between two readings of Monitoring."""
MONITORING_WALL_S = 0.5
"""And wall seconds, where the cloud's time runs faster."""
MINUTE = timedelta(seconds=60)


class ValidationSettings(KindSettings):
    """Settings of `validation`."""

    time: Annotated[Duration, Field(alias="for")] = timedelta(minutes=5)
    """How long it is looked at after 100 %, in server time. Written `for = "5 min"`."""
    patience: Duration = timedelta(minutes=10)
    """Server time that Monitoring's readings are waited for beyond that."""
    least_percent: Annotated[float, Field(gt=0, le=100)] = 50.0
    """Requests: percent of the usual rate that there must be at least."""
    most_percent: Annotated[float, Field(ge=100, allow_inf_nan=False)] = 200.0
    """Requests: percent of the usual rate that there may be at most."""
    checks: tuple[HttpCheck, ...] = ("healthz", "metrics")
    """What is asked of the service itself."""


class Validation(StepKind):
    """The last look before the release is called good."""

    name: ClassVar[str] = "validation"
    settings_model: ClassVar[type[KindSettings]] = ValidationSettings
    ask = Ask.NOTHING

    async def run(self, context: StepContext) -> Evidence:
        """Look for the time asked for, then judge every limit and ask the service itself.

        Raises:
            CanarioError: the service cannot be reached.
        """
        since = await _full_since(context)
        usual = await self._usual(context, since)
        limits = self._limits(context)
        over = since + self._settings.time
        looked: tuple[datetime, float] | None = None
        readings = Readings()
        while True:
            now, snapshot = context.now(), context.tools.snapshot()
            lost = _lost(snapshot, context.subject.canary)
            if lost:
                return context.evidence(Result.FAILED, lost, remedy=_("Look at the canary screen."))
            verdict = _verdict_at_full(snapshot, context.subject.canary)
            if verdict is not None and verdict.word is Word.FAIL:
                remedy = _("`r` rolls back.")
                return context.evidence(Result.FAILED, f"FAIL: {verdict.sentence}", remedy=remedy)
            wall = context.clock.monotonic()
            if looked is None or (
                now - looked[0] >= timedelta(seconds=MONITORING_S) and wall - looked[1] >= MONITORING_WALL_S
            ):
                readings = await self._read(context, snapshot, verdict, since, now)
                looked = now, wall
            checks = judged(readings, limits, usual)
            self._tell(context, checks, now, since)
            late = now >= over + self._settings.patience
            seen = readings.observed >= self._settings.time
            if now >= over and ((seen and all(check.known for check in checks)) or late):
                readings = await self._read(context, snapshot, verdict, since, now, last=True)
                return await self._ended(context, judged(readings, limits, usual), readings)
            await context.clock.sleep(LOOK_S)

    def observe(self, seen: Observed) -> Observation | None:
        """Failed once the release was taken back from 100 %; otherwise its evidence tells."""
        snapshot, canary = seen.snapshot, seen.subject.canary
        release = snapshot.release if snapshot is not None else None
        if not canary or release is None or not any(move.percent == 100 for move in release.moves):
            return None
        lost = _lost(snapshot, canary)
        return Observation("failed", lost) if lost else None

    def explain(self) -> tuple[str, ...]:
        """What is looked at."""
        return (
            _("Looks for {time} at 100 %: error rate, P95, CPU, requests; then {checks} of the service.").format(
                time=duration(self._settings.time), checks=", ".join(f"/{check}" for check in self._settings.checks)
            ),
            _("Requests are normal from {low:g} % to {high:g} % of the hour before the release.").format(
                low=self._settings.least_percent, high=self._settings.most_percent
            ),
        )

    async def _ended(self, context: StepContext, checks: tuple[Check, ...], readings: Readings) -> Evidence:
        looked = seen_for(readings, self._settings.time)
        problems = [check.problem for check in (*checks, looked) if not check.good]
        figures = [check.figure for check in checks]
        excerpt: list[str] = []
        for name in self._settings.checks:
            try:
                asked = await perform(context, Wanted(check=name))
            except CanarioError as error:
                figures.append((f"/{name}", _("not asked")))
                problems.append(str(error))
                continue
            figures.append((f"/{name}", asked.judged.sentence))
            excerpt += asked.excerpt
            if not asked.judged.passed:
                problems += asked.judged.problems or (asked.judged.sentence,)
        figures += [looked.figure, (_("source"), readings.source)]
        sentence = ", ".join(f"{check.name} {check.value}" for check in checks)
        return context.evidence(
            Result.FAILED if problems else Result.PASSED,
            sentence,
            figures=tuple((name, value) for name, value in figures if value),
            problems=tuple(problems),
            remedy=_("Find out why, then run it again; `r` rolls back.") if problems else "",
            excerpt=tuple(excerpt),
        )

    def _tell(self, context: StepContext, checks: tuple[Check, ...], now: datetime, since: datetime) -> None:
        whole = self._settings.time.total_seconds()
        seen = max(timedelta(0), now - since)
        told = _("{seen} of {whole} at 100 %").format(
            seen=duration(min(seen, self._settings.time)), whole=duration(self._settings.time)
        )
        if seen > self._settings.time:
            missing = [check.name for check in checks if not check.known]
            told = _("waiting for Cloud Monitoring: {missing}").format(missing=", ".join(missing)) if missing else told
        fraction = min(1.0, seen.total_seconds() / whole) if whole else 1.0
        context.report(Progress(told, fraction, figures=tuple(check.figure for check in checks)))

    async def _read(
        self,
        context: StepContext,
        snapshot: Snapshot | None,
        verdict: Verdict | None,
        since: datetime,
        now: datetime,
        *,
        last: bool = False,
    ) -> Readings:
        """What is known now of the time since 100 %; what cannot be read is missing.

        Args:
            context: of the run.
            snapshot: the live picture.
            verdict: of the bake at 100 %, where a console watches.
            since: when the revision got all traffic.
            now: server time.
            last: whether there is no later reading: Monitoring's is taken where the logs were seen for less than is
                asked, and it for longer.
        """
        from console.cloud.metrics import Metric

        cloud, environment = await context.tools.cloud()
        canary, name, api = context.subject.canary, environment.service, cloud.metrics
        start = max(since, now - max(self._settings.time, MINUTE) - self._settings.patience)
        try:
            used = await api.series(Metric.CPU, name, start=start, end=now, period=MINUTE)
            cpu = highest(used.get(canary, ()), since)
        except CanarioError:
            cpu = None
        logged: Readings | None = None
        if verdict is not None and verdict.canary.requests:
            counted = verdict.canary
            series = snapshot.canary_series.requests_per_s if snapshot is not None else ()
            rates = [rate for rate in series if rate is not None]
            logged = Readings(
                counted.error_rate,
                counted.quantile_ms(0.95),
                cpu,
                sum(rates) / len(rates) if rates else None,
                counted.requests,
                verdict.observed,
                _("request logs; CPU: Cloud Monitoring"),
            )
            if logged.observed >= self._settings.time or not last:
                return logged
        try:
            errors = await api.error_rates(name, start=start, end=now, period=MINUTE)
            p95 = await api.series(Metric.LATENCY_P95, name, start=start, end=now, period=MINUTE)
            rate = await api.series(Metric.REQUEST_COUNT, name, start=start, end=now, period=MINUTE)
        except CanarioError as error:
            return logged or Readings(cpu=cpu, source=error.what)
        own = rate.get(canary, [])
        per_s = mean(own, since, now)
        seconds = MINUTE.total_seconds() * len([at for at, _value in own if at > since])
        observed = observed_until(own, start)
        if logged is not None and logged.observed >= observed:
            return logged
        return Readings(
            mean(errors.get(canary, ()), since, now),
            highest(p95.get(canary, ()), since),
            cpu,
            per_s,
            round((per_s or 0.0) * seconds),
            observed,
            _("Cloud Monitoring"),
        )

    async def _usual(self, context: StepContext, since: datetime) -> Usual:
        from console.cloud.metrics import Metric

        snapshot = context.tools.snapshot()
        release = snapshot.release if snapshot is not None else None
        start, end = hour_before(release.started if release is not None else since)
        cloud, environment = await context.tools.cloud()
        try:
            found = await cloud.metrics.series(
                Metric.REQUEST_COUNT, environment.service, start=start, end=end, period=MINUTE
            )
        except CanarioError:
            found = {}
        rate = mean(added(found.values()), start, end)
        if rate:
            return Usual(rate, _("the hour before the release"))
        return Usual(context.tools.settings.checklist.normal_requests_per_second, _("settings"))

    def _limits(self, context: StepContext) -> Limits:
        limits = context.tools.settings.limits_for(context.tools.environment)
        return Limits(
            limits.error_rate_percent / 100,
            limits.p95_target.total_seconds() * 1000,
            limits.cpu_percent / 100,
            self._settings.least_percent / 100,
            self._settings.most_percent / 100,
        )

    @property
    def _settings(self) -> ValidationSettings:
        assert isinstance(self.settings, ValidationSettings)
        return self.settings


async def _full_since(context: StepContext) -> datetime:
    """When the revision got all traffic: as the release says, else as the step before was seen, else now."""
    snapshot = context.tools.snapshot()
    release = snapshot.release if snapshot is not None else None
    if release is not None and release.canary == context.subject.canary and release.moves:
        moved = [move.at for move in release.moves if move.percent == 100]
        if moved:
            return moved[-1]
    moved_by = context.others.get("canary_100")
    return moved_by.at if moved_by is not None else context.now()


def _verdict_at_full(snapshot: Snapshot | None, canary: str) -> Verdict | None:
    """The live verdict, where it is of this revision with all traffic."""
    if snapshot is None or snapshot.service is None or snapshot.canary != canary:
        return None
    return snapshot.verdict if snapshot.service.effective_shares().get(canary, 0) == 100 else None


def _lost(snapshot: Snapshot | None, canary: str) -> str:
    """Why there is nothing to validate any more, or empty."""
    release = snapshot.release if snapshot is not None else None
    if release is None or release.canary != canary or release.ended not in ("rolled back", "abandoned"):
        return ""
    return _("the release was taken back")
