"""Before the INVALID indexes of a failed CONCURRENTLY are dropped: the statements, the guardrails, the table's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from console.errors import CanarioError
from console.migrations.board import Line
from console.migrations.showing import picture
from console.release.guardrails import REASON_LENGTH, Answer, blocked_by
from console.words import _
from screens import migrations_present as made
from screens.dialogs.base import Dialog, field, plain
from screens.dialogs.move import answer_lines
from screens.view import View


@dataclass(frozen=True, slots=True)
class Dropped:
    """A person's word: drop these."""

    typed: str
    """The table's name, as typed."""
    shown: tuple[str, ...]
    """The statements that were shown."""
    reason: str = ""


class DropIndexDialog(Dialog[Dropped | None]):
    """Asks for the drop by the table's name, as for any statement.

    Args:
        view: the latest view.
        line: the statement that left them behind.
        guards: what the guardrails say of a migration now; raises CanarioError where they can say nothing.
    """

    DEFAULT_CSS = """
    DropIndexDialog #drops { height: auto; margin: 1 0; text-style: bold; }
    DropIndexDialog #answers { height: auto; margin: 0 0 1 0; }
    DropIndexDialog .label { height: auto; }
    """
    AUTO_FOCUS = "#name"

    def __init__(self, view: View, line: Line, guards: Callable[[], tuple[Answer, ...]]) -> None:
        super().__init__(view)
        self._line, self._guards = line, guards
        self._answers: tuple[Answer, ...] = ()
        self._problem = ""

    def heading(self) -> str:
        """What is asked."""
        return _("Drop what {place} left behind?").format(place=made.place(self._line.statement))

    def compose_body(self) -> ComposeResult:
        """What is known, the statements, the answers, the fields."""
        yield plain(
            _(
                "The index is there and INVALID: no query uses it, and every write pays for it. "
                "Once it is dropped the statement is asked for again."
            )
        )
        drawn = (line for sql in self._line.leftovers for line in picture(sql).lines)
        yield plain("\n".join(f"  {line};" for line in drawn), id="drops")
        yield Static("", id="answers", markup=False)
        yield plain("", id="reason-label", classes="label faint")
        yield field(placeholder=_("at least {n} characters").format(n=REASON_LENGTH), id="reason", max_length=500)
        yield plain(_("type {name} to send it:").format(name=self._table), classes="label")
        yield field(id="name", max_length=200)

    @property
    def _table(self) -> str:
        row = self._line.row
        return row.tables[0] if row is not None and row.tables else self._line.statement.name

    def _typed(self, id: str) -> str:
        return self.query_one(f"#{id}", Input).value.strip()

    def show_body(self, view: View) -> None:
        """Ask the guardrails afresh."""
        try:
            self._answers, self._problem = self._guards(), ""
        except CanarioError as error:
            self._answers, self._problem = (), str(error)
        told = answer_lines(self._answers, view, self.width)
        if self._problem:
            told = Content.styled(f"✖ {self._problem}", "bold $text-error")
        self.query_one("#answers", Static).update(told)
        asks = any(answer.overridable and not answer.allowed for answer in self._answers)
        for id in ("reason", "reason-label"):
            self.query_one(f"#{id}").display = asks
        label = _("A written reason lets this pass; it is journalled and announced:")
        self.query_one("#reason-label", Static).update(Content(label))

    def can_confirm(self) -> bool:
        """Whether the name is typed and nothing blocks."""
        if not self._answers or self._problem or blocked_by(self._answers, self._typed("reason")):
            return False
        return self._typed("name") == self._table

    def confirm_label(self) -> str:
        """The verb."""
        return _("Drop it")

    def leave_label(self) -> str:
        """Nothing was sent."""
        return _("Do not send it")

    def confirm(self) -> None:
        """Leave with what was confirmed."""
        self.dismiss(Dropped(self._typed("name"), self._line.leftovers, self._typed("reason")))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once whether Enter does something."""
        event.stop()
        self.foot()
