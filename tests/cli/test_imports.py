"""Commands start without Textual, and import a Google client only when they call the cloud."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROBE = """
import runpy, sys
sys.argv = ["canario", *{arguments!r}]
try:
    runpy.run_module("console.cli", run_name="__main__")
except SystemExit:
    pass
heavy = ("textual", "rich", "google.cloud", "google.api_core", "grpc", "plotext", "keyring", "holidays", "slack_sdk",
         "httpx", "lark", "console.app", "typer", "console.watch.watcher", "console.verdict.sequential")
print("IMPORTED", *[name for name in heavy if name in sys.modules])
"""


READING = {"typer"}
"""What reads every command but the console and the rollback."""
WATCHING = {"console.watch.watcher", "console.verdict.sequential"}
"""What a command needs that looks at the service as the console does."""


def imported(*arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(arguments=arguments)], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("status", "--help"),
        ("--version",),
        ("shift", "200"),
        ("status", "--env", "nowhere"),
        ("status", "--endpoint", "8.8.8.8:1"),
        ("demo", "--speed", "0"),
        ("replay", "--help"),
        ("replay", "/nowhere", "--canary", "wa-backend-00042-vez"),
        ("verdict", "--timeout", "soon"),
        ("migrations", "lint", "/nowhere.sql", "--dialect", "mysql"),
    ],
)
def test_help_and_mistakes_import_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert set(imported(*arguments)) <= {*READING, *WATCHING}


def test_a_command_that_calls_the_cloud_imports_its_client_and_no_textual(simulator) -> None:
    process = simulator()
    found = imported("status", "--endpoint", process.grpc)
    assert "grpc" in found
    # httpx asks which digest each revision runs, and brings rich
    assert not {"textual", "plotext", "keyring", "holidays", "slack_sdk"} & set(found)
    found = imported("rollback", "--endpoint", process.grpc)
    assert "grpc" in found
    assert not {"textual", "rich", "plotext", "keyring", "holidays", "slack_sdk", "httpx"} & set(found)


@pytest.mark.parametrize(
    "arguments", [("rollback", "--env", "nowhere"), ("rollback", "--to", "No_Name"), ("--env", "nowhere")]
)
def test_the_most_urgent_commands_are_read_without_a_command_line_library(arguments: tuple[str, ...]) -> None:
    assert imported(*arguments) == []


def test_a_rollback_imports_the_cloud_and_nothing_that_reads_words_watches_or_judges(simulator) -> None:
    found = set(imported("rollback", "--env", "production", "--endpoint", simulator().grpc))
    assert "grpc" in found
    assert not found & {*READING, *WATCHING, "textual", "rich", "plotext", "keyring", "holidays", "slack_sdk", "httpx"}
