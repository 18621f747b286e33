"""A terminal that a test types into and reads: tmux on a socket of its own."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


class Terminal:
    """One tmux server with one window.

    Args:
        tmux: path of tmux.
        folder: the test's own folder, for the socket.
        size: (columns, lines).
    """

    def __init__(self, tmux: str, folder: Path, size: tuple[int, int] = (120, 40)) -> None:
        self._tmux = [tmux, "-S", str(folder / "tmux"), "-f", "/dev/null"]
        self._size = size

    def start(self, command: str) -> None:
        """Run a shell command in the window; what it prints at its end stays readable."""
        columns, lines = map(str, self._size)
        whole = f"{command}; echo ENDED $?; sleep 600"
        environ = {**os.environ, "TERM": "xterm-256color"}
        subprocess.run(
            [*self._tmux, "new-session", "-d", "-s", "t", "-x", columns, "-y", lines, whole], check=True, env=environ
        )

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names (`Enter`, `Escape`, `F9`), or type text."""
        subprocess.run([*self._tmux, "send-keys", "-t", "t", *keys], check=True)

    def confirm(self, leaves: str = "Enter Move") -> None:
        """Press Enter until the dialog that names it is gone: it takes none in its first moment, on purpose."""
        self.wait_for(leaves)
        end = time.monotonic() + 30
        while leaves in self.text():
            assert time.monotonic() < end, f"the dialog stays:\n{self.text()}"
            self.press("Enter")
            pressed = time.monotonic()
            while leaves in self.text() and time.monotonic() < pressed + 0.5:
                time.sleep(0.05)

    def text(self) -> str:
        """What the window shows, runs of blanks as one."""
        answer = subprocess.run(
            [*self._tmux, "capture-pane", "-t", "t", "-p"], check=True, capture_output=True, text=True
        )
        return "\n".join(" ".join(line.split()) for line in answer.stdout.splitlines())

    def page(self) -> str:
        """What the window shows, as it stands there."""
        return subprocess.run(
            [*self._tmux, "capture-pane", "-t", "t", "-p"], check=True, capture_output=True, text=True
        ).stdout

    def raw(self) -> str:
        """What the window shows, with its colours as escape sequences."""
        return subprocess.run(
            [*self._tmux, "capture-pane", "-t", "t", "-p", "-e"], check=True, capture_output=True, text=True
        ).stdout

    def ask(self, format: str) -> str:
        """What tmux says of the window, e.g. `#{window_bell_flag}`."""
        return subprocess.run(
            [*self._tmux, "display-message", "-t", "t", "-p", format], check=True, capture_output=True, text=True
        ).stdout.strip()

    def wait_for(self, what: str | Callable[[str], bool], timeout_s: float = 30.0) -> str:
        """Read until a text is there, or something holds of what is shown."""
        end = time.monotonic() + timeout_s
        while True:
            text = self.text()
            if what in text if isinstance(what, str) else what(text):
                return text
            if time.monotonic() > end:
                raise AssertionError(f"waited {timeout_s:g} s for {what!r}; the terminal shows:\n{text}")
            time.sleep(0.05)

    def close(self) -> None:
        """End it and everything in it."""
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)
