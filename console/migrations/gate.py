"""The gate: no number about replication is believed alone.

Seconds_Behind reads 0 while the network swallows everything, during a long ALTER and just after it, and NULL where a
thread is stopped; a row in pg_stat_replication vanishes with its replica. So each replica must

1. reach the position that the primary had after the statement, as the replica itself says;
2. show the new table, column or index in its own catalogue;
3. twice, and each time after a fresh mark that the primary wrote has arrived there: both threads running, and a lag
   that is known and under the limit. The lag is the larger of what the replica says and what the mark took.

NULL, no row, no permission, no answer in time: `unknown`, which is a failure, never 0 (issue 5, Replication).
"""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from console.clock import Clock
from console.errors import CanarioError
from console.migrations import ledger
from console.migrations.database import Database
from console.migrations.probe import Shape, missing
from console.migrations.threads import in_thread
from console.migrations.values import Expect, Progress, ReplicaState
from console.words import _

T = TypeVar("T")

SLICE_S = 1.0
"""Seconds that one question about the position may wait on the replica."""

ANSWER_S = 10.0
"""Seconds in which a replica must answer anything at all."""

SAMPLES = 120
"""Lag samples that are kept."""

STOPPED_LOOKS = 2
"""Looks at a stopped thread before it counts as stopped."""


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """What a replica says of itself."""

    receiving: str
    """`yes`, `no`, `connecting`: the thread that fetches."""
    applying: str
    """`yes`, `no`: the thread that applies."""
    lag_s: float | None
    """Seconds behind; None where it does not say."""
    primary: str = ""
    """What it says that it is a replica of, or why it is none."""
    position: str = ""
    """What it has applied up to (GTID or LSN); empty where it does not say."""
    channel: str = ""
    """The channel (MySQL) or connection (MariaDB) that it speaks of; empty: the only one."""


def together(channels: Sequence[ReplicaStatus], position: str) -> ReplicaStatus:
    """A replica of several primaries as one: no better than the worst of its channels in any respect. Pure.

    Args:
        channels: at least one.
        position: what the replica has applied up to.
    """

    def worst(states: Sequence[str]) -> str:
        return min(states, key=lambda state: (state != "no", state == "yes"))

    def ailing(one: ReplicaStatus) -> tuple[bool, bool, float]:
        stopped = one.receiving != "yes" or one.applying != "yes"
        return stopped, one.lag_s is None, one.lag_s or 0.0

    lags = [one.lag_s for one in channels]
    return ReplicaStatus(
        worst([one.receiving for one in channels]),
        worst([one.applying for one in channels]),
        None if None in lags else max(lag for lag in lags if lag is not None),
        ", ".join(dict.fromkeys(one.primary for one in channels)),
        position,
        max(channels, key=ailing).channel,
    )


class Replica(ABC):
    """One replica. Blocking; called from worker threads, one call at a time."""

    name: str
    """Host and port."""

    @abstractmethod
    def connect(self, primary_id: str) -> None:
        """Connect.

        Args:
            primary_id: what the primary calls itself.

        Raises:
            DatabaseError: it cannot be reached, is no replica, or another cluster's.
        """

    @abstractmethod
    def close(self) -> None:
        """Close."""

    @abstractmethod
    def wait(self, position: str, seconds: float) -> bool:
        """Wait there until it has applied everything up to `position`; whether it has."""

    @abstractmethod
    def status(self) -> ReplicaStatus:
        """What it says of itself.

        Raises:
            DatabaseError: nothing, or not to us.
        """

    @abstractmethod
    def shape(self, tables: Sequence[str]) -> Shape:
        """How those tables look there."""

    @abstractmethod
    def mark(self, number: int) -> str:
        """The primary's last mark of that number as it has arrived there; empty where none has."""


def verdict(status: ReplicaStatus, measured_s: float, limit_s: float) -> tuple[float | None, str]:
    """Pure: the lag to believe, and what speaks against the replica; empty where nothing does.

    Args:
        status: as the replica says.
        measured_s: what the mark took to arrive.
        limit_s: seconds of lag that are too many.
    """
    of = " " + _("on channel {channel}").format(channel=status.channel) if status.channel else ""
    if status.receiving != "yes":
        words = _("the thread that receives is not running ({state})").format(state=status.receiving)
        return None, words + of
    if status.applying != "yes":
        return None, _("the thread that applies is not running ({state})").format(state=status.applying) + of
    if status.lag_s is None:
        return None, _("it does not say how far behind it is") + of
    lag = max(status.lag_s, measured_s)
    if lag >= limit_s:
        return lag, _("it is {lag:.0f} s behind").format(lag=lag) + of
    return lag, ""


class _FailedError(Exception):
    """This replica does not pass; its text says why."""


