"""A runbook: what a TOML file says, checked. Pure data; a kind's own settings are checked by the kind.

Source of the default runbook: the team's `despliegue.md`, whose headings each step names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from console.settings_types import Duration

STEP_ID = r"^[a-z][a-z0-9_]{1,39}$"
"""What ids of steps and phases look like."""

Role = Literal["anyone", "driver", "code", "tech_lead", "on_call", "qa"]
"""Who may sign: `anyone` at a console; `driver` who moves the release; the others as settings' `[people]` name them."""


class RunbookModel(BaseModel):
    """Base: unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(RunbookModel):
    """A text in both languages."""

    en: Annotated[str, Field(examples=["Unit tests"])]
    es: str = ""

    def in_language(self, language: str) -> str:
        """The text in `language` (`es`, `es_VE`, ...), else English."""
        return self.es if language.startswith("es") and self.es else self.en


class Skip(RunbookModel):
    """Whether a step may be left out; always with a written reason, kept with the skipper's name."""

    by: tuple[Role, ...] = ("driver",)
    """Who may."""
    when: Words | None = None
    """When that is right, for the person who decides, e.g. `no change in core message handling`."""


class Step(RunbookModel):
    """One step."""

    id: Annotated[str, Field(pattern=STEP_ID, examples=["unit_tests"])]
    title: Annotated[Words, Field(examples=[{"en": "Unit tests"}])]
    help: Annotated[Words, Field(examples=[{"en": "They must pass."}])]
    """What it is and why."""
    kind: Annotated[str, Field(examples=["command"])]
    """One of `console.runbook.kinds`."""
    settings: Mapping[str, object] = Field(default_factory=dict)
    """The kind's own, checked by the kind."""
    needs: Annotated[tuple[str, ...], Field(examples=[["unit_tests"]])] = ()
    """Ids of steps or phases that must have passed (or been skipped) first, besides what the phase needs."""
    signers: tuple[Role, ...] = ("anyone",)
    """Who may run or sign it; any one of them."""
    skip: Annotated[Skip | None, Field(examples=[{"by": ["driver"]}])] = None
    """None: it cannot be skipped."""
    holds: Duration | None = None
    """How long its evidence counts, in server time; None: as long as the release."""
    bound_to: Literal["release", "head", "commit", "image", "revision"] = "release"
    """What its evidence is of: another commit, image or revision makes it stale. `head`: the newest commit of what is
    merged, as checkout and pull request have it, whether it is merged yet or not. `commit`: the merge commit."""
    alternative_to: str = ""
    """Id of the step that this one may be done in place of: either one passing passes both."""
    advice: bool = False
    """Whether a failure only advises (pylint): the release goes on."""
    source: str = ""
    """The runbook's heading that asks for it."""


class Phase(RunbookModel):
    """Steps that belong together; a phase opens when the phases in `needs` are done."""

    id: Annotated[str, Field(pattern=STEP_ID, examples=["staging"])]
    title: Annotated[Words, Field(examples=[{"en": "Staging"}])]
    needs: Annotated[tuple[str, ...], Field(examples=[["pull_request"]])] = ()
    steps: tuple[Step, ...]


class Runbook(RunbookModel):
    """A whole procedure."""

    id: Annotated[str, Field(pattern=STEP_ID, examples=["our_runbook"])]
    title: Annotated[Words, Field(examples=[{"en": "Our runbook"}])]
    version: Literal[1] = 1
    phases: tuple[Phase, ...]

    def steps(self) -> Iterator[Step]:
        """Every step, in order."""
        for phase in self.phases:
            yield from phase.steps

    def step(self, step_id: str) -> Step | None:
        """The step of that id, or None."""
        return next((step for step in self.steps() if step.id == step_id), None)

    def phase_of(self, step_id: str) -> Phase | None:
        """The phase that holds a step, or None."""
        return next((phase for phase in self.phases if any(step.id == step_id for step in phase.steps)), None)

    def needed(self, need: str, within: str = "") -> tuple[str, ...]:
        """Ids of the steps that a need means: a phase's all, or the one.

        A phase and a step of it may share an id: the phase is meant, except within that phase itself.

        Args:
            need: id of a phase or a step.
            within: id of the phase whose step needs it; empty: a phase needs it.
        """
        phase = next((phase for phase in self.phases if phase.id == need), None)
        if phase is not None and phase.id != within:
            return tuple(step.id for step in phase.steps)
        return (need,)

    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 of its content: two consoles see whether they walk the same runbook."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


LONGEST_HOLD = timedelta(days=30)
"""The longest that evidence may be told to hold."""
