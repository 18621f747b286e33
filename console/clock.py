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

    A `date` has one-second steps, so an answer that says d means a time in [d, d + 1 s). Observations of the last
    `WINDOW_S` wall seconds bound the rate; where 1 lies within the bounds, the rate is 1 (every real cloud), else a
    simulator runs faster and the middle of the bounds is taken. An observation that the prediction cannot explain
    (its clock was set or its speed changed) starts over from it.

    Thread-safe for one writer and many readers: the state is one tuple, replaced as a whole.
    """

    WINDOW_S = 20.0

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
        if self._state is not None and not self._explained(monotonic, stamp):
            last = self._seen[-1] if self._seen else None
            self._seen.clear()
            if last is not None and monotonic - last[0] > 0.2 and stamp > last[1]:
                self._seen.append(last)
        self._seen.append((monotonic, stamp))
        while len(self._seen) > 2 and monotonic - self._seen[0][0] > self.WINDOW_S:
            self._seen.popleft()
        rate = self._estimate_rate()
        # each sighting says: base lies in [stamp - rate * (at - m), that + 1); the largest lower bound fits all
        base = max(s + rate * (monotonic - m) for m, s in self._seen)
        base = min(base, min(s + 1.0 + rate * (monotonic - m) for m, s in self._seen))
        self._state = (monotonic, base, rate)

    def _explained(self, at: float, stamp: float) -> bool:
        assert self._state is not None
        taken, base, rate = self._state
        predicted = base + rate * (at - taken)
        slack = 2.0 + 0.1 * rate * min(at - taken, 5.0)
        return stamp - slack <= predicted <= stamp + 1.0 + slack

    def _estimate_rate(self) -> float:
        low, high = 0.0, float("inf")
        last_m, last_s = self._seen[-1]
        for m, s in self._seen:
            if last_m - m < 0.5:
                continue
            low = max(low, (last_s - s - 1.0) / (last_m - m))
            high = min(high, (last_s - s + 1.0) / (last_m - m))
        if high == float("inf"):
            return self._state[2] if self._state else 1.0
        if low <= 1.0 <= high:
            return 1.0
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
