"""What people are told of a migration."""

from __future__ import annotations

from console.migrations.values import LedgerRow, Statement
from console.notify import Message, overrode
from console.release.guardrails import Answer
from console.words import _


def messages(
    statement: Statement, row: LedgerRow, environment: str, service: str, passed: tuple[Answer, ...]
) -> tuple[Message, ...]:
    """The message that a statement was applied, and another where a written reason let a guardrail pass.

    Args:
        statement: which.
        row: by whom, with which flag and approval.
        environment: its name.
        service: the Cloud Run service of the release.
        passed: the answers that the reason overrode.
    """
    if statement.session:
        return ()
    what = _("{file}, statement {number}: {sql}").format(
        file=statement.file, number=statement.index, sql=" ".join(statement.sql.split())[:300]
    )
    lines = [
        _("Service: {service}").format(service=service),
        _("Environment: {environment}").format(environment=environment),
        what,
        _("Verdict: {sentence}").format(sentence=statement.verdict),
        _("By: {who}").format(who=row.by),
    ]
    if row.flag:
        lines.append(_("Feature flag: {flag}").format(flag=row.flag))
    if row.approved_by:
        lines.append(_("Approved by: {who}").format(who=row.approved_by))
    told = Message(_("🗄 MIGRATION APPLIED"), tuple(lines))
    if not passed:
        return (told,)
    forced = overrode(
        environment=environment, service=service, what=what, who=row.by, reason=row.reason, answers=passed
    )
    return (forced, told)
