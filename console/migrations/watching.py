"""Replicas while nothing is applied: what each says of itself, for people to see. The gate alone decides."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from console.errors import CanarioError
from console.migrations.database import Address
from console.migrations.gate import ANSWER_S, SAMPLES, verdict
from console.migrations.replicas import make_replica
from console.migrations.threads import in_thread
from console.migrations.values import ReplicaState
from console.words import _


class ReplicaWatch:
    """Asks each replica in turn, on a connection that ends with the answer. One event loop's only.

    Args:
        replicas: where they are.
        replicas_of: name of the primary's database.
    """

    def __init__(self, replicas: Sequence[Address], *, replicas_of: str) -> None:
        self._replicas, self._database = tuple(replicas), replicas_of
        self._lags: list[deque[float | None]] = [deque(maxlen=SAMPLES) for _replica in self._replicas]

    async def look(self, primary_id: str, limit_s: float) -> tuple[ReplicaState, ...]:
        """What each says now: `seen` or `unknown`, the samples of its lag so far.

        Args:
            primary_id: what the primary calls itself.
            limit_s: seconds of lag that are too many.
        """
        looks = (self._one(number, primary_id, limit_s) for number in range(len(self._replicas)))
        return tuple(await asyncio.gather(*looks))

    async def _one(self, number: int, primary_id: str, limit_s: float) -> ReplicaState:
        replica = make_replica(self._replicas[number], self._database)
        lag, position, state = None, "", "unknown"

        def ask() -> tuple[float | None, str, str]:
            try:
                replica.connect(primary_id)
                status = replica.status()
            finally:
                replica.close()
            believed, problem = verdict(status, 0.0, limit_s)
            return believed, problem, status.position

        try:
            lag, problem, position = await in_thread(ask, timeout_s=2 * ANSWER_S)
            sentence = problem or _("both threads run, it says")
            state = "seen" if not problem else "unknown"
        except CanarioError as error:
            sentence = error.what
        except TimeoutError:
            sentence = _("it did not answer within {count:.0f} s").format(count=2 * ANSWER_S)
        self._lags[number].append(lag)
        return ReplicaState(replica.name, state, sentence, lag, tuple(self._lags[number]), position)
