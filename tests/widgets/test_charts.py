"""The metrics screen: charts of four spans, moves marked, gaps shown, and what it waits for until data comes."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App

from console.errors import CloudError
from console.settings import load_settings
from console.watch.charts import Arm, ChartData, Mark
from console.watch.ring import LogRing
from console.watch.snapshot import Snapshot
from screens.logs import LogsScreen
from screens.metrics import KINDS, SPANS, MetricsScreen, SpanLine, chart_spec, mark_word, with_gaps
from screens.view import View
from tests.widgets.gallery import lines
from widgets.chart import ChartMark, ChartSeries, ChartSpec, ChartView
from widgets.log_pane import LogPane
from widgets.plot import Plot, ceiling, draw, runs, time_ticks

NOW = datetime(2026, 11, 25, 12, 4, 31, tzinfo=UTC)


def data(span: timedelta = SPANS[0], *, problem: str = "", empty: bool = False) -> ChartData:
    start = NOW - span
    step = span / 60

    def arm(name: str, errors: float, first: int) -> Arm:
        def points(value: float) -> tuple[tuple[datetime, float], ...]:
            return tuple((start + step * n, value + n * value / 100) for n in range(first, 60) if not 20 < n < 25)

        if empty:
            return Arm(name)
        return Arm(name, points(errors), points(200), points(600), points(900), points(120), points(0.4))

    return ChartData(
        span,
        start,
        NOW,
        step,
        arm("00042-vez", 0.02, 30),
        arm("00041-kud", 0.002, 0),
        (Mark(start + step * 30, "shift", 10, "maria"), Mark(start + step * 50, "rollback", 0, "maria", True)),
        None if empty else NOW,
        "request logs",
        problem,
    )


def view() -> View:
    settings = load_settings()
    environment = next(iter(settings.environments.values()))
    snapshot = Snapshot("acme-prod", "us-central1", "wa-backend", logs=LogRing())
    return View(snapshot, settings.rules(environment), now=NOW, connection="open")


class Screens(App[None]):
    """One screen of the console, fed as the app feeds it."""

    def __init__(self, screen: MetricsScreen | LogsScreen, view: View) -> None:
        super().__init__()
        self._first = screen
        self.view = view

    def on_mount(self) -> None:
        self.push_screen(self._first)

    async def until(self, pilot, wanted: str) -> str:
        """What is shown, once `wanted` is."""
        for _ in range(100):
            shown = await self.draw(pilot)
            if wanted in shown:
                return shown
        raise AssertionError(shown)

    async def draw(self, pilot) -> str:
        self._first.show(self.view)
        await pilot.pause()
        await self.workers.wait_for_complete()
        await pilot.pause()
        rows = self.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in row) for row in rows)


async def test_charts_show_both_arms_their_newest_figures_and_the_moves() -> None:
    async def read(span: timedelta) -> ChartData:
        return data(span)

    app = Screens(MetricsScreen(read), view())
    async with app.run_test(size=(120, 40)) as pilot:
        await app.until(pilot, "◀ 0 %")
        shown = await app.until(pilot, "◀ rolled back maria")
    for kind in KINDS:
        assert kind.title in shown
    assert "3.2 % ▲" in shown
    assert "◀ 0 %" in shown
    assert "◀ rolled back maria" in shown
    assert "from request logs" in shown
    assert "▸5 min" in shown


def test_a_line_that_ended_does_not_pass_its_last_figure_off_as_fresh() -> None:
    now = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
    minute = timedelta(minutes=1)
    stable = ChartSeries("stable", "stable", tuple((now - n * minute, 0.002) for n in range(5, -1, -1)))
    canary = ChartSeries("canary", "canary", ((now - 5 * minute, 0.03), (now - 4 * minute, 0.043)))
    chart = ChartView("errors")
    chart._spec = ChartSpec("errors", "%", now - 5 * minute, now, (canary, stable), limit=0.01)
    head = chart.lines(80, 10)[0].plain
    assert "canary 4.3 % 11:56" in head
    assert "▲" not in head
    assert "stable 0.2 %" in head


async def test_another_span_is_read_at_once() -> None:
    asked: list[timedelta] = []

    async def read(span: timedelta) -> ChartData:
        asked.append(span)
        return data(span)

    app = Screens(MetricsScreen(read), view())
    async with app.run_test(size=(120, 40)) as pilot:
        await app.draw(pilot)
        for _ in range(5):
            await pilot.press("right")  # though what scrolls has the focus, and knows arrows too
            shown = await app.until(pilot, "from request logs")
        assert asked[-1] == SPANS[-1]
        assert "▸24 h" in shown
        await pilot.press("left")
        assert "▸3 h" in await app.draw(pilot)


async def test_until_data_comes_it_says_what_it_waits_for() -> None:
    forever = asyncio.Event()

    async def read(span: timedelta) -> ChartData:
        await forever.wait()
        return data(span)

    app = Screens(MetricsScreen(read), view())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app._first.show(app.view)
        await pilot.pause()
        assert "waiting for the charts" in app.screen.query_one(SpanLine).lines(120, 2)[0].plain
        assert "waiting for the first figures" in app.screen.query(ChartView).first().lines(40, 10)[1].plain
        forever.set()


async def test_a_reading_that_fails_is_a_sentence_and_the_next_one_is_tried() -> None:
    answers = [CloudError("Monitoring did not answer.")]

    async def read(span: timedelta) -> ChartData:
        if answers:
            raise answers[0]
        return data(span)

    app = Screens(MetricsScreen(read), view())
    async with app.run_test(size=(120, 40)) as pilot:
        await app.until(pilot, "Monitoring did not answer.")
        answers.clear()
        app._first._refresh()
        await app.until(pilot, "from request logs")


async def test_charts_without_points_say_why() -> None:
    spec = chart_spec(KINDS[0], data(empty=True))
    assert spec.empty
    assert spec.waiting == "nothing measured in these 5 min"
    assert chart_spec(KINDS[0], data(empty=True, problem="permission denied")).waiting == "permission denied"


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (200, 60)])
async def test_no_size_breaks_the_charts(size: tuple[int, int]) -> None:
    async def read(span: timedelta) -> ChartData:
        return data(span)

    app = Screens(MetricsScreen(read), view())
    async with app.run_test(size=size) as pilot:
        await app.draw(pilot)
        assert "error rate" in await app.draw(pilot)


def test_a_hole_in_time_is_a_gap() -> None:
    points = tuple((NOW + timedelta(seconds=s), 1.0) for s in (0, 60, 240))
    assert [value for _at, value in with_gaps(points, timedelta(seconds=60))] == [1.0, 1.0, None, 1.0]


def test_marks_in_words() -> None:
    assert mark_word(Mark(NOW, "shift", 50)) == "50 %"
    assert mark_word(Mark(NOW, "rollback", 0)) == "◀ rolled back"


# ---- the drawing itself


def at(second: float) -> datetime:
    return NOW + timedelta(seconds=second)


def first(point: tuple[float, float | None]) -> float:
    return point[0]


@given(
    st.lists(st.tuples(st.floats(0, 300), st.none() | st.floats(allow_nan=True, allow_infinity=True)), max_size=30),
    st.integers(20, 90),
    st.integers(4, 20),
    st.sampled_from(["%", "ms", "/s"]),
)
def test_any_points_make_a_picture_of_the_size_asked_for(
    points: list[tuple[float, float | None]], width: int, height: int, unit: str
) -> None:
    line = ChartSeries("canary", "canary", tuple((at(second), value) for second, value in sorted(points, key=first)))
    marks = (ChartMark(at(150), "10 %"), ChartMark(at(290), "\x1b[31m◀ 0 %", rollback=True), ChartMark(at(900), "late"))
    spec = ChartSpec("any", unit, at(0), at(300), (line,), marks, 0.01)
    text = draw(Plot(width, height, spec, (("canary", (255, 200, 0)), ("chart--limit", None))))
    rows = text.plain.split("\n")
    assert len(rows) <= height
    assert all(len(row) <= width for row in rows)


@given(st.floats(0, 1e12))
def test_the_top_of_a_chart_is_round_and_not_below_its_values(highest: float) -> None:
    assert ceiling(highest) >= highest * 0.999999


def test_a_none_breaks_a_line() -> None:
    assert runs(((0, 1.0), (1, None), (2, 2.0), (3, float("nan")))) == [[(0, 1.0)], [(2, 2.0)]]
    assert runs(((0, 1.0), (1, 1.7e308), (2, 2.0))) == [[(0, 1.0)], [(2, 2.0)]]


def test_times_are_round() -> None:
    start = datetime(2026, 11, 25, 11, 59, 31, tzinfo=UTC).timestamp()
    assert [word for _at, word in time_ticks(start, start + 300, 3)] == ["12:00", "12:02", "12:04"]


def test_plotext_is_not_imported_before_the_first_chart_is_drawn() -> None:
    import subprocess

    code = "import sys, screens.metrics, widgets.chart, widgets.plot; sys.exit('plotext' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- the log screen


async def test_the_log_screen_follows_and_every_key_of_the_registry_reaches_it() -> None:
    shown = view()
    assert shown.snapshot.logs is not None
    app = Screens(LogsScreen(), shown)
    async with app.run_test(size=(120, 30)) as pilot:
        assert "waiting for the first log line" in await app.draw(pilot)
        shown.snapshot.logs.extend(lines(0, 200))
        assert "following" in await app.draw(pilot)
        pane = app.screen.query_one(LogPane)
        assert pane.log_view.has_focus
        from console.registry import ACTIONS, Place

        for spec in ACTIONS:
            if spec.place is Place.LOGS:
                await app._first.act(spec.id)
                await pilot.pause()
        assert pane.log_view.wrap
        assert pane.query_one("#log-path").has_focus


def test_the_pane_has_the_keys_of_the_registry() -> None:
    from console.registry import ACTIONS, Place
    from widgets.log_pane import KEYS

    assert [(s.id, s.keys) for s in ACTIONS if s.place is Place.LOGS] == [(id, (key,)) for id, key, _title in KEYS]
