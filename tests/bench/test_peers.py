"""The peers judge as their own sources say."""

from __future__ import annotations

import pytest

np = pytest.importorskip("numpy")

from bench.verdict import peers  # noqa: E402

SECONDS = 600


def failing(share: float, from_s: int = 0, to_s: int = SECONDS):  # type: ignore[no-untyped-def]
    """One canary of 100 requests a second that fails between two seconds: (events, requests)."""
    requests = np.full((SECONDS, 1), 100)
    events = np.zeros((SECONDS, 1), dtype=np.int64)
    events[from_s:to_s] = int(100 * share)
    return events, requests


def rollback(peer: peers.Peer, share: float, from_s: int = 0, to_s: int = SECONDS) -> float:
    """When it rolls back, at a limit of 1 %."""
    return float(peer.rolls_back(peer.rates(*failing(share, from_s, to_s)), 0.01)[0])


@pytest.mark.parametrize(
    ("peer", "seconds"),
    [
        (peers.PERSON, 60 + 120 + 15),
        (peers.argo(0, peers.FRESH_S), 60),
        (peers.argo(3, peers.FRESH_S), 4 * 60),
        (peers.argo(0, peers.MONITORING_S), 60 + 120),
        (peers.flagger(1, peers.FRESH_S), 60 + 60),
        (peers.flagger(5, peers.FRESH_S), 5 * 60 + 60),
        (peers.flagger(5, peers.MONITORING_S), 5 * 60 + 120 + 60),
    ],
    ids=lambda value: f"{value.name} {value.delay_s:.0f}" if isinstance(value, peers.Peer) else "",
)
def test_a_fault_from_the_first_second_is_rolled_back_when_their_rules_say(peer: peers.Peer, seconds: float) -> None:
    assert rollback(peer, 0.03) == seconds
    assert rollback(peer, 0.0) == float("inf")
    assert rollback(peer, 0.01) == float("inf"), "the limit itself is allowed"


def test_a_fault_is_seen_once_the_data_of_its_minute_can_be_read() -> None:
    assert rollback(peers.argo(0, peers.FRESH_S), 0.03, 50) == 120
    assert rollback(peers.argo(0, peers.MONITORING_S), 0.03, 50) == 240, "ten of sixty seconds are under the limit"
    assert rollback(peers.argo(0, peers.MONITORING_S), 0.10, 50) == 180


def test_a_minute_without_requests_is_no_failure() -> None:
    events, requests = failing(0.5)
    requests[:] = events[:] = 0
    for peer in peers.everyone():
        assert np.isinf(peer.rolls_back(peer.rates(events, requests), 0.01)).all()


def test_kayenta_needs_every_canary_point_clear_of_every_stable_one_with_five_of_each() -> None:
    stable = np.array([[0.001], [0.002], [0.002], [0.003], [0.002]])
    assert peers.kayenta_high(stable + 0.03, stable).all()
    one_well = stable + 0.03
    one_well[2] = 0.003
    assert not peers.kayenta_high(one_well, stable).any()
    barely = stable + 0.0022
    assert not peers.kayenta_high(barely, stable).any(), "the interval reaches below a quarter of the estimate"
    assert not peers.kayenta_high(stable, stable).any()
    assert not peers.kayenta_high(np.full((5, 1), np.nan), stable).any(), "no data is no failure"


def test_kayentas_interval_is_that_of_a_rank_test_turned_round() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(5)
    for n in (8, 12, 30):
        x, y = rng.normal(1.0, 1.0, n), rng.normal(0.0, 1.0, n)
        lower, estimate = peers.interval(x, y)
        assert estimate == pytest.approx(np.median(np.subtract.outer(x, y)))

        def chance(shift: float, x=x, y=y) -> float:  # type: ignore[no-untyped-def]
            return float(stats.mannwhitneyu(x - shift, y, method="asymptotic").pvalue)

        assert chance(lower - 1e-6) < 1 - peers.CONFIDENCE < chance(lower + 1e-6)
