"""Foreign text reaches the terminal as one inert line, and stays readable."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.text import clean

HOSTILE = {
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "clipboard, ended by ST": "\x1b]52;c;ZXZpbA==\x1b\\",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
    "colour": "\x1b[31;1m",
    "cursor": "\x1b[2J\x1b[H",
    "device control": "\x1bP$q q\x1b\\",
    "application command": "\x1b_Gpayload\x1b\\",
    "8-bit OSC": "\x9d52;c;ZXZpbA==\x9c",
    "8-bit CSI": "\x9b31m",
    "lone escape at the end": "\x1b",
    "reset": "\x1bc",
}


@pytest.mark.parametrize("attack", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_terminal_sequence_in_a_log_line_vanishes_and_its_neighbours_stay(attack: str) -> None:
    cleaned = clean(f"antes {attack} después")
    assert cleaned.startswith("antes ")
    assert "\x1b" not in cleaned
    assert not any(unicodedata.category(c) == "Cc" for c in cleaned)
    assert "ZXZpbA" not in cleaned
    assert "owned" not in cleaned


def test_an_unterminated_sequence_swallows_only_its_own_line() -> None:
    assert clean("a\x1b]52;c;AAAA") == "a"


def test_what_customers_write_stays_as_they_wrote_it() -> None:
    said = "¿Mesa para 4 el viernes? 👩‍💻❤️ [bold]sí[/bold] नमस्ते"
    assert clean(said) == said


def test_a_reader_is_not_misled_by_bidi_controls() -> None:
    assert "\u202e" not in clean("user\u202etxt.exe")
    assert "\u2066" not in clean("\u2066a\u2069")


def test_nul_and_newlines_become_something_harmless() -> None:
    assert clean("a\x00b\r\nc\td\u2028e") == "a\ufffdb c d e"


def test_a_mebibyte_is_cut_and_says_by_how_much() -> None:
    cleaned = clean("x" * 2**20, limit=100)
    assert cleaned == "x" * 100 + f" … +{2**20 - 100:,}"


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_whatever_comes_in_one_safe_line_comes_out(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    assert not any(unicodedata.category(c) in {"Cc", "Cs", "Co", "Zl", "Zp"} for c in cleaned)
    assert len(cleaned) <= limit + 20


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
