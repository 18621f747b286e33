"""The checklist: phases and steps on the left, the step in hand on the right; Enter runs or signs it.

It draws what `console.runbook` says and asks the session's walk to act; a step that another screen does is done there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from console.errors import CanarioError, UsageError
from console.registry import ACTIONS, Place
from console.release.approvals import short_image
from console.runbook.kinds.base import Answer, Ask
from console.runbook.progress import Checklist, State, StepView, span
from console.words import _, language
from screens import checklist_present as made
from screens import footer, present
from screens.base import ConsoleScreen
from screens.dialogs.case import CaseDialog, CaseWord
from screens.dialogs.confirm import ConfirmDialog
from screens.dialogs.sign import SignDialog, Signed
from screens.view import View
from widgets.step_card import StepCard
from widgets.step_list import StepList

if TYPE_CHECKING:
    from console.app import ConsoleApp
    from console.runbook.walk import Walk
    from console.session import Session


class ChecklistScreen(ConsoleScreen):
    """Phases and steps, and the step in hand."""

    NAME: ClassVar[str] = "checklist"
    CSS_PATH = Path(__file__).with_suffix(".tcss")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - Textual declares it so
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(",".join(spec.keys), f"on_checklist({spec.id!r})", spec.title, id=spec.id, show=False, priority=True)
        for spec in ACTIONS
        if spec.place is Place.CHECKLIST
    ]

    def __init__(self) -> None:
        super().__init__()
        self._came = True
        """Whether the screen has just been come to: the next step for this operator is chosen then."""

    def compose_body(self) -> ComposeResult:
        """Who releases what, the list, the card."""
        yield Static("", id="release-line", markup=False)
        with Horizontal(id="checklist"):
            with Container(id="steps", classes="pane"):
                yield StepList(id="step-list")
            with VerticalScroll(id="step", classes="pane"):
                yield StepCard(id="card")

    def on_mount(self) -> None:
        """Name the panes."""
        super().on_mount()
        self.query_one("#steps").border_title = _("runbook")
        self.query_one("#step").border_title = _("step in hand")
        self.query_one("#step-list").focus()

    def on_screen_resume(self) -> None:
        """Choose what is next for this operator whenever the screen is come to."""
        self._came = True

    def show_body(self, view: View) -> None:
        """Draw the checklist of `view`."""
        checklist = view.checklist
        if checklist is None or not checklist.phases:
            self.query_one("#release-line", Static).update(
                Content(present.waiting_for(view, _("reading the runbook …")))
            )
            return
        steps = self.query_one("#step-list", StepList)
        steps.show(made.rows(checklist))
        if self._came:
            self._came = False
            if checklist.next_for_me:
                steps.choose(checklist.next_for_me)
        self.query_one("#release-line", Static).update(Content(release_line(checklist)))
        self._show_card(view, checklist)

    def _show_card(self, view: View, checklist: Checklist) -> None:
        chosen = self._chosen(checklist)
        if chosen is None:
            return
        changed = self.query_one("#card", StepCard).show(
            made.card(
                checklist,
                chosen,
                keys=lambda id: footer.first_key(id, view.keymap),
                does=self._does(chosen),
                case=made.open_case(chosen),
                contact=self._contact(chosen),
            )
        )
        if changed and chosen.running is not None and chosen.running.progress.lines:
            self.query_one("#step", VerticalScroll).scroll_end(animate=False)

    def on_step_list_chosen(self, event: StepList.Chosen) -> None:
        """Show the step under the cursor at once, from its top."""
        event.stop()
        self.query_one("#step", VerticalScroll).scroll_home(animate=False)
        if self.view is not None and self.view.checklist is not None:
            self._show_card(self.view, self.view.checklist)

    def _chosen(self, checklist: Checklist) -> StepView | None:
        return checklist.view(self.query_one("#step-list", StepList).chosen)

    @property
    def _walk(self) -> Walk | None:
        session = cast("ConsoleApp", self.app).session
        return session.walk if session is not None else None

    def _does(self, view: StepView) -> tuple[str, ...]:
        walk = self._walk
        kind = walk.loaded.kinds.get(view.step.id) if walk is not None else None
        return kind.explain() if kind is not None else ()

    def _contact(self, view: StepView) -> tuple[tuple[str, str], ...]:
        role = str(view.step.settings.get("role", ""))
        card = cast("ConsoleApp", self.app).settings.contacts.cards.get(role)
        if card is None or view.traits.ask is not Ask.WORD:
            return ()
        return tuple((name, value) for name, value in ((_("name"), card.name), (_("call"), card.phone)) if value)

    # ------------------------------------------------------------------ keys

    async def action_on_checklist(self, id: str) -> None:
        """One of the checklist's keys."""
        await self.act(id)

    async def act(self, id: str) -> None:
        """See `ConsoleScreen.act`."""
        view = self.view
        checklist = view.checklist if view is not None else None
        if view is None or checklist is None or not checklist.phases:
            self._say(_("The runbook is not read yet: a moment."), "warning")
            return
        chosen = self._chosen(checklist)
        match id:
            case "checklist_next":
                self._next(checklist)
            case "checklist_run" if chosen is not None:
                self._run(view, checklist, chosen)
            case "checklist_skip" if chosen is not None:
                self._skip(view, chosen)
            case "checklist_stop" if chosen is not None:
                self._stop(chosen)

    def _next(self, checklist: Checklist) -> None:
        if not checklist.next_for_me:
            self._say(_("Nothing is open for you now."))
            return
        self.query_one("#step-list", StepList).choose(checklist.next_for_me)

    def _run(self, view: View, checklist: Checklist, chosen: StepView) -> None:
        if not chosen.may_run:
            if not checklist.me.drives and checklist.me.driver and chosen.traits.ask is not Ask.SIGN:
                self._offer_seat(view, checklist)
                return
            self._say(chosen.why_not or _("There is nothing to do here now."), "warning")
            return
        if chosen.state is State.UNKNOWN:
            self._ask_what_became(view, chosen)
            return
        percent = chosen.step.settings.get("percent")
        match chosen.traits.ask:
            case Ask.ITEMS if made.open_case(chosen):
                self._ask_case(view, chosen)
            case Ask.WORD | Ask.SIGN:
                self._ask_word(view, checklist, chosen)
            case Ask.ELSEWHERE if chosen.step.kind == "traffic" and isinstance(percent, int):
                cast("ConsoleApp", self.app).operator.shift_to(percent)
            case _ if chosen.traits.once:
                self._confirm(view, chosen)
            case _:
                self._start(chosen, Answer())

    def _start(self, chosen: StepView, answer: Answer) -> None:
        step = chosen.step.id

        async def begin(session: Session) -> None:
            if session.walk is None:
                raise UsageError(_("The runbook is not read yet: a moment."))
            session.walk.start(step, answer)

        self._send(begin)

    def _confirm(self, view: View, chosen: StepView) -> None:
        """What can't be done twice is asked for once more."""
        lines = self._does(chosen) or (chosen.step.help.in_language(language()),)
        title = _("{step}?").format(step=chosen.step.title.in_language(language()))
        dialog = ConfirmDialog(view, title, lines, _("Do it"))
        self._open(dialog, lambda yes: self._start(chosen, Answer(word="yes")) if yes else None)

    def _ask_word(self, view: View, checklist: Checklist, chosen: StepView) -> None:
        sign = chosen.traits.ask is Ask.SIGN
        lines = list(self._does(chosen))
        if sign and checklist.subject.image_id:
            lines.append(_("Image: {image}").format(image=short_image(checklist.subject.image_id)))
        lines += [f"{name}: {value}" for name, value in self._contact(chosen)]
        lines.append(_("Signed as {who}.").format(who=checklist.me.identity))
        dialog = SignDialog(
            view,
            chosen.step.title.in_language(language()),
            tuple(lines),
            verb=_("Approve") if sign else _("Sign"),
            note=not sign,
        )

        def then(signed: Signed | None) -> None:
            if signed is not None:
                self._start(chosen, Answer(word="yes", note=signed.note))

        self._open(dialog, then)

    def _ask_case(self, view: View, chosen: StepView) -> None:
        evidence = chosen.evidence
        items = evidence.items if evidence is not None else ()
        wanted = made.open_case(chosen)
        item = next((item for item in items if item.id == wanted), None)
        if item is None:
            return
        left = sum(1 for known in items if not known.result)

        def then(said: CaseWord | None) -> None:
            if said is not None:
                self._start(chosen, Answer(word=said.word, item=item.id, note=said.note))

        self._open(CaseDialog(view, item.id, item.title, item.critical, left), then)

    def _ask_what_became(self, view: View, chosen: StepView) -> None:
        lines = (
            chosen.reason,
            _("Look where it would show (the service, GitHub, Slack), then say: was it done?"),
        )

        def then(signed: Signed | None) -> None:
            if signed is not None:
                self._start(chosen, Answer(word=signed.word, note=signed.note))

        self._open(
            SignDialog(
                view, chosen.step.title.in_language(language()), lines, verb=_("It was done"), no=_("It was not done")
            ),
            then,
        )

    def _skip(self, view: View, chosen: StepView) -> None:
        if not chosen.may_skip:
            self._say(chosen.why_not_skip, "warning")
            return
        when = chosen.step.skip.when if chosen.step.skip is not None else None
        lines = (
            *((_("Right where: {when}").format(when=when.in_language(language())),) if when is not None else ()),
            _("The reason is kept with your name, and stands in the report."),
        )
        step = chosen.step.id

        def then(signed: Signed | None) -> None:
            if signed is None:
                return

            async def skip(session: Session) -> None:
                if session.walk is not None:
                    await session.walk.skip(step, signed.note)

            self._send(skip)

        title = _("Skip: {step}").format(step=chosen.step.title.in_language(language()))
        self._open(SignDialog(view, title, lines, verb=_("Skip"), required=True), then)

    def _stop(self, chosen: StepView) -> None:
        step = chosen.step.id
        if chosen.running is None or not chosen.running.ours:
            self._say(_("It does not run here."), "warning")
            return

        async def stop(session: Session) -> None:
            if session.walk is not None:
                await session.walk.cancel(step)

        self._send(stop)

    def _offer_seat(self, view: View, checklist: Checklist) -> None:
        """Another console drives: its seat can be taken, with a reason while its lease lives."""
        expired = (
            checklist.driver_expires is not None
            and checklist.now is not None
            and checklist.driver_expires <= checklist.now
        )
        lines = (
            _("{who} drives this release; their console runs its steps.").format(who=checklist.me.driver),
            _("Their lease has run out: their console is gone.")
            if expired
            else _("Taking the seat from a live console needs a reason; both consoles show it, and the team is told."),
        )

        def then(signed: Signed | None) -> None:
            if signed is None:
                return

            async def take(session: Session) -> None:
                if session.walk is not None:
                    await session.walk.take_over(signed.note)

            self._send(take)

        self._open(SignDialog(view, _("Take over?"), lines, verb=_("Take over"), required=not expired), then)

    # ------------------------------------------------------------------ ways to the app

    def _open(self, dialog: object, then: Callable[[object], None] | Callable[..., None]) -> None:
        cast("ConsoleApp", self.app).open_dialog(dialog, then)  # type: ignore[arg-type]

    def _say(self, text: str, severity: str = "information") -> None:
        cast("ConsoleApp", self.app).say(text, severity)  # type: ignore[arg-type]

    def _send(self, make: Callable[[Session], Awaitable[None]]) -> None:
        async def send() -> None:
            try:
                await self.ask(make)
            except CanarioError as error:
                self._say(str(error), "error")

        cast("ConsoleApp", self.app).spawn(send())


def release_line(checklist: Checklist) -> str:
    """What is being released, by whom, and how far it is: one line."""
    subject, me = checklist.subject, checklist.me
    done = sum(view.done for view in checklist.steps)
    parts = [
        subject.candidate or _("no release yet: the first step opens one"),
        *([f"PR #{subject.pull_request}"] if subject.pull_request else []),
        *([subject.commit[:7]] if subject.commit else []),
        *([short_image(subject.image_id)] if subject.image_id else []),
        _("{done} of {all} steps").format(done=done, all=len(checklist.steps)),
    ]
    if me.driver and not me.drives:
        left = ""
        if checklist.driver_expires is not None and checklist.now is not None:
            ahead = checklist.driver_expires - checklist.now
            left = _(", lease ended") if ahead.total_seconds() <= 0 else f" ({span(ahead)})"
        parts.append(_("read-only: {who} drives{left}").format(who=me.driver, left=left))
    elif me.drives and me.driver:
        parts.append(_("you drive"))
    if checklist.closed:
        parts.append(_("closed: {how}").format(how=checklist.closed))
    return " " + " · ".join(parts) + "".join(f"\n ▲ {problem}" for problem in checklist.problems)


__all__ = ["ChecklistScreen", "release_line"]
