"""What a kind of step is: settings of its own, what it asks of a person, how it runs, and how a cut-off run is settled.

A kind is a module here with one class. It speaks to the world only through its `StepContext`, so that the same class
runs under the console, the headless command and the tests.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from console.clock import Clock
from console.journal.scrub import scrub_text
from console.release.images import Match, match_image
from console.runbook.evidence import Evidence, ItemResult, Progress, Result
from console.runbook.model import Step

if TYPE_CHECKING:
    from console.actions import Actions
    from console.cloud.client import Cloud
    from console.notify import Notifier
    from console.settings import Environment, Settings
    from console.verdict.base import Tick
    from console.watch.snapshot import Snapshot


class KindSettings(BaseModel):
    """Base of a kind's own settings: unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Ask(StrEnum):
    """What a step asks of the person before or while it runs."""

    NOTHING = "nothing"
    """Enter runs it."""
    WORD = "word"
    """A person's word: Enter signs it under their name; a note may be added."""
    ITEMS = "items"
    """A list, item by item: pass, fail or blocked, with a note."""
    SIGN = "sign"
    """An approval: only the person in the role can, from a console of their own."""
    ELSEWHERE = "elsewhere"
    """Another screen does it (the canary screen's moves and bakes; migrations); Enter goes there, or does it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said."""

    word: str = ""
    """`yes`, or of an item `pass`, `fail`, `blocked`."""
    item: str = ""
    """The item's id, where the step has items."""
    note: str = ""
    role: str = ""
    """The role that a signature is given in."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is being released, as far as it is known: empty strings where not yet."""

    candidate: str = ""
    """Id of the release candidate, e.g. `2026-11-25-1005`."""
    environment: str = "production"
    """Name of the environment that the release is for."""
    service: str = ""
    branch: str = "main"
    commit: str = ""
    """Full hash of the merge commit."""
    head: str = ""
    """Full hash of the newest commit of what is merged, as the step that looked last found it."""
    version: str = ""
    """Version that /healthz must tell, where it is known; else the image's tag or the commit stands for it."""
    pull_request: str = ""
    """Number."""
    author: str = ""
    """E-mail of the change's author."""
    author_login: str = ""
    image: str = ""
    """Full reference."""
    image_id: str = ""
    """What tells it from any other (`Revision.identity`): its digest, once that is known."""
    image_alias: str = ""
    """The same as the new revision alone tells it (`Revision.alias`): what was written down before its digest came."""
    pending: str = ""
    """Why image and revision are not known for certain yet, in a sentence; empty once they are. Evidence of others is
    not stale before, and nothing is bound to them."""
    template: str = ""
    """Fingerprint of what it runs with (`console.release.template`): the new revision's, else what one would be made
    with now."""
    canary: str = ""
    """The new revision, once deployed."""
    stable: str = ""
    plan: str = ""
    """`plan_digest` of the rollout plan."""

    def bound(self, to: str) -> str:
        """Identity of what evidence `bound_to` is of: head, commit, image, revision, or the candidate."""
        return {"head": self.head, "commit": self.commit, "image": self.image_id, "revision": self.canary}.get(
            to, self.candidate
        )

    def match(self, to: str, known: str) -> Match:
        """How evidence `bound_to` something, of `known`, stands to what is released now; UNTOLD while it is pending."""
        if to == "image":
            found = match_image(known, self.image_id, self.image_alias)
        elif to == "head" and not self.head:
            return Match.SAME  # nobody has looked what the head is
        elif to in ("head", "commit", "revision"):
            found = match_image(known, self.bound(to))
        else:
            return Match.SAME  # evidence is kept by release
        return Match.UNTOLD if found is Match.OTHER and self.waits(to) else found

    def waits(self, to: str) -> str:
        """Why what evidence `bound_to` would be of is not known yet; empty where it is."""
        return self.pending if to in ("image", "revision") else ""


