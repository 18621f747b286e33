"""The evidence is what it claims to be: E[L | past] <= 1 under each null, so that it may be watched all day."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations, product
from math import comb, exp, inf, log, prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.verdict.base import Counts, Tick, Word
from console.verdict.detectors import (
    ERRORS,
    FAST_GRID,
    FAST_NULL,
    GRACE_GRID,
    GRACE_NULL,
    SHIFT_GRID,
    SHIFT_ODDS,
    SILENT_PARTS,
    SLOW,
    Detectors,
)
from console.verdict.evidence import FAST, MAX_STEP, START, Cap, Mixture, OddsAbove, RateAbove, RateBelow
from console.verdict.evidence import SLOW as SLOW_CAP
from console.verdict.sequential import PASS_REQUESTS, SequentialJudge

SLACK = 1 + 1e-9
ABSOLUTE = [
    pytest.param(ERRORS.null, ERRORS.grid, id="errors"),
    pytest.param(ERRORS.floor, ERRORS.floor_grid, id="errors, floor"),
    pytest.param(SLOW.null, SLOW.grid, id="slow"),
    pytest.param(SLOW.floor, SLOW.floor_grid, id="slow, floor"),
    pytest.param(FAST_NULL, FAST_GRID, id="fast"),
    pytest.param(GRACE_NULL, GRACE_GRID, id="grace"),
]
RELATIVE = [
    pytest.param(ERRORS.odds, ERRORS.odds_grid, id="errors"),
    pytest.param(SHIFT_ODDS, SHIFT_GRID, id="shifted"),
    pytest.param(1.0, (2.0, 10.0), id="plain odds"),
]
SHAPES = [(1, 1), (1, 9), (3, 27), (10, 10), (12, 3), (20, 60)]
"""(canary requests, stable requests) of a second."""


class Recorded(Mixture):
    """A mixture that keeps what it is fed: log L of each alternative."""

    def __init__(self, size: int) -> None:
        super().__init__(size, 300, None)
        self.increments: list[float] = []

    def step(self, increments: Sequence[float]) -> float:
        """Keep them, and go on."""
        self.increments = list(increments)
        return super().step(increments)


def one_tick(test: RateAbove | OddsAbove, size: int, *counts: int) -> list[float]:
    """L of each alternative for one second's counts, before the cap."""
    test.mixture = Recorded(size)
    test.tick(*counts)
    return [exp(increment) for increment in test.mixture.increments]


def binomial(n: int, p: float) -> list[float]:
    """Probability of 0 to n events."""
    return [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]


def hypergeometric(canary: int, stable: int, total: int, odds: float) -> dict[int, float]:
    """Fisher's: probability of the canary's events, given the total of both."""
    weights = {
        k: comb(canary, k) * comb(stable, total - k) * odds**k
        for k in range(max(0, total - stable), min(canary, total) + 1)
    }
    whole = sum(weights.values())
    return {k: weight / whole for k, weight in weights.items()}


# -- one second ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("null", "grid"), ABSOLUTE)
def test_too_many_events_are_no_evidence_on_average_while_the_share_is_allowed(
    null: float, grid: tuple[float, ...]
) -> None:
    for n in (1, 2, 7, 40, 125):
        values = [one_tick(RateAbove(null, grid, 300, None), len(grid), k, n) for k in range(n + 1)]
        for part in (0.0, 0.01, 0.3, 0.7, 0.99, 1.0):
            chances = binomial(n, null * part)
            for index in range(len(grid)):
                expected = sum(chance * value[index] for chance, value in zip(chances, values, strict=True))
                assert expected <= SLACK
                if part == 1.0:
                    assert expected == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_a_canary_that_gets_its_share_is_not_silent_on_average(share: float) -> None:
    grid = tuple(share * part for part in SILENT_PARTS)
    for n in (1, 5, 50):
        values = [one_tick(RateAbove(share, grid, 300, None), len(grid), k, n) for k in range(n + 1)]
        for true in (share, min(1.0, share * 1.1), (1 + share) / 2, 1.0):
            for index in range(len(grid)):
                terms = zip(binomial(n, true), values, strict=True)
                assert sum(chance * value[index] for chance, value in terms) <= SLACK


