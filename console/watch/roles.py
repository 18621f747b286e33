"""Which revision is the canary and which the stable one, and which bake is under way. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from console.release.moves import CANARY_TAG, largest, resolve_canary
from console.release.service import Revision, Service
from console.release.state import Release, split_of

SHOWN_AFTER_END = timedelta(hours=1)
"""Server time that a promoted canary is still watched as one."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Who is who."""

    canary: str | None = None
    stable: str | None = None
    share: int = 0
    """Canary's effective share, whole percent."""
    release_id: str = ""

    @property
    def bake(self) -> tuple[str, str | None, int]:
        """What one bake is of: with another of these, another bake begins."""
        return (self.release_id, self.canary, self.share)


def assign(
    service: Service | None, release: Release | None, revisions: tuple[Revision, ...], now: datetime | None
) -> Roles:
    """The roles in `service`.

    The canary is the release's while one is under way; else the revision under the tag `canary`, unless that serves
    alone (a release that ended long ago, or none). A promoted canary stays the canary for `SHOWN_AFTER_END`, so that
    its last bake is watched to its end.

    Args:
        service: as known last.
        release: as written on it.
        revisions: newest first, as far as known.
        now: server time.
    """
    if service is None:
        return Roles()
    effective = service.effective_shares()
    canary = _canary(service, release, revisions, effective, now)
    others = {name: share for name, share in effective.items() if name != canary}
    stable = largest(others)
    if stable is None and release is not None and release.canary == canary and release.stable != canary:
        stable = release.stable
    share = effective.get(canary, 0) if canary else 0
    return Roles(canary, stable, share, release.id if release is not None and release.canary == canary else "")


def _canary(
    service: Service,
    release: Release | None,
    revisions: tuple[Revision, ...],
    effective: dict[str, int],
    now: datetime | None,
) -> str | None:
    candidate = resolve_canary(service, release, revisions)
    if release is not None and release.under_way:
        return candidate
    tagged = service.traffic.revision_for_tag(CANARY_TAG)
    if release is not None and tagged in (None, release.canary) and effective.get(release.canary):
        recent = release.ended_at is None or now is None or now - release.ended_at <= SHOWN_AFTER_END
        if recent:
            return release.canary
    if tagged is None or effective.get(tagged, 0) == 100:
        return None
    return tagged


@dataclass(frozen=True, slots=True)
class BakeStart:
    """When a bake began, as far as the service and its record tell."""

    at: datetime
    """Server time from which on seconds may belong to it."""
    before: int | None = None
    """Canary's share before the move, whole percent, where the cloud may still have been moving the traffic at `at`:
    the log then has to show since when the new split holds. None where it held at `at` already."""


def bake_start(roles: Roles, release: Release | None, *, now: datetime, last_look: datetime | None) -> BakeStart:
    """When the bake of `roles` began: never before its split held, as far as that is known.

    A move is recorded before the cloud is asked for it, so the seconds right after it still have the old split.

    Args:
        roles: as they are from now on.
        release: as written on the service.
        now: server time; the answer where the change was seen happening.
        last_look: server time of the look before, when it was not so yet; None for a console that has just started.
    """
    if release is None or release.canary != roles.canary or release.step != roles.share:
        return BakeStart(now)
    if last_look is not None and now - last_look < timedelta(seconds=30):
        return BakeStart(now)
    told = release.verdict
    if told is not None and told.observed_s and told.step == roles.share and told.at >= release.moved_at:
        # the driving console's bake: it observed so many seconds until then, so it began no later than this
        return BakeStart(min(now, max(release.moved_at, told.at - timedelta(seconds=told.observed_s))))
    before = split_of(release.moves[-1].before).shares().get(release.canary, 0) if release.moves else roles.share
    at = max(release.moved_at, last_look) if last_look is not None else release.moved_at
    return BakeStart(min(now, at), before if before != roles.share else None)
