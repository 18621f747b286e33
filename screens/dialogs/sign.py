"""A word given by name: Enter signs, with a note where one is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, Static

from console.release.guardrails import REASON_LENGTH
from console.words import _
from screens.dialogs.base import Dialog, field, plain
from screens.view import View


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed."""

    note: str = ""
    word: str = "yes"
    """`yes`, or `no` where the dialog offers it."""


class SignDialog(Dialog[Signed | None]):
    """Asks for a person's word; None where Esc left it.

    Args:
        view: the latest view.
        heading: what is signed.
        lines: what to know before signing.
        verb: what Enter does.
        note: whether a note may be typed.
        required: whether a reason of REASON_LENGTH characters must be.
        no: what F2 does, the other answer; empty: there is none.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f2", "no", show=False, priority=True)]

    def __init__(
        self,
        view: View,
        heading: str,
        lines: tuple[str, ...],
        *,
        verb: str,
        note: bool = True,
        required: bool = False,
        no: str = "",
    ) -> None:
        super().__init__(view)
        self._heading, self._lines, self._verb = heading, lines, verb
        self._note, self._required, self._no = note or required, required, no

    def heading(self) -> str:
        """What is signed."""
        return self._heading

    def compose_body(self) -> ComposeResult:
        """What to know, and the note."""
        for line in self._lines:
            yield plain(line)
        if self._note:
            yield field(placeholder=_("reason") if self._required else _("note (optional)"), id="note")
        yield Static("", id="count", classes="faint", markup=False)

    @property
    def _text(self) -> str:
        found = self.query("#note")
        return found.first(Input).value.strip() if found else ""

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say how much of the reason is missing."""
        event.stop()
        if self._required:
            missing = REASON_LENGTH - len(self._text)
            words = _("{count} more characters").format(count=missing) if missing > 0 else ""
            self.query_one("#count", Static).update(Content(words))
        self.foot()

    def can_confirm(self) -> bool:
        """Whether what is required is there."""
        return not self._required or len(self._text) >= REASON_LENGTH

    def confirm_label(self) -> str:
        """The verb."""
        return self._verb

    def other_labels(self) -> tuple[str, ...]:
        """The other answer."""
        return (f"F2 {self._no}",) if self._no else ()

    def confirm(self) -> None:
        """Signed."""
        self.dismiss(Signed(self._text))

    def action_no(self) -> None:
        """The other answer."""
        if self._no:
            self.dismiss(Signed(self._text, "no"))


__all__ = ["SignDialog", "Signed"]
