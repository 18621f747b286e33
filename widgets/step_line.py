"""The step line: 0 → 10 → 50 → 100, where we are, and what the bake still waits for."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.widget import Widget


@dataclass(frozen=True, slots=True)
class StepState:
    """Where the release stands in its plan."""

    steps: tuple[int, ...] = (10, 50, 100)
    """The plan's canary percents, rising; 0 is drawn before them."""
    at: int = 0
    """Canary's effective percent."""
    moving_to: int | None = None
    """Desired percent while it is not effective yet, else None."""
    baking: bool = False
    """Whether a bake is under way (canary has traffic, release not ended)."""
    observed_s: float = 0.0
    """Seconds of the bake observed."""
    required_s: float = 300.0
    """Seconds it takes."""
    requests_needed: int = 0
    """Canary requests still missing."""
    bake_done: bool = False
    waiting: str = ""
    """What the bake waits for beyond time and requests (`the log stream is down: the clock stands`), or empty."""
    ended: str = ""
    """`promoted`, `rolled back`, `abandoned`, or empty."""
    next_key: str = ""
    """Key of the next step, as shown, or empty."""


class StepLine(Widget):
    """One line (two where it is narrow).

    Args:
        state: what to draw first.
    """

    def __init__(
        self,
        state: StepState | None = None,
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._state = state

    def show(self, state: StepState | None) -> None:
        """Draw `state`; None says that no release is under way."""

    def render(self) -> Content:
        """See `Widget.render`."""
        return Content("")