@pytest.mark.parametrize(("null", "grid"), [(p.null, p.passing) for p in (ERRORS, SLOW)])
def test_nothing_speaks_for_a_pass_on_average_while_the_limit_is_broken(null: float, grid: tuple[float, ...]) -> None:
    for n in (1, 5, 50):
        values = [RateBelow(null, grid).tick(k, n) for k in range(n + 1)]
        for true in (null, null * 1.5, 0.5, 1.0):
            assert sum(c * value for c, value in zip(binomial(n, true), values, strict=True)) <= SLACK


@pytest.mark.parametrize(("null", "grid"), RELATIVE)
@pytest.mark.parametrize(("canary", "stable"), SHAPES)
def test_the_comparison_is_no_evidence_on_average_whatever_both_share(
    null: float, grid: tuple[float, ...], canary: int, stable: int
) -> None:
    """Every table with these margins, up to everything fails: E[L | totals] <= 1, so for any common error rate too."""
    for total in range(canary + stable + 1):
        for odds in (null, (1 + null) / 2, 1.0, 0.5):
            chances = hypergeometric(canary, stable, total, odds)
            expected = [0.0] * len(grid)
            for k, chance in chances.items():
                values = one_tick(OddsAbove(null, grid, 300, None), len(grid), k, canary, total - k, stable)
                expected = [sofar + chance * value for sofar, value in zip(expected, values, strict=True)]
            assert max(expected) <= SLACK


@pytest.mark.parametrize(("null", "grid"), RELATIVE)
def test_the_comparison_over_two_seconds_stays_fair_while_the_common_rate_moves(
    null: float, grid: tuple[float, ...]
) -> None:
    """Binomial arms at the null's odds ratio, the rate leaping from second to second; the whole product, enumerated."""
    for rates in ((0.001, 0.4), (0.4, 0.001), (0.05, 0.9)):
        expected = [1.0] * len(grid)
        for rate, (canary, stable) in zip(rates, ((2, 6), (3, 5)), strict=True):
            worse = null * rate / (1 - rate + null * rate)
            second = [0.0] * len(grid)
            chances = product(enumerate(binomial(canary, worse)), enumerate(binomial(stable, rate)))
            for (k, chance), (other, chance_other) in chances:
                values = one_tick(OddsAbove(null, grid, 300, None), len(grid), k, canary, other, stable)
                second = [s + chance * chance_other * value for s, value in zip(second, values, strict=True)]
            expected = [sofar * s for sofar, s in zip(expected, second, strict=True)]
        assert max(expected) <= SLACK


def test_seconds_without_a_canary_request_are_compared_with_the_next_one() -> None:
    apart = OddsAbove(1.5, (2.5, 20.0), 300)
    apart.tick(0, 0, 1, 9)
    apart.tick(0, 0, 0, 5)
    together = OddsAbove(1.5, (2.5, 20.0), 300)
    assert one_tick(apart, 2, 1, 2, 0, 8) == one_tick(together, 2, 1, 2, 1, 22)


# -- many seconds ----------------------------------------------------------------------------------------------


def drive(mixture: Mixture, outcomes: Sequence[tuple[float, Sequence[float]]], seconds: int) -> float:
    """E[value] after so many seconds, over every path of the outcomes (chance, log L of each alternative)."""
    expected = 0.0
    for path in product(outcomes, repeat=seconds):
        twin = Mixture(len(path[0][1]), 3, mixture._cap)
        for _chance, increments in path:
            twin.step(increments)
        expected += prod(chance for chance, _increments in path) * twin.value
    return expected


