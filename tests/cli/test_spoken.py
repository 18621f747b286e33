"""Help and mistakes in the operator's language: also the words that are the command line library's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo

from console.commands import line, spoken

KEYWORDS = {"_": None, "N_": None}
Run = Callable[..., subprocess.CompletedProcess[str]]

CODE = """
import sys
from pathlib import Path
from console import words
words.LOCALE_DIR = Path({folder!r})
words.use_language()
from console.commands.line import run_line
run_line(sys.argv[1:])
"""


@pytest.fixture
def abroad(tmp_path: Path) -> Run:
    """Runs `canario ARGS` where every word that the library's translator knows is written between «»."""
    catalog = Catalog(locale="es")
    for _line, message, _comments, _context in extract_from_file("python", spoken.__file__, keywords=KEYWORDS):
        catalog.add(message, f"«{message}»")
    folder = tmp_path / "es" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    (folder / "canario.mo").write_bytes(compiled.getvalue())

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", CODE.format(folder=str(tmp_path)), *arguments],
            env={**os.environ, "LANGUAGE": "es_VE", "LANG": "C.UTF-8", "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_the_frame_of_every_help_text_is_translated(abroad: Run) -> None:
    done = abroad("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("«Usage:» canario «[OPTIONS]» «COMMAND [ARGS]...»")
    for words in ("«Options»:", "«Commands»:", "«Show this message and exit.»", "«Install completion for"):
        assert words in done.stdout
    command = abroad("shift", "-h").stdout
    assert command.startswith("«Usage:» canario shift «[OPTIONS]» {PERCENT}")
    for words in ("«Arguments»:", "«required»", "«Options»:", "«Show this message and exit.»"):
        assert words in command


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("shift",), "«Missing argument 'PERCENT'.»"),
        (("replay", "x"), "«Missing option '--canary'.»"),
        (("status", "--nope"), "«No such option: --nope»"),
        (("logs", "--folow"), "«No such option: --folow (Possible options: --follow)»"),
        (("rollbak",), "««No such command 'rollbak'.». Did you mean 'rollback'?»"),
        (("shift", "1", "2", "3"), "«Got unexpected extra argument(s) (2 3)»"),
        (("status", "--env"), "«Option '--env' requires an argument.»"),
        (("demo", "--headless=3"), "«Option '--headless' does not take a value.»"),
        (
            ("revisions", "--limit", "x"),
            "«Invalid value for '--limit': «Input should be a valid integer, unable to parse string as an integer»»",
        ),
        (("revisions", "--limit", "0"), "«Invalid value for '--limit': «Input should be greater than or equal to 1»»"),
        (("revisions", "--limit", "9999"), "«Input should be less than or equal to 1000»"),
        (("replay", "x", "--canary", "a", "--share", "x"), "«Input should be a valid number, unable to parse"),
    ],
)
def test_each_mistake_on_the_command_line_is_translated(
    abroad: Run, canario: Run, arguments: tuple[str, ...], words: str
) -> None:
    done = abroad(*arguments)
    assert done.returncode == 2
    said = done.stderr.splitlines()[-1]
    assert said.startswith("«Error: «")
    assert words in said
    assert done.stdout == ""
    assert done.stderr.count("«Usage:»") == done.stderr.count("«Try 'canario")
    # in English the library's own words, as it says them
    english = canario(*arguments).stderr
    assert "«" not in english
    assert english.splitlines()[-1].startswith("Error: ")


def test_what_is_not_known_stays_as_the_library_says_it() -> None:
    assert spoken.sentence("The moon is full.") == "The moon is full."


def test_english_help_and_mistakes_are_the_librarys_own(canario) -> None:
    import typer

    plain = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})

    @plain.callback()
    def root() -> None:
        """Root."""

    @plain.command(help="Go.")
    def go(percent: str) -> None:
        """Go."""

    ours = typer.Typer(
        cls=spoken.SpokenGroup, rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]}
    )
    ours.callback()(root)
    ours.command(cls=spoken.SpokenCommand, help="Go.")(go)
    from typer.testing import CliRunner

    for words in (["--help"], ["go", "-h"], ["go"], ["go", "--nope"], ["og"], ["go", "1", "2"], ["--nope"], []):
        theirs, own = CliRunner().invoke(plain, words), CliRunner().invoke(ours, words)
        assert (own.exit_code, own.output) == (theirs.exit_code, theirs.output), words


def test_every_command_speaks(canario) -> None:
    import typer

    group = typer.main.get_command(line.app)
    assert isinstance(group, spoken.SpokenGroup)
    found = list(group.commands.values())
    for command in found:
        if isinstance(command, spoken.SpokenGroup):
            found.extend(command.commands.values())
        else:
            assert isinstance(command, spoken.SpokenCommand), command.name
