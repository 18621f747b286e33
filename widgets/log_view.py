"""The live log: a window on a ring of lines that other hands fill. It holds 5,000 lines a second without key delay.

Only what is on screen is ever drawn. The view does its own scrolling (by place, see `log_lines`), because a virtual
size that follows the ring would lay out the whole screen at every batch (FACTS.md), and wrapped lines would need the
height of every line that isn't seen.
"""

from __future__ import annotations

from typing import ClassVar

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from console.text import clean
from console.words import _, ngettext
from widgets.log_art import plain, strips_of
from widgets.log_lines import ARMS, FLOORS, Line, LogFilter, LogRows, Ring
from widgets.log_window import LogWindow

__all__ = ["Line", "LogView", "Ring", "plain"]

COPIED_LINES = 500
"""Most lines copied at once: terminals take some 75 kB by OSC 52."""


class LogView(Widget, can_focus=True):
    """The lines themselves: newest at the bottom, following until the reader moves.

    Call `use` with a ring and then `pull` ten times a second; both are cheap where nothing is new.
    """

    DEFAULT_CSS = """
    LogView {
        height: 1fr;
        & .log--time { color: $text-muted; }
        & .log--calm { color: $text-muted; }
        & .log--warning { color: $text-warning; }
        & .log--error { color: $text-error; text-style: bold; }
        & .log--canary { color: $text-accent; }
        & .log--stable { color: $text-secondary; }
        & .log--other { color: $text-muted; }
        & .log--cursor { text-style: reverse; }
        & .log--bar { color: $text-muted; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--time",
        "log--calm",
        "log--warning",
        "log--error",
        "log--canary",
        "log--stable",
        "log--other",
        "log--cursor",
        "log--bar",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "oldest", "Oldest", show=False),
        Binding("end", "follow", "Newest", show=False),
        Binding("enter", "open", "Whole line", show=False),
    ]

    class StatusChanged(Message):
        """What `status` says has changed."""

        def __init__(self, view: LogView) -> None:
            super().__init__()
            self.view = view
            """The view."""

        @property
        def control(self) -> LogView:
            """The view, for `on`."""
            return self.view

        def can_replace(self, message: Message) -> bool:
            """Only the last of several counts."""
            return isinstance(message, LogView.StatusChanged) and message.view is self.view

    class Chosen(Message):
        """The cursor stands on another line, or Enter was pressed on it."""

        def __init__(self, view: LogView, line: Line | None, opened: bool) -> None:
            super().__init__()
            self.view = view
            """The view."""
            self.line = line
            """The line under the cursor; None where there is none."""
            self.opened = opened
            """Whether Enter (or a second click) asked for the whole of it."""

        @property
        def control(self) -> LogView:
            """The view, for `on`."""
            return self.view

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.rows = LogRows()
        self.wrap = False
        """Whether long lines go on below."""
        self.dropped = 0
        self.suppressed = 0
        self.sampled = ""
        self.note = ""
        """The answer to the last key (`no error further down`), until the next."""
        self.waiting = ""
        """Said while there is no line at all."""
        self._window = LogWindow(self.rows, self._rows_of)
        self._cursor: int | None = None
        self._new = 0
        self._shown: list[tuple[int, int]] | None = None
        self._strips: LRUCache[int, list[Strip]] = LRUCache(512)
        self._said = ""

    # ---- what others tell it

    def use(self, ring: Ring | None) -> None:
        """Read from `ring` from now on (another environment: another ring)."""
        if ring is not self.rows.ring:
            self.rows.use(ring)
            self._follow()

    def set_roles(self, canary: str | None, stable: str | None) -> None:
        """Tell which revision is the canary and which the stable one (short names)."""
        if (canary, stable) != (self.rows.canary, self.rows.stable):
            self._choose(self.rows.filter, (canary, stable))

    def set_counts(self, dropped: int, suppressed: int, sampled: str = "") -> None:
        """Lines dropped by canario and held back by the cloud since start; what is read by chance only, in words."""
        if (dropped, suppressed, sampled) != (self.dropped, self.suppressed, self.sampled):
            self.dropped, self.suppressed, self.sampled = dropped, suppressed, sampled
            self._tell()

    def set_waiting(self, waiting: str) -> None:
        """What to say while there is no line at all."""
        if waiting != self.waiting:
            self.waiting = waiting
            if not len(self.rows):
                self._redraw()

    def set_filter_text(self, text: str) -> None:
        """Show only lines that `text` asks for (see `LogFilter.text`)."""
        self._choose(LogFilter(text, self.rows.filter.floor, self.rows.filter.arm))

    def pull(self) -> None:
        """Take in what the ring got since the last pull; call it ten times a second."""
        first = self.rows.first
        added = self.rows.pull()
        if self.following:
            if added:
                self._redraw()
        else:
            self._new += added
            if self.rows.first != first:
                self._keep_within()
        if added:
            self._tell()

    # ---- what it says

    @property
    def following(self) -> bool:
        """Whether the newest line is kept in sight."""
        return self._window.top is None

    @property
    def chosen(self) -> Line | None:
        """The line under the cursor."""
        return None if self._cursor is None else self.rows.at(self._cursor)

    @property
    def counts(self) -> str:
        """What was dropped and held back, translated."""
        counts = _("{dropped} dropped, {suppressed} suppressed").format(
            dropped=f"{self.dropped:,}", suppressed=f"{self.suppressed:,}"
        )
        return f"{self.sampled} · {counts}" if self.sampled else counts

    @property
    def status(self) -> str:
        """The answer to the last key, levels, filter and pause in one line, translated."""
        held = self.rows.filter
        parts = [
            _("all levels") if held.floor == "DEFAULT" else f"{held.floor}+",
            {"both": _("both"), "canary": _("canary only"), "stable": _("stable only")}[held.arm],
        ]
        if held.text.strip():
            parts.append(
                ngettext("{count} line with {text}", "{count} lines with {text}", len(self.rows)).format(
                    count=f"{len(self.rows):,}", text=clean(held.text, 40)
                )
            )
        if self.following:
            parts.append(_("▼ following"))
        elif self._new:
            parts.append(_("■ paused, {count} new below").format(count=f"{self._new:,}"))
        else:
            parts.append(_("■ paused"))
        if self.wrap:
            parts.append(_("wrapped"))
        if self.note:
            parts.insert(0, self.note)
        return " · ".join(parts)

    def visible_lines(self) -> list[Line]:
        """The lines on screen, upper first."""
        places = dict.fromkeys(place for place, _row in self._picture())
        return [line for place in places if (line := self.rows.at(place)) is not None]

    # ---- keys

    def action_move(self, step: int) -> None:
        """Move the cursor by lines; the first move pauses."""
        self.note = ""
        if not len(self.rows):
            return
        if self._cursor is None:
            shown = [place for place, _row in self._picture()]
            target = shown[-1] if shown else self.rows.end - 1
        else:
            target = self._cursor + step
        self._go_to(target)

    def action_page(self, step: int) -> None:
        """Move by a screen."""
        self.note = ""
        if not len(self.rows):
            return
        self._pause()
        self._window.scroll(step * max(self.size.height - 1, 1))
        self._redraw()
        picture = self._picture()
        if picture and self._cursor is not None:
            self._set_cursor(picture[0][0] if step < 0 else picture[-1][0])

    def action_oldest(self) -> None:
        """To the oldest line."""
        self.note = ""
        if len(self.rows):
            self._go_to(self.rows.first)

    def action_follow(self) -> None:
        """Follow the newest line again."""
        self.note = ""
        self._follow()

    def action_toggle_follow(self) -> None:
        """Pause, or follow again."""
        self.note = ""
        if self.following:
            self._pause()
            self._redraw()
            self._tell()
        else:
            self._follow()

    def action_next_error(self) -> None:
        """To the next line of severity ERROR or worse."""
        self._seek_error(1)

    def action_previous_error(self) -> None:
        """To the one before."""
        self._seek_error(-1)

    def action_cycle_severity(self) -> None:
        """All, INFO+, WARNING+, ERROR+."""
        held = self.rows.filter
        self._choose(LogFilter(held.text, FLOORS[(FLOORS.index(held.floor) + 1) % len(FLOORS)], held.arm))

    def action_cycle_revision(self) -> None:
        """Both, canary, stable."""
        held = self.rows.filter
        self._choose(LogFilter(held.text, held.floor, ARMS[(ARMS.index(held.arm) + 1) % len(ARMS)]))

    def action_toggle_wrap(self) -> None:
        """Wrap long lines, or cut them."""
        self.note = ""
        self.wrap = not self.wrap
        self._strips.clear()
        if self._window.top is not None:
            self._window.top = (self._window.top[0], 0)
            self._window.settle()
        self._redraw()
        self._tell()

    def action_copy(self) -> None:
        """Copy the chosen line, or what is on screen while none is chosen, to the terminal's clipboard."""
        line = self.chosen
        lines = [line] if line is not None else self.visible_lines()[-COPIED_LINES:]
        if not lines:
            self._say(_("nothing to copy"))
            return
        self.app.copy_to_clipboard("\n".join(plain(each) for each in lines))
        self._say(
            ngettext("{count} line sent to the clipboard", "{count} lines sent to the clipboard", len(lines)).format(
                count=len(lines)
            )
        )

    def action_open(self) -> None:
        """Ask for the whole of the chosen line."""
        if self._cursor is None:
            self.action_move(0)
        self.post_message(self.Chosen(self, self.chosen, True))

    # ---- mouse

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Back in time."""
        event.stop()
        self._pause()
        self._window.scroll(-3)
        self._redraw()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Forward; at the end it follows again."""
        event.stop()
        if not self.following:
            if self._window.scroll(3):
                self._follow()
            self._redraw()

    def on_click(self, event: events.Click) -> None:
        """Choose the line."""
        offset = event.get_content_offset(self)
        picture = self._picture()
        if offset is None or not 0 <= offset.y < self.size.height:
            return
        index = offset.y - (self.size.height - len(picture))
        if 0 <= index < len(picture):
            place = picture[index][0]
            again = place == self._cursor
            self._pause()
            self._set_cursor(place)
            if again:
                self.action_open()

    # ---- moving

    def _follow(self) -> None:
        self._window.top = None
        self._new = 0
        if self._cursor is not None:
            self._cursor = None
            self.post_message(self.Chosen(self, None, False))
        self._redraw()
        self._tell()

    def _pause(self) -> None:
        if self.following:
            self._window.hold()
            self._new = 0
            self._tell()

    def _go_to(self, place: int) -> None:
        self._pause()
        place = min(max(place, self.rows.first), self.rows.end - 1)
        self._window.show(place)
        self._set_cursor(place)

    def _set_cursor(self, place: int) -> None:
        self._cursor = place
        self._redraw()
        self._tell()
        self.post_message(self.Chosen(self, self.chosen, False))

    def _keep_within(self) -> None:
        """Old rows fell off: the reader stays, unless what they read is gone."""
        first = self.rows.first
        if self._cursor is not None and self._cursor < first:
            self._cursor = first if len(self.rows) else None
            self._redraw()
        if self._window.top is not None and self._window.top[0] < first:
            self._window.settle()
            self._redraw()

    def _seek_error(self, step: int) -> None:
        self.note = ""
        start = self._cursor
        if start is None:
            shown = [place for place, _row in self._picture()]
            start = self.rows.end if step < 0 else (shown[0] - 1 if shown and not self.following else self.rows.end)
        found = self.rows.find_error(start, step)
        if found is None:
            self._say(_("no error further down") if step > 0 else _("no error further up"))
        else:
            self._go_to(found)

    def _choose(self, filter: LogFilter, roles: tuple[str | None, str | None] | None = None) -> None:
        self.note = ""
        canary, stable = roles if roles is not None else (self.rows.canary, self.rows.stable)
        cursor = self.chosen
        top = None if self._window.top is None else self.rows.at(self._window.top[0])
        self.rows.choose(filter, canary, stable)
        self._strips.clear()
        if not len(self.rows):
            self._window.top = None
        elif self._window.top is not None:
            self._window.top = (self.rows.place_of(top.sequence) if top is not None else self.rows.first, 0)
            self._window.settle()
        if self._cursor is not None:
            place = self.rows.place_of(cursor.sequence) if cursor is not None else self.rows.first
            self._cursor = min(place, self.rows.end - 1) if len(self.rows) else None
            if self._cursor is not None and not self.following:
                self._go_to(self._cursor)
        self._new = 0
        self._redraw()
        self._tell()

    def _say(self, note: str) -> None:
        self.note = note
        self._tell()

    def _tell(self) -> None:
        status = f"{self.status} · {self.counts}"
        if status != self._said:
            self._said = status
            self.post_message(self.StatusChanged(self))

    # ---- drawing

    def _redraw(self) -> None:
        self._shown = None
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Lines are drawn for one width; the line under the cursor stays in sight."""
        self._strips.clear()
        self._window.height = self.size.height
        self._window.settle()
        if self._cursor is not None:
            self._window.show(self._cursor)
        self._redraw()

    def notify_style_update(self) -> None:
        """Another theme."""
        super().notify_style_update()
        self._strips.clear()

    def _picture(self) -> list[tuple[int, int]]:
        """(place, row within the line) of each screen row, upper first."""
        if self._shown is None:
            self._shown = self._window.picture()
        return self._shown

    def _rows_of(self, place: int) -> int:
        return len(self._strips_of(place)) if self.wrap else 1

    def _strips_of(self, place: int) -> list[Strip]:
        strips = self._strips.get(place)
        if strips is None:
            line = self.rows.at(place)
            width = max(self.size.width - 1, 1)
            if line is None:
                return [Strip.blank(width)]
            role = self.rows.role_of(line.revision)
            strips = strips_of(line, role, width, wrap=self.wrap, style=self._style)
            self._strips[place] = strips
        return strips

    def _style(self, component: str) -> Style:
        base = self.rich_style
        return base + self.get_component_rich_style(component, partial=True) if component else base

    def render_line(self, y: int) -> Strip:
        """See `Widget.render_line`."""
        width = self.size.width
        style = self.rich_style
        picture = self._picture()[: self.size.height]
        if not picture:
            text = self.waiting or _("waiting for the first line")
            if self.rows.seen and self.rows.filter != LogFilter():
                text = _("no line passes the filter")
            if y:
                return Strip.blank(width, style)
            return Strip([Segment(set_cell_size(clean(text, 300), width), self._style("log--calm"))], width)
        # the newest line stands on the ground while there are few
        index = y - (self.size.height - len(picture))
        if not 0 <= index < len(picture):
            return Strip.blank(width, style)
        place, row = picture[index]
        strips = self._strips_of(place)
        strip = strips[min(row, len(strips) - 1)]
        if place == self._cursor:
            strip = strip.apply_style(self.get_component_rich_style("log--cursor", partial=True))
        return Strip.join([strip, self._bar(y, style)])

    def _bar(self, y: int, style: Style) -> Strip:
        """One cell at the right that shows where the screen is within what is held."""
        height, held = self.size.height, len(self.rows)
        if held <= height:
            return Strip([Segment(" ", style)], 1)
        size = max(height * height // held, 1)
        start = self._picture()[0][0] - self.rows.first
        at = height - size if self.following else min(start * (height - size) // max(held - height, 1), height - size)
        return Strip([Segment("┃" if at <= y < at + size else "│", self._style("log--bar"))], 1)
