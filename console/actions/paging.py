"""When somebody is to be called: once for each spell of a shared breach, or of a canary that is not seen. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from console.verdict.base import Verdict, Word

SPELL_ENDS_AFTER = timedelta(seconds=60)
"""Log time without the trouble after which the next is another spell: a verdict that flickers calls once."""


@dataclass(frozen=True, slots=True)
class Page:
    """A reason to call somebody."""

    kind: str
    """`shared breach` or `no data`."""
    sentence: str
    """The judge's."""


class Pager:
    """Remembers which spell was told."""

    def __init__(self) -> None:
        self._seen: dict[str, datetime] = {}

    def look(self, verdict: Verdict | None) -> Page | None:
        """The page that `verdict` calls for now; None where there is none, or it was told already."""
        kind = trouble(verdict)
        if verdict is None or verdict.at is None or not kind:
            return None
        last = self._seen.get(kind)
        self._seen[kind] = verdict.at
        if last is not None and verdict.at - last <= SPELL_ENDS_AFTER:
            return None
        return Page(kind, verdict.sentence)


def trouble(verdict: Verdict | None) -> str:
    """`shared breach`, `no data`, or empty."""
    if verdict is None:
        return ""
    if verdict.word is Word.SHARED_BREACH:
        return "shared breach"
    return "no data" if verdict.no_data else ""
