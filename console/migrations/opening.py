"""Sets the migrations' desk up for a session. Light: what reads databases is imported when the desk first looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from console.errors import CanarioError
from console.migrations.desk import MigrationDesk
from console.migrations.ground import Ground

if TYPE_CHECKING:
    from console.migrations.database import Address
    from console.session import Session
    from console.settings import Settings


def desk_of(session: Session, settings: Settings) -> MigrationDesk:
    """The desk of an open session."""
    environment, actions = session.environment, session.actions

    def addresses() -> tuple[Address, tuple[Address, ...]]:
        from console.migrations.places import addresses_of

        return addresses_of(environment)

    async def remember(files: Sequence[str]) -> str:
        try:
            await actions.note_migrations(files)
        except CanarioError as error:
            return str(error)
        return ""

    return MigrationDesk(
        Ground(
            environment=environment.name,
            folder=settings.migrations.folder,
            addresses=addresses if environment.database is not None else None,
            door=actions.door,
            rules=actions.rules,
            identity=lambda: session.identity,
            facts=actions.facts,
            clock=session.clock,
            replica_wait_s=settings.migrations.replica_wait.total_seconds(),
            lag_limit_s=settings.checklist.replication_lag.total_seconds(),
            remember=remember,
            approve=actions.approve_migrations,
        )
    )
