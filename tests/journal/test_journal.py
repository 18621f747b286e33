"""The journal: durable, append-only, chained; a broken disk is said and breaks nothing."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.clock import ManualClock
from console.errors import JournalError
from console.journal import Journal
from console.journal.scrub import HIDDEN, scrub, scrub_text

SCOPE = "demo/us-central1/wa-backend"
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


def opened(path: Path, session: str = "s1") -> Journal:
    return Journal.open(path, scope=SCOPE, session=session, clock=ManualClock(NOON))


def test_an_intent_and_its_outcome_are_read_back_newest_first(path: Path) -> None:
    with opened(path) as journal:
        number = journal.intent("shift", {"percent": 10, "by": "maria@acme.example"}, server_time=NOON)
        journal.outcome(number, "done", {"after": {"r": 100}})
        outcome, intent = journal.entries()
        assert (intent.phase, intent.kind, intent.session, intent.scope) == ("intent", "shift", "s1", SCOPE)
        assert intent.payload == {"percent": 10, "by": "maria@acme.example"}
        assert intent.server_time == NOON
        assert intent.at == NOON
        assert (outcome.phase, outcome.kind, outcome.result, outcome.intent) == ("outcome", "shift", "done", number)
        assert journal.verify() == []


def test_an_intent_without_an_outcome_is_unfinished_but_not_for_the_session_that_is_at_it(path: Path) -> None:
    with opened(path) as journal:
        first = journal.intent("shift", {})
        journal.outcome(journal.intent("deploy", {}), "done", {})
        assert [entry.id for entry in journal.unfinished()] == [first]
        assert journal.unfinished(session="s1") == []
    with opened(path, "s2") as later:
        assert [entry.id for entry in later.unfinished(session="s2")] == [first]
        later.outcome(first, "settled", {})
        assert later.unfinished() == []


def test_each_service_has_its_own_part(path: Path) -> None:
    with opened(path) as journal, Journal.open(path, scope="demo/us-central1/other") as other:
        other.intent("shift", {})
        assert journal.unfinished() == []
        assert journal.entries() == []
        assert len(journal.entries(scope="demo/us-central1/other")) == 1


def test_an_outcome_belongs_to_one_intent_once(path: Path) -> None:
    with opened(path) as journal:
        number = journal.intent("shift", {})
        journal.outcome(number, "done", {})
        with pytest.raises(JournalError):
            journal.outcome(number, "failed", {})
        with pytest.raises(JournalError, match="no intent 99"):
            journal.outcome(99, "done", {})
        assert journal.writable
        assert len(journal.entries()) == 2


@pytest.mark.parametrize("statement", ["UPDATE entries SET payload = '{}'", "DELETE FROM entries"])
def test_rows_cannot_be_changed_or_taken_out(path: Path, statement: str) -> None:
    with opened(path) as journal:
        journal.intent("shift", {})
    with sqlite3.connect(path) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()


def tamper(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in ("DROP TRIGGER never_changed", "DROP TRIGGER never_deleted", *statements):
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_changed_row_shows(path: Path) -> None:
    with opened(path) as journal:
        for percent in (10, 50, 100):
            journal.intent("shift", {"percent": percent})
    tamper(path, """UPDATE entries SET payload = '{"percent":5}' WHERE id = 2""")
    with opened(path) as journal:
        assert journal.verify() == ["Entry 2 was changed after it was written."]


def test_a_row_taken_out_of_the_middle_shows(path: Path) -> None:
    with opened(path) as journal:
        for percent in (10, 50, 100):
            journal.intent("shift", {"percent": percent})
    tamper(path, "DELETE FROM entries WHERE id = 2")
    with opened(path) as journal:
        problems = journal.verify()
    assert len(problems) == 2
    assert "Entry 3 follows entry 1" in problems[0]


def test_two_processes_write_one_chain(path: Path) -> None:
    one, two = opened(path, "s1"), opened(path, "s2")
    workers = [
        threading.Thread(target=lambda j=journal: [j.intent("shift", {"n": n}) for n in range(20)])
        for journal in (one, two)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(one.entries()) == 40
    assert one.verify() == []
    one.close()
    two.close()


def test_the_file_is_the_owners_alone(path: Path) -> None:
    with opened(path) as journal:
        journal.intent("shift", {})
        assert path.stat().st_mode & 0o077 == 0
        assert path.parent.stat().st_mode & 0o077 == 0


# a broken disk


def test_a_place_that_cannot_be_written_is_said_and_breaks_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    journal = opened(tmp_path / "file" / "journal.db")
    assert not journal.writable
    assert not journal.healthy
    assert "file" in journal.problem
    with pytest.raises(JournalError) as caught:
        journal.intent("shift", {})
    assert "rollback works all the same" in caught.value.remedy
    assert journal.verify() == [journal.problem]


def test_a_file_that_is_no_journal_is_said_and_left_alone(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"these are someone's notes, not a database" * 40)
    journal = opened(path)
    assert not journal.writable
    assert path.read_bytes().startswith(b"these are")


def test_a_journal_that_breaks_while_open_says_so_and_comes_back(path: Path) -> None:
    journal = opened(path)
    journal.intent("shift", {})
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    journal._connection.execute("PRAGMA busy_timeout = 10")  # type: ignore[union-attr]
    with pytest.raises(JournalError, match="locked"):
        journal.intent("shift", {})
    assert not journal.healthy
    assert not journal.writable
    blocker.execute("ROLLBACK")
    blocker.close()
    assert journal.writable
    journal.intent("shift", {})
    assert journal.verify() == []
    journal.close()


# crashes

WRITER = """
import sys
from console.journal import Journal
journal = Journal.open(sys.argv[1], scope="demo/us-central1/wa-backend", session="child")
n = 0
while True:
    number = journal.intent("shift", {"n": n, "padding": "x" * 500})
    print(number, flush=True)
    journal.outcome(number, "done", {})
    n += 1
