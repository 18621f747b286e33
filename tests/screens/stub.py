"""A holder shaped like the session thread, its snapshot replaced by a test: for drawing, never end to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from console.app import ConsoleApp
from console.cloud.logs import AuditEntry, AuditWrites
from console.cloud.target import CloudTarget
from console.errors import CanarioError
from console.notify import Undelivered
from console.release import moves
from console.release.approvals import ApprovalCheck
from console.release.audited import ApprovalState, StepCheck
from console.release.guardrails import Action, Facts
from console.release.service import Revision, Service
from console.release.split import TrafficSplit
from console.release.state import (
    Approval,
    Candidate,
    Driver,
    Line,
    Move,
    Release,
    RolledBack,
    StepRecord,
    VerdictRecord,
)
from console.settings import Settings
from console.verdict.base import Counts, Evidence, RuleReading, Verdict, Word
from console.watch.ring import LogLine, LogRing
from console.watch.snapshot import (
    FeedHealth,
    FeedState,
    Figures,
    Readiness,
    Series,
    ServerTime,
    Snapshot,
)

NOON = datetime(2026, 11, 25, 12, 4, 31, tzinfo=UTC)
"""A Wednesday, inside the window."""
FRIDAY = datetime(2026, 11, 27, 12, 4, 31, tzinfo=UTC)
CANARY, STABLE, OLD = "wa-backend-00042-vez", "wa-backend-00041-kud", "wa-backend-00040-pol"
ME, SESSION = "maria@acme.example", "session-1"


class StillClock:
    """A wall that stands still unless a test moves it."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> datetime:
        return NOON

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def revision(name: str, days: float, **rest: object) -> Revision:
    values = {
        "name": name,
        "image": f"registry/wa-app/wa-backend:{name[-3:]}9f",
        "created": NOON - timedelta(days=days),
        "ready": True,
        **rest,
    }
    return Revision(**values)  # type: ignore[arg-type]


def service(canary: int, *, effective: int | None = None, **rest: object) -> Service:
    shares = {CANARY: canary, STABLE: 100 - canary}
    have = {CANARY: canary if effective is None else effective}
    have[STABLE] = 100 - have[CANARY]
    desired = TrafficSplit.of({k: v for k, v in shares.items() if v}, [("canary", CANARY)])
    serving = TrafficSplit.of({k: v for k, v in have.items() if v}, [("canary", CANARY)])
    values = {
        "name": "wa-backend",
        "project": "acme-prod",
        "region": "us-central1",
        "etag": f"e{canary}",
        "traffic": desired,
        "effective": serving,
        "reconciling": have[CANARY] != canary,
        "latest_ready": CANARY,
        **rest,
    }
    if "effective_split" in values:
        values["effective"] = values.pop("effective_split")
    return Service(**values)  # type: ignore[arg-type]


def release(step: int, *, now: datetime = NOON, expires: float = 60, session: str = SESSION, **rest: object) -> Release:
    before = (Line(revision=STABLE, percent=100), Line(revision=CANARY, tag="canary"))
    values = {
        "id": "2026-11-25-1200-00042-vez",
        "canary": CANARY,
        "stable": STABLE,
        "baseline": before,
        "started": now - timedelta(minutes=5),
        "started_by": ME,
        "step": step,
        "moves": (Move(kind="shift", at=now - timedelta(minutes=4), by=ME, percent=step, before=before),),
        "driver": Driver(email=ME, session=session, expires=now + timedelta(seconds=expires)),
        **rest,
    }
    return Release(**values)  # type: ignore[arg-type]


