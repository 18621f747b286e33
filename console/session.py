"""A session: one environment, opened (signatures; bodies follow)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Literal, Self, TypeVar

from console.clock import Clock

if TYPE_CHECKING:
    from console.actions import Actions, Autopilot
    from console.cloud.client import Cloud
    from console.journal import Journal
    from console.settings import Environment, Settings
    from console.watch.watcher import Watcher

T = TypeVar("T")


class Session:
    """One environment, opened."""

    cloud: Cloud
    watcher: Watcher
    actions: Actions
    autopilot: Autopilot
    journal: Journal
    environment: Environment
    identity: str
    session_id: str

    @classmethod
    async def open(
        cls,
        settings: Settings,
        environment: Environment,
        *,
        endpoint: str | None = None,
        as_email: str | None = None,
        clock: Clock | None = None,
        watch: bool = True,
        drive: bool = False,
    ) -> Self:
        """Connect and wire everything."""
        raise NotImplementedError

    async def close(self) -> None:
        """Stop everything."""


class SessionThread:
    """The app's engine thread."""

    session: Session | None = None
    error: Exception | None = None
    state: Literal["connecting", "open", "failed"] = "connecting"
    problem: str = ""

    def submit(self, make: Callable[[Session], Awaitable[T]]) -> Future[T]:
        """Run `make(session)` on the engine's loop."""
        raise NotImplementedError

    def start(self) -> None:
        """Start."""

    def stop(self) -> None:
        """Stop."""
