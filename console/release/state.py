"""The shared state of a release: one JSON annotation on the Cloud Run service itself (DESIGN.md, decision 2).

Written in the same UpdateService call as the traffic it describes, under the service's etag, so that two operators
cannot both win. One document holds the last deployment, the candidate that is checked and approved, and the release
that moves its traffic: `{"version": 1, "deployment": {...}, "candidate": {...}, ...the release's fields...}`. Read
leniently (unknown fields from a newer canario are kept, a part that cannot be read costs only that part), written
strictly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import from_json

from console.release.plan import RolloutPlan
from console.release.split import TrafficSplit, TrafficTarget
from console.text import clean
from console.wrong_values import half_sentence

ANNOTATION = "canario.dev/release"
"""Annotation key. Not in a namespace reserved by Cloud Run (run.googleapis.com, cloud.googleapis.com,
serving.knative.dev, autoscaling.knative.dev)."""

DEPLOYMENT = "canario.dev/deployment"
"""Annotation key that held the last deployment before the document did. Read where it is there, never written."""

SENTENCE_LIMIT = 160
"""Characters of a step's sentence that are shared; the journal keeps all of it."""

FIGURES = 6
"""Figures of a step that are shared; the journal keeps all."""

FIGURE_LIMIT = 60
"""Characters of a figure's name, and of its value, that are shared."""

LEASE = timedelta(minutes=2)
"""How long a driver's lease holds after its last renewal, in server time."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")

    @field_validator("*", mode="after")
    @classmethod
    def _safe(cls, value: Any) -> Any:
        """Anybody who may edit the service may write here: text is cleaned, a time without a zone is UTC."""
        if isinstance(value, str):
            return clean(value)
        if isinstance(value, tuple):
            return tuple(clean(item) if isinstance(item, str) else item for item in value)
        if isinstance(value, datetime) and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value


class Line(_Model):
    """One target of a recorded split."""

    revision: str | None = None
    percent: int = 0
    tag: str = ""


class Driver(_Model):
    """Who moves the release: an identity with a lease."""

    email: str
    session: str
    """Id of the console that holds the lease; two consoles of one person are two sessions."""
    expires: datetime
    """Server time, UTC."""
    console: bool = True
    """Whether a console holds it, which renews it; False for a command, which ended at once."""


class VerdictRecord(_Model):
    """What the driving console's judge said last; what commands read (written on change, at most every 30 s)."""

    word: Literal["PASS", "FAIL", "INCONCLUSIVE", "WARN", "SHARED BREACH"]
    sentence: str = ""
    at: datetime
    step: int
    """Canary percent that it was said of."""
    observed_s: float = Field(0.0, ge=0, le=1e9, allow_inf_nan=False)
    """Seconds of the bake observed so far, in server time."""
    bake_done: bool = False
    """Whether the step has baked: time observed and requests both enough."""
    requests: int = 0
    errors: int = 0
    requests_needed: int = 0
    """Canary requests still missing before the bake can end; 0 where enough."""
    over: bool = False
    """Whether the bake's time is observed in full, with or without a PASS: what a script waits for."""
    attribution: str = ""
    """`canary` or `unattributed` with FAIL, else empty."""
    clear: bool = False
    """Whether nothing speaks against the canary: its requests are seen, and no test stands far enough to mention."""


class Move(_Model):
    """One change of traffic in this release."""

    kind: Literal["shift", "rollback", "undo"]
    at: datetime
    by: str
    percent: int
    """Canary's share after it."""
    before: tuple[Line, ...]
    """Split before it (desired)."""
    reason: str = ""
    """Override or rollback reason, as typed."""
    automatic: bool = False


class RolledBack(_Model):
    """A revision that was rolled back; only a typed reason moves it forward again."""

    revision: str
    at: datetime
    by: str
    reason: str = ""


class Deployment(_Model):
    """A new revision that was made with no traffic."""

    image: str
    tag: str
    by: str
    at: datetime
    """Server time, UTC."""


class Approval(_Model):
    """One person's yes to one image and one plan; it counts for nothing else."""

    id: str
    """Sixteen random hexadecimal digits."""
    role: Literal["code", "tech_lead"]
    """`code`: the change was reviewed; `tech_lead`: production may be moved."""
    by: str
    """E-mail."""
    at: datetime
    """Server time, UTC."""
    digest: str
    """Identity of the approved image, as `console.release.images.image_identity` gives it."""
    plan: str
    """Digest of the approved plan, as `plan_digest` gives it."""
    candidate: str
    """Id of the candidate approved."""
    template: str = ""
    """Fingerprint of what the image runs with (`console.release.template`); empty where nobody could tell."""


