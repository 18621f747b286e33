"""What the threshold judge says to an operator, and what it can never say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.verdict.base import Counts, JudgeSettings, Tick, Verdict, Word
from console.verdict.figures import milliseconds, percent
from console.verdict.threshold import ThresholdJudge

START = 1_764_064_800


def counts(requests: int = 0, errors: int = 0, latency_ms: float = 200.0, lines: int = 0) -> Counts:
    """Counts of `requests`, the first `errors` of them failed."""
    made = Counts(error_lines=lines, error_traces=lines)
    for number in range(requests):
        made.request(500 if number < errors else 200, latency_ms)
    return made


def bake(judge: ThresholdJudge, seconds: int, canary: Counts, *, start: int = START, observed: bool = True) -> Verdict:
    """Feed `seconds` equal ticks."""
    for second in range(start, start + seconds):
        judge.tick(Tick(second, canary, counts(270), observed=observed))
    return judge.verdict


def test_it_is_inconclusive_before_the_first_tick() -> None:
    verdict = ThresholdJudge(10).verdict
    assert verdict.word is Word.INCONCLUSIVE
    assert verdict.at is None
    assert verdict.sentence == (
        "No canary request so far; 5:00 of 5:00 still to be observed, 500 canary requests still needed."
    )


def test_a_healthy_canary_passes_when_five_minutes_are_observed() -> None:
    judge = ThresholdJudge(10)
    assert bake(judge, 299, counts(30)).word is Word.INCONCLUSIVE
    verdict = bake(judge, 1, counts(30), start=START + 299)
    assert verdict.word is Word.PASS
    assert verdict.bake_done
    assert verdict.observed == timedelta(minutes=5)
    assert verdict.at == datetime.fromtimestamp(START + 300, UTC)
    assert "9,000 canary requests over 5:00 observed" in verdict.sentence
    assert "stable 0 % in 16,200" in verdict.sentence


def test_three_percent_errors_are_a_breach_once_the_minute_holds_500_requests() -> None:
    judge = ThresholdJudge(10)
    assert not bake(judge, 9, counts(50, 2)).breach
    verdict = bake(judge, 1, counts(50, 2), start=START + 9)
    assert verdict.breach
    assert verdict.word is Word.FAIL
    assert verdict.attribution == "canary"
    assert verdict.sentence == (
        "4 % errors in 500 canary requests of the last minute, over the limit of 1 %; stable 0 % in 2,700."
    )


def test_exactly_one_percent_is_allowed() -> None:
    verdict = bake(ThresholdJudge(10), 20, counts(100, 1))
    assert not verdict.breach
    assert not verdict.rules[0].crossed


def test_a_p95_over_one_second_is_a_breach() -> None:
    judge = ThresholdJudge(10)
    slow = counts(95, latency_ms=300)
    slow.add(counts(5, latency_ms=1001))
    assert not bake(judge, 10, slow).breach
    worse = counts(94, latency_ms=300)
    worse.add(counts(6, latency_ms=1001))
    verdict = bake(ThresholdJudge(10), 10, worse)
    assert verdict.breach
    assert "P95 of" in verdict.sentence


def test_a_p95_over_the_target_is_only_shown() -> None:
    judge = ThresholdJudge(10)
    verdict = bake(judge, 100, counts(30, latency_ms=900))
    assert verdict.word is Word.WARN
    assert not verdict.breach
    assert "over the target of 800 ms" in verdict.sentence
    verdict = bake(judge, 200, counts(30, latency_ms=900), start=START + 100)
    assert verdict.word is Word.PASS
    assert "over the target of 800 ms" in verdict.sentence


def test_a_handful_of_slow_requests_is_no_warning() -> None:
    verdict = bake(ThresholdJudge(10), 20, counts(4, latency_ms=900))
    assert verdict.word is Word.INCONCLUSIVE
    assert verdict.rules[2].crossed  # but its figure is shown


def test_error_lines_are_shown_and_arm_nothing() -> None:
    verdict = bake(ThresholdJudge(10), 60, counts(30, lines=3))
    rule = verdict.rules[-1]
    assert rule.rule == "ERROR lines > 5 a minute"
    assert rule.value == "canary 180, stable 0"
    assert rule.crossed
    assert not rule.arms
    assert not verdict.breach


def test_a_quiet_canary_needs_more_requests_after_its_five_minutes() -> None:
    verdict = bake(ThresholdJudge(10), 300, counts(1))
    assert verdict.word is Word.INCONCLUSIVE
    assert verdict.requests_needed == 200
    assert not verdict.bake_done
    assert verdict.sentence == "0 % errors in 300 canary requests so far; 200 canary requests still needed."


def test_a_quiet_canary_that_fails_is_blocked_without_arming() -> None:
    verdict = bake(ThresholdJudge(10), 300, counts(4, 1))
    assert verdict.word is Word.FAIL
    assert not verdict.breach
    assert verdict.sentence == (
        "25 % errors in 1,200 canary requests of this bake, over the limit of 1 %."
        " No automatic rollback: the last minute has 240 of the 500 requests it takes."
    )


def test_a_healthy_minute_starts_the_bake_over() -> None:
    judge = ThresholdJudge(10)
    assert bake(judge, 60, counts(30, 1)).word is Word.FAIL
    verdict = bake(judge, 60, counts(30), start=START + 60)
    assert verdict.word is Word.INCONCLUSIVE
    assert verdict.observed < timedelta(seconds=30)
    assert "The bake started over: the canary was over a limit until " in verdict.sentence
    assert bake(judge, 285, counts(30), start=START + 120).word is Word.PASS


def test_a_canary_gone_silent_stays_failed() -> None:
    judge = ThresholdJudge(10)
    bake(judge, 60, counts(30, 15))
    verdict = bake(judge, 400, counts(0), start=START + 60)
    assert verdict.word is Word.FAIL
    assert not verdict.breach
    assert "no healthy minute since: 0 canary requests" in verdict.sentence


def test_a_minute_of_log_time_is_a_minute_across_a_gap() -> None:
    judge = ThresholdJudge(10)
    bake(judge, 30, counts(30, 0))
    verdict = bake(judge, 1, counts(30), start=START + 600)
    assert verdict.canary.requests == 30


def test_with_no_share_there_is_nothing_to_judge() -> None:
    verdict = bake(ThresholdJudge(0), 400, counts(100, 100))
    assert verdict.word is Word.INCONCLUSIVE
    assert not verdict.breach
    assert not verdict.bake_done


def test_held_back_entries_are_said() -> None:
    judge = ThresholdJudge(10)
    verdict = judge.tick(Tick(START, counts(30), counts(270), suppressed=1200))
    assert "1,200 log entries of the last minute were held back by the cloud." in verdict.sentence


def test_the_settings_reach_the_judge() -> None:
    judge = ThresholdJudge.of(JudgeSettings(step=50, bake=timedelta(seconds=60), minimum_requests=100))
    assert bake(judge, 60, counts(30)).word is Word.PASS


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.031, "3.1 %"), (0.01, "1 %"), (0.01001, "1.001 %"), (0.0104, "1.04 %"), (0.002, "0.2 %"), (0.5, "50 %")],
)
def test_a_share_over_the_limit_never_reads_as_the_limit(share: float, shown: str) -> None:
    assert percent(share) == shown


def test_latencies_read_as_people_say_them() -> None:
    assert [milliseconds(v) for v in (640.2, 999.7, 1250)] == ["640 ms", "1 s", "1.25 s"]


REQUEST = st.tuples(st.sampled_from([200, 404, 500, 503]), st.floats(1, 3000))
Seconds = list[tuple[list[tuple[int, float]], bool, int]]
SECOND = st.tuples(st.lists(REQUEST, max_size=8), st.booleans(), st.integers(1, 3))


def run(seconds: Seconds, minimum: int = 20) -> list[Verdict]:
    """Verdicts of a judge with a 10 s bake over `seconds` (requests, observed, step in time)."""
    judge = ThresholdJudge(10, timedelta(seconds=10), minimum, arming_requests=20)
    at, verdicts = START, []
    for requests, observed, step in seconds:
        tick = Tick(at, Counts(), Counts(), observed=observed)
        for status, latency in requests:
            tick.canary.request(status, latency)
        verdicts.append(judge.tick(tick))
        at += step
    return verdicts


@settings(max_examples=60, deadline=None)
@given(st.lists(SECOND, max_size=40), st.integers(0, 30))
def test_it_never_passes_without_time_and_requests(seconds: Seconds, minimum: int) -> None:
    for index, verdict in enumerate(run(seconds, minimum)):
        if verdict.word is Word.PASS:
            seen = seconds[: index + 1]
            assert sum(observed for _r, observed, _s in seen) >= 10
            assert sum(len(r) for r, observed, _s in seen if observed) >= max(1, minimum)
            assert not verdict.breach


@settings(max_examples=60, deadline=None)
@given(st.lists(SECOND, max_size=30), st.randoms())
def test_the_order_of_requests_within_a_second_changes_nothing(seconds: Seconds, random: object) -> None:
    shuffled = [(sorted(requests, key=lambda _r: random.random()), o, s) for requests, o, s in seconds]  # type: ignore[attr-defined]
    assert run(seconds) == run(shuffled)


@settings(max_examples=60, deadline=None)
@given(st.lists(SECOND, max_size=30))
def test_unobserved_seconds_never_advance_the_bake(seconds: Seconds) -> None:
    before = timedelta(0)
    for (_requests, observed, _step), verdict in zip(seconds, run(seconds), strict=True):
        if not observed:
            assert verdict.observed <= before
        before = verdict.observed


@settings(max_examples=60, deadline=None)
@given(st.lists(SECOND, max_size=40))
def test_a_breach_always_has_its_requests_and_its_limit(
    seconds: Seconds,
) -> None:
    for verdict in run(seconds):
        if verdict.breach:
            assert verdict.word is Word.FAIL
            assert verdict.canary.requests >= 20
            slow = verdict.canary.quantile_ms(0.95)
            assert (verdict.canary.error_rate or 0) > 0.01 or (slow or 0) > 1000


@settings(max_examples=40, deadline=None)
@given(st.lists(SECOND, max_size=40))
def test_the_rolling_minute_equals_a_recount(seconds: Seconds) -> None:
    at = START
    ticks: list[Tick] = []
    judge = ThresholdJudge(10)
    for requests, observed, step in seconds:
        tick = Tick(at, Counts(), Counts(), observed=observed)
        for status, latency in requests:
            tick.canary.request(status, latency)
        ticks.append(tick)
        window = Counts.total(t.canary for t in ticks if t.second > at - 60)
        seen = judge.tick(tick).canary
        assert (seen.requests, seen.errors, sum(seen.latency)) == (window.requests, window.errors, sum(window.latency))
        at += step * 7
