"""Programs that a step runs: a session of their own, both streams read live, everything gone when it ends.

Memory is bounded whatever a program writes: lines go to the output file at once, the last few are kept, and what the
screen cannot take is counted. Knows nothing of steps; speaks in lines.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from console.clock import Clock
from console.errors import CanarioError, UsageError
from console.journal.scrub import HIDDEN, key_after, scrub_text
from console.runbook.evidence import EXCERPT_LINES
from console.secrets import SECRETS, looks_secret
from console.text import clean
from console.words import _

LONGEST_LINE = 16_384
"""Characters of a line that are kept; a longer one is cut into several."""
LARGEST_OUTPUT = 64 * 1024 * 1024
"""Characters of one run's output that its file holds."""
LARGEST_CAPTURE = 8 * 1024 * 1024
"""Bytes of standard output that are kept for a reader."""
BATCH = 400
"""Lines that are taken in one turn of the event loop."""
FLUSH_S = 0.1
"""Seconds between two reports of new lines."""
GRACE_S = 3.0
"""Seconds between SIGTERM and SIGKILL, on the wall."""
DRAIN_S = 2.0
"""Seconds that a program's streams are read on after it has ended, where a child of its still holds them."""

PYTHON_TOOLS: Mapping[str, str] = {
    "pytest": "pytest pytest-cov",
    "pylint": "pylint",
    "bandit": "bandit",
    "locust": "locust",
}
"""The runbook's own tools, and what to install for each."""

BESIDE_US = Path(sys.executable).parent
"""Where the programs lie that were installed with canario."""

_LEADING_AWAY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "PYTHONHOME", "VIRTUAL_ENV")
"""Variables of the console's own surroundings that would lead a program away from the checkout."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended."""

    code: int
    """Exit code; minus the signal's number where a signal ended it."""
    tail: tuple[str, ...]
    """Its last lines, at most EXCERPT_LINES, cleaned."""
    stdout: str
    """Standard output as it came, for readers; never shown. Its beginning, where it is over LARGEST_CAPTURE."""
    cut: bool
    """Whether `stdout` is its beginning only."""
    timed_out: bool = False


