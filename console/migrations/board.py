"""What is known of the migrations at one moment: one frozen value, which screens draw and never change. Pure.

The ledger says what became of a statement, the journal what this machine's consoles saw of it; where the two leave its
end open it is `intent` (the next run looks) or `unknown` (a person decides), and never taken for done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from console.migrations.facts import TableFacts
from console.migrations.values import (
    LedgerRow,
    MigrationFile,
    Question,
    ReplicaState,
    Running,
    Server,
    State,
    Statement,
    Transaction,
)
from console.words import _

Key = tuple[str, int]
"""File and number of a statement."""


class Phase(StrEnum):
    """What the desk is at."""

    NO_DATABASE = "no database"
    READING = "reading"
    """Nothing is known yet."""
    IDLE = "idle"
    WORKING = "working"
    """A run is under way: the lock, earlier attempts, the schema."""
    ASKING = "asking"
    """A statement waits for the operator's word."""
    SENDING = "sending"
    """A statement is at the server."""
    REPLICAS = "replicas"
    """The replicas are waited for."""


@dataclass(frozen=True, slots=True)
class JournalWord:
    """What this machine's journal says last of a statement."""

    result: str
    """The outcome's (`acknowledged`, `failed`, `unknown`, `verified`, ...); empty: an intent without one."""
    sentence: str = ""
    digest: str = ""
    """Of the statement that it speaks of."""


@dataclass(frozen=True, slots=True)
class Line:
    """One statement and what is known of it."""

    statement: Statement
    state: State
    sentence: str = ""
    """By whom, when, why."""
    row: LedgerRow | None = None
    pending: bool = True
    """Whether it is still to be sent."""
    leftovers: tuple[str, ...] = ()
    """Statements that drop the INVALID indexes which it left behind."""

    @property
    def key(self) -> Key:
        """Its place in the ledger."""
        return self.statement.key


@dataclass(frozen=True, slots=True)
class Sending:
    """A statement at the server."""

    key: Key
    since: float
    """Monotonic wall seconds when it left."""
    running: Running | None = None
    """As the server says; None where it does not, or not yet."""
    told: bool = True
    """Whether the server tells of running statements at all."""
    transactions: tuple[Transaction, ...] = ()
    """Others' that are open on its tables now."""
    retry: str = ""
    """Why it waits to be sent again, or empty."""
    cancelled: bool = False
    """Whether the operator has asked the server to stop it."""


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that the migrations screen shows."""

    phase: Phase = Phase.READING
    environment: str = ""
    folder: str = ""
    where: str = ""
    """The database's address, without user and password."""
    engine: str = ""
    """`mysql`, `postgres`, `sqlite`; empty where no database is set."""
    server: Server | None = None
    lines: tuple[Line, ...] = ()
    tables: Mapping[str, TableFacts] = field(default_factory=dict)
    """As the database says of itself."""
    replica_names: tuple[str, ...] = ()
    """Replicas that settings name."""
    replicas: tuple[ReplicaState, ...] = ()
    lag_limit_s: float = 60.0
    question: Question | None = None
    sending: Sending | None = None
    step: str = ""
    """What the run is at, a sentence."""
    problem: str = ""
    """Why the last run stopped, with its remedy, or empty."""
    read_problem: str = ""
    """Why folder or database could not be read, or empty."""
    changed: str = ""
    """Which file was changed after it was applied, or empty."""
    notes: tuple[str, ...] = ()
    """What the last run found or could not do besides, newest last."""
    rows: tuple[LedgerRow, ...] = ()
    rows_problem: str = ""
    """Why the ledger could not be read, or empty."""

    @property
    def busy(self) -> bool:
        """Whether a run is under way."""
        return self.phase in (Phase.WORKING, Phase.ASKING, Phase.SENDING, Phase.REPLICAS)

    def line(self, key: Key | None) -> Line | None:
        """The line of that statement."""
        return next((line for line in self.lines if line.key == key), None)

    @property
    def next_line(self) -> Line | None:
        """The first statement that is to be sent, or whose end is not known."""
        return next((line for line in self.lines if line.pending), None)

    @property
    def unsettled(self) -> bool:
        """Whether a statement's end was not seen or not written down: the next run looks."""
        return any(row.state in ("intent", "applied") for row in self.rows)

    @property
    def late(self) -> bool:
        """Whether something is applied of which nobody has seen that the replicas have it."""
        return bool(self.replica_names) and any(row.applied and not row.replicated for row in self.rows)


def lines_of(
    files: Sequence[MigrationFile],
    rows: Mapping[Key, LedgerRow],
    journal: Mapping[Key, JournalWord],
    pending: Iterable[Statement],
    *,
    leftovers: Mapping[Key, tuple[str, ...]] | None = None,
    renamed: Mapping[str, str] | None = None,
) -> tuple[Line, ...]:
    """Every statement of `files`, in order, with what is known of it.

    Args:
        files: the folder's.
        rows: the ledger's.
        journal: what this machine saw.
        pending: what is still to be sent.
        leftovers: see `Line.leftovers`.
        renamed: files that were applied under another name, and that name.
    """
    left = {statement.key for statement in pending}
    made = []
    for file in files:
        old = (renamed or {}).get(file.name)
        for statement in file.statements:
            row, word = rows.get(statement.key), journal.get(statement.key)
            state, sentence = told(statement, row, word, statement.key in left)
            if old is not None and not statement.session:
                state, sentence = State.UNKNOWN, _("applied already, as {old}: is it the same?").format(old=old)
            mine = (leftovers or {}).get(statement.key, ())
            made.append(Line(statement, state, sentence, row, statement.key in left, mine))
    return tuple(made)


def told(statement: Statement, row: LedgerRow | None, word: JournalWord | None, pending: bool) -> tuple[State, str]:
    """A statement's state and what is known in a sentence, from ledger and journal."""
    if statement.session:
        if pending:
            return State.PLANNED, _("sets only our own session; sent again in every run that needs it")
        return State.VERIFIED, _("sets only our own session; nothing after it is left to send")
    if row is None:
        if word is not None and word.result == "failed" and word.digest == statement.digest:
            return State.FAILED, _("the server said no: {why}").format(why=word.sentence)
        return State.PLANNED, ""
    by = _("{who}, {at}").format(who=row.by or "?", at=row.at)
    if word is not None and word.result == "unknown" and row.state in ("intent", "applied"):
        return State.UNKNOWN, _("nobody knows whether it was applied: {why} ({by})").format(why=word.sentence, by=by)
    match row.state:
        case "verified":
            return State.VERIFIED, _("applied, and the schema shows it ({by})").format(by=by)
        case "applied":
            return State.ACKNOWLEDGED, _("the server said it is done; the schema was not looked at ({by})").format(
                by=by
            )
        case "intent":
            return State.INTENT, _("it was about to be sent, and nobody has seen its end ({by})").format(by=by)
        case "again":
            why = word.sentence if word is not None and word.result in ("failed", "settled") else ""
            return State.FAILED, (
                _("not applied: {why} ({by})").format(why=why, by=by)
                if why
                else _("found not applied; it is asked again ({by})").format(by=by)
            )
        case _:
            return State.UNKNOWN, _("the ledger says {word!r} of it").format(word=row.state)
