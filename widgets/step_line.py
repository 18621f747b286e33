"""The step line: 0 → 10 → 50 → 100, where we are, and what the bake still waits for."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from console.words import _, ngettext
from widgets.drawing import NOTHING, Drawn, clock, fit, inert


@dataclass(frozen=True, slots=True)
class StepState:
    """Where the release stands in its plan."""

    steps: tuple[int, ...] = (10, 50, 100)
    """The plan's canary percents, rising; 0 is drawn before them."""
    at: int = 0
    """Canary's effective percent."""
    moving_to: int | None = None
    """Desired percent while it is not effective yet, else None."""
    baking: bool = False
    """Whether a bake is under way (canary has traffic, release not ended)."""
    observed_s: float = 0.0
    """Seconds of the bake observed."""
    required_s: float = 300.0
    """Seconds it takes."""
    requests_needed: int = 0
    """Canary requests still missing."""
    bake_done: bool = False
    waiting: str = ""
    """What the bake waits for beyond time and requests (`the log stream is down: the clock stands`), or empty."""
    ended: str = ""
    """`promoted`, `promoted unwatched`, `rolled back`, `abandoned`, `unwatched` (nobody wrote its end), or empty."""
    next_key: str = ""
    """Key of the next step, as shown, or empty."""


class StepLine(Drawn):
    """Two lines: the plan with where we are, and what the bake still waits for; one where there is room for both.

    Args:
        state: what to draw first.
    """

    def __init__(
        self,
        state: StepState | None = None,
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._state = state
        self._waiting = ""

    def show(self, state: StepState | None, *, waiting: str = "") -> None:
        """Draw `state`.

        Args:
            state: None says that no release is under way.
            waiting: said instead where `state` is None, e.g. what is waited for.
        """
        if (state, waiting) != (self._state, self._waiting):
            self._state, self._waiting = state, waiting
            self.redraw()

    def lines(self, width: int, height: int) -> list[Content]:
        """See `Drawn.lines`."""
        state = self._state
        if state is None:
            return [Content.styled(inert(self._waiting) or _("no release is under way"), ".faint")]
        plans = _plans(state)
        bakes = _bakes(state)
        if plans[1].cell_length + 4 + bakes[1].cell_length <= width or height == 1:
            return [Content("    ").join([part for part in fit((plans, bakes), width, gap=4) if part.cell_length])]
        return [fit((plans,), width)[0], *(line for line in fit((bakes,), width) if line.cell_length)]


def _plans(state: StepState) -> list[Content]:
    points = sorted({0, *state.steps, state.at, *([] if state.moving_to is None else [state.moving_to])})

    def drawn(link: str, sign: str) -> Content:
        parts: list[Content | tuple[str, str]] = []
        for point in points:
            if parts:
                done = point <= state.at
                parts.append((f" {link.replace('─', '━') if done else link} ", ".strong" if done else ".faint"))
            if point == state.at:
                parts.append((f"● {point}{sign}", ".alarm" if state.ended == "rolled back" else ".canary"))
            elif point == state.moving_to:
                parts.append((f"◐ {point}{sign} " + _("moving") if sign else f"◐ {point}", ".warn"))
            else:
                parts.append((f"✔ {point}{sign}" if point < state.at else f"○ {point}{sign}", ".faint"))
        return Content.assemble(*parts)

    return [drawn("─────", " %"), drawn("──", " %"), drawn("─", "")]


def _bakes(state: StepState) -> list[Content]:
    if state.ended:
        word = {
            "promoted": ("✔ ", _("promoted"), ".good"),
            "rolled back": ("◀ ", _("rolled back"), ".bad"),
            "promoted unwatched": ("✔ ", _("promoted, its bake unwatched"), ".good"),
            "unwatched": ("■ ", _("ended, unwatched"), ".warn"),
        }.get(state.ended, ("■ ", _("abandoned"), ".faint"))
        return [Content.styled(word[0] + word[1], word[2]), NOTHING]
    if not state.baking:
        tail = _("no bake: the canary has no traffic yet") if state.at == 0 else inert(state.waiting)
        return [Content.styled(tail, ".faint"), NOTHING]
    figures = f"{clock(min(state.observed_s, state.required_s))} / {clock(state.required_s)}"
    if state.bake_done:
        done = _("✔ baked {figures}").format(figures=figures)
        more = _("the next step may be taken") + (f" ({state.next_key})" if state.next_key else "")
        return [Content.assemble((done, ".good"), f" · {more}"), Content.styled(done, ".good")]
    share = min(state.observed_s / state.required_s, 1.0) if state.required_s > 0 else 1.0
    filled = int(share * 10)
    bar = "▰" * filled + "▱" * (10 - filled)
    observed = _("{now} of {all} observed").format(
        now=clock(min(state.observed_s, state.required_s)), all=clock(state.required_s)
    )
    needed = ""
    if state.requests_needed > 0:
        needed = ngettext(
            "{count} request still needed", "{count} requests still needed", state.requests_needed
        ).format(count=f"{state.requests_needed:,}")
    waiting = inert(state.waiting)
    tail = " · ".join(part for part in (needed, waiting) if part)
    short = " ".join(part for part in (f"+{state.requests_needed:,}" if state.requests_needed > 0 else "",) if part)
    bake = _("bake")
    end: tuple[str, str] = (f" · {tail}" if tail else "", ".warn" if waiting else "")
    return [
        Content.assemble((f"{bake} ", ".faint"), (bar, ".canary"), " ", observed, end),
        Content.assemble((f"{bake} ", ".faint"), observed, end),
        Content.assemble((f"{bake} ", ".faint"), figures, end),
        Content.assemble((f"{bake} ", ".faint"), figures, (f" · {short}" if short else "", "")),
    ]
