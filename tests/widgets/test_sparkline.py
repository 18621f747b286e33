"""What the sparkline draws of any values at all."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets.sparkline import BLOCKS, ERRORS, GAP, LATENCY, LIMIT, OVER, ZERO, Scale, Sparkline, columns, squeeze

VALUES = st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True), max_size=200)
SIZES = st.integers(1, 120)
ROWS = st.integers(1, 8)


@given(VALUES, SIZES, ROWS)
def test_any_values_fill_exactly_the_space_given(values: list[float | None], width: int, rows: int) -> None:
    picture = columns(values, width, rows, ERRORS)
    assert [len(line) for line in picture] == [width] * rows
    assert set("".join(picture)) <= set(BLOCKS + ZERO + OVER + GAP + LIMIT)


@given(st.lists(st.floats(0, 0.02), min_size=1, max_size=60), ROWS)
def test_a_larger_value_is_never_drawn_lower(values: list[float], rows: int) -> None:
    picture = columns(sorted(values), len(values), rows, ERRORS)
    heights = [
        sum((BLOCKS.find(row[x]) + 1) * 1 if row[x] in BLOCKS else 0 for row in picture) for x in range(len(values))
    ]
    assert heights == sorted(heights)


@given(VALUES, st.integers(1, 60))
def test_a_spike_survives_any_squeeze(values: list[float | None], width: int) -> None:
    known = [v for v in values if v is not None and not math.isnan(v)]
    if len(values) >= width and known:
        kept = [v for v in squeeze([v if v in known else None for v in values], width) if v is not None]
        assert max(kept) == max(known)


def test_a_gap_is_blank_and_zero_is_not() -> None:
    assert columns([0.0, None, 0.0], 3, 1, ERRORS) == [f"{ZERO}{GAP}{ZERO}"]


def test_nan_is_a_gap_and_not_a_crash() -> None:
    assert columns([float("nan"), 0.01], 2, 1, ERRORS)[0][0] == GAP


def test_one_small_value_does_not_fill_the_height() -> None:
    assert columns([0.001], 1, 4, ERRORS) == [GAP, LIMIT, GAP, BLOCKS[1]]


def test_what_is_over_the_scale_ends_in_an_arrow() -> None:
    top, bottom = columns([0.5], 1, 2, ERRORS)
    assert (top, bottom) == (OVER, "█")


def test_the_limit_runs_over_bars_that_do_not_reach_it_and_not_over_gaps() -> None:
    upper, lower = columns([500.0, None, 1500.0], 3, 2, LATENCY)
    assert upper == f"{LIMIT}{GAP}▄"
    assert lower == f"▄{GAP}█"


def test_fewer_values_than_columns_stand_at_the_right() -> None:
    assert squeeze([1.0, 2.0], 5) == [None, 1.0, 1.0, 2.0, 2.0]
    assert squeeze([], 2) == [None, None]


@pytest.mark.parametrize(
    ("value", "figure"), [(None, "-"), (0.0, "0.0 %"), (0.0001, "<0.1 %"), (0.031, "3.1 %"), (1.0, "100.0 %")]
)
def test_error_figures_read_as_people_write_them(value: float | None, figure: str) -> None:
    assert ERRORS.figure(value) == figure


def test_latency_figures_have_thousands_separators() -> None:
    assert LATENCY.figure(1234.5) == "1,234 ms"
    assert Scale("/s", 10).figure(1118.0) == "1,118"


def drawn(widget: Sparkline, width: int, height: int) -> list[str]:
    return [line.plain for line in widget.lines(width, height)]


@pytest.mark.parametrize("width", [1, 10, 20, 40, 57, 80, 120, 300])
@pytest.mark.parametrize("height", [1, 2, 3, 6, 12])
def test_every_size_shows_both_arms_and_never_overflows(width: int, height: int) -> None:
    widget = Sparkline("errors", ERRORS)
    widget._canary, widget._stable, widget._age_s = (0.03, None, 0.02), (0.001,), 2
    lines = widget.lines(width, height)
    assert len(lines) <= height
    if width >= 40:
        assert all(line.cell_length <= width for line in lines)
        text = "\n".join(line.plain for line in lines)
        assert "2.0 % ▲" in text
        assert "0.1 %" in text


def test_before_any_data_it_says_what_it_waits_for() -> None:
    widget = Sparkline("errors", ERRORS)
    widget._waiting = "waiting for the first requests"
    assert drawn(widget, 80, 3) == ["errors  waiting for the first requests"]


def test_an_old_figure_says_so() -> None:
    widget = Sparkline("errors", ERRORS)
    widget._canary, widget._age_s = (0.0,), 40
    assert "▲ 40 s old" in drawn(widget, 80, 3)[0]
