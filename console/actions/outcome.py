"""What an action comes back with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from console.release.guardrails import ActionKind
from console.release.service import Service
from console.release.state import Release


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an action ended."""

    kind: ActionKind
    before: Mapping[str, int]
    """Desired percent by revision before it."""
    after: Mapping[str, int]
    """Desired percent by revision after it."""
    service: Service
    """The service as read last."""
    took: timedelta
    """Wall time from the call to the service reporting the split."""
    notes: tuple[str, ...] = ()
    """What the operator should know besides: journal or Slack failed, desired and effective differ, ..."""
    already: bool = False
    """Whether nothing had to move."""
    canary: str | None = None
    percent: int | None = None
    """The canary's share after it."""
    release: Release | None = None
    """The release annotation after it."""
    attempts: int = 1
    """Calls that were sent."""
    target: str | None = None
    """For a rollback: the revision that got the largest share back."""
    overridden: tuple[str, ...] = ()
    """Rules that the written reason let pass."""


@dataclass(frozen=True, slots=True)
class RollbackProgress:
    """How a rollback stands, for the screen that follows it."""

    state: Literal["sending", "moving", "retrying", "done", "failed"]
    started: float
    """Monotonic seconds when the key was pressed."""
    attempts: int = 0
    """Calls sent so far."""
    target: Mapping[str, int] = field(default_factory=dict)
    """Split being restored."""
    took: timedelta | None = None
    """How long it took; only once done."""
    problem: str = ""
    """Why it is being tried again, or why it failed."""
    automatic: bool = False

    def elapsed(self, now: float) -> timedelta:
        """Time since the key was pressed, or how long it took.

        Args:
            now: monotonic seconds.
        """
        return self.took if self.took is not None else timedelta(seconds=max(0.0, now - self.started))


@dataclass(frozen=True, slots=True)
class Settled:
    """An intent that a crash had cut off, and what became of it."""

    kind: str
    done: bool
    """Whether the service shows it done."""
    sentence: str
