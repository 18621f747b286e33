"""The shared state of a release: one JSON annotation on the Cloud Run service itself (DESIGN.md, decision 2).

Written in the same UpdateService call as the traffic it describes, under the service's etag, so that two operators
cannot both win. Read leniently (unknown fields from a newer canario are kept), written strictly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from console.release.split import TrafficSplit, TrafficTarget
from console.text import clean

ANNOTATION = "canario.dev/release"
"""Annotation key. Not in a namespace reserved by Cloud Run (run.googleapis.com, cloud.googleapis.com,
serving.knative.dev, autoscaling.knative.dev)."""

DEPLOYMENT = "canario.dev/deployment"
"""Annotation key of the last deployment made here. It has one of its own, since a revision that gets no traffic neither
begins a release nor belongs to the one under way."""

LEASE = timedelta(minutes=2)
"""How long a driver's lease holds after its last renewal, in server time."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")

    @field_validator("*", mode="after")
    @classmethod
    def _safe(cls, value: Any) -> Any:
        """Anybody who may edit the service may write here: text is cleaned, a time without a zone is UTC."""
        if isinstance(value, str):
            return clean(value)
        if isinstance(value, datetime) and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value


class Line(_Model):
    """One target of a recorded split."""

    revision: str | None = None
    percent: int = 0
    tag: str = ""


class Driver(_Model):
    """Who moves the release: an identity with a lease."""

    email: str
    session: str
    """Id of the console that holds the lease; two consoles of one person are two sessions."""
    expires: datetime
    """Server time, UTC."""
    console: bool = True
    """Whether a console holds it, which renews it; False for a command, which ended at once."""


class VerdictRecord(_Model):
    """What the driving console's judge said last; what commands read (written on change, at most every 30 s)."""

    word: Literal["PASS", "FAIL", "INCONCLUSIVE", "WARN", "SHARED BREACH"]
    sentence: str = ""
    at: datetime
    step: int
    """Canary percent that it was said of."""
    observed_s: float = Field(0.0, ge=0, le=1e9, allow_inf_nan=False)
    """Seconds of the bake observed so far, in server time."""
    bake_done: bool = False
    """Whether the step has baked: time observed and requests both enough."""
    requests: int = 0
    errors: int = 0
    requests_needed: int = 0
    """Canary requests still missing before the bake can end; 0 where enough."""
    over: bool = False
    """Whether the bake's time is observed in full, with or without a PASS: what a script waits for."""
    attribution: str = ""
    """`canary` or `unattributed` with FAIL, else empty."""
    clear: bool = False
    """Whether nothing speaks against the canary: its requests are seen, and no test stands far enough to mention."""


class Move(_Model):
    """One change of traffic in this release."""

    kind: Literal["shift", "rollback", "undo"]
    at: datetime
    by: str
    percent: int
    """Canary's share after it."""
    before: tuple[Line, ...]
    """Split before it (desired)."""
    reason: str = ""
    """Override or rollback reason, as typed."""
    automatic: bool = False


class RolledBack(_Model):
    """A revision that was rolled back; only a typed reason moves it forward again."""

    revision: str
    at: datetime
    by: str
    reason: str = ""


class Deployment(_Model):
    """A new revision that was made with no traffic."""

    image: str
    tag: str
    by: str
    at: datetime
    """Server time, UTC."""

    def dumps(self) -> str:
        """The annotation's value: compact JSON."""
        return json.dumps(self.model_dump(mode="json"), separators=(",", ":"), sort_keys=True)


class Release(_Model):
    """A release under way, or the last one that ended."""

    version: Literal[1] = 1
    id: str
    """E.g. `2026-11-25-1005-00042-vez`."""
    canary: str
    stable: str
    """The revision with the largest share before the release."""
    baseline: tuple[Line, ...]
    """The split before the release, tags included; what a rollback restores."""
    started: datetime
    started_by: str
    step: int = 0
    """Canary's percent as last written."""
    moves: tuple[Move, ...] = ()
    """Newest last; the last 20 are kept."""
    driver: Driver | None = None
    verdict: VerdictRecord | None = None
    auto_rollback: bool = True
    rolled_back: tuple[RolledBack, ...] = ()
    ended: Literal["promoted", "rolled back", "abandoned"] | None = None
    ended_at: datetime | None = None

    @property
    def under_way(self) -> bool:
        """Whether the release has begun and not ended."""
        return self.ended is None

    @property
    def moved_at(self) -> datetime:
        """When traffic last moved, or when the release began."""
        return self.moves[-1].at if self.moves else self.started

    def baseline_shares(self) -> dict[str, int]:
        """Percent by revision before the release."""
        return split_of(self.baseline).shares()

    def was_rolled_back(self, revision: str) -> RolledBack | None:
        """The mark on `revision`, where it was rolled back."""
        return next((mark for mark in reversed(self.rolled_back) if mark.revision == revision), None)

    def dumps(self) -> str:
        """The annotation's value: compact JSON."""
        return json.dumps(self.model_dump(mode="json", exclude_none=True), separators=(",", ":"), sort_keys=True)


def lines_of(split: TrafficSplit) -> tuple[Line, ...]:
    """`split` in the form that the annotation keeps."""
    return tuple(Line(revision=t.revision, percent=t.percent, tag=t.tag) for t in split.targets)


def split_of(lines: tuple[Line, ...]) -> TrafficSplit:
    """The split that recorded `lines` stand for."""
    return TrafficSplit(tuple(TrafficTarget(revision=r.revision, percent=r.percent, tag=r.tag) for r in lines))


def read_release(annotations: Mapping[str, str]) -> tuple[Release | None, str]:
    """The release written on a service, and what is wrong with it.

    Returns:
        (release, "") where it reads; (None, "") where there is none; (None, problem) where the annotation is there
        but cannot be read, in which case the caller says so and acts as if there were none.
    """
    raw = annotations.get(ANNOTATION)
    if raw is None:
        return None, ""
    try:
        return Release.model_validate_json(raw), ""
    except ValidationError as error:
        first = error.errors()[0]
        return None, f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first["loc"] else str(first["msg"])


__all__ = [
    "ANNOTATION",
    "DEPLOYMENT",
    "LEASE",
    "Deployment",
    "Driver",
    "Line",
    "Move",
    "Release",
    "RolledBack",
    "VerdictRecord",
    "lines_of",
    "read_release",
    "split_of",
]
