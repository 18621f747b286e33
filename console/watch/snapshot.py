"""The picture that screens draw: one immutable value, replaced as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from console.release.audited import ApprovalWrite
from console.release.service import Revision, Service
from console.release.state import Candidate, Release
from console.verdict.base import Verdict

if TYPE_CHECKING:
    from console.watch.ring import LogRing


class FeedState(StrEnum):
    """How a feed is."""

    WAITING = "waiting"
    """No data yet."""
    LIVE = "live"
    LATE = "late"
    """Older than it should be."""
    DOWN = "down"
    """The last attempt failed; it is being tried again."""


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """Health of one feed: `service`, `logs`, `metrics`."""

    name: str
    state: FeedState = FeedState.WAITING
    age: timedelta | None = None
    """Age of its newest data, in server time; None before the first."""
    problem: str = ""
    """Last error in a sentence, cleaned; empty while well."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A revision's last minute of closed ticks."""

    requests_per_s: float = 0.0
    error_rate: float | None = None
    p95_ms: float | None = None
    requests: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class Series:
    """Five minutes of one arm, oldest first, one value per `step`; None where nothing was observed (a gap)."""

    step: timedelta = timedelta(seconds=5)
    error_rate: tuple[float | None, ...] = ()
    """0 to 1."""
    p95_ms: tuple[float | None, ...] = ()
    requests_per_s: tuple[float | None, ...] = ()
    newest: datetime | None = None
    """End of the newest value, server time."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a rollback would work right now."""

    target: str | None = None
    """Revision that would get the traffic back (the largest share of the restored split)."""
    ok: bool = False
    problems: tuple[str, ...] = ()
    """Each in a sentence: target gone, not ready, about to be pruned, no permission, channel cold, ..."""
    warnings: tuple[str, ...] = ()
    """Session affinity, pinned tags, no warm instance, ..."""
    warm_instances: int | None = None
    """Instances of the target now, from monitoring; None where unknown."""
    allowed: bool | None = None
    """Whether we may change the service; None where nobody has asked yet."""


@dataclass(frozen=True, slots=True)
class ServerTime:
    """The cloud's clock as we know it."""

    now: datetime
    """Server time at `taken`, UTC."""
    taken: float
    """Monotonic seconds when this was computed."""
    rate: float = 1.0
    """Server seconds a wall second (other than 1 only with a simulator)."""
    skew: timedelta = timedelta(0)
    """Local clock minus server clock; shown when over 5 s, never trusted. Zero where rate is not 1."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a screen may show, at one moment."""

    project: str
    region: str
    service_name: str
    sequence: int = 0
    """Rises with each published snapshot."""
    time: ServerTime | None = None
    service: Service | None = None
    revisions: tuple[Revision, ...] = ()
    """Newest first, at most some 200; serving and tagged ones always included."""
    release: Release | None = None
    """As written on the service; None where there is none."""
    release_problem: str = ""
    """Why the annotation could not be read, or empty."""
    canary: str | None = None
    """The revision being released: the release's, else the one under the tag `canary`."""
    stable: str | None = None
    """The revision that serves most and is not the canary."""
    feeds: tuple[FeedHealth, ...] = (FeedHealth("service"), FeedHealth("logs"), FeedHealth("metrics"))
    figures: Mapping[str, Figures] = field(default_factory=dict)
    """By revision name."""
    canary_series: Series = field(default_factory=Series)
    stable_series: Series = field(default_factory=Series)
    verdict: Verdict | None = None
    """None before the first tick, or with no canary."""
    readiness: Readiness = field(default_factory=Readiness)
    dropped: int = 0
    """Log lines that canario itself dropped since start."""
    suppressed: int = 0
    """Log entries that the cloud says it held back since start."""
    sampling: float | None = None
    """Share of the log that is read, by chance, over 0 to 1: of all revisions but the canary, unless `canary_sampling`
    says that of the canary too. None where all is read."""
    canary_sampling: float | None = None
    """The same of the canary; None where it is read whole."""
    monitoring_gap: str = ""
    """What Cloud Monitoring and the log disagree on by more than 5 %, in a sentence with both figures; else empty."""
    late: int = 0
    """Entries since start that came after their second was closed; each is counted in the oldest open one."""
    logs: LogRing | None = None
    """The shared ring of cleaned log lines; readers take slices, never change it."""
    mover: str = ""
    """Who changed the service last, where it was not this console."""
    candidate: Candidate | None = None
    """The change on its way to production, as written on the service."""
    approval_writes: tuple[ApprovalWrite, ...] = ()
    """Calls that wrote approvals, as the audit log tells; `console.release.approvals.check_approvals` judges them."""
    approvals_problem: str = ""
    """Why the audit log could not be read, or empty."""
