"""The Logging query language: what it says of an entry, and that nothing it can't parse is ever ignored."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud.audit import audit_log_pb2
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from console.simulator.entries import EntryMaker, Group
from console.simulator.filter_fields import ENTRY_CLASS, SEVERITIES
from console.simulator.filters import FilterError, parse
from console.simulator.scenario import load_scenario
from console.simulator.traffic import Traffic

LOGS_READ = (
    "resource.type = cloud_run_revision \n AND resource.labels.service_name = wa-backend \n"
    ' AND resource.labels.location = us-central1 \n AND severity >= DEFAULT \n AND timestamp>="2026-11-23T21:56:10.62Z"'
)
"""What `gcloud run services logs read` sends."""
LOGGING_READ = 'timestamp>="2026-11-23T21:56:14.793240Z" AND resource.type="cloud_run_revision" AND severity>=ERROR'
"""What `gcloud logging read` makes of a filter."""


def failed_request() -> Any:
    entry = ENTRY_CLASS(log_name="projects/demo/logs/run.googleapis.com%2Frequests", severity=500, insert_id="abc1")
    entry.resource.type = "cloud_run_revision"
    entry.resource.labels.update(
        service_name="wa-backend", revision_name="wa-backend-00042-vez", location="us-central1", project_id="demo"
    )
    entry.labels["a.b/c"] = "X"
    http = entry.http_request
    http.status, http.request_method, http.remote_ip = 503, "POST", "31.13.64.9"
    http.request_url = "https://wa-backend-demo.a.run.app/webhook"
    http.latency.FromJsonString("1.250s")
    entry.timestamp.FromJsonString("2026-11-25T10:00:00.5Z")
    entry.trace = "projects/demo/traces/06796866738c859f2f19b7cfb3214824"
    return entry


def line(text: str = "", **fields: Any) -> Any:
    entry = ENTRY_CLASS(log_name="projects/demo/logs/run.googleapis.com%2Fstdout", severity=200, insert_id="l1")
    entry.resource.type = "cloud_run_revision"
    entry.resource.labels["service_name"] = "wa-backend"
    entry.timestamp.FromJsonString("2026-11-25T10:00:00Z")
    if fields:
        entry.json_payload.update(fields)
    else:
        entry.text_payload = text
    return entry


def audit_entry() -> Any:
    audit = audit_log_pb2.AuditLog(method_name="google.cloud.run.v2.Services.UpdateService")
    audit.authentication_info.principal_email = "maria@demo.example"
    audit.request.update({"service": {"traffic": [{"percent": 10}, {"percent": 90}]}})
    entry = ENTRY_CLASS(log_name="projects/demo/logs/cloudaudit.googleapis.com%2Factivity", severity=300)
    entry.proto_payload.Pack(audit)
    return entry


def matches(text: str, entry: Any) -> bool:
    return parse(text).matches(entry)


@pytest.mark.parametrize("text", [LOGS_READ, LOGGING_READ])
def test_what_gcloud_sends_is_understood(text: str) -> None:
    assert matches(text, failed_request())
    other = failed_request()
    other.resource.type = "gce_instance"
    assert not matches(text, other)


YES = [
    "",
    "   \n -- only a comment",
    "severity=ERROR -- a comment\nAND httpRequest.status=503",
    "httpRequest.status>=500 httpRequest.status<600",
    "httpRequest.status=(500 OR 503)",
    "http_request.status != 200",
    'httpRequest.latency>"1s" httpRequest.latency<1300ms',
    "httpRequest.latency>=1.25s",
    'httpRequest.requestUrl:"/WEBHOOK"',
    "httpRequest.requestMethod=post",
    'httpRequest.requestUrl=~"^https://.*/webhook$"',
    'httpRequest.requestUrl!~"/healthz"',
    "severity>WARNING",
    "severity=error",
    "severity>=400",
    "severity=(ERROR OR CRITICAL)",
    "NOT severity<ERROR",
    "-severity=INFO",
    'labels."a.b/c"=x',
    'labels."a.b/c":*',
    'resource.labels."service_name" = "wa-backend"',
    "timestamp>=2026-11-25T10:00:00Z",
    'timestamp>"2026-11-25T12:00:00.4+02:00" timestamp<"2026-11-25T10:00:01Z"',
    'timestamp>="2026-11-25"',
    'log_id("run.googleapis.com/requests")',
    'log_id("run.googleapis.com%2Frequests")',
    'logName="projects/demo/logs/run.googleapis.com%2Frequests"',
    'logName:"requests"',
    'ip_in_net(httpRequest.remoteIp, "31.13.64.0/18")',
    "sample(insertId, 1)",
    "NOT sample(insertId, 0)",
    'SEARCH("webhook")',
    'SEARCH(httpRequest.requestUrl, "run app")',
    "webhook",
    '"wa-backend-00042"',
    "503",
    "httpRequest:*",
    "NOT jsonPayload:*",
    "NOT jsonPayload.x=1",
    'textPayload=""',
    "trace:06796866738C",
]


@pytest.mark.parametrize("text", YES)
def test_these_take_a_failed_request(text: str) -> None:
    assert matches(text, failed_request())


NO = [
    "httpRequest.status<500",
    "severity<ERROR",
    'httpRequest.requestUrl=~"WEBHOOK"',
    "jsonPayload.x=1",
    "jsonPayload.x!=1",
    'labels.nothing!="a"',
    "resource.labels.nothing!=1",
    "jsonPayload:*",
    "labels.nothing:*",
    "textPayload:hola",
    'log_id("run.googleapis.com/stderr")',
    'ip_in_net(httpRequest.remoteIp, "10.0.0.0/8")',
    "timestamp<2026-11-25T10:00:00Z",
    "sample(insertId, 0)",
    "mesa",
    'SEARCH("web")',
    "protoPayload.methodName:UpdateService",
]


@pytest.mark.parametrize("text", NO)
def test_these_do_not(text: str) -> None:
    assert not matches(text, failed_request())


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ('jsonPayload.message:"mesa"', True),
        ("jsonPayload.party=4", True),
        ("jsonPayload.party>=4.0", True),
        ("jsonPayload.party>10", False),
        ("jsonPayload.slots.day=Viernes", True),
        ('jsonPayload.slots."day"="viernes"', True),
        ("jsonPayload.vip=true", True),
        ("jsonPayload.vip!=true", False),
        ("jsonPayload.note=null", True),
        ("jsonPayload.tags=b", True),
        ("jsonPayload.tags=c", False),
        ("jsonPayload.slots:*", True),
        ("jsonPayload.slots:viernes", True),
        ("jsonPayload:terraza", True),
        ("terraza", True),
        ("jsonPayload.message=~terraza", True),
        ("httpRequest.status<500", True),
    ],
)
def test_structured_payloads_are_compared_by_the_type_of_what_they_hold(text: str, yes: bool) -> None:
    entry = line(
        message="Quiero mesa en la terraza ☀️", party=4, slots={"day": "viernes"}, vip=True, note=None, tags=["a", "b"]
    )
    assert matches(text, entry) is yes


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("protoPayload.authenticationInfo.principalEmail=maria@demo.example", True),
        ('protoPayload.methodName:"UpdateService"', True),
        ('protoPayload.methodName=~"Services\\.Update"', True),
        ('protoPayload."@type"="type.googleapis.com/google.cloud.audit.AuditLog"', True),
        ("protoPayload.request.service.traffic.percent=10", True),
        ("protoPayload.request.service.traffic.percent=50", False),
        ("protoPayload:*", True),
        ("maria", True),
        ('log_id("cloudaudit.googleapis.com/activity")', True),
        ("severity>=NOTICE", True),
    ],
)
def test_audit_entries_are_searched_within(text: str, yes: bool) -> None:
    assert matches(text, audit_entry()) is yes


def test_not_binds_first_then_or_then_and() -> None:
    def entry(*letters: str) -> Any:
        return line("".join(f"<{letter}>" for letter in letters))

    # the documentation's example: "a" OR NOT "b" AND NOT "c" OR "d" is (a OR (NOT b)) AND ((NOT c) OR d)
    text = '"<a>" OR NOT "<b>" AND NOT "<c>" OR "<d>"'
    for mask in range(16):
        has = [letter for bit, letter in enumerate("abcd") if mask >> bit & 1]
        a, b, c, d = (letter in has for letter in "abcd")
        assert matches(text, entry(*has)) is ((a or not b) and (not c or d)), has
        side_by_side = text.replace(" AND ", "\n")
        assert matches(side_by_side, entry(*has)) is ((a or not b) and (not c or d)), has


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("severity=", "line 1, column 10"),
        ("severity>=ERROR AND", "line 1, column 20"),
        ("severity>=ERROR AND\n AND x", "line 2, column 2"),
        ("(severity=ERROR", "end of filter"),
        ("severity=ERROR)", "line 1, column 15"),
        ('textPayload="abc', "line 1, column 13"),
        ("NOT", "line 1, column 4"),
        ("OR", "token 'OR'"),
        ("a = b = c", "column 7"),
        ("nothing.here=1", "field not found: 'nothing.here'"),
        ("textPayload.x=1", "field not found"),
        ("httpRequest.colour=1", "field not found"),
        ("severity>=LOUD", "LOUD"),
        ("httpRequest.status=many", "is a number"),
        ("httpRequest.latency>soon", "duration"),
        ("timestamp>yesterday", "timestamp"),
        ('timestamp>"2026-13-45T00:00:00Z"', "timestamp"),
        ("httpRequest=1", "is a message"),
        ('textPayload=~"("', "regular expression"),
        ("severity=~ERR", "no string"),
        ("sample(insertId)", "takes 2"),
        ("sample(insertId, 2)", "fraction"),
        ("sample(insertId, x)", "fraction"),
        ("sample(severity, 0.1)", "no string"),
        ('ip_in_net(httpRequest.remoteIp, "10.0.0.0/99")', "network"),
        ("regexp_extract(textPayload)", "unknown function"),
        ("source(projects/demo)", "unknown function"),
        ('SEARCH("")', "needs a word"),
        ("a,b", "column 2"),
        ("x" * 20_001, "limit"),
        ("(" * 600 + "a" + ")" * 600, "nested"),
    ],
)
def test_what_it_cannot_parse_it_refuses_with_the_place(text: str, words: str) -> None:
    with pytest.raises(FilterError) as raised:
        parse(text)
    assert str(raised.value).startswith("Unparseable filter")
    assert words in str(raised.value)


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet=st.sampled_from(list('abAND ORNOT()"=<>:!~.,-\\\n0123456789Zé🙏\x00')), max_size=40))
@example('"\\')
@example("labels.")
@example('labels."')
@example("--")
@example("a=~[")
def test_any_text_is_either_a_filter_or_refused_and_nothing_else(text: str) -> None:
    try:
        wanted = parse(text)
    except FilterError:
        return
    assert wanted.matches(failed_request()) in (True, False)
    assert wanted.matches(line("hola")) in (True, False)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)))
def test_a_quoted_text_finds_exactly_itself(text: str) -> None:
    assert matches(f"textPayload={quoted(text)}", line(text or " ")) is (text != "") or text == ""
    assert matches(f"textPayload:{quoted(text)}", line(f"¡{text}!"))
    assert matches(quoted(text), line(f"¡{text}!"))


TERMS = st.sampled_from(
    [
        "severity>=ERROR",
        "httpRequest.status=503",
        "jsonPayload.party=4",
        "mesa",
        'log_id("run.googleapis.com/requests")',
        "labels.x!=1",
        "httpRequest:*",
        "severity=(INFO OR ERROR)",
    ]
)
EXPRESSIONS = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("(NOT {})".format, inner),
        st.builds("({}\n{})".format, inner, inner),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS, EXPRESSIONS)
def test_the_laws_of_logic_hold(a: str, b: str) -> None:
    for entry in (failed_request(), line("mesa"), line(message="hola", party=4), audit_entry()):
        one, two = matches(a, entry), matches(b, entry)
        assert matches(f"NOT {a}", entry) is not one
        assert matches(f"-{a}", entry) is not one
        assert matches(f"{a} AND {b}", entry) is matches(f"{b} {a}", entry) is (one and two)
        assert matches(f"{a} OR {b}", entry) is (one or two)
        assert matches(f"NOT ({a} AND {b})", entry) is matches(f"NOT {a} OR NOT {b}", entry)


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS, st.integers(0, 400))
def test_what_it_says_of_a_group_beforehand_holds_for_every_entry_of_it(text: str, second: int) -> None:
    traffic = Traffic(load_scenario("broken-canary"), seed=3, start=1_795_601_100.0)
    traffic.split_changed("wa-backend", traffic.start, {"wa-backend-00041-kem": 50, "wa-backend-00042-vez": 50})
    service = traffic.services["wa-backend"]
    maker = EntryMaker("demo", "us-central1")
    wanted = parse(text)
    tick = service.start_tick + second
    for arm, tally in service.tallies(tick):
        for group in Group:
            rule = wanted.given(maker.facts("wa-backend", arm.revision, group))
            for kept in maker.make(service, tick, arm, tally, group):
                told = rule if isinstance(rule, bool) else rule(kept.entry)
                assert told is wanted.matches(kept.entry), (group, kept.entry)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(SEVERITIES)), st.sampled_from(sorted(SEVERITIES)), st.sampled_from(["<", "<=", ">", "="]))
def test_severities_are_ordered_by_weight_not_by_letter(mine: str, other: str, operator: str) -> None:
    entry = line("x")
    entry.severity = SEVERITIES[mine]
    order = {"<": mine_is_less, "<=": mine_is_at_most, ">": mine_is_more, "=": mine_is_the_same}[operator]
    assert matches(f"severity{operator}{other}", entry) is order(SEVERITIES[mine], SEVERITIES[other])


def mine_is_less(a: int, b: int) -> bool:
    return a < b


def mine_is_at_most(a: int, b: int) -> bool:
    return a <= b


def mine_is_more(a: int, b: int) -> bool:
    return a > b


def mine_is_the_same(a: int, b: int) -> bool:
    return a == b


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 0.95), st.integers(0, 10**9))
def test_a_sample_takes_about_its_share_and_always_the_same(share: float, first: int) -> None:
    wanted = parse(f"sample(insertId, {share})")
    again = parse(f" sample(insertId,{share})")
    taken = 0
    for number in range(2000):
        entry = ENTRY_CLASS(insert_id=f"430e235f3f67c0cf8{first + number:x}")
        taken += wanted.matches(entry)
        assert wanted.matches(entry) == again.matches(entry)
    assert abs(taken / 2000 - share) < 0.06


@settings(max_examples=50, deadline=None)
@given(st.floats(0.0, 0.9), st.floats(0.0, 0.1), st.text(min_size=1, max_size=20))
def test_a_larger_sample_holds_the_smaller_one(share: float, more: float, name: str) -> None:
    assume(not any("\ud800" <= character <= "\udfff" for character in name))
    entry = ENTRY_CLASS(insert_id=name)
    if matches(f"sample(insertId, {share:.6f})", entry):
        assert matches(f"sample(insertId, {share + more:.6f})", entry)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ('timestamp>="2026-11-25T10:00:00Z"', 1795600800, None),
        ('timestamp>="2026-11-25T10:00:00Z" AND timestamp<"2026-11-25T10:00:09Z" AND x', 1795600800, 1795600809),
        ('timestamp>="2026-11-25T10:00:00Z" timestamp>"2026-11-25T10:00:05Z"', 1795600805, None),
        ('timestamp>="2026-11-25T10:00:00Z" OR x', None, None),
        ('NOT timestamp>="2026-11-25T10:00:00Z"', None, None),
        ("x", None, None),
        ("", None, None),
    ],
)
def test_it_tells_between_which_times_a_match_can_lie(text: str, low: int | None, high: int | None) -> None:
    found = parse(text).bounds()
    assert found == (low and low * 10**9, high and high * 10**9)
