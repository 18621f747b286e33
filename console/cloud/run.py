"""Cloud Run: services, revisions, traffic. One UpdateService a write, by mask, under an etag, never retried here."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from console.cloud.digests import Digests
from console.cloud.target import CloudTarget
from console.errors import ConfirmationLostError, NotFoundError, PermissionMissingError, QuotaError, UnavailableError
from console.release.service import Revision, Service
from console.release.split import TrafficSplit
from console.words import _

if TYPE_CHECKING:
    from google.cloud import run_v2

    from console.cloud.connection import Connection

LIST_TIMEOUT_S = 15.0
WARM_TIMEOUT_S = 10.0
DEPLOY_TIMEOUT_S = 15.0
WAIT_SLICE_S = 20.0
"""Longest single WaitOperation; a lost connection costs no more than that."""


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A write that the cloud has accepted and is carrying out."""

    operation: str
    """Name for `RunApi.wait`; empty where there is nothing to wait for (`validate_only`)."""
    service: Service | None
    """The service as the call answered, where it told."""


class RunApi:
    """Cloud Run of one project and region. Reads try again for a second; writes are sent once."""

    def __init__(self, target: CloudTarget, connection: Connection) -> None:
        self._target = target
        self._connection = connection
        self.digests = Digests(target, connection)
        self._chance = random.SystemRandom()

    async def warm(self) -> None:
        """Connect, and send one cheap call; that we may not make it is no matter. See `Cloud.warm`."""
        await self._connection.run_ready(WARM_TIMEOUT_S)
        client = await self._connection.services()

        async def once(timeout_s: float) -> object:
            return await client.list_services(
                request={"parent": self._target.parent, "page_size": 1}, retry=None, timeout=timeout_s
            )

        try:
            await self._connection.read(once, doing=_("opening the connection"), timeout_s=WARM_TIMEOUT_S)
        except (PermissionMissingError, NotFoundError, QuotaError):
            return  # the channel is as warm as it gets, and a rollback may be allowed all the same

    async def get_service(self, name: str, *, timeout_s: float = 10.0) -> Service:
        """The service now.

        Args:
            name: short name.
            timeout_s: wall seconds after which it is given up.

        Raises:
            NotFoundError: no such service here.
            CloudError: anything else that went wrong.
        """
        message = await self._get(name, timeout_s)
        from console.cloud import convert  # imported by now, in a thread

        return convert.service_from(message)

    async def _get(self, name: str, timeout_s: float) -> run_v2.Service:
        client = await self._connection.services()
        path = self._target.service_path(name)

        async def once(left_s: float) -> run_v2.Service:
            return await client.get_service(request={"name": path}, retry=None, timeout=left_s)

        return await self._connection.read(once, doing=_("reading {name}").format(name=name), timeout_s=timeout_s)

    async def list_services(self) -> tuple[Service, ...]:
        """Every service of the region, by name."""
        client = await self._connection.services()
        from console.cloud import convert

        found: list[Service] = []
        token = ""
        while True:
            request = {"parent": self._target.parent, "page_token": token}

            async def once(left_s: float, request: dict[str, str] = request) -> run_v2.ListServicesResponse:
                pager = await client.list_services(request=request, retry=None, timeout=left_s)
                return await anext(pager.pages)

            page = await self._connection.read(once, doing=_("listing services"), timeout_s=LIST_TIMEOUT_S)
            found += [convert.service_from(message) for message in page.services]
            token = page.next_page_token
            if not token:
                return tuple(sorted(found, key=lambda service: service.name))

    async def list_revisions(self, service: str, *, limit: int = 200) -> tuple[Revision, ...]:
        """At most `limit` revisions of `service`, newest first.

        Cloud Run answers newest first, though it does not promise to: where a page proves otherwise, all are read
        (at most 1,000 a service) and sorted.
        """
        client = await self._connection.revisions()
        from console.cloud import convert

        parent = self._target.service_path(service)
        found: list[Revision] = []
        token = ""
        while True:
            request = {"parent": parent, "page_size": min(limit, 200), "page_token": token}

            async def once(left_s: float, request: dict[str, Any] = request) -> run_v2.ListRevisionsResponse:
                pager = await client.list_revisions(request=request, retry=None, timeout=left_s)
                return await anext(pager.pages)

            page = await self._connection.read(
                once, doing=_("listing the revisions of {name}").format(name=service), timeout_s=LIST_TIMEOUT_S
            )
            found += [self._with_digest(convert.revision_from(message)) for message in page.revisions]
            token = page.next_page_token
            ordered = sorted(found, key=_age_key, reverse=True)
            if not token or (len(found) >= limit and [r.name for r in ordered] == [r.name for r in found]):
                return tuple(ordered[:limit])

    async def get_revision(self, service: str, name: str) -> Revision:
        """One revision, deleted ones included while Cloud Run still knows them.

        Raises:
            NotFoundError: no such revision.
        """
        client = await self._connection.revisions()
        from console.cloud import convert

        path = f"{self._target.service_path(service)}/revisions/{name}"

        async def once(left_s: float) -> run_v2.Revision:
            return await client.get_revision(request={"name": path}, retry=None, timeout=left_s)

        doing = _("reading revision {name}").format(name=name)
        return self._with_digest(convert.revision_from(await self._connection.read(once, doing=doing, timeout_s=10.0)))

    async def with_digests(
        self, revisions: Sequence[Revision], names: Iterable[str], *, again: bool = False
    ) -> tuple[Revision, ...]:
        """`revisions` with the digests of those in `names`, asked for where they are not known; never raises.

        Args:
            revisions: as read.
            names: short names of those whose image matters.
            again: ask also for what could not be read just now.
        """
        wanted = set(names)
        bare = [one.name for one in revisions if one.name in wanted and not one.digest and not one.deleted]
        await self.digests.learn(bare, again=again)
        return tuple(self._with_digest(one) for one in revisions)

    def _with_digest(self, revision: Revision) -> Revision:
        digest = revision.digest or self.digests.known(revision.name)
        asking = bool(revision.image) and not digest and not self.digests.refused(revision.name)
        return replace(revision, digest=digest, asking=asking)

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
        """One UpdateService whose mask is exactly what is given here; never the template, never a second try.

        Args:
            service: the service as the caller last saw it.
            traffic: the whole new split, tags included; None leaves it.
            annotations: the whole new map, foreign ones included; None leaves it.
            etag: None sends the one of `service`, so that a stale look cannot win; empty sends none (no check).
            validate_only: have it checked, change nothing.
            timeout_s: wall seconds after which the answer counts as lost.

        Raises:
            ConflictError: the etag is stale; nothing was done.
            ConfirmationLostError: sent, and no answer came: it may have been done.
            UnavailableError: it never left, or the cloud said no for now; nothing was done.
            CloudError: refused; nothing was done.
        """
        client = await self._connection.services()
        from google.cloud import run_v2

        from console.cloud import convert

        message = run_v2.Service(
            name=self._target.service_path(service.name), etag=service.etag if etag is None else etag
        )
        paths = []
        if traffic is not None:
            paths.append("traffic")
            message.traffic = convert.targets_from(traffic)
        if annotations is not None:
            paths.append("annotations")
            message.annotations = dict(annotations)
        if not paths:
            return PendingChange("", service)
        return await self._update(
            client, message, paths, timeout_s, _("changing {name}").format(name=service.name), validate_only
        )

    async def deploy(
        self, service: Service, *, image: str, tag: str, annotations: Mapping[str, str] | None = None
    ) -> PendingChange:
        """A new revision that gets no traffic: the template with another image, the split pinned by name, one tag.

        What serves now is pinned to its revisions by name (LATEST would move to the new one by itself); the new
        revision stands under `tag` on a 0 % target of its own. The template is read afresh and sent whole but for
        the image and the revision's name. `SERVICE-NNNNN-xyz` is the new name; `service.latest_created` of the answer.

        Args:
            service: the service as the caller last saw it; its etag is sent.
            image: container image, with tag or digest.
            tag: traffic tag, moved here if it stood elsewhere.
            annotations: the whole new map, or None to leave it.

        Raises:
            As `write`.
        """
        client = await self._connection.services()
        from google.cloud import run_v2

        from console.cloud import convert

        current = await self._get(service.name, DEPLOY_TIMEOUT_S)
        known = convert.service_from(current)
        revision = convert.next_revision_name(known.name, known.generation, known.latest_created, self._chance)
        split = known.traffic.with_shares(known.desired_shares()).with_tag(tag, revision)
        message = run_v2.Service(
            name=current.name,
            etag=service.etag,
            template=convert.with_image(current.template, image=image, revision=revision),
            traffic=convert.targets_from(split),
        )
        paths = ["template", "traffic"]
        if annotations is not None:
            paths.append("annotations")
            message.annotations = dict(annotations)
        doing = _("deploying to {name}").format(name=service.name)
        return await self._update(client, message, paths, DEPLOY_TIMEOUT_S, doing, False)

    async def _update(
        self,
        client: run_v2.ServicesAsyncClient,
        message: run_v2.Service,
        paths: list[str],
        timeout_s: float,
        doing: str,
        validate_only: bool,
    ) -> PendingChange:
        from google.cloud import run_v2

        from console.cloud import convert, errors

        request = run_v2.UpdateServiceRequest(
            service=message, update_mask={"paths": paths}, validate_only=validate_only
        )
        with errors.translated(doing, write=True):
            started: Any = await client.update_service(request=request, retry=None, timeout=timeout_s)
        operation = started.operation
        told = run_v2.Service()
        if operation.HasField("error"):
            raise errors.failed_operation(operation.error.code, operation.error.message)
        answer = operation.response if operation.done else operation.metadata
        seen = answer.Unpack(run_v2.Service.pb(told))
        return PendingChange(operation.name, convert.service_from(told) if seen else None)

    async def wait(self, operation: str, *, timeout_s: float = 120.0) -> Service:
        """Wait until `operation` ends, and return the service as it then is.

        WaitOperation answers at the moment it ends (`operation.result()` polls, and overshoots by seconds). While the
        cloud is unavailable it is asked again: the operation goes on without us.

        Args:
            operation: as `write` answered.
            timeout_s: wall seconds after which we stop waiting; the operation goes on.

        Raises:
            ConfirmationLostError: not over within `timeout_s`.
            CloudError: it failed; `what` has the condition's words. What served before still serves.
        """
        client = await self._connection.services()
        from google.cloud import run_v2
        from google.longrunning import operations_pb2

        from console.cloud import convert, errors

        clock = self._connection.clock
        doing = _("waiting for the change")
        deadline = clock.monotonic() + timeout_s
        while (left := deadline - clock.monotonic()) > 0:
            request = operations_pb2.WaitOperationRequest(name=operation)
            slice_s = min(left, WAIT_SLICE_S)
            request.timeout.FromMilliseconds(max(1, int(slice_s * 1000)))
            try:
                with errors.translated(doing):
                    answer: Any = await client.wait_operation(request, retry=None, timeout=slice_s + 2.0)
            except UnavailableError:
                await clock.sleep(min(0.2, left))
                continue
            # run 0.16's clients give this method's answer undecoded
            state = operations_pb2.Operation.FromString(answer) if isinstance(answer, bytes) else answer
            if not state.done:
                continue
            if state.HasField("error"):
                raise errors.failed_operation(state.error.code, state.error.message)
            result = run_v2.Service()
            if state.response.Unpack(run_v2.Service.pb(result)):
                return convert.service_from(result)
            raise NotFoundError(_("The operation {name} says nothing of a service.").format(name=operation))
        raise ConfirmationLostError(
            _("The change was accepted, and was not finished within {seconds} s.").format(seconds=round(timeout_s)),
            traffic=_("Cloud Run goes on with it."),
            remedy=_("Watch the effective split; it shows what serves."),
        )

    async def test_permissions(self, service: str, permissions: Sequence[str]) -> frozenset[str]:
        """Which of `permissions` (e.g. `run.services.update`) we have on `service`."""
        client = await self._connection.services()
        request = {"resource": self._target.service_path(service), "permissions": list(permissions)}

        async def once(left_s: float) -> Any:
            return await client.test_iam_permissions(request=request, retry=None, timeout=left_s)

        doing = _("asking what we may do with {name}").format(name=service)
        answer = await self._connection.read(once, doing=doing, timeout_s=10.0)
        return frozenset(str(permission) for permission in answer.permissions)


def _age_key(revision: Revision) -> tuple[float, str]:
    return (revision.created.timestamp() if revision.created else 0.0, revision.name)
