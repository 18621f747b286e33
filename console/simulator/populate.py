"""A scenario's services as they stand when it starts: old revisions, a stable one, the new one under `canary`."""

from __future__ import annotations

from datetime import timedelta

from google.cloud import run_v2

from console.simulator import revisions, rules
from console.simulator.records import ServiceRecord, traffic_of
from console.simulator.revisions import SUCCEEDED, RevisionRecord, number_of, stamp
from console.simulator.scenario import RevisionSpec, Scenario, ServiceSpec
from console.simulator.store import Store

RUNTIME_ACCOUNT = "wa-runtime@demo.iam.gserviceaccount.com"
SECONDS_TO_READY = 14.0
"""How long after its creation an old revision became ready."""


def populate(store: Store, scenario: Scenario, at: float) -> None:
    """Put the services of `scenario` into `store`, as they stand at `at` (Unix seconds)."""
    for name, spec in scenario.services.items():
        store.add_existing(_service(store.parent, name, spec, scenario, at))


def _service(parent: str, name: str, spec: ServiceSpec, scenario: Scenario, at: float) -> ServiceRecord:
    full = f"{parent}/services/{name}"
    oldest_first = list(reversed(spec.newest_first))
    record = ServiceRecord(run_v2.Service(name=full))
    for revision_name, revision in oldest_first:
        record.revisions[revision_name] = _revision(full, revision_name, revision, scenario, at)
    newest_name, newest = oldest_first[-1] if oldest_first else ("", None)
    stable = max(spec.split, key=lambda key: spec.split[key], default=newest_name)
    targets = [(revision_name, percent, "") for revision_name, percent in spec.split.items()]
    targets += [(key, 0, revision.tag) for key, revision in oldest_first if revision.tag]
    changed = at - (newest.age_hours * 3600 if newest else 0.0) + SECONDS_TO_READY
    record.desired = run_v2.Service(
        name=full,
        uid=revisions.uid(full),
        generation=len(oldest_first),
        labels={"app": "wa-backend"},
        create_time=stamp(at - 2.2 * 365 * 86_400),
        update_time=stamp(changed),
        creator="ci@demo.example",
        last_modifier=newest.creator if newest else "ci@demo.example",
        client="gcloud",
        client_version="528.0.0",
        ingress=run_v2.IngressTraffic.INGRESS_TRAFFIC_ALL,
        launch_stage=4,
        traffic=traffic_of(targets),
        etag=revisions.etag(full, changed),
    )
    if newest is not None:
        record.desired.template = run_v2.RevisionTemplate(record.revisions[newest_name].template)
    record.serving = [run_v2.TrafficTarget(target) for target in record.desired.traffic]
    record.latest_created = newest_name
    ready = [key for key, revision in oldest_first if revision.ready]
    record.latest_ready = ready[-1] if ready else ""
    record.observed_generation = record.desired.generation
    record.condition = run_v2.Condition(type_="Ready", state=SUCCEEDED, last_transition_time=stamp(changed))
    record.last_number = max((number_of(key) for key in record.revisions), default=0)
    record.told = rules.shares(record.serving, record.latest_ready) if stable else {}
    exposed = record.exposed()
    for made in record.revisions.values():
        revisions.mark_exposure(made, made.name in exposed)
    return record


def _revision(full: str, name: str, spec: RevisionSpec, scenario: Scenario, at: float) -> RevisionRecord:
    profile = scenario.profiles[spec.profile]
    template = run_v2.RevisionTemplate(
        revision=name,
        containers=[
            run_v2.Container(
                name="wa-backend-1",
                image=spec.image,
                env=[run_v2.EnvVar(name="LOG_LEVEL", value="INFO")],
                resources=run_v2.ResourceRequirements(limits={"cpu": "1", "memory": "512Mi"}, startup_cpu_boost=True),
                ports=[run_v2.ContainerPort(name="http1", container_port=8080)],
            )
        ],
        scaling=run_v2.RevisionScaling(min_instance_count=profile.min_instances, max_instance_count=100),
        timeout=timedelta(seconds=60),
        service_account=RUNTIME_ACCOUNT,
        max_instance_request_concurrency=80,
    )
    created = at - spec.age_hours * 3600
    record = revisions.make(full, name, template, creator=spec.creator, at=created, generation=number_of(name))
    if spec.ready:
        revisions.become_ready(record, created + SECONDS_TO_READY)
    else:
        problem = revisions.start_failure(spec.image)
        words = problem[0] if problem else "The user-provided container failed to start."
        revisions.become_failed(record, created + SECONDS_TO_READY, words)
    return record
