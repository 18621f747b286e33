"""The ways a canary is judged today, re-implemented from their own documentation and sources.

Each answers: at which second of the bake would it have rolled back (infinity: never within the stream)? `delay_s` is
how old the newest data is that can be read: 15 s fresh (scraped by Prometheus), 120 s from Cloud Monitoring.

* The person of the runbook looks at one-minute points.
* Argo Rollouts (analysis/analysis.go, docs/features/analysis.md): without `initialDelay` the first measurement is
  taken at once, the next ones each `interval`; a run has failed once its failed measurements exceed `failureLimit`
  (default 0). A measurement without data is an error, not a failure, and up to four in a row are let pass
  (`consecutiveErrorLimit`).
* Flagger (pkg/controller/scheduler.go): a check each `interval`; each tick first rolls back where the failed checks
  have reached `threshold`, and only then checks again: the rollback comes one tick after the last failed check.
* Kayenta (NetflixACAJudge, MannWhitneyClassifier, MannWhitney.scala): Mann-Whitney with 98 % confidence on one-minute
  points, NaN removed; `High` where the interval's lower end is above 0.25 of the Hodges-Lehmann estimate. One judgement
  at the end of the lifetime (`canaryAnalysisIntervalMins` defaults to it), which is the bake here.

Argo and Flagger ask at their own ticks, from the start of the bake on, for the rate over the minute of data that ends
`delay_s` ago: the reading that is kindest to them (they need not wait for a whole minute to be in).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bench.verdict.worlds import Bools, Floats, Ints

MINUTE = 60
FRESH_S, MONITORING_S = 15.0, 120.0
PERSON_DELAY_S, PERSON_REACTS_S = 120.0, 15.0
CONFIDENCE, TOLERANCE = 0.98, 0.25
ARGO_LIMITS, FLAGGER_THRESHOLDS = (0, 3), (1, 5)


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to judge. `nth` breach of the limit counts; `after_s` seconds pass from it to the rollback."""

    name: str
    nth: int
    delay_s: float
    after_s: float = 0.0
    own_clock: bool = True
    """Asks at its own ticks; else looks at whole minutes of data as they come in."""

    def rates(self, events: Ints, requests: Ints) -> Floats:
        """What it reads, (looks, runs): share of events; NaN where there was no request."""
        behind = int(self.delay_s) % MINUTE if self.own_clock else 0
        return _rates(events, requests, behind)

    def seconds(self, looks: Floats) -> Floats:
        """When it rolls back for the breach at look `looks` (1-based)."""
        if self.own_clock:
            # the first look that has data comes with the first tick after the delay
            first = (int(self.delay_s) // MINUTE + 1) * MINUTE
            return first + (looks - 1) * MINUTE + self.after_s
        return looks * MINUTE + self.delay_s + self.after_s

    def rolls_back(self, rates: Floats, limit: float) -> Floats:
        """Second of the rollback of each run, given what it reads."""
        return self.seconds(_nth(rates > limit, self.nth))

    def alarms(self, rates: Floats, limit: float, bake_s: int) -> float:
        """Share of runs rolled back for what it reads of the bake."""
        looks = bake_s // MINUTE
        return float(np.isfinite(_nth(rates[:looks] > limit, self.nth)).mean())

    def matched(self, rates: Floats, bake_s: int, level: float) -> float:
        """The limit at which a share `level` of these (healthy) bakes is rolled back."""
        looks = np.nan_to_num(rates[: bake_s // MINUTE])
        statistic = np.sort(np.sort(looks, axis=0)[-self.nth])
        return float(statistic[int((1 - level) * statistic.size)])


PERSON = Peer("person with the runbook", 1, PERSON_DELAY_S, PERSON_REACTS_S, own_clock=False)


def argo(failure_limit: int, delay_s: float) -> Peer:
    """Argo Rollouts with this `failureLimit`."""
    return Peer(f"Argo Rollouts({failure_limit})", failure_limit + 1, delay_s)


def flagger(threshold: int, delay_s: float) -> Peer:
    """Flagger with this `threshold`."""
    return Peer(f"Flagger({threshold})", threshold, delay_s, MINUTE)


def everyone() -> list[Peer]:
    """Every peer that counts breaches of a limit."""
    found = [PERSON]
    for delay_s in (FRESH_S, MONITORING_S):
        found += [argo(limit, delay_s) for limit in ARGO_LIMITS]
        found += [flagger(threshold, delay_s) for threshold in FLAGGER_THRESHOLDS]
    return found


def feed(peer: Peer) -> str:
    """Where its data comes from, in a word."""
    return "fresh" if peer.delay_s == FRESH_S else "Monitoring"


def kayenta_high(canary: Floats, stable: Floats) -> Bools:
    """Whether each run's one-minute points, (minutes, runs), are classified `High`.

    The interval is R's asymptotic one (`wilcox.test`) for untied values: its lower end is an order statistic of the
    differences between canary and stable points, and the smallest where there are too few points for the confidence.
    With five points each, that is the smallest in any case: every canary point lies above every stable one.
    """
    runs = canary.shape[1]
    high = np.zeros(runs, dtype=bool)
    for run in range(runs):
        x, y = canary[:, run], stable[:, run]
        x, y = x[~np.isnan(x)], y[~np.isnan(y)]
        if x.size and y.size and not np.array_equal(x, y):
            lower, estimate = interval(x, y)
            high[run] = lower > TOLERANCE * abs(estimate)
    return high


def interval(x: Floats, y: Floats) -> tuple[float, float]:
    """Lower end of the confidence interval of the shift of `x` against `y`, and the Hodges-Lehmann estimate."""
    differences = np.sort(np.subtract.outer(x, y).ravel())
    pairs = differences.size
    sigma = np.sqrt(pairs / 12 * (x.size + y.size + 1))
    above = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2) * sigma + 0.5 + pairs / 2
    return float(differences[max(0, pairs - int(np.floor(above)) - 1)]), float(np.median(differences))


def kayenta(canary_events: Ints, canary: Ints, stable_events: Ints, stable: Ints, bake_s: int) -> Bools:
    """Whether Kayenta fails each run at the end of the bake."""
    minutes = bake_s // MINUTE
    return kayenta_high(_rates(canary_events, canary, 0)[:minutes], _rates(stable_events, stable, 0)[:minutes])


def _rates(events: Ints, requests: Ints, behind: int) -> Floats:
    """Rates over minutes that end `behind` seconds before each whole minute; the first is shorter by that."""
    seconds, runs = events.shape
    looks = (seconds + behind) // MINUTE
    sums = []
    for counts in (events, requests):
        padded = np.concatenate([np.zeros((behind, runs)), counts])[: looks * MINUTE]
        sums.append(padded.reshape(looks, MINUTE, runs).sum(axis=1))
    return np.where(sums[1] > 0, sums[0] / np.maximum(sums[1], 1), np.nan)


def _nth(breaches: Bools, nth: int) -> Floats:
    """Look (1-based) at which the nth breach comes, infinity where it does not."""
    reached = breaches.cumsum(axis=0) >= nth
    return np.where(reached.any(axis=0), reached.argmax(axis=0) + 1.0, np.inf)
