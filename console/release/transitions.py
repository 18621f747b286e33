"""How the release annotation changes with each action. Pure: (release, what was done, when, by whom) -> release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from console.release.moves import base_shares, largest, named
from console.release.service import Service
from console.release.split import split_for_step
from console.release.state import (
    ANNOTATION,
    LEASE,
    Candidate,
    Deployment,
    Driver,
    Former,
    Move,
    Release,
    RolledBack,
    VerdictRecord,
    lines_of,
    rewritten,
)
from console.release.unwatched import superseded

KEPT_MOVES = 20
"""Moves that the annotation keeps; an annotation is small, the journal keeps all."""

KEPT_MARKS = 20
"""Marks of rolled-back revisions that the annotation keeps."""


UNKNOWN_IDENTITY = "unknown"
"""Who we are where the credentials do not tell, or have not yet; the Cloud Audit Log knows all the same."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts, and when."""

    email: str
    session: str
    at: datetime
    """Server time, UTC."""
    renews: bool = True
    """Whether this process renews its lease (a console) or ends at once (a command)."""


def release_id(service: Service, canary: str, started: datetime) -> str:
    """E.g. `2026-11-25-1005-00042-vez`."""
    return f"{started:%Y-%m-%d-%H%M}-{canary.removeprefix(service.name + '-')}"


def begin(service: Service, former: Release | None, canary: str, who: Who, *, auto_rollback: bool = True) -> Release:
    """A release of `canary` that has not moved anything yet; marks of rolled-back revisions are carried over.

    The baseline is the desired split with LATEST resolved, tags included; a share that the canary already had goes
    to the others in proportion, since a rollback must take all of it back.
    """
    split = named(service.traffic, service.latest_ready)
    shares = split.shares()
    if shares.get(canary):
        others = base_shares(former, service, canary)
        shares = split_for_step(canary=canary, percent=0, base=others) if others else shares
        split = split.with_shares(shares)
    return Release(
        id=release_id(service, canary, who.at),
        canary=canary,
        stable=largest(shares) or canary,
        baseline=lines_of(split),
        started=who.at,
        started_by=who.email,
        rolled_back=former.rolled_back if former is not None else (),
        auto_rollback=auto_rollback,
        former=_former(service, former, who.at),
    )


def _former(service: Service, release: Release | None, at: datetime) -> Former | None:
    """What the next release keeps of the one before it."""
    if release is None:
        return None
    return superseded(release, service.desired_shares().get(release.canary, 0), at)


def moved(
    release: Release, service: Service, who: Who, *, kind: Literal["shift", "undo"], percent: int, reason: str = ""
) -> Release:
    """`release` after traffic moved: one more move, the canary's new share, the mover in the driver's seat.

    A canary that comes to 0 % ends the release (`abandoned`), and is marked as rolled back where the judge had failed
    it: walking a failed canary down by hand must not be a way round the mark. Lowering another's release leaves that
    driver in the seat while the lease lives; a command never takes the seat from its own user's console.
    """
    before = service.desired_shares().get(release.canary, 0)
    marks = release.rolled_back
    if percent > before:
        marks = tuple(mark for mark in marks if mark.revision != release.canary)
    elif percent == 0 and release.verdict is not None and release.verdict.word == "FAIL":
        marks = _marked(release, release.canary, who, reason or release.verdict.sentence)
    return release.model_copy(
        update={
            "step": percent,
            "moves": _with_move(release, service, who, kind=kind, percent=percent, reason=reason),
            "driver": None if percent == 0 else _seat(release, who, raised=percent > before),
            "verdict": None,
            "rolled_back": marks,
            "ended": "abandoned" if percent == 0 else None,
            "ended_at": who.at if percent == 0 else None,
        }
    )


def rolled_back(
    release: Release | None,
    service: Service,
    who: Who,
    *,
    shares: Mapping[str, int],
    canary: str | None,
    reason: str = "",
    automatic: bool = False,
) -> Release | None:
    """The annotation after a rollback to `shares`: ended, nobody drives, the revision marked.

    Where no release was recorded for the revision that lost its traffic, one is made to carry the mark; None where no
    revision lost anything.
    """
    lost = canary or largest({n: s for n, s in service.desired_shares().items() if s > shares.get(n, 0)})
    if lost is None:
        return release
    if release is None or release.canary != lost:
        restored = named(service.traffic, service.latest_ready).with_shares(shares)
        release = Release(
            id=release_id(service, lost, who.at),
            canary=lost,
            stable=largest(shares) or lost,
            baseline=lines_of(restored),
            started=who.at,
            started_by=who.email,
            rolled_back=release.rolled_back if release is not None else (),
            former=_former(service, release, who.at),
        )
    percent = shares.get(lost, 0)
    return release.model_copy(
        update={
            "step": percent,
            "moves": _with_move(
                release, service, who, kind="rollback", percent=percent, reason=reason, automatic=automatic
            ),
            "driver": None,
            "rolled_back": _marked(release, lost, who, reason),
            "ended": "rolled back",
            "ended_at": who.at,
        }
    )


