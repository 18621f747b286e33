"""Monitoring's filters: text in, a test of a time series' labels out.

A filter for time series names exactly one metric type. What the grammar (`metrics_filter.lark`) does not cover raises
`FilterError`; nothing is ignored. Rules: https://cloud.google.com/monitoring/api/v3/filters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lark import Lark, Token, Tree, UnexpectedInput, UnexpectedToken

Labels = Mapping[str, str]
"""What a series is known by: `metric.type`, `resource.type`, `metric.labels.X`, `resource.labels.X`, `project`."""
Test = Callable[[Labels], bool]

_GRAMMAR = (Path(__file__).parent / "metrics_filter.lark").read_text(encoding="utf-8")


class FilterError(ValueError):
    """A filter that is not in the language, or names no metric type, or several."""


@dataclass(frozen=True, slots=True)
class MetricFilter:
    """A filter, parsed."""

    metric_type: str
    """The one metric type it names."""
    matches: Test
    service: str | None = None
    """The one service whose series it can match, where it says so at its top level."""


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr")


@lru_cache(maxsize=256)
def parse(text: str) -> MetricFilter:
    """The filter that `text` says.

    Raises:
        FilterError: with line and column, or with what is missing.
    """
    if not text.strip():
        raise FilterError('Field filter had an invalid value of "": The filter must specify a metric type.')
    try:
        tree = _parser().parse(text)
        types: list[str] = []
        top = tree.children[0]
        assert isinstance(top, Tree)
        test = _test(top, types)
    except UnexpectedInput as error:
        what = "the end" if isinstance(error, UnexpectedToken) and error.token.type == "$END" else "here"
        raise FilterError(
            f'Field filter had an invalid value of "{text}": could not be parsed at line {error.line}, '
            f"column {error.column} ({what})."
        ) from error
    except RecursionError as error:
        raise FilterError("Field filter is nested too deeply.") from error
    if len(set(types)) != 1:
        raise FilterError(
            f'Field filter had an invalid value of "{text}": The filter must specify a single metric type '
            'with metric.type = "...".'
        )
    return MetricFilter(types[0], test, _service(top))


def canonical(selector: str) -> str:
    """A selector in the form that labels are kept under: `resource.label.x` and `resource.labels."x"` are the same."""
    head, _dot, key = selector.partition(".")
    if not key:
        return head
    for prefix in ("labels.", "label."):
        if key.startswith(prefix):
            return f"{head}.labels.{key.removeprefix(prefix).strip(chr(34))}"
    return selector


def _service(top: Tree[Token]) -> str | None:
    """The value that the filter's top-level terms demand of `resource.labels.service_name`."""
    for term in top.children:
        only = term.children[0] if isinstance(term, Tree) and len(term.children) == 1 else None
        if isinstance(only, Tree) and only.data == "comparison":
            selector, operator, value = only.children
            if canonical(str(selector)) == "resource.labels.service_name" and operator == "=":
                assert isinstance(value, Tree)
                return _text(str(value.children[0])) if value.data == "text" else None
    return None


def _test(tree: Tree[Token], types: list[str]) -> Test:
    children = tree.children
    if tree.data in ("conjunction", "disjunction"):
        parts = [_test(child, types) for child in children if isinstance(child, Tree)]
        if len(parts) == 1:
            return parts[0]
        join = all if tree.data == "conjunction" else any
        return lambda labels: join(part(labels) for part in parts)
    if tree.data == "negated":
        (child,) = children
        assert isinstance(child, Tree)
        inner = _test(child, types)
        return lambda labels: not inner(labels)
    assert tree.data == "comparison"
    selector, operator, value = children
    assert isinstance(value, Tree)
    return _comparison(canonical(str(selector)), str(operator), value, types)


def _comparison(selector: str, operator: str, value: Tree[Token], types: list[str]) -> Test:
    known = ("metric.type", "resource.type", "project")
    if selector not in known and not selector.startswith(("metric.labels.", "resource.labels.")):
        raise FilterError(f"Field filter: the selector '{selector}' is not supported.")
    if value.data == "call":
        name, *arguments = (str(child) for child in value.children)
        if operator not in ("=", "!="):
            raise FilterError(f"Field filter: {name}() needs the operator = or !=.")
        if selector == "metric.type":
            raise FilterError("Field filter: a time series filter must name its metric type in full.")
        test = _call(name, [_text(argument) for argument in arguments])
        wanted = operator == "="
        return lambda labels: selector in labels and test(labels[selector]) is wanted
    text = _text(str(value.children[0]))
    if selector == "metric.type":
        if operator != "=":
            raise FilterError("Field filter: a time series filter must name its metric type in full, with =.")
        types.append(text)
    if operator == "=":
        return lambda labels: labels.get(selector) == text
    if operator == "!=":
        return lambda labels: selector in labels and labels[selector] != text
    if operator == ":":
        return lambda labels: text in labels.get(selector, "")
    try:
        number = float(text)
    except ValueError as error:
        raise FilterError(f"Field filter: '{operator}' compares numbers, not \"{text}\".") from error
    order: dict[str, Callable[[float], bool]] = {
        ">": lambda value: value > number,
        ">=": lambda value: value >= number,
        "<": lambda value: value < number,
        "<=": lambda value: value <= number,
    }
    compare = order[operator]

    def numeric(labels: Labels) -> bool:
        try:
            return compare(float(labels.get(selector, "")))
        except ValueError:
            return False

    return numeric


def _call(name: str, arguments: list[str]) -> Callable[[str], bool]:
    if name != "one_of" and len(arguments) != 1:
        raise FilterError(f"Field filter: {name}() takes 1 argument, not {len(arguments)}.")
    first = arguments[0]
    if name == "one_of":
        return lambda value: value in arguments
    if name == "starts_with":
        return lambda value: value.startswith(first)
    if name == "ends_with":
        return lambda value: value.endswith(first)
    if name == "has_substring":
        return lambda value: first in value
    try:
        expression = re.compile(first)
    except re.error as error:
        raise FilterError(f"Field filter: invalid regular expression '{first}': {error}.") from error
    return lambda value: expression.fullmatch(value) is not None


def _text(token: str) -> str:
    if len(token) >= 2 and token[0] in "\"'" and token[-1] == token[0]:
        return re.sub(r"\\(.)", r"\1", token[1:-1])
    return token
