"""Show 2: the gate on real pairs. No number is believed alone: a stopped thread, a paused link and a busy replica."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from console.clock import SystemClock
from console.migrations.apply import ReplicationError
from console.migrations.gate import ReplicaStatus, ReplicationGate, together, verdict
from console.migrations.replicas import channel_status, make_replica
from tests.migrations.crew import Crew, agree
from tests.migrations.servers import Link, MariaPair, PostgresPair, until


@contextmanager
def replica_told(pair: MariaPair | PostgresPair, first: str, last: str) -> Iterator[None]:
    """The replica under `first`, put right by `last`."""
    pair.sql(first, None, replica=True)
    try:
        yield
    finally:
        pair.sql(last, None, replica=True)


@contextmanager
def paused(pair: MariaPair | PostgresPair) -> Iterator[None]:
    pair.link.pause()
    try:
        yield
    finally:
        pair.link.resume()


async def refused(crew: Crew, wait_s: float = 4.0) -> str:
    """Apply the runbook's statements; the gate must not let the first one pass. Why not."""
    with pytest.raises(ReplicationError) as told:
        await crew.apply(crew.runbook, gate=True, wait_s=wait_s)
    assert "notes" in crew.columns(), "the primary has it"
    assert "idx_notes" not in crew.indexes(), "nothing more was sent"
    assert [row.replicated for row in crew.ledger().values()] == [""]
    assert crew.said[-1].replicas[0].state == "unknown"
    assert crew.said[-1].replicas[0].lag_s is None, "what is unknown is never 0"
    return told.value.what


async def goes_on(crew: Crew) -> None:
    """Once the replica is well, the next run waits for it and goes on, and sends nothing twice."""
    result = await crew.apply(gate=True)
    assert [one.index for one in result.applied] == [2]
    assert crew.states() == ["verified", "verified"]
    assert all(row.replicated for row in crew.ledger().values())
    assert result.replicas[0].state == "arrived"
    assert crew.words() == ["acknowledged", "acknowledged"]


@pytest.mark.parametrize("crew", ["maria", "postgres"], indirect=True)
async def test_a_healthy_replica_has_every_statement_before_the_next_is_asked_for(crew: Crew) -> None:
    async def looks(question):  # type: ignore[no-untyped-def]
        if question.statement.index == 2:
            assert crew.pair is not None
            found = crew.sql("SELECT column_name FROM information_schema.columns WHERE table_name = 'reservas'"
                             f" AND table_catalog IN ('def', '{crew.database}')"
                             f" AND table_schema IN ('public', '{crew.database}')", replica=True)  # fmt: skip
            assert ("notes",) in found
        return await agree(question)

    result = await crew.apply(crew.runbook, looks, gate=True)
    assert [one.state for one in result.replicas] == ["arrived"]
    assert result.replicas[0].lag_s is not None
    assert len([lag for lag in result.replicas[0].lags if lag is not None]) >= 2, "samples for the sparkline"
    assert all(result.positions)


@pytest.mark.parametrize("thread", ["SQL_THREAD", "IO_THREAD"])
async def test_a_stopped_thread_of_mariadbs_replica_is_unknown(maria_crew: Crew, maria: MariaPair, thread: str) -> None:
    with replica_told(maria, f"STOP SLAVE {thread}", f"START SLAVE {thread}"):
        assert "is not running (no)" in await refused(maria_crew)
    await goes_on(maria_crew)


async def test_a_paused_replay_of_postgres_is_unknown(postgres_crew: Crew, postgres: PostgresPair) -> None:
    with replica_told(postgres, "SELECT pg_wal_replay_pause()", "SELECT pg_wal_replay_resume()"):
        assert "applies is not running" in await refused(postgres_crew)
    await goes_on(postgres_crew)


@pytest.mark.parametrize("crew", ["maria", "postgres"], indirect=True)
async def test_a_paused_link_is_unknown_though_the_replica_says_it_is_0_s_behind(crew: Crew) -> None:
    assert crew.pair is not None
    with paused(crew.pair):
        assert "has not reached" in await refused(crew)
        said = [one.replicas[0].lag_s for one in crew.said if one.replicas and one.replicas[0].state == "waiting"]
        assert 0.0 in said, "the number that must not be believed"
    await goes_on(crew)


