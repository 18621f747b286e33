"""Samples and how they are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(slots=True)
class Samples:
    """What was measured of one thing, milliseconds."""

    name: str
    ms: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Of all samples; NaN where there are none."""
        return median(self.ms) if self.ms else float("nan")

    def row(self, yardstick: Samples | None = None) -> str:
        """One line: name, median, range, count, and how many times the yardstick."""
        if not self.ms:
            return f"  {self.name:<58} no sample"
        ratio = f"{self.median / yardstick.median:8.2f}x" if yardstick is not None and yardstick.ms else " " * 9
        spread = f"{min(self.ms):,.1f} to {max(self.ms):,.1f}"
        return f"  {self.name:<58} {self.median:9,.1f} ms {ratio}   {spread:>20}   n={len(self.ms)}"


def table(title: str, samples: Sequence[Samples], yardstick: Samples | None) -> str:
    """A title and a row for each; `yardstick` is one of them, the one that has no ratio."""
    rows = [each.row(None if each is yardstick else yardstick) for each in samples]
    return "\n".join([title, *rows])
