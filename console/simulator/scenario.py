"""Scenarios: what a simulated cloud starts with and what happens in it, read from small TOML files.

Each file of `scenarios/` states only what differs from `_base.toml`; tables are merged by key, to any depth. Times
are seconds of simulated time unless a name says otherwise; shares are 0 to 1, percents 0 to 100.

This module knows neither gRPC nor the clock: it turns data into checked values and nothing else.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from console.errors import SettingsError, UsageError
from console.words import _
from console.wrong_values import half_sentence

SCENARIO_DIR = Path(__file__).parent / "scenarios"
"""Where the scenario files are kept, inside the package so that they are installed with it."""

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(ge=0.0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Latency(_Strict):
    """A log-normal distribution of the time a request takes."""

    median_ms: float = Field(default=240.0, gt=0.0)
    p95_ms: float = Field(default=620.0, gt=0.0)
    """620 ms is the runbook's figure of a healthy release."""

    @model_validator(mode="after")
    def _rises(self) -> Latency:
        if self.p95_ms <= self.median_ms:
            raise ValueError("p95_ms must be over median_ms")
        return self


class ColdStart(_Strict):
    """What differs in the first seconds after a revision starts to serve."""

    seconds: Seconds = 0.0
    """How long it lasts, from the moment its share rises from 0 %."""
    error_share: Share = 0.0
    """Error share meanwhile, in place of the profile's."""
    start_up_ms: float = Field(default=0.0, ge=0.0)
    """Start-up time added to some requests meanwhile; Monitoring's `request_latencies` leaves it out."""
    start_up_share: Share = 0.1
    """Share of the requests that wait for a container to start."""


class Chatter(_Strict):
    """How much a revision writes to standard output and standard error."""

    lines_per_request: float = Field(default=0.05, ge=0.0, le=8.0)
    """INFO and WARNING lines a request, on average."""
    error_lines_per_failure: float = Field(default=2.0, ge=0.0, le=8.0)
    """ERROR lines a failed request, on average."""
    hostile_share: Share = 0.0
    """Share of the lines of served requests that try to harm a terminal (ANSI, OSC 52, markup, NUL, 1 MiB)."""


class Profile(_Strict):
    """How a revision behaves."""

    error_share: Share = 0.002
    """Share of its requests answered with 5xx."""
    latency: Latency = Latency()
    cold_start: ColdStart = ColdStart()
    chatter: Chatter = Chatter()
    cpu: Share = 0.45
    """Mean CPU utilisation of its instances while it serves."""
    min_instances: int = Field(default=1, ge=0, le=1000)
    requests_per_instance: float = Field(default=40.0, gt=0.0)
    """Requests a second that one instance takes before another is started."""


class RevisionSpec(_Strict):
    """A revision that exists when the scenario starts; its short name is its key."""

    image: str
    age_hours: float = Field(gt=0.0)
    """How long before the scenario's start it was created."""
    profile: str = "stable"
    """Key in the scenario's profiles."""
    percent: int = Field(default=0, ge=0, le=100)
    tag: str = ""
    """Traffic tag, or empty."""
    ready: bool = True
    creator: str = "ci@demo.example"
    """E-mail of whoever deployed it."""


class ServiceSpec(_Strict):
    """A service that exists when the scenario starts; its short name is its key."""

    requests_per_s: float = Field(default=0.0, ge=0.0, le=20_000.0)
    """Mean of the Poisson process of requests, whatever the split."""
    deployed_profile: str = "deployed"
    """Profile of revisions that are deployed while it runs."""
    revisions: dict[str, RevisionSpec]

    @model_validator(mode="after")
    def _totals_100(self) -> ServiceSpec:
        if self.revisions and sum(spec.percent for spec in self.revisions.values()) != 100:
            raise ValueError("percents of the revisions must total 100")
        tags = [spec.tag for spec in self.revisions.values() if spec.tag]
        if len(tags) != len(set(tags)):
            raise ValueError("a tag may name one revision only")
        return self

    @property
    def split(self) -> dict[str, int]:
        """Percent by revision at the start, those above 0 only."""
        return {name: spec.percent for name, spec in self.revisions.items() if spec.percent}

    @property
    def canary(self) -> str | None:
        """The revision under the tag `canary`, where there is one."""
        return next((name for name, spec in self.revisions.items() if spec.tag == "canary"), None)

    @property
    def newest_first(self) -> list[tuple[str, RevisionSpec]]:
        """The revisions by age."""
        return sorted(self.revisions.items(), key=lambda item: item[1].age_hours)


