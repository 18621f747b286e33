"""What all our widgets share: lines drawn from one value, pieces fitted into a width, figures as people read them.

Figures are never translated. Styles are component classes, written `.name` in a `Content` span.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from console.text import clean

Piece = Sequence[Content]
"""Variants of one part of a line, longest first; an empty last one lets it fall away."""

EMOJI_FORM = "\ufe0f"
"""Asks for the emoji form of the sign before it. Not drawn: terminals do not agree on whether it takes a cell more."""
NOTHING = Content("")

VERDICT_GLYPHS = {"PASS": "✔", "FAIL": "✖", "INCONCLUSIVE": "○", "WARN": "▲", "SHARED BREACH": "◆"}
"""A glyph beside each word of a verdict, so that neither colour nor language is needed."""
VERDICT_STYLES = {
    "PASS": ".good",
    "FAIL": ".bad",
    "INCONCLUSIVE": ".faint",
    "WARN": ".warn",
    "SHARED BREACH": ".breach",
}
ROLE_STYLES = {"canary": ".canary", "stable": ".stable"}


class Drawn(Widget):
    """A widget of a few lines, drawn from a value that `show` hands it.

    Subclasses give `lines(width, height)`; nothing wraps and nothing overflows.
    """

    DEFAULT_CSS = """
    Drawn {
        height: auto;
        text-wrap: nowrap;
        text-overflow: clip;
        & .good { color: $text-success; }
        & .bad { color: $text-error; text-style: bold; }
        & .warn { color: $text-warning; }
        & .breach { color: $warning; background: $background; text-style: bold reverse; }
        & .faint { color: $text-muted; }
        & .strong { text-style: bold; }
        & .canary { color: $text-accent; }
        & .stable { color: $text-secondary; }
        & .alarm { color: $error; background: $background; text-style: bold reverse; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "good",
        "bad",
        "warn",
        "breach",
        "faint",
        "strong",
        "canary",
        "stable",
        "alarm",
    }

    _drawn_height = 0

    def lines(self, width: int, height: int) -> list[Content]:
        """The lines to draw, each at most `width` cells.

        Args:
            width: cells across, at least 1.
            height: cells down, 0 where the widget may choose.
        """
        raise NotImplementedError

    def render(self) -> Content:
        """See `Widget.render`."""
        width, height = self.size
        if not width:
            return NOTHING
        lines = self.lines(width, height)[:height]
        return Content("\n").join([line if line.cell_length <= width else cut(line, width) for line in lines])

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """See `Widget.get_content_height`."""
        self._drawn_height = len(self.lines(width, 0)) if width else 1
        return self._drawn_height

    def redraw(self) -> None:
        """Draw again, laying out only where the number of lines changed."""
        width = self.size.width
        if width and self.styles.is_auto_height and len(self.lines(width, 0)) != self._drawn_height:
            self.refresh(layout=True)
        else:
            self.refresh()


def cut(content: Content, width: int) -> Content:
    """`content` in at most `width` cells, with … where something was cut."""
    return content.truncate(max(width, 0), ellipsis=True)


def inert(text: str, limit: int = 200) -> str:
    """Foreign `text` for one line of a widget: cleaned again, and short."""
    return clean(text, limit).replace(EMOJI_FORM, "")


def fit(pieces: Sequence[Piece], width: int, gap: int = 2, order: Sequence[int] = ()) -> list[Content]:
    """The variant of each piece with which all of them fit into `width`.

    Args:
        pieces: variants of each, longest first.
        width: cells for all of them, gaps included.
        gap: cells between two that are not empty.
        order: indices of the pieces in the order in which each gives up one variant; a piece may come several
            times. When that is not enough, or where it is empty, each gives up all of its own, the last one first.

    Returns:
        One variant a piece (maybe an empty one). Where even the shortest do not fit, the shortest.
    """
    chosen = [0] * len(pieces)

    def total() -> int:
        sizes = [piece[index].cell_length for piece, index in zip(pieces, chosen, strict=True)]
        seen = [size for size in sizes if size]
        return sum(seen) + gap * max(len(seen) - 1, 0)

    for index in order:
        if total() > width and chosen[index] < len(pieces[index]) - 1:
            chosen[index] += 1
    for index in range(len(pieces) - 1, -1, -1):
        while total() > width and chosen[index] < len(pieces[index]) - 1:
            chosen[index] += 1
    return [piece[index] for piece, index in zip(pieces, chosen, strict=True)]


def spread(left: Sequence[Content], right: Sequence[Content], width: int, gap: int = 2) -> Content:
    """Left parts, blanks, right parts, in exactly `width` cells where they fit."""
    glue = Content(" " * gap)
    start = glue.join([part for part in left if part.cell_length])
    end = glue.join([part for part in right if part.cell_length])
    room = width - start.cell_length - end.cell_length
    if not end.cell_length:
        return cut(start, width)
    if room < 0:
        return cut(Content.assemble(start, " ", end), width)
    return Content.assemble(start, " " * room, end)


def pad(text: str, width: int, *, right: bool = False) -> str:
    """`text` in exactly `width` cells, cut with … or filled with blanks (on the left where `right`)."""
    size = cell_len(text)
    if size > width:
        return cut(Content(text), width).plain.ljust(width) if width > 0 else ""
    blank = " " * (width - size)
    return blank + text if right else text + blank


def percent(share: float | None) -> str:
    """A share of 0 to 1 as `3.1 %`, one digit behind the point; `-` where there is none."""
    if share is None:
        return "-"
    figure = share * 100
    if 0 < figure < 0.05:
        return "<0.1 %"
    return f"{figure:.1f} %"


def milliseconds(value: float | None) -> str:
    """`640 ms`, `1,250 ms`; `-` where there is none."""
    return "-" if value is None else f"{value:,.0f} ms"


def rate(value: float | None) -> str:
    """Requests a second: `124`, `1,118`, `4.8` under ten; `-` where there are none."""
    if value is None:
        return "-"
    return f"{value:.1f}" if 0 < value < 9.95 else f"{value:,.0f}"


def span(seconds: float) -> str:
    """How long, in two figures at most: `7 s`, `3 min`, `1 h 55`, `6 d`."""
    whole = max(int(seconds), 0)
    if whole < 180:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    if hours < 48:
        return f"{hours} h {minutes % 60:02}" if hours < 10 else f"{hours} h"
    return f"{hours // 24:,} d"


def clock(seconds: float) -> str:
    """`3:12`, minutes and seconds; `1:02:05` from an hour up."""
    whole = max(int(seconds), 0)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minutes}:{second:02}"
