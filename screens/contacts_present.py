"""From settings and a runbook to what the contacts dialog shows: pure, nothing of Textual."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.runbook.progress import role_name
from console.words import _, language
from screens.dialogs.contacts import ContactCard

if TYPE_CHECKING:
    from console.runbook.model import Runbook
    from console.settings import Settings


def cards(settings: Settings) -> tuple[ContactCard, ...]:
    """Whom to call: the roles' cards, then the people who sign, with their roles."""
    found = []
    for role, card in settings.contacts.cards.items():
        lines = tuple((name, value) for name, value in ((_("name"), card.name), (_("call"), card.phone)) if value)
        found.append(ContactCard(_title(role), lines or ((_("name"), _("nobody is named")),)))
    for email, person in settings.people.items():
        roles = ", ".join(_title(role) for role in person.roles)
        told = (
            (_("name"), person.name),
            (_("call"), person.phone),
            (_("signs as"), email),
            (_("GitHub"), person.github),
        )
        lines = tuple((name, value) for name, value in told if value)
        found.append(ContactCard(roles or _("no role"), lines))
    return tuple(found)


def _title(role: str) -> str:
    named = role_name(role)
    return (named if named != role else role.replace("_", " ")).capitalize()


def as_markdown(runbook: Runbook) -> str:
    """A runbook's steps as text to read, for teams that have no text of it: phases, steps, why."""
    chosen = language()
    lines = [f"# {_plain(runbook.title.in_language(chosen))}", ""]
    for phase in runbook.phases:
        lines += [f"## {_plain(phase.title.in_language(chosen))}", ""]
        for step in phase.steps:
            lines.append(f"- **{_plain(step.title.in_language(chosen))}**  ")
            lines.append(f"  {_plain(step.help.in_language(chosen))}")
            if step.source:
                lines.append(f"  ({_plain(step.source)})")
        lines.append("")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """A text that Markdown leaves alone."""
    return "".join(f"\\{character}" if character in r"\`*_{}[]<>()#+!|~" else character for character in text)


__all__ = ["as_markdown", "cards"]
