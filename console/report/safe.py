"""Text that may stand in a report: cleaned, without secrets, telephone numbers masked. Pure."""

from __future__ import annotations

import html
import re

from console.journal.scrub import SEARCHED, scrub_text
from console.text import clean

LONGEST = 2_000
"""Characters of one text."""

_BETWEEN = r"""
    (?: [ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]{0,2}
        (?: [-_.·•∙~()\[\]'’+\u00ad\u200b-\u200f\u2010-\u2015\u2060\u2212\ufe0f\u20e3\ufe58\ufe63\ufeff\ufffd]
          | [\uff08\uff09\uff0d\uff0e\u066b\u066c]
          | (?<=\d{3})/(?=\d{3})                            # 0412/5551234, and not 26/26
          | %20 | %2[bde] | \#
        )
    ){0,3}
    [ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]{0,2}
"""
"""What may stand between two digits of one telephone number."""

_NUMBER = re.compile(rf"(?xi) (?<!\d) \d (?: {_BETWEEN} \d ){{7,}}")

_DAY = r"(?:19|20)\d\d{0}(?:0[1-9]|1[0-2]){0}(?:0[1-9]|[12]\d|3[01])"
_CLOCK = r"(?:[01]\d|2[0-3]){0}[0-5]\d{0}[0-5]\d"
_EXEMPT = re.compile(
    rf"""(?xa)
    (?<![\w+.-]) {_DAY.format("-")} (?:[T ]{_CLOCK.format(":")}(?:\.\d{{1,9}})?(?:Z|[+-]\d\d:?\d\d)?)? (?![\d:]|[.-]\d)
  | (?<![\w+.-]) {_DAY.format("-")}-(?:[01]\d|2[0-3])[0-5]\d-\d{{5}}-[a-z]{{3}} (?![\w-])     # a release of canario's
  | (?<![\w+.-]) {_DAY.format("-")}-{_CLOCK.format("")} (?:-\d{{1,3}})? (?![\w-])                # a candidate of it
  | (?<![\w+.-]) {_DAY.format("-")}T (?=\d\d:\d\d)
  | (?<![\w+.-]) {_DAY.format("/")} (?![\d/-])
  | (?<![\w+.-]) {_DAY.format("")} T{_CLOCK.format("")}Z? (?!\w)
  | (?<![\w+.-]) {_DAY.format("")} (?:{_CLOCK.format("")})? (?=_\w{{1,100}}\.sql\b)                # a migration's file
  | (?<![\w-]) (?=[0-9]{{0,63}}[a-f]) (?:[0-9a-f]{{64}}|[0-9a-f]{{40}}|[0-9a-f]{{32}}) (?!\w)  # digest, commit, trace
  | (?<!\w) sha256:[0-9a-f]{{16,64}} (?!\w)
  | (?<![\w-]) (?=[0-9-]{{0,35}}[a-f]) [0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}} (?![\w-])   # UUID
  | (?<!\w) 00-[0-9a-f]{{32}}-[0-9a-f]{{16}}-[0-9a-f]{{2}} (?!\w)                                # traceparent
  | (?<!\w) [a-z][a-z0-9-]{{0,62}}-\d{{5}}-[a-z]{{3}} (?![\w-])                                  # a revision
  | (?<![\d.,+-]) [1-9]\d{{0,2}}(?:,\d{{3}}){{2,5}} (?![\d,]|[.-]\d)                            # 12,345,678 requests
  | (?<=/actions/runs/)\d{{8,12}}(?:/job/\d{{8,12}})? (?!\d)                                  # GitHub's run
    """
)
"""What has digits and is no telephone number, by its form."""

_COMMIT = re.compile(r"@?(?=\d{0,11}[a-f])[0-9a-f]{12}")
"""A commit or an image, shortened as canario shows them, where it is all the text."""

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~!])")


def masked(text: str) -> str:
    """`text` with what may be a telephone number hidden but for its first three and last two digits.

    Eight digits or more (E.164 has up to fifteen), in any script's digits, with or without a plus and separators, after
    whatever is no digit. Times, digests, traces, revisions, counts with commas and GitHub's runs are none, by their
    form; where in doubt it is hidden.
    """
    if _COMMIT.fullmatch(text):
        return text
    shown, at = [], 0
    for exempt in _EXEMPT.finditer(text):
        shown += [_NUMBER.sub(_hide, text[at : exempt.start()]), _inside(exempt.group())]
        at = exempt.end()
    return "".join((*shown, _NUMBER.sub(_hide, text[at:])))


def _inside(exempt: str) -> str:
    """A revision of a service whose name has a number in it is masked there."""
    if not exempt[0].isalpha() or exempt.startswith("sha256:") or len(exempt) < 14 or "-" not in exempt:
        return exempt
    return _NUMBER.sub(_hide, exempt[:-10]) + exempt[-10:] if exempt[-10] == "-" else exempt


def _hide(found: re.Match[str]) -> str:
    number = found.group()
    digits = sum(character.isdecimal() for character in number)
    seen = 0
    shown = []
    for character in number:
        seen += character.isdecimal()
        shown.append("•" if character.isdecimal() and 3 < seen <= digits - 2 else character)
    return "".join(shown)


def safe(text: object, limit: int = LONGEST) -> str:
    """`text` on one line, cleaned, without secrets, numbers masked."""
    # cut last: half a number is none, and would be left whole
    return clean(masked(scrub_text(str(text), max(limit, SEARCHED))), limit)


def html_text(text: object, limit: int = LONGEST) -> str:
    """As `safe`, for HTML: nothing in it is markup."""
    return html.escape(safe(text, limit), quote=True)


def markdown_text(text: object, limit: int = LONGEST) -> str:
    """As `safe`, for Markdown: nothing in it is markup, in a table's cell either."""
    return _MARKDOWN.sub(r"\\\1", safe(text, limit))


def code_text(text: object, limit: int = LONGEST) -> str:
    """As `safe`, for a line within a fence of four backticks."""
    return safe(text, limit).replace("````", "'''' ")
