"""The simulator's options, and running it from a command line. Imports no Google code before it must."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """What to simulate."""

    scenario: str | None = None
    """`healthy` where None, or the kept state's."""
    now: datetime | None = None
    """Its clock's first time; the machine's where None, or where it had come to when its state was kept."""
    speed: float = 1.0
    """Simulated seconds a wall second."""
    seed: int | None = None
    """0 where None, or the kept state's."""
    state: Path | None = None
    """Directory in which it keeps its state; None keeps none."""
    port: int = 0
    """gRPC port on 127.0.0.1; 0 for any that is free."""
    bare: bool = False
    """Start without the canary's smoke tests and approvals on record."""


def parse_time(text: str) -> datetime:
    """A time such as `2026-11-25T10:05:00Z`, UTC where it has no zone.

    Raises:
        ValueError: not a time.
    """
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def parser() -> argparse.ArgumentParser:
    """The options as argparse knows them."""
    made = argparse.ArgumentParser(
        prog="canario simulate",
        description="Serve a local Cloud Run, Cloud Logging and Cloud Monitoring on loopback. Prints one JSON line "
        "with its addresses once it serves.",
    )
    made.add_argument("--scenario", help="what it starts with and what happens (default: healthy)")
    made.add_argument("--now", type=_time, help="its clock's first time, e.g. 2026-11-25T10:05:00Z (default: now)")
    made.add_argument("--speed", type=_speed, default=1.0, help="simulated seconds a second (default: 1)")
    made.add_argument("--seed", type=int, help="makes a run repeatable (default: 0)")
    made.add_argument("--state", type=Path, help="directory in which to keep its state (default: none kept)")
    made.add_argument("--port", type=_port, default=0, help="gRPC port (default: any that is free)")
    made.add_argument(
        "--bare", action="store_true", help="start without smoke tests and approvals on record (default: with both)"
    )
    made.add_argument("--watch-stdin", action="store_true", help="end when standard input ends")
    return made


def run(argv: Sequence[str] | None) -> int:
    """Parse `argv`, serve until told to stop, and return the exit code."""
    arguments = parser().parse_args(argv)
    options = SimulatorOptions(
        scenario=arguments.scenario,
        now=arguments.now,
        speed=arguments.speed,
        seed=arguments.seed,
        state=arguments.state,
        port=arguments.port,
        bare=arguments.bare,
    )
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        return _run(options, watch_stdin=arguments.watch_stdin)
    except KeyboardInterrupt:  # before the signal handlers stood
        return 0


def _run(options: SimulatorOptions, *, watch_stdin: bool) -> int:
    from console.errors import CanarioError

    try:
        asyncio.run(_serve(options, watch_stdin=watch_stdin))
    except CanarioError as error:
        sys.stderr.write(f"canario simulate: {error}\n")
        return int(error.exit_code)
    except OSError as error:
        sys.stderr.write(f"canario simulate: cannot serve: {error}\n")
        return 1
    return 0


async def _serve(options: SimulatorOptions, *, watch_stdin: bool) -> None:
    from console.simulator.server import serve

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop.set)
    if watch_stdin:
        loop.add_reader(sys.stdin.fileno(), _at_end_of_input, loop, stop)
    await serve(options, _say_ready, stop)


def _say_ready(info: dict[str, object]) -> None:
    try:
        sys.stdout.write(json.dumps(info) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads it: go on serving, and say nothing when the interpreter flushes at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _at_end_of_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        stop.set()


def _time(text: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-11-25T10:05:00Z") from None


def _speed(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.001 <= value <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0.001 to 100000")
    return value


def _port(text: str) -> int:
    value = int(text) if text.isdecimal() else -1
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return value