@dataclass(frozen=True, slots=True)
class LocalPaths:
    """Where the operator's files are."""

    checkout: Path
    """The team's code; commands run here."""
    evidence: Path
    """Folder for whole outputs of this candidate; made as needed, mode 0700."""


class Tools(Protocol):
    """The world, as a step reaches it. The session's real parts in the product."""

    @property
    def settings(self) -> Settings:
        """All settings."""

    @property
    def environment(self) -> Environment:
        """The environment that the release is for."""

    @property
    def actions(self) -> Actions:
        """The guarded door to that environment's service."""

    @property
    def notifier(self) -> Notifier:
        """Slack, bell and title."""

    def snapshot(self) -> Snapshot | None:
        """The live picture, where one is watched."""

    def ticks(self, revision: str, since: int) -> tuple[Tick, ...]:
        """Closed seconds of the live picture from Unix second `since` on; empty where nothing is watched."""

    async def cloud(self, environment: str = "") -> tuple[Cloud, Environment]:
        """A connection for an environment by name (empty: the release's own), and the environment.

        Raises:
            CanarioError: there is none of that name, or it cannot be reached.
        """

    def variables(self) -> Mapping[str, str]:
        """Environment variables for commands and lookups: the process's own, and the demo's."""

    async def secret(self, name: str) -> str | None:
        """A secret by its name in `console.secrets.SECRETS`, or None."""


@dataclass
class StepContext:
    """One run of one step."""

    step: Step
    subject: Subject
    tools: Tools
    paths: LocalPaths
    identity: str
    """E-mail of who runs it."""
    key: str
    """Names this run (random hex); kept in the journal before anything is done."""
    now: Callable[[], datetime]
    """Server time, UTC."""
    clock: Clock
    """Wall time: timeouts, pauses."""
    report: Callable[[Progress], None] = lambda _progress: None
    answer: Answer = field(default_factory=Answer)
    before: Evidence | None = None
    """This step's last evidence, for one that goes on where it stopped."""
    others: Mapping[str, Evidence] = field(default_factory=dict)
    """Evidence of the other steps, by id."""
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set where a person stops it; the task is cancelled too."""

    def evidence(
        self,
        result: Result,
        sentence: str,
        *,
        figures: tuple[tuple[str, str], ...] = (),
        problems: tuple[str, ...] = (),
        remedy: str = "",
        excerpt: tuple[str, ...] = (),
        items: tuple[ItemResult, ...] = (),
        learned: Mapping[str, str] | None = None,
        machine: bool = True,
        output: str = "",
    ) -> Evidence:
        """Evidence of this run, with who, when and of what filled in, and without what looks secret."""
        return Evidence(
            step=self.step.id,
            result=result,
            by=self.identity,
            at=self.now(),
            sentence=scrub_text(sentence),
            machine=machine,
            subject=self.subject.bound(self.step.bound_to),
            figures=tuple((name, scrub_text(value)) for name, value in figures),
            problems=tuple(scrub_text(problem) for problem in problems),
            remedy=remedy,
            excerpt=tuple(scrub_text(line) for line in excerpt),
            items=items,
            learned=learned or {},
            key=self.key,
            output=output,
        )


@dataclass(frozen=True, slots=True)
class Observed:
    """What the live picture tells of steps that are not run but seen: moves, bakes, approvals. Pure data."""

    subject: Subject
    snapshot: Snapshot | None
    now: datetime | None
    approvals: tuple[ApprovalSeen, ...] = ()
    migrations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovalSeen:
    """One approval in the annotation, checked (`console.release.approvals`), in the checklist's words."""

    role: str
    by: str
    state: str
    """`verified`, `verifying`, `forged`, `void`."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """What `observe` says of a step now."""

    state: str
    """`passed`, `failed`, `running`, `waiting`, `verifying`, `unknown` or `open`; counts before the step's evidence."""
    sentence: str = ""
    fraction: float | None = None
    waiting_for: str = ""


