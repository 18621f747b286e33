"""Whether a rollback would work right now, in sentences. Pure; asked with every picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from console.release.moves import CANARY_TAG, rollback_target
from console.release.service import Revision, Service
from console.release.state import Release
from console.watch.snapshot import Readiness
from console.words import _, ngettext

KEPT_REVISIONS = 1_000
"""Revisions of a service that Cloud Run keeps; the oldest that do not serve are deleted (FACTS.md)."""
PRUNE_MARGIN = 25
"""Deploys before that from which on we warn."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What was found out about a rollback besides the service itself."""

    allowed: bool | None = None
    """Whether we have run.services.update; None where unknown."""
    channel_ready: bool = True
    instances: Mapping[str, int] = field(default_factory=dict)
    """By revision, from Monitoring; empty where unknown."""
    newer: int | None = None
    """Revisions newer than the target; None where unknown."""


def assess(
    service: Service | None,
    release: Release | None,
    revisions: tuple[Revision, ...],
    canary: str | None,
    signs: Signs,
) -> Readiness:
    """The readiness of a rollback from this state."""
    if service is None:
        return Readiness(problems=(_("The service has not been read yet."),))
    target = rollback_target(service, release, revisions)
    name = target.revision
    problems: list[str] = []
    warnings: list[str] = []
    if name is None:
        problems.append(_("There is no revision to roll back to."))
    else:
        problems += _target_problems(name, target.shares, revisions)
        warnings += target.notes if target.source == "fallback" else ()
        warnings += _prune_warnings(name, service, signs.newer)
        if signs.instances and not signs.instances.get(name):
            warnings.append(
                _("{revision} has no warm instance: a rollback begins with cold starts.").format(revision=name)
            )
    if signs.allowed is False:
        problems.append(
            _("You may not change {service}: the permission run.services.update is missing.").format(
                service=service.name
            )
        )
    if not signs.channel_ready:
        problems.append(_("The connection to Cloud Run is down; it is being opened again."))
    warnings += _pinned(service, canary)
    return Readiness(
        target=name,
        ok=not problems,
        problems=tuple(problems),
        warnings=tuple(warnings),
        warm_instances=signs.instances.get(name, 0) if name and signs.instances else None,
        allowed=signs.allowed,
    )


def _target_problems(name: str, shares: Mapping[str, int], revisions: tuple[Revision, ...]) -> list[str]:
    known = {revision.name: revision for revision in revisions}
    problems = []
    for part in sorted(shares, key=lambda part: part != name):
        revision = known.get(part)
        if revision is None:
            if revisions:
                problems.append(_("{revision} has not been found yet.").format(revision=part))
        elif revision.deleted:
            problems.append(_("{revision}, which a rollback restores, is gone.").format(revision=part))
        elif not revision.ready:
            why = f" ({revision.reason})" if revision.reason else ""
            problems.append(
                _("{revision}, which a rollback restores, is not ready{why}.").format(revision=part, why=why)
            )
    return problems


def _prune_warnings(name: str, service: Service, newer: int | None) -> list[str]:
    serving = service.effective_shares().get(name) or service.desired_shares().get(name)
    tagged = any(revision == name for _tag, revision in service.traffic.tags())
    if newer is None or serving or tagged or newer < KEPT_REVISIONS - PRUNE_MARGIN:
        return []
    left = max(0, KEPT_REVISIONS - newer - 1)
    return [
        ngettext(
            "{revision} will soon be deleted: Cloud Run keeps {kept} revisions, and {left} more deploy pushes it out.",
            "{revision} will soon be deleted: Cloud Run keeps {kept} revisions, and {left} more deploys push it out.",
            left,
        ).format(revision=name, kept=f"{KEPT_REVISIONS:,}", left=left)
    ]


def _pinned(service: Service, canary: str | None) -> list[str]:
    """What would keep users on the canary after a rollback. Its own tag is for its testers, and no news."""
    warnings = []
    if service.session_affinity:
        warnings.append(
            _("Session affinity is on: a cookie keeps users on their revision for up to 30 days, whatever the split.")
        )
    tags = sorted(tag for tag, revision in service.traffic.tags() if revision == canary and tag != CANARY_TAG)
    if canary and tags:
        warnings.append(
            ngettext(
                "The tag {tags} keeps its users on {revision} after a rollback.",
                "The tags {tags} keep their users on {revision} after a rollback.",
                len(tags),
            ).format(tags=", ".join(tags), revision=canary)
        )
    return warnings
