"""Secrets come from a variable or a real keyring; a bad keyring is a sentence, never a crash."""

from __future__ import annotations

import sys
import types

import keyring
import keyring.backends.fail
import keyring.backends.null
import pytest
from keyring.backend import KeyringBackend

from console import secrets
from console.secrets import ask_for_all, find_secret, known_values, secret


class Kept(KeyringBackend):
    """A keyring with one secret in it."""

    priority = 1.0
    name = "kept"

    def get_password(self, service: str, username: str) -> str | None:
        return "from the keyring" if (service, username) == ("canario", "slack-webhook") else None

    def set_password(self, service: str, username: str, password: str) -> None: ...

    def delete_password(self, service: str, username: str) -> None: ...


class Broken(Kept):
    """A keyring that fails in a way of its own."""

    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError("the bus\x1b]52;c;eA==\x07 is gone")


def use(monkeypatch: pytest.MonkeyPatch, backend: object) -> None:
    monkeypatch.setattr(keyring, "get_keyring", lambda: backend)


def test_a_variable_stands_in_without_asking_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Broken())
    assert secret("slack-webhook", {"CANARIO_SLACK_WEBHOOK": "  https://x  "}) == "https://x"


def test_the_keyring_is_asked_where_no_variable_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Kept())
    assert secret("slack-webhook", {}) == "from the keyring"
    assert secret("github-token", {}) is None


def test_a_keyring_with_no_backend_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, keyring.backends.fail.Keyring())
    found = find_secret("github-token", {})
    assert found.value is None
    assert "no keyring" in found.problem
    assert "CANARIO_GITHUB_TOKEN" in found.problem


def test_keyrings_that_lose_or_show_secrets_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, keyring.backends.null.Keyring())
    assert find_secret("github-token", {}).problem
    plain = types.new_class("PlaintextKeyring", (Kept,))
    plain.__module__ = "keyrings.alt.file"
    use(monkeypatch, plain())
    found = find_secret("slack-webhook", {})
    assert found.value is None
    assert "plain text" in found.problem


def test_a_keyring_that_breaks_is_a_clean_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Broken())
    found = find_secret("slack-webhook", {})
    assert "the bus" in found.problem
    assert "\x1b" not in found.problem


def test_a_secret_never_shows_in_a_repr() -> None:
    assert "hidden" not in repr(find_secret("slack-webhook", {"CANARIO_SLACK_WEBHOOK": "hidden"}))


def test_settings_load_without_the_keyring() -> None:
    assert "keyring" in sys.modules
    import subprocess

    code = "import sys; from console.settings import load_settings; load_settings(); print('keyring' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_secret_of_the_keyring_is_known_once_all_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_FOUND", set())
    use(monkeypatch, Kept())
    assert "from the keyring" not in known_values()
    ask_for_all(["staging"])
    assert "from the keyring" in known_values()
