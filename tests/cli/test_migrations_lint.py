"""`canario migrations lint`, as CI runs it: verdicts, JSON lines and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Canario

RUNBOOK = "ALTER TABLE reservas ADD COLUMN notes VARCHAR(500);\nCREATE INDEX idx_notes ON reservas(notes);\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "0001_notes.sql"


def test_the_runbooks_example_passes(canario: Canario, file: Path) -> None:
    file.write_text(RUNBOOK)
    done = canario("migrations", "lint", str(file), "--dialect", "mysql")
    assert (done.returncode, done.stderr) == (0, "")
    assert "✔ 1  additive" in done.stdout
    assert "2 additive" in done.stdout


def test_what_does_not_pass_is_named_and_ends_with_one(canario: Canario, file: Path) -> None:
    file.write_text(RUNBOOK + "DROP TABLE reservas;")
    done = canario("migrations", "lint", str(file), "--dialect", "mysql")
    assert done.returncode == 1
    assert "✖ 3  incompatible  line 3  DROP TABLE reservas" in done.stdout
    assert "drop-table" in done.stdout


def test_json_is_one_object_a_statement(canario: Canario, file: Path) -> None:
    file.write_text("-- notes\n" + RUNBOOK)
    done = canario("migrations", "lint", str(file), "--dialect", "postgres", "--json")
    column, index = (json.loads(line) for line in done.stdout.splitlines())
    assert done.returncode == 1
    assert set(column) == {"file", "index", "line", "sql", "verdict", "rules"}
    assert (column["file"], column["index"], column["line"], column["verdict"]) == (str(file), 1, 2, "additive")
    assert column["sql"] == "ALTER TABLE reservas ADD COLUMN notes VARCHAR(500)"
    assert index["verdict"] == "blocking"
    (rule,) = index["rules"]
    assert set(rule) == {"id", "reason", "source"}
    assert rule["source"].startswith("https://www.postgresql.org/")


@pytest.mark.parametrize(
    "content", [b"ALTER TABLE r ADD n INT \xff", b"\xff\xfeA\0L\0", b"ALTER TABLE r ADD n INT\0;", b"'"]
)
def test_a_file_that_is_no_sql_is_one_unknown_statement(canario: Canario, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    done = canario("migrations", "lint", str(file), "--dialect", "mysql", "--json")
    (line,) = done.stdout.splitlines()
    assert (done.returncode, json.loads(line)["verdict"]) == (1, "unknown")


def test_several_files_are_judged_in_turn_and_each_by_itself(canario: Canario, tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_text("CREATE TABLE a (id int);")
    (tmp_path / "2.sql").write_text("CREATE INDEX i ON a (id);")
    done = canario(
        "migrations", "lint", str(tmp_path / "1.sql"), str(tmp_path / "2.sql"), "--dialect", "postgres", "--json"
    )
    verdicts = [(json.loads(line)["file"][-5:], json.loads(line)["verdict"]) for line in done.stdout.splitlines()]
    assert verdicts == [("1.sql", "additive"), ("2.sql", "blocking")]


def test_a_file_without_statements_passes(canario: Canario, file: Path) -> None:
    file.write_text("-- nothing;\n;;\n")
    assert canario("migrations", "lint", str(file), "--dialect", "sqlite").returncode == 0


def test_no_such_file_dialect_or_argument_is_wrong_usage(canario: Canario, file: Path) -> None:
    file.write_text(RUNBOOK)
    for arguments in (
        [str(file)],
        [str(file), "--dialect", "oracle"],
        ["/nowhere.sql", "--dialect", "mysql"],
        ["--json"],
    ):
        done = canario("migrations", "lint", *arguments)
        assert done.returncode == 2, arguments
        assert "Traceback" not in done.stderr


def test_a_hostile_statement_sends_nothing_to_the_terminal(canario: Canario, file: Path) -> None:
    file.write_bytes(b"DROP TABLE \x1b]0;gone\x07 x\x1b[2J;")
    shown = canario("migrations", "lint", str(file), "--dialect", "mysql")
    assert "\x1b" not in shown.stdout + shown.stderr
    assert "\x1b" not in canario("migrations", "lint", str(file), "--dialect", "mysql", "--json").stdout
