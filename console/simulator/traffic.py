"""Traffic: the requests that arrive, and what becomes of each, as a pure function.

Requests to a service are a Poisson process, split by its effective traffic. Time is cut into ticks of 100 ms of
simulated time; what happens in a tick is a function of (seed, service, tick, the splits until then) and of nothing
else, so only the splits are kept: any tick can be asked for at any time, in any order, as often as one likes, and
answers the same. Counts come first and cost two draws a revision; single requests are drawn only for a reader who
wants them, from a stream of their own, so that asking for them changes nothing.

Knows neither gRPC nor log entries (`console.simulator.entries`).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import accumulate
from random import Random
from statistics import NormalDist
from typing import NamedTuple
from zlib import crc32

from console.simulator.scenario import Outage, Profile, Scenario

TICKS_PER_S = 10
TICK_S = 1 / TICKS_PER_S
TICK_NS = 1_000_000_000 // TICKS_PER_S
HISTORY_S = 24 * 3600.0
"""How long before the start there was traffic already: the scenario's first split, all the time."""

_Z95 = 1.6448536269514722
_FOREVER = 1 << 62
_NORMAL = NormalDist()


class Fate(IntEnum):
    """What becomes of a request; each kind is a Poisson process of its own."""

    QUIET = 0
    """Served, and nothing was written about it but the request's entry."""
    FAILED = 1
    """Answered with 5xx."""
    TALKING = 2
    """Served, and the application wrote lines."""


class Tally(NamedTuple):
    """How many requests of each fate."""

    quiet: int
    failed: int
    talking: int

    @property
    def served(self) -> int:
        """Those that did not fail."""
        return self.quiet + self.talking


@dataclass(frozen=True, slots=True)
class Arm:
    """One revision's part of a service's traffic during an era."""

    revision: str
    profile: Profile
    share: float
    """0 to 1, above 0."""
    ok_per_tick: float
    """Mean number of requests a tick that do not fail."""
    failed_per_tick: float
    """Mean number of requests a tick answered with 5xx."""
    talking_per_tick: float
    """Mean number of those that do not fail about which the application writes lines."""
    start_up_s: float
    """Start-up time that some requests wait for now, seconds; 0 once warm."""
    mu: float
    sigma: float
    """Of the logarithm of the latency in seconds."""
    key: int
    """Hash of the revision's name, for seeds."""


@dataclass(frozen=True, slots=True)
class Era:
    """A span of ticks in which nothing about a service's traffic changes."""

    start: int
    """First tick."""
    end: int
    """First tick after it."""
    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    offset_ns: int
    """Arrival, nanoseconds after the tick's start."""
    latency_s: float
    start_up_s: float
    """Part of the latency that was a container's start-up."""
    bits: int
    """128 random bits: the trace, and all that is chosen freely about the request."""


@dataclass(frozen=True, slots=True)
class Change:
    """The split from a tick on."""

    tick: int
    shares: tuple[tuple[str, int], ...]
    """(revision, percent), those above 0 only."""


def tick_at(seconds: float) -> int:
    """The tick that `seconds` of simulated time (since 1970) lies in."""
    return math.floor(seconds * TICKS_PER_S + 1e-6)


@lru_cache(maxsize=512)
def _poisson_table(mean: float) -> tuple[int, tuple[float, ...]]:
    """(lowest value, cumulative probabilities from it on) of a Poisson law, 9 deviations to each side."""
    spread = 9 * math.sqrt(mean) + 10
    low = max(0, int(mean - spread))
    log_mean = math.log(mean)
    weights = [
        math.exp(value * log_mean - mean - math.lgamma(value + 1)) for value in range(low, int(mean + spread) + 1)
    ]
    total = math.fsum(weights)
    return low, tuple(accumulate(weight / total for weight in weights))


def poisson(mean: float, chance: float) -> int:
    """The value of a Poisson law at a chance (its inverse distribution function).

    Args:
        mean: 0 or more; over 1,000 the normal law stands in.
        chance: uniform, 0 to 1.
    """
    if mean <= 0:
        return 0
    if mean > 1000:
        return max(0, round(mean + math.sqrt(mean) * normal(chance)))
    low, table = _poisson_table(mean)
    return low + min(bisect_left(table, chance), len(table) - 1)


def normal(chance: float) -> float:
    """The standard normal law's value at a uniform `chance`."""
    return _NORMAL.inv_cdf(min(max(chance, 1e-15), 1 - 1e-15))


