"""The cells of the benchmark: each simulates one world at one traffic and returns its figures. Seeded and picklable."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from bench.verdict import peers, vector, worlds
from bench.verdict.vector import Judge, Judged
from bench.verdict.worlds import CANARY_SHARE, HEALTHY, Bools, Floats, Ints, Streams, World
from console.verdict import detectors
from console.verdict.base import LATENCY_EDGES_MS, Counts, Tick
from console.verdict.evidence import FAST
from console.verdict.sequential import SequentialJudge

RATES = (5.0, 50.0, 1250.0)
"""Requests a second, canary and stable together."""
RUNS = 2000
BOUNDARY_RUNS = 4000
BATCH = 500
BAKE_S = 300
STREAM_S = 600
"""Streams of failing canaries go on past the bake, for the slow ways to judge."""
LAG_S = 5.0
"""The log tail is so far behind; part of all of canario's times."""
LEVEL = 0.01
"""False alarms a bake at which methods are matched."""
DAY_S = 86_400
DAY_RATE = 50.0
DAY_BATCH = 1000
DAY_BLOCK_S = 600
BOUNDARY = 20.0
"""Threshold at which a single test is read at its null boundary: 1 / 0.05."""
RUNBOOK_LIMIT, SLOW_LIMIT = 0.01, 0.05
"""Error rate, and share of requests over 800 ms (a P95 over it), at which peers call a minute failed."""


@dataclass(frozen=True, slots=True)
class Row:
    """How one method did in one cell."""

    method: str
    feed: str
    seconds: float
    """Median time from the start of the fault to the rollback, infinity where most runs have none."""
    failed: float
    """Median of the canary requests that failed (or were slow) until then."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Thresholds at which each method has LEVEL false alarms a healthy bake, by rate."""

    canario: float
    limits: tuple[float, ...]
    """In the order of `peers.everyone()`."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A canary with a fault from the first second on."""

    defaults: list[Row]
    matched: list[Row]
    passed: float
    """Share of bakes that end as PASS."""


@dataclass(frozen=True, slots=True)
class Null:
    """A world in which the canary must not be rolled back."""

    failed: float
    """Share of bakes that canario fails, blamed or not."""
    blamed: float
    """Share of bakes in which it blames the canary."""
    shared: float
    """Share of bakes that it holds as SHARED BREACH."""
    paged_99_s: float
    """Seconds from the outage on after which 99 % of the bakes are paged (or failed)."""
    passed: float
    fewest_at_pass: float
    one_minute: float
    """Share of bakes that the rule `over 1 % in a minute` alarms in."""
    peers: list[tuple[str, str, float]] = field(default_factory=list)
    """(method, feed, share of bakes rolled back)."""


def matched(rate: float) -> Matched:
    """Find each method's threshold on healthy bakes."""
    peaks, rates = [], []
    everyone = peers.everyone()
    for streams in _batches(World("iid"), rate, BAKE_S, "matching"):
        judged = vector.run(streams, _bare(streams.runs), bake_s=BAKE_S)
        peaks.append(judged.peak)
        rates.append([peer.rates(streams.canary_errors, streams.canary) for peer in everyone])
    peak = np.sort(np.concatenate(peaks))
    limits = [
        peer.matched(np.concatenate([batch[index] for batch in rates], axis=1), BAKE_S, LEVEL)
        for index, peer in enumerate(everyone)
    ]
    return Matched(float(peak[int((1 - LEVEL) * peak.size)]), tuple(limits))


