"""What the runbook asks of a pull request, as pure functions. Runbook: `Preparación de PR`, `Review + Aprobación`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from console.github.model import Check, Job, PullRequest, Review, WorkflowRun
from console.words import _

TITLE = r"^\[Paso \w[\w.-]*\] \S"
"""The title's form, `[Paso X] Brief description of change`."""

SECTIONS = ("What changed", "Why", "Testing", "Migration")
"""What the description tells, in the runbook's words."""

KINDS = ("enhancement", "bugfix", "hotfix")
AREAS = ("backend", "panel", "infra")
READY = "ready-for-deploy"

ASSOCIATIONS = ("OWNER", "MEMBER", "COLLABORATOR")
"""What an approver is to the repository (https://docs.github.com/en/graphql/reference/enums#commentauthorassociation):
anybody may review a public repository's pull request."""

_LEAD = re.compile(r"^[\s>#*_\-+•·]*(?:\[[ xX]\]\s*)?[*_`]*")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_YES_NO = re.compile(r"^[\s:?*_(\-]*(yes|no|sí|si|y|n)\b(?!\s*/)", re.IGNORECASE)
_FILLER = re.compile(r"[\s:?*_()`#>\-]+")


@dataclass(frozen=True, slots=True)
class Form:
    """What a pull request's form lacks, and what it tells."""

    problems: tuple[str, ...]
    migration: str
    """`Y`, `N`, or empty where it does not say."""


def sections(body: Sequence[str], names: Sequence[str] = SECTIONS) -> dict[str, str]:
    """The text under each of `names` that the description has, by name, the rest of its own line first.

    A section starts at the heading of its name, or where there is none at a bold line, list item or line that begins
    with it; it ends at the next section or at another heading.
    """
    lines = _COMMENT.sub("", "\n".join(body)).splitlines()
    starts: dict[str, tuple[int, int]] = {}
    headings: list[int] = []
    fenced = False
    for index, line in enumerate(lines):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if fenced:
            continue
        heading = line.lstrip().startswith("#")
        headings += [index] if heading else []
        bare = _LEAD.sub("", line, count=1)
        name = next((n for n in names if re.match(rf"{re.escape(n)}\b", bare, re.IGNORECASE)), None)
        if name is not None:
            rank = 0 if heading else 1 if line.lstrip(" -*+").startswith(("**", "__")) or "**" in line[:6] else 2
            starts[name] = min(starts.get(name, (rank, index)), (rank, index))
    begins = {index for _rank, index in starts.values()}
    ends = sorted({*begins, *headings, len(lines)})
    found: dict[str, str] = {}
    for name, (_rank, index) in starts.items():
        end = next(e for e in ends if e > index)
        first = _LEAD.sub("", lines[index], count=1)[len(name) :]
        found[name] = "\n".join((first, *lines[index + 1 : end]))
    return found


def judge_form(
    pull: PullRequest, *, title: str = TITLE, names: Sequence[str] = SECTIONS, labelled: bool = True
) -> Form:
    """Whether title, description and labels have the runbook's form.

    Args:
        pull: the pull request.
        title: regular expression that the title has at its start.
        names: sections of the description; the one that starts with `Migration` is answered Y or N.
        labelled: whether labels are asked for.
    """
    problems: list[str] = []
    if not re.search(title, pull.title):
        problems.append(_("The title is {title!r}, not like [Paso X] and what changed.").format(title=pull.title))
    told = sections(pull.body, names)
    migration = ""
    for name in names:
        if name not in told:
            problems.append(_("The description has no section {name}.").format(name=name))
            continue
        text = told[name]
        if name.lower().startswith("migration"):
            said = _YES_NO.match(text)
            if said is None:
                problems.append(_("The description does not answer Migration? with Y or N."))
                continue
            migration = "Y" if said[1].lower() in ("y", "yes", "sí", "si") else "N"
            if migration == "Y" and not _FILLER.sub("", text[said.end() :]):
                problems.append(_("Migration is Y, and the description does not tell which."))
        elif not _FILLER.sub("", re.sub(r"^[^\n]*", "", text, count=1)) and not _FILLER.sub("", _on_its_line(text)):
            problems.append(_("The section {name} of the description is empty.").format(name=name))
    if labelled:
        problems += _labels(pull.labels)
    return Form(tuple(problems), migration)


def _on_its_line(text: str) -> str:
    """What stands on the section's own line, but for the rest of its title (`Testing done locally: ...`)."""
    return (*re.split(r":|\s[-–—]\s", text.split("\n", 1)[0], maxsplit=1), "")[1]


def _labels(labels: Sequence[str]) -> list[str]:
    problems: list[str] = []
    for wanted in (KINDS, AREAS):
        count = sum(label in wanted for label in labels)
        if count == 0:
            problems.append(_("It has none of the labels {names}.").format(names=", ".join(wanted)))
    if sum(label in KINDS for label in labels) > 1:
        problems.append(_("It has more than one of the labels {names}.").format(names=", ".join(KINDS)))
    if READY not in labels:
        problems.append(_("It has no label {name}.").format(name=READY))
    return problems


