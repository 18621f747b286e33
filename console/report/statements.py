"""Who let a statement of a migration pass as its second person, for a report: whose word it was, and on which words.

The annotation holds digests alone, so a statement's first words come from the folder of migrations as it is now, and
only from the file whose every byte is the one that was approved.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.migrations.sql.split import split
from console.migrations.values import digest
from console.migrations.verdict import Dialect
from console.release.audited import ApprovalWrite, same_person, seen_coming
from console.release.migration_approvals import may_not_second
from console.release.state import Candidate, MigrationApproval
from console.words import _

SHOWN = 72
"""Characters of a statement that are shown."""

LARGEST = 10_000_000
"""Bytes of a file that is looked into."""

_BEFORE_VALUES = re.compile(r"[^'\"$]*")


@dataclass(frozen=True, slots=True)
class StatementYes:
    """A second person's approval of one statement."""

    approval: MigrationApproval
    words: str = ""
    """The statement's first words; empty where its file is not there any more, or was changed since."""
    written_by: str = ""
    """E-mail in the audit log's entry of the call that wrote it; empty where that is not there any more."""
    void: str = ""
    """Why it is nobody's second word, in a sentence; empty where it may be one."""

    @property
    def forged(self) -> bool:
        """Whether another wrote it in their name."""
        return bool(self.written_by) and not same_person(self.written_by, self.approval.by)

    @property
    def statement(self) -> str:
        """Which statement of which file, and how it begins."""
        place = _("{file}, statement {number}").format(file=self.approval.file, number=self.approval.statement)
        words = self.words or _("the file is gone, or was changed since")
        return f"{place}: {words}"

    @property
    def state(self) -> tuple[str, str]:
        """(what the audit log says of it, `good`, `bad` or `soft`)."""
        if self.forged:
            return _("FORGED: written by {who}").format(who=self.written_by), "bad"
        if self.void:
            return _("counts for nothing: {why}").format(why=self.void), "bad"
        if self.written_by:
            return _("confirmed by the audit log"), "good"
        return _("no longer in the audit log"), "soft"


def statement_yeses(
    candidate: Candidate | None,
    writes: Sequence[ApprovalWrite],
    words: Mapping[tuple[str, str], str],
    people: Mapping[str, Sequence[str]],
    logins: Mapping[str, str],
) -> tuple[StatementYes, ...]:
    """Every approval of a statement that the candidate carries, with who put it there. Pure.

    Args:
        candidate: whose approvals they are.
        writes: of the annotation, oldest first. The oldest tells nothing: what it has may have been there before.
        words: see `first_words`.
        people: see `check_migration_approvals`.
        logins: see `check_migration_approvals`.
    """
    if candidate is None:
        return ()
    found = []
    for approval in candidate.migration_approvals:
        writer = seen_coming([(write.principal, approval in write.migrations) for write in writes])
        void = may_not_second(approval.by, candidate, people, logins)
        if approval.candidate != candidate.id:
            void = _("it was given for another release, {candidate}").format(candidate=approval.candidate)
        said = words.get((approval.file_digest, approval.digest), "")
        found.append(StatementYes(approval, said, writer or "", void))
    return tuple(found)


def first_words(folder: Path, wanted: Sequence[MigrationApproval]) -> dict[tuple[str, str], str]:
    """First words of the statements that were approved, by the digest of their file and their own. Blocks.

    They end before the first quote, whoever's SQL it is: what is in quotes may be a secret, and is no word.

    Args:
        folder: of migrations, or the one file; may be missing.
        wanted: approvals whose statements are looked for; their file's name is not trusted, and never opened.
    """
    files, found = {one.file_digest for one in wanted}, {}
    for path in [folder] if folder.is_file() else sorted(folder.glob("*.sql")):
        try:
            data = path.read_bytes() if path.stat().st_size <= LARGEST else b""
            text = data.decode("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        whole = digest(data)
        if whole not in files:
            continue
        for dialect in Dialect:
            found.update({(whole, digest(piece.sql)): _beginning(piece.sql) for piece in split(text, dialect)})
    return found


def _beginning(sql: str) -> str:
    found = _BEFORE_VALUES.match(sql)
    plain = " ".join(found.group().split()) if found else ""
    if len(plain) <= SHOWN and found is not None and found.end() == len(sql):
        return plain
    return plain[:SHOWN].rstrip() + " …"
