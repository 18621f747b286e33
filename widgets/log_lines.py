"""The lines behind a log view: which of a ring's lines are shown, and where each of them is. Knows nothing of drawing.

A row has a *place*: a number that it keeps for as long as it is held, so that a reader who has scrolled stays where
they are while new rows come at one end and old ones fall off the other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
"""Cloud Logging's severities, rising."""
RANKS = {word: rank for rank, word in enumerate(SEVERITIES)}
ERROR_RANK = RANKS["ERROR"]
FLOORS = ("DEFAULT", "INFO", "WARNING", "ERROR")
"""What the severity toggle goes through; DEFAULT shows all."""
ARMS = ("both", "canary", "stable")
"""What the revision toggle goes through; `stable` is every revision but the canary, as the judge counts."""

SEARCHED = 4_000
"""Characters of a line that the filter looks at; the ring's lines are no longer than that."""
OVERLAP = 8
"""Lines asked for again at each pull: the ring's writer may be between two of its own assignments."""


class Line(Protocol):
    """What is read of a line (`console.watch.ring.LogLine` is one)."""

    @property
    def sequence(self) -> int:
        """Rises by one a line."""
        ...

    @property
    def time(self) -> datetime:
        """Log timestamp, UTC."""
        ...

    @property
    def severity(self) -> str:
        """One of `SEVERITIES`."""
        ...

    @property
    def revision(self) -> str:
        """Short revision name, or empty."""
        ...

    @property
    def text(self) -> str:
        """Cleaned, on one line; of a request with status and latency."""
        ...

    @property
    def status(self) -> int:
        """HTTP status of a request, else 0."""
        ...

    @property
    def trace(self) -> str:
        """Trace id, or empty."""
        ...

    @property
    def insert_id(self) -> str:
        """Id within Cloud Logging, or empty."""
        ...


class Ring(Protocol):
    """What is read of a ring (`console.watch.ring.LogRing` is one)."""

    @property
    def next_sequence(self) -> int:
        """Sequence number that the next line will get."""
        ...

    @property
    def first_sequence(self) -> int:
        """Sequence number of the oldest line kept."""
        ...

    def since(self, sequence: int, limit: int = ...) -> Sequence[Line]:
        """Lines from `sequence` on, oldest first."""
        ...


def is_error(line: Line) -> bool:
    """Whether `line` is of severity ERROR or worse, or a request that was answered with 5xx."""
    return RANKS.get(line.severity, 0) >= ERROR_RANK or line.status >= 500


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which lines are shown."""

    text: str = ""
    """As typed: every word must occur, in any case; `-word` must not; `"two words"` count as one."""
    floor: str = "DEFAULT"
    """Least severity, of `FLOORS`."""
    arm: str = "both"
    """Of `ARMS`."""

    def predicate(self, canary: str | None = None) -> Callable[[Line], bool] | None:
        """The test of one line; None where every line passes.

        Args:
            canary: the canary's revision name.
        """
        wanted, unwanted = words(self.text)
        floor = RANKS.get(self.floor, 0)
        arm = self.arm
        if not wanted and not unwanted and not floor and arm == "both":
            return None

        def passes(line: Line) -> bool:
            if floor and RANKS.get(line.severity, 0) < floor and not (floor == ERROR_RANK and line.status >= 500):
                return False
            if arm != "both" and (line.revision == canary and bool(canary)) != (arm == "canary"):
                return False
            if not wanted and not unwanted:
                return True
            role = "canary" if canary and line.revision == canary else "stable"
            hay = f"{line.text[:SEARCHED]} {line.severity} {line.revision} {role}".casefold()
            return all(word in hay for word in wanted) and not any(word in hay for word in unwanted)

        return passes


def words(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a typed filter asks for: (words that must occur, words that must not), case folded."""
    wanted: list[str] = []
    unwanted: list[str] = []
    rest = text.strip()
    while rest:
        sign = rest[0] == "-" and len(rest) > 1 and not rest[1].isspace()
        if sign:
            rest = rest[1:]
        if rest[0] == '"' and len(rest) > 1:
            word, _quote, rest = rest[1:].partition('"')
        else:
            parts = rest.split(None, 1)
            word, rest = parts[0], parts[1] if len(parts) > 1 else ""
        if word:
            (unwanted if sign else wanted).append(word.casefold())
        rest = rest.lstrip()
    return tuple(wanted), tuple(unwanted)


