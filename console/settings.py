"""Settings: what a team and a user may choose, every default of it from the runbook.

Layers, later ones winning key by key: the defaults here, `canario.toml` beside the team's code, the user's own
`canario.toml`, `CANARIO_*` variables, options. Unknown keys, bad values and impossible ones raise `SettingsError`,
which names file and line (or variable, or option), the key, and the fix. Secrets are no settings (`console.secrets`),
and nothing here sets the console's time (DESIGN.md, decision 6).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import time, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator

from console import settings_sources as sources
from console.errors import SettingsError, UsageError
from console.release.guardrails import EnvironmentRules
from console.release.plan import RolloutPlan
from console.release.window import DeploymentWindow
from console.secrets import SECRETS, looks_secret
from console.settings_errors import describe, no_secrets
from console.settings_types import Duration, Names, Problem, Steps, TimeOfDay, Weekdays
from console.words import _

DEMO_PROJECT = "demo"
"""The project that every simulator has."""

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z")

Percent = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)


class WindowSettings(_Model):
    """When protected environments may be changed, by the cloud's clock. Runbook: `Ventana de Deployment`."""

    days: Weekdays = frozenset({1, 2, 3})
    """Weekdays on which the window opens."""
    start: TimeOfDay = time(10, 0)
    """First minute inside the window, UTC."""
    end: TimeOfDay = time(14, 0)
    """First minute outside it again, UTC."""
    holidays: Names = ()
    """Countries whose public holidays keep the window closed: ISO codes, with a subdivision where wanted (`US-CA`).
    None are kept unless named."""

    @model_validator(mode="after")
    def _opens(self) -> WindowSettings:
        for key, window in (
            ("days", partial(DeploymentWindow, days=self.days)),
            ("end", partial(DeploymentWindow, start=self.start, end=self.end)),
        ):
            try:
                window()
            except SettingsError as error:
                raise Problem.of(error, key) from error
        return self

    @field_validator("holidays")
    @classmethod
    def _known_countries(cls, countries: tuple[str, ...]) -> tuple[str, ...]:
        if countries:
            from console.holiday_calendar import unknown_countries

            if unknown := unknown_countries(countries):
                raise Problem(
                    _("names no country with known holidays: {codes}").format(codes=", ".join(unknown)),
                    _("Use ISO codes such as EC, VE, CO, or with a subdivision such as US-CA."),
                )
        return tuple(code.upper() for code in countries)

    def window(self) -> DeploymentWindow:
        """The pure core's window."""
        if not self.holidays:
            return DeploymentWindow(self.days, self.start, self.end)
        from console.holiday_calendar import HolidayCalendar

        return DeploymentWindow(self.days, self.start, self.end, HolidayCalendar(self.holidays))


class PlanSettings(_Model):
    """Steps of a release and the time each is watched. Runbook: `Despliegue a PRODUCTION`, steps 4 to 6."""

    steps: Steps = (10, 50, 100)
    """The canary's share after each step, percent, rising to 100."""
    bake: Duration = timedelta(minutes=5)
    """Time that each step is observed before the next, in the cloud's time."""
    minimum_requests: Annotated[int, Field(ge=0, le=10_000_000)] = 500
    """Canary requests that a bake needs besides time."""

    @model_validator(mode="after")
    def _can_be_walked(self) -> PlanSettings:
        for key, plan in (
            ("steps", partial(RolloutPlan, steps=self.steps)),
            ("bake", partial(RolloutPlan, bake=self.bake)),
        ):
            try:
                plan()
            except SettingsError as error:
                raise Problem.of(error, key) from error
        return self

    def plan(self) -> RolloutPlan:
        """The pure core's plan."""
        return RolloutPlan(self.steps, self.bake, self.minimum_requests)


class LimitSettings(_Model):
    """What a healthy canary stays under. Runbook: steps 5 and 6."""

    error_rate_percent: Percent = 1.0
    """Share of requests answered with 5xx; over it, roll back."""
    p95_rollback: Duration = timedelta(seconds=1)
    """P95 latency; over it, roll back."""
    p95_target: Duration = timedelta(milliseconds=800)
    """P95 latency that a release should have; over it, it is shown."""
    error_lines_per_minute: Annotated[int, Field(ge=0)] = 5
    """ERROR lines in the log; over it, it is shown."""
    cpu_percent: Percent = 70.0
    """CPU utilisation that a release should stay under."""

    @model_validator(mode="after")
    def _in_order(self) -> LimitSettings:
        if self.p95_rollback <= timedelta(0) or self.p95_target <= timedelta(0):
            raise Problem(_("a latency limit must be longer than nothing"), _('Write one like p95_target = "800 ms".'))
        if self.p95_target > self.p95_rollback:
            raise Problem(
                _("p95_target is over p95_rollback, so a release would be rolled back before it is warned of"),
                _("Put the target at or under the limit."),
                "p95_target",
            )
        return self


