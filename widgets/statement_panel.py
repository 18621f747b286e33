"""One statement as it will be sent: its bytes, the judge's word, locks, sizes, and what to press. Plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from console.words import _
from widgets.drawing import inert

VERDICTS = {
    "additive": ("✔", "$text-success"),
    "blocking": ("▲", "$text-warning"),
    "incompatible": ("✖", "$text-error"),
    "unknown": ("?", "$text-error"),
}
"""A glyph and a style for each verdict: neither colour nor language alone tells it."""

STATES = {
    "planned": ("○", "$text-muted"),
    "intent": ("◐", "$text-warning"),
    "acknowledged": ("◑", "$text-accent"),
    "failed": ("✖", "$text-error"),
    "unknown": ("?", "$text-error"),
    "verified": ("✔", "$text-success"),
}
"""The same for what is known of a statement."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule that the verdict rests on."""

    id: str
    sentence: str
    source: str
    """URL."""
    verdict: str = "additive"


@dataclass(frozen=True, slots=True)
class StatementState:
    """Everything that the panel says; empty parts are left out."""

    place: str = ""
    """File, number, line."""
    sql: tuple[str, ...] = ()
    """As drawn: see `console.migrations.showing`."""
    bytes_line: str = ""
    """How many bytes, and their hash."""
    hidden: tuple[str, ...] = ()
    """Characters that no screen can show."""
    verdict: str = ""
    """`additive`, `blocking`, `incompatible`, `unknown`."""
    verdict_word: str = ""
    state: str = ""
    """`planned`, `intent`, `acknowledged`, `failed`, `unknown`, `verified`."""
    state_word: str = ""
    sentence: str = ""
    """What is known of it."""
    live: tuple[tuple[str, str], ...] = ()
    """While it is at the server: label and text."""
    first: tuple[str, ...] = ()
    """What stands in its way, before anything else."""
    facts: tuple[tuple[str, str], ...] = ()
    """Label and text."""
    reasons: tuple[Reason, ...] = ()
    press: tuple[tuple[str, str], ...] = ()
    """Keys and what they do now."""
    why: str = ""
    """Heading of the reasons."""


class StatementPanel(Static):
    """Draws a `StatementState`, wrapped anew at each width."""

    DEFAULT_CSS = "StatementPanel { height: auto; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._drawn: tuple[StatementState | None, int] = (None, 0)
        self._state: StatementState | None = None

    def show(self, state: StatementState) -> bool:
        """Draw `state`; whether anything changed."""
        changed = state != self._state
        self._state = state
        self._draw()
        return changed

    def on_resize(self) -> None:
        """Wrap for the new width."""
        self._draw()

    def _draw(self) -> None:
        width = self.size.width
        if self._state is None or not width or self._drawn == (self._state, width):
            return
        self._drawn = self._state, width
        self.update(panel(self._state, width))


def panel(state: StatementState, width: int) -> Content:
    """The panel's text, no line wider than `width` cells."""
    parts: list[Content] = []
    head: list[Content] = []
    if state.state_word:
        glyph, style = STATES.get(state.state, ("?", ""))
        words = Content.styled(f"{glyph} {state.state_word}", f"bold {style}")
        head.append(words + Content.styled(f"   {state.place}", "$text-muted") if state.place else words)
    if state.sentence:
        head += hung("  ", state.sentence, width)
    if head:
        parts.append(_joined(head))
    if state.live:
        parts.append(_joined(table(state.live, width, "bold")))
    if state.press:
        parts.append(_joined(_keys(state.press, width)))
    parts += [_joined(hung("▲ ", line, width, "bold $text-warning")) for line in state.first]
    if state.verdict:
        glyph, style = VERDICTS.get(state.verdict, ("?", "$text-error"))
        parts.append(Content.styled(f"{glyph} {state.verdict_word}", f"bold {style}"))
    parts.append(_joined(sql_lines(state, width)))
    if state.facts:
        parts.append(_joined(table(state.facts, width)))
    if state.reasons:
        lines = [Content.styled(state.why, "bold $text-muted")] if state.why else []
        for reason in state.reasons:
            glyph, style = VERDICTS.get(reason.verdict, ("?", ""))
            lines += hung(f"{glyph} ", reason.sentence, width, "" if reason.verdict == "additive" else style)
            lines += hung("  ", f"{reason.id} · {reason.source}", width, "$text-muted")
        parts.append(_joined(lines))
    return Content("\n\n").join(part for part in parts if part.plain)


