"""The step in hand: what it is, why it stands so, its live output and evidence, and what to press."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from textual.content import Content
from textual.widgets import Static

BARS = "▁▂▃▄▅▆▇█"
BAR_CELLS = 24
CURVE_CELLS = 48


@dataclass(frozen=True, slots=True)
class CardItem:
    """One case of a list."""

    id: str
    title: str
    glyph: str
    word: str
    style: str = ""
    note: str = ""
    critical: bool = False
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class StepCardState:
    """Everything that the card shows; empty parts are left out."""

    title: str = ""
    facts: str = ""
    """One faint line: phase, machine-checked or a person's word, the runbook's heading."""
    help: str = ""
    glyph: str = ""
    word: str = ""
    style: str = ""
    reason: str = ""
    press: tuple[tuple[str, str], ...] = ()
    """Keys and what they do now."""
    why_not: str = ""
    """Why Enter does nothing now."""
    does: tuple[str, ...] = ()
    """What it will do, exactly."""
    fraction: float | None = None
    items: tuple[CardItem, ...] = ()
    figures: tuple[tuple[str, str], ...] = ()
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    remedy: str = ""
    evidence: tuple[tuple[str, str], ...] = ()
    """By whom, when, of what."""
    lines: tuple[str, ...] = ()
    """Output, oldest first."""
    live: bool = False
    """Whether `lines` still grow."""
    headings: Mapping[str, str] = field(default_factory=dict)
    """Headings of the parts by `does`, `figures`, `evidence`, `output`, `cases`, translated."""


class StepCard(Static):
    """Draws a `StepCardState`."""

    DEFAULT_CSS = "StepCard { height: auto; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._state: StepCardState | None = None

    def show(self, state: StepCardState) -> bool:
        """Draw `state`; whether anything changed."""
        if state == self._state:
            return False
        self._state = state
        self.update(card(state))
        return True


def card(state: StepCardState) -> Content:
    """The card's text."""
    parts: list[Content] = []

    def section(name: str, lines: list[Content]) -> None:
        if lines:
            heading = state.headings.get(name, "")
            parts.append(
                Content("\n").join([Content.styled(heading, "bold $text-muted"), *lines] if heading else lines)
            )

    head = [Content.styled(state.title, "bold")]
    if state.facts:
        head.append(Content.styled(state.facts, "$text-muted"))
    parts.append(Content("\n").join(head))
    if state.help:
        parts.append(Content(state.help))
    standing = [Content.assemble((f"{state.glyph} {state.word}", f"bold {state.style}".strip()))]
    if state.fraction is not None:
        full = round(max(0.0, min(1.0, state.fraction)) * BAR_CELLS)
        standing[0] += Content(f"   {'▰' * full}{'▱' * (BAR_CELLS - full)} {state.fraction:.0%}")
    if state.reason:
        standing.append(Content(state.reason))
    parts.append(Content("\n").join(standing))
    press = [Content.assemble((f" {key} ", "bold reverse"), f" {what}") for key, what in state.press]
    if press:
        parts.append(Content("   ").join(press))
    if state.why_not:
        parts.append(Content.styled(state.why_not, "$text-warning"))
    for problem in state.problems:
        parts.append(Content.styled(f"✖ {problem}", "$text-error"))
    if state.remedy:
        parts.append(Content.styled(f"→ {state.remedy}", "bold"))
    section("cases", [_item(item) for item in state.items])
    section("does", [Content(f"  {line}") for line in state.does])
    section("figures", [Content(f"  {line}") for line in _table(state.figures)])
    section("curves", [_curve(name, values) for name, values in state.curves.items() if values])
    section("evidence", [Content(f"  {line}") for line in _table(state.evidence)])
    section("output", [Content.styled(line, "$text-muted") for line in state.lines])
    return Content("\n\n").join(parts)


def _item(item: CardItem) -> Content:
    mark = "▸" if item.chosen else " "
    critical = "!" if item.critical else " "
    line = Content.assemble(
        (f"{mark} ", "bold $accent"),
        (f"{item.glyph} {item.word:<8}", item.style),
        f" {critical} {item.id}  {item.title}",
    )
    return line + Content.styled(f"\n      {item.note}", "$text-muted") if item.note else line


def _table(pairs: tuple[tuple[str, str], ...]) -> list[str]:
    width = max((len(name) for name, _value in pairs), default=0)
    return [f"{name:<{width}}  {value}" for name, value in pairs]


def _curve(name: str, values: tuple[float, ...]) -> Content:
    recent = values[-CURVE_CELLS:]
    top = max(recent) or 1.0
    bars = "".join(BARS[min(len(BARS) - 1, int(max(0.0, value) / top * (len(BARS) - 1) + 0.5))] for value in recent)
    return Content(f"  {name:<12} {bars} {recent[-1]:,.0f}")


__all__ = ["CardItem", "StepCard", "StepCardState", "card"]
