"""Log entries: raw protobuf to `LogEntry` in one tight function, foreign text cleaned on the way.

At 1,250 requests/s this is the hot spot of the whole program: raw protobuf costs 3.4 microseconds an entry in batches
of 100, proto-plus fields 25 (FACTS.md). So `pb` here is always the raw message (`LogEntry.pb(message)`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from google.cloud.audit.audit_log_pb2 import AuditLog
from google.protobuf.json_format import MessageToDict

from console.cloud.logs import AuditEntry, LogEntry, TailBatch
from console.release.state import ANNOTATION
from console.text import clean

SEVERITIES = {
    0: "DEFAULT",
    100: "DEBUG",
    200: "INFO",
    300: "NOTICE",
    400: "WARNING",
    500: "ERROR",
    600: "CRITICAL",
    700: "ALERT",
    800: "EMERGENCY",
}
"""https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#logseverity"""

SUPPRESSION_REASONS = {0: "UNSPECIFIED", 1: "RATE_LIMIT", 2: "NOT_CONSUMED"}

_CACHE_LIMIT = 4_096

_LEASE_END = re.compile(r'"expires":"[^"\\]*"')
"""In the compact JSON of the release annotation; within a text its quotes would be escaped."""

_HOW = ("updateMask", "update_mask", "validateOnly", "validate_only", "dryRun")
"""Fields of a request that say whether it wrote at all."""


