"""Log entries to lines of the ring, at most so many a second; what is left out is counted.

A person cannot read thousands of lines a second, and making a line costs more than counting its entry. In a flood,
errors and warnings come first, then the newest of the rest; the counts for the judge are not touched by this.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.clock import Clock
from console.watch.ring import LogLine, LogRing

if TYPE_CHECKING:
    from console.cloud.logs import LogEntry

LINES_PER_S = 2_500
"""Lines a wall second that enter the ring at most; more than the tail's limit at a cloud's own speed."""

_LOUD = frozenset({"WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"})


class LineWriter:
    """Writes entries into `ring`.

    Args:
        ring: only this writes to it.
        clock: the wall, for the allowance.
        lines_per_s: the allowance a second; half a second's may be used at once.
    """

    def __init__(self, ring: LogRing, clock: Clock, lines_per_s: int = LINES_PER_S) -> None:
        self._ring = ring
        self._clock = clock
        self._rate = lines_per_s
        self._allowance = float(lines_per_s)
        self._filled_at = clock.monotonic()
        self.dropped = 0
        """Entries that got no line."""

    def write(self, entries: Sequence[LogEntry]) -> None:
        """Write `entries`, in their order."""
        now = self._clock.monotonic()
        self._allowance = min(float(self._rate), self._allowance + (now - self._filled_at) * self._rate)
        self._filled_at = now
        room = int(self._allowance)
        chosen = entries if len(entries) <= room else self._choose(entries, room)
        self.dropped += len(entries) - len(chosen)
        self._allowance -= len(chosen)
        self._append(chosen)

    def write_past(self, entries: Sequence[LogEntry]) -> None:
        """Write entries that were listed, not tailed: all of them, outside the allowance."""
        self._append(entries)

    def _append(self, entries: Sequence[LogEntry]) -> None:
        sequence = self._ring.next_sequence
        self._ring.extend([_line(entry, sequence + index) for index, entry in enumerate(entries)])

    @staticmethod
    def _choose(entries: Sequence[LogEntry], room: int) -> Sequence[LogEntry]:
        if room <= 0:
            return ()
        loud = [index for index, entry in enumerate(entries) if entry.severity in _LOUD][-room:]
        kept = set(loud)
        for index in range(len(entries) - 1, -1, -1):
            if len(kept) >= room:
                break
            kept.add(index)
        return [entries[index] for index in sorted(kept)]


def _line(entry: LogEntry, sequence: int) -> LogLine:
    text = f"{entry.text} {entry.status} {entry.latency_ms:.0f} ms" if entry.status else entry.text
    return LogLine(
        sequence,
        datetime.fromtimestamp(entry.timestamp, UTC),
        entry.severity,
        entry.revision,
        text,
        entry.status,
        entry.latency_ms,
        entry.trace,
        entry.insert_id,
    )
