"""`canario`: where every command starts. Words in, exit codes out.

The console itself and `canario rollback` are read here, so that neither waits for a command line library; whatever is
not as plain as that goes to `console.commands.line`, which knows every command, every option, and help.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence

from console.commands.running import Where, run

os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for some reads every package installed here

PLACE_OPTIONS = {"--env": "env", "--endpoint": "endpoint", "--as": "email"}
"""Options of both, by the field of `Where` that they set."""
ROLLBACK_OPTIONS = {"--to": "to", "--reason": "reason"}
"""Options of `canario rollback` besides."""


def read_plain(arguments: Sequence[str]) -> Callable[[], int] | None:
    """What to run, where the words are the plain console's or the plain rollback's; None for everything else.

    Plain is: the word `rollback` or no word at all, and known options, each once and with a value. Anything doubtful
    (a value that begins with a hyphen, an option given twice) is not read here, so that one reader decides on it.
    """
    rollback = False
    values: dict[str, str] = {}
    rest = iter(arguments)
    for word in rest:
        if word == "rollback" and not rollback:
            rollback = True
            continue
        name, equals, value = word.partition("=")
        known = PLACE_OPTIONS.get(name) or (ROLLBACK_OPTIONS.get(name) if rollback else None)
        if known is None or known in values:
            return None
        if not equals:
            value = next(rest, "")
        if not value or value.startswith("-"):
            return None
        values[known] = value
    where = Where(values.get("env"), values.get("endpoint"), values.get("email"))
    if rollback:
        from console.commands.starting import roll_back

        return lambda: roll_back(where, values.get("to"), values.get("reason", ""))
    from console.commands.starting import open_console

    return lambda: open_console(where)


def start(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name, to its exit code.

    Raises:
        SystemExit: the same, from the command line library.
    """
    plain = read_plain(arguments) if "_CANARIO_COMPLETE" not in os.environ else None  # a shell asks for completions
    if plain is not None:
        return run(plain)
    from console.commands.line import run_line

    return run_line(arguments)


def main() -> None:
    """The `canario` command.

    Once a command has ended and said all, the process goes at once: taking Google's clients apart module by module
    would keep a shell waiting some 0.2 s more (bench/), with nothing of ours left to do.
    """
    try:
        code = start(sys.argv[1:])
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            raise
        code = end.code or 0
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # whoever read it has gone
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(start(sys.argv[1:]))
