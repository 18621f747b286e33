"""A log's entries in some forty bytes each: what a judge asks of them, in columns, in whatever order they came.

A file of `gcloud logging read` is newest first and any other may be in any order, so nothing can be judged before all
has been read; this keeps all of it small instead. An insertId is kept as its 64-bit hash: of ten million different ones
two are taken for one with a chance of some 3 in a million.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Self, overload

from console.cloud.logs import LogEntry
from console.watch.aggregate import ERROR_SEVERITIES

Row = tuple[float, float, int, int, int, float]
"""(received, timestamp, insertId's hash or 0, arm, status, latency in ms); of a line the status is LINE or ERROR, and
an ERROR's last figure its trace's number."""
LINE, ERROR = -1, -2
PART = 1 << 17
"""insertIds compared at once."""


class PackedLog(Sequence[LogEntry]):
    """Entries in columns; as a sequence it makes each one anew, with its insertId's hash for the insertId."""

    def __init__(self) -> None:
        self.received = array("d")
        self.timestamps = array("d")
        self.ids = array("q")
        self.arms = array("I")
        """Numbers of (service, revision) in `names`."""
        self.statuses = array("h")
        self.latencies = array("d")
        self.names: list[tuple[str, str]] = []
        """(service, revision) by number, in the order in which they were met."""
        self._arms: dict[tuple[str, str], int] = {}
        self._traces: dict[str, int] = {"": 0}
        self._trace_list = [""]
        self._columns: tuple[array[Any], ...] = (
            self.received,
            self.timestamps,
            self.ids,
            self.arms,
            self.statuses,
            self.latencies,
        )

    @classmethod
    def of(cls, entries: Iterable[LogEntry]) -> Self:
        """`entries`, packed."""
        log = cls()
        log.extend([log.row(entry) for entry in entries])
        return log

    def row(self, entry: LogEntry) -> Row:
        """`entry` as a row."""
        arm = self.arm(entry.service, entry.revision)
        status, last = entry.status, entry.latency_ms
        if entry.log != "requests":
            status, last = self.line(entry.severity, entry.trace)
        return entry.received, entry.timestamp, hash(entry.insert_id), arm, status, last

    def arm(self, service: str, revision: str) -> int:
        """The number of a service's revision."""
        key = (service, revision)
        number = self._arms.get(key)
        if number is None:
            number = self._arms[key] = len(self.names)
            self.names.append(key)
        return number

    def line(self, severity: str, trace: str) -> tuple[int, float]:
        """A log line's last two figures."""
        if severity not in ERROR_SEVERITIES:
            return LINE, 0.0
        number = self._traces.get(trace)
        if number is None:
            number = self._traces[trace] = len(self._trace_list)
            self._trace_list.append(trace)
        return ERROR, float(number)

    def extend(self, rows: Sequence[Row]) -> None:
        """Append rows."""
        if rows:
            for column, values in zip(self._columns, zip(*rows, strict=True), strict=True):
                column.extend(values)

    def truncate(self, length: int) -> None:
        """Forget all but the first `length` entries."""
        for column in self._columns:
            del column[length:]

    def entry(self, index: int, insert_id: str = "") -> LogEntry:
        """Entry `index`, with that insertId."""
        service, revision = self.names[self.arms[index]]
        status = self.statuses[index]
        received, timestamp = self.received[index], self.timestamps[index]
        if status >= 0:
            latency = self.latencies[index]
            return LogEntry(insert_id, timestamp, received, "", "requests", service, revision, "", status, latency)
        severity, trace = "DEFAULT", ""
        if status == ERROR:
            severity, trace = "ERROR", self._trace_list[int(self.latencies[index])]
        return LogEntry(insert_id, timestamp, received, severity, "lines", service, revision, "", trace=trace)

    def lag(self, index: int) -> float:
        """Seconds from entry `index`'s timestamp until it was received."""
        return self.received[index] - self.timestamps[index]

    def __len__(self) -> int:
        return len(self.received)

    @overload
    def __getitem__(self, index: int) -> LogEntry: ...
    @overload
    def __getitem__(self, index: slice) -> list[LogEntry]: ...
    def __getitem__(self, index: int | slice) -> LogEntry | list[LogEntry]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        insert_id = self.ids[index]
        return self.entry(index, f"{insert_id:x}" if insert_id else "")

    def repeated(self) -> set[int]:
        """Hashes of insertIds that are there more than once; a part at a time, for a set of all would be large."""
        count = 1
        while count * PART < len(self.ids):
            count *= 2
        parts: list[array[int]] = [array("q") for _part in range(count)] if count > 1 else [self.ids]
        if count > 1:
            append, mask = [part.append for part in parts], count - 1
            for number in self.ids:
                append[number & mask](number)
        found: set[int] = set()
        for part in parts:
            if len(set(part)) < len(part):
                found.update(number for number, times in Counter(part).items() if times > 1)
        found.discard(0)
        return found
