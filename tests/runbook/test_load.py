"""A runbook as a file: what is read, and what a person is told who errs in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import ExitCode, SettingsError
from console.runbook.load import load_runbook, packaged

HEAD = """\
id = "ours"
title = { en = "Ours", es = "Lo nuestro" }

[[phases]]
id = "first"
title = { en = "First" }

[[phases.steps]]
id = "tests"
kind = "command"
title = { en = "Tests" }
help = { en = "They must pass." }
settings = { argv = ["pytest"] }

[[phases.steps]]
id = "word"
kind = "confirm"
title = { en = "A word" }
help = { en = "Somebody says so." }
needs = ["tests"]

[[phases]]
id = "second"
title = { en = "Second" }
needs = ["first"]

[[phases.steps]]
id = "other"
kind = "confirm"
title = { en = "Another" }
help = { en = "Somebody says so." }
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "ours.toml"
    file.write_text(text, encoding="utf-8")
    return file


def refused(folder: Path, text: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_runbook(write(folder, text))
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.remedy, "an error without a fix"
    return caught.value


def test_a_runbook_is_read_with_a_kind_for_each_step(tmp_path: Path) -> None:
    found = load_runbook(write(tmp_path, HEAD))
    assert [step.id for step in found.runbook.steps()] == ["tests", "word", "other"]
    assert {step: kind.name for step, kind in found.kinds.items()} == {
        "tests": "command",
        "word": "confirm",
        "other": "confirm",
    }
    assert not found.packaged


def test_both_packaged_runbooks_are_sound() -> None:
    for which in ("despliegue", "rollback"):
        found = load_runbook(None, which)  # type: ignore[arg-type]
        assert found.packaged
        assert found.source == str(packaged(which))  # type: ignore[arg-type]
        for step in found.runbook.steps():
            assert step.title.es, step.id
            assert step.help.es, step.id
            assert step.source, step.id


@pytest.mark.parametrize(
    ("before", "after", "line", "what", "fix"),
    [
        ('kind = "command"', 'kind = "comand"', 10, "tests is of the kind 'comand', which there is not", "'command'"),
        ('needs = ["tests"]', 'needs = ["test"]', 20, "word needs 'test', which there is not", "'tests'"),
        ('needs = ["tests"]', 'need = ["tests"]', 20, "there is no key 'need' in [word]", "'needs'"),
        ('needs = ["tests"]', 'holds = "4 weeks"', 20, "word.holds", 'like "5 min"'),
        ('needs = ["tests"]', 'holds = "40 d"', 20, "word: evidence can't hold 40 d", "30 days"),
        ('needs = ["tests"]', 'needs = ["word"]', 20, "needs go in a circle: word needs word", "Take one"),
        ('needs = ["tests"]', 'needs = ["second"]', 20, "needs go in a circle: ", "Take one"),
        ('id = "other"', 'id = "word"', 28, "the id 'word' is taken already (at ", "an id of its own"),
        ('id = "second"', 'id = "first"', 23, "the id 'first' is taken already (at ", "an id of its own"),
        ('id = "other"', 'id = "Other"', 28, "Other.id", ""),
        ('needs = ["tests"]', 'alternative_to = "test"', 20, "word is an alternative to 'test'", "'tests'"),
        ('needs = ["tests"]', 'bound_to = "digest"', 20, "word.bound_to", ""),
        ('needs = ["tests"]', 'signers = ["boss"]', 20, "word.signers", ""),
        ('argv = ["pytest"]', 'argvs = ["pytest"]', 13, "there is no key 'argvs'", "'argv'"),
        ('argv = ["pytest"]', 'argv = ["pytest"], timeout = 5', 13, "", ""),
        ('title = { en = "Second" }', "", 22, "second has no 'title'", "title"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_its_key_and_its_fix(
    tmp_path: Path, before: str, after: str, line: int, what: str, fix: str
) -> None:
    assert before in HEAD
    error = refused(tmp_path, HEAD.replace(before, after, 1))
    assert error.what.startswith(f"{tmp_path / 'ours.toml'}:{line}: "), error.what
    assert what in error.what
    assert fix in error.remedy


@pytest.mark.parametrize(
    "secret",
    [
        'settings = { argv = ["curl", "https://hooks.slack.com/services/T0/B0/abcdef"] }',
        'settings = { argv = ["deploy"], variables = { GITHUB = "ghp_0123456789012345678901234567890123456" } }',
        'settings = { argv = ["curl", "-H", "Authorization: Bearer abcdefghijklmnop"] }',
    ],
)
def test_a_secret_in_a_runbook_is_refused_and_not_repeated(tmp_path: Path, secret: str) -> None:
    error = refused(tmp_path, HEAD.replace('settings = { argv = ["pytest"] }', secret))
    assert "ours.toml:13: " in error.what
    assert "looks like a secret" in error.what
    for word in ("hooks.slack", "ghp_", "abcdefghij"):
        assert word not in str(error)


def test_lines_are_kept_through_arrays_of_several_lines(tmp_path: Path) -> None:
    long = 'needs = [\n    "tests",\n    "tset",\n]'
    error = refused(tmp_path, HEAD.replace('needs = ["tests"]', long) + 'holds = "1 h"\n')
    assert "ours.toml:20: word needs 'tset'" in error.what


def test_a_phase_and_its_step_may_share_a_name_and_others_mean_the_phase(tmp_path: Path) -> None:
    text = HEAD.replace('id = "first"', 'id = "tests"').replace('needs = ["first"]', 'needs = ["tests"]')
    runbook = load_runbook(write(tmp_path, text)).runbook
    assert runbook.needed("tests") == ("tests", "word")
    assert runbook.needed("tests", within="tests") == ("tests",)


def test_a_file_that_is_no_toml_is_a_sentence(tmp_path: Path) -> None:
    error = refused(tmp_path, HEAD.replace('needs = ["tests"]', "needs = tests"))
    assert "ours.toml:20 is not TOML" in error.what


def test_two_consoles_see_whether_they_walk_the_same_runbook(tmp_path: Path) -> None:
    one = load_runbook(write(tmp_path, HEAD)).runbook.digest()
    assert one == load_runbook(write(tmp_path, "# a comment\n" + HEAD)).runbook.digest()
    assert one != load_runbook(write(tmp_path, HEAD.replace("They must pass.", "They may fail."))).runbook.digest()
