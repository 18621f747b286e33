"""Two people, two terminals, one demo."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from terminal import Terminal

from console.demo_shared import find_running, folder

CANARIO = shlex.quote(str(Path(sys.executable).with_name("canario")))


@pytest.mark.slow
def test_a_second_terminal_joins_the_demo_under_its_own_identity_and_sees_the_first_ones_move(
    terminals: tuple[Terminal, Terminal],
) -> None:
    carlos, maria = terminals
    carlos.start(f"{CANARIO} demo --scenario healthy --as carlos.lopez@example.com")
    carlos.wait_for("1 starts the release", 60)
    demo = find_running()
    assert demo is not None
    maria.start(f"{CANARIO} demo --as maria@example.com")
    maria.wait_for("1 starts the release", 60)
    carlos.press("1")
    carlos.confirm()
    carlos.wait_for("✔ 0 % ━━━━━ ● 10 %")
    maria.wait_for(lambda text: "● 10 %" in text and "carlos.lopez@example.com" in text)
    maria.press("q")
    maria.wait_for(lambda text: "ENDED" in text or "Enter" in text)
    assert demo.running
    assert len(list(folder().iterdir())) == 1
