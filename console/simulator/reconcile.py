"""How a change becomes what serves: how long that takes, what it ends as. Functions of a record; time is passed in."""

from __future__ import annotations

import random
from collections.abc import Sequence

from google.cloud import run_v2

from console.simulator import revisions, rules
from console.simulator.records import ServiceRecord
from console.simulator.revisions import FAILED, SUCCEEDED, stamp
from console.simulator.status import Code, StatusError


def seconds(record: ServiceRecord, seed: int, *, quick: bool, deploys: bool) -> float:
    """How long a reconcile takes, simulated seconds, by the seed and the service's version.

    Args:
        record: the service.
        seed: of the run.
        quick: annotations, labels or a description alone changed: 0.2 to 0.5 s; traffic takes 1 to 3 s.
        deploys: a revision was made, which takes 2 s more.
    """
    chance = random.Random(f"reconcile/{seed}/{record.name}/{record.version}").random()
    if quick:
        return 0.2 + 0.3 * chance
    return 1.0 + 2.0 * chance + (2.0 if deploys else 0.0)


def end(record: ServiceRecord, made: Sequence[str], at: float, fault: str | None = None) -> StatusError | None:
    """End a reconcile: what is desired serves from now, or the old state stays and the condition says why.

    "If reconciliation succeeded, traffic and traffic_statuses, observed_generation and generation match; if it
    failed, traffic_statuses, observed_generation, and latest_ready_revision will have the state of the last serving
    revision [...] terminal_condition has additional information" (Service.reconciling,
    https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#service).

    Args:
        record: the service; changed.
        made: revisions that the changes now ending made.
        at: Unix seconds of simulated time.
        fault: words with which it fails whatever it is, or None.

    Returns:
        Why it failed, or None.
    """
    _settle_new_revisions(record, at)
    failure = StatusError(Code.INTERNAL, fault) if fault is not None else _why_it_cannot_serve(record, made)
    condition = run_v2.Condition(type_="Ready", last_transition_time=stamp(at))
    if failure is None:
        _serve_what_is_desired(record)
        condition.state = SUCCEEDED
    else:
        condition.state = FAILED
        condition.message = failure.message
        condition.reason = run_v2.Condition.CommonReason.REVISION_FAILED
    record.condition = condition
    exposed = record.exposed()
    for revision in record.revisions.values():
        revisions.mark_exposure(revision, revision.name in exposed)
    return failure


def _serve_what_is_desired(record: ServiceRecord) -> None:
    traffic = [run_v2.TrafficTarget(target) for target in record.desired.traffic]
    newest = record.revisions.get(record.latest_created)
    if newest is not None and newest.ready:
        # measured (FACTS.md): latest_ready stays old where a no-traffic deploy exposes the new one nowhere
        exposed = not traffic or any(t.type_ == rules.LATEST or t.revision == newest.name for t in traffic)
        if exposed or not record.latest_ready:
            record.latest_ready = newest.name
    if not record.latest_ready:
        record.latest_ready = record.newest_ready()
    record.serving = traffic
    record.observed_generation = record.desired.generation


def _settle_new_revisions(record: ServiceRecord, at: float) -> None:
    for revision in record.revisions.values():
        if revision.message.reconciling:
            problem = revisions.start_failure(revision.image)
            if problem is None:
                revisions.become_ready(revision, at)
            else:
                revisions.become_failed(revision, at, problem[0], problem[1])


def _why_it_cannot_serve(record: ServiceRecord, made: Sequence[str]) -> StatusError | None:
    """Why what is desired cannot serve, or None.

    A target by name needs that revision ready; LATEST (or no traffic at all) needs the latest created ready; and a
    change that made a revision fails with it whatever its traffic. Codes as recorded of the operations' errors: 9 for
    a revision that is not ready, 13 for one that is gone (terraform-docs-samples#269).
    """
    traffic = record.desired.traffic
    needed = [target.revision for target in traffic if target.type_ == rules.REVISION]
    if not traffic or any(target.type_ == rules.LATEST for target in traffic):
        needed.append(record.latest_created)
    if needed == [""]:
        return StatusError(Code.FAILED_PRECONDITION, "The service has no revision that could serve.")
    for name in [*needed, *made]:
        revision = record.revisions.get(name)
        if revision is None:
            return StatusError(Code.INTERNAL, rules.missing_revision_words(name))
        if not revision.ready:
            words = revisions.not_ready_words(name, revisions.why_not_ready(revision))
            return StatusError(Code.FAILED_PRECONDITION, words)
    return None
