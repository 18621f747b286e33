"""Draws an attacker's strings in the checklist's widgets and in a document. A test runs it in a pty."""

from __future__ import annotations

import sys

from textual.app import App, ComposeResult

from console.library import cleaned
from tests.widgets.hostile import HOSTILE
from widgets.document import DocumentView, lay_out
from widgets.safe import scrubbed
from widgets.step_card import CardItem, StepCard, StepCardState
from widgets.step_list import StepList, StepRow


class HostileChecklist(App[None]):
    """A step whose output, evidence and cases are a stranger's."""

    CSS = "StepList { height: 4; } StepCard { height: 36; } DocumentView { height: 12; }"

    def get_line_filters(self):
        return scrubbed(super().get_line_filters())

    def compose(self) -> ComposeResult:
        yield StepList()
        yield StepCard()
        yield DocumentView()

    def on_mount(self) -> None:
        h = HOSTILE
        self.query_one(StepList).show((StepRow("p", h, "●", h, phase=True), StepRow("s", h, "○", h)))
        self.query_one(StepCard).show(
            StepCardState(
                title=h,
                facts=h,
                help=h,
                glyph="✖",
                word=h,
                reason=h,
                press=(("Enter", h),),
                why_not=h,
                contact=((h, h),),
                does=(h,),
                items=(CardItem("1", h, "✔", "pass", note=h),),
                figures=((h, h),),
                problems=(h,),
                remedy=h,
                evidence=((h, h),),
                lines=(h, h),
            )
        )
        text = f"# {h}\n\n[a link](http://evil.example/{h}) ![image](http://evil.example/i.png)\n\n<b>{h}</b>\n\n{h}"
        self.query_one(DocumentView).show(
            (*lay_out(cleaned(text.encode("utf-8", "replace")), 180), *lay_out(text, 180))
        )
        self.call_after_refresh(self.set_timer, 0.2, self.ready)

    def ready(self) -> None:
        self.query_one(StepList).show((StepRow("p", "DRAWN", "●", phase=True), StepRow("s", HOSTILE, "○")))


if __name__ == "__main__":
    HostileChecklist().run()
    sys.exit(0)
