"""What the live database says about itself, which sharpens a verdict. Plain values; who reads them is not our business.

Facts only ever sharpen: without them the judge takes a current server (MySQL 8.0.29, MariaDB 10.4, PostgreSQL 12,
SQLite 3.35 or newer) whose tables are of any size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TableFacts:
    """One table as it now is."""

    rows: int | None = None
    """As the server estimates them; None where it does not say."""
    size_bytes: int | None = None
    """Of data and indexes."""
    columns: frozenset[str] = frozenset()
    indexes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Facts:
    """A database at one moment.

    Args:
        engine: `mysql`, `mariadb`, `postgres` or `sqlite`.
        version: numbers of the server's version, e.g. `(8, 0, 36)`; empty where unknown.
        sql_mode: MySQL's session sql_mode, in capitals.
        tables: every table that can be seen, by the name that `StatementVerdict` uses (`table` in the current schema,
            `schema.table` elsewhere). Empty where they were not read.
        tables_known: whether `tables` is complete, so that a name that is not in it is a table that does not exist.
        enum_types: PostgreSQL's enum types, by name.
    """

    engine: str
    version: tuple[int, ...] = ()
    sql_mode: frozenset[str] = frozenset()
    tables: Mapping[str, TableFacts] = field(default_factory=dict)
    tables_known: bool = False
    enum_types: frozenset[str] = frozenset()

    def before(self, *version: int) -> bool:
        """Whether the server is known to be older than `version`."""
        return bool(self.version) and self.version[: len(version)] < version
