"""Evidence that may be watched all day: anytime-valid tests on one-second ticks.

Each detector multiplies one-tick e-values (E[L | past] <= 1 under its null hypothesis), averaged over a grid of
alternatives and over the tick at which a fault may have begun, so that P(the evidence ever reaches 1/alpha) <= alpha
under the null, however often one looks and however one stops (Ville 1939; e-detectors: Shin, Ramdas & Rinaldo,
arXiv 2203.03532). Formulas and guarantees: docs/verdict.md. Standard library only; knows nothing of verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

CEILING = 1e300
"""Evidence is not kept above this. Lowering an e-process keeps it one."""
MAX_STEP = 600.0
"""Nats of one tick that are kept, so that `exp` cannot overflow."""
START = 0.8
"""Weight of the first tick as the one at which a fault began; the rest is spread over the horizon."""


@dataclass(frozen=True, slots=True)
class Cap:
    """The token bucket that bounds what one second, and one burst, may add to the evidence.

    Bursts (retry storms, several failures of one cause) break every test that takes requests for independent. With at
    most `level` nats saved up and `rate` nats a second, reaching T takes at least (ln T - ln 0.8 - level) / rate
    seconds of sustained evidence, whatever the burst's law.
    """

    rate: float
    """Nats a second."""
    level: float
    """Nats."""

    def seconds_to(self, threshold: float) -> float:
        """The shortest time in which evidence can reach `threshold` from an empty account."""
        return (log(threshold) - log(START) - self.level) / self.rate


SLOW = Cap(rate=0.45, level=2.0)
FAST = Cap(rate=2.0, level=4.0)


class Mixture:
    """Evidence against one null hypothesis: a mixture over alternatives and over start times.

    `value` is S = sum_j w_j M_j + (1 - sum_(s<=t) pi_s), with w_j = 1/K, M_j <- (M_j + pi_t) L_j, pi_1 = 0.8 and
    pi_t = 0.2 / horizon afterwards: an e-process, 1 before the first tick.

    Args:
        size: number of alternatives, K.
        horizon: ticks over which later start times are spread.
        cap: bucket of each alternative; None for plain evidence.
    """

    __slots__ = ("_cap", "_evidence", "_later", "_left", "_levels", "_start", "value")

    def __init__(self, size: int, horizon: int, cap: Cap | None) -> None:
        self._cap = cap
        self._evidence = [0.0] * size
        self._levels = [cap.level if cap else 0.0] * size
        self._start = START
        self._later = (1.0 - START) / horizon
        self._left = 1.0
        self.value = 1.0

    def step(self, increments: Sequence[float]) -> float:
        """Take in one tick.

        Args:
            increments: log L of each alternative for this tick.

        Returns:
            The evidence after it.
        """
        start = min(self._start, self._left)
        self._start = self._later
        self._left -= start
        evidence = self._evidence
        total = 0.0
        cap = self._cap
        if cap is None:
            for index, increment in enumerate(increments):
                grown = min(CEILING, (evidence[index] + start) * exp(min(increment, MAX_STEP)))
                evidence[index] = grown
                total += grown
        else:
            levels, rate, top = self._levels, cap.rate, cap.level
            for index, increment in enumerate(increments):
                level = levels[index]
                # the cap is known before the tick and only lowers L, so E[L | past] <= 1 survives
                if increment > level:
                    increment = level
                levels[index] = min(top, level - increment + rate) if increment > 0.0 else min(top, level + rate)
                grown = min(CEILING, (evidence[index] + start) * exp(increment))
                evidence[index] = grown
                total += grown
        self.value = total / len(evidence) + self._left
        return self.value


class Recent:
    """Evidence that something holds now: each alternative starts again from 1 where it had fallen below (CUSUM).

    It forgets the past at once and has no bound on false alarms over time, so it never fails a canary: it only tells
    whether the stable suffers at this moment too. `value` is the mean over the alternatives, 1 before the first tick.

    Args:
        size: number of alternatives.
    """

    __slots__ = ("_evidence", "value")

    def __init__(self, size: int) -> None:
        self._evidence = [1.0] * size
        self.value = 1.0

    def step(self, increments: Sequence[float]) -> float:
        """Take in one tick's log L of each alternative; the evidence after it."""
        evidence = self._evidence
        total = 0.0
        for index, increment in enumerate(increments):
            grown = min(CEILING, max(1.0, evidence[index]) * exp(min(increment, MAX_STEP)))
            evidence[index] = grown
            total += grown
        self.value = total / len(evidence)
        return self.value


