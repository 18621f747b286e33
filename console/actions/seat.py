"""The driver's seat and what is written beside the traffic: lease, verdict, arming, the end of a release."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from console.actions.door import guarded
from console.actions.outcome import Outcome
from console.actions.site import Site
from console.errors import CanarioError, UsageError
from console.notify import Message, disarmed, held, successful, took_over
from console.release.guardrails import Action, ActionKind, evaluate, shares_text
from console.release.service import Service
from console.release.state import Release, VerdictRecord, read_document, read_release
from console.release.transitions import (
    drives,
    may_hold,
    promoted,
    with_auto_rollback,
    with_lease,
    with_verdict,
    without_lease,
)
from console.words import _


class Seat:
    """Annotation-only actions on one service."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def set_auto_rollback(self, armed: bool, *, reason: str = "") -> Outcome:
        """Arm or disarm automatic rollback for the release under way, else for the next one started here.

        Raises:
            BlockedError: disarming with a broken journal, or while another drives and no reason is given.
            CloudError: the annotation cannot be written.
        """
        kind = ActionKind.ARM if armed else ActionKind.DISARM

        async def act() -> Release | None:
            self._site.auto_rollback_default = armed
            written = await self._site.access.annotate(
                lambda release: with_auto_rollback(release, armed) if release.under_way else None
            )
            return written[1] if written is not None else None

        return await self._annotation_action(
            kind,
            reason,
            act,
            disarmed(
                environment=self._site.rules.name,
                service=self._site.access.service,
                who=self._site.access.identity,
                armed=armed,
                reason=reason.strip(),
            ),
        )

    async def take_over(self, *, reason: str = "") -> Outcome:
        """Take the driver's seat of the release under way: free where the lease ran out, else with a reason.

        Raises:
            UsageError: no release is under way.
            BlockedError, CloudError: as `shift`.
        """
        service = await self._site.access.read()
        release, _problem = read_release(service.annotations)
        if release is None or not release.under_way:
            raise UsageError(_("No release is under way on {service}.").format(service=self._site.access.service))
        former = release.driver.email if release.driver is not None else ""

        async def act() -> Release | None:
            written = await self._site.access.annotate(
                lambda now: with_lease(now, self._site.access.who()) if now.under_way else None
            )
            return written[1] if written is not None else None

        return await self._annotation_action(
            ActionKind.TAKE_OVER,
            reason,
            act,
            took_over(
                environment=self._site.rules.name,
                service=self._site.access.service,
                who=self._site.access.identity,
                former=former,
                reason=reason.strip(),
            ),
        )

    async def _annotation_action(
        self,
        kind: ActionKind,
        reason: str,
        act: Callable[[], Awaitable[Release | None]],
        message: Message,
    ) -> Outcome:
        started = self._site.access.clock.monotonic()
        facts = await self._site.access.facts()
        assert facts.service is not None
        answers = evaluate(Action(kind), self._site.rules, facts, self._site.access.server_time())
        release, notes = await guarded(
            self._site.door,
            kind=str(kind),
            answers=answers,
            reason=reason,
            payload={"release": facts.release.id if facts.release else None},
            act=act,
            told=lambda _release: (message,),
            result=lambda _release: {},
        )
        service = self._site.access.known() or await self._site.access.read()
        shares = service.desired_shares()
        return Outcome(
            kind,
            shares,
            shares,
            service,
            self._site.since(started),
            notes,
            release=release or facts.release,
            canary=facts.release.canary if facts.release else None,
        )

    async def finish(self, figures: tuple[str, ...] = ()) -> Outcome | None:
        """Write down that the release at 100 % has baked: over, promoted. None where there is no such release.

        Args:
            figures: e.g. `error rate 0.3 %`, for the message.
        """
        started = self._site.access.clock.monotonic()
        service = await self._site.access.read()
        release, _problem = read_release(service.annotations)
        if release is None or not release.under_way or service.desired_shares().get(release.canary, 0) != 100:
            return None

        async def act() -> tuple[Service, Release] | None:
            at = self._site.access.who().at
            return await self._site.access.annotate(lambda now: promoted(now, at) if now.under_way else None)

        written, notes = await guarded(
            self._site.door,
            kind="finish",
            answers=(),
            reason="",
            payload={"release": release.id, "canary": release.canary},
            act=act,
            told=lambda _written: (
                ()
                if self._is_walked(service)
                else (
                    successful(
                        environment=self._site.rules.name,
                        service=self._site.access.service,
                        canary=release.canary,
                        figures=figures,
                        who=self._site.access.identity,
                        rollback_command=self._site.rollback_command,
                    ),
                )
            ),
            result=lambda _written: {"after": shares_text(service.desired_shares())},
        )
        shares = service.desired_shares()
        return Outcome(
            ActionKind.SHIFT,
            shares,
            shares,
            written[0] if written else service,
            self._site.since(started),
            notes,
            already=True,
            canary=release.canary,
            percent=100,
            release=written[1] if written else release,
        )

    def _is_walked(self, service: Service) -> bool:
        """Whether somebody walks the runbook for this release: its own step announces it, with the figures after it."""
        candidate = read_document(service.annotations)[0].candidate
        seat = candidate.driver if candidate is not None and candidate.open else None
        return seat is not None and seat.expires > self._site.access.who().at

    async def page(self, kind: str, sentence: str, *, canary: str, percent: int) -> None:
        """Call somebody, and write down that it was done; no cloud call, and a broken journal keeps nobody uncalled.

        Args:
            kind: `shared breach` or `no data`.
            sentence: the judge's.
            canary: short revision name.
            percent: its share now.
        """
        site = self._site
        site.door.notifier.announce_soon(
            held(
                environment=site.rules.name,
                service=site.access.service,
                canary=canary,
                percent=percent,
                kind=kind,
                sentence=sentence,
                who=site.access.identity,
            )
        )
        number = await site.door.intent("page", {"what": kind, "verdict": sentence, "canary": canary})
        await site.door.outcome(number, "done", {})

    async def renew_lease(self, verdict: VerdictRecord | None = None) -> bool:
        """Hold the driver's seat for another lease, with the judge's latest word where there is one.

        Returns:
            Whether this session drives; False where nobody's release is under way or another sits in the seat.
        """

        def change(release: Release) -> Release | None:
            if not may_hold(release, self._site.access.identity, self._site.access.session_id):
                return None
            renewed = with_lease(release, self._site.access.who())
            return renewed if verdict is None else with_verdict(renewed, verdict)

        return await self._site.access.annotate(change) is not None

    async def record_verdict(self, verdict: VerdictRecord) -> bool:
        """Write the judge's word into the annotation, for commands; only the driver's console does.

        Returns:
            Whether it was written.
        """

        def change(release: Release) -> Release | None:
            if not drives(release, self._site.access.session_id, self._site.access.server_time()):
                return None
            return with_verdict(release, verdict)

        return await self._site.access.annotate(change) is not None

    async def release_lease(self) -> None:
        """Leave the driver's seat, best effort: called when a console quits."""
        try:
            await self._site.access.annotate(lambda release: without_lease(release, self._site.access.session_id))
        except CanarioError:
            return  # it runs out by itself in two minutes
