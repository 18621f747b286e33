"""What is being released: the revision that this candidate made, and only once it is known which image it runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from console.release.images import Match
from console.release.service import Revision, Service
from console.release.split import TrafficSplit, TrafficTarget
from console.release.state import Candidate
from console.runbook.folding import subject_of
from console.runbook.kinds.base import Subject
from console.watch.snapshot import Snapshot
from tests.release.making import release_at

OPENED = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
DIGEST = "sha256:" + "d" * 64
IMAGE = "repo/app:v2"
CANDIDATE = Candidate(
    id="c1", runbook="book", plan="", opened=OPENED, opened_by="maria@example.com", image=f"{IMAGE}@{DIGEST}"
)
OLD = Revision("app-1", image="repo/app:v1", created=OPENED - timedelta(days=2), ready=True)
NEW = Revision("app-2", image=IMAGE, created=OPENED + timedelta(minutes=5), ready=True)


def service(canary: int = 0, *, tagged: str = "app-2") -> Service:
    split = TrafficSplit((TrafficTarget("app-1", 100 - canary), TrafficTarget(tagged, canary, tag="canary")))
    return Service("app", "acme", "us-central1", "1", traffic=split, effective=split)


def subject(*revisions: Revision, canary: int = 0, candidate: Candidate = CANDIDATE, **more: object) -> Subject:
    snapshot = Snapshot("acme", "us-central1", "app", service=service(canary), revisions=revisions, **more)  # type: ignore[arg-type]
    return subject_of(candidate=candidate, snapshot=snapshot)


def test_a_new_revision_that_was_not_read_yet_leaves_the_image_open_and_nothing_becomes_stale() -> None:
    found = subject(OLD)
    assert (found.canary, found.pending) == ("", "revision app-2 is being read")
    assert found.match("image", DIGEST) is Match.SAME
    assert found.match("image", "sha256:" + "a" * 64) is Match.UNTOLD
    assert found.match("revision", "app-2") is Match.UNTOLD
    assert found.match("commit", "f" * 40) is Match.OTHER


def test_while_its_digest_is_asked_nothing_is_called_another_image() -> None:
    asked = subject(OLD, replace(NEW, asking=True))
    assert asked.pending == "which image app-2 runs is being asked"
    assert asked.match("image", DIGEST) is Match.UNTOLD
    told = subject(OLD, replace(NEW, digest=DIGEST))
    assert (told.pending, told.image_id, told.canary) == ("", DIGEST, "app-2")
    assert told.match("image", DIGEST) is Match.SAME
    assert told.match("image", f"{IMAGE}#app-2") is Match.SAME


def test_a_digest_that_could_not_be_read_holds_nothing_up_that_was_bound_to_the_revision_itself() -> None:
    found = subject(OLD, NEW)
    assert (found.pending, found.image_id) == ("", f"{IMAGE}#app-2")
    assert found.match("image", f"{IMAGE}#app-2") is Match.SAME
    assert found.match("image", DIGEST) is Match.UNTOLD


def test_the_same_image_that_already_serves_everyone_is_not_what_another_release_of_it_made() -> None:
    served = replace(NEW, created=OPENED - timedelta(hours=1), digest=DIGEST)
    assert subject(OLD, served, canary=100, release=earlier()).canary == ""
    assert subject(OLD, served, canary=10, release=earlier()).canary == "app-2"
    assert subject(OLD, served, canary=100).canary == "app-2", "somebody else moved it: nobody knows of another release"


def test_nor_is_one_that_an_earlier_release_took_back() -> None:
    taken_back = replace(NEW, created=OPENED - timedelta(hours=1), digest=DIGEST)
    release = earlier(ended="rolled back")
    assert subject(OLD, taken_back, release=release).canary == ""


def earlier(**more: object) -> object:
    return release_at(10).model_copy(
        update={"canary": "app-2", "stable": "app-1", "started": OPENED - timedelta(minutes=50)} | more
    )
