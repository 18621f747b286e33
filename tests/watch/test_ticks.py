"""From entries as they come to the judge: order, repetition and delay change nothing beyond what they may."""

from __future__ import annotations

import random
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from console.cloud.logs import LogEntry
from console.verdict.base import Counts, Tick, Verdict, Word
from console.verdict.sequential import SequentialJudge
from console.watch.aggregate import Aggregator
from tests.watch.fakes import CANARY, STABLE, request

START = 1_000_000
SECONDS = 40


def entries(seed: int, share: float) -> list[LogEntry]:
    """Forty seconds of requests; the canary's fail with that chance."""
    chance = random.Random(seed)
    made = []
    for number in range(SECONDS * 30):
        own = number % 10 == 0
        failed = chance.random() < (share if own else 0.002)
        made.append(
            request(START + number / 30, CANARY if own else STABLE, 500 if failed else 200, id=f"s{seed}-{number}")
        )
    return made


def ticks(batches: list[list[LogEntry]], lag_s: float = 5.0) -> list[Tick]:
    """What a judge of the canary is fed where entries come in these batches."""
    aggregator = Aggregator()
    aggregator.begin(START)
    aggregator.cover(START, float("inf"))
    closed = []
    for batch in batches:
        aggregator.add(batch)
        closed += aggregator.close(aggregator.newest_received - lag_s)
    closed += aggregator.close(START + SECONDS + 20)
    return [second.tick(CANARY) for second in closed]


def judged(fed: list[Tick]) -> Verdict:
    """The verdict on them."""
    judge = SequentialJudge(0.1, timedelta(seconds=30), grace_s=0)
    for tick in fed:
        judge.tick(tick)
    return judge.verdict


def by_second(made: list[LogEntry]) -> list[list[LogEntry]]:
    """A batch a second."""
    batches: dict[int, list[LogEntry]] = {}
    for entry in made:
        batches.setdefault(int(entry.timestamp), []).append(entry)
    return [batches[second] for second in sorted(batches)]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.002, 0.1, 0.6]), st.integers(0, 10**6).map(random.Random))
def test_order_within_a_second_and_repetition_change_no_verdict(seed: int, share: float, chance: random.Random) -> None:
    straight = by_second(entries(seed, share))
    told = [[*batch, *chance.sample(batch, len(batch) // 2)] for batch in straight]
    for batch in told:
        chance.shuffle(batch)
    assert ticks(straight) == ticks(told)
    assert judged(ticks(straight)) == judged(ticks(told))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 10**6).map(random.Random))
def test_what_comes_within_the_lag_changes_nothing(seed: int, chance: random.Random) -> None:
    made = entries(seed, 0.1)
    for entry in made:
        entry.received = entry.timestamp + chance.uniform(0.1, 4.9)
    late = sorted(made, key=lambda entry: entry.received)
    batches = [late[start : start + 30] for start in range(0, len(late), 30)]
    assert ticks(batches) == ticks(by_second(made))
    assert all(tick.late == 0 for tick in ticks(batches))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 10**6).map(random.Random))
def test_what_comes_later_is_counted_once_in_the_oldest_open_second_and_flagged(
    seed: int, chance: random.Random
) -> None:
    made = entries(seed, 0.1)
    delayed = {entry.insert_id for entry in chance.sample(made[:600], 40)}
    for entry in made:
        entry.received = entry.timestamp + (9.0 if entry.insert_id in delayed else 0.5)
    came = sorted(made, key=lambda entry: entry.received)
    came += chance.sample(came[-200:], 50)  # and some once more
    fed = ticks([came[start : start + 30] for start in range(0, len(came), 30)])
    on_time = ticks(by_second(made), lag_s=20.0)
    assert sum(t.canary.requests for t in fed) == sum(t.canary.requests for t in on_time)
    assert sum(t.canary.errors for t in fed) == sum(t.canary.errors for t in on_time)
    assert sum(t.stable.requests for t in fed) == sum(t.stable.requests for t in on_time)
    assert 0 < sum(t.late for t in fed) <= 40
    running = there = 0
    for early, late in zip(on_time, fed, strict=True):
        running += early.canary.requests
        there += late.canary.requests
        assert there <= running  # never before its time


def test_seconds_in_which_the_stream_was_cut_stop_the_bake_clock() -> None:
    aggregator = Aggregator()
    aggregator.begin(START)
    aggregator.cover(START, float("inf"))
    aggregator.add(entries(1, 0.002))
    aggregator.uncover(START + 10)
    aggregator.cover(START + 20, float("inf"))
    fed = [second.tick(CANARY) for second in aggregator.close(START + SECONDS)]
    assert judged(fed).observed == timedelta(seconds=SECONDS - 10)


def test_no_data_is_never_a_pass() -> None:
    fed = [Tick(START + second, Counts(), Counts()) for second in range(400)]
    assert judged(fed).word is Word.INCONCLUSIVE
