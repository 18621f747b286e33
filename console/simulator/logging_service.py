"""`google.logging.v2.LoggingServiceV2`: ListLogEntries, TailLogEntries, WriteLogEntries, ListLogs.

Rules as google/logging/v2/logging.proto and https://cloud.google.com/logging/quotas state them. Generic handlers with
Google's own message classes; responses that hold entries are put together from entries serialised once.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
import re
from collections.abc import AsyncIterator, Sequence
from time import perf_counter
from typing import Any
from urllib.parse import quote

import grpc
from google.cloud.logging_v2.types import (
    ListLogEntriesRequest,
    ListLogsRequest,
    ListLogsResponse,
    TailLogEntriesRequest,
    WriteLogEntriesRequest,
    WriteLogEntriesResponse,
)

from console.simulator.entries import NS, REQUESTS_LOG, STDERR_LOG, STDOUT_LOG, Kept, framed
from console.simulator.filter_fields import ENTRY_CLASS, Entry
from console.simulator.filters import Filter, FilterError, parse
from console.simulator.logs import LogBook, Selector, last_whole_tick
from console.simulator.status import Code, StatusError
from console.simulator.tail import BATCH_BYTES, DEFAULT_WINDOW_S, TailHub
from console.simulator.traffic import TICK_NS

SERVICE = "google.logging.v2.LoggingServiceV2"
DEFAULT_PAGE = 50
LARGEST_PAGE = 1000
SCAN_BUDGET = 50_000
"""Ticks and entries looked at for one page; then the page ends with a token, as Google's do when time is up."""
LARGEST_ENTRY = 256 * 1024
"""Bytes of one entry."""
RETENTION_S = 30 * 86_400.0
FUTURE_S = 86_400.0

_SLICE_S = 0.005
_LOG_NAME = re.compile(r"(projects|organizations|folders|billingAccounts)/([^/]+)/logs/([A-Za-z0-9/_\-.%]{1,511})\Z")
_RESOURCE = re.compile(r"projects/([^/]+)(?:/locations/[^/]+/buckets/[^/]+/views/[^/]+)?\Z")


def _invalid(message: str) -> StatusError:
    return StatusError(Code.INVALID_ARGUMENT, message)


def parsed(text: str) -> Filter:
    """The filter that `text` says.

    Raises:
        StatusError: INVALID_ARGUMENT, with the place.
    """
    try:
        return parse(text)
    except FilterError as error:
        raise _invalid(str(error)) from error


