"""Marks on a kind's settings that tell the loader what a value must lead to: a step, an environment, a share.

A setting is annotated with a type from here; `console.runbook.load` and `console.runbook.fitting` look for the marks.
Knows no kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True, slots=True)
class NamesStep:
    """The value is the id of a step of the same runbook, or empty."""


@dataclass(frozen=True, slots=True)
class NamesEnvironment:
    """The value is the name of one of the settings' environments, or empty: the release's own."""

    protected: bool = True
    """Whether that may be a protected one."""


@dataclass(frozen=True, slots=True)
class ShareOfPlan:
    """The value is one of the rollout plan's steps, percent."""


StepId = Annotated[str, NamesStep()]
EnvironmentName = Annotated[str, NamesEnvironment()]
UnprotectedName = Annotated[str, NamesEnvironment(protected=False)]
PlanPercent = Annotated[int, Field(ge=1, le=100, examples=[10]), ShareOfPlan()]
