"""Cloud Logging: the live tail, lists, our own audit lines, the Cloud Audit Log. Foreign text is cleaned here."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from console.cloud.target import CloudTarget
from console.errors import UnavailableError
from console.words import _

if TYPE_CHECKING:
    from google.cloud.logging_v2 import types as logging_v2

    from console.cloud.connection import Connection

LIST_TIMEOUT_S = 15.0
WRITE_TIMEOUT_S = 5.0
PAGE = 1_000
"""Most entries that Cloud Logging gives in one answer."""
MOST_WRITES = 20_000
"""Calls that are looked through for what was written: nine days of a watch's renewals, and twenty of the 60 readings
that a project has a minute (https://cloud.google.com/logging/quotas)."""
WRITES_S = 45.0
"""Wall seconds that this may take."""
TAIL_TIMEOUT_S = 3_900.0
"""Cloud Logging ends a tail session after an hour; this only bounds one that forgets to."""


@dataclass(slots=True)
class LogEntry:
    """One log entry. Made some thousand times a second, so plain and mutable; treat it as read-only."""

    insert_id: str
    timestamp: float
    """Log timestamp, Unix seconds."""
    received: float
    """When Cloud Logging received it, Unix seconds; 0 where it does not say."""
    severity: str
    """DEFAULT, DEBUG, INFO, NOTICE, WARNING, ERROR, CRITICAL, ALERT, EMERGENCY."""
    log: str
    """Last part of the log's name: `requests`, `stderr`, `stdout`, `canario-audit`,
    `cloudaudit.googleapis.com/activity`, ... (`run.googleapis.com/` taken off)."""
    service: str
    revision: str
    text: str
    """Cleaned, on one line, for requests e.g. `POST /webhook`."""
    status: int = 0
    """HTTP status of a request entry, else 0."""
    latency_ms: float = 0.0
    method: str = ""
    url: str = ""
    trace: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One mutating call in the Cloud Audit Log."""

    time: datetime
    principal: str
    """E-mail of the caller."""
    method: str
    """E.g. `google.cloud.run.v2.Services.UpdateService`."""
    resource: str
    request: dict[str, object]
    """The request as logged; strings cleaned."""
    refused: str = ""
    """Why the call was refused, or empty where it was done."""


@dataclass(frozen=True, slots=True)
class AuditWrites:
    """What was written into the release annotation."""

    entries: tuple[AuditEntry, ...] = ()
    """Oldest first; of calls in a row that only renewed a lease, the first."""
    cut: datetime | None = None
    """The oldest call that was read, where the log may hold older ones; None where it was read to its beginning."""

    @property
    def problem(self) -> str:
        """What is missing, in a sentence; empty where nothing is."""
        if self.cut is None:
            return ""
        return _(
            "The audit log holds more calls than are read: nothing before {at:%Y-%m-%d %H:%M} UTC is told."
        ).format(at=self.cut)


@dataclass(slots=True)
class TailBatch:
    """Entries that arrived together."""

    entries: list[LogEntry] = field(default_factory=list)
    suppressed: dict[str, int] = field(default_factory=dict)
    """Entries held back by the cloud since the last batch, by reason: `RATE_LIMIT`, `NOT_CONSUMED`."""


class LogsApi:
    """Cloud Logging of one project. Reads try again for a second; nothing reconnects a cut tail but its caller."""

    def __init__(self, target: CloudTarget, connection: Connection) -> None:
        self._target = target
        self._connection = connection

    async def tail(self, filter: str, *, buffer_window_s: float = 2.0) -> AsyncGenerator[TailBatch, None]:
        """Entries as they are logged, in batches as the cloud sends them, until closed or cut.

        Read no faster than the caller takes them: gRPC's flow control holds the rest back, and the cloud then reports
        it as suppressed (NOT_CONSUMED). Close the iterator (`aclose`) or cancel its reader to end the session; a
        project has ten.

        Args:
            filter: in the Logging query language.
            buffer_window_s: seconds that the cloud holds entries to sort late ones in, 0 to 60.

        Yields:
            One batch for each answer; its entries may be none, where only suppression is reported.

        Raises:
            CloudError: always at the end, for a session never ends well by itself: which kind says why.
        """
        client = await self._connection.logging()
        from google.cloud.logging_v2 import types as logging_v2
        from google.protobuf.duration_pb2 import Duration

        from console.cloud import errors
        from console.cloud.log_convert import EntryReader

        window = Duration()
        window.FromMilliseconds(round(buffer_window_s * 1000))
        request = logging_v2.TailLogEntriesRequest(resource_names=[self._project], filter=filter, buffer_window=window)
        raw = logging_v2.TailLogEntriesResponse.pb
        reader = EntryReader()
        connection = self._connection
        doing = _("tailing the log")
        call: Any = None
        dated = False
        try:
            with errors.translated(doing):
                call = await client.tail_log_entries(
                    requests=_once(request), retry=None, timeout=TAIL_TIMEOUT_S, metadata=connection.metadata
                )
            answers = aiter(call)
            while True:
                with errors.translated(doing):
                    answer = await anext(answers, None)
                if answer is None:
                    raise UnavailableError(_("Cloud Logging ended the log stream."), remedy=_("It is opened again."))
                if not dated:
                    dated = True
                    connection.saw_metadata(await call.initial_metadata(), connection.clock.monotonic())
                yield reader.batch(raw(answer))
        finally:
            if call is not None:
                call.cancel()

    async def list(self, filter: str, *, limit: int = 1000, newest_first: bool = True) -> builtins.list[LogEntry]:
        """Entries of the past.

        Args:
            filter: in the Logging query language; name a time in it, or the cloud searches everything.
            limit: at most so many.
            newest_first: the newest `limit` (newest first), else the oldest.

        Raises:
            CloudError: one of its subclasses; InvalidRequestError for a filter that does not parse.
        """
        raw = await self._list(filter, limit, newest_first)
        from console.cloud import log_convert  # imported by now, in a thread

        return log_convert.EntryReader().entries(raw)

    async def _list(self, filter: str, limit: int, newest_first: bool) -> builtins.list[Any]:
        found: builtins.list[Any] = []
        async with aclosing(self._pages(filter, newest_first, lambda: limit - len(found))) as pages:
            async for page, _more in pages:
                found += page
                if len(found) >= limit:
                    break
        return found[:limit]

    async def _pages(
        self, filter: str, newest_first: bool, left: Callable[[], int]
    ) -> AsyncGenerator[tuple[builtins.list[Any], bool], None]:
        """Raw entries, an answer at a time, until there are no more; each with whether there are more.

        Args:
            filter: in the Logging query language.
            newest_first: their order.
            left: how many are still wanted.
        """
        client = await self._connection.logging()
        from google.cloud.logging_v2 import types as logging_v2

        response = logging_v2.ListLogEntriesResponse.pb
        token = ""
        while True:
            request = {
                "resource_names": [self._project],
                "filter": filter,
                "order_by": "timestamp desc" if newest_first else "timestamp asc",
                "page_size": min(left(), PAGE),
                "page_token": token,
            }

            async def once(left_s: float, request: dict[str, Any] = request) -> Any:
                pager = await client.list_log_entries(request=request, retry=None, timeout=left_s)
                return await anext(pager.pages)

            page = await self._connection.read(once, doing=_("reading the log"), timeout_s=LIST_TIMEOUT_S)
            pb: Any = response(page)
            token = pb.next_page_token
            yield builtins.list(pb.entries), bool(token)
            if not token:
                return

    async def write_text(
        self, log: str, payload: Mapping[str, str | int | float | bool], severity: str = "NOTICE"
    ) -> None:
        """Write one structured entry; sent once.

        Args:
            log: its short name, e.g. `canario-audit`.
            payload: what it says; `message` is what log viewers show.
            severity: one of Cloud Logging's.

        Raises:
            CloudError, ConfirmationLostError: it was not written, or may not have been.
        """
        client = await self._connection.logging()
        from google.cloud.logging_v2 import types as logging_v2

        from console.cloud import errors

        entry = logging_v2.LogEntry(
            log_name=f"{self._project}/logs/{log}",
            resource={"type": "global", "labels": {"project_id": self._target.project}},
            severity=severity,
            json_payload=dict(payload),
        )
        request = logging_v2.WriteLogEntriesRequest(entries=[entry])
        with errors.translated(_("writing to the log"), write=True):
            await client.write_log_entries(request=request, retry=None, timeout=WRITE_TIMEOUT_S)

    async def audit(
        self, service: str, *, since: datetime, limit: int = 50, newest_first: bool = True
    ) -> builtins.list[AuditEntry]:
        """Mutating calls on `service` in the Cloud Audit Log (admin activity).

        Args:
            service: short name.
            since: UTC.
            limit: at most so many.
            newest_first: the newest `limit` (newest first), else the oldest.
        """
        raw = await self._list(self._audit_filter(service, since), limit, newest_first)
        from console.cloud import log_convert  # imported by now, in a thread

        return [entry for entry in map(log_convert.audit_entry, raw) if entry is not None]

    async def writes(
        self, service: str, *, since: datetime, most: int = MOST_WRITES, within_s: float = WRITES_S
    ) -> AuditWrites:
        """Calls that wrote something new into the release annotation, read from the newest back.

        A seat's lease is renewed every 40 s, 2,160 times in a watch of 24 hours: of calls in a row that differ in
        nothing but their leases the first one is told.

        Args:
            service: short name.
            since: UTC.
            most: calls that are read at most.
            within_s: wall seconds after which no further page is asked for.

        Raises:
            CloudError: the log cannot be read.
        """
        from console.cloud import log_convert  # imported with the first page, in a thread

        clock, read = self._connection.clock, 0
        until = clock.monotonic() + within_s
        folded = log_convert.Writes()
        async with aclosing(
            self._pages(self._audit_filter(service, since), newest_first=True, left=lambda: most - read)
        ) as pages:
            async for page, more in pages:
                read += len(page)
                await asyncio.to_thread(folded.take, page)  # a thousand documents take their time
                if more and (read >= most or clock.monotonic() >= until):
                    return AuditWrites(folded.found(), folded.oldest)
        return AuditWrites(folded.found())

    def _audit_filter(self, service: str, since: datetime) -> str:
        return (
            f'logName="{self._project}/logs/cloudaudit.googleapis.com%2Factivity"'
            f' AND resource.type="cloud_run_revision" AND resource.labels.service_name="{service}"'
            f' AND timestamp>="{since:%Y-%m-%dT%H:%M:%S.%fZ}"'
        )

    @property
    def _project(self) -> str:
        return f"projects/{self._target.project}"


async def _once(request: logging_v2.TailLogEntriesRequest) -> AsyncIterator[logging_v2.TailLogEntriesRequest]:
    yield request
