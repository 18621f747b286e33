"""A second person's approval of one statement: the bytes, and the table's name to type."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Input

from console.migrations.board import Board, Line
from console.words import _
from screens import migrations_present as made
from screens.dialogs.base import Dialog, field, plain
from screens.view import View
from widgets.statement_panel import StatementPanel


class ApproveDialog(Dialog[bool | None]):
    """True where the operator approves.

    Args:
        view: the latest view.
        board: of it.
        line: the statement.
    """

    def __init__(self, view: View, board: Board, line: Line) -> None:
        super().__init__(view)
        self._board, self._line = board, line

    def heading(self) -> str:
        """What is asked."""
        return _("Approve {place}?").format(place=made.place(self._line.statement))

    def compose_body(self) -> ComposeResult:
        """Who, the name, the statement."""
        yield plain(
            _(
                "You approve as {who}, for somebody else to send. It is written on the service, counts for these bytes "
                "of this file alone, and only once the Cloud Audit Log confirms that it was you."
            ).format(who=self.view.identity or "?")
        )
        yield plain(_("type {name} to approve it:").format(name=self._line.statement.name))
        yield field(id="name", max_length=200)
        yield StatementPanel(id="statement")

    def show_body(self, view: View) -> None:
        """Draw the statement."""
        self.query_one("#statement", StatementPanel).show(made.statement_state(view, self._line, self._board))

    def can_confirm(self) -> bool:
        """Whether the name was typed."""
        return self.query_one("#name", Input).value.strip() == self._line.statement.name

    def confirm_label(self) -> str:
        """The verb."""
        return _("Approve")

    def confirm(self) -> None:
        """Yes."""
        self.dismiss(True)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once whether Enter does something."""
        event.stop()
        self.foot()
