"""Every word for people has a Spanish translation, with the same placeholders, compiled as it is written."""

from __future__ import annotations

import gettext
import string
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from console import words

ROOT = Path(__file__).parent.parent
PO = ROOT / "console" / "locale" / "es" / "LC_MESSAGES" / "canario.po"
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}
COMMANDS = ("canario ", "gcloud ", "keyring set", "CANARIO_", "GOOGLE_CLOUD_PROJECT", "--")


@pytest.fixture(scope="module")
def spanish() -> Catalog:
    with PO.open("rb") as file:
        return read_po(file, locale="es")


def sources() -> set[str | tuple[str, ...]]:
    found: set[str | tuple[str, ...]] = set()
    for folder in ("console", "widgets", "screens", "themes"):
        for _file, _line, message, _comments, _context in extract_from_dir(ROOT / folder, keywords=KEYWORDS):
            found.add(message)
    return found


def fields(text: str) -> set[str]:
    return {f"{name}:{spec}{conversion or ''}" for _t, name, spec, conversion in string.Formatter().parse(text) if name}


def ids(message: Message) -> tuple[str, ...]:
    return message.id if isinstance(message.id, tuple) else (message.id,)


def strings(message: Message) -> tuple[str, ...]:
    return message.string if isinstance(message.string, tuple) else (message.string,)


def test_every_text_has_a_translation(spanish: Catalog) -> None:
    done = {message.id if isinstance(message.id, str) else tuple(message.id) for message in spanish if message.id}
    missing = {text for text in sources() if text not in done}
    empty = {str(message.id) for message in spanish if message.id and not all(strings(message))}
    fuzzy = {str(message.id) for message in spanish if message.id and message.fuzzy}
    assert missing | empty | fuzzy == set(), "run: make words, then translate"


def test_no_translation_is_left_of_a_text_that_is_gone(spanish: Catalog) -> None:
    known = sources()
    left = {str(m.id) for m in spanish if m.id and (m.id if isinstance(m.id, str) else tuple(m.id)) not in known}
    assert left == set()
    assert not spanish.obsolete


def test_translations_keep_every_placeholder_as_it_is(spanish: Catalog) -> None:
    wrong = []
    for message in spanish:
        if not message.id:
            continue
        wanted = fields(ids(message)[-1])
        for text in strings(message):
            singular = text is strings(message)[0] and len(ids(message)) > 1
            if fields(text) != wanted and not (singular and fields(text) | {"count:", "count:,"} >= wanted):
                wrong.append((message.id, text))
    assert wrong == []


def test_commands_options_and_keys_are_not_translated(spanish: Catalog) -> None:
    import re

    wrong = []
    for message in spanish:
        if not message.id:
            continue
        for code in re.findall(r"`[^`]+`|--[a-z-]+|CANARIO_\w+|\bF9\b|\bEsc\b", ids(message)[-1]):
            if any(code not in text for text in strings(message)):
                wrong.append((message.id, code))
    assert wrong == []


def test_translations_keep_the_ends_of_a_text(spanish: Catalog) -> None:
    wrong = []
    for message in spanish:
        if not message.id:
            continue
        source = ids(message)[-1]
        for text in strings(message):
            ends = source[-1] in ".:?…" and not text.endswith(source[-1])
            spaces = (source[0] == " " and text[0] != " ") or (source[-1] == " " and text[-1] != " ")
            if ends or spaces:
                wrong.append((source, text))
    assert wrong == []


def test_the_compiled_catalogue_is_the_written_one(spanish: Catalog) -> None:
    with PO.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    fresh = BytesIO()
    write_mo(fresh, spanish)
    fresh.seek(0)
    assert compiled._catalog == gettext.GNUTranslations(fresh)._catalog, "run: make words"  # type: ignore[attr-defined]


def test_an_operator_in_caracas_reads_spanish(monkeypatch: pytest.MonkeyPatch) -> None:
    before = words._current
    try:
        words.use_language("es_VE")
        assert words._("Roll back") != "Roll back"
        words.use_language("en")
        assert words._("Roll back") == "Roll back"
    finally:
        words._current = before
