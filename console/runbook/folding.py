"""What is being released, put together from the candidate, what its steps learned, and the service as it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from console.release.images import image_identity, told_apart
from console.release.moves import CANARY_TAG
from console.release.service import Revision, Service
from console.release.state import Candidate, Release
from console.runbook.evidence import Evidence, Result
from console.runbook.kinds.base import Subject
from console.words import _

if TYPE_CHECKING:
    from console.watch.snapshot import Snapshot

_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def subject_of(
    *,
    candidate: Candidate | None,
    evidence: Iterable[Evidence] = (),
    learned: Mapping[str, str] | None = None,
    snapshot: Snapshot | None = None,
    environment: str = "production",
    service: str = "",
    branch: str = "main",
    plan: str = "",
    id: str = "",
    head: str = "",
) -> Subject:
    """What is being released, as far as it is known.

    The image is that of the new revision once it is deployed, since that is what traffic moves to; before, the one that
    the steps found.

    Args:
        candidate: as the service has it; None where none is open, or the runbook has none.
        evidence: our own, whose newest word on a field counts where the candidate has none.
        learned: what is known newer than the candidate says.
        snapshot: the live picture; None where nothing is watched.
        environment: name of the environment that is released to.
        service: its service.
        branch: that releases are made from.
        plan: `plan_digest` of the rollout plan.
        id: the candidate's, where it is in the journal alone.
        head: as `head_of` tells it.
    """
    known: dict[str, str] = {}
    for one in sorted(evidence, key=lambda e: (e.at, e.key)):
        known.update({name: value for name, value in one.learned.items() if value})
    for name in ("commit", "pull_request", "author", "author_login", "image", "version"):
        value = str(getattr(candidate, name, "") or "") if candidate is not None else ""
        if value:
            known[name] = value
    known.update({name: value for name, value in (learned or {}).items() if value})
    image = known.get("image", "")
    image_id, template = (image_identity(image) if image else ""), ""
    pending, alias = "", ""
    canary = new_revision(snapshot, candidate, image) if snapshot is not None else None
    if snapshot is not None and candidate is not None:
        pending = _pending(snapshot, candidate, canary)
    if canary is not None:
        template, alias = canary.template, canary.alias
        if canary.identity and canary.identity != image_id:
            image, image_id = canary.reference, canary.identity
    elif snapshot is not None and snapshot.service is not None:
        made = {revision.name: revision.template for revision in snapshot.revisions}
        template = made.get(snapshot.service.latest_created or "", "")
    return Subject(
        candidate=candidate.id if candidate is not None else id,
        environment=environment,
        service=service,
        branch=branch,
        commit=known.get("commit", ""),
        head=head,
        version=known.get("version", ""),
        pull_request=known.get("pull_request", ""),
        author=known.get("author", ""),
        author_login=known.get("author_login", ""),
        image=image,
        image_id=image_id,
        image_alias=alias,
        pending=pending,
        template=template,
        canary=canary.name if canary is not None else "",
        stable=(snapshot.stable or "") if snapshot is not None else "",
        plan=plan,
    )


def head_of(evidence: Iterable[Evidence]) -> str:
    """The newest commit of what is merged: what the step that looked last found, whether it passed or failed.

    Args:
        evidence: everybody's, of the steps that look (`StepKind.tells_head`), in the runbook's order; of equal times
            the last one counts.
    """
    looked = [one for one in evidence if one.result in (Result.PASSED, Result.FAILED) and _HASH.fullmatch(one.subject)]
    return max(enumerate(looked), key=lambda told: (told[1].at, told[0]))[1].subject if looked else ""


def new_revision(snapshot: Snapshot, candidate: Candidate | None, image: str) -> Revision | None:
    """The revision that this candidate made: its release's, else the one under the canary's tag that is no older.

    Args:
        snapshot: the live picture.
        candidate: as written on the service.
        image: reference that is being released, as far as it is known.

    A revision that was made before is this candidate's only where it has its image and is still to be released: one
    that an earlier release brought to all of the traffic, or took back, would make every step look done.
    """
    service, opened = snapshot.service, candidate.opened if candidate is not None else None
    if service is None or opened is None:
        return None
    names = [name for name in (_of_release(snapshot.release, opened), _tagged(service)) if name]
    by_name = {revision.name: revision for revision in snapshot.revisions}
    for name in names:
        revision = by_name.get(name)
        if revision is None:
            continue
        if name == _of_release(snapshot.release, opened) or _is_of(revision, opened, image, snapshot):
            return revision
    return None


def _pending(snapshot: Snapshot, candidate: Candidate, found: Revision | None) -> str:
    """Why nobody can say yet which revision the candidate made, or which image that runs; empty where one can."""
    if snapshot.service is None:
        return ""
    by_name = {revision.name: revision for revision in snapshot.revisions}
    for name in (_of_release(snapshot.release, candidate.opened), _tagged(snapshot.service)):
        revision = by_name.get(name)
        if name and revision is None:
            return _("revision {revision} is being read").format(revision=name)
        if revision is not None and revision.asking and not revision.deleted:
            return _("which image {revision} runs is being asked").format(revision=name)
        if revision is not None and revision is found:
            return ""
    return ""


def _of_release(release: Release | None, opened: datetime) -> str:
    return release.canary if release is not None and release.started >= opened else ""


def _tagged(service: Service) -> str:
    return service.traffic.revision_for_tag(CANARY_TAG) or ""


def _is_of(revision: Revision, opened: datetime, image: str, snapshot: Snapshot) -> bool:
    if revision.created is not None and revision.created >= opened:
        return True
    release, service = snapshot.release, snapshot.service
    if release is not None and release.canary == revision.name:
        everyones = service is not None and service.effective_shares().get(revision.name) == 100
        if release.ended is not None or everyones:
            return False
    return bool(image) and told_apart(revision.identity) and image_identity(image) == revision.identity
