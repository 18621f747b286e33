"""Text that may stand in a report: cleaned, without secrets, telephone numbers masked. Pure."""

from __future__ import annotations

import html
import re

from console.journal.scrub import scrub_text

LONGEST = 2_000
"""Characters of one text."""

_NUMBER = re.compile(r"(?<![\w.:/-])\+?\d(?:[ ().-]{0,2}\d){7,14}(?![\w:])")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~!])")


def masked(text: str) -> str:
    """`text` with what may be a telephone number hidden but for its first three and last two digits.

    Eight to fifteen digits (E.164), with or without a plus and separators; a date is none.
    """

    def hide(found: re.Match[str]) -> str:
        number = found.group()
        if _DATE.match(number):
            return number
        digits = sum(character.isdigit() for character in number)
        seen = 0
        shown = []
        for character in number:
            if not character.isdigit():
                shown.append(character)
                continue
            seen += 1
            shown.append(character if seen <= 3 or seen > digits - 2 else "•")
        return "".join(shown)

    return _NUMBER.sub(hide, text)


def safe(text: object, limit: int = LONGEST) -> str:
    """`text` on one line, cleaned, without secrets, numbers masked."""
    return masked(scrub_text(str(text), limit))


def html_text(text: object, limit: int = LONGEST) -> str:
    """As `safe`, for HTML: nothing in it is markup."""
    return html.escape(safe(text, limit), quote=True)


def markdown_text(text: object, limit: int = LONGEST) -> str:
    """As `safe`, for Markdown: nothing in it is markup, in a table's cell either."""
    return _MARKDOWN.sub(r"\\\1", safe(text, limit))


def code_text(text: object, limit: int = LONGEST) -> str:
    """As `safe`, for a line within a fence of four backticks."""
    return safe(text, limit).replace("````", "'''' ")
