"""After a watch of 24 hours, which renews its seat 2,160 times, history still knows what came before it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from google.cloud import run_v2

from console.chronicle import Chronicle, gather
from console.clock import SystemClock
from console.cloud.client import Cloud
from console.cloud.target import CloudTarget
from console.journal import Journal
from console.release.audited import ApprovalState, ApprovalWrite, approval_write
from console.release.state import (
    ANNOTATION,
    LEASE,
    Approval,
    Candidate,
    Document,
    Driver,
    Line,
    Move,
    Release,
    StepRecord,
)
from console.report.vouching import Released, signatures_of
from console.simulator import audit
from console.simulator.options import SimulatorOptions
from console.simulator.server import Simulator
from console.watch.snapshot import Snapshot

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MARIA, JUAN = "maria@acme.example", "juan@acme.example"
RENEWALS = 2_600
IMAGE = "sha256:" + "1" * 64
EARLIER = timedelta(days=3)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    running = Simulator(SimulatorOptions(scenario="healthy", now=NOON, seed=7, speed=1.0, bare=True))
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def cloud(simulator: Simulator) -> AsyncIterator[Cloud]:
    endpoint = str(simulator.info()["grpc"])
    connected = await Cloud.connect(CloudTarget("demo", "us-central1", endpoint, email=MARIA), SystemClock())
    await connected.run.get_service("wa-backend")  # the server's time is known
    yield connected
    await connected.close()


def wrote(simulator: Simulator, at: datetime, by: str, document: Document) -> None:
    """One audited call that wrote the annotation."""
    service = run_v2.Service(
        name="projects/demo/locations/us-central1/services/wa-backend", annotations={ANNOTATION: document.dumps()}
    )
    request = run_v2.UpdateServiceRequest(service=service, update_mask={"paths": ["annotations"]})
    made = audit.entry(
        project="demo",
        region="us-central1",
        service="wa-backend",
        method="google.cloud.run.v2.Services.UpdateService",
        resource=service.name,
        permission="run.services.update",
        principal=by,
        request=run_v2.UpdateServiceRequest.pb(request),
        at=at.timestamp(),
    )
    simulator.logs.append(made, "wa-backend")


def release(begun: datetime, own: str) -> Release:
    before = (Line(revision="wa-backend-00041-kem", percent=100),)
    return Release(
        id=own,
        canary=own,
        stable="wa-backend-00041-kem",
        baseline=before,
        started=begun,
        started_by=MARIA,
        step=100,
        moves=(Move(kind="shift", at=begun, by=MARIA, percent=100, before=before),),
        ended="promoted",
        ended_at=begun + timedelta(minutes=30),
    )


def candidate(opened: datetime, own: str, *steps: StepRecord, **more: object) -> Candidate:
    known = {"id": own, "opened": opened, "opened_by": MARIA, "steps": steps, "plan": "p"}
    return Candidate.model_validate(known | more)


def step(name: str, result: str, at: datetime) -> StepRecord:
    return StepRecord.model_validate(
        {"step": name, "result": result, "by": MARIA, "at": at, "key": f"{name}-{result}", "sentence": f"{name}, {at}"}
    )


def watched_for_a_day(simulator: Simulator) -> None:
    """A release three days ago; then one whose seat was renewed RENEWALS times after it had all traffic."""
    long_ago, begun = NOON - EARLIER, NOON - timedelta(days=2)
    old = candidate(long_ago, "old", step("on_call", "passed", long_ago))
    wrote(simulator, long_ago, MARIA, Document(candidate=candidate(long_ago, "old")))
    wrote(simulator, long_ago, MARIA, Document(release=release(long_ago, "rev-old"), candidate=old))
    said_no = step("on_call", "failed", begun)
    said_yes = step("on_call", "passed", begun + timedelta(minutes=2))
    yes = Approval(
        id="a", role="code", by=JUAN, at=begun + timedelta(minutes=3), digest=IMAGE, plan="p", candidate="new"
    )
    opened = candidate(begun, "new")
    before = release(long_ago, "rev-old")
    wrote(simulator, begun, MARIA, Document(release=before, candidate=opened))
    for minute, by, more in (
        (1, MARIA, {"steps": (said_no,)}),
        (2, MARIA, {"steps": (said_yes,)}),
        (3, JUAN, {"steps": (said_yes,), "approvals": (yes,)}),
    ):
        opened = opened.model_copy(update=more)
        wrote(simulator, begun + timedelta(minutes=minute), by, Document(release=before, candidate=opened))
    now = release(begun + timedelta(minutes=5), "rev-new")
    for number in range(RENEWALS):
        at = begun + timedelta(minutes=6) + number * LEASE / 3
        seat = Driver(email=MARIA, session="s", expires=at + LEASE)
        wrote(simulator, at, MARIA, Document(release=now, candidate=opened.model_copy(update={"driver": seat})))


async def told(cloud: Cloud, folder: Path) -> Chronicle:
    session = SimpleNamespace(
        cloud=cloud,
        environment=SimpleNamespace(service="wa-backend"),
        journal=Journal.open(folder / "journal.db", scope="x"),
        watcher=SimpleNamespace(latest=Snapshot("demo", "us-central1", "wa-backend")),
    )
    return await gather(session)  # type: ignore[arg-type]


async def test_history_tells_the_release_before_a_watch_of_a_day_and_who_said_no_in_it(
    simulator: Simulator, cloud: Cloud, tmp_path: Path
) -> None:
    watched_for_a_day(simulator)
    chronicle = await told(cloud, tmp_path)
    assert chronicle.problem == ""
    assert [story.release.id for story in chronicle.stories] == ["rev-new", "rev-old"]
    steps = [happening.text for happening in chronicle.stories[0].happenings if happening.kind == "step"]
    assert [text.partition(" · ")[0] for text in steps] == ["on_call: FAILED", "on_call: passed"]


async def test_an_approval_before_a_watch_of_a_day_is_still_confirmed_by_the_audit_log(
    simulator: Simulator, cloud: Cloud
) -> None:
    watched_for_a_day(simulator)
    found = await cloud.logs.writes("wa-backend", since=NOON - timedelta(days=30))
    assert found.cut is None
    assert len(found.entries) < 20, "a renewal is no news"
    writes: list[ApprovalWrite] = []
    for one in found.entries:
        write = approval_write(one.time, one.principal, one.method, one.request, one.refused)
        assert write is not None
        writes.append(write)
    last = next(write for write in reversed(writes) if write.approvals)
    holds = candidate(NOON, "new", approvals=last.approvals)
    (signature,) = signatures_of(holds, writes, Released(IMAGE, plan="p"))
    assert signature.state is ApprovalState.VERIFIED
    assert signature.said == ("confirmed by the audit log", "good")


async def test_where_the_log_is_longer_than_is_read_it_is_said_from_when_on_it_is_told(
    simulator: Simulator, cloud: Cloud
) -> None:
    watched_for_a_day(simulator)
    found = await cloud.logs.writes("wa-backend", since=NOON - timedelta(days=30), most=1_000)
    assert found.cut is not None
    assert found.cut > NOON - timedelta(days=2)
    assert f"nothing before {found.cut:%Y-%m-%d %H:%M} UTC is told" in found.problem


async def test_who_renews_a_seat_and_slips_a_step_in_is_not_passed_over(simulator: Simulator, cloud: Cloud) -> None:
    begun = NOON - timedelta(hours=1)
    seat = Driver(email=MARIA, session="s", expires=begun + LEASE)
    honest = candidate(begun, "new", driver=seat)
    forged = honest.model_copy(
        update={
            "steps": (step("uat", "passed", begun),),
            "driver": seat.model_copy(update={"expires": begun + LEASE * 2}),
        }
    )
    for minute, (by, document) in enumerate(
        ((MARIA, honest), (MARIA, honest), ("mallory@acme.example", forged), (MARIA, forged))
    ):
        wrote(simulator, begun + timedelta(minutes=minute), by, Document(candidate=document))
    found = await cloud.logs.writes("wa-backend", since=NOON - timedelta(days=1))
    assert [entry.principal for entry in found.entries][-2:] == [MARIA, "mallory@acme.example"]
