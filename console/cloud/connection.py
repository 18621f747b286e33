"""The channels: plaintext to loopback, TLS and Application Default Credentials to Google; the clients over them.

Each API has a channel of its own, so that a flood of log entries never stands before a rollback. Each client's
package is imported in a thread at its first use (some 0.5 s each): a command that rolls back pays for Cloud Run's
alone. Importing this module imports grpc; only `Cloud.connect` does, in a thread.
"""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import google.auth
import grpc
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from grpc import aio

from console.clock import Clock, ServerClock
from console.cloud import errors
from console.cloud.target import CloudTarget
from console.errors import UnavailableError
from console.words import _

if TYPE_CHECKING:
    from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2AsyncClient
    from google.cloud.monitoring_v3.services.metric_service import MetricServiceAsyncClient
    from google.cloud.run_v2 import RevisionsAsyncClient, ServicesAsyncClient

T = TypeVar("T")
Metadata = tuple[tuple[str, str], ...]

SCOPES = ("https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/userinfo.email")
"""The second lets tokeninfo say who we are."""

READ_RETRY_S = 1.0
"""How long a read goes on trying while the cloud is UNAVAILABLE; longer would hide that it is."""

HTTPS_DATE_URL = "https://run.googleapis.com/"
HTTPS_DATE_EVERY_S = 30.0
"""At most this often the Date header of an HTTPS answer is asked for, where gRPC answers carry no `date`."""


def channel_options(loopback: bool) -> list[tuple[str, int]]:
    """Arguments of a gRPC channel: reconnect within half a second, messages of any size, a connection of its own.

    `min_reconnect_backoff_ms` is also the deadline of one connection attempt (gRPC core, subchannel.cc): 100 ms is
    right on loopback, and would never complete a TLS handshake over a slow link. gRPC sends even loopback through the
    proxy of `http_proxy`, which cannot reach it, and must not see it.
    """
    return [
        *([("grpc.enable_http_proxy", 0)] if loopback else []),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 1_000 if loopback else 5_000),
        ("grpc.max_reconnect_backoff_ms", 500),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
    ]


