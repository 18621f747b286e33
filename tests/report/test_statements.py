"""A report lists the statements that a second person let pass: who, which, when, and whether the audit log vouches."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from console.release.audited import ApprovalWrite
from console.release.state import MigrationApproval
from console.report.page import page
from console.report.paper import paper
from console.report.statements import StatementYes, first_words, statement_yeses
from tests.report.test_report import T0, candidate, report, statement_approval

FILE = "ALTER TABLE reservas ADD COLUMN canal INT;\nALTER TABLE reservas DROP COLUMN notes;\n"
DROP = "ALTER TABLE reservas DROP COLUMN notes"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def given(**more: object) -> MigrationApproval:
    return statement_approval(**({"file_digest": sha(FILE), "digest": sha(DROP)} | more))


def told(approval: MigrationApproval, *writers: str, words: str = DROP, **more: object) -> StatementYes:
    """What a report makes of it, where the log holds a call without it and then one by each of `writers`."""
    writes = [ApprovalWrite(T0 - timedelta(hours=1), "juan@example.com", ())]
    writes += [ApprovalWrite(T0 + timedelta(minutes=n), who, (), (approval,)) for n, who in enumerate(writers)]
    known = {(approval.file_digest, approval.digest): words}
    (one,) = statement_yeses(candidate(migration_approvals=(approval,), **more), writes, known, {}, {})
    return one


def test_both_reports_say_who_let_which_statement_pass_and_when() -> None:
    one = told(given(), "carlos@example.com")
    for whole in (page(report(statements=(one,))), paper(report(statements=(one,))).replace("\\", "")):
        assert "carlos@example.com" in whole
        assert "0007_notes.sql, statement 2: ALTER TABLE reservas DROP COLUMN notes" in whole
        assert "2026-11-25 09:56:00" in whole
        assert "confirmed by the audit log" in whole


def test_an_approval_in_anothers_name_is_shown_as_forged() -> None:
    one = told(given(), "mallory@example.com", "carlos@example.com")
    assert one.forged
    for whole in (page(report(statements=(one,))), paper(report(statements=(one,)))):
        assert "FORGED: written by mallory@example.com" in whole


def test_what_the_log_no_longer_holds_is_not_said_to_be_confirmed() -> None:
    one = told(given())
    assert one.state == ("no longer in the audit log", "soft")
    (carried,) = statement_yeses(
        candidate(migration_approvals=(given(),)), [ApprovalWrite(T0, "juan@example.com", (), (given(),))], {}, {}, {}
    )
    assert carried.state == ("no longer in the audit log", "soft")


def test_the_author_of_the_change_is_nobodys_second_person() -> None:
    one = told(given(), "carlos@example.com", author="Carlos@example.com")
    assert one.state == ("counts for nothing: carlos@example.com wrote the change: another must approve it", "bad")


def test_an_approval_of_another_release_counts_for_nothing() -> None:
    assert "another release, older" in told(given(candidate="older"), "carlos@example.com").state[0]


def test_the_words_are_those_of_the_bytes_that_were_approved(tmp_path: Path) -> None:
    (tmp_path / "0007_notes.sql").write_text(FILE)
    assert first_words(tmp_path, [given()])[sha(FILE), sha(DROP)] == DROP
    (tmp_path / "0007_notes.sql").write_text(FILE + "-- changed since\n")
    assert first_words(tmp_path, [given()]) == {}
    assert "the file is gone, or was changed since" in told(given(), words="").statement


def test_no_file_is_opened_because_an_approval_names_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside.sql"
    outside.write_text(FILE)
    folder = tmp_path / "migrations"
    folder.mkdir()
    assert first_words(folder, [given(file="../outside.sql")]) == {}
    assert first_words(tmp_path / "missing", [given()]) == {}


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE USER bot IDENTIFIED BY 'hunter22'",
        'SET PASSWORD FOR bot = "hunter22"',
        "ALTER ROLE bot PASSWORD $$hunter22$$",
        "CREATE SERVER s OPTIONS (password 'hunter22')",
    ],
)
def test_what_stands_in_quotes_is_not_shown(sql: str, tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_text(sql)
    words = first_words(tmp_path, [given(file_digest=sha(sql))])[sha(sql), sha(sql)]
    assert words.endswith("…")
    assert "hunter22" not in words


def test_a_long_statement_is_cut(tmp_path: Path) -> None:
    sql = "CREATE TABLE t (" + ", ".join(f"c{n} INT" for n in range(99)) + ")"
    (tmp_path / "1.sql").write_text(sql)
    assert len(first_words(tmp_path, [given(file_digest=sha(sql))])[sha(sql), sha(sql)]) < 80


def test_a_release_without_such_approvals_has_no_such_section() -> None:
    for whole in (page(report(statements=())), paper(report(statements=()))):
        assert "second person" not in whole
