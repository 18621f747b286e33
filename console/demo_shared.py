"""The running demo's address, so that a second terminal finds it: a small file in the user's runtime directory.

One file a demo, `demo-PID.json`, readable by its user alone, removed when the demo ends. What a demo left behind that
was killed is known by its process or its simulator being gone, and is removed by whoever looks next.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from console.simulator.process import LocalParts, SimulatorError, ask, speed_of


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """A demo that runs on this machine."""

    pid: int
    """Of the console that started it."""
    endpoint: str
    """The simulator's gRPC address."""
    control: str
    scenario: str
    github_url: str
    slack_webhook: str
    checkout: str

    def parts(self) -> LocalParts:
        """What stands beside its simulator."""
        return LocalParts(self.github_url, self.slack_webhook, Path(self.checkout))

    def speed(self) -> float:
        """Its clock's speed now; blocks on HTTP.

        Raises:
            SimulatorError: it has ended.
        """
        return speed_of(self.control)

    def set_speed(self, speed: float) -> None:
        """Run its clock at `speed`; blocks on HTTP.

        Raises:
            SimulatorError: it has ended, or refuses.
        """
        ask(self.control, "POST", "/clock", json.dumps({"speed": speed}).encode())

    @property
    def running(self) -> bool:
        """Whether the console that started it has not ended."""
        return _alive(self.pid)


def folder() -> Path:
    """Where the files are: the session's runtime directory, or the user's own state where the session has none.

    platformdirs names a directory in /tmp, open to others, where XDG_RUNTIME_DIR does not suit it.
    """
    from platformdirs import user_state_path

    session = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    with contextlib.suppress(OSError):
        about = session.stat()
        if session.is_absolute() and about.st_uid == os.getuid() and stat.S_IMODE(about.st_mode) & 0o077 == 0:
            return session / "canario"
    return user_state_path("canario") / "run"


@contextmanager
def announced(demo: RunningDemo) -> Iterator[None]:
    """Let others find `demo` meanwhile. Where the file cannot be written, they cannot; the demo goes on."""
    path = folder() / f"demo-{demo.pid}.json"
    written = False
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - the mode counts from the first moment
            json.dump(asdict(demo), file)
        written = True
    try:
        yield
    finally:
        if written:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def find_running() -> RunningDemo | None:
    """The demo that was started last of those that run; None where none does. Blocks on HTTP."""
    with contextlib.suppress(OSError):
        files = sorted(folder().glob("demo-*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in files:
            demo = _read(path)
            if demo is not None and demo.running:
                with contextlib.suppress(SimulatorError):
                    demo.speed()
                    return demo
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    return None


def _read(path: Path) -> RunningDemo | None:
    """What a file says, if it is ours and nobody else could have written it."""
    try:
        with path.open(encoding="utf-8") as file:
            about = os.fstat(file.fileno())
            if about.st_uid != os.getuid() or stat.S_IMODE(about.st_mode) & 0o077:
                return None
            data = json.load(file)
        demo = RunningDemo(**data)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    well = isinstance(demo.pid, int) and all(
        isinstance(value, str) for key, value in asdict(demo).items() if key != "pid"
    )
    return demo if well else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's, so not the demo
        return False
    return pid > 0
