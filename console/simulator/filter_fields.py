"""Fields of a log entry as the Logging query language names them: how to reach one, and how to compare it.

A path such as `httpRequest.status` or `labels."a.b"` is resolved against the LogEntry message once, when a filter
is compiled, into a getter and a parser of literals. The rules of defaulted, missing and undefined fields are those of
https://cloud.google.com/logging/docs/view/logging-query-language ("Missing fields", "Values and conversions").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.cloud.audit import audit_log_pb2
from google.cloud.logging_v2.types import LogEntry
from google.logging.type import log_severity_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import Error as JsonError
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError

Entry = Any
"""A raw protobuf LogEntry; the generated classes carry no types of their own."""

ENTRY_CLASS: Any = LogEntry.pb()
AUDIT_CLASS: Any = audit_log_pb2.AuditLog


class _Missing:
    """The value of a field that an entry does not have; false, as nothing is."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()

SEVERITIES: dict[str, int] = dict(log_severity_pb2.LogSeverity.items())
"""Severity number by name: DEFAULT 0, DEBUG 100, INFO 200, ... EMERGENCY 800."""

_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DURATION = re.compile(r"([-+]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+\Z")
_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?)?\s*([Zz]|[+-]\d{2}:\d{2})?\Z")


class FieldError(ValueError):
    """A path that no log entry can have, or a literal that its field cannot take."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of LogEntry, resolved."""

    path: tuple[str, ...]
    """Canonical: lowerCamelCase members, map and payload keys as they are."""
    kind: str
    """`string`, `number`, `boolean`, `severity`, `time`, `duration`, `json` (typed by the value) or `message`."""
    get: Callable[[Entry], Any]
    """Its value: str, float, int nanoseconds for times and durations, a JSON value, or MISSING."""
    present: Callable[[Entry], bool]
    """Whether the entry has it set; for `field:*`."""


def nanoseconds(text: str) -> int:
    """An RFC 3339 time or date as nanoseconds since 1970; UTC where it names no zone.

    Raises:
        FieldError: it is none.
    """
    match = _TIME.match(text)
    if not match:
        raise FieldError(f'"{text}" is not a timestamp (RFC 3339)')
    date, clock, fraction, zone = match.groups()
    clock = clock or "00:00:00"
    if len(clock) == 5:
        clock += ":00"
    zone = "+00:00" if zone in (None, "Z", "z") else zone
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}{zone}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise FieldError(f'"{text}" is not a timestamp (RFC 3339)') from error
    return int(moment.timestamp()) * 10**9 + int((fraction or "0").ljust(9, "0"))


def duration_ns(text: str) -> int:
    """A duration such as `1.5s`, `100ms` or `1h30m` as nanoseconds; a bare number counts as seconds.

    Raises:
        FieldError: it is none.
    """
    match = _DURATION.match(text)
    if not match:
        try:
            return round(float(text) * 1e9)
        except ValueError as error:
            raise FieldError(f'"{text}" is not a duration such as 1.5s') from error
    total = sum(round(float(amount) * _UNITS[unit]) for amount, unit in _DURATION_PART.findall(text))
    return -total if match.group(1) == "-" else total


def resolve(members: tuple[str, ...]) -> Field:
    """The field that a path names.

    Raises:
        FieldError: no log entry can have it.
    """
    return _resolve(ENTRY_CLASS.DESCRIPTOR, members, (), lambda entry: entry)


def _resolve(
    descriptor: Descriptor, members: tuple[str, ...], walked: tuple[str, ...], reach: Callable[[Entry], Any]
) -> Field:
    name, rest = members[0], members[1:]
    field = next((f for f in descriptor.fields if name in (f.json_name, f.name)), None)
    if field is None:
        raise FieldError(f"field not found: '{'.'.join((*walked, *members))}'")
    attribute, path = field.name, (*walked, field.json_name)
    if field.message_type is None:
        if rest:
            raise FieldError(f"field not found: '{'.'.join((*path, *rest))}'")
        return _scalar(field, path, reach)
    message = field.message_type
    if message.GetOptions().map_entry:
        return _map(attribute, path, rest, reach)
    full = message.full_name
    if full in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
        if rest:
            raise FieldError(f"field not found: '{'.'.join((*path, *rest))}'")
        kind = "time" if full.endswith("Timestamp") else "duration"

        def moment(entry: Entry) -> int:
            value = getattr(reach(entry), attribute)
            return int(value.seconds) * 1_000_000_000 + int(value.nanos)

        return Field(path, kind, moment, lambda entry: bool(reach(entry).HasField(attribute)))
    if full == "google.protobuf.Struct":
        return _payload(path, rest, lambda entry: _struct(entry, attribute, rest))
    if full == "google.protobuf.Any":
        return _payload(path, rest, lambda entry: _any(entry, attribute, rest))
    if not rest:
        return Field(
            path,
            "message",
            lambda entry: getattr(reach(entry), attribute),
            lambda entry: bool(reach(entry).HasField(attribute)),
        )
    return _resolve(message, rest, path, lambda entry: getattr(reach(entry), attribute))


