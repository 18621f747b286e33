"""Settings errors in words: where, which key, what is wrong, and the fix."""

from __future__ import annotations

import difflib
import json
import re
import typing
from collections.abc import Callable, Mapping, Sequence

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from console.errors import SettingsError
from console.settings_sources import KeyPath, Layer, where
from console.settings_types import Problem
from console.text import clean
from console.words import _, ngettext
from console.wrong_values import half_sentence

MOST_TOLD = 20
"""Mistakes that are told besides the first."""

LONGEST_SHOWN = 200
"""Characters of what was written that a fix repeats."""

_NO_TABLE = ("model_type", "dict_type", "model_attributes_type")
"""What pydantic calls a value where a table should be."""

_BRANCHES = ("str", "int", "bool", "float")
"""What pydantic adds to the place of a value that may be one of several types."""


def describe(
    error: ValidationError, model: type[BaseModel], layers: Sequence[Layer], *, within: KeyPath = ()
) -> SettingsError:
    """The first thing that `error` found wrong, as an operator can act on it; how many more there are is added.

    Args:
        error: what pydantic found.
        model: of what.
        layers: where its values come from.
        within: the table of the layers that `model` was made of; its errors are located relative to it.
    """
    found = error.errors(include_url=False)
    first, others = _described(found[0], model, layers, within), len(found) - 1
    more = ngettext("{count} more key is wrong.", "{count} more keys are wrong.", others).format(count=others)
    return SettingsError(first.what, traffic=more if others else "", remedy=first.remedy)


def describe_all(
    error: ValidationError, model: type[BaseModel], layers: Sequence[Layer], *, within: KeyPath = ()
) -> tuple[SettingsError, ...]:
    """Everything that `error` found wrong, each with its place and its fix; takes what `describe` takes."""
    told: dict[KeyPath, SettingsError] = {}
    for detail in error.errors(include_url=False):
        path = _path_of(detail)
        own = path[:-1] if path and path[-1] in _BRANCHES else path  # one of several types is told once
        told.setdefault(own, _described(detail, model, layers, within))
    return tuple(told.values())


def together(found: Sequence[SettingsError]) -> SettingsError:
    """Several mistakes as one error: the first, and each other with its own place and fix in a line beneath."""
    first, *others = found
    shown = [f"{one.what} {one.remedy}".rstrip() for one in others[:MOST_TOLD]]
    if rest := len(others) - len(shown):
        shown.append(ngettext("{count} more key is wrong.", "{count} more keys are wrong.", rest).format(count=rest))
    return SettingsError(first.what, traffic=first.traffic, remedy="\n".join((first.remedy, *shown)))


def _described(detail: ErrorDetails, model: type[BaseModel], layers: Sequence[Layer], within: KeyPath) -> SettingsError:
    what, remedy = _words_of(detail, model)
    return SettingsError(
        f"{where(layers, (*within, *_path_of(detail)))}: {what}",
        remedy=remedy or _("`canario init` in an empty folder writes every key with its default."),
    )


def no_secrets(layer: Layer, looks_secret: Callable[[str, object], bool], *, what: str = "", remedy: str = "") -> None:
    """Refuse a layer that holds what looks like a secret; its value is never shown.

    Args:
        layer: of what was written.
        looks_secret: asked of each key and value.
        what: the sentence, with `{where}` and `{key}` to fill in; empty: the settings' one.
        remedy: the fix; empty: the settings' one.

    Raises:
        SettingsError: it does.
    """

    def walk(value: object, path: KeyPath, key: str) -> None:
        if isinstance(value, Mapping):
            for name, inner in value.items():
                walk(inner, (*path, name), name)
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                walk(inner, (*path, number), key)
        elif looks_secret(key, value):
            raise SettingsError(
                (what or _("{where}: {key} looks like a secret, and secrets are kept out of settings.")).format(
                    where=layer.where(path), key=".".join(str(part) for part in path)
                ),
                remedy=remedy
                or _(
                    "Take it out (and replace it at its issuer if the file was shared); keep it in the keyring "
                    "with `keyring set canario slack-webhook`, or in CANARIO_SLACK_WEBHOOK or CANARIO_GITHUB_TOKEN."
                ),
            )

    walk(layer.values, (), "")


