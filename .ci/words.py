"""`make words`: collect every word for people, bring the Spanish catalogue up to date, compile it.

Our placeholders are `str.format`'s; gettext's tools take "10 % de" for an old-style format and refuse it, so their
flag is left out. tests/test_words.py checks the placeholders.
"""

from __future__ import annotations

import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
PO = ROOT / "console" / "locale" / "es" / "LC_MESSAGES" / "canario.po"
FOLDERS = ("console", "widgets", "screens", "themes")
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}


def main() -> int:
    """Update and compile; the number of texts that wait for a translation."""
    with PO.open("rb") as file:
        catalogue = read_po(file, locale="es")
    template = Catalog()
    for folder in FOLDERS:
        for _path, _line, message, _comments, _context in extract_from_dir(ROOT / folder, keywords=KEYWORDS):
            template.add(message)
    catalogue.update(template, no_fuzzy_matching=True, update_header_comment=False, update_creation_date=False)
    catalogue.obsolete.clear()
    waiting = []
    for message in catalogue:
        message.flags.discard("python-format")
        if message.id and not all(message.string if isinstance(message.string, tuple) else (message.string,)):
            waiting.append(message.id)
    with PO.open("wb") as file:
        write_po(file, catalogue, width=0, sort_output=True)
    with PO.with_suffix(".mo").open("wb") as file:
        write_mo(file, catalogue)
    for text in waiting:
        sys.stderr.write(f"to translate: {text}\n")
    return len(waiting)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
