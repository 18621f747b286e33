"""The checklist as drawn, at the sizes that people work at."""

from __future__ import annotations

from collections.abc import Callable

import checklists as made
import pytest
from pictures import assert_picture
from stub import make_app, snapshot

from console.runbook.progress import Checklist

CASES: dict[str, Callable[[], Checklist]] = {
    "fresh": made.fresh,
    "running": made.running_tests,
    "uat-half-done": made.uat_half_done,
    "waiting-for-tech-lead": made.waiting_for_tech_lead,
    "stale-after-a-new-image": made.stale_after_a_new_image,
    "forged": made.forged,
    "read-only": made.read_only,
}
FOUND = {
    "fresh": ("no release yet", "Enter  Run", "git fetch"),
    "running": ("x  Stop", "40 %", "test_slot_29"),
    "uat-half-done": ("13/26", "Enter  Answer UAT-14"),
    "waiting-for-tech-lead": ("tech lead", "READ-ONLY: juan@acme.example drives"),
    "stale-after-a-new-image": ("stale",),
    "forged": ("FORGED", "mallory@acme.example wrote it in the name of"),
    "read-only": ("READ-ONLY: juan@acme.example drives", "running on the console of juan@acme.example"),
}


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("case", CASES)
async def test_the_checklist_says_where_one_is_and_what_to_press(case: str, size: tuple[int, int]) -> None:
    app = make_app(snapshot(0), walk=made.StubWalk(CASES[case]()))
    async with app.run_test(size=size) as pilot:
        await pilot.press("k")
        for _ in range(4):
            await pilot.pause()
            app.repaint()
        text = " ".join(assert_picture(app, f"checklist-{case}-{size[0]}x{size[1]}").replace("│", " ").split())
        for words in FOUND[case]:
            assert " ".join(words.split()) in text
        assert "F9 Roll back" in text
