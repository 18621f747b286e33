"""What happens when canario itself fails: a file for the details, a sentence for the operator, never a traceback.

Also whether this terminal can be drawn on at all. Knows neither Textual nor the cloud.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from console.words import _

log = logging.getLogger("canario")
"""Canario's own log; the screen owns the terminal, so it goes to a file."""

LONGEST_LINE = 4_000
"""Characters of one line of it."""


class Safe(logging.Formatter):
    """Writes canario's own log, tracebacks too, without secrets and without anybody's terminal sequences."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's lines, each safe."""
        from console.journal.scrub import scrub_text

        return "\n".join(scrub_text(line, LONGEST_LINE) for line in super().format(record).splitlines())


def log_path() -> Path:
    """The file that bugs are written to."""
    from platformdirs import user_state_path

    return user_state_path("canario", appauthor=False) / "console.log"


def log_to_file() -> None:
    """Send canario's own log to its file; where none can be written, nowhere."""
    from logging.handlers import RotatingFileHandler

    log.propagate = False
    try:
        path = log_path()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler: logging.Handler = RotatingFileHandler(path, maxBytes=1_000_000, backupCount=1, delay=True)
        handler.setFormatter(Safe("%(asctime)s %(levelname)s %(message)s"))
    except OSError:
        handler = logging.NullHandler()
    log.handlers = [handler]


def crash_sentence(error: BaseException) -> str:
    """What an operator reads when canario itself fails."""
    return _(
        "canario failed ({kind}). The traffic stays as it is, and nobody guards the release until a console is open "
        "again: run `canario`, or `canario rollback`. Details: {path}"
    ).format(kind=type(error).__name__, path=log_path())


def terminal_problem() -> str:
    """Why the console can't be drawn here, in a sentence with what to do; empty where it can."""
    # Textual draws on standard error, so that one counts too
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        return _(
            "The console needs a terminal. Without one, use `canario status`, `canario shift`, `canario rollback`."
        )
    if os.environ.get("TERM", "") in ("dumb", ""):
        return _(
            "This terminal (TERM={term}) can't draw the console. Set TERM, e.g. TERM=xterm-256color, or use "
            "`canario status`, `canario shift`, `canario rollback`."
        ).format(term=os.environ.get("TERM") or "''")
    return ""
