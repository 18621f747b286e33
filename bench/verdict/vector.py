"""The product's judge, run for many bakes at once: numpy arrays where the product has floats.

The same recursion, parameters and order as `console.verdict.evidence`, `detectors` and `sequential`, with constants
read from there; tests/bench/test_vector_is_the_product.py holds it equal to the product second by second. Arrays are
(alternatives, runs) or (runs,). Left out, and without any say in PASS, FAIL and SHARED BREACH: the two tests that only
WARN (ERROR lines, shifted latency).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.verdict.worlds import CANARY_SHARE, Bools, Floats, Ints, Streams
from console.verdict import detectors, sequential
from console.verdict.base import Word
from console.verdict.detectors import ALARM, FAST_ALARM, PASSING, Parameters
from console.verdict.evidence import CEILING, FAST, MAX_STEP, START, Cap
from console.verdict.evidence import SLOW as SLOW_CAP

INCONCLUSIVE, WARN, PASS, SHARED, FAIL_UNATTRIBUTED, FAIL_CANARY = range(6)
MEANING: dict[int, tuple[Word, str | None]] = {
    INCONCLUSIVE: (Word.INCONCLUSIVE, None),
    WARN: (Word.WARN, None),
    PASS: (Word.PASS, None),
    SHARED: (Word.SHARED_BREACH, None),
    FAIL_UNATTRIBUTED: (Word.FAIL, "unattributed"),
    FAIL_CANARY: (Word.FAIL, "canary"),
}
"""What the codes in `Judge.word` mean: (word, attribution)."""


class Mixture:
    """`evidence.Mixture` for many runs; runs outside `where` stay as they are."""

    def __init__(self, size: int, runs: int, horizon: int, cap: Cap | None) -> None:
        self._cap = cap
        self._evidence = np.zeros((size, runs))
        self._levels = np.full((size, runs), cap.level if cap else 0.0, dtype=np.float64)
        self._start = np.full(runs, START)
        self._left = np.ones(runs)
        self._later = (1.0 - START) / horizon
        self.value = np.ones(runs)

    def step(self, increments: Floats, where: Bools | None = None) -> Floats:
        """Take in one tick of log L, (alternatives, runs); `increments` is used up."""
        before = None if where is None else (self._evidence.copy(), self._levels.copy(), self._left, self.value)
        start = np.minimum(self._start, self._left)
        left = self._left - start
        evidence, levels, cap = self._evidence, self._levels, self._cap
        if cap is None:
            np.minimum(increments, MAX_STEP, out=increments)
        else:
            np.minimum(increments, levels, out=increments)
            levels -= np.maximum(increments, 0.0)
            levels += cap.rate
            np.minimum(levels, cap.level, out=levels)
        evidence += start
        with np.errstate(over="ignore"):
            evidence *= np.exp(increments, out=increments)
        np.minimum(evidence, CEILING, out=evidence)
        value = evidence.sum(axis=0) / len(evidence) + left
        if where is None or before is None:
            self._left, self.value = left, value
            self._start = np.full_like(start, self._later)
        else:
            self._evidence = np.where(where, evidence, before[0])
            self._levels = np.where(where, levels, before[1])
            self._left = np.where(where, left, before[2])
            self.value = np.where(where, value, before[3])
            self._start = np.where(where, self._later, self._start)
        return self.value


class Recent:
    """`evidence.Recent` for many runs."""

    def __init__(self, size: int, runs: int) -> None:
        self._evidence = np.ones((size, runs))
        self.value = np.ones(runs)

    def step(self, increments: Floats, where: Bools | None = None) -> Floats:
        """Take in one tick of log L, (alternatives, runs), of every run."""
        assert where is None, "it runs from the first second on"
        with np.errstate(over="ignore"):
            grown = np.maximum(self._evidence, 1.0) * np.exp(np.minimum(increments, MAX_STEP))
        self._evidence = np.minimum(grown, CEILING)
        self.value = self._evidence.sum(axis=0) / len(grown)
        return self.value


class RateAbove:
    """`evidence.RateAbove` for many runs."""

    def __init__(
        self, null: float, grid: tuple[float, ...], runs: int, horizon: int | None, cap: Cap | None = SLOW_CAP
    ) -> None:
        shares = np.array(grid)[:, None]
        self._hit, self._miss = np.log(shares / null), np.log((1 - shares) / (1 - null))
        self.mixture = Recent(len(grid), runs) if horizon is None else Mixture(len(grid), runs, horizon, cap)

    def tick(self, events: Floats, requests: Floats, where: Bools | None = None) -> Floats:
        """Take in one second's counts, (runs,); the evidence after it."""
        return self.mixture.step(events * self._hit + (requests - events) * self._miss, where)


