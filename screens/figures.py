"""Names, spans of time and splits as every screen writes them. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from console.words import _

if TYPE_CHECKING:
    from console.release.service import Service


def short(name: str | None, service: str) -> str:
    """`wa-backend-00042-vez` as `00042-vez`, where it begins with the service's name."""
    if not name:
        return ""
    return name.removeprefix(f"{service}-")


def ago(then: datetime | None, now: datetime | None) -> str:
    """How long ago `then` was, in figures: `47 s`, `12 min`, `3 h`, `6 d`; empty where unknown."""
    if then is None or now is None:
        return ""
    return span(now - then)


def span(length: timedelta) -> str:
    """`length` in figures: `47 s`, `12 min`, `3 h`, `6 d`; nothing shorter than zero."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 60:
        return _("{n} s").format(n=seconds)
    if seconds < 3600:
        return _("{n} min").format(n=seconds // 60)
    if seconds < 86400:
        return _("{n} h").format(n=seconds // 3600)
    return _("{n} d").format(n=seconds // 86400)


def split_text(service: Service) -> str:
    """A service's split in one line, largest first: `90 % 00041-kud · 10 % 00042-vez`."""
    ordered = sorted(service.effective_shares().items(), key=lambda item: (-item[1], item[0]))
    return " · ".join(f"{percent} % {short(name, service.name)}" for name, percent in ordered) or "-"
