"""Show 3: the console is killed (SIGKILL) before, inside and between statements; the next run states the truth.

Nothing in the console knows of these tests: the moment is watched for from outside, in the journal, in the server's
list of processes, and by a lock in the way that lets a statement wait inside the server.
"""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from console.errors import BlockedError, UsageError
from console.migrations.deciding import drop_leftovers
from console.migrations.settling import UndecidedError
from console.migrations.values import Confirmation, Question
from tests.migrations.crew import Crew
from tests.migrations.servers import PostgresPair, until
from tests.migrations.test_desk import desk_on

STATEMENTS = """\
ALTER TABLE reservas ADD COLUMN notes VARCHAR(500);
CREATE INDEX idx_total ON pagos(total);
INSERT INTO counts SELECT max(n) + 1 FROM counts;
"""


def seen(crew: Crew, kind: str, phase: str, number: int, *, result: str = "") -> bool:
    """Whether the journal's file holds that row, read beside the one who writes it."""
    connection = sqlite3.connect(f"file:{crew.journal.path}?mode=ro", uri=True, timeout=30)
    try:
        rows = connection.execute(
            "SELECT e.result, json_extract(coalesce(i.payload, e.payload), '$.statement') FROM entries e"
            " LEFT JOIN entries i ON i.id = e.intent WHERE e.kind = ? AND e.phase = ?",
            (kind, phase),
        ).fetchall()
    finally:
        connection.close()
    return any((not result or word == result) and (not number or number == at) for word, at in rows)


