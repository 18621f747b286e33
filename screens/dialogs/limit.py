"""A limit crossed after a release: back at once to the revision that the watch names, or to another one of the list."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from console.words import _
from screens.dialogs.base import Dialog, plain
from screens.view import View

Said = Literal["back", "choose"]
"""`back`: to the revision that was named, at once. `choose`: show the earlier revisions first."""


class LimitDialog(Dialog[Said | None]):
    """Asks what to do about it; None where Esc left it.

    Args:
        view: the latest view.
        sentence: what the watch saw.
        target: the revision that Enter goes back to, as shown; empty: the list comes first.
        told: whether Slack has been told.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f2", "choose", show=False, priority=True)]

    def __init__(self, view: View, sentence: str, target: str, *, told: bool = True) -> None:
        super().__init__(view)
        self._sentence, self._target, self._told = sentence, target, told

    def heading(self) -> str:
        """The question."""
        if not self._target:
            return _("A limit was crossed: go back further?")
        return _("A limit was crossed: roll back to {target}?").format(target=self._target)

    def compose_body(self) -> ComposeResult:
        """What was seen, and what each answer does."""
        yield plain(self._sentence)
        yield plain(_("Slack was told.") if self._told else _("Slack could not be told."), classes="faint")
        yield plain("")
        if self._target:
            yield plain(_("Enter gives {target} all traffic at once.").format(target=self._target))
            yield plain(_("F2 shows the earlier revisions, with when each served; nothing is moved by that."))
        else:
            yield plain(_("Enter shows the earlier revisions, with when each served; nothing is moved by that."))

    def confirm_label(self) -> str:
        """What Enter does."""
        return _("Roll back to {target}").format(target=self._target) if self._target else _("Earlier revisions")

    def other_labels(self) -> tuple[str, ...]:
        """The list."""
        return (_("F2 Earlier revisions"),) if self._target else ()

    def leave_label(self) -> str:
        """What Esc does."""
        return _("Not now")

    def confirm(self) -> None:
        """At once, where the revision is known."""
        self.dismiss("back" if self._target else "choose")

    def action_choose(self) -> None:
        """The list first."""
        self.dismiss("choose")


__all__ = ["LimitDialog", "Said"]
