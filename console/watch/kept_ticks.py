"""A watch's ticks in a file of the operator's own, so that it goes on where it stopped: one JSON object a line.

The first line is the watch; then ticks as they were judged (seconds without a request are counted in runs), stretches
that were read afterwards, and that people were told of a limit. A line that was cut off in the middle is the last one
and is left out: what it held is read from the log again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from console.verdict.base import LATENCY_EDGES_MS, Counts, Tick
from console.watch.lasting import Thinned


@dataclass(frozen=True, slots=True)
class Header:
    """What a file is of."""

    revision: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """Ticks that were judged together."""

    ticks: tuple[Tick, ...]
    upto: int
    seen_s: int
    thinned: Thinned | None = None


@dataclass
class Kept:
    """What a file holds."""

    header: Header
    batches: list[Batch] = field(default_factory=list)
    told: bool = False
    """Whether people were about to be told of a limit crossed."""


class TickFile:
    """One watch's file, written line by line and synced. Blocking; call off the loop.

    Args:
        path: beside the journal; made with its folder, readable by its owner alone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Kept | None:
        """What is kept; None where there is nothing, or nothing that can be read."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return None
        kept: Kept | None = None
        for line in lines:
            try:
                written = json.loads(line)
                if kept is None:
                    kept = Kept(_header(written))
                elif "told" in written:
                    kept.told = True
                else:
                    kept.batches.append(_batch(written))
            except (ValueError, KeyError, TypeError, IndexError):
                if kept is None:
                    return None
                break  # cut off: what follows is read again
        return kept

    def begin(self, header: Header) -> None:
        """Start anew.

        Raises:
            OSError: it cannot be written.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write(
            {
                "revision": header.revision,
                "since": header.since.isoformat(),
                "until": header.until.isoformat(),
            },
            os.O_CREAT | os.O_TRUNC | os.O_WRONLY,
        )

    def add(self, batch: Batch) -> None:
        """Add what was judged.

        Raises:
            OSError: it cannot be written.
        """
        self._write(_written(batch))

    def note_told(self) -> None:
        """Write down that people are about to be told; before they are.

        Raises:
            OSError: it cannot be written.
        """
        self._write({"told": True})

    def put_aside(self) -> None:
        """Keep it under another name, so that the next watch begins anew."""
        for number in range(1, 1000):
            aside = self.path.with_suffix(f".{number}.jsonl")
            if not aside.exists():
                if self.path.exists():
                    self.path.rename(aside)
                return

    def _write(self, what: Mapping[str, object], flags: int = os.O_APPEND | os.O_CREAT | os.O_WRONLY) -> None:
        handle = os.open(self.path, flags, 0o600)
        try:
            os.write(handle, (json.dumps(what, separators=(",", ":")) + "\n").encode())
            os.fsync(handle)
        finally:
            os.close(handle)


def _written(batch: Batch) -> dict[str, object]:
    thinned = batch.thinned
    told: dict[str, object] = {"upto": batch.upto, "seen": batch.seen_s, "ticks": list(_runs(batch.ticks))}
    if thinned is not None:
        told["thinned"] = [
            thinned.start.isoformat(),
            thinned.end.isoformat(),
            thinned.fraction,
            thinned.read,
            thinned.counted,
            thinned.error_rate,
            thinned.worst_minute,
        ]
    return told


def _runs(ticks: Iterable[Tick]) -> Iterator[list[object]]:
    """Each tick as a list; ticks without a request, evenly apart, as one: second, how many, and how far apart."""
    run: list[int] = []
    like: tuple[bool, float] = (True, 1.0)

    def flush() -> Iterator[list[object]]:
        if run:
            apart = run[1] - run[0] if len(run) > 1 else 1
            yield [run[0], int(like[0]), like[1], len(run), apart]

    for tick in ticks:
        kind = (tick.observed, tick.canary_sampling)
        if not tick.canary.requests and not tick.suppressed:
            even = len(run) < 2 or tick.second - run[-1] == run[1] - run[0]
            if run and (kind != like or not even):
                yield from flush()
                run = []
            like = kind
            run.append(tick.second)
            continue
        yield from flush()
        run = []
        counts = tick.canary
        buckets = {str(index): count for index, count in enumerate(counts.latency) if count}
        yield [
            tick.second,
            int(tick.observed),
            tick.canary_sampling,
            [counts.requests, counts.errors, counts.over_800ms, counts.over_1s, counts.error_traces, tick.suppressed],
            buckets,
        ]
    yield from flush()


def _header(written: Mapping[str, object]) -> Header:
    return Header(str(written["revision"]), _time(written["since"]), _time(written["until"]))


def _batch(written: Mapping[str, object]) -> Batch:
    ticks: list[Tick] = []
    lines = written["ticks"]
    assert isinstance(lines, list)
    for second, observed, sampling, what, more in lines:
        if isinstance(what, int):
            ticks += [
                Tick(second + index * more, Counts(), Counts(), bool(observed), canary_sampling=sampling)
                for index in range(what)
            ]
            continue
        requests, errors, slow, very_slow, traces, suppressed = what
        latency = [0] * (len(LATENCY_EDGES_MS) + 1)
        for index, count in more.items():
            latency[int(index)] = count
        counts = Counts(requests, errors, slow, very_slow, 0, traces, latency)
        ticks.append(Tick(second, counts, Counts(), bool(observed), suppressed, canary_sampling=sampling))
    thinned = written.get("thinned")
    return Batch(
        tuple(ticks),
        int(str(written["upto"])),
        int(str(written["seen"])),
        Thinned(_time(thinned[0]), _time(thinned[1]), *thinned[2:]) if isinstance(thinned, list) else None,
    )


def _time(value: object) -> datetime:
    at = datetime.fromisoformat(str(value))
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
