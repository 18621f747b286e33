"""The bar of the split: who serves which share now, and what was asked for while the cloud is still moving."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content

from console.words import _
from widgets.drawing import NOTHING, ROLE_STYLES, Drawn, fit, inert, pad


@dataclass(frozen=True, slots=True)
class Share:
    """One revision's part of the split."""

    name: str
    """Short name as shown, e.g. `00042-vez`."""
    role: str
    """`canary`, `stable` or `other`."""
    want: int
    """Desired percent, 0 to 100."""
    have: int
    """Effective percent, 0 to 100."""
    note: str = ""
    """A few words behind the figure (`3.1 % errors in 612 requests`), or empty."""


class SplitBar(Drawn):
    """One line a revision (canary, stable, then the others together): role, name, bar, percent, where it is moving to.

    Solid is what serves now; while pending, `░` is share that comes and `▒` share that goes.

    Args:
        shares: what to draw first.
    """

    DEFAULT_CSS = """
    SplitBar { min-height: 1; }
    """

    LONGEST_BAR = 50

    def __init__(
        self,
        shares: tuple[Share, ...] = (),
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._shares = shares
        self._pending = False
        self._waiting = ""

    def show(self, shares: tuple[Share, ...], *, pending: bool = False, waiting: str = "") -> None:
        """Draw `shares`, canary first.

        Args:
            shares: in the order to draw.
            pending: whether the cloud is still moving from `have` to `want`.
            waiting: what is waited for where there are no shares yet.
        """
        if (shares, pending, waiting) != (self._shares, self._pending, self._waiting):
            self._shares, self._pending, self._waiting = shares, pending, waiting
            self.redraw()

    def lines(self, width: int, height: int) -> list[Content]:
        """See `Drawn.lines`."""
        if not self._shares:
            return [Content.styled(inert(self._waiting) or _("no revision gets traffic"), ".faint")]
        shares = _gathered(self._shares, height)
        role = max(cell_len(_role(share)) for share in shares)
        name = max(cell_len(inert(share.name, 60)) for share in shares)
        role, name = (0, min(name, 9)) if width < 48 else (role, min(name, 24))
        head = role + name + (4 if role else 2)
        note = max(cell_len(inert(share.note)) for share in shares)
        bar = max(min(self.LONGEST_BAR, (width - head - 16) * 2 // 3), 4)
        if note and not any(share.have != share.want for share in shares) and width - head - note - 9 >= 10:
            bar = min(bar, width - head - note - 9)  # a shorter bar rather than no figures
        return [self._line(share, width, role, name, bar) for share in shares]

    def _line(self, share: Share, width: int, role: int, name: int, bar: int) -> Content:
        style = ROLE_STYLES.get(share.role, ".faint")
        have, want = share.have, share.want
        moving = have != want
        solid = _cells(min(have, want) if moving else have, bar)
        changing = _cells(max(have, want), bar) - solid if moving else 0
        figure = f"{have} %".rjust(5)
        target = ""
        if moving:
            word = _("moving") if self._pending else _("asked for, not serving")
            target = f"→ {want} % {word}"
        head = f"{pad(_role(share), role)}  " if role else ""
        first = Content.assemble((f"{head}{pad(inert(share.name, 60), name)}", style))
        drawn = Content.assemble(
            ("▇" * solid + ("░" if want > have else "▒") * changing, style), " " * (bar - solid - changing)
        )
        note = inert(share.note)
        parts = fit(
            (
                [first],
                [Content.styled(figure, ".strong")],
                [drawn],
                [Content.styled(target, ".warn"), Content.styled(f"→ {want} %" if moving else "", ".warn")],
                [Content(note), NOTHING],
            ),
            width,
        )
        return Content("  ").join([part for part in parts if part.cell_length])


def _cells(percent: int, bar: int) -> int:
    """Cells of `percent` in a bar of `bar`: at least one for any share, all only for 100."""
    if percent <= 0:
        return 0
    return min(max(round(percent * bar / 100), 1), bar if percent >= 100 else bar - 1)


def _role(share: Share) -> str:
    return {"canary": _("canary"), "stable": _("stable")}.get(share.role, _("other"))


def _gathered(shares: tuple[Share, ...], height: int) -> tuple[Share, ...]:
    """At most three lines (or `height`): canary, stable, and the others as one."""
    most = min(height or 3, 3)
    named = tuple(share for share in shares if share.role in ROLE_STYLES)
    others = tuple(share for share in shares if share.role not in ROLE_STYLES)
    if len(shares) <= most:
        return shares
    if not others or most <= len(named):
        return named[:most]
    kept = others[: most - len(named)]
    if len(kept) < len(others):
        rest = others[len(kept) - 1 :]
        many = Share(
            _("{count} more").format(count=len(rest)), "other", sum(s.want for s in rest), sum(s.have for s in rest)
        )
        kept = (*kept[:-1], many)
    return (*named, *kept)
