"""`Cloud`: one project and region, connected. What the rest of canario holds; imports no Google client itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from console.clock import Clock, ServerClock
from console.cloud.logs import LogsApi
from console.cloud.metrics import MetricsApi
from console.cloud.run import RunApi
from console.cloud.target import CloudTarget

if TYPE_CHECKING:
    from console.cloud.connection import Connection


class Cloud:
    """Cloud Run, Logging and Monitoring of one project and region. Made by `connect`; one event loop's only."""

    def __init__(self, target: CloudTarget, connection: Connection) -> None:
        self.target = target
        self._connection = connection
        self.run = RunApi(target, connection)
        self.logs = LogsApi(target, connection)
        self.metrics = MetricsApi(target, connection)

    @property
    def server_clock(self) -> ServerClock:
        """The cloud's time, learned from every answer."""
        return self._connection.server_clock

    @classmethod
    async def connect(cls, target: CloudTarget, clock: Clock) -> Self:
        """Import the clients and load credentials, both in a thread; open the channels. Sends no call yet.

        Raises:
            SettingsError: the endpoint is not a loopback HOST:PORT.
            CredentialsError: no Application Default Credentials, or unusable ones.
        """
        target.check()
        connection_class = await asyncio.to_thread(_load_connection)
        return cls(target, await connection_class.open(target, clock))

    async def warm(self) -> None:
        """Wait until the Run channel is ready, and send one cheap call through it, so that the next is quick.

        Raises:
            CloudError: it cannot be reached or refuses us.
        """
        await self.run.warm()

    def channel_ready(self) -> bool:
        """Whether the Run channel is connected now."""
        return self._connection.run_channel_ready()

    async def identity(self) -> str:
        """E-mail that the calls are made as.

        Raises:
            CredentialsError: the credentials cannot tell, nor can Google's tokeninfo.
        """
        return await self._connection.identity()

    async def close(self) -> None:
        """Close the channels; calls under way are cancelled."""
        await self.run.digests.close()
        await self._connection.close()


def _load_connection() -> type[Connection]:
    from console.cloud.connection import Connection

    return Connection


__all__ = ["Cloud", "CloudTarget"]