def detection(rate: float, share: float, level: Matched) -> Detection:
    """A canary that fails `share` of its requests."""
    seen = _Seen()
    passed = 0.0
    for streams in _batches(worlds.fault(share), rate, STREAM_S, "fault"):
        judged = vector.run(streams, Judge(streams.runs), bake_s=BAKE_S)
        passed += float((judged.final == vector.PASS).sum()) / RUNS
        seen.canario("canario", judged.failed_at, streams.canary_errors)
        bare = vector.run(streams, _bare(streams.runs), bake_s=BAKE_S, thresholds=(level.canario, detectors.ALARM))
        seen.canario("canario, matched", bare.crossed_at[0], streams.canary_errors)
        seen.canario("canario, no grace", bare.crossed_at[1], streams.canary_errors)
        seen.peers(streams, streams.canary_errors, RUNBOOK_LIMIT)
        seen.matched(streams, level)
        high = peers.kayenta(streams.canary_errors, streams.canary, streams.stable_errors, streams.stable, BAKE_S)
        seen.kayenta(high, streams.canary_errors)
    if rate == max(RATES):
        for streams in _batches(World("thinned", canary=share, thinned=0.6), rate, STREAM_S, "thinned", share):
            judged = vector.run(streams, Judge(streams.runs, share=_read_share(0.6)), bake_s=BAKE_S)
            seen.canario("canario, stable thinned to 0.6", judged.failed_at, streams.canary_errors)
    rows = seen.rows()
    return Detection(
        [row for row in rows if "matched" not in row.method], [row for row in rows if "matched" in row.method], passed
    )


def latency(rate: float, p95_ms: float) -> list[Row]:
    """A canary that is slow: its P95 against the stable's 620 ms."""
    seen = _Seen()
    for streams in _batches(worlds.slower(p95_ms), rate, STREAM_S, "slower"):
        judged = vector.run(streams, Judge(streams.runs), bake_s=BAKE_S)
        seen.canario("canario", judged.failed_at, streams.canary_slow)
        seen.peers(streams, streams.canary_slow, SLOW_LIMIT)
        high = peers.kayenta(streams.canary_slow, streams.canary, streams.stable_slow, streams.stable, BAKE_S)
        seen.kayenta(high, streams.canary_slow)
    return seen.rows()


def null(rate: float, world: World) -> Null:
    """A world in which the canary must not be rolled back."""
    found: list[Judged] = []
    alarms: dict[tuple[str, str], float] = {}
    one_minute = 0.0
    for streams in _batches(world, rate, BAKE_S, "null"):
        found.append(vector.run(streams, Judge(streams.runs), bake_s=BAKE_S))
        part = streams.runs / RUNS
        for peer in peers.everyone():
            share = peer.alarms(peer.rates(streams.canary_errors, streams.canary), RUNBOOK_LIMIT, BAKE_S)
            key = (peer.name, peers.feed(peer))
            alarms[key] = alarms.get(key, 0.0) + share * part
            if peer is peers.PERSON:
                one_minute += share * part
        high = peers.kayenta(streams.canary_errors, streams.canary, streams.stable_errors, streams.stable, BAKE_S)
        alarms["Kayenta", "any"] = alarms.get(("Kayenta", "any"), 0.0) + float(high.mean()) * part
    failed_at = np.concatenate([judged.failed_at for judged in found])
    shared_at = np.concatenate([judged.shared_at for judged in found])
    final = np.concatenate([judged.final for judged in found])
    blamed = np.concatenate([judged.blamed for judged in found])
    paged = np.sort(np.minimum(failed_at, shared_at)) - worlds.OUTAGE_AT_S + LAG_S
    return Null(
        failed=float(np.isfinite(failed_at).mean()),
        blamed=float(blamed.mean()),
        shared=float(np.isfinite(shared_at).mean()),
        paged_99_s=float(paged[int(np.ceil(0.99 * paged.size)) - 1]),
        passed=float((final == vector.PASS).mean()),
        fewest_at_pass=min(judged.fewest_at_pass for judged in found),
        one_minute=one_minute,
        peers=[(name, feed, share) for (name, feed), share in alarms.items()],
    )


def null_at(rate: float, place: int) -> Null:
    """`null` for the world at this place of `worlds.NULLS` (functions do not travel between processes)."""
    return null(rate, worlds.NULLS[place])