class ServiceTraffic:
    """The traffic of one service.

    Args:
        name: short name.
        rate: requests a second.
        scenario: for profiles and outages.
        seed: of the run.
        start_tick: the scenario's start; the split at the start holds for `HISTORY_S` before it too.
    """

    def __init__(self, name: str, rate: float, scenario: Scenario, seed: int, start_tick: int) -> None:
        self.name = name
        self.rate = rate
        self.start_tick = start_tick
        self.first_tick = start_tick - int(HISTORY_S * TICKS_PER_S)
        self._scenario = scenario
        self._outages = [e for e in scenario.events.values() if isinstance(e, Outage) and e.service == name]
        self._seed = ((seed & 0xFFFF_FFFF_FFFF) << 96) | (crc32(name.encode()) << 64)
        self._random = Random()
        self._created: dict[str, int] = {}
        self._changes: list[Change] = []
        self._eras: list[Era] = []
        self._starts: list[int] = []
        spec = scenario.services.get(name)
        self._changes.append(Change(self.first_tick, tuple(spec.split.items()) if spec else ()))
        self._recompute()

    # ------------------------------------------------------------ splits

    @property
    def changes(self) -> tuple[Change, ...]:
        """All splits since the start, oldest first."""
        return tuple(self._changes)

    def split_changed(self, at: float, shares: Mapping[str, int]) -> None:
        """The effective split is `shares` (percents) from the first tick that starts at or after `at`.

        A change of a tick that has a change already replaces it; the past is never rewritten.
        """
        tick = max(math.ceil(at * TICKS_PER_S - 1e-6), self._changes[-1].tick)
        kept = tuple((name, percent) for name, percent in shares.items() if percent > 0)
        if kept == self._changes[-1].shares:
            return
        if tick == self._changes[-1].tick:
            self._changes.pop()
        self._changes.append(Change(tick, kept))
        self._recompute()

    def restore(self, changes: list[Change]) -> None:
        """Take over the splits of an earlier run of the same scenario (its `changes`)."""
        if changes:
            self._changes = list(changes)
            self.first_tick = changes[0].tick
            self._recompute()

    def first_move(self) -> float | None:
        """When the split first changed after the start, seconds of simulated time; None where it never did."""
        moves = [change.tick for change in self._changes[1:]]
        return moves[0] / TICKS_PER_S if moves else None

    def _recompute(self) -> None:
        """Cut time into eras: at each change of the split, each end of a cold start, each end of an outage."""
        since: dict[str, int] = {}
        outages: list[tuple[int, int, float]] = []
        if (moved := self.first_move()) is not None:
            for outage in self._outages:
                begins = tick_at(moved + outage.after_first_move_s)
                outages.append((begins, begins + int(outage.lasts_s * TICKS_PER_S), outage.error_share))
        eras: list[Era] = []
        for index, change in enumerate(self._changes):
            after = self._changes[index + 1].tick if index + 1 < len(self._changes) else _FOREVER
            names = [name for name, _percent in change.shares]
            # whoever served from the first tick on was warm long before it
            since = {name: since.get(name, change.tick if index else -_FOREVER) for name in names}
            cuts = {change.tick}
            for name in names:
                cold = self._scenario.profile_of(self.name, name).cold_start
                cuts.add(since[name] + int(cold.seconds * TICKS_PER_S))
            for begins, ends, _share in outages:
                cuts |= {begins, ends}
            starts = sorted(cut for cut in cuts if change.tick <= cut < after)
            for start, end in zip(starts, [*starts[1:], after], strict=True):
                extra = max((share for begins, ends, share in outages if begins <= start < ends), default=0.0)
                arms = tuple(self._arm(name, percent, start - since[name], extra) for name, percent in change.shares)
                eras.append(Era(start, end, arms))
        self._eras = eras
        self._starts = [era.start for era in eras]

    def _arm(self, name: str, percent: int, age: int, outage_share: float) -> Arm:
        profile = self._scenario.profile_of(self.name, name)
        cold = profile.cold_start
        is_cold = age < int(cold.seconds * TICKS_PER_S)
        failing = cold.error_share if is_cold else profile.error_share
        failing = failing + outage_share * (1 - failing)
        mean = self.rate * percent / 100 / TICKS_PER_S
        mu = math.log(profile.latency.median_ms / 1000)
        return Arm(
            revision=name,
            profile=profile,
            share=percent / 100,
            ok_per_tick=mean * (1 - failing),
            failed_per_tick=mean * failing,
            talking_per_tick=mean * (1 - failing) * min(1.0, profile.chatter.lines_per_request),
            start_up_s=cold.start_up_ms / 1000 if is_cold else 0.0,
            mu=mu,
            sigma=(math.log(profile.latency.p95_ms / 1000) - mu) / _Z95,
            key=crc32(name.encode()),
        )

    def created(self, revision: str, at: float) -> None:
        """A revision was made while the scenario runs."""
        self._created[revision] = tick_at(at)

    def profile_of(self, revision: str) -> Profile:
        """How a revision behaves."""
        return self._scenario.profile_of(self.name, revision)

    def warm_revisions(self, tick: int) -> set[str]:
        """The revisions whose minimum of instances is kept up: those that serve or served, are new, or have a tag."""
        spec = self._scenario.services.get(self.name)
        tagged = {name for name, revision in spec.revisions.items() if revision.tag} if spec else set()
        served = {name for change in self._changes if change.tick <= tick for name, _percent in change.shares}
        return tagged | served | {name for name, since in self._created.items() if since <= tick}

    # ------------------------------------------------------------ what happened

    def era(self, tick: int) -> Era | None:
        """The era of a tick; None before there was any traffic."""
        index = bisect_right(self._starts, tick) - 1
        return self._eras[index] if index >= 0 else None

    def eras(self, start: int, end: int) -> list[Era]:
        """The eras that overlap the ticks from `start` to before `end`, oldest first."""
        return [era for era in self._eras if era.end > start and era.start < end]

    def tallies(self, tick: int) -> list[tuple[Arm, Tally]]:
        """How many requests of each fate each arm had in one tick."""
        era = self.era(tick)
        if era is None or not self.rate:
            return []
        generator = self._random
        generator.seed(self._seed | tick)
        draw = generator.random
        return [
            (
                arm,
                Tally(
                    poisson(arm.ok_per_tick - arm.talking_per_tick, draw()),
                    poisson(arm.failed_per_tick, draw()),
                    poisson(arm.talking_per_tick, draw()),
                ),
            )
            for arm in era.arms
        ]

    def counts(self, tick: int) -> list[tuple[Arm, int, int]]:
        """(arm, requests that did not fail, requests that failed) of one tick."""
        return [(arm, tally.quiet + tally.talking, tally.failed) for arm, tally in self.tallies(tick)]

    def requests(self, tick: int, arm: Arm, count: int, fate: Fate) -> list[Request]:
        """An arm's requests of one fate in a tick, by arrival.

        Args:
            tick: which.
            arm: one of the tick's era.
            count: how many there were, as `tallies` told.
            fate: which of them.
        """
        if not count:
            return []
        generator = self._random
        generator.seed(((self._seed | tick) << 40) | (arm.key << 2) | fate)
        draw, gauss, bits, exp = generator.random, generator.gauss, generator.getrandbits, math.exp
        mu, sigma = arm.mu, arm.sigma
        if arm.start_up_s:
            wait, share = arm.start_up_s, arm.profile.cold_start.start_up_share
            made = []
            for _number in range(count):
                offset, latency, random_bits = int(draw() * TICK_NS), exp(gauss(mu, sigma)), bits(128)
                extra = wait if (random_bits >> 96) / 0x1_0000_0000 < share else 0.0
                made.append(Request(offset, latency + extra, extra, random_bits))
        else:
            made = [Request(int(draw() * TICK_NS), exp(gauss(mu, sigma)), 0.0, bits(128)) for _number in range(count)]
        made.sort(key=_arrival)
        return made


