"""The HTTP ports: a service's, a revision's, a tag's; the webhook; the control address."""

from __future__ import annotations

import asyncio
import io
import json
from collections import Counter
from typing import Any

import aiohttp
import pytest
from google.cloud import run_v2

from console.simulator import webhook
from tests.simulator.conftest import CANARY, SERVICE, STABLE, TEN_PERCENT, Cloud, MakeCloud

RUNBOOK_MESSAGE = {
    "object": "whatsapp_business_account",
    "entry": [
        {
            "changes": [
                {
                    "value": {
                        "messages": [
                            {
                                "from": "5939999999",
                                "id": "test-msg-1",
                                "timestamp": "1705349400",
                                "text": {"body": "reservar para 4 el viernes a las 8"},
                            }
                        ]
                    }
                }
            ]
        }
    ],
}
VERIFY = {"hub.mode": "subscribe", "hub.verify_token": webhook.VERIFY_TOKEN, "hub.challenge": "1158201444"}


async def fetch(method: str, url: str, **more: Any) -> tuple[int, str, str]:
    """(status, body, revision that answered)."""
    async with aiohttp.ClientSession() as session, session.request(method, url, **more) as response:
        return response.status, await response.text(), response.headers.get("X-Canario-Revision", "")


async def post_webhook(url: str, payload: object, **headers: str) -> tuple[int, Any]:
    body = json.dumps(payload).encode()
    signed = {"X-Hub-Signature-256": webhook.sign(body)} | headers
    status, text, _revision = await fetch("POST", url + "/webhook", data=body, headers=signed)
    return status, json.loads(text)


async def test_health_says_which_version_answers_on_the_services_the_revisions_and_the_tags_port(
    cloud: Cloud,
) -> None:
    tag = next(t.uri for t in (await cloud.get()).traffic_statuses if t.tag)
    for url, revision in (
        (cloud.info["services"]["wa-backend"], STABLE),
        (cloud.info["revisions"][CANARY], CANARY),
        (tag, CANARY),
    ):
        status, body, answered = await fetch("GET", url + "/healthz")
        assert (status, answered) == (200, revision)
        assert json.loads(body) == {
            "status": "ok",
            "service": "wa-backend",
            "revision": revision,
            "version": "3f2a90d" if revision == STABLE else "abc123d",
        }


async def test_the_services_port_splits_by_the_effective_traffic(make_cloud: MakeCloud) -> None:
    cloud = await make_cloud(speed=1.0)
    url = cloud.info["services"]["wa-backend"] + "/healthz"
    cloud.simulator.store.reconcile_s = 60.0
    operation = await cloud.move((STABLE, 50, ""), (CANARY, 50, ""))
    before = Counter([(await fetch("GET", url))[2] for _number in range(20)])
    assert before == {STABLE: 20}
    cloud.simulator.clock.set_speed(10_000)
    await cloud.settled(operation)
    after = Counter([(await fetch("GET", url))[2] for _number in range(60)])
    assert set(after) == {STABLE, CANARY}
    assert 12 <= after[CANARY] <= 48


async def test_metrics_are_prometheus_text_with_figures_that_rise(cloud: Cloud) -> None:
    url = cloud.info["revisions"][STABLE] + "/metrics"
    cloud.simulator.clock.set_now(cloud.simulator.clock.now() + 60)
    status, text, _revision = await fetch("GET", url)
    assert status == 200
    figures = _figures(text)
    assert figures["http_requests_total", "2xx"] > 10_000
    assert 0 < figures["http_requests_total", "5xx"] < 200
    assert figures["http_requests_per_second", ""] == pytest.approx(300, rel=0.1)
    cloud.simulator.clock.set_now(cloud.simulator.clock.now() + 10)
    later = _figures((await fetch("GET", url))[1])
    assert later["http_requests_total", "2xx"] > figures["http_requests_total", "2xx"]
    idle = _figures((await fetch("GET", cloud.info["revisions"][CANARY] + "/metrics"))[1])
    assert idle["http_requests_total", "2xx"] == 0


def _figures(text: str) -> dict[tuple[str, str], float]:
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _brace, rest = line.partition("{")
            labels, _brace, value = rest.partition("} ")
            code = labels.partition('code="')[2].partition('"')[0]
            found[name, code] = float(value)
    return found


async def test_a_webhook_is_verified_by_its_token(cloud: Cloud) -> None:
    url = cloud.info["revisions"][CANARY] + "/events"
    assert (await fetch("GET", url, params=VERIFY))[:2] == (200, "1158201444")
    for wrong in ({"hub.verify_token": "x"}, {"hub.mode": "unsubscribe"}, {"hub.verify_token": "ñ"}):
        assert (await fetch("GET", url, params=VERIFY | wrong))[0] == 403