def verdict(word: Word, sentence: str, *, breach: bool = False, done: bool = False, rate: float = 0.002) -> Verdict:
    return Verdict(
        word=word,
        sentence=sentence,
        at=NOON,
        canary=Counts(requests=612, errors=round(612 * rate)),
        stable=Counts(requests=5508, errors=11),
        evidence=(
            Evidence("error rate", f"{rate:.1%}", "1 %", min(rate / 0.01, 1.0), True),
            Evidence("P95", "640 ms", "1 s", 0.64, True),
        ),
        rules=(
            RuleReading("error rate > 1 %", f"{rate:.1%}", rate > 0.01, True),
            RuleReading("P95 > 1 s", "640 ms", False, True),
            RuleReading("ERROR lines > 5 a minute", "19", True, False),
        ),
        breach=breach,
        observed=timedelta(minutes=5 if done else 3, seconds=0 if done else 12),
        requests_needed=0 if done else 214,
        bake_done=done,
    )


def ring(lines: int = 12) -> LogRing:
    made = LogRing()
    made.extend(
        LogLine(
            sequence=n,
            time=NOON - timedelta(seconds=lines - n),
            severity="ERROR" if n % 4 == 0 else "INFO",
            revision=CANARY if n % 4 == 0 else STABLE,
            text="POST /webhook KeyError: 'slots' in parse_reservation [bold]"
            if n % 4 == 0
            else "POST /webhook reservar para 4 el viernes a las 8 🍽️",
            status=500 if n % 4 == 0 else 200,
            latency_ms=412 if n % 4 == 0 else 580,
        )
        for n in range(lines)
    )
    return made


def snapshot(canary: int = 10, *, now: datetime = NOON, bad: bool = False, **rest: object) -> Snapshot:
    rate = 0.031 if bad else 0.002
    series = tuple(None if 20 <= i < 24 else rate * (0.8 + 0.4 * (i % 3) / 2) for i in range(60))
    base = tuple(0.002 for _ in range(60))
    values: dict[str, object] = {
        "project": "acme-prod",
        "region": "us-central1",
        "service_name": "wa-backend",
        "sequence": 7,
        "time": ServerTime(now=now, taken=1000.0),
        "service": service(canary),
        "revisions": (revision(CANARY, 0.007), revision(STABLE, 6), revision(OLD, 13)),
        "release": release(canary, now=now) if canary else None,
        "canary": CANARY,
        "stable": STABLE,
        "feeds": (
            FeedHealth("service", FeedState.LIVE, timedelta(seconds=1)),
            FeedHealth("logs", FeedState.LIVE, timedelta(seconds=2)),
            FeedHealth("metrics", FeedState.LIVE, timedelta(seconds=140)),
        ),
        "figures": {
            CANARY: Figures(12.4, rate, 640.0, 612, round(612 * rate)),
            STABLE: Figures(111.8, 0.002, 610.0, 5508, 11),
        },
        "canary_series": Series(error_rate=series, p95_ms=tuple(620.0 + i for i in range(60)), newest=now),
        "stable_series": Series(error_rate=base, p95_ms=tuple(610.0 for _ in range(60)), newest=now),
        "verdict": verdict(
            Word.FAIL if bad else Word.INCONCLUSIVE,
            "3.1 % errors in 612 requests; stable 0.2 % in 5,508" if bad else "0.2 % errors in 612 requests, limit 1 %",
            breach=bad,
            rate=rate,
        )
        if canary
        else None,
        "readiness": Readiness(target=STABLE, ok=True, warm_instances=6),
        "logs": ring(),
        **rest,
    }
    return Snapshot(**values)  # type: ignore[arg-type]


def approved() -> Candidate:
    """The release of the canary's image, tested at 0 % and approved by two people."""
    made = revision(CANARY, 0.007)
    image = made.identity
    steps = ("prod_healthz", "prod_metrics")
    people = (("code", "juan@acme.example"), ("tech_lead", "carlos@acme.example"))
    return Candidate(
        id="2026-11-25-1005",
        opened=NOON - timedelta(hours=2),
        opened_by=ME,
        approvals=tuple(
            Approval(
                id=f"{number:016d}",
                role=role,
                by=who,
                at=NOON - timedelta(hours=1),
                digest=image,
                plan="p",
                candidate="2026-11-25-1005",
            )
            for number, (role, who) in enumerate(people)
        ),
        steps=tuple(
            StepRecord(step=step, result="passed", by=ME, at=NOON - timedelta(minutes=30), digest=image)
            for step in steps
        ),
    )


