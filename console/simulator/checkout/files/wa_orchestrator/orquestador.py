"""From a signed webhook to the replies: the one entry point of the service."""

from __future__ import annotations

from dataclasses import dataclass, field

from wa_orchestrator import firma, mensajes, nlu, rag
from wa_orchestrator.agenda import Agenda, Full


class Refused(Exception):
    """A webhook that is not Meta's."""


@dataclass
class Orchestrator:
    """Answers webhooks."""

    app_secret: str
    agenda: Agenda = field(default_factory=Agenda)
    seen: set[str] = field(default_factory=set)

    def handle(self, body: bytes, signature: str | None) -> list[str]:
        """The replies to a webhook's messages, in order; a message that came before is not answered again.

        Raises:
            Refused: unsigned, or wrongly signed.
            NotAMessage: not a WhatsApp payload.
        """
        if not firma.is_signed(body, signature, self.app_secret):
            raise Refused(firma.HEADER)
        replies = []
        for message in mensajes.parse(body):
            if message.id not in self.seen:
                self.seen.add(message.id)
                replies.append(self.reply(message))
        return replies

    def reply(self, message: mensajes.Message) -> str:
        """What the assistant writes back."""
        intent = nlu.intent_of(message.text)
        if intent == "reservar":
            return self._book(message)
        if intent == "cancelar":
            count = self.agenda.cancel(message.sender)
            return "Tu reserva quedó cancelada." if count else "No encuentro una reserva a tu nombre."
        if intent == "preguntar":
            return rag.answer(message.text) or "Lo averiguo y te escribo enseguida."
        return "¡Hola! ¿Quieres reservar una mesa? 👋"

    def _book(self, message: mensajes.Message) -> str:
        slots = nlu.slots_of(message.text)
        if slots.missing:
            return f"¡Con gusto! ¿Me dices {', '.join(slots.missing)}? 🙂"
        try:
            booking = self.agenda.book(message.sender, slots)
        except Full:
            return "A esa hora ya no hay mesa. ¿Te sirve otra?"
        note = f" Anotado: {booking.notes}." if booking.notes else ""
        return f"¡Listo! Mesa para {booking.party}, {booking.day} a las {booking.hour} ✅{note}"