class Connection:
    """Open channels of one target and the clients over them. One event loop's only.

    Made by `open`.
    """

    def __init__(self, target: CloudTarget, clock: Clock, credentials: Credentials | None) -> None:
        self.target = target
        self.clock = clock
        self.credentials = credentials
        self.server_clock = ServerClock(clock)
        self.metadata: Metadata = ()
        """What each call carries besides: on loopback, the bearer token that names us."""
        if target.endpoint is not None:
            self.metadata = (("authorization", f"Bearer sim-{target.loopback_email}"),)
        self.rest_address = ""
        """Where a simulator serves Cloud Run's v1 API, as its answers tell; empty before the first, and of Google."""
        self.answers_without_date = 0
        """Answers that carried no `date`; where there are some, an HTTPS answer is asked for the time."""
        self._interceptor = _AnswerInterceptor(self)
        self._channels: dict[str, aio.Channel] = {}
        self._services: ServicesAsyncClient | None = None
        self._revisions: RevisionsAsyncClient | None = None
        self._logging: LoggingServiceV2AsyncClient | None = None
        self._monitoring: MetricServiceAsyncClient | None = None
        self._https_asked: float | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._closed = False

    @classmethod
    async def open(cls, target: CloudTarget, clock: Clock) -> Connection:
        """Load credentials in a thread (it may start gcloud, or ask a metadata server) and be ready to call.

        Raises:
            CredentialsError: there are none, or they cannot be used.
        """
        credentials: Credentials | None = None
        if target.endpoint is None:
            try:
                credentials, _project = await asyncio.to_thread(google.auth.default, scopes=SCOPES)
            except GoogleAuthError as error:
                raise errors.translate(error, doing=_("loading credentials"), write=False) from error
        return cls(target, clock, credentials)

    # -- clients --------------------------------------------------------------------------------------------------

    async def services(self) -> ServicesAsyncClient:
        """Cloud Run's services, over the Run channel."""
        if self._services is None:
            await _imported("google.cloud.run_v2", "console.cloud.convert")
        if self._services is None:
            from google.cloud.run_v2.services.services import ServicesAsyncClient
            from google.cloud.run_v2.services.services.transports import ServicesGrpcAsyncIOTransport as Transport

            channel = self._channel("run", Transport)
            self._services = ServicesAsyncClient(transport=Transport(host=Transport.DEFAULT_HOST, channel=channel))
        return self._services

    async def revisions(self) -> RevisionsAsyncClient:
        """Cloud Run's revisions, over the Run channel."""
        if self._revisions is None:
            await _imported("google.cloud.run_v2", "console.cloud.convert")
        if self._revisions is None:
            from google.cloud.run_v2.services.revisions import RevisionsAsyncClient
            from google.cloud.run_v2.services.revisions.transports import RevisionsGrpcAsyncIOTransport as Transport

            channel = self._channel("run", Transport)
            self._revisions = RevisionsAsyncClient(transport=Transport(host=Transport.DEFAULT_HOST, channel=channel))
        return self._revisions

    async def logging(self) -> LoggingServiceV2AsyncClient:
        """Cloud Logging, over a channel of its own."""
        if self._logging is None:
            await _imported("google.cloud.logging_v2", "console.cloud.log_convert")
        if self._logging is None:
            from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2AsyncClient
            from google.cloud.logging_v2.services.logging_service_v2.transports import (
                LoggingServiceV2GrpcAsyncIOTransport as Transport,
            )

            channel = self._channel("logging", Transport)
            transport = Transport(host=Transport.DEFAULT_HOST, channel=channel)
            self._logging = LoggingServiceV2AsyncClient(transport=transport)
        return self._logging

    async def monitoring(self) -> MetricServiceAsyncClient:
        """Cloud Monitoring, over a channel of its own."""
        if self._monitoring is None:
            await _imported("google.cloud.monitoring_v3")
        if self._monitoring is None:
            from google.cloud.monitoring_v3.services.metric_service import MetricServiceAsyncClient
            from google.cloud.monitoring_v3.services.metric_service.transports import (
                MetricServiceGrpcAsyncIOTransport as Transport,
            )

            channel = self._channel("monitoring", Transport)
            transport = Transport(host=Transport.DEFAULT_HOST, channel=channel)
            self._monitoring = MetricServiceAsyncClient(transport=transport)
        return self._monitoring

    def _channel(self, name: str, transport: type[_Transport]) -> aio.Channel:
        if self._closed:
            raise UnavailableError(_("The connection to the cloud is closed."))
        if name not in self._channels:
            if self.target.endpoint is not None:
                self._channels[name] = aio.insecure_channel(
                    self.target.endpoint, options=channel_options(loopback=True), interceptors=[self._interceptor]
                )
            else:
                self._channels[name] = transport.create_channel(
                    transport.DEFAULT_HOST,
                    credentials=self.credentials,
                    options=channel_options(loopback=False),
                    interceptors=[self._interceptor],
                )
        return self._channels[name]

    # -- calls ----------------------------------------------------------------------------------------------------

    async def read(self, call: Callable[[float], Awaitable[T]], *, doing: str, timeout_s: float) -> T:
        """Make a call that changes nothing; try again for a second while the cloud is UNAVAILABLE.

        Args:
            call: makes it once, within the seconds given.
            doing: what for, as in "while reading wa-backend"; translated.
            timeout_s: deadline of the whole.

        Raises:
            CloudError: one of its subclasses.
        """
        started = self.clock.monotonic()
        pause = 0.1
        while True:
            spent = self.clock.monotonic() - started
            try:
                return await call(max(timeout_s - spent, 0.05))
            except (Exception, asyncio.CancelledError) as error:
                if errors.is_ours(error):
                    raise
                failure = errors.translate(error, doing=doing, write=False)
                spent = self.clock.monotonic() - started
                if not errors.is_unavailable(error) or spent + pause > min(READ_RETRY_S, timeout_s):
                    raise failure from error
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.4)

    def run_channel_ready(self) -> bool:
        """Whether the Run channel is connected now."""
        channel = self._channels.get("run")
        return channel is not None and channel.get_state() == grpc.ChannelConnectivity.READY

    async def run_ready(self, timeout_s: float) -> None:
        """Connect the Run channel.

        Raises:
            UnavailableError: not connected within `timeout_s`.
        """
        await self.services()
        try:
            async with asyncio.timeout(timeout_s):
                await self._channels["run"].channel_ready()
        except TimeoutError as error:
            raise errors.unreachable(self.target) from error

    async def identity(self) -> str:
        """E-mail that calls are made as: the credentials' principal, or whom the bearer token names on loopback.

        Raises:
            CredentialsError: nobody can tell.
        """
        if self.credentials is None:
            return self.target.loopback_email
        await _imported("console.cloud.identity")
        from console.cloud.identity import identity_of

        return await identity_of(self.credentials)

    async def close(self) -> None:
        """Close the channels."""
        self._closed = True
        for task in self._background:
            task.cancel()
        channels, self._channels = list(self._channels.values()), {}
        await asyncio.gather(*(channel.close() for channel in channels), return_exceptions=True)

    # -- time -----------------------------------------------------------------------------------------------------

    def saw_metadata(self, metadata: Any, at: float) -> None:
        """Take the time from the initial metadata of an answer.

        Args:
            metadata: (key, value) pairs, or None.
            at: monotonic seconds when it came.
        """
        if self.target.endpoint is not None and not self.rest_address:
            self.rest_address = _loopback_address(metadata)
        date = parse_date(metadata)
        if date is not None:
            self.server_clock.observe(date, at)
        elif metadata:  # an answer that failed before a server spoke carries nothing at all
            self.answers_without_date += 1
            self._ask_https()

    def _ask_https(self) -> None:
        now = self.clock.monotonic()
        if self.target.endpoint is not None or self._closed:
            return
        if self._https_asked is not None and now - self._https_asked < HTTPS_DATE_EVERY_S:
            return
        self._https_asked = now
        task = asyncio.create_task(self._observe_https())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _observe_https(self) -> None:
        import httpx

        try:
            async with httpx.AsyncClient(timeout=5.0) as client:
                answer = await client.head(HTTPS_DATE_URL)
        except httpx.HTTPError:
            return  # the clock stays unknown or grows older, and its readers say so
        date = parse_date([("date", answer.headers.get("date", ""))])
        if date is not None:
            self.server_clock.observe(date, self.clock.monotonic())