class RollbackSettings(_Model):
    """The automatic rollback. Issue 2, section 3."""

    automatic: bool | None = None
    """Whether it is armed when a release starts; not set: in protected environments only."""
    countdown: Duration = timedelta(seconds=10)
    """Time in which Esc stops it, on the wall's clock."""
    minimum_requests: Annotated[int, Field(ge=1, le=10_000_000)] = 500
    """Canary requests in the last minute that it needs before it acts."""

    @field_validator("countdown")
    @classmethod
    def _bounded(cls, countdown: timedelta) -> timedelta:
        if countdown > timedelta(minutes=10):
            raise Problem(_("is over 10 minutes, in which every tenth customer may meet the fault"))
        return countdown


class ChecklistSettings(_Model):
    """The runbook's other numbers, for the checklist screen and its checks."""

    coverage_percent: Percent = 80.0
    """Test coverage that a release needs."""
    code_approvals: Annotated[int, Field(ge=0, le=100)] = 1
    """Senior reviewers of the code."""
    authorisations: Annotated[int, Field(ge=0, le=100)] = 2
    """People who authorise production: code and tech lead."""
    uat_cases: Annotated[int, Field(ge=0)] = 26
    """Cases of the UAT checklist."""
    build_wait: Duration = timedelta(minutes=3)
    """What a build takes, about."""
    startup_wait: Duration = timedelta(seconds=30)
    """What a new revision takes to start, about."""
    load_test_users: Annotated[int, Field(ge=1)] = 50
    """Simulated users of the load test."""
    load_test_spawn_rate: Annotated[int, Field(ge=1)] = 10
    """Users that it adds each second."""
    load_test_duration: Duration = timedelta(seconds=60)
    """How long it runs."""
    replication_lag: Duration = timedelta(minutes=1)
    """Replica lag under which a migration counts as arrived."""
    watch_after: Duration = timedelta(hours=24)
    """How long a release is watched once it has all traffic."""
    normal_requests_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1250.0
    """The service's usual load."""


class NotifySettings(_Model):
    """Who is told. The Slack webhook itself is a secret: CANARIO_SLACK_WEBHOOK or the keyring."""

    slack: bool = True
    """Whether to announce in Slack where a webhook is known (never from the demo)."""
    bell: bool = True
    """Whether to ring the terminal's bell when a countdown starts or a rollback ends."""


class Environment(_Model):
    """One environment: a service somewhere, and how carefully it is treated."""

    name: str = ""
    """Its key in `[environments]`; filled in."""
    service: str
    """Cloud Run service."""
    project: str = ""
    """Google Cloud project id; empty: the one of the surroundings (`project_for`)."""
    region: str = "us-central1"
    """Cloud Run region."""
    protected: bool = True
    """Whether window and approvals hold, and the automatic rollback is armed by default."""
    endpoint: str | None = None
    """HOST:PORT of a simulator on loopback; not set: Google."""
    simulator: bool = False
    """Whether this is the local simulator's: the console starts one where no endpoint is given."""
    window: WindowSettings | None = None
    """A window of its own; keys that it leaves out are the general ones."""
    plan: PlanSettings | None = None
    limits: LimitSettings | None = None
    rollback: RollbackSettings | None = None

    @field_validator("service", "region")
    @classmethod
    def _is_name(cls, name: str) -> str:
        if not _NAME.match(name):
            raise Problem(
                _("is no Cloud Run name"), _("Use lower-case letters, digits and hyphens, starting with a letter.")
            )
        return name

    @field_validator("project")
    @classmethod
    def _is_project(cls, project: str) -> str:
        if project and not re.fullmatch(r"(?:[a-z0-9.\-]+:)?[a-z][-a-z0-9]{2,61}[a-z0-9]", project):
            raise Problem(_("is no project id"), _('Write the id, not the name or number, like project = "acme-prod".'))
        return project

    @field_validator("endpoint")
    @classmethod
    def _is_loopback(cls, endpoint: str | None) -> str | None:
        if endpoint:
            check_endpoint(endpoint)
        return endpoint or None


