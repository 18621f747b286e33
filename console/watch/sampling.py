"""How much of a busy service's log is read: which share, chosen from the rate, and when it changes. Pure.

Cloud Logging tells a project's tails 60,000 entries a minute; beyond that it holds entries back, whichever they are
(https://cloud.google.com/logging/quotas). So at high traffic canario asks for less: the canary whole, of everything
else a share by chance, whole requests, errors or not alike. Both arms stay binomial, so no count needs correcting
(VERDICT.md, "Sampling"). Where the canary alone comes near the limit it is thinned too, by the same share.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LIMIT = 1_000.0
"""Entries a second (of the cloud's time) that a project's tails are told: 60,000 a minute."""
CEILING = 0.8
"""Share of the limit from which on less is read."""
AIM = 0.75
"""Share of the limit that a lower fraction is chosen for."""
RAISED = 0.7
"""Share of the limit that a higher fraction must keep, at the minute's highest rate."""
WORTH = 1.5
"""Times as much must be read for a higher fraction to be taken."""
FRACTIONS = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001)
"""What the fraction may be: few values, so that it seldom changes."""
LEAST_STABLE = 0.05
"""Where less than this would be left for the rest, the canary is thinned as well."""
LINES_ALLOWANCE = 1.15
"""Entries for each request, until they have been counted: application lines are entries too."""
NOW_S = 3
"""Seconds whose mean is the rate now; half a wall second's where the cloud's time runs faster and comes in lumps."""
KNOWN_S = 60
"""Seconds of the rate that are remembered: nothing is raised that the last minute would not have allowed."""
SETTLING_S = 6.0
"""Seconds after a change in which entries held back, and rates read, still tell of the time before it."""
HELD_BACK_S = 3
"""So many seconds in the last nine with entries held back, though we keep to the limit: others read too."""
OTHERS_CUT = 0.7
OTHERS_GONE_S = 300.0


@dataclass(frozen=True, slots=True)
class Sampling:
    """What is read of each revision's entries."""

    fraction: float = 1.0
    """Share read by chance, over 0 to 1."""
    whole: str = ""
    """The revision that is read whole all the same; empty where none is."""

    def of(self, revision: str | None) -> float:
        """Share read of that revision's entries."""
        return 1.0 if revision and revision == self.whole else self.fraction

    @property
    def clause(self) -> str:
        """What is added to a filter, or nothing."""
        if self.fraction >= 1.0:
            return ""
        chance = f"sample(insertId, {self.fraction:g})"
        if not self.whole:
            return f" AND {chance}"
        return f' AND (resource.labels.revision_name="{self.whole}" OR {chance})'


WHOLE = Sampling()


@dataclass(slots=True)
class _Second:
    """Entries received in one second, as they would be unsampled."""

    second: int
    canary: float = 0.0
    others: float = 0.0
    suppressed: int = 0


