"""What a customer wants (intent) and the particulars (slots), from Spanish as people type it."""

from __future__ import annotations

import re
from dataclasses import dataclass

NUMBERS = {
    word: number
    for number, words in enumerate(
        ("", "un una uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez", "once", "doce")
    )
    for word in words.split()
}
_WORDS = "|".join(NUMBERS)
INTENTS = (
    ("cancelar", re.compile(r"\b(cancel|anul)")),
    ("cambiar", re.compile(r"\b(cambi|mover|mueve|reprogram)")),
    ("reservar", re.compile(r"\b(reserv|mesa para|aparta)")),
    ("preguntar", re.compile(r"\?|¿|\b(cuánto|tienen|hay|aceptan|abren)\b")),
    ("saludar", re.compile(r"\b(hola|buen[oa]s)\b")),
)
PARTY = re.compile(rf"\bpara (?:(\d{{1,2}})|({_WORDS}))\b(?! (?:de la|am|pm))")
DAY = re.compile(r"\b(pasado mañana|hoy|mañana|lunes|martes|miércoles|jueves|viernes|sábado|domingo)\b")
HOUR = re.compile(rf"\ba las? (?:(\d{{1,2}})|({_WORDS})\b)(?::(\d\d))?( y media)?(?: ?(am|de la mañana))?")
NOTES = re.compile(r"\b(?:nota|notas|con nota|por favor anota)s?: *(.+)$", re.IGNORECASE)
LONGEST_NOTE = 500
"""Characters; `reservas.notes` is VARCHAR(500)."""


@dataclass(frozen=True)
class Slots:
    """The particulars of a booking; None where the customer did not say."""

    party: int | None = None
    day: str | None = None
    hour: str | None = None
    notes: str = ""

    @property
    def missing(self) -> list[str]:
        """What must still be asked."""
        asked = {"personas": self.party, "día": self.day, "hora": self.hour}
        return [name for name, value in asked.items() if value is None]


def intent_of(text: str) -> str:
    """The first intent that fits, or `desconocido`."""
    lowered = text.lower()
    return next((name for name, pattern in INTENTS if pattern.search(lowered)), "desconocido")


def slots_of(text: str) -> Slots:
    """The slots in `text`. An hour from 1 to 11 without more is an evening's: nobody dines at eight in the morning."""
    note = NOTES.search(text)
    lowered = (text[: note.start()] if note else text).lower()
    party, day, hour = PARTY.search(lowered), DAY.search(lowered), HOUR.search(lowered)
    return Slots(
        party=_number(party) if party else None,
        day=day.group(1) if day else None,
        hour=_hour(hour) if hour else None,
        notes=note.group(1).strip()[:LONGEST_NOTE] if note else "",
    )


def _number(found: re.Match[str]) -> int:
    return int(found.group(1)) if found.group(1) else NUMBERS[found.group(2)]


def _hour(found: re.Match[str]) -> str | None:
    hour = _number(found)
    if 1 <= hour <= 11 and not found.group(5):
        hour += 12
    minutes = 30 if found.group(4) else int(found.group(3) or 0)
    return f"{hour:02d}:{minutes:02d}" if hour < 24 and minutes < 60 else None