class RateAbove:
    """Evidence against H0: each request is an event with probability at most `null` (a monotone likelihood ratio).

    Args:
        null: p0, 0 to 1.
        grid: alternatives p_j > p0. All below p0 instead test H0: at least `null` (the silent canary, PASS).
        horizon: see `Mixture`; None for `Recent` evidence.
        cap: see `Mixture`.
    """

    __slots__ = ("_ratios", "mixture")

    def __init__(self, null: float, grid: Sequence[float], horizon: int | None, cap: Cap | None = SLOW) -> None:
        self._ratios = [(log(p / null), log((1 - p) / (1 - null))) for p in grid]
        self.mixture = Recent(len(grid)) if horizon is None else Mixture(len(grid), horizon, cap)

    def tick(self, events: int, requests: int) -> float:
        """Take in one second's counts; the evidence after it."""
        rest = requests - events
        return self.mixture.step([events * hit + rest * miss for hit, miss in self._ratios])


class ShareBelow:
    """Evidence against H0: each request goes to the canary with at least its nominal share (the silent canary).

    Args:
        parts: alternatives, as parts of the nominal share.
        horizon: see `Mixture`.
        cap: see `Mixture`.
    """

    __slots__ = ("_parts", "mixture")

    def __init__(self, parts: Sequence[float], horizon: int, cap: Cap | None = SLOW) -> None:
        self._parts = tuple(parts)
        self.mixture = Mixture(len(self._parts), horizon, cap)

    def tick(self, canary: int, stable: int, share: float) -> float:
        """Take in one second's requests; the evidence after it.

        Args:
            canary: canary requests.
            stable: stable requests.
            share: canary's nominal share of the requests as they are read in this second, over 0 and under 1.
        """
        return self.mixture.step(
            [canary * log(part) + stable * log((1 - share * part) / (1 - share)) for part in self._parts]
        )


class OddsAbove:
    """Evidence against H0: within each second the canary's odds of an event are at most `null` times the stable's.

    Given a second's totals, the canary's events are (Fisher's non-central) hypergeometric, and Hoeffding (1963) bounds
    E[r^K] <= (1 - rho0 + rho0 r)^e: exact for any common error rate, however it moves, and for any thinning of whole
    stable requests. Seconds without a canary request are merged into the next that has one.

    Args:
        null: psi0, an odds ratio >= 1.
        grid: alternatives psi_j > psi0.
        horizon: see `Mixture`.
        cap: see `Mixture`.
    """

    __slots__ = ("_events", "_null", "_ratios", "_requests", "_zeros", "mixture")

    def __init__(self, null: float, grid: Sequence[float], horizon: int, cap: Cap | None = SLOW) -> None:
        self._null = null
        self._ratios = [(psi / null, log(psi / null)) for psi in grid]
        self._zeros = [0.0] * len(grid)
        self._events = 0
        self._requests = 0
        self.mixture = Mixture(len(grid), horizon, cap)

    def tick(self, canary_events: int, canary: int, stable_events: int, stable: int) -> float:
        """Take in one second's counts (events, requests; canary, then stable); the evidence after it."""
        stable_events += self._events
        stable += self._requests
        if not canary:
            self._events, self._requests = stable_events, stable
            return self.mixture.step(self._zeros)
        self._events = self._requests = 0
        events = canary_events + stable_events
        if not events:
            return self.mixture.step(self._zeros)
        weight = self._null * canary
        rho = weight / (weight + stable)
        return self.mixture.step(
            [canary_events * log_r - events * log(1.0 - rho + rho * r) for r, log_r in self._ratios]
        )


class RateBelow:
    """Evidence for PASS, against H0: each request is an event with probability at least `null`.

    The plain product of one-tick e-values from one fixed start, averaged over the grid.

    Args:
        null: p0, 0 to 1.
        grid: alternatives p_j < p0.
    """

    __slots__ = ("_logs", "_ratios", "value")

    def __init__(self, null: float, grid: Sequence[float]) -> None:
        self._ratios = [(log(p / null), log((1 - p) / (1 - null))) for p in grid]
        self._logs = [0.0] * len(grid)
        self.value = 1.0

    def tick(self, events: int, requests: int) -> float:
        """Take in one second's counts; the evidence after it."""
        rest = requests - events
        total = 0.0
        for index, (hit, miss) in enumerate(self._ratios):
            grown = self._logs[index] + events * hit + rest * miss
            self._logs[index] = grown
            total += exp(min(grown, MAX_STEP))
        self.value = total / len(self._logs)
        return self.value

    def gain(self, share: float) -> float:
        """Nats that one more request is worth to the best alternative where a share `share` of them are events."""
        return max(share * hit + (1 - share) * miss for hit, miss in self._ratios)
