"""All widgets with made-up values: `python -m tests.widgets.gallery [--theme NAME] [--view NAME]`. For looking at."""

from __future__ import annotations

import argparse
import random
from datetime import UTC, datetime, timedelta

from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical

import themes
from console.verdict.base import Evidence, RuleReading, Verdict, Word
from console.watch.ring import LogLine, LogRing
from widgets.action_bar import ActionBar, ActionEntry
from widgets.header import EnvironmentHeader, FeedBadge, HeaderState
from widgets.log_pane import LogPane
from widgets.revision_table import RevisionRow, RevisionTable
from widgets.safe import scrubbed
from widgets.sparkline import ERRORS, LATENCY, Sparkline
from widgets.split_bar import Share, SplitBar
from widgets.step_line import StepLine, StepState
from widgets.verdict_panel import RollbackLine, VerdictPanel, VerdictState

NOW = datetime(2026, 11, 25, 12, 4, 31, tzinfo=UTC)

HEADER = HeaderState(
    environment="production",
    protected=True,
    project="acme-prod",
    region="us-central1",
    service="wa-backend",
    time=NOW,
    window_open=True,
    window_closes=datetime(2026, 11, 25, 14, 0, tzinfo=UTC),
    driver="maria@acme.example",
    you_drive=True,
    feeds=(FeedBadge("service", "live", 1), FeedBadge("logs", "live", 2), FeedBadge("metrics", "late", 140)),
    rollback_target="00041-kud",
    rollback_ready=True,
    auto_rollback=True,
)
ROWS = (
    RevisionRow(
        "wa-backend-00042-vez",
        "canary",
        "canary",
        ":7c1e9f",
        NOW - timedelta(minutes=10),
        True,
        "",
        50,
        10,
        124.2,
        0.031,
        640,
        True,
        False,
        "FAIL",
    ),
    RevisionRow(
        "wa-backend-00041-kud", "stable", "", ":5b02aa", NOW - timedelta(days=6), True, "", 50, 90, 1118, 0.002, 610
    ),
    RevisionRow("wa-backend-00040-pol", "", "", ":19cd00", NOW - timedelta(days=13), rolled_back=True),
    RevisionRow("wa-backend-00039-abc", "", "", "@19cd00f", NOW - timedelta(days=20), ready=False, problem="no"),
)
SHARES = (
    Share("00042-vez", "canary", 50, 10, "3.1 % errors in 612 requests"),
    Share("00041-kud", "stable", 50, 90, "0.2 % errors in 5,508 requests"),
)
STEPS = StepState(at=10, moving_to=50, baking=True, observed_s=192, requests_needed=214)
VERDICT = Verdict(
    Word.FAIL,
    "3.1 % errors in 612 canary requests of the last minute, over the limit of 1.0 %; stable 0.2 % in 5,508.",
    evidence=(
        Evidence("error rate", "3.1 %", "1 %", 1.0, True),
        Evidence("P95", "640 ms", "1,000 ms", 0.64, True),
        Evidence("requests", "612", "500", 1.0, False),
    ),
    rules=(
        RuleReading("error rate > 1 %", "3.1 %", True, True),
        RuleReading("P95 > 1 s", "640 ms", False, True),
        RuleReading("> 5 ERROR lines a minute", "37", True, False),
    ),
    breach=True,
)
ENTRIES = (
    ActionEntry("rollback", "r F9", "Roll back", sacred=True),
    ActionEntry("step_1", "1", "10 %", False),
    ActionEntry("step_2", "2", "50 %"),
    ActionEntry("step_3", "3", "100 %", False),
    ActionEntry("more", "+ -", "±5"),
    ActionEntry("undo", "u", "Undo"),
    ActionEntry("auto_rollback", "a", "Auto ●"),
    ActionEntry("logs", "l", "Logs"),
    ActionEntry("metrics", "m", "Metrics"),
    ActionEntry("history", "h", "History"),
    ActionEntry("environments", "e", "Environments"),
    ActionEntry("help", "?", "Help", pinned=True),
)


