"""How one log line looks: columns for time, severity and revision, then its text, cut or wrapped."""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from console.text import clean
from console.words import _
from widgets.drawing import EMOJI_FORM
from widgets.log_lines import ERROR_RANK, RANKS, Line, is_error

WORDS = {
    "DEFAULT": "-",
    "DEBUG": "debug",
    "INFO": "info",
    "NOTICE": "note",
    "WARNING": "Warn",
    "ERROR": "ERROR",
    "CRITICAL": "CRIT",
    "ALERT": "ALERT",
    "EMERGENCY": "EMERG",
}
"""Severities in five cells; what is worse is written larger."""
MOST_ROWS = 200
"""Most screen rows of one wrapped line."""


def strips_of(line: Line, role: str, width: int, *, wrap: bool, style: Callable[[str], Style]) -> list[Strip]:
    """`line` in strips, one a screen row, each exactly `width` cells.

    Args:
        line: any text; it is cleaned once more.
        role: `canary`, `stable` or `other`.
        width: cells across, at least 1; under 60 the columns shrink to a letter each.
        wrap: whether what does not fit goes on below.
        style: the style of a component class of the view, or its own for "".
    """
    rank = RANKS.get(line.severity, 0)
    level = "log--error" if is_error(line) else "log--warning" if rank >= RANKS["WARNING"] else "log--calm"
    word = WORDS.get(line.severity, "-")
    if is_error(line) and rank < ERROR_RANK:
        word = "ERROR"
    name = {"canary": _("canary"), "stable": _("stable")}.get(role, line.revision.rpartition("-")[2] or "-")
    name = clean(name, 20)
    if width >= 60:
        columns = [(f"{line.time:%H:%M:%S} ", "log--time"), (f"{word:<5} ", level)]
        column = max(6, cell_len(_("canary")), cell_len(_("stable")))
        columns.append((set_cell_size(name, column) + " ", f"log--{role}"))
    else:
        columns = [(f"{line.time:%M:%S} ", "log--time"), (f"{word[:1]} ", level)]
        columns.append((set_cell_size(name, 1) + " ", f"log--{role}"))
    head = [Segment(text, style(component)) for text, component in columns]
    indent = sum(cell_len(text) for text, _component in columns)
    body = style(level if level == "log--error" else "")
    text = clean(line.text).replace(EMOJI_FORM, "")
    room = max(width - indent, 1)
    if cell_len(text) <= room:
        chunks = [text]
    elif wrap:
        chunks = chop_cells(text, room)[:MOST_ROWS]
    else:
        chunks = [set_cell_size(text, room - 1) + "…"]
    strips = [Strip([*head, Segment(set_cell_size(chunks[0], room), body)])]
    blank = Segment(" " * indent, style(""))
    strips += [Strip([blank, Segment(set_cell_size(chunk, room), body)]) for chunk in chunks[1:]]
    return [strip.adjust_cell_length(width, body) for strip in strips]


def plain(line: Line) -> str:
    """`line` as it is copied and saved: time to the millisecond, severity, revision, text."""
    stamp = f"{line.time:%Y-%m-%dT%H:%M:%S}.{line.time.microsecond // 1000:03}Z"
    return f"{stamp} {clean(line.severity, 20)} {clean(line.revision, 80) or '-'} {clean(line.text)}"
