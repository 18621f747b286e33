"""Answers to questions: the passage of the house's own text that shares most rare words with the question."""

from __future__ import annotations

import math
import re
from collections import Counter

PASSAGES = (
    "Abrimos todos los días de 12:00 a 23:00, también los domingos y festivos.",
    "Aceptamos mascotas en la terraza.",
    "El menú ejecutivo cuesta 12 dólares e incluye sopa, plato principal y jugo.",
    "Tenemos opciones sin gluten y vegetarianas: pregunte por la carta especial.",
    "Los niños menores de cinco años no pagan en el bufé.",
    "Hay estacionamiento gratuito para clientes en el sótano.",
)
LEAST = 0.6
"""Score under which no passage answers."""
_COMMON = frozenset("a al con de del el en es la las los me no o para por que qué se si su un una y".split())


def answer(question: str, passages: tuple[str, ...] = PASSAGES) -> str | None:
    """The passage that answers best, or None where none does."""
    wanted = _terms(question)
    everywhere = Counter(term for passage in passages for term in _terms(passage))
    best, score = None, LEAST
    for passage in passages:
        shared = wanted & _terms(passage)
        worth = sum(math.log(1 + len(passages) / everywhere[term]) for term in shared)
        if worth > score:
            best, score = passage, worth
    return best


def _terms(text: str) -> frozenset[str]:
    words = re.findall(r"[a-záéíóúñ]+", text.lower())
    return frozenset(word[:6].rstrip("s") for word in words if word not in _COMMON)
