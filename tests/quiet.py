"""Waits of Textual's pilot that end when the app has nothing left to do, not when the processor happens to be idle.

Textual's own wait measures how much time the process was given: on a busy machine, or behind a dialog over a screen
that is drawn ten times a second, it takes up to a second for each key.
"""

from __future__ import annotations

import asyncio
import time

import pytest

MOMENT_S = 0.005
"""What timers of a moment, and threads, are given; wall seconds."""


async def wait_until_quiet(min_sleep: float = MOMENT_S, max_sleep: float = 1.0) -> None:
    """Wait until no callback and no message of this loop is left to run.

    Args:
        min_sleep: wall seconds that it takes at the least.
        max_sleep: wall seconds that it takes at the most.
    """
    begun = time.monotonic()
    ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    while True:
        await asyncio.sleep(MOMENT_S)
        while ready and time.monotonic() - begun < max_sleep:  # noqa: ASYNC110 - a loop tells nobody that it is done
            await asyncio.sleep(0)
        if time.monotonic() - begun >= min_sleep:
            return


@pytest.fixture(autouse=True)
def quiet_pilot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pilot of a test file that imports this waits so."""
    monkeypatch.setattr("textual.pilot.wait_for_idle", wait_until_quiet)
    monkeypatch.setattr("textual.app.wait_for_idle", wait_until_quiet)
