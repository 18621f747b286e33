"""A wrong value in a settings file or a runbook is told in the operator's own language."""

from __future__ import annotations

import gettext
import typing
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, field_validator
from pydantic_core import ErrorDetails, core_schema

from console import words, wrong_values
from console.errors import SettingsError
from console.runbook.load import load_runbook
from console.settings import load_settings
from console.wrong_values import half_sentence


class Colour(StrEnum):
    RED = "red"


class Inner(BaseModel):
    one: int = 1


class Everything(BaseModel):
    """A field of each form that settings and runbooks have."""

    model_config = ConfigDict(extra="forbid")

    yes: bool = True
    whole: Annotated[int, Field(ge=1, le=9)] = 1
    part: Annotated[float, Field(gt=0, lt=1)] = 0.5
    finite: FiniteFloat = 1.0
    text: Annotated[str, Field(pattern="^[a-z]+$", min_length=2, max_length=3)] = "ab"
    many: Annotated[tuple[int, ...], Field(min_length=1, max_length=2)] = (1,)
    some: frozenset[int] = frozenset()
    table: dict[str, int] = {}
    inner: Inner = Inner()
    word: Literal["a", "b"] = "a"
    colour: Colour = Colour.RED
    where: Path = Path()
    at: time = time(10)
    day: date = date(2026, 11, 25)
    moment: datetime = datetime(2026, 11, 25)
    wait: timedelta = timedelta(1)
    own: int = 1

    @field_validator("own")
    @classmethod
    def _own(cls, value: int) -> int:
        if value == 2:
            raise ValueError("dos no vale")
        return value


class Marked(gettext.NullTranslations):
    """A language in which every translated text is in guillemets."""

    def gettext(self, message: str) -> str:
        return f"«{message}»"


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_current", Marked())


def mistake(**values: object) -> ErrorDetails:
    with pytest.raises(ValidationError) as caught:
        Everything.model_validate(values)
    return caught.value.errors()[0]


WRONG: tuple[tuple[dict[str, object], str], ...] = (
    ({"yes": "perhaps"}, "must be true or false"),
    ({"yes": []}, "must be true or false"),
    ({"whole": "x"}, "must be a whole number"),
    ({"whole": 1.5}, "must be a whole number"),
    ({"whole": []}, "must be a whole number"),
    ({"whole": 0}, "must be at least 1"),
    ({"whole": 10}, "must be at most 9"),
    ({"part": "x"}, "must be a number"),
    ({"part": {}}, "must be a number"),
    ({"part": 0}, "must be over 0.0"),
    ({"part": 1}, "must be under 1.0"),
    ({"finite": float("inf")}, "must be a finite number"),
    ({"text": 3}, "must be a text in quotes"),
    ({"text": "AB"}, "must match ^[a-z]+$"),
    ({"text": "a"}, "must have at least 2 characters"),
    ({"text": "abcd"}, "must have at most 3 characters"),
    ({"many": 3}, "must be a list in brackets"),
    ({"many": []}, "must have at least 1 items"),
    ({"many": [1, 2, 3]}, "must have at most 2 items"),
    ({"some": 3}, "must be a list in brackets"),
    ({"table": 3}, "must be a table"),
    ({"inner": 3}, "must be a table"),
    ({"word": "c"}, "must be one of 'a', 'b'"),
    ({"colour": "blue"}, "must be one of 'red'"),
    ({"where": 3}, "must be a path in quotes"),
    ({"at": "x"}, "must be a time of day"),
    ({"at": []}, "must be a time of day"),
    ({"day": "x"}, "must be a date"),
    ({"day": []}, "must be a date"),
    ({"moment": "x"}, "must be a date and a time"),
    ({"wait": "x"}, "must be a duration with its unit"),
    ({"wait": []}, "must be a duration with its unit"),
)


@pytest.mark.usefixtures("marked")
@pytest.mark.parametrize(("values", "told"), WRONG, ids=lambda value: str(value)[:40])
def test_each_mistake_in_a_value_is_told_in_the_operators_language(values: dict[str, object], told: str) -> None:
    said = half_sentence(mistake(**values))
    assert said.startswith("«")
    assert said.strip("«»") == told


def test_a_mistake_that_a_rule_of_ours_found_keeps_its_words() -> None:
    assert half_sentence(mistake(own=2)) == "dos no vale"


def test_a_mistake_of_a_kind_that_is_not_known_keeps_pydantics_words() -> None:
    told: ErrorDetails = {"type": "new_kind", "loc": ("a",), "msg": "Input should be new", "input": 1}
    assert half_sentence(told) == "input should be new"


def test_a_context_that_pydantic_changes_costs_only_the_translation() -> None:
    told: ErrorDetails = {"type": "too_short", "loc": ("a",), "msg": "Too short", "input": 1, "ctx": {}}
    assert half_sentence(told) == "too short"


def test_every_kind_that_is_translated_is_one_of_pydantics() -> None:
    assert set(wrong_values._WORDS) - {"path_type"} <= set(typing.get_args(core_schema.ErrorType))


@pytest.mark.usefixtures("marked")
def test_a_runbook_whose_needs_are_no_list_says_so_in_the_operators_language(tmp_path: Path) -> None:
    file = tmp_path / "runbook.toml"
    file.write_text(
        'id = "own"\n[title]\nen = "Own"\n[[phases]]\nid = "one"\ntitle = {en = "x"}\nneeds = "s"\nsteps = []'
    )
    with pytest.raises(SettingsError) as caught:
        load_runbook(file)
    assert "«must be a list in brackets»" in str(caught.value)
    assert "nput should" not in str(caught.value)


@pytest.mark.usefixtures("marked")
def test_a_setting_that_is_no_number_says_so_in_the_operators_language(tmp_path: Path) -> None:
    file = tmp_path / "canario.toml"
    file.write_text('[plan]\nminimum_requests = "many"\n')
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, user_file=tmp_path / "none.toml")
    assert "plan.minimum_requests «must be a whole number» «(got 'many')»" in str(caught.value).replace("{value}", "")
