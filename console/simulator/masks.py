"""`update_mask` on a service: which fields a write replaces. Pure functions of messages.

Source: UpdateServiceRequest.update_mask (https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2) and
the FieldMask rules of google/protobuf/field_mask.proto: whole lists and maps are replaced, a path ends at one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from google.cloud import run_v2

from console.simulator.status import Code, StatusError

USER_FIELDS = frozenset(
    {
        "description", "labels", "annotations", "client", "client_version", "ingress", "launch_stage",
        "binary_authorization", "template", "traffic", "scaling", "invoker_iam_disabled", "default_uri_disabled",
        "iap_enabled", "multi_region_settings", "custom_audiences", "build_config",
    }
)  # fmt: skip
"""Fields of a Service that users set; a mask that names others is honoured by ignoring those (AIP-203)."""

METADATA_FIELDS = frozenset({"description", "labels", "annotations", "client", "client_version"})
"""Of these, the ones that change nothing about what serves."""

_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")


def in_snake_case(path: str) -> str:
    """`path` as the messages' own field names; clients that learned JSON send camelCase."""
    return _CAMEL.sub(lambda match: "_" + match.group(1).lower(), path)


def apply(current: run_v2.Service, given: run_v2.Service, paths: Sequence[str]) -> run_v2.Service:
    """`current` with the masked fields of `given`; with every user-set field of it where there is no mask (or `*`).

    Args:
        current: as it is; not changed.
        given: the request's service.
        paths: the mask's.

    Raises:
        StatusError: INVALID_ARGUMENT for a path that a Service does not have.
    """
    result = run_v2.Service(current)
    target, source = run_v2.Service.pb(result), run_v2.Service.pb(given)
    if not paths or list(paths) == ["*"]:
        paths = sorted(USER_FIELDS)
    for path in paths:
        _copy(path, path.split("."), source, target)
    return result


def same_desired(one: run_v2.Service, other: run_v2.Service) -> bool:
    """Whether two services desire the same, in every field that users set."""
    return _same(one, other, USER_FIELDS)


def same_configuration(one: run_v2.Service, other: run_v2.Service) -> bool:
    """Whether two services differ at most in labels, annotations and the like."""
    return _same(one, other, USER_FIELDS - METADATA_FIELDS)


def _same(one: run_v2.Service, other: run_v2.Service, fields: frozenset[str]) -> bool:
    left, right = run_v2.Service.pb(one), run_v2.Service.pb(other)
    for name in fields:
        mine, theirs = getattr(left, name), getattr(right, name)
        if mine != theirs:
            return False
    return True


def _copy(path: str, parts: list[str], source: Any, target: Any) -> None:
    """Replace the field at `parts`; `source` and `target` are raw protobuf messages (untyped in the stubs)."""
    if parts[0] not in USER_FIELDS and parts[0] in source.DESCRIPTOR.fields_by_name:
        return
    *way, last = parts
    for name in way:
        field = source.DESCRIPTOR.fields_by_name.get(name)
        if field is None or field.message_type is None or _many(field):
            raise StatusError(Code.INVALID_ARGUMENT, f"update_mask: invalid path '{path}'.")
        source, target = getattr(source, name), getattr(target, name)
    field = source.DESCRIPTOR.fields_by_name.get(last)
    if field is None:
        raise StatusError(Code.INVALID_ARGUMENT, f"update_mask: invalid path '{path}'.")
    target.ClearField(last)
    value = getattr(source, last)
    if _many(field):
        getattr(target, last).MergeFrom(value)
    elif field.message_type is not None:
        if source.HasField(last):
            getattr(target, last).CopyFrom(value)
    elif not field.has_presence or source.HasField(last):
        setattr(target, last, value)


def _many(field: Any) -> bool:
    return bool(field.is_repeated) if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED
