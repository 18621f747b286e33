"""Checks of a running service: against the simulated application, and against servers that misbehave."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from console.clock import SystemClock
from console.cloud.client import Cloud
from console.cloud.target import CloudTarget
from console.errors import CredentialsError, UsageError
from console.release.service import Service
from console.release.split import TrafficSplit, TrafficTarget
from console.runbook import http_checks
from console.runbook.evidence import Evidence, Result
from console.runbook.http_checks import read_metrics, same_version, told_version, wanted_version
from console.runbook.kinds.base import Subject
from console.runbook.probe import Probe
from console.runbook.replies import Reply
from console.settings import HttpSettings, Settings
from console.simulator import webhook
from console.simulator.server import Simulator
from tests.runbook.conftest import MakeSimulator
from tests.runbook.steps import NOW, Bench

SECRETS = {"app-secret": webhook.APP_SECRET, "verify-token": webhook.VERIFY_TOKEN}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


# -- the simulated application ----------------------------------------------------------------------------------------


@pytest.fixture
async def simulator(make_simulator: MakeSimulator) -> Simulator:
    return await make_simulator(speed=20.0)


@pytest.fixture
async def here(bench: Bench, simulator: Simulator) -> AsyncIterator[Bench]:
    """A bench connected to the simulated cloud."""
    cloud = await Cloud.connect(CloudTarget("demo", "us-central1", f"127.0.0.1:{simulator.port}"), SystemClock())
    bench.tools.clouds = {"production": cloud, "staging": cloud}
    bench.tools.secrets = dict(SECRETS)
    await cloud.run.get_service("wa-backend")
    yield bench
    await cloud.close()


async def check(bench: Bench, name: str, **settings: object) -> Evidence:
    return await bench.run(bench.step("http", check=name, **{"startup_wait": "5 s"} | settings))


async def test_health_is_200_with_the_version_that_is_being_released(here: Bench, simulator: Simulator) -> None:
    told = (await check(here, "healthz")).figures
    version = dict(told)["version"]
    here.subject = replace(here.subject, image=f"host/p/wa-backend:{version}")
    evidence = await check(here, "healthz")
    assert evidence.result is Result.PASSED
    assert version in evidence.sentence
    assert "being released" in evidence.sentence


async def test_health_does_not_pass_where_nobody_knows_the_version_and_says_what_to_do(here: Bench) -> None:
    evidence = await check(here, "healthz")
    assert evidence.result is Result.FAILED
    assert "which one is being released is not known" in evidence.sentence
    assert "--version" in evidence.remedy
    version = dict(evidence.figures)["version"]
    here.subject = replace(here.subject, version=version)  # what `--version` leaves with the candidate
    assert (await check(here, "healthz")).result is Result.PASSED


async def test_after_a_rollback_health_tells_the_version_of_the_revision_gone_back_to(here: Bench) -> None:
    cloud = here.tools.clouds["production"]
    service = await cloud.run.get_service("wa-backend")
    (stable,) = [name for name, share in service.effective_shares().items() if share == 100]
    moved = Evidence("move_back", Result.PASSED, "m@x", NOW, "", learned={"back_to": stable})
    here.others = {"move_back": moved}
    evidence = await check(here, "healthz", revision_of="move_back")
    assert evidence.result is Result.PASSED
    assert evidence.sentence.endswith(f"{stable}'s")
    here.others = {"move_back": replace(moved, learned={"back_to": service.traffic.revision_for_tag("canary") or ""})}
    assert (await check(here, "healthz", revision_of="move_back")).result is Result.FAILED


async def test_another_version_fails(here: Bench) -> None:
    here.subject = replace(here.subject, version="9.9.9")
    evidence = await check(here, "healthz")
    assert evidence.result is Result.FAILED
    assert "9.9.9" in evidence.sentence


async def test_metrics_parse_and_a_few_are_named(here: Bench) -> None:
    evidence = await check(here, "metrics", environment="staging")
    assert evidence.result is Result.PASSED, evidence
    assert dict(evidence.figures)["among them"]


async def test_events_echoes_the_challenge_and_refuses_a_wrong_token(here: Bench) -> None:
    evidence = await check(here, "events")
    assert evidence.result is Result.PASSED
    assert "403" in evidence.sentence
    here.tools.secrets["verify-token"] = "not the one"
    wrong = await check(here, "events")
    assert wrong.result is Result.FAILED
    assert "not the one" not in str(wrong)


async def test_a_signed_message_is_taken_and_found_in_cloud_logging_and_others_are_refused(here: Bench) -> None:
    evidence = await check(here, "webhook", environment="staging")
    assert evidence.result is Result.PASSED, evidence
    figures = dict(evidence.figures)
    assert (figures["signed"], figures["unsigned"], figures["wrongly signed"]) == ("200", "401", "401")
    assert figures["message"] in figures["log entry"]
    assert webhook.APP_SECRET not in str(evidence)


async def test_the_runbooks_header_is_not_metas_and_the_step_says_so(here: Bench) -> None:
    evidence = await check(here, "webhook", signature_header="X-Hub-Signature")
    assert evidence.result is Result.FAILED
    assert "X-Hub-Signature" in evidence.remedy
    step = here.step("http", check="webhook")
    assert "X-Hub-Signature-256" in step.explain()[0]
    assert "X-Hub-Signature;" in step.explain()[2]


async def test_the_revision_at_0_percent_is_asked_by_its_tag(here: Bench, simulator: Simulator) -> None:
    cloud = here.tools.clouds["production"]
    service = await cloud.run.get_service("wa-backend")
    tagged = [t for t in service.effective.targets if t.tag]
    assert tagged, "the scenario begins with a tagged canary"
    here.subject = replace(here.subject, canary=tagged[0].revision or "")
    made = await cloud.run.get_revision("wa-backend", here.subject.canary)
    here.subject = replace(here.subject, image=made.image)
    evidence = await check(here, "healthz", target="revision")
    assert evidence.result is Result.PASSED
    assert dict(evidence.figures)["revision"] == tagged[0].revision
    assert dict(evidence.figures)["traffic"] == "0 %"
    assert json.loads(evidence.excerpt[0])["revision"] == tagged[0].revision
    here.subject = replace(here.subject, canary="wa-backend-00001-old")
    with pytest.raises(UsageError) as raised:
        await check(here, "healthz", target="revision")
    assert "tag" in raised.value.remedy


@pytest.mark.parametrize("name", ["events", "webhook"])
async def test_a_missing_secret_is_a_sentence_with_the_fix(here: Bench, name: str) -> None:
    here.tools.secrets = {}
    with pytest.raises(CredentialsError) as raised:
        await check(here, name)
    assert "CANARIO_" in raised.value.remedy


# -- servers that misbehave -------------------------------------------------------------------------------------------


@dataclass
class OneService:
    """A cloud with one service at an address."""

    uri: str
    entries: list[Any] = field(default_factory=list)

    @property
    def run(self) -> OneService:
        return self

    @property
    def logs(self) -> OneService:
        return self

    async def get_service(self, name: str) -> Service:
        effective = TrafficSplit((TrafficTarget("wa-backend-00002-new", 0, "canary", self.uri),))
        return Service(name, "demo", "us-central1", "e", effective=effective, uri=self.uri)

    async def list(self, filter: str, *, limit: int = 1000) -> list[Any]:
        return self.entries


Serve = Callable[..., Awaitable[str]]


@pytest.fixture
async def serve(bench: Bench) -> AsyncIterator[Serve]:
    """Serves handlers by path; the bench's service is there."""
    servers: list[TestServer] = []

    async def start(**handlers: Handler) -> str:
        app = web.Application()
        for name, handler in handlers.items():
            app.router.add_route("*", "/" + name.replace("__", "/"), handler)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        url = str(server.make_url("")).rstrip("/")
        bench.tools.clouds = {"production": OneService(url)}
        bench.tools.secrets = dict(SECRETS)
        return url

    yield start
    for server in servers:
        await server.close()


