"""The simulator, put together: one gRPC server, the HTTP ports, the control address, and what drives them in time."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc.aio
from aiohttp import web
from google.cloud import run_v2

from console.errors import SettingsError
from console.simulator import logging_service, monitoring_service, recorded, rules
from console.simulator.app import App, Served
from console.simulator.callers import Caller, Permissions, caller
from console.simulator.clock import SimClock
from console.simulator.control import Control
from console.simulator.deployments import Deployments
from console.simulator.faults import Faults
from console.simulator.interceptor import FrontDoor
from console.simulator.knative import ADDRESS_KEY, Knative
from console.simulator.logs import LogBook
from console.simulator.options import SimulatorOptions
from console.simulator.populate import populate
from console.simulator.records import ServiceRecord, traffic_of
from console.simulator.run_service import RunService
from console.simulator.scenario import Faults as FaultPlan
from console.simulator.scenario import Rival, Scenario, load_scenario
from console.simulator.state import (
    Saved,
    StateDir,
    export_operations,
    export_services,
    import_operations,
    import_services,
)
from console.simulator.status import StatusError
from console.simulator.store import Store
from console.simulator.team import Team
from console.simulator.traffic import Traffic
from console.words import _

log = logging.getLogger(__name__)

GRPC_OPTIONS = (
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1_000),  # else a quiet tail's pings get it thrown out
)


SHORTEST_UNCUT_S = 8.0
"""Wall seconds that a stream lives at least, however fast the clock: a reader needs wall time to connect again."""


class Simulator:
    """Everything that one simulator process holds.

    Args:
        options: what to simulate.

    Raises:
        UsageError, SettingsError: no such scenario, or a wrong file.
    """

    def __init__(self, options: SimulatorOptions) -> None:
        self.options = options
        self.state = StateDir(options.state) if options.state is not None else None
        saved = self.state.load() if self.state is not None else None
        self._saved = saved
        self.scenario: Scenario = load_scenario(_scenario_name(options, saved))
        self.seed = options.seed if options.seed is not None else saved.seed if saved is not None else 0
        self.clock = SimClock(_first_time(options, saved), options.speed)
        self.began = saved.start if saved is not None else self.clock.now()
        self.happened: set[str] = set(saved.happened if saved is not None else ())
        self.traffic = Traffic(self.scenario, seed=self.seed, start=self.began)
        self.store = Store(self.scenario.project, self.scenario.region, seed=self.seed, listener=self.traffic)
        self.permissions = Permissions()
        plan = next((e for e in self.scenario.events.values() if isinstance(e, FaultPlan)), None)
        self.faults = Faults(plan, seed=self.seed, start=self.began)
        self.door = FrontDoor(self.clock, self.faults, self.permissions)
        self.logs = LogBook(
            self.traffic,
            self.clock,
            project=self.scenario.project,
            region=self.scenario.region,
            uri=lambda service: self.store.uri_of_service(service),
        )
        self.run = RunService(self.store, self.clock, self.permissions, self.logs)
        self.knative = Knative(self.store, self.permissions, self.faults, self.clock)
        self.app = App(self.store, self.traffic, self.clock, seed=self.seed, record=self._record)
        self.team = Team(
            self.clock, Deployments(self.store, self.run), began=self.began, spawn=self._spawn, kept=options.state
        )
        self._due = asyncio.Event()
        self._news = asyncio.Event()
        self.failed = asyncio.Event()
        """Set where the simulator itself has failed."""
        self.failure: BaseException | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._control_server: asyncio.Server | None = None
        self._server: grpc.aio.Server | None = None
        self.port = 0
        self.control_url = ""

    # ---------------------------------------------------------------- life

    async def start(self) -> dict[str, object]:
        """Serve; the ready line's content."""
        self._fill()
        await self.knative.start()
        self.door.told = ((ADDRESS_KEY, self.knative.url),)
        self._server = grpc.aio.server(interceptors=(self.door,), options=GRPC_OPTIONS)
        self._server.add_generic_rpc_handlers(
            (
                *self.run.handlers(),
                *logging_service.handlers(self.logs),
                *monitoring_service.handlers(
                    self.traffic, self.clock, project=self.store.project, region=self.store.region
                ),
            )
        )
        try:
            self.port = self._server.add_insecure_port(f"127.0.0.1:{self.options.port}")
        except RuntimeError as error:
            raise OSError(f"port {self.options.port} is taken") from error
        await self._server.start()
        control = web.Server(Control(self).handle, access_log=None)
        self._control_server = await asyncio.get_running_loop().create_server(control, "127.0.0.1", 0)
        self.control_url = f"http://127.0.0.1:{self._control_server.sockets[0].getsockname()[1]}"
        await self.team.start()
        self._spawn(self._reconcile())
        for key, event in self.scenario.events.items():
            if isinstance(event, Rival) and key not in self.happened:
                self._spawn(self._rival(key, event))
        if self.state is not None:
            self._spawn(self._keep_time(self.state))
        if self.faults.plan is not None and self.faults.plan.cut_tails_every_s:
            self._spawn(self._cut_tails())
        return self.info()

    def info(self) -> dict[str, object]:
        """The ready line's content: addresses, project, region."""
        services, revisions = self.app.endpoints.urls()
        return {
            "grpc": f"127.0.0.1:{self.port}",
            "project": self.store.project,
            "region": self.store.region,
            "services": services,
            "revisions": revisions,
            "control": self.control_url,
            **self.team.addresses(),
        }

    async def stop(self) -> None:
        """Stop serving at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.app.endpoints.close()
        await self.team.stop()
        await self.knative.stop()
        if self._control_server is not None:
            self._control_server.close()
        if self._server is not None:
            ended = self.door.end_all()
            await self._server.stop(grace=0.1 if ended else None)
        if self.state is not None:
            self._save()
            self.state.close()

    def _fill(self) -> None:
        """Put in what was kept, or the scenario's beginning."""
        if self._saved is None:
            populate(self.store, self.scenario, self.began)
        else:
            self.store.registry.pushes.update(self._saved.pushes)
            import_services(self.store, self._saved.services)
            import_operations(self.store, self._saved.operations)
            self.traffic.import_state(self._saved.splits)
            self.store.know_builds()
        if self.state is not None:
            keep = self.state.append_entry
            self.logs.import_state(self.state.load_entries())
            self.logs.listeners.add(lambda kept: keep(kept.entry.SerializeToString()))
        if self._saved is None and not self.options.bare:
            for name in tuple(self.store.services):
                recorded.record(self.store, self.logs, name, self.began)
        for record in self.store.services.values():
            self.app.endpoints.follow(record)
        self.store.on_change = self._changed
        self._save()

    def _save(self) -> None:
        if self.state is None:
            return
        self._keep(
            Saved(
                scenario=self.scenario.name,
                seed=self.seed,
                start=self.began,
                now=self.clock.now(),
                services=export_services(self.store),
                operations=export_operations(self.store),
                splits=self.traffic.export_state(),
                happened=sorted(self.happened),
                pushes=dict(self.store.registry.pushes),
            )
        )

    def _keep(self, saved: Saved) -> None:
        assert self.state is not None
        try:
            self.state.save(saved)
        except OSError as error:
            log.warning("the state in %s cannot be kept: %s", self.state.path, error)

    async def _keep_time(self, state: StateDir) -> None:
        while True:
            await asyncio.sleep(1.0)
            with contextlib.suppress(OSError):
                state.save_clock(self.clock.now())

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A task that fails is a bug: end loudly, rather than serve a cloud in which nothing ever finishes."""
        if not task.cancelled() and task.exception() is not None:
            self.failure = task.exception()
            self.failed.set()

    # ---------------------------------------------------------------- in time

    def _changed(self, record: ServiceRecord) -> None:
        self.app.endpoints.follow(record)
        self._due.set()
        self._news.set()
        self._save()

    async def _reconcile(self) -> None:
        """End each reconcile when it is due, in simulated time."""
        while True:
            self._due.clear()
            due = self.store.next_due()
            if due is None:
                await self._due.wait()
                continue
            sleeping = asyncio.ensure_future(self.clock.sleep_until(due))
            changed = asyncio.ensure_future(self._due.wait())
            try:
                await asyncio.wait((sleeping, changed), return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleeping.cancel()
                changed.cancel()
            self.store.advance(self.clock.now())

    async def _rival(self, key: str, event: Rival) -> None:
        """Let someone else move the traffic, some time after it first moved."""
        while (moved := self.traffic.first_move(event.service)) is None:
            self._news.clear()
            await self._news.wait()
        await self.clock.sleep_until(moved + event.after_first_move_s)
        self.happened.add(key)
        with contextlib.suppress(StatusError, ValueError):
            self.move_as(event.principal, event.service, self.rival_split(event.service, event.canary_percent))

    async def _cut_tails(self) -> None:
        """Cut every open stream now and then, by simulated time."""
        while (wait := self.faults.next_cut()) is not None:
            await asyncio.gather(self.clock.sleep(wait), asyncio.sleep(SHORTEST_UNCUT_S))
            self.door.cut_tails()

    # ---------------------------------------------------------------- others' doings

    def rival_split(self, service: str, canary_percent: int) -> dict[str, int]:
        """Shares that give the tagged `canary` so much, and the rest to the revision that serves most beside it.

        Raises:
            ValueError: no such service, or no tag `canary` in it.
        """
        record = self.store.services.get(service)
        if record is None:
            raise ValueError(f"there is no service {service}")
        canary = next((t.revision for t in record.desired.traffic if t.tag == "canary"), None)
        if canary is None:
            raise ValueError(f"{service} has no revision under the tag canary")
        shares = rules.shares(record.desired.traffic, record.latest_ready)
        others = {name: percent for name, percent in shares.items() if name != canary}
        spec = self.scenario.services.get(service)
        fallback = max(spec.split, key=lambda name: spec.split[name]) if spec and spec.split else canary
        stable = max(others, key=lambda name: others[name], default=fallback)
        split = {stable: 100 - canary_percent, canary: canary_percent}
        return {name: percent for name, percent in split.items() if percent}

    def move_as(self, principal: str, service: str, shares: Mapping[str, int]) -> str:
        """Move traffic as somebody else, tags kept; the operation's name.

        Raises:
            StatusError: the cloud refuses.
        """
        record = self.store.services.get(service)
        if record is None:
            raise ValueError(f"there is no service {service}")
        targets = [(name, percent, "") for name, percent in shares.items()]
        targets += [(t.revision, 0, t.tag) for t in record.desired.traffic if t.tag]
        request = run_v2.UpdateServiceRequest(
            service=run_v2.Service(name=record.desired.name, traffic=traffic_of(targets)),
            update_mask={"paths": ["traffic"]},
        )
        token = caller.set(Caller(principal))
        try:
            return str(self.run.change_service(request).name)
        finally:
            caller.reset(token)

    def _record(self, served: Served) -> None:
        """Make log entries of a real request: its own, and what the application said, under one trace."""
        trace = hashlib.blake2b(f"{served.started}{served.url}".encode(), digest_size=16).hexdigest()
        self.logs.append_request(
            served.service,
            served.revision,
            method=served.method,
            url=served.url,
            status=served.status,
            latency_s=served.latency_s,
            at=served.started,
            user_agent=served.user_agent,
            response_size=served.response_bytes,
            trace=trace,
        )
        for line in served.said:
            self.logs.append_line(
                served.service, served.revision, severity=line.severity, message=line.message, fields=line.fields,
                trace=trace,
            )  # fmt: skip


def _scenario_name(options: SimulatorOptions, saved: Saved | None) -> str:
    """The scenario to load; kept state decides where none is given.

    Raises:
        SettingsError: another was given than the kept state's.
    """
    if saved is None:
        return options.scenario or "healthy"
    name = Path(options.scenario).stem if options.scenario else saved.scenario
    if name != saved.scenario:
        raise SettingsError(
            _("The state in {path} is of the scenario {kept}, not {given}.").format(
                path=options.state, kept=saved.scenario, given=name
            ),
            remedy=_("Leave --scenario out, or give --state another directory."),
        )
    return options.scenario or saved.scenario


def _first_time(options: SimulatorOptions, saved: Saved | None) -> datetime:
    """What the clock starts at: `--now`, else where the kept state had come to, else the machine's time.

    Raises:
        SettingsError: `--now` lies before what has happened already.
    """
    if options.now is None:
        return datetime.now(UTC) if saved is None else datetime.fromtimestamp(saved.now, UTC)
    if saved is not None and options.now.timestamp() < saved.now:
        raise SettingsError(
            _("The state in {path} has come to {time}; its clock cannot go back.").format(
                path=options.state, time=datetime.fromtimestamp(saved.now, UTC).isoformat(timespec="seconds")
            ),
            remedy=_("Leave --now out, or give --state another directory."),
        )
    return options.now


async def serve(
    options: SimulatorOptions, ready: Callable[[dict[str, object]], None], stop: asyncio.Event | None = None
) -> None:
    """Serve until `stop` is set (or for ever).

    Args:
        options: what to simulate.
        ready: told the ready line's content once everything serves.
        stop: ends it.

    Raises:
        UsageError, SettingsError: no such scenario, or a wrong file.
        OSError: the port is taken.
    """
    simulator = Simulator(options)
    try:
        ready(await simulator.start())
        ends = [asyncio.ensure_future(event.wait()) for event in (stop or asyncio.Event(), simulator.failed)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        if simulator.failure is not None:
            raise simulator.failure
    finally:
        await simulator.stop()
