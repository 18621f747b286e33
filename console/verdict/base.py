"""What goes into a judge and what comes out: one pure interface, so that a stronger judge can take its place."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

LATENCY_EDGES_MS: tuple[float, ...] = (
    5, 10, 20, 30, 40, 50, 65, 80, 100, 125, 150, 175, 200, 225, 250, 275, 300, 325, 350, 375, 400, 425, 450, 475,
    500, 525, 550, 575, 600, 620, 625, 650, 675, 700, 725, 750, 775, 800, 825, 850, 875, 900, 925, 950, 975, 1000, 1100,
    1200, 1350, 1500, 1750, 2000, 2500, 3000, 4000, 5000, 7500, 10000, 20000, 60000,
)  # fmt: skip
"""Upper edges of the latency histogram, milliseconds; one more bucket lies above the last. The runbook's limits
(800 ms, 1 s) are edges, so shares over them are exact; quantiles are exact to one bucket."""


@dataclass(slots=True)
class Counts:
    """Request outcomes of one arm (canary or stable) over some time. Add up with `add`."""

    requests: int = 0
    errors: int = 0
    """Status >= 500."""
    over_800ms: int = 0
    over_1s: int = 0
    error_lines: int = 0
    """Application log lines of severity ERROR or worse."""
    error_traces: int = 0
    """The same, several lines of one trace counted once."""
    latency: list[int] = field(default_factory=list)
    """Histogram over LATENCY_EDGES_MS; empty where nothing was seen, else len(LATENCY_EDGES_MS) + 1 long."""

    def request(self, status: int, latency_ms: float) -> None:
        """Count one request."""
        self.requests += 1
        if status >= 500:
            self.errors += 1
        if latency_ms > 800:
            self.over_800ms += 1
            if latency_ms > 1000:
                self.over_1s += 1
        if not self.latency:
            self.latency = [0] * (len(LATENCY_EDGES_MS) + 1)
        self.latency[bisect_left(LATENCY_EDGES_MS, latency_ms)] += 1

    def add(self, other: Counts) -> None:
        """Add `other` to this."""
        self.requests += other.requests
        self.errors += other.errors
        self.over_800ms += other.over_800ms
        self.over_1s += other.over_1s
        self.error_lines += other.error_lines
        self.error_traces += other.error_traces
        if other.latency:
            if self.latency:
                self.latency = [a + b for a, b in zip(self.latency, other.latency, strict=True)]
            else:
                self.latency = list(other.latency)

    def subtract(self, other: Counts) -> None:
        """Take `other`, once added, out of this again (rolling windows)."""
        self.requests -= other.requests
        self.errors -= other.errors
        self.over_800ms -= other.over_800ms
        self.over_1s -= other.over_1s
        self.error_lines -= other.error_lines
        self.error_traces -= other.error_traces
        if other.latency:
            self.latency = [a - b for a, b in zip(self.latency, other.latency, strict=True)]

    def copy(self) -> Counts:
        """The same counts, apart from this one."""
        twin = Counts()
        twin.add(self)
        return twin

    @classmethod
    def total(cls, parts: Iterable[Counts]) -> Counts:
        """The sum of `parts`."""
        whole = cls()
        for part in parts:
            whole.add(part)
        return whole

    @property
    def error_rate(self) -> float | None:
        """Errors / requests, 0 to 1; None where there was no request."""
        return self.errors / self.requests if self.requests else None

    def quantile_ms(self, q: float) -> float | None:
        """Latency below which a share `q` (0 to 1) of requests lies, ms, interpolated within its bucket."""
        if not self.requests or not self.latency:
            return None
        wanted = q * sum(self.latency)
        seen = 0
        for index, count in enumerate(self.latency):
            if count and seen + count >= wanted:
                low = LATENCY_EDGES_MS[index - 1] if index else 0.0
                if index == len(LATENCY_EDGES_MS):
                    return low
                return low + (LATENCY_EDGES_MS[index] - low) * (wanted - seen) / count
            seen += count
        return LATENCY_EDGES_MS[-1]


@dataclass(frozen=True, slots=True)
class Tick:
    """One second of log timestamp, closed by the watermark: nothing more is expected for it."""

    second: int
    """Unix second of log timestamp."""
    canary: Counts
    stable: Counts
    """All other revisions of the service together."""
    observed: bool = True
    """False where the log stream was not open for the whole of it: the bake clock stops."""
    suppressed: int = 0
    """Entries that the tail reports as held back in it."""
    stable_sampling: float = 1.0
    """Share of the stable's requests that were read, whole requests chosen by chance, over 0 to 1."""
    canary_sampling: float = 1.0
    """The same of the canary's: less than 1 only where its traffic alone would overrun the log stream."""
    late: int = 0
    """Entries of earlier, closed seconds that are counted in this one."""


