"""The simulator's own clock: seconds that may run faster than the wall's, at a speed that can change at any moment.

Durations inside the simulated cloud (buffer windows, reconciles, Monitoring's delay, quotas) are slept here; RPC
deadlines stay wall time. Knows nothing of Cloud Run, gRPC or HTTP.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

SLOWEST = 0.001
FASTEST = 100_000.0


class SimClock:
    """A clock that starts at `start` and gains `speed` seconds a wall second.

    Sleepers are woken when their simulated moment comes, also when the speed changes or the clock is set while
    they sleep. For one asyncio loop; `now` may be read from anywhere.

    Args:
        start: its first time, with a time zone.
        speed: simulated seconds a wall second, from 0.001 to 100,000.
        monotonic: the wall's monotonic seconds; replaceable in tests.
    """

    def __init__(self, start: datetime, speed: float = 1.0, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._origin_wall = monotonic()
        self._origin = start.timestamp()
        self._speed = _checked(speed)
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def speed(self) -> float:
        """Simulated seconds a wall second."""
        return self._speed

    def now(self) -> float:
        """Simulated time, Unix seconds."""
        return self._origin + (self._monotonic() - self._origin_wall) * self._speed

    def datetime(self) -> datetime:
        """Simulated time, UTC."""
        return datetime.fromtimestamp(self.now(), UTC)

    def http_date(self) -> str:
        """Simulated time as an HTTP-date, whole seconds (RFC 9110, 5.6.7), e.g. `Wed, 25 Nov 2026 10:05:00 GMT`."""
        return format_datetime(datetime.fromtimestamp(int(self.now()), UTC), usegmt=True)

    def set_speed(self, speed: float) -> None:
        """Run at `speed` from now on; sleepers are re-timed.

        Raises:
            ValueError: not a number from 0.001 to 100,000.
        """
        checked = _checked(speed)
        self._origin, self._origin_wall = self.now(), self._monotonic()
        self._speed = checked
        self._arm()

    def set_now(self, seconds: float) -> None:
        """Jump to `seconds` (Unix); whoever sleeps until a moment before that wakes."""
        self._origin, self._origin_wall = seconds, self._monotonic()
        self._arm()

    async def sleep_until(self, seconds: float) -> None:
        """Return once simulated time has reached `seconds` (Unix)."""
        if seconds <= self.now():
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (seconds, next(self._order), future))
        self._arm()
        await future

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of simulated time."""
        await self.sleep_until(self.now() + seconds)

    def wall_seconds(self, seconds: float) -> float:
        """How many wall seconds `seconds` simulated ones take at the present speed."""
        return seconds / self._speed

    def _arm(self) -> None:
        """Wake whoever is due, and set one timer for the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self.now()
        while self._sleepers and (self._sleepers[0][0] <= now or self._sleepers[0][2].done()):
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)
        if self._sleepers:
            delay = max(0.0, (self._sleepers[0][0] - now) / self._speed)
            self._timer = self._sleepers[0][2].get_loop().call_later(min(delay, 86_400.0), self._arm)


def _checked(speed: float) -> float:
    if not SLOWEST <= speed <= FASTEST:
        raise ValueError(f"the speed is a number from {SLOWEST:g} to {FASTEST:g}, not {speed!r}")
    return float(speed)