class OddsAbove:
    """`evidence.OddsAbove` for many runs."""

    def __init__(
        self, null: float, grid: tuple[float, ...], runs: int, horizon: int, cap: Cap | None = SLOW_CAP
    ) -> None:
        self._null = null
        self._r = np.array(grid)[:, None] / null
        self._log_r = np.log(self._r)
        self._events = np.zeros(runs)
        self._requests = np.zeros(runs)
        self.mixture = Mixture(len(grid), runs, horizon, cap)

    def tick(
        self, canary_events: Floats, canary: Floats, stable_events: Floats, stable: Floats, where: Bools | None = None
    ) -> Floats:
        """Take in one second's counts, (runs,); the evidence after it."""
        events, requests = stable_events + self._events, stable + self._requests
        some = canary > 0
        asked = np.ones_like(some) if where is None else where
        self._events = np.where(asked, np.where(some, 0.0, events), self._events)
        self._requests = np.where(asked, np.where(some, 0.0, requests), self._requests)
        weight = self._null * canary
        rho = weight / np.maximum(weight + requests, 1e-300)
        total = canary_events + events
        increments = canary_events * self._log_r - total * np.log(1.0 - rho + rho * self._r)
        return self.mixture.step(np.where(some & (total > 0), increments, 0.0), where)


class RateBelow:
    """`evidence.RateBelow` for many runs."""

    def __init__(self, null: float, grid: tuple[float, ...], runs: int) -> None:
        shares = np.array(grid)[:, None]
        self._hit, self._miss = np.log(shares / null), np.log((1 - shares) / (1 - null))
        self._logs = np.zeros((len(grid), runs))
        self.value = np.ones(runs)

    def tick(self, events: Floats, requests: Floats, where: Bools | None = None) -> Floats:
        """Take in one second's counts, (runs,); the evidence after it."""
        gain = events * self._hit + (requests - events) * self._miss
        self._logs += gain if where is None else np.where(where, gain, 0.0)
        self.value = np.exp(np.minimum(self._logs, MAX_STEP)).sum(axis=0) / len(self._logs)
        return self.value


class Comparison:
    """`detectors.Comparison` for many runs.

    Args:
        parameters: nulls and alternatives.
        runs: how many bakes.
        horizon: ticks.
        alarms_only: leave out what decides blame and PASS.
    """

    def __init__(self, parameters: Parameters, runs: int, horizon: int, *, alarms_only: bool = False) -> None:
        p = parameters
        self._alarms_only = alarms_only
        self._absolute = RateAbove(p.null, p.grid, runs, horizon)
        self._relative = OddsAbove(p.odds, p.odds_grid, runs, horizon)
        self._floor = RateAbove(p.floor, p.floor_grid, runs, horizon)
        self._blame = OddsAbove(p.odds, p.odds_grid, runs, horizon, None)
        self._stable = RateAbove(p.null, p.grid, runs, None)
        self._passing = RateBelow(p.null, p.passing, runs)
        self.absolute = self.relative = self.blame = self.shared = self.passing = np.ones(runs)

    def tick(
        self, canary_events: Floats, canary: Floats, stable_events: Floats, stable: Floats, after: Bools | None
    ) -> None:
        """Take in one second. `after`: the runs whose grace is over; None: all."""
        if not self._alarms_only:
            self.blame = self._blame.tick(canary_events, canary, stable_events, stable)
            self.shared = self._stable.tick(stable_events, stable)
        if after is not None and not after.any():
            return
        self.absolute = self._absolute.tick(canary_events, canary, after)
        relative = self._relative.tick(canary_events, canary, stable_events, stable, after)
        self.relative = np.minimum(relative, self._floor.tick(canary_events, canary, after))
        if not self._alarms_only:
            self.passing = self._passing.tick(canary_events, canary, after)


