"""A program in a real pseudo-terminal, and every byte that it sends there."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]


class Terminal:
    """Runs `python ARGS` in a pty of the given size."""

    def __init__(self, *args: str, env: Mapping[str, str] | None = None, columns: int = 120, rows: int = 40) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, *args],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env={**(env or os.environ), "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        os.close(slave)
        self.raw = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def read_until(self, wanted: bytes, seconds: float = 30.0) -> bytes:
        """All bytes so far, once `wanted` is among them and nothing more comes for a moment."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ready, _w, _x = select.select([self.master], [], [], 0.3)
            if ready:
                try:
                    self.raw += os.read(self.master, 65536)
                except OSError:
                    break
            elif wanted in self.raw:
                return self.raw
            if self.process.poll() is not None and not ready:
                break
        assert wanted in self.raw, self.raw[-2000:]
        return self.raw

    def send(self, keys: bytes) -> None:
        """Type."""
        os.write(self.master, keys)
