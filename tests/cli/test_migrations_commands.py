"""`canario migrations apply|status|approve|decide` as one types them, against a simulator and an SQLite file."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_approvals import rewrite
from tests.conftest import FRIDAY

RUNBOOK = "ALTER TABLE reservas ADD COLUMN notes VARCHAR(500);\nCREATE INDEX idx_notes ON reservas(notes);\n"


class Operator:
    """Somebody with a folder of migrations and a database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "wa.db"
        with sqlite3.connect(self.path) as connection:
            connection.execute("CREATE TABLE reservas (id INTEGER PRIMARY KEY, quien TEXT)")
        connection.close()
        (folder / "migrations").mkdir()
        self.write(RUNBOOK)

    def write(self, sql: str, name: str = "0001.sql") -> None:
        (self.folder / "migrations" / name).write_text(sql)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "console.cli", "migrations", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=self.folder)

    def stage(self) -> None:
        """Let staging be the simulator's service that has a release candidate."""
        (self.folder / "canario.toml").write_text(
            '[environments.staging]\nservice = "wa-backend"\n[environments.staging.database]\nurl = "sqlite:///wa.db"\n'
        )

    def columns(self) -> set[str]:
        connection = sqlite3.connect(self.path)
        found = {row[1] for row in connection.execute("PRAGMA table_info(reservas)")}
        connection.close()
        return found

    @property
    def here(self) -> tuple[str, ...]:
        return ("--env", "dev", "--database", "sqlite:///wa.db")


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


def test_status_then_apply_then_status(operator: Operator) -> None:
    before = json.loads(operator.run("status", *operator.here, "--json").stdout)
    assert [one["state"] for one in before["statements"]] == ["planned", "planned"]
    assert before["replicas"] == []
    done = operator.run("apply", *operator.here, "--yes", "reservas")
    assert done.returncode == 0, done.stderr
    assert "Applied 2 statements." in done.stdout
    assert "No replica is configured" in done.stdout
    assert "ALTER TABLE reservas ADD COLUMN notes VARCHAR(500)" in done.stdout
    after = json.loads(operator.run("status", *operator.here, "--json").stdout)
    assert [one["state"] for one in after["statements"]] == ["verified", "verified"]
    assert after["statements"][0]["by"] == "maria@demo.example"
    assert "Nothing was left to apply." in operator.run("apply", *operator.here).stdout


def test_without_the_tables_name_nothing_is_sent_and_it_exits_3(operator: Operator) -> None:
    done = operator.run("apply", *operator.here)
    assert done.returncode == 3
    assert "type reservas to send it" in done.stderr
    assert "notes" not in operator.columns()


def test_a_changed_file_exits_1_and_says_which(operator: Operator) -> None:
    operator.run("apply", *operator.here, "--yes", "reservas")
    operator.write(RUNBOOK + "-- hm\n")
    for command in ("apply", "status"):
        done = operator.run(command, *operator.here)
        assert done.returncode == 1
        assert "0001.sql was changed after it was applied" in done.stderr


def test_every_line_of_apply_json_is_an_object(operator: Operator) -> None:
    lines = operator.run("apply", *operator.here, "--yes", "reservas", "--json").stdout.splitlines()
    steps = [json.loads(line)["step"] for line in lines]
    assert steps == ["guardrails", "intent", "acknowledged", "verified"] * 2
    assert {one["rule"] for one in json.loads(lines[0])["answers"]} == {
        "journal",
        "driver",
        "bytes",
        "name",
        "additive",
    }


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("apply", "--env", "dev"), "No database is set for dev"),
        (("apply", "--env", "dev", "--database", "sqlite:///nowhere.db"), "There is no database"),
        (("apply", "nowhere", "--env", "dev", "--database", "sqlite:///wa.db"), "There is no folder"),
        (("apply", "--env", "dev", "--database", "mysql://a:hunter2@h/wa"), "holds no password"),
        (("apply", "--env", "dev", "--database", "sqlite:///wa.db", "--dialect", "mysql"), "speaks sqlite, not mysql"),
        (("decide", "0001.sql", "1", "perhaps", "--env", "dev", "--database", "sqlite:///wa.db"), "applied or again"),
    ],
)
def test_wrong_usage_is_a_sentence(operator: Operator, words: tuple[str, ...], problem: str) -> None:
    done = operator.run(*words)
    assert done.returncode in (1, 2)
    assert problem in done.stderr
    assert "hunter2" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


DROP = ("--yes", "reservas", "--flag", "new_names")


def test_where_no_service_runs_nobody_can_approve_and_it_is_said_what_to_do(operator: Operator) -> None:
    operator.write("ALTER TABLE reservas DROP COLUMN quien;")
    done = operator.run("apply", *operator.here, *DROP)
    assert done.returncode == 3
    assert "an approval is written on the Cloud Run service, and none is asked here" in done.stderr
    approved = operator.run("approve", *operator.here, "--yes", "reservas")
    assert approved.returncode == 2
    assert "is this machine alone" in approved.stderr
    assert "Give --endpoint" in approved.stderr
    assert operator.columns() == {"id", "quien"}


