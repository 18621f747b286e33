"""Reads folder, database and journal for the desk. Blocks, and writes nothing; drivers and judge are imported here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.migrations.board import JournalWord, Key
from console.migrations.values import LedgerRow, MigrationFile, Server
from console.text import clean

if TYPE_CHECKING:
    from console.journal import Journal
    from console.migrations.database import Address
    from console.migrations.facts import Facts

JOURNAL_ROWS = 2_000
"""Newest journal rows that are looked through."""


@dataclass(frozen=True)
class Reading:
    """Folder and database at one moment."""

    server: Server
    facts: Facts
    files: tuple[MigrationFile, ...]
    rows: Mapping[Key, LedgerRow]
    leftovers: Mapping[Key, tuple[str, ...]]
    """See `board.Line.leftovers`."""


class Reader:
    """Reads on a connection that ends with the reading. One call at a time.

    Args:
        folder: of the `*.sql` files.
        identity: who we say we are to the server.
    """

    def __init__(self, folder: str, identity: Callable[[], str]) -> None:
        self._folder, self._identity = Path(folder), identity
        self._kept: tuple[object, tuple[MigrationFile, ...]] = (None, ())

    def read(self, address: Address, *, keep: bool) -> Reading:
        """Everything, afresh.

        Args:
            address: the database.
            keep: take files as they were judged last where neither they nor the schema have changed.

        Raises:
            UsageError: the folder or a file cannot be read.
            DatabaseError: the database cannot.
        """
        from console.migrations import ledger
        from console.migrations.database import make_database
        from console.migrations.files import read_folder, stamp
        from console.migrations.lint import lint
        from console.migrations.probe import own_leftovers
        from console.migrations.verdict import Dialect

        database = make_database(address, who=self._identity())
        database.connect()
        try:
            server, facts = database.server(), database.facts()
            rows = ledger.rows(database)
            undecided = {key: row for key, row in rows.items() if row.state in ("intent", "applied")}
            left = {key: own_leftovers(database.leftovers(row.tables), row.expects) for key, row in undecided.items()}
        finally:
            database.close()
        dialect = Dialect(address.engine)
        shape = {name: (table.columns, table.indexes) for name, table in facts.tables.items()}
        mark = (stamp(self._folder), facts.version, facts.sql_mode, facts.enum_types, shape)
        if not keep or self._kept[0] != mark:
            self._kept = mark, read_folder(self._folder, lambda text: lint(text, dialect, facts), dialect)
        return Reading(server, facts, self._kept[1], rows, left)

    def rows(self, address: Address) -> tuple[LedgerRow, ...]:
        """The ledger alone.

        Raises:
            DatabaseError: it cannot be read.
        """
        from console.migrations import ledger
        from console.migrations.database import make_database

        database = make_database(address, who=self._identity())
        database.connect()
        try:
            return tuple(ledger.rows(database).values())
        finally:
            database.close()


def journal_words(journal: Journal, database: str) -> dict[Key, JournalWord]:
    """What the journal says last of each statement that went to `database`, by its address as shown.

    Raises:
        JournalError: it cannot be read.
    """
    from console.migrations.settling import CHECK, KIND

    found: dict[Key, JournalWord] = {}
    intents: dict[int, tuple[Key, str]] = {}
    for entry in sorted(journal.entries(JOURNAL_ROWS), key=lambda entry: entry.id):
        if entry.kind not in (KIND, CHECK):
            continue
        if entry.phase == "intent" and entry.payload.get("database") == database:
            number = entry.payload.get("statement")
            key = str(entry.payload.get("file")), number if isinstance(number, int) else 0
            intents[entry.id] = key, str(entry.payload.get("statement_digest", ""))
            found[key] = JournalWord("", "", intents[entry.id][1])
        elif entry.intent in intents:
            key, digest = intents[entry.intent]
            why = clean(str(entry.payload.get("error") or entry.payload.get("found") or ""), 300)
            found[key] = JournalWord(entry.result, why, digest)
    return found
