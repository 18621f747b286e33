"""The two commands that cannot wait for a command line library: opening the console, and rolling back.

`console.cli` calls them straight from the words typed where those are plain; `console.commands.line` for the rest.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from console.commands.output import say, warn
from console.commands.running import Where, check_name, find_place, find_settings
from console.crash import terminal_problem
from console.errors import ExitCode
from console.words import _

if TYPE_CHECKING:
    from pathlib import Path

    from console.opening import Opening


def roll_back(where: Where, to: str | None = None, reason: str = "") -> int:
    """`canario rollback`.

    Raises:
        CanarioError: it could not be carried out.
    """
    gc.disable()  # nothing that Google's clients make on import is garbage, and looking for some delays the call
    target = check_name(_("revision"), to) if to is not None else None
    place = find_place(where)
    from console.commands import moving

    return asyncio.run(moving.rollback(place, target, reason))


def open_console(where: Where, runbook: Path | None = None) -> int:
    """Open the console: its first frame at once, settings and all else behind it.

    Args:
        where: as typed.
        runbook: the file of the runbook that is walked, as typed; None: the settings'.

    Raises:
        CanarioError: settings or options are wrong.
    """
    problem = terminal_problem()
    if problem:
        return _refuse(where, problem)
    gc.disable()  # what the next half second makes is here to stay; `open_app` turns it on again
    from console.app_run import open_app

    return open_app(lambda stack: _find(where, stack, runbook))


def _find(where: Where, stack: ExitStack, runbook: Path | None = None) -> Opening:
    settings = find_settings()
    if runbook is not None:
        from console.runbook.fitting import check_fits
        from console.runbook.load import load_runbook

        check_fits(load_runbook(runbook), settings)  # a mistake in it ends the console with its line and the fix
        runbook = runbook.absolute()
        settings = settings.model_copy(update={"runbook": settings.runbook.model_copy(update={"file": runbook})})
    environment = settings.environment(where.env)
    if environment.simulator and not (where.endpoint or environment.endpoint):
        from console.demo import playing

        return stack.enter_context(playing("healthy", settings, speed=1.0, email=where.email, runbook=runbook))
    from console.opening import Opening

    place = find_place(where, settings)
    return Opening(place.settings, place.environment, place.endpoint, place.email)


def _refuse(where: Where, problem: str) -> int:
    """There is nothing to draw on; what is wrong with the words or the settings is said first."""
    settings = find_settings()
    environment = settings.environment(where.env)
    if environment.simulator and not (where.endpoint or environment.endpoint):
        from console.demo import play

        return play("healthy", speed=1.0, email=where.email)
    find_place(where, settings)
    (say if sys.stdout.isatty() else warn)(problem)
    return ExitCode.FAILED
