"""Steps of every kind made for tests, run with real programs and servers; only the session round them is a stand-in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from console.clock import Clock, SystemClock
from console.runbook.evidence import Evidence, Progress
from console.runbook.kinds import kinds
from console.runbook.kinds.base import Answer, LocalPaths, StepContext, StepKind, Subject, checked
from console.runbook.model import Step, Words
from console.settings import Settings

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
MARIA = "maria@example.com"


@dataclass
class Tools:
    """What a session gives a step: settings, secrets, variables, and clouds that a test connects."""

    settings: Settings = field(default_factory=Settings)
    secrets: dict[str, str] = field(default_factory=dict)
    more: dict[str, str] = field(default_factory=dict)
    clouds: dict[str, Any] = field(default_factory=dict)
    environment_name: str = "production"
    actions: Any = None
    notifier: Any = None

    @property
    def environment(self) -> Any:
        return self.settings.environment(self.environment_name)

    def snapshot(self) -> None:
        return None

    def ticks(self, revision: str, since: int) -> tuple[()]:
        return ()

    async def cloud(self, environment: str = "") -> tuple[Any, Any]:
        name = environment or self.environment_name
        return self.clouds[name], self.settings.environment(name)

    def variables(self) -> Mapping[str, str]:
        return {**os.environ, **self.more}

    async def secret(self, name: str) -> str | None:
        return self.secrets.get(name)


@dataclass
class Bench:
    """Runs steps in one checkout and keeps what they reported."""

    folder: Path
    tools: Tools = field(default_factory=Tools)
    subject: Subject = field(default_factory=lambda: Subject(candidate="2026-11-25-1200", service="wa-backend"))
    clock: Clock = field(default_factory=SystemClock)
    progress: list[Progress] = field(default_factory=list)
    others: dict[str, Evidence] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.checkout = self.folder / "checkout"
        self.checkout.mkdir(exist_ok=True)

    def step(self, kind: str, **settings: object) -> StepKind:
        more = {k: settings.pop(k) for k in ("bound_to", "id") if k in settings}
        step = Step.model_validate(
            {"id": "a_step", "title": Words(en="A step"), "help": Words(en=""), "kind": kind, **more}
            | {"settings": settings}
        )
        return checked(kinds()[kind], step)

    def context(self, step: StepKind, answer: Answer | None = None, before: Evidence | None = None) -> StepContext:
        return StepContext(
            step=step.step,
            subject=self.subject,
            tools=self.tools,
            paths=LocalPaths(self.checkout, self.folder / "evidence"),
            identity=MARIA,
            key="0123456789abcdef0123456789abcdef",
            now=lambda: NOW,
            clock=self.clock,
            report=self.progress.append,
            answer=answer or Answer(),
            before=before,
            others=self.others,
        )

    async def run(self, step: StepKind, answer: Answer | None = None, before: Evidence | None = None) -> Evidence:
        return await step.run(self.context(step, answer, before))

    @property
    def lines(self) -> list[str]:
        """All output that was reported, in order."""
        return [line for progress in self.progress for line in progress.lines]
