"""A chart drawn by plotext 6, with marks where traffic moved. plotext is imported only when the first one is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from textual.content import Content
from textual.widget import Widget


@dataclass(frozen=True, slots=True)
class ChartSeries:
    """One line of a chart."""

    name: str
    """As the legend says, e.g. `canary`."""
    role: str
    """`canary`, `stable`, `other`."""
    points: tuple[tuple[datetime, float | None], ...]
    """Oldest first; None is a gap."""


@dataclass(frozen=True, slots=True)
class ChartMark:
    """Something that happened: drawn as a vertical line with its word."""

    at: datetime
    word: str
    """Short: `10 %`, `rolled back`."""
    rollback: bool = False


@dataclass(frozen=True, slots=True)
class ChartSpec:
    """All that one chart shows."""

    title: str
    unit: str
    """`%`, `ms`, `/s`."""
    start: datetime
    end: datetime
    series: tuple[ChartSeries, ...] = ()
    marks: tuple[ChartMark, ...] = ()
    limit: float | None = None
    waiting: str = ""
    """What is waited for where no series has a point."""


class ChartView(Widget):
    """One chart, redrawn in a thread when its spec or its size changes.

    Args:
        title: shown until a spec comes.
    """

    def __init__(
        self, title: str = "", *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._title = title

    def show(self, spec: ChartSpec) -> None:
        """Draw `spec`, where it differs from what is drawn."""

    def render(self) -> Content:
        """See `Widget.render`."""
        return Content("")
