"""What a crash cut off is settled at the next start, by reading the service."""

from __future__ import annotations

import subprocess
import sys

from console.actions.door import process_mark, started_at
from console.actions.recovery import process_alive
from tests.actions.operators import CANARY, STABLE, Team


def dead_process() -> str:
    """The mark of a process that is no more."""
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    return f"{process_mark().rpartition(':')[0]}:{child.pid}"


async def test_a_move_that_arrived_is_settled_as_done(team: Team) -> None:
    maria = await team.join(session="same")
    await maria.actions.shift(10)
    after = {CANARY: 10, STABLE: 90}
    number = maria.journal.intent("shift", {"after": after, "process": dead_process()})
    maria.journal.session = "an earlier one"
    maria.journal.intent("shift", {"after": {CANARY: 50, STABLE: 50}, "process": dead_process()})
    later = await team.join(journal=maria.journal.path)
    settled = await later.actions.settle_unfinished()
    assert [(one.kind, one.done) for one in settled] == [("shift", True), ("shift", False)]
    assert "90 % wa-backend-00041-kem" in settled[1].sentence
    assert later.journal.unfinished() == []
    assert later.journal.entries()[-1].id < number or later.journal.verify() == []
    assert await later.actions.settle_unfinished() == ()


async def test_an_intent_of_a_process_that_lives_is_left_to_it(team: Team) -> None:
    maria = await team.join()
    maria.journal.intent("shift", {"after": {}, "process": "another-host:1"})
    later = await team.join(journal=maria.journal.path)
    assert await later.actions.settle_unfinished() == ()
    assert len(later.journal.unfinished()) == 1


async def test_with_the_cloud_away_it_waits_for_the_next_start(team: Team) -> None:
    maria = await team.join()
    maria.journal.intent("rollback", {"after": {STABLE: 100}, "process": dead_process()})
    later = await team.join(journal=maria.journal.path)
    team.simulator.fault(unavailable=True)
    assert await later.actions.settle_unfinished() == ()
    team.simulator.fault(clear=True)
    settled = await later.actions.settle_unfinished()
    assert [one.done for one in settled] == [True]


def test_a_later_process_with_the_same_number_is_not_taken_for_the_one_that_died() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        host = process_mark().rpartition(":")[0]
        started = started_at(child.pid)
        assert started
        assert process_alive(f"{host}:{child.pid}@{started}")
        assert not process_alive(f"{host}:{child.pid}@{int(started) - 1}"), "it began at another time: another process"
        assert process_alive(f"{host}:{child.pid}"), "a mark of an older canario tells no more"
    finally:
        child.communicate(b"\n")
    assert not process_alive(f"{host}:{child.pid}@{started}")
