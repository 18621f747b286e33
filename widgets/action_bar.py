"""The footer: the keys that matter now, the way out first and never cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.message import Message
from textual.widget import Widget


@dataclass(frozen=True, slots=True)
class ActionEntry:
    """One key, or a few, and what it does."""

    action: str
    """Registry id; comes back in `ActionBar.Pressed`."""
    keys: str
    """As shown, e.g. `r F9`."""
    label: str
    """A word or two, translated, e.g. `Roll back`."""
    enabled: bool = True
    """A key that would do nothing now is drawn faint, in brackets."""
    sacred: bool = False
    """Drawn first, strong, and never cut off (rollback)."""


class ActionBar(Widget):
    """One line; what doesn't fit falls off the right end, the sacred entry never.

    Args:
        entries: what to draw first.
    """

    class Pressed(Message):
        """A click on an entry."""

        def __init__(self, bar: ActionBar, action: str) -> None:
            super().__init__()
            self.bar = bar
            """The bar."""
            self.action = action
            """Registry id of the entry."""

        @property
        def control(self) -> ActionBar:
            """The bar, for `on`."""
            return self.bar

    def __init__(
        self,
        entries: Sequence[ActionEntry] = (),
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._entries = tuple(entries)

    def show(self, entries: Sequence[ActionEntry]) -> None:
        """Draw `entries`, where they differ from what is drawn."""

    def render(self) -> Content:
        """See `Widget.render`."""
        return Content("")