class Judge:
    """`sequential.SequentialJudge` for many runs, every second whole and observed.

    Args:
        runs: how many bakes.
        grace_s: see the product.
        horizon: ticks; the bake ends there too.
        latency: whether the latency tests run.
        alarms_only: leave out what decides blame and PASS; `word` is then of no use, `standing` is.
    """

    def __init__(
        self,
        runs: int,
        *,
        grace_s: int = detectors.GRACE_S,
        horizon: int = 300,
        latency: bool = True,
        alarms_only: bool = False,
        share: float = CANARY_SHARE,
    ) -> None:
        self.errors = Comparison(detectors.ERRORS, runs, horizon, alarms_only=alarms_only)
        self.slow = Comparison(detectors.SLOW, runs, horizon, alarms_only=alarms_only)
        self.very_slow = Comparison(detectors.SLOW, runs, horizon, alarms_only=alarms_only)
        self._fast = RateAbove(detectors.FAST_NULL, detectors.FAST_GRID, runs, horizon, FAST)
        self._grace = RateAbove(detectors.GRACE_NULL, detectors.GRACE_GRID, runs, horizon)
        self._silence = RateAbove(share, tuple(share * part for part in detectors.SILENT_PARTS), runs, horizon)
        self._bake_s = horizon
        self._latency = latency
        self.alarms_only = alarms_only
        self._grace_left = np.full(runs, grace_s)
        self._started = np.zeros(runs, dtype=bool)
        self._latched = np.zeros(runs, dtype=np.int64)
        self._any = np.zeros(runs, dtype=bool)
        self.seconds = 0
        self.fast = self.grace = self.silent = np.ones(runs)
        self.standing = np.ones(runs)
        """Largest of all evidence that can fail the canary, on the scale of the slow tests' threshold."""
        self.credit = np.zeros(runs)
        """Canary requests that count toward a PASS."""
        self.word: Ints = np.zeros(runs, dtype=np.int64)
        """Verdict after the latest second, a key of `MEANING`."""

    def tick(self, streams: Streams, second: int) -> None:
        """Take in row `second` of `streams`."""
        canary = streams.canary[second].astype(np.float64)
        stable = streams.stable[second].astype(np.float64)
        failed = streams.canary_errors[second].astype(np.float64)
        during = self._grace_left > 0
        after = ~during if during.any() else None
        self.errors.tick(failed, canary, streams.stable_errors[second].astype(np.float64), stable, after)
        if self._latency:
            for comparison, canary_events, stable_events in (
                (self.slow, streams.canary_slow, streams.stable_slow),
                (self.very_slow, streams.canary_very_slow, streams.stable_very_slow),
            ):
                comparison.tick(
                    canary_events[second].astype(np.float64),
                    canary,
                    stable_events[second].astype(np.float64),
                    stable,
                    after,
                )
        self.fast = self._fast.tick(failed, canary)
        self._started |= canary > 0
        if after is not None:
            self.grace = np.where(during, self._grace.tick(failed, canary, during), self.grace)
            self._grace_left = np.where(during & self._started, self._grace_left - 1, self._grace_left)
            self.grace = np.where(during & (self._grace_left == 0), 0.0, self.grace)
        self.seconds += 1
        self._stand()
        if not self.alarms_only:
            self.silent = self._silence.tick(canary, canary + stable)
            self._any |= canary > 0
            self.credit += np.where(self._grace_left == 0, canary, 0.0)
            self._say()

    def _stand(self) -> None:
        parts = [self.errors.absolute, self.errors.relative, self.grace, self.fast * (ALARM / FAST_ALARM)]
        if self._latency:
            parts += [self.slow.absolute, self.slow.relative, self.very_slow.absolute]
        self.standing = np.maximum.reduce(parts)

    @property
    def passing(self) -> Bools:
        """Whether the evidence would do for a PASS, were the bake over."""
        enough = (self.credit >= sequential.PASS_REQUESTS) & (self.errors.passing >= PASSING)
        if self._latency:
            enough &= self.slow.passing >= PASSING
        loudest = np.maximum(self.standing, self.fast)
        return enough & (loudest < sequential.QUIET) & ~self._quiet

    @property
    def _quiet(self) -> Bools:
        """Runs whose canary is silent."""
        nothing = ~self._any & (self.seconds >= sequential.GAP_LIMIT_S)
        return nothing | (self.silent >= FAST_ALARM)

    def _say(self) -> None:
        """`SequentialJudge._say`: the first alarm in the product's order decides whose fault it is."""
        errors, slow, very_slow = self.errors, self.slow, self.very_slow
        if (self.standing >= ALARM).any():
            alarms = [
                (errors.relative >= ALARM, errors, True),
                (self.fast >= FAST_ALARM, errors, False),
                (self.grace >= ALARM, errors, False),
                (errors.absolute >= ALARM, errors, False),
                (slow.relative >= ALARM, slow, True),
                (very_slow.absolute >= ALARM, very_slow, False),
                (slow.absolute >= ALARM, slow, False),
            ]
            said = np.select(
                [alarm for alarm, _comparison, _relative in alarms],
                [
                    np.full_like(self.word, FAIL_CANARY)
                    if relative
                    else np.select(
                        [comparison.blame >= sequential.BLAME, comparison.shared >= sequential.SHARED],
                        [FAIL_CANARY, SHARED],
                        FAIL_UNATTRIBUTED,
                    )
                    for _alarm, comparison, relative in alarms
                ],
                INCONCLUSIVE,
            )
        else:
            said = np.zeros_like(self.word)
        self._latched = np.where((self._latched == 0) & (said >= FAIL_UNATTRIBUTED), said, self._latched)
        loudest = np.maximum(self.standing, self.fast)
        if self.seconds >= self._bake_s:
            calm = np.where(self.passing, PASS, INCONCLUSIVE)
        else:
            calm = np.where(loudest >= sequential.NOTICE, WARN, INCONCLUSIVE)
        calm = np.where(self._quiet, INCONCLUSIVE, calm)
        self.word = np.where(self._latched > 0, self._latched, np.where(said > 0, said, calm))


