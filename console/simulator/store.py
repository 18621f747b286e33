"""The Cloud Run state machine: services, their revisions and what becomes of each change.

It holds Google's messages but knows neither gRPC nor the clock: time is passed in, and reconciles end when `advance`
is called at or after `next_due`. Each rule names its source; `rules`, `revisions`, `masks` and `reconcile` hold the
pure parts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Protocol

from google.cloud import run_v2
from google.protobuf import any_pb2

from console.simulator import masks, reconcile, revisions, rules
from console.simulator.operations import OperationRecord, Operations
from console.simulator.records import Pending, ServiceRecord, packed, view
from console.simulator.registry import Registry, pinned
from console.simulator.revisions import RECONCILING, RevisionRecord, short, stamp
from console.simulator.status import Code, StatusError


class Listener(Protocol):
    """Who models the traffic; told of what serves."""

    def split_changed(self, service: str, at: float, shares: Mapping[str, int]) -> None:
        """The effective split of `service` (short name) is `shares` (percent by revision) from `at` on."""
        ...

    def revision_created(self, service: str, revision: str, at: float) -> None:
        """A revision was made."""
        ...


class Store:
    """All services of one project and region.

    Args:
        project: project id.
        region: e.g. `us-central1`.
        seed: makes names and reconcile times repeatable.
        listener: told of what serves; None for none.
    """

    def __init__(self, project: str, region: str, *, seed: int = 0, listener: Listener | None = None) -> None:
        self.project = project
        self.region = region
        self.parent = f"projects/{project}/locations/{region}"
        self.seed = seed
        self.listener = listener
        self.operations = Operations(self.parent, seed)
        self.services: dict[str, ServiceRecord] = {}
        self.built: dict[str, str] = {}
        """Version by image, of images that CI has built and that are named by digest."""
        self.registry = Registry()
        """Which digest each image tag points at."""
        self.uri_of_service: Callable[[str], str] = lambda service: ""
        """Where a service is served; set by the HTTP servers."""
        self.uri_of_tag: Callable[[str, str], str] = lambda service, tag: ""
        """Where (service, tag) is served."""
        self.on_change: Callable[[ServiceRecord], None] | None = None
        """Called after anything about a service has changed (to open ports, keep state, re-time reconciles)."""
        self.reconcile_fault: str | None = None
        """Words with which the next reconcile fails, for tests."""
        self.reconcile_s: float | None = None
        """How long every reconcile takes, simulated seconds; None for the usual."""

    # ---------------------------------------------------------------- reading

    def find(self, name: str) -> ServiceRecord:
        """The service of that full name.

        Raises:
            StatusError: NOT_FOUND, in Cloud Run's words.
        """
        record = self.services.get(short(name))
        if record is None or record.desired.name != name:
            raise StatusError(
                Code.NOT_FOUND,
                f"Resource '{short(name)}' of kind 'SERVICE' in region '{self.region}' in project '{self.project}' "
                "does not exist.",
            )
        return record

    def find_revision(self, name: str) -> RevisionRecord:
        """The revision of that full name; deleted ones are not found.

        Raises:
            StatusError: NOT_FOUND.
        """
        service, _sep, revision = name.rpartition("/revisions/")
        owner = self.services.get(short(service))
        found = owner.revisions.get(revision) if owner is not None and owner.desired.name == service else None
        if found is None:
            raise StatusError(
                Code.NOT_FOUND,
                f"Resource '{revision or name}' of kind 'REVISION' in region '{self.region}' in project "
                f"'{self.project}' does not exist.",
            )
        return found

    def view(self, record: ServiceRecord) -> run_v2.Service:
        """The service as Cloud Run tells it now, desired and effective."""
        return view(record, self.uri_of_service(record.name), self.uri_of_tag)

    # ---------------------------------------------------------------- writing

    def update_service(self, request: run_v2.UpdateServiceRequest, *, principal: str, at: float) -> OperationRecord:
        """UpdateService: change what is desired, and begin to reconcile.

        A request's `etag` that is not the service's is refused (ABORTED; Service.etag, "May be used to detect
        modification conflict during updates"). Fields in `update_mask` are replaced, the others kept; without a mask
        every field that users set is replaced. `validate_only` changes nothing; `allow_missing` creates.
        `generation` rises where anything desired changed (Service.generation).

        Raises:
            StatusError: NOT_FOUND, ABORTED, INVALID_ARGUMENT, ALREADY_EXISTS.
        """
        name = request.service.name
        if request.allow_missing and short(name) not in self.services and name.startswith(self.parent + "/services/"):
            create = run_v2.CreateServiceRequest(
                parent=self.parent,
                service_id=short(name),
                service=request.service,
                validate_only=request.validate_only,
            )
            create.service.name = ""
            return self.create_service(create, principal=principal, at=at)
        record = self.find(name)
        if request.service.etag and request.service.etag != record.desired.etag:
            raise StatusError(
                Code.ABORTED,
                f"Conflict for resource '{record.name}': version '{request.service.etag}' was specified but current "
                f"version is '{record.desired.etag}'.",
            )
        wanted = masks.apply(record.desired, request.service, list(request.update_mask.paths))
        new_revision = self._check(record.name, wanted, record)
        if request.validate_only:
            return self._validated(record.desired.name, wanted, at)
        if masks.same_desired(wanted, record.desired):
            operation = self.operations.start(record.desired.name, packed(self.view(record)), at)
            if record.pending is not None:
                record.pending.operations.append(operation.name)
            else:
                self.operations.succeed(operation.name, packed(self.view(record)))
            return operation
        only_metadata = masks.same_configuration(wanted, record.desired)
        wanted.generation = record.desired.generation + 1
        return self._commit(record, wanted, new_revision, principal, at, quick=only_metadata)

    def create_service(self, request: run_v2.CreateServiceRequest, *, principal: str, at: float) -> OperationRecord:
        """CreateService: a new service with its first revision.

        Raises:
            StatusError: ALREADY_EXISTS, INVALID_ARGUMENT, NOT_FOUND.
        """
        if request.parent != self.parent:
            raise StatusError(Code.NOT_FOUND, f"Location '{request.parent}' does not exist.")
        rules.check_service_id(request.service_id)
        if request.service_id in self.services:
            raise StatusError(Code.ALREADY_EXISTS, f"Resource '{request.service_id}' already exists.")
        full = f"{self.parent}/services/{request.service_id}"
        empty = run_v2.Service(name=full, uid=revisions.uid(f"{full}/{at}"), creator=principal, create_time=stamp(at))
        empty.launch_stage = 4
        wanted = masks.apply(empty, request.service, [])
        record = ServiceRecord(empty)
        new_revision = self._check(request.service_id, wanted, record)
        if request.validate_only:
            return self._validated(full, wanted, at)
        self.services[request.service_id] = record
        wanted.generation = 1
        return self._commit(record, wanted, new_revision, principal, at, quick=False)

    def delete_revision(self, request: run_v2.DeleteRevisionRequest, *, principal: str, at: float) -> OperationRecord:
        """DeleteRevision: refused while it serves, carries a tag or is the latest.

        "You cannot delete a revision if it can receive traffic, is the only revision or is the latest revision of
        the service" (https://cloud.google.com/run/docs/managing/revisions#delete).

        Raises:
            StatusError: NOT_FOUND, ABORTED (stale etag), FAILED_PRECONDITION.
        """
        found = self.find_revision(request.name)
        owner = self.services[found.message.service]
        if request.etag and request.etag != found.message.etag:
            raise StatusError(
                Code.ABORTED,
                f"Conflict for resource '{found.name}': version '{request.etag}' was specified but current version "
                f"is '{found.message.etag}'.",
            )
        if found.name in owner.exposed() | {owner.latest_created, owner.latest_ready}:
            raise StatusError(
                Code.FAILED_PRECONDITION,
                f"Revision '{found.name}' cannot be deleted: it can receive traffic, or is the latest revision of "
                f"service '{owner.name}'.",
            )
        operation = self.operations.start(request.name, packed(found.message), at)
        if not request.validate_only:
            self.remove_revision(owner, found.name, at)
        self.operations.succeed(operation.name, packed(found.message))
        self._changed(owner)
        return operation

    def remove_revision(self, owner: ServiceRecord, name: str, at: float) -> None:
        """Delete a revision, whatever it does: by the API after its checks, by pruning, or by an injected fault."""
        found = owner.revisions.pop(name)
        found.message.delete_time = stamp(at)
        found.message.expire_time = stamp(at) + timedelta(days=30)
        owner.deleted[name] = found
        if len(owner.deleted) > rules.MAX_REVISIONS:
            del owner.deleted[next(iter(owner.deleted))]

    # ---------------------------------------------------------------- reconciling

    def next_due(self) -> float | None:
        """When the next reconcile ends, Unix seconds of simulated time; None while nothing reconciles."""
        return min((r.pending.due for r in self.services.values() if r.pending is not None), default=None)

    def advance(self, at: float) -> None:
        """End every reconcile that is due at `at`."""
        due = [r for r in self.services.values() if r.pending is not None and r.pending.due <= at]
        for record in sorted(due, key=lambda r: r.pending.due if r.pending else 0.0):
            self._finish(record, at)

    def _check(self, service: str, wanted: run_v2.Service, record: ServiceRecord) -> str | None:
        """Refuse what cannot be desired; else the name of the revision to make, or None.

        A template that names an existing revision and differs from it is refused (ALREADY_EXISTS, words recorded in
        pulumi-gcp#350); a changed template without a name gets one from the server; a change of traffic or
        annotations makes no revision.
        """
        rules.check_annotations(wanted.annotations)
        rules.check_labels(wanted.labels)
        if not record.revisions or wanted.template != record.desired.template:
            rules.check_template(service, wanted.template)
        named = wanted.template.revision
        make: str | None = None
        if named:
            existing = record.revisions.get(named)
            if existing is None:
                make = named
            elif not rules.same_configuration(existing.template, wanted.template):
                raise StatusError(
                    Code.ALREADY_EXISTS, f"Revision named '{named}' with different configuration already exists."
                )
        elif not record.revisions or not rules.same_configuration(wanted.template, record.desired.template):
            chance = random.Random(f"{self.seed}/{service}/{record.last_number + 1}")
            taken = record.revisions.keys() | record.deleted.keys()
            make = revisions.next_name(service, record.last_number + 1, chance, taken)
        rules.check_traffic(wanted.traffic, record.revisions.keys() | ({make} if make else set()))
        return make

    def _validated(self, name: str, wanted: run_v2.Service, at: float) -> OperationRecord:
        """The answer to `validate_only`: a finished operation that nobody keeps."""
        message = packed(wanted)
        return OperationRecord(
            f"{self.parent}/operations/validate-only", name, at, metadata=message, done=True, response=message
        )

    def _commit(
        self,
        record: ServiceRecord,
        wanted: run_v2.Service,
        new_revision: str | None,
        principal: str,
        at: float,
        *,
        quick: bool,
    ) -> OperationRecord:
        record.version += 1
        wanted.etag = revisions.etag(wanted.name, at, record.version)
        wanted.update_time = stamp(at)
        wanted.last_modifier = principal
        record.desired = wanted
        if new_revision:
            record.revisions[new_revision] = revisions.make(
                wanted.name, new_revision, wanted.template, creator=principal, at=at, generation=wanted.generation
            )
            self._resolve(record.revisions[new_revision])
            record.latest_created = new_revision
            record.last_number = max(record.last_number + 1, revisions.number_of(new_revision))
            if self.listener is not None:
                self.listener.revision_created(record.name, new_revision, at)
        record.condition = run_v2.Condition(type_="Ready", state=RECONCILING, last_transition_time=stamp(at))
        operation = self.operations.start(wanted.name, any_pb2.Any(), at)
        overtaken = record.pending.operations if record.pending is not None else []
        usual = reconcile.seconds(record, self.seed, quick=quick, deploys=bool(new_revision))
        due = at + (usual if self.reconcile_s is None else self.reconcile_s)
        if quick and record.pending is not None:
            due = max(due, record.pending.due)
        made_before = record.pending.made if record.pending is not None else []
        made = [*made_before, new_revision] if new_revision else made_before
        record.pending = Pending(due, [*overtaken, operation.name], made)
        operation.metadata = packed(self.view(record))
        self._changed(record)
        return operation

    def _finish(self, record: ServiceRecord, at: float) -> None:
        """End a reconcile, and with it the operations of all changes that it carried out.

        Args:
            record: the service.
            at: now, which may be a little after it was due: traffic that has passed already is not split anew.
        """
        assert record.pending is not None
        pending, record.pending = record.pending, None
        fault, self.reconcile_fault = self.reconcile_fault, None
        failure = reconcile.end(record, pending.made, at, fault)
        self._prune(record, at)
        self._tell(record, at)
        self._changed(record)
        answer = packed(self.view(record))
        for name in pending.operations:
            if failure is None:
                self.operations.succeed(name, answer)
            else:
                self.operations.fail(name, failure.code, failure.message)

    def _prune(self, record: ServiceRecord, at: float) -> None:
        """Keep at most 1,000 revisions (see `revisions.prunable`)."""
        keep = record.exposed() | {record.latest_created, record.latest_ready}
        for name in revisions.prunable(list(record.revisions.values()), keep, rules.MAX_REVISIONS):
            self.remove_revision(record, name, at)

    def _tell(self, record: ServiceRecord, at: float) -> None:
        shares = rules.shares(record.serving, record.latest_ready) if record.latest_ready else {}
        if shares != record.told:
            record.told = shares
            if self.listener is not None:
                self.listener.split_changed(record.name, at, shares)

    def _changed(self, record: ServiceRecord) -> None:
        if self.on_change is not None:
            self.on_change(record)

    # ---------------------------------------------------------------- beginnings and faults

    def add_existing(self, record: ServiceRecord) -> None:
        """Put a service as it stands into the store (a scenario's, or one kept on disk); the listener is not told."""
        self.services[record.name] = record
        for revision in record.revisions.values():
            self._resolve(revision)
        self._changed(record)

    def break_revision(self, service: str, name: str, why: str, at: float) -> None:
        """Make a revision not ready from now on, for tests; what serves goes on serving."""
        record = self.services[service]
        revisions.become_failed(record.revisions[name], at, why)
        if record.latest_ready == name:
            record.latest_ready = record.newest_ready()
        self._changed(record)

    def lose_revision(self, service: str, name: str, at: float) -> None:
        """Delete a revision whatever it does, for tests; what served through it no longer does."""
        record = self.services[service]
        self.remove_revision(record, name, at)
        if record.latest_ready == name:
            record.latest_ready = record.newest_ready()
        self._changed(record)

    def _resolve(self, revision: RevisionRecord) -> None:
        """Resolve its image's tag, once and for all; what was built into it is known by its digest too."""
        if not revision.image:
            return
        revision.digest = revision.digest or self.registry.digest(revision.image)
        if tag := revisions.image_tag(revision.image):
            self.built.setdefault(pinned(revision.image, revision.digest), tag)

    def know_builds(self) -> None:
        """Know again what was built into the images of revisions that tell their commit."""
        for record in self.services.values():
            for revision in record.revisions.values():
                if sha := revision.template.labels.get("commit-sha", ""):
                    self.built.setdefault(revision.image, str(sha)[:7])

    def version(self, revision: RevisionRecord) -> str:
        """What a revision calls its version: its image's tag, or what was built into an image named by digest."""
        built = self.built.get(revision.image) or str(revision.template.labels.get("commit-sha", ""))[:7]
        return revisions.image_tag(revision.image) or built

    def effective_shares(self, service: str) -> dict[str, int]:
        """Percent by revision that serves now."""
        return dict(self.services[service].told)
