"""An operator on the migrations screen: what is drawn, what the keys do, and what is never sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pictures import assert_picture, screen_text
from stub import ME, NOON, approved, make_app, snapshot
from textual.pilot import Pilot
from textual.widgets import Input

from console.app import ConsoleApp
from console.migrations.board import Board, Line, Phase, Sending
from console.migrations.facts import Facts, TableFacts
from console.migrations.files import statement_of
from console.migrations.lint import lint
from console.migrations.memory import Compatibility
from console.migrations.values import (
    Confirmation,
    LedgerRow,
    Question,
    ReplicaState,
    Running,
    Server,
    State,
    Statement,
    Transaction,
)
from console.migrations.verdict import Dialect
from console.release.audited import ApprovalWrite
from console.release.state import MigrationApproval
from screens.dialogs.statement import StatementDialog
from screens.migrations import MigrationsScreen

PEDRO = "pedro@acme.example"
SIZES = [(120, 40), (80, 24), (200, 60)]
SERVER = Server("mariadb", "10.11.6-MariaDB", "uid-1", "wa")
FACTS = Facts(
    "mariadb",
    (10, 11, 6),
    tables={"reservas": TableFacts(1_240_000, 310_000_000, frozenset({"id", "dia"}), frozenset({"primary"}))},
    tables_known=True,
)
RUNBOOK = "ALTER TABLE reservas ADD COLUMN notes VARCHAR(500);\nCREATE INDEX idx_notes ON reservas(notes);\n"
DROP = "ALTER TABLE reservas DROP COLUMN dia;\n"


def statements(sql: str, file: str = "0007_notes.sql") -> list[Statement]:
    return [statement_of(file, "d" * 64, verdict, Dialect.MYSQL) for verdict in lint(sql, Dialect.MYSQL, FACTS)]


def board(*lines: Line, **rest: Any) -> Board:
    values: dict[str, Any] = {
        "phase": Phase.IDLE,
        "environment": "production",
        "folder": "migrations",
        "where": "10.0.0.5:3306/wa",
        "engine": "mysql",
        "server": SERVER,
        "lines": lines,
        "tables": FACTS.tables,
        "replica_names": ("10.0.0.6:3306",),
        "replicas": (
            ReplicaState(
                "10.0.0.6:3306", "seen", "both threads run, it says", 0.4, (0.2, None, 0.3, 12.0, 0.4), "0-1-4711"
            ),
        ),
        **rest,
    }
    return Board(**values)


def planned() -> Board:
    return board(*(Line(one, State.PLANNED) for one in [*statements(RUNBOOK), *statements(DROP, "0008_dia.sql")]))


def question(sql: str = RUNBOOK, **rest: Any) -> Question:
    values: dict[str, Any] = {"environment": "production", "protected": True, "facts": FACTS.tables, **rest}
    return Question(statements(sql)[0], SERVER, **values)


def asking(**rest: Any) -> Board:
    asked = question(**rest)
    lines = [Line(one, State.PLANNED) for one in statements(rest.get("sql", RUNBOOK))]
    return board(*lines, phase=Phase.ASKING, question=asked)


def sending() -> Board:
    first, second = statements(RUNBOOK)
    return board(
        Line(first, State.INTENT),
        Line(second, State.PLANNED),
        phase=Phase.SENDING,
        sending=Sending(
            first.key,
            987.0,
            Running("31@1", 13.0, "ALTER TABLE reservas ... (Waiting for table metadata lock)", True),
            transactions=(Transaction("29", "app@10.0.0.9", 94.0, "SELECT * FROM reservas"),),
        ),
        replicas=(),
    )


def after_a_crash() -> Board:
    first, second = statements(RUNBOOK)
    row = LedgerRow("0007_notes.sql", "d", 2, second.digest, "intent", by="maria@acme.example", at="2026-11-25T12:01")
    return board(
        Line(first, State.VERIFIED, "applied, and the schema shows it (maria@acme.example, 2026-11-25T12:00)",
             replace(row, index=1, state="verified", verdict="additive"), pending=False),
        Line(second, State.UNKNOWN, "nobody knows whether it was applied: the schema is neither as before nor as after",
             row),
        replicas=(ReplicaState("10.0.0.6:3306", "unknown", "the thread that applies is not running (no)", None,
                               (0.3, None, None), ""),),
        problem="0007_notes.sql, statement 2: nobody knows whether it was applied.",
    )  # fmt: skip


STATES: dict[str, Callable[[], Board]] = {
    "planned": planned,
    "sending": sending,
    "after-a-crash": after_a_crash,
    "no-database": lambda: Board(Phase.NO_DATABASE, "production", "migrations"),
}


class StubDesk:
    """A desk whose picture a test sets; keeps what it is asked for."""

    def __init__(self, latest: Board) -> None:
        self.latest = latest
        self.did: list[Any] = []
        self.schema: Compatibility | None = None

    def compatibility(self, target: str | None, made: object) -> Compatibility | None:
        return self.schema

    async def look(self) -> None:
        return

    def start(self) -> None:
        self.did.append("start")

    def answer(self, confirmation: Confirmation | None, *, to: object) -> None:
        assert self.latest.question is None or to == self.latest.question.statement.key
        self.did.append(confirmation)
        self.latest = replace(self.latest, question=None, phase=Phase.WORKING)

    async def cancel(self) -> None:
        self.did.append("cancel")

    async def decide(self, key: object, *, applied: bool, reason: str) -> None:
        self.did.append((key, applied, reason))

    async def drop_leftovers(self, key: object, *, typed: str, shown: object, reason: str) -> None:
        self.did.append(("drop", key, typed, shown, reason))

    async def approve(self, key: object, digest: str) -> None:
        self.did.append(("approve", key, digest))


def app_with(picture: Board) -> tuple[ConsoleApp, StubDesk]:
    app, desk = make_app(snapshot(10, candidate=approved())), StubDesk(picture)
    app.stub.session.migrations = desk  # type: ignore[attr-defined]
    return app, desk


async def drawn(app: ConsoleApp, pilot: Pilot[Any]) -> str:
    """The screen once it has settled."""
    for _turn in range(3):
        await pilot.pause()
        app.repaint()
    await pilot.pause()
    return screen_text(app)


async def opened(app: ConsoleApp, pilot: Pilot[Any]) -> str:
    await pilot.pause()
    await pilot.press("g")
    async with asyncio.timeout(30):
        while not any(isinstance(screen, MigrationsScreen) for screen in app.screen_stack):
            await pilot.pause()
    return await drawn(app, pilot)


@pytest.fixture(autouse=True)
def _no_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.dialogs.base.QUIET_S", 0.0)


@pytest.mark.parametrize(
    ("state", "size"),
    [*((state, size) for state in STATES for size in SIZES[:2]), ("planned", SIZES[2])],
    ids=lambda part: f"{part[0]}x{part[1]}" if isinstance(part, tuple) else part,
)
async def test_the_migrations_screen_as_drawn(state: str, size: tuple[int, int]) -> None:
    app, _desk = app_with(STATES[state]())
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot)
        text = assert_picture(app, f"migrations-{state}-{size[0]}x{size[1]}")
        assert "PRODUCTION" in text
        assert "F9 Roll back" in text


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("sql", [RUNBOOK, DROP], ids=["additive", "incompatible"])
async def test_the_question_as_drawn(sql: str, size: tuple[int, int]) -> None:
    busy = (Transaction("29", "app@10.0.0.9", 94.0, "SELECT * FROM reservas"),)
    app, _desk = app_with(asking(sql=sql, transactions=busy))
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot)
        name = "additive" if sql == RUNBOOK else "incompatible"
        text = assert_picture(app, f"migrations-question-{name}-{size[0]}x{size[1]}")
        assert "type reservas to send it" in text
        assert text.index("Open for 94 s") < text.index("sha256")


async def test_enter_sends_nothing_until_the_tables_name_is_typed_and_then_these_very_bytes() -> None:
    app, desk = app_with(asking())
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        await pilot.press(*"reserva", "enter")
        assert desk.did == []
        assert "Enter does nothing yet" in await drawn(app, pilot)
        await pilot.press("s")
        assert "Enter Send it" in await drawn(app, pilot)
        await pilot.press("enter")
        await drawn(app, pilot)
        (given,) = desk.did
        assert given.statement_digest == statements(RUNBOOK)[0].digest
        assert given.typed == "reservas"


async def test_escape_answers_no_and_nothing_is_sent() -> None:
    app, desk = app_with(asking())
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        await pilot.press("escape")
        await drawn(app, pilot)
        assert desk.did == [None]


async def test_what_blocks_wants_a_written_reason() -> None:
    app, desk = app_with(asking(sql="OPTIMIZE TABLE reservas;"))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        dialog = app.screen
        assert isinstance(dialog, StatementDialog)
        await pilot.press(*desk.latest.question.statement.name, "enter")  # type: ignore[union-attr]
        assert desk.did == []
        dialog.query_one("#reason", Input).value = "the night is quiet"
        await drawn(app, pilot)
        await pilot.press("enter")
        await drawn(app, pilot)
        assert desk.did[0].reason == "the night is quiet"


async def test_incompatible_waits_for_the_flag_and_for_another_person() -> None:
    sql = "ALTER TABLE reservas ADD CONSTRAINT u UNIQUE (dia);"
    app, desk = app_with(asking(sql=sql, environment="dev", protected=False))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        app.screen.query_one("#flag", Input).value = "unica"
        app.screen.query_one("#name", Input).value = "reservas"
        await drawn(app, pilot)
        await pilot.press("enter")
        assert desk.did == []

        async def told(*written: tuple[str, str]) -> str:
            publish_approvals(app, desk.latest.lines[0].statement, *written)
            return " ".join((await drawn(app, pilot)).split())

        assert "nobody else has approved it" in await told()
        assert "you cannot approve your own" in await told((ME, ME))
        assert "verifying pedro@acme.example's" in await told((PEDRO, ""))
        assert f"FORGED: {ME} wrote it in the name of {PEDRO}" in await told((PEDRO, ME))
        said = await told((ME, ME), (PEDRO, PEDRO))
        assert f"{PEDRO} approves these bytes, says the Cloud Audit Log" in said
        assert "Enter Send it" in said
        await pilot.press("enter")
        await drawn(app, pilot)
        assert desk.did[0].flag == "unica"


def publish_approvals(app: ConsoleApp, statement: Statement, *written: tuple[str, str]) -> None:
    """Let the service carry approvals of a statement.

    Args:
        app: on a stub.
        statement: which.
        written: by whom it says each is, and who wrote it, by the audit log; empty: the log has not told.
    """
    candidate, writes = approved(), [ApprovalWrite(NOON - timedelta(hours=1), ME, ())]
    for number, (by, writer) in enumerate(written):
        given = MigrationApproval(
            id=f"{number:016d}",
            by=by,
            at=NOON,
            file=statement.file,
            file_digest=statement.file_digest,
            statement=statement.index,
            digest=statement.digest,
            candidate=candidate.id,
        )
        candidate = candidate.model_copy(update={"migration_approvals": (*candidate.migration_approvals, given)})
        if writer:
            writes.append(ApprovalWrite(NOON, writer, (), migrations=candidate.migration_approvals[-1:]))
    app.stub.publish(snapshot(10, candidate=candidate, approval_writes=tuple(writes)))  # type: ignore[attr-defined]


async def test_an_invalid_index_is_dropped_by_the_tables_name_from_the_screen() -> None:
    picture = after_a_crash()
    left = replace(picture.lines[1], leftovers=("DROP INDEX CONCURRENTLY idx_notes",))
    left = replace(left, row=replace(left.row, tables=("reservas",)))  # type: ignore[type-var]
    app, desk = app_with(replace(picture, lines=(picture.lines[0], left)))
    async with app.run_test(size=(80, 24)) as pilot:
        text = await opened(app, pilot)
        assert "drop the INVALID index that it left" in text
        await pilot.press("enter")
        text = await drawn(app, pilot)
        assert "DROP INDEX CONCURRENTLY idx_notes;" in text
        assert "type reservas to send it" in text
        await pilot.press(*"reserva", "enter")
        assert desk.did == []
        await pilot.press("s", "enter")
        await drawn(app, pilot)
        assert desk.did == [
            ("drop", ("0007_notes.sql", 2), "reservas", ("DROP INDEX CONCURRENTLY idx_notes",), ""),
        ]


async def test_a_statement_that_waits_says_for_what_and_who_is_in_its_way() -> None:
    picture = sending()
    blocker = Transaction("4711", "app psql", 94.0, "SELECT * FROM reservas")
    running = Running("31@1", 13.0, "ALTER TABLE reservas ...", True, "Lock: relation", (blocker,))
    assert picture.sending is not None
    app, _desk = app_with(replace(picture, sending=replace(picture.sending, running=running)))
    async with app.run_test(size=(120, 40)) as pilot:
        text = await opened(app, pilot)
        assert "Lock: relation" in text
        assert "app psql (4711), 94 s" in text


async def test_a_question_that_nobody_asks_any_more_closes_its_dialog() -> None:
    app, desk = app_with(asking())
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        desk.latest = replace(desk.latest, question=None, phase=Phase.IDLE, problem="The connection was lost.")
        text = await drawn(app, pilot)
        assert not isinstance(app.screen, StatementDialog)
        assert "The connection was lost." in text


async def test_enter_starts_and_x_cancels_on_the_server() -> None:
    app, desk = app_with(planned())
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        await pilot.press("enter")
        desk.latest = sending()
        text = await drawn(app, pilot)
        assert "Waiting for table metadata lock" in text
        assert "app@10.0.0.9" in text
        await pilot.press("x")
        await drawn(app, pilot)
        assert desk.did == ["start", "cancel"]


async def test_an_unknown_statement_asks_a_person_with_a_reason() -> None:
    app, desk = app_with(after_a_crash())
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        await pilot.press("enter")
        await drawn(app, pilot)
        await pilot.press("enter", "ctrl+n")
        assert desk.did == []
        await pilot.press(*"SHOW INDEX shows none", "ctrl+n")
        await drawn(app, pilot)
        assert desk.did == [(("0007_notes.sql", 2), False, "SHOW INDEX shows none")]


async def test_a_second_person_approves_by_typing_the_tables_name() -> None:
    app, desk = app_with(board(*(Line(one, State.PLANNED) for one in statements(DROP, "0008_dia.sql"))))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        await pilot.press("y")
        await drawn(app, pilot)
        await pilot.press("enter")
        assert desk.did == []
        await pilot.press(*"reservas", "enter")
        await drawn(app, pilot)
        assert desk.did == [("approve", ("0008_dia.sql", 1), statements(DROP)[0].digest)]


HOSTILE = (
    "CREATE TABLE avisos (id INT PRIMARY KEY, texto VARCHAR(90) DEFAULT '"
    "\x1b]0;owned\x07\x1b[2J[bold red]x[/] \u202ecba\u202c\u200b');"
)


async def test_hostile_sql_is_inert_and_every_byte_of_it_is_named() -> None:
    app, desk = app_with(asking(sql=HOSTILE))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        text = await drawn(app, pilot)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "⟨U+001B⟩]0;owned⟨U+0007⟩" in text
        assert "[bold red]x[/]" in text
        await pilot.press(*desk.latest.question.statement.name, "enter")  # type: ignore[union-attr]
        await drawn(app, pilot)
        assert desk.did == []


async def test_lag_that_nobody_knows_is_never_drawn_as_none() -> None:
    app, _desk = app_with(after_a_crash())
    async with app.run_test(size=(120, 40)) as pilot:
        text = await opened(app, pilot)
        assert "lag unknown" in text
        assert "position unknown" in text
        assert "0.0 s behind" not in text


async def test_the_canary_screen_warns_of_a_rollback_to_code_that_the_schema_has_left_behind() -> None:
    app, desk = app_with(planned())
    desk.schema = Compatibility(
        False, "It may fail: the schema has changed under it.", ("0008_dia.sql is incompatible, forced by maria",)
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.repaint()
        await pilot.pause()
        words = " ".join(screen_text(app).split())
        assert "Rollback to 00041-kud: It may fail" in words


async def test_leaving_in_the_middle_of_a_migration_asks_first() -> None:
    app, _desk = app_with(sending())
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot)
        await pilot.press("q")
        assert "Leave while a migration is under way?" in await drawn(app, pilot)


def test_a_picture_of_a_statement_leaves_nothing_out() -> None:
    from console.migrations.showing import picture
    from widgets.statement_panel import chopped

    sql = Path(__file__).read_text(encoding="utf-8")[:3000]
    assert "\n".join(picture(sql).lines).replace("⇥", "\t") == sql
    assert "".join(chopped(sql.replace("\n", " "), 37)) == sql.replace("\n", " ")