def day(part: int) -> tuple[int, int, int]:
    """One batch of healthy days: (days, days with an alarm of canario's, days with a failed minute of the rule's)."""
    rng = np.random.default_rng(worlds.seed("day", part))
    judge = Judge(DAY_BATCH, horizon=DAY_S, alarms_only=True)
    alarmed, minutes = np.zeros(DAY_BATCH, dtype=bool), np.zeros(DAY_BATCH, dtype=bool)
    for _block in range(DAY_S // DAY_BLOCK_S):
        streams = worlds.draw(World("iid"), rate=DAY_RATE, seconds=DAY_BLOCK_S, runs=DAY_BATCH, rng=rng)
        for second in range(DAY_BLOCK_S):
            judge.tick(streams, second)
            alarmed |= judge.standing >= detectors.ALARM
        read = peers.PERSON.rates(streams.canary_errors, streams.canary)
        minutes |= (read > RUNBOOK_LIMIT).any(axis=0)
    return DAY_BATCH, int(alarmed.sum()), int(minutes.sum())


def boundary(rate: float) -> list[tuple[str, float]]:
    """Each single test at its null boundary, read every second: share of bakes that ever reach BOUNDARY."""
    rng = np.random.default_rng(worlds.seed("boundary", rate))
    runs, horizon = BOUNDARY_RUNS, BAKE_S
    canary = rng.poisson(rate * CANARY_SHARE, (BAKE_S, runs)).astype(np.float64)
    stable = rng.poisson(rate * (1 - CANARY_SHARE), (BAKE_S, runs)).astype(np.float64)
    found: list[tuple[str, float]] = []

    def read(name: str, tick: Callable[[int], Floats]) -> None:
        crossed = np.zeros(runs, dtype=bool)
        for second in range(BAKE_S):
            crossed |= tick(second) >= BOUNDARY
        found.append((name, float(crossed.mean())))

    def events(requests: Floats, share: float) -> Floats:
        return rng.binomial(requests.astype(np.int64), share).astype(np.float64)

    def above(name: str, test: vector.RateAbove | vector.RateBelow, null_share: float) -> None:
        hits = events(canary, null_share)
        read(name, lambda second: test.tick(hits[second], canary[second]))

    def odds(name: str, test: vector.OddsAbove, ratio: float, share: float) -> None:
        worse = ratio * share / (1 - share + ratio * share)
        hits, others = events(canary, worse), events(stable, share)
        read(name, lambda second: test.tick(hits[second], canary[second], others[second], stable[second]))

    for kind, p, share in (
        ("errors", detectors.ERRORS, HEALTHY),
        ("slow", detectors.SLOW, worlds.over(800, worlds.HEALTHY_P95_MS)),
    ):
        above(f"{kind}: absolute", vector.RateAbove(p.null, p.grid, runs, horizon), p.null)
        above(f"{kind}: floor", vector.RateAbove(p.floor, p.floor_grid, runs, horizon), p.floor)
        odds(f"{kind}: relative", vector.OddsAbove(p.odds, p.odds_grid, runs, horizon), p.odds, share)
        odds(f"{kind}: relative, no cap", vector.OddsAbove(p.odds, p.odds_grid, runs, horizon, None), p.odds, share)
        above(f"{kind}: PASS side", vector.RateBelow(p.null, p.passing, runs), p.null)
    above(
        "fast path",
        vector.RateAbove(detectors.FAST_NULL, detectors.FAST_GRID, runs, horizon, FAST),
        detectors.FAST_NULL,
    )
    above("grace", vector.RateAbove(detectors.GRACE_NULL, detectors.GRACE_GRID, runs, horizon), detectors.GRACE_NULL)
    odds(
        "shifted latency",
        vector.OddsAbove(detectors.SHIFT_ODDS, detectors.SHIFT_GRID, runs, horizon),
        detectors.SHIFT_ODDS,
        worlds.over(450, worlds.HEALTHY_P95_MS),
    )
    parts = tuple(CANARY_SHARE * part for part in detectors.SILENT_PARTS)
    silence = vector.RateAbove(CANARY_SHARE, parts, runs, horizon)
    read("silent canary", lambda second: silence.tick(canary[second], canary[second] + stable[second]))
    return found


def milliseconds_a_tick() -> float:
    """What a second costs the product's own judge, all tests and sentences together: median of a bake at 1,250/s."""
    rng = np.random.default_rng(worlds.seed("cost"))
    ticks = [_real_tick(rng, second) for second in range(BAKE_S)]
    took = []
    for _again in range(5):
        judge = SequentialJudge(CANARY_SHARE)
        for tick in ticks:
            started = time.perf_counter()
            judge.tick(tick)
            took.append(time.perf_counter() - started)
    return float(np.median(took)) * 1000


def _real_tick(rng: np.random.Generator, second: int) -> Tick:
    arms = []
    for part in (CANARY_SHARE, 1 - CANARY_SHARE):
        requests = int(rng.poisson(max(RATES) * part))
        sigma = np.log(worlds.HEALTHY_P95_MS / worlds.MEDIAN_MS) / 1.645
        times = rng.lognormal(np.log(worlds.MEDIAN_MS), sigma, requests)
        histogram = np.bincount(np.searchsorted(LATENCY_EDGES_MS, times), minlength=len(LATENCY_EDGES_MS) + 1)
        errors = int(rng.binomial(requests, HEALTHY))
        arms.append(
            Counts(
                requests=requests,
                errors=errors,
                over_800ms=int((times > 800).sum()),
                over_1s=int((times > 1000).sum()),
                error_lines=2 * errors,
                error_traces=errors,
                latency=[int(count) for count in histogram],
            )
        )
    return Tick(1_790_000_000 + second, arms[0], arms[1])


class _Seen:
    """Times and failures of every method, batch by batch."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[list[Floats], list[Floats]]] = {}

    def add(self, method: str, feed: str, at: Floats, failures: Ints) -> None:
        """Note when each run was rolled back, and how many requests had failed by then."""
        total = failures.cumsum(axis=0)
        last = np.clip(np.where(np.isfinite(at), at, 1), 1, len(total)).astype(np.int64) - 1
        lost = np.where(np.isfinite(at), total[last, np.arange(total.shape[1])], np.inf)
        times, failed = self._found.setdefault((method, feed), ([], []))
        times.append(at)
        failed.append(lost)

    def canario(self, method: str, at: Floats, failures: Ints) -> None:
        """The same for canario, whose tail lags."""
        self.add(method, "log tail", at + LAG_S, failures)

    def peers(self, streams: Streams, events: Ints, limit: float) -> None:
        """The same for every peer that counts breaches, at its default limit."""
        for peer in peers.everyone():
            at = peer.rolls_back(peer.rates(events, streams.canary), limit)
            self.add(peer.name, peers.feed(peer), at, events)

    def matched(self, streams: Streams, level: Matched) -> None:
        """The same with every peer's limit matched."""
        for peer, limit in zip(peers.everyone(), level.limits, strict=True):
            at = peer.rolls_back(peer.rates(streams.canary_errors, streams.canary), limit)
            self.add(f"{peer.name}, matched", peers.feed(peer), at, streams.canary_errors)

    def kayenta(self, high: Bools, failures: Ints) -> None:
        """The same for Kayenta, from both feeds."""
        for feed, delay_s in (("fresh", peers.FRESH_S), ("Monitoring", peers.MONITORING_S)):
            self.add("Kayenta", feed, np.where(high, BAKE_S + delay_s, np.inf), failures)

    def rows(self) -> list[Row]:
        """Medians over all batches."""
        return [
            Row(method, feed, _median(times), _median(failed))
            for (method, feed), (times, failed) in self._found.items()
        ]


def _batches(world: World, rate: float, seconds: int, *names: object) -> Iterator[Streams]:
    for part in range(RUNS // BATCH):
        rng = np.random.default_rng(worlds.seed(world.name, rate, names, part))
        yield worlds.draw(world, rate=rate, seconds=seconds, runs=BATCH, rng=rng)


def _bare(runs: int) -> Judge:
    """The error tests that can fail a canary, without grace."""
    return Judge(runs, grace_s=0, horizon=BAKE_S, latency=False, alarms_only=True)


def _read_share(thinned: float) -> float:
    return CANARY_SHARE / (CANARY_SHARE + (1 - CANARY_SHARE) * thinned)


def _median(parts: list[Floats]) -> float:
    # an even split between some time and never is read as never
    return float(np.sort(np.concatenate(parts))[sum(part.size for part in parts) // 2])
