"""What every call passes on its way in and out: who calls, faults, the clock's `date`, and errors as statuses.

One gRPC server interceptor for unary and streaming calls alike. Google's front ends send `date` with each answer;
here it is the simulator's clock. A unary answer's is taken when the answer leaves, a stream's when it opens.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
import grpc.aio

from console.simulator.callers import Permissions, caller, caller_of
from console.simulator.clock import SimClock
from console.simulator.faults import Faults, refusal
from console.simulator.status import Code, StatusError

log = logging.getLogger(__name__)

WRITES = {
    "UpdateService": "run.services.update",
    "CreateService": "run.services.create",
    "DeleteRevision": "run.revisions.delete",
    "WriteLogEntries": "logging.logEntries.create",
}
"""Methods that change something, and what each needs."""

_GRPC_CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True, slots=True)
class Received:
    """When a mutating call came in; the bench and the tests read these."""

    method: str
    monotonic_ns: int
    """`time.monotonic_ns()` (CLOCK_MONOTONIC: the same in every process of this machine)."""
    at: float
    """Unix seconds of simulated time."""
    principal: str


class _Context:
    """A call's context whose `abort` tells the date first; everything else is the real one's."""

    def __init__(self, real: Any, clock: SimClock, told: tuple[tuple[str, str], ...] = ()) -> None:
        self._real = real
        self._clock = clock
        self._told = told
        self.dated = False

    async def date(self) -> None:
        """Send the initial metadata, once."""
        if not self.dated:
            self.dated = True
            await self._real.send_initial_metadata((("date", self._clock.http_date()), *self._told))

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        """As the real one."""
        await self.date()
        await self._real.abort(code, details, trailing_metadata)
        raise AssertionError("abort returned")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


async def _no_such_method(request: object, context: object) -> NoReturn:
    raise StatusError(Code.UNIMPLEMENTED, "The simulator does not serve this method.")


class FrontDoor(grpc.aio.ServerInterceptor):
    """The interceptor.

    Args:
        clock: simulated time.
        faults: what goes wrong.
        permissions: for writing calls that no handler checks itself.
    """

    def __init__(self, clock: SimClock, faults: Faults, permissions: Permissions) -> None:
        self.clock = clock
        self.faults = faults
        self.permissions = permissions
        self.told: tuple[tuple[str, str], ...] = ()
        """Initial metadata of each answer besides the date."""
        self.received: deque[Received] = deque(maxlen=1000)
        self.calls: dict[str, int] = {}
        """How many calls of each method came in."""
        self._calls: set[asyncio.Task[Any]] = set()
        self._tails: set[asyncio.Task[Any]] = set()
        self._cut: set[asyncio.Task[Any]] = set()
        self._sending: set[asyncio.Task[Any]] = set()
        """Streams of which gRPC holds a message that it has not sent whole yet."""

    def cut_tails(self) -> int:
        """End every open stream with UNAVAILABLE, as a front end does that is being replaced; how many there were."""
        return self._end(self._tails)

    def end_all(self) -> int:
        """End every open call so; how many there were. Where gRPC cancels them itself it writes a traceback."""
        return self._end(self._calls)

    def _end(self, tasks: set[asyncio.Task[Any]]) -> int:
        for task in tasks:
            self._cut.add(task)
            if task not in self._sending:  # gRPC, which awaits the send, would end the task and tell the client nothing
                task.cancel()
        return len(tasks)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """See `grpc.aio.ServerInterceptor`."""
        handler: Any = await continuation(handler_call_details)
        if handler is None:
            return grpc.unary_unary_rpc_method_handler(self._single(handler_call_details.method, _no_such_method))
        method = handler_call_details.method.rpartition("/")[2]
        if handler.response_streaming:
            make = grpc.stream_stream_rpc_method_handler if handler.request_streaming else None
            make = make or grpc.unary_stream_rpc_method_handler
            inner = handler.stream_stream if handler.request_streaming else handler.unary_stream
            return make(self._streaming(method, inner), handler.request_deserializer, handler.response_serializer)
        inner = handler.unary_unary
        if inner is None:
            return handler
        return grpc.unary_unary_rpc_method_handler(
            self._single(method, inner), handler.request_deserializer, handler.response_serializer
        )

    def _single(
        self, method: str, behaviour: Callable[[Any, Any], Awaitable[Any]]
    ) -> Callable[[Any, Any], Awaitable[Any]]:
        async def answer(request: Any, real: Any) -> Any:
            received = time.monotonic_ns()
            async with self._call(method, real, self._calls) as (context, _task):
                await self._enter(method, real, received)
                result = await behaviour(request, context)
                if (lost := self.faults.after(method, self.clock.now(), writes=method in WRITES)) is not None:
                    raise lost
            await context.date()
            return result

        return answer

    def _streaming(self, method: str, behaviour: Callable[[Any, Any], Any]) -> Callable[[Any, Any], AsyncIterator[Any]]:
        async def answer(request: Any, real: Any) -> AsyncIterator[Any]:
            async with self._call(method, real, self._calls, self._tails) as (context, task):
                await self._enter(method, real, time.monotonic_ns())
                await context.date()
                stream = behaviour(request, context)
                if inspect.isawaitable(stream):
                    await stream
                else:
                    async with contextlib.aclosing(stream):
                        async for message in stream:
                            self._sending.add(task)
                            yield message
                            self._sending.discard(task)
                            if task in self._cut:
                                raise refusal(Code.UNAVAILABLE)

        return answer

    @contextlib.asynccontextmanager
    async def _call(
        self, method: str, real: Any, *among: set[asyncio.Task[Any]]
    ) -> AsyncIterator[tuple[_Context, asyncio.Task[Any]]]:
        """One call, counted `among` the open ones while it lasts; what it raises becomes a status."""
        context = _Context(real, self.clock, self.told)
        task = asyncio.current_task()
        assert task is not None
        for tasks in among:
            tasks.add(task)
        try:
            yield context, task
        except StatusError as error:
            await context.abort(_GRPC_CODES[int(error.code)], error.message)
        except asyncio.CancelledError:
            await self._end_if_cut(task, context)
            raise
        except grpc.aio.AbortError:
            raise
        except Exception:
            log.exception("%s failed", method)
            await context.abort(grpc.StatusCode.INTERNAL, refusal(Code.INTERNAL).message)
        finally:
            for tasks in (*among, self._cut, self._sending):
                tasks.discard(task)

    async def _end_if_cut(self, task: asyncio.Task[Any], context: _Context) -> None:
        """Answer UNAVAILABLE where it was us who cancelled the call."""
        if task in self._cut:
            task.uncancel()
            await context.abort(grpc.StatusCode.UNAVAILABLE, refusal(Code.UNAVAILABLE).message)

    async def _enter(self, method: str, real: Any, received: int) -> None:
        """Note the call, find out who sent it, and let faults happen.

        Raises:
            StatusError: the call is refused.
        """
        self.calls[method] = self.calls.get(method, 0) + 1
        who = caller_of(real.invocation_metadata() or ())
        caller.set(who)
        if method in WRITES:
            self.received.append(Received(method, received, self.clock.now(), who.email))
        if self.faults.slow_s:
            await asyncio.sleep(self.faults.slow_s)
        await self.faults.answering.wait()
        if (refused := self.faults.before(method, self.clock.now())) is not None:
            raise refused
        if method == "WriteLogEntries":
            self.permissions.require(who, WRITES[method], "projects/demo")