class Word(StrEnum):
    """The verdict in a word."""

    PASS = "PASS"  # noqa: S105
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    WARN = "WARN"
    SHARED_BREACH = "SHARED BREACH"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One measure for or against the canary, as a bar that fills toward its threshold."""

    name: str
    """E.g. `error rate`, `P95`."""
    value: str
    """Figure as shown, e.g. `3.1 %`."""
    limit: str
    """Threshold as shown, e.g. `1 %`."""
    fill: float
    """0 to 1 (1: threshold reached)."""
    against: bool
    """True where a full bar speaks against the canary."""


@dataclass(frozen=True, slots=True)
class RuleReading:
    """One of the runbook's own rules, as the runbook states it, read now."""

    rule: str
    """E.g. `error rate > 1 %`."""
    value: str
    crossed: bool
    arms: bool
    """Whether crossing it may start the automatic rollback under this judge."""
    latency: bool = False
    """Whether it is about latency."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge says of the canary now."""

    word: Word
    sentence: str
    """Which test, on what counts, and what would change it."""
    at: datetime | None = None
    """End of the newest judged tick, UTC; None before the first."""
    attribution: str | None = None
    """`canary` or `unattributed` with FAIL, else None."""
    canary: Counts = field(default_factory=Counts)
    """Counts that it was said of (the judge's window)."""
    stable: Counts = field(default_factory=Counts)
    evidence: tuple[Evidence, ...] = ()
    rules: tuple[RuleReading, ...] = ()
    breach: bool = False
    """Whether the automatic rollback may start its countdown now."""
    observed: timedelta = timedelta(0)
    """Of the bake: time observed (a second counts while the stream is open, requests or not)."""
    required: timedelta = timedelta(minutes=5)
    requests_needed: int = 0
    """Canary requests still missing before the bake can end."""
    bake_done: bool = False
    clear: bool = False
    """Whether nothing speaks against the canary: its requests are seen, and no test that can fail it stands far enough
    to mention. A share may then rise within the plan, though not to the next step."""
    no_data: bool = False
    """Whether it is INCONCLUSIVE because the canary's requests are not seen: somebody is to be called."""
    note: str = ""
    """Where the runbook's own rules say otherwise than the word: both, and why; else empty."""

    @property
    def breach_reason(self) -> str:
        """Why the automatic rollback starts, where it does.

        The word's sentence, or, while the word is another than FAIL, the rules of the runbook that drive it.
        """
        crossed = [reading for reading in self.rules if reading.crossed and reading.arms]
        acting = "; ".join(f"{reading.rule}: {reading.value}" for reading in crossed)
        return acting if acting and self.word is not Word.FAIL else self.sentence


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """What a judge is told about the bake it judges."""

    step: int
    """Canary's share of the traffic, whole percent, 0 to 100; at 0 there is nothing to judge or to roll back."""
    bake: timedelta = timedelta(minutes=5)
    """Time that must be observed before the step is done."""
    minimum_requests: int = 500
    """Canary requests needed in the bake before it can PASS."""


class Judge(Protocol):
    """A judge of one step's bake. A new step or a new release gets a new judge."""

    def tick(self, tick: Tick) -> Verdict:
        """Take in one closed second (in rising order of `second`, gaps allowed) and say what it means."""
        ...

    @property
    def verdict(self) -> Verdict:
        """The latest verdict; INCONCLUSIVE before the first tick."""
        ...


JudgeFactory = Callable[[JudgeSettings], Judge]
"""Makes the judge of one bake; what decides which judge a console uses."""
