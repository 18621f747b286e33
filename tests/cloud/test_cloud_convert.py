"""What Cloud Run and Cloud Logging say, in canario's words; and nothing hostile gets past the door."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from google.api.distribution_pb2 import Distribution
from google.cloud import run_v2
from google.cloud.audit.audit_log_pb2 import AuditLog
from google.cloud.logging_v2 import types as logging_v2
from google.cloud.run_v2.types import Condition, TrafficTargetAllocationType
from google.logging.type import http_request_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from console.cloud import convert, log_convert, metrics
from console.release.split import TrafficSplit, TrafficTarget

BASE = "projects/demo/locations/us-central1/services/wa-backend"
LATEST = TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
BY_NAME = TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION

names = st.from_regex(r"wa-backend-000[0-9]{2}-[a-z]{3}", fullmatch=True)
targets = st.builds(
    TrafficTarget,
    revision=st.none() | names,
    percent=st.integers(0, 100),
    tag=st.just("") | st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True),
)


@given(st.lists(targets, max_size=8))
def test_a_split_survives_the_way_to_cloud_run_and_back(lines: list[TrafficTarget]) -> None:
    split = TrafficSplit(tuple(lines))
    message = run_v2.Service(name=BASE, traffic=convert.targets_from(split))
    assert convert.service_from(run_v2.Service.deserialize(run_v2.Service.serialize(message))).traffic == split


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=5), st.text(max_size=30))
def test_annotations_and_etags_are_kept_byte_for_byte(annotations: dict[str, str], etag: str) -> None:
    service = convert.service_from(run_v2.Service(name=BASE, annotations=annotations, etag=etag))
    assert dict(service.annotations) == annotations
    assert service.etag == etag


def test_a_service_reads_in_short_names() -> None:
    service = convert.service_from(
        run_v2.Service(
            name=BASE,
            generation=7,
            traffic=[{"type_": LATEST, "percent": 100}],
            traffic_statuses=[
                {"type_": BY_NAME, "revision": "wa-backend-00041-kud", "percent": 100},
                {"type_": BY_NAME, "revision": "wa-backend-00042-vez", "tag": "canary", "uri": "https://canary---x"},
            ],
            latest_ready_revision=f"{BASE}/revisions/wa-backend-00042-vez",
            terminal_condition={"state": Condition.State.CONDITION_SUCCEEDED},
            reconciling=True,
        )
    )
    assert (service.name, service.project, service.region) == ("wa-backend", "demo", "us-central1")
    assert service.traffic.targets[0].revision is None
    assert service.desired_shares() == {"wa-backend-00042-vez": 100}
    assert service.effective_shares() == {"wa-backend-00041-kud": 100}
    assert service.effective.uri_for_tag("canary") == "https://canary---x"
    assert service.ready
    assert not service.settled


def test_a_failed_reconcile_is_told_in_the_clouds_words() -> None:
    condition = {"state": Condition.State.CONDITION_FAILED, "message": "Revision 'x' is not ready\x1b[31m."}
    service = convert.service_from(run_v2.Service(name=BASE, terminal_condition=condition))
    assert not service.ready
    assert service.condition == "Revision 'x' is not ready."


def test_a_change_of_template_shows_and_a_change_of_traffic_does_not() -> None:
    one = run_v2.Service(name=BASE, template={"containers": [{"image": "a:1", "env": [{"name": "A", "value": "1"}]}]})
    moved = run_v2.Service(one, traffic=[{"type_": LATEST, "percent": 100}])
    other = run_v2.Service(one, template={"containers": [{"image": "a:2"}]})
    prints = [convert.service_from(service).template_fingerprint for service in (one, moved, other)]
    assert prints[0] == prints[1] != prints[2]


def ready_condition(**more: object) -> dict[str, object]:
    return {"type_": "Ready", **more}


@pytest.mark.parametrize(
    ("condition", "ready"),
    [
        (ready_condition(state=Condition.State.CONDITION_SUCCEEDED), True),
        (ready_condition(state=Condition.State.CONDITION_RECONCILING, revision_reason="RETIRED"), True),
        (ready_condition(state=Condition.State.CONDITION_FAILED, message="no port"), False),
        (ready_condition(state=Condition.State.CONDITION_RECONCILING), False),
        ({"type_": "Active", "state": Condition.State.CONDITION_SUCCEEDED}, False),
    ],
)
def test_a_revision_is_ready_by_its_own_word_and_a_retired_one_too(condition: dict[str, object], ready: bool) -> None:
    assert convert.revision_from(run_v2.Revision(name="r", conditions=[condition])).ready is ready


def test_a_deleted_revision_is_not_ready() -> None:
    revision = convert.revision_from(
        run_v2.Revision(
            name="r",
            conditions=[ready_condition(state=Condition.State.CONDITION_SUCCEEDED)],
            delete_time=datetime(2026, 11, 25, tzinfo=UTC),
        )
    )
    assert revision.deleted
    assert not revision.ready


def test_the_image_shown_is_the_one_that_takes_requests_not_a_sidecars() -> None:
    revision = convert.revision_from(
        run_v2.Revision(
            name="r",
            containers=[
                {"image": "sidecar:1"},
                {"image": "host/app@sha256:7c1e9f00", "ports": [{"container_port": 8080}]},
            ],
        )
    )
    assert revision.image == "host/app@sha256:7c1e9f00"
    assert revision.digest == "sha256:7c1e9f00"


def test_deploying_keeps_the_template_but_for_image_and_name() -> None:
    template = run_v2.RevisionTemplate(
        revision="wa-backend-00041-kud",
        labels={"team": "wa"},
        containers=[{"image": "a:1", "env": [{"name": "A", "value": "1"}], "ports": [{"container_port": 1}]}],
    )
    copy = convert.with_image(template, image="a:2", revision="wa-backend-00042-vez")
    assert (copy.revision, copy.containers[0].image) == ("wa-backend-00042-vez", "a:2")
    assert copy.containers[0].env[0].value == "1"
    assert dict(copy.labels) == {"team": "wa"}
    assert template.revision == "wa-backend-00041-kud"


@given(st.from_regex(r"[a-z][a-z0-9-]{0,62}", fullmatch=True), st.integers(0, 99_000), st.integers())
def test_revision_names_fit_a_dns_label(service: str, generation: int, seed: int) -> None:
    name = convert.next_revision_name(service, generation, None, random.Random(seed))
    assert len(name) <= 63
    assert f"-{generation + 1:05d}-" in name


def test_a_new_revision_is_numbered_after_the_newest() -> None:
    name = convert.next_revision_name("wa-backend", 7, "wa-backend-00042-vez", random.Random(1))
    assert name.startswith("wa-backend-00043-")


# -- log entries ----------------------------------------------------------------------------------------------------


def entry(**fields: object) -> object:
    return logging_v2.LogEntry.pb(logging_v2.LogEntry(fields))


def read_one(raw: object) -> log_convert.LogEntry:
    (line,) = log_convert.EntryReader().entries([raw])
    return line


RESOURCE = {
    "type": "cloud_run_revision",
    "labels": {"service_name": "wa-backend", "revision_name": "wa-backend-00042-vez", "location": "us-central1"},
}


def test_a_request_names_revision_status_and_latency() -> None:
    line = read_one(
        entry(
            log_name="projects/demo/logs/run.googleapis.com%2Frequests",
            resource=RESOURCE,
            insert_id="i1",
            timestamp=Timestamp(seconds=1_795_600_000, nanos=250_000_000),
            receive_timestamp=Timestamp(seconds=1_795_600_001),
            severity="ERROR",
            trace="projects/demo/traces/abc",
            http_request=http_request_pb2.HttpRequest(
                request_method="POST",
                request_url="https://wa-backend-x.a.run.app/webhook",
                status=500,
                latency=Duration(nanos=412_000_000),
            ),
        )
    )
    assert (line.log, line.service, line.revision) == ("requests", "wa-backend", "wa-backend-00042-vez")
    assert (line.status, line.latency_ms, line.method, line.text) == (500, 412.0, "POST", "POST /webhook")
    assert (line.timestamp, line.received, line.severity) == (1_795_600_000.25, 1_795_600_001.0, "ERROR")
    assert (line.trace, line.insert_id) == ("abc", "i1")


def test_a_customers_words_come_through_and_a_structured_line_shows_its_message() -> None:
    assert read_one(entry(text_payload="reservar para 4 🍝 el viernes ñ")).text == "reservar para 4 🍝 el viernes ñ"
    said = Struct()
    said.update({"message": "KeyError: 'slots'", "user": "x"})
    assert read_one(entry(json_payload=said)).text == "KeyError: 'slots'"
    bare = Struct()
    bare.update({"user": "ana"})
    assert read_one(entry(json_payload=bare)).text == '{"user":"ana"}'


def test_a_line_of_a_mebibyte_survives_cut_and_says_so() -> None:
    line = read_one(entry(text_payload="\x1b]52;c;aGk=\x07[bold]" + "ñ\x00\u202e" * 400_000))
    assert len(line.text) < 5_000
    assert "… +" in line.text
    assert not set("\x1b\x00\u202e") & set(line.text)


@given(st.text(), st.text(max_size=50), st.text(max_size=50))
def test_nothing_hostile_gets_into_an_entry(text: str, url: str, label: str) -> None:
    raw = entry(
        log_name=f"projects/demo/logs/{label}",
        text_payload=text,
        insert_id=label,
        trace=label,
        resource={"labels": {"service_name": label, "revision_name": label}},
        http_request=http_request_pb2.HttpRequest(request_method=label, request_url=url, status=200),
    )
    line = read_one(raw)
    for part in (line.text, line.url, line.method, line.log, line.service, line.revision, line.insert_id, line.trace):
        assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202a\u202e\u2066\u2028" for c in part)


def test_an_entry_that_says_nothing_is_still_an_entry() -> None:
    line = read_one(entry())
    assert (line.text, line.severity, line.status) == ("", "DEFAULT", 0)


def test_what_the_cloud_held_back_is_counted_by_reason() -> None:
    answer = logging_v2.TailLogEntriesResponse(
        suppression_info=[
            {"reason": "RATE_LIMIT", "suppressed_count": 5},
            {"reason": "NOT_CONSUMED", "suppressed_count": 2},
            {"reason": "RATE_LIMIT", "suppressed_count": 1},
        ]
    )
    batch = log_convert.EntryReader().batch(logging_v2.TailLogEntriesResponse.pb(answer))
    assert batch.suppressed == {"RATE_LIMIT": 6, "NOT_CONSUMED": 2}
    assert batch.entries == []


def test_an_audit_entry_says_who_called_what() -> None:
    audit = AuditLog(method_name="google.cloud.run.v2.Services.UpdateService", resource_name=BASE)
    audit.authentication_info.principal_email = "ana@acme.example"
    audit.request.update({"updateMask": "traffic", "evil": "\x1b[2J"})
    packed = AnyMessage()
    packed.Pack(audit)
    read = log_convert.audit_entry(entry(proto_payload=packed, timestamp=Timestamp(seconds=1_795_600_000)))
    assert read is not None
    assert (read.principal, read.resource) == ("ana@acme.example", BASE)
    assert read.request == {"updateMask": "traffic", "evil": ""}
    assert log_convert.audit_entry(entry(text_payload="no audit")) is None


# -- distributions --------------------------------------------------------------------------------------------------


def test_a_quantile_is_read_within_its_bucket() -> None:
    explicit = Distribution(count=100, mean=5, bucket_counts=[0, 90, 10, 0])
    explicit.bucket_options.explicit_buckets.bounds.extend([0.0, 100.0, 200.0])
    assert metrics.quantile(explicit, 0.50) == pytest.approx(100 * 50 / 90)
    assert metrics.quantile(explicit, 0.95) == pytest.approx(150.0)


def test_exponential_and_linear_buckets_read_alike() -> None:
    exponential = Distribution(count=10, mean=5, bucket_counts=[0, 0, 10])
    shape = exponential.bucket_options.exponential_buckets
    shape.num_finite_buckets, shape.growth_factor, shape.scale = 3, 2.0, 1.0
    assert metrics.quantile(exponential, 1.0) == 4.0
    linear = Distribution(count=10, mean=5, bucket_counts=[0, 10])
    linear_shape = linear.bucket_options.linear_buckets
    linear_shape.num_finite_buckets, linear_shape.width, linear_shape.offset = 3, 10.0, 0.0
    assert metrics.quantile(linear, 0.5) == 5.0


def test_an_empty_distribution_has_no_quantile_and_one_without_buckets_its_mean() -> None:
    assert metrics.quantile(Distribution(), 0.95) is None
    assert metrics.quantile(Distribution(count=3, mean=7.0), 0.95) == 7.0
