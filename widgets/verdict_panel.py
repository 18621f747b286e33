"""The verdict: a word, a sentence, the evidence filling toward its thresholds, and the way out when it goes wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from rich.cells import cell_len
from textual.content import Content

from console.verdict.base import Evidence, RuleReading, Verdict
from console.words import _
from widgets.drawing import NOTHING, VERDICT_GLYPHS, VERDICT_STYLES, Drawn, fit, inert, pad


@dataclass(frozen=True, slots=True)
class RollbackLine:
    """How far a rollback is."""

    state: str
    """`sending`, `moving`, `retrying`, `done` or `failed`."""
    target: str
    """Revision that gets the traffic back, short."""
    took_s: float = 0.0
    """Wall seconds so far, or in all where done."""
    attempts: int = 1
    problem: str = ""
    """Last error in a sentence, cleaned, or empty."""
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class VerdictState:
    """All that the panel says."""

    verdict: Verdict | None = None
    waiting: str = ""
    """What is waited for while there is no verdict."""
    countdown_s: float | None = None
    """Wall seconds until the automatic rollback; None while none is counting."""
    auto_rollback: bool | None = None
    """Armed or not; None where it doesn't apply."""
    rollback: RollbackLine | None = None
    """A rollback under way, or the last one of this release."""
    notice: str = ""
    """One more line (countdown stopped by whom, automatic rollback lives only while this console does), or empty."""


class VerdictPanel(Drawn):
    """Draws what fits: word and sentence always, countdown or rollback next, then evidence bars, then the rules.

    Args:
        state: what to draw first.
    """

    DEFAULT_CSS = """
    VerdictPanel { min-height: 1; }
    """

    BAR = 10
    """Cells of an evidence bar."""

    def __init__(
        self,
        state: VerdictState | None = None,
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._state = _settled(state or VerdictState())

    def show(self, state: VerdictState) -> None:
        """Draw `state`, where it differs from what is drawn."""
        state = _settled(state)
        if state != self._state:
            self._state = state
            self.redraw()

    def lines(self, width: int, height: int) -> list[Content]:
        """See `Drawn.lines`."""
        state = self._state
        urgent = [line for line in (_countdown(state, width), _rollback(state)) if line]
        details: list[Content] = []
        if state.verdict:
            details += [self._bar(evidence, width) for evidence in _aligned(state.verdict.evidence)]
            details += _rules(state.verdict.rules, width)
        notice = Content.styled(inert(state.notice), ".warn").wrap(width)[:2] if state.notice else []
        most = max(1, height - len(urgent)) if height else 3
        said = _sentence(state, width)[: min(most, 3)]
        return [*said, *urgent, *notice, *details]

    def _bar(self, evidence: Evidence, width: int) -> Content:
        fill = 0.0 if math.isnan(evidence.fill) else min(max(evidence.fill, 0.0), 1.0)
        # a full bar means that the threshold is reached, so rounding must not fill it early
        filled = self.BAR if fill >= 1 else min(int(fill * self.BAR + 0.5), self.BAR - 1)
        full = fill >= 1
        style = (".bad" if evidence.against else ".good") if full else ".faint" if fill < 0.5 else ""
        word, short = "", ""
        if full:
            word, short = (_("✖ against the canary"), "✖") if evidence.against else (_("✔ reached"), "✔")
        bar = "▰" * filled + "▱" * (self.BAR - filled)
        limit = _("of {limit}").format(limit=inert(evidence.limit, 40))
        parts = fit(
            (
                [Content(inert(evidence.name, 40))],
                [Content.styled(bar, style), NOTHING],
                [Content.assemble(f"{inert(evidence.value, 40)} ", (limit, ".faint"))],
                [Content.styled(word, style), Content.styled(short, style)],
            ),
            width,
        )
        return Content("  ").join([part for part in parts if part.cell_length])


def _settled(state: VerdictState) -> VerdictState:
    """`state` in the steps that are drawn: whole seconds left, tenths taken, the judge's time left out."""
    if state.countdown_s is not None:
        state = replace(state, countdown_s=max(math.ceil(state.countdown_s), 0))
    if state.rollback is not None:
        state = replace(state, rollback=replace(state.rollback, took_s=round(state.rollback.took_s, 1)))
    return state


def _aligned(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    names = max((cell_len(e.name) for e in evidence), default=0)
    values = max((cell_len(e.value) for e in evidence), default=0)
    return tuple(
        replace(e, name=pad(e.name, min(names, 24)), value=pad(e.value, min(values, 16), right=True)) for e in evidence
    )


def _sentence(state: VerdictState, width: int) -> list[Content]:
    verdict = state.verdict
    if verdict is None:
        return [Content.styled(inert(state.waiting) or _("no verdict yet"), ".faint")]
    word = str(verdict.word)
    style = VERDICT_STYLES.get(word, "")
    whole = Content.assemble((f"{VERDICT_GLYPHS.get(word, '○')} {word}", style), "  ", inert(verdict.sentence, 400))
    if verdict.word == "FAIL":
        whole = whole.stylize(".strong", 0, len(word) + 2)
    return whole.wrap(width) if whole.cell_length > width else [whole]


def _countdown(state: VerdictState, width: int) -> Content | None:
    if state.countdown_s is None:
        return None
    seconds = int(state.countdown_s)
    long = _("rolling back in {seconds} s · Esc stops · r or F9 now").format(seconds=seconds)
    short = _("back in {seconds} s · Esc stops").format(seconds=seconds)
    text = f" ▲ {long if cell_len(long) + 4 <= width else short} "
    return Content.styled(text, ".alarm")


def _rollback(state: VerdictState) -> Content | None:
    line = state.rollback
    if line is None:
        return None
    target = inert(line.target, 60)
    took = f"{line.took_s:.1f} s"
    problem = inert(line.problem)
    if line.state == "done":
        words = _("✔ rolled back to {target} in {took}").format(target=target, took=took)
        if line.automatic:
            words += " · " + _("automatic")
        return Content.styled(words, ".good")
    words = {
        "sending": _("◐ rolling back to {target}: sending, {took}"),
        "moving": _("◐ rolling back to {target}: taken, the traffic is moving, {took}"),
        "retrying": _("◐ rolling back to {target}: attempt {attempts}, {took}"),
        "failed": _("✖ NOT rolled back to {target} after {took}"),
    }.get(line.state, _("◐ rolling back to {target}, {took}"))
    words = words.format(target=target, took=took, attempts=line.attempts)
    if problem:
        words += f" · {problem}"
    return Content.styled(words, ".bad" if line.state == "failed" else ".warn")


def _rules(rules: tuple[RuleReading, ...], width: int) -> list[Content]:
    """The runbook's rules, as many to a line as fit."""
    if not rules:
        return []
    lines: list[Content] = []
    current = Content.styled(_("runbook") + " ", ".faint")
    empty = True
    for rule in rules:
        glyph, style = ("▲", ".bad" if rule.arms else ".warn") if rule.crossed else ("✔", ".good")
        shown = Content.assemble(
            (f"{glyph} ", style),
            f"{inert(rule.rule, 60)}: {inert(rule.value, 40)}",
            ("" if rule.arms else " " + _("(shown only)"), ".faint"),
        )
        if not empty and current.cell_length + 3 + shown.cell_length > width:
            lines.append(current)
            current, empty = Content(" " * (cell_len(_("runbook")) + 1)), True
        current = Content.assemble(current, "" if empty else (" · ", ".faint"), shown)
        empty = False
    return [*lines, current]
