"""LogEntry objects as JSON has them (REST field names) to the console's own entries, some 2 microseconds each.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry. The fast path (`Document`, `Packer`) reads only the
fields that are needed, and raises at the first thing that is not as expected; `entry` then reads the same entries one
by one, and `explain` says what is wrong with one that it refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from msgspec import Struct

from console.cloud.logs import LogEntry
from console.replay.packed import PackedLog, Row
from console.text import clean
from console.words import _

WRONG = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)
"""What reading an entry that is none may raise."""
_CACHE_LIMIT = 4_096
_APPLICATION_LOGS = frozenset({"stdout", "stderr"})
_NOWHERE = (None, None)
_LAST_MOMENT = 253_370_764_800
"""9999-01-01: times further on cannot be counted on from."""


class _Request(Struct, gc=False):
    status: int = 0
    latency: str | None = None


class _Labels(Struct, gc=False):
    service_name: str | None = None
    revision_name: str | None = None


class _Resource(Struct, gc=False):
    labels: _Labels | None = None


class Document(Struct, gc=False):
    """A LogEntry's fields that are needed, of the types that Cloud Logging writes; the rest is not even decoded."""

    timestamp: str
    receiveTimestamp: str | None = None  # noqa: N815 - JSON's names
    insertId: str | None = None  # noqa: N815
    logName: str | None = None  # noqa: N815
    severity: str | None = None
    trace: str | None = None
    httpRequest: _Request | None = None  # noqa: N815
    resource: _Resource | None = None


class _Names(dict[Any, str]):
    """Names, cleaned once each, so that one string stands for all its copies."""

    def __missing__(self, name: Any) -> str:
        if len(self) > _CACHE_LIMIT:
            self.clear()  # foreign strings must not fill memory
        if name is None:
            return ""
        if not isinstance(name, str):
            raise TypeError(name)
        cleaned = self[name] = clean(name, 200)
        return cleaned


class _Logs(dict[Any, str]):
    """Last part of a log's name, decoded: `requests`, `stderr`."""

    def __missing__(self, name: Any) -> str:
        if len(self) > _CACHE_LIMIT:
            self.clear()
        log = self[name] = unquote(name.rsplit("/logs/", 1)[-1]).removeprefix("run.googleapis.com/")
        return log


class _Seconds(dict[str, int]):
    """`2026-11-25T12:00:00` to Unix seconds: a file has many entries a second, and one `datetime` for all of them."""

    def __missing__(self, text: str) -> int:
        if len(self) > _CACHE_LIMIT:
            self.clear()
        second = int(datetime.fromisoformat(text + "+00:00").timestamp())
        if not 0 <= second < _LAST_MOMENT:
            raise ValueError(text)
        self[text] = second
        return second


class EntryParser:
    """Parses LogEntry objects; keeps small caches of what repeats."""

    def __init__(self) -> None:
        self._names = _Names()
        self._logs = _Logs()
        self._seconds = _Seconds()

    def entry(self, document: Any) -> LogEntry | None:
        """One entry; None where it is of an audit log, which tells nothing of requests.

        A request is what has `httpRequest` and was not written by the application itself (stdout, stderr).

        Raises:
            One of WRONG: the object is no LogEntry with a time; `explain` says why.
        """
        get = document.get
        timestamp = self.moment(document["timestamp"])
        stamp = get("receiveTimestamp")
        received = timestamp if stamp is None else self.moment(stamp)
        labels = (get("resource") or {}).get("labels") or {}
        names = self._names
        service, revision = names[labels.get("service_name")], names[labels.get("revision_name")]
        insert_id = get("insertId") or ""
        if insert_id.__class__ is not str:
            raise TypeError(insert_id)
        name = get("logName")
        log = self._logs[name] if name else ""
        request = get("httpRequest")
        if request is not None and log not in _APPLICATION_LOGS:
            status = request.get("status", 0)
            if status.__class__ is not int or not 0 <= status < 1000:
                raise ValueError(status)
            latency = request.get("latency")
            latency_ms = 0.0 if latency is None else _milliseconds(latency)
            return LogEntry(insert_id, timestamp, received, "", "requests", service, revision, "", status, latency_ms)
        if log.startswith("cloudaudit.googleapis.com"):
            return None
        severity, trace = get("severity") or "DEFAULT", get("trace") or ""
        if severity.__class__ is not str or trace.__class__ is not str:
            raise TypeError(severity)
        return LogEntry(insert_id, timestamp, received, severity, "lines", service, revision, "", trace=trace)

    def moment(self, text: str) -> float:
        """An RFC 3339 time as Unix seconds.

        Raises:
            One of WRONG: it is none, has no zone, or lies outside the years 1970 to 9998.
        """
        if text[-1] == "Z":
            second = self._seconds[text[:19]]
            if len(text) == 20:
                return second
            fraction = float(text[19:-1])
            if not 0 <= fraction < 1:
                raise ValueError(text)
            return second + fraction
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError(text)
        unix = at.timestamp()
        if not 0 <= unix < _LAST_MOMENT:
            raise ValueError(text)
        return unix

    def name(self, text: object) -> str:
        """A service's or a revision's name, cleaned; empty where there is none.

        Raises:
            TypeError: it is no text.
        """
        return self._names[text]

    def log(self, name: str) -> str:
        """Last part of a log's full name: `requests`, `stderr`."""
        return self._logs[name]

    def second(self, text: str) -> int:
        """Unix seconds of `2026-11-25T12:00:00`, which is UTC.

        Raises:
            ValueError: it is no time, or outside the years 1970 to 9998.
        """
        return self._seconds[text]

    def explain(self, document: Any) -> str:
        """What is wrong with an object that `entry` refused, as half a sentence."""
        if not isinstance(document, dict):
            return _("it is no object")
        if document.get("timestamp") is None:
            return _("it has no timestamp")
        for key in ("timestamp", "receiveTimestamp"):
            value = document.get(key)
            try:
                if value is not None:
                    self.moment(value)
            except WRONG:
                return _("{key} {value} is no time like 2026-11-25T12:00:00.123Z").format(key=key, value=_shown(value))
        request = document.get("httpRequest")
        if isinstance(request, dict):
            latency, status = request.get("latency"), request.get("status", 0)
            try:
                if latency is not None:
                    _milliseconds(latency)
            except WRONG:
                return _('httpRequest.latency {value} is no time like "0.123s"').format(value=_shown(latency))
            if type(status) is not int or not 0 <= status < 1000:
                return _("httpRequest.status {value} is no HTTP status").format(value=_shown(status))
        elif request is not None:
            return _("httpRequest {value} is no object").format(value=_shown(request))
        return _("a field of it has the wrong type")