def _arrival(request: Request) -> int:
    return request.offset_ns


class Traffic:
    """The traffic of all services; listens to the store for splits and new services.

    Args:
        scenario: services, profiles, events.
        seed: of the run.
        start: simulated time at the start, seconds since 1970.
    """

    def __init__(self, scenario: Scenario, *, seed: int, start: float) -> None:
        self.scenario = scenario
        self.seed = seed
        self.start = start
        self.start_tick = math.ceil(start * TICKS_PER_S - 1e-6)
        self._services: dict[str, ServiceTraffic] = {}
        for name, spec in scenario.services.items():
            self._services[name] = ServiceTraffic(name, spec.requests_per_s, scenario, seed, self.start_tick)

    @property
    def services(self) -> dict[str, ServiceTraffic]:
        """By short name."""
        return self._services

    def service(self, name: str) -> ServiceTraffic:
        """The traffic of a service; one the scenario does not know gets no requests."""
        if name not in self._services:
            self._services[name] = ServiceTraffic(name, 0.0, self.scenario, self.seed, self.start_tick)
        return self._services[name]

    def split_changed(self, service: str, at: float, shares: Mapping[str, int]) -> None:
        """The effective split of a service is `shares` (percent by revision) from `at` (simulated seconds) on."""
        self.service(service).split_changed(at, shares)

    def revision_created(self, service: str, revision: str, at: float) -> None:
        """A revision was made; it behaves as the scenario's profile for deployed revisions says."""
        self.service(service).created(revision, at)

    def first_move(self, service: str) -> float | None:
        """When a service's split first changed after the start, or None: what `after_first_move_s` counts from."""
        return self.service(service).first_move()

    def export_state(self) -> dict[str, list[list[object]]]:
        """The splits of all services, as JSON can hold them; `import_state` takes them back."""
        return {
            name: [[change.tick, dict(change.shares)] for change in traffic.changes]
            for name, traffic in self._services.items()
        }

    def import_state(self, state: Mapping[str, list[list[object]]]) -> None:
        """Take over the splits that `export_state` gave, from the same scenario and seed."""
        for name, rows in state.items():
            changes = []
            for tick, shares in rows:
                assert isinstance(tick, int)
                assert isinstance(shares, dict)
                changes.append(Change(tick, tuple((str(key), int(value)) for key, value in shares.items())))
            self.service(name).restore(changes)
