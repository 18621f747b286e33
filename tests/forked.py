"""Processes that begin at once: forked from one that has read Google's libraries, which takes a second each time.

Each is a process of its own, with its own address, signals and end; only its start differs from what a shell does.
Tests of the start itself (what is imported, what Python's own variables do) start theirs anew.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.forkserver import ensure_running
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any

from console.simulator.process import SimulatorProcess

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["tests.forked_preload"])

ROOT = Path(__file__).parents[1]
Work = Callable[[Sequence[str]], object]


class Forked:
    """A process, with as much of `subprocess.Popen` as is used here; it leads a session of its own.

    Args:
        work: what it does; a function of a module, for the process is told its name. Exits by returning or SystemExit.
        arguments: for `work`.
        environment: all its variables.
        streams: what become its standard input, output and error.
        folder: where it runs; here where None.
    """

    def __init__(
        self,
        work: Work,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        streams: Sequence[int],
        folder: Path | None = None,
    ) -> None:
        self.stdin: IO[bytes] | None = None
        self.stdout: IO[bytes] | None = None
        place = str(folder or Path.cwd())
        self._process = _SERVER.Process(
            target=_begin, args=(work, list(arguments), dict(environment), _Streams(streams), place), daemon=True
        )
        with contextlib.chdir(ROOT):  # what it forks from finds our packages where it is started
            ensure_running()
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(["forked"], timeout or 0.0)
        return code


class _Streams:
    """File descriptors on their way into a process."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = tuple(numbers)

    def __getstate__(self) -> tuple[Any, ...]:
        return tuple(DupFd(number) for number in self._numbers)

    def __setstate__(self, passed: tuple[Any, ...]) -> None:
        self._numbers = tuple(each.detach() for each in passed)

    def become_standard(self) -> None:
        """Make them 0, 1 and 2, and Python's own streams read and write there."""
        for standard, number in enumerate(self._numbers):
            os.dup2(number, standard)
        for number in self._numbers:
            os.close(number)
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)


def _begin(work: Work, arguments: list[str], environment: dict[str, str], streams: _Streams, folder: str) -> None:
    """What a forked process does."""
    os.setsid()
    streams.become_standard()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    try:
        code = work(arguments)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    sys.exit(code if isinstance(code, int) else 0)


class ForkedSimulator(SimulatorProcess):
    """A simulator that is forked."""

    @classmethod
    def spawn(cls, arguments: Sequence[str], errors: IO[bytes]) -> Any:
        input_read, input_write = os.pipe()
        output_read, output_write = os.pipe()
        try:
            child = Forked(
                simulate,
                arguments,
                {**os.environ, "GRPC_VERBOSITY": "NONE"},
                (input_read, output_write, errors.fileno()),
            )
        finally:
            os.close(input_read)
            os.close(output_write)
        child.stdin, child.stdout = os.fdopen(input_write, "wb", 0), os.fdopen(output_read, "rb", 0)
        return child


def simulate(arguments: Sequence[str]) -> int:
    """What `python -m console.simulator` does."""
    from console.simulator import main
    from console.words import use_language

    use_language()  # it was read in another's language
    return main(arguments)


def canario(arguments: Sequence[str]) -> None:
    """What `canario` does, with all of our own code read anew."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("console", "screens", "widgets", "themes")]:
        del sys.modules[name]
    sys.argv = ["canario", *arguments]
    from console.cli import main

    main()


def run_canario(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """What `subprocess.run` gives of `canario ARGUMENTS`, with nothing to read and its output captured.

    Raises:
        subprocess.TimeoutExpired: it took longer; it is killed, and what it started.
    """
    words = ["canario", *map(str, arguments)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(os.devnull) as nothing:
        child = Forked(canario, words[1:], environment, (nothing.fileno(), out.fileno(), err.fileno()), folder)
        try:
            code = child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read().decode())
    return subprocess.CompletedProcess(words, code, *said)
