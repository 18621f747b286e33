"""What the store keeps of a service, and how that is told. Pure of gRPC and of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from google.cloud import run_v2
from google.protobuf import any_pb2

from console.simulator import revisions, rules
from console.simulator.revisions import FAILED, RECONCILING, SUCCEEDED, RevisionRecord, short


@dataclass(slots=True)
class Pending:
    """A reconcile under way."""

    due: float
    """When it ends, Unix seconds of simulated time."""
    operations: list[str]
    """Operations that end with it: the newest change's, and those of changes that it overtook."""
    made: list[str] = field(default_factory=list)
    """Revisions made by these changes."""


@dataclass(slots=True)
class ServiceRecord:
    """A service: what is desired, and what serves."""

    desired: run_v2.Service
    """Fields that users set, with name, times, generation and etag; status fields are left empty."""
    serving: list[run_v2.TrafficTarget] = field(default_factory=list)
    """The targets that serve: desired traffic as it was when a reconcile last succeeded."""
    latest_ready: str = ""
    latest_created: str = ""
    observed_generation: int = 0
    condition: run_v2.Condition = field(default_factory=run_v2.Condition)
    revisions: dict[str, RevisionRecord] = field(default_factory=dict)
    """Oldest first."""
    deleted: dict[str, RevisionRecord] = field(default_factory=dict)
    pending: Pending | None = None
    version: int = 0
    last_number: int = 0
    told: dict[str, int] = field(default_factory=dict)
    """Effective shares as the listener knows them."""

    @property
    def name(self) -> str:
        """Short name."""
        return short(self.desired.name)

    def exposed(self) -> set[str]:
        """Short names of revisions that serve or carry a tag, in what serves or in what is desired."""
        names = set(rules.shares(self.serving, self.latest_ready)) | set(
            rules.shares(self.desired.traffic, self.latest_ready)
        )
        for target in (*self.serving, *self.desired.traffic):
            if target.tag:
                names.add(target.revision or self.latest_ready)
        return names

    def newest_ready(self) -> str:
        """Short name of the newest ready revision, or empty."""
        return next((r.name for r in reversed(self.revisions.values()) if r.ready), "")


def view(record: ServiceRecord, uri: str, uri_of_tag: Callable[[str, str], str]) -> run_v2.Service:
    """The service as Cloud Run tells it now, desired and effective.

    Args:
        record: the service.
        uri: where it is served.
        uri_of_tag: where (service, tag) is served.
    """
    full = record.desired.name
    message = run_v2.Service(record.desired)
    message.reconciling = record.pending is not None
    message.observed_generation = record.observed_generation
    message.uri = uri
    message.urls = [uri] if uri else []
    tags = {t.tag: uri_of_tag(record.name, t.tag) for t in record.serving if t.tag}
    if record.told:
        message.traffic_statuses = rules.statuses(record.serving, tags)
    if record.latest_ready:
        message.latest_ready_revision = f"{full}/revisions/{record.latest_ready}"
    if record.latest_created:
        message.latest_created_revision = f"{full}/revisions/{record.latest_created}"
    message.terminal_condition = record.condition
    message.conditions = _conditions(record)
    return message


def _conditions(record: ServiceRecord) -> list[run_v2.Condition]:
    newest = record.revisions.get(record.latest_created)
    configured = run_v2.Condition(type_="ConfigurationsReady", state=SUCCEEDED)
    if newest is not None and not newest.ready:
        configured.state = RECONCILING if newest.message.reconciling else FAILED
        configured.message = revisions.why_not_ready(newest)
    routed = run_v2.Condition(type_="RoutesReady", state=record.condition.state, message=record.condition.message)
    return [routed, configured]


def packed(message: run_v2.Service | run_v2.Revision) -> any_pb2.Any:
    """`message` in an Any, as an operation carries it."""
    result = any_pb2.Any()
    result.Pack(type(message).pb(message))
    return result


def traffic_of(targets: Sequence[tuple[str, int, str]]) -> list[run_v2.TrafficTarget]:
    """Targets from (revision, percent, tag); an empty revision means rules.LATEST."""
    return [
        run_v2.TrafficTarget(
            type_=rules.REVISION if revision else rules.LATEST, revision=revision, percent=percent, tag=tag
        )
        for revision, percent, tag in targets
    ]
