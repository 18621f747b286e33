"""What one person may send, and what it takes besides: guardrails' answers to a confirmation. Pure.

| rule           | blocks                                            | what passes it                                 |
| -------------- | ------------------------------------------------- | ---------------------------------------------- |
| `bytes`        | other bytes than those that were shown            | nothing: look again                            |
| `name`         | another name than the table's, as typed           | typing it                                      |
| `hidden`       | characters that no screen can show                | nothing: what is sent must have been seen      |
| `transaction`  | BEGIN, COMMIT and their like                      | nothing: each statement is kept track of alone |
| `blocking`     | a statement that locks or rewrites                | a written reason                               |
| `incompatible` | a statement that old code may not survive         | its feature flag, and another's approval       |
| `data`         | a statement that loses data, in a protected place | nothing                                        |
| `unknown`      | a statement that is not understood                | a written reason, and another's approval       |

Source: issue 5, "The judge of SQL" and "Applying". Window, journal and driver are `guardrails.evaluate`'s.
"""

from __future__ import annotations

import re

from console.migrations.showing import picture
from console.migrations.values import Confirmation, Question
from console.release.guardrails import Answer
from console.words import _

_TRANSACTION = re.compile(
    r"(?:\s|--[^\n]*\n|#[^\n]*\n|/\*.*?\*/)*(?:BEGIN|START|COMMIT|ROLLBACK|END|ABORT|SAVEPOINT|RELEASE|PREPARE|XA|LOCK"
    r"|UNLOCK|SET\s+(?:@@?)?(?:SESSION\s*\.?\s*|GLOBAL\s*\.?\s*|LOCAL\s*\.?\s*)?(?:TRANSACTION|AUTOCOMMIT|CONSTRAINTS))\b",
    re.IGNORECASE | re.DOTALL,
)


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
    if question.protected and question.statement.loses_data:
        return _("it loses data, which is refused in {environment}").format(environment=question.environment)
    return ""


def answers(question: Question, given: Confirmation, operator: str) -> tuple[Answer, ...]:
    """Every answer to a confirmation, in the order that a screen shows them.

    Args:
        question: what was asked.
        given: what the operator answered.
        operator: who that is, an e-mail.
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
            found.append(_second_person(question, given, operator))
        case _:
            reason = _("it is not understood. {why}").format(why=why).strip()
            found.append(Answer("unknown", title, False, reason, overridable=True))
            found.append(_second_person(question, given, operator))
    return tuple(found)


def _second_person(question: Question, given: Confirmation, operator: str) -> Answer:
    title, approval = _("second person"), given.approval
    if approval is None:
        return Answer("approval", title, False, _("nobody else has approved it"))
    if approval.statement_digest != question.statement.digest:
        return Answer("approval", title, False, _("{who} approved other bytes").format(who=approval.by))
    if not approval.by or approval.by.casefold() == operator.casefold():
        return Answer("approval", title, False, _("you cannot approve your own"))
    return Answer("approval", title, True, _("{who} approves").format(who=approval.by))
