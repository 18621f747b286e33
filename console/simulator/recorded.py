"""What a scenario starts with besides its revisions: the smoke tests and both approvals of the canary, on record.

As if a console had written them minutes before: the annotation as the last call left it, and in the audit log one
UpdateService entry for each call, with its request, by the person who made it. `--bare` leaves them out.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Literal

from google.cloud import run_v2

from console.release.images import image_identity
from console.release.plan import RolloutPlan
from console.release.state import (
    ANNOTATION,
    Approval,
    Candidate,
    Document,
    StepRecord,
    plan_digest,
)
from console.release.template import of_revision
from console.simulator import audit, revisions
from console.simulator.records import ServiceRecord
from console.simulator.revisions import stamp
from console.simulator.run_service import SERVICES, LogSink
from console.simulator.store import Store

TECH_LEAD = "carlos.lopez@example.com"
CODE = "juan.perez@example.com"
SMOKE_TESTS = ("prod_healthz", "prod_metrics")
"""Ids of the runbook's steps that are smoke tests of the new revision."""

_OPENED, _TESTED, _CODE, _LEAD = (timedelta(minutes=minutes) for minutes in (10, 8, 6, 4))
"""How long before the start each was written; the scenarios' canaries are some 20 minutes old."""


def record(store: Store, logs: LogSink, service: str, at: float) -> None:
    """Write the record of `service`'s tagged canary, as it stands at `at` (Unix seconds); nothing without a canary."""
    owner = store.services.get(service)
    canary = next((t.revision for t in owner.desired.traffic if t.tag == "canary"), "") if owner is not None else ""
    if owner is None or canary not in owner.revisions:
        return
    start = datetime.fromtimestamp(at, UTC).replace(microsecond=0)
    made = owner.revisions[canary]
    reference = made.image if "@" in made.image else f"{made.image}@{made.digest}"
    for candidate, who, before in _history(reference, of_revision(run_v2.Revision.pb(made.message)), canary, start):
        _write(store, logs, owner, Document(candidate=candidate), who, (start - before).timestamp())


def _history(image: str, template: str, canary: str, start: datetime) -> list[tuple[Candidate, str, timedelta]]:
    """(the candidate as it was written, by whom, how long before `start`), oldest first."""
    identity, plan = image_identity(image), plan_digest(RolloutPlan())
    name = f"{start:%Y-%m-%d-%H%M}"
    opened = Candidate(
        id=name,
        image=image,
        version=revisions.image_tag(image.partition("@")[0]),
        plan=plan,
        opened=start - _OPENED,
        opened_by=TECH_LEAD,
    )
    words = {"prod_healthz": "GET /healthz: 200", "prod_metrics": "GET /metrics: 200, Prometheus text"}
    steps = tuple(
        StepRecord(
            step=step,
            result="passed",
            by=TECH_LEAD,
            at=start - _TESTED,
            digest=identity,
            subject=canary,
            sentence=words[step],
            key=_hex(f"{name}/{step}"),
            template=template,
        )
        for step in SMOKE_TESTS
    )
    tested = opened.model_copy(update={"steps": steps})

    def approval(role: Literal["code", "tech_lead"], who: str, before: timedelta) -> Approval:
        return Approval(
            id=_hex(f"{name}/{role}"),
            role=role,
            by=who,
            at=start - before,
            digest=identity,
            plan=plan,
            candidate=name,
            template=template,
        )

    code = approval("code", CODE, _CODE)
    reviewed = tested.model_copy(update={"approvals": (code,)})
    approved = tested.model_copy(update={"approvals": (code, approval("tech_lead", TECH_LEAD, _LEAD))})
    return [
        (opened, TECH_LEAD, _OPENED),
        (tested, TECH_LEAD, _TESTED),
        (reviewed, CODE, _CODE),
        (approved, TECH_LEAD, _LEAD),
    ]


def _write(store: Store, logs: LogSink, owner: ServiceRecord, document: Document, who: str, at: float) -> None:
    """Do what an UpdateService call with mask `annotations` did at `at`, and leave its audit entry."""
    desired = owner.desired
    desired.annotations[ANNOTATION] = document.dumps()
    request = run_v2.UpdateServiceRequest(
        service=run_v2.Service(name=desired.name, etag=desired.etag, annotations=dict(desired.annotations)),
        update_mask={"paths": ["annotations"]},
    )
    owner.version += 1
    desired.generation += 1
    desired.etag = revisions.etag(desired.name, at, owner.version)
    desired.update_time = stamp(at)
    desired.last_modifier = who
    owner.observed_generation = desired.generation
    made = audit.entry(
        project=store.project,
        region=store.region,
        service=owner.name,
        method=f"{SERVICES}.UpdateService",
        resource=desired.name,
        permission="run.services.update",
        principal=who,
        request=run_v2.UpdateServiceRequest.pb(request),
        at=at,
        agent="canario",
    )
    logs.append(made, owner.name)


def _hex(text: str) -> str:
    """Sixteen hexadecimal digits, the same for the same text."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
