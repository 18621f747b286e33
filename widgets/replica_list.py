"""Replicas: what each says, how far behind it is as a sparkline, and the position that it has reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from console.words import _
from widgets.drawing import Drawn, inert, pad
from widgets.sparkline import Scale, columns, squeeze, tidy

GLYPHS = {"arrived": ("✔", ".good"), "waiting": ("◐", ".warn"), "seen": ("●", ".faint"), "unknown": ("?", ".bad")}
"""`arrived`: it has what was applied; `waiting`: not yet; `seen`: nothing is waited for; `unknown`: a failure."""

CURVE = 24
"""Cells of a sparkline at most."""
NAME = 22


@dataclass(frozen=True, slots=True)
class ReplicaRow:
    """One replica."""

    name: str
    state: str
    """See `GLYPHS`."""
    sentence: str = ""
    lag_s: float | None = None
    """Seconds; None where nobody knows, which is never drawn as 0."""
    lags: tuple[float | None, ...] = ()
    """Samples so far, oldest first."""
    position: str = ""
    """What it has applied up to; empty where it does not say."""


class ReplicaList(Drawn):
    """One line a replica, a second one for its position where there is room."""

    DEFAULT_CSS = "ReplicaList { height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: tuple[ReplicaRow, ...] = ()
        self._none = ""
        self._limit_s = 60.0

    def show(self, rows: Sequence[ReplicaRow], none: str, limit_s: float) -> None:
        """Draw `rows`.

        Args:
            rows: the replicas.
            none: what is said where there are none.
            limit_s: seconds of lag that are too many.
        """
        if (tuple(rows), none, limit_s) != (self._rows, self._none, self._limit_s):
            self._rows, self._none, self._limit_s = tuple(rows), none, limit_s
            self.redraw()

    def lines(self, width: int, height: int) -> list[Content]:
        """See `Drawn.lines`."""
        if not self._rows:
            return [Content.styled(inert(self._none), ".faint")]
        scale = Scale("s", 2 * self._limit_s, self._limit_s)
        lines = []
        for row in self._rows:
            lines += self._row(row, scale, width)
        return lines

    def _row(self, row: ReplicaRow, scale: Scale, width: int) -> list[Content]:
        glyph, style = GLYPHS.get(row.state, ("?", ".bad"))
        lag = _("lag unknown") if row.lag_s is None else _("{lag:.1f} s behind").format(lag=row.lag_s)
        over = row.lag_s is None or row.lag_s >= self._limit_s
        name = pad(inert(row.name, 60), NAME)
        room = min(CURVE, max(width - NAME - 40, 6))
        parts = [
            Content.styled(f"{glyph} ", style),
            Content.styled(name, ".strong"),
            Content(" "),
            *_curve(row.lags, room, scale),
            Content.styled(f" {lag:<14}", ".bad" if over else ""),
        ]
        line = Content("").join(parts)
        at = _("at {position}").format(position=inert(row.position, 120)) if row.position else _("position unknown")
        under = Content(" " * 2) + Content.styled(at, ".faint" if row.position else ".bad")
        said = inert(row.sentence)
        if not said:
            return [line, under]
        if line.cell_length + 2 + len(said) <= width:
            return [line + Content("  ") + Content.styled(said, style), under]
        return [line, under, Content("  ") + Content.styled(said, style)]


def _curve(lags: Sequence[float | None], room: int, scale: Scale) -> list[Content]:
    """The samples as bars; an unknown one is a `?`, in no way a low bar."""
    known = squeeze(tidy(lags), room)
    seen = len(lags)
    first = room - (room // seen * seen if seen and seen <= room else room if seen else 0)
    drawn = columns(lags, room, 1, scale)[0]
    parts = []
    for index, (character, value) in enumerate(zip(drawn, known, strict=True)):
        if value is None:
            parts.append(Content.styled("?", ".bad") if index >= first else Content(" "))
        else:
            parts.append(Content.styled(character, ".bad" if scale.crossed(value) else ".stable"))
    return parts
