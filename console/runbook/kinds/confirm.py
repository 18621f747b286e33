"""`confirm`: a person's word, given by name. Runbook: `Requerimientos`, `Checklist de Despliegue`.

The contact card of `role` (settings, `[contacts]`) is the screen's to show beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from console.errors import UsageError
from console.runbook.evidence import Evidence, Result
from console.runbook.kinds.base import Ask, KindSettings, StepContext, StepKind
from console.runbook.model import Words
from console.text import clean
from console.words import _, language

if TYPE_CHECKING:
    from console.settings import Settings
    from console.settings_tables import Contact

LONGEST_NOTE = 500
"""Characters of a note that are kept."""


class ConfirmSettings(KindSettings):
    """Settings of `confirm`."""

    question: Words | None = None
    """What the person says yes to; not set: the step's title."""
    role: str = ""
    """Role in settings' `[contacts]` whose card is shown beside the question; empty: none."""
    note: Literal["optional", "required", "none"] = "optional"
    """Whether a note goes with the word."""


class Confirm(StepKind):
    """A person's word. Enter signs it under their name."""

    name: ClassVar[str] = "confirm"
    settings_model: ClassVar[type[KindSettings]] = ConfirmSettings
    ask = Ask.WORD
    machine = False

    async def run(self, context: StepContext) -> Evidence:
        """Take the word: `yes` passes, `no` fails.

        Raises:
            UsageError: no word was given, or a note is missing.
        """
        settings = self._settings
        word = context.answer.word.strip().lower()
        note = clean(context.answer.note.strip(), LONGEST_NOTE)
        if word not in ("yes", "no"):
            raise UsageError(
                _("{title} is a person's word, and nobody gave it.").format(title=self._question()),
                remedy=_("Press Enter to sign it under your name."),
            )
        if settings.note == "required" and not note:
            raise UsageError(
                _("{title} needs a note.").format(title=self._question()),
                remedy=_("Write in one line what you saw, and sign again."),
            )
        figures: tuple[tuple[str, str], ...] = ()
        if note and settings.note != "none":
            figures += ((_("note"), note),)
        if card := self.card(context.tools.settings):
            figures += ((_("contact"), card.name or card.phone),)
        if word == "no":
            sentence = _("{who} says no: {question}").format(who=context.identity, question=self._question())
            return context.evidence(
                Result.FAILED,
                sentence,
                figures=figures,
                problems=(note,) if note else (),
                remedy=_("Put it right, then sign."),
                machine=False,
            )
        sentence = _("{who} says yes: {question}").format(who=context.identity, question=self._question())
        return context.evidence(Result.PASSED, sentence, figures=figures, machine=False)

    def explain(self) -> tuple[str, ...]:
        """The question, and that it is signed by name."""
        return (self._question(), _("Enter signs it under your name; it is kept as your word, not as a check."))

    @property
    def role(self) -> str:
        """Role whose contact card is shown beside it, or empty."""
        return self._settings.role

    def card(self, settings: Settings) -> Contact | None:
        """The contact card that is shown beside the question, or None."""
        return settings.contacts.cards.get(self._settings.role) if self._settings.role else None

    @property
    def _settings(self) -> ConfirmSettings:
        assert isinstance(self.settings, ConfirmSettings)
        return self.settings

    def _question(self) -> str:
        return (self._settings.question or self.step.title).in_language(language())