def signed(release: Release, move: Move, email: str) -> Release:
    """`release` with `move`, and the mark made with it, signed `email`: they were written before we knew who we are."""

    def ours(by: str, at: datetime) -> bool:
        return by == UNKNOWN_IDENTITY and at == move.at

    by = {"by": email}
    return release.model_copy(
        update={
            "moves": tuple(m.model_copy(update=by) if m == move else m for m in release.moves),
            "rolled_back": tuple(m.model_copy(update=by) if ours(m.by, m.at) else m for m in release.rolled_back),
            "started_by": email if ours(release.started_by, release.started) else release.started_by,
        }
    )


def promoted(release: Release, at: datetime) -> Release:
    """`release` once the bake at 100 % is done: over, and nobody drives."""
    return release.model_copy(update={"ended": "promoted", "ended_at": at, "driver": None})


def with_lease(release: Release, who: Who) -> Release:
    """`release` with `who` in the driver's seat until a lease from now."""
    return release.model_copy(update={"driver": _driver(who)})


def without_lease(release: Release, session: str) -> Release:
    """`release` with nobody in the driver's seat, where `session` sat there."""
    if release.driver is None or release.driver.session != session:
        return release
    return release.model_copy(update={"driver": None})


def with_verdict(release: Release, verdict: VerdictRecord) -> Release:
    """`release` with the judge's latest word."""
    return release.model_copy(update={"verdict": verdict})


def with_auto_rollback(release: Release, armed: bool) -> Release:
    """`release` with automatic rollback armed or disarmed."""
    return release.model_copy(update={"auto_rollback": armed})


def annotated(
    service: Service,
    release: Release | None = None,
    *,
    deployment: Deployment | None = None,
    candidate: Candidate | None = None,
) -> dict[str, str]:
    """The service's whole annotation map with the given parts of the document replaced.

    The mask replaces the map, so foreign annotations are kept, as are the document's other parts. What is None stays as
    it is; an annotation that cannot be read stops nothing.
    """
    annotations = dict(service.annotations)
    if release is not None or deployment is not None or candidate is not None:
        annotations[ANNOTATION] = rewritten(
            annotations.get(ANNOTATION), release=release, deployment=deployment, candidate=candidate
        )
    return annotations


def drives(release: Release | None, session: str, now: datetime | None) -> bool:
    """Whether `session` holds a live lease of a release under way."""
    if release is None or not release.under_way or release.driver is None or now is None:
        return False
    return release.driver.session == session and release.driver.expires > now


def may_hold(release: Release | None, email: str, session: str) -> bool:
    """Whether `session` holds the seat of a release under way, or may take it unasked: a command of its own user does.

    A command ends at once and guards nothing; its user's open console does both.
    """
    if release is None or not release.under_way or release.driver is None:
        return False
    return release.driver.session == session or (release.driver.email == email and not release.driver.console)


def _driver(who: Who) -> Driver:
    return Driver(email=who.email, session=who.session, expires=who.at + LEASE, console=who.renews)


def _seat(release: Release, who: Who, *, raised: bool) -> Driver:
    seated = release.driver
    if seated is not None and seated.session != who.session and seated.expires > who.at:
        own_console = seated.email == who.email and not who.renews
        if own_console or not raised:
            return seated
    return _driver(who)


def _marked(release: Release, revision: str, who: Who, reason: str) -> tuple[RolledBack, ...]:
    others = tuple(mark for mark in release.rolled_back if mark.revision != revision)
    return (*others, RolledBack(revision=revision, at=who.at, by=who.email, reason=reason))[-KEPT_MARKS:]


def _with_move(
    release: Release,
    service: Service,
    who: Who,
    *,
    kind: Literal["shift", "rollback", "undo"],
    percent: int,
    reason: str,
    automatic: bool = False,
) -> tuple[Move, ...]:
    move = Move(
        kind=kind,
        at=who.at,
        by=who.email,
        percent=percent,
        before=lines_of(named(service.traffic, service.latest_ready)),
        reason=reason,
        automatic=automatic,
    )
    return (*release.moves, move)[-KEPT_MOVES:]
