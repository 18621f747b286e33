"""Every test that the judge runs on a canary, fed one closed second at a time.

Pure; standard library only. What the tests mean for the release is `console.verdict.sequential`'s to say; parameters
and their reasons are in docs/verdict.md.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum

from console.verdict.base import LATENCY_EDGES_MS, Counts, Tick
from console.verdict.evidence import FAST, OddsAbove, RateAbove, RateBelow, ShareBelow

ALARM = 400.0
"""Evidence at which a slow test alarms: 1 / 0.0025."""
FAST_ALARM = 1000.0
"""Evidence at which the fast path, and the test for a silent canary, alarm: 1 / 0.001."""
PASSING = 20.0
"""Evidence that a PASS needs on each of its two sides: 1 / 0.05."""
GRACE_S = 15
"""Seconds after the first canary request in which a cold start may fail without counting."""

FAST_NULL, FAST_GRID = 0.30, (0.50, 0.70, 0.95)
"""Fast path: nine seconds of half the requests failing are enough, always."""
GRACE_NULL, GRACE_GRID = 0.10, (0.20, 0.35, 0.60, 0.90)
"""While the canary starts, a tenth may fail."""
SILENT_PARTS = (0.001, 0.1, 0.3, 0.5)
"""Parts of its nominal share that a silent canary may still get."""
SHIFT_ODDS, SHIFT_GRID = 1.25, (2.0, 4.0, 10.0)
SHIFT_EDGES_MS = (200.0, 450.0, 620.0, 800.0, 1000.0)
"""Latencies at which canary and stable are compared for the WARN "shifted"; edges of the histogram."""
_SHIFT_BUCKETS = tuple(bisect_left(LATENCY_EDGES_MS, edge) + 1 for edge in SHIFT_EDGES_MS)


class Kind(StrEnum):
    """What kind of event a test counts."""

    ERRORS = "errors"
    """Status >= 500."""
    SLOW = "slow"
    """Latency over 800 ms."""
    VERY_SLOW = "very slow"
    """Latency over 1 s."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Null hypotheses and alternatives of one kind of event. Shares are of requests, 0 to 1."""

    null: float
    """Absolute: the share that is still allowed."""
    grid: tuple[float, ...]
    odds: float
    """Relative: the canary's odds over the stable's that are still allowed."""
    odds_grid: tuple[float, ...]
    floor: float
    """Share up to which a canary is never blamed relatively: the minimum effect."""
    floor_grid: tuple[float, ...]
    passing: tuple[float, ...]
    """PASS: alternatives below `null`."""


ERRORS = Parameters(
    null=0.01,
    grid=(0.02, 0.05, 0.15, 0.40, 0.80),
    odds=1.5,
    odds_grid=(2.5, 6.0, 20.0, 100.0),
    floor=0.0025,
    floor_grid=(0.005, 0.01, 0.03, 0.10, 0.40),
    passing=(0.002, 0.004),
)
SLOW = Parameters(
    null=0.05,
    grid=(0.075, 0.10, 0.20, 0.40, 0.80),
    odds=1.5,
    odds_grid=(2.5, 6.0, 20.0, 100.0),
    floor=0.03,
    floor_grid=(0.05, 0.08, 0.15, 0.40, 0.80),
    passing=(0.005, 0.015, 0.03),
)


class Comparison:
    """One kind of event, in canary and stable: is there too much of it, and is it the canary's?

    Args:
        parameters: nulls and alternatives.
        horizon: ticks, see `evidence.Mixture`.
    """

    def __init__(self, parameters: Parameters, horizon: int) -> None:
        self._absolute = RateAbove(parameters.null, parameters.grid, horizon)
        self._relative = OddsAbove(parameters.odds, parameters.odds_grid, horizon)
        self._floor = RateAbove(parameters.floor, parameters.floor_grid, horizon)
        self._blame = OddsAbove(parameters.odds, parameters.odds_grid, horizon, None)
        self._stable = RateAbove(parameters.null, parameters.grid, None)
        self._passing = RateBelow(parameters.null, parameters.passing)
        self.absolute = 1.0
        """Evidence that the canary has more than the allowed share."""
        self.relative = 1.0
        """Evidence that the canary has more than the stable and more than the floor: the lesser of the two tests,
        which needs no further share of the error budget (intersection-union)."""
        self.blame = 1.0
        """Plain evidence, bursts and all, from the first second on, that the canary has more than the stable."""
        self.shared = 1.0
        """Recent evidence that the stable itself has more than the allowed share now."""
        self.passing = 1.0
        """Evidence that the canary has less than the allowed share."""

    def tick(
        self, canary_events: int, canary: int, stable_events: int, stable: int, *, grace: bool, credit: bool
    ) -> None:
        """Take in one second.

        Args:
            canary_events: events of canary requests.
            canary: canary requests, held-back ones counted as well ones.
            stable_events: events of stable requests.
            stable: stable requests.
            grace: whether the canary is still starting: only what tells whose fault a breach is goes on.
            credit: whether the second counts toward a PASS (it was seen whole).
        """
        self.blame = self._blame.tick(canary_events, canary, stable_events, stable)
        self.shared = self._stable.tick(stable_events, stable)
        if grace:
            return
        self.absolute = self._absolute.tick(canary_events, canary)
        relative = self._relative.tick(canary_events, canary, stable_events, stable)
        self.relative = min(relative, self._floor.tick(canary_events, canary))
        if credit:
            self.passing = self._passing.tick(canary_events, canary)

    def passing_gain(self, share: float) -> float:
        """Nats that one canary request adds to `passing` where `share` of them are events."""
        return self._passing.gain(share)


