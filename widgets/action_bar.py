"""The footer: the keys that matter now, the way out first and never cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.content import Content
from textual.message import Message

from widgets.drawing import Drawn


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
    pinned: bool = False
    """Kept at the right end however narrow it is (help), so that the rest can be found."""


HINT = Content.styled("…", ".faint")
"""Says that there are more keys than fit."""


class ActionBar(Drawn):
    """One line. Where not all fits, keys that would do nothing now go first, then the right end; the sacred one never.

    Args:
        entries: what to draw first.
    """

    DEFAULT_CSS = """
    ActionBar {
        height: 1;
        padding: 0 1;
        background: $panel;
        & .key { color: $text-primary; text-style: bold; }
        & .sacred { color: $error; background: $background; text-style: bold reverse; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"key", "sacred"}

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
        self._places: list[tuple[int, int, str]] = []

    def show(self, entries: Sequence[ActionEntry]) -> None:
        """Draw `entries`, where they differ from what is drawn."""
        entries = tuple(entries)
        if entries != self._entries:
            self._entries = entries
            self.redraw()

    def lines(self, width: int, height: int) -> list[Content]:
        """See `Drawn.lines`."""
        entries = sorted(self._entries, key=lambda entry: (not entry.sacred, entry.pinned))
        drawn = [(entry, _drawn(entry)) for entry in entries]
        dropped = sum(content.cell_length + 2 for _entry, content in drawn) > width + 2
        if dropped:  # room for keys that do something
            kept = [(entry, content) for entry, content in drawn if entry.enabled or entry.sacred or entry.pinned]
            dropped, drawn = len(kept) < len(drawn), kept
        gap = 2 if sum(c.cell_length + 3 for _entry, c in drawn) + 4 * dropped > width + 3 else 3
        self._places = []
        parts: list[Content] = []
        at = 0
        left = width - sum(content.cell_length + gap for entry, content in drawn if entry.pinned)
        cut_off = hinted = False
        for index, (entry, content) in enumerate(drawn):
            last = index == len(drawn) - 1
            if not entry.sacred and not entry.pinned:
                if cut_off or content.cell_length > left - at - (0 if last and not dropped else gap + 1):
                    cut_off = True
                    continue
            elif at + content.cell_length > width and not entry.sacred:
                continue
            if entry.pinned and (cut_off or dropped) and not hinted:
                hinted = True
                parts.append(HINT)
                at += HINT.cell_length + gap
            parts.append(content)
            self._places.append((at, at + content.cell_length, entry.action))
            at += content.cell_length + gap
        if (cut_off or dropped) and not hinted:
            parts.append(HINT)
        return [Content(" " * gap).join(parts)]

    def on_click(self, event: events.Click) -> None:
        """Say which entry was clicked."""
        x = event.x - self.styles.padding.left
        for start, end, action in self._places:
            if start <= x < end:
                event.stop()
                self.post_message(self.Pressed(self, action))
                return


def _drawn(entry: ActionEntry) -> Content:
    if entry.sacred:
        return Content.styled(f" {entry.keys} {entry.label} ", ".sacred")
    if not entry.enabled:
        return Content.styled(f"({entry.keys} {entry.label})", ".faint")
    return Content.assemble((entry.keys, ".key"), f" {entry.label}")
