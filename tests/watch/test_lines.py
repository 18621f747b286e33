"""What of a flood becomes lines that a person can read."""

from __future__ import annotations

from console.clock import ManualClock
from console.watch.lines import LineWriter
from console.watch.ring import LogRing
from tests.watch.fakes import CANARY, START, line, request

AT = START.timestamp()


def test_a_request_reads_as_method_status_and_latency() -> None:
    ring = LogRing()
    LineWriter(ring, ManualClock(START)).write([request(AT, CANARY, 500, 412.4)])
    (shown,) = ring.since(0)
    assert shown.text == "POST /webhook 500 412 ms"
    assert shown.time == START
    assert (shown.revision, shown.status, shown.severity) == (CANARY, 500, "ERROR")


def test_a_flood_is_cut_to_the_allowance_and_what_is_left_out_is_counted() -> None:
    clock = ManualClock(START)
    ring = LogRing()
    writer = LineWriter(ring, clock, lines_per_s=100)
    writer.write([request(AT) for _ in range(500)])
    assert len(ring) == 100
    assert writer.dropped == 400
    clock.advance(0.5)
    writer.write([request(AT) for _ in range(500)])
    assert len(ring) == 150
    assert writer.dropped == 850


def test_errors_are_kept_first_in_a_flood_and_stay_in_order() -> None:
    ring = LogRing()
    writer = LineWriter(ring, ManualClock(START), lines_per_s=10)
    entries = [line(AT + n, f"line {n}", "ERROR" if n in (3, 40) else "INFO") for n in range(100)]
    writer.write(entries)
    shown = [entry.text for entry in ring.since(0)]
    assert shown == ["line 3", "line 40", *(f"line {n}" for n in range(92, 100))]


def test_listed_entries_cost_no_allowance() -> None:
    ring = LogRing()
    writer = LineWriter(ring, ManualClock(START), lines_per_s=10)
    writer.write_past([request(AT) for _ in range(50)])
    writer.write([request(AT) for _ in range(10)])
    assert len(ring) == 60
    assert writer.dropped == 0
    assert [entry.sequence for entry in ring.since(0)] == list(range(60))