class LogRows:
    """The rows that pass the filter, newest last, at most about `limit`.

    Errors are also kept apart, so that asking for them alone reaches further back than the ring does.

    Args:
        limit: rows held; up to an eighth more between two trimmings.
        errors: errors kept apart.
    """

    def __init__(self, limit: int = 10_000, errors: int = 2_000) -> None:
        self.limit = limit
        self.filter = LogFilter()
        self.ring: Ring | None = None
        self.canary: str | None = None
        self.stable: str | None = None
        self._rows: list[Line] = []
        self._first = 0
        self._next = 0
        self._errors: deque[Line] = deque(maxlen=errors)
        self._passes: Callable[[Line], bool] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def seen(self) -> bool:
        """Whether the ring has held any line."""
        return self._next > 0

    @property
    def first(self) -> int:
        """Place of the oldest row."""
        return self._first

    @property
    def end(self) -> int:
        """Place that the next row will get."""
        return self._first + len(self._rows)

    def at(self, place: int) -> Line | None:
        """The row at `place`, or None where there is none (any more)."""
        index = place - self._first
        return self._rows[index] if 0 <= index < len(self._rows) else None

    def use(self, ring: Ring | None) -> None:
        """Read from another ring; everything held is let go."""
        if ring is not self.ring:
            self.ring = ring
            self._errors.clear()
            self._next = 0
            self._first = self.end
            self._rows = []

    def pull(self) -> int:
        """Take in what is new in the ring. Returns how many rows were added."""
        ring = self.ring
        if ring is None or ring.next_sequence == self._next:
            return 0
        if ring.next_sequence < self._next:
            self._next = 0
        fresh = ring.since(self._next - OVERLAP)
        start = 0
        while start < len(fresh) and fresh[start].sequence < self._next:
            start += 1
        fresh = fresh[start:] if start else fresh
        if not fresh:
            return 0
        self._next = fresh[-1].sequence + 1
        self._errors.extend([line for line in fresh if is_error(line)])
        passes = self._passes
        added = fresh if passes is None else [line for line in fresh if passes(line)]
        self._rows.extend(added)
        self._trim()
        return len(added)

    def choose(self, filter: LogFilter, canary: str | None, stable: str | None) -> None:
        """Show other lines: what the ring still holds, and, where only errors are asked for, older ones too."""
        self.filter, self.canary, self.stable = filter, canary, stable
        self._passes = passes = filter.predicate(canary)
        held = list(self.ring.since(-OVERLAP)) if self.ring is not None else []
        if RANKS.get(filter.floor, 0) >= ERROR_RANK:
            oldest = held[0].sequence if held else self._next
            held = [line for line in self._errors if line.sequence < oldest] + held
        held = [line for line in held if line.sequence < self._next]
        # places go on from where they were, so that a place never means two rows
        self._first = self.end
        self._rows = held if passes is None else [line for line in held if passes(line)]
        self._trim(exact=True)

    def place_of(self, sequence: int) -> int:
        """Place of the row with that sequence number, or of the first one after it."""
        return self._first + bisect_left(self._rows, sequence, key=lambda line: line.sequence)

    def find_error(self, place: int, step: int) -> int | None:
        """Place of the nearest error after (`step` 1) or before (-1) `place`, or None."""
        index = place - self._first + step
        while 0 <= index < len(self._rows):
            if is_error(self._rows[index]):
                return self._first + index
            index += step
        return None

    def all(self) -> list[Line]:
        """Every row held, oldest first."""
        return list(self._rows)

    def role_of(self, revision: str) -> str:
        """`canary`, `stable` or `other`."""
        if revision and revision == self.canary:
            return "canary"
        return "stable" if revision and revision == self.stable else "other"

    def _trim(self, *, exact: bool = False) -> None:
        over = len(self._rows) - self.limit
        if over > 0 and (exact or over > self.limit // 8):
            del self._rows[:over]
            self._first += over
