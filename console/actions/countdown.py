"""The countdown to an automatic rollback, as a pure state machine: no clock, no cloud.

Once started it runs to its end: the runbook says "si error rate > 1 % a cualquier punto, rollback inmediato", and a
rate that flickers around its limit must not put the rollback off for ever. Only Esc, disarming, losing the driver's
seat or a rollback by hand end it. After Esc it does not start again for the same breach until the breach has ended,
traffic has moved, or HOLD_S has passed: the judge's own window, so that by then all that it speaks of is new.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

COUNTDOWN_S = 10.0
"""Wall seconds from a breach to the rollback (issue 2, section 3)."""

HOLD_S = 60.0
"""Wall seconds that Esc holds for, where the same breach goes on."""

RETRY_S = 5.0
"""Wall seconds after a rollback that failed before it is tried again."""


class Event(StrEnum):
    """What a step of the machine asks for."""

    STARTED = "started"
    STOPPED = "stopped"
    FIRE = "fire"


@dataclass(frozen=True, slots=True)
class Countdown:
    """A countdown under way."""

    started: float
    """Monotonic seconds."""
    reason: str
    """The judge's figures when it started."""
    seconds: float = COUNTDOWN_S

    def seconds_left(self, now: float) -> float:
        """Wall seconds left at monotonic `now`, 0 where none."""
        return max(0.0, self.seconds - (now - self.started))


@dataclass(frozen=True, slots=True)
class Sight:
    """What the machine looks at."""

    now: float
    """Monotonic seconds."""
    breach: bool
    """Whether the judge says that a countdown may start."""
    reason: str
    """The judge's sentence."""
    may: bool
    """Whether this console may roll back by itself: armed, driving, the canary has traffic, none under way."""
    step: str = ""
    """What the breach belongs to: release and share; another one is another breach."""


class CountdownMachine:
    """Idle, counting, or held after Esc."""

    def __init__(self, seconds: float = COUNTDOWN_S, hold_s: float = HOLD_S) -> None:
        self.countdown: Countdown | None = None
        self.seconds, self.hold_s = seconds, hold_s
        self._held_until: float | None = None
        self._held_step = ""
        self._not_before = 0.0

    def look(self, sight: Sight) -> Event | None:
        """Take in what is true now."""
        if self._held_until is not None and (
            not sight.breach or sight.now >= self._held_until or sight.step != self._held_step
        ):
            self._held_until = None
        if self.countdown is not None:
            if not sight.may:
                self.countdown = None
                return Event.STOPPED
            if self.countdown.seconds_left(sight.now) <= 0:
                self.countdown = None
                self._not_before = sight.now + RETRY_S
                return Event.FIRE
            return None
        if sight.breach and sight.may and self._held_until is None and sight.now >= self._not_before:
            self.countdown = Countdown(sight.now, sight.reason, self.seconds)
            return Event.STARTED
        return None

    def stop(self, now: float, step: str = "") -> bool:
        """Esc: stop the countdown and hold.

        Returns:
            Whether one was running.
        """
        if self.countdown is None:
            return False
        self.countdown = None
        self._held_until, self._held_step = now + self.hold_s, step
        return True

    def held_s(self, now: float) -> float:
        """Wall seconds that Esc still holds for; 0 where it does not."""
        return max(0.0, self._held_until - now) if self._held_until is not None else 0.0
