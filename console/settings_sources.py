"""Where settings come from: layers of plain values, each able to say where a key stands.

Team file, user file, `CANARIO_*` variables, options: later layers win, key by key. This module reads and merges; it
knows no key's meaning (that is `console.settings`).
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from console.errors import SettingsError
from console.text import clean
from console.words import _

if TYPE_CHECKING:
    from pydantic import BaseModel

FILE_NAME = "canario.toml"
"""Name of a settings file, the team's and the user's."""

RUNBOOK_FILES: Mapping[Literal["despliegue", "rollback"], str] = {
    "despliegue": "canario-runbook.toml",
    "rollback": "canario-rollback.toml",
}
"""What a team's own runbooks are called beside its `canario.toml`."""

PREFIX = "CANARIO_"
"""What a variable that sets a key begins with; tables are parted by two underscores, e.g. CANARIO_PLAN__BAKE."""

KeyPath = tuple[str | int, ...]

_HEADER = re.compile(r"\s*\[{1,2}\s*(?P<path>[^\[\]]+?)\s*\]{1,2}\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(r"""\s*(?P<path>(?:"[^"]*"|'[^']*'|[\w\-.\s])+?)\s*=""")
_PART = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^.\s"']+))\s*(?:\.|$)""")
_STRINGS = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'""")
_AT_LINE = re.compile(r"\s*\(at (?:line (?P<line>\d+), column \d+|end of document)\)")


@dataclass(frozen=True)
class Layer:
    """One source of settings."""

    values: Mapping[str, object]
    source: str
    """A file's path, or what else to call it."""
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    """Line of each key and table, from 1; files only."""
    names: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    """What the operator typed for a key: a variable's or an option's name."""

    def has(self, path: KeyPath) -> bool:
        """Whether this layer sets the key at `path`, or something inside it."""
        value: object = self.values
        for part in path:
            if isinstance(value, Mapping) and part in value:
                value = value[part]
            elif isinstance(value, Sequence) and not isinstance(value, str) and isinstance(part, int):
                if part >= len(value):
                    return False
                value = value[part]
            else:
                return False
        return True

    def where(self, path: KeyPath) -> str:
        """Where `path` is set, for an error: `FILE:LINE`, a variable, an option."""
        key = tuple(str(part) for part in path)
        for length in range(len(key), 0, -1):
            if name := self.names.get(key[:length]):
                return name
            if line := self.lines.get(key[:length]):
                return f"{self.source}:{line}"
        return self.source


def merge(layers: Sequence[Layer]) -> dict[str, object]:
    """The layers' values as one, later layers winning key by key, to any depth."""
    merged: dict[str, object] = {}
    for layer in layers:
        merged = merge_tables(merged, layer.values)
    return merged