def series(seed: int, mean: float, spread: float) -> list[float | None]:
    """Sixty values of 5 s, with a gap."""
    chance = random.Random(seed)
    values: list[float | None] = [max(chance.gauss(mean, spread), 0.0) for _ in range(60)]
    values[20:26] = [None] * 6
    return values


def lines(first: int, count: int, at: datetime = NOW) -> list[LogLine]:
    """Log lines as a busy service writes them."""
    out = []
    for n in range(first, first + count):
        canary = n % 10 == 0
        bad = n % 37 == 0
        out.append(
            LogLine(
                n,
                at + timedelta(milliseconds=n),
                "ERROR" if bad else "WARNING" if n % 11 == 0 else "INFO",
                "wa-backend-00042-vez" if canary or bad else "wa-backend-00041-kud",
                "KeyError: 'slots' in parse_reservation"
                if bad
                else "POST /webhook 200 412 ms"
                if n % 3
                else "reservar para 4 el viernes a las 8 🎉 " + "muy largo " * (n % 40),
                500 if bad else 200 if n % 3 else 0,
                412.0 if n % 3 else 0.0,
            )
        )
    return out


class Gallery(App[None]):
    """Everything at once, as the canary screen arranges it."""

    CSS = """
    #sparks { height: 8; }
    .pane { border: round $border; border-title-color: $text-muted; height: auto; padding: 0 1; }
    #sparks .pane { width: 1fr; height: 1fr; }
    #sparks Sparkline { height: 1fr; }
    #table { max-height: 8; }
    .-short #sparks { height: 2; }
    .-short .pane { border: none; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]  # noqa: RUF012 - as Textual declares it

    def __init__(
        self,
        rate: int = 0,
        *,
        theme: str = "",
        countdown: float | None = 7,
        rollback: RollbackLine | None = None,
        header: HeaderState = HEADER,
    ) -> None:
        super().__init__()
        self.header = header
        for each in themes.all_themes():
            self.register_theme(each)
        self.theme = themes.default_theme({"NO_COLOR": "1"} if self.no_color else {}, theme)
        self.ring = LogRing()
        self.rate = rate
        self.countdown = countdown
        self.rollback = rollback

    def get_line_filters(self):
        return scrubbed(super().get_line_filters())

    def compose(self) -> ComposeResult:
        yield EnvironmentHeader(self.header)
        with Vertical(classes="pane", id="release"):
            yield StepLine(STEPS)
            yield SplitBar()
            yield VerdictPanel()
        with Vertical(classes="pane", id="revisions"):
            yield RevisionTable(id="table")
        with Horizontal(id="sparks"):
            with Vertical(classes="pane"):
                yield Sparkline("errors", ERRORS, id="e")
            with Vertical(classes="pane"):
                yield Sparkline("p95", LATENCY, id="p")
        yield LogPane(id="log")
        yield ActionBar(ENTRIES)

    def on_mount(self) -> None:
        self.query_one(SplitBar).show(SHARES, pending=True)
        self.query_one(VerdictPanel).show(
            VerdictState(VERDICT, countdown_s=self.countdown, auto_rollback=True, rollback=self.rollback)
        )
        self.query_one(RevisionTable).show(ROWS, now=NOW)
        self.query_one("#e", Sparkline).show(series(1, 0.03, 0.02), series(2, 0.002, 0.001), age_s=2)
        self.query_one("#p", Sparkline).show(series(3, 640, 90), series(4, 610, 50), age_s=21)
        log = self.query_one(LogPane)
        self.ring.extend(lines(0, 40))
        log.use(self.ring)
        log.set_roles("wa-backend-00042-vez", "wa-backend-00041-kud")
        log.set_counts(0, 12)
        log.pull()
        self.query_one(RevisionTable).focus()
        if self.rate:
            self.set_interval(0.1, self.feed)

    def feed(self) -> None:
        self.ring.extend(lines(self.ring.next_sequence, self.rate // 10))
        self.query_one(LogPane).pull()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--theme", default="")
    parser.add_argument("--rate", type=int, default=200)
    options = parser.parse_args()
    Gallery(options.rate, theme=options.theme).run()
