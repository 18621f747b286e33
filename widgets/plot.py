"""Draws a chart with plotext 6. The only place that imports it, and only when the first chart is drawn, in a thread.

plotext keeps one global figure: a lock lets one chart be drawn at a time (some 4 ms for two series of 300 points).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from rich.text import Text

from widgets.drawing import inert

Colour = tuple[int, int, int] | None
"""Red, green, blue; None leaves the terminal's own."""

FINE = "canary"
"""Role whose line is drawn thin and connected; any other's is dotted."""

_FIGURE = Lock()


@dataclass(frozen=True, slots=True)
class ChartSeries:
    """One line of a chart."""

    name: str
    """As the legend says, e.g. `canary`, translated."""
    role: str
    """`canary` (drawn as a line) or `stable` (drawn as dots)."""
    points: tuple[tuple[datetime, float | None], ...]
    """Oldest first; None is a gap."""


@dataclass(frozen=True, slots=True)
class ChartMark:
    """Something that happened: drawn as a vertical line with its word."""

    at: datetime
    word: str
    """Short: `10 %`, `◀ back`."""
    rollback: bool = False


@dataclass(frozen=True, slots=True)
class ChartSpec:
    """All that one chart shows."""

    title: str
    unit: str
    """`%` (values are shares of 0 to 1), `ms`, `/s`."""
    start: datetime
    end: datetime
    series: tuple[ChartSeries, ...] = ()
    marks: tuple[ChartMark, ...] = ()
    limit: float | None = None
    waiting: str = ""
    """What is waited for where no series has a point."""

    @property
    def empty(self) -> bool:
        """Whether there is no point at all."""
        return all(value is None for series in self.series for _at, value in series.points)


@dataclass(frozen=True, slots=True)
class Plot:
    """All that one picture is made of."""

    width: int
    height: int
    spec: ChartSpec
    colours: tuple[tuple[str, Colour], ...] = ()
    """(role of a line, `chart--limit`, `chart--mark` or `chart--rollback`, its colour); the terminal's own where none
    is named."""


def ceiling(highest: float) -> float:
    """A round figure that is not below `highest`: 1, 2, 2.5 or 5 times a power of ten."""
    if not highest > 1e-9 or math.isinf(highest):
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next((step * power for step in (1.0, 2.0, 2.5, 5.0, 10.0) if step * power >= highest * 0.999999), power * 10)


def label(value: float, unit: str) -> str:
    """A figure for the vertical axis."""
    if unit == "%":
        return f"{value * 100:g} %"
    if unit == "ms":
        return f"{value / 1000:g} s" if value >= 1000 else f"{value:g} ms"
    return f"{value:,g}"


def time_ticks(start: float, end: float, most: int) -> list[tuple[float, str]]:
    """Round moments between `start` and `end`, at most `most`, as (Unix seconds, `12:05`)."""
    span = end - start
    steps = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400)
    step = next((s for s in steps if span / s <= max(most, 1)), 86400)
    first = math.ceil(start / step) * step
    moments = [float(first + n * step) for n in range(int((end - first) // step) + 1)] if end >= first else []
    return [(moment, f"{datetime.fromtimestamp(moment, UTC):%H:%M}") for moment in moments]


HIGHEST = 1e300
"""Values above it overflow where a chart's scale is worked out; nothing that is measured comes near."""


def runs(points: tuple[tuple[float, float | None], ...]) -> list[list[tuple[float, float]]]:
    """`points` cut at every None and NaN, and at what no chart can be scaled to."""
    found: list[list[tuple[float, float]]] = [[]]
    for at, value in points:
        if value is None or math.isnan(value) or abs(value) > HIGHEST:
            found.append([])
        else:
            found[-1].append((at, max(value, 0.0)))
    return [run for run in found if run]


def draw(plot: Plot) -> Text:
    """The picture, `plot.width` by `plot.height`. Slow the first time (plotext is imported): call it in a thread."""
    import plotext

    with _FIGURE:
        figure = plotext.figure
        figure.clear()
        try:
            _compose(plotext, figure, plot)
            text = str(figure.build())
        finally:
            figure.clear()
    return Text.from_ansi(text.rstrip("\n"), no_wrap=True)


def _compose(plotext: Any, figure: Any, plot: Plot) -> None:
    spec, colours = plot.spec, dict(plot.colours)
    start = spec.start.timestamp()
    end = max(spec.end.timestamp(), start + 1)
    # the canary is drawn last, over the others
    ordered = sorted(spec.series, key=lambda series: series.role == FINE)
    lines = [(series.role, runs(tuple((at.timestamp(), v) for at, v in series.points))) for series in ordered]
    figure.theme("colorless")
    figure.canvas("default")
    figure.plot_size(plot.width, plot.height)
    highest = max((v for _role, found in lines for run in found for _at, v in run), default=0.0)
    top = ceiling(max(highest, (spec.limit or 0.0) * 1.25))
    figure.axes(False, side=1)
    horizontal, vertical = figure.ruler("x"), figure.ruler("y")
    horizontal.lim(start, end)
    vertical.lim(0.0, top)
    ticks = time_ticks(start, end, max((plot.width - 8) // 9, 1))
    horizontal.ticks([at for at, _word in ticks], [word for _at, word in ticks])
    parts = 4 if plot.height >= 12 else 2
    levels = [top * n / parts for n in range(parts + 1)]
    vertical.ticks(levels, [label(level, spec.unit).rjust(7) for level in levels])
    if spec.limit is not None:
        _rule(plotext, figure, (start, end), (spec.limit, spec.limit), "┈", colours.get("chart--limit"))
    marks = [
        (mark.at.timestamp(), inert(mark.word, 16), colours.get("chart--rollback" if mark.rollback else "chart--mark"))
        for mark in spec.marks
        if spec.start <= mark.at <= spec.end
    ]
    for at, _word, colour in marks:
        _rule(plotext, figure, (at, at), (0.0, top), "┊", colour)
    for role, found in lines:
        marker = plotext.marker("braille" if role == FINE else "·", pixel=_pixel(plotext, colours.get(role)))
        for run in found:
            signal = figure.signal([at for at, _v in run], [v for _at, v in run], marker=marker)
            if len(run) > 1:
                signal.lines()
            figure.draw(signal)
    for at, word, colour in marks:
        late = at > start + (end - start) * 0.8
        drawn = plotext.colorize(word, _pixel(plotext, colour))
        figure.draw(figure.text(at, top, drawn, alignment="right" if late else "left"))


def _rule(
    plotext: Any, figure: Any, across: tuple[float, float], up: tuple[float, float], symbol: str, colour: Colour
) -> None:
    # a signal of its own, since `figure.line` paints in its own colours
    signal = figure.signal(list(across), list(up), marker=plotext.marker(symbol, pixel=_pixel(plotext, colour)))
    figure.draw(signal.lines())


def _pixel(plotext: Any, colour: Colour) -> Any:
    return plotext.pixel("default" if colour is None else colour, "default")
