"""Textual's terminal driver, able to outlive its terminal.

Textual writes to the terminal in a thread of its own, which ends at the first write that fails; from then on its queue
fills, and whoever writes next waits for ever: a console whose ssh connection was cut would neither leave nor give up
the driver's seat.
"""

from __future__ import annotations

import errno
import termios
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.driver import Driver


def gone(descriptor: int) -> bool:
    """Whether a terminal has been cut off. SIGHUP goes to whoever leads its session alone: a `make` that waits, say."""
    try:
        termios.tcgetattr(descriptor)
    except termios.error as error:
        return bool(error.args) and error.args[0] == errno.EIO
    return False


class LastingFile:
    """A file whose writes go nowhere once they cannot arrive.

    Args:
        file: the terminal's.
    """

    def __init__(self, file: IO[str]) -> None:
        self._wrapped = file

    def write(self, text: str) -> int:
        """Write, where there is still a terminal; SIGHUP tells the app that there is none."""
        try:
            return self._wrapped.write(text)
        except (OSError, ValueError):
            return len(text)

    def flush(self) -> None:
        """Flush, where there is still a terminal."""
        try:
            self._wrapped.flush()
        except (OSError, ValueError):
            pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)


def lasting(driver: type[Driver]) -> type[Driver]:
    """`driver`, writing to a file that outlives the terminal; as it is where it is none of Textual's for a terminal."""

    class Lasting(driver):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            file: IO[str] | None = getattr(self, "_file", None)
            if file is not None:
                self._file = LastingFile(file)

    Lasting.__name__ = driver.__name__
    return Lasting


__all__ = ["LastingFile", "gone", "lasting"]