class LoggingService:
    """The API over a log book.

    Args:
        book: the project's entries.
        hub: its tail sessions; a new one where None.
    """

    def __init__(self, book: LogBook, hub: TailHub | None = None) -> None:
        self.book = book
        self.hub = hub or TailHub(book)

    # ------------------------------------------------------------ ListLogEntries

    async def list_entries(self, request: Any, context: object) -> bytes:
        """ListLogEntries; serialised ListLogEntriesResponse."""
        self._check_resources(request.resource_names)
        order = request.order_by or "timestamp asc"
        if order not in ("timestamp asc", "timestamp desc"):
            raise _invalid("order_by must be 'timestamp asc' or 'timestamp desc'.")
        if request.page_size < 0:
            raise _invalid("page_size must not be negative.")
        size = min(request.page_size or DEFAULT_PAGE, LARGEST_PAGE)
        wanted = parsed(request.filter)
        asked = hashlib.blake2b(
            "\0".join([request.filter, order, *request.resource_names]).encode(), digest_size=8
        ).hexdigest()
        scan = _Scan(self.book, wanted, newest_first=order.endswith("desc"), size=size)
        if request.page_token:
            scan.resume(request.page_token, asked)
        page = await scan.run()
        answer = b"".join(kept.framed for kept in page)
        if (token := scan.token(asked)) is not None:
            encoded = token.encode("ascii")
            # field 2, next_page_token; framed() writes field 1
            answer += b"\x12" + framed(encoded)[1:]
        return answer

    def _check_resources(self, names: Sequence[str]) -> None:
        if not names:
            raise _invalid("resource_names must name at least one resource.")
        for name in names:
            match = _RESOURCE.match(name)
            if not match:
                raise _invalid(f"'{name}' is not a resource such as projects/[PROJECT_ID].")
            if match.group(1) != self.book.project:
                raise StatusError(
                    Code.PERMISSION_DENIED,
                    f"Permission 'logging.logEntries.list' denied on resource '{name}' (or it may not exist).",
                )

    # ------------------------------------------------------------ TailLogEntries

    async def tail(self, requests: AsyncIterator[Any], context: object) -> AsyncIterator[bytes]:
        """TailLogEntries; serialised TailLogEntriesResponse messages."""
        first = await anext(requests, None)
        if first is None:
            return
        self._check_resources(first.resource_names)
        window = first.buffer_window.ToNanoseconds() / NS if first.HasField("buffer_window") else DEFAULT_WINDOW_S
        session = self.hub.open(parsed(first.filter), window)
        refused: list[StatusError] = []
        listening = asyncio.create_task(self._listen(requests, session, refused))
        try:
            async for message in session.messages():
                if refused:
                    raise refused[0]
                yield message
        finally:
            session.close()
            listening.cancel()

    async def _listen(self, requests: AsyncIterator[Any], session: Any, refused: list[StatusError]) -> None:
        """Later requests of a session change its filter; the client may also have no more to say."""
        try:
            async for request in requests:
                self._check_resources(request.resource_names)
                session.change(parsed(request.filter))
        except StatusError as error:
            refused.append(error)

    # ------------------------------------------------------------ WriteLogEntries

    async def write(self, request: Any, context: object) -> bytes:
        """WriteLogEntries; all entries or, but for `partial_success`, none."""
        if not request.entries:
            raise _invalid("A write request must contain at least one entry.")
        checked: list[Entry] = []
        problems: list[str] = []
        for number, given in enumerate(request.entries):
            try:
                checked.append(self._checked(given, request))
            except StatusError as error:
                if error.code != Code.INVALID_ARGUMENT:
                    raise
                problems.append(f"Log entry with index {number}: {error.message}")
        if problems and not request.partial_success:
            raise _invalid(problems[0])
        if not request.dry_run:
            for entry in checked:
                self.book.append(entry)
        if problems:
            raise _invalid("; ".join(problems))
        return WriteLogEntriesResponse.pb()().SerializeToString()  # type: ignore[no-any-return]

    def _checked(self, given: Entry, request: Any) -> Entry:
        """A copy of an entry, completed from its request, or a refusal."""
        entry = ENTRY_CLASS()
        entry.CopyFrom(given)
        entry.log_name = entry.log_name or request.log_name
        match = _LOG_NAME.match(entry.log_name)
        if not match:
            raise _invalid("log_name must be of the form projects/[PROJECT_ID]/logs/[LOG_ID], with a URL-encoded id.")
        if match.group(1) != "projects" or match.group(2) != self.book.project:
            raise StatusError(
                Code.PERMISSION_DENIED,
                f"Permission 'logging.logEntries.create' denied on resource '{entry.log_name}' (or it may not exist).",
            )
        entry.log_name = f"projects/{self.book.project}/logs/{quote(match.group(3).replace('%2F', '/'), safe='')}"
        if not entry.HasField("resource"):
            if not request.HasField("resource"):
                raise _invalid("a resource is required, in the entry or in the request.")
            entry.resource.CopyFrom(request.resource)
        if not entry.resource.type:
            raise _invalid("resource.type is required.")
        entry.resource.labels.setdefault("project_id", self.book.project)
        for key, value in request.labels.items():
            if key not in entry.labels:
                entry.labels[key] = value
        if entry.WhichOneof("payload") is None and not entry.HasField("http_request"):
            raise _invalid("an entry needs a payload.")
        if entry.ByteSize() > LARGEST_ENTRY:
            raise _invalid(f"the entry is {entry.ByteSize():,} bytes, the limit is {LARGEST_ENTRY:,}.")
        now = self.book.now_ns
        if entry.HasField("timestamp"):
            stamp = entry.timestamp.ToNanoseconds()
            if not now - RETENTION_S * NS <= stamp <= now + FUTURE_S * NS:
                raise _invalid("the timestamp is outside of the retention period or over 24 hours in the future.")
        entry.ClearField("receive_timestamp")
        return entry

    # ------------------------------------------------------------ ListLogs

    async def list_logs(self, request: Any, context: object) -> bytes:
        """ListLogs, by name."""
        project = request.parent.removeprefix("projects/")
        if project != self.book.project:
            raise StatusError(Code.PERMISSION_DENIED, f"Permission denied on resource '{request.parent}'.")
        names = {self.book.maker.log_name(log) for log in (REQUESTS_LOG, STDOUT_LOG, STDERR_LOG)}
        names |= {kept.entry.log_name for kept in self.book.kept}
        return ListLogsResponse.pb()(log_names=sorted(names)).SerializeToString()  # type: ignore[no-any-return]