def child_environment(
    variables: Mapping[str, str], checkout: Path, *, more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Variables of a program: the operator's, without canario's secrets; the checkout's own `.venv` first in PATH.

    Last in PATH are the programs beside canario itself: where nobody has installed pytest and the others, the demo's
    checkout is tried with those.

    Args:
        variables: the operator's.
        checkout: where it runs.
        more: laid over them, e.g. the secrets that the step names.
    """
    kept = {
        name: value
        for name, value in variables.items()
        if name not in _LEADING_AWAY
        and name not in SECRETS.values()
        and not (name.startswith("CANARIO_") and looks_secret(name, value))
    }
    path = kept.get("PATH") or os.defpath
    own = checkout / ".venv" / "bin"
    if own.is_dir():
        path = f"{own}{os.pathsep}{path}"
        kept["VIRTUAL_ENV"] = str(own.parent)
    return {
        **kept,
        "PATH": f"{path}{os.pathsep}{BESIDE_US}",
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSH_COMMAND": kept.get("GIT_SSH_COMMAND", "ssh -oBatchMode=yes"),
        **(more or {}),
    }


def find_program(name: str, cwd: Path, environment: Mapping[str, str]) -> str:
    """The file that `name` runs: a path as it is (from `cwd`), a bare name from the environment's PATH.

    Raises:
        UsageError: there is none; says how to get it.
    """
    where = str(cwd / name) if os.sep in name else name
    found = shutil.which(where, path=environment.get("PATH"))
    if found is None:
        remedy = _("Install it, or put its folder in PATH, and press Enter again.")
        if name in PYTHON_TOOLS:
            remedy = _("Run `pip install {packages}` in the checkout's .venv or one in PATH, and press Enter again.")
            remedy = remedy.format(packages=PYTHON_TOOLS[name])
        raise UsageError(_("{program} is not installed here.").format(program=clean(name, 200)), remedy=remedy)
    return found


async def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    output: Path,
    clock: Clock,
    timeout_s: float,
    lines: Callable[[tuple[str, ...]], None] = lambda _lines: None,
    shown: str = "",
    hidden: Sequence[str] = (),
) -> Ran:
    """Run a program to its end.

    Args:
        argv: its words; the first is looked up in the environment's PATH.
        cwd: where it runs.
        environment: all of its variables.
        output: file that the whole output is added to, mode 0600; its folder is made.
        clock: wall time, for the timeout.
        timeout_s: seconds after which it is stopped.
        lines: told of new lines, cleaned, some ten times a second.
        shown: the command line as people were told it, written before the output; empty: nothing is written.
        hidden: secrets that it was given: its lines are told and written without them.

    Raises:
        UsageError: the folder or the program is missing.
        CanarioError: it cannot be started.
        asyncio.CancelledError: the caller was cancelled; the program and all that it started are gone.
    """
    if not cwd.is_dir():  # noqa: ASYNC240 - one stat
        raise UsageError(
            _("There is no checkout at {folder}.").format(folder=clean(str(cwd), 200)),
            remedy=_("Start canario in the team's checkout."),
        )
    program = find_program(argv[0], cwd, environment)
    output.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    with _opened(output) as file:
        reader = _Reader(file, lines, hidden)
        if shown:
            reader.say(f"$ {shown}")
        try:
            transport, _protocol = await loop.subprocess_exec(
                lambda: reader,
                program,
                *argv[1:],
                cwd=cwd,
                env=dict(environment),
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise CanarioError(
                _("{program} cannot be started: {problem}.").format(
                    program=clean(argv[0], 200), problem=clean(str(error), 200)
                ),
                remedy=_("Check that it runs in a shell in {folder}.").format(folder=clean(str(cwd), 200)),
            ) from error
        group = transport.get_pid()
        with _inherited(group):
            timer = asyncio.ensure_future(clock.sleep(timeout_s))
            flusher = asyncio.ensure_future(reader.keep_flushing())
            try:
                await asyncio.wait({reader.ended, timer}, return_when=asyncio.FIRST_COMPLETED)
                timed_out = not reader.ended.done()
                if not timed_out:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(asyncio.shield(reader.drained), DRAIN_S)
            finally:
                timer.cancel()
                flusher.cancel()
                try:
                    await _end_group(group, reader)
                finally:
                    transport.close()
                    reader.flush(last=True)
        code = transport.get_returncode()
        return Ran(
            code=-signal.SIGKILL if code is None else code,
            tail=tuple(reader.tail),
            stdout=reader.captured.decode("utf-8", "replace"),
            cut=reader.cut,
            timed_out=timed_out,
        )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """`path`, to add text to; only its owner may read it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8", errors="replace") as file:
        yield file


_HEIR = """
read -r _
kill -s TERM -- "-$1" 2>/dev/null && sleep 3
kill -s KILL -- "-$1" 2>/dev/null
"""


@contextlib.contextmanager
def _inherited(group: int) -> Iterator[None]:
    """Have somebody stop a group where canario itself is killed: our end of their pipe then closes, `read` returns."""
    with subprocess.Popen(
        ["/bin/sh", "-c", _HEIR, "sh", str(group)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as heir:
        try:
            yield
        finally:
            heir.kill()


async def _end_group(group: int, reader: _Reader) -> None:
    """Stop what is left of a process group: SIGTERM, some seconds, SIGKILL; until its leader is known to be gone."""
    try:
        if _signal(group, signal.SIGTERM):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE_S):
                    while not reader.ended.done() or _signal(group, 0):  # noqa: ASYNC110 - a group tells nobody
                        await asyncio.sleep(0.02)
    finally:  # also where the caller is cancelled again meanwhile
        _signal(group, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(reader.ended), GRACE_S)


def _signal(group: int, number: int) -> bool:
    """Send a signal to a group; whether anybody was there."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so of a group that holds nothing but zombies
        return False
    return True


class _Reader(asyncio.SubprocessProtocol):
    """Takes both streams apart into lines as they come."""

    def __init__(self, file: TextIO, lines: Callable[[tuple[str, ...]], None], hidden: Sequence[str] = ()) -> None:
        self._hidden = tuple(value for value in hidden if value.strip())
        self._key = 0
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self.drained: asyncio.Future[None] = self._loop.create_future()
        self.tail: deque[str] = deque(maxlen=EXCERPT_LINES)
        self.captured = bytearray()
        self.cut = False
        self._file = file
        self._written = 0
        self._lines = lines
        self._pending: deque[str] = deque(maxlen=EXCERPT_LINES)
        self._unshown = 0
        self._rest: dict[int, bytes] = {1: b"", 2: b""}
        self._open = {1, 2}
        self._raw: deque[bytes] = deque()
        self._paused = self._waiting = False
        self._transport: asyncio.SubprocessTransport | None = None

    # -- what asyncio calls ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The program has started."""
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Some output."""
        if fd == 1:
            room = LARGEST_CAPTURE - len(self.captured)
            self.cut = self.cut or len(data) > room
            self.captured += data[: max(room, 0)]
        *done, rest = (self._rest[fd] + data).replace(b"\r", b"\n").split(b"\n")
        while len(rest) > LONGEST_LINE:
            done.append(rest[:LONGEST_LINE])
            rest = rest[LONGEST_LINE:]
        self._rest[fd] = rest
        self._raw.extend(done)
        self._work()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """A stream has ended."""
        self._raw.append(self._rest[fd])
        self._rest[fd] = b""
        self._open.discard(fd)
        self._work()

    def process_exited(self) -> None:
        """The program has ended; its streams may be open yet."""
        if not self.ended.done():
            self.ended.set_result(None)

    def _work(self, at_most: int = BATCH) -> None:
        """Take lines, a few at a time: a rollback waits for nobody's output, so meanwhile the streams are not read."""
        for _turn in range(min(at_most, len(self._raw))):
            line = self._raw.popleft()
            if line.strip():
                self.say(line.decode("utf-8", "replace"))
        busy = bool(self._raw)
        if busy != self._paused:
            self._paused = busy
            for fd in self._open:
                pipe = self._transport.get_pipe_transport(fd) if self._transport is not None else None
                if isinstance(pipe, asyncio.ReadTransport):
                    (pipe.pause_reading if busy else pipe.resume_reading)()
        if busy and not self._waiting:
            self._waiting = True
            self._loop.call_soon(self._again)
        if not busy and not self._open and not self.drained.done():
            self.drained.set_result(None)

    def _again(self) -> None:
        self._waiting = False
        self._work()

    # -- lines ----------------------------------------------------------------------------------------------------

    def say(self, line: str) -> None:
        """Take one line."""
        for value in self._hidden:
            line = line.replace(value, HIDDEN)
        self._key, within = key_after(line, self._key), self._key
        line = HIDDEN if within else scrub_text(line.rstrip(), LONGEST_LINE)
        self.tail.append(line)
        self._unshown += len(self._pending) == self._pending.maxlen
        self._pending.append(line)
        if self._file.closed or self._written > LARGEST_OUTPUT:
            return
        self._written += len(line) + 1
        if self._written > LARGEST_OUTPUT:
            line = _("(the rest is left out: over {size} MiB)").format(size=LARGEST_OUTPUT // 2**20)
        self._file.write(line + "\n")

    async def keep_flushing(self) -> None:
        """Report new lines ten times a second, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            self.flush()

    def flush(self, *, last: bool = False) -> None:
        """Report new lines now."""
        if last:
            self._raw.extend(self._rest.values())
            self._rest = {1: b"", 2: b""}
            self._open.clear()
            self._work(len(self._raw))
        if not self._file.closed:
            self._file.flush()
        if not self._pending:
            return
        news = list(self._pending)
        if self._unshown:
            news.insert(0, _("… {count} more in the output's file").format(count=f"{self._unshown:,}"))
        self._pending.clear()
        self._unshown = 0
        self._lines(tuple(news))


__all__ = ["Ran", "child_environment", "find_program", "run"]
