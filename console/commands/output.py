"""What commands print: cleaned lines, aligned columns, JSON, and errors in words.

Everything that goes to a terminal passes `console.text.clean` here, whatever cleaned it before.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from console.errors import BlockedError, CanarioError
from console.text import clean
from console.words import _

SCHEMA = 1
"""Version of every JSON document; a field may be added under the same number, none changes or goes."""


def prepare() -> None:
    """Let output never fail for a character that the terminal's encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def say(line: str = "") -> None:
    """Print one line, cleaned, at once."""
    sys.stdout.write(clean(line, 20_000) + "\n")
    sys.stdout.flush()


def warn(line: str) -> None:
    """Print one line to standard error, cleaned."""
    sys.stderr.write(clean(line, 20_000) + "\n")
    sys.stderr.flush()


def say_json(document: Mapping[str, object], *, indent: int | None = 2) -> None:
    """Print a document as JSON, every string in it cleaned; one line where `indent` is None."""
    sys.stdout.write(json.dumps(plain(document), indent=indent, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def plain(value: object) -> object:
    """`value` in JSON's types: times as RFC 3339 in UTC, durations as seconds, strings cleaned."""
    match value:
        case bool() | int() | float() | None:
            return value
        case str():
            return clean(value)
        case datetime():
            return stamp(value)
        case timedelta():
            return value.total_seconds()
        case Mapping():
            return {str(key): plain(inner) for key, inner in value.items()}
        case Sequence() | set() | frozenset():
            return [plain(inner) for inner in value]
        case _:
            return clean(str(value))


def stamp(at: datetime) -> str:
    """`at` as RFC 3339 in UTC, to the second, e.g. `2026-11-25T12:00:00Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def say_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under heads, columns as wide as they must be."""
    cells = [[clean(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    for row in cells:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def say_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print name and value, one pair a line; pairs without a value are left out."""
    kept = [(name, value) for name, value in fields if value]
    width = max((len(name) for name, _value in kept), default=0)
    for name, value in kept:
        say(f"{name.ljust(width)}  {value}")


def complain(error: CanarioError) -> None:
    """Say on standard error what happened, what that means for the traffic, and what to do."""
    if isinstance(error, BlockedError):
        warn(_("canario: blocked, nothing moved."))
        for reason in error.reasons:
            warn(f"  ✖ {reason}")
    else:
        warn(f"canario: {error.what}")
    for part in (error.traffic, error.remedy):
        for line in part.splitlines():
            warn(f"  {line}")


def mute() -> None:
    """After a broken pipe: send what is still buffered nowhere, so that the interpreter ends in silence."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            os.dup2(nowhere, stream.fileno())
