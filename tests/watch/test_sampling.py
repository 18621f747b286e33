"""How much of a busy log is read, and when that changes."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from console.watch.sampling import AIM, CEILING, LIMIT, WHOLE, Sampler, Sampling
from tests.watch.fakes import CANARY, STABLE

START = 1_000_000.0


class Rig:
    """A sampler on a service with so many entries a second, in the cloud's time."""

    def __init__(self, share: float = 0.1, expect: float = 0.0) -> None:
        self.sampler = Sampler()
        self.share = share
        self.sampler.follow(CANARY, (share,))
        if expect:
            self.sampler.expect({CANARY: expect * share, STABLE: expect * (1 - share)}, CANARY)
        self.now = START
        self.sampling = self.sampler.choose(WHOLE, self.now)
        self.sampler.changed(self.now)
        self.changes = 0
        self.chance = random.Random(7)

    def read(self, rate: float) -> float:
        """Entries a second that are read."""
        return rate * (self.share * self.sampling.of(CANARY) + (1 - self.share) * self.sampling.of(STABLE))

    def turn(self, seconds: float, rate: float, *, noise: float = 0.03, every: float = 0.5, lost: int = 0) -> None:
        """Let time pass."""
        for _batch in range(round(seconds / every)):
            self.now += every
            told = rate * every * (1 + self.chance.uniform(-noise, noise))
            counts = {
                CANARY: round(told * self.share * self.sampling.of(CANARY)),
                STABLE: round(told * (1 - self.share) * self.sampling.of(STABLE)),
            }
            held_back = max(lost, round(sum(counts.values()) - LIMIT * every))
            self.sampler.note(counts, max(0, held_back), self.now, self.sampling)
            chosen = self.sampler.choose(self.sampling, self.now)
            if chosen != self.sampling:
                self.sampling = chosen
                self.sampler.changed(self.now)
                self.changes += 1

    def move(self, share: float, *, told: bool = True) -> None:
        """The split moves."""
        if told:
            self.sampler.follow(CANARY, (self.share, share))
        self.share = share
        if told:
            self.sampler.follow(CANARY, (share,))


def test_a_service_within_the_limit_is_read_whole() -> None:
    rig = Rig()
    rig.turn(120, 700)
    assert rig.sampling == WHOLE
    assert rig.sampling.clause == ""


def test_a_busy_service_is_thinned_at_its_first_seconds_and_then_left_alone() -> None:
    rig = Rig()
    rig.turn(5, 1250)
    assert rig.sampling.whole == CANARY
    assert rig.sampling.of(CANARY) == 1.0
    rig.turn(600, 1250)
    assert rig.changes == 1
    assert rig.read(1250) <= CEILING * LIMIT


def test_what_monitoring_told_thins_before_the_first_entry() -> None:
    rig = Rig(expect=1250)
    assert rig.sampling.whole == CANARY
    rig.turn(300, 1250)
    assert rig.changes == 0


def test_never_is_anything_chosen_by_what_an_entry_says_but_its_id() -> None:
    clause = Sampling(0.4, CANARY).clause
    assert clause == f' AND (resource.labels.revision_name="{CANARY}" OR sample(insertId, 0.4))'
    assert Sampling(0.4).clause == " AND sample(insertId, 0.4)"


def test_a_move_is_planned_for_before_the_traffic_has_moved() -> None:
    rig = Rig(expect=1250)
    rig.turn(60, 1250)
    rig.sampler.follow(CANARY, (0.1, 0.5))
    rig.turn(1, 1250)
    rig.share = 0.5
    assert rig.read(1250) <= CEILING * LIMIT


def test_a_canary_that_alone_comes_near_the_limit_is_thinned_like_the_rest() -> None:
    rig = Rig(expect=1250)
    rig.turn(60, 1250)
    rig.move(1.0)
    rig.turn(30, 1250)
    assert rig.sampling.whole == ""
    assert rig.sampling.of(CANARY) == rig.sampling.of(STABLE) < 1.0
    assert rig.read(1250) <= CEILING * LIMIT


def test_the_canary_is_read_whole_again_soon_after_a_rollback() -> None:
    rig = Rig(share=1.0, expect=1250)
    rig.turn(60, 1250)
    rig.move(0.0)
    rig.turn(30, 1250)
    assert rig.sampling.of(CANARY) == 1.0
    assert rig.read(1250) <= CEILING * LIMIT


def test_when_the_traffic_falls_more_is_read_but_only_after_a_minute() -> None:
    rig = Rig(expect=2500)
    rig.turn(120, 2500)
    before = rig.sampling
    rig.turn(30, 500)
    assert rig.sampling == before
    rig.turn(90, 500)
    assert rig.sampling == WHOLE


def test_where_other_consoles_read_the_same_project_less_is_asked_for() -> None:
    rig = Rig(expect=1250)
    rig.turn(30, 1250)
    before = rig.sampling.fraction
    rig.turn(30, 1250, lost=20)
    assert rig.sampling.fraction < before


def test_a_new_canary_is_the_one_read_whole() -> None:
    rig = Rig(expect=1250)
    rig.turn(30, 1250)
    rig.sampler.follow("wa-backend-00043-new", (0.0,))
    chosen = rig.sampler.choose(rig.sampling, rig.now)
    assert chosen.whole == "wa-backend-00043-new"


@settings(max_examples=60, deadline=None)
@given(
    rate=st.floats(10, 50_000),
    share=st.sampled_from([0.0, 0.01, 0.1, 0.5, 0.99, 1.0]),
    every=st.sampled_from([0.1, 0.5, 1.0]),
)
def test_whatever_the_rate_what_is_read_settles_under_the_ceiling_with_few_changes(
    rate: float, share: float, every: float
) -> None:
    rig = Rig(share=share)
    rig.turn(60, rate, every=every)
    settled = rig.changes
    assert settled <= 3
    assert rig.read(rate) <= CEILING * LIMIT * 1.02
    rig.turn(120, rate, every=every)
    assert rig.changes - settled <= 2
    if rate < AIM * LIMIT * 0.9:
        assert rig.sampling == WHOLE
