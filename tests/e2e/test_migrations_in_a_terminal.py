"""Migrations as an operator meets them: a real terminal, the real program, an SQLite database, and a console killed."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from terminal import Terminal

from console.simulator.process import SimulatorProcess

ROOT = Path(__file__).parents[2]

EMPTY = r"type \w+ to send it:.*\n.*▌ │"
"""The name's field with nothing in it."""

CONSOLE = """
import os, sys
sys.path.insert(0, {root!r})
from pathlib import Path
Path({pid!r}).write_text(str(os.getpid()))
from console.app_run import run_console
from console.demo_database import with_database
from console.settings import Settings
folder = Path({folder!r})
settings = Settings(journal=folder / "journal.db")
if not (folder / "wa.db").exists():
    settings = with_database(settings, folder)
else:
    from console.settings_tables import DatabaseSettings, MigrationSettings
    database = DatabaseSettings(url=f"sqlite:///{{folder / 'wa.db'}}")
    settings = settings.model_copy(update={{
        "environments": {{name: environment.model_copy(update={{"database": database}})
                          for name, environment in settings.environments.items()}},
        "migrations": MigrationSettings(folder=str(folder / "migrations")),
    }})
here = settings.environment("production")
sys.exit(run_console(settings, here, endpoint={endpoint!r}, as_email="maria@acme.example"))
"""


def console_on(simulator: SimulatorProcess, folder: Path) -> str:
    code = CONSOLE.format(root=str(ROOT), endpoint=simulator.grpc, folder=str(folder), pid=str(folder / "pid"))
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


def columns(folder: Path, table: str) -> list[str]:
    connection = sqlite3.connect(folder / "wa.db")
    try:
        return [str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")]
    finally:
        connection.close()


def write(screen: Terminal, text: str) -> None:
    """Type into the name's field, over what stands there."""
    screen.wait_for("(Enter does nothing yet)", 90.0)
    if re.search(EMPTY, screen.text()) is None:  # Textual hears Ctrl+U after letters that follow it at once
        screen.press("C-u")
        screen.wait_for(lambda shown: re.search(EMPTY, shown) is not None, 90.0)
    screen.press(text)
    screen.wait_for(f"▌ {text}", 90.0)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_statements_are_sent_one_by_one_by_name_and_a_killed_console_is_followed_by_one_that_knows(
    terminal: Callable[..., Terminal], simulator: Callable[..., SimulatorProcess], tmp_path: Path
) -> None:
    child, patience = simulator(), 90.0
    first = terminal()
    first.start(console_on(child, tmp_path))
    first.wait_for("rollback ready", patience)
    first.press("g")
    first.wait_for("6 statements left", patience)
    first.press("Enter")
    first.wait_for("type clientes to send it", patience)
    write(first, "reservas")
    first.press("Enter")
    first.wait_for("(Enter does nothing yet)", patience)
    assert "idioma" not in columns(tmp_path, "clientes")
    write(first, "clientes")
    first.confirm("Enter Send it")
    first.wait_for("Send 0006_reservas_estado.sql", patience)
    assert "idioma" in columns(tmp_path, "clientes")
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)

    second = terminal((80, 24))
    second.start(console_on(child, tmp_path))
    second.wait_for("F9 Roll back", patience)
    second.press("g")
    second.wait_for(lambda shown: "5 statements left" in " ".join(shown.split()), patience)
    assert "✔ 1 verified" in second.text()
    second.press("Enter")
    second.wait_for("Send 0006_reservas_estado.sql", patience)
    second.press("Escape")
    second.wait_for("Enter go on", patience)  # the run has ended: nothing is under way when it is left
    assert "estado" not in columns(tmp_path, "reservas")
    second.press("q")
    second.wait_for("ENDED 0", patience)
