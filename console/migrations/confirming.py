"""What one person may send, and what it takes besides: guardrails' answers to a confirmation. Pure.

| rule           | blocks                                            | what passes it                                 |
| -------------- | ------------------------------------------------- | ---------------------------------------------- |
| `bytes`        | other bytes than those that were shown            | nothing: look again                            |
| `name`         | another name than the table's, as typed           | typing it                                      |
| `hidden`       | characters that no screen can show                | nothing: what is sent must have been seen      |
| `transaction`  | BEGIN, COMMIT and their like                      | nothing: each statement is kept track of alone |
| `blocking`     | a statement that locks or rewrites                | a written reason                               |
| `wait`         | a wait for locks of more than 5 s that it brings  | nothing: plain SELECTs queue behind it         |
| `incompatible` | a statement that old code may not survive         | its feature flag, and another's approval       |
| `data`         | a statement that loses data, in a protected place | nothing                                        |
| `unknown`      | a statement that is not understood                | a written reason, and another's approval       |

Another's approval is one that the Cloud Audit Log vouches for (`console.release.migration_approvals`), of these very
bytes in this very file, by somebody who neither sends them nor wrote the change. Source: issue 5, "The judge of SQL"
and "Applying". Window, journal, the release's approvals and driver are `guardrails.evaluate`'s.
"""

from __future__ import annotations

import re

from console.migrations.showing import picture
from console.migrations.values import LOCK_TIMEOUT_S, Confirmation, Question, Statement
from console.release.audited import ApprovalState, same_person
from console.release.guardrails import Answer, Facts
from console.release.migration_approvals import MigrationCheck
from console.release.transitions import UNKNOWN_IDENTITY
from console.words import _

_TRANSACTION = re.compile(
    r"(?:\s|--[^\n]*\n|#[^\n]*\n|/\*.*?\*/)*(?:BEGIN|START|COMMIT|ROLLBACK|END|ABORT|SAVEPOINT|RELEASE|PREPARE|XA|LOCK"
    r"|UNLOCK|SET\s+(?:@@?)?(?:SESSION\s*\.?\s*|GLOBAL\s*\.?\s*|LOCAL\s*\.?\s*)?(?:TRANSACTION|AUTOCOMMIT|CONSTRAINTS))\b",
    re.IGNORECASE | re.DOTALL,
)


_WAIT = re.compile(r"\bWAIT\s+(\d+)", re.IGNORECASE)
"""MariaDB's `ALTER TABLE t WAIT n`: a lock timeout of the statement's own, which undoes the session's."""

_LOCK_TIMEOUTS = re.compile(
    r"\bRESET\s+(?:ALL|lock_timeout)\b"
    r"|\b(?:(?:innodb_)?lock_wait_timeout|lock_timeout)[`'\"]*\s*(?:[=,:]|TO\b|FROM\b)",
    re.IGNORECASE,
)
"""A lock timeout that is set, not a column of that name that is altered."""


def waits_long(statement: Statement) -> bool:
    """Whether a statement may bring a wait for locks of its own that undoes the session's limit of 5 s.

    `SET STATEMENT lock_wait_timeout = 3600 FOR ...`, `... WAIT 3600`, and code that sets a lock timeout inside itself.
    What only sets the session's timeouts does not: our own limit is put back before the next statement.
    """
    if statement.session or statement.verdict == "additive":
        return False
    if any(int(found[1]) > LOCK_TIMEOUT_S for found in _WAIT.finditer(statement.sql)):
        return True
    return _LOCK_TIMEOUTS.search(statement.sql) is not None


def controls_transaction(sql: str) -> bool:
    """Whether a statement begins or ends transactions or holds locks by itself, so that none of ours can be kept."""
    return _TRANSACTION.match(sql) is not None


def needs(question: Question) -> tuple[str, ...]:
    """What a confirmation must bring besides the name: `reason`, `flag`, `approval`."""
    return {
        "additive": (),
        "blocking": ("reason",),
        "incompatible": ("flag", "approval"),
    }.get(question.statement.verdict, ("reason", "approval"))


def never(question: Question) -> str:
    """Why nobody may send this here, in a sentence; empty where somebody may."""
    if hidden := picture(question.statement.sql).hidden:
        return _("no screen can show all of it, and only what was seen is sent: {what}").format(what="; ".join(hidden))
    if controls_transaction(question.statement.sql):
        return _("it begins, ends or locks by itself; each statement is sent in a transaction of its own")
    if waits_long(question.statement):
        return _(
            "it brings a wait for locks of its own, and nothing waits longer than {seconds} s: take it out"
        ).format(seconds=LOCK_TIMEOUT_S)
    if question.protected and question.statement.loses_data:
        return _("it loses data, which is refused in {environment}").format(environment=question.environment)
    return ""


