"""Time, passed in: a `Clock` for the wall, a `ServerClock` for the cloud's time learned from its answers.

Nothing else in canario asks the machine for the time. The deployment window is judged by `ServerClock` alone
(DESIGN.md, decision 6); no option or variable sets it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The wall's clock, replaceable in tests."""

    def now(self) -> datetime:
        """Local wall time, UTC; may be wrong, so only shown."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; for ages, deadlines and countdowns."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that a test turns by hand.

    Args:
        start: its wall time at first, UTC.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._monotonic = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """See `Clock.now`."""
        return self._now

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        """Return once `advance` has passed that point."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._monotonic + seconds, future))
        await future

    def advance(self, seconds: float) -> None:
        """Turn the clock forward and wake whoever sleeps no longer than that."""
        self._monotonic += seconds
        self._now += timedelta(seconds=seconds)
        due = [s for s in self._sleepers if s[0] <= self._monotonic]
        self._sleepers = [s for s in self._sleepers if s[0] > self._monotonic]
        for _at, future in due:
            if not future.done():
                future.set_result(None)


class ServerClock:
    """The cloud's time and its rate against the wall's, learned from `date` headers.

    A `date` has one-second steps, so an answer that says d means a time in [d, d + 1 s). Any two sightings bound the
    rate; where 1 lies within all bounds of the last `WINDOW_S` wall seconds, the rate is 1 (every real cloud), else a
    simulator runs faster and the middle of the bounds is taken. Where the bounds contradict each other the clock was
    set or its speed changed, and the oldest sightings are forgotten until they agree. Two sightings alone are not
    believed: across a laptop's sleep they would say thousands of server seconds a second. The rate known before stands
    until a third, `APART_S` from both, agrees.

    For one writer and many readers: the state is one tuple, replaced as a whole.
    """

    WINDOW_S = 20.0
    JITTER_S = 0.15
    """Wall seconds by which answers may differ in how long they took to reach us."""
    APART_S = 0.5
    """Wall seconds between two sightings from which they tell something about the rate."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, float]] = deque(maxlen=256)
        self._state: tuple[float, float, float] | None = None

    def observe(self, date: datetime, at: float | None = None) -> None:
        """Take in one `date` of an answer.

        Args:
            date: as sent, whole seconds, UTC.
            at: monotonic seconds when the answer came; now where None.
        """
        monotonic = self._clock.monotonic() if at is None else at
        stamp = date.timestamp()
        if self._seen and monotonic < self._seen[-1][0]:
            return
        self._seen.append((monotonic, stamp))
        while len(self._seen) > 2 and monotonic - self._seen[0][0] > self.WINDOW_S:
            self._seen.popleft()
        low, high = self._rate_bounds()
        while low > high and len(self._seen) > 2:
            self._seen.popleft()
            low, high = self._rate_bounds()
        rate = self._rate_within(low, high) if self._confirmed() else self.rate
        doubt = 1.0 + self.JITTER_S * rate
        fitting = [(m, s) for m, s in self._seen if abs(s + rate * (monotonic - m) - stamp) <= doubt]
        # each sighting says: the time now is at least stamp + rate * (now - then); the largest such bound fits all
        base = max(s + rate * (monotonic - m) for m, s in fitting)
        base = min(base, min(s + 1.0 + rate * (monotonic - m) for m, s in fitting))
        self._state = (monotonic, base, rate)

    def _confirmed(self) -> bool:
        """Whether there are three sightings, each apart from the next."""
        first, last = self._seen[0][0], self._seen[-1][0]
        return any(m - first > self.APART_S and last - m > self.APART_S for m, _s in self._seen)

    def _rate_bounds(self) -> tuple[float, float]:
        low, high = 0.0, float("inf")
        last_m, last_s = self._seen[-1]
        for m, s in self._seen:
            apart = last_m - m
            if apart > self.APART_S:
                low = max(low, (last_s - s - 1.0) / (apart + self.JITTER_S))
                high = min(high, (last_s - s + 1.0) / (apart - self.JITTER_S))
        return low, high

    def _rate_within(self, low: float, high: float) -> float:
        if low <= 1.0 <= high:
            return self._state[2] if self._state and high == float("inf") else 1.0
        return max((low + high) / 2, 0.01)

    @property
    def known(self) -> bool:
        """Whether any `date` has been seen."""
        return self._state is not None

    @property
    def rate(self) -> float:
        """Server seconds a wall second."""
        return self._state[2] if self._state else 1.0

    def now(self, at: float | None = None) -> datetime | None:
        """Server time at monotonic `at` (now where None), UTC; None before the first `date`."""
        if self._state is None:
            return None
        taken, base, rate = self._state
        monotonic = self._clock.monotonic() if at is None else at
        return datetime.fromtimestamp(base + rate * (monotonic - taken), UTC)

    def skew(self) -> timedelta:
        """Local wall time minus server time; zero where unknown or where the server's clock runs at another rate."""
        server = self.now()
        if server is None or self.rate != 1.0:
            return timedelta(0)
        return self._clock.now() - server
