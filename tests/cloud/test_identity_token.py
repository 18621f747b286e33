"""Identity tokens for services that let only known callers in, got as google-auth gets them."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from console.clock import SystemClock
from console.cloud import identity_token as tokens
from console.cloud.identity_token import HEADER, identity_token
from console.errors import CredentialsError
from console.runbook.probe import Probe

AUDIENCE = "https://wa-backend-abc.a.run.app"


def unsigned(**claims: object) -> str:
    """A token whose signature nobody checks."""
    parts = [json.dumps({"alg": "RS256"}), json.dumps({"exp": 4_000_000_000, **claims}), "signature"]
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


def claims_of(token: str) -> dict[str, object]:
    middle = token.split(".")[1]
    told = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    assert isinstance(told, dict)
    return told


@pytest.fixture
async def issuer() -> AsyncIterator[str]:
    """Gives a token for the audience that a signed assertion asks for, as Google's token endpoint does."""

    async def token(request: web.Request) -> web.Response:
        asked = claims_of(str((await request.post())["assertion"]))
        return web.json_response({"id_token": unsigned(aud=asked["target_audience"])})

    app = web.Application()
    app.router.add_post("/token", token)
    server = TestServer(app)
    await server.start_server()
    yield str(server.make_url("/token"))
    await server.close()


async def test_a_service_accounts_key_gives_a_token_for_the_services_url(
    issuer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {"type": "service_account", "client_email": "r@p.iam.gserviceaccount.com", "token_uri": issuer}
    file = tmp_path / "key.json"
    file.write_text(json.dumps({**account, "private_key": pem, "private_key_id": "1", "project_id": "p"}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    assert claims_of(await identity_token(AUDIENCE))["aud"] == AUDIENCE


async def test_credentials_that_give_none_are_a_sentence_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    with pytest.raises(CredentialsError) as raised:
        await identity_token(AUDIENCE)
    assert "service account" in raised.value.remedy
    monkeypatch.setattr(tokens, "TIMEOUT_S", 0.0)
    with pytest.raises(CredentialsError):
        await identity_token(AUDIENCE)


async def test_a_service_that_wants_to_know_its_caller_is_asked_again_with_a_token_and_only_where_we_are_welcome() -> (
    None
):
    seen: list[str] = []

    async def closed(request: web.Request) -> web.Response:
        seen.append(request.headers.get(HEADER, ""))
        return web.Response(status=200 if seen[-1] == "Bearer the-token" else 403)

    asked: list[str] = []

    async def give() -> str:
        asked.append("once")
        return "the-token"

    app = web.Application()
    app.router.add_get("/healthz", closed)
    server = TestServer(app)
    await server.start_server()
    async with Probe(str(server.make_url("")), SystemClock(), timeout_s=5) as probe:
        probe._identity = give  # as it is for a service elsewhere; on loopback none is ever asked for
        assert (await probe.ask("GET", "/healthz", welcome=False)).status == 403
        assert asked == []
        assert (await probe.ask("GET", "/healthz")).status == 200
        assert (await probe.ask("GET", "/healthz")).status == 200
    await server.close()
    assert asked == ["once"]
    assert seen == ["", "", "Bearer the-token", "Bearer the-token"]
