"""A statement as a person reads it: every character accounted for, or named as one that no screen can show. Pure.

A terminal swallows control sequences, reorders text after bidi marks and draws some characters as nothing at all. What
is confirmed is what was seen, so a statement with such characters is never sent: SQL has escapes for all of them.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from console.words import _

TAB, RETURN = "⇥", "␍"
"""How a tab and a carriage return are drawn: visible, and no other character."""

NAMED = 5
"""Kinds of hidden characters that are named at most."""

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_DRAWN_AS_NOTHING = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
"""Letters and marks by category that are blank on every screen (Unicode, DerivedCoreProperties,
Default_Ignorable_Code_Point; U+2800 is the empty Braille pattern)."""
_SELECTORS = ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))


@dataclass(frozen=True, slots=True)
class Picture:
    """A statement, drawn."""

    lines: tuple[str, ...]
    """As drawn, a line of the statement each, no line end in them."""
    size: int
    """Bytes that are sent."""
    hidden: tuple[str, ...] = ()
    """Characters that no screen can show, named: `U+202E RIGHT-TO-LEFT OVERRIDE, 2 times`. Empty: it is all there."""


def picture(sql: str) -> Picture:
    """`sql` as a person may read it; hidden characters stand in it as `⟨U+202E⟩`."""
    counts: dict[str, int] = {}
    drawn: list[str] = []
    for character in sql:
        if character in "\n\t\r":
            drawn.append({"\n": "\n", "\t": TAB, "\r": RETURN}[character])
        elif is_hidden(character):
            counts[character] = counts.get(character, 0) + 1
            drawn.append(f"⟨U+{ord(character):04X}⟩")
        else:
            drawn.append(character)
    named = [_named(character, count) for character, count in list(counts.items())[:NAMED]]
    if len(counts) > NAMED:
        named.append(_("{count} kinds more").format(count=len(counts) - NAMED))
    return Picture(tuple("".join(drawn).split("\n")), len(sql.encode("utf-8", "surrogatepass")), tuple(named))


def is_hidden(character: str) -> bool:
    """Whether a screen shows `character` as nothing, as a blank that is no space, or as a command to itself."""
    if " " <= character <= "~":
        return False
    category, code = unicodedata.category(character), ord(character)
    return (
        category in _HIDDEN
        or category == "Zs"
        or code in _DRAWN_AS_NOTHING
        or any(first <= code <= last for first, last in _SELECTORS)
    )


def _named(character: str, count: int) -> str:
    name = unicodedata.name(character, "")
    return (
        _("U+{code} {name}, {count}×").format(code=f"{ord(character):04X}", name=name, count=count).replace(" ,", ",")
    )
