"""Log entries of simulated traffic, as raw protobuf, made in batches and only when a reader asks.

A tick's entries come in four groups for each revision: requests that went well and requests that failed
(`run.googleapis.com/requests`), and the lines that the application wrote meanwhile (`stdout` for the former, `stderr`
for the latter). `facts` says what is known of a group before any entry is made, so that a filter can rule it out.

Shapes as Cloud Run writes them (https://cloud.google.com/run/docs/logging): the timestamp of a request's entry is its
arrival, it is received once the request has ended; severity follows the status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from google.cloud.logging_v2.types import LogEntry

from console.simulator.filter_fields import ENTRY_CLASS, MISSING, Entry
from console.simulator.filter_terms import SampledIds
from console.simulator.lines import FAILED, KINDS, REJECTED, Kind, Line, address, chatter, complaint, hostile
from console.simulator.traffic import TICK_NS, TICKS_PER_S, Arm, Fate, Request, ServiceTraffic, Tally

NS = 1_000_000_000
REQUESTS_LOG = "run.googleapis.com%2Frequests"
STDOUT_LOG = "run.googleapis.com%2Fstdout"
STDERR_LOG = "run.googleapis.com%2Fstderr"

_DEFAULT, _INFO, _WARNING, _ERROR = 0, 200, 400, 500
REJECTED_SHARE = 0.006
"""Of the requests that do not fail, those refused with 4xx."""


class Group(IntEnum):
    """Kind of entries."""

    SERVED = 0
    FAILED = 1
    STDOUT = 2
    STDERR = 3


_FATES = {
    Group.SERVED: (Fate.QUIET, Fate.TALKING),
    Group.FAILED: (Fate.FAILED,),
    Group.STDOUT: (Fate.TALKING,),
    Group.STDERR: (Fate.FAILED,),
}
"""Which requests leave a group's entries."""


@dataclass(slots=True)
class Kept:
    """An entry, with what readers sort and send it by."""

    stamp_ns: int
    """Its timestamp."""
    received_ns: int
    """Its receiveTimestamp: when a reader can first see it."""
    insert_id: str
    entry: Entry
    _framed: bytes | None = None

    @property
    def framed(self) -> bytes:
        """The entry as field 1 of a response (length-delimited), serialised once for all readers."""
        if self._framed is None:
            self._framed = framed(self.entry.SerializeToString())
        return self._framed

    @property
    def order(self) -> tuple[int, str]:
        """Time order, insertId breaking ties."""
        return self.stamp_ns, self.insert_id


def framed(message: bytes) -> bytes:
    """`message` as field 1 of another message: tag, length, bytes."""
    length = len(message)
    head = bytearray(b"\x0a")
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    head.append(length)
    return bytes(head) + message


def severity_of(status: int) -> int:
    """Severity of a request's entry: 5xx ERROR, 4xx WARNING, else INFO."""
    return _ERROR if status >= 500 else _WARNING if status >= 400 else _INFO


def raw(entry: Any) -> Entry:
    """The raw protobuf of an entry, raw or proto-plus."""
    return LogEntry.pb(entry) if isinstance(entry, LogEntry) else entry


