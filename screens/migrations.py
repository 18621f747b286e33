"""The migrations: every statement with what it does to running code, the one in hand, and the replicas below.

It draws the desk's picture (`console.migrations.board`) and hands the desk what the operator decides; it sends nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from console.errors import CanarioError, UsageError
from console.migrations.board import Board, Key, Line, Phase
from console.migrations.values import Confirmation, Question, State
from console.registry import ACTIONS, Place
from console.release.guardrails import Action, ActionKind, Answer
from console.words import _
from screens import footer, present
from screens import migrations_present as made
from screens.base import ConsoleScreen
from screens.dialogs.approve import ApproveDialog
from screens.dialogs.decide import Decided, DecideDialog
from screens.dialogs.drop_index import DropIndexDialog, Dropped
from screens.dialogs.statement import StatementDialog
from screens.view import View
from widgets.drawing import cut
from widgets.replica_list import ReplicaList
from widgets.statement_panel import STATES, VERDICTS, StatementPanel

if TYPE_CHECKING:
    from console.app import ConsoleApp
    from console.migrations.desk import MigrationDesk
    from console.session import Session

R = TypeVar("R")

LOOK_S = 5.0
"""Wall seconds between two readings while the screen is looked at and nothing is under way."""


class MigrationsScreen(ConsoleScreen):
    """A list of statements, the chosen one, the replicas."""

    NAME: ClassVar[str] = "migrations"
    CSS_PATH = Path(__file__).with_suffix(".tcss")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (160, "-vast")]  # noqa: RUF012 - Textual declares it so
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        # before the list's own Enter, which would only choose
        Binding(",".join(spec.keys), f"on_migrations({spec.id!r})", spec.title, id=spec.id, show=False, priority=True)
        for spec in ACTIONS
        if spec.place is Place.MIGRATIONS
    ]

    def __init__(self) -> None:
        super().__init__()
        self._looked = -LOOK_S
        self._drawn: object = None
        self._asked: Question | None = None
        """The question whose dialog is open, or was."""
        self._before = ("", "")
        self._followed: Key | None = None

    def compose_body(self) -> ComposeResult:
        """Where, what is wrong, the list, the statement, the replicas."""
        yield Static("", id="status", markup=False)
        yield Static("", id="problems", markup=False)
        with Horizontal(id="migrations"):
            with Container(id="statements", classes="pane"):
                yield OptionList(id="list", markup=False)
            with VerticalScroll(id="statement", classes="pane"):
                yield StatementPanel(id="panel")
        with Container(id="replicas", classes="pane"):
            yield ReplicaList(id="replica-list")

    def on_mount(self) -> None:
        """Name the panes."""
        super().on_mount()
        for id, title in (
            ("statements", _("statements")),
            ("statement", _("as it is sent")),
            ("replicas", _("replicas")),
        ):
            self.query_one(f"#{id}").border_title = title
        self.query_one("#list").focus()

    def on_screen_resume(self) -> None:
        """Read afresh whenever the screen is come back to."""
        self._looked = -LOOK_S

    def show_body(self, view: View) -> None:
        """Draw the board of `view`, and ask for a fresh one now and then."""
        board = view.migrations
        if board is None:
            self.query_one("#status", Static).update(Content(present.waiting_for(view, _("waiting for the session"))))
            return
        self._look(board)
        self.query_one("#status", Static).update(Content(self._status(view, board)))
        wrong = made.problems(board)
        box = self.query_one("#problems", Static)
        box.update(Content("\n".join(f"✖ {one}" for one in wrong) or "\n".join(f"● {one}" for one in board.notes)))
        box.set_class(bool(wrong or board.notes), "-shown")
        self.query_one("#migrations").display = self.query_one("#replicas").display = (
            board.phase is not Phase.NO_DATABASE
        )
        self._show_list(board)
        self._show_panel(view, board)
        self.query_one("#replica-list", ReplicaList).show(
            made.replica_rows(board), made.no_replica(board), board.lag_limit_s
        )
        self._ask_where_asked(view, board)

    def _status(self, view: View, board: Board) -> str:
        lines = [made.status(view, board)]
        if board.step:
            lines.append(board.step)
        schema = made.schema_line(view.schema, view.snapshot.readiness.target, view.snapshot.service_name)
        if schema:
            lines.append(schema)
        return "\n".join(lines)

    def _look(self, board: Board) -> None:
        now = self._monotonic
        if board.busy or board.phase is Phase.NO_DATABASE or not self.is_current or now - self._looked < LOOK_S:
            return
        self._looked = now

        async def look(session: Session) -> None:
            if session.migrations is not None:
                await session.migrations.look()

        self._send(look)

    @property
    def _monotonic(self) -> float:
        return cast("ConsoleApp", self.app).clock.monotonic()

    # ------------------------------------------------------------------ the list and the statement

    def _show_list(self, board: Board) -> None:
        rows = made.rows(board)
        options = self.query_one("#list", OptionList)
        width = options.scrollable_content_region.width - 2 or 40
        if (rows, width) == self._drawn:
            self._follow(board)
            return
        self._drawn = rows, width
        chosen = options.highlighted
        options.clear_options()
        files: set[str] = set()
        for row in rows:
            head = Content.styled(row.file, "bold") + Content("\n") if row.file not in files else Content("")
            files.add(row.file)
            options.add_option(Option(head + cut(_list_line(row), width)))
        if chosen is not None and chosen < len(rows):
            options.highlighted = chosen
        elif rows:
            following = board.next_line
            options.highlighted = board.lines.index(following) if following is not None else len(rows) - 1
        self._follow(board)

    def _follow(self, board: Board) -> None:
        """Go to the statement that a run is at, when it gets there."""
        at = board.question.statement.key if board.question is not None else None
        at = board.sending.key if board.sending is not None else at
        if at is None or at == self._followed:
            self._followed = at if board.busy else None
            return
        self._followed = at
        index = next((index for index, line in enumerate(board.lines) if line.key == at), None)
        if index is not None:
            self.query_one("#list", OptionList).highlighted = index

    def _chosen(self, board: Board) -> Line | None:
        index = self.query_one("#list", OptionList).highlighted
        return board.lines[index] if index is not None and index < len(board.lines) else board.next_line

    def _show_panel(self, view: View, board: Board) -> None:
        line = self._chosen(board)
        if line is None:
            words = _("no *.sql file in {folder}").format(folder=board.folder)
            if board.phase is Phase.READING:
                words = _("reading folder and database …")
            self.query_one("#statement").border_subtitle = words
            return
        self.query_one("#statement").border_subtitle = ""

        def key(id: str) -> str:
            return footer.first_key(id, view.keymap)

        self.query_one("#panel", StatementPanel).show(made.panel(view, board, line, self._monotonic, key))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show the statement under the cursor, from its top."""
        event.stop()
        self.query_one("#statement", VerticalScroll).scroll_home(animate=False)
        if self.view is not None and self.view.migrations is not None:
            self._show_panel(self.view, self.view.migrations)

    # ------------------------------------------------------------------ keys

    async def action_on_migrations(self, id: str) -> None:
        """One of the screen's keys."""
        await self.act(id)

    async def act(self, id: str) -> None:
        """See `ConsoleScreen.act`."""
        view = self.view
        board = view.migrations if view is not None else None
        if view is None or board is None:
            self._say(_("Still connecting: a moment."), "warning")
            return
        if board.phase is Phase.NO_DATABASE:
            self._say(_("No database is set for {environment}.").format(environment=board.environment), "warning")
            return
        match id:
            case "migrations_go":
                self._go(view, board)
            case "migrations_cancel":
                self._cancel(board)
            case "migrations_approve":
                self._approve(view, board)

    def _go(self, view: View, board: Board) -> None:
        if board.busy:
            return
        chosen = self._chosen(board)
        if chosen is not None and chosen.leftovers:
            self._drop(view, chosen)
            return
        if chosen is not None and chosen.state is State.UNKNOWN:
            self._decide(view, chosen)
            return
        if board.phase is Phase.READING:
            self._say(_("Folder and database are being read: a moment."), "warning")
            return
        if board.next_line is None and not board.late and not board.unsettled:
            self._say(_("Nothing is left to apply."))
            return
        self._before = ("", "")

        async def start(session: Session) -> None:
            _desk(session).start()

        self._send(start)

    def _cancel(self, board: Board) -> None:
        if not board.busy:
            self._say(_("Nothing is under way here."))
            return

        async def cancel(session: Session) -> None:
            await _desk(session).cancel()

        self._send(cancel)

    def _decide(self, view: View, line: Line) -> None:
        def then(answer: Decided | None) -> None:
            if answer is None:
                return

            async def decide(session: Session) -> None:
                await _desk(session).decide(line.key, applied=answer.applied, reason=answer.reason)

            self._send(decide)

        self._open(DecideDialog(view, line), then)

    def _drop(self, view: View, line: Line) -> None:
        def then(answer: Dropped | None) -> None:
            if answer is None:
                return

            async def drop(session: Session) -> None:
                await _desk(session).drop_leftovers(
                    line.key, typed=answer.typed, shown=answer.shown, reason=answer.reason
                )

            self._send(drop)

        self._open(DropIndexDialog(view, line, self._guards(view)), then)

    def _approve(self, view: View, board: Board) -> None:
        line = self._chosen(board)
        if line is None or not line.pending or not line.statement.second_person:
            self._say(_("Nobody needs to approve that statement."))
            return
        statement = line.statement

        def then(yes: bool | None) -> None:
            if not yes:
                return

            async def approve(session: Session) -> None:
                await _desk(session).approve(statement.key, statement.digest)

            self._send(approve)

        self._open(ApproveDialog(view, board, line), then)

    # ------------------------------------------------------------------ a question

    def _ask_where_asked(self, view: View, board: Board) -> None:
        """Open the dialog of a question that stands, once, where this screen is in front."""
        question = board.question
        if question is None:
            self._asked = None
            return
        asked = self._asked
        if not self.is_current or (asked is not None and asked.statement.key == question.statement.key):
            return
        self._asked = question

        def then(answer: Confirmation | None) -> None:
            if answer is not None:
                self._before = (answer.reason, answer.flag)

            async def reply(session: Session) -> None:
                _desk(session).answer(answer, to=question.statement.key)

            self._send(reply)

        self._open(StatementDialog(view, question, self._guards(view), self._before), then)

    def _guards(self, view: View) -> Callable[[], tuple[Answer, ...]]:
        app = cast("ConsoleApp", self.app)
        seen = view.snapshot
        return lambda: app.propose(Action(ActionKind.MIGRATE), seen).answers

    # ------------------------------------------------------------------ ways to the app

    def _open(self, dialog: Screen[R], then: Callable[[R | None], None]) -> None:
        cast("ConsoleApp", self.app).open_dialog(dialog, then)

    def _say(self, text: str, severity: str = "information") -> None:
        cast("ConsoleApp", self.app).say(text, severity)  # type: ignore[arg-type]

    def _send(self, make: Callable[[Session], Awaitable[None]]) -> None:
        async def send() -> None:
            try:
                await self.ask(make)
            except CanarioError as error:
                self._say(str(error), "error")

        cast("ConsoleApp", self.app).spawn(send())


def _list_line(row: made.ListRow) -> Content:
    glyph, style = STATES.get(row.glyph_state, ("?", ""))
    mark, colour = VERDICTS.get(row.verdict, ("?", ""))
    return Content.assemble(
        (f"{glyph} {row.index:>2} ", style), (f"{row.state_word:<13}", style), (f"{mark} ", colour), row.sql
    )


def _desk(session: Session) -> MigrationDesk:
    if session.migrations is None:
        raise UsageError(_("Migrations are applied in a console only."))
    return session.migrations


__all__ = ["MigrationsScreen"]
