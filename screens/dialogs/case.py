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
        self._word = "pass"
        """What Enter says."""

    def heading(self) -> str:
        """The case's id."""
        return self._case + (" · " + _("critical") if self._critical else "")

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
        """What Enter does: pass, until another answer was chosen."""
        return {"pass": _("Pass"), "fail": _("Fail"), "blocked": _("Blocked")}[self._word]

    def can_confirm(self) -> bool:
        """Whether the answer has the note that it needs."""
        return self._word == "pass" or bool(self._text)

    def other_labels(self) -> tuple[str, ...]:
        """The other answers."""
        others = (("F2", "fail", _("Fail")), ("F3", "blocked", _("Blocked")))
        return tuple(f"{key} {label}" for key, word, label in others if word != self._word)

    def leave_label(self) -> str:
        """What Esc does."""
        return _("Later")

    def on_input_changed(self, event: Input.Changed) -> None:
        """The foot says whether Enter would do something now."""
        event.stop()
        self._ask()
        self.foot()

    def confirm(self) -> None:
        """As chosen."""
        self.dismiss(CaseWord(self._word, self._text))

    def action_say(self, word: str) -> None:
        """It failed, or could not be tried: at once where the note is there, else once it is written."""
        # in the field's own queue, behind what was typed just before
        self.query_one("#note", Input).call_later(self._say, word)

    def _say(self, word: str) -> None:
        self._word = word
        if self._text:
            self.confirm()
            return
        self._ask()
        self.foot()

    def _ask(self) -> None:
        needed = self._word != "pass" and not self._text
        text = _("Write in one line what you saw, then Enter.") if needed else ""
        self.query_one("#missing", Static).update(Content(text))


__all__ = ["CaseDialog", "CaseWord"]
