"""The release annotation as one document: deployment, candidate and release, each read and written by itself."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.release.images import image_identity
from console.release.plan import RolloutPlan
from console.release.state import (
    ANNOTATION,
    DEPLOYMENT,
    SENTENCE_LIMIT,
    Approval,
    Candidate,
    Deployment,
    Document,
    Driver,
    StepRecord,
    plan_digest,
    read_document,
    read_release,
    rewritten,
)
from console.release.transitions import annotated
from tests.release.making import JUAN, MARIA, WEDNESDAY, release_at, service, verdict

IMAGE = "us-central1-docker.pkg.dev/acme/wa/backend:abc123"
SHA = "sha256:" + "a1" * 32

_words = st.text('abcäñ 😀"\\{}', max_size=12)
_times = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
_drivers = st.builds(Driver, email=_words, session=_words, expires=_times, console=st.booleans())
_approvals = st.builds(
    Approval,
    id=_words,
    role=st.sampled_from(["code", "tech_lead"]),
    by=_words,
    at=_times,
    digest=_words,
    plan=_words,
    candidate=_words,
)
_steps = st.builds(
    StepRecord,
    step=_words,
    result=st.sampled_from(["passed", "failed", "skipped", "running"]),
    by=_words,
    at=_times,
    digest=_words,
    sentence=st.text(max_size=SENTENCE_LIMIT + 40),
    reason=_words,
    key=_words,
)
_candidates = st.builds(
    Candidate,
    id=_words,
    runbook=_words,
    runbook_digest=_words,
    image=_words,
    commit=_words,
    pull_request=_words,
    author=_words,
    author_login=_words,
    plan=_words,
    opened=_times,
    opened_by=_words,
    driver=st.none() | _drivers,
    approvals=st.lists(_approvals, max_size=3).map(tuple),
    steps=st.lists(_steps, max_size=3).map(tuple),
    migrations=st.lists(_words, max_size=3).map(tuple),
    closed=st.sampled_from([None, "done", "stopped"]),
    closed_at=st.none() | _times,
)
_deployments = st.builds(Deployment, image=_words, tag=_words, by=_words, at=_times)
_releases = st.sampled_from(
    [release_at(10), release_at(50).model_copy(update={"verdict": verdict(), "ended": "abandoned"})]
)
_unknown = st.dictionaries(
    st.sampled_from(["newer", "later"]), st.none() | st.integers() | st.lists(_words), max_size=2
)


@given(st.none() | _releases, st.none() | _deployments, st.none() | _candidates, _unknown)
def test_what_is_written_reads_back_whatever_parts_there_are(
    release: Any, deployment: Any, candidate: Any, unknown: dict[str, Any]
) -> None:
    if release is not None:  # unknown fields lie beside the release's own
        release = release.model_validate(release.model_dump() | unknown)
        unknown = {}
    document = Document(release=release, deployment=deployment, candidate=candidate, unread=unknown)
    assert read_document({ANNOTATION: document.dumps()}) == (document, "")


def candidate(**fields: Any) -> Candidate:
    values: dict[str, Any] = {
        "id": "2026-11-25-1005",
        "image": IMAGE,
        "opened": WEDNESDAY,
        "opened_by": MARIA.email,
        "approvals": (
            Approval(
                id="00ff" * 4,
                role="tech_lead",
                by=JUAN.email,
                at=WEDNESDAY,
                digest=SHA,
                plan=plan_digest(RolloutPlan()),
                candidate="2026-11-25-1005",
            ),
        ),
        "steps": (StepRecord(step="tests", result="passed", by=MARIA.email, at=WEDNESDAY, sentence="412 passed"),),
    }
    return Candidate(**(values | fields))


def test_a_candidate_is_there_before_any_release_and_stays_when_one_begins() -> None:
    waiting = replace(service(), annotations=annotated(service(), candidate=candidate()))
    assert read_release(waiting.annotations) == (None, "")
    begun, problem = read_document(annotated(waiting, release_at(10)))
    assert (begun.candidate, begun.release, problem) == (candidate(), release_at(10), "")
    assert candidate().open
    assert not candidate(closed="done", closed_at=WEDNESDAY).open


def test_a_candidate_that_cannot_be_read_costs_nothing_but_itself() -> None:
    written = json.loads(Document(release=release_at(10)).dumps()) | {"candidate": {"id": 7, "newer": True}}
    document, problem = read_document({ANNOTATION: json.dumps(written)})
    assert document.release == release_at(10)
    assert document.candidate is None
    assert problem.startswith("candidate: id")
    assert read_release({ANNOTATION: json.dumps(written)}) == (release_at(10), "")
    assert json.loads(document.dumps())["candidate"] == {"id": 7, "newer": True}


def test_a_release_that_cannot_be_read_costs_nothing_but_itself() -> None:
    written = json.loads(Document(candidate=candidate()).dumps()) | {"id": "2026-11-25-1005", "canary": 7}
    document, problem = read_document({ANNOTATION: json.dumps(written)})
    assert document.candidate == candidate()
    assert document.release is None
    assert "canary" in problem
    assert json.loads(document.dumps())["canary"] == 7
    again, problem = read_document(
        annotated(replace(service(), annotations={ANNOTATION: document.dumps()}), release_at(10))
    )
    assert (again.release, again.candidate, problem) == (release_at(10), candidate(), "")


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "null",
        "[]",
        '"text"',
        "{",
        '{"id":"\\ud800"}',
        '{"a":' + "9" * 5000 + "}",
        '{"a":' + "[" * 100_000,
        '{"a":' + "[" * 150 + "]" * 150 + "}",
        '{"id":"x","moves":' + "[" * 150 + "]" * 150 + "}",
        '{"version":[1]}',
        '{"version":9,"id":"of a newer canario"}',
        '{"candidate":null,"deployment":7}',
        '{"candidate":{"opened":1e999}}',
    ],
)
def test_no_annotation_however_broken_keeps_a_rollback_from_writing_its_own(hostile: str) -> None:
    broken = replace(service(), annotations={ANNOTATION: hostile, DEPLOYMENT: hostile, "team/owner": "wa"})
    release, _problem = read_release(broken.annotations)
    assert release is None
    written = annotated(broken, release_at(10))
    release, problem = read_release(written)
    assert problem == ""
    assert release is not None
    assert (release.id, release.moves) == (release_at(10).id, release_at(10).moves)
    assert written["team/owner"] == "wa"


def test_only_what_is_given_is_written_anew_even_by_another_hand() -> None:
    by_hand = '{"version":1,"candidate":{"id":"x","opened":"2026-11-25T10:05:00+01:00","opened_by":"m","later":[1.50]}}'
    after = rewritten(by_hand, release=release_at(10))
    assert '"candidate":{"id":"x","opened":"2026-11-25T10:05:00+01:00","opened_by":"m","later":[1.5]}' in after


def test_the_deployment_of_an_older_canario_is_read_until_a_newer_one_is_written() -> None:
    old = Deployment(image="app:1", tag="canary", by=MARIA.email, at=WEDNESDAY)
    new = old.model_copy(update={"image": "app:2", "at": WEDNESDAY + timedelta(minutes=1)})
    before = replace(service(), annotations={DEPLOYMENT: json.dumps(old.model_dump(mode="json"))})
    assert read_document(before.annotations) == (Document(deployment=old), "")
    after = annotated(before, deployment=new)
    assert read_document(after) == (Document(deployment=new), "")
    assert after[DEPLOYMENT] == before.annotations[DEPLOYMENT]


def test_a_steps_sentence_is_cut_to_what_is_shared_and_text_is_made_safe() -> None:
    record = StepRecord(step="tests", result="failed", by="m", at=WEDNESDAY, sentence="é" * 500)
    assert len(record.sentence) == SENTENCE_LIMIT
    assert record.sentence.endswith("…")
    assert candidate(migrations=("001\x1b[31m_a.sql",)).migrations == ("001_a.sql",)


def test_an_image_is_known_by_its_digest_where_there_is_one() -> None:
    assert image_identity(f"{IMAGE}@{SHA}") == SHA
    assert image_identity(f"{IMAGE}@{SHA}", "sha256:other") == SHA
    assert image_identity(IMAGE, SHA) == SHA
    assert image_identity(IMAGE) == IMAGE


def test_a_plans_digest_changes_with_whatever_an_approval_was_given_for() -> None:
    plan = RolloutPlan()
    others = (
        replace(plan, steps=(10, 100)),
        replace(plan, bake=timedelta(minutes=4)),
        replace(plan, minimum_requests=0),
    )
    assert plan_digest(plan) == plan_digest(RolloutPlan())
    assert len(plan_digest(plan)) == 16
    assert len({plan_digest(plan), *map(plan_digest, others)}) == 4
