"""The bar of the split: who serves which share now, and what was asked for while the cloud is still moving."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.widget import Widget


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


class SplitBar(Widget):
    """One line a revision (canary, stable, then the others together): name, bar, percent, and where it is moving to.

    Args:
        shares: what to draw first.
    """

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

    def show(self, shares: tuple[Share, ...], *, pending: bool = False, waiting: str = "") -> None:
        """Draw `shares`, canary first.

        Args:
            shares: in the order to draw.
            pending: whether the cloud is still moving from `have` to `want`.
            waiting: what is waited for where there are no shares yet.
        """

    def render(self) -> Content:
        """See `Widget.render`."""
        return Content("")
