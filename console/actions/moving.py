"""Moves of the canary's share: shift and undo; and deployments, which move nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

from console.actions.door import guarded, refuse
from console.actions.outcome import Outcome
from console.actions.reading import MERGES, serving
from console.actions.site import Site
from console.cloud.run import PendingChange
from console.errors import CloudError, ConfirmationLostError, ConflictError, UsageError
from console.notify import Message, deployed, shifted
from console.release.guardrails import Action, ActionKind, Facts, changed_since, overridden
from console.release.moves import Proposal, propose
from console.release.service import Service
from console.release.state import Deployment, Release, read_release
from console.release.transitions import annotated, begin, moved
from console.words import _


@dataclass(frozen=True, slots=True)
class Moved:
    """What a guarded move did."""

    proposal: Proposal
    service: Service
    release: Release


class Turn:
    """One call's turn to write.

    Given back once the write is answered, so that a canary can be lowered while the cloud still carries the last move
    out.
    """

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._held = False

    async def __aenter__(self) -> Turn:
        await self._lock.acquire()
        self._held = True
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        """Let the next one write; may be called twice."""
        if self._held:
            self._held = False
            self._lock.release()


class Mover:
    """Moves and deployments on one service; their calls are sent one at a time."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._moving = asyncio.Lock()

    async def move(self, action: Action, seen: Service | None, reason: str) -> Outcome:
        """See `Actions.shift` and `Actions.undo`."""
        started, rollbacks = self._site.access.clock.monotonic(), self._site.rollbacks
        async with Turn(self._moving) as turn:
            facts = await self._site.access.facts(canary=action.canary, seen=seen)
            if action.canary is not None and facts.revision(action.canary) is None:
                raise UsageError(
                    _("{service} has no revision {revision}.").format(
                        service=self._site.access.service, revision=action.canary
                    ),
                    traffic=_("Nothing was moved."),
                    remedy=_("`canario revisions` lists the ones there are."),
                )
            proposal = propose(action, self._site.rules, facts, self._site.access.server_time())
            assert facts.service is not None
            if proposal.already and not facts.service.reconciling:
                return self._site.outcome(action.kind, proposal, facts.service, facts.release, started, already=True)
            done, notes = await guarded(
                self._site.door,
                kind=str(action.kind),
                answers=proposal.answers,
                reason=reason,
                payload={
                    "canary": proposal.canary,
                    "percent": proposal.action.percent,
                    "before": dict(proposal.before),
                    "after": dict(proposal.after),
                    "overridden": [answer.rule for answer in overridden(proposal.answers, reason)],
                },
                act=lambda: self._send_move(action, proposal, facts, reason, rollbacks, turn),
                told=lambda done: self._move_messages(action.kind, done, reason),
                result=lambda done: {"after": done.service.effective_shares(), "release": done.release.id},
            )
            outcome = self._site.outcome(action.kind, done.proposal, done.service, done.release, started)
            rules = tuple(answer.rule for answer in overridden(done.proposal.answers, reason))
            return replace(outcome, notes=(*notes, *outcome.notes), overridden=rules)

    async def _send_move(
        self, action: Action, proposal: Proposal, facts: Facts, reason: str, rollbacks: int, turn: Turn
    ) -> Moved:
        """Send a move; merge where only annotations changed, give up where traffic or template did."""
        assert facts.service is not None
        looked_at = facts.service
        for attempt in range(MERGES):
            service = facts.service
            assert service is not None
            assert proposal.canary is not None
            assert proposal.split is not None
            if self._site.rollbacks != rollbacks:
                raise ConflictError(
                    _("A rollback came first."),
                    traffic=_("This move was not sent."),
                    remedy=_("Look at the split now."),
                )
            release = self._next_release(action.kind, proposal, facts, reason)
            try:
                with self._site.writing():
                    pending = await self._write_move(service, proposal, release)
            except ConflictError as error:
                fresh = await self._site.access.read()
                if changed_since(looked_at, fresh) or attempt == MERGES - 1:
                    raise await self._site.conflict(looked_at, fresh, error) from error
                facts = await self._site.access.merged_facts(facts, fresh, proposal.canary)
                proposal = propose(action, self._site.rules, facts, self._site.access.server_time())
                refuse(proposal.answers, reason)
                continue
            self._site.access.note(pending.service)
            turn.give_back()
            settled = await self._site.access.settle(pending.operation)
            return Moved(proposal, settled, release)
        raise AssertionError("unreachable")

    async def _write_move(self, service: Service, proposal: Proposal, release: Release) -> PendingChange:
        """One UpdateService; where its answer is lost, the service itself tells whether it was taken."""
        try:
            return await self._site.access.cloud.run.write(
                service, traffic=proposal.split, annotations=annotated(service, release)
            )
        except ConfirmationLostError as lost:
            try:
                fresh = await self._site.access.read()
            except CloudError:
                raise lost from None  # its words say that the change may have been made; a failed read's do not
            written, _problem = read_release(fresh.annotations)
            if written is None or not release.moves or release.moves[-1] not in written.moves:
                raise
            return PendingChange("", fresh)

    def _next_release(self, kind: ActionKind, proposal: Proposal, facts: Facts, reason: str) -> Release:
        assert facts.service is not None
        assert proposal.canary is not None
        who, former = self._site.access.who(), facts.release
        if former is None or former.canary != proposal.canary or (not former.under_way and kind is ActionKind.SHIFT):
            former = begin(facts.service, former, proposal.canary, who, auto_rollback=self._site.auto_rollback_default)
        word: Literal["shift", "undo"] = "undo" if kind is ActionKind.UNDO else "shift"
        percent = proposal.after.get(proposal.canary, 0)
        return moved(former, facts.service, who, kind=word, percent=percent, reason=reason.strip())

    def _move_messages(self, kind: ActionKind, done: Moved, reason: str) -> tuple[Message, ...]:
        proposal = done.proposal
        canary = proposal.canary or "-"
        before, percent = proposal.before.get(canary, 0), proposal.after.get(canary, 0)
        what = _("{kind} {canary} {before} % → {percent} %").format(
            kind=kind, canary=canary, before=before, percent=percent
        )
        message = shifted(
            environment=self._site.rules.name,
            service=self._site.access.service,
            canary=canary,
            before=before,
            percent=percent,
            previous=done.release.stable,
            who=self._site.access.identity,
            rollback_command=self._site.rollback_command,
            undo=kind is ActionKind.UNDO,
        )
        return (*self._site.overrides(what, proposal, reason), message)

    async def deploy(self, image: str, *, tag: str = "canary", reason: str = "") -> Outcome:
        """Make a new revision of `image` that gets no traffic, under `tag`; guarded.

        Raises:
            UsageError: no image.
            BlockedError, ConflictError, CloudError: as `shift`.
        """
        if not image.strip():
            raise UsageError(_("A deployment needs a container image."), remedy=_("canario deploy IMAGE --tag canary"))
        started = self._site.access.clock.monotonic()
        action = Action(ActionKind.DEPLOY, image=image.strip(), tag=tag)
        async with Turn(self._moving) as turn:
            facts = await self._site.access.facts()
            proposal = propose(action, self._site.rules, facts, self._site.access.server_time())
            (service, former), notes = await guarded(
                self._site.door,
                kind="deploy",
                answers=proposal.answers,
                reason=reason,
                payload={"image": action.image, "tag": tag},
                act=lambda: self._send_deploy(action, facts, turn),
                told=lambda done: (
                    *self._site.overrides(f"deploy {action.image}", proposal, reason),
                    deployed(
                        environment=self._site.rules.name,
                        service=self._site.access.service,
                        revision=done[0].latest_created or "-",
                        image=action.image,
                        tag=tag,
                        who=self._site.access.identity,
                    ),
                ),
                result=lambda done: {"revision": done[0].latest_created},
            )
        outcome = self._site.outcome(ActionKind.DEPLOY, proposal, service, facts.release, started)
        if service.latest_created == former.latest_created:
            notes = (*notes, _("The service does not report the new revision yet."))
        rules = tuple(answer.rule for answer in overridden(proposal.answers, reason))
        return replace(
            outcome,
            canary=service.latest_created,
            percent=0,
            notes=(*notes, *proposal.warnings, *outcome.notes),
            overridden=rules,
        )

    async def deploy_elsewhere(
        self, what: str, percent: int, send: Callable[[], Awaitable[None]], *, reason: str
    ) -> tuple[str, ...]:
        """See `Actions.deploy_elsewhere`."""
        action = Action(ActionKind.DEPLOY, percent=percent)
        async with Turn(self._moving):
            facts = await self._site.access.facts()
            proposal = propose(action, self._site.rules, facts, self._site.access.server_time())
            _sent, notes = await guarded(
                self._site.door,
                kind="dispatch",
                answers=proposal.answers,
                reason=reason,
                payload={
                    "what": what,
                    "percent": percent,
                    "overridden": [answer.rule for answer in overridden(proposal.answers, reason)],
                },
                act=send,
                told=lambda _done: self._site.overrides(what, proposal, reason),
                result=lambda _done: {"sent": what},
            )
        return (*notes, *proposal.warnings)

    async def _write_deploy(self, service: Service, action: Action) -> PendingChange:
        """One UpdateService; where its answer is lost, the service itself tells whether it was taken."""
        run = self._site.access.cloud.run
        now = self._site.access.server_time()
        annotations = None
        if now is not None:  # the guardrail on the clock has seen to that
            made_by = Deployment(image=action.image, tag=action.tag, by=self._site.access.identity, at=now)
            annotations = annotated(service, deployment=made_by)
        try:
            return await run.deploy(service, image=action.image, tag=action.tag, annotations=annotations)
        except ConfirmationLostError as lost:
            try:
                fresh = await self._site.access.read()
                made = fresh.traffic.revision_for_tag(action.tag)
                ours = made is not None and made != service.traffic.revision_for_tag(action.tag)
                if ours and made is not None and (await run.get_revision(fresh.name, made)).image == action.image:
                    return PendingChange("", fresh)
            except CloudError:
                raise lost from None  # its words say that the change may have been made; a failed read's do not
            raise ConfirmationLostError(
                _("The answer to the deployment was lost, and the service shows no new revision under {tag}.").format(
                    tag=action.tag
                ),
                traffic=_("No traffic moved. {serving}").format(serving=serving(fresh)),
                remedy=_("`canario revisions` shows whether it comes after all; deploy again if not."),
            ) from lost

    async def _send_deploy(self, action: Action, facts: Facts, turn: Turn) -> tuple[Service, Service]:
        former = service = facts.service
        assert former is not None
        assert service is not None
        for attempt in range(MERGES):
            try:
                with self._site.writing():
                    pending = await self._write_deploy(service, action)
            except ConflictError as error:
                service = await self._site.access.read()
                if changed_since(former, service) or attempt == MERGES - 1:
                    raise await self._site.conflict(former, service, error) from error
                continue
            self._site.access.note(pending.service)
            turn.give_back()
            return await self._site.access.settle(pending.operation), former
        raise AssertionError("unreachable")
