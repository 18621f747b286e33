"""Settings: what a team and a user may choose, every default of it from the runbook.

Layers, later ones winning key by key: the defaults here, `canario.toml` beside the team's code, the user's own
`canario.toml`, `CANARIO_*` variables, options. Unknown keys, bad values and impossible ones raise `SettingsError`,
which names file and line (or variable, or option), the key, and the fix. Secrets are no settings (`console.secrets`),
and nothing here sets the console's time (DESIGN.md, decision 6).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from console import settings_sources as sources
from console.errors import SettingsError, UsageError
from console.release.guardrails import EnvironmentRules
from console.secrets import SECRETS, looks_secret
from console.settings_errors import describe, no_secrets
from console.settings_tables import (
    DEMO_PROJECT,
    NAME,
    SIGNING_ROLES,
    ChecklistSettings,
    ContactsSettings,
    DatabaseSettings,
    Environment,
    GitHubSettings,
    HttpSettings,
    LimitSettings,
    MigrationSettings,
    NotifySettings,
    Person,
    PlanSettings,
    RollbackSettings,
    RunbookSettings,
    Table,
    WindowSettings,
    check_endpoint,
)
from console.settings_types import Problem
from console.words import _

BUILT_IN_ENVIRONMENTS: Mapping[str, Mapping[str, object]] = {
    "dev": {"service": "wa-backend", "project": DEMO_PROJECT, "protected": False, "simulator": True},
    "staging": {"service": "wa-backend-staging", "protected": False},
    "production": {"service": "wa-backend", "protected": True},
}
"""What there is with no settings file. Runbook: `Ambientes`."""


APPROVAL_ROLES = ("code", "tech_lead")
"""Who authorises production, in the runbook's order: `2 personas autorizan (code + tech lead)`."""


class Settings(Table):
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
    github: GitHubSettings = GitHubSettings()
    http: HttpSettings = HttpSettings()
    runbook: RunbookSettings = RunbookSettings()
    people: dict[str, Person] = Field(default_factory=dict)
    """Who signs the runbook's steps, by e-mail; where nobody is named, anybody may sign any role."""
    contacts: ContactsSettings = Field(default_factory=ContactsSettings)
    migrations: MigrationSettings = MigrationSettings()
    keymap: dict[str, str] = Field(default_factory=dict)
    """Keys of actions, by the action's id: one or several, parted by commas."""
    environments: dict[str, Environment] = Field(
        default_factory=lambda: {name: Environment.model_validate(e) for name, e in BUILT_IN_ENVIRONMENTS.items()}
    )
    """The environments by name; `dev`, `staging` and `production` are built in and may be changed."""
    _files: tuple[str, ...] = PrivateAttr(default=())
    _folder: Path | None = PrivateAttr(default=None)

    @field_validator("keymap")
    @classmethod
    def _usable_keys(cls, keymap: dict[str, str]) -> dict[str, str]:
        if keymap:
            from console.registry import validate_keymap

            if problems := validate_keymap(keymap):
                raise Problem(" ".join(problems), _("`?` in the console lists every action and its keys."))
        return keymap

    @field_validator("people")
    @classmethod
    def _by_email(cls, people: dict[str, Person]) -> dict[str, Person]:
        for email in people:
            if "@" not in email or any(character.isspace() for character in email):
                raise Problem(
                    _("{email!r} is no e-mail address").format(email=email[:80]),
                    _('Write a table for each person, like [people."maria@example.com"].'),
                )
        return people

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        for name, environment in self.environments.items():
            if environment.name not in ("", name):
                raise Problem(
                    _("environments.{name}.name says {other!r}").format(name=name, other=environment.name),
                    _("Leave name out: the table's own name counts."),
                )
            if not NAME.match(name):
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
            people={email: person.roles for email, person in self.people.items()},
            logins={email: person.github for email, person in self.people.items() if person.github},
            approvals=APPROVAL_ROLES[: self.checklist.authorisations],
            smoke=self.checklist.smoke_steps,
            smoke_holds=self.checklist.smoke_holds,
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

    def roles_of(self, email: str) -> frozenset[str]:
        """Roles that a person may sign in: all of them where `[people]` names nobody."""
        if not self.people:
            return frozenset(SIGNING_ROLES)
        held = [person.roles for known, person in self.people.items() if known.casefold() == email.casefold()]
        return frozenset(role for roles in held for role in roles)

    @property
    def folder(self) -> Path | None:
        """The folder of the team's `canario.toml`; None where there is none."""
        return self._folder

    def runbook_file(self, which: Literal["despliegue", "rollback"]) -> Path | None:
        """The team's own runbook; None where there is none and the packaged one is walked.

        A path in the settings counts from the team's `canario.toml`.
        """
        named = self.runbook.file if which == "despliegue" else self.runbook.rollback
        base = self.folder or Path.cwd()
        if named is not None:
            return base / named.expanduser()
        beside = base / sources.RUNBOOK_FILES[which]
        return beside if self.folder is not None and beside.is_file() else None

    def checkout(self) -> Path:
        """The folder of the team's code."""
        return (self.folder or Path.cwd()) / self.runbook.checkout.expanduser() if self.runbook.checkout else Path.cwd()

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
                if not values.get("simulator")  # the demo's own would be production once more, under another name
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
    layers.append(sources.read_variables(Settings, ignored=_secret_variables()))
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
    settings._folder = team.parent if team is not None else None
    settings._files = tuple(layer.source for layer in layers if layer.lines)
    return settings


def _secret_variables() -> frozenset[str]:
    """Variables that hold secrets, an environment's own database password among them."""
    own = f"{SECRETS['database-password']}_"
    return frozenset({*SECRETS.values(), *(name for name in os.environ if name.startswith(own))})


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


__all__ = [
    "BUILT_IN_ENVIRONMENTS",
    "DEMO_PROJECT",
    "SIGNING_ROLES",
    "ChecklistSettings",
    "ContactsSettings",
    "DatabaseSettings",
    "Environment",
    "GitHubSettings",
    "HttpSettings",
    "LimitSettings",
    "MigrationSettings",
    "NotifySettings",
    "Person",
    "PlanSettings",
    "RollbackSettings",
    "RunbookSettings",
    "Settings",
    "WindowSettings",
    "check_endpoint",
    "load_settings",
    "project_for",
    "user_settings_file",
]
