"""The rollback: sacred (DESIGN.md, decision 4). No guard, no dialog, no disk and no message can hold it up.

The call leaves at once from the service as known last; where another writer came between, the service is read again and
the call sent again; where the cloud does not answer, it is tried again until the service reports the old split back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Literal, TypeAlias

from console.actions.door import Door
from console.actions.outcome import Outcome, RollbackProgress
from console.actions.reading import ServiceAccess, differences
from console.actions.way_back import WayBack
from console.cloud.run import PendingChange
from console.errors import (
    CanarioError,
    CloudError,
    ConfirmationLostError,
    ConflictError,
    InvalidRequestError,
    JournalError,
    NotFoundError,
    QuotaError,
    UnavailableError,
)
from console.notify import rolled_back as rolled_back_message
from console.release.guardrails import ActionKind
from console.release.moves import RollbackTarget, keeps_users_on
from console.release.service import Revision, Service
from console.release.state import Release, read_release
from console.release.transitions import UNKNOWN_IDENTITY, annotated, promoted, signed, with_verdict
from console.release.transitions import rolled_back as rolled_back_release
from console.words import _

JOURNAL_GRACE_S = 0.1
"""Wall seconds that the call waits for the intent's row; after that it leaves without it."""

SIGNATURE_S = 1.0
"""Wall seconds that a rollback that is done waits to hear who made it; then it stays signed `unknown`."""

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
POLL_S = 0.2
LOOK_S = 1.0
"""Wall seconds between looks at the service while an operation runs: a rival may move the split meanwhile."""

State: TypeAlias = Literal["sending", "moving", "retrying", "done", "failed"]

RETRIED = (UnavailableError, QuotaError, ConfirmationLostError)
"""Errors after which the same call is sent again."""


