"""The screen as text, and pictures kept beside the tests: `UPDATE_PICTURES=1 pytest tests/screens` draws them anew."""

from __future__ import annotations

import os
from pathlib import Path

from console.app import ConsoleApp

KEPT = Path(__file__).parent / "pictures"


def screen_text(app: ConsoleApp) -> str:
    """What the terminal shows, a line a row, right ends trimmed."""
    rows = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in row).rstrip() for row in rows) + "\n"


def assert_picture(app: ConsoleApp, name: str) -> str:
    """Compare the screen with the picture kept under `name`."""
    drawn = screen_text(app)
    path = KEPT / f"{name}.txt"
    if os.environ.get("UPDATE_PICTURES"):
        KEPT.mkdir(exist_ok=True)
        path.write_text(drawn, encoding="utf-8")
        return drawn
    assert path.exists(), f"no picture {name}: draw it with UPDATE_PICTURES=1 and look at it"
    assert drawn == path.read_text(encoding="utf-8")
    return drawn
