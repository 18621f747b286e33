"""Which revision to go back to: earlier ones with when each served and for how long; arrows choose, Enter takes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from console.words import _
from screens.dialogs.base import Dialog, field, plain
from screens.view import View


@dataclass(frozen=True, slots=True)
class Offered:
    """One revision that traffic can go back to."""

    id: str
    """Its full name."""
    name: str
    """As shown."""
    told: str
    """When it served and for how long, its image, and what speaks against it."""
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Picked:
    """What was chosen."""

    id: str
    reason: str = ""


class ChooseDialog(Dialog[Picked | None]):
    """Asks which revision; None where Esc left it. Nothing is moved by it.

    Args:
        view: the latest view.
        offered: the most sensible first; at least one.
        chosen: id of the one to begin at; the first where it is none of them.
        reason: of the rollback, as far as it is known.
    """

    DEFAULT_CSS = """
    ChooseDialog #choices { height: auto; }
    ChooseDialog #list { height: auto; max-height: 50vh; scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "turn(-1)", show=False, priority=True),
        Binding("down", "turn(1)", show=False, priority=True),
    ]

    def __init__(self, view: View, offered: Sequence[Offered], chosen: str = "", reason: str = "") -> None:
        super().__init__(view)
        self._offered, self._reason = tuple(offered), reason
        self._at = next((row for row, one in enumerate(self._offered) if one.id == chosen), 0)
        self._drawn: tuple[int, int] = (-1, -1)

    def heading(self) -> str:
        """The question."""
        return _("Go back to which revision?")

    def compose_body(self) -> ComposeResult:
        """The revisions, and why one goes back."""
        with VerticalScroll(id="list", can_focus=False):  # the reason stays in sight below it
            yield Static("", id="choices", markup=False)
        yield plain("")
        yield plain(_("Why (Slack and the post-mortem are told):"), classes="faint")
        yield field(value=self._reason, placeholder=_("reason"), id="note")
        yield plain(_("Nothing is moved yet: the next step gives it the traffic."), classes="faint")

    def on_resize(self) -> None:
        """Lay the list out for the new width."""
        super().on_resize()
        self._draw()

    def show_body(self, view: View) -> None:
        """Draw the list, where its width or the choice is new."""
        self._draw()

    def _draw(self) -> None:
        width = self.query_one("#list").scrollable_content_region.width or self.width
        if (self._at, width) == self._drawn:
            return
        self._drawn = (self._at, width)
        parts = [_entry(one, row == self._at, width) for row, one in enumerate(self._offered)]
        self.query_one("#choices", Static).update(Content("\n").join(parts))
        top = sum(part.plain.count("\n") + 1 for part in parts[: self._at])
        self.call_after_refresh(self.query_one("#list").scroll_to, y=max(top - 1, 0), animate=False)

    def confirm_label(self) -> str:
        """What Enter does."""
        return _("Choose {revision}").format(revision=self._offered[self._at].name)

    def other_labels(self) -> tuple[str, ...]:
        """How to get to another one."""
        return (_("↑↓ another"),) if len(self._offered) > 1 else ()

    def action_turn(self, rows: int) -> None:
        """Arrows: another revision."""
        self._at = max(0, min(len(self._offered) - 1, self._at + rows))
        self._draw()
        self.foot()

    def confirm(self) -> None:
        """That one."""
        self.dismiss(Picked(self._offered[self._at].id, self.query_one("#note", Input).value.strip()))


def _entry(one: Offered, chosen: bool, width: int) -> Content:
    lines = wrap(one.told, max(width - 4, 12), break_on_hyphens=False) or [""]
    head = Content.styled(f"{'▸ ' if chosen else '  '}{one.name}", "bold reverse" if chosen else "bold")
    body = Content("".join(f"\n    {line}" for line in lines))
    return head + (body.stylize("$text-warning") if one.doubtful else body)


__all__ = ["ChooseDialog", "Offered", "Picked"]