@dataclass(slots=True)
class Judged:
    """What the judge said of each run. Seconds count from 1, the end of the first tick; infinity where never."""

    failed_at: Floats
    """First FAIL."""
    blamed: Bools
    """Whether that FAIL was attributed to the canary."""
    shared_at: Floats
    """First SHARED BREACH, before any FAIL."""
    final: Ints
    """Verdict at the end of the bake, a key of `MEANING`."""
    fewest_at_pass: float
    """Fewest canary requests read when the evidence first would have done for a PASS, of all runs."""
    crossed_at: list[Floats]
    """First second at which `Judge.standing` reached each threshold asked for."""
    peak: Floats
    """Largest `Judge.standing` within the bake."""


def run(streams: Streams, judge: Judge, *, bake_s: int = 300, thresholds: tuple[float, ...] = (ALARM,)) -> Judged:
    """Let `judge` judge every bake in `streams`, past the bake's end where they go on.

    Stops once every run has failed (has crossed every threshold, for a judge of alarms only).
    """
    runs = streams.runs
    failed_at, shared_at = np.full(runs, np.inf), np.full(runs, np.inf)
    crossed_at = [np.full(runs, np.inf) for _threshold in thresholds]
    blamed, passed = np.zeros(runs, dtype=bool), np.zeros(runs, dtype=bool)
    peak, read = np.zeros(runs), np.zeros(runs)
    fewest = np.inf
    final = np.zeros(runs, dtype=np.int64)
    for second in range(streams.seconds):
        judge.tick(streams, second)
        read += streams.canary[second]
        word, now = judge.word, second + 1
        fresh = (word >= FAIL_UNATTRIBUTED) & np.isinf(failed_at)
        failed_at[fresh] = now
        blamed[fresh] = word[fresh] == FAIL_CANARY
        shared_at[(word == SHARED) & np.isinf(shared_at)] = now
        for threshold, at in zip(thresholds, crossed_at, strict=True):
            at[(judge.standing >= threshold) & np.isinf(at)] = now
        newly = judge.passing & ~passed
        if newly.any():
            fewest = min(fewest, float(read[newly].min()))
            passed |= newly
        if now <= bake_s:
            peak = np.maximum(peak, judge.standing)
        if now == bake_s:
            final = word.copy()
        if np.isfinite(crossed_at if judge.alarms_only else failed_at).all():
            final = word.copy() if now < bake_s else final
            break
    return Judged(failed_at, blamed, shared_at, final, fewest, crossed_at, peak)
