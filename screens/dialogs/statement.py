"""Before a statement is sent: its bytes, what speaks for and against it, and the table's name to type.

The form stands below what scrolls, so that name, reason and flag are always to be seen. Guardrails and approvals are
asked afresh while it is open. It closes by itself where the question is no longer asked.
"""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from console.errors import CanarioError
from console.migrations import confirming
from console.migrations.values import Confirmation, Question
from console.release.guardrails import REASON_LENGTH, Answer, blocked_by
from console.words import _
from screens import migrations_present as made
from screens.base import Banner
from screens.dialogs.base import Dialog, field, hanging, plain, titled
from screens.dialogs.move import answer_lines
from screens.view import View
from widgets.statement_panel import StatementPanel

Guards = Callable[[], tuple[Answer, ...]]
"""What the guardrails say of a migration now."""

MENDED = frozenset({"name", "incompatible", "approval"})
"""Rules that pass once something is typed here or somebody approves."""


class StatementDialog(Dialog[Confirmation | None]):
    """Asks for one statement.

    Args:
        view: the latest view; its board has the question.
        question: what is asked.
        guards: see `Guards`; raises CanarioError where they can say nothing.
        before: what was typed for the statement before: reason and flag.
    """

    DEFAULT_CSS = """
    StatementDialog > #frame { width: 110; }
    StatementDialog #form { height: auto; }
    StatementDialog #answers { height: auto; margin: 1 0 0 0; }
    StatementDialog .row { height: auto; }
    StatementDialog .label { height: auto; }
    """
    AUTO_FOCUS = "#name"

    def __init__(self, view: View, question: Question, guards: Guards, before: tuple[str, str] = ("", "")) -> None:
        super().__init__(view)
        self._question, self._guards, self._before = question, guards, before
        self._answers: tuple[Answer, ...] = ()
        self._drawn: object = None
        self._problem = ""

    def heading(self) -> str:
        """Which statement."""
        return _("Send {place}?").format(place=made.place(self._question.statement))

    def compose(self) -> ComposeResult:
        """As every dialog, with the form between body and foot."""
        with Vertical(id="frame") as frame:
            frame.border_title = Content(titled(self.heading(), self.view))
            yield Banner(id="dialog-banner")
            with VerticalScroll(id="body", can_focus=False):
                yield from self.compose_body()
            with Vertical(id="form"):
                yield from self._form()
            yield plain("", id="foot")

    def compose_body(self) -> ComposeResult:
        """The statement, and every answer."""
        yield StatementPanel(id="statement")
        yield Static("", id="answers", markup=False)

    def _form(self) -> ComposeResult:
        needs = confirming.needs(self._question)
        yield plain("", id="left")
        if "flag" in needs:
            yield plain(_("feature flag that keeps old code off it:"), classes="label faint")
            yield field(value=self._before[1], id="flag", max_length=190)
        yield plain("", id="reason-label", classes="label faint")
        yield field(
            value=self._before[0],
            placeholder=_("at least {n} characters").format(n=REASON_LENGTH),
            id="reason",
            max_length=500,
        )
        yield plain(
            _("type {name} to send it:").format(name=self._question.statement.name), id="name-label", classes="label"
        )
        yield field(id="name", max_length=200)

    def typed(self, id: str) -> str:
        """What stands in an input, stripped; empty where there is none."""
        found = self.query(f"#{id}")
        return found.first(Input).value.strip() if found else ""

    @property
    def given(self) -> Confirmation:
        """What Enter would confirm: these bytes, and what is typed."""
        statement = self._question.statement
        return Confirmation(
            statement.digest,
            self.typed("name"),
            self.typed("reason") if self._asks_reason else "",
            self.typed("flag"),
        )

    @property
    def _asks_reason(self) -> bool:
        blocking = [answer for answer in self._answers if not answer.allowed and answer.rule not in ("name", "bytes")]
        return any(answer.overridable for answer in blocking) or "reason" in confirming.needs(self._question)

    def can_confirm(self) -> bool:
        """Whether nothing blocks, the name among it."""
        return bool(self._answers) and not self._problem and not blocked_by(self._answers, self.typed("reason"))

    def confirm_label(self) -> str:
        """The verb."""
        return _("Send it")

    def leave_label(self) -> str:
        """Nothing was sent."""
        return _("Do not send it")

    def confirm(self) -> None:
        """Leave with what was confirmed."""
        self.dismiss(self.given)

    def show_body(self, view: View) -> None:
        """Ask everybody afresh."""
        board = view.migrations
        question = board.question if board is not None else None
        if question is None or question.statement.key != self._question.statement.key:
            self.dismiss(None)  # the run has ended meanwhile: nobody asks any more
            return
        same = question.statement.digest == self._question.statement.digest
        if same:
            self._question = question
        try:
            guards, self._problem = self._guards(), ""
        except CanarioError as error:
            guards, self._problem = (), str(error)
        mine = confirming.answers(self._question, self.given, view.identity, made.facts_of(view))
        self._answers = (*guards, *mine) if not self._problem else mine
        assert board is not None
        self.query_one("#statement", StatementPanel).show(made.question_state(view, self._question, board))
        minute = view.now.replace(second=0, microsecond=0) if view.now else None
        drawn = (self._answers, self._problem, self.width, minute)
        if drawn == self._drawn:
            return
        self._drawn = drawn
        told = answer_lines(self._answers, view, self.width, MENDED)
        if self._problem:
            told = Content.styled(f"✖ {self._problem}", "bold $text-error") + Content("\n") + told
        self.query_one("#answers", Static).update(told)
        self._lay_out()

    def _lay_out(self) -> None:
        asks = self._asks_reason
        for id in ("reason", "reason-label"):
            self.query_one(f"#{id}").display = asks
        self.query_one("#reason", Input).disabled = not asks
        missing = REASON_LENGTH - len(self.typed("reason"))
        label = _("A written reason lets this pass; it is journalled and announced:")
        if 0 < missing < REASON_LENGTH:
            label += " " + _("{count} more characters").format(count=missing)
        self.query_one("#reason-label", Static).update(Content(label))
        left = blocked_by(self._answers, self.typed("reason"))
        # what nothing mends comes first
        left = tuple(sorted((one for one in left if one.rule != "name"), key=lambda one: one.rule in MENDED))
        words = f"✖ {left[0].title}: {left[0].reason}" if left else ""
        if len(left) > 1:
            words = _("{first} (and {count} more)").format(first=words, count=len(left) - 1)
        words = "\n".join(hanging(words, self.width, 2).split("\n")[:2])
        line = self.query_one("#left", Static)
        line.update(Content.styled(words, "bold $text-error"))
        line.display = bool(words)

    def _fit(self) -> None:
        """Leave room for banner, form and foot: the body scrolls."""
        height = self.app.size.height
        foot, banner, form = self.query_one("#foot"), self.query_one("#dialog-banner"), self.query_one("#form")
        foot.styles.margin = (1 if height >= 30 else 0, 0, 0, 0)
        rest = max(foot.size.height, 1) + foot.styles.margin.height + form.size.height
        rest += banner.size.height if banner.display else 0
        self.query_one("#body").styles.max_height = max(height - 2 - rest, 3)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter counts with what stood there when it was pressed, not with what was typed after it."""
        event.stop()
        event.prevent_default()  # the base's handler would count it too
        if event.input.id != "name" or event.value.strip() == self._question.statement.name:
            self.action_confirm()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once what is missing."""
        event.stop()
        self.show(self.view)
