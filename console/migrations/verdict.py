"""What the judge says of a statement: a verdict, the rules that it rests on, and what the statement adds.

Plain values. `lint` makes them; the applier, the screen and the commands read them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from console.words import _


class Dialect(StrEnum):
    """A database whose SQL is read. MariaDB is read as MySQL; `Facts` tell the two apart."""

    MYSQL = "mysql"
    POSTGRES = "postgres"
    SQLITE = "sqlite"


class Verdict(StrEnum):
    """What a statement does to code that is still running; mildest first."""

    ADDITIVE = "additive"
    """Safe for old code, no long lock. Only this passes alone."""
    BLOCKING = "blocking"
    """Old code survives, but the statement locks or rewrites."""
    INCOMPATIBLE = "incompatible"
    """Old code can fail, or data is lost."""
    UNKNOWN = "unknown"
    """Not understood: never shown as safe, never confirmed by one person."""

    @property
    def severity(self) -> int:
        """0 for additive up to 3 for unknown."""
        return list(Verdict).index(self)


def worst(verdicts: list[Verdict]) -> Verdict:
    """The most severe of `verdicts`; unknown where there is none."""
    return max(verdicts, key=lambda verdict: verdict.severity, default=Verdict.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason for a verdict.

    Args:
        id: stable, lower-case words with hyphens; never translated.
        verdict: what a statement is to which the rule applies.
        reason: one sentence in English, translated where it is shown; `{table}`, `{name}` and `{lock}` are filled in.
        sources: URL that it rests on, of a page of each database's own manual or of a rule of a linter of its SQL; a
            database that is not in it has no such statement.
        safer: the form that does no harm, in the same way as `reason`; empty where there is none.
        reasons: `reason` as it is true of one database only.
        safers: `safer` as one database has it.
        examples: dialect and SQL of statements to which it applies, for docs/migrations.md and its test.
        loses_data: whether rows or columns are gone afterwards; refused in protected environments.
    """

    id: str
    verdict: Verdict
    reason: str
    sources: Mapping[Dialect, str] = field(hash=False)
    safer: str = ""
    reasons: Mapping[Dialect, str] = field(default_factory=dict, hash=False)
    safers: Mapping[Dialect, str] = field(default_factory=dict, hash=False)
    examples: tuple[tuple[Dialect, str], ...] = ()
    loses_data: bool = False

    def reason_in(self, dialect: Dialect) -> str:
        """What to say of a statement in `dialect`, not yet translated nor filled in."""
        return self.reasons.get(dialect, self.reason)

    def safer_in(self, dialect: Dialect) -> str:
        """The form in `dialect` that does no harm, in the same way."""
        return self.safers.get(dialect, self.safer)


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that applies to a statement, with the names that its sentence speaks of. The rule has a source there."""

    rule: Rule
    dialect: Dialect
    names: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """The rule's."""
        return self.rule.id

    @property
    def source(self) -> str:
        """The rule's, in the manual of the statement's own database."""
        return self.rule.sources[self.dialect]

    @property
    def reason(self) -> str:
        """The rule's sentence, and the safer form's, in the operator's language."""
        return " ".join(part for part in (self._fill(self.rule.reason_in(self.dialect)), self.safer) if part)

    @property
    def safer(self) -> str:
        """The form that does no harm, in the operator's language; empty where there is none."""
        return self._fill(self.rule.safer_in(self.dialect))

    @property
    def locks(self) -> bool:
        """Whether its sentence names a lock."""
        return "{lock}" in self.rule.reason_in(self.dialect)

    def _fill(self, text: str) -> str:
        names = {"table": _("the table"), "name": _("it"), "lock": _("a lock"), **dict(self.names)}
        return _(text).format(**names) if text else ""


@dataclass(frozen=True, slots=True)
class StatementVerdict:
    """One statement of a file, judged in the context of the whole file.

    Names are as the server stores them: an unquoted PostgreSQL name in lower case, `schema.table` where a schema was
    written.
    """

    index: int
    """1 for the first statement of the file; empty ones are not counted."""
    line: int
    """Line of its first word, 1 for the first of the file."""
    sql: str
    """Exactly what is to be sent: from its first word to its last, comments inside it kept, no `;`."""
    verdict: Verdict
    rules: tuple[Finding, ...]
    kind: str = "other"
    """`create_table`, `add_column`, `create_index`, `create_view`, `create_type`, `add_enum_value`, `create_sequence`,
    `create_schema`, `comment`, `validate_constraint`, `set_timeout`; `other` where it is none of these."""
    tables: tuple[str, ...] = ()
    """Tables that it names, most important first."""
    adds_tables: tuple[str, ...] = ()
    adds_columns: tuple[tuple[str, str], ...] = ()
    """Table and column."""
    adds_indexes: tuple[tuple[str, str], ...] = ()
    """Table and index; the index is empty where the server names it."""

    @property
    def additive(self) -> bool:
        """Whether it passes alone."""
        return self.verdict is Verdict.ADDITIVE

    @property
    def loses_data(self) -> bool:
        """Whether a rule says that data is gone afterwards."""
        return any(finding.rule.loses_data for finding in self.rules)

    @property
    def digest(self) -> str:
        """SHA-256 of the UTF-8 bytes that are sent, in hexadecimal."""
        return hashlib.sha256(self.sql.encode("utf-8", "surrogatepass")).hexdigest()
