"""What every screen has: the header on top, a banner for what must not be missed, the keys at the bottom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from console.registry import ACTIONS, Place
from screens import alerts, footer, present
from screens.view import View
from widgets.action_bar import ActionBar
from widgets.header import EnvironmentHeader

if TYPE_CHECKING:
    from console.session import Session

T = TypeVar("T")


def keys_of(place: Place, *, first: bool = False) -> list[BindingType]:
    """A screen's bindings for the actions of `place`, with the registry's ids, so that a keymap reaches them.

    Args:
        place: where they are heard.
        first: before whatever has the focus on the screen (arrows, that a scrolling part would take).
    """
    return [
        Binding(",".join(spec.keys), f"act({spec.id!r})", spec.title, id=spec.id, show=False, priority=first)
        for spec in ACTIONS
        if spec.place is place
    ]


class Asks(Protocol):
    """What screens need of the app beside the view."""

    async def ask(self, make: Callable[[Session], Awaitable[T]]) -> T:
        """Run something on the session's loop; raises CanarioError where that fails or no session is open."""
        ...


class Banner(Static):
    """One line that appears only while there is something that must not be missed."""

    DEFAULT_CSS = """
    Banner { height: auto; display: none; background: $error; color: $text; text-style: bold; padding: 0 1; }
    Banner.-shown { display: block; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._text = ""

    def show(self, text: str) -> None:
        """Say `text`; nothing where it is empty."""
        if text != self._text:
            self._text = text
            self.update(Content(text))
            self.set_class(bool(text), "-shown")


class ConsoleScreen(Screen[None]):
    """A screen of the console. Subclasses give `compose_body` and `show_body`."""

    NAME: ClassVar[str] = ""
    """Registry id of the action that opens it, e.g. `logs`."""

    def __init__(self) -> None:
        super().__init__()
        self.view: View | None = None
        """The last view that was drawn; None before the first."""
        self._composed = False
        """Whether the whole body is there: Mount comes after the last of it."""

    @property
    def opened_by(self) -> str:
        """Registry id of the action that leads here, which the footer need not name."""
        return self.NAME

    def on_mount(self) -> None:
        """From now on every widget can be found."""
        self._composed = True

    def compose(self) -> ComposeResult:
        """Header, banner, body, keys."""
        yield EnvironmentHeader(id="header")
        yield Banner(id="banner")
        yield from self.compose_body()
        yield ActionBar(id="actions")

    def compose_body(self) -> ComposeResult:
        """The widgets between header and keys."""
        yield Widget()

    def show(self, view: View) -> None:
        """Draw `view`. Called ten times a second."""
        if not self._composed or not self.is_running:
            return  # not whole yet, or on its way out
        self.view = view
        self.query_one("#header", EnvironmentHeader).show(present.header(view))
        self.query_one("#banner", Banner).show(self.banner(view))
        self.query_one("#actions", ActionBar).show(footer.action_entries(view, self.opened_by))
        self.show_body(view)

    def show_body(self, view: View) -> None:
        """Draw the part between header and keys."""

    async def ask(self, make: Callable[[Session], Awaitable[T]]) -> T:
        """Run `make(session)` on the session's loop, e.g. to read what no snapshot holds.

        Raises:
            CanarioError: it failed, or no session is open yet.
        """
        return await cast(Asks, self.app).ask(make)

    def banner(self, view: View) -> str:
        """What the banner says; the canary screen has a panel of its own for part of it."""
        return alerts.banner(view)

    async def act(self, id: str) -> None:
        """Do an action that belongs to a part of the screen (registry places LOGS and METRICS), where there is one."""
        if id.startswith("log_"):
            for pane in self.query("LogPane"):
                await pane.run_action(f"act({id!r})")

    async def action_act(self, id: str) -> None:
        """A key of `keys_of`."""
        await self.act(id)

    async def on_action_bar_pressed(self, event: ActionBar.Pressed) -> None:
        """A click on a key does what the key does."""
        event.stop()
        await self.app.run_action(f"app.{footer.binding_action(event.action)}")
