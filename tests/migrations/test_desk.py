"""The migrations' desk: one picture of how things stand, and a run that waits for the operator's word."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from console.actions.door import Door
from console.clock import SystemClock
from console.errors import UsageError
from console.migrations.board import Board, Phase
from console.migrations.desk import MigrationDesk
from console.migrations.ground import Ground
from console.migrations.offline import NoCloud
from console.migrations.values import Confirmation, Question, State
from console.notify import Notifier
from console.release.guardrails import EnvironmentRules, Facts
from console.release.migration_approvals import StatementRef
from tests.migrations.crew import MARIA, PEDRO, Crew, open_crew


def desk_on(crew: Crew, *, who: str = MARIA, protected: bool = False, gate: bool = False, **more: Any) -> MigrationDesk:
    """An operator's desk on the crew's database."""
    clock = SystemClock()
    door = Door(NoCloud(clock), crew.journal, Notifier(None), clock, {"by": who})

    async def facts() -> Facts:
        return crew.facts(who)

    async def approve(statements: Sequence[StatementRef]) -> None:
        crew.second = who

    replicas = (crew.replica,) if gate and crew.replica is not None else ()
    return MigrationDesk(
        Ground(
            environment="production" if protected else "dev",
            folder=str(crew.folder),
            addresses=lambda: (crew.address, replicas),
            door=door,
            rules=EnvironmentRules("production" if protected else "dev", protected),
            identity=lambda: who,
            facts=facts,
            clock=clock,
            replica_wait_s=30.0,
            retry_waits_s=(0.1,) * 3,
            approve=approve,
            **more,
        )
    )


async def until(desk: MigrationDesk, true: Callable[[Board], Any], what: str, patience_s: float = 60.0) -> Board:
    """Wait until the picture is so."""
    async with asyncio.timeout(patience_s):
        while not true(desk.latest):  # noqa: ASYNC110 - a condition of a picture that is replaced
            await asyncio.sleep(0.02)
    return desk.latest


async def asked(desk: MigrationDesk) -> Question:
    board = await until(desk, lambda b: b.question or not b.busy, "a question")
    assert board.question is not None, board.problem
    return board.question


def yes(question: Question, **more: Any) -> Confirmation:
    return Confirmation(question.statement.digest, question.statement.name, **more)


@pytest.fixture
def lite(tmp_path) -> Any:  # type: ignore[no-untyped-def]
    with open_crew(tmp_path, None) as crew:
        yield crew


async def test_before_anything_is_applied_every_statement_is_planned_and_nothing_is_written(lite: Crew) -> None:
    lite.write(lite.runbook)
    desk = desk_on(lite)
    await desk.look()
    board = desk.latest
    assert (board.phase, board.problem, board.read_problem) == (Phase.IDLE, "", "")
    assert [line.state for line in board.lines] == [State.PLANNED, State.PLANNED]
    assert not lite.sql_or_none("SELECT 1 FROM canario_migrations")


async def test_each_statement_waits_for_its_word_and_ends_verified(lite: Crew) -> None:
    lite.write(lite.runbook)
    remembered: list[tuple[str, ...]] = []

    async def remember(files: Any) -> str:
        remembered.append(tuple(files))
        return ""

    desk = desk_on(lite, remember=remember)
    desk.start()
    for _statement in range(2):
        question = await asked(desk)
        desk.answer(yes(question), to=question.statement.key)
        await until(desk, lambda b, q=question: b.question is not q, "the next")  # type: ignore[misc]
    board = await until(desk, lambda b: not b.busy, "the end")
    assert board.problem == ""
    assert [line.state for line in board.lines] == [State.VERIFIED, State.VERIFIED]
    assert "notes" in lite.columns()
    assert remembered == [("0001.sql",)]


async def test_an_operator_who_does_not_go_on_has_sent_nothing(lite: Crew) -> None:
    lite.write(lite.runbook)
    desk = desk_on(lite)
    desk.start()
    question = await asked(desk)
    desk.answer(None, to=("0002.sql", 1))
    assert desk.latest.question is question
    desk.answer(None, to=question.statement.key)
    board = await until(desk, lambda b: not b.busy, "the end")
    assert [line.state for line in board.lines] == [State.PLANNED, State.PLANNED]
    assert "notes" not in lite.columns()


HOLDS = """
import sys
from console.migrations.database import make_database
from console.migrations.urls import read_url
database = make_database(read_url(sys.argv[1]), who="pedro@demo.example")
database.connect()
assert database.acquire() is None
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def pedro_holds(lite: Crew) -> Iterator[None]:
    """Another console is at the database."""
    command = [sys.executable, "-c", HOLDS, lite.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield
        other.communicate("")


@pytest.mark.usefixtures("pedro_holds")
async def test_who_holds_the_database_is_named(lite: Crew) -> None:
    lite.write(lite.runbook)
    desk = desk_on(lite)
    desk.start()
    board = await until(desk, lambda b: not b.busy, "the refusal")
    assert "Another console is applying" in board.problem
    assert "pedro@demo.example" in board.problem


async def test_leaving_while_a_question_stands_sends_nothing(lite: Crew) -> None:
    lite.write(lite.runbook)
    desk = desk_on(lite)
    desk.start()
    await asked(desk)
    await desk.close()
    assert not desk.latest.busy
    assert "notes" not in lite.columns()


async def test_a_second_persons_approval_counts_for_the_question_that_stands_open(lite: Crew) -> None:
    lite.write("ALTER TABLE reservas DROP COLUMN quien;")
    hers, his = desk_on(lite), desk_on(lite, who=PEDRO)
    await his.look()
    hers.start()
    question = await asked(hers)
    with pytest.raises(UsageError, match="not the bytes"):
        await his.approve(question.statement.key, "0" * 64)
    await his.approve(question.statement.key, question.statement.digest)
    hers.answer(yes(question, flag="sin_quien"), to=question.statement.key)
    board = await until(hers, lambda b: not b.busy, "the end")
    assert board.problem == ""
    assert board.rows[0].approved_by == PEDRO
    assert "quien" not in lite.columns()


async def test_what_a_guardrail_refuses_is_said_and_not_sent(lite: Crew) -> None:
    lite.write("ALTER TABLE reservas DROP COLUMN quien;")
    desk = desk_on(lite)
    desk.start()
    question = await asked(desk)
    desk.answer(yes(question), to=question.statement.key)
    board = await until(desk, lambda b: not b.busy, "the refusal")
    assert "feature flag" in board.problem
    assert "quien" in lite.columns()


async def test_bytes_that_no_screen_can_show_are_never_sent(lite: Crew) -> None:
    lite.write("CREATE TABLE avisos (id INTEGER PRIMARY KEY, texto TEXT DEFAULT 'a\u202eb');")
    desk = desk_on(lite)
    desk.start()
    question = await asked(desk)
    desk.answer(yes(question, reason="because it is needed now"), to=question.statement.key)
    board = await until(desk, lambda b: not b.busy, "the refusal")
    assert "U+202E" in board.problem
    assert not lite.sql_or_none("SELECT 1 FROM avisos")


async def test_a_rollback_hears_what_was_forced_since_its_target_was_made(lite: Crew) -> None:
    lite.write("ALTER TABLE reservas DROP COLUMN quien;")
    lite.second = PEDRO
    desk = desk_on(lite)
    desk.start()
    question = await asked(desk)
    desk.answer(yes(question, flag="sin_quien"), to=question.statement.key)
    await until(desk, lambda b: not b.busy, "the end")
    told = desk.compatibility("wa-backend-00041-kud", None)
    assert told is not None
    assert told.runs is False
    assert "sin_quien" in told.warnings[0]


async def test_a_database_that_cannot_be_read_is_no_database_without_changes(lite: Crew, tmp_path: Any) -> None:
    lite.write(lite.runbook)
    desk = desk_on(lite)
    (tmp_path / "wa.db").unlink()
    await desk.look()
    assert "There is no database" in desk.latest.read_problem


async def test_on_the_pair_the_replica_is_waited_for_and_tells_how_far_it_is(maria_crew: Crew) -> None:
    maria_crew.write("ALTER TABLE reservas ADD COLUMN notes VARCHAR(500);")
    desk = desk_on(maria_crew, gate=True)
    desk.start()
    question = await asked(desk)
    desk.answer(yes(question), to=question.statement.key)
    board = await until(desk, lambda b: not b.busy, "the end")
    assert board.problem == ""
    assert [line.state for line in board.lines] == [State.VERIFIED]
    assert not board.late
    (replica,) = board.replicas
    assert replica.position
    assert replica.lag_s is not None
    await desk.look()
    (seen,) = desk.latest.replicas
    assert (seen.state, bool(seen.position)) == ("seen", True)


async def test_a_statement_that_waits_says_for_what_and_is_cancelled_on_the_server(maria_crew: Crew) -> None:
    maria_crew.write("ALTER TABLE reservas ADD COLUMN notes VARCHAR(500);")
    desk = desk_on(maria_crew)
    pair = maria_crew.pair
    assert pair is not None
    with pair.connect(maria_crew.database) as other:
        cursor = other.cursor()
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT * FROM reservas")
        desk.start()
        question = await asked(desk)
        desk.answer(yes(question), to=question.statement.key)
        board = await until(
            desk, lambda b: b.sending and b.sending.running and "metadata lock" in b.sending.running.doing, "the wait"
        )
        assert board.sending is not None
        assert board.sending.transactions
        await desk.cancel()
        board = await until(desk, lambda b: not b.busy, "the end")
        cursor.execute("ROLLBACK")
    assert [line.state for line in board.lines] == [State.FAILED]
    assert "notes" not in maria_crew.columns()


async def test_a_statement_on_postgresql_says_what_it_waits_for_and_who_blocks_it(postgres_crew: Crew) -> None:
    crew = postgres_crew
    crew.write("ALTER TABLE reservas ADD COLUMN notes text;")
    desk = desk_on(crew)
    assert crew.pair is not None
    with crew.pair.connect(crew.database) as other:
        cursor = other.cursor()
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM reservas")
        desk.start()
        question = await asked(desk)
        desk.answer(yes(question), to=question.statement.key)
        board = await until(desk, lambda b: b.sending and b.sending.running and b.sending.running.waits, "the wait")
        assert board.sending is not None
        running = board.sending.running
        assert running is not None
        assert running.waits == "Lock: relation"
        assert ["SELECT * FROM reservas" in one.doing for one in running.blockers] == [True]
        await desk.cancel()
        await until(desk, lambda b: not b.busy, "the end")
        cursor.execute("ROLLBACK")
    assert "notes" not in crew.columns()


async def test_a_renamed_file_waits_for_a_decision_and_is_not_sent_again(lite: Crew) -> None:
    await lite.apply(lite.runbook)
    (lite.folder / "0001.sql").rename(lite.folder / "0001_notas.sql")
    desk = desk_on(lite)
    await desk.look()
    assert "was applied already, as 0001.sql" in desk.latest.changed
    assert [line.state for line in desk.latest.lines] == [State.UNKNOWN, State.UNKNOWN]
    desk.start()
    board = await until(desk, lambda b: not b.busy, "the refusal")
    assert "was applied already" in board.problem
    await desk.decide(("0001_notas.sql", 1), applied=True, reason="only its name has changed")
    assert [line.state for line in desk.latest.lines] == [State.VERIFIED, State.VERIFIED]
    assert (desk.latest.changed, desk.latest.next_line) == ("", None)