def _words_of(detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    path = _path_of(detail)
    key = ".".join(str(part) for part in path)
    kind = detail["type"]
    if kind == "extra_forbidden":
        table = ".".join(str(part) for part in path[:-1])
        known = list(_fields_at(path[:-1], model))
        close = difflib.get_close_matches(str(path[-1]), known, n=1)
        what = (
            _("there is no key {key!r} in [{table}].").format(key=str(path[-1]), table=table)
            if table
            else _("there is no key {key!r}.").format(key=str(path[-1]))
        )
        if close:
            return what, _("Did you mean {key!r}?").format(key=close[0])
        return what, _("Known keys: {keys}.").format(keys=", ".join(known))
    if kind == "missing":
        table = ".".join(map(str, path[:-1]))
        return (
            _("{table} has no {key!r}.").format(table=table, key=str(path[-1]))
            if table
            else _("there is no {key!r}.").format(key=str(path[-1])),
            _("Add it, like {example}.").format(example=example_of(path, model)),
        )
    inner = detail.get("ctx", {}).get("error")
    got = _("(got {value})").format(value=_shown(detail["input"]))
    if isinstance(inner, Problem):
        if inner.what.endswith("."):
            return f"{key}: {inner.what}" if key else inner.what, inner.remedy or _like(path, model)
        if isinstance(detail["input"], Mapping | BaseModel):
            return f"{key}: {inner.what}." if key else f"{inner.what}.", inner.remedy
        return f"{key} {inner.what} {got}.", inner.remedy or _like(path, model)
    message, meant = half_sentence(detail), _as_meant(detail, path, model) or _like(path, model)
    return f"{key} {message} {got}." if key else f"{message} {got}.", meant


def _as_meant(detail: ErrorDetails, path: KeyPath, model: type[BaseModel]) -> str:
    """The fix that keeps what the operator wrote: the nearest of the words that may stand there, or its right form."""
    kind, got = detail["type"], detail["input"]
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))
        close = difflib.get_close_matches(str(got), known, n=1)
        if close:
            return _("Did you mean {key!r}?").format(key=close[0])
        return _("Known are: {names}.").format(names=", ".join(known))
    if not isinstance(got, str) or not path or not got.isprintable() or len(got) > LONGEST_SHOWN:
        return ""
    written: object = None
    if kind in ("tuple_type", "list_type"):
        written = [got]
    elif kind in _NO_TABLE:
        table = _model_at(tuple(part for part in path if isinstance(part, str)), model)
        needed = [name for name, field in table.model_fields.items() if field.is_required()] if table else []
        written = {needed[0]: got} if len(needed) == 1 else None
    return _("Write it like {example}.").format(example=f"{path[-1]} = {_toml(written)}") if written else ""


def _like(path: KeyPath, model: type[BaseModel]) -> str:
    example = example_of(path, model)
    return _("Write it like {example}.").format(example=example) if example else ""


def example_of(path: KeyPath, model: type[BaseModel]) -> str:
    """`key = value` with the key's default, as TOML; empty where it has none to show."""
    names = [part for part in path if isinstance(part, str)]
    field = _field_at(tuple(names), model)
    if field is None:
        return ""
    choices = typing.get_args(field.annotation) if typing.get_origin(field.annotation) is typing.Literal else ()
    if tables := [one for one in typing.get_args(field.annotation) if _is_model(one)]:
        if typing.get_origin(field.annotation) is tuple:
            return f"[[{'.'.join(names)}]]"
        if not field.examples and len(tables) == 1:
            return ""
    if field.examples:
        return f"{names[-1]} = {_toml(field.examples[0])}"
    if field.is_required():
        if choices:
            return f"{names[-1]} = {_toml(choices[0])}"
        return f'{names[-1]} = "wa-backend"' if names[-1] == "service" else f'{names[-1]} = "..."'
    owner = _model_at(tuple(names[:-1]), model)
    if owner is None:
        return ""
    bare = owner.model_construct(**{names[-1]: field.get_default(call_default_factory=True, validated_data={})})
    shown = bare.model_dump(mode="json", include={names[-1]}, warnings=False).get(names[-1])
    if shown is None or isinstance(shown, dict):
        return ""
    return f"{names[-1]} = {json.dumps(shown)}"


def _path_of(detail: ErrorDetails) -> KeyPath:
    """The key that an error is about: pydantic's location without the parts that are no keys."""
    path = tuple(part for part in detail["loc"] if part != "[key]")
    inner = detail.get("ctx", {}).get("error")
    return (*path, inner.key) if isinstance(inner, Problem) and inner.key else path


def _field_at(path: tuple[str, ...], model: type[BaseModel]) -> FieldInfo | None:
    owner = _model_at(path[:-1], model)
    return owner.model_fields.get(path[-1]) if owner is not None and path else None


def _fields_at(path: KeyPath, model: type[BaseModel]) -> tuple[str, ...]:
    owner = _model_at(tuple(part for part in path if isinstance(part, str)), model)
    hidden = {"name"}
    return tuple(name for name in owner.model_fields if name not in hidden) if owner is not None else ()


def _model_at(path: tuple[str, ...], model: type[BaseModel]) -> type[BaseModel] | None:
    """The model that describes the table at `path`."""
    current: type[BaseModel] | None = model
    rest = list(path)
    while rest and current is not None:
        field = current.model_fields.get(rest.pop(0))
        if field is None:
            return None
        options = [field.annotation, *typing.get_args(field.annotation)]
        current = next((o for o in options if _is_model(o)), None)
        if current is not None and typing.get_origin(field.annotation) is dict and rest:
            rest.pop(0)
    return current


def _is_model(option: object) -> typing.TypeGuard[type[BaseModel]]:
    return isinstance(option, type) and issubclass(option, BaseModel)


def _toml(value: object) -> str:
    """A plain value as TOML writes it on one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(inner) for inner in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _shown(value: object) -> str:
    return clean(repr(value), 60)