class Rollback:
    """One rollback under way.

    Args:
        access: the service.
        door: journal and people.
        environment: name, for messages.
        to: the revision that the operator named, else None.
        reason: as typed, or the judge's figures.
        automatic: whether the countdown started it.
        give_up_after: wall time after which a cloud that does not answer is given up; None: never.
        report: told each change of progress.
    """

    def __init__(
        self,
        access: ServiceAccess,
        door: Door,
        *,
        environment: str,
        to: str | None,
        reason: str,
        automatic: bool,
        give_up_after: timedelta | None,
        report: Callable[[RollbackProgress], None],
    ) -> None:
        self._access, self._door, self._environment = access, door, environment
        self._to, self._reason, self._automatic = to, reason, automatic
        self._give_up_after, self._report = give_up_after, report
        self._clock = access.clock
        self._started = self._clock.monotonic()
        self._attempts = 0
        self._tries = 0
        """Calls that failed, reads too: what an operator counts as attempts."""
        self._way = WayBack(to, reason)
        self._pause = FIRST_PAUSE_S
        self._progress = RollbackProgress("sending", self._started, automatic=automatic)
        self._release: Release | None = None
        self._listed: tuple[Revision, ...] = ()
        self._bare = False
        """Whether the cloud refused the annotation, so that the split is sent alone."""

    async def run(self) -> Outcome:
        """Roll back.

        Raises:
            UsageError: `to` cannot be gone back to.
            BlockedError: `to` was itself rolled back, and no reason says why it is good now.
            CloudError: the cloud refuses (permission, credentials, no such service), there is nowhere to go, or
                `give_up_after` has passed.
        """
        self._say("sending")
        intent: asyncio.Task[int] | None = None
        try:
            service = self._access.known() or await self._read()
            before = service.desired_shares()
            if self._to is not None and not self._revisions():
                self._listed = await self._list()
            target = self._target(service)
            if target.already:
                service, target, before = await self._look_again()
                if target.already:
                    return await self._nothing_to_do(service, target, before)
            intent = asyncio.create_task(self._intent(before, target))
            await asyncio.wait({intent}, timeout=JOURNAL_GRACE_S)
            service, target = await self._until_back(service, target)
            release, _problem = read_release(service.annotations)
            if release is not None and release.under_way:  # somebody else brought the traffic back before us
                await self._close_release(service, target)
        except CanarioError as error:
            self._say("failed", problem=error.what)
            await self._write_outcome(intent, "failed", {"error": str(error)})
            raise
        took = timedelta(seconds=self._clock.monotonic() - self._started)
        self._say("done", target=target.shares, took=took)
        await self._sign()
        return await self._finish(intent, service, target, before, took)

    def _say(
        self,
        state: State,
        *,
        problem: str = "",
        target: Mapping[str, int] | None = None,
        took: timedelta | None = None,
    ) -> None:
        self._progress = replace(
            self._progress,
            state=state,
            attempts=max(self._attempts, self._tries),
            problem=problem,
            target=dict(target) if target is not None else self._progress.target,
            took=took,
        )
        self._report(self._progress)

    def _revisions(self) -> tuple[Revision, ...]:
        watcher = self._access.watcher
        return (watcher.latest.revisions if watcher is not None else ()) or self._listed

    async def _list(self) -> tuple[Revision, ...]:
        """The revisions, for a command that names one: their ages tell whether it lies behind what serves."""
        while True:
            try:
                return await self._access.cloud.run.list_revisions(self._access.service)
            except RETRIED as error:
                await self._pause_after(error)
            except CloudError as error:
                self._way.note(error.what)
                return ()

    def _target(self, service: Service) -> RollbackTarget:
        return self._way.target(service, self._revisions(), self._access.server_time())

    async def _look_again(self) -> tuple[Service, RollbackTarget, dict[str, int]]:
        """Read once more before saying that nothing has to move: a move of our own may be on its way."""
        deadline = self._clock.monotonic() + 10.0
        while self._access.writes and self._clock.monotonic() < deadline:
            await self._clock.sleep(0.02)
        service = await self._read()
        return service, self._target(service), service.desired_shares()

    async def _nothing_to_do(self, service: Service, target: RollbackTarget, before: dict[str, int]) -> Outcome:
        release, _problem = read_release(service.annotations)
        if release is not None and release.under_way:
            release = await self._close_release(service, target)
        took = timedelta(seconds=self._clock.monotonic() - self._started)
        self._say("done", target=target.shares, took=took)
        return Outcome(
            ActionKind.ROLLBACK,
            before,
            dict(target.shares),
            service,
            took,
            (*self._way.notes, *target.notes),
            already=True,
            canary=target.canary,
            percent=target.shares.get(target.canary or "", 0),
            release=release,
            attempts=self._attempts,
            target=target.revision,
        )

    async def _close_release(self, service: Service, target: RollbackTarget) -> Release | None:
        """Write down that a release whose traffic is back already is over; best effort."""
        who = self._access.who()

        def close(release: Release) -> Release | None:
            if release.canary in target.shares:
                return promoted(release, who.at)
            return rolled_back_release(
                release, service, who, shares=target.shares, canary=release.canary, reason=self._reason
            )

        try:
            written = await self._access.annotate(close)
        except CanarioError as error:
            self._way.notes.append(error.what)
            return None
        return written[1] if written is not None else None

    async def _sign(self) -> None:
        """Put our name to what left before we knew it; best effort."""
        move = self._release.moves[-1] if self._release is not None and self._attempts else None
        if move is None or move.by != UNKNOWN_IDENTITY:
            return
        try:
            await asyncio.wait_for(self._access.identified.wait(), SIGNATURE_S)
            if self._access.identity != UNKNOWN_IDENTITY:
                await self._access.annotate(lambda release: signed(release, move, self._access.identity))
        except TimeoutError:
            return
        except CanarioError as error:
            self._way.note(error.what)

    async def _read(self) -> Service:
        while True:
            try:
                return await self._access.read()
            except RETRIED as error:
                await self._pause_after(error)

    async def _pause_after(self, error: CanarioError) -> None:
        """Wait a little before the next attempt.

        Raises:
            CanarioError: the given error, once `give_up_after` has passed.
        """
        elapsed = timedelta(seconds=self._clock.monotonic() - self._started)
        if self._give_up_after is not None and elapsed > self._give_up_after:
            raise error
        self._tries += 1
        self._say("retrying", problem=error.what)
        await self._clock.sleep(self._pause)
        self._pause = min(self._pause * 2, LONGEST_PAUSE_S)

    async def _until_back(self, service: Service, target: RollbackTarget) -> tuple[Service, RollbackTarget]:
        """Send, follow, and send again until the service reports the split of `target` back."""
        while True:
            self._say("sending", target=target.shares)
            try:
                pending = await self._send(service, target)
                self._pause = FIRST_PAUSE_S
                self._say("moving", target=target.shares)
                service = await self._follow(pending, target)
                if service.effective_shares() == dict(target.shares):
                    return service, target
                self._way.count_failure(service, target)
            except ConflictError as error:
                self._say("retrying", problem=error.what)
                service = await self._read()
            except RETRIED as error:
                await self._pause_after(error)
                service = await self._read()
            except (NotFoundError, InvalidRequestError) as error:
                service = await self._read()
                await self._make_do(error, target)
            target = self._target(service)
            if target.already or service.effective_shares() == dict(target.shares) == service.desired_shares():
                return service, target

    async def _send(self, service: Service, target: RollbackTarget) -> PendingChange:
        release, _problem = read_release(service.annotations)
        if release is not None and release.under_way:
            release = self._judged(release, service)
        self._release = rolled_back_release(
            release,
            service,
            self._access.who(),
            shares=target.shares,
            canary=target.canary,
            reason=self._reason,
            automatic=self._automatic,
        )
        self._attempts += 1
        pending = await self._access.cloud.run.write(
            service,
            traffic=target.split,
            annotations=None if self._bare else annotated(service, self._release),
        )
        self._access.note(pending.service)
        return pending

    def _judged(self, release: Release, service: Service) -> Release:
        """`release` with what our judge said last: the seat's own record of a FAIL may lag half a minute behind it."""
        verdict = self._access.live_verdict(service)
        roles = self._access.watcher.latest if self._access.watcher is not None else None
        if verdict is None or roles is None or roles.canary != release.canary or verdict.at < release.moved_at:
            return release
        return with_verdict(release, verdict)

    async def _follow(self, pending: PendingChange, target: RollbackTarget) -> Service:
        """Wait until the cloud has carried the change out, failed it, or somebody else moved the split again."""
        wanted = dict(target.shares)
        waiting = asyncio.create_task(self._wait(pending.operation))
        try:
            while True:
                await asyncio.wait({waiting}, timeout=LOOK_S)
                if waiting.done() and waiting.result() is not None:
                    service = waiting.result()
                    assert service is not None
                else:
                    service = await self._read()
                if service.effective_shares() == wanted or service.desired_shares() != wanted:
                    return service
                if waiting.done() and not service.reconciling:
                    return service
                if waiting.done():
                    await self._clock.sleep(POLL_S)
                    waiting = asyncio.create_task(self._wait(""))
        finally:
            waiting.cancel()

    async def _wait(self, operation: str) -> Service | None:
        if not operation:
            return None
        try:
            service = await self._access.cloud.run.wait(operation, timeout_s=30.0)
        except CanarioError as error:
            self._say("moving", problem=error.what)
            return None  # the service itself tells how it went
        self._access.note(service)
        return service

    async def _make_do(self, error: CanarioError, target: RollbackTarget) -> None:
        """Find which revisions of `target` the cloud does not have; where it has all, try the split alone.

        Raises:
            UsageError: the operator named it.
            CanarioError: the given error, where all of them are there and the annotation is not to blame.
        """
        missing = set()
        for name in target.shares:
            try:
                revision = await self._access.cloud.run.get_revision(self._access.service, name)
            except NotFoundError:
                missing.add(name)
            except CloudError:
                continue
            else:
                if revision.deleted:
                    missing.add(name)
        if not self._way.is_news(missing):
            if self._bare or not isinstance(error, InvalidRequestError):
                raise error
            self._bare = (
                True  # an annotation too large, or one that a policy forbids, must not keep users on a bad canary
            )
            self._way.note(
                _("The cloud refused the release annotation; the split went without it: {problem}").format(
                    problem=error.what
                )
            )
            return
        self._way.cross_off(self._access.service, missing)

    async def _intent(self, before: Mapping[str, int], target: RollbackTarget) -> int:
        return await self._door.intent(
            "rollback",
            {
                "reason": self._reason,
                "automatic": self._automatic,
                "before": dict(before),
                "after": dict(target.shares),
                "source": target.source,
                "canary": target.canary,
            },
        )

    async def _write_outcome(
        self, intent: asyncio.Task[int] | None, result: str, payload: Mapping[str, object]
    ) -> None:
        """Journal how it ended, as far as the journal lets; a few seconds at most, never an error."""
        if intent is None:
            return
        try:
            number = await asyncio.wait_for(asyncio.shield(intent), 2.0)
            problem = await asyncio.wait_for(self._door.outcome(number, result, payload), 2.0)
        except JournalError as error:
            problem = error.what
        except TimeoutError:
            problem = _("the journal's disk does not answer")
        if problem:
            self._way.notes.append(_("Not in the journal: {problem}").format(problem=problem))

    async def _finish(
        self,
        intent: asyncio.Task[int] | None,
        service: Service,
        target: RollbackTarget,
        before: Mapping[str, int],
        took: timedelta,
    ) -> Outcome:
        previous = target.revision or "-"
        self._door.notifier.announce_soon(
            rolled_back_message(
                environment=self._environment,
                service=service.name,
                reason=self._reason,
                took=took,
                previous=previous,
                who=self._access.identity,
                automatic=self._automatic,
                shares=target.shares,
            )
        )
        await self._write_outcome(
            intent,
            "done",
            {
                "after": service.effective_shares(),
                "took_s": round(took.total_seconds(), 3),
                "attempts": self._attempts,
                "reason": self._reason,
            },
        )
        notes = (*self._way.notes, *target.notes, *differences(service), *keeps_users_on(service, target.canary))
        return Outcome(
            ActionKind.ROLLBACK,
            before,
            dict(target.shares),
            service,
            took,
            notes,
            canary=target.canary,
            percent=target.shares.get(target.canary or "", 0),
            release=read_release(service.annotations)[0] or self._release,
            attempts=self._attempts,
            target=previous,
        )
