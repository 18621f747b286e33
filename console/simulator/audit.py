"""Cloud Audit Logs: the entry that each mutating call leaves.

Source: https://cloud.google.com/run/docs/audit-logging (Admin Activity: log `cloudaudit.googleapis.com/activity`,
service `run.googleapis.com`) and google/cloud/audit/audit_log.proto.
"""

from __future__ import annotations

import hashlib
from typing import Any

from google.cloud.audit import audit_log_pb2
from google.cloud.logging_v2.types import LogEntry
from google.logging.type import log_severity_pb2
from google.protobuf import any_pb2, json_format

from console.simulator.status import Code, StatusError


def entry(
    *,
    project: str,
    region: str,
    service: str,
    method: str,
    resource: str,
    permission: str,
    principal: str,
    request: Any,
    at: float,
    operation: str = "",
    refused: StatusError | None = None,
    agent: str = "",
) -> LogEntry:
    """One Admin Activity entry.

    Args:
        project: whose it is.
        region: where.
        service: short name.
        method: e.g. `google.cloud.run.v2.Services.UpdateService`.
        resource: full name of what was changed.
        permission: the one that the call needs.
        principal: e-mail of the caller.
        request: the request, a raw protobuf message; kept as a struct.
        at: Unix seconds of simulated time.
        operation: name of the operation that the call began, or empty.
        refused: why it was refused, or None.
        agent: the caller's user agent.
    """
    audit = audit_log_pb2.AuditLog(
        service_name="run.googleapis.com",
        method_name=method,
        resource_name=resource,
    )
    audit.authentication_info.principal_email = principal
    audit.authorization_info.add(resource=resource, permission=permission, granted=_granted(refused))
    audit.request_metadata.caller_ip = "127.0.0.1"
    audit.request_metadata.caller_supplied_user_agent = agent
    audit.resource_location.current_locations.append(region)
    try:
        body = json_format.MessageToDict(request)
    except json_format.SerializeToJsonError:  # a mask that JSON cannot hold; the call itself is refused
        body = {}
    body["@type"] = f"type.googleapis.com/{request.DESCRIPTOR.full_name}"
    audit.request.update(body)
    if refused is not None:
        audit.status.code = int(refused.code)
        audit.status.message = refused.message
    payload = any_pb2.Any()
    payload.Pack(audit)
    made = LogEntry(log_name=f"projects/{project}/logs/cloudaudit.googleapis.com%2Factivity")
    raw = LogEntry.pb(made)
    raw.proto_payload.CopyFrom(payload)
    raw.severity = log_severity_pb2.ERROR if refused is not None else log_severity_pb2.NOTICE
    raw.timestamp.FromNanoseconds(int(at * 1e6) * 1000)
    raw.receive_timestamp.CopyFrom(raw.timestamp)
    raw.insert_id = hashlib.blake2b(f"{at}{method}{resource}{principal}".encode(), digest_size=8).hexdigest()
    raw.resource.type = "cloud_run_revision"
    raw.resource.labels.update(
        project_id=project, location=region, service_name=service, revision_name="", configuration_name=service
    )
    if operation:
        raw.operation.id = operation
        raw.operation.producer = "run.googleapis.com"
        raw.operation.first = True
    return made


def _granted(refused: StatusError | None) -> bool:
    return refused is None or refused.code != Code.PERMISSION_DENIED
