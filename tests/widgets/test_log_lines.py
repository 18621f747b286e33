"""Which lines of a ring are shown, and that a reader never loses their place."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from console.watch.ring import LogLine, LogRing
from widgets.drawing import inert
from widgets.log_lines import ARMS, FLOORS, RANKS, SEVERITIES, LogFilter, LogRows, words

AT = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def line(sequence: int, text: str = "", severity: str = "INFO", revision: str = "s", status: int = 0) -> LogLine:
    return LogLine(sequence, AT, severity, revision, text, status)


LINES = st.lists(
    st.builds(
        lambda text, severity, revision, status: (text, severity, revision, status),
        TEXT,
        st.sampled_from(SEVERITIES),
        st.sampled_from(["canary-1", "stable-1", "old-1", ""]),
        st.sampled_from([0, 200, 404, 500]),
    ),
    max_size=60,
)
FILTERS = st.builds(LogFilter, TEXT, st.sampled_from(FLOORS), st.sampled_from(ARMS))


def ring_of(parts: list[tuple[str, str, str, int]], capacity: int = 1000) -> LogRing:
    ring = LogRing(capacity)
    ring.extend(line(n, *part) for n, part in enumerate(parts))
    return ring


@given(LINES, FILTERS)
def test_filtering_while_lines_come_and_filtering_them_afterwards_agree(
    parts: list[tuple[str, str, str, int]], chosen: LogFilter
) -> None:
    live, late = LogRows(), LogRows()
    ring = LogRing()
    live.use(ring)
    live.choose(chosen, "canary-1", "stable-1")
    for n, part in enumerate(parts):
        ring.extend([line(n, *part)])
        live.pull()
    late.use(ring)
    late.pull()
    late.choose(chosen, "canary-1", "stable-1")
    assert live.all() == late.all()
    assert [each.sequence for each in live.all()] == sorted(each.sequence for each in live.all())


@given(LINES, FILTERS)
def test_every_line_shown_passes_every_part_of_the_filter(
    parts: list[tuple[str, str, str, int]], chosen: LogFilter
) -> None:
    rows = LogRows()
    rows.use(ring_of(parts))
    rows.pull()
    rows.choose(chosen, "canary-1", "stable-1")
    wanted, unwanted = words(chosen.text)
    for each in rows.all():
        role = "canary" if each.revision == "canary-1" else "stable"
        hay = f"{each.text} {each.severity} {each.revision} {role}".casefold()
        assert all(word in hay for word in wanted)
        assert not any(word in hay for word in unwanted)
        assert RANKS[each.severity] >= RANKS[chosen.floor] or (chosen.floor == "ERROR" and each.status >= 500)
        assert chosen.arm in ("both", role)


@given(TEXT)
def test_any_typed_text_is_a_filter(text: str) -> None:
    wanted, unwanted = words(text)
    assert all(wanted)
    assert all(unwanted)


@given(st.text(st.characters(categories=["L"]), min_size=1, max_size=10), TEXT, TEXT)
def test_case_never_matters(needle: str, before: str, after: str) -> None:
    assume(needle.upper().casefold() == needle.casefold())  # not so for the Turkish dotless i
    rows = LogRows()
    rows.use(ring_of([(before + needle.upper() + after, "INFO", "", 0)]))
    rows.pull()
    rows.choose(LogFilter(needle), None, None)
    assert len(rows) == 1


def test_quotes_hold_words_together_and_a_dash_leaves_lines_out() -> None:
    assert words('reserva "a las 8" -health') == (("reserva", "a las 8"), ("health",))
    assert words("-") == (("-",), ())
    assert words('"') == (('"',), ())
    assert words("  ") == ((), ())


def test_a_place_means_one_row_for_ever() -> None:
    ring = LogRing(50)
    rows = LogRows(limit=50)
    rows.use(ring)
    known: dict[int, int] = {}
    for start in range(0, 1000, 20):
        ring.extend(line(n) for n in range(start, start + 20))
        rows.pull()
        for place in range(rows.first, rows.end):
            row = rows.at(place)
            assert row is not None
            assert known.setdefault(place, row.sequence) == row.sequence
        assert len(rows) <= 50 + 50 // 8


def test_no_line_is_lost_or_doubled_while_the_writer_is_between_two_assignments() -> None:
    class Torn(LogRing):
        """Says that its oldest line is one older than it is, as `extend` does for a moment in another thread."""

        @property
        def first_sequence(self) -> int:
            return super().first_sequence - 1

    ring = Torn(100)
    rows = LogRows()
    rows.use(ring)
    for start in range(0, 100, 10):
        ring.extend(line(n) for n in range(start, start + 10))
        rows.pull()
    assert [each.sequence for each in rows.all()] == list(range(100))


def test_errors_alone_reach_further_back_than_the_ring() -> None:
    ring = LogRing(10)
    rows = LogRows()
    rows.use(ring)
    for n in range(100):
        ring.extend([line(n, severity="ERROR" if n == 3 else "INFO")])
        rows.pull()
    rows.choose(LogFilter(floor="ERROR"), None, None)
    assert [each.sequence for each in rows.all()] == [3]


def test_another_ring_starts_from_nothing() -> None:
    rows = LogRows()
    rows.use(ring_of([("old", "ERROR", "", 0)] * 5))
    rows.pull()
    rows.use(ring_of([("new", "INFO", "", 0)] * 2))
    rows.pull()
    assert [each.text for each in rows.all()] == ["new", "new"]
    rows.choose(LogFilter(floor="ERROR"), None, None)
    assert len(rows) == 0


def test_a_line_of_a_mebibyte_is_searched_only_at_its_start() -> None:
    rows = LogRows()
    rows.use(ring_of([("x" * (1 << 20) + "needle", "INFO", "", 0)]))
    rows.pull()
    rows.choose(LogFilter("needle"), None, None)
    assert len(rows) == 0


def test_a_sign_in_emoji_form_takes_no_cell_more_than_terminals_give_it() -> None:
    assert "\ufe0f" not in inert("\u26a0\ufe0f caution")