BUILT_IN_ENVIRONMENTS: Mapping[str, Mapping[str, object]] = {
    "dev": {"service": "wa-backend", "project": DEMO_PROJECT, "protected": False, "simulator": True},
    "staging": {"service": "wa-backend-staging", "protected": False},
    "production": {"service": "wa-backend", "protected": True},
}
"""What there is with no settings file. Runbook: `Ambientes`."""


class Settings(_Model):
    """All settings, checked."""

    default_environment: str = "production"
    """Environment of a command or a console that names none with `--env`."""
    language: str = ""
    """Language of words (`en`, `es`); empty: the terminal's (LANG)."""
    theme: str = ""
    """Theme of the console; empty: canario's own."""
    journal: Path | None = None
    """The journal's file; not set: under the user's state directory."""
    log_lines: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
    """Log lines that the console keeps."""
    window: WindowSettings = WindowSettings()
    plan: PlanSettings = PlanSettings()
    limits: LimitSettings = LimitSettings()
    rollback: RollbackSettings = RollbackSettings()
    checklist: ChecklistSettings = ChecklistSettings()
    notify: NotifySettings = NotifySettings()
    keymap: dict[str, str] = Field(default_factory=dict)
    """Keys of actions, by the action's id: one or several, parted by commas."""
    environments: dict[str, Environment] = Field(
        default_factory=lambda: {name: Environment.model_validate(e) for name, e in BUILT_IN_ENVIRONMENTS.items()}
    )
    """The environments by name; `dev`, `staging` and `production` are built in and may be changed."""
    _files: tuple[str, ...] = PrivateAttr(default=())

    @field_validator("keymap")
    @classmethod
    def _usable_keys(cls, keymap: dict[str, str]) -> dict[str, str]:
        if keymap:
            from console.registry import validate_keymap

            if problems := validate_keymap(keymap):
                raise Problem(" ".join(problems), _("`?` in the console lists every action and its keys."))
        return keymap

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        for name, environment in self.environments.items():
            if environment.name not in ("", name):
                raise Problem(
                    _("environments.{name}.name says {other!r}").format(name=name, other=environment.name),
                    _("Leave name out: the table's own name counts."),
                )
            if not _NAME.match(name):
                raise Problem(
                    _("the environment {name!r} has no usable name").format(name=name),
                    _("Use lower-case letters, digits and hyphens, starting with a letter."),
                )
        if self.default_environment not in self.environments:
            raise Problem(
                _("default_environment names {name!r}, which is not there").format(name=self.default_environment),
                _("Environments: {known}.").format(known=", ".join(self.environments)),
                "default_environment",
            )
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """Files that these settings were read from, the team's first."""
        return self._files

    def environment(self, name: str | None = None) -> Environment:
        """The environment called `name`, or the default one.

        Raises:
            UsageError: there is none of that name; its remedy lists those that are.
        """
        wanted = name or self.default_environment
        found = self.environments.get(wanted)
        if found is None:
            raise UsageError(
                _("There is no environment {name!r}.").format(name=wanted),
                remedy=_("Environments: {known}. Add others to {file}.").format(
                    known=", ".join(self.environments), file=sources.FILE_NAME
                ),
            )
        return found if found.name else found.model_copy(update={"name": wanted})

    def rules(self, environment: Environment | str) -> EnvironmentRules:
        """What the guardrails hold an environment to."""
        here = self.environment(environment) if isinstance(environment, str) else environment
        return EnvironmentRules(
            name=here.name,
            protected=here.protected,
            window=(here.window or self.window).window(),
            plan=(here.plan or self.plan).plan(),
        )

    def limits_for(self, environment: Environment) -> LimitSettings:
        """The limits that a canary of that environment is judged by."""
        return environment.limits or self.limits

    def rollback_for(self, environment: Environment) -> RollbackSettings:
        """The automatic rollback of that environment, `automatic` filled in."""
        chosen = environment.rollback or self.rollback
        if chosen.automatic is not None:
            return chosen
        return chosen.model_copy(update={"automatic": environment.protected})

    def journal_path(self) -> Path:
        """The journal's file."""
        if self.journal is not None:
            return self.journal.expanduser()
        from platformdirs import user_state_path

        return user_state_path("canario", appauthor=False) / "journal.db"

    def for_demo(self, journal: Path) -> Settings:
        """These settings for the demo: the built-in environments and rules, the user's own look, keys and words.

        Args:
            journal: where the demo's moves are recorded, apart from the real ones.
        """
        return Settings(
            language=self.language,
            theme=self.theme,
            keymap=self.keymap,
            log_lines=self.log_lines,
            journal=journal,
            notify=NotifySettings(slack=False, bell=self.notify.bell),
            environments={
                name: Environment.model_validate({**values, "name": name})
                for name, values in BUILT_IN_ENVIRONMENTS.items()
            },
        )


