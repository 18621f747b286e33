"""The history screen: releases, newest first, each with its timeline (moves, verdicts, who, when) and its charts."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from console.chronicle import Chronicle, Happening, Story, charts, gather, hours_of
from console.errors import CanarioError
from console.release.state import Release
from console.watch.charts import ChartData
from console.words import _
from screens import figures, footer, present
from screens.base import ConsoleScreen
from screens.metrics import KINDS, Kind, chart_spec
from screens.view import View
from widgets.chart import ChartSpec, ChartView

HOUR_KINDS = tuple(kind for kind in KINDS if kind.id in ("error_rate", "p95_ms"))
"""The charts of a release's hours: what a verdict is made of."""

GLYPHS = {
    "started": "○",
    "shift": "●",
    "undo": "↶",
    "rollback": "✖",
    "verdict": "◆",
    "driver": "⇄",
    "auto": "▲",
    "ended": "✔",
    "refused": "✖",
    "step": "·",
    "approval": "✔",
    "candidate": "□",
}
"""What a happening's line begins with; the word behind it says the same."""


class HistoryScreen(ConsoleScreen):
    """A list of releases and the timeline of the chosen one."""

    NAME: ClassVar[str] = "history"
    CSS_PATH = Path(__file__).with_suffix(".tcss")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - Textual declares it so
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-short")]  # noqa: RUF012 - as above

    def __init__(self) -> None:
        super().__init__()
        self._chronicle: Chronicle | None = None
        self._mark: object = None
        self._reading = False
        self._charts: dict[str, ChartData | None] = {}
        """By release: the charts asked for with Enter, as read last; None before that."""
        self._asked: set[str] = set()
        """Releases whose charts are being read now."""

    def compose_body(self) -> ComposeResult:
        """List and timeline."""
        with Horizontal(id="history"):
            with Container(id="releases", classes="pane"):
                yield OptionList(id="list", markup=False)
                yield Static("", id="status", markup=False)
            with VerticalScroll(id="timeline", classes="pane"):
                yield Static("", id="story", markup=False)
                for kind in HOUR_KINDS:
                    yield ChartView(kind.title, id=f"hour-{kind.id}", classes="hour")

    def on_mount(self) -> None:
        """Name the panes."""
        self.query_one("#releases").border_title = _("releases")
        self.query_one("#timeline").border_title = _("timeline")
        self.query_one("#list").focus()

    def on_resize(self) -> None:
        """Lay the timeline out for the new width."""
        if self._chronicle is not None:
            self._tell()

    def on_screen_resume(self) -> None:
        """Read afresh whenever the screen is come back to."""
        self._mark = None

    def show_body(self, view: View) -> None:
        """Read again where the release changed; say what is waited for until then."""
        release = view.snapshot.release
        mark = (view.connection, view.rules.name, view.snapshot.service_name, release and (release.id, release.ended))
        moved = (release.moves[-1:], release.driver and release.driver.session) if release is not None else None
        if (mark, moved) != self._mark and not self._reading:
            self._mark = (mark, moved)
            if view.connection == "open":
                self._reading = True
                self.run_worker(self._read(), exit_on_error=False)
            else:
                self._say(present.waiting_for(view, ""))
        elif self._chronicle is None:
            self._say(present.waiting_for(view, _("reading the audit log and the journal …")))

    async def _read(self) -> None:
        try:
            chronicle = await self.ask(gather)
        except CanarioError as error:
            self._say(str(error))
            return
        finally:
            self._reading = False
        if self.is_attached:
            self._draw(chronicle)

    def _draw(self, chronicle: Chronicle) -> None:
        if chronicle == self._chronicle:
            return
        chosen = self.chosen_id
        self._chronicle = chronicle
        options = self.query_one("#list", OptionList)
        options.clear_options()
        options.add_options([Option(self._line(story), id=story.release.id) for story in chronicle.stories])
        if chronicle.stories:
            ids = [story.release.id for story in chronicle.stories]
            options.highlighted = ids.index(chosen) if chosen in ids else 0
        self._say(chronicle.problem or ("" if chronicle.stories else _("No release is recorded of this service yet.")))
        self._tell()

    def _say(self, text: str) -> None:
        status = self.query_one("#status", Static)
        status.update(Content(text))
        status.display = bool(text)

    @property
    def chosen_id(self) -> str:
        """Id of the release under the cursor; empty where there is none."""
        options = self.query_one("#list", OptionList)
        index = options.highlighted
        if index is None or index >= options.option_count:
            return ""
        return options.get_option_at_index(index).id or ""

    def _line(self, story: Story) -> Content:
        release = story.release
        service = self.view.snapshot.service_name if self.view is not None else ""
        word = {
            "promoted": "✔ " + _("promoted"),
            "rolled back": "✖ " + _("rolled back"),
            "promoted unwatched": "✔ " + _("promoted, its bake unwatched"),
            "abandoned": "○ " + _("abandoned"),
        }.get(release.ended or "", "● " + _("under way at {step} %").format(step=release.step))
        when = release.started.strftime("%Y-%m-%d %H:%M")
        return Content.styled(f"{when}  {figures.short(release.canary or release.id, service)}", "bold") + Content(
            f"\n  {word} · {release.started_by}"
        )

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show the timeline of the release under the cursor."""
        event.stop()
        self._tell()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter opens the release: the charts of its hours, and the arrows scroll its timeline."""
        event.stop()
        self.query_one("#timeline").focus()
        story = self._chosen()
        if story is None or story.release.id in self._asked:
            return
        self._charts.setdefault(story.release.id, None)
        self._asked.add(story.release.id)
        self._tell()
        # a long story stands above them
        self.call_after_refresh(self.query_one("#timeline").scroll_end, animate=False)
        self.run_worker(self._read_charts(story.release), exit_on_error=False)

    async def _read_charts(self, release: Release) -> None:
        try:
            data = await self.ask(lambda session: charts(session, release))
        except CanarioError as error:
            start, end = hours_of(release, release.ended_at or release.moved_at)
            data = ChartData(end - start, start, end, problem=str(error))
        finally:
            self._asked.discard(release.id)
        self._charts[release.id] = data
        if self.is_attached:
            self._chart()

    def _chart(self) -> None:
        """Draw the charts of the chosen release, where they were asked for."""
        story = self._chosen()
        shown = story is not None and story.release.id in self._charts
        for kind in HOUR_KINDS:
            view = self.query_one(f"#hour-{kind.id}", ChartView)
            view.display = shown
            if story is not None and shown:
                view.show(self._spec(kind, story.release))

    def _spec(self, kind: Kind, release: Release) -> ChartSpec:
        data = self._charts[release.id]
        if data is None:
            start, end = hours_of(release, release.ended_at or release.moved_at)
            return ChartSpec(kind.title, kind.unit, start, end, waiting=_("reading Cloud Monitoring …"))
        if self.view is None:
            return chart_spec(kind, data)
        return chart_spec(kind, data, error_limit=self.view.error_limit, p95_limit_ms=self.view.p95_limit_ms)

    def _tell(self) -> None:
        chosen = self.chosen_id
        story = self._chosen()
        self.query_one("#timeline").border_title = Content(_("timeline of {id}").format(id=chosen) if chosen else "")
        width = self.query_one("#timeline").scrollable_content_region.width or 60
        lines = [happening_line(happening, width) for happening in story.happenings] if story is not None else []
        offer = story is not None and chosen not in self._charts
        hints = [_("Enter: its charts")] if offer else []
        key = footer.first_key("report", self.view.keymap if self.view is not None else {})
        hints += [_("{key}: write the report").format(key=key)] if chosen else []
        self.query_one("#timeline").border_subtitle = Content(" · ".join(hints))
        self.query_one("#story", Static).update(Content("\n").join(lines))
        self._chart()

    def _chosen(self) -> Story | None:
        """The story under the cursor."""
        chosen, told = self.chosen_id, self._chronicle
        return next((s for s in told.stories if s.release.id == chosen), None) if told is not None else None


def happening_line(happening: Happening, width: int) -> Content:
    """A line of a timeline: when, a glyph, what, who; what doesn't fit goes on under its beginning.

    Args:
        happening: what to tell.
        width: cells that a line may take.
    """
    style = {"rollback": "bold $text-error", "refused": "$text-warning", "ended": "bold $text-success"}.get(
        happening.kind, ""
    )
    when = happening.at.strftime("%a %H:%M:%S")
    text = f"{happening.text} ({happening.by})" if happening.by else happening.text
    lines = wrap(text, max(width - len(when) - 4, 12))
    indent = "\n" + " " * (len(when) + 4)
    return Content.styled(f"{when}  ", "$text-muted") + Content.styled(
        f"{GLYPHS[happening.kind]} {indent.join(lines)}", style
    )
