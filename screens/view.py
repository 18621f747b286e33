"""What screens draw: one frozen value, made by the app ten times a second from the session's latest snapshot.

Screens and dialogs read a `View` and nothing else; only the app knows the session behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, Protocol

from console.release.state import LEASE, Driver
from console.release.unwatched import unwatched
from console.watch.snapshot import Snapshot

if TYPE_CHECKING:
    from console.migrations.board import Board
    from console.migrations.memory import Compatibility
    from console.notify import Undelivered
    from console.release.guardrails import EnvironmentRules
    from console.runbook.progress import Checklist


@dataclass(frozen=True, slots=True)
class RollbackView:
    """A rollback under way, or the last one."""

    state: Literal["sending", "moving", "retrying", "done", "failed"]
    target: str = ""
    """Revision that gets the traffic back; empty before it is known."""
    percent: int = 100
    """Share that it gets back."""
    took_s: float = 0.0
    """Wall seconds so far, or in all once it ended."""
    attempts: int = 1
    problem: str = ""
    """The last error in a sentence, or empty."""
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class DemoView:
    """The simulator's clock, as the banner shows it."""

    speed: float
    """Simulated seconds a wall second."""
    running: bool = True
    """Whether the simulator is still there."""


@dataclass(frozen=True, slots=True)
class View:
    """Everything a screen may show at one moment."""

    snapshot: Snapshot
    rules: EnvironmentRules
    now: datetime | None = None
    """Server time now, UTC; None before the cloud told it."""
    connection: Literal["connecting", "open", "failed"] = "connecting"
    problem: str = ""
    """Why the session could not be opened, one sentence, or empty."""
    identity: str = ""
    """E-mail of the operator; empty before it is known."""
    session_id: str = ""
    countdown_s: float | None = None
    """Wall seconds until the automatic rollback; None while none is counting."""
    countdown_reason: str = ""
    held_s: float = 0.0
    """Wall seconds for which Esc still holds the automatic rollback back; 0 where it does not."""
    rollback: RollbackView | None = None
    rollback_waiting: str = ""
    """What an asked-for rollback waits for before it can be sent, or empty."""
    notice: str = ""
    """The last thing that the operator should not miss (a conflict, a failed action), or empty."""
    auto_rollback: bool | None = None
    """Armed or not; None where it doesn't apply."""
    demo: DemoView | None = None
    simulated: bool = False
    """Whether the cloud is a simulator on this machine, whose clock is not the world's on purpose."""
    checklist: Checklist | None = None
    """The runbook as it stands; None before it is read."""
    rollback_checklist: Checklist | None = None
    """The manual rollback's runbook as it stands; None before somebody opens it."""
    migrations: Board | None = None
    """The migrations as they stand; None before there is a session."""
    undelivered: tuple[Undelivered, ...] = ()
    """Messages that Slack did not get, oldest first."""
    schema: Compatibility | None = None
    """Whether the revision that a rollback goes to runs on the schema as it now is; None where nobody can ask."""
    keymap: Mapping[str, str] = field(default_factory=dict)
    error_limit: float = 0.01
    """Error rate over which a figure is marked, 0 to 1 (the runbook, step 5)."""
    p95_limit_ms: float = 1000.0
    """P95 over which a figure is marked, ms (the runbook, step 4)."""
    busy: str = ""
    """An action that has been sent and not answered yet, in words, or empty."""

    @property
    def driver(self) -> Driver | None:
        """Who drives the release, its lease expired or not; None where nobody does."""
        release = self.snapshot.release
        return release.driver if release is not None and release.under_way else None

    @property
    def you_drive(self) -> bool:
        """Whether this console holds the lease."""
        driver = self.driver
        return driver is not None and driver.session == self.session_id and not self.lease_expired

    @property
    def unguarded(self) -> bool:
        """Whether a release is under way whose driver's console is gone, or that nobody drives."""
        release = self.snapshot.release
        free = release is not None and release.under_way and (release.driver is None or self.lease_expired)
        return free and not self.unwatched

    @property
    def unwatched(self) -> bool:
        """Whether the release at 100 % counts as ended, though nobody watched its bake."""
        return unwatched(self.snapshot.release, self._canary_share, self.rules.plan, self.now)

    @property
    def waits_at_full(self) -> bool:
        """Whether the release has all traffic and only its last bake is missing."""
        release = self.snapshot.release
        return release is not None and release.under_way and self._canary_share == 100

    @property
    def _canary_share(self) -> int:
        service, release = self.snapshot.service, self.snapshot.release
        return service.desired_shares().get(release.canary, 0) if service is not None and release is not None else 0

    @property
    def lease_expired(self) -> bool:
        """Whether the driver's lease has run out, by server time."""
        driver = self.driver
        return driver is not None and self.now is not None and driver.expires <= self.now

    @property
    def verdict_age(self) -> timedelta | None:
        """How long ago the canary was last judged, where the guardrails no longer stand on it; None while they do."""
        verdict = self.snapshot.verdict
        if verdict is None or verdict.at is None or self.now is None or self.now - verdict.at <= LEASE:
            return None
        return timedelta(seconds=int((self.now - verdict.at).total_seconds()))


class Shows(Protocol):
    """A screen or dialog that follows the view."""

    def show(self, view: View) -> None:
        """Draw `view`; called ten times a second while on the stack, so it must be cheap where nothing changed."""
        ...


def server_now(snapshot: Snapshot, monotonic: float) -> datetime | None:
    """Server time at `monotonic` seconds, from a snapshot's sighting of it."""
    time = snapshot.time
    if time is None:
        return None
    return time.now + timedelta(seconds=max(monotonic - time.taken, 0.0) * time.rate)
