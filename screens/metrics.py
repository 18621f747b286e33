"""The metrics screen: charts of the last 5 minutes to 24 hours, with moves and rollbacks marked.

Data comes from `Watcher.chart` through the app (`ask`); drawing happens in threads (widgets/chart.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Grid, VerticalScroll
from textual.content import Content

from console.errors import CanarioError
from console.registry import Place
from console.text import clean
from console.watch.charts import Arm, ChartData, Mark, Points
from console.words import _
from screens import present
from screens.base import ConsoleScreen, keys_of
from screens.footer import first_key
from screens.view import View
from widgets.chart import SAMPLES, ChartMark, ChartSeries, ChartSpec, ChartView
from widgets.drawing import NOTHING, Drawn, fit, spread

if TYPE_CHECKING:
    from console.session import Session

SPANS: tuple[timedelta, ...] = (
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=3),
    timedelta(hours=24),
)
"""What can be looked at."""
REFRESH_S = 5.0
"""Wall seconds between two readings; the watcher caches what the cloud would not have new."""
P95_LIMIT_MS = 1000.0
ERROR_LIMIT = 0.01


class Asks(Protocol):
    """What the app offers (`ConsoleApp.ask`)."""

    async def ask(self, make: Callable[[Session], Awaitable[ChartData]]) -> ChartData:
        """Run something on the session's loop."""
        ...

    def complain(self, error: BaseException) -> None:
        """Log a bug and say so."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """One chart."""

    id: str
    unit: str

    @property
    def title(self) -> str:
        """Its heading, translated."""
        return {
            "error_rate": _("error rate"),
            "p95_ms": _("P95"),
            "requests_per_s": _("requests/s"),
            "cpu": _("CPU"),
            "p50_ms": _("P50"),
            "p99_ms": _("P99"),
        }[self.id]


KINDS = (
    Kind("error_rate", "%"),
    Kind("p95_ms", "ms"),
    Kind("requests_per_s", "/s"),
    Kind("cpu", "%"),
    Kind("p50_ms", "ms"),
    Kind("p99_ms", "ms"),
)
"""What decides first."""


def span_label(span: timedelta) -> str:
    """`5 min`, `3 h`."""
    minutes = int(span.total_seconds()) // 60
    return f"{minutes // 60} h" if minutes >= 60 else f"{minutes} min"


def with_gaps(points: Points, period: timedelta) -> tuple[tuple[datetime, float | None], ...]:
    """`points` with a None wherever two lie further apart than half as much again as `period`."""
    out: list[tuple[datetime, float | None]] = []
    for at, value in points:
        if out and at - out[-1][0] > period * 1.5:
            out.append((out[-1][0] + period, None))
        out.append((at, value))
    return tuple(out)


def mark_word(mark: Mark) -> str:
    """A mark in a word or two."""
    if mark.kind == "rollback":
        return _("◀ rolled back")
    return f"{mark.percent} %"


def chart_spec(
    kind: Kind, data: ChartData, *, error_limit: float = ERROR_LIMIT, p95_limit_ms: float = P95_LIMIT_MS
) -> ChartSpec:
    """One chart of `data`."""

    def series(arm: Arm, role: str, name: str) -> ChartSeries:
        return ChartSeries(name, role, with_gaps(getattr(arm, kind.id), data.period))

    limit = {"error_rate": error_limit, "p95_ms": p95_limit_ms}.get(kind.id)
    return ChartSpec(
        title=kind.title,
        unit=kind.unit,
        start=data.start,
        end=data.end,
        series=(series(data.canary, "canary", _("canary")), series(data.stable, "stable", _("stable"))),
        # in the chart a figure is enough, and two words would cover each other: the line above says more
        marks=tuple(
            ChartMark(m.time, f"◀ {m.percent} %" if m.kind == "rollback" else f"{m.percent} %", m.kind == "rollback")
            for m in data.marks
        ),
        limit=limit,
        waiting=data.problem or _("nothing measured in these {span}").format(span=span_label(data.span)),
    )


class SpanLine(Drawn):
    """Which span is shown and how to change it; what the lines mean; what moved."""

    DEFAULT_CSS = """
    SpanLine { height: 2; padding: 0 1; background: $panel; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._state: tuple[timedelta, ChartData | None, str, tuple[str, str]] = (SPANS[0], None, "", ("", ""))

    def show(self, span: timedelta, data: ChartData | None, waiting: str, keys: tuple[str, str]) -> None:
        """Draw it.

        Args:
            span: the one chosen.
            data: the newest, or None.
            waiting: what is waited for or went wrong, or empty.
            keys: for a shorter and for a longer span, as shown.
        """
        if (span, data, waiting, keys) != self._state:
            self._state = (span, data, waiting, keys)
            self.refresh()

    def lines(self, width: int, height: int) -> list[Content]:
        """See `Drawn.lines`."""
        span, data, waiting, keys = self._state
        tabs = Content.assemble(
            *(
                (f" {'▸' if each == span else ' '}{span_label(each)} ", ".alarm" if each == span else ".faint")
                for each in SPANS
            )
        )
        told = waiting or (clean(data.problem) if data is not None else "")
        rights = [Content.styled(told, ".warn" if told else ".faint")]
        if data is not None and not told:
            newest = f"{data.newest:%H:%M:%S} UTC" if data.newest is not None else "-"
            rights = [
                Content.styled(
                    _("newest {time} · from {source}").format(time=newest, source=clean(data.source) or "-"), ".faint"
                ),
                Content.styled(_("newest {time}").format(time=newest), ".faint"),
                NOTHING,
            ]
        hint = Content.styled(_("{keys} change").format(keys=" ".join(keys)), ".faint")
        hint, right = fit(([hint, NOTHING], rights), max(width - tabs.cell_length - 2, 1), order=(1, 0))
        return [spread([tabs, hint], [right], width), self._second(data, width)]

    def _second(self, data: ChartData | None, width: int) -> Content:
        canary = data.canary.revision if data is not None else ""
        stable = data.stable.revision if data is not None else ""
        of_canary, of_stable = SAMPLES["canary"] + " " + _("canary"), SAMPLES["stable"] + " " + _("stable")
        legend = Content.assemble(
            (f"{of_canary} {clean(canary, 60)}", ".canary"),
            "   ",
            (f"{of_stable} {clean(stable, 60)}", ".stable"),
            "   ",
            (_("┈ limit   ┊ traffic moved"), ".faint"),
        )
        short = Content.assemble((of_canary, ".canary"), "  ", (of_stable, ".stable"))
        moves = data.marks[-3:] if data is not None else ()
        told = [f"{m.time:%H:%M} {mark_word(m)}" + (f" {clean(m.by, 40)}" if m.by else "") for m in moves]
        bare = [f"{m.time:%H:%M} {mark_word(m)}" for m in moves]
        left, right = fit(
            ([legend, short], [Content(" · ".join(told)), Content(" · ".join(bare)), Content(" · ".join(bare[-1:]))]),
            width,
            order=(1, 0, 1),
        )
        return spread([left], [right], width)


class MetricsScreen(ConsoleScreen):
    """Six charts, canary against stable."""

    NAME: ClassVar[str] = "metrics"
    CSS_PATH = Path(__file__).with_suffix(".tcss")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (70, "-middle"), (110, "-wide")]  # noqa: RUF012 - as Textual declares it
    BINDINGS: ClassVar[list[BindingType]] = keys_of(Place.METRICS, first=True)

    def __init__(self, read: Callable[[timedelta], Awaitable[ChartData]] | None = None) -> None:
        """Make the screen.

        Args:
            read: where charts come from; the app's session where None.
        """
        super().__init__()
        self._read = read or self._ask
        self._span = SPANS[0]
        self._data: ChartData | None = None
        self._problem = ""
        self._limits = (ERROR_LIMIT, P95_LIMIT_MS)
        self._source: tuple[str, str] = ("", "")
        self._keys = ("←", "→")

    def compose_body(self) -> ComposeResult:
        """Spans above, charts below."""
        yield SpanLine(id="spans")
        with VerticalScroll(id="charts"), Grid(id="grid"):
            for kind in KINDS:
                yield ChartView(kind.title, id=f"chart-{kind.id}")

    def on_mount(self) -> None:
        """Read while the screen is looked at."""
        self._timer = self.set_interval(REFRESH_S, self._refresh)

    def on_screen_resume(self) -> None:
        """Looked at again."""
        self._timer.resume()
        self._refresh()

    def on_screen_suspend(self) -> None:
        """Nobody looks: nothing is read."""
        self._timer.pause()

    def show_body(self, view: View) -> None:
        """Say which span and what is waited for; another service starts from nothing."""
        source = (view.rules.name, view.snapshot.service_name)
        if source != self._source:
            self._source, self._data, self._problem = source, None, ""
            self._refresh()
        limits = (view.error_limit, view.p95_limit_ms)
        if limits != self._limits:
            self._limits = limits
            self._draw()
        waiting = self._problem
        if self._data is None and not waiting:
            waiting = present.waiting_for(view, _("waiting for the charts"))
        self._keys = (first_key("metrics_shorter", view.keymap), first_key("metrics_longer", view.keymap))
        self.query_one(SpanLine).show(self._span, self._data, waiting, self._keys)

    async def act(self, id: str) -> None:
        """See `ConsoleScreen.act`."""
        if id in ("metrics_shorter", "metrics_longer"):
            self.action_span(-1 if id == "metrics_shorter" else 1)

    def action_span(self, step: int) -> None:
        """A shorter or a longer span."""
        index = min(max(SPANS.index(self._span) + step, 0), len(SPANS) - 1)
        if SPANS[index] != self._span:
            self._span = SPANS[index]
            self._data = None
            self.query_one(SpanLine).show(self._span, None, _("waiting for the charts"), self._keys)
            self._refresh()

    async def _ask(self, span: timedelta) -> ChartData:
        return await cast("Asks", self.app).ask(lambda session: session.watcher.chart(span))

    @work(exclusive=True, group="charts", exit_on_error=False)
    async def _refresh(self) -> None:
        span, source = self._span, self._source
        try:
            data = await self._read(span)
        except CanarioError as error:
            self._problem = clean(str(error))
            return
        except Exception as error:  # noqa: BLE001 - a bug in charts must not take the console, and rollback, away
            self._problem = _("The charts can't be drawn ({kind}).").format(kind=type(error).__name__)
            cast("Asks", self.app).complain(error)
            return
        if (span, source) == (self._span, self._source):
            self._problem = ""
            self._data = data
            self._draw()

    def _draw(self) -> None:
        if self._data is None:
            return
        errors, p95 = self._limits
        for kind in KINDS:
            chart = self.query_one(f"#chart-{kind.id}", ChartView)
            chart.show(chart_spec(kind, self._data, error_limit=errors, p95_limit_ms=p95))
