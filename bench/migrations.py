"""`canario migrations lint` beside squawk-cli: PostgreSQL statements linted per second, same files, same run.

Both are whole processes that print JSON; a third row is our judge alone, without Python's start. Files are made from a
seed: the statements that migrations of web applications consist of, with comments, strings and line breaks.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.places import Place, canario
from console.migrations.lint import lint

FILES = 100
STATEMENTS = 20
"""In each file."""

TURNS = 5
BUDGET_S = 60.0
"""After which no new turn is begun."""

_TEMPLATES = (
    "ALTER TABLE {table} ADD COLUMN {name} text",
    "ALTER TABLE {table} ADD COLUMN {name} integer NOT NULL DEFAULT {number}",
    "ALTER TABLE {table} ADD COLUMN {name} timestamptz DEFAULT now(), ADD COLUMN {name}_by text",
    "CREATE INDEX CONCURRENTLY idx_{table}_{name} ON {table} ({name})",
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS i_{name} ON {table} USING btree (lower({name})) WHERE {name} IS NOT NULL",
    "CREATE TABLE {table}_{name} (\n  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the key\n"
    "  {name} text NOT NULL DEFAULT 'it''s; fine',\n  created_at timestamptz NOT NULL DEFAULT now()\n)",
    "CREATE TYPE {name}_kind AS ENUM ('a', 'b', 'c')",
    "/* drop it */ ALTER TABLE {table} DROP COLUMN {name}",
    "ALTER TABLE {table} ADD CONSTRAINT c_{name} CHECK ({name} > {number})",
    "CREATE INDEX idx_{name} ON {table} ({name})",
    "ALTER TABLE {table} ALTER COLUMN {name} SET NOT NULL",
    "SET lock_timeout = '{number}s'",
    "COMMENT ON COLUMN {table}.{name} IS 'what the guest asked for'",
    "ALTER TABLE {table} RENAME COLUMN {name} TO {name}_old",
    "UPDATE {table} SET {name} = '{number}' WHERE {name} IS NULL",
)


@dataclass
class Speed:
    """A linter's runs over all files."""

    what: str
    seconds: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Statements, by the median run."""
        return FILES * STATEMENTS / median(self.seconds)


def write_files(folder: Path, seed: int = 5) -> list[Path]:
    """`FILES` files of `STATEMENTS` statements each."""
    chance = random.Random(seed)
    paths = []
    for number in range(FILES):
        lines = [
            chance.choice(_TEMPLATES).format(
                table=chance.choice(("reservas", "pagos", "canales", "usuarios")),
                name=f"{chance.choice(('nota', 'canal', 'precio', 'estado'))}_{number}_{at}",
                number=chance.randint(1, 50),
            )
            for at in range(STATEMENTS)
        ]
        paths.append(folder / f"{number:04}.sql")
        paths[-1].write_text(";\n\n".join(lines) + ";\n", encoding="utf-8")
    return paths


def measure(place: Place, say: Callable[[str], None]) -> tuple[Speed, Speed, Speed]:
    """Squawk's, ours as a process, and our judge alone; the three in turns."""
    squawk = Speed("squawk --reporter Json: the whole process")
    ours = Speed("canario migrations lint --json: the whole process")
    alone = Speed("canario's judge alone, in a running process")
    with tempfile.TemporaryDirectory(prefix="canario-bench-sql-") as folder:
        files = write_files(Path(folder))
        names = [str(path) for path in files]
        binary = Path(sys.executable).with_name("squawk")
        ends = time.monotonic() + BUDGET_S
        for turn in range(TURNS + 1):
            if turn > 2 and time.monotonic() > ends:
                break
            say(f"migrations, turn {turn} of {TURNS}")
            theirs = _run([str(binary), "--reporter", "Json", *names], place)
            mine = _run(canario("migrations", "lint", *names, "--dialect", "postgres", "--json"), place)
            started = time.perf_counter()
            judged = sum(len(lint(path.read_text(encoding="utf-8"), "postgres")) for path in files)
            took = time.perf_counter() - started
            if judged != FILES * STATEMENTS:
                raise RuntimeError(f"{judged} statements were judged, not {FILES * STATEMENTS}")
            if turn == 0:
                continue  # files come from the disk the first time
            squawk.seconds.append(theirs)
            ours.seconds.append(mine)
            alone.seconds.append(took)
    return squawk, ours, alone


def _run(command: list[str], place: Place) -> float:
    started = time.perf_counter()
    code = subprocess.run(
        command,
        env={**os.environ, **place.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=120,
        check=False,
    ).returncode
    if code != 1:  # both find something to say about these files
        raise RuntimeError(f"{command[:3]} ended with {code}")
    return time.perf_counter() - started


def table(speeds: tuple[Speed, ...]) -> str:
    """The rows for a report."""
    width = max(len(speed.what) for speed in speeds)
    title = f"SQL linted ({FILES} files of {STATEMENTS} PostgreSQL statements)"
    lines = [title] + [
        f"  {speed.what.ljust(width)}  {speed.per_second:>9,.0f} statements/s  {min(speed.seconds):.2f}-"
        f"{max(speed.seconds):.2f} s  n={len(speed.seconds)}"
        for speed in speeds
    ]
    return "\n".join(lines)
