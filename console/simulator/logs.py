"""The project's log entries: those kept (audit, written, real requests) and those made from traffic when asked for.

`LogBook` is where entries go in and where readers find them; `Selector` is one reader's filter over both kinds. The
services that speak gRPC (`logging_service`, `tail`) read through these and nothing else.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, Protocol

from console.simulator.entries import EntryMaker, Group, Kept, raw
from console.simulator.filter_fields import ENTRY_CLASS, Entry
from console.simulator.filters import Filter, Predicate
from console.simulator.traffic import TICK_NS, Arm, Era, ServiceTraffic, Tally, Traffic

MOST_KEPT = 200_000
"""Entries kept in memory; the oldest go first."""
CACHED = 8_000
"""Entries made from traffic that are held for the next reader of the same moment."""

_ORDER = attrgetter("order")


class Clock(Protocol):
    """What is needed of the simulator's clock."""

    @property
    def speed(self) -> float:
        """Simulated seconds a wall second."""
        ...

    def now(self) -> float:
        """Simulated seconds since 1970."""
        ...


class LogBook:
    """All log entries of the project.

    Args:
        traffic: what happens.
        clock: simulated time.
        project: id.
        region: location of the services.
        uri: gives a service's URL, for `requestUrl`.
    """

    def __init__(
        self,
        traffic: Traffic,
        clock: Clock,
        *,
        project: str = "demo",
        region: str = "us-central1",
        uri: Callable[[str], str] | None = None,
    ) -> None:
        self.traffic = traffic
        self.clock = clock
        self.project = project
        self.maker = EntryMaker(project, region, uri)
        self.kept: list[Kept] = []
        """In time order."""
        self.listeners: set[Callable[[Kept], None]] = set()
        """Told of each kept entry as it comes; open tail sessions are."""
        self.readers = 0
        """Open tail sessions; what is made for one is held for the others."""
        self._known: set[tuple[str, int, str]] = set()
        self._cache: dict[tuple[str, int, str, Group], list[Kept]] = {}
        self._cached = 0
        self._made = 0

    @property
    def now_ns(self) -> int:
        """Simulated nanoseconds since 1970."""
        return int(self.clock.now() * 1e6) * 1000

    # ------------------------------------------------------------ entries that are kept

    def append(self, entry: Any, service: str = "") -> bool:
        """Take in an entry, raw or proto-plus; False where it is there already (same log, timestamp and insertId).

        A missing timestamp, receiveTimestamp or insertId is filled in, as Logging does.

        Args:
            entry: a LogEntry; not to be changed by the caller afterwards.
            service: the Cloud Run service it is about; only for readers of code, the entry's labels say it.
        """
        message: Entry = raw(entry)
        now = self.now_ns
        if not message.HasField("timestamp"):
            message.timestamp.FromNanoseconds(now)
        if not message.HasField("receive_timestamp"):
            message.receive_timestamp.FromNanoseconds(now)
        if not message.insert_id:
            self._made += 1
            message.insert_id = f"w{now:x}{self._made:x}"
        kept = Kept(
            message.timestamp.ToNanoseconds(), message.receive_timestamp.ToNanoseconds(), message.insert_id, message
        )
        key = (message.log_name, kept.stamp_ns, kept.insert_id)
        if key in self._known:
            return False
        self._known.add(key)
        insort(self.kept, kept, key=_ORDER)
        if len(self.kept) > MOST_KEPT:
            gone = self.kept[: MOST_KEPT // 10]
            del self.kept[: MOST_KEPT // 10]
            self._known -= {(one.entry.log_name, one.stamp_ns, one.insert_id) for one in gone}
        for listener in tuple(self.listeners):
            listener(kept)
        return True

    def append_request(
        self,
        service: str,
        revision: str,
        *,
        method: str,
        url: str,
        status: int,
        latency_s: float,
        at: float | None = None,
        trace: str = "",
        user_agent: str = "",
        response_size: int = 0,
    ) -> None:
        """Take in a request that really came over HTTP.

        Args:
            service: short name.
            revision: which one answered it.
            method: e.g. `POST`.
            url: whole, as the caller asked for it.
            status: HTTP status that was answered.
            latency_s: how long it took, simulated seconds.
            at: its arrival, simulated seconds since 1970; now less the latency where None.
            trace: 32 hex digits; made up where empty.
            user_agent: the caller's.
            response_size: bytes.
        """
        self._made += 1
        arrived = self.clock.now() - latency_s if at is None else at
        self.append(
            self.maker.real_request(
                service,
                revision,
                method=method,
                url=url,
                status=status,
                latency_s=latency_s,
                at=arrived,
                insert_id=f"h{int(arrived * 1e6):x}{self._made:x}",
                trace=trace or f"{int(arrived * 1e6):024x}{self._made:08x}",
                user_agent=user_agent,
                response_size=response_size,
            )
        )

    def append_line(
        self, service: str, revision: str, *, severity: str, message: str, fields: Mapping[str, str], trace: str
    ) -> None:
        """Take in a structured line that the application wrote while it answered a real request, just now.

        Args:
            service: short name.
            revision: which one wrote it.
            severity: as Logging names it.
            message: its text.
            fields: what stands beside `message` in jsonPayload.
            trace: 32 hex digits, the request's.
        """
        self._made += 1
        at = self.clock.now()
        self.append(
            self.maker.real_line(
                service, revision, severity=severity, message=message, fields=fields, at=at,
                insert_id=f"s{int(at * 1e6):x}{self._made:x}", trace=trace,
            )
        )  # fmt: skip

    def kept_between(self, start_ns: int, end_ns: int) -> list[Kept]:
        """The kept entries with timestamps from `start_ns` to before `end_ns`, in time order."""
        first = bisect_left(self.kept, (start_ns, ""), key=_ORDER)
        last = bisect_left(self.kept, (end_ns, ""), key=_ORDER)
        return self.kept[first:last]

    def export_state(self) -> list[str]:
        """All kept entries as base64 of their protobuf; `import_state` takes them back."""
        from base64 import b64encode

        return [b64encode(kept.entry.SerializeToString()).decode("ascii") for kept in self.kept]

    def import_state(self, state: Iterable[str]) -> None:
        """Take in the entries that `export_state` gave."""
        from base64 import b64decode

        for line in state:
            self.append(ENTRY_CLASS.FromString(b64decode(line)))

    # ------------------------------------------------------------ entries made from traffic

    def made(self, traffic: ServiceTraffic, tick: int, arm: Arm, tally: Tally, group: Group) -> list[Kept]:
        """The entries of one group in a tick, shared between readers; not to be changed."""
        key = (traffic.name, tick, arm.revision, group)
        found = self._cache.get(key)
        if found is None:
            found = self.maker.make(traffic, tick, arm, tally, group)
            if self.readers > 1:
                self._cache[key] = found
                self._cached += len(found)
                while self._cached > CACHED and self._cache:
                    self._cached -= len(self._cache.pop(next(iter(self._cache))))
        return found

    def first_tick(self) -> int:
        """The first tick of the oldest traffic."""
        return min((one.first_tick for one in self.traffic.services.values()), default=self.traffic.start_tick)


class Selector:
    """One filter over a log book: which entries it takes, with as few of them made as can be.

    Args:
        book: the entries.
        wanted: the filter.
    """

    def __init__(self, book: LogBook, wanted: Filter) -> None:
        self.book = book
        self.filter = wanted
        self._rules: dict[tuple[str, str, Group], bool | Predicate] = {}
        self._chosen: dict[tuple[str, str, Group], Callable[[str], bool]] = {}
        """Where the insertId alone decides: so that the others of a thinned service need not be made."""
        self._eras: dict[tuple[str, int, int], list[tuple[Arm, list[tuple[Group, bool | Predicate]]]]] = {}

    def kept(self, start_ns: int, end_ns: int) -> list[Kept]:
        """The kept entries it takes, with timestamps from `start_ns` to before `end_ns`, in time order."""
        matches = self.filter.matches
        return [one for one in self.book.kept_between(start_ns, end_ns) if matches(one.entry)]

    def made(self, tick: int) -> tuple[list[Kept], int]:
        """The entries it takes of those made from a tick's traffic, in no order, and how many had to be made."""
        taken: list[Kept] = []
        work = 0
        for traffic in self.book.traffic.services.values():
            if not traffic.rate or (era := traffic.era(tick)) is None:
                continue
            plan = self._plan(traffic, era)
            if not plan:
                continue
            tallies = {arm.revision: tally for arm, tally in traffic.tallies(tick)}
            for arm, groups in plan:
                tally = tallies[arm.revision]
                for group, rule in groups:
                    chosen = self._chosen.get((traffic.name, arm.revision, group))
                    if chosen is not None:
                        lines = self.book.maker.make(traffic, tick, arm, tally, group, chosen)
                        work += len(lines) + sum(tally) // 20
                        taken.extend(lines if rule is True else (line for line in lines if self._takes(rule, line)))
                        continue
                    lines = self.book.made(traffic, tick, arm, tally, group)
                    work += len(lines)
                    if rule is True:
                        taken.extend(lines)
                    else:
                        assert callable(rule)
                        taken.extend(line for line in lines if rule(line.entry))
        return taken, work

    @staticmethod
    def _takes(rule: bool | Predicate, line: Kept) -> bool:
        return rule if isinstance(rule, bool) else rule(line.entry)

    def estimate(self, start: int, end: int) -> int:
        """About how many entries it would take of those made from the ticks from `start` to before `end`."""
        total = 0.0
        for traffic in self.book.traffic.services.values():
            for era in traffic.eras(start, end):
                ticks = min(end, era.end) - max(start, era.start)
                for arm, groups in self._plan(traffic, era):
                    chat = arm.profile.chatter
                    each = {
                        Group.SERVED: arm.ok_per_tick,
                        Group.FAILED: arm.failed_per_tick,
                        Group.STDOUT: arm.ok_per_tick * chat.lines_per_request,
                        Group.STDERR: arm.failed_per_tick * chat.error_lines_per_failure,
                    }
                    total += ticks * sum(each[group] for group, _rule in groups)
        return round(total)

    def next_alive(self, tick: int, step: int) -> int:
        """The nearest tick from `tick` on, in direction `step` (1 or -1), in which it may take made entries.

        Beyond all traffic: a tick that is far past the end or before the start.
        """
        far = tick
        while True:
            boundary: int | None = None
            for traffic in self.book.traffic.services.values():
                era = traffic.era(far)
                if era is None:
                    edge = traffic.first_tick if step > 0 else None
                elif traffic.rate and self._plan(traffic, era):
                    return far
                else:
                    edge = era.end if step > 0 else era.start - 1
                if edge is not None:
                    boundary = edge if boundary is None else (min if step > 0 else max)(boundary, edge)
            if boundary is None or boundary >= 1 << 60:
                return (1 << 60) * step
            far = boundary

    def _plan(self, traffic: ServiceTraffic, era: Era) -> list[tuple[Arm, list[tuple[Group, bool | Predicate]]]]:
        key = (traffic.name, era.start, hash(tuple((arm.revision, arm.share) for arm in era.arms)))
        plan = self._eras.get(key)
        if plan is None:
            plan = []
            for arm in era.arms:
                groups = [(group, self._rule(traffic.name, arm, group)) for group in Group]
                groups = [(group, rule) for group, rule in groups if rule is not False]
                if groups:
                    plan.append((arm, groups))
            self._eras[key] = plan
        return plan

    def _rule(self, service: str, arm: Arm, group: Group) -> bool | Predicate:
        key = (service, arm.revision, group)
        if key not in self._rules:
            facts: Mapping[tuple[str, ...], tuple[Any, ...]] = self.book.maker.facts(
                service, arm.revision, group, arm.profile.chatter.hostile_share
            )
            self._rules[key] = self.filter.given(facts)
            if group in (Group.SERVED, Group.FAILED) and (chosen := self.filter.given_id(facts)) is not None:
                self._chosen[key] = chosen
        return self._rules[key]


def last_whole_tick(now_ns: int) -> int:
    """The newest tick that is over at `now_ns`; what is not over is not yet known."""
    return now_ns // TICK_NS - 1
