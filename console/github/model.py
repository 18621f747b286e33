"""What GitHub tells, as plain values. Read leniently: a field that is missing or of another type is empty.

Shapes: https://docs.github.com/en/rest (API version 2022-11-28). All text is cleaned here, where it enters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from console.text import clean

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""What JSON can hold."""

LONGEST_BODY = 2_000
"""Lines of a body that are read."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """One pull request."""

    number: int
    title: str
    body: tuple[str, ...]
    """Its lines."""
    labels: tuple[str, ...]
    author: str
    """Login."""
    open: bool
    draft: bool
    merged: bool
    merge_commit: str
    """Full hash where it is merged, else empty."""
    head: str
    """Full hash of its newest commit."""
    head_branch: str
    base_branch: str
    url: str


@dataclass(frozen=True, slots=True)
class Review:
    """One review."""

    user: str
    """Login."""
    state: str
    """`APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED` or `PENDING`."""
    commit: str
    """Full hash that it was given on; empty where GitHub has lost that commit."""
    association: str = ""
    """What its author is to the repository: `OWNER`, `MEMBER`, `COLLABORATOR`, `CONTRIBUTOR`, `NONE`, ..."""
    submitted: datetime | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A check run, or a status, of a commit."""

    name: str
    done: bool
    conclusion: str
    """`success`, `failure`, `neutral`, `cancelled`, `skipped`, `timed_out`, `action_required`, ..., or empty."""
    url: str = ""

    @property
    def green(self) -> bool:
        """Whether it lets a merge pass, as GitHub itself judges (skipped and neutral ones do)."""
        return self.done and self.conclusion in ("success", "neutral", "skipped")

    @property
    def succeeded(self) -> bool:
        """Whether it has really looked and found nothing wrong."""
        return self.done and self.conclusion == "success"


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """One run of a workflow."""

    id: int
    name: str
    status: str
    """`queued`, `in_progress`, `completed`, `waiting`, `requested` or `pending`."""
    conclusion: str
    """As a check's; empty until it is completed."""
    url: str
    commit: str
    branch: str
    event: str
    actor: str
    """Login of who set it off."""
    created: datetime | None
    attempt: int = 1

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.status == "completed"


@dataclass(frozen=True, slots=True)
class Job:
    """One job of a run."""

    name: str
    status: str
    conclusion: str
    url: str
    steps_done: int = 0
    steps: int = 0


def table(value: Json) -> Mapping[str, Json]:
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: Json) -> list[Mapping[str, Json]]:
    """The objects in `value` where it is a list, else none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Json, limit: int = 300) -> str:
    """`value` cleaned where it is text, else empty."""
    return clean(value, limit) if isinstance(value, str) else ""


def number(value: Json) -> int:
    """`value` where it is a whole number, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def moment(value: Json) -> datetime | None:
    """A time such as `2026-11-25T12:00:00Z`, UTC; None where it is none."""
    try:
        told = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if told is None:
        return None
    return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)


def read_pull_request(told: Json) -> PullRequest:
    """A pull request's JSON."""
    pull = table(told)
    head, base = table(pull.get("head")), table(pull.get("base"))
    body = pull.get("body")
    merged = bool(pull.get("merged")) or isinstance(pull.get("merged_at"), str)
    return PullRequest(
        number=number(pull.get("number")),
        title=text(pull.get("title")),
        body=tuple(clean(line) for line in (body if isinstance(body, str) else "").splitlines()[:LONGEST_BODY]),
        labels=tuple(text(label.get("name"), 100) for label in rows(pull.get("labels"))),
        author=text(table(pull.get("user")).get("login"), 100),
        open=pull.get("state") == "open",
        draft=pull.get("draft") is True,
        merged=merged,
        merge_commit=text(pull.get("merge_commit_sha"), 64) if merged else "",
        head=text(head.get("sha"), 64),
        head_branch=text(head.get("ref"), 200),
        base_branch=text(base.get("ref"), 200),
        url=text(pull.get("html_url")),
    )


def read_review(told: Json) -> Review:
    """A review's JSON."""
    review = table(told)
    return Review(
        user=text(table(review.get("user")).get("login"), 100),
        state=text(review.get("state"), 40).upper(),
        commit=text(review.get("commit_id"), 64),
        association=text(review.get("author_association"), 40).upper(),
        submitted=moment(review.get("submitted_at")),
    )


def read_check_run(told: Json) -> Check:
    """A check run's JSON."""
    check = table(told)
    return Check(
        name=text(check.get("name"), 200),
        done=check.get("status") == "completed",
        conclusion=text(check.get("conclusion"), 40),
        url=text(check.get("html_url")),
    )


def read_status(told: Json) -> Check:
    """The JSON of one status of a commit (the older API, which other CI systems still use)."""
    status = table(told)
    state = text(status.get("state"), 40)
    return Check(
        name=text(status.get("context"), 200),
        done=state != "pending",
        conclusion="failure" if state == "error" else state,
        url=text(status.get("target_url")),
    )


def read_run(told: Json) -> WorkflowRun:
    """A workflow run's JSON."""
    run = table(told)
    actor = table(run.get("triggering_actor")) or table(run.get("actor"))
    return WorkflowRun(
        id=number(run.get("id")),
        name=text(run.get("name"), 200),
        status=text(run.get("status"), 40),
        conclusion=text(run.get("conclusion"), 40),
        url=text(run.get("html_url")),
        commit=text(run.get("head_sha"), 64),
        branch=text(run.get("head_branch"), 200),
        event=text(run.get("event"), 60),
        actor=text(actor.get("login"), 100),
        created=moment(run.get("created_at")),
        attempt=number(run.get("run_attempt")) or 1,
    )


def read_job(told: Json) -> Job:
    """A job's JSON."""
    job = table(told)
    steps = rows(job.get("steps"))
    return Job(
        name=text(job.get("name"), 200),
        status=text(job.get("status"), 40),
        conclusion=text(job.get("conclusion"), 40),
        url=text(job.get("html_url")),
        steps_done=sum(step.get("status") == "completed" for step in steps),
        steps=len(steps),
    )