class StepKind(ABC):
    """One kind of step, made for one step with its settings checked.

    Args:
        step: the step.
        settings: an instance of `settings_model`.
    """

    name: ClassVar[str]
    """What a runbook's `kind` says."""
    settings_model: ClassVar[type[KindSettings]] = KindSettings
    ask: Ask = Ask.NOTHING
    machine: bool = True
    """Whether a machine checks it; False: a person's word."""
    once: bool = False
    """Whether it must not be done twice: it is settled after a crash, never simply run again."""
    again: ClassVar[bool] = False
    """Whether a `once` step that passed with a problem may be run again by a person: a message that did not go out."""
    tells_head: bool = False
    """Whether its evidence, where it is `bound_to` the head, is of the commit that it found to be the head."""
    needs_checkout: ClassVar[bool] = False
    background: ClassVar[bool] = False
    """Whether it runs beside other steps and survives quitting (a 24-hour watch): cut off, it is started again."""
    rescue: ClassVar[bool] = False
    """Whether it gives traffic back: like a rollback, it waits for no journal."""

    def __init__(self, step: Step, settings: KindSettings) -> None:
        self.step = step
        self.settings = settings

    def stand_in(self, environment: Environment) -> None:  # noqa: B027 - most kinds are the same everywhere
        """Told, before anything is asked of it, where the release is for: `ask`, `machine`, `explain` may follow."""

    @abstractmethod
    async def run(self, context: StepContext) -> Evidence:
        """Carry it out, or verify it. Failure is evidence (`Result.FAILED`); an error is for what could not be tried.

        Raises:
            CanarioError: it could not be tried: no token, no connection, blocked by a guardrail.
            asyncio.CancelledError: a person stopped it; everything it started is gone.
        """

    async def settle(self, context: StepContext, begun: datetime) -> Evidence | None:
        """What became of a run that was cut off, by asking the world.

        Args:
            context: as of the run that was cut off; its `key` is that run's.
            begun: server time of its intent.

        Returns:
            Its evidence where it was done (or UNKNOWN where nobody can tell); None where it was not done and may run.
        """
        return None

    async def settle_elsewhere(self, context: StepContext, begun: datetime) -> Evidence | None:
        """The same of a run that a console on another machine began, whose journal is out of reach."""
        return await self.settle(context, begun)

    @property
    def looks(self) -> bool:
        """Whether a run that was cut off can be found out about, or may simply be run again; else a person says."""
        return not self.once or type(self).settle is not StepKind.settle

    async def drift(self, context: StepContext) -> Mapping[str, str]:
        """What it would find out now, looked up without running it: `learned`, where that is new; else nothing.

        Asked now and then while the release has made no revision yet, so that what was tested and approved is not
        taken for what has come since.

        Raises:
            CanarioError: it cannot be looked up now.
        """
        return {}

    def observe(self, seen: Observed) -> Observation | None:
        """How the step stands, read off the live picture; None for kinds that are run. Pure."""
        return None

    def explain(self) -> tuple[str, ...]:
        """What it will do, exactly: the command line, the request, the message; a line each, translated."""
        return ()

    def explain_of(self, known: Known) -> tuple[str, ...]:
        """The same, naming what is known of the release by now."""
        return self.explain()


@dataclass(frozen=True, slots=True)
class Known:
    """What the words of a step may name."""

    repository: str = ""
    """`owner/name` on GitHub as the settings say it; empty: the one of the checkout's `origin`."""
    base: str = "main"
    """Branch that releases are made from."""
    pull_request: str = ""
    """The release's number; empty before it is known."""


def checked(kind: type[StepKind], step: Step) -> StepKind:
    """`step` with its kind, settings checked.

    Raises:
        pydantic.ValidationError: a setting is wrong; locations are relative to `settings`.
    """
    return kind(step, kind.settings_model.model_validate(dict(step.settings)))
