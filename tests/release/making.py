"""Small makers of services, releases and facts, so that a test shows only what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from console.release.guardrails import EnvironmentRules, Facts
from console.release.service import Revision, Service
from console.release.split import TrafficSplit
from console.release.state import Driver, Release, VerdictRecord
from console.release.transitions import Who, annotated, begin, moved

WEDNESDAY = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
STABLE, CANARY, OLDER = "wa-backend-00041-kud", "wa-backend-00042-vez", "wa-backend-00040-pol"
MARIA = Who("maria@acme.example", "session-maria", WEDNESDAY - timedelta(minutes=10))
JUAN = Who("juan@acme.example", "session-juan", WEDNESDAY)
RULES = EnvironmentRules("production")
STAGING = EnvironmentRules("staging", protected=False)


def service(shares: Mapping[str, int] | None = None, *, tags: Any = (("canary", CANARY),), **fields: Any) -> Service:
    split = TrafficSplit.of(shares or {STABLE: 100}, tags)
    effective = fields.pop("effective", None)
    serves = TrafficSplit.of(effective, tags) if effective is not None else split
    values: dict[str, Any] = {
        "latest_ready": CANARY,
        "latest_created": CANARY,
        "template_fingerprint": "t1",
        "last_modifier": "maria@acme.example",
    }
    return Service("wa-backend", "demo", "us-central1", "etag-1", traffic=split, effective=serves, **(values | fields))


def revisions(*names: str, **ready: bool) -> tuple[Revision, ...]:
    wanted = names or (CANARY, STABLE, OLDER)
    ages = {CANARY: 10, STABLE: 60 * 24 * 6, OLDER: 60 * 24 * 13}
    return tuple(
        Revision(name, ready=True, created=WEDNESDAY - timedelta(minutes=ages.get(name, 60 * 24 * 30)))
        for name in wanted
    )


def release_at(percent: int, *, by: Who = MARIA, before: Service | None = None) -> Release:
    """A release of CANARY that `by` has moved to `percent` in one move."""
    start = before or service()
    return moved(begin(start, None, CANARY, by), start, by, kind="shift", percent=percent)


def verdict(word: Any = "PASS", *, step: int = 10, at: datetime | None = None, **fields: Any) -> VerdictRecord:
    values: dict[str, Any] = {"observed_s": 300.0, "bake_done": True, "requests": 6214, "sentence": "0.2 % errors"}
    return VerdictRecord(word=word, step=step, at=at or WEDNESDAY - timedelta(seconds=6), **(values | fields))


def facts(at: Service | None = None, **fields: Any) -> Facts:
    values: dict[str, Any] = {
        "service": at if at is not None else service(),
        "revisions": revisions(),
        "identity": "maria@acme.example",
        "session_id": "session-maria",
    }
    return Facts(**(values | fields))


def canary_at(percent: int, **fields: Any) -> Facts:
    """Facts of a release under way at `percent`, driven by maria with a live lease, judged PASS and baked."""
    release = release_at(percent).model_copy(
        update={
            "driver": Driver(
                email="maria@acme.example", session="session-maria", expires=WEDNESDAY + timedelta(minutes=1)
            )
        }
    )
    rest = 100 - percent
    shares = {CANARY: percent, STABLE: rest} if rest else {CANARY: percent}
    at = service(shares)
    at = replace(at, annotations=annotated(at, release))
    return facts(**({"at": at, "release": release, "verdict": verdict(step=percent)} | fields))
