"""The step in hand: how it stands and what to press on top; below, scrolling, why, its output and its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from textwrap import wrap

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from widgets.output_log import OutputLog

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
    alarm: bool = False
    """Whether the state and its reason must not be missed (a forged approval)."""
    press: tuple[tuple[str, str], ...] = ()
    """Keys and what they do now."""
    why_not: str = ""
    """Why Enter does nothing now."""
    contact: tuple[tuple[str, str], ...] = ()
    """Whom to call about it."""
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
    """Whether `lines` still grow: they are followed, and what was read before it began is left out."""
    headings: Mapping[str, str] = field(default_factory=dict)
    """Headings of the parts by `contact`, `does`, `figures`, `evidence`, `output`, `cases`, translated."""


class StepCard(Vertical):
    """Draws a `StepCardState`."""

    DEFAULT_CSS = """
    StepCard { height: 1fr; width: 1fr; }
    StepCard #card-head { height: auto; max-height: 60%; }
    StepCard #card-body { height: 1fr; scrollbar-gutter: stable; margin: 1 0 0 0; scrollbar-size-vertical: 1; }
    StepCard #card-text { height: auto; width: 1fr; }
    StepCard #card-output { display: none; }
    StepCard.-output #card-body { height: auto; }
    StepCard.-output #card-output { display: block; height: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._state: StepCardState | None = None
        self._drawn: tuple[object, ...] = ()
        self._rows: int | None = None
        """Rows that the text above the output may take; None where there is no output."""
        self._head, self._text = _Part(self, "#card-head"), _Part(self, "#card-text")

    def compose(self) -> ComposeResult:
        """What stays, and what scrolls."""
        yield Static("", id="card-head", markup=False)
        with VerticalScroll(id="card-body"):
            yield Static("", id="card-text", markup=False)
        yield OutputLog(id="card-output")

    def show(self, state: StepCardState) -> None:
        """Draw `state`.

        Another step is shown from its top. Output that grows has a pane of its own, which is followed unless it was
        scrolled back, and of which only what is new is laid out: a chatty command must not cost a core.
        """
        body = self.query_one("#card-body", VerticalScroll)
        width = body.scrollable_content_region.width
        if (state, width) == self._drawn:
            return
        before, fresh = self._state, self._drawn[1:] != (width,)
        self._state, self._drawn = state, (state, width)
        other = fresh or before is None or before.title != state.title
        flows = state.live and bool(state.lines)
        text = replace(state, lines=()) if flows else state
        self.set_class(flows, "-output")
        self._head.show(head(state, width), width)
        told = card(text, width)
        if flows and (heading := state.headings.get("output", "")):
            told = Content("\n\n").join(
                [part for part in (told, Content.styled(heading, "bold $text-muted")) if part.plain]
            )
        self._text.show(told, width)
        rows = min(told.plain.count("\n") + 1, max(self.size.height // 2, 3)) if flows else None
        if rows != self._rows:
            self._rows = body.styles.max_height = rows
        if flows:
            began = before is None or before.title != state.title or not (before.live and before.lines)
            self.query_one("#card-output", OutputLog).show(state.lines, anew=began)
        if other or before is None or before.live != state.live or _chosen(before) != _chosen(state):
            self.call_after_refresh(self._show_case, line_of_case(state, width))

    def _show_case(self, line: int) -> None:
        body = self.query_one("#card-body", VerticalScroll)
        body.scroll_to(y=line - body.size.height // 2 if line > body.size.height - 3 else 0, animate=False)

    def on_resize(self) -> None:
        """Lay it out for the new width."""
        if self._state is not None:
            self.show(self._state)

    def page(self, pages: int) -> None:
        """Scroll what doesn't fit by what can be seen at once."""
        if self.has_class("-output"):
            output = self.query_one("#card-output", OutputLog)
            output.scroll(pages * max(output.size.height - 1, 1))
            return
        body = self.query_one("#card-body", VerticalScroll)
        body.scroll_relative(y=pages * max(body.size.height - 1, 1), animate=False)


class _Part:
    """A Static of the card: laid out again only where its text takes another room."""

    def __init__(self, card: StepCard, query: str) -> None:
        self._card, self._query = card, query
        self._last: Content | None = None
        self._shape: object = None

    def show(self, content: Content, width: int) -> None:
        if self._last is not None and content.is_same(self._last) and self._shape is not None:
            return
        lines = [cell_len(line) for line in content.plain.split("\n")]
        fits = width > 0 and max(lines) <= width
        shape = (width, len(lines)) if fits else None  # of lines that wrap nobody knows
        static = self._card.query_one(self._query, Static)
        static.update(content, layout=shape is None or shape != self._shape)
        self._last, self._shape = content, shape


def _chosen(state: StepCardState) -> str:
    return next((item.id for item in state.items if item.chosen), "")


def line_of_case(state: StepCardState, width: int) -> int:
    """On which line of the card's text the case in hand begins; 0 where none is."""
    chosen = _chosen(state)
    if not chosen:
        return 0
    before = state.items[: next(row for row, item in enumerate(state.items) if item.id == chosen)]
    cut = replace(state, items=before, does=(), figures=(), curves={}, evidence=(), lines=(), headings={"cases": "."})
    return card(cut, width).plain.count("\n") + 1


def head(state: StepCardState, width: int = 0) -> Content:
    """How it stands, how far it is, and what to press; while it runs also what it says of itself, and its curves.

    Args:
        state: the step.
        width: cells that a line may take; 0 where not known yet.
    """
    loud = "bold reverse" if state.alarm else "bold"
    word = f" {state.glyph} {state.word} " if state.alarm else f"{state.glyph} {state.word}"
    standing = Content.styled(word, f"{loud} {state.style}".strip())
    if state.fraction is not None:
        full = round(max(0.0, min(1.0, state.fraction)) * BAR_CELLS)
        standing += Content(f"   {'▰' * full}{'▱' * (BAR_CELLS - full)} {state.fraction * 100:.0f} %")
    lines = [standing]
    if state.press:
        keys = [Content.assemble((f" {key} ", "bold reverse"), f" {what}") for key, what in state.press]
        lines.append(Content("   ").join(keys))
    if state.why_not:
        lines.append(Content.styled(state.why_not, "$text-warning"))
    if state.live:
        if state.reason and state.reason != state.word:
            said = Content.styled(" ".join(state.reason.split()), "bold")
            lines.append(said.truncate(width, ellipsis=True) if width else said)
        lines += [_curve(name, values, width) for name, values in state.curves.items() if values]
    return Content("\n").join(lines)


def card(state: StepCardState, width: int = 0) -> Content:
    """What scrolls: why it stands so, then all that is known of it.

    Args:
        state: the step.
        width: cells that a line may take; 0 where not known yet.
    """
    parts: list[Content] = []

    def section(name: str, lines: list[Content]) -> None:
        if lines:
            heading = state.headings.get(name, "")
            parts.append(
                Content("\n").join([Content.styled(heading, "bold $text-muted"), *lines] if heading else lines)
            )

    if state.reason and not state.live:
        parts.append(Content.styled(_hung(state.reason, width, 0), f"bold {state.style}" if state.alarm else "bold"))
    problems = [problem for problem in state.problems if problem != state.reason]
    if problems:
        parts.append(
            Content("\n").join(Content.styled(f"✖ {_hung(problem, width, 2)}", "$text-error") for problem in problems)
        )
    if state.remedy:
        parts.append(Content.styled(f"→ {_hung(state.remedy, width, 2)}", "bold"))
    section("contact", _table(state.contact, width))
    if not state.live:
        about = [Content(_hung(state.help, width, 0))] if state.help else []
        about += [Content.styled(_hung(state.facts, width, 0), "$text-muted")] if state.facts else []
        section("", about)
    section("cases", [_item(item, width) for item in state.items])
    if not state.live:
        section("does", [Content("  " + _hung(line, width, 4)) for line in state.does])
    section("figures", _table(state.figures, width))
    section("evidence", _table(state.evidence, width))
    lines = [Content.styled(line, "$text-muted") for line in state.lines]
    if state.live and width:  # what is followed keeps a line a line: tables stay tables
        lines = [line.truncate(width, ellipsis=True) for line in lines]
    section("output", lines)
    return Content("\n\n").join(parts)


def _item(item: CardItem, width: int) -> Content:
    mark = "▸" if item.chosen else " "
    critical = "!" if item.critical else " "
    lead = f"{item.glyph} {item.word:<8}"
    line = Content.assemble(
        (f"{mark} ", "bold $accent"),
        (lead, item.style),
        _hung(f" {critical} {item.id}  {item.title}", width, len(lead) + 5),
    )
    if not item.note:
        return line
    return line + Content.styled("\n" + " " * (len(lead) + 5) + _hung(item.note, width, len(lead) + 5), "$text-muted")


def _table(pairs: tuple[tuple[str, str], ...], width: int) -> list[Content]:
    column = max((len(name) for name, _value in pairs), default=0)
    return [Content(f"  {name:<{column}}  " + _hung(value, width, column + 4)) for name, value in pairs]


def _hung(text: str, width: int, indent: int) -> str:
    """`text` wrapped to `width`, lines after the first moved in by `indent` cells; as it is where width is unknown."""
    if width <= 0:
        return text
    return ("\n" + " " * indent).join(wrap(text, max(width - indent, 12), break_on_hyphens=False) or [""])


def _curve(name: str, values: tuple[float, ...], width: int) -> Content:
    recent = values[-max(min(CURVE_CELLS, width - 28), 8) :] if width else values[-CURVE_CELLS:]
    top = max(recent) or 1.0
    bars = "".join(BARS[min(len(BARS) - 1, int(max(0.0, value) / top * (len(BARS) - 1) + 0.5))] for value in recent)
    last = f"{recent[-1]:,.0f}" if recent[-1] >= 10 or recent[-1] == int(recent[-1]) else f"{recent[-1]:,.1f}"
    return Content(f"  {name:<14} {bars} {last}")


__all__ = ["CardItem", "StepCard", "StepCardState", "card", "head"]
