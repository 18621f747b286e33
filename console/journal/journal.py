"""The journal's file: intents, outcomes, and the chain of hashes that shows a row changed or taken out of the middle.

A row is written once and never changed (triggers refuse it). Intent and outcome are rows of their own; an intent with
no outcome was cut off by a crash and is settled at the next start by reading the service.

What the chain cannot show is a tail that was lost or cut off: a shorter chain is a valid chain. The copies in Cloud
Logging (`canario-audit`) carry each row's number and hash for that.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from console.clock import Clock, SystemClock
from console.errors import JournalError
from console.journal.scrub import Plain, scrub, scrub_text
from console.words import _

GENESIS = "0" * 64
"""The hash before the first row."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    server_time TEXT,
    phase TEXT NOT NULL CHECK (phase IN ('intent', 'outcome')),
    intent INTEGER REFERENCES entries (id),
    kind TEXT NOT NULL,
    result TEXT NOT NULL DEFAULT '',
    scope TEXT NOT NULL DEFAULT '',
    session TEXT NOT NULL DEFAULT '',
    payload TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS one_outcome ON entries (intent) WHERE phase = 'outcome';
CREATE TRIGGER IF NOT EXISTS never_changed BEFORE UPDATE ON entries
    BEGIN SELECT RAISE (ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS never_deleted BEFORE DELETE ON entries
    BEGIN SELECT RAISE (ABORT, 'the journal is append-only'); END;
"""

_COLUMNS = "id, at, server_time, phase, intent, kind, result, scope, session, payload, previous, hash"
_SELECT = f"SELECT {_COLUMNS} FROM entries"  # noqa: S608 - a constant
_ALL = f"{_SELECT} ORDER BY id"
_INSERT = f"INSERT INTO entries ({_COLUMNS}) VALUES ({', '.join('?' * 12)})"  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True)
class Entry:
    """One row."""

    id: int
    at: datetime
    """Local wall time, UTC; may be wrong, `server_time` is what counts."""
    server_time: datetime | None
    phase: str
    """`intent` or `outcome`."""
    intent: int | None
    """For an outcome: its intent's id."""
    kind: str
    """What was done: `shift`, `rollback`, `deploy`, ..."""
    result: str
    """For an outcome: `done`, `failed`, `blocked`, `conflict`, `settled`, ..."""
    scope: str
    """`project/region/service`."""
    session: str
    """Console or command that wrote it."""
    payload: Mapping[str, Plain] = field(default_factory=dict)
    hash: str = ""


Unfinished = Entry
"""An intent that has no outcome."""


class Journal:
    """An open journal. Thread-safe; each write is one durable transaction (about a millisecond on an SSD).

    Opening never raises: where the file cannot be used, `writable` is False and `problem` says why, so that a
    rollback is never held up by a disk.
    """

    def __init__(self, path: Path, *, scope: str = "", session: str = "", clock: Clock | None = None) -> None:
        """Use `Journal.open`."""
        self.path = path
        self._clock: Clock = clock or SystemClock()
        self.scope = scope
        """`project/region/service` that new rows are for."""
        self.session = session
        self.problem = ""
        """Why the journal cannot be written, one sentence; empty while it can."""
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    @classmethod
    def open(cls, path: Path | str, *, scope: str = "", session: str = "", clock: Clock | None = None) -> Self:
        """Open or make the journal at `path` (its folder too, readable by its owner alone).

        Args:
            path: the file, e.g. under platformdirs' user_state_path.
            scope: `project/region/service` of the rows to come.
            session: id of this console or command.
            clock: for the rows' local time.
        """
        journal = cls(Path(path), scope=scope, session=session, clock=clock)
        with journal._lock:
            journal._connect()
        return journal

    def _connect(self) -> sqlite3.Connection | None:
        if self._connection is not None:
            return self._connection
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self.path.exists():
                os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600))
            connection = sqlite3.connect(self.path, timeout=5.0, check_same_thread=False, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                connection.executescript(_SCHEMA)
                # an empty write transaction finds a read-only file or a full disk now, not at the first move
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
            except BaseException:
                connection.close()
                raise
        except (OSError, sqlite3.Error) as error:
            self.problem = _("{path}: {problem}").format(path=self.path, problem=error)
            return None
        self._connection = connection
        self.problem = ""
        return connection

    @property
    def healthy(self) -> bool:
        """Whether the last attempt to write went well, as far as is known: no lock, no disk, for a screen to ask."""
        return self._connection is not None and not self.problem

    @property
    def writable(self) -> bool:
        """Whether a write would go well; one that was broken is tried again at each look (may wait on the disk)."""
        with self._lock:
            if self._connection is not None and not self.problem:
                return True
            connection = self._connect()
            if connection is None:
                return False
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                self.problem = _("{path}: {problem}").format(path=self.path, problem=error)
                return False
            self.problem = ""
            return True

    def intent(self, kind: str, payload: Mapping[str, object], *, server_time: datetime | None = None) -> int:
        """Write down what is about to be done, durably, before it is done.

        Returns:
            The row's id, for `outcome`.

        Raises:
            JournalError: it could not be written.
        """
        return self.write_intent(kind, payload, server_time=server_time).id

    def write_intent(self, kind: str, payload: Mapping[str, object], *, server_time: datetime | None = None) -> Entry:
        """`intent`, returning the whole row (its hash goes into the copy).

        Raises:
            JournalError: it could not be written.
        """
        return self._append("intent", kind, None, "", payload, server_time)

    def outcome(
        self, intent_id: int, result: str, payload: Mapping[str, object], *, server_time: datetime | None = None
    ) -> Entry:
        """Write down how an intent ended.

        Raises:
            JournalError: it could not be written, there is no such intent, or it has an outcome already.
        """
        return self._append("outcome", "", intent_id, result, payload, server_time)

    def unfinished(self, *, session: str | None = None) -> list[Unfinished]:
        """Intents of this journal's scope that have no outcome, oldest first.

        Args:
            session: leave out the intents of this session (they are under way, not lost).

        Raises:
            JournalError: the journal cannot be read.
        """
        return self._select(
            "phase = 'intent' AND scope = ? AND session IS NOT ? AND NOT EXISTS"
            " (SELECT 1 FROM entries AS o WHERE o.phase = 'outcome' AND o.intent = entries.id) ORDER BY id",
            (self.scope, session),
        )

    def entries(self, limit: int = 200, *, scope: str | None = None, kind: str | None = None) -> list[Entry]:
        """The newest `limit` rows of a scope (this journal's where None), of one kind or of all, newest first.

        Raises:
            JournalError: the journal cannot be read.
        """
        return self._select(
            "scope = ? AND (? IS NULL OR kind = ?) ORDER BY id DESC LIMIT ?",
            (self.scope if scope is None else scope, kind, kind, limit),
        )

    def verify(self) -> list[str]:
        """What is wrong with the chain, a sentence each; empty where every row follows from the one before."""
        problems: list[str] = []
        previous, expected_id = GENESIS, 1
        with self._lock:
            connection = self._connect()
            if connection is None:
                return [self.problem]
            try:
                rows = connection.execute(_ALL).fetchall()
            except sqlite3.Error as error:
                return [_("{path}: {problem}").format(path=self.path, problem=error)]
        for row in rows:
            if row[0] != expected_id:
                problems.append(_("Entry {id} follows entry {before}: something is missing between.").format(
                    id=row[0], before=expected_id - 1
                ))  # fmt: skip
            if row[10] != previous:
                problems.append(_("Entry {id} does not follow from the one before it.").format(id=row[0]))
            if _hash(row[:11]) != row[11]:
                problems.append(_("Entry {id} was changed after it was written.").format(id=row[0]))
            previous, expected_id = row[11], row[0] + 1
        return problems

    def close(self) -> None:
        """Close the file; later writes open it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def __enter__(self) -> Self:
        """The journal itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _append(
        self,
        phase: str,
        kind: str,
        intent: int | None,
        result: str,
        payload: Mapping[str, object],
        server_time: datetime | None,
    ) -> Entry:
        text = json.dumps(scrub(payload), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        at = self._clock.now().astimezone(UTC).isoformat(timespec="milliseconds")
        told = server_time.astimezone(UTC).isoformat(timespec="milliseconds") if server_time is not None else None
        with self._lock:
            connection = self._connect()
            if connection is None:
                raise self._error()
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    if phase == "outcome":
                        found = connection.execute(
                            "SELECT kind FROM entries WHERE id = ? AND phase = 'intent'", (intent,)
                        ).fetchone()
                        if found is None:
                            raise JournalError(_("The journal has no intent {id}.").format(id=intent))
                        kind = found[0]
                    last = connection.execute("SELECT id, hash FROM entries ORDER BY id DESC LIMIT 1").fetchone()
                    number, previous = (last[0] + 1, last[1]) if last is not None else (1, GENESIS)
                    row = (number, at, told, phase, intent, kind, scrub_text(result), self.scope, self.session, text)
                    digest = _hash((*row, previous))
                    connection.execute(
                        _INSERT,
                        (*row, previous, digest),
                    )
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
            except sqlite3.IntegrityError as error:
                raise JournalError(_("The journal refused a row: {problem}").format(problem=error)) from error
            except sqlite3.Error as error:
                self.problem = _("{path}: {problem}").format(path=self.path, problem=error)
                raise self._error() from error
            self.problem = ""
        return _entry((*row, previous, digest))

    def _select(self, where: str, parameters: tuple[object, ...]) -> list[Entry]:
        with self._lock:
            connection = self._connect()
            if connection is None:
                raise self._error()
            try:
                rows = connection.execute(f"{_SELECT} WHERE {where}", parameters).fetchall()
            except sqlite3.Error as error:
                raise JournalError(_("The journal cannot be read: {problem}").format(problem=error)) from error
        return [_entry(row) for row in rows]

    def _error(self) -> JournalError:
        return JournalError(
            _("The journal cannot be written: {problem}").format(problem=self.problem),
            remedy=_("Free the disk or name another place for it; a rollback works all the same."),
        )


def _hash(row: tuple[object, ...]) -> str:
    """SHA-256 over a row without its own hash, as JSON: no two rows share a serialisation."""
    return hashlib.sha256(json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def _entry(row: tuple[object, ...]) -> Entry:
    number, at, told, phase, intent, kind, result, scope, session, payload, _previous, digest = row
    assert isinstance(number, int)
    try:
        values = json.loads(str(payload))
    except ValueError:
        values = {}
    return Entry(
        number,
        datetime.fromisoformat(str(at)),
        datetime.fromisoformat(str(told)) if told is not None else None,
        str(phase),
        intent if isinstance(intent, int) else None,
        str(kind),
        str(result),
        str(scope),
        str(session),
        values if isinstance(values, dict) else {},
        str(digest),
    )
