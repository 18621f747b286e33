"""Our own sparkline: a fixed scale, gaps as gaps, zero as zero, the limit drawn, canary against stable.

Textual's own autoscales, draws a lone 0.0 as a full bar and crashes on None (FACTS.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.widget import Widget


@dataclass(frozen=True, slots=True)
class Scale:
    """How values become heights and figures. Fixed for a widget's life, so that a picture means the same at any time."""

    unit: str
    """`%` (values are shares of 0 to 1), `ms`, or `/s`."""
    top: float
    """Value at the upper edge; what is above is drawn at the edge, marked with ↑."""
    limit: float | None = None
    """Where the limit line lies, in the values' unit."""


ERRORS = Scale("%", 0.04, 0.01)
"""Error rate: 0 to 4 %, the runbook's limit at 1 %."""
LATENCY = Scale("ms", 1600.0, 1000.0)
"""P95: 0 to 1.6 s, the runbook's limit at 1 s."""


class Sparkline(Widget):
    """Canary over stable, with the newest value of each in figures and its age.

    One line high: both side by side. Two: one under the other. More: taller columns with the limit line.

    Args:
        title: what is measured, translated, e.g. `errors`.
        scale: how it is drawn.
    """

    def __init__(
        self, title: str, scale: Scale, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.title = title
        self.scale = scale

    def show(
        self,
        canary: Sequence[float | None],
        stable: Sequence[float | None],
        *,
        age_s: float | None = None,
        waiting: str = "",
    ) -> None:
        """Draw two series.

        Args:
            canary: oldest first, None where nothing was observed; empty where there is no canary.
            stable: the same for the others.
            age_s: age of the newest value, seconds of server time; None where unknown.
            waiting: what is waited for while both are empty.
        """

    def render(self) -> Content:
        """See `Widget.render`."""
        return Content("")
