"""Settings errors in words: where, which key, what is wrong, and the fix."""

from __future__ import annotations

import difflib
import json
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
    first, others = found[0], len(found) - 1
    what, remedy = _words_of(first, model)
    path = _path_of(first)
    more = ngettext("{count} more key is wrong.", "{count} more keys are wrong.", others).format(count=others)
    return SettingsError(
        f"{where(layers, (*within, *path))}: {what}",
        traffic=more if others else "",
        remedy=remedy or _("`canario init` in an empty folder writes every key with its default."),
    )


def no_secrets(layer: Layer, looks_secret: Callable[[str, object], bool]) -> None:
    """Refuse a layer that holds what looks like a secret; its value is never shown.

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
                _("{where}: {key} looks like a secret, and secrets are kept out of settings.").format(
                    where=layer.where(path), key=".".join(str(part) for part in path)
                ),
                remedy=_(
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
            _("Add it, like {example}.").format(example=_example(path, model)),
        )
    inner = detail.get("ctx", {}).get("error")
    got = _("(got {value})").format(value=_shown(detail["input"]))
    if isinstance(inner, Problem):
        if inner.what.endswith("."):
            return f"{key}: {inner.what}" if key else inner.what, inner.remedy or _like(path, model)
        if isinstance(detail["input"], Mapping | BaseModel):
            return f"{key}: {inner.what}." if key else f"{inner.what}.", inner.remedy
        return f"{key} {inner.what} {got}.", inner.remedy or _like(path, model)
    message = half_sentence(detail)
    return f"{key} {message} {got}." if key else f"{message} {got}.", _like(path, model)


def _like(path: KeyPath, model: type[BaseModel]) -> str:
    example = _example(path, model)
    return _("Write it like {example}.").format(example=example) if example else ""


def _example(path: KeyPath, model: type[BaseModel]) -> str:
    """`key = value` with the key's default, as TOML; empty where it has none to show."""
    names = [part for part in path if isinstance(part, str)]
    field = _field_at(tuple(names), model)
    if field is None:
        return ""
    if field.is_required():
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
        current = next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)
        if current is not None and typing.get_origin(field.annotation) is dict and rest:
            rest.pop(0)
    return current


def _shown(value: object) -> str:
    return clean(repr(value), 60)
