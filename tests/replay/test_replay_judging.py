"""A recorded log is judged as a console would have judged it while it came."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.cloud.logs import LogEntry
from console.replay.judging import Change, Replay, ReplaySettings
from console.verdict.base import Word
from tests.replay.logs import (
    CANARY,
    NOON,
    OLDER,
    STABLE,
    entries,
    replayed,
    request,
    rfc3339,
    traffic,
    words,
)

BAD = traffic(120, 60, canary=0.25)


def told(changes: list[Change]) -> list[tuple[object, ...]]:
    return [
        (
            c.elapsed_s,
            c.verdict.word,
            c.verdict.attribution,
            c.verdict.canary.requests,
            c.verdict.stable.requests,
            c.final,
        )
        for c in changes
    ]


def test_a_bad_canary_fails_and_reading_goes_on_to_the_end_of_the_file() -> None:
    changes = replayed(BAD)
    failed = next(change for change in changes if change.verdict.word is Word.FAIL)
    assert failed.verdict.attribution == "canary"
    assert 15 < failed.elapsed_s < 60
    last = changes[-1]
    assert last.final
    assert last.elapsed_s == 120
    assert last.verdict.word is Word.FAIL
    assert last.verdict.canary.requests + last.verdict.stable.requests == 120 * 60


def test_three_hundred_ticks_make_a_bake_and_a_healthy_one_passes() -> None:
    last = replayed(traffic(300, 60, canary=0.001))[-1]
    assert (last.verdict.word, last.elapsed_s) == (Word.PASS, 300)


def test_what_comes_after_the_bake_is_not_judged() -> None:
    log = traffic(60, 40) + [request(NOON + 200 + n / 50, CANARY, 500, number=10**6 + n) for n in range(5000)]
    bake = Replay(entries(log), CANARY, None, ReplaySettings(bake_s=60))
    changes = list(bake.run())
    assert changes[-1].elapsed_s == 60
    assert changes[-1].verdict.canary.errors < 10
    assert bake.beyond == 5000


def test_a_log_shorter_than_the_bake_passes_nobody_and_never_ends_in_a_warning() -> None:
    assert words(replayed(traffic(200, 60, canary=0.0)))[-1] is Word.INCONCLUSIVE
    warned = 0
    for seconds in range(17, 30):
        changes = replayed([d for d in traffic(30, 60, canary=0.1) if d["timestamp"] < rfc3339(NOON + seconds)])
        assert changes[-1].verdict.word is not Word.WARN
        warned += changes[-2].verdict.word is Word.WARN
    assert warned, "no log here ends at a warning: the test tests nothing"


def test_a_log_without_a_canary_entry_has_no_data() -> None:
    last = replayed([d for d in traffic(300, 20) if d["resource"]["labels"]["revision_name"] == STABLE])[-1]
    assert last.verdict.word is Word.INCONCLUSIVE
    assert "no canary request" in last.verdict.sentence
    assert last.verdict.canary.requests == 0


def test_seconds_of_silence_are_ticks_too() -> None:
    log = [request(NOON), request(NOON + 1200)]
    last = replayed(log, bake_s=1000)[-1]
    assert last.elapsed_s == 1000
    assert last.verdict.canary.requests == 1


def test_a_shared_outage_is_blamed_on_nobody() -> None:
    found = words(replayed(traffic(60, 100, canary=0.2, stable=0.2)))
    assert Word.SHARED_BREACH in found
    assert Word.FAIL not in found


def test_the_stable_may_be_one_revision_and_other_services_are_never_counted() -> None:
    log = traffic(60, 20)
    log += [request(NOON + n / 10, OLDER, 500, number=10**6 + n) for n in range(600)]
    log += [request(NOON + n / 10, "wa-frontend-00007-abc", 500, number=2 * 10**6 + n) for n in range(600)]
    assert replayed(log, stable=STABLE)[-1].verdict.stable.errors < 10
    assert replayed(log)[-1].verdict.stable.errors >= 600
    assert sum(1 for d in log if d["resource"]["labels"]["service_name"] == "wa-frontend") == 600
    last = replayed(log)[-1].verdict
    assert last.canary.requests + last.stable.requests == 60 * 20 + 600


def test_error_lines_of_one_trace_count_once_and_are_no_requests() -> None:
    line = {"httpRequest": None, "severity": "ERROR", "logName": "projects/demo/logs/run.googleapis.com%2Fstderr"}
    log = traffic(30, 20)
    log += [request(NOON + 3 + n / 100, CANARY, number=10**6 + n, trace=f"t{n // 4}", **line) for n in range(40)]
    last = replayed(log)[-1].verdict
    assert (last.canary.error_lines, last.canary.error_traces) == (40, 10)
    assert last.canary.requests + last.stable.requests == 600


def test_an_application_that_logs_its_own_http_request_makes_no_request_of_it() -> None:
    log = [request(NOON, number=1), request(NOON, number=2, logName="projects/demo/logs/run.googleapis.com%2Fstdout")]
    assert replayed(log)[-1].verdict.canary.requests == 1
    assert replayed([request(NOON, logName=None)])[-1].verdict.canary.requests == 1


def test_an_entry_that_comes_after_its_second_was_closed_goes_to_the_oldest_open_one() -> None:
    log = [request(NOON + n, number=n + 1) for n in range(30)]
    log.append(request(NOON + 3, CANARY, 500, number=99, receiveTimestamp=rfc3339(NOON + 20)))
    bake = Replay(entries(log), CANARY)
    last = list(bake.run())[-1].verdict
    assert bake.late == 1
    assert (last.canary.requests, last.canary.errors) == (31, 1)


def test_without_receive_times_or_with_an_imports_timestamps_order() -> None:
    bare = [{k: v for k, v in d.items() if k != "receiveTimestamp"} for d in BAD]
    imported = [d | {"receiveTimestamp": rfc3339(NOON + 86_400)} for d in BAD]
    assert told(replayed(bare)) == told(replayed(imported))
    assert replayed(bare)[-1].verdict.word is Word.FAIL


def test_one_straggler_starts_no_bake() -> None:
    straggler = request(NOON - 7200, number=10**7, receiveTimestamp=rfc3339(NOON + 1))
    assert replayed([*BAD, straggler])[-1].verdict.word is Word.FAIL


def test_a_day_is_judged_with_the_horizon_it_is_given() -> None:
    short = next(c for c in replayed(BAD) if c.verdict.word is Word.FAIL)
    long = next(c for c in replayed(BAD, bake_s=86_400, horizon=86_400) if c.verdict.word is Word.FAIL)
    assert short.elapsed_s <= long.elapsed_s < short.elapsed_s + 60


SHORT = entries(traffic(60, 40, canary=0.5))
seeds = st.integers(0, 2**32)
some = settings(max_examples=10, deadline=None)


def judged(log: list[LogEntry]) -> list[Change]:
    return list(Replay(log, CANARY).run())


@given(seed=seeds)
@some
def test_the_order_of_a_files_entries_changes_nothing(seed: int) -> None:
    shuffled = list(SHORT)
    random.Random(seed).shuffle(shuffled)
    assert told(judged(shuffled)) == told(judged(SHORT))


@given(seed=seeds, copies=st.integers(1, 400))
@some
def test_entries_that_come_twice_count_once_however_late(seed: int, copies: int) -> None:
    dice = random.Random(seed)
    twice = [replace(e, received=e.received + 200 * dice.random()) for e in dice.sample(SHORT, copies)]
    assert told(judged(SHORT + twice)) == told(judged(SHORT))


@given(seed=seeds)
@some
def test_delays_of_up_to_five_seconds_change_nothing(seed: int) -> None:
    dice = random.Random(seed)
    delayed = [replace(e, received=e.timestamp + 4.99 * dice.random()) for e in SHORT]
    assert told(judged(delayed)) == told(judged(SHORT))


@given(seed=seeds, lag=st.integers(6, 30))
@some
def test_longer_delays_of_some_move_them_and_lose_none(seed: int, lag: int) -> None:
    dice = random.Random(seed)
    delayed = [replace(e, received=e.timestamp + lag) if dice.random() < 0.1 else e for e in SHORT]
    before, after = judged(SHORT), judged(delayed)
    for arm in ("canary", "stable"):
        was, now = getattr(before[-1].verdict, arm), getattr(after[-1].verdict, arm)
        assert (now.requests, now.errors) == (was.requests, was.errors)
    first, then = (next(c.elapsed_s for c in found if c.verdict.word is Word.FAIL) for found in (before, after))
    assert then <= first + lag + 5


@pytest.mark.parametrize(
    ("canary", "service"), [(CANARY, "wa-backend"), ("wa-frontend-00009-xyz", "wa-frontend"), ("other-00001-abc", "")]
)
def test_the_service_is_the_canarys_or_the_one_its_name_tells(canary: str, service: str) -> None:
    log = [request(NOON, CANARY), request(NOON, "wa-frontend-00007-abc")]
    assert Replay(entries(log), canary).service == service
