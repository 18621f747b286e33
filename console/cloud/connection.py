"""Channels (stub until the next commit)."""

from __future__ import annotations

from console.clock import Clock, ServerClock
from console.cloud.target import CloudTarget


class Connection:
    """Open channels."""

    server_clock: ServerClock

    @classmethod
    async def open(cls, target: CloudTarget, clock: Clock) -> Connection:
        """Open."""
        raise NotImplementedError

    def run_channel_ready(self) -> bool:
        """Ready now."""
        raise NotImplementedError

    async def identity(self) -> str:
        """E-mail."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close."""
