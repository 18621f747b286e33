"""The traffic split: which revision gets which share, and which tags point where.

Cloud Run semantics (https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration): percents of a split
total 100; a target is a revision by name or LATEST; a tag may stand on a target of its own with 0 %; an empty
`traffic` means 100 % to the latest ready revision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from console.errors import UsageError
from console.words import _


@dataclass(frozen=True, slots=True)
class TrafficTarget:
    """One line of a service's traffic."""

    revision: str | None
    """Short revision name, e.g. `wa-backend-00042-vez`; None means LATEST (the newest ready revision)."""
    percent: int = 0
    """Whole percent, 0 to 100."""
    tag: str = ""
    """Tag on this target, or empty."""
    uri: str = ""
    """URL of the tag, filled in by the cloud in effective splits only."""


@dataclass(frozen=True, slots=True)
class TrafficSplit:
    """A whole split, in the order the service keeps it."""

    targets: tuple[TrafficTarget, ...] = ()

    def shares(self, latest_ready: str | None = None) -> dict[str, int]:
        """Percent for each revision that gets any, LATEST resolved to `latest_ready` (left out when None).

        An empty split is 100 % of `latest_ready`.
        """
        if not self.targets:
            return {latest_ready: 100} if latest_ready else {}
        shares: dict[str, int] = {}
        for target in self.targets:
            name = target.revision or latest_ready
            if name and target.percent:
                shares[name] = shares.get(name, 0) + target.percent
        return shares

    def percent_of(self, revision: str, latest_ready: str | None = None) -> int:
        """Percent that `revision` gets, 0 to 100."""
        return self.shares(latest_ready).get(revision, 0)

    def revision_for_tag(self, tag: str) -> str | None:
        """The revision that `tag` points at by name, or None."""
        return next((t.revision for t in self.targets if t.tag == tag), None)

    def tags(self) -> tuple[tuple[str, str | None], ...]:
        """(tag, revision) of each tagged target, in order."""
        return tuple((t.tag, t.revision) for t in self.targets if t.tag)

    def uri_for_tag(self, tag: str) -> str:
        """URL of `tag` where the cloud gave one, or empty."""
        return next((t.uri for t in self.targets if t.tag == tag), "")

    def with_shares(self, shares: Mapping[str, int]) -> TrafficSplit:
        """A split with exactly these shares by revision name, every tag of this one kept at its own 0 % target.

        Revisions are always addressed by name, never LATEST (a race would promote someone else's revision);
        gcloud keeps tags the same way.

        Raises:
            UsageError: the shares are not whole percents of 0 to 100 that total 100.
        """
        if any(not 0 <= p <= 100 for p in shares.values()) or sum(shares.values()) != 100:
            raise UsageError(
                _("A split must total 100 %, each share from 0 to 100; got {shares}.").format(shares=dict(shares))
            )
        lines = [TrafficTarget(revision=name, percent=percent) for name, percent in shares.items() if percent]
        lines += [TrafficTarget(revision=revision, tag=tag) for tag, revision in self.tags()]
        return TrafficSplit(tuple(lines))

    def with_tag(self, tag: str, revision: str) -> TrafficSplit:
        """The same shares with `tag` pointing at `revision` (moved if it stood elsewhere)."""
        kept = [replace(t, tag="", uri="") if t.tag == tag else t for t in self.targets]
        kept = [t for t in kept if t.percent or t.tag]
        return TrafficSplit((*kept, TrafficTarget(revision=revision, tag=tag)))

    def same_traffic_as(self, other: TrafficSplit, latest_ready: str | None = None) -> bool:
        """Whether both send the same share to each revision (tags and order aside)."""
        return self.shares(latest_ready) == other.shares(latest_ready)

    @classmethod
    def of(cls, shares: Mapping[str, int], tags: Iterable[tuple[str, str]] = ()) -> TrafficSplit:
        """A split made from shares and (tag, revision) pairs.

        Raises:
            UsageError: as `with_shares`.
        """
        return cls(tuple(TrafficTarget(revision=r, tag=t) for t, r in tags)).with_shares(shares)


def split_for_step(*, canary: str, percent: int, base: Mapping[str, int]) -> dict[str, int]:
    """Shares that give `canary` exactly `percent`, and the rest to the others in proportion to `base`.

    Args:
        canary: revision name.
        percent: canary's new share, 0 to 100.
        base: the shares before the release (`Release.baseline`); `canary` in it is ignored. Where base is empty
            and percent is under 100 there is nowhere to send the rest.

    Returns:
        Whole percents that total 100, larger remainders rounded up first (largest-remainder method).

    Raises:
        UsageError: percent out of range, or nobody to serve the rest.
    """
    if not 0 <= percent <= 100:
        raise UsageError(_("A share is a whole number from 0 to 100; got {percent}.").format(percent=percent))
    others = {name: share for name, share in base.items() if name != canary and share > 0}
    rest = 100 - percent
    if rest and not others:
        raise UsageError(_("No other revision can serve the remaining {rest} %.").format(rest=rest))
    total = sum(others.values())
    exact = {name: rest * share / total for name, share in others.items()} if total else {}
    shares = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (shares[name] - exact[name], name))
    for name in by_remainder[: rest - sum(shares.values())]:
        shares[name] += 1
    result = {canary: percent} if percent else {}
    result.update({name: share for name, share in shares.items() if share})
    return result
