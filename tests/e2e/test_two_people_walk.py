"""Two people, two terminals, one runbook: each signs under their own identity, one drives, the seat changes hands."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from terminal import Terminal

from console.simulator.process import SimulatorProcess
from tests.forked import ForkedSimulator

ROOT = Path(__file__).parents[2]
CONSOLE = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from console.app_run import run_console
from console.settings import RunbookSettings, Settings
settings = Settings(runbook=RunbookSettings(file=Path({runbook!r})), journal=Path({journal!r}))
here = settings.environment("production")
sys.exit(run_console(settings, here, endpoint={endpoint!r}, as_email={who!r}))
"""
RUNBOOK = """
id = "despliegue"
title = { en = "Short", es = "Corto" }

[[phases]]
id = "staging"
title = { en = "Staging", es = "Staging" }

[[phases.steps]]
id = "staging_ready"
title = { en = "Deployed to staging", es = "Desplegado en staging" }
help = { en = "Which image is released.", es = "Qué imagen sale." }
kind = "cloud_run"
settings = { do = "ready", environment = "staging" }
bound_to = "image"

[[phases]]
id = "approval"
title = { en = "Approval", es = "Autorización" }
needs = ["staging"]

[[phases.steps]]
id = "approve_code"
title = { en = "Approval: code", es = "Autorización: código" }
help = { en = "One of two.", es = "Una de dos." }
kind = "approval"
settings = { role = "code" }
signers = ["code"]
bound_to = "image"

[[phases.steps]]
id = "approve_tech_lead"
title = { en = "Approval: tech lead", es = "Autorización: tech lead" }
help = { en = "The other.", es = "La otra." }
kind = "approval"
settings = { role = "tech_lead" }
signers = ["tech_lead"]
bound_to = "image"

[[phases.steps]]
id = "off_peak"
title = { en = "Off-peak window", es = "Ventana off-peak" }
help = { en = "No rush.", es = "Sin rush." }
kind = "confirm"
"""


def console(simulator: SimulatorProcess, folder: Path, who: str) -> str:
    """The console of one person, with a journal of their own."""
    runbook = folder / "runbook.toml"
    runbook.write_text(RUNBOOK, encoding="utf-8")
    code = CONSOLE.format(
        root=str(ROOT),
        runbook=str(runbook),
        journal=str(folder / f"{who}.db"),
        endpoint=simulator.grpc,
        who=who,
    )
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


def press_until(screen: Terminal, what: str) -> None:
    """Press Enter until something is there: right after the cursor has gone on by itself it means nothing."""
    for _ in range(30):
        screen.press("Enter")
        try:
            screen.wait_for(what, 2)
            return
        except AssertionError:
            continue
    screen.wait_for(what, 1)


@pytest.mark.slow
def test_two_people_approve_each_from_their_own_console_and_the_seat_changes_hands(
    terminals: tuple[Terminal, Terminal], tmp_path: Path
) -> None:
    juan, maria = terminals
    with ForkedSimulator.start(scenario="healthy", speed=2.0, now="2026-11-25T10:05:00Z", bare=True) as simulator:
        walk(juan, maria, simulator, tmp_path)


def walk(juan: Terminal, maria: Terminal, simulator: SimulatorProcess, folder: Path) -> None:
    """From the image to both approvals, and the seat to the other side."""
    juan.start(console(simulator, folder, "juan.perez@example.com"))
    juan.wait_for("1 starts the release", 90)
    juan.press("k")
    juan.wait_for("○ Deployed to staging open", 60)
    juan.press("Enter")
    juan.wait_for("✔ Deployed to staging passed", 60)
    juan.wait_for("Enter Approve")  # the cursor has gone on to the next step by itself
    maria.start(console(simulator, folder, "maria@example.com"))
    maria.wait_for("1 starts the release", 90)
    maria.press("k")
    maria.wait_for("READ-ONLY: juan.perez@example.com drives", 60)
    juan.wait_for("▸ ○ Approval: code open")
    press_until(juan, "Signed as juan.perez@example.com.")
    juan.confirm("Signed as juan.perez@example.com.")
    juan.wait_for("✔ Approval: code passed", 60)
    maria.wait_for("✔ Approval: code passed", 60)
    maria.wait_for("▸ ○ Approval: tech lead open")
    press_until(maria, "Signed as maria@example.com.")
    maria.confirm("Signed as maria@example.com.")
    for each in (maria, juan):
        each.wait_for(
            lambda text: "✔ Approval: code passed" in text and "✔ Approval: tech lead passed" in text, timeout_s=60
        )
    maria.press("t")
    maria.wait_for("Take over?")
    maria.press("juan has gone to lunch")
    maria.confirm("Enter Take over")
    maria.wait_for("you drive", 60)
    juan.wait_for("READ-ONLY: maria@example.com drives", 60)
    maria.wait_for("○ Off-peak window open")
    maria.press("q")
    juan.press("q")
