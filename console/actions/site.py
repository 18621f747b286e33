"""What every action needs at hand: the service, the door, the rules, the words for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from console.actions.door import Door
from console.actions.outcome import Outcome
from console.actions.reading import ServiceAccess, differences, serving
from console.errors import CanarioError, ConflictError
from console.notify import Message, overrode
from console.release.guardrails import ActionKind, EnvironmentRules, changed_since, overridden
from console.release.moves import Proposal, keeps_users_on
from console.release.service import Service
from console.release.state import Release
from console.words import _


@dataclass
class Site:
    """One service in one environment, and the door to it."""

    access: ServiceAccess
    door: Door
    rules: EnvironmentRules
    auto_rollback_default: bool
    """Whether a release that starts here has automatic rollback armed."""
    rollbacks: int = 0
    """Rollbacks begun here: a move that was asked for before one must not be sent after it."""

    @property
    def rollback_command(self) -> str:
        """What a person types to roll back."""
        return f"canario rollback --env {self.rules.name}"

    def since(self, started: float) -> timedelta:
        """Wall time since monotonic `started`."""
        return timedelta(seconds=self.access.clock.monotonic() - started)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Counts a call that changes traffic while it is under way."""
        self.access.writes += 1
        try:
            yield
        finally:
            self.access.writes -= 1

    def overrides(self, what: str, proposal: Proposal, reason: str) -> tuple[Message, ...]:
        """The message that a guardrail was overridden, where one was."""
        passed = overridden(proposal.answers, reason)
        if not passed:
            return ()
        return (
            overrode(
                environment=self.rules.name,
                service=self.access.service,
                what=what,
                who=self.access.identity,
                reason=reason.strip(),
                answers=passed,
            ),
        )

    def outcome(
        self,
        kind: ActionKind,
        proposal: Proposal,
        service: Service,
        release: Release | None,
        started: float,
        *,
        already: bool = False,
    ) -> Outcome:
        """How a move ended, desired and effective split compared."""
        notes = differences(service)
        if proposal.split is not None and service.desired_shares() != dict(proposal.after):
            overtaken = _("Somebody moved the split again before this move was done. {serving}")
            notes = (overtaken.format(serving=serving(service)), *notes)
        before, percent = (share(split, proposal.canary) for split in (proposal.before, proposal.after))
        if percent < before:
            notes = (*notes, *keeps_users_on(service, proposal.canary))
        return Outcome(
            kind,
            dict(proposal.before),
            dict(proposal.after),
            service,
            self.since(started),
            notes,
            already=already,
            canary=proposal.canary,
            percent=percent,
            release=release,
        )

    async def conflict(self, seen: Service, fresh: Service, error: ConflictError) -> ConflictError:
        """The error that says who changed what between two looks, and the split now."""
        change = changed_since(seen, fresh)
        if not change:
            return error
        who = fresh.last_modifier or await self._last_mover() or _("somebody")
        return ConflictError(
            _("{who} changed {service} meanwhile: {change}.").format(who=who, service=fresh.name, change=change),
            traffic=_("Nothing of ours was done. {serving}").format(serving=serving(fresh)),
            remedy=_("Look at the split now, and decide again."),
        )

    async def _last_mover(self) -> str:
        now = self.access.server_time()
        if now is None:
            return ""
        try:
            found = await self.access.cloud.logs.audit(self.access.service, since=now - timedelta(minutes=10), limit=5)
        except CanarioError:
            return ""
        return next((entry.principal for entry in found), "")


def share(split: Mapping[str, int], revision: str | None) -> int:
    """Percent of `revision` in a split by revision."""
    return split.get(revision or "", 0)
