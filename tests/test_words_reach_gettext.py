"""Every word that an operator may read can be found by the catalogues' tools, and stands in the Spanish one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

ROOT = Path(__file__).parent.parent
PO = ROOT / "console" / "locale" / "es" / "LC_MESSAGES" / "canario.po"
FOLDERS = ("console", "screens", "themes", "widgets")
GETTEXT = {"_": 1, "N_": 1, "ngettext": 2}
"""Gettext's functions, and how many of their arguments are texts."""


def gettext_calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in GETTEXT:
            yield node


def inside_f_strings(tree: ast.AST) -> list[int]:
    """Lines of calls within f-strings, which Babel passes by."""
    return [call.lineno for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for call in gettext_calls(node)]


def literals(tree: ast.AST) -> set[str]:
    found = set()
    for call in gettext_calls(tree):
        texts = call.args[: GETTEXT[call.func.id]]  # type: ignore[attr-defined]
        found |= {text.value for text in texts if isinstance(text, ast.Constant) and isinstance(text.value, str)}
    return found


def trees() -> Iterator[tuple[Path, ast.AST]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "checkout/files" not in path.as_posix():  # the sample team's own code
                yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def test_no_word_for_the_operator_hides_in_an_f_string() -> None:
    assert [f"{path}:{line}" for path, tree in trees() for line in inside_f_strings(tree)] == []


def test_every_text_given_to_gettext_has_its_spanish() -> None:
    with PO.open("rb") as file:
        known = {text for m in read_po(file) if m.string for text in (m.id if isinstance(m.id, tuple) else (m.id,))}
    missing = {f"{path}: {text}" for path, tree in trees() for text in literals(tree) - known if text}
    assert missing == set(), "run: make words, then translate"


@pytest.mark.parametrize(
    "source",
    ['f"{_(word)} {at}"', "f\"{a} {b or _('not done')}\"", 'f\'<b>{h(ngettext("{n} step", "{n} steps", n))}</b>\''],
)
def test_a_word_in_an_f_string_would_be_found(source: str) -> None:
    assert inside_f_strings(ast.parse(source)) == [1]
    assert inside_f_strings(ast.parse('_("{n} steps").format(n=f"{n:,}")')) == []


def test_a_text_of_several_pieces_is_read_as_one() -> None:
    assert literals(ast.parse('_("one "\n"text") + ngettext("a", "b", 2)')) == {"one text", "a", "b"}