class _Scan:
    """One page's search through time, oldest or newest first, made entries and kept ones together."""

    def __init__(self, book: LogBook, wanted: Filter, *, newest_first: bool, size: int) -> None:
        self.book = book
        self.selector = Selector(book, wanted)
        self.step = -1 if newest_first else 1
        self.size = size
        self.now = book.now_ns
        low, high = wanted.bounds()
        oldest_kept = book.kept[0].stamp_ns if book.kept else self.now
        oldest = min(book.first_tick() * TICK_NS, oldest_kept)
        self.low = max(oldest, low if low is not None else oldest)
        # kept entries may lie ahead of now (a writer's clock); made ones never do
        newest = max(self.now, book.kept[-1].stamp_ns if book.kept else self.now)
        self.high = min(newest, high if high is not None else newest)
        self.at = self.high // TICK_NS if newest_first else self.low // TICK_NS
        """Tick to look at next."""
        self.after: tuple[int, str] | None = None
        """Order of the last entry that an earlier page gave."""
        self.done = self.low > self.high

    def resume(self, token: str, asked: str) -> None:
        """Go on where an earlier page's token says.

        Raises:
            StatusError: INVALID_ARGUMENT for a token that is none, or another request's.
        """
        try:
            data = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
            same, self.at, self.high, self.low, after = data
            self.after = (int(after[0]), str(after[1])) if after else None
            if not all(isinstance(number, int) for number in (self.at, self.high, self.low)):
                raise ValueError("not numbers")
        except (ValueError, TypeError, KeyError, IndexError, binascii.Error, UnicodeError) as error:
            raise _invalid("page_token is invalid.") from error
        if same != asked:
            raise _invalid("page_token doesn't match the other arguments of the request.")
        self.done = False

    def token(self, asked: str) -> str | None:
        """What to send as `next_page_token`; None at the end."""
        if self.done:
            return None
        data = [asked, self.at, self.high, self.low, self.after]
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode("ascii")

    async def run(self) -> list[Kept]:
        """The page's entries; afterwards `token` says how to go on."""
        page: list[Kept] = []
        size = 0
        spent = 0
        began = perf_counter()
        last_made = last_whole_tick(self.now)
        low_tick, high_tick = self.low // TICK_NS, self.high // TICK_NS
        while not self.done:
            if not low_tick <= self.at <= high_tick:
                self.done = True
                break
            alive = self.selector.next_alive(self.at, self.step)
            # where nothing made can match, only kept entries are looked for, all the way at once
            end = self.at if alive == self.at else min(max(alive - self.step, low_tick), high_tick)
            found = self.selector.kept(min(self.at, end) * TICK_NS, (max(self.at, end) + 1) * TICK_NS)
            work = len(found)
            if alive == self.at <= last_made:
                made, cost = self.selector.made(self.at)
                found, work = found + made, work + cost
            found = [kept for kept in found if self._takes(kept)]
            found.sort(key=lambda kept: kept.order, reverse=self.step < 0)
            for kept in found:
                length = len(kept.framed)
                if page and (len(page) >= self.size or size + length > BATCH_BYTES):
                    return page
                page.append(kept)
                size += length
                self.after = kept.order
            self.at = end + self.step
            spent += 1 + work
            if len(page) >= self.size or spent > SCAN_BUDGET:
                if not low_tick <= self.at <= high_tick:
                    self.done = True
                break
            if perf_counter() - began > _SLICE_S:
                await asyncio.sleep(0)
                began = perf_counter()
        return page

    def _takes(self, kept: Kept) -> bool:
        if kept.received_ns > self.now or not self.low <= kept.stamp_ns <= self.high:
            return False
        if self.after is None:
            return True
        return kept.order < self.after if self.step < 0 else kept.order > self.after


def handlers(book: LogBook, hub: TailHub | None = None) -> list[grpc.GenericRpcHandler]:
    """The gRPC handlers of the Logging API over `book`, for the server."""
    service = LoggingService(book, hub)
    methods: dict[str, Any] = {
        "ListLogEntries": grpc.unary_unary_rpc_method_handler(
            service.list_entries, request_deserializer=ListLogEntriesRequest.pb().FromString
        ),
        "WriteLogEntries": grpc.unary_unary_rpc_method_handler(
            service.write, request_deserializer=WriteLogEntriesRequest.pb().FromString
        ),
        "TailLogEntries": grpc.stream_stream_rpc_method_handler(
            service.tail, request_deserializer=TailLogEntriesRequest.pb().FromString
        ),
        "ListLogs": grpc.unary_unary_rpc_method_handler(
            service.list_logs, request_deserializer=ListLogsRequest.pb().FromString
        ),
    }
    return [grpc.method_handlers_generic_handler(SERVICE, methods)]
