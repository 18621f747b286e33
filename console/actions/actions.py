"""What an operator can do to a service, for console and commands alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from console.actions.approving import approve
from console.actions.door import Door
from console.actions.moving import Mover
from console.actions.outcome import Outcome, RollbackProgress, Settled
from console.actions.reading import ServiceAccess
from console.actions.recovery import settle_unfinished
from console.actions.rollback import Rollback
from console.actions.seat import Seat
from console.actions.seconding import second
from console.actions.site import Site
from console.journal.scrub import scrub_text
from console.notify import Notifier
from console.release.guardrails import Action, ActionKind, EnvironmentRules, Facts
from console.release.migration_approvals import StatementRef
from console.release.moves import Proposal, propose
from console.release.service import Service
from console.release.state import Approval, MigrationApproval, VerdictRecord

if TYPE_CHECKING:
    from console.clock import Clock
    from console.cloud.client import Cloud
    from console.journal import Journal
    from console.watch.snapshot import Snapshot
    from console.watch.watcher import Watcher

COMMAND_GIVES_UP = timedelta(minutes=2)
"""Wall time after which a command's rollback stops trying to reach a silent cloud; a console's never stops."""

REASON_LIMIT = 400
"""Characters of a reason that are kept: the annotation carries the last twenty moves'."""


def written(reason: str) -> str:
    """A typed reason as it may be kept and shown to others: one safe line, nothing that looks secret."""
    return scrub_text(reason.strip(), REASON_LIMIT)


