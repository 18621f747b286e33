"""A command's output as it is read: followed, scrolled back, held still while more comes."""

from __future__ import annotations

from textual.app import App, ComposeResult

from widgets.output_log import KEPT, OutputLog, appended


class Shown(App[None]):
    """The log alone."""

    def compose(self) -> ComposeResult:
        """It."""
        yield OutputLog(id="log")


def lines(first: int, last: int) -> tuple[str, ...]:
    return tuple(f"line {number}" for number in range(first, last))


def seen(log: OutputLog) -> list[str]:
    return [log.render_line(row).text.strip() for row in range(log.size.height)]


def test_only_what_is_new_is_laid_out() -> None:
    assert appended(lines(0, 5), lines(2, 8)) == lines(5, 8)
    assert appended((), lines(0, 2)) == lines(0, 2)
    assert appended(lines(0, 5), lines(0, 5)) == ()
    assert appended(lines(0, 5), lines(90, 95)) == lines(90, 95)
    assert appended(("a", "b", "a", "b"), ("a", "b", "c")) == ("c",)


async def test_the_newest_line_is_followed_until_somebody_scrolls_back_and_again_at_the_end() -> None:
    app = Shown()
    async with app.run_test(size=(40, 10)) as pilot:
        log = app.query_one(OutputLog)
        log.show(lines(0, 200), anew=True)
        await pilot.pause()
        log.show(lines(1, 201))
        await pilot.pause()
        assert seen(log)[-1] == "line 200"
        log.scroll(-20)
        held = seen(log)
        log.show(lines(2, 230))
        await pilot.pause()
        assert seen(log) == held, "what is read stays where it is"
        log.scroll(1000)
        log.show(lines(3, 231))
        await pilot.pause()
        assert seen(log)[-1] == "line 230"


async def test_what_falls_off_the_top_moves_nothing_that_is_read() -> None:
    app = Shown()
    async with app.run_test(size=(40, 10)) as pilot:
        log = app.query_one(OutputLog)
        log.show(lines(0, KEPT), anew=True)
        await pilot.pause()
        log.scroll(-50)
        held = seen(log)
        log.show(lines(100, KEPT + 30))
        await pilot.pause()
        assert seen(log) == held
        log.scroll(-10 * KEPT)
        assert seen(log)[0] == "line 30"


async def test_a_long_line_goes_on_in_the_next_row_at_every_width() -> None:
    app = Shown()
    async with app.run_test(size=(30, 10)) as pilot:
        log = app.query_one(OutputLog)
        log.show(("tests/test_nlu.py::test_slot_1 PASSED [ 10%] and more", "預約 " * 12), anew=True)
        await pilot.pause()
        await pilot.resize_terminal(24, 10)
        await pilot.pause()
        assert "PASSED" in " ".join(seen(log))
        assert sum(row.count("預") for row in seen(log)) == 12
        assert all(log.render_line(row).cell_length == log.size.width for row in range(log.size.height))
