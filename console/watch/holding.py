"""Since when a split holds, read from the requests themselves: for a bake that nobody here saw begin. Pure.

A move is recorded before the cloud is asked for it, and the cloud takes seconds to make it so. Whoever looks only
later finds the moment in the log: of all seconds between the move and that look, the one after which the requests
speak most for the new split and before which most for the old (the maximum likelihood of one change).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import log

from console.watch.aggregate import Second

SETTLES_S = 120
"""Seconds after a move in which the change is looked for: a canary that falls silent later is not taken for one whose
traffic has not come yet."""
STRAY = 0.002
"""Share of the requests that reaches a revision all the same where the split gives it none (its tag's own calls)."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A question to the log: from which second on has the canary had its share?"""

    canary: str
    before: int
    """Its share before the move, whole percent."""
    share: int
    """And after it."""
    moved: int
    """Unix second from which on it may hold."""
    seen: int
    """Unix second by which it was seen to hold."""

    @property
    def end(self) -> int:
        """Unix second up to which the log is read for an answer; by then the split is taken to hold."""
        return min(self.seen, self.moved + SETTLES_S)

    def since(self, seconds: Iterable[Second]) -> int | None:
        """The first whole second of the new split; None while the log has not been read far enough.

        Where the requests cannot tell, it is the latest second that they leave open, so that none with the old split
        is ever counted as the canary's.

        Args:
            seconds: closed ones, in rising order.
        """
        kept = list(seconds)
        if self.end > self.moved and (not kept or kept[-1].second + 1 < self.end):
            return None
        change, evidence, least = self.moved, 0.0, 0.0
        for second in kept:
            if not self.moved <= second.second < self.end:
                continue
            evidence += self._speaks(second)
            if evidence <= least:
                least, change = evidence, second.second + 1
        if change == self.moved or change >= self.end:
            return max(self.moved, min(change, self.end))
        return change + 1  # it changed within that second, or with the next request

    def _speaks(self, second: Second) -> float:
        """Nats for the new split over the old in one second; 0 where it tells nothing."""
        if not second.observed or not second.even(self.canary):
            return 0.0
        own = others = 0.0
        for name, counts in second.arms.items():
            if name == self.canary:
                own += counts.requests / second.sampling.of(name)
            elif second.whole:
                others += counts.requests / second.sampling.of(name)
        if not second.whole and self.before:
            return 0.0  # without the others' requests a share cannot be told
        old, new = (min(1 - STRAY, max(STRAY, percent / 100)) for percent in (self.before, self.share))
        return own * log(new / old) + others * log((1 - new) / (1 - old))
