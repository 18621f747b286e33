"""The canary screen: where am I, may I, what is true, what next, how do I get out; all at one glance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content

from console.registry import Place
from console.words import _
from screens import alerts, present
from screens.base import ConsoleScreen, keys_of
from screens.view import View
from widgets.log_pane import LogPane
from widgets.revision_table import RevisionTable
from widgets.side_by_side import SideBySide
from widgets.sparkline import ERRORS, LATENCY, Sparkline
from widgets.split_bar import SplitBar
from widgets.step_line import StepLine
from widgets.verdict_panel import VerdictPanel


class CanaryScreen(ConsoleScreen):
    """Release, revisions, sparklines and the newest log lines in one picture."""

    NAME: ClassVar[str] = "canary"
    AUTO_FOCUS = ""
    """Nothing: a cursor in the table would shout louder than a verdict. Tab goes there."""
    BINDINGS: ClassVar[list[BindingType]] = keys_of(Place.LOGS)
    CSS_PATH = Path(__file__).with_suffix(".tcss")
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (100, "-wide")]  # noqa: RUF012 - Textual declares it so
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-short"), (32, "-tall"), (50, "-huge")]  # noqa: RUF012 - as above

    def compose_body(self) -> ComposeResult:
        """The panes, most important first."""
        with Vertical(id="release", classes="pane"):
            yield StepLine(id="steps")
            with Horizontal(id="state"):
                with Vertical(id="parties"):
                    yield SplitBar(id="split")
                    yield SideBySide(id="figures")
                yield VerdictPanel(id="verdict")
        with Container(id="revisions", classes="pane"):
            yield RevisionTable(id="table")
        with Horizontal(id="sparklines"):
            with Container(id="errors", classes="pane"):
                yield Sparkline(_("errors"), ERRORS, id="error-rate")
            with Container(id="latency", classes="pane"):
                yield Sparkline(_("p95"), LATENCY, id="p95")
        with Container(id="log"):
            yield LogPane(id="log-view")

    def on_mount(self) -> None:
        """Name the panes."""
        self.query_one("#release").border_title = _("release")
        self.query_one("#revisions").border_title = _("revisions")
        self.query_one("#errors").border_title = _("errors, last 5 min")
        self.query_one("#latency").border_title = _("p95, last 5 min")

    def banner(self, view: View) -> str:
        """The verdict panel shows countdown and rollback itself."""
        return alerts.banner(view, panel=True)

    def show_body(self, view: View) -> None:
        """Draw every pane."""
        snapshot = view.snapshot
        release = snapshot.release
        # Content, not str: a release's id is a stranger's text, and titles read markup
        title = _("release {id}").format(id=release.id) if release is not None else _("release")
        self.query_one("#release").border_title = Content(title)
        service = snapshot.service
        steps = self.query_one("#steps", StepLine)
        steps.visible = service is not None
        steps.show(present.step_state(view))
        self.query_one("#split", SplitBar).show(
            present.shares(view),
            pending=service is not None and not service.settled,
            waiting=present.waiting_for(view, _("waiting for the service"))
            if service is None
            else _("no revision serves"),
        )
        state = present.verdict_state(view)
        figures = self.query_one("#figures", SideBySide)
        runbook = present.runbook_line(view)
        framed = not self.has_class("-short") and not self.has_class("-flat")
        self.query_one("#release").border_subtitle = Content(runbook) if framed else ""
        notice = state.notice if framed else state.notice or runbook
        self.query_one("#verdict", VerdictPanel).show(replace(state, rules=not figures.display, notice=notice))
        figures.show(state.verdict)
        rows = present.revision_rows(view)
        self._fit_revisions(len(rows))
        self.query_one("#revisions").border_subtitle = Content(present.way_back(view) if framed else "")
        self.query_one("#table", RevisionTable).show(
            rows,
            now=view.now,
            waiting=present.waiting_for(view, _("waiting for the revisions")) if service is None else "",
        )
        self._show_series(view)
        log = self.query_one("#log-view", LogPane)
        log.use(snapshot.logs)
        log.set_roles(snapshot.canary, snapshot.stable)
        log.set_counts(snapshot.dropped, snapshot.suppressed, present.sampled(snapshot))
        log.pull()

    def _fit_revisions(self, rows: int) -> None:
        """As high as there are revisions, up to what the screen can spare; the table scrolls."""
        framed = not self.has_class("-short")
        most = 12 if self.has_class("-huge") else 5 if framed else 3
        self.query_one("#revisions").styles.height = min(max(rows, 2), most) + 1 + (2 if framed else 0)

    def _show_series(self, view: View) -> None:
        snapshot = view.snapshot
        canary, stable = snapshot.canary_series, snapshot.stable_series
        newest = max((s.newest for s in (canary, stable) if s.newest is not None), default=None)
        age = float(int((view.now - newest).total_seconds())) if newest is not None and view.now is not None else None
        waiting = present.waiting_for(view, _("waiting for the first requests"))
        self.query_one("#error-rate", Sparkline).show(canary.error_rate, stable.error_rate, age_s=age, waiting=waiting)
        self.query_one("#p95", Sparkline).show(canary.p95_ms, stable.p95_ms, age_s=age, waiting=waiting)
