"""Makes the `View` of this moment from the session, the rollback desk and the app's own notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.release import moves
from console.text import clean
from console.watch.snapshot import Snapshot
from console.words import _
from screens.rollback_desk import Engine, RollbackDesk
from screens.view import DemoView, RollbackView, View, server_now

if TYPE_CHECKING:
    from console.migrations.desk import MigrationDesk
    from console.migrations.memory import Compatibility
    from console.release.guardrails import EnvironmentRules
    from console.session import Session
    from console.settings import Environment, Settings


@dataclass(frozen=True, slots=True)
class Place:
    """An environment with what holds there."""

    environment: Environment
    rules: EnvironmentRules
    automatic: bool
    """Whether the automatic rollback is armed when a release starts."""
    error_limit: float
    p95_limit_ms: float

    @classmethod
    def of(cls, settings: Settings, environment: Environment) -> Place:
        """What `settings` say of `environment`."""
        limits = settings.limits_for(environment)
        return cls(
            environment,
            settings.rules(environment),
            bool(settings.rollback_for(environment).automatic),
            limits.error_rate_percent / 100,
            limits.p95_rollback.total_seconds() * 1000,
        )


@dataclass(frozen=True, slots=True)
class Notes:
    """What only the app knows."""

    notice: str = ""
    busy: str = ""
    demo: DemoView | None = None
    keymap: Mapping[str, str] | None = None


def look(place: Place, engine: Engine | None, desk: RollbackDesk, notes: Notes, monotonic: float) -> View:
    """The view at `monotonic` wall seconds."""
    session = engine.session if engine is not None else None
    here = place.environment
    snapshot = session.watcher.latest if session is not None else Snapshot(here.project, here.region, here.service)
    countdown = session.autopilot.countdown if session is not None else None
    release, migrations = snapshot.release, session.migrations if session is not None else None
    return View(
        snapshot=snapshot,
        rules=place.rules,
        now=server_now(snapshot, monotonic),
        connection=engine.state if engine is not None else "connecting",
        problem=clean(engine.problem) if engine is not None else "",
        identity=session.identity if session is not None else "",
        session_id=session.session_id if session is not None else "",
        countdown_s=countdown.seconds_left(monotonic) if countdown is not None else None,
        countdown_reason=countdown.reason if countdown is not None else "",
        held_s=session.autopilot.held_s() if session is not None else 0.0,
        rollback=_rollback(session, snapshot, desk, monotonic),
        rollback_waiting=desk.what_it_waits_for(),
        notice=notes.notice or (_trouble(session) if session is not None else ""),
        auto_rollback=release.auto_rollback if release is not None and release.under_way else place.automatic,
        demo=notes.demo,
        simulated=session is not None and session.simulated,
        checklist=session.walk.latest if session is not None and session.walk is not None else None,
        rollback_checklist=session.rollback_walk.latest
        if session is not None and session.rollback_walk is not None
        else None,
        migrations=migrations.latest if migrations is not None else None,
        undelivered=session.notifier.waiting() if session is not None else (),
        schema=_schema(migrations, snapshot),
        keymap=notes.keymap or {},
        error_limit=place.error_limit,
        p95_limit_ms=place.p95_limit_ms,
        busy=notes.busy,
    )


def _trouble(session: Session) -> str:
    """What is wrong with the session, or with telling people, in a sentence; empty while all is well."""
    if told := session.autopilot.problem or session.problem:
        return told
    missed = session.notifier.waiting()
    if not missed:
        return ""
    return _("Slack did not get: {title} ({problem}). The checklist sends it again.").format(
        title=clean(missed[-1].message.title, 80), problem=missed[-1].problem
    )


def _rollback(session: Session | None, snapshot: Snapshot, desk: RollbackDesk, monotonic: float) -> RollbackView | None:
    if desk.failed is not None:
        return desk.failed
    progress = session.actions.rollback_progress if session is not None else None
    if progress is None:
        return RollbackView("sending", took_s=desk.sent_for()) if desk.running else None
    if progress.state == "done" and (desk.already or _moved_on(snapshot)):
        return None
    target = moves.largest(progress.target) or ""
    return RollbackView(
        state=progress.state,
        target=target,
        percent=progress.target.get(target, 100),
        took_s=progress.elapsed(monotonic).total_seconds(),
        attempts=max(progress.attempts, 1),
        problem=progress.problem,
        automatic=progress.automatic,
    )


def _schema(desk: MigrationDesk | None, snapshot: Snapshot) -> Compatibility | None:
    """Whether the rollback's target runs on the schema as it now is."""
    if desk is None:
        return None
    target = snapshot.readiness.target
    made = next((revision.created for revision in snapshot.revisions if revision.name == target), None)
    return desk.compatibility(target, made)


def _moved_on(snapshot: Snapshot) -> bool:
    """Whether a release is under way again since the last rollback, which is then no longer worth a line."""
    release, service = snapshot.release, snapshot.service
    if release is None or service is None or not release.under_way:
        return False
    return service.settled and bool(service.effective_shares().get(release.canary))
