"""The sequential judge: a verdict every second that may be watched all day (docs/verdict.md).

Runs the tests of `console.verdict.detectors` on closed seconds and says what they mean for the release. Pure;
standard library only. In order, each second:

1. A test alarms: **FAIL** of the canary where the relative test alarmed or plain relative evidence reaches 7; else
   **SHARED BREACH** where the stable's own evidence stands at 20 or more now; else **FAIL**, unattributed (the
   runbook's rule: roll back). FAIL latches until the bake ends; SHARED BREACH may still become FAIL.
2. The canary gets fewer requests than its share, or the stream has gaps: **INCONCLUSIVE**, no data.
3. The bake is observed, no test that can fail the canary stands at 10 or more, and the evidence that it keeps both
   limits reaches 20: **PASS**.
4. Else **INCONCLUSIVE** with the requests still needed, or **WARN** where the bake still goes on and a test stands
   at 20.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, log

from console.verdict.base import Counts, Evidence, Tick, Verdict, Word
from console.verdict.detectors import ALARM, FAST_ALARM, GRACE_S, PASSING, Comparison, Detectors, Kind
from console.verdict.figures import count, milliseconds, minutes, odds, percent
from console.words import _

NOTICE = 20.0
"""Evidence worth an amber WARN."""
QUIET = 10.0
"""No test that can fail the canary may stand at this or more for a PASS."""
BLAME = 7.0
"""Plain relative evidence from which on a breach is the canary's own."""
SHARED = 20.0
"""Plain evidence against the stable itself from which on a breach is shared."""
PASS_REQUESTS = 384
"""Canary requests that a PASS needs at the least, whatever the evidence."""
GAP_WINDOW_S = 30
GAP_LIMIT_S = 10
"""So many of the last GAP_WINDOW_S seconds with a gap or with entries held back: the stream is lossy."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A test that stands at its threshold or above."""

    test: str
    """`fast`, `grace`, `relative` or `absolute`."""
    kind: Kind
    evidence: float
    threshold: float


class Run:
    """Counts since the evidence of one kind of event last stood at nothing: what an alarm speaks of."""

    def __init__(self) -> None:
        self.seconds = 0
        self.canary = Counts()
        self.stable = Counts()

    def tick(self, tick: Tick, evidence: float) -> None:
        """Take in one second, after the evidence was brought up to date with it."""
        if evidence < 1.0:
            self.seconds = 0
            self.canary = Counts()
            self.stable = Counts()
            return
        self.seconds += 1
        self.canary.add(tick.canary)
        self.stable.add(tick.stable)


