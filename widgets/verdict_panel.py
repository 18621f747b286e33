"""The verdict: a word, a sentence, the evidence filling toward its thresholds, and the way out when it goes wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from rich.cells import cell_len
from textual.content import Content

from console.verdict.base import Evidence, Verdict
from console.words import _
from widgets.drawing import NOTHING, VERDICT_GLYPHS, VERDICT_STYLES, Drawn, cut, fit, inert, pad
from widgets.side_by_side import rule_lines


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
    rules: bool = True
    """Whether the runbook's rules are drawn here; not where they stand beside canary and stable."""
    notice: str = ""
    """One more line (countdown stopped by whom, automatic rollback lives only while this console does), or empty."""


class VerdictPanel(Drawn):
    """Draws what fits: word and sentence, countdown or rollback, the two fullest bars; then notes, bars, rules.

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
        urgent = [line for line in (_countdown(state, width), _rollback(state, width)) if line]
        most = min(max(1, height - len(urgent)), 3) if height else 3
        said = _sentence(state, width, most)
        room = height - len(said) - len(urgent) if height else 100
        # a breach of the runbook's rules that the verdict does not share is what an operator asks about first
        note = _wrapped(state.verdict.note, width, 2 if room > 4 else 1) if state.verdict is not None else []
        notice = _wrapped(state.notice, width, 2 if room - len(note) > 4 else 1)
        notes = [*note[: max(room, 0)], *notice[: max(room - len(note), 0)]]
        bars = state.verdict.evidence if state.verdict is not None else ()
        if len(bars) + len(notes) > room:
            kept = max(room - len(notes), min(2, room, len(bars)))
            notes = notes[: max(room - kept, 0)]
            fullest = sorted(range(len(bars)), key=lambda index: (-_filled(bars[index]), index))[:kept]
            bars = tuple(bars[index] for index in sorted(fullest))
        room -= len(notes) + len(bars)
        rules = rule_lines(state.verdict.rules, width) if state.rules and state.verdict is not None else []
        return [*said, *urgent, *(self._bar(bar, width) for bar in _aligned(bars)), *rules[: max(room, 0)], *notes]

    def _bar(self, evidence: Evidence, width: int) -> Content:
        fill = _filled(evidence)
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
                [
                    Content.assemble(f"{inert(evidence.value, 40)} ", (limit, ".faint")),
                    Content(inert(evidence.value, 40)),
                ],
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


def _filled(evidence: Evidence) -> float:
    return 0.0 if math.isnan(evidence.fill) else min(max(evidence.fill, 0.0), 1.0)


def _wrapped(text: str, width: int, most: int) -> list[Content]:
    """`text` in amber, in at most `most` lines."""
    if not text:
        return []
    lines = Content.styled(inert(text, 400), ".warn").wrap(width)
    return _cut_to(lines, most, width)


def _cut_to(lines: list[Content], most: int, width: int) -> list[Content]:
    """The first `most` of `lines`, with … where there were more."""
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    return [*lines[: most - 1], Content.assemble(cut(last.rstrip(), width - 1).rstrip("…"), "…")]


def _aligned(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    names = max((cell_len(e.name) for e in evidence), default=0)
    values = max((cell_len(e.value) for e in evidence), default=0)
    return tuple(
        replace(e, name=pad(e.name, min(names, 24)), value=pad(e.value, min(values, 16), right=True)) for e in evidence
    )


def _sentence(state: VerdictState, width: int, most: int) -> list[Content]:
    verdict = state.verdict
    if verdict is None:
        return [Content.styled(inert(state.waiting) or _("no verdict yet"), ".faint")]
    word = str(verdict.word)
    style = VERDICT_STYLES.get(word, "")
    badge = f"{VERDICT_GLYPHS.get(word, '○')} {word}"
    whole = Content.assemble((badge, style), "  ", inert(verdict.sentence, 400))
    if verdict.word == "FAIL":
        whole = whole.stylize(".strong", 0, len(word) + 2)
    return _cut_to(whole.wrap(width), most, width) if whole.cell_length > width else [whole]


def _countdown(state: VerdictState, width: int) -> Content | None:
    if state.countdown_s is None:
        return None
    seconds = int(state.countdown_s)
    long = _("rolling back in {seconds} s · Esc stops · r or F9 now").format(seconds=seconds)
    short = _("back in {seconds} s · Esc stops").format(seconds=seconds)
    text = f" ▲ {long if cell_len(long) + 4 <= width else short} "
    return Content.styled(text, ".alarm")


def _rollback(state: VerdictState, width: int) -> Content | None:
    line = state.rollback
    if line is None:
        return None
    target = inert(line.target, 60) or _("the split before the release")
    took = f"{line.took_s:.1f} s"
    problem = inert(line.problem)
    if line.state == "done":
        words = _("✔ rolled back to {target} in {took}").format(target=target, took=took)
        if line.automatic:
            words += " · " + _("automatic")
        return Content.styled(words, ".good")
    long, short = {
        "sending": (_("◐ rolling back to {target}: sending, {took}"), _("◐ rolling back: sending, {took}")),
        "moving": (
            _("◐ rolling back to {target}: taken, the traffic is moving, {took}"),
            _("◐ rolling back: moving, {took}"),
        ),
        "retrying": (
            _("◐ rolling back to {target}: attempt {attempts}, {took}"),
            _("◐ rolling back: attempt {attempts}, {took}"),
        ),
        "failed": (_("✖ NOT rolled back to {target} after {took}"), _("✖ NOT rolled back, {took}")),
    }.get(line.state, (_("◐ rolling back to {target}, {took}"), _("◐ rolling back, {took}")))
    words, fewer = (text.format(target=target, took=took, attempts=line.attempts) for text in (long, short))
    if cell_len(words) > width:
        words = fewer
    if problem:
        words += f" · {problem}"
    return Content.styled(words, ".bad" if line.state == "failed" else ".warn")