async def test_the_runbooks_smoke_test_is_answered_with_intent_and_slots(cloud: Cloud) -> None:
    status, answer = await post_webhook(cloud.info["revisions"][CANARY], RUNBOOK_MESSAGE)
    assert status == 200
    (reply,) = answer["replies"]
    assert reply["message"] == "test-msg-1"
    assert reply["intent"] == "reservar"
    assert reply["slots"] == {"personas": 4, "dia": "viernes", "hora": "20:00"}
    assert answer["revision"] == CANARY


async def test_an_unsigned_or_wrongly_signed_or_foreign_webhook_is_refused(cloud: Cloud) -> None:
    url = cloud.info["revisions"][CANARY]
    assert (await fetch("POST", url + "/webhook", json=RUNBOOK_MESSAGE))[0] == 401
    assert (await post_webhook(url, RUNBOOK_MESSAGE, **{"X-Hub-Signature-256": "sha256=00"}))[0] == 401
    assert (await post_webhook(url, {"object": "page"}))[0] == 400
    assert (await post_webhook(url, []))[0] == 400
    body = b"{"
    headers = {"X-Hub-Signature-256": webhook.sign(body)}
    assert (await fetch("POST", url + "/webhook", data=body, headers=headers))[0] == 400
    assert (await fetch("POST", url + "/webhook", data=io.BytesIO(b"x" * (1 << 21)), headers=headers))[0] == 413
    assert (await fetch("GET", url + "/webhook"))[0] == 405
    assert (await fetch("GET", url + "/nothing"))[0] == 404


async def test_a_webhook_fails_as_often_as_its_revisions_profile_says(make_cloud: MakeCloud) -> None:
    cloud = await make_cloud(scenario="broken-canary", speed=10_000.0)
    url = cloud.info["revisions"][CANARY]
    codes = Counter([(await post_webhook(url, RUNBOOK_MESSAGE))[0] for _number in range(60)])
    assert set(codes) == {200, 500}
    assert 15 <= codes[500] <= 45
    good = Counter([(await post_webhook(cloud.info["revisions"][STABLE], RUNBOOK_MESSAGE))[0] for _number in range(20)])
    assert good[200] >= 18


async def test_a_real_request_becomes_a_request_log_entry(cloud: Cloud) -> None:
    await fetch("GET", cloud.info["revisions"][CANARY] + "/healthz", headers={"User-Agent": "curl/8"})
    (kept,) = [k.entry for k in cloud.simulator.logs.kept if k.entry.http_request.user_agent == "curl/8"]
    assert kept.http_request.status == 200
    assert kept.http_request.request_method == "GET"
    assert kept.http_request.request_url.endswith("/healthz")
    assert kept.log_name == "projects/demo/logs/run.googleapis.com%2Frequests"
    assert kept.resource.labels["revision_name"] == CANARY
    assert kept.trace


async def test_affinity_cookies_beat_the_split_and_restricted_ingress_answers_404(cloud: Cloud) -> None:
    template = run_v2.RevisionTemplate((await cloud.get()).template)
    template.revision, template.session_affinity = "wa-backend-00043-aff", True
    await cloud.settled(await cloud.update(run_v2.Service(name=SERVICE, template=template), "template"))
    await cloud.settled(await cloud.move((STABLE, 99, ""), ("wa-backend-00043-aff", 1, "")))
    url = cloud.info["services"]["wa-backend"] + "/healthz"
    cookie = {"Cookie": "GAESA=wa-backend-00043-aff"}
    assert {(await fetch("GET", url, headers=cookie))[2] for _number in range(10)} == {"wa-backend-00043-aff"}
    closed = run_v2.Service(name=SERVICE, ingress=run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY)
    await cloud.settled(await cloud.update(closed, "ingress"))
    assert (await fetch("GET", url))[0] == 404


async def test_a_deleted_revisions_port_answers_404_and_a_new_tag_gets_a_port(cloud: Cloud) -> None:
    old = "wa-backend-00037-qib"
    await (await cloud.revisions.delete_revision(name=f"{SERVICE}/revisions/{old}")).result()
    assert (await fetch("GET", cloud.info["revisions"][old] + "/healthz"))[0] == 404
    after = await cloud.settled(await cloud.move((STABLE, 100, ""), ("wa-backend-00038-dux", 0, "old")))
    uri = next(t.uri for t in after.traffic_statuses if t.tag == "old")
    assert (await fetch("GET", uri + "/healthz"))[2] == "wa-backend-00038-dux"