class SequentialJudge:
    """Judges one bake, or one watch, by anytime-valid tests.

    Args:
        share: canary's nominal share of the requests, 0 to 1.
        bake: time that must be observed.
        grace_s: see `Detectors`.
        horizon: ticks; None takes the bake's seconds.
        minimum_requests: canary requests that a PASS needs besides the evidence; PASS_REQUESTS at the least.
    """

    def __init__(
        self,
        share: float,
        bake: timedelta = timedelta(minutes=5),
        *,
        grace_s: int = GRACE_S,
        horizon: int | None = None,
        minimum_requests: int = 0,
    ) -> None:
        self._share = share
        self._bake = bake
        self._minimum = max(PASS_REQUESTS, minimum_requests)
        self._detectors = Detectors(share, horizon or max(1, int(bake.total_seconds())), grace_s)
        self._runs = {kind: Run() for kind in Kind}
        self._canary = Counts()
        self._stable = Counts()
        self._credit = 0
        self._observed_s = 0
        self._gaps: deque[bool] = deque(maxlen=GAP_WINDOW_S)
        self._at: datetime | None = None
        self._last_second: int | None = None
        self._latched: tuple[str, str] | None = None
        """(attribution, sentence) of a FAIL."""
        self._verdict = self._judge()

    @property
    def verdict(self) -> Verdict:
        """See `Judge.verdict`."""
        return self._verdict

    def tick(self, tick: Tick) -> Verdict:
        """See `Judge.tick`. A tick that is not newer than the last is left out."""
        if self._take(tick):
            self._verdict = self._judge()
        return self._verdict

    def feed(self, ticks: Iterable[Tick]) -> Verdict:
        """Take in many ticks as `tick` would, and say what they mean once, at their end: a day's are read again fast.

        Args:
            ticks: in rising order of `second`.
        """
        for tick in ticks:
            alarmed = self._take(tick) and self._latched is None
            if alarmed and any(standing.evidence >= standing.threshold for standing in self._standings()):
                self._judge()  # a FAIL latches at its own second
        self._verdict = self._judge()
        return self._verdict

    def _take(self, tick: Tick) -> bool:
        """Bring the evidence up to date; False where the tick is not newer than the last."""
        if self._last_second is not None and tick.second <= self._last_second:
            return False
        self._last_second = tick.second
        self._at = datetime.fromtimestamp(tick.second + 1, UTC)
        detectors = self._detectors
        detectors.tick(tick)
        for kind, comparison in self._comparisons():
            evidence = max(comparison.absolute, comparison.relative)
            if kind is Kind.ERRORS:
                evidence = max(evidence, detectors.fast, detectors.grace)
            self._runs[kind].tick(tick, evidence)
        self._canary.add(tick.canary)
        self._stable.add(tick.stable)
        whole = tick.observed and not tick.suppressed
        self._gaps.append(not whole)
        if tick.observed:
            self._observed_s += 1
        if whole and not detectors.in_grace:
            self._credit += tick.canary.requests
        return True

    def _comparisons(self) -> tuple[tuple[Kind, Comparison], ...]:
        detectors = self._detectors
        return (
            (Kind.ERRORS, detectors.errors),
            (Kind.SLOW, detectors.slow),
            (Kind.VERY_SLOW, detectors.very_slow),
        )

    def _standings(self) -> tuple[Alarm, ...]:
        """Every test that can fail the canary, and where it stands."""
        detectors = self._detectors
        return (
            Alarm("relative", Kind.ERRORS, detectors.errors.relative, ALARM),
            Alarm("fast", Kind.ERRORS, detectors.fast, FAST_ALARM),
            Alarm("grace", Kind.ERRORS, detectors.grace, ALARM),
            Alarm("absolute", Kind.ERRORS, detectors.errors.absolute, ALARM),
            Alarm("relative", Kind.SLOW, detectors.slow.relative, ALARM),
            Alarm("absolute", Kind.VERY_SLOW, detectors.very_slow.absolute, ALARM),
            Alarm("absolute", Kind.SLOW, detectors.slow.absolute, ALARM),
        )

    def _judge(self) -> Verdict:
        standings = self._standings()
        needed = self._requests_needed()
        over = self._observed_s >= self._bake.total_seconds()
        word, attribution, sentence = self._say(standings, needed, over)
        no_data = word is Word.INCONCLUSIVE and bool(self._silent())
        return Verdict(
            word=word,
            sentence=sentence,
            at=self._at,
            attribution=attribution,
            canary=self._canary.copy(),
            stable=self._stable.copy(),
            evidence=self._bars(standings),
            breach=word is Word.FAIL,
            observed=timedelta(seconds=self._observed_s),
            required=self._bake,
            requests_needed=needed or 0,
            bake_done=word is Word.PASS,
            clear=word in (Word.PASS, Word.INCONCLUSIVE) and not no_data and self._quiet(standings),
            no_data=no_data,
        )

    @staticmethod
    def _quiet(standings: tuple[Alarm, ...]) -> bool:
        return all(standing.evidence < QUIET for standing in standings)

    def _say(self, standings: tuple[Alarm, ...], needed: int | None, over: bool) -> tuple[Word, str | None, str]:
        if self._share <= 0:
            return Word.INCONCLUSIVE, None, _("The canary gets no share of the traffic yet: there is nothing to judge.")
        if self._latched is not None:
            return Word.FAIL, *self._latched
        alarms = [standing for standing in standings if standing.evidence >= standing.threshold]
        if alarms:
            alarm = alarms[0]
            comparison = dict(self._comparisons())[alarm.kind]
            if alarm.test == "relative" or comparison.blame >= BLAME:
                self._latched = ("canary", self._failed(alarm))
                return Word.FAIL, *self._latched
            if comparison.shared >= SHARED:
                return Word.SHARED_BREACH, None, self._shared(alarm)
            self._latched = ("unattributed", self._failed(alarm))
            return Word.FAIL, *self._latched
        silent = self._silent()
        if silent:
            return Word.INCONCLUSIVE, None, silent
        loudest = max(standings, key=lambda standing: standing.evidence)
        passed = needed == 0 and self._quiet(standings)
        if over:
            if passed:
                return Word.PASS, None, self._passed(loudest)
            return Word.INCONCLUSIVE, None, self._undecided(needed, loudest)
        notice = self._notice(loudest)
        if notice:
            return Word.WARN, None, notice
        return Word.INCONCLUSIVE, None, self._undecided(needed, loudest)

    # -- sentences ---------------------------------------------------------------------------------------------

    def _failed(self, alarm: Alarm) -> str:
        return _("{what}, odds {odds} : 1 (fails at {threshold}). It stands until the bake ends.").format(
            what=self._compared(alarm.kind, alarm.test), odds=odds(alarm.evidence), threshold=odds(alarm.threshold)
        )

    def _shared(self, alarm: Alarm) -> str:
        return _(
            "{what}, odds {odds} : 1; the stable fails alike. FAIL if the canary gets worse; over when both"
            " keep the limit."
        ).format(what=self._compared(alarm.kind, alarm.test), odds=odds(alarm.evidence))

    def _passed(self, loudest: Alarm) -> str:
        errors, slow = self._detectors.errors.passing, self._detectors.slow.passing
        return _(
            "{errors} of {requests} failed, stable {stable}: under 1 % at odds of {error_odds} : 1; {slow} took over"
            " 800 ms: under 5 % at {slow_odds} : 1. A test at {threshold} : 1 would change it; the nearest is at"
            " {nearest}."
        ).format(
            errors=percent(self._canary.error_rate or 0.0),
            requests=count(self._canary.requests),
            error_odds=odds(errors),
            slow=percent(_share(self._canary.over_800ms, self._canary.requests)),
            slow_odds=odds(slow),
            stable=self._rate_of(self._stable, Kind.ERRORS),
            threshold=odds(loudest.threshold),
            nearest=odds(loudest.evidence),
        )

    def _undecided(self, needed: int | None, loudest: Alarm) -> str:
        parts = []
        left = int(self._bake.total_seconds()) - self._observed_s
        if left > 0:
            parts.append(_("{left} more to observe").format(left=minutes(left)))
        if needed:
            parts.append(_("about {count} more canary requests").format(count=count(needed)))
        if needed is None:
            parts.append(_("a lower rate, for at this one no number of requests is enough"))
        if loudest.evidence >= QUIET:
            parts.append(
                _("{test} under {quiet} : 1 (now {odds})").format(
                    test=self._name(loudest), odds=odds(loudest.evidence), quiet=odds(QUIET)
                )
            )
        rate = self._rate_of(self._canary, Kind.ERRORS)
        if not self._canary.requests:
            return _("No canary request yet. A PASS needs {missing}.").format(missing=", ".join(parts))
        return _("{rate} failed. A PASS needs {missing}.").format(
            rate=rate, missing=", ".join(parts) or _("the next second")
        )

    def _notice(self, loudest: Alarm) -> str:
        if loudest.evidence >= NOTICE:
            return _("{what}, odds {odds} : 1; fails at {threshold}.").format(
                what=self._compared(loudest.kind, loudest.test),
                odds=odds(loudest.evidence),
                threshold=odds(loudest.threshold),
            )
        detectors = self._detectors
        if detectors.lines >= NOTICE:
            return _(
                "ERROR lines: {canary} of {requests} canary requests, stable {stable} of {stable_requests}, odds"
                " {odds} : 1. Lines alone never fail a canary."
            ).format(
                canary=count(self._canary.error_traces),
                requests=count(self._canary.requests),
                stable=count(self._stable.error_traces),
                stable_requests=count(self._stable.requests),
                odds=odds(detectors.lines),
            )
        if detectors.shifted >= NOTICE:
            return _(
                "Slower than the stable: P95 {canary}, stable {stable}, odds {odds} : 1. Within the limits it never"
                " fails a canary."
            ).format(
                canary=milliseconds(self._canary.quantile_ms(0.95) or 0.0),
                stable=milliseconds(self._stable.quantile_ms(0.95) or 0.0),
                odds=odds(detectors.shifted),
            )
        return ""

    def _silent(self) -> str:
        if not self._canary.requests and self._observed_s >= GAP_LIMIT_S:
            return _("No data: no canary request in {time}. Check that the canary gets traffic.").format(
                time=minutes(self._observed_s)
            )
        if self._detectors.silent >= FAST_ALARM:
            return _(
                "No data: the canary gets {share} of the requests, far under its {nominal} (odds {odds} : 1). Check the"
                " split, and that the canary answers."
            ).format(
                share=percent(_share(self._canary.requests, self._canary.requests + self._stable.requests)),
                nominal=percent(self._share),
                odds=odds(self._detectors.silent),
            )
        gaps = sum(self._gaps)
        if gaps >= GAP_LIMIT_S:
            return _(
                "No data: {gaps} of the log stream's last {window} s have gaps or entries held back. The bake waits for"
                " a whole stream."
            ).format(gaps=gaps, window=len(self._gaps))
        return ""

    def _compared(self, kind: Kind, test: str) -> str:
        run = self._runs[kind]
        canary, stable = self._rate_of(run.canary, kind), self._rate_of(run.stable, kind)
        time = minutes(run.seconds)
        sentences = {
            Kind.ERRORS: _("{canary} failed in {time}, stable {stable}"),
            Kind.SLOW: _("{canary} took over 800 ms in {time}, stable {stable}"),
            Kind.VERY_SLOW: _("{canary} took over 1 s in {time}, stable {stable}"),
        }
        limits = {
            "fast": _("test over 30 %"),
            "grace": _("test over 10 % at the start"),
            "relative": _("test against stable"),
            "absolute": _("test over 1 %") if kind is Kind.ERRORS else _("test over 5 %"),
        }
        return f"{sentences[kind].format(canary=canary, stable=stable, time=time)}; {limits[test]}"

    @staticmethod
    def _rate_of(counts: Counts, kind: Kind) -> str:
        events = {Kind.ERRORS: counts.errors, Kind.SLOW: counts.over_800ms, Kind.VERY_SLOW: counts.over_1s}[kind]
        if not counts.requests:
            return _("no requests")
        return _("{rate} of {requests}").format(rate=percent(events / counts.requests), requests=count(counts.requests))

    @staticmethod
    def _name(alarm: Alarm) -> str:
        return {
            Kind.ERRORS: _("the error test"),
            Kind.SLOW: _("the test for over 800 ms"),
            Kind.VERY_SLOW: _("the test for over 1 s"),
        }[alarm.kind]

    # -- what a PASS still needs -------------------------------------------------------------------------------

    def _requests_needed(self) -> int | None:
        """Canary requests that a PASS still needs, about; 0 where enough, None where this rate can never pass."""
        needed = self._minimum - self._credit
        canary = self._canary
        detectors = self._detectors
        for comparison, events in ((detectors.errors, canary.errors), (detectors.slow, canary.over_800ms)):
            missing = log(PASSING) - log(max(comparison.passing, 1e-300))
            if missing <= 0:
                continue
            # as many imagined requests as a PASS takes keep the first error from reading as a rate that cannot pass
            gain = comparison.passing_gain((events + 0.4) / (canary.requests + 400))
            if gain <= 0:
                return None
            needed = max(needed, ceil(missing / gain))
        return max(0, needed)

    def _bars(self, standings: tuple[Alarm, ...]) -> tuple[Evidence, ...]:
        def against(name: str, alarms: list[Alarm]) -> Evidence:
            nearest = max(alarms, key=lambda alarm: log(max(alarm.evidence, 1e-9)) / log(alarm.threshold))
            return Evidence(
                name=name,
                value=odds(nearest.evidence),
                limit=f"{odds(nearest.threshold)} : 1",
                fill=_fill(nearest.evidence, nearest.threshold),
                against=True,
            )

        def for_it(name: str, evidence: float) -> Evidence:
            return Evidence(
                name=name,
                value=odds(evidence),
                limit=f"{odds(PASSING)} : 1",
                fill=_fill(evidence, PASSING),
                against=False,
            )

        bake_s = int(self._bake.total_seconds())
        errors = [s for s in standings if s.kind is Kind.ERRORS]
        return (
            against(_("errors over stable"), [s for s in errors if s.test == "relative"]),
            against(_("errors over limit"), [s for s in errors if s.test != "relative"]),
            against(_("too slow"), [s for s in standings if s.kind is not Kind.ERRORS]),
            for_it(_("errors under 1 %"), self._detectors.errors.passing),
            for_it(_("slow under 5 %"), self._detectors.slow.passing),
            Evidence(
                name=_("time observed"),
                value=minutes(self._observed_s),
                limit=minutes(bake_s),
                fill=min(1.0, self._observed_s / bake_s) if bake_s else 1.0,
                against=False,
            ),
        )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _fill(evidence: float, threshold: float) -> float:
    return max(0.0, min(1.0, log(max(evidence, 1e-9)) / log(threshold)))