class _Transport(Protocol):
    """What the generated transports have in common."""

    DEFAULT_HOST: str

    @classmethod
    def create_channel(cls, host: str, credentials: Any, **kwargs: Any) -> aio.Channel: ...


class _AnswerInterceptor(aio.UnaryUnaryClientInterceptor):
    """Adds our metadata to each unary call, and takes the server's `date` from each answer."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """See `grpc.aio.UnaryUnaryClientInterceptor`."""
        connection = self._connection
        if connection.metadata:
            metadata = client_call_details.metadata or aio.Metadata()
            for key, value in connection.metadata:
                metadata.add(key, value)
            client_call_details = client_call_details._replace(metadata=metadata)
        call = await continuation(client_call_details, request)
        try:
            initial = await call.initial_metadata()
        except asyncio.CancelledError:
            call.cancel()  # whoever cancels the outer call cannot reach this one yet
            raise
        connection.saw_metadata(initial, connection.clock.monotonic())
        return call


def parse_date(metadata: Any) -> datetime | None:
    """The `date` among (key, value) pairs of an answer, UTC; None where there is none that reads."""
    if not metadata:
        return None
    for key, value in metadata:
        if key == "date":
            try:
                return parsedate_to_datetime(value if isinstance(value, str) else value.decode("ascii", "replace"))
            except ValueError:
                return None
    return None


def _loopback_address(metadata: Any) -> str:
    """Where a simulator says that it serves Cloud Run's v1 API; an address on another machine is none of ours."""
    told = next((value for key, value in metadata or () if key == "x-canario-rest"), "")
    return told if isinstance(told, str) and re.fullmatch(r"http://127\.0\.0\.1:\d{1,5}", told) else ""


async def _imported(*modules: str) -> None:
    """Import `modules` in a thread, so that the loop goes on meanwhile."""
    for module in modules:
        await asyncio.to_thread(importlib.import_module, module)