def test_a_second_person_approves_on_the_service_and_the_audit_log_tells_who_it_was(
    operator: Operator, simulator
) -> None:
    operator.write("ALTER TABLE reservas DROP COLUMN quien;")
    operator.stage()
    endpoint = simulator().grpc
    there = ("--env", "staging", "--endpoint", endpoint, "--database", "sqlite:///wa.db")
    maria, pedro = (*there, "--as", "maria@acme.example"), (*there, "--as", "pedro@acme.example")
    assert operator.run("approve", *maria, "--yes", "reservas").returncode == 0, "by herself"
    assert "you cannot approve your own" in operator.run("apply", *maria, *DROP).stderr

    def forge(candidate: dict[str, object]) -> None:
        (own,) = candidate["migration_approvals"]  # type: ignore[misc]
        candidate["migration_approvals"] = [own, {**own, "id": "f" * 16, "by": "pedro@acme.example"}]  # type: ignore[dict-item]

    rewrite(endpoint, "maria@acme.example", forge)
    forged = operator.run("apply", *maria, *DROP)
    assert forged.returncode == 3
    assert "FORGED: maria@acme.example wrote it in the name of pedro@acme.example" in forged.stderr

    def mend(candidate: dict[str, object]) -> None:
        candidate["migration_approvals"] = candidate["migration_approvals"][:1]  # type: ignore[index]

    rewrite(endpoint, "maria@acme.example", mend)
    given = operator.run("approve", *pedro, "--yes", "reservas")
    assert given.returncode == 0, given.stderr
    assert "pedro@acme.example approves 0001.sql, statement 1" in given.stdout
    assert "The Cloud Audit Log confirms it" in given.stdout
    done = operator.run("apply", *maria, *DROP)
    assert done.returncode == 0, done.stderr
    assert "✔ second person: pedro@acme.example approves these bytes" in done.stdout
    assert operator.columns() == {"id"}


def test_the_changes_author_is_nobodys_second_person(operator: Operator, simulator) -> None:
    operator.write("ALTER TABLE reservas DROP COLUMN quien;")
    operator.stage()
    endpoint = simulator().grpc
    there = ("--env", "staging", "--endpoint", endpoint, "--database", "sqlite:///wa.db", "--as", "pedro@acme.example")
    rewrite(endpoint, "maria@acme.example", lambda candidate: candidate.update(author="pedro@acme.example"))
    done = operator.run("approve", *there, "--yes", "reservas")
    assert done.returncode == 3
    assert "pedro@acme.example wrote the change" in done.stderr


def test_production_asks_for_the_releases_approvals_before_anything_is_sent(operator: Operator, simulator) -> None:
    there = ("--env", "production", "--endpoint", simulator(bare=True).grpc, "--database", "sqlite:///wa.db")
    done = operator.run("apply", *there, "--yes", "reservas", "--reason", "we really need it out today")
    assert done.returncode == 3
    assert "code: nobody has approved" in done.stderr
    assert "✖ approvals:" in done.stdout
    assert "No reason overrides this" in done.stderr
    assert "notes" not in operator.columns()


def test_a_renamed_file_is_decided_by_name_and_not_sent_again(operator: Operator) -> None:
    operator.run("apply", *operator.here, "--yes", "reservas")
    (operator.folder / "migrations" / "0001.sql").rename(operator.folder / "migrations" / "0001_notas.sql")
    done = operator.run("apply", *operator.here, "--yes", "reservas")
    assert done.returncode == 3
    assert "0001_notas.sql was applied already, as 0001.sql" in done.stderr
    decided = operator.run(
        "decide", "0001_notas.sql", "1", "applied", "--reason", "only its name is new", *operator.here
    )
    assert decided.returncode == 0, decided.stderr
    assert "Nothing was left to apply." in operator.run("apply", *operator.here).stdout


def test_outside_the_window_a_protected_environment_asks_for_a_reason(operator: Operator, simulator) -> None:
    there = ("--env", "production", "--endpoint", simulator(now=FRIDAY).grpc, "--database", "sqlite:///wa.db")
    done = operator.run("apply", *there, "--yes", "reservas")
    assert done.returncode == 3
    assert "window" in done.stderr
    assert "notes" not in operator.columns()
    done = operator.run("apply", *there, "--yes", "reservas", "--reason", "the incident of this morning")
    assert done.returncode == 0, done.stderr
    assert "notes" in operator.columns()


def test_inside_the_window_it_passes_and_is_in_the_journal(operator: Operator, simulator, own_home: Path) -> None:
    there = ("--env", "production", "--endpoint", simulator().grpc, "--database", "sqlite:///wa.db")
    done = operator.run("apply", *there, "--yes", "reservas")
    assert done.returncode == 0, done.stderr
    connection = sqlite3.connect(own_home / "state" / "canario" / "journal.db")
    rows = connection.execute("SELECT kind, phase, result FROM entries").fetchall()
    connection.close()
    assert ("migration", "outcome", "acknowledged") in rows
    assert ("migration check", "outcome", "verified") in rows


def test_status_warns_of_a_rollback_to_a_revision_that_a_forced_migration_may_break(
    operator: Operator, simulator
) -> None:
    operator.stage()
    there = ("--env", "staging", "--endpoint", simulator().grpc)

    def rollback() -> dict[str, object]:
        command = [sys.executable, "-m", "console.cli", "status", "--json", *there]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=operator.folder, check=True)
        return json.loads(done.stdout)["rollback"]

    operator.run("apply", *there, "--yes", "reservas")
    assert "schema" not in str(rollback()["warnings"]), "an additive one is nothing to warn of"
    operator.write("ALTER TABLE reservas DROP COLUMN quien;", "0002.sql")
    assert operator.run("approve", *there, "--as", "pedro@demo.example", "--yes", "reservas").returncode == 0
    done = operator.run("apply", *there, *DROP)
    assert done.returncode == 0, done.stderr
    assert "the schema has changed under it" in str(rollback()["warnings"])
    assert "the flag new_names must be off" in str(rollback()["warnings"])