def sql_lines(state: StatementState, width: int) -> list[Content]:
    """The statement with its lines numbered: what is wrapped here is no line of it."""
    digits = len(str(len(state.sql)))
    room = max(width - digits - 3, 8)
    lines: list[Content] = []
    for number, line in enumerate(state.sql, 1):
        for turn, part in enumerate(chopped(line, room)):
            gutter = f"{number:>{digits}} │ " if not turn else f"{'':>{digits}} ┆ "
            lines.append(Content.styled(gutter, "$text-muted") + Content.styled(part, "bold"))
    if state.bytes_line:
        lines.append(Content.styled(f"{'':>{digits}} └ ", "$text-muted") + _one(state.bytes_line, room, "$text-muted"))
    for name in state.hidden:
        lines += hung("✖ ", name, width, "bold $text-error")
    return lines


def chopped(text: str, width: int) -> list[str]:
    """`text` in parts of at most `width` cells, cut after a blank where there is one; joined they are `text` again."""
    parts: list[str] = []
    part, cells, blank = "", 0, 0
    for character in text:
        size = cell_len(character)
        if part and cells + size > width:
            cut = blank or len(part)
            parts.append(part[:cut])
            part, blank = part[cut:], 0
            cells = cell_len(part)
        part += character
        cells += size
        if character == " ":
            blank = len(part)
    return [*parts, part]


def table(pairs: Sequence[tuple[str, str]], width: int, style: str = "") -> list[Content]:
    """Label and text in two columns, the text wrapped under itself."""
    column = max((cell_len(label) for label, _text in pairs), default=0) + 2
    lines: list[Content] = []
    for label, text in pairs:
        for turn, line in enumerate(_wrapped(text, max(width - column, 16))):
            head = label + " " * (column - cell_len(label)) if not turn else " " * column
            lines.append(Content.styled(head, "$text-muted") + Content.styled(line, style))
    return lines


def hung(head: str, text: str, width: int, style: str = "") -> list[Content]:
    """`text` behind `head`, what does not fit under its beginning."""
    indent = " " * cell_len(head)
    return [
        Content.styled((head if not turn else indent) + line, style)
        for turn, line in enumerate(_wrapped(text, max(width - cell_len(head), 12)))
    ]


def _wrapped(text: str, width: int) -> list[str]:
    """Wrapped at spaces; a word that is too long is cut."""
    lines, line = [], ""
    for word in inert(text, 4_000).split(" "):
        pieces = chopped(word, width)
        for turn, piece in enumerate(pieces):
            glue = " " if line and not turn else ""
            if cell_len(line) + len(glue) + cell_len(piece) <= width and not turn:
                line += glue + piece
            else:
                if line:
                    lines.append(line)
                line = piece
    return [*lines, line] if line or not lines else lines


def _keys(press: Sequence[tuple[str, str]], width: int) -> list[Content]:
    lines: list[Content] = []
    for key, what in press:
        part = Content.assemble((f" {key} ", "bold reverse"), f" {what}")
        if lines and lines[-1].cell_length + 3 + part.cell_length <= width:
            lines[-1] = lines[-1] + Content("   ") + part
        else:
            lines.append(part if part.cell_length <= width else part.truncate(width, ellipsis=True))
    return lines


def _one(text: str, width: int, style: str) -> Content:
    return Content.styled(text, style).truncate(max(width, 1), ellipsis=True)


def _joined(lines: Sequence[Content]) -> Content:
    return Content("\n").join(lines)


def summary_word(state: str) -> str:
    """A state in a word, translated."""
    return {
        "planned": _("planned"),
        "intent": _("end not seen"),
        "acknowledged": _("acknowledged"),
        "failed": _("not applied"),
        "unknown": _("unknown"),
        "verified": _("verified"),
    }.get(state, state)


__all__ = ["STATES", "VERDICTS", "Reason", "StatementPanel", "StatementState", "panel", "summary_word"]
