"""Opening behind the first frame: where it is is found out in a thread, and keys wait until they mean something."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from textual import events
from textual.screen import Screen

from console.app_keys import KeyActions
from console.errors import CanarioError
from console.opening import Opening
from screens.opening import OpeningScreen

INTERRUPTED = 130
"""Exit code after Ctrl+C while it opens, as shells have it."""


class OpensLate(KeyActions, inherit_bindings=False):
    """The opening half of `console.app.ConsoleApp`."""

    def __init__(self) -> None:
        super().__init__()
        self.failure: CanarioError | None = None
        """Why it could not open: wrong settings or options."""
        self._held: list[events.Key] = []

    @abstractmethod
    def open_on(self, opening: Opening) -> None:
        """From now on it is known where this is."""

    @abstractmethod
    def show_screens(self) -> None:
        """Make the modes, and show the first."""

    @abstractmethod
    def start_session(self) -> None:
        """Connect; the first screen stands."""

    def get_default_screen(self) -> Screen[Any]:
        """The first frame's, where it is not known yet where to open."""
        return super().get_default_screen() if self.opened else OpeningScreen()

    async def on_event(self, event: events.Event) -> None:
        """Keys wait for the settings, which say what they mean; Ctrl+C leaves."""
        if isinstance(event, events.Key) and (self._held or not self.opened):  # in the order they were typed
            if event.key == "ctrl+c" and not self.opened:
                self.exit(return_code=INTERRUPTED)
            else:
                self._held.append(events.Key(event.key, event.character))
            return
        await super().on_event(event)

    async def find_out(self, find: Callable[[], Opening]) -> None:
        """Behind the first frame: learn where to open, and get the screens."""
        try:
            opening, _screens = await asyncio.gather(asyncio.to_thread(find), asyncio.to_thread(_get_screens))
        except CanarioError as error:
            self.failure = error
            self.exit(return_code=int(error.exit_code))
        except Exception as error:  # noqa: BLE001 - a bug ends the console as any other does
            self._handle_exception(error)
        else:
            self.open_on(opening)
            self.show_screens()
            self.call_after_refresh(self.start_session)

    def hear_held(self) -> None:
        """The keys that were typed meanwhile, now that they mean something."""
        held, self._held = self._held, []
        for key in held:
            self.post_message(key)


def _get_screens() -> None:
    """Import what the first screen and its keys stand on, in a thread."""
    import screens.announcer
    import screens.canary
    import screens.lookout
    import screens.operator  # noqa: F401 - only so that they are there
