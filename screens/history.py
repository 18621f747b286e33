"""The history screen: releases, newest first, each with its timeline: moves, verdicts, who, when."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from console.chronicle import Chronicle, Happening, Story, gather
from console.errors import CanarioError
from console.words import _
from screens import present
from screens.base import ConsoleScreen
from screens.view import View

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
}
"""What a happening's line begins with; the word behind it says the same."""


class HistoryScreen(ConsoleScreen):
    """A list of releases and the timeline of the chosen one."""

    NAME: ClassVar[str] = "history"
    CSS_PATH = Path(__file__).with_suffix(".tcss")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - Textual declares it so

    def __init__(self) -> None:
        super().__init__()
        self._chronicle: Chronicle | None = None
        self._mark: object = None
        self._reading = False

    def compose_body(self) -> ComposeResult:
        """List and timeline."""
        with Horizontal(id="history"):
            with Container(id="releases", classes="pane"):
                yield OptionList(id="list", markup=False)
                yield Static("", id="status", markup=False)
            with VerticalScroll(id="timeline", classes="pane"):
                yield Static("", id="story", markup=False)

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
        chosen = self._chosen_id()
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

    def _chosen_id(self) -> str:
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
        return Content.styled(f"{when}  {present.short(release.canary, service)}", "bold") + Content(
            f"\n  {word} · {release.started_by}"
        )

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show the timeline of the release under the cursor."""
        event.stop()
        self._tell()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter goes into the timeline, to scroll it."""
        event.stop()
        self.query_one("#timeline").focus()

    def _tell(self) -> None:
        chosen = self._chosen_id()
        story = next((s for s in self._chronicle.stories if s.release.id == chosen), None) if self._chronicle else None
        self.query_one("#timeline").border_title = Content(_("timeline of {id}").format(id=chosen) if chosen else "")
        width = self.query_one("#timeline").scrollable_content_region.width or 60
        lines = [happening_line(happening, width) for happening in story.happenings] if story is not None else []
        self.query_one("#story", Static).update(Content("\n").join(lines))


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
