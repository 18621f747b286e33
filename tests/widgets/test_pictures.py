"""Pictures of all widgets together. `pytest tests/widgets --snapshot-update` draws them anew: look before keeping."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.widgets.gallery import HEADER, Gallery
from widgets.verdict_panel import RollbackLine

CLOSED = replace(
    HEADER,
    time=datetime(2026, 11, 27, 12, 0, tzinfo=UTC),
    window_open=False,
    window_opens=datetime(2026, 12, 1, 10, 0, tzinfo=UTC),
    you_drive=False,
    rollback_ready=False,
    rollback_problem="00041-kud is not ready: its image is gone.",
    demo="demo · Fri 12:00 UTC · clock 5× · < > change it",
)


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (40, 10), (200, 60)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_a_failing_canary(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(Gallery(), terminal_size=size)


@pytest.mark.parametrize("theme", ["canario-light", "canario-contrast", "canario-plain"])
def test_every_theme(snap_compare: Any, theme: str) -> None:
    assert snap_compare(Gallery(theme=theme), terminal_size=(120, 40))


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_a_closed_window_and_no_way_back(snap_compare: Any, size: tuple[int, int]) -> None:
    rollback = RollbackLine("retrying", "00041-kud", 4.2, 3, "UNAVAILABLE: try again")
    assert snap_compare(Gallery(countdown=None, rollback=rollback, header=CLOSED), terminal_size=size)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_reading_the_log(snap_compare: Any, size: tuple[int, int]) -> None:
    async def read(pilot: Any) -> None:
        pilot.app.query_one("#log").focus_log()
        await pilot.press("N", "enter")

    assert snap_compare(Gallery(), terminal_size=size, run_before=read)
