"""A release at 100 % whose bake nobody watched to its end: when it counts as ended, and how its end is written. Pure.

A release ends when a driving console has watched its last bake. Where that console went away, anybody may take the free
seat and watch the bake to its end. Where nobody did for a day, the canary has served everyone through a whole day's
traffic: the release stops standing in the next one's way, though nobody ever said that it was good. Until somebody
writes the end, it is only shown; the next release writes it. A rollback still goes back to the split before it, and
says how old that split is.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from console.release.plan import RolloutPlan
from console.release.state import Former, Release

UNWATCHED_AFTER = timedelta(days=1)
"""Server time over the bake after which a release at 100 % that nobody drives counts as ended: a day, so that every
hour's traffic has been over the canary once."""

OLD_SPLIT = timedelta(days=1)
"""From this age on, a rollback says how old the split is that it restores."""


def unwatched(release: Release | None, percent: int, plan: RolloutPlan, now: datetime | None) -> bool:
    """Whether `release` counts as ended though nobody watched its last bake.

    Args:
        release: as written on the service.
        percent: the canary's desired share now.
        plan: whose bake it should have had.
        now: server time; None where unknown, which ends nothing.
    """
    if release is None or not release.under_way or percent != 100 or now is None:
        return False
    driven = release.driver is not None and release.driver.expires > now
    return not driven and now - release.moved_at > plan.bake + UNWATCHED_AFTER


def superseded(release: Release, percent: int, at: datetime) -> Former:
    """How `release` ended, where the next one begins.

    Args:
        release: as written last; one that is still under way ends now.
        percent: its canary's share when the next one begins.
        at: server time then.
    """
    if release.ended is not None:
        return Former(id=release.id, canary=release.canary, ended=release.ended, ended_at=release.ended_at or at)
    ended = "promoted unwatched" if percent == 100 else "abandoned"
    return Former.model_validate({"id": release.id, "canary": release.canary, "ended": ended, "ended_at": at})


def old_split(release: Release | None, now: datetime | None) -> timedelta | None:
    """Age of the split before `release`, where it is old enough to be said; else None."""
    if release is None or now is None:
        return None
    age = now - release.started
    return age if age >= OLD_SPLIT else None
