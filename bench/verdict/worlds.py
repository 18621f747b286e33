"""Request streams as a judge would see them: seeded, vectorised, one column a bake, one row a second.

Arrivals are Poisson, routing is independent per request, and a request's status and latency are independent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import erf, log, sqrt
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Shares = Callable[[np.random.Generator, int, int], Floats]
"""(generator, seconds, runs) -> error share, 0 to 1, of each second and run."""

HEALTHY = 0.002
"""Error share of a healthy revision."""
CANARY_SHARE = 0.10
MEDIAN_MS = 350.0
HEALTHY_P95_MS = 620.0
_Z95 = 1.6448536269514722


@dataclass(slots=True)
class Streams:
    """Counts of many bakes. Each array is (seconds, runs)."""

    canary: Ints
    canary_errors: Ints
    canary_slow: Ints
    """Requests over 800 ms."""
    canary_very_slow: Ints
    """Requests over 1 s."""
    stable: Ints
    stable_errors: Ints
    stable_slow: Ints
    stable_very_slow: Ints

    @property
    def seconds(self) -> int:
        """Length of the bakes."""
        return int(self.canary.shape[0])

    @property
    def runs(self) -> int:
        """How many bakes."""
        return int(self.canary.shape[1])


@dataclass(frozen=True, slots=True)
class World:
    """How two revisions behave; the defaults are a healthy release."""

    name: str
    canary: float | Shares = HEALTHY
    """Error share."""
    stable: float | Shares | None = HEALTHY
    """Error share; None: the same draw as the canary's (what they share)."""
    cluster: float = 1.0
    """Mean number of failures that one cause brings within a second (geometric); 1: each failure on its own."""
    canary_p95_ms: float = HEALTHY_P95_MS
    stable_p95_ms: float = HEALTHY_P95_MS
    thinned: float = 1.0
    """Part of the stable's requests that is read: whole requests, thinned by chance."""


def seed(*parts: object) -> int:
    """A seed that is the same in every run and on every machine."""
    return crc32(repr(parts).encode())


def over(limit_ms: float, p95_ms: float) -> float:
    """Share of a lognormal latency (median 350 ms) above `limit_ms`."""
    sigma = log(p95_ms / MEDIAN_MS) / _Z95
    return 0.5 * (1 - erf(log(limit_ms / MEDIAN_MS) / sigma / sqrt(2)))


def draw(world: World, *, rate: float, seconds: int, runs: int, rng: np.random.Generator) -> Streams:
    """Draw `runs` bakes of `seconds` seconds at `rate` requests a second, a tenth of them to the canary."""
    arrays: list[Ints] = []
    common: float | Floats | None = None
    for part, profile, p95 in (
        (CANARY_SHARE, world.canary, world.canary_p95_ms),
        ((1 - CANARY_SHARE) * world.thinned, world.stable, world.stable_p95_ms),
    ):
        shares = common if profile is None else profile(rng, seconds, runs) if callable(profile) else profile
        assert shares is not None, "the canary's own profile cannot be the shared one"
        common = shares
        requests = rng.poisson(rate * part, (seconds, runs))
        errors = _errors(rng, requests, shares, world.cluster, rate * part)
        slow = rng.binomial(requests, over(800, p95))
        very_slow = rng.binomial(slow, over(1000, p95) / over(800, p95))
        arrays += [requests, errors, slow, very_slow]
    return Streams(*arrays)


def _errors(rng: np.random.Generator, requests: Ints, shares: float | Floats, cluster: float, rate: float) -> Ints:
    if cluster <= 1:
        return rng.binomial(requests, shares)
    causes = rng.poisson(np.broadcast_to(rate * np.asarray(shares) / cluster, requests.shape))
    more = rng.negative_binomial(np.maximum(causes, 1), 1 / cluster)
    return np.minimum(np.where(causes > 0, causes + more, 0), requests)


def drifting(rng: np.random.Generator, seconds: int, runs: int) -> Floats:
    """An error share that wanders, mostly between 0.05 % and 0.8 %."""
    steps = rng.normal(0, 0.05, (seconds, runs)).cumsum(axis=0) + rng.normal(np.log(HEALTHY), 0.3, runs)
    return np.clip(np.exp(steps), 0.0005, 0.008)


def bursts(level: float, longest_s: int, every_s: float) -> Shares:
    """0.2 %, and bursts of `level` for 1 to `longest_s` seconds, one about every `every_s` seconds."""

    def shares(rng: np.random.Generator, seconds: int, runs: int) -> Floats:
        result = np.full((seconds, runs), HEALTHY)
        for run in range(runs):
            at = rng.exponential(every_s)
            while at < seconds:
                lasts = int(rng.integers(1, longest_s + 1))
                result[int(at) : int(at) + lasts, run] = level
                at += lasts + rng.exponential(every_s)
        return result

    return shares


def between(level: float, from_s: int, to_s: int) -> Shares:
    """0.2 %, and `level` from `from_s` to `to_s`."""

    def shares(rng: np.random.Generator, seconds: int, runs: int) -> Floats:
        result = np.full((seconds, runs), HEALTHY)
        result[from_s:to_s] = level
        return result

    return shares


FAULTS = (0.005, 0.015, 0.03, 0.10, 0.50)
"""The canary's error shares against the stable's 0.2 %."""
LATENCIES_MS = (700.0, 900.0, 1200.0, 2000.0)
"""The canary's P95 against the stable's 620 ms."""
OUTAGE_AT_S = 60
NULLS = (
    World("iid"),
    World("drifting", canary=drifting, stable=None),
    World("clustered", cluster=8.0),
    World("shared bursts", canary=bursts(0.30, 6, 60), stable=None),
    World("canary-only bursts", canary=bursts(0.50, 5, 300)),
    World("restless canary", canary=bursts(0.30, 3, 90)),
    World("cold start", canary=between(0.08, 0, 15)),
    World("shared outage", canary=between(0.05, OUTAGE_AT_S, 10**9), stable=None),
)
"""Worlds in which the canary must not be rolled back."""
NO_BAR = "restless canary"
"""Shown without a bar: at 0.9 % it keeps the runbook's limit, but fails four times as often as the stable."""


def fault(share: float) -> World:
    """A canary that fails `share` of its requests."""
    return World(f"{share:.1%}", canary=share)


def slower(p95_ms: float) -> World:
    """A canary with a P95 of `p95_ms`."""
    return World(f"P95 {p95_ms:.0f} ms", canary_p95_ms=p95_ms)