def merge_tables(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """`over` laid on `base`; tables are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = merge_tables(below, value) if both else value  # type: ignore[arg-type]
    return merged


def where(layers: Sequence[Layer], path: KeyPath) -> str:
    """Where the key at `path`, or the nearest table around it, was set last."""
    for length in range(len(path), 0, -1):
        for layer in reversed(layers):
            if layer.has(path[:length]):
                return layer.where(path[:length])
    return layers[0].source


def find_team_file(start: Path) -> Path | None:
    """The nearest `canario.toml` from `start` upward, no further than the root of the git repository.

    Outside a repository only `start` itself is looked at, so that a stranger's file in `/tmp` or `/` counts for
    nothing.
    """
    inside = next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start)
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
        if folder == inside:
            return None
    return None


def read_file(path: Path) -> Layer:
    """A settings file as a layer.

    Raises:
        SettingsError: it cannot be read, is no UTF-8, no TOML, or nested too deeply.
    """
    shown = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(
            _("{file} is not UTF-8 text (byte {position}).").format(file=shown, position=error.start),
            remedy=_("Save it as UTF-8."),
        ) from error
    except OSError as error:
        raise SettingsError(
            _("{file} cannot be read: {problem}.").format(file=shown, problem=error.strerror or error),
            remedy=_("Make it readable, or move it away."),
        ) from error
    try:
        values = tomllib.loads(text)
    except RecursionError as error:
        raise SettingsError(
            _("{file} nests its arrays or tables too deeply to be read.").format(file=shown),
            remedy=_("Flatten it; no key of canario needs more than three levels."),
        ) from error
    except tomllib.TOMLDecodeError as error:
        problem = str(error)
        found = _AT_LINE.search(problem)
        line = found.group("line") if found and found.group("line") else str(text.count("\n") + 1)
        raise SettingsError(
            _("{file}:{line} is not TOML: {problem}.").format(
                file=shown, line=line, problem=clean(_AT_LINE.sub("", problem), 200)
            ),
            remedy=_("Correct that line; `canario init` in an empty folder writes a file to compare with."),
        ) from error
    return Layer(values, shown, lines=key_lines(text))


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Line number, from 1, of each table header and each key of a TOML text.

    A light scan: `tomllib` keeps no positions. Keys of inline tables count for the line that the table starts on; of an
    array of tables each table's number, from 0, is a part of its keys: `("phases", "0", "id")`.
    """
    lines: dict[tuple[str, ...], int] = {}
    numbers: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    until, open_brackets = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if until:
            if until in line:
                until = ""
            continue
        if open_brackets:
            open_brackets += _brackets(line)
            continue
        if header := _HEADER.match(line):
            table = _numbered(_parts(header["path"]), numbers, new=line.lstrip().startswith("[["))
            for length in range(1, len(table) + 1):
                lines.setdefault(table[:length], number)
            continue
        if assignment := _ASSIGNMENT.match(line):
            key = table + _parts(assignment["path"])
            for length in range(len(table) + 1, len(key) + 1):
                lines.setdefault(key[:length], number)
            rest = line[assignment.end() :]
            until = next((q for q in ('"""', "'''") if rest.count(q) == 1), "")
            open_brackets = 0 if until else max(0, _brackets(rest))
    return lines


def _numbered(path: tuple[str, ...], numbers: dict[tuple[str, ...], int], *, new: bool) -> tuple[str, ...]:
    """A header's path with the number of the table that it is in after each array's name; counts a new one."""
    if new:
        for inner in [name for name in numbers if name[: len(path)] == path and len(name) > len(path)]:
            del numbers[inner]
        numbers[path] = numbers.get(path, -1) + 1
    whole: tuple[str, ...] = ()
    for length in range(1, len(path) + 1):
        whole += (path[length - 1],)
        if path[:length] in numbers:
            whole += (str(numbers[path[:length]]),)
    return whole


def _brackets(line: str) -> int:
    """Square brackets that the line leaves open; strings and comments do not count."""
    bare = _STRINGS.sub("", line).partition("#")[0]
    return bare.count("[") - bare.count("]")


def read_variables(model: type[BaseModel], *, ignored: frozenset[str]) -> Layer:
    """The process's `CANARIO_*` variables as a layer, taken apart by pydantic-settings. Values stay text.

    Args:
        model: what the settings are; its fields are the known top-level keys.
        ignored: variables that are no settings (secrets).

    Raises:
        SettingsError: a variable sets no known key, or two of them contradict each other.
    """
    names: dict[tuple[str, ...], str] = {}
    for variable in sorted(os.environ):
        if not variable.startswith(PREFIX) or variable in ignored:
            continue
        path = tuple(part.lower() for part in variable.removeprefix(PREFIX).split("__"))
        if path[0] not in model.model_fields or not all(path):
            raise SettingsError(
                _("The variable {variable} sets nothing: there is no key {key!r}.").format(
                    variable=variable, key=".".join(path)
                ),
                remedy=_("Unset it, or name one of: {known}; parts of a table follow two underscores.").format(
                    known=", ".join(f"{PREFIX}{name.upper()}" for name in model.model_fields)
                ),
            )
        above = next((names[path[:depth]] for depth in range(1, len(path)) if path[:depth] in names), "")
        if above:
            raise SettingsError(
                _("The variables {first} and {second} contradict each other.").format(first=above, second=variable),
                remedy=_("Keep one of them."),
            )
        names[path] = variable
    return Layer(_exploded(model) if names else {}, _("the CANARIO_ variables"), names=names)


def _exploded(model: type[BaseModel]) -> Mapping[str, object]:
    """The variables nested like the file's tables. pydantic-settings takes its time to import, so only where needed."""
    from pydantic import create_model
    from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

    class Base(BaseSettings):
        model_config = SettingsConfigDict(
            env_prefix=PREFIX, env_nested_delimiter="__", enable_decoding=False, arbitrary_types_allowed=True
        )

    fields: dict[str, Any] = {name: (field.annotation, field) for name, field in model.model_fields.items()}
    return EnvSettingsSource(create_model("Variables", __base__=Base, **fields))()


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(double or single or bare for double, single, bare in _PART.findall(dotted))
