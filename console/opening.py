"""Where the console opens, as whoever starts it finds out once the first frame is up.

Plain data: the app takes it, the commands and the demo make it. Imports nothing of settings, screens or the cloud.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from console.settings import Environment, Settings


SLOWEST, FASTEST = 0.1, 1_000.0
"""Speeds of the demo's clock, simulated seconds a wall second, that `--speed` and the keys may set."""


class DemoControl(Protocol):
    """What `<` and `>` need of the simulator."""

    @property
    def speed(self) -> float:
        """Simulated seconds a wall second, as last known."""
        ...

    @property
    def running(self) -> bool:
        """Whether the simulator has not ended."""
        ...

    def set_speed(self, speed: float) -> object:
        """Set it; blocks on HTTP, so it is called in a thread."""
        ...

    def follow(self) -> None:
        """Learn what speed somebody else may have set; blocks on HTTP. What cannot be learned stays as it was."""
        ...


@dataclass(frozen=True, slots=True)
class Opening:
    """What the console opens on."""

    settings: Settings
    environment: Environment
    """Its project filled in."""
    endpoint: str | None = None
    """`HOST:PORT` of a simulator on loopback, or None for Google."""
    as_email: str | None = None
    """Identity on loopback."""
    demo: DemoControl | None = None
    """The demo's clock, where this is the demo."""


Find = Callable[[ExitStack], Opening]
"""Finds out where to open: called in a thread once the first frame is up. What must end with the console (a simulator)
is entered into the stack. Raises CanarioError, which ends the console with its sentence and exit code."""
