"""Traffic is a pure function: same seed, same requests, whoever asks, whenever, in whatever order."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.simulator.scenario import load_scenario
from console.simulator.traffic import TICKS_PER_S, Arm, Fate, ServiceTraffic, Traffic, poisson

START = 1_795_601_100.0
STABLE = "wa-backend-00041-kem"
CANARY = "wa-backend-00042-vez"
SPLIT_10 = {STABLE: 90, CANARY: 10}


def traffic(scenario: str = "bad-canary", seed: int = 7) -> Traffic:
    return Traffic(load_scenario(scenario), seed=seed, start=START)


def service(scenario: str = "bad-canary", seed: int = 7, at: float | None = 0.0) -> ServiceTraffic:
    """wa-backend, with 10 % on the canary from `at` seconds after the start."""
    made = traffic(scenario, seed)
    if at is not None:
        made.split_changed("wa-backend", START + at, SPLIT_10)
    return made.services["wa-backend"]


def first(of: ServiceTraffic, seconds: float = 0.0) -> int:
    return of.start_tick + int(seconds * TICKS_PER_S)


def totals(of: ServiceTraffic, start_s: float, seconds: float) -> dict[str, tuple[int, int]]:
    """(requests, failures) by revision."""
    found: dict[str, tuple[int, int]] = {}
    for tick in range(first(of, start_s), first(of, start_s + seconds)):
        for arm, served, failed in of.counts(tick):
            before = found.get(arm.revision, (0, 0))
            found[arm.revision] = (before[0] + served + failed, before[1] + failed)
    return found


def within(count: float, mean: float, deviations: float = 5.0) -> bool:
    return abs(count - mean) <= deviations * math.sqrt(mean) + 1


def everything(of: ServiceTraffic, tick: int) -> list[object]:
    found: list[object] = []
    for arm, tally in of.tallies(tick):
        found.append((arm.revision, tally))
        for fate in Fate:
            found += of.requests(tick, arm, tally[fate], fate)
    return found


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**48 - 1), order=st.randoms(use_true_random=False))
def test_the_same_seed_gives_the_same_requests_in_whatever_order_they_are_asked_for(
    seed: int, order: random.Random
) -> None:
    ticks = list(range(first(service()), first(service()) + 12))
    one = service(seed=seed)
    in_turn = [everything(one, tick) for tick in ticks]
    other = service(seed=seed)
    shuffled = ticks * 2
    order.shuffle(shuffled)
    for tick in shuffled:
        assert everything(other, tick) == in_turn[tick - ticks[0]]


def test_another_seed_gives_other_requests() -> None:
    a, b = service(seed=1), service(seed=2)
    assert [everything(a, first(a, s)) for s in range(5)] != [everything(b, first(b, s)) for s in range(5)]


def test_what_is_past_stays_as_it_was_when_the_split_changes_later() -> None:
    made = traffic()
    of = made.services["wa-backend"]
    before = [everything(of, tick) for tick in range(first(of), first(of, 3))]
    made.split_changed("wa-backend", START + 3, SPLIT_10)
    assert [everything(of, tick) for tick in range(first(of), first(of, 3))] == before
    assert {arm.revision for arm, _s, _f in of.counts(first(of, 3))} == {STABLE, CANARY}


def test_requests_follow_the_rate_and_the_split() -> None:
    found = totals(service(at=60), 0, 60)
    assert found.keys() == {STABLE}
    assert within(found[STABLE][0], 300 * 60)
    found = totals(service(at=60), 60, 120)
    assert within(found[STABLE][0], 270 * 120)
    assert within(found[CANARY][0], 30 * 120)


def test_each_revision_fails_its_own_share() -> None:
    found = totals(service(), 0, 300)
    assert within(found[CANARY][1], 30 * 300 * 0.03)
    assert within(found[STABLE][1], 270 * 300 * 0.002)


def test_arrivals_are_a_poisson_process() -> None:
    of = service("quiet-service", at=None)
    counts = [sum(s + f for _arm, s, f in of.counts(tick)) for tick in range(first(of), first(of) + 4000)]
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / len(counts)
    assert mean == pytest.approx(0.5, rel=0.1)
    assert variance == pytest.approx(mean, rel=0.12)
    seen = Counter(counts)
    assert seen[0] / len(counts) == pytest.approx(math.exp(-0.5), rel=0.08)


@pytest.mark.parametrize("mean", [0.01, 0.7, 12.0, 125.0, 999.0, 5000.0])
def test_the_inverse_poisson_law_has_its_mean_and_never_goes_below_zero(mean: float) -> None:
    values = [poisson(mean, (step + 0.5) / 4000) for step in range(4000)]
    assert min(values) >= 0
    assert values == sorted(values)
    assert sum(values) / len(values) == pytest.approx(mean, rel=0.02, abs=0.002)
    assert poisson(0.0, 0.99) == 0


@pytest.mark.parametrize(("scenario", "low", "high"), [("bad-canary", 590, 660), ("slow-canary", 850, 950)])
def test_the_canarys_p95_is_the_scenarios(scenario: str, low: float, high: float) -> None:
    of = service(scenario)
    latencies: list[float] = []
    for tick in range(first(of), first(of, 120)):
        for arm, tally in of.tallies(tick):
            if arm.revision == CANARY:
                latencies += [r.latency_s * 1000 for r in of.requests(tick, arm, tally.quiet, Fate.QUIET)]
    latencies.sort()
    assert low < latencies[int(len(latencies) * 0.95)] < high


def test_a_cold_start_fails_in_its_first_15_seconds_only() -> None:
    of = service("cold-start", at=10)
    cold, warm = totals(of, 10, 15)[CANARY], totals(of, 25, 120)[CANARY]
    assert within(cold[1], cold[0] * 0.06)
    assert within(warm[1], warm[0] * 0.002)
    slow = _slowest(of, 10), _slowest(of, 60)
    assert slow[0] > 2.5
    assert slow[1] < 2.5


def _slowest(of: ServiceTraffic, second: float) -> float:
    found = []
    for tick in range(first(of, second), first(of, second + 5)):
        for arm, tally in of.tallies(tick):
            if arm.revision == CANARY:
                found += [request.latency_s for request in of.requests(tick, arm, tally.quiet, Fate.QUIET)]
    return sorted(found)[-5]


def test_a_revision_is_cold_again_when_it_served_nothing_in_between() -> None:
    made = traffic("cold-start")
    of = made.services["wa-backend"]
    made.split_changed("wa-backend", START, SPLIT_10)
    made.split_changed("wa-backend", START + 40, {STABLE: 100})
    made.split_changed("wa-backend", START + 60, SPLIT_10)
    assert _failing(of, 5) == pytest.approx(0.06)
    assert _failing(of, 30) == pytest.approx(0.002)
    assert _failing(of, 65) == pytest.approx(0.06)
    made.split_changed("wa-backend", START + 90, {STABLE: 50, CANARY: 50})
    assert _failing(of, 91) == pytest.approx(0.002), "more of the same traffic is no new start"


def _failing(of: ServiceTraffic, second: float, revision: str = CANARY) -> float:
    arm = _arm(of, second, revision)
    return arm.failed_per_tick / (arm.failed_per_tick + arm.ok_per_tick)


def _arm(of: ServiceTraffic, second: float, revision: str) -> Arm:
    era = of.era(first(of, second))
    assert era is not None
    return next(arm for arm in era.arms if arm.revision == revision)


def test_a_shared_outage_comes_some_time_after_the_first_move_and_spares_nobody() -> None:
    of = service("shared-outage", at=30)
    for revision in (STABLE, CANARY):
        assert _failing(of, 31 + 60, revision) == pytest.approx(0.002)
        assert _failing(of, 31 + 90, revision) == pytest.approx(0.12, abs=0.01)
        assert _failing(of, 31 + 90 + 300, revision) == pytest.approx(0.12, abs=0.01)
        assert _failing(of, 31 + 90 + 601, revision) == pytest.approx(0.002)


def test_without_a_move_there_is_no_outage() -> None:
    of = service("shared-outage", at=None)
    assert all(_failing(of, second, STABLE) == pytest.approx(0.002) for second in range(0, 1000, 50))


def test_the_last_day_has_traffic_too_and_nothing_before_it() -> None:
    of = service(at=None)
    assert totals(of, -86_399, 1)[STABLE][0] > 0
    assert of.counts(first(of, -86_401)) == []


def test_a_service_nobody_knows_gets_no_requests() -> None:
    made = traffic()
    made.split_changed("other", START, {"other-00001-abc": 100})
    assert sum(s + f for _arm, s, f in made.services["other"].counts(first(made.services["other"], 1))) == 0


def test_a_revision_deployed_while_it_runs_behaves_well() -> None:
    made = traffic("broken-canary")
    made.revision_created("wa-backend", "wa-backend-00043-new", START + 5)
    made.split_changed("wa-backend", START + 10, {STABLE: 50, "wa-backend-00043-new": 50})
    assert _failing(made.services["wa-backend"], 20, "wa-backend-00043-new") == pytest.approx(0.002)


def test_kept_splits_give_the_same_traffic_again() -> None:
    made = traffic()
    made.split_changed("wa-backend", START + 5, SPLIT_10)
    made.split_changed("wa-backend", START + 20, {STABLE: 100})
    again = traffic()
    again.import_state(made.export_state())
    for second in (-5, 1, 6, 19, 21):
        tick = first(made.services["wa-backend"], second)
        assert everything(again.services["wa-backend"], tick) == everything(made.services["wa-backend"], tick)
    assert again.first_move("wa-backend") == START + 5


def test_two_changes_in_one_tick_leave_the_last() -> None:
    made = traffic()
    of = made.services["wa-backend"]
    made.split_changed("wa-backend", START + 1.01, SPLIT_10)
    made.split_changed("wa-backend", START + 1.02, {STABLE: 100})
    assert [change.shares for change in of.changes] == [((STABLE, 100),)] * len(of.changes)
