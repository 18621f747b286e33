"""Who took the traffic away, read from the audit log."""

from __future__ import annotations

from datetime import timedelta

from console.cloud.logs import AuditEntry
from console.runbook.movers import taken_by
from tests.release.making import WEDNESDAY

V2, V1 = "google.cloud.run.v2.Services.UpdateService", "google.cloud.run.v1.Services.ReplaceService"


def moved(minute: int, who: str, refused: str = "", **shares: int) -> AuditEntry:
    targets = [{"revision": name.replace("_", "-"), "percent": share} for name, share in shares.items()]
    request: dict[str, object] = {"service": {"traffic": targets}, "updateMask": "traffic,annotations"}
    return AuditEntry(WEDNESDAY + timedelta(minutes=minute), who, V2, "wa-backend", request, refused)


def test_the_call_that_left_it_without_traffic_is_named_and_not_those_after_it() -> None:
    calls = [
        moved(0, "carlos@x", new_1=100),
        moved(5, "mallory@x", old_1=100),
        moved(6, "maria@x", old_1=50, other_1=50),
    ]
    found = taken_by(reversed(calls), "new-1")
    assert found is not None
    assert found.principal == "mallory@x"


def test_refused_calls_and_calls_that_move_nothing_took_nothing() -> None:
    label = AuditEntry(
        WEDNESDAY + timedelta(minutes=9),
        "robot@x",
        V2,
        "wa-backend",
        {"service": {"annotations": {}}, "updateMask": "annotations"},
    )
    calls = [moved(0, "carlos@x", new_1=100), moved(5, "mallory@x", refused="no", old_1=100), label]
    assert taken_by(calls, "new-1") is None


def test_gclouds_own_calls_are_read_too() -> None:
    spec = {"traffic": [{"revisionName": "old-1", "percent": 100}]}
    gcloud = AuditEntry(WEDNESDAY, "mallory@x", V1, "wa-backend", {"service": {"spec": spec}})
    found = taken_by([gcloud], "new-1")
    assert found is not None
    assert found.principal == "mallory@x"
