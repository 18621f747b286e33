"""A program in a terminal of its own, driven by keys: what it draws is read and timed, never shown."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

_SEQUENCE = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC
    rb"|\x1b[P_^X][^\x1b]*\x1b\\"  # DCS and its like
    rb"|\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    rb"|\x1b[ -/]*[0-~]"
)
_UNFINISHED = re.compile(rb"\x1b[^\x1b]{0,200}\Z")


class Terminal:
    """Runs `command` in a pseudo-terminal of 120x40.

    Args:
        command: program and arguments.
        environment: variables set besides the process's own.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.started = time.monotonic()
        self.first_paint: float | None = None
        """Monotonic seconds when the first character that is no blank was drawn; None before."""
        self.drawn_bytes = 0
        self._text = b""
        self._new = threading.Condition()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(environment or {})},
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def press(self, keys: bytes) -> float:
        """Send `keys`; monotonic seconds just before they left."""
        at = time.monotonic()
        os.write(self._master, keys)
        return at

    def wait_for(self, holds: Callable[[str], bool], what: str, timeout_s: float = 30.0) -> None:
        """Wait until `holds` of the text drawn of late (sequences taken out).

        Raises:
            TimeoutError: it did not come.
        """
        deadline = time.monotonic() + timeout_s
        with self._new:
            while not holds(self.text()):
                left = deadline - time.monotonic()
                if left <= 0 or not self._reader.is_alive():
                    raise TimeoutError(f"{what}; drawn last: {self.text()[-1500:]!r}")
                self._new.wait(min(left, 0.5))

    def wait_first_paint(self, timeout_s: float = 30.0) -> float:
        """Seconds from start to the first character drawn."""
        self.wait_for(lambda _text: self.first_paint is not None, "no first paint", timeout_s)
        assert self.first_paint is not None
        return self.first_paint - self.started

    def text(self) -> str:
        """What was drawn last, some 100 kB, without sequences."""
        return _SEQUENCE.sub(b"", self._text).decode("utf-8", "replace")

    def hang_up(self) -> None:
        """Take the terminal away, as a cut connection does."""
        os.dup2(os.open(os.devnull, os.O_RDWR), self._master)
        os.killpg(self.process.pid, signal.SIGHUP)

    def close(self) -> None:
        """End the program."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self._reader.join(2)
        os.close(self._master)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> None:
        while True:
            try:
                part = os.read(self._master, 65_536)
            except OSError:
                part = b""
            at = time.monotonic()
            with self._new:
                if not part:
                    self._new.notify_all()
                    return
                self.drawn_bytes += len(part)
                self._text = (self._text + part)[-100_000:]
                if self.first_paint is None and _visible(self._text):
                    self.first_paint = at
                self._new.notify_all()


def _visible(drawn: bytes) -> bool:
    return bool(_UNFINISHED.sub(b"", _SEQUENCE.sub(b"", drawn)).strip(b" \r\n\t\x00\x07"))
