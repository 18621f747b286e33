"""A door with no cloud behind it: for an unprotected environment of one's own machine, where no service runs."""

from __future__ import annotations

from collections.abc import Mapping

from console.clock import Clock, ServerClock


class NoCloud:
    """Tells no time, so that whatever the window guards is refused; keeps no copies."""

    def __init__(self, clock: Clock) -> None:
        self.server_clock = ServerClock(clock)
        self.logs = NoLog()


class NoLog:
    """Keeps nothing."""

    async def write_text(self, log: str, payload: Mapping[str, str | int | float | bool]) -> None:
        """Drop it: the local journal has the row."""
