"""A log view with what goes around it: a status line, the filter one types in, the whole of one line, and saving.

Keys are bindings with the registry's ids (`log_filter`, ...), so that a keymap reaches them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from console.text import clean
from console.words import _, ngettext
from widgets.drawing import Drawn, cut, spread
from widgets.log_lines import Line, Ring
from widgets.log_view import LogView, plain

SHOWN_WHOLE = 4_000
"""Characters of one line in the detail below; ring lines are no longer."""


KEYS = (
    ("log_filter", "slash", "Filter"),
    ("log_severity", "s", "Severity"),
    ("log_revision", "v", "Revision"),
    ("log_follow", "p", "Pause or follow"),
    ("log_next_error", "n", "Next error"),
    ("log_previous_error", "N", "Previous error"),
    ("log_wrap", "w", "Wrap"),
    ("log_copy", "y", "Copy"),
    ("log_save", "o", "Save to file"),
)
"""Id, default key and title of each action, as the console's registry has them."""


class LogStatus(Drawn):
    """The line above the log: what is shown, whether it follows, what was dropped."""

    DEFAULT_CSS = """
    LogStatus { height: 1; background: $panel; padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._said = ("", "", False)

    def show(self, view: LogView) -> None:
        """Say how things stand with `view`."""
        said = (view.status, view.counts, bool(view.dropped or view.suppressed))
        if said != self._said:
            self._said = said
            self.refresh()

    def lines(self, width: int, height: int) -> list[Content]:
        """See `Drawn.lines`."""
        status, counts, lost = self._said
        right = Content.styled(f"▲ {counts}" if lost else counts, ".warn" if lost else ".faint")
        if right.cell_length > width // 2:
            right = cut(right, max(width // 2, 1))
        left = Content.assemble((_("log"), ".strong"), f"  {status}")
        return [spread([cut(left, width - right.cell_length - 2)], [right], width)]


class LogPane(Vertical):
    """Status line, lines, and, when asked for, the filter's input, one line in full, or the path to save to.

    Args:
        keys: show which keys there are, in the status line of the empty filter.
    """

    DEFAULT_CSS = """
    LogPane {
        height: 1fr;
        & Input { height: 1; border: none; padding: 0 1; background: $panel; display: none; }
        & Input:focus { border: none; background-tint: $foreground 5%; }
        & Input.-shown { display: block; }
        & #log-detail { height: auto; max-height: 50%; display: none; border-top: solid $panel; padding: 0 1; }
        & #log-detail.-shown { display: block; }
        & #log-detail Static { height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"act({id!r})", title, id=id, show=False) for id, key, title in KEYS),
        Binding("escape", "close", "Close", show=False),
    ]

    class Saved(Message):
        """Lines were written to a file, or could not be."""

        def __init__(self, pane: LogPane, path: Path, lines: int, problem: str) -> None:
            super().__init__()
            self.pane = pane
            """The pane."""
            self.path = path
            """Where to."""
            self.lines = lines
            """How many; 0 where it failed."""
            self.problem = problem
            """Why it failed, one sentence; empty where it did not."""

        @property
        def control(self) -> LogPane:
            """The pane, for `on`."""
            return self.pane

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.log_view = LogView(id="log-lines")
        self._status = LogStatus(id="log-status")
        self._filter = Input(placeholder=_("words that must occur, -word that must not"), id="log-filter", compact=True)
        self._path = Input(placeholder=_("file to save to"), id="log-path", compact=True)
        self._detail = Static("", markup=False)

    def compose(self) -> ComposeResult:
        """Status, lines, detail, inputs."""
        yield self._status
        yield self.log_view
        with VerticalScroll(id="log-detail", can_focus=False):
            yield self._detail
        yield self._filter
        yield self._path

    def on_mount(self) -> None:
        """Say how things stand."""
        self._status.show(self.log_view)

    def focus_log(self) -> None:
        """Put the focus on the lines."""
        self.log_view.focus()

    # ---- what others tell it, handed on

    def use(self, ring: Ring | None) -> None:
        """See `LogView.use`."""
        self.log_view.use(ring)

    def set_roles(self, canary: str | None, stable: str | None) -> None:
        """See `LogView.set_roles`."""
        self.log_view.set_roles(canary, stable)

    def set_counts(self, dropped: int, suppressed: int, sampled: str = "") -> None:
        """See `LogView.set_counts`."""
        self.log_view.set_counts(dropped, suppressed, sampled)

    def set_waiting(self, waiting: str) -> None:
        """See `LogView.set_waiting`."""
        self.log_view.set_waiting(waiting)

    def pull(self) -> None:
        """See `LogView.pull`."""
        self.log_view.pull()

    # ---- keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc is ours only while there is something to close: otherwise it stops a countdown, further up."""
        if action == "close":
            return self._open_part() is not None
        return True

    def action_act(self, id: str) -> None:
        """Do what the action of that id does."""
        view = self.log_view
        {
            "log_filter": self.action_filter,
            "log_severity": view.action_cycle_severity,
            "log_revision": view.action_cycle_revision,
            "log_follow": view.action_toggle_follow,
            "log_next_error": view.action_next_error,
            "log_previous_error": view.action_previous_error,
            "log_wrap": view.action_toggle_wrap,
            "log_copy": view.action_copy,
            "log_save": self.action_save,
        }[id]()

    def action_filter(self) -> None:
        """Type a filter; it works with each letter."""
        self._show_input(self._filter)

    def action_save(self) -> None:
        """Ask where to save what passes the filter."""
        if not self._path.value:
            newest = self.log_view.rows.at(self.log_view.rows.end - 1)
            stamp = (newest.time if newest else datetime.min).strftime("%Y%m%d-%H%M%S")
            self._path.value = f"canario-log-{stamp}.txt"
        self._show_input(self._path)

    def action_close(self) -> None:
        """Close what is open, the input first."""
        part = self._open_part()
        if isinstance(part, Input):
            if part is self._filter:
                part.value = ""
            part.remove_class("-shown")
            self.log_view.focus()
        elif part is not None:
            part.remove_class("-shown")

    def _open_part(self) -> Input | VerticalScroll | None:
        for field in (self._path, self._filter):
            if field.has_focus and field.has_class("-shown"):
                return field
        detail = self.query_one("#log-detail", VerticalScroll)
        return detail if detail.has_class("-shown") else None

    def _show_input(self, field: Input) -> None:
        other = self._path if field is self._filter else self._filter
        if other is self._path or not other.value:
            other.remove_class("-shown")
        field.add_class("-shown")
        field.focus()

    @on(Input.Changed, "#log-filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.log_view.set_filter_text(event.value)

    @on(Input.Submitted, "#log-filter")
    def _filter_done(self, event: Input.Submitted) -> None:
        event.stop()
        if not event.value.strip():
            self._filter.remove_class("-shown")
        self.log_view.focus()

    @on(Input.Submitted, "#log-path")
    def _path_done(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self._path.remove_class("-shown")
            self.log_view.focus()
            self._write(Path(event.value.strip()).expanduser(), self.log_view.rows.all())

    @on(LogView.StatusChanged)
    def _status_changed(self, event: LogView.StatusChanged) -> None:
        self._status.show(event.view)

    @on(LogView.Chosen)
    def _chosen(self, event: LogView.Chosen) -> None:
        detail = self.query_one("#log-detail", VerticalScroll)
        if event.line is None:
            detail.remove_class("-shown")
            return
        if event.opened:
            detail.toggle_class("-shown")
        if detail.has_class("-shown"):
            self._detail.update(whole(event.line))
            detail.scroll_home(animate=False)

    # ---- saving

    @work(thread=True, group="save")
    def _write(self, path: Path, lines: Sequence[Line]) -> None:
        problem = ""
        try:
            # never over a file that is there already: it may be the last save
            with path.open("x", encoding="utf-8") as file:
                file.writelines(f"{plain(line)}\n" for line in lines)
        except FileExistsError:
            problem = _("{path} is there already; choose another name.").format(path=clean(str(path)))
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            problem = _("{path} can't be written: {why}. Choose another place.").format(
                path=clean(str(path)), why=clean(why)
            )
        self.app.call_from_thread(self._written, path, 0 if problem else len(lines), problem)

    def _written(self, path: Path, lines: int, problem: str) -> None:
        if problem:
            self.notify(problem, severity="error", markup=False)
        else:
            saved = ngettext("{count} line saved to {path}", "{count} lines saved to {path}", lines)
            self.notify(saved.format(count=f"{lines:,}", path=clean(str(path))), markup=False)
            self._path.value = ""
        self.post_message(self.Saved(self, path, lines, problem))


def whole(line: Line) -> Content:
    """One line with all that is known of it."""
    facts = [
        f"{line.time:%Y-%m-%d %H:%M:%S}.{line.time.microsecond // 1000:03} UTC",
        clean(line.severity, 20),
        clean(line.revision, 80),
        f"trace {clean(line.trace, 80)}" if line.trace else "",
        f"insertId {clean(line.insert_id, 80)}" if line.insert_id else "",
    ]
    head = " · ".join(fact for fact in facts if fact)
    return Content(f"{head}\n{clean(line.text, SHOWN_WHOLE)}")
