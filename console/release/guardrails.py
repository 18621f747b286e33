"""Guardrails: may this be done, here, now? Pure functions of (action, environment, facts, server time).

A guardrail answers allowed or blocked, with its reason, and whether a person may override it with a written reason.
Source of each rule: the runbook (`Ventana de Deployment`, `Pasos` 4 and 5) and issue 2, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ActionKind(StrEnum):
    """What an operator can do to a service."""

    SHIFT = "shift"
    UNDO = "undo"
    ROLLBACK = "rollback"
    DEPLOY = "deploy"
    DISARM = "disarm"
    ARM = "arm"
    TAKE_OVER = "take over"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one guardrail says."""

    rule: str
    """Stable id: `window`, `window_fit`, `steps`, `bake`, `verdict`, `canary_ready`, `unchanged`, `driver`,
    `rolled_back`, `journal`, `clock`."""
    title: str
    """A word or two for the dialog, translated."""
    allowed: bool
    reason: str
    """Figures that decided it, one sentence, translated."""
    overridable: bool = False
    """Whether a written reason of at least 10 characters lets it pass."""
    passes_at: datetime | None = None
    """When it will pass by itself, where that is known; UTC."""
