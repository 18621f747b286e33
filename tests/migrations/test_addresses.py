"""Database URLs and passwords: none in settings, TLS off the machine, drivers that send one statement at a time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from console.errors import SettingsError
from console.migrations.database import Address
from console.migrations.errors import DatabaseError
from console.migrations.urls import read_url
from console.secrets import database_password
from console.settings import load_settings


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://canario:hunter2@10.0.0.5/wa", "holds no password"),
        ("postgresql://10.0.0.5/wa?password=hunter2", "holds no password"),
        ("mysql+aiomysql://10.0.0.5/wa", "no database driver"),
        ("mysql+asyncmy://10.0.0.5/wa", "no database driver"),
        ("mysql://10.0.0.5/wa?init_command=DROP", "options that are not known"),
        ("postgresql://10.0.0.5/wa?sslmode=disable", "options that are not known"),
        ("mysql://10.0.0.5", "names no database"),
        ("sqlite://", "names no database"),
        ("sqlite:///:memory:", "names a file"),
        ("wa-db", "no database URL"),
    ],
)
def test_a_url_that_must_not_be_is_refused_and_its_secret_not_shown(url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as told:
        read_url(url)
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "tls"),
    [
        ("mysql://c@127.0.0.1/wa", False),
        ("mysql://c@localhost:3307/wa", False),
        ("postgresql://c@[::1]/wa", False),
        ("postgresql://c@/wa?host=/cloudsql/acme", False),
        ("mysql://c@10.0.0.5/wa", True),
        ("postgresql://c@db.acme.example/wa", True),
        ("mysql://c@127.0.0.1.evil.example/wa", True),
        ("mysql://c@localhost.evil.example/wa", True),
    ],
)
def test_a_server_off_this_machine_must_prove_who_it_is(url: str, tls: bool) -> None:
    assert read_url(url).tls is tls


def test_a_password_is_in_no_repr() -> None:
    assert "hunter2" not in repr(Address("mysql", "h", 1, "wa", "c", "hunter2"))


def test_the_password_comes_from_a_variable_the_environments_own_first() -> None:
    environ = {"CANARIO_DATABASE_PASSWORD": "for all", "CANARIO_DATABASE_PASSWORD_STAGING": "staging's"}
    assert database_password("staging", environ).value == "staging's"
    assert database_password("production", environ).value == "for all"
    assert database_password("production", {}).value is None


def test_a_database_in_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CANARIO_DATABASE_PASSWORD", "hunter2")
    monkeypatch.setenv("CANARIO_DATABASE_PASSWORD_PRODUCTION", "hunter3")
    file = tmp_path / "canario.toml"
    file.write_text(
        '[migrations]\nfolder = "sql"\nreplica_wait = "20 min"\n[environments.production.database]\n'
        'url = "mysql://canario@10.0.0.5/wa"\nreplicas = ["mysql://canario@10.0.0.6/wa"]\n'
    )
    settings = load_settings()
    assert settings.migrations.folder == "sql"
    database = settings.environment("production").database
    assert database is not None
    assert database.replicas == ("mysql://canario@10.0.0.6/wa",)
    assert "hunter" not in repr(settings)


@pytest.mark.parametrize(
    "line",
    ['url = "mysql://canario:hunter2@10.0.0.5/wa"', 'url = "mysql://c@h/wa"\nreplicas = ["mysql://c:hunter2@h/wa"]',
     'url = "sqlite:///wa.db"\nreplicas = ["sqlite:///b.db"]', 'url = "mysql://c@h/wa"\niam = true'],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "canario.toml").write_text(f"[environments.production.database]\n{line}\n")
    with pytest.raises(SettingsError) as told:
        load_settings()
    assert "canario.toml" in str(told.value)
    assert "hunter2" not in str(told.value)


def test_cloud_sql_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from console.migrations.cloud_sql import connect_cloud_sql

    monkeypatch.setitem(sys.modules, "google.cloud.sql.connector", None)
    address = read_url("mysql://canario@ignored/wa", cloud_sql="acme:us-central1:wa-db", iam=True)
    with pytest.raises(DatabaseError, match="not installed") as told:
        connect_cloud_sql(address, "pymysql", {})
    assert "canario[cloudsql]" in told.value.remedy
