"""What every dialog has: a title, a line for what must not be missed, and a foot that names the ways out."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import wrap
from time import monotonic
from typing import Any, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from console.keys import shown_key
from console.registry import keys_for
from console.words import _
from screens import alerts
from screens.base import Banner
from screens.view import View

T = TypeVar("T")

QUIET_S = 0.3
"""Enter counts only after this many seconds without one since the dialog opened: a key that is held down, or pressed
twice, or typed ahead, confirms nothing that has not been read."""


TIGHT = 2
"""Blank lines at most that a dialog leaves out (class `-tight`) where its body would not fit."""


def hanging(text: str, width: int, indent: int) -> str:
    """`text` wrapped to `width` cells, every line but the first moved in by `indent`; no-break spaces hold together."""
    return ("\n" + " " * indent).join(wrap(text, max(width - indent, 12)) or [""])


def field(**options: Any) -> Input:
    """An input one line high."""
    return Input(compact=True, **options)


def plain(text: str, *, id: str | None = None, classes: str | None = None) -> Static:
    """A Static that draws `text` as it is: never as markup."""
    return Static(Content(text), id=id, classes=classes, markup=False)


def titled(heading: str, view: View) -> str:
    """`heading`, and before it a protected environment's name where it does not say it itself."""
    name = f"▲ {view.rules.name.upper()}"
    return heading if not heading or not view.rules.protected or heading.startswith("▲") else f"{name}: {heading}"


