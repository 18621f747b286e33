"""What only a server does: cancelling, others' transactions, bounded waits, lost connections, stacked statements."""

from __future__ import annotations

import asyncio
from contextlib import closing

import pytest

from console.errors import ConflictError
from console.journal import Journal
from console.migrations.apply import Applier
from console.migrations.errors import CancelledError, DatabaseError, LostError
from console.migrations.values import Confirmation, Question
from tests.migrations.crew import MARIA, Crew, agree
from tests.migrations.servers import until
from tests.migrations.test_killed import waiting

pytestmark = pytest.mark.parametrize("crew", ["maria", "postgres"], indirect=True)


def in_the_way(crew: Crew):  # type: ignore[no-untyped-def]
    """Somebody's open transaction on `reservas`."""
    assert crew.pair is not None
    other = crew.pair.connect(crew.database)
    other.cursor().execute("BEGIN")
    other.cursor().execute("SELECT * FROM reservas")
    return closing(other)


async def test_cancel_cancels_on_the_server_and_not_only_here(crew: Crew) -> None:
    crew.write(crew.runbook)
    applier = crew.applier(retries=(60.0,))
    with in_the_way(crew):
        run = asyncio.create_task(applier.run(crew.files(), agree))
        await asyncio.to_thread(until, lambda: waiting(crew, "ADD COLUMN"), "it waits inside the server")
        await applier.cancel()
        with pytest.raises(CancelledError):
            await run
        assert not waiting(crew, "ADD COLUMN"), "while the one in the way is still there"
    assert crew.columns() == ["id", "quien"]
    assert crew.states() == ["again"]
    assert crew.words() == ["failed"]


