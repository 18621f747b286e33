"""Our own sparkline: a fixed scale, gaps as gaps, zero as zero, the limit drawn, canary against stable.

Textual's own autoscales, draws a lone 0.0 as a full bar and crashes on None (FACTS.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import cell_len
from textual.content import Content

from console.words import _
from widgets.drawing import NOTHING, ROLE_STYLES, Drawn, fit, inert, milliseconds, pad, percent, rate, span, spread

BLOCKS = "▁▂▃▄▅▆▇█"
ZERO = "_"
"""A value of exactly nothing: lower than the lowest block, and still not a gap."""
OVER = "↑"
"""A value beyond the scale's top."""
GAP = " "
LIMIT = "┈"

STALE_S = 15.0
"""Age from which a figure is marked as old, seconds of server time."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How values become heights and figures; fixed, so that a picture means the same at any time."""

    unit: str
    """`%` (values are shares of 0 to 1), `ms`, or `/s`."""
    top: float
    """Value at the upper edge, over 0; what is above is drawn at the edge as ↑."""
    limit: float | None = None
    """Where the limit line lies, in the values' unit."""

    def figure(self, value: float | None) -> str:
        """`value` as people read it."""
        if self.unit == "%":
            return percent(value)
        return milliseconds(value) if self.unit == "ms" else rate(value)

    def edge(self, value: float) -> str:
        """`value` as a label of the axis, short."""
        if self.unit == "%":
            return f"{value * 100:g} %"
        return f"{value / 1000:g} s" if self.unit == "ms" and value >= 1000 else f"{value:,g}"

    def crossed(self, value: float | None) -> bool:
        """Whether `value` is over the limit."""
        return value is not None and self.limit is not None and value > self.limit


ERRORS = Scale("%", 0.02, 0.01)
"""Error rate: 0 to 2 %, the runbook's limit of 1 % in the middle, so that over the line is over the limit."""
LATENCY = Scale("ms", 2000.0, 1000.0)
"""P95: 0 to 2 s, the runbook's limit of 1 s in the middle."""


def tidy(values: Sequence[float | None]) -> list[float | None]:
    """`values` with what can't be drawn as a gap: NaN; a negative one counts as 0."""
    return [None if v is None or math.isnan(v) else max(v, 0.0) for v in values]


