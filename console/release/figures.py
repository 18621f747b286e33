"""Figures in words: how long something takes, how traffic is split."""

from __future__ import annotations

from datetime import timedelta


def duration(span: timedelta) -> str:
    """`span` in figures: `47 s`, `3:12`, `1 h 55`, `2 d 3 h`; a negative one as `0 s`."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02}"
    if seconds < 2 * 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02}"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


def shares_text(shares: dict[str, int]) -> str:
    """A split in figures, largest first: `90 % wa-backend-00041-kud, 10 % wa-backend-00042-vez`."""
    ordered = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{percent} % {name}" for name, percent in ordered) or "-"


__all__ = ["duration", "shares_text"]
