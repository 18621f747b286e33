"""The simulated application: a WhatsApp booking assistant's webhook, as the runbook's smoke tests call it.

Meta signs a webhook's body with HMAC-SHA256 under the app secret and sends it as `X-Hub-Signature-256:
sha256=HEX`; it verifies a new webhook with a GET that carries `hub.mode=subscribe`, `hub.verify_token` and
`hub.challenge`, which must be echoed (https://developers.facebook.com/docs/graph-api/webhooks/getting-started).
The runbook's `X-Hub-Signature` is the older header's name.

`APP_SECRET` and `VERIFY_TOKEN` are the simulator's own, public and the same in every run: they guard nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

APP_SECRET = "canario-simulator-app-secret"  # noqa: S105 - public, see above
"""Signs the simulator's webhooks."""
VERIFY_TOKEN = "canario-simulator-verify-token"  # noqa: S105 - public, see above
"""Verifies them."""
SIGNATURE_HEADER = "X-Hub-Signature-256"
LARGEST_BODY = 1024 * 1024

_DAYS = "lunes|martes|miércoles|miercoles|jueves|viernes|sábado|sabado|domingo|hoy|mañana|pasado mañana"
_INTENTS: tuple[tuple[str, str], ...] = (
    ("cancelar", r"\b(cancel|anul)"),
    ("cambiar", r"\b(cambi|mover|mueve|reprogram)"),
    ("reservar", r"\b(reserv|mesa para|aparta)"),
    ("disponibilidad", r"\b(hay (mesa|lugar|sitio)|disponib|tienen (mesa|lugar))"),
    ("horario", r"\b(horario|a qué hora (abren|cierran)|abren|cierran)"),
    ("saludo", r"\b(hola|buen[oa]s|qué tal)"),
)
_NUMBERS = {
    "un": 1, "una": 1, "uno": 1, "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5, "seis": 6, "siete": 7, "ocho": 8,
    "nueve": 9, "diez": 10, "once": 11, "doce": 12,
}  # fmt: skip
_PARTY = re.compile(rf"\bpara (?:(\d{{1,2}})|({'|'.join(_NUMBERS)}))\b(?!\s*(?:de|am|pm))")
_DAY = re.compile(rf"\b(pasado mañana|{_DAYS})\b")
_HOUR = re.compile(
    rf"\ba las? (?:(\d{{1,2}})|({'|'.join(_NUMBERS)})\b)(?::(\d\d))?( y media)?\s*"
    r"(am|pm|de la mañana|de la tarde|de la noche)?"
)


class BadRequest(Exception):
    """The request is refused.

    Args:
        status: HTTP status.
        problem: a sentence.
    """

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status
        self.problem = problem


def verify(query: Mapping[str, str]) -> str:
    """The answer to a verification GET: the challenge.

    Raises:
        BadRequest: 403 for a wrong mode or token, 400 without a challenge.
    """
    token = query.get("hub.verify_token", "")
    if query.get("hub.mode") != "subscribe" or not hmac.compare_digest(token.encode(), VERIFY_TOKEN.encode()):
        raise BadRequest(403, "hub.mode or hub.verify_token is wrong")
    challenge = query.get("hub.challenge", "")
    if not challenge:
        raise BadRequest(400, "hub.challenge is missing")
    return challenge


def sign(body: bytes, secret: str = APP_SECRET) -> str:
    """The `X-Hub-Signature-256` of `body`."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Reply:
    """What one message is answered with."""

    message: str
    """Its id."""
    to: str
    intent: str
    slots: Mapping[str, object]
    reply: str


def receive(body: bytes, signature: str | None) -> tuple[dict[str, object], list[Reply]]:
    """The answer to a webhook POST, and the replies in it: for each message its intent, slots and words.

    Args:
        body: as received.
        signature: the `X-Hub-Signature-256` header, or None.

    Raises:
        BadRequest: 401 unsigned or wrongly signed, 400 not a WhatsApp payload.
    """
    if signature is None:
        raise BadRequest(401, f"{SIGNATURE_HEADER} is missing")
    if not hmac.compare_digest(signature.encode("utf-8", "replace"), sign(body).encode()):
        raise BadRequest(401, f"{SIGNATURE_HEADER} does not match the body")
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest(400, "the body is not JSON") from None
    if not isinstance(payload, dict) or payload.get("object") != "whatsapp_business_account":
        raise BadRequest(400, "object is not whatsapp_business_account")
    replies = []
    for message in _messages(payload):
        text = message.get("text")
        words = text.get("body", "") if isinstance(text, dict) else ""
        intent, slots = understand(str(words))
        told = str(message.get("id", "")), str(message.get("from", ""))
        replies.append(Reply(*told, intent, slots, reply_to(intent, slots)))
    return {"status": "ok", "replies": [asdict(reply) for reply in replies]}, replies


def understand(text: str) -> tuple[str, dict[str, object]]:
    """(intent, slots) of a customer's message in Spanish.

    Slots: `personas` (1 to 99), `dia`, `hora` (HH:MM, 24 hours; an hour of 1 to 11 without more is an evening's).
    """
    lowered = text.lower()
    intent = next((name for name, pattern in _INTENTS if re.search(pattern, lowered)), "desconocido")
    slots: dict[str, object] = {}
    if party := _PARTY.search(lowered):
        slots["personas"] = int(party.group(1)) if party.group(1) else _NUMBERS[party.group(2)]
    if day := _DAY.search(lowered):
        slots["dia"] = day.group(1)
    if hour := _HOUR.search(lowered):
        value = int(hour.group(1)) if hour.group(1) else _NUMBERS[hour.group(2)]
        morning = hour.group(5) in ("am", "de la mañana")
        if 1 <= value <= 11 and not morning:
            value += 12
        minutes = 30 if hour.group(4) else int(hour.group(3) or 0)
        if value < 24 and minutes < 60:
            slots["hora"] = f"{value:02d}:{minutes:02d}"
    return intent, slots


def reply_to(intent: str, slots: Mapping[str, object]) -> str:
    """What the assistant writes back, in the customers' language (it is the simulated product's, not canario's)."""
    if intent == "reservar":
        missing = [name for name in ("personas", "dia", "hora") if name not in slots]
        if missing:
            return f"¡Con gusto! ¿Me dices {', '.join(missing)}? 🙂"
        return f"¡Listo! Mesa para {slots['personas']}, {slots['dia']} a las {slots['hora']} ✅"
    return {
        "cancelar": "Tu reserva quedó cancelada.",
        "cambiar": "¿Para qué día y hora la cambio?",
        "disponibilidad": "Sí tenemos lugar. ¿Reservo? 🙌",
        "horario": "Abrimos de 12:00 a 23:00.",
        "saludo": "¡Hola! ¿Quieres reservar una mesa? 👋",
    }.get(intent, "Perdona, no entendí. ¿Quieres reservar una mesa?")


def _messages(payload: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """The messages of a payload, whatever else is in it."""
    for entry in _items(payload, "entry"):
        for change in _items(entry, "changes"):
            value = change.get("value")
            if isinstance(value, dict):
                yield from _items(value, "messages")


def _items(owner: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    found = owner.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
