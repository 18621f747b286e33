"""`google.cloud.run.v2` Services and Revisions and `google.longrunning` Operations over the store.

Generic handlers with Google's own message classes; no generated servicer is needed. Every mutating call leaves a
Cloud Audit Log entry, refused ones too, as Google's do.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import grpc
from google.cloud import run_v2
from google.cloud.logging_v2.types import LogEntry
from google.iam.v1 import iam_policy_pb2
from google.longrunning import operations_pb2
from google.protobuf import field_mask_pb2

from console.simulator import audit, masks
from console.simulator.callers import Permissions, caller
from console.simulator.clock import SimClock
from console.simulator.operations import OperationRecord
from console.simulator.revisions import short
from console.simulator.rules import invalid
from console.simulator.status import Code, StatusError
from console.simulator.store import Store

T = TypeVar("T")

SERVICES = "google.cloud.run.v2.Services"
REVISIONS = "google.cloud.run.v2.Revisions"
OPERATIONS = "google.longrunning.Operations"

DEFAULT_PAGE = 100
LARGEST_PAGE = 1000


class LogSink(Protocol):
    """Where log entries go: the logging service."""

    def append(self, entry: LogEntry, service: str = "") -> object:
        """Take in one entry."""
        ...


class RunService:
    """The Cloud Run API.

    Args:
        store: the state machine.
        clock: simulated time.
        permissions: who may do what.
        logs: where audit entries go; None for nowhere.
    """

    def __init__(self, store: Store, clock: SimClock, permissions: Permissions, logs: LogSink | None) -> None:
        self.store = store
        self.clock = clock
        self.permissions = permissions
        self.logs = logs

    # ------------------------------------------------------------ Services

    async def get_service(self, request: run_v2.GetServiceRequest, context: object) -> run_v2.Service:
        """GetService."""
        self._allow("run.services.get", request.name)
        return self.store.view(self.store.find(request.name))

    async def list_services(self, request: run_v2.ListServicesRequest, context: object) -> run_v2.ListServicesResponse:
        """ListServices, by name. "Location must be a valid Google Cloud region, and cannot be the '-' wildcard"."""
        self._allow("run.services.list", request.parent)
        if self._place(request.parent) == "-":
            raise invalid("parent: location cannot be the '-' wildcard.")
        mine = request.parent == self.store.parent
        views = [self.store.view(record) for _name, record in sorted(self.store.services.items())] if mine else []
        page, token = paged(views, lambda view: view.name, request.page_size, request.page_token, request.parent)
        return run_v2.ListServicesResponse(services=page, next_page_token=token)

    async def create_service(self, request: run_v2.CreateServiceRequest, context: object) -> operations_pb2.Operation:
        """CreateService."""
        name = f"{request.parent}/services/{request.service_id}"
        return self._change(
            f"{SERVICES}.CreateService",
            "run.services.create",
            name,
            run_v2.CreateServiceRequest.pb(request),
            lambda who, at: self.store.create_service(request, principal=who, at=at),
        )

    async def update_service(self, request: run_v2.UpdateServiceRequest, context: object) -> operations_pb2.Operation:
        """UpdateService."""
        return self.change_service(request)

    def change_service(self, request: run_v2.UpdateServiceRequest) -> operations_pb2.Operation:
        """UpdateService by the present caller, from inside the simulator too (a rival's move).

        Raises:
            StatusError: refused.
        """
        paths = [masks.in_snake_case(path) for path in request.update_mask.paths]
        request.update_mask = field_mask_pb2.FieldMask(paths=paths)
        return self._change(
            f"{SERVICES}.UpdateService",
            "run.services.update",
            request.service.name,
            run_v2.UpdateServiceRequest.pb(request),
            lambda who, at: self.store.update_service(request, principal=who, at=at),
        )

    async def test_iam_permissions(
        self, request: iam_policy_pb2.TestIamPermissionsRequest, context: object
    ) -> iam_policy_pb2.TestIamPermissionsResponse:
        """TestIamPermissions: those of the asked permissions that the caller has; wildcards are refused.

        Source: https://cloud.google.com/run/docs/reference/rpc/google.iam.v1. "If the resource does not exist, this
        will return an empty set of permissions, not a NOT_FOUND error".
        """
        if any("*" in permission for permission in request.permissions):
            raise invalid("permissions: wildcards (such as '*' or 'storage.*') are not allowed.")
        try:
            self.store.find(request.resource)
        except StatusError:
            return iam_policy_pb2.TestIamPermissionsResponse()
        held = self.permissions.held(caller.get(), list(request.permissions))
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=held)

    # ------------------------------------------------------------ Revisions

    async def get_revision(self, request: run_v2.GetRevisionRequest, context: object) -> run_v2.Revision:
        """GetRevision."""
        self._allow("run.revisions.get", request.name)
        return self.store.find_revision(request.name).message

    async def list_revisions(
        self, request: run_v2.ListRevisionsRequest, context: object
    ) -> run_v2.ListRevisionsResponse:
        """ListRevisions, newest first. "To list all Revisions across Services, use '-' instead of Service Name"."""
        self._allow("run.revisions.list", request.parent)
        if request.parent == f"{self.store.parent}/services/-":
            owners = list(self.store.services.values())
        else:
            owners = [self.store.find(request.parent)]
        found = [record for owner in owners for record in owner.revisions.values()]
        if request.show_deleted:
            found += [record for owner in owners for record in owner.deleted.values()]
        found.sort(key=lambda record: (record.created, record.name), reverse=True)
        page, token = paged(
            [record.message for record in found],
            lambda message: message.name,
            request.page_size,
            request.page_token,
            request.parent,
        )
        return run_v2.ListRevisionsResponse(revisions=page, next_page_token=token)

    async def delete_revision(self, request: run_v2.DeleteRevisionRequest, context: object) -> operations_pb2.Operation:
        """DeleteRevision."""
        return self._change(
            f"{REVISIONS}.DeleteRevision",
            "run.revisions.delete",
            request.name,
            run_v2.DeleteRevisionRequest.pb(request),
            lambda who, at: self.store.delete_revision(request, principal=who, at=at),
        )

    # ------------------------------------------------------------ Operations

    async def get_operation(
        self, request: operations_pb2.GetOperationRequest, context: object
    ) -> operations_pb2.Operation:
        """GetOperation."""
        self._allow("run.operations.get", request.name)
        return self.store.operations.get(request.name).message()

    async def wait_operation(
        self, request: operations_pb2.WaitOperationRequest, context: Any
    ) -> operations_pb2.Operation:
        """WaitOperation: answers the moment the operation ends, or with it as it is when the timeout is over.

        "If the timeout is greater than the HTTP/RPC timeout, the HTTP/RPC timeout is used" (operations.proto): the
        answer then leaves just before the caller's deadline.
        """
        self._allow("run.operations.get", request.name)
        limit = request.timeout.ToTimedelta().total_seconds() if request.HasField("timeout") else None
        remaining = context.time_remaining()
        if remaining is not None:
            limit = min(remaining - 0.05, remaining if limit is None else limit)
        record = await self.store.operations.wait(request.name, None if limit is None else max(0.0, limit))
        return record.message()

    async def list_operations(
        self, request: operations_pb2.ListOperationsRequest, context: object
    ) -> operations_pb2.ListOperationsResponse:
        """ListOperations, newest first; `filter` may be empty, `done=true` or `done=false`."""
        self._allow("run.operations.list", request.name)
        wanted = request.filter.replace(" ", "").lower()
        if wanted not in ("", "done=true", "done=false"):
            raise invalid(f"filter: '{request.filter}' is not supported.")
        if request.name not in (self.store.parent, self.store.parent + "/operations"):
            raise invalid(f"name: '{request.name}' is not projects/PROJECT/locations/LOCATION.")
        found = [o.message() for o in reversed(self.store.operations.all())]
        if wanted:
            found = [o for o in found if o.done == (wanted == "done=true")]
        page, token = paged(found, lambda o: o.name, request.page_size, request.page_token, request.name)
        return operations_pb2.ListOperationsResponse(operations=page, next_page_token=token)

    # ------------------------------------------------------------ shared

    def _place(self, parent: str) -> str:
        """The location of a parent in our project.

        Raises:
            StatusError: INVALID_ARGUMENT for another form, PERMISSION_DENIED for another project.
        """
        parts = parent.split("/")
        if len(parts) != 4 or parts[0] != "projects" or parts[2] != "locations":
            raise invalid(f"parent: '{parent}' is not projects/PROJECT/locations/LOCATION.")
        return parts[3]

    def _allow(self, permission: str, resource: str) -> None:
        """Refuse callers without `permission`, and other projects, which Google does not tell from forbidden ones."""
        self.permissions.require(caller.get(), permission, resource)
        if not resource.startswith(f"projects/{self.store.project}/"):
            raise StatusError(
                Code.PERMISSION_DENIED,
                f"Permission '{permission}' denied on resource '{resource}' (or resource may not exist).",
            )

    def _change(
        self,
        method: str,
        permission: str,
        resource: str,
        request: Any,
        act: Callable[[str, float], OperationRecord],
    ) -> operations_pb2.Operation:
        """Do a mutating call and leave its audit entry, whatever came of it."""
        at = self.clock.now()
        refused: StatusError | None = None
        operation = ""
        try:
            self._allow(permission, resource)
            record = act(caller.get().email, at)
            operation = record.name
            return record.message()
        except StatusError as error:
            refused = error
            raise
        finally:
            self.audit(method, permission, resource, request, at=at, operation=operation, refused=refused)

    def audit(
        self,
        method: str,
        permission: str,
        resource: str,
        request: Any,
        *,
        at: float,
        operation: str = "",
        refused: StatusError | None = None,
    ) -> None:
        """Write the audit entry of a call by the present caller; one that only validates changes nothing."""
        if self.logs is None or request.validate_only:
            return
        service = short(resource.partition("/revisions/")[0])
        made = audit.entry(
            project=self.store.project,
            region=self.store.region,
            service=service,
            method=method,
            resource=resource,
            permission=permission,
            principal=caller.get().email,
            request=request,
            at=at,
            operation=operation,
            refused=refused,
            agent=caller.get().agent,
        )
        self.logs.append(made, service)

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """What a gRPC server needs to serve the three APIs."""
        iam = iam_policy_pb2
        ops = operations_pb2
        operation = ops.Operation.SerializeToString
        services = {
            "GetService": unary(self.get_service, run_v2.GetServiceRequest.deserialize, run_v2.Service.serialize),
            "ListServices": unary(
                self.list_services, run_v2.ListServicesRequest.deserialize, run_v2.ListServicesResponse.serialize
            ),
            "CreateService": unary(self.create_service, run_v2.CreateServiceRequest.deserialize, operation),
            "UpdateService": unary(self.update_service, run_v2.UpdateServiceRequest.deserialize, operation),
            "TestIamPermissions": unary(
                self.test_iam_permissions,
                iam.TestIamPermissionsRequest.FromString,
                iam.TestIamPermissionsResponse.SerializeToString,
            ),
        }
        revisions = {
            "GetRevision": unary(self.get_revision, run_v2.GetRevisionRequest.deserialize, run_v2.Revision.serialize),
            "ListRevisions": unary(
                self.list_revisions, run_v2.ListRevisionsRequest.deserialize, run_v2.ListRevisionsResponse.serialize
            ),
            "DeleteRevision": unary(self.delete_revision, run_v2.DeleteRevisionRequest.deserialize, operation),
        }
        operations = {
            "GetOperation": unary(self.get_operation, ops.GetOperationRequest.FromString, operation),
            "WaitOperation": unary(self.wait_operation, ops.WaitOperationRequest.FromString, operation),
            "ListOperations": unary(
                self.list_operations,
                ops.ListOperationsRequest.FromString,
                ops.ListOperationsResponse.SerializeToString,
            ),
        }
        return [
            grpc.method_handlers_generic_handler(SERVICES, services),
            grpc.method_handlers_generic_handler(REVISIONS, revisions),
            grpc.method_handlers_generic_handler(OPERATIONS, operations),
        ]


def unary(
    behaviour: Callable[[Any, Any], Awaitable[Any]],
    read: Callable[[bytes], Any],
    write: Callable[[Any], bytes],
) -> grpc.RpcMethodHandler[Any, Any]:
    """A handler of one call, one answer."""
    return grpc.unary_unary_rpc_method_handler(behaviour, request_deserializer=read, response_serializer=write)


def paged(items: Sequence[T], key: Callable[[T], str], size: int, token: str, query: str) -> tuple[list[T], str]:
    """One page of `items`, and the token of the next, empty at the end (https://google.aip.dev/158).

    A token remembers the last item told, not a number, so that what comes or goes meanwhile is neither told twice
    nor makes others be skipped.

    Args:
        items: all, in order.
        key: a name unique among them.
        size: as asked; 0 for the default of 100, at most 1,000.
        token: as asked.
        query: what is listed; a token of another list is refused.

    Raises:
        StatusError: INVALID_ARGUMENT.
    """
    if size < 0:
        raise invalid("page_size: must not be negative.")
    first = 0
    if token:
        try:
            of, last, position = json.loads(base64.urlsafe_b64decode(token.encode()))
        except (binascii.Error, ValueError, TypeError):
            raise invalid("page_token: invalid token.") from None
        if of != query:
            raise invalid("page_token: does not belong to this list.")
        first = next((index + 1 for index, item in enumerate(items) if key(item) == last), min(position, len(items)))
    page = list(items[first : first + min(size or DEFAULT_PAGE, LARGEST_PAGE)])
    end = first + len(page)
    if not page or end >= len(items):
        return page, ""
    text = json.dumps([query, key(page[-1]), end])
    return page, base64.urlsafe_b64encode(text.encode()).decode()