async def test_a_statement_that_takes_long_says_what_the_server_is_doing(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.migrations.sending.WATCH_S", 0.2)
    other = in_the_way(crew)
    with other:
        run = asyncio.create_task(crew.apply(crew.runbook))
        told = "until its second connection has told"
        await asyncio.to_thread(until, lambda: any(one.step == "running" for one in crew.said), told)
    await run
    assert any("ADD COLUMN notes" in one.sentence for one in crew.said if one.step == "running")


async def test_a_task_that_is_cancelled_takes_its_statement_with_it(crew: Crew) -> None:
    crew.write(crew.runbook)
    with in_the_way(crew):
        run = asyncio.create_task(crew.applier(retries=(60.0,)).run(crew.files(), agree))
        await asyncio.to_thread(until, lambda: waiting(crew, "ADD COLUMN"), "it waits inside the server")
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert not waiting(crew, "ADD COLUMN")
    await crew.apply()
    assert crew.states() == ["verified", "verified"]


async def test_open_transactions_in_the_way_are_listed_before_the_statement_is_sent(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.migrations.apply.OLD_TRANSACTION_S", 0.5)
    listed: list[Question] = []

    async def not_now(question: Question) -> Confirmation | None:
        listed.append(question)
        return None

    with in_the_way(crew):
        database = crew.open()
        database.connect()
        with closing(database):
            until(lambda: database.transactions(("reservas",), 0.5), "it has been open for a while")
            assert database.transactions(("reservas",), 3600.0) == ()
        crew.write(crew.runbook)
        await crew.applier().run(crew.files(), not_now)
    assert listed[0].transactions is not None
    assert len(listed[0].transactions) == 1
    assert listed[0].transactions[0].seconds >= 0.5 or crew.engine == "mariadb"


async def test_no_statement_waits_for_a_lock_longer_than_5_s_whatever_the_session_was_told(crew: Crew) -> None:
    database = crew.open()
    database.connect()
    maria = crew.engine == "mariadb"
    settings = ("SET lock_timeout = '10min'", "SET lock_timeout = 0")
    if maria:
        settings = ("SET SESSION lock_wait_timeout = 600", "SET SESSION innodb_lock_wait_timeout = 600")
    with closing(database):
        for told in settings:
            database.query(told)
            database.send(b"CREATE TABLE IF NOT EXISTS other (id INT)", ())
            limits = database.query(
                "SELECT @@SESSION.lock_wait_timeout, @@SESSION.innodb_lock_wait_timeout"
                if maria
                else "SELECT setting::int / 1000 FROM pg_settings WHERE name = 'lock_timeout'"
            )
            assert set(limits[0]) == {5}


async def test_a_setting_of_the_session_is_sent_again_where_the_rest_of_its_file_is(crew: Crew) -> None:
    setting = "SET SESSION lock_wait_timeout = 2;" if crew.engine == "mariadb" else "SET lock_timeout = '2s';"

    async def first_two(question: Question) -> Confirmation | None:
        return await agree(question) if question.statement.index <= 2 else None

    await crew.apply(f"{setting}\n{crew.runbook}", first_two)
    assert [one.statement.index for one in crew.asked] == [1, 2, 3]
    crew.asked.clear()
    await crew.apply()
    assert [one.statement.index for one in crew.asked] == [1, 3], "the setting once more, the column not"
    crew.asked.clear()
    await crew.apply()
    assert crew.asked == []


async def test_a_connection_lost_in_mid_statement_is_unknown_and_the_next_run_finds_out(crew: Crew) -> None:
    assert crew.pair is not None
    with in_the_way(crew):
        run = asyncio.create_task(crew.apply(crew.runbook))
        await asyncio.to_thread(until, lambda: waiting(crew, "ADD COLUMN"), "it waits inside the server")
        if crew.engine == "mariadb":
            busy = "SELECT id FROM information_schema.processlist WHERE info LIKE 'ALTER TABLE%'"
            crew.sql(f"KILL CONNECTION {crew.sql(busy)[0][0]}")
        else:
            crew.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'ALTER TABLE%'"
                     " AND pid <> pg_backend_pid()")  # fmt: skip
        with pytest.raises(LostError):
            await run
        assert crew.words() == ["unknown"]
        assert crew.states() == ["intent"]
    result = await crew.apply()
    assert "not applied" in result.settled[0]
    assert crew.states() == ["verified", "verified"]


async def test_a_second_statement_behind_a_semicolon_is_refused_by_the_server_itself(crew: Crew) -> None:
    database = crew.open()
    database.connect()
    with closing(database), pytest.raises(DatabaseError):
        database.send(b"CREATE TABLE one (id INT); CREATE TABLE two (id INT)", ())
    assert not crew.sql_or_none("SELECT * FROM one")
    assert not crew.sql_or_none("SELECT * FROM two")


async def test_the_judge_is_told_what_the_live_database_knows(crew: Crew) -> None:
    database = crew.open()
    database.connect()
    with closing(database):
        facts = database.facts()
    assert facts.engine == crew.engine
    assert facts.version >= (10,)
    assert facts.tables_known
    table = facts.tables["reservas"]
    assert table.columns == {"id", "quien"}
    assert len(table.indexes) == 1
    assert table.size_bytes is not None
    assert ("STRICT_TRANS_TABLES" in facts.sql_mode) is (crew.engine == "mariadb")


async def test_bytes_arrive_as_they_are_percent_signs_and_all(crew: Crew) -> None:
    sql = "ALTER TABLE reservas ADD COLUMN tasa VARCHAR(40) DEFAULT '100 % señor %s %(x)s';"
    await crew.apply(sql)
    crew.sql("INSERT INTO reservas (quien) VALUES ('leo')")
    assert crew.sql("SELECT tasa FROM reservas WHERE quien = 'leo'") == [("100 % señor %s %(x)s",)]


async def test_a_ledger_that_cannot_be_written_after_the_statement_never_sends_it_twice(crew: Crew) -> None:
    assert crew.pair is not None
    await crew.apply("CREATE TABLE other (id INTEGER PRIMARY KEY);")
    ledger_lock = crew.pair.connect(crew.database)
    crew.write(crew.runbook, "0002.sql")

    class Locking:
        """Somebody locks the ledger in the very moment in which the statement has left."""

        def __init__(self, database) -> None:  # type: ignore[no-untyped-def]
            self._database = database

        def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
            return getattr(self._database, name)

        def send(self, statement, marks, *, alone=False) -> None:  # type: ignore[no-untyped-def]
            ledger_lock.cursor().execute("BEGIN")
            ledger_lock.cursor().execute("SELECT * FROM canario_migrations FOR UPDATE")
            self._database.send(statement, marks, alone=alone)

    database = Locking(crew.open())
    applier = Applier(database, crew.surroundings(retries=(0.01,)), crew.said.append)  # type: ignore[arg-type]
    with pytest.raises((DatabaseError, LostError)):
        await applier.run(crew.files(), agree)
    ledger_lock.close()
    assert ("notes" in crew.columns()) is (crew.engine == "mariadb"), "PostgreSQL rolls it back"
    await crew.apply()
    assert crew.states() == ["verified"] * 3
    assert "notes" in crew.columns()


async def test_a_second_console_is_told_the_name_of_whoever_is_at_it(crew: Crew) -> None:
    with in_the_way(crew):
        run = asyncio.create_task(crew.apply(crew.runbook, retries=(60.0,)))
        await asyncio.to_thread(until, lambda: waiting(crew, "ADD COLUMN"), "it waits inside the server")
        other = Journal.open(crew.folder.parent / "other.db", scope="local/local/wa-backend", session="0002")
        mine, crew.journal = crew.journal, other
        with pytest.raises(ConflictError, match=MARIA):
            await crew.apply()
        crew.journal = mine
        other.close()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