@pytest.mark.parametrize("cap", [None, SLOW_CAP, FAST, Cap(0.1, 0.5), Cap(0.0, 0.0)], ids=str)
@pytest.mark.parametrize(("n", "p", "grid"), [(2, 0.1, (0.3, 0.9)), (3, 0.3, (0.5, 0.95))])
def test_the_evidence_stays_fair_under_the_cap(cap: Cap | None, n: int, p: float, grid: tuple[float, ...]) -> None:
    """Every path of six seconds: the mean is at most 1 at each, and falls from each to the next."""
    outcomes = [
        (chance, [k * log(q / p) + (n - k) * log((1 - q) / (1 - p)) for q in grid])
        for k, chance in enumerate(binomial(n, p))
    ]
    means = [drive(Mixture(len(grid), 3, cap), outcomes, seconds) for seconds in range(1, 7)]
    assert all(later <= earlier * SLACK for earlier, later in zip([1.0, *means], means, strict=False))
    if cap is None:
        assert means == pytest.approx([1.0] * 6, rel=1e-9)


@given(st.lists(st.lists(st.floats(-20, 20), min_size=3, max_size=3), max_size=60))
def test_the_cap_only_ever_lowers_the_evidence(seconds: list[list[float]]) -> None:
    plain, capped = Mixture(3, 300, None), Mixture(3, 300, SLOW_CAP)
    for increments in seconds:
        assert capped.step(increments) <= plain.step(increments) * SLACK


@pytest.mark.parametrize(("cap", "threshold"), [(SLOW_CAP, 400.0), (FAST, 1000.0)])
def test_no_burst_however_violent_reaches_the_threshold_sooner_than_the_cap_allows(cap: Cap, threshold: float) -> None:
    mixture = Mixture(1, 300, cap)
    seconds = 0
    while mixture.step([inf]) < threshold:
        seconds += 1
    assert seconds + 1 >= cap.seconds_to(threshold)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.002, 0.01, 0.3, 1.0]))
def test_evidence_stays_a_number_whatever_comes(seed: int, share: float) -> None:
    rng = random.Random(seed)
    detectors = Detectors(0.1)
    for second in range(60):
        n = rng.choice([0, 1, 10**6])
        k = n if rng.random() < share else 0
        detectors.tick(Tick(second, Counts(n, k, k, k), Counts(rng.choice([0, 10**6]))))
        for kind in (detectors.errors, detectors.slow, detectors.very_slow):
            values = (kind.absolute, kind.relative, kind.blame, kind.shared, kind.passing)
            assert all(0 <= value < inf for value in values)
    assert log(1.7e308) > MAX_STEP


def test_recent_evidence_rises_with_a_fault_however_long_all_was_well_before_and_falls_after_it() -> None:
    stable = RateAbove(0.01, ERRORS.grid, None)
    for _second in range(10_000):
        stable.tick(0, 45)
    assert stable.mixture.value < 1
    for _second in range(4):
        stable.tick(5, 45)
    assert stable.mixture.value >= 20
    for _second in range(120):
        stable.tick(0, 45)
    assert stable.mixture.value < 1


def test_start_times_spend_the_whole_weight_over_the_horizon_and_no_more() -> None:
    mixture = Mixture(1, 10, None)
    for second in range(25):
        mixture.step([0.0])
        assert mixture.value == pytest.approx(1.0), "no news changes nothing"
        assert mixture._left == pytest.approx(max(0.0, (1 - START) * (1 - second / 10)), abs=1e-12)


# -- order, doubles, delays, scale -----------------------------------------------------------------------------


def entries(rng: random.Random, canary: int, stable: int, share: float) -> list[tuple[bool, int, float]]:
    """Requests of one second: (whether the canary's, status, latency in ms)."""
    return [
        (arm, 500 if rng.random() < share else 200, rng.lognormvariate(5.9, 0.4))
        for arm, n in ((True, canary), (False, stable))
        for _request in range(n)
    ]


def closed(second: int, requests: Sequence[tuple[bool, int, float]]) -> Tick:
    """The tick that these requests make."""
    arms = {True: Counts(), False: Counts()}
    for arm, status, latency in requests:
        arms[arm].request(status, latency)
    return Tick(second, arms[True], arms[False])


