"""Which rows of a log are in sight: a window that follows the end, or holds still at a place. Knows nothing of drawing.

A top is (place, screen rows of that line that are scrolled off); places are those of `log_lines.LogRows`.
"""

from __future__ import annotations

from collections.abc import Callable

from widgets.log_lines import LogRows

Top = tuple[int, int]
"""(place, rows of it that are above the window)."""


class LogWindow:
    """A window of `height` screen rows on `rows`.

    Args:
        rows: what is looked at.
        tall: screen rows of the line at a place, at least 1.
    """

    def __init__(self, rows: LogRows, tall: Callable[[int], int]) -> None:
        self._rows = rows
        self._tall = tall
        self.height = 1
        self.top: Top | None = None
        """None while it follows the newest line."""

    def lowest(self) -> Top:
        """The top with which the newest line stands at the bottom."""
        room = max(self.height, 1)
        place = self._rows.end
        while place > self._rows.first and room > 0:
            place -= 1
            room -= self._tall(place)
        return (place, max(-room, 0))

    def picture(self) -> list[tuple[int, int]]:
        """(place, row within its line) of each screen row in sight, upper first."""
        picture: list[tuple[int, int]] = []
        place, skipped = self.lowest() if self.top is None else self.top
        while place < self._rows.end and len(picture) < self.height:
            picture += [(place, row) for row in range(skipped, self._tall(place))]
            skipped = 0
            place += 1
        return picture[: self.height]

    def hold(self) -> None:
        """Stop following: stay where it is."""
        if self.top is None:
            picture = self.picture()
            self.top = picture[0] if picture else (self._rows.first, 0)

    def scroll(self, count: int) -> bool:
        """Move by screen rows, back where `count` is negative. Returns whether the end is in sight now."""
        top, skipped = self.top or (self._rows.first, 0)
        skipped += count
        while skipped < 0 and top > self._rows.first:
            top -= 1
            skipped += self._tall(top)
        skipped = max(skipped, 0)
        while top < self._rows.end - 1 and skipped >= self._tall(top):
            skipped -= self._tall(top)
            top += 1
        lowest = self.lowest()
        self.top = min((top, skipped), lowest)
        return self.top == lowest

    def show(self, place: int) -> None:
        """Move as little as brings the line at `place` into sight whole."""
        top, skipped = self.top or (self._rows.first, 0)
        if place < top or (place == top and skipped):
            top, skipped = place, 0
        else:
            # walk up from the wanted line until the window is full: the highest top that still shows it
            start, room = place, self.height - self._tall(place)
            while start > self._rows.first and room - self._tall(start - 1) >= 0:
                start -= 1
                room -= self._tall(start)
            top, skipped = max((top, skipped), (start, 0))
        self.top = min((top, skipped), self.lowest())

    def settle(self) -> None:
        """After a change of height or rows: not above the oldest row, not below the newest."""
        if self.top is not None:
            self.top = min(max(self.top, (self._rows.first, 0)), self.lowest())
