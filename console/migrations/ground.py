"""What the migrations' desk stands on. Plain wiring: `opening` makes it from a session, tests make it by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.actions.door import Door
    from console.clock import Clock
    from console.migrations.database import Address
    from console.release.guardrails import EnvironmentRules, Facts
    from console.release.migration_approvals import StatementRef


@dataclass(frozen=True)
class Ground:
    """What the desk stands on.

    Args:
        environment: its name.
        folder: of the `*.sql` files.
        addresses: database and replicas with their passwords, looked up in a thread; None where no database is set.
        door: guard, journal, people.
        rules: of the environment.
        identity: e-mail of the operator.
        facts: what the guardrails know of the release now.
        clock: the wall.
        replica_wait_s: how long a replica may take.
        lag_limit_s: seconds of lag that are too many.
        remember: writes the names of applied files into the release's candidate; returns what went wrong, or empty.
        approve: writes the operator's approval of statements on the service; None where there is no service.
    """

    environment: str
    folder: str
    addresses: Callable[[], tuple[Address, tuple[Address, ...]]] | None
    door: Door
    rules: EnvironmentRules
    identity: Callable[[], str]
    facts: Callable[[], Awaitable[Facts]]
    clock: Clock
    replica_wait_s: float = 600.0
    lag_limit_s: float = 60.0
    remember: Callable[[Sequence[str]], Awaitable[str]] | None = None
    approve: Callable[[Sequence[StatementRef]], Awaitable[object]] | None = None
    retry_waits_s: tuple[float, ...] | None = None
    """Seconds between attempts; None: `apply.RETRY_WAITS_S`."""
