"""A run that is started is not told by what became of the one before: a watch that was cut off is begun again."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from console.runbook.walk import Walk


class Waiting(Walk):
    """A walk whose loop has not come to what was spawned."""

    def __init__(self) -> None:
        self._refused = {"watch_24h": "cut off at 11:09:21; it was not done"}

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        work.close()


def test_what_became_of_a_run_that_was_cut_off_is_forgotten_once_it_is_started_again() -> None:
    walk = Waiting()
    walk.start("watch_24h")
    assert "watch_24h" not in walk.refused
