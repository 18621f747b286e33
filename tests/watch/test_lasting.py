"""A watch of hours: judged by the engine of the bakes, kept in a file, and read from the log where nobody looked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.cloud.logs import LogEntry
from console.verdict.base import Counts, Tick, Word
from console.watch.gaps import ticks_of
from console.watch.kept_ticks import Batch, Header, TickFile
from console.watch.lasting import Lasting, Thinned, block_s, hours

SINCE = datetime(2026, 11, 25, 12, tzinfo=UTC)
START = int(SINCE.timestamp())


def counts(requests: int, errors: int = 0, latency_ms: float = 300.0) -> Counts:
    found = Counts()
    for number in range(requests):
        found.request(500 if number < errors else 200, latency_ms)
    return found


def tick(second: int, requests: int = 20, errors: int = 0, **more: object) -> Tick:
    return Tick(second, counts(requests, errors), counts(5, 5), **more)  # type: ignore[arg-type]


def test_a_healthy_day_is_quiet() -> None:
    random = Random(4)
    lasting = Lasting(SINCE, timedelta(hours=2))
    lasting.take(tick(START + s, 20, int(random.random() < 0.04)) for s in range(7200))
    stand = lasting.stand()
    assert stand.over
    assert not stand.crossed
    assert not stand.no_data
    assert stand.seen == timedelta(hours=2)
    assert stand.error_rate is not None
    assert stand.error_rate < 0.01


def test_three_percent_of_errors_from_the_third_hour_on_cross_the_limit_within_minutes() -> None:
    lasting = Lasting(SINCE, timedelta(hours=24))
    lasting.take(tick(START + s, 20) for s in range(3 * 3600))
    assert not lasting.stand().crossed
    for s in range(3 * 3600, 3 * 3600 + 900):
        lasting.take([tick(START + s, 33, 1)])
        if lasting.stand().crossed:
            break
    assert lasting.stand().crossed
    assert lasting.stand().upto < SINCE + timedelta(hours=3, minutes=10)


def test_what_reaches_other_revisions_by_their_tags_is_left_out() -> None:
    lasting = Lasting(SINCE, timedelta(minutes=10))
    lasting.take(tick(START + s) for s in range(600))  # each with five failed requests of another revision
    assert lasting.stand().errors == 0
    assert lasting.stand().verdict.word is not Word.SHARED_BREACH


def test_a_watch_that_saw_little_is_not_called_quiet() -> None:
    lasting = Lasting(SINCE, timedelta(minutes=10))
    lasting.take(tick(START + s, 0, observed=s < 200) for s in range(600))
    assert lasting.stand().no_data


def test_many_ticks_at_once_mean_what_one_after_another_does() -> None:
    random = Random(9)
    ticks = [tick(START + s, 25, sum(random.random() < 0.03 for _ in range(25))) for s in range(400)]
    once, single = Lasting(SINCE, timedelta(hours=1)), Lasting(SINCE, timedelta(hours=1))
    once.take(ticks)
    for one in ticks:
        single.take([one])
    assert once.stand().verdict.word is single.stand().verdict.word
    assert once.stand().verdict.sentence == single.stand().verdict.sentence


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3), st.booleans(), st.integers(1, 3)), max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_kept_watch_is_read_back_as_it_was_judged(lines: list[tuple[int, int, bool, int]]) -> None:
    import tempfile

    second, ticks = START, []
    for requests, errors, observed, apart in lines:
        second += apart
        ticks.append(Tick(second, counts(requests, min(errors, requests)), Counts(), observed, canary_sampling=0.5))
    with tempfile.TemporaryDirectory() as folder:
        file = TickFile(Path(folder) / "watch" / "one.jsonl")
        file.begin(Header("wa-backend-00042-vez", SINCE, SINCE + timedelta(hours=24)))
        thinned = Thinned(SINCE, SINCE + timedelta(minutes=1), 0.5, 3, 6.0, 0.01, 0.02)
        file.add(Batch(tuple(ticks), second + 1, 7, thinned))
        kept = file.read()
    assert kept is not None
    (batch,) = kept.batches
    assert [(t.second, t.observed, t.canary_sampling) for t in batch.ticks] == [
        (t.second, t.observed, t.canary_sampling) for t in ticks
    ]
    assert [(t.canary.requests, t.canary.errors) for t in batch.ticks] == [
        (t.canary.requests, t.canary.errors) for t in ticks
    ]
    assert batch.thinned == thinned
    assert (batch.upto, batch.seen_s, kept.told) == (second + 1, 7, False)


def test_a_line_that_a_crash_cut_off_is_left_out(tmp_path: Path) -> None:
    file = TickFile(tmp_path / "w.jsonl")
    file.begin(Header("r", SINCE, SINCE + timedelta(hours=1)))
    file.add(Batch((tick(START),), START + 1, 1))
    with file.path.open("a") as handle:
        handle.write('{"upto": 17641')
    kept = file.read()
    assert kept is not None
    assert [batch.upto for batch in kept.batches] == [START + 1]


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    file = TickFile(tmp_path / "deep" / "w.jsonl")
    file.begin(Header("r", SINCE, SINCE + timedelta(hours=1)))
    assert file.path.stat().st_mode & 0o077 == 0
    file.put_aside()
    assert file.read() is None


def entry(second: float, status: int = 200, revision: str = "r", insert_id: str = "") -> LogEntry:
    return LogEntry(
        insert_id or f"i{second}", second, second, "INFO", "requests", "s", revision, "GET /", status, 100.0
    )


def test_a_gap_is_cut_into_ticks_and_each_request_counts_once() -> None:
    entries = [entry(START + 0.5), entry(START + 0.5), entry(START + 3.2, 503), entry(START + 3.9, revision="other")]
    ticks = ticks_of(entries, "r", START, START + 6, 0.1, 2)
    assert [t.second for t in ticks] == [START + 1, START + 3, START + 5]
    assert [(t.canary.requests, t.canary.errors) for t in ticks] == [(1, 0), (1, 1), (0, 0)]
    assert {t.canary_sampling for t in ticks} == {0.1}


@given(st.floats(0.0, 5000.0, allow_nan=False))
def test_a_block_holds_about_a_request_and_five_seconds_at_most(per_s: float) -> None:
    assert 1 <= block_s(per_s) <= 5


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (timedelta(hours=24), "24 h"),
        (timedelta(hours=3, minutes=12), "3 h 12 min"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(seconds=40), "40 s"),
    ],
)
def test_spans_are_told_as_people_say_them(span: timedelta, told: str) -> None:
    assert hours(span) == told


def test_what_was_thinned_is_told_with_what_monitoring_counted() -> None:
    told = Thinned(SINCE, SINCE + timedelta(hours=3), 0.001, 19_876, 2_000_000.0, 0.003, 0.007).sentence
    assert "19,876" in told
    assert "1 in 1,000" in told
    assert "2,000,000" in told
    assert "0.70%" in told


def test_a_bad_minute_that_only_monitoring_saw_is_said() -> None:
    from console.runbook.kinds.watch import worst_minutes

    lasting = Lasting(SINCE, timedelta(hours=2))
    lasting.note(Thinned(SINCE, SINCE + timedelta(hours=1), 0.001, 900, 1e6, 0.003, 0.05))
    lasting.note(Thinned(SINCE + timedelta(hours=1), SINCE + timedelta(hours=2), 0.001, 900, 1e6, 0.003, 0.004))
    (told,) = worst_minutes(lasting.stand(), 0.01)
    assert "11-25 12:00 to 13:00 UTC" in told
    assert "5.0%" in told
