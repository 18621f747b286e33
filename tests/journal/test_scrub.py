"""Nothing secret is kept, however it is written, wherever it stands, and however long the line is."""

from __future__ import annotations

import json
import logging
import string
import sys
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import secrets
from console.crash import Safe
from console.journal.scrub import HIDDEN, KEY_LINES, key_after, scrub, scrub_text
from console.secrets import find_secret

SECRET = "Zx81hunter22222"


@pytest.fixture(autouse=True)
def nothing_found_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_FOUND", set())


WRITTEN = (
    'password="{}"',
    "password='{}'",
    "password: {}",
    "PASSWORD={}",
    "db_password = {}",
    '{{"verify_token": "{}"}}',
    '{{"a": {{"verify_token":"{}","b":2}}}}',
    r"{{\"verify_token\": \"{}\", \"b\": 2}}",
    "'api_key': '{}'",
    "'api_key': b'{}'",
    'config["secret"] = "{}"',
    "secret => '{}'",
    "X-Api-Key: {}",
    "Authorization: Basic {}",
    "Authorization: Bearer {}",
    "authorization: {}",
    "{{'Authorization': 'Basic {}'}}",
    "Cookie: a=1; session={}",
    "Set-Cookie: sid={}; Path=/",
    "GET /x?access_token={}&page=2",
    "GET /events?hub.verify_token={}",
    "https://storage.googleapis.com/x?X-Goog-Signature={}&a=1",
    "postgres://maria:{}@db.example/wa",
    "redis://:{}@127.0.0.1:6379/0",
    "mysql+pymysql://wa:p@ss/{}@db/wa",
    "--password {}",
    "--github-token={}",
    "ALTER USER wa IDENTIFIED BY '{}'",
    "export CANARIO_DATABASE_PASSWORD_STAGING={}",
    "aws_secret_access_key = {}",
    "Possible hardcoded password: '{}'",
    'password: "{} and the line is cut off here',
    "-----BEGIN RSA PRIVATE KEY----- {} -----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY----- {}",
    "https://hooks.slack.com/services/T0/B0/{}",
    "hooks.slack.com/workflows/T0/{}",
)

BY_LOOKS = (
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "ghs_abcdefghijklmnopqrstuvwxyz0123456789",
    "github_pat_11ABCDEFG0123456789_abcdefghij",
    "AIzaSyA0123456789abcdefghijklmnopqrstuv",
    "AKIAIOSFODNN7EXAMPLE",
    "ya29.a0AfH6SMBexample-token",
    "xoxb-123456789012-abcdefghij",
    "EAAG" + "aB3" * 20,
    "Basic bWFyaWE6aHVudGVyMg==",
)
AROUND = st.text(alphabet=" ,;()[]{}<>|→·\n", max_size=6)


@given(before=AROUND, after=AROUND, form=st.sampled_from(WRITTEN), tail=st.text(string.ascii_letters + string.digits))
def test_a_secret_behind_its_name_never_survives(before: str, after: str, form: str, tail: str) -> None:
    value = SECRET + tail
    told = scrub_text(before + form.format(value) + " " + after)
    assert SECRET not in told
    assert HIDDEN in told
    assert scrub_text(told) == told


@given(before=st.one_of(AROUND, st.sampled_from(["msg_", "key=", "'", '"', "x: "])), secret=st.sampled_from(BY_LOOKS))
def test_a_secret_that_looks_like_one_never_survives(before: str, secret: str) -> None:
    assert secret not in scrub_text(f"{before}{secret} {before}")


def test_a_line_of_a_private_key_is_hidden_without_its_first_line() -> None:
    line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
    assert scrub_text(line) == HIDDEN


@given(payload=st.sampled_from(["text", "list", "nested"]), form=st.sampled_from(WRITTEN))
def test_no_secret_comes_through_a_journal_entry(payload: str, form: str) -> None:
    value: object = form.format(SECRET)
    entry = {"text": {"a": value}, "list": {"a": [value]}, "nested": {"a": {"b": (value,)}}}[payload]
    assert SECRET not in json.dumps(scrub(entry))


