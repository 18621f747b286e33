"""A second person's word on statements of migrations, held against the Cloud Audit Log as every approval is. Pure.

What old code may not survive, and what nobody understands, takes two people (issue 5, "The judge of SQL"). The second
one's yes is a line in the release annotation; whoever may edit the service, or the database, may write one in another's
name, so it counts only where the call that put it there was made by the person whom it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from console.release.audited import ApprovalState, ApprovalWrite, Check, held, introducer, same_person
from console.release.state import Candidate, MigrationApproval
from console.words import _


@dataclass(frozen=True, slots=True)
class StatementRef:
    """Which statement of which file, to the byte."""

    file: str
    """The file's name."""
    file_digest: str
    """SHA-256 of the whole file, in hexadecimal."""
    statement: int
    """Its number in the file, from 1."""
    digest: str
    """SHA-256 of the bytes that would be sent, in hexadecimal."""

    def approved_by(self, approval: MigrationApproval) -> bool:
        """Whether `approval` was given for these very bytes, in this very file."""
        return approval.digest == self.digest and approval.file_digest == self.file_digest

    def __str__(self) -> str:
        return _("{file}, statement {number}").format(file=self.file, number=self.statement)


@dataclass(frozen=True, slots=True)
class MigrationCheck(Check):
    """One approval of a statement, checked; `counts`: it may be a second person's."""

    approval: MigrationApproval = field(kw_only=True)


def check_migration_approvals(
    candidate: Candidate | None,
    writes: Iterable[ApprovalWrite],
    *,
    people: Mapping[str, Sequence[str]] | None = None,
    logins: Mapping[str, str] | None = None,
) -> tuple[MigrationCheck, ...]:
    """Every approval of a statement that the annotation holds, checked, in the order in which it is written there.

    Args:
        candidate: as written on the service now.
        writes: calls that wrote the annotation since before the approvals came, in any order.
        people: roles by e-mail, where settings name people; None or empty: anybody may be the second person.
        logins: GitHub logins by e-mail, as far as settings name them: a candidate may know its author by that alone.
    """
    if candidate is None or not candidate.migration_approvals:
        return ()
    ordered = sorted(writes, key=lambda write: write.time)
    known = (people or {}, logins or {})
    return tuple(_checked(approval, candidate, ordered, *known) for approval in candidate.migration_approvals)


def _checked(
    approval: MigrationApproval,
    candidate: Candidate,
    ordered: Sequence[ApprovalWrite],
    people: Mapping[str, Sequence[str]],
    logins: Mapping[str, str],
) -> MigrationCheck:
    told = held(introducer([(write.principal, approval in write.migrations) for write in ordered]), approval.by)
    if told[0] is ApprovalState.FORGED:
        return MigrationCheck(*told, approval=approval)
    void = _void(approval, candidate, people, logins)
    return MigrationCheck(*((ApprovalState.VOID, void) if void else told), approval=approval)


def _void(
    approval: MigrationApproval,
    candidate: Candidate,
    people: Mapping[str, Sequence[str]],
    logins: Mapping[str, str],
) -> str:
    if approval.candidate != candidate.id:
        return _("it was given for another release, {candidate}").format(candidate=approval.candidate)
    if not candidate.open:
        return _("its release is over")
    return may_not_second(approval.by, candidate, people, logins)


def may_not_second(
    who: str, candidate: Candidate, people: Mapping[str, Sequence[str]], logins: Mapping[str, str]
) -> str:
    """Why `who` is nobody's second person on this candidate's migrations, in a sentence; empty where they may be.

    Args:
        who: e-mail.
        candidate: whose migrations they are.
        people: see `check_migration_approvals`.
        logins: see `check_migration_approvals`.
    """
    names = {
        who.casefold(),
        *(login.casefold() for email, login in logins.items() if login and same_person(email, who)),
    }
    if {candidate.author.casefold(), candidate.author_login.casefold()} & names:
        return _("{by} wrote the change: another must approve it").format(by=who)
    if people and not any(same_person(who, known) for known in people):
        return _("the settings do not name {by}").format(by=who)
    return ""


__all__ = ["MigrationCheck", "StatementRef", "check_migration_approvals", "may_not_second"]
