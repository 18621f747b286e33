"""Documents come from files and servers that are not ours: bounded, cleaned, and never led elsewhere."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from console.errors import CanarioError
from console.library import LARGEST, MOST_LINES, cleaned, fetch


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://evil.example/")
            self.end_headers()
            return
        body = {
            "/playbook.md": b"# Playbook\n\nCall \x1b]52;c;AAAA\x07 #incidents",
            "/large": b"x" * (LARGEST + 1),
        }.get(self.path)
        self.send_response(200 if body is not None else 404)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_a_file_counts_from_the_checkout(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# Hola\n\n  - uno\n", encoding="utf-8")
    assert fetch("docs/a.md", tmp_path) == "# Hola\n\n  - uno"


def test_a_url_on_loopback_is_read_and_cleaned(server: str, tmp_path: Path) -> None:
    assert fetch(f"{server}/playbook.md", tmp_path) == "# Playbook\n\nCall  #incidents"


@pytest.mark.parametrize(
    ("path", "words"), [("/away", "another host"), ("/large", "more than"), ("/missing", "answers 404")]
)
def test_what_a_server_may_not_do_is_a_sentence(server: str, tmp_path: Path, path: str, words: str) -> None:
    with pytest.raises(CanarioError, match=words):
        fetch(server + path, tmp_path)


@pytest.mark.parametrize("url", ["http://example.com/a.md", "https://user:secret@example.com/a.md"])
def test_plaintext_elsewhere_and_addresses_with_passwords_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(CanarioError) as refused:
        fetch(url, tmp_path)
    assert "secret" not in str(refused.value)


def test_a_pipe_or_a_folder_is_no_document_and_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "missing.md", "nul\0byte"):
        with pytest.raises(CanarioError):
            fetch(name, tmp_path)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large.md").write_bytes(b"x" * (LARGEST + 1))
    with pytest.raises(CanarioError, match="1 MiB"):
        fetch("large.md", tmp_path)


def test_lines_over_the_limit_are_counted() -> None:
    assert cleaned(b"a\n" * (MOST_LINES + 3)).endswith("… and 3 more lines")