class Dialog(ModalScreen[T]):
    """A dialog. Subclasses give `compose_body`, `confirm` and, where the picture moves, `show_body`."""

    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog > #frame {
        width: 84; max-width: 100%; height: auto; max-height: 100%;
        background: $surface; border: round $primary; border-title-style: bold; padding: 0 1;
    }
    Dialog #head { height: auto; }
    Dialog #said { height: auto; display: none; color: $text-warning; }
    Dialog #body { height: auto; scrollbar-size-vertical: 1; }
    Dialog #foot { height: auto; margin: 1 0 0 0; color: $text; text-style: bold; }
    Dialog Input.-textual-compact {
        margin: 0; padding: 0 1; background: $panel; border-left: outer $accent !important;
    }
    Dialog .faint { color: $text-muted; }
    Dialog .problem { color: $text-error; text-style: bold; height: auto; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "confirm", show=False),
        Binding("escape", "leave", show=False),
        # the body is not focusable (an input may be), so its keys are the dialog's
        Binding("up", "scroll_body(-1)", show=False),
        Binding("down", "scroll_body(1)", show=False),
        Binding("pageup", "page_body(-1)", show=False),
        Binding("pagedown", "page_body(1)", show=False),
    ]
    AUTO_FOCUS = "Input"
    NAMES_PLACE: ClassVar[bool] = True
    """Whether the title names a protected environment where Enter does something."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view
        """The latest view."""
        self._quiet_since = monotonic()
        self._answered = False
        self._said = ""
        self.overtaken: Callable[[View], str] = lambda _view: ""
        """Says in a sentence that the question has been answered elsewhere meanwhile; empty while it stands. Whoever
        opens the dialog sets it. Then no key answers any more, and Esc closes."""
        self._gone = ""
        """What `overtaken` said last."""
        self._composed = False
        """Whether the whole body is there: Mount comes after the last of it, the foot alone may come sooner."""

    def compose(self) -> ComposeResult:
        """Banner, body, foot."""
        with Vertical(id="frame") as frame:
            heading = self.heading()
            frame.border_title = Content(
                titled(heading, self.view) if self.NAMES_PLACE and self.confirm_label() else heading
            )
            yield Banner(id="dialog-banner")
            with Vertical(id="head"):
                yield plain("", id="said")
                yield from self.compose_head()
            with VerticalScroll(id="body", can_focus=False):
                yield from self.compose_body()
            yield plain("", id="foot")

    def on_mount(self) -> None:
        """Start the quiet time once the dialog can be seen."""
        self._quiet_since = monotonic()
        self._composed = True
        self.show(self.view)

    def heading(self) -> str:
        """The title."""
        return ""

    @property
    def width(self) -> int:
        """Cells that a line of the body may take."""
        return self.query_one("#body").scrollable_content_region.width or min(self.app.size.width, 84) - 6

    def compose_head(self) -> ComposeResult:
        """What stands above the body and never scrolls away."""
        yield from ()

    def compose_body(self) -> ComposeResult:
        """What stands between title and foot."""
        yield from ()

    def show(self, view: View) -> None:
        """Draw `view`; called ten times a second."""
        if not self._composed or not self.is_running:
            return  # not whole yet, or on its way out
        self.view = view
        self.query_one("#dialog-banner", Banner).show(alerts.banner(view))
        self._gone = self.overtaken(view)
        self._tell(self._gone or view.notice)
        self.show_body(view)
        self.foot()
        self._fit()

    def _tell(self, text: str) -> None:
        """What was said last, while a toast would hide the foot."""
        if text != self._said:
            self._said = text
            said = self.query_one("#said", Static)
            said.update(Content(f"▲ {text}" if text else ""))
            said.display = bool(text)
            self.call_after_refresh(self._fit)

    def on_resize(self) -> None:
        """Fit the new size at once."""
        self._fit()

    def _fit(self) -> None:
        """Leave room for banner and foot: the ways out stay on the screen, the body scrolls."""
        height = self.app.size.height
        foot, banner, head = (self.query_one(f"#{id}") for id in ("foot", "dialog-banner", "head"))
        foot.styles.margin = (1 if height >= 16 else 0, 0, 0, 0)
        rest = max(foot.size.height, 1) + foot.styles.margin.height + (banner.size.height if banner.display else 0)
        rest += head.size.height
        body, room = self.query_one("#body"), max(height - 2 - rest, 1)
        body.styles.max_height = room
        # what was spared stays spared until all of it fits again
        self.set_class(body.virtual_size.height + (TIGHT if self.has_class("-tight") else 0) > room, "-tight")

    def show_body(self, view: View) -> None:
        """Draw what moves."""

    def can_confirm(self) -> bool:
        """Whether Enter would do something."""
        return True

    def confirm_label(self) -> str:
        """What Enter does, or empty where the dialog only shows something."""
        return ""

    def other_labels(self) -> tuple[str, ...]:
        """Other answers than Enter's, each with its key."""
        return ()

    def leave_label(self) -> str:
        """What Esc does."""
        return _("Leave as it is")

    def foot(self) -> None:
        """Name the ways out."""
        key = " ".join(shown_key(k) for k in keys_for("rollback_anywhere", self.view.keymap))
        parts = []
        label = self.confirm_label()
        if self._gone:
            parts += [_("(Enter does nothing any more)"), "Esc " + _("Close")]
        else:
            if label:
                parts.append(f"Enter {label}" if self.can_confirm() else _("(Enter does nothing yet)"))
            parts += [*self.other_labels(), f"Esc {self.leave_label()}"]
        parts.append(f"{key} " + _("Roll back"))
        foot = self.query_one("#foot", Static)
        text = "     ".join(parts)
        if getattr(self, "_foot_text", None) != text:
            self._foot_text = text
            foot.update(Content(text))

    def confirm(self) -> None:
        """Enter, once it counts."""

    def action_confirm(self) -> None:
        """Enter: counts only after a moment without one."""
        now = monotonic()
        quiet, self._quiet_since = now - self._quiet_since, now
        if quiet >= QUIET_S and not self._gone and self.can_confirm():
            self.confirm()

    def action_scroll_body(self, lines: int) -> None:
        """Arrows: read what doesn't fit."""
        self.query_one("#body").scroll_relative(y=lines, animate=False)

    def action_page_body(self, pages: int) -> None:
        """Page keys: the same, by what can be seen at once."""
        body = self.query_one("#body")
        body.scroll_relative(y=pages * max(body.size.height - 1, 1), animate=False)

    def action_leave(self) -> None:
        """Esc."""
        self.dismiss(None)

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Leave with an answer, once: a second key may come before the dialog is gone.

        Where the question is not asked any more, whatever key it was leaves with none.
        """
        if self._answered:
            return AwaitComplete()
        self._answered = True
        return super().dismiss(None if self._gone else result)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in an input is Enter."""
        event.stop()
        self.action_confirm()