class Actions:
    """Every action on one service. One event loop's only.

    Args:
        cloud: an open connection.
        watcher: whose picture dialogs and rollbacks start from; None for commands that need none.
        journal: where intents and outcomes go.
        notifier: who is told.
        rules: the environment's guardrails.
        service: short service name.
        identity: e-mail that the calls are made as.
        session_id: this console's or command's id.
        clock: the wall.
    """

    def __init__(
        self,
        *,
        cloud: Cloud,
        watcher: Watcher | None,
        journal: Journal,
        notifier: Notifier,
        rules: EnvironmentRules,
        service: str,
        identity: str,
        session_id: str,
        clock: Clock,
    ) -> None:
        self.rules, self.session_id, self.notifier = rules, session_id, notifier
        self.rollback_progress: RollbackProgress | None = None
        """The rollback under way, or the last one."""
        context = {
            "by": identity,
            "environment": rules.name,
            "project": cloud.target.project,
            "region": cloud.target.region,
            "service": service,
        }
        access = ServiceAccess(cloud, watcher, service, journal, clock, identity, session_id, rules)
        self._site = Site(access, Door(cloud, journal, notifier, clock, context), rules, rules.protected)
        self._mover, self._seat = Mover(self._site), Seat(self._site)
        self._rolling: asyncio.Task[Outcome] | None = None
        self._rolling_to: str | None = None

    @property
    def door(self) -> Door:
        """The one door; migrations go through it too."""
        return self._site.door

    @property
    def identity(self) -> str:
        """E-mail that the calls are made as, or `UNKNOWN_IDENTITY`."""
        return self._site.access.identity

    def identify(self, identity: str) -> None:
        """Take in who we are, found out beside what did not wait for it; `UNKNOWN_IDENTITY` where nobody can tell."""
        self._site.access.identity = identity
        self._site.door.context = {**self._site.door.context, "by": identity}
        self._site.access.identified.set()

    @property
    def access(self) -> ServiceAccess:
        """The service, read and written; a runbook's candidate lives on it."""
        return self._site.access

    @property
    def renews(self) -> bool:
        """Whether this process keeps its lease alive (a console that drives); set by the Autopilot."""
        return self._site.access.renews

    @renews.setter
    def renews(self, value: bool) -> None:
        self._site.access.renews = value

    @property
    def auto_rollback_default(self) -> bool:
        """Whether a release that starts here has automatic rollback armed: in protected environments, unless told."""
        return self._site.auto_rollback_default

    @auto_rollback_default.setter
    def auto_rollback_default(self, armed: bool) -> None:
        self._site.auto_rollback_default = armed

    @property
    def rolling_back(self) -> bool:
        """Whether a rollback is under way now."""
        return self._rolling is not None and not self._rolling.done()

    async def facts(self) -> Facts:
        """Everything the guardrails ask for, read now.

        Raises:
            CloudError: the service cannot be read.
        """
        return await self._site.access.facts()

    def propose(self, action: Action, snapshot: Snapshot | None = None) -> Proposal:
        """What `action` would do, from the picture alone: at once, for a dialog. Needs a watcher.

        Args:
            action: what is asked for.
            snapshot: the picture the operator decided on; what the watcher sees now is compared with it. None: the
                latest.

        Raises:
            UsageError: there is nothing that `action` could mean now.
        """
        facts = self._site.access.live_facts()
        if snapshot is not None and snapshot.service is not None:
            facts = replace(facts, seen=snapshot.service)
        return propose(action, self.rules, facts, self._site.access.server_time())

    async def shift(
        self, percent: int, *, canary: str | None = None, seen: Service | None = None, reason: str = ""
    ) -> Outcome:
        """Give the canary `percent` of the traffic, guarded.

        Args:
            percent: the canary's new share, 0 to 100.
            canary: short revision name; None: the release's, else the one under the tag `canary`.
            seen: the service as the operator saw it; None: as read now.
            reason: overrides the guardrails that allow it.

        Raises:
            UsageError: no such revision, no canary at all, a share out of range.
            BlockedError: a guardrail said no; nothing was sent.
            ConflictError: somebody moved traffic or deployed meanwhile; nothing of ours was done.
            CloudError: the cloud refused, or could not carry it out.
        """
        return await self._mover.move(Action(ActionKind.SHIFT, percent, canary), seen, written(reason))

    async def undo(self, *, seen: Service | None = None, reason: str = "") -> Outcome:
        """Go back to the split before the last move, guarded like a move where that raises the canary's share.

        Raises:
            UsageError: nothing to undo, or somebody moved the split since.
            BlockedError: as `shift`.
            ConflictError: as `shift`.
            CloudError: as `shift`.
        """
        return await self._mover.move(Action(ActionKind.UNDO), seen, written(reason))

    async def deploy(self, image: str, *, tag: str = "canary", reason: str = "") -> Outcome:
        """Make a new revision of `image` that gets no traffic, under `tag`; guarded.

        Raises:
            UsageError: no image.
            BlockedError: as `shift`.
            ConflictError: as `shift`.
            CloudError: as `shift`.
        """
        return await self._mover.deploy(image, tag=tag, reason=written(reason))

    async def deploy_elsewhere(
        self, what: str, percent: int, send: Callable[[], Awaitable[None]], *, reason: str = ""
    ) -> tuple[str, ...]:
        """Have something else deploy to this service (a workflow), through the same guarded door; its notes.

        Args:
            what: what is set off, in a line, for the journal and for people.
            percent: share that the new revision gets at once; above 0 it is guarded like a move too.
            send: sets it off.
            reason: overrides the guardrails that allow it.

        Raises:
            BlockedError: as `shift`; nothing was sent.
            CanarioError: what `send` raised; journalled.
        """
        return await self._mover.deploy_elsewhere(what, percent, send, reason=written(reason))

    async def rollback(
        self,
        *,
        to: str | None = None,
        reason: str = "",
        automatic: bool = False,
        progress: Callable[[RollbackProgress], None] | None = None,
        give_up_after: timedelta | None = None,
    ) -> Outcome:
        """Restore the split before the release, at once and past every guardrail; see `console.actions.rollback`.

        A second call while one is under way joins it. Cancelling the caller does not stop it.

        Args:
            to: the revision to go back to, where the operator names one.
            reason: as typed, or the judge's figures; for people and the journal.
            automatic: whether the countdown started it.
            progress: told each change.
            give_up_after: wall time after which a silent cloud is given up; None: never in a console,
                COMMAND_GIVES_UP in a command.

        Raises:
            UsageError: `to` cannot be gone back to.
            CloudError: the cloud refuses, or has been silent for too long.
        """
        running = self._rolling
        if running is not None and not running.done() and (to is None or to == self._rolling_to):
            return await asyncio.shield(running)
        self._site.rollbacks += 1

        def report(now: RollbackProgress) -> None:
            self.rollback_progress = now
            if progress is not None:
                progress(now)

        rollback = Rollback(
            self._site.access,
            self._site.door,
            environment=self.rules.name,
            to=to,
            reason=written(reason),
            automatic=automatic,
            give_up_after=give_up_after if give_up_after is not None or self.renews else COMMAND_GIVES_UP,
            report=report,
        )
        task = asyncio.get_running_loop().create_task(rollback.run())
        self._rolling, self._rolling_to = task, to
        return await asyncio.shield(task)

    async def set_auto_rollback(self, armed: bool, *, reason: str = "") -> Outcome:
        """Arm or disarm automatic rollback for the release under way, else for the next one started here.

        Raises:
            BlockedError: disarming with a broken journal, or while another drives and no reason is given.
            CloudError: the annotation cannot be written.
        """
        return await self._seat.set_auto_rollback(armed, reason=written(reason))

    async def take_over(self, *, reason: str = "") -> Outcome:
        """Take the driver's seat of the release under way: free where the lease ran out, else with a reason.

        Raises:
            UsageError: no release is under way.
            BlockedError: as `shift`.
            CloudError: as `shift`.
        """
        return await self._seat.take_over(reason=written(reason))

    async def finish(self, figures: tuple[str, ...] = ()) -> Outcome | None:
        """Write down that the release at 100 % has baked: over, promoted. None where there is no such release.

        Args:
            figures: e.g. `0.3 % errors in 6,214 requests`, for the message.
        """
        return await self._seat.finish(figures)

    async def page(self, kind: str, sentence: str, *, canary: str, percent: int) -> None:
        """Call somebody (Slack, where it is set up) and journal it; see `console.actions.paging`.

        Raises:
            JournalError: it could not be journalled; the call went out.
        """
        await self._seat.page(kind, sentence, canary=canary, percent=percent)

    async def renew_lease(self, verdict: VerdictRecord | None = None) -> bool:
        """Hold the driver's seat for another lease, with the judge's latest word where there is one.

        Returns:
            Whether it was renewed; False where no release is under way or another sits in the seat.
        """
        return await self._seat.renew_lease(verdict)

    async def record_verdict(self, verdict: VerdictRecord) -> bool:
        """Write the judge's word into the annotation, for commands; only the driver's console does.

        Returns:
            Whether it was written.
        """
        return await self._seat.record_verdict(verdict)

    async def note_migrations(self, files: Sequence[str]) -> None:
        """Note in the candidate that is open which migrations it brought; nothing where none is open.

        Args:
            files: names of the files that something was applied of, in order.

        Raises:
            CloudError: the annotation cannot be written.
        """
        from console.actions.remembering import with_migrations

        await self._site.access.annotate_document(lambda document: with_migrations(document, files))

    async def release_lease(self) -> None:
        """Leave the driver's seat, best effort: called when a console quits."""
        await self._seat.release_lease()

    async def approve(self, role: Literal["code", "tech_lead"]) -> Approval:
        """Approve the open candidate's image and plan in `role`, as ourselves; again is the same approval.

        Raises:
            UsageError: no candidate, no image, or nobody knows who we are.
            BlockedError: not our role, or we approved in the other one.
            CloudError: the annotation cannot be written.
        """
        return await approve(self._site, role)

    async def approve_migrations(self, statements: Sequence[StatementRef]) -> tuple[MigrationApproval, ...]:
        """Approve those statements as the second person, as ourselves; see `console.actions.seconding`.

        Raises:
            UsageError: no candidate is open, or nobody knows who we are.
            BlockedError: we wrote the change, or the settings do not name us.
            CloudError: the annotation cannot be written.
        """
        return await second(self._site, statements)

    def live_facts(self) -> Facts:
        """What the guardrails ask for, from the watcher's picture: at once. Needs a watcher."""
        return self._site.access.live_facts()

    async def settle_unfinished(self) -> tuple[Settled, ...]:
        """Settle, by reading the service, what a crash of an earlier process cut off; called at start."""
        return await settle_unfinished(self._site.access, self._site.door)

    async def close(self) -> None:
        """Give messages and copies under way a moment to go out."""
        await self._site.door.flush()