def test_the_order_within_a_second_changes_nothing() -> None:
    rng = random.Random(7)
    straight, shuffled = SequentialJudge(0.1), SequentialJudge(0.1)
    for second in range(60):
        requests = entries(rng, 5, 45, 0.05)
        mixed = requests.copy()
        rng.shuffle(mixed)
        assert straight.tick(closed(second, requests)) == shuffled.tick(closed(second, mixed))
    for orders in permutations(entries(rng, 1, 3, 0.5)):
        assert closed(0, orders).canary == closed(0, sorted(orders, reverse=True)).canary


@given(st.integers(1, 40), st.integers(0, 8), st.integers(0, 3))
def test_a_doubled_failure_adds_no_more_than_its_own_weight(n: int, k: int, doubled: int) -> None:
    """Of events that one cause brings twice, each alternative gains at most log(p_j / p0) a piece, cap or no cap."""
    k = min(k, n)
    once = one_tick(RateAbove(ERRORS.null, ERRORS.grid, 300), 5, k, n)
    twice = one_tick(RateAbove(ERRORS.null, ERRORS.grid, 300), 5, k + doubled, n + doubled)
    for p, before, after in zip(ERRORS.grid, once, twice, strict=True):
        assert log(after) - log(before) <= doubled * log(p / ERRORS.null) + 1e-9


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), min_size=2, max_size=40), st.data())
def test_an_entry_counted_a_second_late_moves_plain_evidence_by_its_later_start_only(
    seconds: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Without the cap every alternative is a product over entries: which second took them matters to start times."""
    moved = data.draw(st.integers(0, len(seconds) - 2))
    late = [[k, n + k] for k, n in seconds]
    punctual = [list(pair) for pair in late]
    if late[moved][0]:
        late[moved][0] -= 1
        late[moved][1] -= 1
        late[moved + 1][0] += 1
        late[moved + 1][1] += 1
    one, other = (RateAbove(ERRORS.null, ERRORS.grid, 300, None) for _ in range(2))
    for a, b in zip(punctual, late, strict=True):
        one.tick(*a)
        other.tick(*b)
    # only what starts at the very second after gains the entry: nothing else differs
    since = punctual[moved + 1 :]
    gained = 0.0
    for share in ERRORS.grid:
        hit, miss = log(share / ERRORS.null), log((1 - share) / (1 - ERRORS.null))
        started = exp(sum(k * hit + (n - k) * miss for k, n in since))
        gained += (share / ERRORS.null - 1) * started / len(ERRORS.grid)
    moved_weight = (1 - START) / 300 * (late != punctual)
    assert other.mixture.value == pytest.approx(one.mixture.value + moved_weight * gained, rel=1e-9)


def test_time_may_be_scaled() -> None:
    """Twice the traffic for half the time says the same without the cap: evidence is of requests, not of seconds."""
    slow, fast = (RateAbove(ERRORS.null, ERRORS.grid, 10**15, None) for _ in range(2))
    for _second in range(20):
        slow.tick(1, 25)
        slow.tick(2, 30)
        fast.tick(3, 55)
    assert slow.mixture.value == pytest.approx(fast.mixture.value, rel=1e-9)
    once, half = RateBelow(0.01, ERRORS.passing), RateBelow(0.01, ERRORS.passing)
    once.tick(2, 1000)
    half.tick(1, 500)
    assert half.tick(1, 500) == pytest.approx(once.value, rel=1e-12)


def test_a_second_of_nothing_says_nothing() -> None:
    detectors = Detectors(0.1)
    for second in range(20):
        detectors.tick(closed(second, entries(random.Random(second), 5, 45, 0.1)))
    kinds = (detectors.errors, detectors.slow)
    before = [(kind.absolute, kind.blame, kind.passing) for kind in kinds]
    shared = [kind.shared for kind in kinds]
    detectors.tick(Tick(20, Counts(), Counts()))
    after = [(kind.absolute, kind.blame, kind.passing) for kind in kinds]
    assert [v for kind in after for v in kind] == pytest.approx([v for kind in before for v in kind], rel=1e-2)
    assert all(kind.shared <= value + 1 for kind, value in zip(kinds, shared, strict=True)), "back to 1 at the most"


# -- no PASS without data --------------------------------------------------------------------------------------


def silent_ways() -> Iterator[tuple[str, Callable[[int], Tick]]]:
    """Ways for a bake to show too little of the canary."""
    plenty = Counts(requests=1125, errors=2)
    yield "nothing at all", lambda second: Tick(second, Counts(), Counts())
    yield "only the stable", lambda second: Tick(second, Counts(), plenty.copy())
    yield "one canary request a second", lambda second: Tick(second, Counts(requests=1), Counts(requests=9))
    yield "the stream was closed", lambda second: Tick(second, Counts(requests=125), plenty.copy(), observed=False)
    yield "entries held back", lambda second: Tick(second, Counts(requests=125), plenty.copy(), suppressed=1)


@pytest.mark.parametrize(("way", "tick"), list(silent_ways()))
def test_the_judge_never_says_pass_with_no_data(way: str, tick: Callable[[int], Tick]) -> None:
    judge = SequentialJudge(0.1)
    assert {judge.tick(tick(second)).word for second in range(400 if "one" not in way else 383)} & {Word.PASS} == set()


def test_a_pass_never_comes_before_the_requests_it_needs() -> None:
    judge = SequentialJudge(0.1, grace_s=0)
    words = [judge.tick(Tick(second, Counts(requests=1), Counts(requests=9))).word for second in range(700)]
    assert Word.PASS in words
    assert words.index(Word.PASS) + 1 >= PASS_REQUESTS


# -- oracles ---------------------------------------------------------------------------------------------------


def test_our_hypergeometric_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    for canary, stable in SHAPES:
        for total in range(1, canary + stable, 3):
            for odds, law in (
                (1.0, stats.hypergeom(canary + stable, canary, total)),
                (1.5, stats.nchypergeom_fisher(canary + stable, canary, total, 1.5)),
            ):
                for k, chance in hypergeometric(canary, stable, total, odds).items():
                    assert chance == pytest.approx(float(law.pmf(k)), rel=1e-6, abs=1e-12)


def test_large_tables_stay_fair_by_scipys_law() -> None:
    stats = pytest.importorskip("scipy.stats")
    for canary, stable, total in ((125, 1125, 3), (125, 1125, 40), (125, 675, 700), (500, 4500, 12)):
        law = stats.nchypergeom_fisher(canary + stable, canary, total, ERRORS.odds)
        expected = [0.0] * len(ERRORS.odds_grid)
        for k in range(max(0, total - stable), min(canary, total) + 1):
            values = one_tick(OddsAbove(ERRORS.odds, ERRORS.odds_grid, 300), 4, k, canary, total - k, stable)
            expected = [sofar + float(law.pmf(k)) * value for sofar, value in zip(expected, values, strict=True)]
        assert max(expected) <= 1 + 1e-6


@pytest.mark.parametrize(("null", "alternative"), [(0.01, 0.05), (0.05, 0.2), (0.01, 0.002), (0.3, 0.7)])
def test_our_likelihood_ratio_is_villes(null: float, alternative: float) -> None:
    """ville's Bernoulli e-process with a prior that is all on one alternative."""
    ville = pytest.importorskip("ville")
    rng = random.Random(3)
    outcomes = [int(rng.random() < alternative) for _request in range(400)]
    firm = 1e7
    oracle = ville.BernoulliTest(null, prior=(firm * alternative, firm * (1 - alternative))).fit(outcomes)
    ours = RateBelow(null, (alternative,))
    above = RateAbove(null, (alternative,), 10**15, None)
    for outcome, expected in zip(outcomes, oracle.log_e_values_, strict=True):
        assert log(ours.tick(outcome, 1)) == pytest.approx(float(expected), rel=1e-3, abs=1e-3)
        value = (above.tick(outcome, 1) - (1 - START)) / START
        if value > 1e-6:
            assert log(value) == pytest.approx(float(expected), rel=1e-3, abs=2e-3)
