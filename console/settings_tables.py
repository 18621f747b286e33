"""The tables that settings are made of, each with its defaults from the runbook and its own checks.

A table refuses what can't be (steps that don't rise, a window that never opens); `console.settings` puts them together,
and says where in which file the mistake stands.
"""

from __future__ import annotations

import re
from datetime import time, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from console.errors import SettingsError
from console.release.plan import RolloutPlan
from console.release.window import DeploymentWindow
from console.settings_types import Duration, Names, Problem, Steps, TimeOfDay, Weekdays
from console.words import _

DEMO_PROJECT = "demo"
"""The project that every simulator has."""

NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z")
"""What Cloud Run names look like, and ours of environments."""

Percent = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]


class Table(BaseModel):
    """A table: no unknown keys, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)


class WindowSettings(Table):
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


class PlanSettings(Table):
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


class LimitSettings(Table):
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


class RollbackSettings(Table):
    """The automatic rollback. Issue 2, section 3."""

    automatic: bool | None = None
    """Whether it is armed when a release starts; not set: in protected environments only."""
    countdown: Duration = timedelta(seconds=10)
    """Time in which Esc stops it, on the wall's clock."""
    minimum_requests: Annotated[int, Field(ge=1, le=10_000_000)] = 500
    """Canary requests in the last minute that the runbook's rules need before they act."""
    driven_by: Literal["verdict", "runbook"] = "verdict"
    """What starts it: FAIL of the verdict, or the runbook's own rules on the last minute."""
    grace: Duration = timedelta(seconds=15)
    """Time after the first canary request in which a cold start may fail without counting; 0 where instances are
    kept warm."""

    @field_validator("countdown")
    @classmethod
    def _bounded(cls, countdown: timedelta) -> timedelta:
        if countdown > timedelta(minutes=10):
            raise Problem(_("is over 10 minutes, in which every tenth customer may meet the fault"))
        return countdown


class ChecklistSettings(Table):
    """The runbook's other numbers, for the checklist screen and its checks."""

    coverage_percent: Percent = 80.0
    """Test coverage that a release needs."""
    code_approvals: Annotated[int, Field(ge=0, le=100)] = 1
    """Senior reviewers of the code."""
    authorisations: Annotated[int, Field(ge=0, le=2)] = 2
    """People who authorise production: code and tech lead."""
    smoke_steps: tuple[str, ...] = ("prod_healthz", "prod_metrics")
    """Steps of the runbook that must have passed for an image before traffic is moved to it."""
    smoke_holds: Duration = timedelta(hours=24)
    """How long those steps count."""
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


class NotifySettings(Table):
    """Who is told. The Slack webhook itself is a secret: CANARIO_SLACK_WEBHOOK or the keyring."""

    slack: bool = True
    """Whether to announce in Slack where a webhook is known (from the demo to its own simulated one alone)."""
    bell: bool = True
    """Whether to ring the terminal's bell when a countdown starts or a rollback ends."""


class GitHubSettings(Table):
    """Where the team's code is. The token is a secret: CANARIO_GITHUB_TOKEN or the keyring."""

    repository: str = ""
    """`owner/name`; empty: the one of the checkout's `origin`."""
    api: str = "https://api.github.com"
    """URL of the REST API; another one for GitHub Enterprise (`https://HOST/api/v3`), http on loopback alone."""
    base: str = "main"
    """Branch that releases are made from."""
    head: str = "develop"
    """Branch whose open pull request is the release's, where the release knows none yet."""

    @field_validator("repository")
    @classmethod
    def _is_repository(cls, repository: str) -> str:
        if repository and not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}", repository):
            raise Problem(_("is no repository"), _('Write owner and name, like repository = "acme/wa-orchestrator".'))
        return repository

    @field_validator("api")
    @classmethod
    def _is_safe(cls, api: str) -> str:
        from console.cloud.target import is_loopback

        parts = urlsplit(api)
        bare = parts.hostname and not parts.username and not parts.query
        if bare and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))):
            return api.rstrip("/")
        raise Problem(_("is no https URL"), _('Write it like api = "https://api.github.com".'))


class HttpSettings(Table):
    """How the checklist calls the services.

    The signing secret and the verification token are secrets: CANARIO_APP_SECRET and CANARIO_VERIFY_TOKEN, or the
    keyring's `app-secret` and `verify-token`.
    """

    signature_header: str = "X-Hub-Signature-256"
    """Header that carries a test message's HMAC-SHA256. Meta sends this one; the runbook writes `X-Hub-Signature`."""
    refusals: tuple[Annotated[int, Field(ge=400, le=499)], ...] = (401, 403)
    """Statuses that refuse a wrong token and an unsigned message; any other, such as 404 or 429, says that nobody has
    looked at it."""
    timeout: Duration = timedelta(seconds=10)
    """Time that one request may take."""

    @field_validator("signature_header")
    @classmethod
    def _is_header(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9-]{1,100}", name):
            raise Problem(_("is no header's name"), _('Write one like signature_header = "X-Hub-Signature-256".'))
        return name


