"""The verdict: a word, a sentence, the evidence filling toward its thresholds, and the way out when it goes wrong."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.widget import Widget

from console.verdict.base import Verdict


@dataclass(frozen=True, slots=True)
class RollbackLine:
    """How far a rollback is."""

    state: str
    """`sending`, `moving`, `retrying`, `done` or `failed`."""
    target: str
    """Revision that gets the traffic back, short."""
    took_s: float = 0.0
    """Wall seconds so far, or in all where done."""
    attempts: int = 1
    problem: str = ""
    """Last error in a sentence, cleaned, or empty."""
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class VerdictState:
    """All that the panel says."""

    verdict: Verdict | None = None
    waiting: str = ""
    """What is waited for while there is no verdict."""
    countdown_s: float | None = None
    """Wall seconds until the automatic rollback; None while none is counting."""
    auto_rollback: bool | None = None
    """Armed or not; None where it doesn't apply."""
    rollback: RollbackLine | None = None
    """A rollback under way, or the last one of this release."""
    notice: str = ""
    """One more line (countdown stopped by whom, automatic rollback lives only while this console does), or empty."""


class VerdictPanel(Widget):
    """Draws what fits: word and sentence always, countdown or rollback next, then evidence bars, then the rules.

    Args:
        state: what to draw first.
    """

    def __init__(
        self,
        state: VerdictState | None = None,
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._state = state or VerdictState()

    def show(self, state: VerdictState) -> None:
        """Draw `state`, where it differs from what is drawn."""

    def render(self) -> Content:
        """See `Widget.render`."""
        return Content("")
