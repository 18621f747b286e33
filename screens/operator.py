"""From a key to an action: asks where it must, sends what was confirmed, and says what came of it.

It holds no state of the cloud: it reads the app's latest view, opens dialogs, and hands coroutines to the session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from textual.screen import Screen

from console.errors import BlockedError, CanarioError, ConfirmationLostError, ConflictError
from console.release.guardrails import Action, ActionKind
from console.release.moves import Proposal
from console.release.service import Service
from console.words import _
from screens import figures, present
from screens.dialogs.confirm import ConfirmDialog
from screens.dialogs.deploy import DeployDialog, Deployment
from screens.dialogs.move import Confirmed, MoveDialog
from screens.view import View

if TYPE_CHECKING:
    from console.actions import Outcome
    from console.session import Session
    from console.watch.snapshot import Snapshot

T = TypeVar("T")
R = TypeVar("R")
Severity = Literal["information", "warning", "error"]


class Host(Protocol):
    """What the operator's hand needs of the app."""

    @property
    def current(self) -> View:
        """The newest view."""
        ...

    def propose(self, action: Action, seen: Snapshot) -> Proposal:
        """What an action would do now, judged against `seen`, the picture that the operator decided on.

        Raises:
            CanarioError: it can mean nothing now.
        """
        ...

    async def ask(self, make: Callable[[Session], Awaitable[T]]) -> T:
        """Run something on the session's loop and wait for it without holding the screen up."""
        ...

    def say(self, text: str, severity: Severity = "information", *, keep: bool = False) -> None:
        """Tell the operator: a toast, and with `keep` a line in the header too."""
        ...

    def working(self, text: str) -> None:
        """Say what has been sent and not answered yet; empty once it is."""
        ...

    def open_dialog(self, dialog: Screen[R], then: Callable[[R | None], None]) -> None:
        """Show a dialog."""
        ...

    def spawn(self, work: Awaitable[None]) -> None:
        """Let it run beside the screen; whatever it raises is told, never thrown."""
        ...


