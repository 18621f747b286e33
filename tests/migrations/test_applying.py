"""An operator applies migrations: on SQLite, on a real MariaDB, on a real PostgreSQL."""

from __future__ import annotations

import pytest

from console.errors import BlockedError, ConflictError
from console.migrations import ledger
from console.migrations.deciding import adopt
from console.migrations.errors import DatabaseError, LockTimeoutError
from console.migrations.ledger import ChangedFileError
from console.migrations.values import Confirmation, Question
from tests.migrations.crew import MARIA, PEDRO, Crew, agree


async def test_the_runbooks_two_statements_are_applied_once_and_remembered(crew: Crew) -> None:
    result = await crew.apply(crew.runbook)
    assert [one.index for one in result.applied] == [1, 2]
    assert "notes" in crew.columns()
    assert "idx_notes" in crew.indexes()
    assert crew.states() == ["verified", "verified"]
    again = await crew.apply()
    assert again.applied == ()
    assert crew.words() == ["acknowledged", "acknowledged"]
    assert crew.words("migration check") == ["verified", "verified"]


async def test_the_journal_holds_what_a_crash_would_need_before_the_bytes_leave(crew: Crew) -> None:
    await crew.apply(crew.runbook)
    intent = crew.rows()[0]
    assert intent.phase == "intent"
    for key in ("file", "file_digest", "statement_digest", "server", "verdict", "operator", "before", "connection"):
        assert intent.payload[key], key
    assert intent.payload["expects"] == ["column reservas.notes is there"]
    assert ("STRICT" in str(intent.payload["sql_mode"])) is (crew.engine == "mariadb")
    assert bool(intent.payload["position"]) is (crew.engine != "sqlite")


async def test_a_file_changed_after_it_was_applied_is_an_error_and_nothing_is_sent(crew: Crew) -> None:
    await crew.apply(crew.runbook)
    crew.write("CREATE TABLE extra (id INTEGER PRIMARY KEY);", "0002.sql")
    with pytest.raises(ChangedFileError, match=r"0001\.sql was changed"):
        await crew.apply(crew.runbook + "-- a harmless word\n")
    assert ("0002.sql", 1) not in crew.ledger()


async def test_files_go_in_the_order_of_their_names(crew: Crew) -> None:
    crew.write("CREATE INDEX idx_b ON later(b);" if crew.engine != "postgres" else
               "CREATE INDEX CONCURRENTLY idx_b ON later(b);", "0002.sql")  # fmt: skip
    await crew.apply("CREATE TABLE later (b INTEGER PRIMARY KEY);")
    assert "idx_b" in crew.indexes("later")


async def test_the_tables_name_must_be_typed(crew: Crew) -> None:
    async def careless(question: Question) -> Confirmation:
        return Confirmation(question.statement.digest, "reserva")

    with pytest.raises(BlockedError, match="type reservas"):
        await crew.apply(crew.runbook, careless)
    assert crew.columns() == ["id", "quien"]
    assert crew.rows() == []


async def test_other_bytes_than_those_that_were_shown_are_never_sent(crew: Crew) -> None:
    async def stale(question: Question) -> Confirmation:
        return Confirmation("0" * 64, question.statement.name)

    with pytest.raises(BlockedError, match="other bytes"):
        await crew.apply(crew.runbook, stale)
    assert crew.columns() == ["id", "quien"]


async def test_who_does_not_go_on_after_the_first_statement_finds_the_second_pending(crew: Crew) -> None:
    async def first_only(question: Question) -> Confirmation | None:
        return await agree(question) if question.statement.index == 1 else None

    assert len((await crew.apply(crew.runbook, first_only)).applied) == 1
    assert "idx_notes" not in crew.indexes()
    assert [one.index for one in (await crew.apply()).applied] == [2]


async def test_dropping_a_column_needs_a_flag_and_a_second_person(crew: Crew) -> None:
    def with_flag(flag: str):  # type: ignore[no-untyped-def]
        async def ask(question: Question) -> Confirmation:
            assert question.statement.verdict == "incompatible"
            return Confirmation(question.statement.digest, "reservas", "old code is off", flag)

        return ask

    drop = "ALTER TABLE reservas DROP COLUMN quien;"
    with pytest.raises(BlockedError, match="feature flag"):
        await crew.apply(drop, with_flag(""))
    with pytest.raises(BlockedError, match="nobody else"):
        await crew.apply(drop, with_flag("new_names"))
    crew.second = MARIA
    with pytest.raises(BlockedError, match="your own"):
        await crew.apply(drop, with_flag("new_names"))
    crew.second = PEDRO
    done = await crew.apply(drop, with_flag("new_names"))
    assert (done.applied[0].flag, done.applied[0].approved_by) == ("new_names", PEDRO)
    assert next(row.payload["approver"] for row in crew.rows() if row.phase == "intent") == PEDRO
    assert crew.columns() == ["id"]


async def test_an_approval_that_somebody_writes_into_the_database_counts_for_nothing(crew: Crew) -> None:
    async def ask(question: Question) -> Confirmation:
        return Confirmation(question.statement.digest, "reservas", "old code is off", "new_names")

    crew.write("ALTER TABLE reservas DROP COLUMN quien;")
    crew.sql(
        "CREATE TABLE canario_approvals (statement_digest CHAR(64), approved_by VARCHAR(190), approved_at CHAR(40))"
    )
    digest = crew.files()[0].statements[0].digest
    crew.sql(f"INSERT INTO canario_approvals VALUES ('{digest}', '{PEDRO}', '2026-11-25T12:00:00')")
    with pytest.raises(BlockedError, match="nobody else"):
        await crew.apply(None, ask)
    assert crew.columns() == ["id", "quien"]


