"""Charts of a release as SVG that needs no script, no font and no network. Pure; colours are the page's CSS classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import floor, log10

from console.report.safe import html_text
from console.watch.charts import ChartData, Mark, Points
from console.words import _

WIDTH, HEIGHT = 960, 220
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 22, 28
GAPS = 2.5
"""Periods without a point from which on a line is interrupted."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart."""

    name: str
    style: str
    """CSS class: `canary` or `stable`."""
    points: Points


def charts_of(data: ChartData, error_limit: float | None, p95_limit: float | None) -> tuple[str, ...]:
    """Traffic, errors and latency, each as an `<svg>`; empty where there is no point at all.

    Args:
        data: both arms' points.
        error_limit: 0 to 1, drawn as a line.
        p95_limit: ms.
    """
    canary, stable = data.canary, data.stable
    arms = ((canary.revision or _("canary"), "canary", canary), (stable.revision or _("stable"), "stable", stable))
    wanted: tuple[tuple[str, str, Callable[[float], str], float | None], ...] = (
        (_("Traffic, requests/s"), "requests_per_s", lambda v: f"{v:,.0f}", None),
        (_("Errors"), "error_rate", lambda v: f"{v * 100:.1f} %", error_limit),
        (_("Latency P95"), "p95_ms", lambda v: f"{v:,.0f} ms", p95_limit),
    )
    drawn = []
    for title, key, shown, limit in wanted:
        lines = [Line(name, style, getattr(arm, key)) for name, style, arm in arms if getattr(arm, key)]
        if lines:
            drawn.append(chart(title, lines, data.start, data.end, data.period, data.marks, shown, limit))
    return tuple(drawn)


def chart(
    title: str,
    lines: Sequence[Line],
    start: datetime,
    end: datetime,
    period: timedelta,
    marks: Sequence[Mark],
    shown: Callable[[float], str],
    limit: float | None,
) -> str:
    """One chart.

    Args:
        title: above it.
        lines: to draw; at least one has a point.
        start: left edge.
        end: right edge.
        period: time between two points of a line.
        marks: moves, as vertical lines.
        shown: a value in words, for the axis.
        limit: drawn across, where given.
    """
    span = max(1.0, (end - start).total_seconds())
    highest = max((value for line in lines for _at, value in line.points), default=0.0)
    top = nice(max(highest, limit or 0.0) * 1.08)

    def x(at: datetime) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, max(0.0, (at - start).total_seconds() / span))

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(1.0, max(0.0, value / top))

    parts = [f"<title>{html_text(title)}</title>"]
    for index in range(5):
        value = top * index / 4
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(f'<text class="axis" x="{LEFT - 8}" y="{y(value) + 4:.1f}">{html_text(shown(value))}</text>')
    for index in range(5):
        at = start + (end - start) * index / 4
        anchor = ("start", "middle", "middle", "middle", "end")[index]
        told = at.astimezone(UTC).strftime("%H:%M")
        parts.append(
            f'<text class="axis time" style="text-anchor:{anchor}" x="{x(at):.1f}" y="{HEIGHT - 8}">{told}</text>'
        )
    if limit is not None:
        parts.append(f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(limit):.1f}" y2="{y(limit):.1f}"/>')
    for mark in marks:
        if not start <= mark.time <= end:
            continue
        style = "mark back" if mark.kind == "rollback" else "mark"
        parts.append(
            f'<line class="{style}" x1="{x(mark.time):.1f}" x2="{x(mark.time):.1f}" y1="{TOP}" y2="{y(0):.1f}"/>'
        )
        parts.append(f'<text class="{style}" x="{x(mark.time) + 4:.1f}" y="{TOP + 10}">{mark.percent} %</text>')
    for line in lines:
        for piece in pieces(line.points, period):
            told = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in piece)
            if len(piece) == 1:
                at, value = piece[0]
                parts.append(f'<circle class="{line.style}" cx="{x(at):.1f}" cy="{y(value):.1f}" r="2"/>')
            else:
                parts.append(f'<polyline class="{line.style}" points="{told}"/>')
    legend = "".join(f'<span class="key {line.style}">{html_text(line.name)}</span>' for line in lines)
    if limit is not None:
        told = _("limit {value}").format(value=shown(limit))
        legend += f'<span class="key limit">{html_text(told)}</span>'
    return (
        f'<figure><figcaption>{html_text(title)} {legend}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{html_text(title)}">{"".join(parts)}</svg></figure>'
    )


def pieces(points: Points, period: timedelta) -> list[list[tuple[datetime, float]]]:
    """A line cut where nothing is known for longer than some periods."""
    found: list[list[tuple[datetime, float]]] = []
    for at, value in points:
        if found and at - found[-1][-1][0] <= period * GAPS:
            found[-1].append((at, value))
        else:
            found.append([(at, value)])
    return found


def nice(value: float) -> float:
    """The next round number at or above `value`: 1, 2, 4, 5 or 8 times a power of ten."""
    if value < 1e-9:
        return 1.0  # nothing at all: any axis will do
    power = 10.0 ** floor(log10(value))
    return next((power * step for step in (1, 2, 4, 5, 8, 10) if power * step >= value), power * 20)