def squeeze(values: Sequence[float | None], width: int) -> list[float | None]:
    """`values` in exactly `width` columns, the newest at the right.

    Where there are more values than columns each column keeps the worst (largest) of its share, so that a spike is
    never lost; it is a gap only where all of them are. Where there are far fewer, each takes several columns.
    """
    if width <= 0:
        return []
    count = len(values)
    if count > width:
        edges = [index * count // width for index in range(width + 1)]
        groups = (values[a:b] for a, b in pairwise(edges))
        return [max((v for v in group if v is not None), default=None) for group in groups]
    times = width // count if count else 1
    stretched = [value for value in values for _again in range(times)]
    return [None] * (width - len(stretched)) + stretched


def columns(values: Sequence[float | None], width: int, rows: int, scale: Scale) -> list[str]:
    """The picture of `values`: `rows` strings of `width` characters, the upper row first.

    A gap is blank over all rows, zero is `_`, anything above it at least one eighth of a row; what is beyond the top
    ends in `↑`. With two rows or more the limit runs over the bars that don't reach it.
    """
    drawn = squeeze(tidy(values), width)
    levels = [_level(value, rows, scale) for value in drawn]
    limit_row = -1
    if scale.limit is not None and rows > 1 and scale.limit <= scale.top:
        limit_row = min(int(scale.limit / scale.top * rows), rows - 1)
    picture = []
    for row in range(rows - 1, -1, -1):
        line = []
        for value, level in zip(drawn, levels, strict=True):
            part = level - row * 8
            if value is not None and value > scale.top and row == rows - 1:
                line.append(OVER)
            elif value is not None and value == 0 and row == 0:
                line.append(ZERO)
            elif part > 0:
                line.append(BLOCKS[min(part, 8) - 1])
            else:
                line.append(LIMIT if row == limit_row and value is not None else GAP)
        picture.append("".join(line))
    return picture


def _level(value: float | None, rows: int, scale: Scale) -> int:
    if not value:
        return 0
    return max(round(min(value / scale.top, 1.0) * rows * 8), 1)


def newest(values: Sequence[float | None]) -> float | None:
    """The last value, where it is one."""
    return tidy(values[-1:])[0] if values else None


class Sparkline(Drawn):
    """Canary over stable, with the newest value of each in figures and its age.

    One line high: both side by side. Two: one under the other. More: a title, and taller columns with the limit line.

    Args:
        title: what is measured, translated, e.g. `errors, last 5 min`.
        scale: how it is drawn.
    """

    DEFAULT_CSS = """
    Sparkline { height: 1; }
    """

    def __init__(
        self, title: str, scale: Scale, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.title = title
        self.scale = scale
        self._canary: tuple[float | None, ...] = ()
        self._stable: tuple[float | None, ...] = ()
        self._age_s: int | None = None
        self._waiting = ""

    def show(
        self,
        canary: Sequence[float | None],
        stable: Sequence[float | None],
        *,
        age_s: float | None = None,
        waiting: str = "",
    ) -> None:
        """Draw two series.

        Args:
            canary: oldest first, None where nothing was observed; empty where there is no canary.
            stable: the same for the others.
            age_s: age of the newest value, seconds of server time; None where unknown.
            waiting: what is waited for while both are empty.
        """
        values = (tuple(canary), tuple(stable), None if age_s is None else max(int(age_s), 0), waiting)
        if values != (self._canary, self._stable, self._age_s, self._waiting):
            self._canary, self._stable, self._age_s, self._waiting = values
            self.redraw()

    def lines(self, width: int, height: int) -> list[Content]:
        """See `Drawn.lines`."""
        height = height or 1
        if all(v is None for v in (*self._canary, *self._stable)):
            said = inert(self._waiting) or _("nothing observed yet")
            return [Content.assemble((self.title, ".strong"), "  ", (said, ".faint"))]
        if height == 1:
            return [self._side_by_side(width)]
        if height == 2:
            return self._two(width)
        title = spread([Content.styled(self.title, ".strong"), self._limit()], [self._age()], width)
        upper = height // 2
        parts = [("canary", self._canary, upper), ("stable", self._stable, height - 1 - upper)]
        return [title, *(line for role, values, rows in parts for line in self._tall(role, values, rows, width))]

    def _side_by_side(self, width: int) -> Content:
        title = Content.styled(self.title, ".strong")
        # a fresh figure's age is the first thing that can be spared, the name of what is measured the last
        old = self._age_s is not None and self._age_s >= STALE_S
        ages = [self._age(), Content.styled("▲", ".warn")] if old else [self._age(), NOTHING]
        title, age = fit(([title, NOTHING], ages), max(width - (28 if old else 44), len(self.title)))
        edges = [part.cell_length + 2 for part in (title, age) if part.cell_length]
        each = max((width - sum(edges) - 2) // 2, 1)
        arms = [self._one("canary", self._canary, each), self._one("stable", self._stable, each)]
        return spread([title, *arms], [age], width)

    def _two(self, width: int) -> list[Content]:
        label = max(len(self.title), self._limit().cell_length)
        label = label if label + 34 <= width else 0
        age = self._age()
        side = age.cell_length + 2 if width > 60 else 0
        room = width - label - (2 if label else 0) - side
        lines = []
        for head, role, values, tail in (
            (Content.styled(self.title, ".strong"), "canary", self._canary, NOTHING),
            (self._limit(), "stable", self._stable, age if side else NOTHING),
        ):
            left = [head.pad_right(label - head.cell_length)] if label else []
            lines.append(spread([*left, self._one(role, values, room)], [tail], width))
        return lines

    def _one(self, role: str, values: Sequence[float | None], width: int) -> Content:
        word = _role(role) if width >= 26 else _role(role)[:1]
        figure = self._figure(values, narrow=width < 26)
        room = width - len(word) - figure.cell_length - 2
        if room < 3:
            return Content.assemble((word, ROLE_STYLES[role]), " ", figure)
        drawn = self._coloured(columns(values, room, 1, self.scale)[0], squeeze(tidy(values), room), role)
        return Content.assemble((word, ROLE_STYLES[role]), " ", drawn, " ", figure)

    def _tall(self, role: str, values: Sequence[float | None], rows: int, width: int) -> list[Content]:
        figure = self._figure(values)
        side = max(figure.cell_length, 10)
        label = max(6, *(cell_len(_role(arm)) for arm in ROLE_STYLES))
        room = max(width - label - 1 - side - 1, 1)
        columned = squeeze(tidy(values), room)
        lines = []
        picture = columns(values, room, rows, self.scale)
        for index, text in enumerate(picture):
            last = index == len(picture) - 1
            word = _role(role) if last else self.scale.edge(self.scale.top) if index == 0 else ""
            head = Content.styled(pad(word, label, right=not last), ROLE_STYLES[role] if last else ".faint")
            lines.append(Content.assemble(head, " ", self._coloured(text, columned, role), " ", figure if last else ""))
        return lines

    def _coloured(self, text: str, values: Sequence[float | None], role: str) -> Content:
        parts: list[tuple[str, str]] = []
        for character, value in zip(text, values, strict=True):
            if character == LIMIT:
                style = ".warn"
            else:
                style = ".bad" if self.scale.crossed(value) else ROLE_STYLES[role]
            if parts and parts[-1][1] == style:
                parts[-1] = (parts[-1][0] + character, style)
            else:
                parts.append((character, style))
        return Content.assemble(*parts)

    def _figure(self, values: Sequence[float | None], *, narrow: bool = False) -> Content:
        value = newest(values)
        figure = self.scale.figure(value)
        wide = 0 if narrow else {"%": 7, "ms": 8}.get(self.scale.unit, 7)
        if self.scale.crossed(value):
            return Content.styled(f"{figure.rjust(wide)} ▲", ".bad")
        blank = "" if narrow else "  "
        return Content.styled(f"{figure.rjust(wide)}{blank}", ".strong" if value is not None else ".faint")

    def _limit(self) -> Content:
        if self.scale.limit is None:
            return NOTHING
        return Content.styled(_("limit {figure}").format(figure=self.scale.edge(self.scale.limit)), ".warn")

    def _age(self) -> Content:
        if self._age_s is None:
            return NOTHING
        old = self._age_s >= STALE_S
        text = _("{age} old").format(age=span(self._age_s))
        return Content.styled(f"▲ {text}" if old else text, ".warn" if old else ".faint")


def _role(role: str) -> str:
    return _("canary") if role == "canary" else _("stable")