@dataclass
class StubActions:
    """Records what was asked for; proposals are the real, pure ones."""

    rules: object
    latest: Callable[[], Snapshot]
    rollback_progress: object = None
    rolling_back: bool = False
    asked: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)
    answers: dict[str, object] = field(default_factory=dict)
    candidate: Candidate = field(default_factory=lambda: approved())
    """What is on record of the release: smoke tests and both approvals, unless a test says otherwise."""

    @property
    def checks(self) -> tuple[ApprovalCheck, ...]:
        return tuple(ApprovalCheck(ApprovalState.VERIFIED, approval=given) for given in self.candidate.approvals)

    def propose(self, action: Action, opened: Snapshot) -> moves.Proposal:
        seen_in = self.latest()
        record = None
        if seen_in.verdict is not None and seen_in.release is not None and seen_in.service is not None:
            v = seen_in.verdict
            record = VerdictRecord(
                word=v.word.value,
                sentence=v.sentence,
                at=seen_in.time.now if seen_in.time else NOON,
                step=seen_in.service.desired_shares().get(CANARY, 0),
                observed_s=v.observed.total_seconds(),
                bake_done=v.bake_done,
                requests=v.canary.requests,
                requests_needed=v.requests_needed,
            )
        facts = Facts(
            service=seen_in.service,
            seen=opened.service,
            revisions=seen_in.revisions,
            release=seen_in.release,
            verdict=record,
            identity=ME,
            session_id=SESSION,
            candidate=self.candidate,
            approvals=self.checks,
            step_checks=tuple(StepCheck(ApprovalState.VERIFIED, record=told) for told in self.candidate.steps),
            signed=self.checks,
        )
        return moves.propose(action, self.rules, facts, seen_in.time.now if seen_in.time else None)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> object:
        def call(*args: object, **kwargs: object) -> object:
            self.asked.append((name, (*args, *kwargs.items())))
            return self.answers.get(
                name, SimpleNamespace(already=False, notes=(), before={}, after={}, took=timedelta(seconds=0.4))
            )

        return call


class StubCloud:
    """Answers what screens read beside the snapshot."""

    def __init__(self, engine: StubEngine) -> None:
        self.audits: list[AuditEntry] = []
        self.services: list[Service] | CanarioError = [service(10)]
        self.run = self.logs = self.server_clock = self.metrics = self
        self.target = CloudTarget("demo", "us-central1")
        self.measured: dict[str, list[tuple[datetime, float]]] | CanarioError = {}
        """What Monitoring has of any metric, by revision, or how it fails."""
        self.asked_of_monitoring: list[tuple[datetime, datetime]] = []
        self._engine = engine

    def now(self) -> datetime:
        return NOON

    async def audit(self, name: str, *, since: datetime, limit: int) -> list[AuditEntry]:
        return self.audits

    async def writes(self, name: str, *, since: datetime) -> AuditWrites:
        return AuditWrites(tuple(self.audits))

    async def list_services(self) -> list[Service]:
        if isinstance(self.services, CanarioError):
            raise self.services
        return self.services

    async def series(
        self, metric: object, service: str, *, start: datetime, end: datetime, period: timedelta
    ) -> object:
        rates = await self.error_rates(service, start=start, end=end, period=period)
        return {name: [(at, rate * 40_000) for at, rate in points] for name, points in rates.items()}

    async def error_rates(
        self, service: str, *, start: datetime, end: datetime, period: timedelta
    ) -> dict[str, list[tuple[datetime, float]]]:
        self.asked_of_monitoring.append((start, end))
        if isinstance(self.measured, CanarioError):
            raise self.measured
        return self.measured

    @staticmethod
    async def chart(span: timedelta) -> object:
        raise CanarioError("no charts in a stub")


def _chain(task: asyncio.Task[object], future: Future[object]) -> None:
    def done(ended: asyncio.Task[object]) -> None:
        error = ended.exception()
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(ended.result())

    task.add_done_callback(done)