class CasesRecord(_Model):
    """Cases of a step's list that had the same answer by the same person; the journal keeps their words."""

    result: str = ""
    """`pass`, `fail`, `blocked`, or empty where they are open."""
    by: str = ""
    """E-mail, or `canario` where a machine checked them."""
    cases: tuple[str, ...] = ()
    """`ID#MARK` each: the mark is of the case's text, so that an answer counts for that text alone."""
    note: str = ""
    """What was seen, at most SENTENCE_LIMIT characters; of one case that failed or is blocked."""


class MigrationApproval(_Model):
    """A second person's yes to one statement of one file of migrations; it counts for no other bytes."""

    id: str
    """Sixteen random hexadecimal digits."""
    by: str
    """E-mail."""
    at: datetime
    """Server time, UTC."""
    file: str
    """The file's name, for people."""
    file_digest: str
    """SHA-256 of the whole file, in hexadecimal."""
    statement: int
    """Its number in the file, from 1, for people."""
    digest: str
    """SHA-256 of the bytes that would be sent, in hexadecimal."""
    candidate: str
    """Id of the candidate that it belongs to."""


class StepRecord(_Model):
    """What one step of the checklist came to, as shared with other consoles; the journal keeps the details."""

    step: str
    """The step's id in the runbook."""
    result: Literal["passed", "failed", "skipped", "running", "partial", "cancelled", "unknown"]
    by: str
    """E-mail of who did it, or whose console did."""
    at: datetime
    """Server time, UTC."""
    digest: str = ""
    """Image that it was of: the first 19 characters of `image_identity` suffice. Empty where it is of no image."""
    subject: str = ""
    """What its evidence is bound to: the commit, the image's identity, the revision, or the candidate."""
    sentence: str = ""
    """What came out, at most SENTENCE_LIMIT characters; more is cut."""
    reason: str = ""
    """Why it was skipped or passed in spite of an answer, as typed."""
    key: str = ""
    """Idempotency key of the attempt: a second record of the same key is the same attempt."""
    told_by: str = ""
    """E-mail of whose console wrote it, where that is another's than `by`: on a simulator alone, which plays people."""
    template: str = ""
    """Fingerprint of what the revision in hand ran with (`console.release.template`), where one was."""
    cases: tuple[CasesRecord, ...] | None = None
    """How each case of its list stands, where it has one (UAT)."""
    machine: bool | None = None
    """Whether a machine checked it, or it is a person's word; None: an earlier canario wrote it and did not say."""
    figures: tuple[tuple[str, str], ...] | None = None
    """Name and value of its first FIGURES figures, FIGURE_LIMIT characters each: what later messages tell."""

    @field_validator("figures", mode="after")
    @classmethod
    def _few(cls, value: tuple[tuple[str, str], ...] | None) -> tuple[tuple[str, str], ...] | None:
        shown = [(_short(clean(name), FIGURE_LIMIT), _short(clean(told), FIGURE_LIMIT)) for name, told in value or ()]
        return tuple(shown[:FIGURES]) or None

    @field_validator("sentence", mode="after")
    @classmethod
    def _short(cls, value: str) -> str:
        return _short(value, SENTENCE_LIMIT)


