"""The checklist: phases and steps on the left, the step in hand on the right; Enter runs or signs it.

Two runbooks are walked on it, the release's and the manual rollback's; the app knows which one is open. It draws what
`console.runbook` says; `screens.checklist_hand` acts. A step that another screen does is done there.
"""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.widgets import Static

from console.registry import ACTIONS, Place
from console.release.images import short_image
from console.release.moves import largest
from console.runbook.kinds.base import Ask, Known
from console.runbook.progress import Checklist, State, StepView, closed_word
from console.words import _, language, ngettext
from screens import checklist_present as made
from screens import figures, footer, present
from screens.base import ConsoleScreen
from screens.checklist_hand import ChecklistHand
from screens.view import View
from widgets.step_card import StepCard, StepCardState
from widgets.step_list import StepList

if TYPE_CHECKING:
    from console.app import ConsoleApp
    from console.runbook.opening import Book
    from console.runbook.walk import Walk

SETTLE_S = 0.5
"""Wall seconds after the cursor moved by itself in which Enter does nothing: it was meant for the step before."""


class ChecklistScreen(ConsoleScreen):
    """Phases and steps, and the step in hand."""

    NAME: ClassVar[str] = "checklist"
    CSS_PATH = Path(__file__).with_suffix(".tcss")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (160, "-huge")]  # noqa: RUF012 - Textual declares it so
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]  # noqa: RUF012 - as above
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(
                ",".join(spec.keys), f"on_checklist({spec.id!r})", spec.title, id=spec.id, show=False, priority=True
            )
            for spec in ACTIONS
            if spec.place is Place.CHECKLIST
        ),
        # the arrows are the list's, so the card scrolls by pages
        Binding("pageup", "page_card(-1)", show=False, priority=True),
        Binding("pagedown", "page_card(1)", show=False, priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._came = True
        """Whether the screen has just been come to: the step to show is chosen then."""
        self._followed = ""
        """Id of the step that the cursor was put on, or that was run from here, while it stands there: once the step is
        done the cursor goes on by itself. Empty once the operator has moved it."""
        self._jumped = float("-inf")
        """When the cursor last went on by itself, monotonic seconds."""
        self._seen: Checklist | None = None
        """The checklist as it was drawn last, told apart by identity: `Walk` publishes a new one where it looked."""
        self._shown = ""
        """Id of the step whose card was drawn last."""
        self._book: Book = "despliegue"
        """The runbook that was drawn last."""
        self._line: Content | None = None
        """The line on top as it was drawn last."""
        self._told = Content("")
        """What was said last of messages that Slack did not get."""
        self._asked = False
        """Whether the manual rollback's runbook has been asked for."""
        self._hands: dict[Book, ChecklistHand] = {}

    @property
    def opened_by(self) -> str:
        """See `ConsoleScreen.opened_by`: of the two runbooks the one that is open."""
        return "manual_rollback" if self._app.book == "rollback" else self.NAME

    def compose_body(self) -> ComposeResult:
        """Who releases what, the list, the card."""
        yield Static("", id="release-line", markup=False)
        with Horizontal(id="checklist"):
            with Container(id="steps", classes="pane"):
                yield StepList(id="step-list")
            with Container(id="step", classes="pane"):
                yield StepCard(id="card")

    def on_mount(self) -> None:
        """Name the panes."""
        super().on_mount()
        self._name_panes()
        self.query_one("#step-list").focus()

    def _name_panes(self) -> None:
        back = self._book == "rollback"
        self.query_one("#steps").border_title = _("manual rollback") if back else _("runbook")
        self.query_one("#step").border_title = _("step in hand")
        self.set_class(back, "-rollback")

    def on_screen_suspend(self) -> None:
        """Once another screen was looked at (a dialog is none), the step to show is chosen anew."""
        if self.app.current_mode != self.NAME:
            self._came = True

    def show_body(self, view: View) -> None:
        """Draw the checklist of `view`; only what changed, so that ten times a second costs nothing."""
        if self._book != self._app.book:
            self._book, self._came, self._seen, self._shown = self._app.book, True, None, ""
            self._asked = view.connection == "open"  # then the key has asked for it
            self._name_panes()
        checklist = self._checklist(view)
        line = self.query_one("#release-line", Static)
        steps = self.query_one("#step-list", StepList)
        if checklist is None or not checklist.phases:
            if self._book == "rollback" and view.connection == "open" and not self._asked:
                self._asked = True  # opened while nothing was connected yet
                self._app.read_rollback_book()
            self._seen = self._line = None
            line.update(Content(present.waiting_for(view, _("reading the runbook …"))))
            steps.show(())
            self.query_one("#card", StepCard).show(StepCardState())
            return
        fresh = checklist is not self._seen
        if fresh:
            self._seen = checklist
            steps.show(made.rows(checklist))
        told = undelivered_line(view)
        if fresh or told != self._told:
            self._told = told
            back = self._book == "rollback"
            text = _cut(rollback_line(view, checklist) if back else release_line(checklist), line.size.width) + told
            if self._line is None or not text.is_same(self._line):  # a layout of the whole screen
                self._line = text
                line.update(text)
                line.set_class(bool(checklist.problems or told.plain), "-problem")
        self._go_on(checklist, steps)
        if fresh or steps.chosen != self._shown:
            self._shown = steps.chosen
            self._show_card(view, checklist)

    def _go_on(self, checklist: Checklist, steps: StepList) -> None:
        """Put the cursor where it belongs: at the start, and after a step that is done, but never under a hand."""
        wanted = made.in_hand(checklist)
        if self._came:
            self._came = False
            self._followed = wanted
            steps.choose(wanted)
            return
        if not self._followed or self.app.screen is not self:
            return
        followed = checklist.view(self._followed)
        if followed is None or wanted == self._followed:
            return
        beside = followed.traits.background and followed.state is State.RUNNING  # it runs for a day; the rest goes on
        if beside or (followed.done and followed.running is None):
            self._followed, self._jumped = wanted, monotonic()
            steps.choose(wanted)

    def _show_card(self, view: View, checklist: Checklist) -> None:
        chosen = self._chosen(checklist)
        if chosen is None:
            return
        self.query_one("#step").border_title = Content.styled(chosen.step.title.in_language(language()), "bold $text")
        self.query_one("#card", StepCard).show(
            made.card(
                checklist,
                chosen,
                keys=lambda id: footer.first_key(id, view.keymap),
                does=self._does(chosen),
                case=made.open_case(chosen),
                contact=self._contact(chosen),
            )
        )

    def on_step_list_chosen(self, event: StepList.Chosen) -> None:
        """Show the step under the cursor at once."""
        event.stop()
        # where the cursor is now: what was told on the way there is stale
        if self.query_one("#step-list", StepList).chosen != self._followed:
            self._followed = ""
        if self.view is not None:
            self.show_body(self.view)

    def _chosen(self, checklist: Checklist) -> StepView | None:
        return checklist.view(self.query_one("#step-list", StepList).chosen)

    @property
    def _app(self) -> ConsoleApp:
        return cast("ConsoleApp", self.app)

    def _checklist(self, view: View) -> Checklist | None:
        return view.checklist if self._book == "despliegue" else view.rollback_checklist

    @property
    def _hand(self) -> ChecklistHand:
        return self._hands.setdefault(self._book, ChecklistHand(self._app, self._book))

    def _does(self, view: StepView) -> tuple[str, ...]:
        session = self._app.session
        walks = (session.walk, session.rollback_walk) if session is not None else (None, None)
        walk = walks[0 if self._book == "despliegue" else 1]
        kind = walk.loaded.kinds.get(view.step.id) if walk is not None else None
        told = kind.explain_of(self._known(walk)) if kind is not None and walk is not None else ()
        chosen = made.choice(self._seen) if self._seen is not None and made.is_move(view) else None
        if chosen is None:
            return told
        to = figures.short(chosen.learned["back_to"], self.view.snapshot.service_name if self.view else "")
        return (_("To {revision}: {reason}").format(revision=to, reason=chosen.reason or _("not given")), *told)

    def _known(self, walk: Walk) -> Known:
        github = self._app.settings.github
        return Known(github.repository, github.base, walk.latest.subject.pull_request)

    def _contact(self, view: StepView) -> tuple[tuple[str, str], ...]:
        role = str(view.step.settings.get("role", ""))
        card = self._app.settings.contacts.cards.get(role)
        if card is None or view.traits.ask is not Ask.WORD:
            return ()
        return tuple((name, value) for name, value in ((_("name"), card.name), (_("call"), card.phone)) if value)

    # ------------------------------------------------------------------ keys

    def action_page_card(self, pages: int) -> None:
        """Page keys: read what doesn't fit of the step in hand."""
        self.query_one("#card", StepCard).page(pages)

    async def action_on_checklist(self, id: str) -> None:
        """One of the checklist's keys."""
        await self.act(id)

    async def act(self, id: str) -> None:
        """See `ConsoleScreen.act`."""
        view = self.view
        checklist = self._checklist(view) if view is not None else None
        if view is None or checklist is None or not checklist.phases:
            self._app.say(_("The runbook is not read yet: a moment."), "warning")
            return
        chosen = self._chosen(checklist)
        match id:
            case "checklist_next":
                self._next(checklist)
            case "checklist_run" if chosen is not None:
                if monotonic() - self._jumped < SETTLE_S:
                    return  # the cursor has gone on just now: the key was meant for the step before
                self._followed = chosen.step.id
                self._hand.run(view, chosen, self._does(chosen), self._contact(chosen))
            case "checklist_skip" if chosen is not None:
                self._followed = chosen.step.id
                self._hand.skip(view, chosen)
            case "checklist_stop" if chosen is not None:
                self._hand.stop(chosen)
            case "checklist_send":
                self._hand.send_again(view)

    def _next(self, checklist: Checklist) -> None:
        if not checklist.next_for_me:
            self._app.say(_("Nothing is open for you now."))
            return
        self._followed = checklist.next_for_me
        self.query_one("#step-list", StepList).choose(checklist.next_for_me)


def _cut(text: Content, width: int) -> Content:
    """`text`, its first line cut to `width` cells, so that the list below loses no row to the release's id."""
    first, *others = text.split("\n")
    if width > 0 and first.cell_length > width:
        first = first.truncate(width, ellipsis=True)
    return Content("\n").join([first, *others])


def release_line(checklist: Checklist) -> Content:
    """What is being released, by whom, how far it is, and what is wrong with the walk itself."""
    subject, me = checklist.subject, checklist.me
    done = sum(view.done for view in checklist.steps)
    steps = _("{done} of {all} steps").format(done=done, all=len(checklist.steps))
    parts = [
        *([] if subject.candidate else [_("no release yet: the first step opens one")]),
        steps,
        *([f"PR #{subject.pull_request}"] if subject.pull_request else []),
        *([subject.commit[:7]] if subject.commit else []),
        *([short_image(subject.image_id)] if subject.image_id else []),
        *([subject.candidate] if subject.candidate else []),
    ]
    seat = Content("")
    if me.driver and not me.drives:
        left = ""
        if checklist.driver_expires is not None and checklist.now is not None:
            ahead = checklist.driver_expires - checklist.now
            left = _(", lease ended") if ahead.total_seconds() <= 0 else ""
        seat = Content.styled(_("READ-ONLY: {who} drives{left}").format(who=me.driver, left=left), "bold $text-warning")
    elif me.drives and me.driver:
        seat = Content.styled(_("you drive"), "bold $text-success")
    if checklist.closed:
        parts.insert(0, _("closed: {how}").format(how=closed_word(checklist.closed)))
    line = Content(" " + " · ".join(parts))
    if seat.plain:
        line = Content.assemble(" ", seat, Content(" · " + " · ".join(parts)))
    return line + Content("".join(f"\n ▲ {problem}" for problem in checklist.problems))


def rollback_line(view: View, checklist: Checklist) -> Content:
    """That this is the manual rollback, what serves now, how far it is, and how to get back to the release."""
    service = view.snapshot.service
    shares = service.effective_shares() if service is not None else {}
    serving = figures.short(largest(shares), view.snapshot.service_name)
    done = sum(each.done for each in checklist.steps)
    parts = [
        *(
            [_("{revision} serves {percent} % now").format(revision=serving, percent=max(shares.values()))]
            if shares
            else []
        ),
        _("{done} of {all} steps").format(done=done, all=len(checklist.steps)),
        *([_("closed: {how}").format(how=closed_word(checklist.closed))] if checklist.closed else []),
        _("{key}: the release").format(key=footer.first_key("checklist", view.keymap)),
    ]
    line = Content.assemble(" ", (_("MANUAL ROLLBACK"), "bold $text-warning"), Content(" · " + " · ".join(parts)))
    return line + Content("".join(f"\n ▲ {problem}" for problem in checklist.problems))


def undelivered_line(view: View) -> Content:
    """What Slack did not get, and the key that sends it again; empty where it got all."""
    missed = view.undelivered
    if not missed:
        return Content("")
    last = missed[-1]
    count = ngettext("Slack did not get {count} message", "Slack did not get {count} messages", len(missed)).format(
        count=len(missed)
    )
    key = footer.first_key("checklist_send", view.keymap)
    again = _("{key} sends again").format(key=key)
    return Content(f"\n ▲ {count}: {last.message.title} ({last.problem}) · {again}")


__all__ = ["ChecklistScreen", "release_line", "rollback_line", "undelivered_line"]