class Operator:
    """The operator's hand.

    Args:
        host: the app.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    def step(self, number: int) -> None:
        """Key of the plan's step `number`, from 1."""
        steps = self._host.current.rules.plan.steps
        if number <= len(steps):
            self.shift_to(steps[number - 1])

    def nudge(self, points: int) -> None:
        """Keys `+` and `-`: so many points more or less."""
        view = self._host.current
        service, canary = view.snapshot.service, view.snapshot.canary
        if service is None or canary is None:
            self.shift_to(0)
            return
        now = service.desired_shares().get(canary, 0)
        target = view.rules.plan.nudge(now, points)
        if target == now:
            full, none = _("The canary has all traffic already."), _("The canary has no traffic to give up.")
            self._host.say(full if points > 0 else none, "warning")
            return
        self.shift_to(target)

    def shift_to(self, percent: int) -> None:
        """Ask for the canary's share `percent`."""
        view = self._host.current
        canary = view.snapshot.canary
        service = view.snapshot.service
        if service is not None and canary is not None and service.desired_shares().get(canary, 0) == percent:
            self._host.say(_("The canary has {percent} % already: nothing to move.").format(percent=percent), "warning")
            return
        self._open(Action(ActionKind.SHIFT, percent=percent, canary=canary))

    def undo(self) -> None:
        """Key `u`."""
        self._open(Action(ActionKind.UNDO))

    def take_over(self) -> None:
        """Key `t`."""
        view = self._host.current
        if self._too_early(view):
            return
        if view.you_drive:
            self._host.say(_("You drive this release already."))
            return
        release = view.snapshot.release
        if release is None or not release.under_way:
            self._host.say(_("No release is under way: the first move makes its operator the driver."))
            return
        self._open(Action(ActionKind.TAKE_OVER))

    def auto_rollback(self) -> None:
        """Key `a`: disarming asks for a reason first, arming does not."""
        view = self._host.current
        if self._too_early(view):
            return
        if view.auto_rollback:
            self._open(Action(ActionKind.DISARM), needs_reason=True)
        else:
            self._host.spawn(self._arm())

    def deploy(self) -> None:
        """Key `d`."""
        view = self._host.current
        seen = view.snapshot
        if self._too_early(view):
            return

        def propose(image: str, tag: str) -> Proposal:
            return self._host.propose(Action(ActionKind.DEPLOY, image=image, tag=tag or "canary"), seen)

        try:
            propose("", "canary")
        except CanarioError as error:
            self._host.say(str(error), "warning")
            return

        def then(answer: Deployment | None) -> None:
            if answer is not None:
                self._host.spawn(self._deploy(answer))

        self._host.open_dialog(DeployDialog(view, propose), then)

    def _too_early(self, view: View) -> bool:
        """Whether the service is not known yet, which is said: a key is never met with silence."""
        if view.snapshot.service is not None:
            return False
        self._host.say(
            _(
                "Still connecting ({what}): press the key again in a moment. A rollback can be asked for already."
            ).format(what=present.waiting_for(view, _("the service is not known yet"))),
            "warning",
        )
        return True

    def _open(self, action: Action, *, needs_reason: bool = False) -> None:
        """Show the dialog of an action, judged against the picture of the moment when the key was pressed."""
        view = self._host.current
        seen = view.snapshot
        if self._too_early(view):
            return
        try:
            dialog = MoveDialog(view, lambda: self._host.propose(action, seen), needs_reason=needs_reason)
        except CanarioError as error:
            self._host.say(str(error), "warning")
            return

        def then(answer: Confirmed | None) -> None:
            if answer is not None:
                self._host.spawn(self._send(answer, seen.service))

        self._host.open_dialog(dialog, then)

    async def _send(self, answer: Confirmed, seen: Service | None) -> None:
        action, reason = answer.proposal.action, answer.reason
        percent = action.percent or 0
        match action.kind:
            case ActionKind.SHIFT:
                await self._run(
                    _("moving the canary to {percent} % …").format(percent=percent),
                    lambda s: s.actions.shift(percent, canary=action.canary, seen=seen, reason=reason),
                )
            case ActionKind.UNDO:
                await self._run(_("undoing the last move …"), lambda s: s.actions.undo(seen=seen, reason=reason))
            case ActionKind.TAKE_OVER:
                await self._run(
                    _("taking over …"), lambda s: s.actions.take_over(reason=reason), _("You drive this release now.")
                )
            case ActionKind.DISARM:
                await self._run(
                    _("disarming …"),
                    lambda s: s.actions.set_auto_rollback(False, reason=reason),
                    _("The automatic rollback is disarmed: only you can roll back now."),
                )
            case _:
                raise AssertionError(action.kind)

    async def _arm(self) -> None:
        await self._run(
            _("arming …"), lambda s: s.actions.set_auto_rollback(True), _("The automatic rollback is armed.")
        )

    async def _deploy(self, answer: Deployment) -> None:
        await self._run(
            _("deploying {image} …").format(image=answer.image),
            lambda s: s.actions.deploy(answer.image, tag=answer.tag, reason=answer.reason),
            _("Deployed with no traffic, under the tag {tag}.").format(tag=answer.tag),
        )

    async def _run(self, doing: str, make: Callable[[Session], Awaitable[Outcome]], done: str = "") -> None:
        """Send one action and say what came of it."""
        self._host.working(doing)
        try:
            outcome = await self._host.ask(make)
        except BlockedError as error:
            self._host.say(_("Nothing was sent: {why}").format(why=str(error)), "error", keep=True)
        except ConflictError as error:
            self._host.say(str(error), "error", keep=True)
        except ConfirmationLostError as error:
            self._host.say(str(error), "warning", keep=True)
        except CanarioError as error:
            self._host.say(str(error), "error", keep=True)
        else:
            self._host.say(done or outcome_sentence(outcome, self._host.current))
            for note in outcome.notes:
                self._host.say(note, "warning")
        finally:
            self._host.working("")

    def leave(self, leave: Callable[[], None], *, to: str = "") -> None:
        """Key `q`, or going to another environment `to`: asks while a release is under way here.

        Refused while a rollback waits to be sent: nothing that was asked for is lost unseen.
        """
        view = self._host.current
        release = view.snapshot.release
        if view.rollback_waiting:
            # no dialog: its Esc would cancel the rollback, and Enter would forget it
            self._host.say(
                _("The rollback has not been sent yet, and would be forgotten: Esc cancels it, then leave."), "warning"
            )
            return
        migrating = view.migrations is not None and view.migrations.busy
        lines: tuple[str, ...]
        if migrating:
            lines = (
                _("A migration is under way here."),
                _("Leaving cancels on the server what it is at; the next console looks what became of it."),
            )
            question = (
                _("Go to {environment} while a migration is under way?")
                if to
                else _("Leave while a migration is under way?")
            )
            self._ask_to_leave(view, question.format(environment=to), lines, leave, to)
            return
        if release is None or not release.under_way or view.unwatched:
            leave()
            return
        if view.you_drive:
            lines = (
                _("You drive the release of {canary}.").format(canary=release.canary),
                _("Automatic rollback lives only while this console does: nobody will guard the canary.")
                if view.auto_rollback
                else _("Nobody will watch the canary."),
                _("The traffic stays as it is; another console can take over."),
            )
        else:
            lines = (
                _("The release of {canary} is under way, driven by {who}.").format(
                    canary=release.canary, who=view.driver.email if view.driver is not None else _("nobody")
                ),
                _("The traffic stays as it is."),
            )
        question = (
            _("Go to {environment} while a release is under way here?")
            if to
            else _("Leave while a release is under way?")
        )
        self._ask_to_leave(view, question.format(environment=to), lines, leave, to)

    def _ask_to_leave(
        self, view: View, question: str, lines: tuple[str, ...], leave: Callable[[], None], to: str
    ) -> None:
        def then(answer: bool | None) -> None:
            if answer:
                leave()

        verb = _("Go") if to else _("Leave")
        self._host.open_dialog(ConfirmDialog(view, question, lines, verb, _("Stay")), then)


def outcome_sentence(outcome: Outcome, view: View) -> str:
    """What an action did, in a line."""
    seconds = outcome.took.total_seconds()
    if outcome.already:
        return _("The service was there already: nothing was moved.")
    changed = {**outcome.before, **outcome.after}
    parts = [
        f"{figures.short(name, view.snapshot.service_name)} "
        f"{outcome.before.get(name, 0)} → {outcome.after.get(name, 0)} %"
        for name in changed
        if outcome.before.get(name, 0) != outcome.after.get(name, 0)
    ]
    changes = ", ".join(parts) or _("no traffic moved")
    return _("Done in {seconds:.1f} s: {changes}").format(seconds=seconds, changes=changes)


async def settle(work: Awaitable[None], tell: Callable[[str], None], log: Callable[[BaseException], None]) -> None:
    """Run `work`; tell of whatever it raises in a sentence and log the rest."""
    try:
        await work
    except asyncio.CancelledError:
        raise
    except CanarioError as error:
        tell(str(error))
    except Exception as error:  # noqa: BLE001 - a bug must not take rollback's key away
        log(error)
        kind = type(error).__name__
        tell(_("Something went wrong inside canario ({kind}); the traffic stays as it is.").format(kind=kind))
