"""What Cloud Run would report to Monitoring of each minute of simulated traffic.

A pure function of (seed, service, minute, splits), as `traffic` is: requests that failed are counted exactly as the
logs have them; refused ones, single status codes and latencies are drawn in bulk from the same laws. A minute before
the start is drawn as a whole. Latencies leave out container start-up, as Cloud Run's `request_latencies` does.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from statistics import NormalDist
from zlib import crc32

from console.simulator.entries import REJECTED_SHARE
from console.simulator.lines import FAILED, REJECTED
from console.simulator.traffic import TICKS_PER_S, Arm, ServiceTraffic

MINUTE_S = 60
"""Sampling period of all Cloud Run's metrics."""
_TICKS = MINUTE_S * TICKS_PER_S
_LAW = NormalDist()

LATENCY_EDGES: tuple[float, ...] = tuple(1.1**power for power in range(121))
"""Milliseconds: exponential buckets of scale 1, growth 1.1, 120 finite ones (ours; fine enough for a P95)."""
CPU_EDGES: tuple[float, ...] = tuple(step / 50 for step in range(51))
"""Linear buckets of width 0.02 from 0."""


@dataclass(slots=True)
class Distribution:
    """Counts over buckets: under the first edge, between two, over the last."""

    edges: Sequence[float]
    counts: list[int]
    total: float = 0.0
    """Sum of all values."""
    squares: float = 0.0
    """Sum of all values' squares."""

    @classmethod
    def empty(cls, edges: Sequence[float]) -> Distribution:
        """None yet."""
        return cls(edges, [0] * (len(edges) + 1))

    @property
    def count(self) -> int:
        """How many values."""
        return sum(self.counts)

    @property
    def mean(self) -> float:
        """Of the values; 0 where there are none."""
        count = self.count
        return self.total / count if count else 0.0

    def add(self, value: float, times: int = 1) -> None:
        """Count `value`, `times` times."""
        self.counts[bisect_right(self.edges, value)] += times
        self.total += value * times
        self.squares += value * value * times

    def merged(self, others: Iterable[Distribution]) -> Distribution:
        """This and others over the same edges, together."""
        result = Distribution(self.edges, list(self.counts), self.total, self.squares)
        for other in others:
            result.counts = [mine + theirs for mine, theirs in zip(result.counts, other.counts, strict=True)]
            result.total += other.total
            result.squares += other.squares
        return result

    def percentile(self, share: float) -> float:
        """The value that `share` (0 to 1) of them lie under, evenly within its bucket."""
        wanted, seen = share * self.count, 0
        for index, count in enumerate(self.counts):
            if count and seen + count >= wanted:
                if index >= len(self.edges):
                    return self.edges[-1]
                low = self.edges[index - 1] if index else min(0.0, self.edges[0])
                return low + (self.edges[index] - low) * (wanted - seen) / count
            seen += count
        return 0.0


@dataclass(slots=True)
class Sample:
    """A revision's minute."""

    revision: str
    by_code: dict[int, int] = field(default_factory=dict)
    """Requests by HTTP status."""
    arm: Arm | None = None
    """Its part of the traffic; None where it served nothing."""
    seed: int = 0
    """For what is drawn only when asked for."""
    cpu: Distribution | None = None
    """Utilisation of its instances, 0 to 1; None without instances."""
    active: int = 0
    """Instances that answer requests."""
    idle: int = 0
    """Instances that wait."""
    _latency: dict[int, Distribution] | None = None

    @property
    def latency(self) -> dict[int, Distribution]:
        """Milliseconds, by HTTP status; drawn at the first look."""
        if self._latency is None:
            arm, generator = self.arm, Random(self.seed)
            self._latency = {}
            if arm is not None:
                self._latency = {code: _latencies(arm, count, generator) for code, count in self.by_code.items()}
        return self._latency