def waiting(crew: Crew, words: str) -> bool:
    """Whether the server has a statement with these words that waits for somebody else's lock."""
    assert crew.pair is not None
    if crew.engine == "mariadb":
        found = crew.sql("SELECT info FROM information_schema.processlist WHERE command = 'Query' AND time_ms > 200"
                         " AND id <> CONNECTION_ID()")  # fmt: skip
    else:
        found = crew.sql("SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                         " AND datname = current_database()")  # fmt: skip
    return any(words in str(query) for (query,) in found)


@dataclass(frozen=True)
class Point:
    """A moment to be killed at."""

    name: str
    reached: Callable[[Crew], bool]
    in_the_way: str = ""
    """A statement whose lock another transaction holds meanwhile."""
    gate: bool = False


LOCK = {
    "reservas": "SELECT * FROM reservas",
    "pagos": "INSERT INTO pagos VALUES (2, 20)",  # a reader alone does not hold PostgreSQL's CONCURRENTLY up
    "counts": "INSERT INTO counts VALUES (2)",
}

EVERYWHERE = (
    Point("once the ledger is made", lambda crew: crew.sql_or_none("SELECT count(*) FROM canario_migrations")),
    Point("once the plan is written", lambda crew: seen(crew, "migration plan", "intent", 0)),
    Point("once the first is about to leave", lambda crew: seen(crew, "migration", "intent", 1)),
    Point("once the first is acknowledged", lambda crew: seen(crew, "migration", "outcome", 1)),
    Point("once the first is verified", lambda crew: seen(crew, "migration check", "outcome", 1)),
    Point("once the second is about to leave", lambda crew: seen(crew, "migration", "intent", 2)),
    Point("once the second is acknowledged", lambda crew: seen(crew, "migration", "outcome", 2)),
    Point("once the third is about to leave", lambda crew: seen(crew, "migration", "intent", 3)),
    Point("once the third is acknowledged", lambda crew: seen(crew, "migration", "outcome", 3)),
)

ON_SERVERS = (
    Point("before anything, connected only", lambda crew: crew.connected()),
    Point("while the first waits inside the server", lambda crew: waiting(crew, "ADD COLUMN"), "reservas"),
    Point(
        "while the replica keeps the second back", lambda crew: seen(crew, "migration check", "outcome", 1), gate=True
    ),
    Point("while the second waits inside the server", lambda crew: waiting(crew, "idx_total"), "pagos"),
    Point("while the third waits inside the server", lambda crew: waiting(crew, "max(n)"), "counts"),
)


def prepare(crew: Crew) -> None:
    """Three statements on three tables, the last one of rows, which no schema shows."""
    crew.sql("CREATE TABLE pagos (id INTEGER PRIMARY KEY, total INTEGER)")
    crew.sql("INSERT INTO pagos VALUES (1, 10)")
    crew.sql("CREATE TABLE counts (n INTEGER PRIMARY KEY)")
    crew.sql("INSERT INTO counts VALUES (1)")
    concurrently = "CREATE INDEX CONCURRENTLY" if crew.engine == "postgres" else "CREATE INDEX"
    crew.write(STATEMENTS.replace("CREATE INDEX", concurrently))


def confirmed() -> list[str]:
    yes = [word for table in ("reservas", "pagos", "counts") for word in ("--yes", table)]
    return [*yes, "--reason", "as rehearsed in staging"]


def start(crew: Crew, *, gate: bool = False) -> subprocess.Popen[str]:
    """The console at work, in a process of its own."""
    return subprocess.Popen(
        crew.arguments("apply", *confirmed(), gate=gate),
        env=crew.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill_at(crew: Crew, point: Point) -> str:
    """Run the console and kill it at that moment; what it had printed."""
    holder = None
    if point.in_the_way:
        assert crew.pair is not None
        holder = crew.pair.connect(crew.database)
        holder.cursor().execute("BEGIN")
        holder.cursor().execute(LOCK[point.in_the_way])
    if point.gate:
        assert crew.pair is not None
        crew.pair.link.pause()
    console = start(crew, gate=point.gate)
    try:
        deadline = time.monotonic() + 60
        while not point.reached(crew) and console.poll() is None:
            assert time.monotonic() < deadline, f"never reached: {point.name}"
            time.sleep(0.002)
        if point.in_the_way or point.gate:
            assert console.poll() is None, f"it ended before: {point.name}"
        console.kill()
        said = console.communicate()[0]
    finally:
        console.kill()
        console.wait()
        if holder is not None:
            holder.close()
        if point.gate:
            assert crew.pair is not None
            crew.pair.link.resume()
    return said


async def everything(question: Question) -> Confirmation:
    statement = question.statement
    return Confirmation(statement.digest, statement.name, "as rehearsed in staging")


async def ends_well(crew: Crew, said: str) -> None:
    """The next run says what is true, and at its end each statement is applied once."""
    if crew.pair is not None:
        until(lambda: not crew.connected(), "the server has ended what the console had begun")
    before = len(crew.sql("SELECT n FROM counts"))
    result = await crew.apply(None, everything)
    sent = {one.index for one in result.applied}
    truth = [row.index for row in crew.ledger().values() if row.state == "verified"]
    assert sorted(truth) == [1, 2, 3], said
    assert "notes" in crew.columns()
    assert "idx_total" in crew.indexes("pagos")
    assert sorted(crew.sql("SELECT n FROM counts")) == [(1,), (2,)], f"once: {said} {result}"
    assert (3 in sent) is (before == 1), "what was committed is not sent again"
    assert all(entry.result != "" for entry in crew.rows() if entry.phase == "outcome")
    unfinished = [entry for entry in crew.journal.unfinished() if entry.kind.startswith("migration")]
    assert unfinished == [], "no end is left open in the journal"
    assert (await crew.apply(None, everything)).applied == ()


@pytest.mark.parametrize("point", EVERYWHERE, ids=lambda point: point.name)
async def test_killed_anywhere_the_next_run_ends_with_each_statement_applied_once(crew: Crew, point: Point) -> None:
    prepare(crew)
    await ends_well(crew, kill_at(crew, point))


@pytest.mark.parametrize("crew", ["maria", "postgres"], indirect=True)
@pytest.mark.parametrize("point", ON_SERVERS, ids=lambda point: point.name)
async def test_killed_while_a_server_is_at_it_the_next_run_follows_and_sends_nothing_twice(
    crew: Crew, point: Point
) -> None:
    prepare(crew)
    said = kill_at(crew, point)
    await ends_well(crew, said)
    if point.in_the_way == "reservas":
        first = next(entry.result for entry in crew.rows() if entry.phase == "outcome")
        finished_without_us = crew.engine == "mariadb"  # PostgreSQL rolls back: its COMMIT never came
        assert first == ("verified" if finished_without_us else "failed")
        assert [row.phase for row in crew.rows()].count("intent") == (3 if finished_without_us else 4)


@pytest.mark.parametrize("crew", ["maria", "postgres"], indirect=True)
async def test_the_next_run_waits_for_a_statement_that_still_runs_and_says_so(crew: Crew) -> None:
    assert crew.pair is not None
    prepare(crew)
    holder = crew.pair.connect(crew.database)
    holder.cursor().execute("BEGIN")
    holder.cursor().execute(LOCK["reservas"])
    console = start(crew)
    try:
        await asyncio.to_thread(until, lambda: waiting(crew, "ADD COLUMN"), "it waits inside the server")
    finally:
        console.kill()
        console.communicate()
    run = asyncio.create_task(crew.apply(None, everything))
    followed = lambda: any(one.step == "follow" for one in crew.said)  # noqa: E731
    await asyncio.to_thread(until, lambda: followed() or run.done(), "the next run follows it")
    assert followed()
    assert not run.done()
    holder.close()
    await run
    assert crew.states() == ["verified"] * 3
    assert sorted(crew.sql("SELECT n FROM counts")) == [(1,), (2,)]


async def test_an_invalid_index_that_a_killed_concurrently_left_is_seen_and_a_person_decides(
    postgres_crew: Crew, postgres: PostgresPair
) -> None:
    crew = postgres_crew
    prepare(crew)
    holder = postgres.connect(crew.database)
    holder.cursor().execute("BEGIN")
    holder.cursor().execute("INSERT INTO pagos VALUES (2, 20)")
    console = start(crew)
    try:
        await asyncio.to_thread(until, lambda: waiting(crew, "idx_total"), "it waits inside the server")
    finally:
        console.kill()
        console.communicate()
    await asyncio.to_thread(until, lambda: not crew.connected(), "the server has given it up")
    holder.close()
    with pytest.raises(UndecidedError, match="idx_total INVALID") as told:
        await crew.apply(None, everything)
    assert "canario migrations decide 0001.sql 2" in told.value.remedy
    row = crew.ledger()["0001.sql", 2]
    with pytest.raises(BlockedError, match="type pagos"):
        await drop_leftovers(crew.open(), crew.surroundings(), row, typed="pago", reason="left by the crash")
    desk = desk_on(crew)
    await desk.look()
    (shown,) = [line.leftovers for line in desk.latest.lines if line.leftovers]
    assert shown == ("DROP INDEX CONCURRENTLY idx_total",)
    await desk.drop_leftovers(row_key := (row.file, row.index), typed="pagos", shown=shown, reason="left by the crash")
    assert not any(line.leftovers for line in desk.latest.lines)
    with pytest.raises(UsageError, match="is not undecided"):
        await desk.drop_leftovers(row_key, typed="pagos", shown=shown, reason="")
    assert "idx_total" not in crew.indexes("pagos")
    await crew.apply(None, everything)
    assert crew.states() == ["verified"] * 3
    assert "idx_total" in crew.indexes("pagos")