class StubNotifier:
    """Messages that did not go out, and how often they were sent again."""

    def __init__(self) -> None:
        self.undelivered: list[Undelivered] = []
        self.retried = 0

    def waiting(self) -> tuple[Undelivered, ...]:
        return tuple(self.undelivered)

    async def retry(self) -> int:
        self.retried += 1
        self.undelivered.clear()
        return 0


class StubEngine:
    """Shaped like `SessionThread`; open from the start unless told otherwise."""

    def __init__(self, rules: object, latest: Snapshot | None, environment: object = None) -> None:
        self.problem = ""
        self.environment = environment
        self.rules = rules
        self.started = self.stopped = False
        self.pending: list[Future[object]] = []
        self.hold = False
        self.session: SimpleNamespace | None = None
        self.actions = StubActions(rules, lambda: self.session.watcher.latest)  # type: ignore[union-attr]
        self.state = "connecting"
        if latest is not None:
            self.open(latest)

    def open(self, latest: Snapshot) -> None:
        self.state = "open"
        self.session = SimpleNamespace(
            watcher=SimpleNamespace(latest=latest, chart=StubCloud.chart),
            actions=self.actions,
            autopilot=SimpleNamespace(countdown=None, stop_countdown=self._stop, held_s=lambda: 0.0, problem=""),
            settled=(),
            walk=None,
            rollback_walk=None,
            notifier=StubNotifier(),
            clock=StillClock(),
            simulated=False,
            problem="",
            migrations=None,
            identity=ME,
            session_id=SESSION,
            environment=self.environment,
            journal=SimpleNamespace(entries=lambda limit, scope="", kind=None: [], scope=""),
            cloud=StubCloud(self),
        )

    def _stop(self) -> None:
        assert self.session is not None
        self.actions.asked.append(("stop_countdown", ()))
        self.session.autopilot.countdown = None

    def count_down(self, seconds: float, reason: str = "error rate 3.1 %") -> None:
        assert self.session is not None
        self.session.autopilot.countdown = SimpleNamespace(seconds_left=lambda _now: seconds, reason=reason)

    def publish(self, latest: Snapshot) -> None:
        assert self.session is not None
        self.session.watcher.latest = replace(latest, sequence=self.session.watcher.latest.sequence + 1)

    def submit(self, make) -> Future[object]:  # type: ignore[no-untyped-def]
        future: Future[object] = Future()
        answer = make(self.session)
        if asyncio.iscoroutine(answer):
            _chain(asyncio.get_running_loop().create_task(answer), future)
        elif self.hold:
            self.pending.append(future)
        elif isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)
        return future

    def start(self) -> None:
        self.started = True

    def stop(self) -> None:
        self.stopped = True


def make_app(
    latest: Snapshot | None,
    *,
    demo: object = None,
    settings: Settings | None = None,
    walk: object = None,
    rollback_walk: object = None,
) -> ConsoleApp:
    """An app on a stub; `app.stub` is the engine. `rollback_walk` is there once the console asks for it."""
    chosen = settings or Settings(
        environments={"production": {"name": "production", "service": "wa-backend", "project": "acme-prod"}}  # type: ignore[dict-item]
    )
    environment = chosen.environment("production")
    stub = StubEngine(chosen.rules(environment), latest, environment)
    if stub.session is not None:
        stub.session.walk = walk
        session = stub.session

        async def open_rollback_walk(_settings: Settings) -> object:
            session.rollback_walk = rollback_walk
            return rollback_walk

        session.open_rollback_walk = open_rollback_walk
    app = ConsoleApp(
        chosen,
        environment,
        demo=demo,
        engine=lambda _environment: stub,
        clock=StillClock(),  # type: ignore[arg-type]
    )
    app.stub = stub  # type: ignore[attr-defined]
    return app


def rolled_back_release(now: datetime = NOON) -> Release:
    return release(
        0,
        now=now,
        ended="rolled back",
        ended_at=now,
        driver=None,
        rolled_back=(RolledBack(revision=CANARY, at=now, by=ME, reason="3.1 % errors"),),
    )