def _short(text: str, limit: int) -> str:
    """`text` cut to `limit` characters; cut once more it stays as it is, so that a record read again is the same."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


class Candidate(_Model):
    """A change on its way to production: checked, approved, then released. It opens before any traffic moves."""

    id: str
    """E.g. `2026-11-25-1005`."""
    runbook: str = ""
    """The runbook's id."""
    runbook_digest: str = ""
    """Digest of the runbook that the steps below are of."""
    runbook_steps: int | None = None
    """How many steps it has; None: an earlier canario wrote it and did not say."""
    image: str = ""
    """Full image reference that is released; empty while not known."""
    commit: str = ""
    pull_request: str = ""
    author: str = ""
    """E-mail or login of the change's author, who may give one of the two approvals, never both."""
    author_login: str = ""
    version: str = ""
    """Version that the service must tell, where it is known."""
    plan: str = ""
    """Digest of the rollout plan, as `plan_digest` gives it."""
    opened: datetime
    """Server time, UTC."""
    opened_by: str
    driver: Driver | None = None
    """Who works through the checklist, with a lease."""
    approvals: tuple[Approval, ...] = ()
    migration_approvals: tuple[MigrationApproval, ...] = ()
    """Of statements that one person may not send alone (issue 5, `incompatible` and `unknown`)."""
    steps: tuple[StepRecord, ...] = ()
    migrations: tuple[str, ...] = ()
    """Names of the migrations' files that belong to it, in order."""
    migration: str = ""
    """The pull request's own word on whether it has one, `Y` or `N`; empty where it says nothing. It names no file."""
    closed: Literal["done", "stopped"] | None = None
    closed_at: datetime | None = None

    @field_validator("migrations", mode="after")
    @classmethod
    def _files(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Documents from before `migration` was kept apart have its Y or N among the files' names."""
        return tuple(name for name in value if name not in ("Y", "N"))

    @property
    def open(self) -> bool:
        """Whether it is still worked on."""
        return self.closed is None

    @property
    def signatures(self) -> tuple[Approval | MigrationApproval, ...]:
        """Everything on it that counts only by the word of whoever wrote it."""
        return (*self.approvals, *self.migration_approvals)


Ended: TypeAlias = Literal["promoted", "rolled back", "abandoned", "promoted unwatched"]
"""How a release ended. `promoted unwatched`: at 100 %, and the next one began before anybody had watched its bake."""


class Former(_Model):
    """The release before, and how it ended: where the next one ended it, this is the only place that says so."""

    id: str
    canary: str
    ended: Ended
    ended_at: datetime
    """Server time, UTC."""


class Release(_Model):
    """A release under way, or the last one that ended."""

    version: Literal[1] = 1
    id: str
    """E.g. `2026-11-25-1005-00042-vez`."""
    canary: str
    stable: str
    """The revision with the largest share before the release."""
    baseline: tuple[Line, ...]
    """The split before the release, tags included; what a rollback restores."""
    started: datetime
    started_by: str
    step: int = 0
    """Canary's percent as last written."""
    moves: tuple[Move, ...] = ()
    """Newest last; the last 20 are kept."""
    driver: Driver | None = None
    verdict: VerdictRecord | None = None
    auto_rollback: bool = True
    rolled_back: tuple[RolledBack, ...] = ()
    ended: Ended | None = None
    ended_at: datetime | None = None
    former: Former | None = None

    @property
    def under_way(self) -> bool:
        """Whether the release has begun and not ended."""
        return self.ended is None

    @property
    def moved_at(self) -> datetime:
        """When traffic last moved, or when the release began."""
        return self.moves[-1].at if self.moves else self.started

    def baseline_shares(self) -> dict[str, int]:
        """Percent by revision before the release."""
        return split_of(self.baseline).shares()

    def was_rolled_back(self, revision: str) -> RolledBack | None:
        """The mark on `revision`, where it was rolled back."""
        return next((mark for mark in reversed(self.rolled_back) if mark.revision == revision), None)

    def dumps(self) -> str:
        """The annotation's value where there is nothing but this release."""
        return Document(release=self).dumps()


class Document(_Model):
    """The whole annotation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    release: Release | None = None
    """Its fields lie flat in the document, unknown ones included; None where no release has begun."""
    deployment: Deployment | None = None
    candidate: Candidate | None = None
    unread: dict[str, Any] = Field(default_factory=dict)
    """What no part holds, as it was written: unknown fields where there is no release, and parts that cannot be read.
    Written back as it is, unless the part itself is given."""

    def dumps(self) -> str:
        """The annotation's value: compact JSON."""
        return rewritten(self.unread, release=self.release, deployment=self.deployment, candidate=self.candidate)


_RELEASE_FIELDS = frozenset(Release.model_fields)
_PARTS = ("deployment", "candidate")


def lines_of(split: TrafficSplit) -> tuple[Line, ...]:
    """`split` in the form that the annotation keeps."""
    return tuple(Line(revision=t.revision, percent=t.percent, tag=t.tag) for t in split.targets)


def split_of(lines: tuple[Line, ...]) -> TrafficSplit:
    """The split that recorded `lines` stand for."""
    return TrafficSplit(tuple(TrafficTarget(revision=r.revision, percent=r.percent, tag=r.tag) for r in lines))


def read_release(annotations: Mapping[str, str]) -> tuple[Release | None, str]:
    """The release written on a service, and what is wrong with it.

    Returns:
        (release, "") where it reads; (None, "") where there is none; (None, problem) where the annotation is there
        but its release cannot be read, in which case the caller says so and acts as if there were none.
    """
    document, problem, _others = _read(annotations)
    return document.release, problem


def read_document(annotations: Mapping[str, str]) -> tuple[Document, str]:
    """All that is written on a service, and what is wrong with it.

    A part that cannot be read is None, named in the problem and kept in `unread`; the others are there all the same.

    Returns:
        (document, problem): the document is empty where nothing is written; the problem is empty where all reads.
    """
    document, problem, others = _read(annotations)
    return document, "; ".join(filter(None, (problem, *others)))


def rewritten(
    written: str | Mapping[str, Any] | None,
    *,
    release: Release | None = None,
    deployment: Deployment | None = None,
    candidate: Candidate | None = None,
) -> str:
    """The annotation with the given parts replaced and everything else as it was, readable or not. Never fails.

    Args:
        written: the annotation's present value, or its fields; what is no JSON object is replaced as a whole.
        release: the new release; None: as it was.
        deployment: the new deployment; None: as it was.
        candidate: the new candidate; None: as it was.
    """
    fields = dict(written) if isinstance(written, Mapping) else _fields(written or "")[0]
    if release is not None:
        fields = {name: value for name, value in fields.items() if name not in _RELEASE_FIELDS} | _plain(release)
    for name, part in (("deployment", deployment), ("candidate", candidate)):
        if part is not None:
            fields[name] = _plain(part)
    if release is not None or "version" not in fields:
        fields["version"] = 1
    return json.dumps(dict(sorted(fields.items())), separators=(",", ":"))


def plan_digest(plan: RolloutPlan) -> str:
    """Sixteen hexadecimal digits that change with anything that an approval of `plan` was given for."""
    told = {"steps": plan.steps, "bake_s": plan.bake.total_seconds(), "minimum_requests": plan.minimum_requests}
    return hashlib.sha256(json.dumps(told, separators=(",", ":"), sort_keys=True).encode()).hexdigest()[:16]


def _read(annotations: Mapping[str, str]) -> tuple[Document, str, list[str]]:
    """The document, what is wrong with its release, and what is wrong with its other parts."""
    others: list[str] = []
    old = None
    if (raw := annotations.get(DEPLOYMENT)) is not None:
        old_fields, problem = _fields(raw)
        old, problem = (None, problem) if problem else _part(Deployment, old_fields)
        others += [f"{DEPLOYMENT}: {problem}"] if problem else []
    raw = annotations.get(ANNOTATION)
    if raw is None:
        return Document(deployment=old), "", others
    fields, problem = _fields(raw)
    if problem:
        return Document(deployment=old), problem, others
    if fields.get("version", 1) != 1:
        return Document(unread=fields), f"version: {clean(str(fields['version']), 40)}", others
    deployment, wrong = _part(Deployment, fields["deployment"]) if "deployment" in fields else (None, "")
    others += [f"deployment: {wrong}"] if wrong else []
    candidate, wrong = _part(Candidate, fields["candidate"]) if "candidate" in fields else (None, "")
    others += [f"candidate: {wrong}"] if wrong else []
    unread = {
        name: value
        for name, value in fields.items()
        if not (name == "version" or (name == "deployment" and deployment) or (name == "candidate" and candidate))
    }
    if old is not None and (deployment is None or deployment.at < old.at):
        deployment = old
    release, release_problem = None, ""
    if "id" in fields:
        flat = {name: value for name, value in fields.items() if name not in _PARTS}
        release, release_problem = _part(Release, flat)
        if release is not None:
            unread = {name: value for name, value in unread.items() if name in _PARTS}
    document = Document(release=release, deployment=deployment, candidate=candidate, unread=unread)
    return document, release_problem, others


def _fields(raw: str) -> tuple[dict[str, Any], str]:
    """The object that `raw` is, and why it is none."""
    try:
        value = from_json(raw)
        json.dumps(value)  # what cannot be written again must not reach a rollback's write
    except (ValueError, RecursionError) as error:
        return {}, clean(str(error), 200)
    return (value, "") if isinstance(value, dict) else ({}, "no JSON object")


_P = TypeVar("_P", Release, Deployment, Candidate)


def _part(kind: type[_P], value: object) -> tuple[_P | None, str]:
    try:
        return kind.model_validate(value), ""
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return None, f"{place}: {half_sentence(first)}" if place else half_sentence(first)


def _plain(part: BaseModel) -> dict[str, Any]:
    """`part` as JSON; fields of ours that say nothing are left out, unknown ones are not ours to judge."""
    unknown = set(part.model_extra or ())
    dumped = part.model_dump(mode="json", exclude_none=True)
    return dumped | (part.model_dump(mode="json", include=unknown) if unknown else {})


__all__ = [
    "ANNOTATION",
    "DEPLOYMENT",
    "FIGURES",
    "FIGURE_LIMIT",
    "LEASE",
    "SENTENCE_LIMIT",
    "Approval",
    "Candidate",
    "CasesRecord",
    "Deployment",
    "Document",
    "Driver",
    "Ended",
    "Former",
    "Line",
    "MigrationApproval",
    "Move",
    "Release",
    "RolledBack",
    "StepRecord",
    "VerdictRecord",
    "lines_of",
    "plan_digest",
    "read_document",
    "read_release",
    "rewritten",
    "split_of",
]
