"""Faults of the cloud's own front door: at random by a scenario's seed, or injected by a test.

A fault either keeps a call from being done, or lets it be done and loses the answer. Pure of gRPC.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from console.simulator.scenario import Faults as FaultPlan
from console.simulator.status import Code, StatusError

WORDS = {
    Code.UNAVAILABLE: "The service is currently unavailable.",
    Code.DEADLINE_EXCEEDED: "Deadline expired before operation could complete.",
    Code.RESOURCE_EXHAUSTED: (
        "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute per region' of service "
        "'run.googleapis.com' for consumer 'project_number:103562439107'."
    ),
    Code.ABORTED: "The operation was aborted.",
    Code.INTERNAL: "An internal error has occurred.",
    Code.PERMISSION_DENIED: "The caller does not have permission.",
    Code.UNAUTHENTICATED: "Request had invalid authentication credentials.",
}


@dataclass(slots=True)
class Planned:
    """A fault that waits for its call."""

    method: str
    """Last part of the method's name, e.g. `UpdateService`; `*` for any."""
    code: Code
    count: int = 1
    answered: bool = False
    """True: the call is done and only its answer is lost."""


def refusal(code: Code) -> StatusError:
    """`code` in the words that go with it."""
    return StatusError(code, WORDS.get(code, code.name.replace("_", " ").capitalize() + "."))


class Faults:
    """What goes wrong with calls now.

    Args:
        plan: the scenario's random faults, or None.
        seed: makes them repeatable.
        start: when the scenario started, Unix seconds of simulated time.
    """

    def __init__(self, plan: FaultPlan | None, *, seed: int, start: float) -> None:
        self.plan = plan
        self.start = start
        self._chance = random.Random(f"faults/{seed}")
        self.planned: list[Planned] = []
        self.unavailable = False
        """Every call is answered UNAVAILABLE."""
        self.expired = False
        """Every call is answered UNAUTHENTICATED."""
        self.answering = asyncio.Event()
        """No call is answered while it is not set."""
        self.answering.set()
        self.slow_s = 0.0
        """Wall seconds that every call waits first."""

    def clear(self) -> None:
        """No more injected faults; the scenario's own go on."""
        self.planned.clear()
        self.unavailable = self.expired = False
        self.answering.set()
        self.slow_s = 0.0

    def before(self, method: str, at: float) -> StatusError | None:
        """What keeps this call from being done, or None.

        Args:
            method: last part of its name.
            at: Unix seconds of simulated time.
        """
        if self.unavailable:
            return refusal(Code.UNAVAILABLE)
        if self.expired:
            return refusal(Code.UNAUTHENTICATED)
        if (code := self._take(method, answered=False)) is not None:
            return refusal(code)
        if self.plan is None or at < self.start + self.plan.starts_after_s:
            return None
        chance = self._chance.random()
        for code, share in (
            (Code.UNAVAILABLE, self.plan.unavailable),
            (Code.DEADLINE_EXCEEDED, self.plan.deadline_exceeded),
            (Code.RESOURCE_EXHAUSTED, self.plan.resource_exhausted),
        ):
            if chance < share:
                return refusal(code)
            chance -= share
        return None

    def after(self, method: str, at: float, *, writes: bool) -> StatusError | None:
        """What loses the answer of this call, which is done, or None."""
        if (code := self._take(method, answered=True)) is not None:
            return refusal(code)
        if self.plan is None or not writes or at < self.start + self.plan.starts_after_s:
            return None
        return refusal(Code.UNAVAILABLE) if self._chance.random() < self.plan.lose_answers else None

    def next_cut(self) -> float | None:
        """Simulated seconds until every open tail is cut again, drawn anew at each call; None for never."""
        if self.plan is None or not self.plan.cut_tails_every_s:
            return None
        return self._chance.expovariate(1 / self.plan.cut_tails_every_s)

    def _take(self, method: str, *, answered: bool) -> Code | None:
        for planned in self.planned:
            if planned.answered == answered and planned.method in (method, "*"):
                planned.count -= 1
                if planned.count <= 0:
                    self.planned.remove(planned)
                return planned.code
        return None
