"""What an operator hears from the sequential judge, second by second."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.verdict.base import Counts, Tick, Verdict, Word
from console.verdict.sequential import PASS_REQUESTS, SequentialJudge

START = 1_795_600_000
Share = float | Callable[[int], float]


def poisson(generator: random.Random, mean: float) -> int:
    """A small Poisson draw: arrivals within one second."""
    count, left = 0, generator.expovariate(1.0)
    while left < mean:
        count += 1
        left += generator.expovariate(1.0)
    return count


def arm(generator: random.Random, mean: float, errors: float, slow: float) -> Counts:
    counts = Counts()
    for _request in range(poisson(generator, mean)):
        status = 500 if generator.random() < errors else 200
        counts.request(status, 900.0 if generator.random() < slow else 350.0)
    return counts


def at(share: Share, second: int) -> float:
    return share(second) if callable(share) else share


def watch(
    judge: SequentialJudge,
    seconds: int,
    *,
    rate: float = 300.0,
    share: float = 0.1,
    canary: Share = 0.002,
    stable: Share = 0.002,
    canary_slow: float = 0.01,
    stable_slow: float = 0.01,
    seed: int = 1,
    start: int = 0,
    suppressed: int = 0,
    observed: bool = True,
) -> list[Verdict]:
    """The verdicts of `seconds` seconds at `rate` requests a second, `share` of them the canary's."""
    generator = random.Random(seed)
    return [
        judge.tick(
            Tick(
                START + start + second,
                arm(generator, rate * share, at(canary, second), canary_slow),
                arm(generator, rate * (1 - share), at(stable, second), stable_slow),
                observed=observed,
                suppressed=suppressed,
            )
        )
        for second in range(seconds)
    ]


def first(verdicts: list[Verdict], word: Word) -> int:
    """The second in which `word` was first said, from 1."""
    return next(second for second, verdict in enumerate(verdicts, 1) if verdict.word is word)


def test_a_healthy_canary_passes_at_the_end_of_its_bake_and_not_before() -> None:
    verdicts = watch(SequentialJudge(0.1), 300)
    assert {verdict.word for verdict in verdicts[:-1]} <= {Word.INCONCLUSIVE, Word.WARN}
    assert verdicts[-1].word is Word.PASS
    assert verdicts[-1].bake_done
    assert "400 : 1 would change it" in verdicts[-1].sentence


def test_a_bad_canary_fails_within_a_minute_and_the_sentence_has_its_counts() -> None:
    verdicts = watch(SequentialJudge(0.1), 120, canary=0.03)
    second = first(verdicts, Word.FAIL)
    assert second <= 60
    verdict = verdicts[second - 1]
    assert verdict.attribution == "canary"
    assert verdict.breach
    assert "% of" in verdict.sentence
    assert "stable" in verdict.sentence
    assert ": 1" in verdict.sentence


def test_a_broken_canary_fails_within_fifteen_seconds_even_while_it_starts() -> None:
    assert first(watch(SequentialJudge(0.1), 30, canary=0.5), Word.FAIL) <= 15


def test_a_cold_start_does_not_cost_the_release() -> None:
    verdicts = watch(SequentialJudge(0.1), 300, canary=lambda second: 0.06 if second < 15 else 0.002)
    assert not any(verdict.word is Word.FAIL for verdict in verdicts)
    assert verdicts[-1].word is Word.PASS


def test_a_slow_canary_fails_on_latency() -> None:
    verdicts = watch(SequentialJudge(0.1), 120, canary_slow=0.1)
    verdict = verdicts[first(verdicts, Word.FAIL) - 1]
    assert verdict.attribution == "canary"
    assert "800 ms" in verdict.sentence


def test_an_outage_that_both_share_holds_and_blames_nobody() -> None:
    def outage(second: int) -> float:
        return 0.08 if second >= 60 else 0.002

    verdicts = watch(SequentialJudge(0.1), 300, canary=outage, stable=outage)
    assert first(verdicts, Word.SHARED_BREACH) <= 60 + 60
    assert not any(verdict.word is Word.FAIL or verdict.breach for verdict in verdicts)
    assert verdicts[-1].word is Word.SHARED_BREACH


def test_a_shared_outage_that_ends_for_the_stable_alone_becomes_the_canarys() -> None:
    verdicts = watch(
        SequentialJudge(0.1),
        300,
        canary=lambda second: 0.08 if second >= 60 else 0.002,
        stable=lambda second: 0.08 if 60 <= second < 120 else 0.002,
    )
    shared, failed = first(verdicts, Word.SHARED_BREACH), first(verdicts, Word.FAIL)
    assert shared < 120 < failed
    assert verdicts[-1].attribution == "canary"


def test_a_shared_outage_that_is_over_ends_the_hold() -> None:
    def outage(second: int) -> float:
        return 0.08 if 60 <= second < 90 else 0.002

    verdicts = watch(SequentialJudge(0.1), 300, canary=outage, stable=outage)
    assert any(verdict.word is Word.SHARED_BREACH for verdict in verdicts)
    assert not any(verdict.word is Word.FAIL for verdict in verdicts)
    assert verdicts[-1].word is not Word.SHARED_BREACH


def test_a_fail_stands_until_the_bake_ends_however_well_the_canary_does_later() -> None:
    verdicts = watch(SequentialJudge(0.1), 300, canary=lambda second: 0.05 if second < 80 else 0.0)
    second = first(verdicts, Word.FAIL)
    assert all(verdict.word is Word.FAIL for verdict in verdicts[second - 1 :])
    assert verdicts[-1].sentence == verdicts[second - 1].sentence


