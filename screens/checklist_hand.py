"""From a key on the checklist to the walk: asks where it must, runs what was confirmed, and says what came of it.

It holds nothing of the runbook: it is given the step as it stands, opens dialogs, and hands coroutines to the session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from textual.screen import Screen

from console.errors import CanarioError, UsageError
from console.release.images import short_image
from console.runbook.evidence import Evidence, ItemResult
from console.runbook.kinds.base import Answer, Ask
from console.runbook.kinds.uat import POST
from console.runbook.progress import Checklist, State, StepView
from console.words import _, language
from screens import checklist_present as made
from screens import going_back, overtaken
from screens.dialogs.base import Dialog
from screens.dialogs.case import CaseDialog, CaseWord
from screens.dialogs.choose import Picked
from screens.dialogs.confirm import ConfirmDialog
from screens.dialogs.sign import SignDialog, Signed
from screens.view import View

if TYPE_CHECKING:
    from console.runbook.opening import Book
    from console.runbook.walk import Walk
    from console.session import Session
    from screens.operator import Operator, Severity

KEPT_S = 0.05
"""Wall seconds between two looks at whether an answer is kept."""

_TELLING: set[asyncio.Task[Evidence]] = set()
"""Answers that other consoles are being told of: a task that nobody holds may vanish."""

T = TypeVar("T")
R = TypeVar("R")


class Host(Protocol):
    """What the hand needs of the app."""

    operator: Operator

    @property
    def current(self) -> View:
        """The newest view."""
        ...

    async def ask(self, make: Callable[[Session], Awaitable[T]]) -> T:
        """Run something on the session's loop and wait for it without holding the screen up."""
        ...

    def say(self, text: str, severity: Severity = "information", *, keep: bool = False) -> None:
        """Tell the operator."""
        ...

    def open_dialog(self, dialog: Screen[R], then: Callable[[R | None], None]) -> None:
        """Show a dialog."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let it run beside the screen."""
        ...


