"""What became of a statement whose end nobody saw: a person looks at the database, and says which, with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, Static

from console.migrations.board import Line
from console.migrations.showing import picture
from console.release.guardrails import REASON_LENGTH
from console.words import _
from screens import migrations_present as made
from screens.dialogs.base import Dialog, field, plain
from screens.view import View


@dataclass(frozen=True, slots=True)
class Decided:
    """A person's word."""

    applied: bool
    reason: str


class DecideDialog(Dialog[Decided | None]):
    """Enter: it was applied. Ctrl+N: it was not, ask for it again. Both want a reason.

    Args:
        view: the latest view.
        line: the statement.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+n", "again", show=False, priority=True)]

    def __init__(self, view: View, line: Line) -> None:
        super().__init__(view)
        self._line = line

    def heading(self) -> str:
        """What is asked."""
        return _("What became of {place}?").format(place=made.place(self._line.statement))

    def compose_body(self) -> ComposeResult:
        """What is known, the statement, the reason."""
        yield plain(self._line.sentence)
        yield plain("\n".join(f"  {line}" for line in picture(self._line.statement.sql).lines[:12]))
        yield plain(_("Look at the database itself: is it there, whole? Then say which; it is journalled."))
        yield plain(_("Ctrl+N: it was not applied, ask for it again."))
        yield field(
            placeholder=_("how you know (at least {n} characters)").format(n=REASON_LENGTH), id="reason", max_length=500
        )
        yield Static("", id="count", classes="faint", markup=False)

    @property
    def _reason(self) -> str:
        return self.query_one("#reason", Input).value.strip()

    def can_confirm(self) -> bool:
        """Whether the reason will do."""
        return len(self._reason) >= REASON_LENGTH

    def confirm_label(self) -> str:
        """The verb."""
        return _("It was applied")

    def leave_label(self) -> str:
        """Nothing is decided."""
        return _("Leave it undecided")

    def confirm(self) -> None:
        """It was."""
        self.dismiss(Decided(True, self._reason))

    def action_again(self) -> None:
        """It was not."""
        if self.can_confirm():
            self.dismiss(Decided(False, self._reason))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say how much is missing."""
        event.stop()
        missing = REASON_LENGTH - len(self._reason)
        words = _("{count} more characters").format(count=missing) if missing > 0 else ""
        self.query_one("#count", Static).update(Content(words))
        self.foot()
