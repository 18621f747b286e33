"""What is still under way when the screen is gone: a rollback is finished, and the terminal says so.

The rest stops with the console. Knows no Textual.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Protocol

from console.clock import SystemClock
from console.commands.output import warn
from console.release.guardrails import shares_text
from console.words import _

if TYPE_CHECKING:
    from console.actions import RollbackProgress

FINISH_S = 30.0
"""Wall seconds that a console which was left stays for a rollback; most need one or two."""
LOOK_S = 0.1


class Parting(Protocol):
    """What is needed of the console that was left."""

    @property
    def rolling_back(self) -> bool:
        """Whether a rollback was asked for and has not ended."""
        ...

    @property
    def rollback_progress(self) -> RollbackProgress | None:
        """How it stands; None before it has left."""
        ...

    def push_rollback(self) -> None:
        """Send it, where it could not be sent yet."""
        ...


def finish_rollback(left: Parting, command: str) -> bool:
    """Stay until the rollback has ended, FINISH_S at most or until Ctrl-C, and say what came of it.

    Args:
        left: the console.
        command: what a person types to roll back.

    Returns:
        Whether the service reports the old split back.
    """
    clock = SystemClock()
    ends = clock.monotonic() + FINISH_S
    try:
        _tell(
            _(
                "A rollback is under way: canario stays until it is done, {seconds:g} s at most (Ctrl-C leaves now)."
            ).format(seconds=FINISH_S)
        )
        while left.rolling_back and clock.monotonic() < ends:
            left.push_rollback()
            time.sleep(LOOK_S)
    except KeyboardInterrupt:
        pass
    progress = left.rollback_progress
    if progress is not None and progress.state == "done":
        _tell(
            _("Rolled back: {shares} ({seconds:.1f} s).").format(
                shares=shares_text(dict(progress.target)), seconds=progress.elapsed(clock.monotonic()).total_seconds()
            )
        )
        return True
    if progress is None or not progress.attempts:
        _tell(_("The rollback was not sent. {problem}").format(problem=progress.problem if progress else "").strip())
    else:
        _tell(_("The rollback is not confirmed. {problem}").format(problem=progress.problem).strip())
    _tell(_("`canario status` shows what serves; roll back with `{command}`.").format(command=command))
    return False


def _tell(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # the terminal may be gone; the rollback is not
        warn(text)
