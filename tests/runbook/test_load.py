"""A runbook as a file: what is read, and what a person is told who errs in it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from console.commands.output import complain
from console.commands.runbook import check
from console.errors import ExitCode, SettingsError
from console.runbook.fitting import check_fits
from console.runbook.kinds import kinds
from console.runbook.load import load_runbook, packaged
from console.runbook.model import Phase, Runbook, Skip, Step, Words
from console.settings import Settings
from console.settings_errors import example_of

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
        ('argv = ["pytest"]', 'argvs = ["pytest"]', 13, "there is no key 'argvs'", "'argv'"),
        ('argv = ["pytest"]', 'argv = ["pytest"], timeout = 5', 13, "", ""),
        ('title = { en = "Second" }', "", 22, "second has no 'title'", 'title = { en = "Staging" }'),
        ('id = "tests"', "", 8, "first, step 1 has no 'id'", 'id = "unit_tests"'),
        ('help = { en = "They must pass." }', 'help = "Run it"', 12, "tests.help must be a table", 'en = "Run it"'),
        ('help = { en = "They must pass." }', "", 8, "tests has no 'help'", 'help = { en = "They must pass." }'),
        ('title = { en = "Tests" }', "", 8, "tests has no 'title'", 'title = { en = "Unit tests" }'),
        ('kind = "command"', "", 8, "tests has no 'kind'", 'kind = "command"'),
        ('needs = ["tests"]', 'needs = "tests"', 20, "word.needs", 'needs = ["tests"]'),
        ('needs = ["tests"]', "needs = 3", 20, "word.needs", 'needs = ["unit_tests"]'),
        ('needs = ["tests"]', "skip = true", 20, "word.skip", 'skip = { by = ["driver"] }'),
        ('argv = ["pytest"]', 'argv = "pytest"', 13, "argv", 'argv = ["pytest"]'),
        ('argv = ["pytest"]', "argv = 1", 13, "argv", 'argv = ["pytest", "tests/"]'),
        ('argv = ["pytest"]', "argv = []", 13, "argv: says no command", 'argv = ["pytest", "tests/"]'),
        ('needs = ["tests"]', 'signers = ["on_cal"]', 20, "word.signers", "'on_call'"),
        ('needs = ["tests"]', 'signers = ["boss"]', 20, "word.signers", "anyone, driver, code"),
        ('needs = ["tests"]', 'bound_to = "digest"', 20, "word.bound_to", "release, head, commit, image"),
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
    ("step", "what", "fix"),
    [
        ('kind = "notify"\nsettings = { figures_of = "test", message = "deployed" }', "figures_of names", "tests"),
        ('kind = "watch"\nsettings = { after = "test" }', "after names 'test', which is no step", "'tests'"),
        ('kind = "watch"\nsettings = { revision_of = "move" }', "revision_of names 'move'", "other, tests"),
        ('kind = "http"\nsettings = { check = "healthz", revision_of = "move" }', "revision_of names 'move'", "tests"),
        ('kind = "notify"\nsettings = { message = "rolled_back", moved_by = "go" }', "moved_by names 'go'", "tests"),
        ('kind = "revisions"\nsettings = { do = "move", chosen_by = "tsts" }', "chosen_by names 'tsts'", "'tests'"),
        ('kind = "notify"\nsettings = { message = "depoyed" }', "message", "'deployed'"),
        ('kind = "approval"\nsettings = { role = "code" }\nskip = {}', "skip would let a release", "Take skip out"),
        ('kind = "approval"\nsettings = { role = "code" }\nadvice = true', "advice would", "Take advice out"),
    ],
)  # fmt: skip
def test_what_leads_nowhere_or_round_an_approval_is_named_with_its_line_and_its_fix(
    tmp_path: Path, step: str, what: str, fix: str
) -> None:
    lines = step.splitlines()
    error = refused(tmp_path, HEAD.replace('kind = "confirm"', step, 1))
    line = 17 + next(number for number, text in enumerate(lines) if number and what.split()[0] in text)
    assert error.what.startswith(f"{tmp_path / 'ours.toml'}:{line}: "), error.what
    assert what in error.what
    assert fix in error.remedy


def test_nothing_stands_for_an_approval(tmp_path: Path) -> None:
    text = HEAD.replace('kind = "confirm"', 'kind = "approval"\nsettings = { role = "code" }', 1)
    error = refused(tmp_path, text + 'alternative_to = "word"\n')
    assert "ours.toml:33: other would stand for word, and nothing stands for an approval" in error.what


def test_each_of_several_mistakes_has_its_line_and_its_fix(tmp_path: Path) -> None:
    text = HEAD.replace('kind = "command"', 'kind = "comand"').replace('needs = ["tests"]', 'needs = ["test"]')
    text += 'holds = "40 d"\n'
    told = refused(tmp_path, text)
    lines = (told.what, *told.remedy.split("\n"))
    where = tmp_path / "ours.toml"
    assert lines[0].startswith(f"{where}:10: tests is of the kind 'comand'")
    assert lines[1] == "Did you mean 'command'?"
    assert lines[2] == f"{where}:20: word needs 'test', which there is not. Did you mean 'tests'?"
    assert lines[3].startswith(f"{where}:32: other: evidence can't hold 40 d. Write up to 30 days")


def test_several_mistakes_are_printed_a_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    complain(refused(tmp_path, HEAD.replace('"tests"]', '"test"]').replace('"first"]', '"frst"]')))
    lines = capsys.readouterr().err.splitlines()
    where = tmp_path / "ours.toml"
    assert lines == [
        f"canario: {where}:20: word needs 'test', which there is not.",
        "  Did you mean 'tests'?",
        f"  {where}:25: second needs 'frst', which there is not. Did you mean 'first'?",
    ]


def test_each_key_that_is_wrong_in_its_form_has_its_line_and_its_fix(tmp_path: Path) -> None:
    text = HEAD.replace("needs = ", "need = ").replace('help = { en = "Somebody says so." }', "help = 1")
    told = refused(tmp_path, text)
    lines = (told.what, *told.remedy.split("\n"))
    where = tmp_path / "ours.toml"
    places = [line.split(": ")[0].strip() for line in (lines[0], *lines[2:])]
    assert places == [f"{where}:{number}" for number in (19, 20, 25, 31)]
    assert "Did you mean 'needs'?" in told.remedy
    assert "first has no" not in str(told)


@pytest.mark.parametrize("phases", ["phases = []", ""])
def test_a_runbook_without_steps_is_refused_with_the_fix(tmp_path: Path, phases: str) -> None:
    error = refused(tmp_path, f'id = "ours"\ntitle = {{ en = "Ours" }}\n{phases}\n')
    if phases:
        assert error.what == f"{tmp_path / 'ours.toml'}:3: ours has no steps."
    assert "[[phases]]" in error.remedy


def test_a_phase_without_steps_is_refused_with_its_line_and_the_fix(tmp_path: Path) -> None:
    error = refused(tmp_path, HEAD + '\n[[phases]]\nid = "third"\ntitle = { en = "Third" }\nsteps = []\n')
    assert error.what == f"{tmp_path / 'ours.toml'}:36: third has no steps."
    assert "[[phases.steps]]" in error.remedy


def fixes() -> list[tuple[type[BaseModel], str, str]]:
    """Every key that a person may get wrong, with what they would be told to write."""
    models: list[type[BaseModel]] = [Runbook, Phase, Step, Skip, Words, *(k.settings_model for k in kinds().values())]
    return [
        (model, info.alias or name, example)
        for model in models
        for name, info in model.model_fields.items()
        if (example := example_of((info.alias or name,), model))
    ]


@pytest.mark.parametrize(("model", "key", "example"), fixes(), ids=lambda one: str(getattr(one, "__name__", one)))
def test_what_a_person_is_told_to_write_is_taken(model: type[BaseModel], key: str, example: str) -> None:
    if example.startswith("[["):
        return
    try:
        model.model_validate(tomllib.loads(example))
        wrong = []
    except ValidationError as error:
        wrong = [one for one in error.errors() if one["loc"][:1] == (key,)]
    assert not wrong, example
    assert example not in (f'{key} = "..."', f"{key} = []"), example


# Held against the settings


def test_check_holds_a_runbook_against_the_settings_that_hold_here(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path, HEAD.replace('kind = "confirm"', 'kind = "traffic"\nsettings = { percent = 33 }', 1))
    with pytest.raises(SettingsError, match="33 % is no step of the plan"):
        check(file)
    team = tmp_path / "canario.toml"
    team.write_text("[plan]\nsteps = [33, 100]\n", encoding="utf-8")
    assert check(file) == ExitCode.DONE
    team.write_text("[plan]\nstps = [33, 100]\n", encoding="utf-8")
    assert check(file) == ExitCode.DONE
    told = capsys.readouterr()
    assert told.out.count("is sound: ours, 2 phases, 3 steps") == 2
    assert "The settings are wrong, so that the runbook is not held against them" in told.err


def fits(folder: Path, step: str, environment: str = "production", **settings: object) -> None:
    book = load_runbook(write(folder, HEAD.replace('kind = "confirm"', step, 1)))
    check_fits(book, Settings.model_validate(settings), environment)


@pytest.mark.parametrize(
    ("step", "what", "fix"),
    [
        ('kind = "http"\nsettings = { check = "healthz", environment = "stagng" }', "names 'stagng'", "'staging'"),
        ('kind = "cloud_run"\nsettings = { do = "ready", environment = "stagng" }', "names 'stagng'", "'staging'"),
        ('kind = "uat"\nsettings = { environment = "stagng" }', "names 'stagng'", "'staging'"),
        ('kind = "load_test"\nsettings = { environment = "stagng" }', "names 'stagng'", "'staging'"),
        ('kind = "load_test"\nsettings = { environment = "production" }', "'production', which is protected", "dev"),
        ('kind = "traffic"\nsettings = { percent = 33 }', "33 % is no step of the plan", "10, 50, 100"),
        ('kind = "bake"\nsettings = { percent = 33 }', "33 % is no step of the plan", "10, 50, 100"),
    ],
)  # fmt: skip
def test_what_the_settings_have_not_is_named_with_its_line_and_the_fix(
    tmp_path: Path, step: str, what: str, fix: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        fits(tmp_path, step)
    assert caught.value.what.startswith(f"{tmp_path / 'ours.toml'}:18: word: "), caught.value.what
    assert what in caught.value.what
    assert fix in caught.value.remedy


def test_a_runbook_with_the_plans_own_steps_and_environments_fits(tmp_path: Path) -> None:
    fits(tmp_path, 'kind = "traffic"\nsettings = { percent = 33 }', plan={"steps": [33, 100]})
    fits(tmp_path, 'kind = "http"\nsettings = { check = "healthz", environment = "staging" }')
    fits(tmp_path, 'kind = "http"\nsettings = { check = "healthz" }')


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
    assert "ours.toml:13: tests.settings." in error.what
    assert "looks like a secret, and secrets are kept out of a runbook" in error.what
    assert "phases" not in str(error)
    assert 'secrets = { WA_TOKEN = "app-secret" }' in error.remedy
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
