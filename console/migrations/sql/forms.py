"""What reading a statement gives: what it adds, and which rules apply; and what the file has told so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from console.migrations.facts import Facts
from console.migrations.rules_unknown import NOT_UNDERSTOOD
from console.migrations.verdict import Dialect, Finding, Rule

EXCLUSIVE = {
    Dialect.MYSQL: "LOCK=EXCLUSIVE",
    Dialect.POSTGRES: "ACCESS EXCLUSIVE",
    Dialect.SQLITE: "EXCLUSIVE",
}
"""The lock that nothing gets past, as each database names it."""

SHARED = {Dialect.MYSQL: "LOCK=SHARED", Dialect.POSTGRES: "SHARE", Dialect.SQLITE: "EXCLUSIVE"}
"""The lock that lets reads by and no writes."""


@dataclass(slots=True)
class Outcome:
    """A statement that was read whole by one of the forms."""

    dialect: Dialect
    kind: str = "other"
    findings: list[Finding] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    adds_tables: list[str] = field(default_factory=list)
    adds_columns: list[tuple[str, str]] = field(default_factory=list)
    adds_indexes: list[tuple[str, str]] = field(default_factory=list)
    made_tables: list[str] = field(default_factory=list)
    """Tables that are certainly new and empty after it."""
    made_types: list[str] = field(default_factory=list)
    """Types that are certainly new and no domains."""
    made_partitioned: list[str] = field(default_factory=list)
    """Those of `made_tables` that have partitions."""
    made_sequences: list[str] = field(default_factory=list)
    """Sequences that are certainly new."""

    def find(self, rule: Rule, *, table: str = "", name: str = "", lock: str = "") -> None:
        """Note that `rule` applies; a rule of statements that the database does not have says nothing of this one."""
        if self.dialect not in rule.sources:
            rule = NOT_UNDERSTOOD
        names = tuple((key, value) for key, value in (("table", table), ("name", name), ("lock", lock)) if value)
        finding = Finding(rule, self.dialect, names)
        if finding not in self.findings:
            self.findings.append(finding)


@dataclass(slots=True)
class Context:
    """What the statements before, and those after, say of the one that is read."""

    dialect: Dialect
    facts: Facts | None = None
    made_tables: set[str] = field(default_factory=set)
    made_types: set[str] = field(default_factory=set)
    made_partitioned: set[str] = field(default_factory=set)
    made_sequences: set[str] = field(default_factory=set)
    dropped_defaults: frozenset[tuple[str, str]] = frozenset()
    """Last part of the table's name and column, in lower case, wherever in the file the default is dropped."""

    def is_made(self, table: str) -> bool:
        """Whether `table` is made by this file and nobody else can know it yet."""
        return self.key(table) in self.made_tables

    def is_partitioned(self, table: str) -> bool:
        """Whether `table` is made by this file, with partitions."""
        return self.is_made(table) and self.key(table) in self.made_partitioned

    def learn(self, outcome: Outcome) -> None:
        """After a statement that is additive."""
        self.made_tables.update(map(self.key, outcome.made_tables))
        self.made_partitioned.update(map(self.key, outcome.made_partitioned))
        self.made_types.update(outcome.made_types)
        self.made_sequences.update(outcome.made_sequences)

    def key(self, table: str) -> str:
        """What two spellings of one table have in common; MySQL's case is the file system's, so it counts."""
        return table.lower() if self.dialect is Dialect.SQLITE else table

    def drops_default(self, table: str, column: str) -> bool:
        """Whether the file drops the default of this column."""
        return (table.rpartition(".")[2].lower(), column.lower()) in self.dropped_defaults

    @property
    def exclusive(self) -> str:
        """The name of the lock that nothing gets past."""
        return EXCLUSIVE[self.dialect]

    @property
    def shared(self) -> str:
        """The name of the lock that lets only reads by."""
        return SHARED[self.dialect]

    def absent(self, table: str) -> bool:
        """Whether the live database is known not to have `table`."""
        facts = self.facts
        return facts is not None and facts.tables_known and table not in facts.tables

    def forget(self) -> None:
        """After a statement that may have changed what names mean."""
        for made in (self.made_tables, self.made_partitioned, self.made_types, self.made_sequences):
            made.clear()