class EntryMaker:
    """Makes the entries of one project's traffic.

    Args:
        project: id, for names of logs and traces.
        region: location of the services.
        uri: gives a service's URL for `requestUrl`; by default one of run.app's form.
    """

    def __init__(self, project: str, region: str, uri: Callable[[str], str] | None = None) -> None:
        self.project = project
        self.region = region
        self._uri = uri or (lambda service: f"https://{service}-demo.a.run.app")
        self._templates: dict[tuple[object, ...], bytes] = {}
        self._facts: dict[tuple[str, str, Group], dict[tuple[str, ...], tuple[Any, ...]]] = {}

    def log_name(self, log: str) -> str:
        """Full name of a log given by its encoded id."""
        return f"projects/{self.project}/logs/{log}"

    # ------------------------------------------------------------ what is known beforehand

    def facts(self, service: str, revision: str, group: Group, hostile_share: float = 0.0) -> dict[Any, Any]:
        """By path, all values that a field can have in a group's entries (see `filters.Facts`)."""
        key = (service, revision, group)
        if key not in self._facts:
            known: dict[tuple[str, ...], tuple[Any, ...]] = {
                ("resource", "type"): ("cloud_run_revision",),
                ("protoPayload",): (MISSING,),
                ("protoPayload", "*"): (False,),
                ("labels",): (MISSING,),
                ("operation", "*"): (False,),
            }
            for label, value in self._labels(service, revision).items():
                known["resource", "labels", label] = (value,)
            if group in (Group.SERVED, Group.FAILED):
                statuses = {200, *REJECTED} if group is Group.SERVED else set(FAILED)
                known["logName",] = (self.log_name(REQUESTS_LOG),)
                known["httpRequest", "status"] = tuple(statuses)
                known["severity",] = tuple({severity_of(status) for status in statuses})
                known["jsonPayload",] = (MISSING,)
                known["jsonPayload", "*"] = (False,)
                known["textPayload",] = ("",)
                known["textPayload", "*"] = (False,)
                known["httpRequest", "*"] = (True,)
            else:
                log = STDOUT_LOG if group is Group.STDOUT else STDERR_LOG
                known["logName",] = (self.log_name(log),)
                known["severity",] = (_INFO, _WARNING) if group is Group.STDOUT else (_ERROR,)
                known["httpRequest", "status"] = (0,)
                known["httpRequest", "latency"] = (0,)
                for member in ("requestMethod", "requestUrl", "userAgent", "remoteIp"):
                    known["httpRequest", member] = ("",)
                known["httpRequest", "*"] = (False,)
                if hostile_share:
                    known["severity",] = (_INFO, _WARNING, _ERROR)
            self._facts[key] = known
        return self._facts[key]

    def _labels(self, service: str, revision: str) -> dict[str, str]:
        return {
            "project_id": self.project,
            "location": self.region,
            "service_name": service,
            "revision_name": revision,
            "configuration_name": service,
        }

    # ------------------------------------------------------------ making them

    def make(
        self,
        traffic: ServiceTraffic,
        tick: int,
        arm: Arm,
        tally: Tally,
        group: Group,
        chosen: Callable[[str], bool] | None = None,
    ) -> list[Kept]:
        """The entries of one group of one arm in a tick.

        Args:
            traffic: the service's.
            tick: which.
            arm: the revision's part, one of the tick's era.
            tally: how many requests it had, as `traffic.tallies` told.
            group: which entries.
            chosen: of request entries, make only those whose insertId it says yes to.
        """
        base_s, base_ns = tick // TICKS_PER_S, (tick % TICKS_PER_S) * TICK_NS
        made: list[Kept] = []
        for fate in _FATES[group]:
            prefix = f"{tick:x}{arm.key:08x}{fate:d}"
            if isinstance(chosen, SampledIds) and not chosen.any_of(prefix, tally[fate]):
                continue  # in a log thinned to little most ticks have none, and drawing them is most of the work
            requests = traffic.requests(tick, arm, tally[fate], fate)
            failed = fate is Fate.FAILED
            if group in (Group.SERVED, Group.FAILED):
                for number, request in enumerate(requests):
                    name = f"{prefix}{number:x}"
                    if chosen is not None and not chosen(name):
                        continue
                    made.append(self._request(traffic.name, arm, request, name, base_s, base_ns, failed=failed))
            else:
                for number, request in enumerate(requests):
                    name = f"{prefix}{number:x}"
                    self._application(traffic.name, arm, request, name, base_s, base_ns, made, failed=failed)
        return made

    def _request(
        self, service: str, arm: Arm, request: Request, name: str, base_s: int, base_ns: int, *, failed: bool
    ) -> Kept:
        bits = request.bits
        kind_number = bits & 31
        if failed:
            status = FAILED[(bits >> 5) & 7]
        elif ((bits >> 8) & 0xFFFF) < REJECTED_SHARE * 0x10000:
            status = REJECTED[(bits >> 5) & 3]
        else:
            status = 200
        key = ("request", service, arm.revision, status, kind_number)
        template = self._templates.get(key)
        if template is None:
            template = self._templates[key] = self._request_template(service, arm.revision, status, KINDS[kind_number])
        entry = ENTRY_CLASS.FromString(template)
        entry.insert_id = name
        nanos = base_ns + request.offset_ns
        stamp = entry.timestamp
        stamp.seconds, stamp.nanos = base_s, nanos
        latency_ns = int(request.latency_s * NS)
        http = entry.http_request
        http.latency.seconds, http.latency.nanos = latency_ns // NS, latency_ns % NS
        http.remote_ip = address(bits >> 24)
        http.response_size = 300 + ((bits >> 40) & 1023)
        received = base_s * NS + nanos + latency_ns + _delay_ns(bits)
        receipt = entry.receive_timestamp
        receipt.seconds, receipt.nanos = received // NS, received % NS
        entry.trace = f"projects/{self.project}/traces/{bits:032x}"
        entry.span_id = f"{bits & 0xFFFF_FFFF_FFFF_FFFF:016x}"
        return Kept(base_s * NS + nanos, received, name, entry)

    def _application(
        self,
        service: str,
        arm: Arm,
        request: Request,
        name: str,
        base_s: int,
        base_ns: int,
        into: list[Kept],
        *,
        failed: bool,
    ) -> None:
        bits, chat = request.bits, arm.profile.chatter
        # those that talk at all are a process of their own: each of them writes a line at least
        mean = chat.error_lines_per_failure if failed else max(1.0, chat.lines_per_request)
        lines = int(mean) + ((bits >> 32 & 0xFFFF) < (mean % 1.0) * 0x10000)
        # a line lies within the tick, so that ticks are in time order as wholes
        room = TICK_NS - request.offset_ns
        for number in range(lines):
            own = bits >> (48 + 7 * number)
            line = complaint(own) if failed else chatter(own)
            if not failed and chat.hostile_share and (own >> 4 & 0xFFFF) < chat.hostile_share * 0x10000:
                line = hostile(own)
            nanos = (
                base_ns + request.offset_ns + min(int(request.latency_s * NS), room - 1) * (number + 1) // (lines + 1)
            )
            entry = ENTRY_CLASS.FromString(self._line_template(service, arm.revision, line, failed=failed))
            entry.insert_id = f"{name}l{number}"
            entry.timestamp.seconds, entry.timestamp.nanos = base_s, nanos
            if line.intent:
                fields = entry.json_payload.fields
                fields["message"].string_value = line.text
                fields["intent"].string_value = line.intent
            else:
                entry.text_payload = line.text
            received = base_s * NS + nanos + _delay_ns(own)
            entry.receive_timestamp.seconds, entry.receive_timestamp.nanos = received // NS, received % NS
            entry.trace = f"projects/{self.project}/traces/{bits:032x}"
            into.append(Kept(base_s * NS + nanos, received, entry.insert_id, entry))

    def _request_template(self, service: str, revision: str, status: int, kind: Kind) -> bytes:
        entry = self._template(service, revision, REQUESTS_LOG, severity_of(status))
        http = entry.http_request
        http.request_method, http.user_agent = kind.method, kind.user_agent
        http.request_url = self._uri(service) + kind.path
        http.status = status
        http.protocol = "HTTP/1.1"
        http.request_size = 1180 if kind.method == "POST" else 240
        http.server_ip = "169.254.1.1"
        entry.trace_sampled = False
        return bytes(entry.SerializeToString())

    def _line_template(self, service: str, revision: str, line: Line, *, failed: bool) -> bytes:
        key = ("line", service, revision, line.severity, failed)
        if key not in self._templates:
            log = STDERR_LOG if failed else STDOUT_LOG
            self._templates[key] = bytes(self._template(service, revision, log, line.severity).SerializeToString())
        return self._templates[key]

    def _template(self, service: str, revision: str, log: str, severity: int) -> Entry:
        entry = ENTRY_CLASS(log_name=self.log_name(log), severity=severity)
        entry.resource.type = "cloud_run_revision"
        entry.resource.labels.update(self._labels(service, revision))
        return entry

    def real_request(
        self,
        service: str,
        revision: str,
        *,
        method: str,
        url: str,
        status: int,
        latency_s: float,
        at: float,
        insert_id: str,
        trace: str,
        user_agent: str = "",
        remote_ip: str = "127.0.0.1",
        response_size: int = 0,
    ) -> Entry:
        """The entry of a request that really came over HTTP; `at` is its arrival in simulated seconds."""
        entry = self._template(service, revision, REQUESTS_LOG, severity_of(status))
        http = entry.http_request
        http.request_method, http.request_url, http.status = method, url, status
        http.user_agent, http.remote_ip, http.response_size = user_agent, remote_ip, response_size
        http.protocol = "HTTP/1.1"
        http.latency.FromNanoseconds(int(latency_s * NS))
        entry.timestamp.FromNanoseconds(int(at * 1e6) * 1000)
        entry.receive_timestamp.FromNanoseconds(int((at + latency_s) * 1e6) * 1000)
        entry.insert_id = insert_id
        entry.trace = f"projects/{self.project}/traces/{trace}"
        return entry

    def real_line(
        self,
        service: str,
        revision: str,
        *,
        severity: str,
        message: str,
        fields: Mapping[str, str],
        at: float,
        insert_id: str,
        trace: str,
    ) -> Entry:
        """The entry of a structured line written while a real request was answered; `at` in simulated seconds."""
        number = {"INFO": _INFO, "WARNING": _WARNING, "ERROR": _ERROR}[severity]
        entry = self._template(service, revision, STDERR_LOG if number >= _ERROR else STDOUT_LOG, number)
        payload = entry.json_payload.fields
        for key, text in {"message": message, **fields}.items():
            payload[key].string_value = text
        entry.timestamp.FromNanoseconds(int(at * 1e6) * 1000)
        entry.receive_timestamp.CopyFrom(entry.timestamp)
        entry.insert_id = insert_id
        entry.trace = f"projects/{self.project}/traces/{trace}"
        return entry


def _delay_ns(bits: int) -> int:
    """How long an entry is under way to Logging: 150 to 500 ms, one in 256 up to 2.5 s."""
    spread = (bits >> 64) & 0xFFFF
    delay = 150_000_000 + spread * 5340
    return delay + (spread * 30_500 if (bits >> 80) & 0xFF == 0 else 0)
