"""Cleaning of foreign text: log lines and API strings hold customers' messages and attackers' bytes.

`clean` makes any string safe to draw, print and store on one line; used at ingress by `console.cloud`, and again by
everything that prints. It must know nothing of Textual: markup is the drawer's to switch off.
"""

from __future__ import annotations

import re
import unicodedata

MAX_LINE = 4_000
"""Characters of one line that are kept by default; the rest is counted, not shown."""

_SEQUENCES = re.compile(
    r"""
    (?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?      # OSC: titles, links, clipboard
  | (?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c)?  # DCS, SOS, PM, APC
  | (?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?                          # CSI
  | \x1b[ -/]*[0-~]?                                           # other escapes
    """,
    re.VERBOSE,
)
_SPACES = re.compile(r"[\t\r\n\v\f\x1c-\x1f\x85\u2028\u2029]+")
_HARMLESS = re.compile(r"[ -~\u00a0-\u02ff]*\Z")
_FORMAT_KEPT = {"\u200d", "\ufe0f"}
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def clean(text: str, limit: int = MAX_LINE) -> str:
    """`text` as one safe line.

    Terminal sequences (OSC, CSI, DCS, APC, 8-bit C1) are removed whole; tabs and line breaks become one space; other
    control characters, bidi controls, lone surrogates and private-use characters become U+FFFD; letters, combining
    marks and emoji (with ZWJ and variation selectors) stay. What is over `limit` characters is cut, with how much.

    Args:
        text: anything.
        limit: characters kept, at least 1.
    """
    cut = 0
    if len(text) > limit * 4:
        cut = len(text) - limit * 4
        text = text[: limit * 4]
    if not _HARMLESS.match(text):
        text = _SEQUENCES.sub("", text)
        text = _SPACES.sub(" ", text)
        if not _HARMLESS.match(text):
            text = "".join(_visible(character) for character in text)
    if len(text) > limit:
        cut += len(text) - limit
        text = text[:limit]
    return f"{text} … +{cut:,}" if cut else text


def _visible(character: str) -> str:
    if character in _FORMAT_KEPT or unicodedata.category(character) not in _HIDDEN:
        return character
    return "" if character == "\u00ad" else "\ufffd"
