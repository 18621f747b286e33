"""Cloud Run's protos to canario's own values, and back. Foreign strings are cleaned here, at the door.

Two kinds of strings stay as they came, because they are sent back byte for byte: etags and annotations. Whoever
shows an annotation cleans it.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from google.cloud import run_v2
from google.cloud.run_v2.types import Condition, TrafficTargetAllocationType
from google.protobuf.timestamp_pb2 import Timestamp

from console.release.service import Revision, Service
from console.release.split import TrafficSplit, TrafficTarget
from console.release.template import ingress_container, of_revision
from console.text import clean

NAME_LIMIT = 63
"""Longest resource name Cloud Run takes (a DNS label)."""

TEMPLATES = 4_096
"""Fingerprints that are kept."""

_templates: dict[str, str] = {}

_NUMBER = re.compile(r"-(\d{5})-[a-z]{3}$")

_LATEST = TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
_REVISION = TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
_SUCCEEDED = Condition.State.CONDITION_SUCCEEDED
_FAILED = Condition.State.CONDITION_FAILED
_RETIRED = Condition.RevisionReason.RETIRED


def service_from(message: run_v2.Service) -> Service:
    """A `google.cloud.run.v2.Service` as our Service."""
    pb: Any = run_v2.Service.pb(message)
    parts = pb.name.split("/")
    condition = pb.terminal_condition
    failed = condition.state == _FAILED
    return Service(
        name=_short(pb.name),
        project=_name(parts[1]) if len(parts) > 5 else "",
        region=_name(parts[3]) if len(parts) > 5 else "",
        etag=pb.etag,
        generation=pb.generation,
        traffic=_split(pb.traffic),
        effective=_split(pb.traffic_statuses),
        reconciling=pb.reconciling,
        ready=condition.state == _SUCCEEDED or (not condition.state and not pb.reconciling),
        condition=clean(condition.message) if failed or condition.state != _SUCCEEDED else "",
        annotations=dict(pb.annotations),
        latest_ready=_short(pb.latest_ready_revision) or None,
        latest_created=_short(pb.latest_created_revision) or None,
        uri=clean(pb.uri, 2_000),
        session_affinity=pb.template.session_affinity,
        template_fingerprint=_fingerprint(pb.template),
        last_modifier=_name(pb.last_modifier),
        updated=timestamp(pb.update_time),
    )


def revision_from(message: run_v2.Revision) -> Revision:
    """A `google.cloud.run.v2.Revision` as our Revision.

    A revision without traffic may be retired: its Ready condition carries the reason RETIRED, and it starts again
    as soon as traffic comes, so it counts as ready (FACTS.md: look at the revision itself).
    """
    pb: Any = run_v2.Revision.pb(message)
    ready, reason = False, ""
    for condition in pb.conditions:
        if condition.type_ == "Ready":
            ready = condition.state == _SUCCEEDED or condition.revision_reason == _RETIRED
            if not ready:
                reason = clean(condition.message) or _state_word(condition.state)
    deleted = timestamp(pb.delete_time) is not None
    image = clean(ingress_container(pb.containers).image, 500) if pb.containers else ""
    return Revision(
        name=_short(pb.name),
        image=image,
        digest=image.partition("@")[2],
        commit=clean(pb.labels.get("commit-sha", ""), 64),
        created=timestamp(pb.create_time),
        ready=ready and not deleted,
        reason=reason,
        deleted=deleted,
        min_instances=pb.scaling.min_instance_count,
        template=_template(pb),
    )


def targets_from(split: TrafficSplit) -> list[run_v2.TrafficTarget]:
    """A split as Cloud Run's `traffic`."""
    return [
        run_v2.TrafficTarget(
            type_=_REVISION if target.revision else _LATEST,
            revision=target.revision or "",
            percent=target.percent,
            tag=target.tag,
        )
        for target in split.targets
    ]


def with_image(template: run_v2.RevisionTemplate, *, image: str, revision: str) -> run_v2.RevisionTemplate:
    """A copy of `template` whose ingress container runs `image`, and whose revision is named `revision`."""
    copy = run_v2.RevisionTemplate()
    pb: Any = run_v2.RevisionTemplate.pb(copy)
    pb.CopyFrom(run_v2.RevisionTemplate.pb(template))
    pb.labels.pop("commit-sha", None)  # of the image before; this one's commit is not known here
    if not pb.containers:
        pb.containers.add()
    ingress_container(pb.containers).image = image
    pb.revision = revision
    return copy


def next_revision_name(service: str, generation: int, latest: str | None, chance: random.Random) -> str:
    """A fresh revision name, as gcloud makes them: `SERVICE-NNNNN-xyz`, NNNNN the generation to come.

    Args:
        service: short name; cut where the whole would pass 63 characters.
        generation: the service's now.
        latest: revision created last; the number is higher than its, so that names stay in order.
        chance: for the three letters, so that two deploys at once don't collide.
    """
    numbered = _NUMBER.search(latest or "")
    number = max(generation, int(numbered.group(1)) if numbered else 0) + 1
    letters = "bcdfghjklmnpqrstvwxz"
    suffix = f"-{number:05d}-{chance.choice(letters)}{chance.choice('aeiou')}{chance.choice(letters)}"
    return service[: NAME_LIMIT - len(suffix)] + suffix


def timestamp(value: Timestamp) -> datetime | None:
    """A protobuf Timestamp as UTC; None where it is not set."""
    if not value.seconds and not value.nanos:
        return None
    try:
        return datetime.fromtimestamp(value.seconds + value.nanos / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _split(targets: Iterable[Any]) -> TrafficSplit:
    return TrafficSplit(
        tuple(
            TrafficTarget(
                revision=None if target.type_ == _LATEST or not target.revision else _short(target.revision),
                percent=target.percent,
                tag=_name(target.tag),
                uri=clean(getattr(target, "uri", ""), 2_000),
            )
            for target in targets
        )
    )


def _template(pb: Any) -> str:
    """The fingerprint of a revision; a revision never changes, and hundreds are listed again and again."""
    if not pb.uid:
        return of_revision(pb)
    if len(_templates) > TEMPLATES:
        _templates.clear()
    known = _templates.get(pb.uid)
    if known is None:
        known = _templates[pb.uid] = of_revision(pb)
    return known


def _fingerprint(template: Any) -> str:
    return hashlib.sha256(template.SerializeToString(deterministic=True)).hexdigest()[:16]


def _short(name: str) -> str:
    return _name(name.rpartition("/")[2])


def _name(text: str) -> str:
    return clean(text, 200)


def _state_word(state: int) -> str:
    word: str = Condition.State(state).name
    return word.removeprefix("CONDITION_").lower().replace("_", " ")
