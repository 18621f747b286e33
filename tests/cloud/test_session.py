"""One environment opened: as a command does it, and as the console does it in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console.actions import RollbackProgress
from console.errors import CloudError, ExitCode, SettingsError, UnavailableError
from console.journal import Journal
from console.release.state import read_release
from console.session import UNKNOWN_IDENTITY, Session, SessionThread
from console.settings import Environment, Settings
from console.simulator.process import SimulatorProcess
from tests.forked import ForkedSimulator

MARIA = "maria@acme.example"
STABLE = "wa-backend-00041-kem"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(journal=tmp_path / "journal.db")


@pytest.fixture
def production(settings: Settings) -> Environment:
    return settings.environment("production")


@pytest.fixture
def engine(simulator: SimulatorProcess, settings: Settings, production: Environment) -> Iterator[SessionThread]:
    thread = SessionThread(settings, production, endpoint=simulator.grpc, as_email=MARIA)
    thread.start()
    yield thread
    thread.stop()


def until(holds: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_command_opens_reads_and_closes(
    simulator: SimulatorProcess, settings: Settings, production: Environment
) -> None:
    session = await Session.open(settings, production, endpoint=simulator.grpc, as_email=MARIA, watch=False)
    assert session.identity == MARIA
    assert session.cloud.target.project == "demo"
    snapshot = await session.watcher.refresh()
    assert snapshot.service is not None
    assert not session.problem
    await session.close()
    with pytest.raises(CloudError):
        await session.cloud.run.get_service("wa-backend")


async def test_two_consoles_of_one_person_are_two_sessions(
    simulator: SimulatorProcess, settings: Settings, production: Environment
) -> None:
    sessions = [
        await Session.open(settings, production, endpoint=simulator.grpc, as_email=MARIA, watch=False) for _ in "ab"
    ]
    assert sessions[0].session_id != sessions[1].session_id
    for session in sessions:
        await session.close()


async def test_an_endpoint_on_another_machine_opens_nothing(settings: Settings, production: Environment) -> None:
    with pytest.raises(SettingsError):
        await Session.open(settings, production, endpoint="10.1.2.3:443")


async def test_what_a_crash_cut_off_is_settled_at_the_next_start(
    simulator: SimulatorProcess, settings: Settings, production: Environment
) -> None:
    with Journal.open(settings.journal_path(), scope="demo/us-central1/wa-backend", session="crashed") as journal:
        journal.intent("shift", {"after": {"wa-backend-00001-nil": 100}, "process": "elsewhere"})
    session = await Session.open(settings, production, endpoint=simulator.grpc, as_email=MARIA, watch=False)
    async with asyncio.timeout(10):
        while not session.settled:  # noqa: ASYNC110 - settled by a task of the session's own
            await asyncio.sleep(0.01)
    assert session.settled[0].kind == "shift"
    assert not session.settled[0].done
    await session.close()


async def test_a_google_that_does_not_say_who_we_are_holds_up_no_rollback(
    simulator: SimulatorProcess, settings: Settings, production: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    from console.cloud.client import Cloud

    async def untold(_cloud: Cloud) -> str:
        raise UnavailableError("tokeninfo does not answer")

    monkeypatch.setattr(Cloud, "identity", untold)
    session = await Session.open(settings, production, endpoint=simulator.grpc, watch=False)
    assert session.identity == UNKNOWN_IDENTITY
    assert "tokeninfo" in session.problem
    outcome = await session.actions.rollback()
    assert outcome.already
    await session.close()


async def test_a_commands_rollback_leaves_before_google_says_who_asked_for_it_and_is_signed_afterwards(
    settings: Settings, production: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    from console.cloud.client import Cloud

    told, moved = asyncio.Event(), asyncio.Event()

    async def slow(_cloud: Cloud) -> str:
        await told.wait()
        return MARIA

    def follow(progress: RollbackProgress) -> None:
        if progress.state == "done":
            moved.set()

    with ForkedSimulator.start(scenario="healthy", speed=10) as simulator:
        await asyncio.to_thread(simulator.rival, service="wa-backend", canary_percent=40)
        monkeypatch.setattr(Cloud, "identity", slow)
        session = await Session.open(settings, production, endpoint=simulator.grpc, watch=False, anonymous=True)
        assert session.identity == UNKNOWN_IDENTITY
        rollback = asyncio.create_task(session.actions.rollback(progress=follow))
        async with asyncio.timeout(20):
            await moved.wait()
        assert (await session.cloud.run.get_service("wa-backend")).effective_shares() == {STABLE: 100}
        told.set()
        await rollback
        release, _problem = read_release((await session.cloud.run.get_service("wa-backend")).annotations)
        assert release is not None
        assert [move.by for move in release.moves] == [MARIA]
        assert [mark.by for mark in release.rolled_back] == [MARIA]
        assert release.started_by == MARIA
        await session.close()


def test_the_console_connects_in_a_thread_and_its_picture_fills(engine: SessionThread) -> None:
    assert engine.state in ("connecting", "open")
    until(lambda: engine.session is not None, "the session opens")
    assert engine.state == "open"
    assert engine.session is not None
    watcher = engine.session.watcher
    until(lambda: watcher.latest.service is not None and watcher.latest.figures, "service and log arrive")


def test_what_a_key_asks_for_runs_in_the_engine_and_its_errors_come_back(engine: SessionThread) -> None:
    until(lambda: engine.session is not None, "the session opens")

    async def read(session: Session, name: str) -> str:
        return (await session.cloud.run.get_service(name)).name

    assert engine.submit(lambda session: read(session, "wa-backend")).result(10) == "wa-backend"
    with pytest.raises(CloudError):
        engine.submit(lambda session: read(session, "no-such-service")).result(10)


def test_before_there_is_a_connection_nothing_is_sent_and_the_key_is_told_why(
    settings: Settings, production: Environment
) -> None:
    engine = SessionThread(settings, production, endpoint=f"127.0.0.1:{free_port()}")
    with pytest.raises(UnavailableError, match="Nothing was sent"):
        engine.submit(lambda session: session.actions.rollback()).result(1)
    engine.stop()


def test_opening_is_tried_again_until_the_cloud_is_there(settings: Settings, production: Environment) -> None:
    port = free_port()
    engine = SessionThread(settings, production, endpoint=f"127.0.0.1:{port}")
    engine.start()
    until(lambda: engine.state == "failed", "the first attempt fails")
    assert f"127.0.0.1:{port}" in engine.problem
    with subprocess.Popen(
        [sys.executable, "-m", "console.simulator", "--watch-stdin", "--port", str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as late:
        try:
            until(lambda: engine.state == "open", "a later attempt opens it")
            assert engine.error is None
        finally:
            engine.stop()
            late.terminate()


def test_an_impossible_endpoint_is_said_once_and_not_tried_for_ever(
    settings: Settings, production: Environment
) -> None:
    engine = SessionThread(settings, production, endpoint="example.com:443")
    engine.start()
    until(lambda: engine.state == "failed", "it fails")
    assert isinstance(engine.error, SettingsError)
    assert engine.error.exit_code is ExitCode.USAGE
    engine.stop()


def test_a_crash_inside_is_shown_and_the_task_started_again(engine: SessionThread) -> None:
    until(lambda: engine.session is not None, "the session opens")
    session = engine.session
    assert session is not None
    runs: list[int] = []

    async def crash() -> None:
        runs.append(1)
        raise ValueError("a bug\x1b[2J")

    async def begin(session: Session) -> None:
        session._spawn(session._supervise("watcher", crash))

    engine.submit(begin).result(5)
    until(lambda: len(runs) > 1, "it is started again")
    assert "ValueError: a bug" in engine.problem
    assert "\x1b" not in engine.problem


def test_leaving_is_quick_even_while_connecting(settings: Settings, production: Environment) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never answers
        engine = SessionThread(settings, production, endpoint=f"127.0.0.1:{silent.getsockname()[1]}")
        engine.start()
        until(lambda: engine._loop is not None, "it starts")
        engine.stop()
        assert not engine._thread.is_alive()


def test_a_driver_who_leaves_gives_the_seat_back(
    simulator: SimulatorProcess, settings: Settings, production: Environment
) -> None:
    engine = SessionThread(settings, production, endpoint=simulator.grpc, as_email=MARIA)
    engine.start()
    until(lambda: engine.session is not None, "the session opens")
    session = engine.session
    assert session is not None
    until(lambda: session.watcher.latest.service is not None, "the service is read")
    engine.submit(lambda session: session.actions.shift(10)).result(20)
    annotation = "canario.dev/release"
    assert session.session_id in str(simulator.state()["services"]["wa-backend"]["annotations"][annotation])  # type: ignore[index]
    engine.stop()
    assert session.session_id not in str(simulator.state()["services"]["wa-backend"]["annotations"][annotation])  # type: ignore[index]