def test_a_quiet_canary_is_told_how_many_requests_it_still_needs() -> None:
    verdict = watch(SequentialJudge(0.1), 300, rate=5)[-1]
    assert verdict.word is Word.INCONCLUSIVE
    assert not verdict.bake_done
    assert 0 < verdict.requests_needed <= 600
    assert f"{verdict.requests_needed:,}" in verdict.sentence


def test_no_canary_passes_before_384_requests() -> None:
    judge = SequentialJudge(0.1, timedelta(seconds=10), grace_s=0)
    seen = 0
    for second in range(400):
        counts = Counts()
        for _request in range(5):
            counts.request(200, 100.0)
        seen += 5
        verdict = judge.tick(Tick(START + second, counts, Counts(requests=45)))
        if verdict.word is Word.PASS:
            break
    assert seen >= PASS_REQUESTS


def test_no_data_is_never_a_pass() -> None:
    judge = SequentialJudge(0.1, timedelta(seconds=30))
    verdicts = [judge.tick(Tick(START + second, Counts(), Counts(requests=40))) for second in range(400)]
    assert {verdict.word for verdict in verdicts} == {Word.INCONCLUSIVE}
    assert "No data" in verdicts[-1].sentence


def test_a_canary_that_gets_a_tenth_of_its_share_is_no_data() -> None:
    judge = SequentialJudge(0.5)
    verdict = watch(judge, 60, share=0.05)[-1]
    assert verdict.word is Word.INCONCLUSIVE
    assert "far under its 50 %" in verdict.sentence


def test_a_thinned_stable_does_not_make_the_canary_look_loud_or_silent() -> None:
    generator = random.Random(3)
    judge = SequentialJudge(0.1)
    for second in range(300):
        verdict = judge.tick(
            Tick(
                START + second,
                arm(generator, 125, 0.002, 0.01),
                arm(generator, 1125 * 0.3, 0.002, 0.01),
                stable_sampling=0.3,
            )
        )
    assert verdict.word is Word.PASS


def test_seconds_in_which_the_stream_was_down_do_not_count_toward_the_bake() -> None:
    judge = SequentialJudge(0.1)
    watch(judge, 200)
    verdicts = watch(judge, 100, start=200, observed=False, seed=2)
    assert verdicts[-1].observed == timedelta(seconds=200)
    assert verdicts[-1].word is Word.INCONCLUSIVE
    assert "No data" in verdicts[-1].sentence


def test_entries_held_back_speak_for_the_canary_and_earn_it_no_pass() -> None:
    verdicts = watch(SequentialJudge(0.1), 300, suppressed=50)
    assert not any(verdict.word in (Word.PASS, Word.FAIL) for verdict in verdicts)


def test_at_all_of_the_traffic_a_breach_is_unattributed_since_no_stable_is_left() -> None:
    verdicts = watch(SequentialJudge(1.0), 120, share=1.0, canary=0.05)
    verdict = verdicts[first(verdicts, Word.FAIL) - 1]
    assert verdict.attribution == "unattributed"


def test_a_burst_shorter_than_nine_seconds_rolls_nobody_back() -> None:
    for start in (40, 41, 45):
        verdicts = watch(
            SequentialJudge(0.1), 120, canary=lambda second, start=start: 0.2 if start <= second < start + 7 else 0.002
        )
        assert not any(verdict.word is Word.FAIL for verdict in verdicts)


def test_a_final_verdict_is_never_a_warning() -> None:
    for seed in range(6):
        verdict = watch(SequentialJudge(0.1), 300, canary=0.009, seed=seed)[-1]
        assert verdict.word is not Word.WARN


def test_without_a_share_there_is_nothing_to_judge() -> None:
    judge = SequentialJudge(0.0)
    assert judge.verdict.word is Word.INCONCLUSIVE
    assert not judge.verdict.breach


def test_evidence_bars_fill_toward_their_thresholds() -> None:
    verdicts = watch(SequentialJudge(0.1), 120, canary=0.03)
    failed = verdicts[first(verdicts, Word.FAIL) - 1]
    against = [bar for bar in failed.evidence if bar.against]
    assert max(bar.fill for bar in against) == 1.0
    assert all(0.0 <= bar.fill <= 1.0 for verdict in verdicts for bar in verdict.evidence)


@pytest.mark.parametrize("grace", [0, 15])
def test_a_second_told_twice_is_counted_once(grace: int) -> None:
    once, twice = SequentialJudge(0.1, grace_s=grace), SequentialJudge(0.1, grace_s=grace)
    generator = random.Random(5)
    for second in range(60):
        tick = Tick(START + second, arm(generator, 30, 0.03, 0.01), arm(generator, 270, 0.002, 0.01))
        once.tick(tick)
        twice.tick(tick)
        twice.tick(tick)
    assert once.verdict == twice.verdict


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 400), st.integers(0, 400), st.booleans()),
        max_size=60,
    ),
    st.sampled_from([0.05, 0.1, 0.5, 1.0]),
)
@settings(max_examples=40, deadline=None)
def test_whatever_comes_a_verdict_and_a_sentence_come_out(
    seconds: list[tuple[int, int, int, int, bool]], share: float
) -> None:
    judge = SequentialJudge(share, timedelta(seconds=20))
    for number, (requests, errors, stable, stable_errors, observed) in enumerate(seconds):
        canary = Counts(requests=requests, errors=min(errors, requests))
        others = Counts(requests=stable, errors=min(stable_errors, stable))
        verdict = judge.tick(Tick(START + number, canary, others, observed=observed))
        assert verdict.sentence
        assert verdict.requests_needed >= 0
        if verdict.word is Word.PASS:
            assert verdict.canary.requests >= PASS_REQUESTS