async def test_a_file_that_was_applied_under_another_name_is_not_applied_again(crew: Crew) -> None:
    await crew.apply(crew.runbook)
    (crew.folder / "0001.sql").rename(crew.folder / "0001_notas.sql")
    with pytest.raises(ledger.RenamedFileError, match=r"was applied already, as 0001\.sql"):
        await crew.apply()
    (file,) = crew.files()
    around = crew.surroundings()
    await adopt(crew.open(), around, file, "0001.sql", applied=True, reason="only its name has changed")
    assert (await crew.apply()).applied == ()
    assert crew.words("migration decision") == ["done"]
    (crew.folder / "0001_notas.sql").rename(crew.folder / "0009.sql")
    crew.sql("DROP INDEX idx_notes" + (" ON reservas" if crew.engine == "mariadb" else ""))
    crew.sql("ALTER TABLE reservas DROP COLUMN notes")
    (file,) = crew.files()
    old = ledger.renamed([file], crew.ledger())[file.name]
    await adopt(crew.open(), around, file, old, applied=False, reason="the table was restored from before it")
    assert len((await crew.apply()).applied) == 2
    assert "notes" in crew.columns()


async def test_losing_data_is_refused_in_a_protected_environment_whoever_approves(crew: Crew) -> None:
    async def all_of_it(question: Question) -> Confirmation:
        digest = question.statement.digest
        return Confirmation(digest, question.statement.name, "we no longer need it", "off")

    crew.second = PEDRO
    with pytest.raises(BlockedError, match="loses data, which is refused in production"):
        await crew.apply("DROP TABLE reservas;", all_of_it, protected=True)
    assert crew.columns() == ["id", "quien"]


async def test_what_is_not_understood_is_never_confirmed_by_one_person(crew: Crew) -> None:
    async def alone(question: Question) -> Confirmation:
        assert question.statement.verdict == "unknown"
        return Confirmation(question.statement.digest, question.statement.name, "I know what I do here")

    with pytest.raises(BlockedError, match="second person"):
        await crew.apply("FROBNICATE reservas;", alone)


async def test_transactions_of_the_files_own_are_refused(crew: Crew) -> None:
    async def anything(question: Question) -> Confirmation:
        digest = question.statement.digest
        return Confirmation(digest, question.statement.name, "please just do it", "f")

    crew.second = PEDRO
    with pytest.raises(BlockedError, match="transaction of its own"):
        await crew.apply("BEGIN;\nALTER TABLE reservas ADD COLUMN notes VARCHAR(500);\nCOMMIT;", anything)
    assert crew.columns() == ["id", "quien"]


async def test_a_second_console_is_kept_out_and_told_who_is_at_it(crew: Crew) -> None:
    first = crew.open()
    first.connect()
    assert first.acquire() is None
    try:
        with pytest.raises(ConflictError, match="Another console is applying") as told:
            await crew.apply(crew.runbook)
        if crew.engine == "mariadb":
            assert "canario@127.0.0.1" in told.value.what
        else:
            assert MARIA in told.value.what
    finally:
        first.close()
    assert crew.columns() == ["id", "quien"]
    await crew.apply()
    assert "notes" in crew.columns()


async def test_a_statement_that_the_database_refuses_is_failed_and_asked_again(crew: Crew) -> None:
    async def anyway(question: Question) -> Confirmation:
        digest = question.statement.digest
        return Confirmation(digest, question.statement.name, "we try it anyway", "f")

    crew.second = PEDRO
    index = "CREATE UNIQUE INDEX one_each ON reservas(quien);"
    crew.sql("INSERT INTO reservas (quien) VALUES ('ana')")
    with pytest.raises(DatabaseError, match="The database says"):
        await crew.apply(index, anyway)
    assert crew.states() == ["again"]
    assert crew.words() == ["failed"]
    crew.sql("DELETE FROM reservas WHERE quien = 'ana'")
    await crew.apply(None, anyway)
    assert crew.states() == ["verified"]


@pytest.mark.parametrize("crew", ["maria", "postgres"], indirect=True)
async def test_a_lock_that_is_not_to_be_had_is_tried_again_and_then_given_up(crew: Crew) -> None:
    assert crew.pair is not None
    other = crew.pair.connect(crew.database)
    other.cursor().execute("BEGIN")
    other.cursor().execute("SELECT * FROM reservas")
    try:
        with pytest.raises(LockTimeoutError):
            await crew.apply(crew.runbook, retries=(0.01,))
        assert [one.step for one in crew.said].count("retry") == 1
        assert crew.columns() == ["id", "quien"]
    finally:
        other.close()
    await crew.apply()
    assert crew.states() == ["verified", "verified"]


async def test_rows_changed_by_a_statement_are_changed_once(crew: Crew) -> None:
    async def forced(question: Question) -> Confirmation:
        digest = question.statement.digest
        return Confirmation(digest, question.statement.name, "all of them", "f")

    crew.second = PEDRO
    crew.sql("CREATE TABLE counts (n INTEGER PRIMARY KEY)")
    crew.sql("INSERT INTO counts VALUES (1)")
    await crew.apply("UPDATE counts SET n = n + 1;", forced)
    await crew.apply(None, forced)
    assert crew.sql("SELECT n FROM counts") == [(2,)]
    assert next(iter(crew.ledger().values())).atomic
