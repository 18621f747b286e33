"""Issue 5's shows on real databases, through `canario migrations apply`: `python -m tests.e2e.show_the_migrations`.

Show 2: on a MariaDB pair, the runbook's two statements while old code writes, and a gate that is fooled neither by a
stopped thread, nor by a paused link, nor by a replica still at the ALTER. Show 3: the console is killed (SIGKILL)
at nine to fourteen moments on each database; the next run says what it found, and each statement is applied once.
No test, but for people who want to see the figures (docs/applying.md); `tests/migrations/` holds them.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.migrations.crew import Crew, open_crew
from tests.migrations.servers import MariaPair, Pair, PostgresPair, until
from tests.migrations.test_killed import EVERYWHERE, ON_SERVERS, Point, ends_well, kill_at, prepare

SHORT_WAIT = '[migrations]\nreplica_wait = "12 s"\n'
"""How long a replica may take here; ten minutes otherwise."""


@dataclass
class Writers:
    """Old code at work: three connections that insert with the columns that the revision before knows."""

    crew: Crew
    written: list[float] = field(default_factory=list)
    """Wall seconds that each write took."""
    failed: list[str] = field(default_factory=list)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        stop = threading.Event()
        threads = [threading.Thread(target=self._write, args=(stop,)) for _number in range(3)]
        for thread in threads:
            thread.start()
        try:
            until(lambda: len(self.written) > 100, "old code writes")
            yield
            after = len(self.written)
            until(lambda: len(self.written) > after + 100, "old code writes on the new schema")
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _write(self, stop: threading.Event) -> None:
        assert self.crew.pair is not None
        connection = self.crew.pair.connect(self.crew.database)
        while not stop.is_set():
            began = time.monotonic()
            try:
                connection.cursor().execute("INSERT INTO reservas (quien) VALUES ('cliente')")
                self.written.append(time.monotonic() - began)
            except Exception as error:
                self.failed.append(str(error))
        connection.close()


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def apply(crew: Crew) -> subprocess.CompletedProcess[str]:
    """`canario migrations apply`, as one types it, with the replica to wait for."""
    home = crew.folder.parent
    (home / "canario.toml").write_text(SHORT_WAIT)
    return subprocess.run(
        crew.arguments("apply", "--yes", "reservas", gate=True),
        env=crew.environ() | {"PYTHONPATH": str(Path.cwd())},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=240,
    )


def reasons(done: subprocess.CompletedProcess[str]) -> str:
    """The line that says why it stopped."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return next((line for line in lines if "replica" in line.lower()), lines[-1] if lines else "")


def show_two(pair: MariaPair, folder: Path) -> bool:
    """The write load, and the gate fooled three ways."""
    say("Show 2: the runbook's two statements on a MariaDB pair")
    good = True
    with open_crew(made(folder / "load"), pair) as crew:
        crew.write(crew.runbook)
        writers = Writers(crew)
        with writers.at_work():
            began = time.monotonic()
            done = apply(crew)
            took = time.monotonic() - began
        rows = crew.sql("SELECT count(*) FROM reservas")[0][0]
        right = done.returncode == 0 and not writers.failed and rows == len(writers.written) + 3
        good &= right and crew.states() == ["verified", "verified"]
        say(
            f"  write load: exit {done.returncode} after {took:.1f} s, {len(writers.written)} writes,"
            f" {len(writers.failed)} failed, the longest {max(writers.written) * 1000:.0f} ms, {rows} rows"
        )

    def stop() -> None:
        pair.sql("STOP SLAVE SQL_THREAD", None, replica=True)

    def start() -> None:
        pair.sql("START SLAVE SQL_THREAD", None, replica=True)

    for name, first, last in (
        ("a stopped thread", stop, start),
        ("a paused link", pair.link.pause, pair.link.resume),
    ):
        with open_crew(made(folder / name.replace(" ", "-")), pair) as crew:
            good &= fooled(crew, name, first, last)
    with open_crew(made(folder / "busy"), pair) as crew:
        reader = pair.connect(crew.database, replica=True)

        def hold() -> None:
            reader.cursor().execute("BEGIN")
            reader.cursor().execute("SELECT * FROM reservas")

        good &= fooled(crew, "a replica busy with the ALTER", hold, reader.close)
    return good


def fooled(crew: Crew, name: str, first: Callable[[], object], last: Callable[[], object]) -> bool:
    """Whether the gate stops the second statement while the replica is not well, and lets it go once it is."""
    crew.write(crew.runbook)
    first()
    try:
        stopped = apply(crew)
        told = crew.sql("SHOW SLAVE STATUS", replica=True)
        sent = "idx_notes" in crew.indexes()
    finally:
        last()
    after = apply(crew)
    right = stopped.returncode == 1 and not sent and after.returncode == 0 and crew.states() == ["verified"] * 2
    say(f"  {name}: exit {stopped.returncode}, {'the second was SENT' if sent else 'the second was not sent'}")
    say(f"    {reasons(stopped)}")
    say(f"    the server itself said Seconds_Behind_Master = {told[0][32]}; put right: exit {after.returncode}")
    return right


async def show_three(pair: Pair | None, folder: Path) -> bool:
    """Killed at every moment."""
    points: list[Point] = [*EVERYWHERE, *(ON_SERVERS if pair is not None else ())]
    say(f"Show 3: {pair.engine if pair else 'sqlite'}, {len(points)} moments")
    good = True
    for number, point in enumerate(points):
        with open_crew(made(folder / f"{pair.engine if pair else 'sqlite'}-{number}"), pair) as crew:
            prepare(crew)
            try:
                printed = kill_at(crew, point)
                before = [(row.index, row.state) for row in crew.ledger().values()]
                await ends_well(crew, printed)
                said = next((one.sentence for one in crew.said if one.step == "settled"), "")
                states = ", ".join(f"{index} {state}" for index, state in before) or "nothing sent"
                say(f"  ✔ {point.name}: found {states}{f'; {said}' if said else ''}; each applied once")
            except AssertionError as error:
                good = False
                say(f"  ✖ {point.name}: {error}")
    return good


def made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=["2", "3"], help="one of the two shows")
    wanted = parser.parse_args().only
    good = True
    with tempfile.TemporaryDirectory(prefix="canario-show-") as kept:
        folder = Path(kept)
        for make in (MariaPair, PostgresPair):
            if problem := make.missing():
                say(f"Not installed: {problem}")
                return 2
        maria = MariaPair()
        try:
            good &= wanted == "3" or show_two(maria, folder)
            if wanted != "2":
                good &= asyncio.run(show_three(None, folder))
                good &= asyncio.run(show_three(maria, folder))
        finally:
            maria.stop()
        if wanted != "2":
            postgres = PostgresPair()
            try:
                good &= asyncio.run(show_three(postgres, folder))
            finally:
                postgres.stop()
    say("All as it should be." if good else "NOT as it should be: see ✖ and the exits above.")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
