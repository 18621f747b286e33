"""What each command says, and the shapes that scripts rely on."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from console.commands.init import TEMPLATE
from console.commands.logs import read_moment
from console.commands.looking import _old
from console.registry import ACTIONS
from console.settings import BUILT_IN_ENVIRONMENTS, Settings, load_settings
from tests.release.making import FRIDAY, WEDNESDAY, release_at, verdict


def test_the_help_names_every_command_and_the_exit_codes(canario) -> None:
    text = canario("--help").stdout
    for command in ("status", "services", "revisions", "deploy", "shift", "rollback", "logs", "history", "doctor",
                    "init", "verdict", "replay", "demo", "simulate"):  # fmt: skip
        assert command in text
    assert "3 blocked" in " ".join(text.split())
    for spec in ACTIONS:
        if spec.command:
            assert spec.command.split()[1] in text, f"{spec.id} names a command that is not there"


def test_an_old_verdict_is_not_told_as_if_it_were_todays() -> None:
    baked = release_at(10).model_copy(update={"verdict": verdict(at=WEDNESDAY)})
    assert _old(baked, WEDNESDAY + timedelta(minutes=2)) == ""
    assert "said 47:00 ago" in _old(baked, WEDNESDAY + timedelta(minutes=47))


def test_status_services_and_revisions_say_what_is_true(simulator, canario) -> None:
    endpoint = simulator().grpc
    status = canario("status", "--endpoint", endpoint)
    assert status.returncode == 0, status.stderr
    assert status.stdout.startswith("PRODUCTION")
    assert "ready → wa-backend-00041-kem" in status.stdout
    services = canario("services", "--endpoint", endpoint)
    assert "wa-backend-staging" in services.stdout
    revisions = canario("revisions", "--endpoint", endpoint)
    assert "wa-backend-00042-vez" in revisions.stdout
    found = json.loads(canario("revisions", "--json", "--endpoint", endpoint).stdout)
    assert found["schema"] == 1
    assert found["revisions"][0] | {"created": None, "image": None, "digest": None} == {
        "name": "wa-backend-00042-vez",
        "image": None,
        "digest": None,
        "created": None,
        "ready": True,
        "reason": None,
        "tags": ["canary"],
        "desired": 0,
        "effective": 0,
        "min_instances": found["revisions"][0]["min_instances"],
    }
    listed = json.loads(canario("services", "--json", "--endpoint", endpoint).stdout)
    assert {service["name"] for service in listed["services"]} == {"wa-backend", "wa-backend-staging"}


def test_options_may_stand_before_the_command(simulator, canario) -> None:
    endpoint = simulator().grpc
    done = canario("--env", "staging", "--endpoint", endpoint, "--as", "juan@demo.example", "status", "--json")
    document = json.loads(done.stdout)
    assert document["environment"] == "staging"
    assert document["identity"] == "juan@demo.example"


def test_a_deploy_takes_no_traffic_and_moves_the_tag(simulator, canario) -> None:
    endpoint = simulator().grpc
    done = canario("deploy", "us-docker.pkg.dev/demo/app/wa-backend:new", "--tag", "canary", "--endpoint", endpoint)
    assert done.returncode == 0, done.stderr
    assert "canario shift 10" in done.stdout
    status = json.loads(canario("status", "--json", "--endpoint", endpoint).stdout)
    assert status["traffic"]["effective"] == {"wa-backend-00041-kem": 100}
    assert status["canary"] not in ("wa-backend-00042-vez", None)
    assert status["canary"] in done.stdout


def test_logs_are_filtered_and_printed_in_order(simulator, canario) -> None:
    endpoint = simulator().grpc
    done = canario("logs", "--limit", "20", "--json", "--endpoint", endpoint, "--filter", "severity>=INFO")
    assert done.returncode == 0, done.stderr
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert entries
    assert [entry["time"] for entry in entries] == sorted(entry["time"] for entry in entries)
    assert {entry["service"] for entry in entries} == {"wa-backend"}
    assert set(entries[0]) == {
        "time", "severity", "log", "service", "revision", "text", "status", "latency_ms", "method", "url", "trace",
        "insert_id",
    }  # fmt: skip


def test_doctor_finds_all_well_at_the_simulator_and_names_what_is_not(simulator, canario) -> None:
    endpoint = simulator().grpc
    done = canario("doctor", "--endpoint", endpoint)
    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("terminal", "settings", "holidays", "journal", "keyring", "permissions", "clock"):
        assert word in done.stdout
    assert "no keyring" in done.stdout
    assert "none are kept" in done.stdout
    done = canario("doctor", "--env", "staging")
    assert done.returncode == 1
    assert "GOOGLE_CLOUD_PROJECT" in done.stdout


def test_doctor_takes_a_simulators_time_for_its_own_and_no_fault_of_the_machines(simulator, canario) -> None:
    """A Friday far from today: the window is judged by it, and no remedy asks for the local clock to be set."""
    done = canario("doctor", "--endpoint", simulator(now=FRIDAY).grpc)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The simulator keeps a time of its own" in done.stdout
    assert "NTP" not in done.stdout


def test_init_writes_every_default_and_never_over_a_file(canario, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    assert canario("init", cwd=folder).returncode == 0
    written = (folder / "canario.toml").read_text()
    assert load_settings(folder).model_dump() == load_settings(tmp_path).model_dump()
    done = canario("init", cwd=folder)
    assert done.returncode == 2
    assert (folder / "canario.toml").read_text() == written


def test_the_file_that_init_writes_shows_the_true_defaults(tmp_path: Path) -> None:
    shown = [line.removeprefix("# ") for line in TEMPLATE.splitlines() if line.startswith("# ") and " = " in line]
    assert len(shown) > 35
    values = tomllib.loads("\n".join(line.removeprefix("# ") if _is_setting(line) else "" for line in _file()))
    environments = values.pop("environments")
    assert environments.pop("uat")["plan"] == {"steps": [50, 100]}
    for name, table in environments.items():
        built_in = {"project": "", "region": "us-central1", **BUILT_IN_ENVIRONMENTS[name]}
        assert table == {key: built_in[key] for key in table}
    values.pop("journal")
    values["rollback"].pop("automatic")
    values.pop("keymap")
    defaults = Settings().model_dump(mode="json")
    for key, value in values.items():
        if isinstance(value, dict):
            read = type(getattr(Settings(), key)).model_validate(value).model_dump(mode="json")
            left_out = {"automatic"} if key == "rollback" else set()
            assert set(value) == set(defaults[key]) - left_out, f"[{key}] leaves a key out"
            assert read == defaults[key]
        else:
            assert value == defaults[key]
    tables = {name for name in Settings.model_fields if isinstance(defaults[name], dict)}
    assert set(values) | {"environments", "keymap"} >= tables


def _file() -> list[str]:
    return TEMPLATE.splitlines()


def _is_setting(line: str) -> bool:
    bare = line.removeprefix("# ")
    return bare.startswith("[") or (line.startswith("# ") and " = " in bare and bare.split(" = ")[0].isidentifier())


def test_since_takes_a_moment_as_well_as_a_duration(simulator, canario) -> None:
    endpoint = simulator(now="2026-11-25T12:00:00Z").grpc
    none = canario("logs", "--since", "2026-11-25T13:00:00Z", "--endpoint", endpoint)
    assert (none.returncode, none.stdout) == (0, "")
    some = canario("logs", "--since", "2026-11-25T13:50:00+02:00", "--limit", "3", "--endpoint", endpoint)
    assert len(some.stdout.splitlines()) == 3
    assert read_moment("2026-11-25T12:00") == datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
    assert read_moment("10 min") is None
