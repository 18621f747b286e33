"""A chart with its title, newest figures and marks where traffic moved; plotext draws it, in a thread (`plot`)."""

from __future__ import annotations

from typing import ClassVar

from textual import events, work
from textual.content import Content
from textual.worker import get_current_worker

from console.words import _
from widgets.drawing import NOTHING, ROLE_STYLES, Drawn, fit, inert, milliseconds, percent, rate, spread
from widgets.plot import ChartMark, ChartSeries, ChartSpec, Colour, Plot, draw

ENDED = 0.1
"""A line that ends so much of the span before the other has its last figure told with its time."""

SAMPLES = {"canary": "⣀⡠", "stable": "··"}
"""How a line of each role looks, for legends: told by form, not by colour alone."""


class ChartView(Drawn):
    """One chart, drawn anew in a thread when its spec or its size changes.

    Args:
        title: shown until a spec comes.
    """

    DEFAULT_CSS = """
    ChartView {
        height: 1fr;
        min-height: 6;
        & .chart--limit { color: $warning; }
        & .chart--mark { color: $text-muted; }
        & .chart--rollback { color: $error; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"chart--limit", "chart--mark", "chart--rollback"}

    def __init__(
        self, title: str = "", *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._title = title
        self._spec: ChartSpec | None = None
        self._picture: list[Content] = []
        self._plot: Plot | None = None

    def show(self, spec: ChartSpec) -> None:
        """Draw `spec`, where it differs from what is drawn."""
        if spec != self._spec:
            self._spec = spec
            self.refresh()
            self._plan()

    def lines(self, width: int, height: int) -> list[Content]:
        """See `Drawn.lines`."""
        spec = self._spec
        title = Content.styled(self._title if spec is None else spec.title, ".strong")
        if spec is None or spec.empty:
            waiting = inert(spec.waiting) if spec else ""
            return [title, Content.styled(waiting or _("waiting for the first figures"), ".faint")]
        drawn = [series for series in spec.series if series.points]
        named, bare = (
            Content("  ").join(
                Content.assemble(
                    (f"{SAMPLES[s.role]} {s.name if names else ''}".strip(), ROLE_STYLES[s.role]), " ", figure
                )
                for s in drawn
                if (figure := self._newest(s))
            )
            for names in (True, False)
        )
        left, right = fit(([title], [named, bare, NOTHING]), width)
        return [spread([left], [right], width), *(self._picture or [Content.styled(_("drawing"), ".faint")])]

    def _newest(self, series: ChartSeries) -> Content:
        spec = self._spec
        at, value = next(((at, v) for at, v in reversed(series.points) if v is not None), (None, None))
        if spec is None or at is None or value is None:
            return NOTHING
        newest = max((at for s in spec.series for at, v in s.points if v is not None), default=at)
        figure = {"%": percent, "ms": milliseconds}.get(spec.unit, rate)(value)
        if newest - at > (spec.end - spec.start) * ENDED:  # beside a fresh figure it would pass for fresh
            return Content.styled(f"{figure} {at:%H:%M}", ".faint")
        over = spec.limit is not None and value > spec.limit
        return Content.styled(f"{figure} ▲" if over else figure, ".bad" if over else ".strong")

    def on_resize(self, event: events.Resize) -> None:
        """Another size, another picture."""
        self._plan()

    def notify_style_update(self) -> None:
        """Another theme: other colours."""
        super().notify_style_update()
        self._plan()

    def _colour(self, component: str) -> Colour:
        colour = self.get_component_styles(component).color
        return None if colour.ansi is not None else (colour.r, colour.g, colour.b)

    def _plan(self) -> None:
        spec, (width, height) = self._spec, self.size
        if spec is None or spec.empty or width < 20 or height < 4 or not self.is_attached:
            return
        names = ("canary", "stable", *self.COMPONENT_CLASSES)
        plot = Plot(width, height - 1, spec, tuple((name, self._colour(name)) for name in sorted(names)))
        if plot != self._plot:
            self._plot = plot
            self._draw(plot)

    @work(thread=True, exclusive=True, group="chart")
    def _draw(self, plot: Plot) -> None:
        worker = get_current_worker()
        text = draw(plot)
        if not worker.is_cancelled:
            self.app.call_from_thread(self._drawn, plot, [Content.from_rich_text(line) for line in text.split("\n")])

    def _drawn(self, plot: Plot, lines: list[Content]) -> None:
        if plot == self._plot:
            self._picture = lines
            self.refresh()


__all__ = ["SAMPLES", "ChartMark", "ChartSeries", "ChartSpec", "ChartView"]
