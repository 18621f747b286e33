"""Rollback as the operator's keys ask for it: sent at once, kept while there is no connection yet, followed to the end.

The keys call `ask`; the repaint timer calls `tick`, which sends what waits as soon as the session is open. Knows the
engine only by its shape, and no widgets, so that it can be tested by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from console.errors import CanarioError
from console.words import _
from screens.view import RollbackView

if TYPE_CHECKING:
    from console.actions import Outcome
    from console.session import Session

T = TypeVar("T")


class Engine(Protocol):
    """What is needed of `console.session.SessionThread`."""

    @property
    def state(self) -> Literal["connecting", "open", "failed"]:
        """How the connection is."""
        ...

    @property
    def problem(self) -> str:
        """Why it could not be opened, or empty."""
        ...

    @property
    def session(self) -> Session | None:
        """The session, once open."""
        ...

    def submit(self, make: Callable[[Session], Awaitable[T]]) -> Future[T]:
        """Run `make(session)` on the engine's loop; only while there is a session."""
        ...

    def start(self) -> None:
        """Start connecting."""
        ...

    def stop(self) -> None:
        """Stop everything; may block a moment."""
        ...


class RollbackDesk:
    """Keeps at most one rollback of this console's keys.

    Args:
        engine: gives the engine of now; None before the first frame.
        monotonic: wall seconds that never go back.
    """

    def __init__(self, engine: Callable[[], Engine | None], monotonic: Callable[[], float]) -> None:
        self._engine = engine
        self._monotonic = monotonic
        self._future: Future[Outcome] | None = None
        self._asked_at = 0.0
        self._waiting = False
        self._to = self._reason = ""
        self._failed: RollbackView | None = None
        self.already = False
        """Whether the last one found nothing to roll back."""

    @property
    def waiting(self) -> bool:
        """Whether one was asked for and could not be sent yet."""
        return self._waiting

    @property
    def running(self) -> bool:
        """Whether one has been sent and has not ended."""
        return self._future is not None and not self._future.done()

    def ask(self, to: str = "", reason: str = "") -> str:
        """Roll back now. Returns what to tell the operator, empty where the screen's progress line says it all.

        Args:
            to: full name of the revision that gets all traffic; empty: the split before the release.
            reason: why, for the record and Slack.
        """
        if self.running:
            return _("A rollback is under way already: the screen follows it.")
        self._asked_at, self._to, self._reason = self._monotonic(), to, reason
        self._failed, self.already = None, False
        self._waiting = True
        self.tick()
        if self._waiting:
            return _("Rollback asked for: it leaves as soon as there is a connection. Esc cancels it.")
        return ""

    def cancel(self) -> bool:
        """Take back one that still waits. A rollback that has been sent can't be called back."""
        was, self._waiting = self._waiting, False
        return was

    def tick(self) -> None:
        """Send what waits, where it can be sent now."""
        engine = self._engine()
        if not self._waiting or engine is None or engine.session is None:
            return
        self._waiting = False
        to, reason = self._to or None, self._reason
        if to is None and not reason:
            self._future = engine.submit(lambda session: session.actions.rollback())
        else:
            self._future = engine.submit(lambda session: session.actions.rollback(to=to, reason=reason))

    def what_it_waits_for(self) -> str:
        """In a few words; empty where nothing waits."""
        if not self._waiting:
            return ""
        engine = self._engine()
        if engine is not None and engine.problem:
            return engine.problem
        return _("the connection to the cloud is being opened")

    def take_answer(self) -> Outcome | CanarioError | None:
        """The outcome or the error of a rollback that has ended since the last call, once."""
        future = self._future
        if future is None or not future.done():
            return None
        self._future = None
        try:
            outcome = future.result()
            self.already = outcome.already
            return outcome
        except CancelledError:
            error = CanarioError(_("The rollback was cut off before the cloud answered."), remedy=_("Press r again."))
        except CanarioError as problem:
            error = problem
        except Exception as problem:  # noqa: BLE001 - whatever it was, the operator must hear that it failed
            error = CanarioError(
                _("The rollback failed inside canario: {problem}").format(problem=problem), remedy=_("Press r again.")
            )
        self._failed = RollbackView(
            "failed", took_s=self._monotonic() - self._asked_at, problem=f"{error.what} {error.remedy}".strip()
        )
        return error

    def sent_for(self) -> float:
        """Wall seconds since it was asked for."""
        return self._monotonic() - self._asked_at

    @property
    def failed(self) -> RollbackView | None:
        """The last one, where it failed and no other was asked for since."""
        return self._failed
