"""Long-running operations: made with each change, done when its reconcile ends; WaitOperation waits here.

Source: https://cloud.google.com/run/docs/reference/rpc/google.longrunning. `wait` answers the moment the operation
ends; it never polls.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from google.longrunning import operations_pb2
from google.protobuf import any_pb2
from google.rpc import status_pb2

from console.simulator.status import Code, StatusError

KEPT = 2000
"""Operations remembered; the oldest finished ones are forgotten."""


@dataclass(slots=True)
class OperationRecord:
    """One operation."""

    name: str
    """Full name: `projects/P/locations/L/operations/ID`."""
    target: str
    """Full name of the service or revision that it changes."""
    created: float
    """Unix seconds."""
    metadata: any_pb2.Any
    """The resource as the call left it."""
    done: bool = False
    response: any_pb2.Any | None = None
    error: status_pb2.Status | None = None
    waiters: list[asyncio.Future[None]] = field(default_factory=list)

    def message(self) -> operations_pb2.Operation:
        """As it is answered now."""
        message = operations_pb2.Operation(name=self.name, metadata=self.metadata, done=self.done)
        if self.error is not None:
            message.error.CopyFrom(self.error)
        elif self.response is not None:
            message.response.CopyFrom(self.response)
        return message


class Operations:
    """The operations of one project and region.

    Args:
        parent: `projects/P/locations/L`.
        seed: makes their ids repeatable.
    """

    def __init__(self, parent: str, seed: int) -> None:
        self.parent = parent
        self._seed = seed
        self._started = 0
        self._records: dict[str, OperationRecord] = {}
        self.on_done: Callable[[OperationRecord], None] | None = None
        """Called after an operation has ended."""

    def start(self, target: str, metadata: any_pb2.Any, at: float) -> OperationRecord:
        """A new operation on `target`."""
        record = OperationRecord(f"{self.parent}/operations/{self._new_id()}", target, at, metadata)
        self._records[record.name] = record
        if len(self._records) > KEPT:
            oldest = next((name for name, kept in self._records.items() if kept.done), None)
            if oldest is not None:
                del self._records[oldest]
        return record

    def restore(self, record: OperationRecord) -> None:
        """Take back one that was kept on disk."""
        self._records[record.name] = record
        self._started += 1

    def succeed(self, name: str, response: any_pb2.Any) -> None:
        """End it with `response`."""
        record = self._records.get(name)
        if record is not None:
            record.response = response
            self._end(record)

    def fail(self, name: str, code: Code, words: str) -> None:
        """End it with an error."""
        record = self._records.get(name)
        if record is not None:
            record.error = status_pb2.Status(code=int(code), message=words)
            self._end(record)

    def get(self, name: str) -> OperationRecord:
        """The operation of that full name.

        Raises:
            StatusError: NOT_FOUND.
        """
        record = self._records.get(name)
        if record is None:
            raise StatusError(Code.NOT_FOUND, f"Operation '{name}' not found.")
        return record

    def all(self) -> list[OperationRecord]:
        """Every one remembered, oldest first."""
        return list(self._records.values())

    async def wait(self, name: str, timeout_s: float | None) -> OperationRecord:
        """The operation once it is done, or as it is after `timeout_s` wall seconds (None: however long it takes).

        "Waits until the specified long-running operation is done or reaches at most a specified timeout, returning
        the latest state" (google/longrunning/operations.proto).
        """
        record = self.get(name)
        if not record.done:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            record.waiters.append(future)
            await asyncio.wait([future], timeout=timeout_s)
            if future in record.waiters:
                record.waiters.remove(future)
        return record

    def _end(self, record: OperationRecord) -> None:
        record.done = True
        for future in record.waiters:
            if not future.done():
                future.set_result(None)
        record.waiters.clear()
        if self.on_done is not None:
            self.on_done(record)

    def _new_id(self) -> str:
        self._started += 1
        digits = f"{random.Random(f'operations/{self._seed}/{self._started}').getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
