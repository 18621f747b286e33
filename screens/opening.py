"""What stands there until the console knows where it opens: nothing to be misread. Light, for the first frame."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from console.words import _


class OpeningScreen(Screen[None]):
    """The first frame: canario is here, and reads where to open. It names no environment, since none is known yet."""

    DEFAULT_CSS = """
    OpeningScreen { background: $background; }
    OpeningScreen #title { height: 1; padding: 0 1; background: $surface; color: $text; text-style: bold; }
    OpeningScreen #waiting { height: 1; margin: 1 1; color: $text-muted; }
    """

    def compose(self) -> ComposeResult:
        """A title, and what is waited for."""
        yield Static("canario", id="title", markup=False)
        yield Static(_("opening; keys typed now count as soon as the console is there"), id="waiting")
