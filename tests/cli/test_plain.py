"""The console and the rollback start without a command line library, and nobody can tell but by the clock."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.terminal import Terminal
from console.cli import read_plain


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--env", "staging"),
        ("--env=staging", "--endpoint", "127.0.0.1:1", "--as", "maria@acme.example"),
        ("rollback",),
        ("--env", "production", "rollback", "--endpoint=127.0.0.1:1"),
        ("rollback", "--to", "wa-backend-00041-kud", "--reason", "errors, as of 10:05"),
    ],
)
def test_plain_words_are_read_at_once(arguments: tuple[str, ...]) -> None:
    assert read_plain(arguments) is not None


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("-h",),
        ("--version",),
        ("status",),
        ("--env",),
        ("--env", ""),
        ("--env", "--endpoint"),
        ("--env", "a", "--env", "b"),
        ("--to", "wa-backend-00041-kud"),
        ("--", "rollback"),
        ("rollback", "rollback"),
        ("rollback", "--help"),
        ("rollback", "now"),
        ("rollback", "--env"),
        ("rollback", "--reason", "-"),
        ("--to", "wa-backend-00041-kud", "rollback"),
        ("--en", "staging"),
    ],
)
def test_everything_else_is_left_to_the_command_line_library(arguments: tuple[str, ...]) -> None:
    assert read_plain(arguments) is None


def test_reading_plain_words_imports_no_command_line_library(canario) -> None:
    import subprocess

    code = (
        "import sys\nfrom console.cli import read_plain\n"
        "assert read_plain(['rollback', '--env', 'production'])\nassert read_plain([])\n"
        "print(*[name for name in ('typer', 'click', 'pydantic', 'textual', 'google') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_plain_and_written_out_end_alike(canario) -> None:
    plain = canario("rollback", "--env", "nowhere")
    written = canario("rollback", "--env", "production", "--env", "nowhere")
    assert (plain.returncode, plain.stderr) == (written.returncode, written.stderr)
    assert plain.returncode == 2
    assert "nowhere" in plain.stderr


@pytest.mark.parametrize(
    ("toml", "arguments", "words"),
    [
        ("[plan]\nsteps = [50, 10, 100]\n", (), "canario.toml:2"),
        ("", ("--env", "nowhere"), "There is no environment 'nowhere'."),
        ("", ("--endpoint", "8.8.8.8:443"), "loopback"),
    ],
)
def test_a_console_that_cannot_open_gives_the_terminal_back_with_the_sentence_and_exits_2(
    own_home: Path, toml: str, arguments: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = own_home / "work"
    folder.mkdir()
    (folder / "canario.toml").write_text(toml)
    monkeypatch.chdir(folder)
    with Terminal([str(Path(sys.executable).with_name("canario")), *arguments]) as terminal:
        assert terminal.process.wait(60) == 2
        terminal.wait_for(lambda text: words in text, "the sentence")
        drawn = terminal.text()
    assert "opening; keys" in drawn
    assert drawn.index("opening; keys") < drawn.rindex(words)
    assert "Traceback" not in drawn
