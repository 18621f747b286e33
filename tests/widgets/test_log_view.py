"""An operator reads the log: it follows, holds still, finds, copies and saves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from console.watch.ring import LogLine, LogRing
from widgets import log_view
from widgets.log_pane import LogPane
from widgets.log_view import LogView
from widgets.safe import ScrubFilter, scrubbed

AT = datetime(2026, 11, 25, 12, 4, 31, tzinfo=UTC)
CANARY, STABLE = "wa-backend-00042-vez", "wa-backend-00041-kud"


def line(n: int, text: str = "", severity: str = "INFO", revision: str = STABLE) -> LogLine:
    return LogLine(n, AT + timedelta(milliseconds=n), severity, revision, text or f"line {n:06}")


class Reader(App[None]):
    """One pane on one ring."""

    def __init__(self, capacity: int = 1000) -> None:
        super().__init__()
        self.ring = LogRing(capacity)
        self.copied = ""
        self.written = 0

    def compose(self) -> ComposeResult:
        yield LogPane()

    def on_mount(self) -> None:
        pane = self.query_one(LogPane)
        pane.use(self.ring)
        pane.set_roles(CANARY, STABLE)
        pane.focus_log()

    def get_line_filters(self):
        return scrubbed(super().get_line_filters())

    def copy_to_clipboard(self, text: str) -> None:
        self.copied = text

    @property
    def view(self) -> LogView:
        return self.query_one(LogView)

    def add(self, count: int, **kind: str) -> None:
        start = self.ring.next_sequence
        self.ring.extend(line(n, **kind) for n in range(start, start + count))
        self.query_one(LogPane).pull()

    def shown(self) -> list[str]:
        return [each.text for each in self.view.visible_lines()]


async def settle(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


async def test_it_follows_until_the_reader_moves() -> None:
    app = Reader()
    async with app.run_test(size=(80, 12)) as pilot:
        app.add(100)
        await pilot.pause()
        assert app.shown()[-1] == "line 000099"
        await settle(pilot, "up")
        app.add(50)
        await pilot.pause()
        assert app.shown()[-1] == "line 000099"
        assert "paused, 50 new below" in app.view.status
        await settle(pilot, "end")
        assert app.shown()[-1] == "line 000149"
        assert "following" in app.view.status


async def test_the_reader_stays_while_old_lines_fall_off() -> None:
    app = Reader(capacity=400)
    async with app.run_test(size=(80, 12)) as pilot:
        app.view.rows.limit = 400
        app.add(400)
        await settle(pilot, "pageup", "pageup")
        before = app.shown()
        top = app.view.render_line(0).text
        for _ in range(10):
            app.add(30)
            await pilot.pause()
            assert app.shown() == before
            assert app.view.render_line(0).text == top


async def test_when_what_was_read_is_gone_the_oldest_line_is_shown() -> None:
    app = Reader(capacity=100)
    async with app.run_test(size=(80, 12)) as pilot:
        app.view.rows.limit = 100
        app.add(100)
        await settle(pilot, "home")
        for _ in range(10):
            app.add(100)
        await pilot.pause()
        assert app.shown()[0] == f"line {app.view.rows.at(app.view.rows.first).sequence:06}"
        assert app.view.chosen is not None


async def test_filtering_as_one_types() -> None:
    app = Reader()
    async with app.run_test(size=(80, 12)) as pilot:
        app.add(50)
        app.add(1, text="KeyError in parse_reservation")
        await settle(pilot, "slash", *"keyerr")
        assert app.shown() == ["KeyError in parse_reservation"]
        assert "1 line with keyerr" in app.view.status
        app.add(3)
        app.add(1, text="KeyError again")
        assert app.shown()[-1] == "KeyError again"
        await settle(pilot, "enter")
        assert app.focused is app.view
        await settle(pilot, "slash", "escape")
        assert len(app.view.rows) == 55


async def test_letters_typed_into_the_filter_are_no_commands() -> None:
    app = Reader()
    async with app.run_test(size=(80, 12)) as pilot:
        app.add(5)
        await settle(pilot, "slash", *"swvnpyo")
        assert app.view.rows.filter.text == "swvnpyo"
        assert app.view.rows.filter.floor == "DEFAULT"
        assert not app.view.wrap


async def test_toggling_severity_and_revision() -> None:
    app = Reader()
    async with app.run_test(size=(80, 12)) as pilot:
        app.add(5)
        app.add(2, severity="ERROR", revision=CANARY)
        app.add(1, severity="WARNING")
        await settle(pilot, "s", "s")
        assert len(app.view.rows) == 3
        assert "WARNING+" in app.view.status
        await settle(pilot, "s")
        assert len(app.view.rows) == 2
        await settle(pilot, "s", "v")
        assert len(app.view.rows) == 2
        assert "canary only" in app.view.status
        await settle(pilot, "v")
        assert len(app.view.rows) == 6


async def test_the_chosen_line_stays_chosen_when_the_filter_changes() -> None:
    app = Reader()
    async with app.run_test(size=(80, 12)) as pilot:
        app.add(50)
        app.add(1, severity="ERROR", text="boom")
        app.add(200)
        await settle(pilot, "N")
        assert app.view.chosen is not None
        assert app.view.chosen.text == "boom"
        await settle(pilot, "s", "s", "s")
        assert app.view.chosen is not None
        assert app.view.chosen.text == "boom"
        await settle(pilot, "s")
        assert app.view.chosen is not None
        assert app.view.chosen.text == "boom"
        assert "boom" in app.shown()


async def test_next_and_previous_error() -> None:
    app = Reader()
    async with app.run_test(size=(80, 12)) as pilot:
        for n in range(3):
            app.add(30)
            app.add(1, severity="CRITICAL", text=f"error {n}")
        app.add(30)
        await settle(pilot, "N")
        assert app.view.chosen.text == "error 2"
        await settle(pilot, "N", "N")
        assert app.view.chosen.text == "error 0"
        await settle(pilot, "N")
        assert "no error further up" in app.view.status
        await settle(pilot, "n")
        assert app.view.chosen.text == "error 1"
        assert "error 1" in app.shown()


async def test_a_long_line_is_wrapped_on_demand_and_shown_whole_on_enter() -> None:
    app = Reader()
    async with app.run_test(size=(80, 20)) as pilot:
        app.add(3)
        app.add(1, text="x" * 300 + "END")
        await pilot.pause()
        last = app.view.render_line(app.view.size.height - 1).text
        assert "…" in last
        await settle(pilot, "w")
        assert "END" in app.view.render_line(app.view.size.height - 1).text
        await settle(pilot, "w", "up", "enter")
        assert app.query_one("#log-detail").display
        await settle(pilot, "escape")
        assert not app.query_one("#log-detail").display


async def test_wrapping_keeps_the_place_in_a_flood_of_long_lines() -> None:
    app = Reader()
    async with app.run_test(size=(60, 14)) as pilot:
        app.add(200, text="muy largo " * 30)
        await settle(pilot, "w", "pageup", "pageup")
        before = [app.view.render_line(y).text[:-1] for y in range(app.view.size.height)]
        app.add(200, text="otra " * 40)
        await pilot.pause()
        assert [app.view.render_line(y).text[:-1] for y in range(app.view.size.height)] == before
        await settle(pilot, "pagedown", "pagedown", "pagedown", "end")
        assert app.view.following


async def test_copying_the_chosen_line_or_the_screen() -> None:
    app = Reader()
    async with app.run_test(size=(80, 12)) as pilot:
        app.add(100)
        await settle(pilot, "y")
        assert len(app.copied.splitlines()) == app.view.size.height
        await settle(pilot, "up", "y")
        assert app.copied == f"2026-11-25T12:04:31.099Z INFO {STABLE} line 000099"
        assert "1 line sent to the clipboard" in app.view.status


async def test_what_is_copied_is_clean_even_where_the_ring_was_not() -> None:
    app = Reader()
    async with app.run_test(size=(80, 12)) as pilot:
        app.add(1, text="a\x1b]52;c;cm0gLXJm\x07b\x00\u202ec\x9b31m[bold]")
        await settle(pilot, "y")
        assert app.copied.endswith(" ab\ufffd\ufffdc[bold]")


async def test_saving_writes_what_passes_the_filter_and_never_over_a_file(tmp_path: Path) -> None:
    app = Reader()
    path = tmp_path / "log.txt"
    async with app.run_test(size=(100, 14), notifications=True) as pilot:
        app.add(5)
        app.add(2, severity="ERROR", text="ñandú")
        app.query_one(LogPane)._path.value = str(path)
        await settle(pilot, "s", "s", "s", "o", "enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert path.read_text(encoding="utf-8").count("ñandú") == 2
        app.query_one(LogPane)._path.value = str(path)
        await settle(pilot, "o", "enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert len(path.read_text(encoding="utf-8").splitlines()) == 2
        assert any("is there already" in note.message for note in app._notifications)
        app.query_one(LogPane)._path.value = str(tmp_path / "no" / "folder.txt")
        await settle(pilot, "o", "enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert any("can't be written" in note.message for note in app._notifications)


async def test_counts_and_what_it_waits_for_are_said() -> None:
    app = Reader()
    async with app.run_test(size=(100, 8)) as pilot:
        pane = app.query_one(LogPane)
        pane.set_waiting("waiting for the first log line")
        pane.set_counts(1204, 12)
        await pilot.pause()
        assert "waiting for the first log line" in app.view.render_line(0).text
        status = app.query_one("#log-status").lines(100, 1)[0].plain
        assert "▲ 1,204 dropped, 12 suppressed" in status
        app.add(1)
        await settle(pilot, "slash", "z", "z")
        assert "no line passes the filter" in app.view.render_line(0).text


@pytest.mark.parametrize("size", [(40, 10), (20, 4), (10, 3), (120, 40), (200, 60)])
@pytest.mark.parametrize("keys", [(), ("up",), ("w", "pageup"), ("slash", "l"), ("home", "enter")])
async def test_no_size_and_no_key_breaks_it(size: tuple[int, int], keys: tuple[str, ...]) -> None:
    app = Reader()
    async with app.run_test(size=size) as pilot:
        app.add(30)
        app.add(30, text="🎉 ñ 日本語 " * 40, severity="ERROR", revision=CANARY)
        await settle(pilot, *keys)
        app.add(30)
        await pilot.pause()
        view = app.view
        for y in range(view.size.height):
            assert view.render_line(y).cell_length == view.size.width


async def test_an_empty_log_answers_every_key() -> None:
    app = Reader()
    async with app.run_test(size=(80, 12)) as pilot:
        await settle(pilot, "up", "down", "pageup", "home", "end", "n", "N", "w", "y", "enter", "p", "p", "s", "v")
        assert app.view.chosen is None


async def test_clicking_chooses_the_line_under_the_mouse() -> None:
    app = Reader()
    async with app.run_test(size=(80, 12)) as pilot:
        app.add(100)
        await pilot.pause()
        wanted = app.view.visible_lines()[3]
        await pilot.click(LogView, offset=(5, 3))
        await pilot.pause()
        assert app.view.chosen is wanted


async def test_a_flood_draws_only_what_is_on_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What keeps keys quick at 5,000 lines a second, as a count: wall clocks report, they do not gate."""
    drawn: list[int] = []
    whole = log_view.strips_of
    monkeypatch.setattr(
        log_view, "strips_of", lambda line, *a, **k: drawn.append(line.sequence) or whole(line, *a, **k)
    )
    app = Reader(capacity=10_000)
    async with app.run_test(size=(120, 40)) as pilot:
        app.add(10_000)
        await pilot.pause()
        layouts = app.screen._layout_required
        for _ in range(20):
            drawn.clear()
            app.add(500)
            await pilot.pause()
            assert len(drawn) <= app.view.size.height
        assert app.screen._layout_required == layouts
        assert len(app.view.rows) <= 10_000 + 10_000 // 8
        await settle(pilot, "pageup")
        drawn.clear()
        app.add(500)
        await pilot.pause()
        assert drawn == []


def test_scrubbing_leaves_clean_segments_untouched() -> None:
    from rich.segment import Segment
    from textual.color import Color

    clean = [Segment("hola ñ 🎉 ▇ ⣀"), Segment(" ")]
    assert ScrubFilter().apply(clean, Color(0, 0, 0)) is clean
