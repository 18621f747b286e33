"""What a probed service answers, before anybody judges it. Plain values; knows no HTTP client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from console.errors import CanarioError
from console.text import clean

LARGEST_BODY = 64 * 1024
"""Bytes of an answer that are read."""
LARGEST_METRICS = 4 * 1024 * 1024
"""Bytes of /metrics that are read."""
MOST_REDIRECTS = 3
SHOWN_LINES = 20
STARTING = (429, 502, 503, 504)
"""Statuses of a service that is still starting: Cloud Run answers 503 without an instance, 429 with none to spare."""


class ProbeError(CanarioError):
    """There was no answer that could be judged.

    Args:
        what: as `CanarioError`.
        starting: whether a service that is still starting may be the cause.
        remedy: as `CanarioError`.
    """

    def __init__(self, what: str, *, starting: bool = False, remedy: str = "") -> None:
        super().__init__(what, remedy=remedy)
        self.starting = starting


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    took_ms: float = 0.0

    @property
    def text(self) -> str:
        """Its body as text, as it came: to be read, not to be shown."""
        return self.body.decode("utf-8", "replace")

    @property
    def shown(self) -> tuple[str, ...]:
        """Its first lines, cleaned."""
        return tuple(clean(line, 300) for line in self.text[:8_000].splitlines()[:SHOWN_LINES])