class ChecklistHand:
    """The operator's hand on the checklist.

    Args:
        host: the app.
        book: which runbook's checklist.
    """

    def __init__(self, host: Host, book: Book = "despliegue") -> None:
        self._host, self._book = host, book
        self._keeping = ""
        """Id of the step whose answer is being kept: the next case opens by itself, Enter must not open it again."""

    def run(
        self, view: View, chosen: StepView, does: tuple[str, ...] = (), contact: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Enter on a step: do it, sign it, answer its case, or ask for what must come first.

        Args:
            view: the latest view, with a checklist.
            chosen: the step as it stood when the key was pressed.
            does: what its kind says that it will do.
            contact: the card of whom it asks for.
        """
        checklist = self._checklist(view)
        if checklist is None:
            return
        if not chosen.may_run:
            if made.takes_seat(chosen, checklist.me):
                self.take_seat(view)
                return
            self._host.say(chosen.why_not or _("There is nothing to do here now."), "warning")
            return
        if chosen.state is State.UNKNOWN and chosen.traits.looks:
            self._start(chosen.step.id, Answer())
            return
        if chosen.state is State.UNKNOWN:
            self._ask_what_became(view, checklist, chosen)
            return
        percent = chosen.step.settings.get("percent")
        match chosen.traits.ask:
            case _ if made.is_choice(chosen):
                self._choose(view, checklist, chosen)
            case _ if made.is_move(chosen) and (dialog := going_back.move_dialog(view, checklist)):
                self._ask_to_run(checklist, chosen, dialog)
            case Ask.ITEMS if made.open_case(chosen):
                self._ask_case(view, checklist, chosen)
            case Ask.WORD | Ask.SIGN:
                self._ask_word(view, checklist, chosen, does, contact)
            case Ask.ELSEWHERE if chosen.step.kind == "traffic" and isinstance(percent, int):
                self._host.operator.shift_to(percent)
            case _ if chosen.traits.once:
                self._confirm(view, checklist, chosen, does)
            case _:
                self._start(chosen.step.id, Answer())

    def skip(self, view: View, chosen: StepView) -> None:
        """`s`: leave the step out, with a written reason."""
        checklist = self._checklist(view)
        if checklist is None or not chosen.may_skip:
            self._host.say(chosen.why_not_skip, "warning")
            return
        when = chosen.step.skip.when if chosen.step.skip is not None else None
        lines = (
            *((_("Right where: {when}").format(when=when.in_language(language())),) if when is not None else ()),
            _("The reason is kept with your name, and stands in the report."),
        )
        step = chosen.step.id

        def then(signed: Signed | None) -> None:
            if signed is not None:
                self._send(lambda walk: walk.skip(step, signed.note))

        title = _("Skip: {step}").format(step=chosen.step.title.in_language(language()))
        dialog = SignDialog(view, title, lines, verb=_("Skip"), required=True)
        self._open(dialog, then, lambda now: overtaken.skip(chosen, checklist, now))

    def stop(self, chosen: StepView) -> None:
        """`x`: stop the step that runs here."""
        if chosen.running is None or not chosen.running.ours:
            self._host.say(_("It does not run here."), "warning")
            return
        self._send(lambda walk: walk.cancel(chosen.step.id))

    def send_again(self, view: View) -> None:
        """`w`: send what Slack did not get, once more."""
        if not view.undelivered:
            self._host.say(_("Slack got every message."))
            return

        async def send() -> None:
            left = await self._host.ask(lambda session: session.notifier.retry())
            if left:
                now = self._host.current.undelivered
                why = now[-1].problem if now else ""
                self._host.say(_("Slack still does not get them: {problem}").format(problem=why), "warning")
            else:
                self._host.say(_("Slack has them all now."))

        self._host.spawn(send())

    def take_seat(self, view: View) -> bool:
        """Offer the driver's seat of the candidate, where another console has it; whether it was offered."""
        checklist = self._checklist(view)
        if checklist is None or checklist.me.drives or not checklist.me.driver or checklist.closed:
            return False
        ahead, now = checklist.driver_expires, checklist.now
        expired = ahead is not None and now is not None and ahead <= now
        lines = (
            _("{who} drives this release; their console runs its steps.").format(who=checklist.me.driver),
            _("Their lease has run out: their console is gone.")
            if expired
            else _("Taking the seat from a live console needs a reason; both consoles show it, and the team is told."),
        )

        def then(signed: Signed | None) -> None:
            if signed is not None:
                self._send(lambda walk: walk.take_over(signed.note), lambda _none: _("You drive this release now."))

        dialog = SignDialog(view, _("Take over?"), lines, verb=_("Take over"), note=not expired, required=not expired)
        self._open(dialog, then, lambda now: overtaken.seat(checklist, now))
        return True

    # ------------------------------------------------------------------ what is asked

    def _confirm(self, view: View, checklist: Checklist, chosen: StepView, does: tuple[str, ...]) -> None:
        """What can't be done twice is asked for once more."""
        lines = does or (chosen.step.help.in_language(language()),)
        title = _("{step}?").format(step=chosen.step.title.in_language(language()))
        self._ask_to_run(checklist, chosen, ConfirmDialog(view, title, lines, _("Do it")))

    def _ask_to_run(self, checklist: Checklist, chosen: StepView, dialog: ConfirmDialog) -> None:
        def then(yes: bool | None) -> None:
            if yes:
                self._start(chosen.step.id, Answer(word="yes"))

        self._open(dialog, then, lambda now: overtaken.step(chosen, checklist, now))

    def _choose(self, view: View, checklist: Checklist, chosen: StepView) -> None:
        """Which revision to go back to: the list is read afresh, and asked once more where traffic was moved."""
        step, dialog = chosen.step.id, going_back.another_dialog(view, checklist)
        if dialog is None:
            self.choose(step)
            return

        def then(yes: bool | None) -> None:
            if yes:
                self.choose(step)

        self._open(dialog, then, lambda now: overtaken.step(chosen, checklist, now))

    def choose(self, step: str, wanted: str = "", reason: str = "") -> None:
        """Read the earlier revisions and ask for one of them.

        Args:
            step: id of the step that chooses.
            wanted: full name of the revision to begin at, where one is known.
            reason: of the rollback, where it is known.
        """

        def then(picked: Picked | None) -> None:
            if picked is not None:
                self._start(step, Answer(word="pass", item=picked.id, note=picked.reason))

        async def ask() -> None:
            items = await self._host.ask(lambda session: self._walk(session).run(step, Answer()))
            if items.items:
                view = self._host.current
                self._host.open_dialog(going_back.choose_dialog(view, items, wanted, reason), then)

        self._host.spawn(ask())

    def _ask_word(
        self,
        view: View,
        checklist: Checklist,
        chosen: StepView,
        does: tuple[str, ...],
        contact: tuple[tuple[str, str], ...],
    ) -> None:
        sign = chosen.traits.ask is Ask.SIGN
        lines = list(does)
        if sign and checklist.subject.image_id:
            lines.append(_("Image: {image}").format(image=short_image(checklist.subject.image_id)))
        lines += [f"{name}: {value}" for name, value in contact]
        lines.append(_("Signed as {who}.").format(who=checklist.me.identity))
        dialog = SignDialog(
            view,
            chosen.step.title.in_language(language()),
            tuple(lines),
            verb=_("Approve") if sign else _("Sign"),
            note=not sign,
            no="" if sign else _("No"),
        )

        def then(signed: Signed | None) -> None:
            if signed is None:
                return
            now = self._checklist(self._host.current)
            if sign and (now is None or now.subject.image_id != checklist.subject.image_id):
                self._host.say(
                    _("The image has changed since you read it: nothing was signed. Look again."), "error", keep=True
                )
                return
            self._start(chosen.step.id, Answer(word=signed.word, note=signed.note))

        self._open(dialog, then, lambda now: overtaken.step(chosen, checklist, now))

    def _ask_what_became(self, view: View, checklist: Checklist, chosen: StepView) -> None:
        lines = (
            chosen.reason,
            _("Nothing can be asked: look where it would show, then say, with what you saw: was it done?"),
            _("It is kept as your word, not as a check."),
        )

        def then(signed: Signed | None) -> None:
            if signed is not None:
                self._start(chosen.step.id, Answer(word=signed.word, note=signed.note))

        title = chosen.step.title.in_language(language())
        dialog = SignDialog(view, title, lines, verb=_("It was done"), no=_("It was not done"))
        self._open(dialog, then, lambda now: overtaken.step(chosen, checklist, now))

    def _ask_case(self, view: View, checklist: Checklist, chosen: StepView) -> None:
        """The next case; and the one after it once it is answered, until one fails or the operator leaves."""
        wanted, items = made.open_case(chosen), made.items_of(chosen)
        item = next((item for item in items if item.id == wanted), None)
        if item is None or self._keeping == chosen.step.id:
            return
        left = sum(1 for known in items if not known.result) or 1
        step = chosen.step.id

        def then(said: CaseWord | None) -> None:
            if said is not None:
                self._keeping = step  # from this moment: what is spawned begins later, and an Enter may come before
                self._host.spawn(self._answered(step, item, said))

        dialog = CaseDialog(view, item.id, item.title, item.critical, left)
        self._open(dialog, then, lambda now: overtaken.case(chosen, item.id, checklist, now))

    async def _answered(self, step: str, item: ItemResult, said: CaseWord) -> None:
        answer = Answer(word=said.word, item=item.id, note=said.note)
        self._keeping = step
        try:
            view = await self._host.ask(lambda session: _kept(self._walk(session), step, answer))
        finally:
            self._keeping = ""
        if view is None:
            return
        if said.word == "fail" and not _posted(view):
            self._offer_note(step, item, said.note)
        elif said.word == "pass" and view.may_run and made.open_case(view):
            now = self._host.current
            if (checklist := self._checklist(now)) is not None:
                self._ask_case(now, checklist, view)

    def _offer_note(self, step: str, item: ItemResult, note: str) -> None:
        """A failed case stops the release; its note belongs on the pull request."""
        lines = (
            item.title,
            f"“{note}”",
            _("The release stops here: revert, fix it in develop, and try again."),
            _("Enter writes the note on the pull request, under your name."),
        )

        def then(yes: bool | None) -> None:
            if yes:
                self._start(step, Answer(word=POST, item=item.id), _("The note is on the pull request."))

        title = _("{case} failed: note it on the pull request?").format(case=item.id)
        self._host.open_dialog(ConfirmDialog(self._host.current, title, lines, _("Write the note"), _("Not now")), then)

    # ------------------------------------------------------------------ ways to the session

    def _open(
        self, dialog: Dialog[R | None], then: Callable[[R | None], None], told: Callable[[Checklist | None], str]
    ) -> None:
        """Open a dialog that says by itself when its question has been answered elsewhere.

        Args:
            dialog: the question.
            then: takes the answer.
            told: says of the checklist now whether it has, in a sentence.
        """
        dialog.overtaken = lambda view: told(self._checklist(view))
        self._host.open_dialog(dialog, then)

    def _checklist(self, view: View) -> Checklist | None:
        return view.checklist if self._book == "despliegue" else view.rollback_checklist

    def _walk(self, session: Session) -> Walk:
        walk = session.walk if self._book == "despliegue" else session.rollback_walk
        if walk is None:
            raise UsageError(_("The runbook is not read yet: a moment."))
        return walk

    def _start(self, step: str, answer: Answer, done: str = "") -> None:
        def told(evidence: Evidence) -> str:
            # what a person signed may have left a file (the post-mortem): where it is must not be looked for
            return done or (evidence.sentence if evidence.output and not evidence.machine else "")

        self._send(lambda walk: walk.run(step, answer), told)

    def _send(self, make: Callable[[Walk], Awaitable[R]], told: Callable[[R], str] = lambda _result: "") -> None:
        async def send() -> None:
            try:
                result = await self._host.ask(lambda session: make(self._walk(session)))
            except CanarioError as error:
                self._host.say(str(error), "error", keep=True)
            else:
                if done := told(result):
                    self._host.say(done)

        self._host.spawn(send())


async def _kept(walk: Walk, step: str, answer: Answer) -> StepView | None:
    """The step once an answer is kept; telling the other consoles goes on behind, for the next case need not wait."""
    task = asyncio.create_task(walk.run(step, answer))
    _TELLING.add(task)
    task.add_done_callback(_TELLING.discard)
    while not task.done():
        view = walk.latest.view(step)
        items = made.items_of(view) if view is not None and view.running is None else ()
        if any((item.id, item.result, item.note) == (answer.item, answer.word, answer.note) for item in items):
            return view
        await asyncio.wait({task}, timeout=KEPT_S)
    await task
    return walk.latest.view(step)


def _posted(view: StepView) -> bool:
    """Whether the step writes a failure's note on the pull request without asking."""
    return bool(view.step.settings.get("post_note"))


__all__ = ["ChecklistHand", "Host"]