class Person(Table):
    """Somebody who signs steps of the runbook; the table's key is their e-mail."""

    name: str = ""
    roles: Names = ()
    """Roles that they may sign in: `code`, `tech_lead`, `on_call`, `qa`."""
    github: str = ""
    """Their login at GitHub, so that a change's author is known again."""
    phone: str = ""

    @field_validator("roles")
    @classmethod
    def _known_roles(cls, roles: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [role for role in roles if role not in SIGNING_ROLES]:
            raise Problem(
                _("names no role: {roles}").format(roles=", ".join(unknown)),
                _("Roles are {known}.").format(known=", ".join(SIGNING_ROLES)),
            )
        return roles


SIGNING_ROLES = ("code", "tech_lead", "on_call", "qa")
"""Roles that people sign in."""


class Contact(Table):
    """Whom to call."""

    name: str = ""
    phone: str = ""
    """A number, or a channel such as `#incidents`."""


class ContactsSettings(Table):
    """Whom to call, and what to read when it burns. Runbook: `Contactos`."""

    playbook: str = "docs/runbooks/incidentes.md"
    """The incident playbook: a file, from the checkout, or a URL."""
    runbook: str = ""
    """The team's runbook as text: a file, from the checkout, or a URL; empty: the headings that the steps name."""
    cards: dict[str, Contact] = Field(
        default_factory=lambda: {
            "tech_lead": Contact(name="Carlos López", phone="+58-0412-XXXXX"),
            "backend_lead": Contact(name="Juan Pérez", phone="+58-0424-YYYYY"),
            "on_call": Contact(name="", phone="#incidents"),
        }
    )
    """Contact cards by role; naming any replaces the runbook's."""


class RunbookSettings(Table):
    """Which procedure is walked, and where the code is."""

    file: Path | None = None
    """The runbook; not set: `canario-runbook.toml` beside the team's `canario.toml`, else the packaged one."""
    rollback: Path | None = None
    """The manual rollback's; not set: `canario-rollback.toml` there, else the packaged one."""
    checkout: Path | None = None
    """The team's code, where commands run; not set: the current folder."""


class MigrationSettings(Table):
    """Database migrations. Runbook: `Database Migrations`; the lag that a replica may have is the checklist's."""

    folder: str = "migrations"
    """Folder of `*.sql` files, applied in the order of their names; from where the command is started."""
    replica_wait: Duration = timedelta(minutes=10)
    """How long a replica may take to get a statement: about as long as the statement takes."""

    @field_validator("replica_wait")
    @classmethod
    def _bounded(cls, wait: timedelta) -> timedelta:
        if not timedelta(0) < wait <= timedelta(days=1):
            raise Problem(_("is not between nothing and a day"))
        return wait


class DatabaseSettings(Table):
    """An environment's database. Its password is a secret: CANARIO_DATABASE_PASSWORD, the keyring, or IAM."""

    url: str
    """`mysql://`, `mariadb://`, `postgresql://` or `sqlite:///`, with no password in it."""
    replicas: Names = ()
    """URLs of the replicas that a migration must reach."""
    cloud_sql: str = ""
    """`project:region:instance`, reached by the Cloud SQL connector; the URL then gives user and database."""
    iam: bool = False
    """Whether Cloud SQL logs in by IAM, with no password."""

    @model_validator(mode="after")
    def _readable(self) -> DatabaseSettings:
        from console.migrations.urls import read_url

        for key, url in (("url", self.url), *(("replicas", replica) for replica in self.replicas)):
            try:
                address = read_url(url, cloud_sql=self.cloud_sql if key == "url" else "", iam=self.iam)
            except SettingsError as error:
                raise Problem.of(error, key) from error
            if address.engine == "sqlite" and (key == "replicas" or self.replicas or self.cloud_sql):
                raise Problem(_("SQLite has neither replicas nor Cloud SQL"), key=key)
        if self.iam and not self.cloud_sql:
            raise Problem(_("iam needs cloud_sql"), _("Name the instance: project:region:instance."), "iam")
        return self


class Environment(Table):
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
    database: DatabaseSettings | None = None
    """Where migrations are applied; not set: nowhere."""

    @field_validator("service", "region")
    @classmethod
    def _is_name(cls, name: str) -> str:
        if not NAME.match(name):
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