class _Cache(dict[Any, Any]):
    """Answers of `ask`, asked once each."""

    def __init__(self, ask: Callable[[Any], Any]) -> None:
        self._ask = ask

    def __missing__(self, key: Any) -> Any:
        if len(self) > _CACHE_LIMIT:
            self.clear()
        answer = self[key] = self._ask(key)
        return answer


class Packer:
    """The fast path: documents that are as Cloud Logging writes them become a log's rows.

    Args:
        parser: whose entries the rows are to equal.
        log: theirs.
    """

    def __init__(self, parser: EntryParser, log: PackedLog) -> None:
        self._parser = parser
        self._line = log.line
        self._arms = _Cache(lambda key: log.arm(parser.name(key[0]), parser.name(key[1])))
        self._kinds = _Cache(self._kind)
        self._seconds = _Cache(parser.second)

    def _kind(self, name: str | None) -> int:
        """Of a log's full name: 0 what tells of requests, 1 the application's own, 2 audit logs."""
        log = self._parser.log(name) if name else ""
        if log in _APPLICATION_LOGS:
            return 1
        return 2 if log.startswith("cloudaudit.googleapis.com") else 0

    def rows(self, documents: Sequence[Document]) -> list[Row]:
        """Entries as rows, audit logs left out. One loop with everything in it: some microsecond each.

        Raises:
            One of WRONG: one of them is no entry; `EntryParser.entry` finds out which.
        """
        arms, kinds, seconds = self._arms, self._kinds, self._seconds
        moment, line = self._parser.moment, self._line
        found: list[Row] = []
        append = found.append
        for document in documents:
            text = document.timestamp
            if len(text) > 20 and text[-1] == "Z":
                fraction = float(text[19:-1])
                if not 0 <= fraction < 1:
                    raise ValueError(text)
                received = timestamp = seconds[text[:19]] + fraction
            else:
                received = timestamp = moment(text)
            stamp = document.receiveTimestamp
            if stamp is not None:
                if len(stamp) > 20 and stamp[-1] == "Z":
                    fraction = float(stamp[19:-1])
                    if not 0 <= fraction < 1:
                        raise ValueError(stamp)
                    received = seconds[stamp[:19]] + fraction
                else:
                    received = moment(stamp)
            resource = document.resource
            labels = resource.labels if resource is not None else None
            arm = arms[_NOWHERE if labels is None else (labels.service_name, labels.revision_name)]
            kind = kinds[document.logName]
            request = document.httpRequest
            if request is not None and kind != 1:
                status, took = request.status, request.latency
                if not 0 <= status < 1000:
                    raise ValueError(status)
                latency = 0.0 if took is None else _milliseconds(took)
                append((received, timestamp, hash(document.insertId or ""), arm, status, latency))
            elif kind != 2:
                code, trace = line(document.severity or "DEFAULT", document.trace or "")
                append((received, timestamp, hash(document.insertId or ""), arm, code, trace))
        return found


def _milliseconds(latency: str) -> float:
    if latency[-1] != "s":
        raise ValueError(latency)
    value = float(latency[:-1]) * 1000
    if not 0 <= value < 1e10:  # also where it is no number at all
        raise ValueError(latency)
    return value


def _shown(value: object) -> str:
    return clean(repr(value)[:200], 60)
