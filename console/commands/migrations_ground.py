"""An environment opened for `canario migrations ...`: its database, its folder, its cloud where it has one."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from console.actions.door import Door
from console.clock import Clock, SystemClock
from console.commands.running import Where, default_identity, find_place, find_settings, session_at
from console.errors import UsageError
from console.migrations.around import Surroundings
from console.migrations.database import Address, Database, make_database
from console.migrations.files import read_folder
from console.migrations.lint import lint
from console.migrations.places import addresses_of
from console.migrations.threads import in_thread
from console.migrations.values import MigrationFile
from console.migrations.verdict import Dialect
from console.release.guardrails import EnvironmentRules, Facts
from console.words import _

if TYPE_CHECKING:
    from console.actions import Actions
    from console.migrations.gate import ReplicationGate
    from console.settings import Environment, Settings


@dataclass(frozen=True, slots=True)
class Target:
    """Which database, which folder, as typed."""

    folder: str | None = None
    database: str | None = None
    replicas: tuple[str, ...] = ()
    dialect: str | None = None


@dataclass(frozen=True)
class Ground:
    """An environment, opened for migrations."""

    settings: Settings
    environment: Environment
    rules: EnvironmentRules
    door: Door
    operator: str
    facts: Callable[[], Awaitable[Facts]]
    clock: Clock
    address: Address
    replicas: tuple[Address, ...] = field(default=())
    actions: Actions | None = None
    """The service's; None where no cloud is asked: nothing is remembered there, and nobody approves."""

    def database(self) -> Database:
        """Not yet connected."""
        return make_database(self.address, who=self.operator)

    def around(self, gate: ReplicationGate | None = None) -> Surroundings:
        """What applying and deciding need besides the database."""
        return Surroundings(self.door, self.rules, self.operator, self.facts, self.clock, gate)


@asynccontextmanager
async def ground(where: Where, target: Target) -> AsyncIterator[Ground]:
    """Open the environment: its cloud for window, driver and time; without one only where nothing is protected.

    Raises:
        UsageError: no database is named, or the dialect is another.
    """
    settings = find_settings()
    environment = settings.environment(where.env)
    address, replicas = addresses(environment, target)
    clock = SystemClock()
    local = environment.simulator and not environment.protected and not (where.endpoint or environment.endpoint)
    if not local:
        place = find_place(where, settings)
        async with session_at(place) as session:
            yield Ground(
                settings,
                place.environment,
                settings.rules(place.environment),
                session.actions.door,
                session.identity,
                session.actions.facts,
                session.clock,
                address,
                replicas,
                session.actions,
            )
            await session.actions.door.flush()
        return
    from console.journal import Journal
    from console.migrations.offline import NoCloud
    from console.notify import Notifier

    operator, scope = default_identity(), f"local/local/{environment.service}"
    with Journal.open(settings.journal_path(), scope=scope, session=secrets.token_hex(6), clock=clock) as journal:

        async def facts() -> Facts:
            ok = await in_thread(lambda: journal.writable)
            return Facts(identity=operator, journal_ok=ok, journal_problem=journal.problem)

        context = {"by": operator, "environment": environment.name, "service": environment.service}
        door = Door(NoCloud(clock), journal, Notifier(None), clock, context)
        yield Ground(
            settings, environment, settings.rules(environment), door, operator, facts, clock, address, replicas
        )
        await door.flush()


def addresses(environment: Environment, target: Target) -> tuple[Address, tuple[Address, ...]]:
    """Where the database and its replicas are, with their password.

    Raises:
        UsageError: none is named, or `--dialect` says another.
    """
    address, replicas = addresses_of(environment, target.database, target.replicas)
    if target.dialect is not None and target.dialect != address.engine:
        raise UsageError(
            _("The database speaks {engine}, not {dialect}.").format(engine=address.engine, dialect=target.dialect)
        )
    return address, replicas


def folder_of(settings: Settings, target: Target) -> Path:
    """The folder of the migrations."""
    return Path(target.folder or settings.migrations.folder)


async def read_files(here: Ground, target: Target) -> tuple[MigrationFile, ...]:
    """The folder's files, judged with what the live database says of itself."""
    dialect = Dialect(here.address.engine)
    database = here.database()
    await in_thread(database.connect)
    try:
        facts = await in_thread(database.facts)
    finally:
        await in_thread(database.close)
    return read_folder(folder_of(here.settings, target), lambda text: lint(text, dialect, facts), dialect)
