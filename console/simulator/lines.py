"""What the simulated service writes: its requests' kinds, and application lines as customers of a restaurant write.

Everything is chosen by bits that are passed in, so that the same request always writes the same lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of request."""

    method: str
    path: str
    user_agent: str


WEBHOOK = Kind("POST", "/webhook", "facebookexternalua")
KINDS: tuple[Kind, ...] = (
    *([WEBHOOK] * 28),
    Kind("GET", "/healthz", "GoogleStackdriverMonitoring-UptimeChecks(https://cloud.google.com/monitoring)"),
    Kind("GET", "/metrics", "Prometheus/2.53.0"),
    Kind("GET", "/events?hub.mode=subscribe&hub.challenge=1158201444", "facebookplatform/1.0"),
    Kind("POST", "/webhook", "facebookexternalua"),
)
"""32, one for each value of five bits."""

REJECTED: tuple[int, ...] = (401, 404, 400, 401)
"""Statuses of requests that are refused, one for each value of two bits."""

FAILED: tuple[int, ...] = (500, 500, 500, 500, 500, 503, 503, 504)
"""Statuses of requests that fail, one for each value of three bits."""

_MESSAGES = (
    "Quiero reservar para 4 el viernes a las 8 🙏",
    "Hola! ¿tienen mesa para 2 hoy? 😊",
    "buenas tardes, ¿aceptan mascotas? 🐶",
    "¿Cuánto cuesta el menú ejecutivo?",
    "cancelar la reserva de mañana por favor 😔",
    "Somos 12 personas, es un cumpleaños 🎂🎉",
    "¿Están abiertos el domingo?",
    "mesa en la terraza si se puede ☀️",
    "perdón, mejor a las 9 🕘",
    "¿Tienen opciones sin gluten? 🌾🚫",
    "Llego 10 min tarde, ya voy en camino 🚗💨",
    "Muchas gracias, todo excelente 👏🏽👏🏽",
    "quiero hablar con una persona 😤",
    "¿El niño paga? Tiene 3 años 👶🏻",
    "2 arepas reina pepiada para llevar 🫓",
    "¡Feliz Navidad a todo el equipo! 🎄❤️",
)
_INTENTS = ("reservar", "consultar_horario", "cancelar", "saludo", "consultar_menu", "hablar_con_humano")
_FAILURES = (
    "agenda: tiempo de espera agotado (2000 ms) al guardar la reserva",
    "KeyError: 'slots' en wa_orchestrator/nlu/slots.py:214",
    "rag: el índice de menús no responde (connection reset by peer)",
    "no se pudo responder al cliente: Graph API devolvió 500 😱",
    "base de datos: (1205) Lock wait timeout exceeded; try restarting transaction",
    "AttributeError: 'NoneType' object has no attribute 'intent'",
)
_WARNINGS = (
    "agenda lenta: 1.4 s para consultar disponibilidad",
    "intento de firma inválida en X-Hub-Signature ⚠️",
    "mensaje repetido, ya se respondió",
    "NLU con poca confianza (0.41): se pide aclarar 🤔",
)
_HOSTILE = (
    "\x1b[31mrojo\x1b[0m \x1b]52;c;cm0gLXJmIC8=\x07 portapapeles",
    "[bold]negrita[/bold] [@click=app.quit]pulse aquí[/] [/]",
    "nul\x00 y campana\x07 y retroceso\x08\x08\x08",
    "\u202eotxet osrever\u202c bidi \u2066aislado\u2069",
    "\x9b2J\x1b[H\x1bPq#0;2;0;0;0\x1b\\ pantalla borrada",
    "título \x1b]0;PWNED\x07 y enlace \x1b]8;;http://example.test\x1b\\aquí\x1b]8;;\x1b\\",
    "línea\r\nfalsa: 2026-11-25 INFO todo bien\n\t\ttabulada",
    "🏳️‍🌈👩🏽‍🚀👨‍👩‍👧‍👦 ｆｕｌｌｗｉｄｔｈ 漢字 e\u0301\u0301\u0301 \u200b\u200d\ufeff",
)
_LONG = "🍽️ mesa para dos " * 60_000
"""A little over 1 MiB in UTF-8."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an application."""

    severity: int
    text: str
    intent: str = ""
    """Set where the line is structured (jsonPayload), else it is plain text."""


def chatter(bits: int) -> Line:
    """A line of a request that went well."""
    which = bits & 0xFF
    message = _MESSAGES[(bits >> 8) & 15]
    if which < 20:
        return Line(400, _WARNINGS[(bits >> 12) & 3])
    if which < 120:
        return Line(200, f"respondido: {message}", _INTENTS[(bits >> 16) % len(_INTENTS)])
    tail = (bits >> 12) % 10_000
    return Line(200, f"mensaje de +58412•••{tail:04d}: «{message}»")


def complaint(bits: int) -> Line:
    """An ERROR line of a request that failed."""
    text = _FAILURES[(bits >> 8) % len(_FAILURES)]
    if bits & 1:
        return Line(500, f"{text} · «{_MESSAGES[(bits >> 16) & 15]}»")
    return Line(500, text, _INTENTS[(bits >> 20) % len(_INTENTS)])


def hostile(bits: int) -> Line:
    """A line that tries to harm a terminal; one in 64 is over 1 MiB long."""
    if bits & 63 == 0:
        return Line(200, _LONG)
    return Line((200, 500)[(bits >> 6) & 1], _HOSTILE[(bits >> 8) % len(_HOSTILE)])


def address(bits: int) -> str:
    """An address that Meta's webhooks come from (31.13.64.0/18), or another's."""
    return f"31.13.{64 + (bits & 63)}.{(bits >> 6) & 255}"