def _scalar(field: FieldDescriptor, path: tuple[str, ...], reach: Callable[[Entry], Any]) -> Field:
    attribute = field.name
    if field.enum_type is not None:
        kind = "severity"
    elif field.cpp_type == field.CPPTYPE_STRING:
        kind = "string"
    elif field.cpp_type == field.CPPTYPE_BOOL:
        kind = "boolean"
    else:
        kind = "number"
    if len(path) == 1:
        # the common ones, a call less
        return Field(path, kind, lambda entry: getattr(entry, attribute), lambda entry: bool(getattr(entry, attribute)))
    return Field(
        path, kind, lambda entry: getattr(reach(entry), attribute), lambda entry: bool(getattr(reach(entry), attribute))
    )


def _map(attribute: str, path: tuple[str, ...], rest: tuple[str, ...], reach: Callable[[Entry], Any]) -> Field:
    if not rest:
        return Field(
            path,
            "json",
            lambda entry: dict(getattr(reach(entry), attribute)) or MISSING,
            lambda entry: bool(getattr(reach(entry), attribute)),
        )
    key = ".".join(rest)

    def value(entry: Entry) -> Any:
        return getattr(reach(entry), attribute).get(key, MISSING)

    return Field((*path, key), "string", value, lambda entry: key in getattr(reach(entry), attribute))


def _payload(path: tuple[str, ...], rest: tuple[str, ...], get: Callable[[Entry], Any]) -> Field:
    return Field((*path, *rest), "json", get, lambda entry: get(entry) is not MISSING)


def _struct(entry: Entry, attribute: str, keys: tuple[str, ...]) -> Any:
    if not entry.HasField(attribute):
        return MISSING
    struct = getattr(entry, attribute)
    if not keys:
        return MessageToDict(struct)
    for position, key in enumerate(keys):
        if key not in struct.fields:
            return MISSING
        value = struct.fields[key]
        kind = value.WhichOneof("kind")
        if position + 1 == len(keys):
            if kind == "string_value":
                return value.string_value
            return MessageToDict(value)
        if kind != "struct_value":
            return dig(MessageToDict(value), keys[position + 1 :])
        struct = value.struct_value
    return MISSING


def dig(value: Any, keys: tuple[str, ...]) -> Any:
    """What a JSON value holds under `keys`; a list gives what each element holds. MISSING where nothing."""
    for position, key in enumerate(keys):
        if isinstance(value, list):
            found = [item for item in (dig(one, keys[position:]) for one in value) if item is not MISSING]
            return found or MISSING
        if not isinstance(value, dict) or key not in value:
            return MISSING
        value = value[key]
    return value


def proto_payload(entry: Entry) -> dict[str, Any] | None:
    """A protoPayload as JSON; None where the entry has none. Audit logs are unpacked, others name their type only."""
    if not entry.HasField("proto_payload"):
        return None
    packed = entry.proto_payload
    if packed.type_url.endswith("/google.cloud.audit.AuditLog"):
        try:
            audit = AUDIT_CLASS.FromString(packed.value)
            return {"@type": packed.type_url, **MessageToDict(audit)}
        except (DecodeError, JsonError, TypeError):  # an Any that does not unpack in this process still has its type
            return {"@type": packed.type_url}
    return {"@type": packed.type_url}


def _any(entry: Entry, attribute: str, keys: tuple[str, ...]) -> Any:
    payload = proto_payload(entry)
    return MISSING if payload is None else dig(payload, keys)


def leaves(value: Any) -> Iterator[Any]:
    """All scalars within a JSON value."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


def texts(entry: Entry) -> Iterator[str]:
    """All the text of an entry, field by field; for searches that name no field."""
    if entry.text_payload:
        yield entry.text_payload
    if entry.HasField("json_payload"):
        yield from (str(leaf) for leaf in leaves(MessageToDict(entry.json_payload)))
    if (payload := proto_payload(entry)) is not None:
        yield from (str(leaf) for leaf in leaves(payload))
    if entry.HasField("http_request"):
        request = entry.http_request
        yield from (request.request_method, request.request_url, request.user_agent, request.remote_ip)
        yield from (request.referer, request.protocol, str(request.status))
    yield entry.log_name
    yield entry.resource.type
    yield from entry.resource.labels.values()
    yield from entry.labels.values()
    yield entry.insert_id
    yield entry.trace
    yield log_severity_pb2.LogSeverity.Name(entry.severity) if entry.severity % 100 == 0 else str(entry.severity)
