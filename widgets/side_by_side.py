"""Canary against stable over the whole bake, side by side, and the runbook's own rules as it states them."""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len
from textual.content import Content

from console.verdict.base import Counts, RuleReading, Verdict
from console.words import _
from widgets.drawing import Drawn, inert, milliseconds, pad

NARROWEST = 34
"""Cells under which two columns of figures say nothing."""


class SideBySide(Drawn):
    """Draws a heading, a figure a line for both, then the rules; what does not fit falls away from the end.

    Args:
        verdict: whose counts and rules are drawn; None draws nothing.
    """

    def __init__(
        self,
        verdict: Verdict | None = None,
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._verdict = verdict

    def show(self, verdict: Verdict | None) -> None:
        """Draw `verdict`, where its figures differ from what is drawn."""
        before = self._verdict
        self._verdict = verdict
        if before is None or verdict is None:
            if before is not verdict:
                self.redraw()
        elif (before.canary, before.stable, before.rules) != (verdict.canary, verdict.stable, verdict.rules):
            self.redraw()

    def lines(self, width: int, height: int) -> list[Content]:
        """See `Drawn.lines`."""
        verdict = self._verdict
        if verdict is None or width < NARROWEST:
            return []
        table = _table(verdict, width) if verdict.canary.requests or verdict.stable.requests else []
        rules = rule_lines(verdict.rules, width)
        if height and len(table) + len(rules) > height:
            # the rules that are crossed are what an operator asks about; the figures below the errors can wait
            table = table[: max(height - len(rules), 3)]
        return [*table, *rules]


def _table(verdict: Verdict, width: int) -> list[Content]:
    names: tuple[tuple[str, Callable[[Counts], str]], ...] = (
        (_("requests"), lambda counts: f"{counts.requests:,}"),
        (_("errors"), lambda counts: _of(counts.errors, counts.requests)),
        (_("over 800 ms"), lambda counts: _of(counts.over_800ms, counts.requests)),
        (_("p95"), lambda counts: milliseconds(counts.quantile_ms(0.95))),
    )
    heading = _("this bake")
    first = max(cell_len(heading), *(cell_len(name) for name, _figure in names))
    column = min(max((width - first - 4) // 2, 8), 20)

    def line(name: str, canary: str, stable: str) -> Content:
        return Content.assemble(
            (pad(name, first), ".faint"),
            ("  " + pad(canary, column, right=True), ".canary"),
            ("  " + pad(stable, column, right=True), ".stable"),
        )

    return [
        line(heading, _("canary"), _("stable")),
        *(line(name, figure(verdict.canary), figure(verdict.stable)) for name, figure in names),
    ]


def _of(events: int, requests: int) -> str:
    if not requests:
        return "-"
    share = events / requests * 100
    return f"{events:,}  {share:.2f} %" if share < 2 else f"{events:,}  {share:.1f} %"


def rule_lines(rules: tuple[RuleReading, ...], width: int) -> list[Content]:
    """The runbook's rules, as many to a line as fit; which of them act is said where some do and some do not."""
    if not rules:
        return []
    mixed = any(rule.arms for rule in rules)
    lines: list[Content] = []
    word = _("runbook")
    current = Content.styled(word + " ", ".faint")
    empty = True
    for rule in rules:
        glyph, style = ("▲", ".bad" if rule.arms else ".warn") if rule.crossed else ("✔", ".good")
        shown = Content.assemble(
            (f"{glyph} ", style),
            f"{inert(rule.rule, 60)}: {inert(rule.value, 40)}",
            (" " + _("(shown only)") if mixed and not rule.arms else "", ".faint"),
        )
        if not empty and current.cell_length + 3 + shown.cell_length > width:
            lines.append(current)
            current, empty = Content(" " * (cell_len(word) + 1)), True
        current = Content.assemble(current, "" if empty else (" · ", ".faint"), shown)
        empty = False
    return [*lines, current]