class Detectors:
    """All tests of one canary.

    Args:
        share: canary's nominal share of the requests, 0 to 1.
        horizon: ticks over which later start times are spread: 300 for a bake, 86,400 for a day's watch.
        grace_s: seconds after the first canary request in which only the fast path and the grace test run; 0 where
            the canary has warm instances.
    """

    def __init__(self, share: float, horizon: int = 300, grace_s: int = GRACE_S) -> None:
        self.errors = Comparison(ERRORS, horizon)
        self.slow = Comparison(SLOW, horizon)
        self.very_slow = Comparison(SLOW, horizon)
        self._fast = RateAbove(FAST_NULL, FAST_GRID, horizon, FAST)
        self._grace = RateAbove(GRACE_NULL, GRACE_GRID, horizon)
        self._lines = OddsAbove(ERRORS.odds, ERRORS.odds_grid, horizon)
        self._shifts = tuple(OddsAbove(SHIFT_ODDS, SHIFT_GRID, horizon) for _edge in SHIFT_EDGES_MS)
        self._share = share
        self._silence = ShareBelow(SILENT_PARTS, horizon) if 0 < share < 1 else None
        self._grace_s = grace_s
        self._grace_left = grace_s
        self._started = False
        self.fast = 1.0
        """Evidence that over 30 % fail: nine seconds of it are enough."""
        self.grace = 1.0
        """Evidence that over 10 % fail while the canary starts."""
        self.lines = 1.0
        """Evidence that the canary logs ERROR for more of its requests than the stable (one line a trace)."""
        self.shifted = 1.0
        """Evidence that the canary's latency has shifted against the stable's."""
        self.silent = 1.0
        """Evidence that the canary gets less than its share of the requests."""

    @property
    def in_grace(self) -> bool:
        """Whether the canary counts as still starting."""
        return self._grace_left > 0

    def tick(self, tick: Tick) -> None:
        """Take in one closed second."""
        canary, stable = tick.canary, tick.stable
        # entries held back count as canary requests that went well: they can only speak against a FAIL
        requests = canary.requests + tick.suppressed
        credit = tick.observed and not tick.suppressed
        grace = self._grace_left > 0
        for comparison, canary_events, stable_events in (
            (self.errors, canary.errors, stable.errors),
            (self.slow, canary.over_800ms, stable.over_800ms),
            (self.very_slow, canary.over_1s, stable.over_1s),
        ):
            comparison.tick(canary_events, requests, stable_events, stable.requests, grace=grace, credit=credit)
        self.fast = self._fast.tick(canary.errors, requests)
        if grace:
            self.grace = self._grace.tick(canary.errors, requests)
        else:
            self.lines = self._lines.tick(
                min(canary.error_traces, requests), requests, min(stable.error_traces, stable.requests), stable.requests
            )
            self.shifted = sum(
                test.tick(_above(canary, bucket), requests, _above(stable, bucket), stable.requests)
                for test, bucket in zip(self._shifts, _SHIFT_BUCKETS, strict=True)
            ) / len(self._shifts)
        if self._silence is not None:
            # of a thinned stable fewer requests are read, so the canary's share of what is read is larger
            own = self._share * tick.canary_sampling
            read = own + (1 - self._share) * tick.stable_sampling
            self.silent = self._silence.tick(requests, stable.requests, own / read)
        if canary.requests:
            self._started = True
        if self._started and grace:
            self._grace_left -= 1
            if not self._grace_left:
                self.grace = 0.0


def _above(counts: Counts, bucket: int) -> int:
    return sum(counts.latency[bucket:]) if counts.latency else 0