class Outage(_Strict):
    """All revisions of a service fail alike for a while (a database, a supplier)."""

    kind: Literal["outage"]
    service: str = "wa-backend"
    after_first_move_s: Seconds = 90.0
    """When, counted from the first change of the split after the start."""
    lasts_s: Seconds = 120.0
    error_share: Share = 0.2


class Rival(_Strict):
    """Someone else moves the traffic while a release is under way."""

    kind: Literal["rival"]
    service: str = "wa-backend"
    after_first_move_s: Seconds = 60.0
    """When, counted from the first change of the split after the start."""
    canary_percent: int = Field(default=40, ge=0, le=100)
    """What the canary gets; the stable revision gets the rest."""
    principal: str = "rival@demo.example"


class Faults(_Strict):
    """The cloud's own front door fails at random, by the seed."""

    kind: Literal["faults"]
    starts_after_s: Seconds = 5.0
    """When, counted from the start."""
    unavailable: Share = 0.0
    """Share of calls answered UNAVAILABLE."""
    deadline_exceeded: Share = 0.0
    resource_exhausted: Share = 0.0
    cut_tails_every_s: Seconds = 0.0
    """Mean time between cuts of every open tail stream; 0 for never."""
    lose_answers: Share = 0.0
    """Share of writes that are done and yet answered UNAVAILABLE."""


Event = Annotated[Outage | Rival | Faults, Field(discriminator="kind")]
Outcome = Literal["promoted", "rolled back", "held"]


class Scenario(_Strict):
    """One scenario, whole."""

    name: str
    title: str
    """One sentence for the list."""
    outcome: Outcome
    """What a careful operator's release ends as; the headless demo and the tests read it."""
    project: str = "demo"
    region: str = "us-central1"
    profiles: dict[str, Profile]
    services: dict[str, ServiceSpec]
    events: dict[str, Event] = Field(default_factory=dict)
    """By a name of their own, so that a file can change one of its base's."""

    @model_validator(mode="after")
    def _names_exist(self) -> Scenario:
        for name, service in self.services.items():
            used = {spec.profile for spec in service.revisions.values()} | {service.deployed_profile}
            if missing := used - self.profiles.keys():
                raise ValueError(f"services.{name}: no profile {', '.join(sorted(missing))}")
        for key, event in self.events.items():
            if not isinstance(event, Faults) and event.service not in self.services:
                raise ValueError(f"events.{key}: no service {event.service}")
        return self

    def profile_of(self, service: str, revision: str) -> Profile:
        """The profile of a revision, also of one deployed since or of a service that is not in the file."""
        spec = self.services.get(service)
        if spec is None:
            return self.profiles.get("deployed", Profile())
        known = spec.revisions.get(revision)
        return self.profiles[known.profile if known else spec.deployed_profile]


def list_scenarios() -> list[str]:
    """The names of all scenarios, sorted."""
    return sorted(path.stem for path in SCENARIO_DIR.glob("*.toml") if not path.stem.startswith("_"))


def load_scenario(name: str) -> Scenario:
    """The scenario called `name`, or the one in the file `name` where that ends in `.toml`.

    Raises:
        UsageError: there is none of that name; its remedy lists those that are.
        SettingsError: the file is wrong; names file and key.
    """
    path = Path(name) if name.endswith(".toml") else SCENARIO_DIR / f"{name}.toml"
    if (not name.endswith(".toml") and name not in list_scenarios()) or not path.is_file():
        raise UsageError(
            _("There is no scenario {name}.").format(name=name),
            remedy=_("Choose one of: {names}.").format(names=", ".join(list_scenarios())),
        )
    base = _read(SCENARIO_DIR / "_base.toml")
    data = _merge(base, _read(path))
    data["name"] = path.stem
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            _("The scenario file {path} is wrong at {key}: {problem}.").format(
                path=path, key=key or "the top", problem=half_sentence(first)
            ),
            remedy=_("Correct that key; {example} shows every one.").format(example=SCENARIO_DIR / "_base.toml"),
        ) from error


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, OSError) as error:
        raise SettingsError(
            _("The scenario file {path} cannot be read: {problem}.").format(path=path, problem=error),
            remedy=_("Correct the file."),
        ) from error


def _merge(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
