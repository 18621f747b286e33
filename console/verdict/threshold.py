"""The threshold judge: the runbook's limits on the last minute of canary requests (issue 2, section 3).

Pure: one closed second in, a verdict out. A stronger judge takes its place behind the same interface.

A step's bake, as this judge reads the runbook:

* **breach**: in the last minute of log time the canary had at least 500 requests, and over 1 % of them failed
  (status >= 500) or their P95 was over 1 s. It arms the automatic rollback, and the word is FAIL.
* FAIL stands until a healthy minute: one with canary requests and within the limits (a canary that has gone silent
  is not healthy). Then the bake starts over from nothing, since the runbook asks for five minutes *without* errors
  ("5 min sin errores"), and the sentence says so. `breach`, which arms, needs its 500 requests every second anew.
* **FAIL without arming**: at least 500 canary requests of the whole bake are over a limit, though no single minute
  had enough of them. Promotion is blocked; a person decides about rolling back.
* **PASS**: the bake time was observed, the requests needed are there, and neither the last minute nor the whole
  bake is over a limit.
* **WARN** while baking: P95 over the 800 ms target, under the 1 s limit, in a minute of 100 requests or
  more. Only shown: it never blocks a PASS.
* **INCONCLUSIVE** otherwise, with what is missing.

Seconds that were not observed (`Tick.observed` false) never count toward the bake nor toward the requests needed.
What was seen of them still counts against the canary: a failed request failed, whoever else's were missed.
The runbook's "> 5 ERROR lines a minute" is shown, and arms nothing: every healthy service with traffic breaks it.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta

from console.verdict.base import Counts, Evidence, JudgeSettings, RuleReading, Tick, Verdict, Word
from console.verdict.figures import count, milliseconds, minutes, percent
from console.words import _, ngettext

MINUTE_S = 60
ERROR_LIMIT = 0.01
"""Share of requests with status >= 500."""
P95_LIMIT_MS = 1000.0
P95_TARGET_MS = 800.0
ARMING_REQUESTS = 500
"""Canary requests that the last minute must hold before it can be a breach."""
WARNING_REQUESTS = 100
"""Canary requests of the last minute from which on its P95 means enough to warn of."""
ERROR_LINES_LIMIT = 5
"""Lines a minute."""


class ThresholdJudge:
    """Judges one step's bake by fixed limits.

    Args:
        step: canary's share, whole percent, 0 to 100; at 0 nothing is judged.
        bake: time to be observed.
        minimum_requests: canary requests needed in the bake; less than 1 is taken as 1 (no data is never a PASS).
        error_limit: share of failed requests that is still allowed, 0 to 1.
        p95_limit_ms: P95 that is still allowed; 1000 or 800 are exact, others as exact as a histogram bucket.
        arming_requests: canary requests of the last minute from which on a breach counts.
        p95_target_ms: P95 over which it is shown, and only shown.
        error_lines_limit: ERROR lines a minute over which it is shown, and only shown.
    """

    def __init__(
        self,
        step: int,
        bake: timedelta = timedelta(minutes=5),
        minimum_requests: int = 500,
        *,
        error_limit: float = ERROR_LIMIT,
        p95_limit_ms: float = P95_LIMIT_MS,
        arming_requests: int = ARMING_REQUESTS,
        p95_target_ms: float = P95_TARGET_MS,
        error_lines_limit: int = ERROR_LINES_LIMIT,
    ) -> None:
        self._step = step
        self._bake = bake
        self._minimum_requests = max(1, minimum_requests)
        self._error_limit = error_limit
        self._p95_limit_ms = p95_limit_ms
        self._arming_requests = arming_requests
        self._p95_target_ms = p95_target_ms
        self._error_lines_limit = error_lines_limit
        self._minute: deque[Tick] = deque()
        self._canary = Counts()
        """Canary's last minute."""
        self._stable = Counts()
        self._suppressed = 0
        self._whole = Counts()
        """Canary's counts since the bake began or started over, unobserved seconds included."""
        self._credit = 0
        """Canary requests of observed seconds in the bake."""
        self._observed_s = 0
        self._last_second: int | None = None
        self._breached_at: datetime | None = None
        """When the canary was last in breach; None where it never was."""
        self._breach = False
        self._failing = False
        """A breach happened and no healthy minute has come since."""
        self._verdict = self._judge()

    @classmethod
    def of(cls, settings: JudgeSettings) -> ThresholdJudge:
        """The judge for `settings` (a `JudgeFactory`)."""
        return cls(settings.step, settings.bake, settings.minimum_requests)

    @property
    def verdict(self) -> Verdict:
        """See `Judge.verdict`."""
        return self._verdict

    def tick(self, tick: Tick) -> Verdict:
        """See `Judge.tick`. A tick that is not newer than the last is left out."""
        if self._last_second is not None and tick.second <= self._last_second:
            return self._verdict
        self._last_second = tick.second
        self._minute.append(tick)
        self._canary.add(tick.canary)
        self._stable.add(tick.stable)
        self._suppressed += tick.suppressed
        while self._minute[0].second <= tick.second - MINUTE_S:
            old = self._minute.popleft()
            self._canary.subtract(old.canary)
            self._stable.subtract(old.stable)
            self._suppressed -= old.suppressed
        self._whole.add(tick.canary)
        if tick.observed:
            self._observed_s += 1
            self._credit += tick.canary.requests
        over = self._step > 0 and self._over(self._canary)
        self._breach = over and self._canary.requests >= self._arming_requests
        if self._breach:
            self._breached_at = self._now
            self._failing = True
        elif self._failing and not over and self._canary.requests:
            # a bake is five minutes without errors: what came before the healthy minute counts for nothing
            self._failing = False
            self._observed_s = 0
            self._credit = 0
            self._whole = Counts()
        self._verdict = self._judge()
        return self._verdict

    @property
    def _now(self) -> datetime | None:
        return None if self._last_second is None else datetime.fromtimestamp(self._last_second + 1, UTC)

    def _over(self, counts: Counts) -> bool:
        """Whether `counts` are over a limit."""
        rate, p95 = counts.error_rate, counts.quantile_ms(0.95)
        return (rate is not None and rate > self._error_limit) or (p95 is not None and p95 > self._p95_limit_ms)

    def _over_minute(self) -> str:
        """Which limit the last minute is over, in words."""
        rate = self._canary.error_rate or 0.0
        if rate > self._error_limit:
            return _(
                "{rate} errors in {requests} canary requests of the last minute, over the limit of {limit}"
            ).format(rate=percent(rate), requests=count(self._canary.requests), limit=percent(self._error_limit))
        return _("P95 of {p95} in {requests} canary requests of the last minute, over the limit of {limit}").format(
            p95=milliseconds(self._canary.quantile_ms(0.95) or 0.0),
            requests=count(self._canary.requests),
            limit=milliseconds(self._p95_limit_ms),
        )

    def _over_bake(self) -> str:
        """Which limit the whole bake is over, in words."""
        rate = self._whole.error_rate or 0.0
        if rate > self._error_limit:
            return _("{rate} errors in {requests} canary requests of this bake, over the limit of {limit}").format(
                rate=percent(rate), requests=count(self._whole.requests), limit=percent(self._error_limit)
            )
        return _("P95 of {p95} in {requests} canary requests of this bake, over the limit of {limit}").format(
            p95=milliseconds(self._whole.quantile_ms(0.95) or 0.0),
            requests=count(self._whole.requests),
            limit=milliseconds(self._p95_limit_ms),
        )

    def _judge(self) -> Verdict:
        needed = max(0, self._minimum_requests - self._credit) if self._step > 0 else 0
        done = self._step > 0 and not self._failing and not needed and self._observed_s >= self._bake.total_seconds()
        word, sentence = self._say(needed, done)
        if self._suppressed:
            sentence += " " + ngettext(
                "{count} log entry of the last minute was held back by the cloud.",
                "{count} log entries of the last minute were held back by the cloud.",
                self._suppressed,
            ).format(count=count(self._suppressed))
        return Verdict(
            word=word,
            sentence=sentence,
            at=self._now,
            attribution="canary" if word is Word.FAIL else None,
            canary=self._canary.copy(),
            stable=self._stable.copy(),
            evidence=self._evidence(needed),
            rules=self._rules(),
            breach=self._breach,
            observed=timedelta(seconds=self._observed_s),
            required=self._bake,
            requests_needed=needed,
            bake_done=done,
        )

    def _say(self, needed: int, done: bool) -> tuple[Word, str]:
        if self._step <= 0:
            return Word.INCONCLUSIVE, _("The canary gets no share of the traffic yet, so there is nothing to judge.")
        compared = self._compared()
        if self._breach:
            return Word.FAIL, f"{self._over_minute()}{compared}."
        if self._failing and self._breached_at is not None:
            return Word.FAIL, _(
                "Over a limit until {time} UTC, and no healthy minute since: {requests} canary requests in the last"
                " minute, of {arming} that an automatic rollback needs."
            ).format(
                time=f"{self._breached_at:%H:%M:%S}",
                requests=count(self._canary.requests),
                arming=count(self._arming_requests),
            )
        if self._whole.requests >= self._arming_requests and self._over(self._whole):
            if not self._over(self._canary):
                why = _("No automatic rollback: the last minute is within the limits.")
            else:
                why = _(
                    "No automatic rollback: the last minute has {requests} of the {arming} requests it takes."
                ).format(requests=count(self._canary.requests), arming=count(self._arming_requests))
            return Word.FAIL, f"{self._over_bake()}. {why}"
        p95 = self._canary.quantile_ms(0.95)
        slow = ""
        if p95 is not None and p95 > self._p95_target_ms and self._canary.requests >= WARNING_REQUESTS:
            slow = _("P95 of {p95} in the last minute is over the target of {target}.").format(
                p95=milliseconds(p95), target=milliseconds(self._p95_target_ms)
            )
        if done:
            whole = _("{rate} errors, P95 {p95} in {requests} canary requests over {time} observed{compared}.").format(
                rate=percent(self._whole.error_rate or 0.0),
                p95=milliseconds(self._whole.quantile_ms(0.95) or 0.0),
                requests=count(self._whole.requests),
                time=minutes(self._observed_s),
                compared=compared,
            )
            return Word.PASS, f"{whole} {slow}".rstrip()
        missing = self._missing(needed)
        return (Word.WARN, f"{slow} {missing}") if slow else (Word.INCONCLUSIVE, missing)

    def _missing(self, needed: int) -> str:
        """What the bake still waits for."""
        left = int(self._bake.total_seconds()) - self._observed_s
        parts = []
        if left > 0:
            parts.append(
                _("{left} of {bake} still to be observed").format(
                    left=minutes(left), bake=minutes(int(self._bake.total_seconds()))
                )
            )
        if needed:
            parts.append(
                ngettext("{count} canary request still needed", "{count} canary requests still needed", needed).format(
                    count=count(needed)
                )
            )
        sentence = _("{rate} so far; {missing}.").format(rate=self._so_far(), missing=", ".join(parts))
        if self._breached_at is not None:
            sentence += " " + _("The bake started over: the canary was over a limit until {time} UTC.").format(
                time=f"{self._breached_at:%H:%M:%S}"
            )
        return sentence

    def _so_far(self) -> str:
        rate = self._whole.error_rate
        if rate is None:
            return _("No canary request")
        return ngettext(
            "{rate} errors in {requests} canary request",
            "{rate} errors in {requests} canary requests",
            self._whole.requests,
        ).format(rate=percent(rate), requests=count(self._whole.requests))

    def _compared(self) -> str:
        rate = self._stable.error_rate
        if rate is None:
            return ""
        return _("; stable {rate} in {requests}").format(rate=percent(rate), requests=count(self._stable.requests))

    def _evidence(self, needed: int) -> tuple[Evidence, ...]:
        rate, p95 = self._canary.error_rate, self._canary.quantile_ms(0.95)
        bake_s = int(self._bake.total_seconds())
        wanted = self._minimum_requests
        return (
            Evidence(
                name=_("error rate"),
                value="-" if rate is None else percent(rate),
                limit=percent(self._error_limit),
                fill=_fill(rate or 0.0, self._error_limit),
                against=True,
            ),
            Evidence(
                name="P95",
                value="-" if p95 is None else milliseconds(p95),
                limit=milliseconds(self._p95_limit_ms),
                fill=_fill(p95 or 0.0, self._p95_limit_ms),
                against=True,
            ),
            Evidence(
                name=_("time observed"),
                value=minutes(self._observed_s),
                limit=minutes(bake_s),
                fill=_fill(self._observed_s, bake_s),
                against=False,
            ),
            Evidence(
                name=_("canary requests"),
                value=count(self._credit),
                limit=count(wanted),
                fill=_fill(wanted - needed, wanted) if self._step > 0 else 0.0,
                against=False,
            ),
        )

    def _rules(self) -> tuple[RuleReading, ...]:
        rate, p95 = self._canary.error_rate, self._canary.quantile_ms(0.95)
        # of a busy log only a share of the lines is read; the runbook's limit is on all of them
        lines = round(sum(tick.canary.error_lines / tick.canary_sampling for tick in self._minute))
        stable_lines = round(sum(tick.stable.error_lines / tick.stable_sampling for tick in self._minute))
        none = _("no request")
        latency = none if p95 is None else milliseconds(p95)
        return (
            RuleReading(
                rule=_("error rate > {limit}").format(limit=percent(self._error_limit)),
                value=none
                if rate is None
                else _("{rate} of {requests}").format(rate=percent(rate), requests=count(self._canary.requests)),
                crossed=rate is not None and rate > self._error_limit,
                arms=True,
            ),
            RuleReading(
                rule=_("latency P95 > {limit}").format(limit=milliseconds(self._p95_limit_ms)),
                value=latency,
                crossed=p95 is not None and p95 > self._p95_limit_ms,
                arms=True,
                latency=True,
            ),
            RuleReading(
                rule=_("latency P95 > {limit} (target)").format(limit=milliseconds(self._p95_target_ms)),
                value=latency,
                crossed=p95 is not None and p95 > self._p95_target_ms,
                arms=False,
                latency=True,
            ),
            RuleReading(
                rule=_("ERROR lines > {limit} a minute").format(limit=self._error_lines_limit),
                value=_("canary {canary}, stable {stable}").format(canary=count(lines), stable=count(stable_lines)),
                crossed=lines > self._error_lines_limit,
                arms=False,
            ),
        )


def _fill(value: float, limit: float) -> float:
    return 1.0 if limit <= 0 else max(0.0, min(1.0, value / limit))