class EntryReader:
    """Turns raw entries into ours; keeps small caches of what repeats (log names, labels, URLs)."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._logs: dict[str, str] = {}
        self._urls: dict[str, tuple[str, str]] = {}

    def batch(self, pb: Any) -> TailBatch:
        """A raw `TailLogEntriesResponse`."""
        suppressed: dict[str, int] = {}
        for info in pb.suppression_info:
            reason = SUPPRESSION_REASONS.get(info.reason, "UNSPECIFIED")
            suppressed[reason] = suppressed.get(reason, 0) + info.suppressed_count
        return TailBatch(self.entries(pb.entries), suppressed)

    def entries(self, raw: Iterable[Any]) -> list[LogEntry]:
        """Raw `google.logging.v2.LogEntry` messages."""
        names, logs, urls = self._names, self._logs, self._urls
        for cache in (names, logs, urls):
            if len(cache) > _CACHE_LIMIT:
                cache.clear()  # foreign strings must not fill memory
        out: list[LogEntry] = []
        append = out.append
        for pb in raw:
            log_name = pb.log_name
            log = logs.get(log_name)
            if log is None:
                log = logs[log_name] = _log(log_name)
            labels = pb.resource.labels
            service = labels.get("service_name", "")
            if service not in names:
                names[service] = clean(service, 200)
            revision = labels.get("revision_name", "")
            if revision not in names:
                names[revision] = clean(revision, 200)
            stamp = pb.timestamp
            timestamp = stamp.seconds + stamp.nanos * 1e-9
            stamp = pb.receive_timestamp
            received = stamp.seconds + stamp.nanos * 1e-9
            status = 0
            latency_ms = 0.0
            method = url = ""
            if pb.HasField("http_request"):
                request = pb.http_request
                status = request.status
                took = request.latency
                latency_ms = took.seconds * 1e3 + took.nanos * 1e-6
                method = request.request_method
                raw_url = request.request_url
                known = urls.get(raw_url)
                if known is None:
                    cleaned = clean(raw_url, 1_000)
                    known = urls[raw_url] = (cleaned, _path(cleaned))
                url, path = known
                if not method.isalpha():
                    method = clean(method, 20)
                text = f"{method} {path}"
                kind = pb.WhichOneof("payload")
                if kind is not None:
                    said = _payload(pb, kind)
                    if said:
                        text = f"{text} {said}"
            else:
                text = clean(pb.text_payload) if pb.HasField("text_payload") else _payload(pb, pb.WhichOneof("payload"))
            append(
                LogEntry(
                    clean(pb.insert_id, 200),
                    timestamp or received,
                    received,
                    SEVERITIES.get(pb.severity, "DEFAULT"),
                    log,
                    names[service],
                    names[revision],
                    text,
                    status,
                    latency_ms,
                    method,
                    url,
                    clean(pb.trace.rpartition("/")[2], 200),
                )
            )
        return out


def audit_entry(pb: Any) -> AuditEntry | None:
    """A raw entry of the Cloud Audit Log; None where it is none."""
    audit = AuditLog()
    if pb.WhichOneof("payload") != "proto_payload" or not pb.proto_payload.Unpack(audit):
        return None
    request = _cleaned(MessageToDict(audit.request)) if audit.HasField("request") else {}
    return AuditEntry(
        time=_time(pb),
        principal=clean(audit.authentication_info.principal_email, 200),
        method=clean(audit.method_name, 200),
        resource=clean(audit.resource_name, 500),
        request=request if isinstance(request, dict) else {},
        refused=clean(audit.status.message, 500) or "refused" if audit.status.code else "",
    )


class Writes:
    """Audit entries, newest first, folded to those that wrote something new into the release annotation.

    Of calls in a row that wrote the same but for their leases' ends the oldest stays, which is the one that wrote it.
    """

    def __init__(self) -> None:
        self._found: list[AuditEntry] = []
        self._last: tuple[object, Any] | None = None
        self.oldest: datetime | None = None
        """Time of the oldest entry taken, of any kind."""

    def take(self, page: Iterable[Any]) -> None:
        """Take raw entries in, newest first, older than all before."""
        for pb in page:
            self.oldest = _time(pb)
            wrote = _wrote(pb)
            if wrote is None:
                continue
            if self._last is not None and self._last[0] != wrote:
                self._keep(self._last[1])
            self._last = (wrote, pb)

    def found(self) -> tuple[AuditEntry, ...]:
        """What was written, oldest first."""
        if self._last is not None:
            self._keep(self._last[1])
            self._last = None
        return tuple(reversed(self._found))

    def _keep(self, pb: Any) -> None:
        entry = audit_entry(pb)
        if entry is not None:
            self._found.append(entry)


def _wrote(pb: Any) -> object | None:
    """What a raw entry's call wrote, leases' ends left out; None where it wrote no release annotation."""
    audit = AuditLog()
    if pb.WhichOneof("payload") != "proto_payload" or not pb.proto_payload.Unpack(audit):
        return None
    fields = audit.request.fields
    if "service" not in fields:
        return None
    service = fields["service"].struct_value.fields
    if "annotations" not in service and "metadata" in service:  # as the v1 API has it
        service = service["metadata"].struct_value.fields
    annotations = service["annotations"].struct_value.fields if "annotations" in service else {}
    if ANNOTATION not in annotations:
        return None
    text = _LEASE_END.sub("", annotations[ANNOTATION].string_value)
    how = tuple(fields[name].SerializeToString() for name in _HOW if name in fields)
    return audit.method_name, bool(audit.status.code), how, text


def _time(pb: Any) -> datetime:
    return datetime.fromtimestamp(pb.timestamp.seconds + pb.timestamp.nanos * 1e-9, UTC)


def _payload(pb: Any, kind: str | None) -> str:
    if kind == "text_payload":
        return clean(pb.text_payload)
    if kind == "json_payload":
        fields = pb.json_payload.fields
        for key in ("message", "msg"):
            if key in fields and fields[key].WhichOneof("kind") == "string_value":
                return clean(fields[key].string_value)
        return clean(json.dumps(MessageToDict(pb.json_payload), ensure_ascii=False, separators=(",", ":")))
    if kind == "proto_payload":
        audit = AuditLog()
        if pb.proto_payload.Unpack(audit):
            words = (audit.method_name, audit.resource_name, audit.authentication_info.principal_email)
            return clean(" ".join(word for word in words if word))
        return clean(pb.proto_payload.type_url, 200)
    return ""


def _log(name: str) -> str:
    short = unquote(name.partition("/logs/")[2] or name)
    return clean(short.removeprefix("run.googleapis.com/"), 200)


def _path(url: str) -> str:
    _scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    _host, slash, path = rest.partition("/")
    return slash + path or "/"


def _cleaned(value: object) -> Any:
    if isinstance(value, str):
        return clean(value, 64_000)  # a release annotation with twenty moves is longer than a log line
    if isinstance(value, dict):
        return {clean(str(key), 200): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return value
