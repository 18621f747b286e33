"""The engine thread: a session with a thread and an event loop of its own, so that the cloud never holds up a key.

The app starts one after its first frame; it imports the Google clients, opens the session, tries again while that
fails, and runs what the keys ask for. All of it may be called from the app's thread, and returns at once but for
`stop`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Literal, TypeVar

from console.clock import Clock
from console.errors import CanarioError, UnavailableError, UsageError
from console.text import clean
from console.words import _

if TYPE_CHECKING:
    from console.session import Session
    from console.settings import Environment, Settings

log = logging.getLogger("canario.session")

T = TypeVar("T")

FIRST_RETRY_S = 0.5
LAST_RETRY_S = 5.0
"""Pauses between attempts to open, doubled from the first to the last."""

STOP_TIMEOUT_S = 6.0
"""How long `stop` waits; the thread is a daemon, so one that hangs cannot keep the program."""


class SessionThread:
    """One environment's session in a thread of its own.

    Args:
        settings: all of them.
        environment: the one to open.
        endpoint: `HOST:PORT` of a simulator on loopback, instead of the environment's.
        as_email: on loopback, who we say we are.
        drive: run the autopilot too.
        clock: the wall; the machine's where None.
    """

    def __init__(
        self,
        settings: Settings,
        environment: Environment,
        *,
        endpoint: str | None = None,
        as_email: str | None = None,
        drive: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self._settings, self._environment = settings, environment
        self._endpoint, self._as_email = endpoint, as_email
        self._drive, self._clock = drive, clock
        self.session: Session | None = None
        """The session, once open."""
        self.error: Exception | None = None
        """Why the last attempt to open it failed; None once open."""
        self._failed = False
        self._stopping = threading.Event()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._main, name="canario-engine", daemon=True)

    @property
    def state(self) -> Literal["connecting", "open", "failed"]:
        """`failed`: the last attempt failed. It is tried again, but for a UsageError, which would fail for ever."""
        if self.session is not None:
            return "open"
        return "failed" if self._failed else "connecting"

    @property
    def problem(self) -> str:
        """Why the session is not open, or what is wrong with its tasks, in a sentence; empty while all is well."""
        if self.session is not None:
            return self.session.problem
        return str(self.error) if self.error is not None else ""

    def start(self) -> None:
        """Start the thread; connecting goes on in it."""
        self._thread.start()

    def stop(self) -> None:
        """Close the session and end the thread, in a few seconds at most. May be called twice, or before `start`."""
        self._stopping.set()
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None:
            try:
                loop.call_soon_threadsafe(stop.set)
            except RuntimeError:
                pass  # the loop has ended already
        if self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT_S)
            if self._thread.is_alive():
                log.warning("the engine thread did not end within %s s", STOP_TIMEOUT_S)

    def submit(self, make: Callable[[Session], Awaitable[T]]) -> Future[T]:
        """Run `make(session)` on the engine's loop.

        Returns:
            A future with its result or its exception; an UnavailableError where there is no session.
        """
        session, loop = self.session, self._loop
        if session is not None and loop is not None:
            work = _awaited(make, session)
            try:
                return asyncio.run_coroutine_threadsafe(work, loop)
            except RuntimeError:
                work.close()  # the loop has ended between
        refused: Future[T] = Future()
        refused.set_exception(
            UnavailableError(
                _("There is no connection to the cloud yet."),
                traffic=_("Nothing was sent."),
                remedy=self.problem or _("It is being opened."),
            )
        )
        return refused

    def _main(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception as error:  # whatever it was, the screen must say that the engine is gone
            log.exception("the engine thread crashed")
            self._fail(error)
        finally:
            self.session = None
            self._loop = None

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        if self._stopping.is_set():
            return
        stopped = asyncio.create_task(self._stop.wait())
        pause = FIRST_RETRY_S
        while not stopped.done():
            opening = asyncio.create_task(self._open())
            await asyncio.wait({opening, stopped}, return_when=asyncio.FIRST_COMPLETED)
            while not opening.done():
                opening.cancel()  # again and again: asyncio.wait_for of Python 3.11 may swallow one
                await asyncio.wait({opening}, timeout=0.1)
            try:
                session = await opening
            except asyncio.CancelledError:
                break
            except UsageError as error:
                self._fail(error)
                await stopped
                break
            except Exception as error:  # any kind of failure is shown and tried again
                if not isinstance(error, CanarioError):
                    log.exception("the session could not be opened")
                self._fail(error)
                await asyncio.wait({stopped}, timeout=pause)
                pause = min(pause * 2, LAST_RETRY_S)
                continue
            self.error, self._failed = None, False
            self.session = session
            try:
                await stopped
            finally:
                self.session = None
                await session.close()

    async def _open(self) -> Session:
        from console.session import Session

        return await Session.open(
            self._settings,
            self._environment,
            endpoint=self._endpoint,
            as_email=self._as_email,
            clock=self._clock,
            watch=True,
            drive=self._drive,
        )

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, CanarioError):
            error = CanarioError(
                _("canario failed inside ({kind}: {words}).").format(
                    kind=type(error).__name__, words=clean(str(error), 200)
                ),
                remedy=_("It is tried again; please report this."),
            )
        self.error, self._failed = error, True


async def _awaited(make: Callable[[Session], Awaitable[T]], session: Session) -> T:
    return await make(session)
