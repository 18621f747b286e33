"""What Cloud Run accepts: traffic, annotations, names, templates. Pure functions of messages; each says its source.

Words of the refusals are Cloud Run's own where they are publicly recorded (issue threads of its clients), else in
its manner.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from google.cloud import run_v2

from console.simulator.status import Code, StatusError

LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
REVISION = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION

RESERVED_NAMESPACES = (
    "run.googleapis.com",
    "cloud.googleapis.com",
    "serving.knative.dev",
    "autoscaling.knative.dev",
)
MAX_ANNOTATION_BYTES = 256 * 1024
MAX_REVISIONS = 1000

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_TAG = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_ANNOTATION_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_ANNOTATION_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def invalid(message: str) -> StatusError:
    """INVALID_ARGUMENT with `message`."""
    return StatusError(Code.INVALID_ARGUMENT, message)


def missing_revision(name: str) -> StatusError:
    """NOT_FOUND for a revision that never was or is deleted.

    Words: Cloud Run's own, recorded in terraform-docs-samples#269.
    """
    return StatusError(Code.NOT_FOUND, missing_revision_words(name))


def missing_revision_words(name: str) -> str:
    """What Cloud Run says of a traffic target whose revision is not there (terraform-docs-samples#269)."""
    return (
        f"Revision '{name}' does not exist or is deleted. Update all traffic to route to currently available revisions."
    )


def check_traffic(traffic: Sequence[run_v2.TrafficTarget], revisions: Collection[str]) -> None:
    """Refuse a traffic list that Cloud Run would refuse.

    Percents are whole, 0 to 100, and total 100 (Knative API specification 1.0, TrafficTarget.percent: "all values
    MUST sum to 100"); types are LATEST and REVISION, the second with a revision name
    (https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#traffictarget); a tag stands on one target
    only (https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration#tags). An empty list is allowed and
    means 100 % to the latest ready revision (Service.traffic in the same reference).

    Args:
        traffic: the desired targets.
        revisions: short names of the revisions that exist, the one made by this same request included.

    Raises:
        StatusError: INVALID_ARGUMENT, or NOT_FOUND for an unknown or deleted revision.
    """
    if not traffic:
        return
    tags: set[str] = set()
    for index, target in enumerate(traffic):
        where = f"service.traffic[{index}]"
        if not 0 <= target.percent <= 100:
            raise invalid(f"{where}.percent: must be between 0 and 100 percent, inclusive, got {target.percent}.")
        if target.type_ == REVISION:
            if not target.revision:
                raise invalid(f"{where}.revision: required with TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION.")
        elif target.type_ == LATEST:
            if target.revision:
                raise invalid(f"{where}.revision: must be empty with TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST.")
        else:
            raise invalid(f"{where}.type: must be one of LATEST, REVISION.")
        if target.tag:
            if not _TAG.fullmatch(target.tag):
                raise invalid(f"{where}.tag: '{target.tag}' must be a valid DNS label in lower case.")
            if target.tag in tags:
                raise invalid(f"{where}.tag: tag '{target.tag}' is used by more than one traffic target.")
            tags.add(target.tag)
    total = sum(target.percent for target in traffic)
    if total != 100:
        raise invalid(f"service.traffic: Traffic targets must sum to 100, got {total}.")
    for target in traffic:
        if target.type_ == REVISION and target.revision not in revisions:
            raise missing_revision(target.revision)


def shares(traffic: Iterable[run_v2.TrafficTarget], latest_ready: str) -> dict[str, int]:
    """Percent by short revision name; LATEST resolved to `latest_ready`, an empty list is 100 % of it.

    Source: Service.traffic, "If traffic is empty or not provided, defaults to 100% traffic to the latest Ready
    Revision" (https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#service).
    """
    result: dict[str, int] = {}
    empty = True
    for target in traffic:
        empty = False
        name = target.revision if target.type_ == REVISION else latest_ready
        if target.percent and name:
            result[name] = result.get(name, 0) + target.percent
    if empty and latest_ready:
        return {latest_ready: 100}
    return result


def statuses(
    traffic: Sequence[run_v2.TrafficTarget], uri_of_tag: Mapping[str, str]
) -> list[run_v2.TrafficTargetStatus]:
    """The effective split as `traffic_statuses` tells it, each tag with its URI.

    Source: Service.traffic_statuses, "Detailed status information for corresponding traffic targets"; a LATEST
    target is told as such, without a revision name.

    Args:
        traffic: the targets that serve.
        uri_of_tag: where each tag is served.
    """
    if not traffic:
        return [run_v2.TrafficTargetStatus(type_=LATEST, percent=100)]
    return [
        run_v2.TrafficTargetStatus(
            type_=target.type_,
            revision=target.revision,
            percent=target.percent,
            tag=target.tag,
            uri=uri_of_tag.get(target.tag, "") if target.tag else "",
        )
        for target in traffic
    ]


def check_annotations(annotations: Mapping[str, str], where: str = "service.annotations") -> None:
    """Refuse annotations that Cloud Run refuses.

    "Cloud Run API v2 does not support annotations with `run.googleapis.com`, `cloud.googleapis.com`,
    `serving.knative.dev`, or `autoscaling.knative.dev` namespaces, and they will be rejected in new resources";
    the rest follows Kubernetes' rules: keys `[prefix/]name`, all together at most 256 KiB
    (https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#service).
    """
    total = 0
    for key, value in annotations.items():
        prefix, slash, name = key.rpartition("/")
        if slash and any(prefix == reserved or prefix.endswith("." + reserved) for reserved in RESERVED_NAMESPACES):
            raise invalid(f"{where}: annotation '{key}' is in a namespace reserved for the system ('{prefix}').")
        if not _ANNOTATION_NAME.fullmatch(name) or (slash and not _ANNOTATION_PREFIX.fullmatch(prefix)):
            raise invalid(f"{where}: '{key}' is not a valid annotation key.")
        total += len(key.encode()) + len(value.encode())
    if total > MAX_ANNOTATION_BYTES:
        raise invalid(f"{where}: must have at most {MAX_ANNOTATION_BYTES} bytes, got {total}.")


def check_labels(labels: Mapping[str, str], where: str = "service.labels") -> None:
    """Refuse labels in the reserved namespaces, as annotations (Service.labels in the same reference)."""
    for key in labels:
        prefix = key.rpartition("/")[0]
        if any(prefix == reserved or prefix.endswith("." + reserved) for reserved in RESERVED_NAMESPACES):
            raise invalid(f"{where}: label '{key}' is in a namespace reserved for the system ('{prefix}').")


def check_template(service: str, template: run_v2.RevisionTemplate) -> None:
    """Refuse a revision template without a container, or named against the rules.

    A revision's name starts with the service's and a dash, and has at most 63 characters
    (https://cloud.google.com/sdk/gcloud/reference/run/deploy, --revision-suffix).
    """
    if not template.containers or not template.containers[0].image:
        raise invalid("service.template.containers[0].image: Required field not provided.")
    named = template.revision
    if named and not (named.startswith(service + "-") and _NAME.fullmatch(named)):
        raise invalid(
            f"service.template.revision: '{named}' must be prefixed with '{service}-', in lower case, and have at "
            "most 63 characters."
        )
    check_annotations(template.annotations, "service.template.annotations")


def check_service_id(name: str) -> None:
    """Refuse a service name that is no DNS label of at most 49 characters.

    Source: CreateServiceRequest.service_id (https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2).
    """
    if not _NAME.fullmatch(name) or len(name) > 49:
        raise invalid(
            f"service_id: '{name}' must use only lower case letters, digits and dashes, start with a letter, not end "
            "with a dash, and have fewer than 50 characters."
        )


def same_configuration(one: run_v2.RevisionTemplate, other: run_v2.RevisionTemplate) -> bool:
    """Whether two templates make the same revision, their `revision` names aside."""
    left, right = run_v2.RevisionTemplate(one), run_v2.RevisionTemplate(other)
    left.revision = right.revision = ""
    return bool(left == right)


__all__ = [
    "LATEST",
    "MAX_REVISIONS",
    "RESERVED_NAMESPACES",
    "REVISION",
    "check_annotations",
    "check_labels",
    "check_service_id",
    "check_template",
    "check_traffic",
    "invalid",
    "missing_revision",
    "missing_revision_words",
    "same_configuration",
    "shares",
    "statuses",
]