async def fine(_request: web.Request) -> web.Response:
    return web.json_response({"version": "1.19.0"})


async def test_a_service_that_starts_is_waited_for(bench: Bench, serve: Serve) -> None:
    answers = [503, 502, 429]

    async def starting(_request: web.Request) -> web.Response:
        return web.Response(status=answers.pop()) if answers else web.json_response({"version": "1"})

    await serve(healthz=starting)
    evidence = await check(bench, "healthz", startup_wait="20 s", version="1")
    assert evidence.result is Result.PASSED
    assert any("waiting" in progress.sentence for progress in bench.progress)


async def test_a_service_that_never_starts_fails_in_time(bench: Bench, serve: Serve) -> None:
    async def never(_request: web.Request) -> web.Response:
        return web.Response(status=503, text="no instance\x1b[2J")

    await serve(healthz=never)
    evidence = await check(bench, "healthz", startup_wait="100 ms")
    assert evidence.result is Result.FAILED
    assert "503" in evidence.sentence
    assert "\x1b" not in str(evidence)
    bench.tools.clouds["production"].uri = "http://127.0.0.1:9"
    nobody = await check(bench, "healthz", startup_wait="100 ms")
    assert nobody.result is Result.FAILED
    assert "127.0.0.1" in nobody.sentence


