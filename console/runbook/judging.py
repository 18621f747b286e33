"""What a reader makes of a program's or a server's answer: passed or not, with the figures. Plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding, before it is a step's evidence."""

    passed: bool
    sentence: str
    """One sentence with the figures that decided."""
    figures: tuple[tuple[str, str], ...] = ()
    problems: tuple[str, ...] = ()
    remedy: str = ""
