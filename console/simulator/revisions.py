"""Revisions of the simulated Cloud Run: how they are named, made, become ready or fail, and are pruned.

Pure of gRPC and of time: `at` is passed in, Unix seconds.
"""

from __future__ import annotations

import base64
import random
import re
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.cloud import run_v2

SUCCEEDED = run_v2.Condition.State.CONDITION_SUCCEEDED
FAILED = run_v2.Condition.State.CONDITION_FAILED
RECONCILING = run_v2.Condition.State.CONDITION_RECONCILING
RETIRED = run_v2.Condition.RevisionReason.RETIRED

_NUMBERED = re.compile(r"-(\d{5})-[a-z0-9]{3}$")
_CONSONANTS = "bcdfghjklmnpqrstvwxz"
_VOWELS = "aeiou"


@dataclass(slots=True)
class RevisionRecord:
    """A revision and what it was made from."""

    message: run_v2.Revision
    template: run_v2.RevisionTemplate
    created: float
    """Unix seconds."""
    ready: bool = False
    digest: str = ""
    """`sha256:...` that its image's tag pointed at when it was made; the v2 API does not tell it."""

    @property
    def name(self) -> str:
        """Short name."""
        return short(self.message.name)

    @property
    def image(self) -> str:
        """Image of its first container."""
        return str(self.template.containers[0].image)


def short(name: str) -> str:
    """The last part of a resource name."""
    return name.rpartition("/")[2]


def stamp(at: float) -> datetime:
    """Unix seconds as a UTC datetime, as proto-plus takes them for Timestamp fields."""
    return datetime.fromtimestamp(at, UTC)


def number_of(name: str) -> int:
    """The number in a revision name `SERVICE-NNNNN-xyz`, 0 where it has none."""
    match = _NUMBERED.search(name)
    return int(match.group(1)) if match else 0


def next_name(service: str, number: int, chance: random.Random, taken: Collection[str]) -> str:
    """A name that the server gives: `SERVICE-NNNNN-xyz` (recorded from gcloud: `wa-backend-00003-twz`)."""
    while True:
        letters = chance.choice(_CONSONANTS) + chance.choice(_VOWELS) + chance.choice(_CONSONANTS)
        name = f"{service}-{number:05d}-{letters}"
        if name not in taken:
            return name


def image_tag(image: str) -> str:
    """The tag of an image reference, or empty."""
    last = image.rpartition("/")[2]
    return "" if "@" in last else last.partition(":")[2]


def start_failure(image: str) -> tuple[str, run_v2.Condition.CommonReason] | None:
    """Why a revision of `image` would never become ready, or None.

    The simulator's convention, so that a failed reconcile can be tried: a tag that contains `missing` is an image
    that is not there, one that contains `nostart` a container that never listens. Words: Cloud Run's troubleshooting
    page (https://cloud.google.com/run/docs/troubleshooting#container-failed-to-start) and issue threads.
    """
    tag = image_tag(image)
    if "missing" in tag:
        return f"Image '{image}' not found.", run_v2.Condition.CommonReason.CONTAINER_MISSING
    if "nostart" in tag:
        words = (
            "The user-provided container failed to start and listen on the port defined provided by the PORT=8080 "
            "environment variable within the allocated timeout. This can happen when the container port is "
            "misconfigured or if the timeout is too short. The health check timeout can be extended. Logs for this "
            "revision might contain more information."
        )
        return words, run_v2.Condition.CommonReason.PROGRESS_DEADLINE_EXCEEDED
    return None


def not_ready_words(name: str, why: str) -> str:
    """What Cloud Run says of traffic to a revision that is not ready."""
    return f"Revision '{name}' is not ready and cannot serve traffic.{' ' + why if why else ''}"


