"""A stranger's text reaches the terminal as text, whatever is in it: the bytes of a real terminal are looked at."""

from __future__ import annotations

import re

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from tests.widgets.hostile import ATTACKS, CANARY_IN_BASE64, HOSTILE
from tests.widgets.terminal import Terminal
from widgets.safe import ScrubFilter

OURS = re.compile(
    rb"\x1b\[[0-9;:]*m"  # colours
    rb"|\x1b\[[0-9;]*H"  # where the next text goes
    rb"|\x1b\[\?[0-9;]*[hlu$p]+"  # modes of the terminal
    rb"|\x1b\[[<>=]?[0-9;]*[uctpqn]"  # questions and the keyboard protocol
    rb"|\x1b\]22;[a-z-]+\x07"  # the mouse pointer's shape
)
"""What Textual itself sends while it draws."""


def test_nothing_of_an_attacker_acts_on_the_terminal() -> None:
    with Terminal("-m", "tests.widgets.hostile", columns=200, rows=60) as terminal:
        terminal.read_until(b"Roll back")
        terminal.send(b"\x1b[A\r")  # up, Enter: the whole of a line
        raw = terminal.read_until(b"UTC")
    assert b"OPEN" in raw
    drawn = OURS.sub(b"", raw)
    assert b"\x1b" not in drawn, re.findall(rb".{20}\x1b.{20}", drawn, re.DOTALL)
    assert b"\x1b]52" not in raw
    assert b"]8;;" not in re.sub(rb"[^\x1b]\]8;;", b"", raw)
    text = drawn.decode("utf-8", "replace")
    assert not set("\x00\x07\x08\x7f\u202e\u2066\x9b\x9d\u2028") & set(text)
    assert "[bold]loud[/bold]" in text


def test_a_steps_output_and_a_document_act_on_the_terminal_no_more_than_a_log_line() -> None:
    with Terminal("-m", "tests.widgets.hostile_checklist", columns=200, rows=60) as terminal:
        raw = terminal.read_until(b"DRAWN")
    assert b"OPEN" in raw
    drawn = OURS.sub(b"", raw)
    assert b"\x1b" not in drawn, re.findall(rb".{20}\x1b.{20}", drawn, re.DOTALL)
    assert b"\x1b]52" not in raw
    text = drawn.decode("utf-8", "replace")
    assert not set("\x00\x07\x08\x7f\u202e\u2066\x9b\x9d\u2028") & set(text)
    assert "[bold]loud[/bold]" in text


def test_a_copied_line_reaches_the_clipboard_clean() -> None:
    import base64

    with Terminal("-m", "tests.widgets.hostile", columns=200, rows=60) as terminal:
        terminal.read_until(b"Roll back")
        terminal.send(b"y")
        raw = terminal.read_until(b"\x1b]52;c;")
    sent = re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", raw)
    assert len(sent) == 1
    text = base64.b64decode(sent[0]).decode("utf-8")
    assert CANARY_IN_BASE64 not in text
    assert not set("\x00\x07\x08\x7f\x1b\x9b\x9d\u202e") & set(text)


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_last_gate_takes_out_what_is_dangerous_and_keeps_the_width(attack: str) -> None:
    from rich.cells import cell_len

    before = Segment(f"a{attack}b", Style(bold=True))
    (after,) = ScrubFilter().apply([before], Color(0, 0, 0))
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", after.text)
    assert after.style == before.style
    if "\ud83d" not in attack:
        assert cell_len(after.text) == cell_len(before.text)


def test_a_link_is_not_sent_to_the_terminal() -> None:
    (after,) = ScrubFilter().apply([Segment("x", Style(link="http://evil.example"))], Color(0, 0, 0))
    assert after.style is not None
    assert after.style.link is None


def test_the_test_itself_is_hostile() -> None:
    assert "\x1b]52" in HOSTILE
