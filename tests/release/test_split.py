"""Splits: shares that total 100, tags kept on their own targets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import UsageError
from console.release.service import Revision
from console.release.split import TrafficSplit, TrafficTarget, split_for_step
from console.release.state import lines_of, split_of
from tests.release.making import CANARY, OLDER, STABLE, service


def test_no_traffic_at_all_means_the_latest_ready_revision() -> None:
    assert TrafficSplit().shares(CANARY) == {CANARY: 100}
    assert TrafficSplit().shares(None) == {}


def test_latest_counts_for_the_revision_it_stands_for() -> None:
    split = TrafficSplit((TrafficTarget(None, 90), TrafficTarget(STABLE, 10)))
    assert split.shares(STABLE) == {STABLE: 100}
    assert split.percent_of(STABLE, CANARY) == 10


def test_new_shares_keep_every_tag_on_a_target_of_its_own() -> None:
    split = TrafficSplit((TrafficTarget(STABLE, 100, tag="live"), TrafficTarget(CANARY, 0, tag="canary")))
    moved = split.with_shares({CANARY: 10, STABLE: 90})
    assert moved.shares() == {CANARY: 10, STABLE: 90}
    assert moved.tags() == (("live", STABLE), ("canary", CANARY))
    assert all(target.percent == 0 for target in moved.targets if target.tag)


@pytest.mark.parametrize("shares", [{}, {STABLE: 99}, {STABLE: 101}, {STABLE: 110, CANARY: -10}])
def test_shares_that_do_not_total_100_are_refused(shares: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        TrafficSplit().with_shares(shares)


def test_a_tag_moves_and_leaves_nothing_behind() -> None:
    split = TrafficSplit.of({STABLE: 100}, [("canary", OLDER)]).with_tag("canary", CANARY)
    assert split.tags() == (("canary", CANARY),)
    assert split.shares() == {STABLE: 100}
    assert split.revision_for_tag("canary") == CANARY
    assert split.revision_for_tag("none") is None


def test_a_service_is_settled_when_what_is_told_is_what_serves() -> None:
    assert service().settled
    assert not service({CANARY: 10, STABLE: 90}, effective={STABLE: 100}).settled
    assert not service(reconciling=True).settled


@pytest.mark.parametrize(
    ("image", "digest", "label"),
    [
        ("host/path/app:7c1e9f", "", ":7c1e9f"),
        ("host:5000/path/app", "sha256:0123456789", "@0123456"),
        ("host/app@sha256:abcdef0123", "", "@abcdef0"),
        ("", "", ""),
    ],
)
def test_what_a_table_shows_of_an_image(image: str, digest: str, label: str) -> None:
    assert Revision("r", image=image, digest=digest).image_label == label


names = st.sampled_from([f"r{number}" for number in range(6)])
shares = st.dictionaries(names, st.integers(1, 100), min_size=1, max_size=6)


@given(shares, st.integers(0, 100), names)
def test_a_step_gives_the_canary_exactly_its_share_and_the_rest_in_proportion(
    base: dict[str, int], percent: int, canary: str
) -> None:
    others = {name: share for name, share in base.items() if name != canary}
    if not others and percent < 100:
        with pytest.raises(UsageError):
            split_for_step(canary=canary, percent=percent, base=base)
        return
    after = split_for_step(canary=canary, percent=percent, base=base)
    assert sum(after.values()) == 100
    assert after.get(canary, 0) == percent
    total = sum(others.values())
    for name, share in others.items():
        assert abs(after.get(name, 0) - (100 - percent) * share / max(total, 1)) < 1


@given(
    st.lists(
        st.builds(TrafficTarget, st.none() | names, st.integers(0, 100), st.sampled_from(["", "canary", "live"])),
        max_size=5,
    )
)
def test_a_recorded_split_reads_back_as_it_was(targets: list[TrafficTarget]) -> None:
    split = TrafficSplit(tuple(targets))
    assert split_of(lines_of(split)) == split
