"""What an operator reads in header, split, steps, verdict, table and footer, at any width."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from console.verdict.base import Verdict, Word
from tests.widgets.gallery import ENTRIES, HEADER, NOW, ROWS, SHARES, STEPS, VERDICT
from widgets.action_bar import ActionBar, ActionEntry
from widgets.drawing import Drawn, fit, pad, percent, span, spread
from widgets.header import EnvironmentHeader, HeaderState
from widgets.revision_table import RevisionRow, RevisionTable
from widgets.split_bar import Share, SplitBar
from widgets.step_line import StepLine, StepState
from widgets.verdict_panel import RollbackLine, VerdictPanel, VerdictState

HOSTILE = "x\x1b]52;c;cm0=\x07[bold]\u202e[@click=app.quit]y"


def text(widget: Drawn, width: int = 120, height: int = 0) -> str:
    return "\n".join(line.plain for line in widget.lines(width, height))


def header(**changes: object) -> EnvironmentHeader:
    return EnvironmentHeader(replace(HEADER, **changes))  # type: ignore[arg-type]


def split(shares: tuple[Share, ...], *, pending: bool = False) -> SplitBar:
    widget = SplitBar(shares)
    widget._pending = pending
    return widget


# ---- header


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_production_is_told_by_glyph_and_word_at_every_width(width: int) -> None:
    first = text(header(), width).splitlines()[0]
    assert "▲" in first
    assert "PRODUCTION" in first


def test_staging_looks_different_even_without_colour() -> None:
    first = text(header(environment="staging", protected=False, window_open=None)).splitlines()[0]
    assert "○ staging" in first
    assert "▲" not in first


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_window_and_way_out_stay_at_every_width(width: int) -> None:
    shown = text(header(), width)
    assert "open" in shown
    assert "→ 00041-kud" in shown


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_disarmed_rollback_is_seen_at_every_width(width: int) -> None:
    assert "auto ○" in text(header(auto_rollback=False, you_drive=True), width)


def test_how_many_instances_are_warm_stands_where_there_is_room() -> None:
    assert "→ 00041-kud, 3 warm" in text(header(rollback_warm=3), 140)
    assert "warm" not in text(header(rollback_warm=3), 60)


@pytest.mark.parametrize("state", ["sending", "moving", "retrying", "failed"])
def test_how_long_a_rollback_takes_is_never_cut_off(state: str) -> None:
    panel = VerdictPanel(VerdictState(rollback=RollbackLine(state, "wa-backend-00041-kud", took_s=12.3)))
    for width in (36, 56, 80):
        assert "12.3 s" in text(panel, width)


def test_a_closed_window_says_when_it_opens_and_why() -> None:
    shown = text(
        header(
            window_open=False,
            window_opens=datetime(2026, 12, 1, 10, 0, tzinfo=UTC),
            window_reason="Thanksgiving",
            time=datetime(2026, 11, 26, 12, 0, tzinfo=UTC),
        )
    )
    assert "window closed (Thanksgiving), opens Tue 10:00 UTC" in shown


def test_a_rollback_that_is_not_ready_says_why_on_a_line_of_its_own() -> None:
    shown = text(header(rollback_ready=False, rollback_problem="00041-kud is gone"), 80).splitlines()
    assert "NOT READY" in shown[1]
    assert shown[2] == "▲ rollback NOT READY: 00041-kud is gone"


def test_each_feed_has_a_glyph_and_an_age() -> None:
    assert "service ● 1 s  logs ● 2 s  metrics ◐ late 140 s" in text(header())


def test_a_feed_in_trouble_keeps_its_age_when_it_is_narrow() -> None:
    assert "metrics ◐ 140 s" in text(header(), 80)


def test_a_local_clock_that_is_off_is_said() -> None:
    assert "local clock +10 min" in text(header(skew_s=600.0), 140)


def test_the_demo_says_so_on_its_own_line() -> None:
    assert "demo · 5×" in text(header(demo="demo · 5×")).splitlines()[-1]


@given(st.text(max_size=80), st.integers(1, 200))
def test_no_name_overflows_the_header(name: str, width: int) -> None:
    state = replace(HEADER, environment=name, project=name, service=name, driver=name, notice=name, demo=name)
    for line in EnvironmentHeader(state).lines(width, 0)[2:-1]:
        assert "\n" not in line.plain
    for line in EnvironmentHeader(state).lines(width, 0)[:2]:
        assert line.cell_length <= max(width, 1)


# ---- split


def test_a_settled_split_shows_shares_in_figures() -> None:
    shown = text(split((replace(SHARES[0], want=10), replace(SHARES[1], want=90))))
    assert "10 %" in shown
    assert "→" not in shown


def test_a_pending_split_shows_both_what_is_and_what_was_asked_for() -> None:
    first = text(split(SHARES, pending=True)).splitlines()[0]
    assert "10 %" in first
    assert "→ 50 % moving" in first
    assert "░" in first


def test_a_split_that_stopped_short_says_so() -> None:
    assert "→ 50 % asked for, not serving" in text(split(SHARES))


def test_many_other_revisions_become_one_line() -> None:
    others = tuple(Share(f"0000{n}-old", "other", 5, 5) for n in range(9))
    lines = text(split((*SHARES, *others))).splitlines()
    assert len(lines) == 3
    assert "9 more" in lines[2]
    assert "45 %" in lines[2]


@given(st.integers(0, 100), st.integers(0, 100), st.integers(1, 200))
def test_a_bar_is_full_only_at_one_hundred_and_empty_only_at_nothing(have: int, want: int, width: int) -> None:
    lines = split((Share("a", "canary", want, have),), pending=True).lines(width, 0)
    if have == want and width >= 60:
        filled = lines[0].plain.count("▇")
        assert (filled == 0) == (have == 0)


# ---- steps


def test_the_step_line_says_where_we_are_and_what_the_bake_waits_for() -> None:
    shown = text(StepLine(replace(STEPS, moving_to=None)))
    assert "✔ 0 %" in shown
    assert "● 10 %" in shown
    assert "○ 100 %" in shown
    assert "3:12 of 5:00 observed" in shown
    assert "214 requests still needed" in shown


def test_a_share_between_two_steps_is_shown_in_its_place() -> None:
    shown = text(StepLine(replace(STEPS, at=15, moving_to=None)))
    assert shown.index("✔ 10 %") < shown.index("● 15 %") < shown.index("○ 50 %")


def test_a_stopped_bake_clock_says_why() -> None:
    state = replace(STEPS, requests_needed=0, waiting="the log stream is down: the clock stands")
    assert "the log stream is down: the clock stands" in text(StepLine(state), 80)


def test_a_finished_bake_names_the_next_key() -> None:
    shown = text(StepLine(replace(STEPS, moving_to=None, bake_done=True, observed_s=300, next_key="2")))
    assert "✔ baked 5:00 / 5:00" in shown
    assert "the next step may be taken (2)" in shown


@pytest.mark.parametrize(("ended", "word"), [("promoted", "promoted"), ("rolled back", "rolled back")])
def test_an_ended_release_says_how(ended: str, word: str) -> None:
    assert word in text(StepLine(replace(STEPS, ended=ended)))


# ---- verdict


def panel(**changes: object) -> VerdictPanel:
    return VerdictPanel(VerdictState(**{"verdict": VERDICT, **changes}))  # type: ignore[arg-type]


@pytest.mark.parametrize("word", list(Word))
def test_every_verdict_has_a_glyph_and_its_word(word: Word) -> None:
    first = text(panel(verdict=Verdict(word, "because"))).splitlines()[0]
    assert first.split("  ")[0].split(" ", 1)[1] == word.value
    assert not first[0].isalnum()


@pytest.mark.parametrize("height", [2, 3, 4, 0])
@pytest.mark.parametrize("width", [38, 80, 120])
def test_the_countdown_and_its_way_out_are_never_pushed_off(width: int, height: int) -> None:
    lines = text(panel(countdown_s=6.2), width, height).splitlines()
    shown = lines[: height or None]
    assert any("7 s · Esc stops" in line for line in shown)
    assert "FAIL" in shown[0]


def test_a_rollback_is_followed_to_its_end() -> None:
    assert "attempt 3" in text(panel(rollback=RollbackLine("retrying", "00041-kud", 4.2, 3, "unavailable")))
    assert "✔ rolled back to 00041-kud in 1.8 s · automatic" in text(
        panel(rollback=RollbackLine("done", "00041-kud", 1.84, automatic=True))
    )
    assert "✖ NOT rolled back" in text(panel(rollback=RollbackLine("failed", "00041-kud", 9, problem="denied")))


def test_evidence_fills_only_when_the_threshold_is_reached() -> None:
    nearly = replace(VERDICT, evidence=(replace(VERDICT.evidence[0], fill=0.999),))
    assert "▱" in text(panel(verdict=nearly)).splitlines()[1]
    assert "against the canary" not in text(panel(verdict=nearly))


def test_a_rule_that_arms_nothing_says_so() -> None:
    assert "> 5 ERROR lines a minute: 37 (shown only)" in text(panel())


# ---- footer


@pytest.mark.parametrize("width", [20, 40, 80, 120, 200])
def test_rollback_never_leaves_the_footer(width: int) -> None:
    bar = ActionBar([*ENTRIES[1:], ENTRIES[0]])
    assert text(bar, width).startswith(" r F9 Roll back")


@pytest.mark.parametrize("width", [40, 80, 120])
def test_help_stays_and_what_fell_off_is_hinted_at(width: int) -> None:
    shown = text(ActionBar(ENTRIES), width)
    assert shown.endswith("? Help")
    assert "…" in shown


def test_a_key_that_would_do_nothing_is_in_brackets_where_there_is_room_for_it() -> None:
    assert "(1 10 %)" in text(ActionBar(ENTRIES), 200)
    assert "1 10 %" not in text(ActionBar(ENTRIES), 80), "keys that do something come first"


async def test_a_click_on_an_entry_names_its_action() -> None:
    heard: list[str] = []

    class Footer(App[None]):
        def compose(self) -> ComposeResult:
            yield ActionBar(ENTRIES)

        def on_action_bar_pressed(self, event: ActionBar.Pressed) -> None:
            heard.append(event.action)

    app = Footer()
    async with app.run_test(size=(120, 3)) as pilot:
        bar = app.query_one(ActionBar)
        x = text(bar, 118).index("u Undo") + 1
        await pilot.click(ActionBar, offset=(x, 0))
        await pilot.click(ActionBar, offset=(3, 0))
        await pilot.pause()
    assert heard == ["undo", "rollback"]


# ---- table


class Table(App[None]):
    def __init__(self, rows: tuple[RevisionRow, ...]) -> None:
        super().__init__()
        self.rows = rows
        self.chosen: list[str] = []

    def compose(self) -> ComposeResult:
        yield RevisionTable()

    def on_mount(self) -> None:
        self.query_one(RevisionTable).show(self.rows, now=NOW)

    def on_revision_table_selected(self, event: RevisionTable.Selected) -> None:
        self.chosen.append(event.row.name)

    def screen_lines(self) -> list[str]:
        table = self.query_one(RevisionTable)
        return [table.render_line(y).text for y in range(table.size.height)]


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 120, 200])
async def test_name_share_and_errors_stay_at_every_width(width: int) -> None:
    app = Table(ROWS)
    async with app.run_test(size=(width, 10)) as pilot:
        await pilot.pause()
        lines = app.screen_lines()
        assert "00042-vez" in lines[1]
        assert "10 %" in lines[1]
        if width >= 40:
            assert "3.1 % ▲" in lines[1]
        assert all(len(line) <= width for line in lines)


async def test_two_hundred_revisions_scroll_under_a_standing_heading() -> None:
    rows = tuple(RevisionRow(f"wa-backend-{n:05}-abc", created=NOW - timedelta(hours=n)) for n in range(200, 0, -1))
    app = Table(rows)
    async with app.run_test(size=(120, 12)) as pilot:
        await pilot.press("end")
        await pilot.pause()
        lines = app.screen_lines()
        assert "revision" in lines[0]
        assert "00001-abc" in lines[-1]
        await pilot.press("enter", "home", "enter")
        await pilot.pause()
        assert app.chosen == ["wa-backend-00001-abc", "wa-backend-00200-abc"]


async def test_the_cursor_stays_on_its_revision_when_a_newer_one_comes() -> None:
    app = Table(ROWS)
    async with app.run_test(size=(120, 12)) as pilot:
        await pilot.press("down")
        table = app.query_one(RevisionTable)
        table.show((RevisionRow("wa-backend-00043-new"), *ROWS), now=NOW)
        await pilot.pause()
        assert table.selected is not None
        assert table.selected.name == "wa-backend-00041-kud"


async def test_a_service_without_revisions_says_so() -> None:
    app = Table(())
    async with app.run_test(size=(80, 12)) as pilot:
        await pilot.pause()
        assert "this service has no revision yet" in app.screen_lines()[1]
        await pilot.press("down", "enter", "end")
        assert app.chosen == []


# ---- all of them

MAKERS: list[Callable[[str], Drawn]] = [
    lambda s: header(environment=s, project=s, service=s, driver=s, rollback_target=s, notice=s, you_drive=False),
    lambda s: split((Share(s, "canary", 10, 10, s), Share(s, "other", 90, 90, s))),
    lambda s: StepLine(replace(STEPS, waiting=s)),
    lambda s: panel(verdict=Verdict(Word.FAIL, s), notice=s, rollback=RollbackLine("retrying", s, problem=s)),
]


@pytest.mark.parametrize("make", MAKERS)
def test_text_of_strangers_is_drawn_inert(make: Callable[[str], Drawn]) -> None:
    shown = text(make(HOSTILE))
    assert "[bold]" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


class Still(App[None]):
    def compose(self) -> ComposeResult:
        yield EnvironmentHeader()
        yield VerdictPanel()
        yield StepLine()
        yield SplitBar()


async def test_the_same_value_again_draws_nothing() -> None:
    app = Still()
    async with app.run_test(size=(120, 20)) as pilot:
        for _ in range(2):
            app.query_one(EnvironmentHeader).show(replace(HEADER, time=NOW))
            app.query_one(VerdictPanel).show(VerdictState(VERDICT, countdown_s=6.7))
            app.query_one(StepLine).show(STEPS)
            app.query_one(SplitBar).show(SHARES, pending=True)
            await pilot.pause()
        drawn = [widget._dirty_regions.copy() for widget in app.query(Drawn)]
        app.query_one(EnvironmentHeader).show(replace(HEADER, time=NOW + timedelta(milliseconds=400)))
        app.query_one(VerdictPanel).show(VerdictState(VERDICT, countdown_s=6.3))
        app.query_one(StepLine).show(replace(STEPS))
        app.query_one(SplitBar).show(tuple(SHARES), pending=True)
        assert [widget._dirty_regions for widget in app.query(Drawn)] == drawn


@given(st.text(max_size=30), st.integers(0, 60), st.booleans())
def test_padding_is_exact(word: str, width: int, right: bool) -> None:
    from rich.cells import cell_len

    clean = "".join(c for c in word if c.isprintable() and cell_len(c) == 1)
    assert cell_len(pad(clean, width, right=right)) == width


def test_fitting_shortens_in_the_order_asked_for() -> None:
    from textual.content import Content

    pieces = ([Content("aaaa"), Content("a")], [Content("bbbb"), Content("b")])
    assert [c.plain for c in fit(pieces, 10)] == ["aaaa", "bbbb"]
    assert [c.plain for c in fit(pieces, 7, order=(0,))] == ["a", "bbbb"]
    assert [c.plain for c in fit(pieces, 7)] == ["aaaa", "b"]
    assert spread([Content("a")], [Content("b")], 5).plain == "a   b"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s"), (7, "7 s"), (179, "179 s"), (180, "3 min"), (6900, "1 h 55"), (86400 * 3, "3 d"), (36000, "10 h")],
)
def test_how_long_in_words(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_shares_in_figures() -> None:
    assert [percent(v) for v in (None, 0.0, 0.0004, 0.031, 1.0)] == ["-", "0.0 %", "<0.1 %", "3.1 %", "100.0 %"]


def test_a_header_before_anything_is_known() -> None:
    shown = text(EnvironmentHeader(HeaderState("production", True, "p", "r", "s")))
    assert "PRODUCTION" in shown
    assert "server time not known yet" in shown
    assert "rollback: checking" in shown


def test_an_action_bar_without_entries() -> None:
    assert text(ActionBar([])) == ""
    assert text(ActionBar([ActionEntry("a", "a", "Auto")]), 3) == "…"


def test_no_release() -> None:
    assert text(StepLine(None)) == "no release is under way"
    assert text(StepLine(StepState())).startswith("● 0 %")