class Sampler:
    """The minutes of one service, made when asked for and kept for a while.

    Args:
        traffic: the service's.
        seed: of the run.
    """

    KEPT = 4_000

    def __init__(self, traffic: ServiceTraffic, seed: int) -> None:
        self.traffic = traffic
        self._seed = ((seed & 0xFFFF_FFFF_FFFF) << 96) | (crc32(traffic.name.encode()) << 64)
        self._minutes: dict[int, list[Sample]] = {}

    def minute(self, end_s: int) -> list[Sample]:
        """What happened in the minute before `end_s`, by revision.

        Args:
            end_s: seconds since 1970, a multiple of 60, not in the future.
        """
        found = self._minutes.get(end_s)
        if found is None:
            found = self._minutes[end_s] = self._make(end_s)
            while len(self._minutes) > self.KEPT:
                del self._minutes[next(iter(self._minutes))]
        return found

    def _make(self, end_s: int) -> list[Sample]:
        traffic = self.traffic
        first, after = (end_s - MINUTE_S) * TICKS_PER_S, end_s * TICKS_PER_S
        if after <= traffic.first_tick:
            return []
        generator = Random(self._seed | end_s)
        served: dict[str, int] = {}
        failed: dict[str, int] = {}
        arms: dict[str, Arm] = {}
        if after <= traffic.start_tick:
            for era in traffic.eras(first, after):
                ticks = min(after, era.end) - max(first, era.start)
                for arm in era.arms:
                    arms[arm.revision] = arm
                    served[arm.revision] = served.get(arm.revision, 0) + _draw(arm.ok_per_tick * ticks, generator)
                    failed[arm.revision] = failed.get(arm.revision, 0) + _draw(arm.failed_per_tick * ticks, generator)
        else:
            for tick in range(first, after):
                for arm, ok, bad in traffic.counts(tick):
                    arms[arm.revision] = arm
                    served[arm.revision] = served.get(arm.revision, 0) + ok
                    failed[arm.revision] = failed.get(arm.revision, 0) + bad
        samples = []
        for revision in sorted(set(arms) | set(traffic.warm_revisions(after - 1))):
            sample = Sample(revision, arm=arms.get(revision), seed=generator.getrandbits(64))
            if revision in arms:
                self._requests(sample, served[revision], failed[revision], generator)
            self._instances(sample, arms.get(revision), generator)
            samples.append(sample)
        return samples

    def _requests(self, sample: Sample, served: int, failed: int, generator: Random) -> None:
        rejected = min(served, _draw(served * REJECTED_SHARE, generator))
        sample.by_code[200] = served - rejected
        for codes, count in ((REJECTED, rejected), (FAILED, failed)):
            for code, part in _dealt(codes, count, generator).items():
                sample.by_code[code] = part
        sample.by_code = {code: count for code, count in sample.by_code.items() if count}

    def _instances(self, sample: Sample, arm: Arm | None, generator: Random) -> None:
        profile = self.traffic.profile_of(sample.revision)
        if arm is not None:
            rate = self.traffic.rate * arm.share
            sample.active = max(1, math.ceil(rate / profile.requests_per_instance + generator.gauss(0, 0.2)))
        sample.idle = max(0, profile.min_instances - sample.active) + (generator.random() < 0.3 and arm is not None)
        if sample.active + sample.idle:
            sample.cpu = Distribution.empty(CPU_EDGES)
            for _number in range(sample.active):
                sample.cpu.add(min(0.999, max(0.01, generator.gauss(profile.cpu, 0.04))))
            for _number in range(sample.idle):
                sample.cpu.add(max(0.001, generator.gauss(0.01, 0.003)))


def _draw(mean: float, generator: Random) -> int:
    """A Poisson value."""
    if mean > 50:
        return max(0, round(generator.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, generator.random()
    while product > limit:
        count += 1
        product *= generator.random()
    return count


def _dealt(codes: Sequence[int], count: int, generator: Random) -> dict[int, int]:
    """`count` dealt out over `codes`, each equally likely (a code listed twice twice as likely)."""
    dealt = dict.fromkeys(codes, 0)
    if count <= 400:
        for code in generator.choices(codes, k=count):
            dealt[code] += 1
        return dealt
    left, slots = count, len(codes)
    for code in codes[:-1]:
        share = 1 / slots
        part = round(generator.gauss(left * share, math.sqrt(left * share * (1 - share))))
        part = min(left, max(0, part))
        dealt[code] += part
        left, slots = left - part, slots - 1
    dealt[codes[-1]] += left
    return dealt


def _latencies(arm: Arm, count: int, generator: Random) -> Distribution:
    """`count` latencies of an arm's law, as a distribution over LATENCY_EDGES."""
    made = Distribution.empty(LATENCY_EDGES)
    mu = arm.mu + math.log(1000)
    if count <= 60:
        for _number in range(count):
            made.add(math.exp(generator.gauss(mu, arm.sigma)))
        return made
    below = [_LAW.cdf((math.log(edge) - mu) / arm.sigma) for edge in LATENCY_EDGES]
    left = count
    # most likely bucket last: it takes what is left, and a little more or less does not show there
    shares = [below[0], *(high - low for low, high in pairwise(below)), 1 - below[-1]]
    order = sorted(range(len(shares)), key=shares.__getitem__)
    for index in order:
        part = left if index == order[-1] else min(left, _draw(count * shares[index], generator))
        if part:
            low = LATENCY_EDGES[index - 1] if index else 0.0
            high = LATENCY_EDGES[index] if index < len(LATENCY_EDGES) else LATENCY_EDGES[-1] * 1.1
            made.add(max((low + high) / 2, low), part)
            left -= part
    return made
