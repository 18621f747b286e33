"""The team's Slack: what it takes, keeps and refuses, in Slack's own words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from slack_sdk.webhook.async_client import AsyncWebhookClient

from tests.simulator.conftest import Cloud


@pytest.fixture
async def http(cloud: Cloud) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


def root(cloud: Cloud) -> str:
    return str(cloud.info["slack"]).partition("/services")[0]


async def control(cloud: Cloud, http: httpx.AsyncClient, **what: Any) -> httpx.Response:
    return await http.post(cloud.info["control"] + "/slack", json=what)


async def test_slacks_own_client_is_answered_ok_and_the_message_is_kept_and_shown(
    cloud: Cloud, http: httpx.AsyncClient
) -> None:
    answer = await AsyncWebhookClient(cloud.info["slack"]).send(text="✅ *STAGING VALIDATION PASSED*\nReady <now>?")
    assert (answer.status_code, answer.body) == (200, "ok")
    await http.post(cloud.info["slack"], json={"text": "segundo"})
    first, second = (await http.get(root(cloud) + "/messages")).json()
    assert first["text"].startswith("✅ *STAGING VALIDATION PASSED*")
    assert second["text"] == "segundo"
    assert first["at"].startswith("2026-11-25T12:")
    page = (await http.get(root(cloud) + "/")).text
    assert "Ready &lt;now&gt;?" in page
    assert page.index("STAGING") < page.index("segundo")


async def test_a_form_and_blocks_are_taken_too(cloud: Cloud, http: httpx.AsyncClient) -> None:
    assert (await http.post(cloud.info["slack"], data={"payload": '{"text": "formulario"}'})).text == "ok"
    assert (await http.post(cloud.info["slack"], json={"blocks": [{"type": "divider"}]})).text == "ok"


@pytest.mark.parametrize(
    ("path", "content", "status", "words"),
    [
        ("", b"{", 400, "invalid_payload"),
        ("", b"[]", 400, "invalid_payload"),
        ("", b"{}", 400, "no_text"),
        ("x", b'{"text": "x"}', 404, "no_service"),
    ],
)
async def test_what_is_no_message_is_refused(
    cloud: Cloud, http: httpx.AsyncClient, path: str, content: bytes, status: int, words: str
) -> None:
    answer = await http.post(cloud.info["slack"] + path, content=content)
    assert (answer.status_code, answer.text) == (status, words)
    assert (await http.get(root(cloud) + "/messages")).json() == []


async def test_told_to_fail_it_fails_so_often_and_says_when_to_come_back(cloud: Cloud, http: httpx.AsyncClient) -> None:
    await control(cloud, http, fail_next=2, status=429, retry_after=3)
    for _number in range(2):
        answer = await http.post(cloud.info["slack"], json={"text": "x"})
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    assert (await http.post(cloud.info["slack"], json={"text": "x"})).status_code == 200
    told = await control(cloud, http)
    assert told.json() == {"messages": 1, "refused": 2}
    assert (await control(cloud, http, fail=1)).status_code == 400


async def test_told_to_hang_it_answers_later(cloud: Cloud, http: httpx.AsyncClient) -> None:
    await control(cloud, http, hang=True)
    sending = asyncio.ensure_future(http.post(cloud.info["slack"], json={"text": "x"}))
    done, _pending = await asyncio.wait({sending}, timeout=0.3)
    assert not done
    await control(cloud, http, clear=True)
    assert (await sending).text == "ok"
