"""Words for people: gettext, English the source, Spanish beside it.

Figures, ids, keys and command names are never translated. Knows nothing of screens or of the cloud, and may be
imported by everything. Catalogues live in `console/locale/LANGUAGE/LC_MESSAGES/canario.po` (and the compiled
`.mo`, made by `make words`).
"""

from __future__ import annotations

import gettext as _gettext
import os
from pathlib import Path

LOCALE_DIR = Path(__file__).parent / "locale"
"""Where the catalogues are kept, inside the package so that they are installed with it."""

_current: _gettext.NullTranslations = _gettext.NullTranslations()


def use_language(language: str | None = None) -> None:
    """Choose the language of all later words.

    Args:
        language: a code such as `es` or `es_VE`; None asks LANGUAGE, LC_ALL, LC_MESSAGES and LANG in that order,
            as gettext does. A language without a catalogue leaves the English source.
    """
    global _current
    languages = [language] if language else None
    _current = _gettext.translation("canario", LOCALE_DIR, languages=languages, fallback=True)


def language() -> str:
    """Code of the language that words come in, e.g. `es`; `en` where they are the source's own."""
    return _current.info().get("language") or "en"


def _(message: str) -> str:
    """`message` in the operator's language."""
    return _current.gettext(message) if message else ""


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark `message` for the catalogues; it is translated where it is shown."""
    return message


def ngettext(singular: str, plural: str, count: int) -> str:
    """`singular` or `plural`, whichever suits `count`, in the operator's language."""
    return _current.ngettext(singular, plural, count)


if any(os.environ.get(name) for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")):
    use_language()
