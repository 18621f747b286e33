"""The log ring: the newest cleaned log lines, bounded, readable while it is being written.

One writer (the log feed), any number of readers. A line keeps its sequence number for life, so a reader that has
scrolled stays where it is while old lines fall off the other end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log entry as a line: cleaned, safe to draw."""

    sequence: int
    """Rises by one a line, from 0."""
    time: datetime
    """Log timestamp, UTC."""
    severity: str
    """DEFAULT, DEBUG, INFO, NOTICE, WARNING, ERROR, CRITICAL, ALERT, EMERGENCY."""
    revision: str
    """Short revision name, or empty."""
    text: str
    """Cleaned by `console.text.clean`; may be long; never contains a newline or a control character."""
    status: int = 0
    """HTTP status of a request entry, else 0."""
    latency_ms: float = 0.0
    trace: str = ""
    insert_id: str = ""


class LogRing:
    """At most `capacity` newest lines."""

    def __init__(self, capacity: int = 10_000) -> None:
        self._lines: deque[LogLine] = deque(maxlen=capacity)
        self.capacity = capacity
        self.next_sequence = 0
        """Sequence number that the next line will get."""

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def first_sequence(self) -> int:
        """Sequence number of the oldest line still kept."""
        return self.next_sequence - len(self._lines)

    def extend(self, lines: Iterable[LogLine]) -> None:
        """Append lines whose sequence numbers go on from `next_sequence` (writer only)."""
        for line in lines:
            self._lines.append(line)
            self.next_sequence = line.sequence + 1

    def since(self, sequence: int, limit: int = 10_000) -> list[LogLine]:
        """Lines from `sequence` on (or the oldest kept), oldest first, at most `limit`."""
        for _attempt in range(3):
            try:
                start = max(0, sequence - self.first_sequence)
                return list(islice(self._lines, start, start + limit))
            except RuntimeError:  # the writer appended while we copied: copy again
                continue
        return []