@pytest.mark.parametrize("crew", ["maria", "postgres"], indirect=True)
async def test_a_link_that_pauses_once_the_replica_has_it_all_is_unknown_too(crew: Crew) -> None:
    await crew.apply(crew.runbook, gate=True)
    assert crew.pair is not None
    assert crew.replica is not None
    database = crew.open()
    database.connect()
    gate = ReplicationGate(
        database, [make_replica(crew.replica, crew.database)], SystemClock(), wait_s=30.0, limit_s=3.0
    )
    try:
        assert [one.state for one in await gate(())] == ["arrived"]
        with paused(crew.pair):
            found = await gate(())
            assert [one.state for one in found] == ["unknown"], "it has every position, and yet nothing arrives"
            assert found[0].lag_s is None
        assert [one.state for one in await gate(())] == ["arrived"]
    finally:
        database.close()


async def test_a_replica_that_does_not_answer_is_unknown(maria_crew: Crew, maria: MariaPair) -> None:
    """The console's own way to the replica is a black hole: connected, and not a word."""
    assert maria_crew.replica is not None
    link = Link(maria.replica_port)
    link.pause()
    maria_crew.replica = replace(maria_crew.replica, port=link.port)
    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("console.migrations.gate.ANSWER_S", 1.0)
            with pytest.raises(ReplicationError, match="did not answer"):
                await maria_crew.apply(maria_crew.runbook, gate=True)
    finally:
        link.close()


async def test_a_replica_that_does_not_let_us_look_is_unknown(maria_crew: Crew, maria: MariaPair) -> None:
    assert maria_crew.replica is not None
    maria.sql("CREATE USER IF NOT EXISTS blind@'127.0.0.1' IDENTIFIED BY 'canario'", None)
    maria.sql(f"GRANT SELECT ON {maria_crew.database}.* TO blind@'127.0.0.1'", None)
    until(lambda: maria.sql("SELECT 1 FROM mysql.user WHERE user = 'blind'", None, replica=True), "it is known there")
    maria_crew.replica = replace(maria_crew.replica, user="blind")
    assert "does not allow it" in await refused(maria_crew)


async def test_a_replica_still_busy_with_the_alter_is_waited_for(maria_crew: Crew, maria: MariaPair) -> None:
    reader = maria.connect(maria_crew.database, replica=True)
    cursor = reader.cursor()
    cursor.execute("BEGIN")
    cursor.execute("SELECT * FROM reservas")  # the replica's ALTER waits behind it
    try:
        run = asyncio.create_task(maria_crew.apply(maria_crew.runbook, gate=True))
        waits = "SELECT 1 FROM information_schema.processlist WHERE state LIKE 'Waiting for table metadata%'"
        await asyncio.to_thread(until, lambda: maria.sql(waits, None, replica=True), "its ALTER waits")
        await asyncio.to_thread(until, lambda: any(one.replicas for one in maria_crew.said), "the gate has looked")
        assert not run.done()
        assert maria_crew.said[-1].replicas[0].state == "waiting"
        assert "idx_notes" not in maria_crew.indexes()
    finally:
        reader.close()
    assert (await run).replicas[0].state == "arrived"


async def test_the_primary_itself_is_no_replica(maria_crew: Crew) -> None:
    maria_crew.replica = maria_crew.address
    with pytest.raises(ReplicationError, match="the primary itself"):
        await maria_crew.apply(maria_crew.runbook, gate=True)


@pytest.mark.parametrize("crew", ["maria", "postgres"], indirect=True)
async def test_a_replica_that_cannot_be_reached_is_unknown(crew: Crew) -> None:
    assert crew.replica is not None
    crew.replica = replace(crew.replica, port=1)
    assert "cannot be reached" in await refused(crew)