def answers(question: Question, given: Confirmation, operator: str, facts: Facts) -> tuple[Answer, ...]:
    """Every answer to a confirmation, in the order that a screen shows them.

    Args:
        question: what was asked.
        given: what the operator answered.
        operator: who that is, an e-mail.
        facts: what is known of the service: its candidate, and who approved which statement.
    """
    statement, title = question.statement, _("migration")
    same = given.statement_digest == statement.digest
    shown = _("these bytes were shown") if same else _("other bytes were shown")
    named = given.typed.strip() == statement.name
    words = _("{name} was typed") if named else _("type {name} to send it")
    found = [
        Answer("bytes", _("as you saw it"), same, shown),
        Answer("name", _("named"), named, words.format(name=statement.name)),
    ]
    if refused := never(question):
        rule = "transaction" if controls_transaction(statement.sql) else "data"
        rule = "wait" if rule == "data" and waits_long(statement) else rule
        rule = "hidden" if picture(statement.sql).hidden else rule
        found.append(Answer(rule, title, False, refused))
    why = " ".join(statement.reasons)
    match statement.verdict:
        case "additive":
            found.append(Answer("additive", title, True, _("additive: old code does not notice")))
        case "blocking":
            found.append(Answer("blocking", title, False, why or _("it locks"), overridable=True))
        case "incompatible":
            flag = given.flag.strip()
            words = _("the flag {flag} keeps old code off it") if flag else _("name the feature flag: {why}")
            found.append(Answer("incompatible", title, bool(flag), words.format(flag=flag, why=why)))
            found.append(second_person(statement, operator, facts))
        case _:
            reason = _("it is not understood. {why}").format(why=why).strip()
            found.append(Answer("unknown", title, False, reason, overridable=True))
            found.append(second_person(statement, operator, facts))
    return tuple(found)


def second(statement: Statement, operator: str, facts: Facts) -> MigrationCheck | None:
    """The approval of somebody else than `operator` that counts for a statement; None where there is none."""
    return next(
        (
            check
            for check in facts.migration_approvals
            if check.counts
            and statement.ref.approved_by(check.approval)
            and not same_person(check.approval.by, operator)
        ),
        None,
    )


def second_person(statement: Statement, operator: str, facts: Facts) -> Answer:
    """Whether somebody else than whoever sends it has approved a statement, as far as the audit log vouches for it."""
    title = _("second person")
    mine = [check for check in facts.migration_approvals if statement.ref.approved_by(check.approval)]
    forged = [check for check in mine if check.state is ApprovalState.FORGED]
    if forged:
        return Answer("approval", title, False, _("FORGED: {why}").format(why="; ".join(check.why for check in forged)))
    if not operator or operator == UNKNOWN_IDENTITY:
        return Answer("approval", title, False, _("nobody knows who you are, so nobody is another"))
    others = [check for check in mine if not same_person(check.approval.by, operator)]
    counting = second(statement, operator, facts)
    if counting is not None:
        words = _("{who} approves these bytes, says the Cloud Audit Log")
        return Answer("approval", title, True, words.format(who=counting.approval.by))
    return Answer("approval", title, False, _not_approved(statement, mine, others, facts))


def _not_approved(statement: Statement, mine: list[MigrationCheck], others: list[MigrationCheck], facts: Facts) -> str:
    """Why no approval of a second person counts, and what helps."""
    if facts.service is None:
        return _(
            "an approval is written on the Cloud Run service, and none is asked here: send it where the service runs"
        )
    if facts.candidate is None or not facts.candidate.open:
        return _("an approval belongs to a release candidate, and none is open (`k`, or `canario runbook run`)")
    if others and facts.approvals_problem:
        reason = _("the audit log cannot be read, so nobody knows who approved: {problem}")
        return reason.format(problem=facts.approvals_problem)
    for state, words in (
        (ApprovalState.VERIFYING, _("verifying {who}'s; {why}")),
        (ApprovalState.VOID, _("{who}'s is void; {why}")),
    ):
        found = next((check for check in reversed(others) if check.state is state), None)
        if found is not None:
            return words.format(who=found.approval.by, why=found.why)
    if mine:
        return _("you cannot approve your own")
    stale = [check for check in facts.migration_approvals if check.approval.file == statement.file]
    if stale:
        return _("{who} approved other bytes, or another version of the file").format(who=stale[-1].approval.by)
    return _("nobody else has approved it (`canario migrations approve`)")
