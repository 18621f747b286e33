"""Where a rollback goes: the split before the release, or the next best once the cloud cannot bring that back. Pure."""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime

from console.actions.reading import serving
from console.errors import BlockedError, CloudError, UsageError
from console.release.guardrails import REASON_LENGTH, reason_counts, shares_text
from console.release.moves import RollbackTarget, rollback_target
from console.release.service import Revision, Service
from console.release.state import read_release
from console.words import _


class WayBack:
    """The target of one rollback, and which revisions have turned out not to be there.

    Args:
        to: the revision that the operator named, else None.
        reason: as typed, or the judge's figures.
    """

    def __init__(self, to: str | None, reason: str) -> None:
        self._to, self._reason = to, reason
        self._gone: set[str] = set()
        self._failures: dict[tuple[tuple[str, int], ...], int] = {}
        self.notes: list[str] = []
        """What an operator should know of how it went, a sentence each."""

    def note(self, note: str) -> None:
        """Take a sentence in, once."""
        if note not in self.notes:
            self.notes.append(note)

    def target(self, service: Service, revisions: tuple[Revision, ...], now: datetime | None) -> RollbackTarget:
        """Where to go from `service`.

        Args:
            service: as read last.
            revisions: newest first, as far as known.
            now: server time.

        Raises:
            BlockedError: the named revision was itself rolled back, and no reason says why it is good now.
            CloudError: there is nowhere to go.
        """
        release, problem = read_release(service.annotations)
        if problem:
            self.note(
                _(
                    "The release annotation cannot be read ({problem}): the split before the release is not known."
                ).format(problem=problem)
            )
        mark = release.was_rolled_back(self._to) if release is not None and self._to is not None else None
        if mark is not None and not reason_counts(self._reason):
            raise BlockedError(
                (_("{revision} was itself rolled back by {who}").format(revision=mark.revision, who=mark.by),),
                overridable=True,
                remedy=_("Leave --to out, or give a reason of at least {count} characters (--reason TEXT).").format(
                    count=REASON_LENGTH
                ),
            )
        target = rollback_target(
            service,
            release,
            revisions,
            to=self._to,
            gone=frozenset(self._gone),
            now=now,
        )
        if not target.shares:
            raise CloudError(
                _("There is no revision of {service} to roll back to.").format(service=service.name),
                traffic=serving(service),
                remedy=_("`canario revisions` lists what there is; name one with canario rollback --to REVISION."),
            )
        return target

    def count_failure(self, service: Service, target: RollbackTarget) -> None:
        """Cross off revisions that the cloud could not bring back twice, so that the next best is tried.

        Raises:
            CloudError: the operator named it.
        """
        if service.desired_shares() != dict(target.shares):
            return  # another writer came between, the revisions are not to blame
        key = tuple(sorted(target.shares.items()))
        self._failures[key] = self._failures.get(key, 0) + 1
        if self._failures[key] < 2:
            return
        problem = _("The cloud cannot bring {shares} back: {condition}").format(
            shares=shares_text(dict(target.shares)), condition=service.condition or "-"
        )
        if self._to is not None:
            raise CloudError(problem, traffic=serving(service), remedy=_("Name another revision with --to."))
        self.notes.append(problem)
        self._gone.update(target.shares)

    def is_news(self, missing: Set[str]) -> bool:
        """Whether revisions that the cloud does not have are not all crossed off yet."""
        return bool(missing) and not missing <= self._gone

    def cross_off(self, service: str, missing: Set[str]) -> None:
        """Go to the next best: the cloud does not have these.

        Args:
            service: short name.
            missing: names of revisions.

        Raises:
            UsageError: the operator named it.
        """
        if self._to is not None:
            raise UsageError(
                _("{service} has no revision {revision}.").format(service=service, revision=self._to),
                traffic=_("Nothing was moved."),
                remedy=_("`canario revisions` lists the ones there are."),
            )
        self.notes.append(_("{revisions} is gone; the next best was taken.").format(revisions=", ".join(missing)))
        self._gone |= missing
