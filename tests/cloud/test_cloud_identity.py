"""Who we are, and what time it is: what Google's credentials and answers tell, and what is done where they do not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials as UserCredentials

from console.clock import ManualClock, SystemClock
from console.cloud import connection as connections
from console.cloud import identity
from console.cloud.connection import Connection, channel_options, parse_date
from console.cloud.target import CloudTarget
from console.errors import CredentialsError

GOOGLE = CloudTarget("acme-prod", "us-central1")
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


class Account:
    """A service account's credentials."""

    service_account_email = "deployer@acme-prod.iam.gserviceaccount.com"
    valid = True


class OnComputeEngine:
    """Compute Engine's: the e-mail is known only after the first refresh."""

    def __init__(self) -> None:
        self.service_account_email = "default"
        self.valid = False

    def refresh(self, _request: object) -> None:
        self.service_account_email = "vm@acme-prod.iam.gserviceaccount.com"
        self.valid = True


def answering(monkeypatch: pytest.MonkeyPatch, answer: httpx.Response | httpx.HTTPError) -> list[httpx.Request]:
    """Let every httpx call in the adapters be answered with `answer`; the requests made."""
    made: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        made.append(request)
        if isinstance(answer, httpx.HTTPError):
            raise answer
        return answer

    real = httpx.AsyncClient
    monkeypatch.setattr(httpx, "AsyncClient", lambda **given: real(transport=httpx.MockTransport(handle), **given))
    return made


async def test_a_service_account_tells_by_itself() -> None:
    assert await identity.identity_of(Account()) == "deployer@acme-prod.iam.gserviceaccount.com"
    assert await identity.identity_of(OnComputeEngine()) == "vm@acme-prod.iam.gserviceaccount.com"


async def test_a_persons_credentials_are_resolved_and_the_token_is_in_no_url(monkeypatch: pytest.MonkeyPatch) -> None:
    made = answering(monkeypatch, httpx.Response(200, json={"email": "maria@acme.example"}))
    assert await identity.identity_of(UserCredentials("secret-token")) == "maria@acme.example"
    assert "secret-token" not in str(made[0].url)
    assert b"secret-token" in made[0].content


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(400, json={"error": "invalid_token"}),
        httpx.Response(200, json={"aud": "x"}),
        httpx.Response(200, text="<html>"),
        httpx.ConnectError("no route"),
    ],
)
async def test_where_nobody_tells_the_operator_reads_what_to_run(
    monkeypatch: pytest.MonkeyPatch, answer: httpx.Response | httpx.HTTPError
) -> None:
    answering(monkeypatch, answer)
    with pytest.raises(CredentialsError, match="gcloud auth application-default login"):
        await identity.identity_of(UserCredentials("secret-token"))


async def test_a_revoked_login_is_an_error_of_credentials() -> None:
    class Revoked(OnComputeEngine):
        def refresh(self, _request: object) -> None:
            raise RefreshError("invalid_grant: Token has been expired or revoked.")

    with pytest.raises(CredentialsError, match="gcloud auth"):
        await identity.identity_of(Revoked())


async def test_no_credentials_at_all_is_said_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(**_given: object) -> Any:
        raise connections.google.auth.exceptions.DefaultCredentialsError("none found")

    monkeypatch.setattr(connections.google.auth, "default", none)
    with pytest.raises(CredentialsError, match="no Google credentials"):
        await Connection.open(GOOGLE, SystemClock())


async def test_the_date_of_an_answer_sets_the_servers_clock() -> None:
    clock = ManualClock(NOON)
    connection = Connection(GOOGLE, clock, None)
    connection.saw_metadata((("date", "Wed, 25 Nov 2026 10:05:00 GMT"),), clock.monotonic())
    assert connection.server_clock.now() == datetime(2026, 11, 25, 10, 5, tzinfo=UTC)
    assert connection.answers_without_date == 0


async def test_where_answers_carry_no_date_https_is_asked_and_not_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    made = answering(monkeypatch, httpx.Response(404, headers={"date": "Wed, 25 Nov 2026 10:05:00 GMT"}))
    clock = ManualClock(NOON)
    connection = Connection(GOOGLE, clock, None)
    for _answer in range(3):
        connection.saw_metadata((("content-type", "application/grpc"),), clock.monotonic())
    for task in tuple(connection._background):
        await task
    assert [(request.method, request.url.host) for request in made] == [("HEAD", "run.googleapis.com")]
    assert connection.server_clock.now() == datetime(2026, 11, 25, 10, 5, tzinfo=UTC)
    assert connection.answers_without_date == 3
    clock.advance(60)
    connection.saw_metadata((("content-type", "application/grpc"),), clock.monotonic())
    for task in tuple(connection._background):
        await task
    assert len(made) == 2


async def test_a_simulator_without_a_date_is_not_helped_by_googles_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    made = answering(monkeypatch, httpx.Response(200))
    connection = Connection(CloudTarget("demo", "us-central1", "127.0.0.1:9"), SystemClock(), None)
    connection.saw_metadata((("content-type", "application/grpc"),), 1.0)
    assert not connection._background
    assert not made
    assert not connection.server_clock.known


@pytest.mark.parametrize("value", ["", "yesterday", "Wed, 99 Nov 2026 10:05:00 GMT", b"\xff\xfe"])
def test_a_date_that_does_not_read_is_no_date(value: str | bytes) -> None:
    assert parse_date([("date", value)]) is None
    assert parse_date(None) is None


def test_a_proxy_of_the_office_is_for_google_and_never_for_a_simulator_on_this_machine() -> None:
    assert dict(channel_options(loopback=True))["grpc.enable_http_proxy"] == 0
    assert "grpc.enable_http_proxy" not in dict(channel_options(loopback=False))


def test_a_connection_attempt_to_google_has_time_for_a_tls_handshake() -> None:
    assert dict(channel_options(loopback=False))["grpc.min_reconnect_backoff_ms"] >= 5_000
    assert dict(channel_options(loopback=False))["grpc.max_reconnect_backoff_ms"] == 500
