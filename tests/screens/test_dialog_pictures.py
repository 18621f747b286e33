"""The dialogs as drawn: the ways out stay on the screen at any size."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pictures import assert_picture, screen_text
from stub import FRIDAY, make_app, snapshot, verdict

from console.verdict.base import Word
from console.watch.snapshot import Snapshot

CASES: dict[str, tuple[Callable[[], Snapshot], str]] = {
    "allowed": (lambda: snapshot(10, verdict=verdict(Word.PASS, "0.2 % errors in 6,214 requests", done=True)), "2"),
    "blocked-on-friday": (lambda: snapshot(10, now=FRIDAY, verdict=verdict(Word.PASS, "well", done=True)), "2"),
    "blocked-by-the-verdict": (lambda: snapshot(10, bad=True), "2"),
    "undo": (lambda: snapshot(10), "u"),
    "disarm": (lambda: snapshot(10), "a"),
    "deploy": (lambda: snapshot(10), "d"),
    "help": (lambda: snapshot(10), "question_mark"),
    "leave": (lambda: snapshot(10), "q"),
}


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (40, 10)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("case", CASES)
async def test_a_dialog_says_what_how_and_how_to_get_out(case: str, size: tuple[int, int]) -> None:
    make, key = CASES[case]
    app = make_app(make())
    async with app.run_test(size=size) as pilot:
        await pilot.press(key)
        for _ in range(3):
            await pilot.pause()
            app.repaint()
        text = assert_picture(app, f"dialog-{case}-{size[0]}x{size[1]}")
        assert "F9 Roll back" in " ".join(text.replace("│", " ").split())
        assert "Esc" in text


async def test_a_countdown_does_not_push_the_ways_out_off_the_smallest_screen() -> None:
    app = make_app(snapshot(10, bad=True))
    async with app.run_test(size=(40, 10)) as pilot:
        app.stub.count_down(7)
        await pilot.press("2")
        for _ in range(3):
            await pilot.pause()
            app.repaint()
        text = " ".join(screen_text(app).replace("│", " ").split())
        assert "Automatic rollback in 7 s" in text
        assert "F9" in text


async def test_what_does_not_fit_is_read_with_the_arrows_while_a_reason_is_typed() -> None:
    app = make_app(snapshot(10, now=FRIDAY, verdict=verdict(Word.PASS, "well", done=True)))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("2")
        for _ in range(3):
            await pilot.pause()
            app.repaint()
        await pilot.press(*["pageup"] * 8)
        await pilot.pause()
        assert "now    canary" in screen_text(app).replace("\u00a0", " ")


async def test_all_of_the_help_can_be_read_on_a_small_screen() -> None:
    app = make_app(snapshot(10))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        await pilot.pause()
        await pilot.press(*["pagedown"] * 12)
        await pilot.pause()
        assert "lives only while the driver's console does" in screen_text(app)