def load_settings(
    start: Path | None = None,
    *,
    overrides: Mapping[str, object] | None = None,
    user_file: Path | None = None,
) -> Settings:
    """The settings that hold in a folder.

    Args:
        start: folder to look for the team's file from, upward to the repository's root; the current one where None.
        overrides: keys set by options, nested like the file's tables.
        user_file: the user's own file; the platform's usual place where None.

    Raises:
        SettingsError: a layer is wrong; the message names where, which key, and the fix.
    """
    layers = [sources.Layer({"environments": BUILT_IN_ENVIRONMENTS}, _("the built-in settings"))]
    if team := sources.find_team_file((start or Path.cwd()).resolve()):
        layers.append(sources.read_file(team))
    own = user_file or user_settings_file()
    if own.is_file() and own != team:
        layers.append(sources.read_file(own))
    layers.append(sources.read_variables(Settings, ignored=frozenset(SECRETS.values())))
    if overrides:
        layers.append(sources.Layer(overrides, _("the options")))
    for layer in layers:
        no_secrets(layer, looks_secret)
    merged = sources.merge(layers)
    environments = merged.get("environments")
    if isinstance(environments, dict):
        merged["environments"] = {name: _completed(name, table, merged) for name, table in environments.items()}
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        raise describe(error, Settings, layers) from None
    settings._files = tuple(layer.source for layer in layers if layer.lines)
    return settings


def _completed(name: str, table: object, merged: Mapping[str, object]) -> object:
    """An environment's table with its name, its own window and so on laid over the general ones."""
    if not isinstance(table, Mapping):
        return table
    if "name" in table and table["name"] != name:
        return table
    whole: dict[str, object] = {**table, "name": name}
    for part in ("window", "plan", "limits", "rollback"):
        general, own = merged.get(part), table.get(part)
        if isinstance(own, Mapping) and isinstance(general, Mapping):
            whole[part] = sources.merge_tables(general, own)
    return whole


def user_settings_file() -> Path:
    """Where the user's own settings are looked for."""
    from platformdirs import user_config_path

    return user_config_path("canario", appauthor=False) / sources.FILE_NAME


def check_endpoint(endpoint: str) -> None:
    """Refuse an endpoint that is not HOST:PORT on this machine.

    Raises:
        Problem: it is not.
    """
    from console.cloud.target import CloudTarget

    try:
        CloudTarget(DEMO_PROJECT, "us-central1", endpoint).check()
    except SettingsError as error:
        raise Problem.of(error) from error


def project_for(environment: Environment, endpoint: str | None = None, environ: Mapping[str, str] | None = None) -> str:
    """The project to speak to.

    The simulator's where `endpoint` (an option) is given; else the environment's; else the simulator's where the
    environment has an endpoint; else GOOGLE_CLOUD_PROJECT; else gcloud's or the credentials file's.

    Raises:
        SettingsError: none of them names one; says how to set it.
    """
    if endpoint:
        return DEMO_PROJECT
    if environment.project:
        return environment.project
    if environment.endpoint:
        return DEMO_PROJECT
    from console.surroundings import google_project

    project = google_project(os.environ if environ is None else environ)
    if project:
        return project
    raise SettingsError(
        _("No Google Cloud project is set for {environment}.").format(environment=environment.name),
        remedy=_(
            'Write project = "..." under [environments.{environment}] in {file}, or set '
            "CANARIO_ENVIRONMENTS__{upper}__PROJECT or GOOGLE_CLOUD_PROJECT; "
            "or try the simulator: canario demo."
        ).format(environment=environment.name, upper=environment.name.upper(), file=sources.FILE_NAME),
    )
