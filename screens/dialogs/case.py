"""One case of the acceptance list: pass, fail or blocked, the last two with a note."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, Static

from console.words import _, ngettext
from screens.dialogs.base import Dialog, field, plain
from screens.view import View


@dataclass(frozen=True, slots=True)
class CaseWord:
    """What was said of a case."""

    word: str
    """`pass`, `fail` or `blocked`."""
    note: str = ""


class CaseDialog(Dialog[CaseWord | None]):
    """Asks how a case went; None where Esc left it open.

    Args:
        view: the latest view.
        case: its id.
        title: its text.
        critical: whether the release can't do without it.
        left: cases that are still open, this one included.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "say('fail')", show=False, priority=True),
        Binding("f3", "say('blocked')", show=False, priority=True),
    ]

    NAMES_PLACE: ClassVar[bool] = False
    """A case is tried on staging, whatever environment the console stands in."""

    def __init__(self, view: View, case: str, title: str, critical: bool, left: int) -> None:
        super().__init__(view)
        self._case, self._title, self._critical, self._left = case, title, critical, left

    def heading(self) -> str:
        """The case's id."""
        return f"{self._case}{' · ' + _('critical') if self._critical else ''}"

    def compose_body(self) -> ComposeResult:
        """The case, and the note."""
        yield plain(self._title)
        left = ngettext("{count} case is open.", "{count} cases are open.", self._left).format(count=self._left)
        yield plain(left, classes="faint")
        yield field(placeholder=_("note: what you saw (needed for fail and blocked)"), id="note")
        yield Static("", id="missing", classes="problem", markup=False)

    @property
    def _text(self) -> str:
        return self.query_one("#note", Input).value.strip()

    def confirm_label(self) -> str:
        """What Enter does."""
        return _("Pass")

    def other_labels(self) -> tuple[str, ...]:
        """The other answers."""
        return (f"F2 {_('Fail')}", f"F3 {_('Blocked')}")

    def leave_label(self) -> str:
        """What Esc does."""
        return _("Later")

    def confirm(self) -> None:
        """It passed."""
        self.dismiss(CaseWord("pass", self._text))

    def action_say(self, word: str) -> None:
        """It failed, or could not be tried."""
        if not self._text:
            self.query_one("#missing", Static).update(Content(_("Write in one line what you saw.")))
            return
        self.dismiss(CaseWord(word, self._text))


__all__ = ["CaseDialog", "CaseWord"]
