"""Draws an attacker's strings in our widgets and in those of Textual that canario uses. A test runs it in a pty."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from rich.text import Text
from textual.app import App, ComposeResult
from textual.content import Content
from textual.widgets import DataTable, Input, Label, OptionList, Static

from console.watch.ring import LogLine, LogRing
from tests.widgets.gallery import ENTRIES, NOW
from widgets.action_bar import ActionBar
from widgets.header import EnvironmentHeader, HeaderState
from widgets.log_pane import LogPane
from widgets.revision_table import RevisionRow, RevisionTable
from widgets.safe import scrubbed
from widgets.split_bar import Share, SplitBar

CANARY_IN_BASE64 = "Y2FuYXJpbw=="
ATTACKS = (
    f"\x1b]52;c;{CANARY_IN_BASE64}\x07",
    f"\x9d52;c;{CANARY_IN_BASE64}\x9c",
    "\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "\x1b]0;owned\x07",
    "\x1b[2J\x1b[H",
    "\x9b31m",
    "\x1bP+q544e\x1b\\",
    "\x1b_Gf=100;AAAA\x1b\\",
    "\x1bc",
    "\x00\x07\x08\x7f",
    "\u202etxt.exe\u2066",
    "[bold]loud[/bold] [@click=app.quit]go[/] [/]",
    "\ud83d lone",
    "line\r\nbreak\u2028\u2029\x85",
)
HOSTILE = "OPEN" + "".join(ATTACKS) + "SHUT"


class Hostile(App[None]):
    """Everything at once."""

    CSS = "DataTable, OptionList { height: 4; } #log { height: 12; }"

    def get_line_filters(self):
        return scrubbed(super().get_line_filters())

    def compose(self) -> ComposeResult:
        h = HOSTILE
        yield EnvironmentHeader(
            HeaderState(h, True, h, h, h, NOW, driver=h, rollback_target=h, rollback_ready=False, rollback_problem=h)
        )
        yield SplitBar((Share(h, "canary", 10, 10, h),))
        yield RevisionTable((RevisionRow(h, "canary", h, h, NOW, False, h),))
        yield Static(h, markup=False)
        yield Static(Content(h))
        yield Label(Text(h))
        yield DataTable()
        yield OptionList(Content(h))
        yield Input(h)
        yield LogPane(id="log")
        yield ActionBar(ENTRIES)

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_column(Text("x"))
        table.add_row(Text(HOSTILE))
        ring = LogRing()
        at = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
        ring.extend(LogLine(n, at, "ERROR", HOSTILE, HOSTILE) for n in range(3))
        ring.extend([LogLine(3, at, "INFO", "r", "A" * (1 << 20) + HOSTILE)])
        pane = self.query_one(LogPane)
        pane.use(ring)
        pane.pull()
        pane.log_view.action_toggle_wrap()
        pane.focus_log()
        self.notify(HOSTILE, title=HOSTILE, markup=False, timeout=30)
        self.query_one("#log").border_title = Content(HOSTILE)


if __name__ == "__main__":
    Hostile().run()
    sys.exit(0)
