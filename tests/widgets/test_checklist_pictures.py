"""Pictures of the checklist's widgets, with their colours. `--snapshot-update` draws them anew: look before keeping."""

from __future__ import annotations

from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.containers import Horizontal

import themes
from widgets.safe import scrubbed
from widgets.step_card import CardItem, StepCard, StepCardState
from widgets.step_list import StepList, StepRow

ROWS = (
    StepRow("phase-1", "Staging", "●", "2/5", phase=True),
    StepRow("a", "Deployed to staging", "✔", "passed", "$text-success"),
    StepRow("b", "Staging /healthz", "↻", "stale", "$text-warning"),
    StepRow("c", "UAT checklist, 26 cases, with a title that is too long for its line", "○", "13/26", "", mine=True),
    StepRow("d", "Load test", "◐", "running 40 %", "$text-accent"),
    StepRow("e", "Approval: tech lead", "✖", "FORGED", "$text-error"),
)
UAT = StepCardState(
    title="UAT checklist, 26 cases",
    glyph="○",
    word="open",
    reason="2 of 3 cases passed",
    press=(("Enter", "Answer UAT-03"), ("s", "Skip")),
    help="Case by case, critical ones first.",
    facts="Staging · a person's word",
    items=(
        CardItem("UAT-01", "The webhook is verified", "✔", "pass", "$text-success", critical=True),
        CardItem("UAT-02", "A full hour is refused", "✖", "fail", "$text-error", note="the hour was taken"),
        CardItem("UAT-03", "A note is shown", "○", "open", chosen=True),
    ),
    evidence=(("by", "maria@acme.example"), ("of", "@a1b2c3d4a1b2")),
    headings={"cases": "cases", "evidence": "evidence"},
)
FORGED = StepCardState(
    title="Approval: tech lead",
    glyph="✖",
    word="FORGED",
    style="$text-error",
    alarm=True,
    reason="FORGED: mallory@acme.example wrote it in the name of juan@acme.example",
    press=(("Enter", "Approve"),),
)
LOAD = StepCardState(
    title="Load test",
    glyph="◐",
    word="running",
    style="$text-accent",
    live=True,
    fraction=0.4,
    reason="50 users, 44.4 requests/s, P95 140 ms",
    press=(("x", "Stop"),),
    curves={"P95 ms": tuple(float(100 + n % 7 * 10) for n in range(40)), "errors %": (0.0, 0.0, 0.2, 0.1)},
    lines=tuple(f"line {n}" for n in range(40)),
    headings={"output": "output"},
)


class Checklist(App[None]):
    """List and card side by side."""

    CSS = "StepList { width: 40; } StepCard { width: 1fr; }"

    def __init__(self, state: StepCardState, theme: str = "") -> None:
        super().__init__()
        self._state = state
        for each in themes.all_themes():
            self.register_theme(each)
        self.theme = themes.default_theme({}, theme)

    def get_line_filters(self):
        return scrubbed(super().get_line_filters())

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield StepList()
            yield StepCard()

    def on_mount(self) -> None:
        steps = self.query_one(StepList)
        steps.show(ROWS)
        steps.choose("c")
        self.query_one(StepCard).show(self._state)


@pytest.mark.parametrize("state", [UAT, FORGED, LOAD], ids=["uat", "forged", "load"])
def test_a_step_in_hand(snap_compare: Any, state: StepCardState) -> None:
    assert snap_compare(Checklist(state), terminal_size=(100, 24))


@pytest.mark.parametrize("theme", ["canario-light", "canario-contrast", "canario-plain"])
def test_every_theme(snap_compare: Any, theme: str) -> None:
    assert snap_compare(Checklist(FORGED, theme), terminal_size=(100, 24))
