"""What became of a statement whose end nobody saw: the decision, pure.

A client killed in mid-statement leaves a server that finishes and commits, so after a crash: is that connection still
at it? Then wait. Does the schema show it? Then it is verified and never sent again. Is the schema as it was before?
Then ask again. Else a person decides (issue 5, Applying).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from console.words import _


class Decision(StrEnum):
    """What to do with an attempt whose end nobody saw."""

    FOLLOW = "follow"
    VERIFIED = "verified"
    ASK_AGAIN = "ask again"
    PERSON = "a person decides"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found out about it."""

    running: bool | None
    """Whether its connection still works on it; None where the server does not tell."""
    ledger_applied: bool = False
    atomic: bool = False
    """Whether the ledger's `applied` commits with the statement or not at all."""
    after: bool | None = None
    """Whether everything it adds or removes is so; None where nothing could be told beforehand."""
    before: bool | None = None
    """Whether the schema is as it was before it; None where that was not kept."""
    changes_rows: bool = False
    """Whether it may take effect without any shape changing."""
    invalid: tuple[str, ...] = ()
    """Names of indexes that are there and INVALID."""


def decide(evidence: Evidence) -> tuple[Decision, str]:
    """What to do, and why in a sentence."""
    if evidence.running:
        return Decision.FOLLOW, _("its connection still works on it")
    if evidence.running is None:
        return Decision.PERSON, _("the server does not tell whether its connection still works on it")
    if evidence.invalid:
        return Decision.PERSON, _("it left the index {names} INVALID: drop it, then do it again").format(
            names=", ".join(evidence.invalid)
        )
    if evidence.ledger_applied and evidence.after is False:
        return Decision.PERSON, _("the ledger says that it is applied, and the schema does not show it")
    if evidence.ledger_applied and evidence.atomic:
        return Decision.VERIFIED, _("the ledger and the statement were committed together")
    if evidence.ledger_applied:
        return Decision.VERIFIED, _("the server acknowledged it, and the ledger says so")
    if evidence.atomic:
        if evidence.before is False:
            return Decision.PERSON, _("it was not committed, and yet the schema is not as it was before")
        return Decision.ASK_AGAIN, _("it was not committed")
    if evidence.after:
        return Decision.VERIFIED, _("the schema shows it")
    if evidence.changes_rows:
        return Decision.PERSON, _("it changes what no schema shows, so that nobody sees whether it did")
    if evidence.before:
        return Decision.ASK_AGAIN, _("the schema is as it was before it")
    return Decision.PERSON, _("the schema is neither as before it nor as after it")
