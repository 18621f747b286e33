"""Who took a revision's traffic away, as the Cloud Audit Log has it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from console.release.audited import UPDATE_METHODS

if TYPE_CHECKING:
    from console.cloud.logs import AuditEntry


def taken_by(entries: Iterable[AuditEntry], revision: str) -> AuditEntry | None:
    """The call that left `revision` without traffic, which it has not got back since; None where none is found.

    Args:
        entries: calls on the service, any order.
        revision: short name.
    """
    found = None
    for entry in sorted(entries, key=lambda entry: entry.time, reverse=True):
        named = named_shares(entry)
        if named is None:
            continue
        if named.get(revision, 0) > 0 or named.get("", 0) > 0:  # "": the latest, whichever that was then
            return found
        found = entry
    return found


def named_shares(entry: AuditEntry) -> dict[str, int] | None:
    """Percent by revision that a call asked for (`""`: the latest); None where it did not move traffic.

    v2 requests hold `service.traffic` and `updateMask`, v1 requests `service.spec.traffic`
    (https://cloud.google.com/run/docs/reference/rest/v2/TrafficTarget and .../v1/TrafficTarget).
    """
    if entry.refused or entry.method.rpartition(".")[2] not in UPDATE_METHODS:
        return None
    service = entry.request.get("service")
    if not isinstance(service, Mapping):
        return None
    mask = str(entry.request.get("updateMask", ""))
    if mask and not any(path.strip() in ("*", "traffic") for path in mask.split(",")):
        return None
    spec = service.get("spec")
    targets = service.get("traffic", spec.get("traffic") if isinstance(spec, Mapping) else None)
    if not isinstance(targets, list):
        return None
    shares: dict[str, int] = {}
    for target in targets:
        if not isinstance(target, Mapping):
            continue
        name = str(target.get("revision", target.get("revisionName", ""))).rpartition("/")[2]
        percent = target.get("percent", 0)
        shares[name] = shares.get(name, 0) + (int(percent) if isinstance(percent, int | float) else 0)
    return shares


__all__ = ["named_shares", "taken_by"]