def make(
    service: str, name: str, template: run_v2.RevisionTemplate, *, creator: str, at: float, generation: int
) -> RevisionRecord:
    """A new revision, still reconciling.

    Args:
        service: full name of the service.
        name: short name of the revision.
        template: what it is made from; copied.
        creator: e-mail.
        at: Unix seconds.
        generation: of the service that made it; makes its `uid`.
    """
    kept = run_v2.RevisionTemplate(template)
    kept.revision = name
    message = run_v2.Revision(
        name=f"{service}/revisions/{name}",
        uid=uid(f"{service}/{name}/{generation}"),
        generation=1,
        labels=dict(template.labels),
        annotations=dict(template.annotations),
        create_time=stamp(at),
        update_time=stamp(at),
        launch_stage=5,
        service=short(service),
        scaling=template.scaling,
        vpc_access=template.vpc_access,
        max_instance_request_concurrency=template.max_instance_request_concurrency or 80,
        timeout=template.timeout or timedelta(seconds=300),
        service_account=template.service_account or "wa-runtime@demo.iam.gserviceaccount.com",
        containers=template.containers,
        volumes=template.volumes,
        execution_environment=template.execution_environment,
        session_affinity=template.session_affinity,
        reconciling=True,
        conditions=[run_v2.Condition(type_="Ready", state=RECONCILING, last_transition_time=stamp(at))],
        creator=creator,
        etag=etag(f"{service}/revisions/{name}", at),
    )
    return RevisionRecord(message, kept, at)


def become_ready(record: RevisionRecord, at: float) -> None:
    """Mark it ready to serve."""
    record.ready = True
    message = record.message
    message.reconciling = False
    message.observed_generation = message.generation
    message.update_time = stamp(at)
    message.conditions = [
        run_v2.Condition(type_=kind, state=SUCCEEDED, last_transition_time=stamp(at))
        for kind in ("Ready", "ContainerHealthy", "ContainerReady", "ResourcesAvailable")
    ]


def become_failed(
    record: RevisionRecord,
    at: float,
    words: str,
    reason: run_v2.Condition.CommonReason = run_v2.Condition.CommonReason.UNKNOWN,
) -> None:
    """Mark it unable to serve, with the cloud's words for why."""
    record.ready = False
    message = record.message
    message.reconciling = False
    message.observed_generation = message.generation
    message.update_time = stamp(at)
    message.conditions = [
        run_v2.Condition(type_="Ready", state=FAILED, message=words, reason=reason, last_transition_time=stamp(at)),
        run_v2.Condition(type_="ContainerHealthy", state=FAILED, message=words, last_transition_time=stamp(at)),
    ]


def why_not_ready(record: RevisionRecord) -> str:
    """The words of its Ready condition."""
    return next((c.message for c in record.message.conditions if c.type_ == "Ready"), "")


def mark_exposure(record: RevisionRecord, exposed: bool) -> None:
    """Say `Retired` on a ready revision that neither serves nor has a tag, and take it back when it does.

    Measured (FACTS.md): a revision without traffic may read Ready with reason Retired.
    """
    if not record.ready:
        return
    for condition in record.message.conditions:
        if condition.type_ == "Ready":
            condition.revision_reason = (
                run_v2.Condition.RevisionReason.REVISION_REASON_UNDEFINED if exposed else RETIRED
            )
            condition.message = "" if exposed else "Revision retired."


def prunable(records: Sequence[RevisionRecord], keep: Collection[str], limit: int) -> list[str]:
    """Short names of the oldest revisions to delete so that at most `limit` stay; those in `keep` never.

    "There is a maximum of 1000 revisions per service: If you exceed that limit, older revisions are automatically
    deleted" (https://cloud.google.com/run/docs/managing/revisions).

    Args:
        records: oldest first.
        keep: serving, tagged, latest.
        limit: how many may stay.
    """
    excess = len(records) - limit
    if excess <= 0:
        return []
    return [record.name for record in records if record.name not in keep][:excess]


def etag(name: str, at: float, version: int = 0) -> str:
    """An opaque etag in Cloud Run's form: two base64 parts in quotes."""
    when = base64.b64encode(f"{at:.6f}:{version}".encode()).decode().rstrip("=")
    what = base64.b64encode(name.encode()).decode().rstrip("=")
    return f'"{when}/{what}"'


def uid(text: str) -> str:
    """A stable UUID made from `text`, so that a seed repeats."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "https://canario.dev/simulator/" + text))
