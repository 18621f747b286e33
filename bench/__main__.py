"""`python -m bench [--write]`: measure everything once, print medians and ratios, and with --write keep them."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import commands, keys, migrations, paint
from bench.figures import table
from bench.places import Place
from bench.results import RESULTS, keep


def main() -> int:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write what was measured to {RESULTS.name} too")
    parser.add_argument(
        "only", nargs="*", choices=[[], "keys", "commands", "paint", "migrations"], help="measure only these"
    )
    asked = parser.parse_args()
    wanted = asked.only or ["keys", "commands", "paint", "migrations"]
    started = time.monotonic()
    parts = []
    with tempfile.TemporaryDirectory(prefix="canario-bench-", ignore_cleanup_errors=True) as home:
        place = Place.at(Path(home))
        if "keys" in wanted:
            rest, busy = keys.measure(place, _say)
            parts.append(table("Key to cloud (the key: r and F9 in turns)", (rest, busy), rest))
        if "commands" in wanted:
            bare, sent, whole = commands.measure(place, _say)
            parts.append(table("Rollback from a shell", (bare, sent, whole), bare))
        if "paint" in wanted:
            barest, console, screen = paint.measure(place, _say)
            parts.append(table("First paint (120x40)", (barest, console, screen), barest))
        if "migrations" in wanted:
            parts.append(migrations.table(migrations.measure(place, _say)))
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    took = f"{time.monotonic() - started:.0f} s"
    report = "\n\n".join([*parts, f"Medians of interleaved runs; {machine}; load {_load()}; measured in {took}."])
    print(report)
    if asked.write:
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        keep(
            "speed",
            f"## Speed, measured {now}\n\nBy `make bench`; medians, how many times the first row, range, samples.\n\n"
            f"```\n{report}\n```",
        )
    return 0


def _say(doing: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{doing}")
        sys.stderr.flush()


def _load() -> str:
    try:
        return f"{os.getloadavg()[0]:.1f}"
    except OSError:
        return "unknown"


if __name__ == "__main__":
    sys.exit(main())