async def test_redirects_are_followed_on_the_same_host_and_nowhere_else(bench: Bench, serve: Serve) -> None:
    async def to(request: web.Request) -> web.Response:
        hops = int(request.query.get("hops", "2"))
        raise web.HTTPFound("/fine" if hops == 0 else f"/healthz?hops={hops - 1}")

    await serve(healthz=to, fine=fine)
    assert (await check(bench, "healthz", version="1.19.0")).result is Result.PASSED

    asked: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({"version": "1"})

    other = await serve(healthz=elsewhere)

    async def away(_request: web.Request) -> web.Response:
        raise web.HTTPFound(other + "/healthz")

    async def forever(_request: web.Request) -> web.Response:
        raise web.HTTPFound("/metrics")

    await serve(healthz=away, metrics=forever)
    evidence = await check(bench, "healthz")
    assert evidence.result is Result.FAILED
    assert "another host" in evidence.sentence
    assert asked == []
    assert "more than 3" in (await check(bench, "metrics")).sentence


@pytest.mark.parametrize(
    "target",
    ["http://[", "//evil.example/", "https://127.0.0.1/", "http://user:pw@127.0.0.1/", "http://127.0.0.1:99999/", "\\x",
     "javascript:alert(1)", "http://\u202eevil.example/"],
)  # fmt: skip
async def test_a_redirect_that_leads_astray_is_a_sentence(bench: Bench, serve: Serve, target: str) -> None:
    async def astray(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": target})

    await serve(healthz=astray)
    evidence = await check(bench, "healthz", startup_wait="0 s")
    assert evidence.result is Result.FAILED
    assert "\u202e" not in str(evidence)


async def test_a_small_answer_that_unpacks_to_a_huge_one_is_not_unpacked(bench: Bench, serve: Serve) -> None:
    packed = gzip.compress(b"a_metric 1\n" * 2_000_000)
    assert len(packed) < 64 * 1024

    async def bomb(_request: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    await serve(healthz=bomb, metrics=bomb)
    for name in ("healthz", "metrics"):
        assert (await check(bench, name)).result is Result.FAILED


async def test_answers_are_bounded_in_size_and_time(bench: Bench, serve: Serve) -> None:
    async def huge(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(200):
            await response.write(b"x" * 65_536)
        return response

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.05)

    await serve(healthz=huge, metrics=drip)
    evidence = await check(bench, "healthz")
    assert evidence.result is Result.FAILED
    assert "64 KiB" in evidence.sentence
    bench.tools.settings = Settings(http=HttpSettings(timeout="500 ms"))  # type: ignore[arg-type]
    slow = await check(bench, "metrics", startup_wait="0 s")
    assert slow.result is Result.FAILED
    assert "did not answer within" in slow.sentence


async def test_a_webhook_that_takes_unsigned_messages_fails(bench: Bench, serve: Serve) -> None:
    async def takes_all(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    await serve(healthz=fine, webhook=takes_all, events=takes_all)
    evidence = await check(bench, "webhook", log_within="0 s")
    said = " ".join(evidence.problems)
    assert evidence.result is Result.FAILED
    assert "Unsigned, it answers 200" in said
    assert "Wrongly signed, it answers 200" in said
    assert "No log entry" in said
    events = await check(bench, "events")
    assert "does not echo" in " ".join(events.problems)
    assert "wrong token it answers 200" in " ".join(events.problems)


@pytest.mark.parametrize(("status", "refuses"), [(401, True), (403, True), (404, False), (429, False), (400, False)])
async def test_only_a_401_or_403_refuses_what_is_unsigned_or_of_a_wrong_token(
    bench: Bench, serve: Serve, status: int, refuses: bool
) -> None:
    async def events(request: web.Request) -> web.Response:
        if request.query["hub.verify_token"] == webhook.VERIFY_TOKEN:
            return web.Response(text=request.query["hub.challenge"])
        return web.Response(status=status)

    async def takes_signed(request: web.Request) -> web.Response:
        body = await request.read()
        ours = http_checks.signature(body, webhook.APP_SECRET)
        return web.Response(status=200 if request.headers.get("X-Hub-Signature-256") == ours else status)

    await serve(healthz=fine, webhook=takes_signed, events=events)
    bench.tools.secrets = {"app-secret": webhook.APP_SECRET, "verify-token": webhook.VERIFY_TOKEN}
    verified = await check(bench, "events")
    assert (verified.result is Result.PASSED) is refuses, verified
    said = " ".join((await check(bench, "webhook", log_within="0 s")).problems)
    assert (f"Unsigned, it answers {status}" not in said) is refuses
    assert (f"Wrongly signed, it answers {status}" not in said) is refuses
    bench.tools.settings = bench.tools.settings.model_copy(
        update={"http": bench.tools.settings.http.model_copy(update={"refusals": (status,)})}
    )
    assert (await check(bench, "events")).result is Result.PASSED, "the settings may name another status"


@pytest.mark.parametrize("body", ["<html>hello</html>", "", "a_metric{", "# only a comment\n"])
async def test_metrics_that_are_no_prometheus_text_fail(bench: Bench, serve: Serve, body: str) -> None:
    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(text=body)

    await serve(metrics=metrics)
    assert (await check(bench, "metrics")).result is Result.FAILED


async def test_no_identity_token_is_sent_to_loopback(serve: Serve) -> None:
    async def closed(request: web.Request) -> web.Response:
        return web.Response(status=403, text=request.headers.get("X-Serverless-Authorization", "none"))

    async def never() -> str:
        raise AssertionError("a token was asked for")

    async with Probe(await serve(healthz=closed), SystemClock(), timeout_s=5, identity=never) as probe:
        reply = await probe.ask("GET", "/healthz")
    assert (reply.status, reply.text) == (403, "none")


def test_plain_http_to_another_machine_is_refused() -> None:
    for url in ("http://example.com", "ftp://127.0.0.1", "https://user:pw@example.com", "nonsense"):
        with pytest.raises(UsageError):
            Probe(url, SystemClock(), timeout_s=1)


def test_paths_and_headers_that_are_none_are_refused(bench: Bench) -> None:
    for wrong in ({"path": "http://x/"}, {"path": "/a b"}, {"signature_header": "X Y"}, {"check": "other"}):
        with pytest.raises(ValidationError):
            bench.step("http", **{"check": "healthz"} | wrong)


# -- readers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "version"),
    [
        (b'{"status": "ok", "version": "1.19.0"}', "1.19.0"),
        (b'{"status": "ok"}', ""),
        (b"ok 1.19.0 since Monday", "1.19.0"),
        (b"ok 0123abc", "0123abc"),
        (b"ok", ""),
        (b"[1]", ""),
    ],
)
def test_a_version_is_read_from_json_or_text(body: bytes, version: str) -> None:
    assert told_version(Reply(200, body)) == version


def test_the_releases_version_is_its_images_tag_or_commit_and_latest_names_none() -> None:
    digest = "us-central1-docker.pkg.dev/p/wa-app/wa-backend@sha256:" + "a" * 64
    assert wanted_version(Subject(image="host:5000/a/wa-backend:1.19.0")) == ("1.19.0",)
    assert wanted_version(Subject(image="host:5000/a/wa-backend:latest")) == ()
    assert wanted_version(Subject(image=digest, commit="f" * 40)) == ("f" * 40,)
    assert same_version("v1.19.0", ("1.19.0",))
    assert same_version("fffffff", ("f" * 40,))
    assert not same_version("ffffff", ("f" * 40,))
    assert not same_version("1.19", ("1.19.0",))
    assert not same_version("", ("f" * 40,))


@given(st.binary(max_size=300))
def test_hostile_answers_are_read_or_refused(body: bytes) -> None:
    reply = Reply(200, body)
    assert isinstance(told_version(reply), str)
    assert not {"\x1b", "\x9b", "\n"} & set("".join(reply.shown))
    try:
        names, samples = read_metrics(reply.text)
    except ValueError:
        return
    assert samples >= 0
    assert all(isinstance(name, str) for name in names)


@given(st.text(alphabet='ab_{}="\\, 0123.e+-\n#TYPEHLcountrgaugeNI', max_size=200))
def test_nearly_prometheus_text_is_read_or_refused(text: str) -> None:
    try:
        read_metrics(text)
    except ValueError:
        return


def test_a_signature_is_metas() -> None:
    body = http_checks.message_body("id", "hola", "593", 1.0)
    assert http_checks.signature(body, webhook.APP_SECRET) == webhook.sign(body)


async def test_a_certificate_that_nobody_vouches_for_is_refused(bench: Bench, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    await asyncio.to_thread(
        subprocess.run,
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    app = web.Application()
    app.router.add_get("/healthz", fine)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    bench.tools.clouds = {"production": OneService(f"https://127.0.0.1:{server.port}")}
    evidence = await check(bench, "healthz", startup_wait="0 s")
    await server.close()
    assert evidence.result is Result.FAILED
    assert "certificate" in evidence.sentence.lower()


def test_reading_a_runbook_loads_no_http_client_and_no_markdown() -> None:
    """Screens and quick commands read runbooks: what a step needs to run is loaded when it runs."""
    code = (
        "import sys; from console.runbook.kinds import kinds; kinds();"
        " print(*sorted({'httpx', 'markdown_it', 'prometheus_client', 'google', 'locust'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