@dataclass(frozen=True, slots=True)
class Approvals:
    """Who approves, who stands in the way, and whose approval does not count."""

    by: tuple[str, ...]
    """Logins whose latest review approves the newest commit and counts."""
    against: tuple[str, ...]
    """Logins whose latest review asks for changes."""
    earlier: tuple[tuple[str, str], ...] = ()
    """(login, full hash or empty) of those who approved an earlier commit, and have not looked at the newest."""
    outside: tuple[tuple[str, str], ...] = ()
    """(login, association) of those who approved and are not of the team."""


def judge_reviews(
    reviews: Sequence[Review], *, author: str, head: str, associations: Sequence[str] = ASSOCIATIONS
) -> Approvals:
    """Who approves `head` now: the latest review of each reviewer counts, a comment is none, a dismissed one is gone.

    Source: https://docs.github.com/en/rest/pulls/reviews (`state`, `commit_id`, `author_association`, `submitted_at`).

    Args:
        reviews: as GitHub lists them, oldest first.
        author: login that cannot approve its own change.
        head: newest commit, full hash; an approval of any other does not count.
        associations: what a reviewer must be to the repository for the approval to count.
    """
    latest: dict[str, Review] = {}
    for review in sorted(reviews, key=lambda one: one.submitted or datetime.min.replace(tzinfo=UTC)):
        if review.user and review.state in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED"):
            latest[review.user] = review
    approving = {u: review for u, review in latest.items() if review.state == "APPROVED" and u != author}
    team = {user for user, review in approving.items() if review.association in associations}
    now = {user for user, review in approving.items() if head and review.commit == head}
    return Approvals(
        by=tuple(user for user in approving if user in team and user in now),
        against=tuple(user for user, review in latest.items() if review.state == "CHANGES_REQUESTED"),
        earlier=tuple((user, review.commit) for user, review in approving.items() if user in team and user not in now),
        outside=tuple((user, review.association) for user, review in approving.items() if user not in team),
    )


@dataclass(frozen=True, slots=True)
class Checks:
    """How a commit's checks stand."""

    running: tuple[str, ...]
    failed: tuple[Check, ...]
    green: int
    succeeded: int = 0
    """Of the green ones, those that were neither skipped nor neutral."""
    missing: tuple[str, ...] = ()
    """Required ones that are not there."""
    skipped: tuple[str, ...] = ()
    """Required ones that are there, and did not look."""

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.running) + len(self.failed) + self.green

    @property
    def passed(self) -> bool:
        """Whether there are some, all are green, and one at least has looked, the required ones among them."""
        return self.succeeded > 0 and not (self.running or self.failed or self.missing or self.skipped)


def judge_checks(checks: Sequence[Check], required: Sequence[str] = ()) -> Checks:
    """Whether all are green, and the required ones have succeeded.

    Args:
        checks: of one commit.
        required: names that must be among them; `NAME (3.12)` and `NAME / job` are of that name too, as GitHub calls
            the jobs of a matrix and of a reusable workflow.
    """
    of = {name: [check for check in checks if _is_of(check.name, name)] for name in required}
    return Checks(
        running=tuple(check.name for check in checks if not check.done),
        failed=tuple(check for check in checks if check.done and not check.green),
        green=sum(check.green for check in checks),
        succeeded=sum(check.succeeded for check in checks),
        missing=tuple(name for name, found in of.items() if not found),
        skipped=tuple(
            name
            for name, found in of.items()
            if found and all(check.green for check in found) and not any(check.succeeded for check in found)
        ),
    )


def _is_of(check: str, name: str) -> bool:
    return check == name or check.startswith((f"{name} (", f"{name} / "))


def fraction_of(jobs: Sequence[Job]) -> float | None:
    """How much of a run is done, 0 to 1, by its jobs' steps; None where nothing is known of them."""
    steps = sum(job.steps for job in jobs)
    if steps:
        return sum(job.steps_done for job in jobs) / steps
    return sum(job.status == "completed" for job in jobs) / len(jobs) if jobs else None


def run_of_commit(
    runs: Sequence[WorkflowRun], commit: str, *, event: str = "push", branch: str = ""
) -> WorkflowRun | None:
    """The newest run of a workflow that counts for a commit: the one that `event` set off on `branch`.

    Args:
        runs: of one workflow.
        commit: full hash.
        event: what sets it off; a run by hand of the same commit is another run.
        branch: where; empty: any.
    """
    mine = [run for run in runs if run.commit == commit and run.event == event and branch in ("", run.branch)]
    return max(mine, key=lambda run: run.id, default=None)