class ReplicationGate:
    """Waits for every replica. One event loop's only.

    Args:
        primary: the database that statements are sent to; idle while the gate waits.
        replicas: not yet connected.
        clock: the wall.
        wait_s: seconds that a replica may take to reach the position.
        limit_s: seconds of lag that are too many.
        report: told how it stands, about once a second.
    """

    def __init__(
        self,
        primary: Database,
        replicas: Sequence[Replica],
        clock: Clock,
        *,
        wait_s: float,
        limit_s: float,
        report: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self._primary, self._replicas, self._clock = primary, replicas, clock
        self._wait_s, self._limit_s, self._report = wait_s, limit_s, report
        self._states: dict[str, ReplicaState] = {}
        self._lags: dict[str, deque[float | None]] = {}
        self._reached: dict[str, str] = {}
        self._writing = asyncio.Lock()

    async def __call__(self, expects: Sequence[Expect]) -> tuple[ReplicaState, ...]:
        """Every replica's state at the end: `arrived` or `unknown`."""
        position = await in_thread(self._primary.position)
        ident = (await in_thread(self._primary.server)).id
        self._states = {one.name: ReplicaState(one.name, "waiting") for one in self._replicas}
        self._lags = {one.name: deque(maxlen=SAMPLES) for one in self._replicas}
        await asyncio.gather(*(self._one(replica, position, ident, expects) for replica in self._replicas))
        return tuple(self._states.values())

    async def _one(self, replica: Replica, position: str, ident: str, expects: Sequence[Expect]) -> None:
        try:
            await self._asked(lambda: replica.connect(ident), 2 * ANSWER_S)
            await self._until(replica, position, self._clock.monotonic() + self._wait_s)
            await self._shows(replica, expects)
            lag: float | None = None
            for _time in range(2):
                lag = await self._marked(replica)
            self._say(replica, "arrived", _("has it; {lag:.1f} s behind, twice").format(lag=lag), lag)
        except _FailedError as failed:
            self._say(replica, "unknown", str(failed), None)
        except CanarioError as error:
            self._say(replica, "unknown", error.what, None)
        except TimeoutError:
            self._say(replica, "unknown", _("it did not answer within {count:.0f} s").format(count=ANSWER_S), None)
        finally:
            with suppress(TimeoutError, CanarioError):
                await in_thread(replica.close, timeout_s=ANSWER_S)

    async def _until(self, replica: Replica, position: str, deadline: float) -> None:
        """Wait until it has reached `position`, looking at its threads meanwhile."""
        stopped = 0
        while True:
            if await self._asked(lambda: replica.wait(position, SLICE_S), SLICE_S + ANSWER_S):
                return
            status = await self._status(replica)
            stopped = stopped + 1 if "no" in (status.receiving, status.applying) else 0
            if stopped >= STOPPED_LOOKS:
                raise _FailedError(verdict(status, 0.0, self._limit_s)[1])
            if self._clock.monotonic() > deadline:
                raise _FailedError(
                    _("it has not reached {position} within {wait:.0f} s").format(position=position, wait=self._wait_s)
                )
            # what it says is shown and not believed: it may read 0 while nothing arrives
            self._say(replica, "waiting", _("has not reached {position}").format(position=position), status.lag_s)

    async def _shows(self, replica: Replica, expects: Sequence[Expect]) -> None:
        """Read there what the statement has added."""
        tables = tuple(dict.fromkeys(expect.table for expect in expects if expect.table))
        if not tables:
            return
        shape = await self._asked(lambda: replica.shape(tables), ANSWER_S)
        lacking = missing(expects, shape)
        if lacking:
            raise _FailedError(
                _("it says that it has caught up, and does not show it: {what}").format(
                    what=", ".join(map(str, lacking))
                )
            )

    async def _marked(self, replica: Replica) -> float:
        """Send a fresh mark through, and look at the threads and the lag; the lag."""
        mark, number = secrets.token_hex(16), self._replicas.index(replica)
        async with self._writing:
            await in_thread(lambda: self._primary.execute(ledger.heartbeat(number, mark)))
            position = await in_thread(self._primary.position)
        began = self._clock.monotonic()
        await self._until(replica, position, began + self._limit_s)
        arrived = await self._asked(lambda: replica.mark(number), ANSWER_S)
        measured = self._clock.monotonic() - began
        if arrived != mark:
            raise _FailedError(_("the primary's mark has not arrived there: is it a replica of this primary?"))
        lag, problem = verdict(await self._status(replica), measured, self._limit_s)
        if problem or lag is None:
            raise _FailedError(problem)
        self._say(replica, "waiting", _("{lag:.1f} s behind").format(lag=lag), lag)
        return lag

    async def _status(self, replica: Replica) -> ReplicaStatus:
        status = await self._asked(replica.status, ANSWER_S)
        self._reached[replica.name] = status.position
        return status

    async def _asked(self, ask: Callable[[], T], seconds: float) -> T:
        return await in_thread(ask, timeout_s=seconds)

    def _say(self, replica: Replica, state: str, sentence: str, lag: float | None) -> None:
        self._lags[replica.name].append(lag)
        lags, reached = tuple(self._lags[replica.name]), self._reached.get(replica.name, "")
        self._states[replica.name] = ReplicaState(replica.name, state, sentence, lag, lags, reached)
        states = tuple(self._states.values())
        self._report(Progress("replicas", f"{replica.name}: {sentence}", replicas=states))
