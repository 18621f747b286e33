"""Running the app: from a terminal to an exit code, with what is still under way when the operator has left it."""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from console.app import HANG_UPS, ConsoleApp
from console.crash import crash_sentence, log, log_to_file, terminal_problem
from console.errors import ExitCode
from console.opening import DemoControl, Find, Opening

if TYPE_CHECKING:
    from console.settings import Environment, Settings


def open_app(find: Find) -> int:
    """Run the console, on what `find` tells once the first frame is up, until the operator leaves it.

    The terminal is one that can be drawn on (`console.crash.terminal_problem`).

    Returns:
        As `run_console`.

    Raises:
        CanarioError: `find` raised it; the terminal is as before.
    """
    with ExitStack() as stack:

        def found() -> Opening:
            try:
                return find(stack)
            finally:
                gc.freeze()  # modules and classes never go: looking at them again and again would hold up a key
                gc.enable()

        app = ConsoleApp(find=found)
        code = _run_to_end(app)
        if app.failure is not None:
            raise app.failure
        return code


def run_console(
    settings: Settings,
    environment: Environment,
    *,
    endpoint: str | None = None,
    as_email: str | None = None,
    demo: DemoControl | None = None,
) -> int:
    """Run the console until the operator leaves it.

    Returns:
        An exit code (`console.errors.ExitCode`): 0 left, 1 failed, no terminal to draw on, or left in the middle of a
        rollback that could not be finished; 128 and the number of the signal that ended it.
    """
    problem = terminal_problem()
    if problem:
        sys.stderr.write(problem + "\n")
        return int(ExitCode.FAILED)
    return _run_to_end(ConsoleApp(settings, environment, endpoint=endpoint, as_email=as_email, demo=demo))


def _run_to_end(app: ConsoleApp) -> int:
    log_to_file()
    former = {number: signal.getsignal(number) for number in HANG_UPS}
    try:
        code = _run(app)
        if app.rolling_back:
            from console.parting import finish_rollback

            if not finish_rollback(app, f"canario rollback --env {app.environment.name}"):
                code = code or int(ExitCode.FAILED)
        app.stop()
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    return code


def _run(app: ConsoleApp) -> int:
    try:
        app.run()
    except Exception as error:  # noqa: BLE001 - never a traceback for the operator
        log.error("the console could not run", exc_info=error)
        with contextlib.suppress(OSError):  # the terminal may be what failed
            sys.stderr.write(crash_sentence(error) + "\n")
        return int(ExitCode.FAILED)
    return int(app.return_code or 0)
