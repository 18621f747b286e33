"""What is typed behind `canario runbook run`, read: persons, skips, words over a no, and which of several ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.errors import UsageError
from console.runbook.weighing import families
from console.settings import SIGNING_ROLES
from console.words import _

if TYPE_CHECKING:
    from console.runbook.model import Runbook


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in whose name words are given."""

    email: str
    roles: frozenset[str] | None
    """Roles as typed; None: those that the settings give."""


def people(typed: Sequence[str]) -> tuple[Person, ...]:
    """The persons of `--yes-as EMAIL[:ROLE]`; one named several times has all roles.

    Raises:
        UsageError: no e-mail, or no role.
    """
    found: dict[str, set[str]] = {}
    for text in typed:
        email, colon, role = text.partition(":")
        if "@" not in email or not email.isprintable() or any(c.isspace() for c in email):
            raise UsageError(
                _("{email!r} is no e-mail address.").format(email=text[:80]),
                remedy=_("Write --yes-as EMAIL, or --yes-as EMAIL:ROLE."),
            )
        if colon and role not in SIGNING_ROLES:
            raise UsageError(
                _("{role!r} is no role.").format(role=role[:40]),
                remedy=_("Roles are {known}.").format(known=", ".join(SIGNING_ROLES)),
            )
        found.setdefault(email, set()).update({role} if colon else ())
    return tuple(Person(email, frozenset(roles) or None) for email, roles in found.items())


def skips(typed: Sequence[str]) -> dict[str, str]:
    """Reasons by step, of `--skip STEP=REASON`.

    Raises:
        UsageError: no step, or no reason.
    """
    found = {}
    for text in typed:
        step, equals, reason = text.partition("=")
        if not equals or not step or not reason.strip():
            raise UsageError(_("{text!r} skips nothing.").format(text=text[:80]), remedy=_("Write --skip STEP=REASON."))
        found[step] = reason.strip()
    return found


def again(typed: Sequence[str]) -> dict[str, str]:
    """Why a word is given over a person's no, by step, of `--yes-again STEP=WHY`.

    Raises:
        UsageError: no step, or no reason.
    """
    found = {}
    for text in typed:
        step, equals, why = text.partition("=")
        if not equals or not step or not why.strip():
            raise UsageError(
                _("{text!r} answers nothing.").format(text=text[:80]),
                remedy=_("Write --yes-again STEP=WHY; the reason is kept with the word."),
            )
        found[step] = why.strip()
    return found


def options(runbook: Runbook, typed: Sequence[str]) -> frozenset[str]:
    """Ids of the steps that are walked of those that do the same, of `--option STEP`.

    Raises:
        UsageError: there is no such step, it is no alternative, or two of the same kin were named.
    """
    kin = families(runbook)
    known = [step.id for step in runbook.steps() if len(kin[step.id]) > 1]
    found: dict[str, str] = {}
    for text in typed:
        if text not in known:
            raise UsageError(
                _("{step!r} is no option of the runbook.").format(step=text[:60]),
                remedy=_("Options: {steps}.").format(steps=", ".join(known) or "-"),
            )
        first = kin[text][0].id
        if found.setdefault(first, text) != text:
            raise UsageError(
                _("{one} and {two} do the same: name one of them.").format(one=found[first], two=text),
                remedy=_("Without --option it is {step}.").format(step=first),
            )
    return frozenset(found.values())
