"""What applying needs besides the database: the door, the rules, the person, the replicas."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from console.actions.door import Door
from console.clock import Clock
from console.migrations.values import Confirmation, Expect, Question, ReplicaState
from console.release.guardrails import EnvironmentRules, Facts

Ask = Callable[[Question], Awaitable[Confirmation | None]]
"""Asks a person; None: do not go on."""

Gate = Callable[[Sequence[Expect]], Awaitable[tuple[ReplicaState, ...]]]
"""Waits for the replicas; see `console.migrations.gate`."""

RETRY_WAITS_S = (2.0, 5.0, 10.0, 20.0)
"""Seconds between attempts at a statement that waited for a lock in vain; one attempt more than waits."""


@dataclass(frozen=True)
class Surroundings:
    """What applying needs besides the database."""

    door: Door
    rules: EnvironmentRules
    operator: str
    """E-mail of whoever applies."""
    facts: Callable[[], Awaitable[Facts]]
    """What the guardrails know of the release now."""
    clock: Clock
    gate: Gate | None = None
    """None where no replica is configured."""
    retry_waits_s: tuple[float, ...] = RETRY_WAITS_S
