"""A plain question with Enter and Esc."""

from __future__ import annotations

from textual.app import ComposeResult

from screens.dialogs.base import Dialog, plain
from screens.view import View


class ConfirmDialog(Dialog[bool | None]):
    """Asks one thing; True where Enter said yes, None where Esc said no.

    Args:
        view: the latest view.
        heading: the question.
        lines: what the operator should know before answering.
        verb: what Enter does.
        leave: what Esc does, where not "leave as it is".
    """

    def __init__(self, view: View, heading: str, lines: tuple[str, ...], verb: str, leave: str = "") -> None:
        super().__init__(view)
        self._heading = heading
        self._lines = lines
        self._verb = verb
        self._leave = leave

    def heading(self) -> str:
        """The question."""
        return self._heading

    def compose_body(self) -> ComposeResult:
        """What to know."""
        for line in self._lines:
            yield plain(line)

    def confirm_label(self) -> str:
        """The verb."""
        return self._verb

    def leave_label(self) -> str:
        """What Esc does."""
        return self._leave or super().leave_label()

    def confirm(self) -> None:
        """Yes."""
        self.dismiss(True)