async def test_old_code_writes_all_the_while_and_no_write_fails(maria_crew: Crew, maria: MariaPair) -> None:
    stop, failed, written = threading.Event(), [], []

    def old_code(number: int) -> None:
        """Inserts as the revision before does: with a list of the columns that it knows."""
        connection = maria.connect(maria_crew.database)
        cursor = connection.cursor()
        while not stop.is_set():
            try:
                cursor.execute("INSERT INTO reservas (quien) VALUES (%s)", (f"cliente {number}",))
                written.append(number)
            except Exception as error:
                failed.append(error)
        connection.close()

    writers = [threading.Thread(target=old_code, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    try:
        await asyncio.to_thread(until, lambda: len(written) > 100, "old code writes")
        result = await maria_crew.apply(maria_crew.runbook, gate=True)
        after = len(written)
        await asyncio.to_thread(until, lambda: len(written) > after + 100, "old code writes on the new schema")
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert failed == []
    assert len(result.applied) == 2
    assert result.replicas[0].state == "arrived"
    assert maria_crew.sql("SELECT count(*) FROM reservas")[0][0] == len(written) + 3


@pytest.mark.parametrize(
    ("status", "measured", "lag", "words"),
    [
        (ReplicaStatus("yes", "yes", 0.0), 0.2, 0.2, ""),
        (ReplicaStatus("yes", "yes", None), 0.2, None, "does not say"),
        (ReplicaStatus("no", "yes", 0.0), 0.2, None, "receives is not running"),
        (ReplicaStatus("connecting", "yes", 0.0), 0.2, None, "receives is not running"),
        (ReplicaStatus("yes", "no", 0.0), 0.2, None, "applies is not running"),
        (ReplicaStatus("yes", "yes", 61.0), 0.2, 61.0, "61 s behind"),
        (ReplicaStatus("yes", "yes", 60.0), 0.2, 60.0, "60 s behind"),
        (ReplicaStatus("yes", "yes", 0.0), 75.0, 75.0, "75 s behind"),
    ],
)
def test_the_larger_of_two_lags_counts_and_none_is_never_0(
    status: ReplicaStatus, measured: float, lag: float | None, words: str
) -> None:
    found, problem = verdict(status, measured, 60.0)
    assert found == lag
    assert words in problem
    assert bool(words) is bool(problem)


def channel(name: str, *, io: str = "Yes", sql: str = "Yes", lag: object = 0) -> dict[str, object]:
    return {"Channel_Name": name, "Replica_IO_Running": io, "Replica_SQL_Running": sql,
            "Seconds_Behind_Source": lag, "Source_Host": f"{name}.example"}  # fmt: skip


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        (channel("b"), ""),
        (channel("b", io="Connecting"), "the thread that receives is not running (connecting) on channel b"),
        (channel("b", io="No"), "the thread that receives is not running (no) on channel b"),
        (channel("b", sql="No"), "the thread that applies is not running (no) on channel b"),
        (channel("b", lag=None), "it does not say how far behind it is on channel b"),
        (channel("b", lag=61), "it is 61 s behind on channel b"),
    ],
)
def test_a_replica_of_several_primaries_is_no_better_than_its_worst_channel(
    second: dict[str, object], problem: str
) -> None:
    for order in ((channel("a"), second), (second, channel("a"))):
        status = together([channel_status(row) for row in order], "0-1-1")
        assert verdict(status, 0.5, 60.0)[1] == problem
        assert status.position == "0-1-1"


async def test_every_connection_of_a_mariadb_replica_is_looked_at(maria_crew: Crew, maria: MariaPair) -> None:
    maria_crew.sql("CHANGE MASTER 'other' TO MASTER_HOST='127.0.0.1', MASTER_PORT=1, MASTER_USER='x'", replica=True)
    assert maria_crew.replica is not None
    replica = make_replica(maria_crew.replica, maria_crew.database)
    try:
        replica.connect("")
        status = replica.status()
    finally:
        replica.close()
        maria_crew.sql("RESET SLAVE 'other' ALL", replica=True)
    assert (status.receiving, status.applying, status.lag_s) == ("no", "no", None)
    assert "on channel other" in verdict(status, 0.0, 60.0)[1]
