"""Operators with their own connection to one simulator, each as a console or as a command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from console.actions import Actions
from console.clock import SystemClock
from console.cloud.client import Cloud
from console.cloud.target import CloudTarget
from console.journal import Journal
from console.notify import Message, Notifier
from console.release.guardrails import EnvironmentRules
from console.release.service import Service
from console.release.state import Release, VerdictRecord, read_release
from console.simulator.process import SimulatorProcess
from console.watch.watcher import Watcher

SERVICE = "wa-backend"
STABLE, CANARY, OLDER = "wa-backend-00041-kem", "wa-backend-00042-vez", "wa-backend-00040-lam"
REASON = "the bank is waiting for it"


@dataclass
class Mailbox:
    """Slack, as far as a notifier knows."""

    got: list[Message] = field(default_factory=list)
    problem: str = ""

    async def send(self, message: Message) -> str:
        self.got.append(message)
        return self.problem

    @property
    def titles(self) -> list[str]:
        return [message.title for message in self.got]


@dataclass
class Operator:
    """One person's console or command."""

    cloud: Cloud
    actions: Actions
    journal: Journal
    slack: Mailbox
    watcher: Watcher
    simulator: SimulatorProcess

    async def service(self) -> Service:
        return await self.cloud.run.get_service(SERVICE)

    async def shares(self) -> dict[str, int]:
        return (await self.service()).effective_shares()

    async def release(self) -> Release:
        release, problem = read_release((await self.service()).annotations)
        assert release is not None, problem
        return release

    async def look(self) -> Service:
        """Bring this console's picture up to date, as its feed does each second."""
        service = (await self.watcher.refresh()).service
        assert service is not None
        return service

    async def judge(self, word: Any = "PASS", *, step: int, bake_done: bool = True) -> None:
        """Write a verdict as the driving console does."""
        now = self.cloud.server_clock.now()
        assert now is not None
        record = VerdictRecord(word=word, step=step, at=now, bake_done=bake_done, observed_s=300, requests=6000)
        assert await self.actions.record_verdict(record)

    def rows(self) -> list[tuple[str, str, str]]:
        """(phase, kind, result) of each journal row, oldest first."""
        return [(entry.phase, entry.kind, entry.result) for entry in reversed(self.journal.entries())]


@dataclass
class Team:
    """Makes operators and closes what they opened."""

    simulator: SimulatorProcess
    folder: Path
    operators: list[Operator] = field(default_factory=list)

    async def join(
        self,
        name: str = "maria",
        *,
        console: bool = True,
        rules: EnvironmentRules | None = None,
        journal: Path | None = None,
        session: str = "",
    ) -> Operator:
        clock = SystemClock()
        email = f"{name}@acme.example"
        cloud = await Cloud.connect(CloudTarget("demo", "us-central1", self.simulator.grpc, email=email), clock)
        await cloud.warm()
        rules = rules or EnvironmentRules("production")
        session = session or f"{name}-{len(self.operators)}"
        book = Journal.open(
            journal or self.folder / f"{session}.db", scope=f"demo/us-central1/{SERVICE}", session=session
        )
        slack = Mailbox()
        watcher = Watcher(cloud, service=SERVICE, clock=clock, plan=rules.plan)
        actions = Actions(
            cloud=cloud,
            watcher=watcher if console else None,
            journal=book,
            notifier=Notifier(slack),
            rules=rules,
            service=SERVICE,
            identity=email,
            session_id=session,
            clock=clock,
        )
        actions.renews = console
        operator = Operator(cloud, actions, book, slack, watcher, self.simulator)
        self.operators.append(operator)
        if console:
            await operator.look()
        return operator

    async def leave(self) -> None:
        for operator in self.operators:
            await operator.actions.close()
            operator.journal.close()
            await operator.cloud.close()


def updates(simulator: SimulatorProcess) -> int:
    """UpdateService calls that the simulator has received."""
    received: Any = simulator.state()["received"]
    return sum(1 for call in received if str(call["method"]).endswith("UpdateService"))


async def until(condition: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    """Wait until `condition` (plain or async) is true; its value."""
    async with asyncio.timeout(timeout_s):
        while True:
            value = condition()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            await asyncio.sleep(0.02)


Options = Mapping[str, Any]
