"""What the simulated GitHub knows beside its commits: the pull request, reviews, comments, runs, and its rules.

Pure of HTTP, of git and of time: moments are Unix seconds of simulated time, passed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

NUMBER = 128
HEAD, BASE = "develop", "main"
BOT = "github-actions[bot]"

LABELS: dict[str, tuple[str, str]] = {
    "enhancement": ("a2eeef", "New feature or request"),
    "bugfix": ("d73a4a", "Something is not working"),
    "hotfix": ("b60205", "Cannot wait for the next release"),
    "backend": ("0e8a16", "Backend"),
    "panel": ("1d76db", "Panel"),
    "infra": ("5319e7", "Infrastructure"),
    "ready-for-deploy": ("fbca04", "Reviewed and ready"),
}
"""The repository's labels: (colour, description), the runbook's."""

TITLE = "[Paso 3] Reservas con notas"
BODY = """## What changed

- `reservas` gets a column `notes` and an index on it
- The assistant reads «Nota: ...» at the end of a message and keeps it with the booking
- The confirmation repeats the note

## Why

Customers ask for a high chair or bring a cake, and the team reads it only when they arrive.

## Testing done locally

```
$ pytest tests/ -v --cov=wa_orchestrator
TOTAL                              181      0     42      0   100%
============================== 27 passed in 1.25s ==============================
```

## Migration? Y

`migrations/0007_reservas_notes.sql`, additive: `ALTER TABLE reservas ADD COLUMN notes VARCHAR(500)` and
`CREATE INDEX idx_notes ON reservas(notes)`. Older code ignores both.

## Rollback plan

Traffic back to the previous revision; the database needs none.
"""

Conclusion = Literal["success", "failure", "cancelled", "skipped"]


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow file."""

    id: int
    file: str
    name: str
    jobs: tuple[str, ...]
    seconds: float
    """How long it runs, simulated."""
    inputs: Mapping[str, tuple[bool, tuple[str, ...]]] | None = None
    """Inputs of its `workflow_dispatch` trigger: (required, choices or none); None where it has no such trigger."""

    @property
    def path(self) -> str:
        """In the repository."""
        return f".github/workflows/{self.file}"


BACKEND_CI = Workflow(61001, "backend-ci.yml", "Backend CI", ("backend-ci", "build"), 110.0)
PANEL_CI = Workflow(61002, "panel-ci.yml", "Panel CI", ("panel-ci",), 70.0)
STAGING = Workflow(61003, "deploy-staging.yml", "Deploy to staging", ("deploy",), 30.0)
MANUAL = Workflow(
    61004,
    "deploy-backend.yml",
    "Deploy Backend to Cloud Run (Manual)",
    ("deploy",),
    40.0,
    inputs={"environment": (True, ("staging", "production")), "revision_traffic_percent": (True, ())},
)
WORKFLOWS = (BACKEND_CI, PANEL_CI, STAGING, MANUAL)
QUEUE_S = 6.0
"""Simulated seconds that a run waits for a runner."""


