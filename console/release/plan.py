"""The rollout plan: which shares the canary takes one after the other, and how long each must hold.

Source: the runbook, `Pasos` 4 and 5: 10 %, five minutes, 50 %, five minutes, 100 %, five minutes of validation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from console.errors import SettingsError
from console.words import _


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """Steps and bakes of a release.

    Raises:
        SettingsError: steps that do not rise, lie outside 1 to 100 or do not end at 100; a bake that is not positive;
            a negative number of requests.
    """

    steps: tuple[int, ...] = (10, 50, 100)
    """Canary's share in percent after each step, rising, the last 100."""
    bake: timedelta = timedelta(minutes=5)
    """How long each step is observed before the next, server time."""
    minimum_requests: int = 500
    """Canary requests that a bake needs besides time; 0 asks for none. The runbook names no figure; 500 is what
    issue 2's judge needs before it speaks."""

    def __post_init__(self) -> None:
        """Refuse a plan that cannot be walked."""
        rising = all(a < b for a, b in zip(self.steps, self.steps[1:], strict=False))
        if not self.steps or not rising or self.steps[0] < 1 or self.steps[-1] != 100:
            raise SettingsError(
                _("A plan's steps rise from at least 1 % and end at 100 %; got {steps}.").format(
                    steps=", ".join(str(step) for step in self.steps) or "-"
                ),
                remedy=_("Write them like steps = [10, 50, 100]."),
            )
        if self.bake <= timedelta(0):
            raise SettingsError(_("A bake lasts longer than nothing; got {bake}.").format(bake=self.bake))
        if self.minimum_requests < 0:
            raise SettingsError(
                _("A bake needs 0 requests or more; got {requests}.").format(requests=self.minimum_requests)
            )

    def next_step(self, current: int) -> int | None:
        """The smallest step over `current` percent; None at the end."""
        return next((step for step in self.steps if step > current), None)

    def previous_step(self, current: int) -> int:
        """The largest step under `current` percent, or 0."""
        return next((step for step in reversed(self.steps) if step < current), 0)

    def allows(self, current: int, target: int) -> bool:
        """Whether the order of steps lets the canary go from `current` to `target` percent.

        Going down is always in order; going up may not pass the next step.
        """
        following = self.next_step(current)
        return target <= current or (following is not None and target <= following)

    def nudge(self, current: int, points: int) -> int:
        """The share `points` away from `current`, never past the next step nor below 0 (keys `+` and `-`)."""
        ceiling = self.next_step(current)
        return max(0, min(current + points, 100 if ceiling is None else ceiling))

    def total_time(self, current: int = 0) -> timedelta:
        """Time that the bakes of all steps over `current` percent need at least, the one at 100 % included."""
        return self.bake * sum(1 for step in self.steps if step > current)