"""


@pytest.mark.parametrize("after", [1, 7, 23])
def test_what_was_said_to_be_written_survives_a_kill(path: Path, after: int) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert child.stdout is not None
    told = 0
    for _line in range(after):
        told = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    with opened(path) as journal:
        assert journal.verify() == []
        assert max(entry.id for entry in journal.entries(10_000)) >= told
        assert len(journal.unfinished()) <= 1
        journal.intent("shift", {})
        assert journal.verify() == []


@pytest.mark.parametrize("share", [0.1, 0.35, 0.5, 0.77, 0.99])
def test_a_cut_write_ahead_log_leaves_a_valid_beginning(tmp_path: Path, path: Path, share: float) -> None:
    journal = opened(path)
    for number in range(30):
        journal.intent("shift", {"n": number})
    copy = tmp_path / "copy"
    shutil.copytree(path.parent, copy)
    journal.close()
    wal = copy / "journal.db-wal"
    with wal.open("r+b") as file:
        file.truncate(int(wal.stat().st_size * share))
    with opened(copy / "journal.db") as left:
        assert left.verify() == []
        numbers = sorted(entry.id for entry in left.entries(100))
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) < 30


# secrets


@pytest.mark.parametrize(
    "secret",
    [
        "https://hooks.slack.com/services/T000/B000/XXXXXXXX",
        "xoxb-123456789012-abcdefghij",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "github_pat_11ABCDEFG0123456789_abcdefghij",
        "ya29.a0AfH6SMBexample-token",
        "Bearer abcdefghijklmnop",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
        "AIzaSyA0123456789abcdefghijklmnopqrstuv",
        "password=hunter22",
        "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
    ],
)
def test_a_secret_in_a_reason_never_reaches_the_disk(path: Path, secret: str) -> None:
    with opened(path) as journal:
        number = journal.intent("shift", {"reason": f"we need {secret} now", "nested": {"list": [secret]}})
        journal.outcome(number, f"failed {secret}", {"error": secret})
    written = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert secret.encode() not in written
    assert HIDDEN.encode() in written


def test_a_field_with_a_secrets_name_is_hidden_whatever_it_holds() -> None:
    assert scrub({"slack_token": "abc", "Authorization": {"x": 1}, "percent": 10}) == {
        "slack_token": HIDDEN,
        "Authorization": HIDDEN,
        "percent": 10,
    }


def test_ordinary_words_stay_as_they_are() -> None:
    for text in ("3.1 % errors in 612 requests", "the token bucket is full", "https://wa-backend-x.a.run.app/healthz"):
        assert scrub_text(text) == text


def test_an_escape_sequence_in_the_middle_of_a_token_does_not_hide_it() -> None:
    assert scrub_text("ghp_abcdefghij\x1b[0mklmnopqrstuvwxyz0123456789") == HIDDEN


def test_a_password_in_a_url_is_hidden() -> None:
    assert "hunter2" not in scrub_text("postgres://maria:hunter2@db.example/wa")


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=100),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=100), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=100), plain, max_size=5))
def test_anything_can_be_scrubbed_and_twice_is_the_same(payload: dict[str, object]) -> None:
    once = scrub(payload)
    assert scrub(once) == once
    for key in once:
        assert "\x1b" not in key