class Refused(Exception):
    """GitHub refuses.

    Args:
        status: HTTP status.
        message: GitHub's words.
        errors: its list of errors, for 422.
    """

    def __init__(self, status: int, message: str, errors: list[object] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors


@dataclass(slots=True)
class Run:
    """A workflow run; its jobs are the check runs of its commit."""

    id: int
    number: int
    workflow: Workflow
    event: str
    branch: str
    sha: str
    actor: str
    title: str
    created: float
    started: float | None = None
    ended: float | None = None
    conclusion: Conclusion | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """`queued`, `in_progress` or `completed`."""
        if self.ended is not None:
            return "completed"
        return "queued" if self.started is None else "in_progress"

    @property
    def jobs(self) -> tuple[str, ...]:
        """Its jobs; of a pull request nothing is built."""
        return self.workflow.jobs[:1] if self.event == "pull_request" else self.workflow.jobs

    @property
    def updated(self) -> float:
        """When it last changed."""
        return self.ended or self.started or self.created


@dataclass(slots=True)
class Review:
    """A review; the newest of each reviewer counts."""

    id: int
    user: str
    state: str
    """`APPROVED`, `CHANGES_REQUESTED`, `COMMENTED` or `DISMISSED`."""
    sha: str
    at: float
    body: str = ""
    association: str = "MEMBER"
    """What its author is to the repository; anybody may review."""


@dataclass(slots=True)
class Comment:
    """A comment on the pull request."""

    id: int
    user: str
    body: str
    at: float


@dataclass(slots=True)
class PullRequest:
    """The one pull request."""

    head: str
    base: str
    """Commits."""
    created: float
    author: str = "carlos-lopez"
    title: str = TITLE
    body: str = BODY
    labels: list[str] = field(default_factory=lambda: ["enhancement", "backend", "ready-for-deploy"])
    reviews: list[Review] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    updated: float = 0.0
    draft: bool = False
    open: bool = True
    merged_at: float | None = None
    merged_by: str = ""
    merge_sha: str = ""

    def approvals(self) -> list[str]:
        """Who approves now, by the newest review of each that is not a mere comment."""
        newest: dict[str, str] = {}
        for review in self.reviews:
            if review.state != "COMMENTED":
                newest[review.user] = review.state
        return [user for user, state in newest.items() if state == "APPROVED"]

    def changes_requested(self) -> list[str]:
        """Who asks for changes now."""
        newest = {review.user: review.state for review in self.reviews if review.state != "COMMENTED"}
        return [user for user, state in newest.items() if state == "CHANGES_REQUESTED"]


def checks_of(runs: Iterable[Run], sha: str) -> list[Run]:
    """The newest run of each workflow on a commit, CI only."""
    newest: dict[str, Run] = {}
    for run in runs:
        if run.sha == sha and run.workflow in (BACKEND_CI, PANEL_CI):
            newest[run.workflow.file] = run
    return list(newest.values())


def why_not_mergeable(pull: PullRequest, runs: Iterable[Run]) -> str:
    """What the branch protection of `main` has against merging, in GitHub's words; empty where nothing.

    Source: https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/
    managing-protected-branches/about-protected-branches: required reviews (one, not the author's, who cannot approve)
    and required status checks (backend-ci, panel-ci).
    """
    if not pull.open or pull.draft:
        return "Pull Request is not mergeable"
    checks = {run.workflow.jobs[0]: run for run in checks_of(runs, pull.head)}
    for name in ("backend-ci", "panel-ci"):
        run = checks.get(name)
        if run is None or run.status != "completed":
            return f'Required status check "{name}" is expected.'
        if run.conclusion != "success":
            return f'Required status check "{name}" is failing.'
    if pull.changes_requested():
        return "Changes have been requested."
    if not pull.approvals():
        return "At least 1 approving review is required by reviewers with write access."
    return ""


def check_inputs(workflow: Workflow, inputs: Mapping[str, object]) -> dict[str, str]:
    """The inputs of a dispatch as the run gets them.

    Source: https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event; the words as callers
    quote them (Codex-/return-dispatch#188, convictional/trigger-workflow-and-wait#44).

    Raises:
        Refused: 422 for a workflow without the trigger, and for unknown, missing or wrong inputs.
    """
    if workflow.inputs is None:
        raise Refused(422, "Workflow does not have 'workflow_dispatch' trigger")
    if unknown := [name for name in inputs if name not in workflow.inputs]:
        listed = ", ".join(f'"{name}"' for name in unknown)
        raise Refused(422, f"Unexpected inputs provided: [{listed}]")
    given: dict[str, str] = {}
    for name, (required, choices) in workflow.inputs.items():
        value = inputs.get(name)
        text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        if required and not text:
            raise Refused(422, f"Required input '{name}' not provided")
        if choices and text not in choices:
            raise Refused(422, f"Provided value '{text}' for input '{name}' not in the list of allowed values")
        given[name] = text
    return given


def login_of(email: str) -> str:
    """The GitHub login of somebody's address: `carlos.lopez@example.com` is `carlos-lopez`."""
    return email.partition("@")[0].replace(".", "-").replace("_", "-").lower() or "ghost"