@pytest.mark.parametrize(
    "text",
    [
        "3.1 % errors in 612 requests",
        "the token bucket is full",
        "https://wa-backend-x.a.run.app/healthz",
        "http://127.0.0.1:8080/u/maria@example.com",
        "verify token: refused",
        "token: missing",
        "password=None",
        "Basic configuration of the service",
        "wa-backend-00042-vez at sha256:" + "0a1b" * 16,
        "commit 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
        "Secrets: app-secret, github-token, slack-webhook.",
        "maria@example.com signed at 2026-11-25 10:00:00",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert scrub_text(text) == text


@pytest.mark.parametrize("name", secrets.SECRETS)
def test_canarios_own_secrets_are_hidden_by_their_value(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    value = 'q7!x "quoted" & more'
    monkeypatch.setenv(secrets.SECRETS[name], value)
    for written in (value, quote(value, safe=""), json.dumps({"a": value}), f"it printed({value})and went on"):
        told = scrub_text(written)
        assert "q7" not in told
        assert HIDDEN in told


def test_a_secret_that_the_keyring_gave_is_hidden_from_then_on() -> None:
    assert scrub_text("it says s3same-open") == "it says s3same-open"
    assert find_secret("verify-token", {"CANARIO_VERIFY_TOKEN": "s3same-open"}).value
    assert scrub_text("it says s3same-open") == f"it says {HIDDEN}"


def test_an_environments_own_database_password_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARIO_DATABASE_PASSWORD_STAGING", "st4ging-pass")
    monkeypatch.setenv("CANARIO_DATABASE_PASSWORD", "another1")
    assert "st4ging" not in scrub_text("connection refused for wa using st4ging-pass")


def test_a_password_that_is_a_word_does_not_empty_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARIO_DATABASE_PASSWORD", "canario")
    assert scrub_text("canario moved wa-backend to 10 %") == "canario moved wa-backend to 10 %"
    assert "canario" not in scrub_text("postgres://wa:canario@db/wa")


@pytest.mark.parametrize(
    "piece",
    [
        *[
            "password",
            'password="',
            "password ",
            "token\\\\",
            "a",
            "aB3",
            "a://",
            "a://b:",
            "-----BEGIN PRIVATE KEY-----",
        ],
        *["--a-", "\\", '"', "eyJaaaaaaaa.", "Basic a", "Bearer ", "authorization: ", "secret_A", "cookie: a", "?key="],
    ],
)
def test_a_line_of_a_megabyte_is_no_burden(piece: str) -> None:
    line = (piece * (1_000_000 // len(piece) + 1))[:1_000_000]
    began = time.process_time()
    told = scrub_text(line)
    assert time.process_time() - began < 5  # a quadratic pattern takes minutes
    assert len(told) < 3_000


def test_a_private_key_that_a_program_prints_line_by_line_is_hidden_to_its_end() -> None:
    printed = [
        "before",
        "-----BEGIN EC PRIVATE KEY-----",
        "MHcCAQEE",
        "short=",
        "-----END EC PRIVATE KEY-----",
        "after",
    ]
    left, within = 0, []
    for line in printed:
        within.append(left > 0)
        left = key_after(line, left)
    assert within == [False, False, True, True, True, False]
    assert not left


def test_a_private_key_without_an_end_does_not_hide_a_whole_run() -> None:
    left = key_after("-----BEGIN PRIVATE KEY-----", 0)
    for _line in range(KEY_LINES):
        assert left
        left = key_after("x", left)
    assert not left


def test_a_secret_in_a_traceback_does_not_reach_canarios_own_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARIO_APP_SECRET", "s3same-open")
    try:
        raise ValueError("signed with s3same-open, password='hunter22222'")
    except ValueError:
        record = logging.LogRecord("canario", logging.ERROR, "", 1, "it failed: token=abcdef12", (), sys.exc_info())
    told = Safe("%(levelname)s %(message)s").format(record)
    assert not [secret for secret in ("s3same", "hunter2", "abcdef12") if secret in told]
    assert "ValueError" in told
    assert len(told.splitlines()) > 3