class Sampler:
    """Chooses the sampling.

    Args:
        limit: entries a second that the project's tails are told.
    """

    def __init__(self, limit: float = LIMIT) -> None:
        self._limit = limit
        self._room = 1.0
        """Share of the limit that is ours: less where others' tails read too."""
        self._room_since = 0.0
        self._seconds: deque[_Second] = deque(maxlen=KNOWN_S)
        self._pace = 1.0
        self._canary: str | None = None
        self._shares: tuple[float, ...] = ()
        self._expected: tuple[float, float] | None = None
        self._changed_at = 0.0
        self._moved = False
        self._over_since = float("inf")
        self._from = 0.0
        self._received = 0.0

    def expect(self, rates: Mapping[str, float], canary: str | None) -> None:
        """Take in requests a second by revision, as Monitoring told them, until they have been counted."""
        if rates:
            total = sum(rates.values()) * LINES_ALLOWANCE
            own = rates.get(canary, 0.0) * LINES_ALLOWANCE if canary else 0.0
            self._expected = (own, total - own)

    def follow(self, canary: str | None, shares: Iterable[float]) -> None:
        """Say who the canary is and which shares of the traffic it has or is about to get, 0 to 1."""
        known = tuple(sorted(set(shares)))
        if (canary, known) != (self._canary, self._shares):
            self._canary, self._shares = canary, known
            self._moved = True

    def note(self, counts: Mapping[str, int], suppressed: int, received: float, sampling: Sampling) -> None:
        """Take in a batch.

        Args:
            counts: entries by revision, as read.
            suppressed: entries held back meanwhile.
            received: its newest receive time, Unix seconds.
            sampling: that it was read under.
        """
        if not self._received:
            self._received = self._from = received
        begun, self._received = self._received, max(self._received, received)
        read = sum(counts.values())
        if not read:
            return
        # what was held back is like what was told; but for the moments in which two streams are open
        whole = 1.0 + suppressed / read if sampling == WHOLE or self._settled(received) else 1.0
        own = others = 0.0
        for revision, count in counts.items():
            true = count / sampling.of(revision) * whole
            if revision == self._canary:
                own += true
            else:
                others += true
        self._spread(own, others, max(begun, received - KNOWN_S), self._received)
        self._seconds[-1].suppressed += suppressed

    def _settled(self, now: float) -> bool:
        return now - self._changed_at >= max(SETTLING_S, self._pace)

    def _spread(self, own: float, others: float, begun: float, received: float) -> None:
        """Add to the seconds from the last batch to this one, for batches come in lumps."""
        seconds, newest = self._seconds, int(received)
        first = seconds[-1].second + 1 if seconds else int(begun)
        seconds.extend(_Second(number) for number in range(max(first, newest - KNOWN_S), newest + 1))
        length = received - begun
        for second in reversed(seconds):
            if second.second < int(begun):
                break
            part = 1.0
            if length > 0:
                part = max(0.0, min(received, second.second + 1.0) - max(begun, second.second)) / length
            second.canary += own * part
            second.others += others * part
            if length <= 0:
                break

    def pace(self, rate: float) -> None:
        """Say how many seconds of the cloud pass in one of ours."""
        self._pace = max(1.0, rate)

    @property
    def _now_s(self) -> int:
        return min(KNOWN_S // 3, max(NOW_S, round(self._pace / 2)))

    def changed(self, now: float) -> None:
        """Say that a stream was opened, with this or another sampling, at `now` (Unix seconds)."""
        self._expected = self._rate(now) or self._expected
        self._changed_at = now

    def choose(self, current: Sampling, now: float) -> Sampling:
        """The sampling to read under from now on; `current` where nothing need change.

        Args:
            current: in force.
            now: newest receive time, or server time before anything was received, Unix seconds.
        """
        rate = self._rate(now)
        if rate is None:
            return current
        settled = self._settled(now)
        if settled:
            self._share_with_others(now, current, rate)
        room = self._limit * self._room
        # who is read whole follows the canary, wherever anything is thinned
        kept = Sampling(current.fraction, (self._canary or "") if current.whole else "")
        moved, self._moved = self._moved, False
        need = self._need(kept, rate)
        if need <= CEILING * room:
            self._over_since = float("inf")
        else:
            self._over_since = min(self._over_since, now)
            lasting = settled and now - self._over_since >= self._now_s
            if lasting or moved or current == WHOLE or need > self._limit * self._room:
                return self._best(rate, AIM * room)
        peak = self._peak() if settled else None
        if current != WHOLE and peak is not None and (moved or now - self._changed_at >= KNOWN_S):
            better = self._best(peak, RAISED * room)
            if self._worth(better, kept):
                return better
        elif moved:
            self._moved = current != WHOLE and not settled  # asked again once the rates can be trusted
        return kept if kept.fraction < 1.0 else WHOLE

    def _share_with_others(self, now: float, current: Sampling, rate: tuple[float, float]) -> None:
        recent = [
            s for s in self._seconds if now - 3 * self._now_s <= s.second and s.second >= self._changed_at + SETTLING_S
        ]
        held_back = sum(s.suppressed > 0 for s in recent)
        if held_back >= HELD_BACK_S and self._need(current, rate) <= CEILING * self._limit * self._room:
            self._room = max(0.05, self._room * OTHERS_CUT)
            self._room_since = now
        elif self._room < 1.0 and now - self._room_since > OTHERS_GONE_S:
            self._room = min(1.0, self._room / OTHERS_CUT)
            self._room_since = now

    def _rate(self, now: float) -> tuple[float, float] | None:
        """(canary's, the others') entries a second now, unsampled; None while unknown."""
        # the newest second is not over yet, a stream's first was not heard whole
        since = max(self._from, self._changed_at + 2.0)
        known = [s for s in self._seconds if now - self._now_s - 1 <= s.second < int(now) and s.second > since]
        if len(known) < self._now_s - 1:
            return self._expected
        return sum(s.canary for s in known) / len(known), sum(s.others for s in known) / len(known)

    def _peak(self) -> tuple[float, float] | None:
        seconds = [s for s in list(self._seconds)[:-1] if s.second > self._from]
        length = self._now_s
        if len(seconds) < length:
            return self._expected
        runs = [seconds[i : i + length] for i in range(len(seconds) % length, len(seconds), length)]
        highest = max(runs, key=lambda run: sum(s.canary + s.others for s in run))
        total = sum(s.canary + s.others for s in highest) / length
        newest = runs[-1]
        all_new = sum(s.canary + s.others for s in newest) or 1.0
        # the minute's traffic, split as it is now
        own = total * sum(s.canary for s in newest) / all_new
        return own, total - own

    def _need(self, sampling: Sampling, rate: tuple[float, float]) -> float:
        """Entries a second read under `sampling`, at the worst of the splits that are or are to come."""
        own, others = rate
        total = own + others
        splits = [own, *(total * share for share in self._shares)]
        return max(s * sampling.of(self._canary) + (total - s) * sampling.fraction for s in splits)

    def _worth(self, better: Sampling, kept: Sampling) -> bool:
        """Whether so much more is read that it is worth the seconds that a change costs."""
        own, before = better.of(self._canary), kept.of(self._canary)
        if own != before:
            return own == 1.0 or own >= WORTH * before
        return better == WHOLE or better.fraction >= WORTH * kept.fraction

    def _best(self, rate: tuple[float, float], room: float) -> Sampling:
        """The most that can be read within `room` entries a second."""
        if self._need(WHOLE, rate) <= room:
            return WHOLE
        if self._canary is not None:
            for fraction in FRACTIONS:
                if fraction < LEAST_STABLE:
                    break
                sampling = Sampling(fraction, self._canary)
                if self._need(sampling, rate) <= room:
                    return sampling
        thinned = (Sampling(fraction) for fraction in FRACTIONS)
        return next((s for s in thinned if self._need(s, rate) <= room), Sampling(FRACTIONS[-1]))