@pytest.mark.parametrize(
    ("text", "intent", "slots"),
    [
        ("reservar para 4 el viernes a las 8", "reservar", {"personas": 4, "dia": "viernes", "hora": "20:00"}),
        ("Quiero reservar para dos mañana a las 13:30", "reservar", {"personas": 2, "dia": "mañana", "hora": "13:30"}),
        ("mesa para 6 pasado mañana a la una y media", "reservar",
         {"personas": 6, "dia": "pasado mañana", "hora": "13:30"}),
        ("reservar el lunes a las 9 am", "reservar", {"dia": "lunes", "hora": "09:00"}),
        ("cancelar mi reserva del sábado 😢", "cancelar", {"dia": "sábado"}),
        ("¿hay mesa hoy?", "disponibilidad", {"dia": "hoy"}),
        ("hola 👋", "saludo", {}),
        ("¿a qué hora abren?", "horario", {}),
        ("xyz", "desconocido", {}),
    ],
)  # fmt: skip
def test_what_customers_write_is_understood(text: str, intent: str, slots: dict[str, object]) -> None:
    assert webhook.understand(text) == (intent, slots)
    assert webhook.reply_to(intent, slots)


# ---------------------------------------------------------------------------- control


async def control(cloud: Cloud, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body)
    status, text, _revision = await fetch(method, cloud.info["control"] + path, data=data, headers=headers)
    return status, json.loads(text)


async def test_the_clocks_speed_changes_while_it_runs_and_refuses_nonsense(cloud: Cloud) -> None:
    assert (await control(cloud, "POST", "/clock", {"speed": 20}))[1]["speed"] == 20
    status, answer = await control(cloud, "POST", "/clock", {"now": "2026-11-27T12:00:00Z"})
    assert status == 200
    assert answer["now"].startswith("2026-11-27T12:00:0")
    for wrong in ({"speed": 0}, {"speed": "fast"}, {"speed": True}, {"now": "2020-01-01"}, {"x": 1}, []):
        assert (await control(cloud, "POST", "/clock", wrong))[0] == 400
    assert (await control(cloud, "GET", "/clock"))[1]["speed"] == 20


async def test_state_tells_when_an_update_was_received(cloud: Cloud) -> None:
    import time

    begun = time.monotonic_ns()
    await cloud.move(*TEN_PERCENT)
    state = (await control(cloud, "GET", "/state"))[1]
    (received,) = state["received"]
    assert received["method"] == "UpdateService"
    assert begun < received["monotonic_ns"] < time.monotonic_ns()
    assert received["principal"] == "maria@demo.example"
    assert state["services"]["wa-backend"]["reconciling"] in (True, False)


async def test_a_rival_can_be_called_and_faults_injected_and_cleared(cloud: Cloud) -> None:
    status, answer = await control(cloud, "POST", "/rival", {"canary_percent": 30})
    assert status == 200
    after = await cloud.settled(answer["operation"])
    assert after.last_modifier == "rival@demo.example"
    assert {t.revision: t.percent for t in after.traffic_statuses if t.percent} == {STABLE: 70, CANARY: 30}
    for fault, code in (
        ({"unavailable": True}, "UNAVAILABLE"),
        ({"expired": True}, "UNAUTHENTICATED"),
        ({"lost_permissions": ["*"]}, "PERMISSION_DENIED"),
        ({"fail_next": {"method": "UpdateService", "code": "RESOURCE_EXHAUSTED"}}, "RESOURCE_EXHAUSTED"),
        (
            {"break_revision": {"service": "wa-backend", "revision": CANARY}, "fail_next": {"code": "ABORTED"}},
            "ABORTED",
        ),
    ):
        assert (await control(cloud, "POST", "/fault", fault))[0] == 200
        with pytest.raises(Exception, match=code):
            await cloud.move(*TEN_PERCENT)
        assert (await control(cloud, "POST", "/fault", {"clear": True}))[0] == 200
    await control(cloud, "POST", "/fault", {"fail_reconcile": "The route could not be programmed."})
    done = await cloud.wait(await cloud.move((STABLE, 100, "")))
    assert done.error.message == "The route could not be programmed."
    assert (await control(cloud, "POST", "/fault", {"nonsense": 1}))[0] == 400


async def test_a_hanging_cloud_answers_when_it_is_told_to(cloud: Cloud) -> None:
    await control(cloud, "POST", "/fault", {"hang": True})
    waiting = asyncio.create_task(cloud.get())
    done, _pending = await asyncio.wait([waiting], timeout=0.1)
    assert not done
    await control(cloud, "POST", "/fault", {"hang": False})
    assert (await waiting).name == SERVICE


async def test_no_web_page_drives_the_simulator(cloud: Cloud) -> None:
    assert (await control(cloud, "POST", "/clock", {"speed": 1}, Origin="http://evil.example"))[0] == 403
    assert (await control(cloud, "POST", "/clock", {"speed": 1}, Host="evil.example"))[0] == 403
    assert (await control(cloud, "GET", "/nothing"))[0] == 404
    assert (await control(cloud, "DELETE", "/clock"))[0] == 405
