"""Cloud Run: services, revisions, traffic. One UpdateService a write, by mask, under an etag, never retried here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.cloud.target import CloudTarget
from console.release.service import Revision, Service
from console.release.split import TrafficSplit

if TYPE_CHECKING:
    from console.cloud.connection import Connection


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A write that the cloud has accepted and is carrying out."""

    operation: str
    """Name for `RunApi.wait`; empty where nothing was to be done (`validate_only`)."""
    service: Service | None
    """The service as the call answered, where it told."""


class RunApi:
    """Cloud Run of one project and region."""

    def __init__(self, target: CloudTarget, connection: Connection) -> None:
        self._target = target
        self._connection = connection

    async def warm(self) -> None:
        """See `Cloud.warm`."""
        raise NotImplementedError

    async def get_service(self, name: str, *, timeout_s: float = 10.0) -> Service:
        """The service now."""
        raise NotImplementedError

    async def list_services(self) -> tuple[Service, ...]:
        """Every service of the region."""
        raise NotImplementedError

    async def list_revisions(self, service: str, *, limit: int = 200) -> tuple[Revision, ...]:
        """At most `limit` revisions of `service`, newest first."""
        raise NotImplementedError

    async def get_revision(self, service: str, name: str) -> Revision:
        """One revision."""
        raise NotImplementedError

    async def write(
        self,
        service: Service,
        *,
        traffic: TrafficSplit | None = None,
        annotations: Mapping[str, str] | None = None,
        etag: str | None = None,
        validate_only: bool = False,
        timeout_s: float = 10.0,
    ) -> PendingChange:
        """One UpdateService."""
        raise NotImplementedError

    async def deploy(
        self, service: Service, *, image: str, tag: str, annotations: Mapping[str, str] | None = None
    ) -> PendingChange:
        """A new revision with no traffic."""
        raise NotImplementedError

    async def wait(self, operation: str, *, timeout_s: float = 120.0) -> Service:
        """Wait for an operation's end."""
        raise NotImplementedError

    async def test_permissions(self, service: str, permissions: Sequence[str]) -> frozenset[str]:
        """Which of `permissions` we have on `service`."""
        raise NotImplementedError
