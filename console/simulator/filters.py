"""The Logging query language: text in, a predicate over raw log entries out.

`parse` gives a `Filter`, which can be asked three things: whether an entry matches, what it says of a whole group of
entries of which some fields are known (so that a reader need not make entries that cannot match), and between which
times a match can lie. What the grammar (`filter_grammar.lark`) does not cover raises `FilterError`; nothing is ever
ignored. Rules: https://cloud.google.com/logging/docs/view/logging-query-language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from console.simulator.filter_fields import MISSING, Entry, FieldError
from console.simulator.filter_terms import Leaf, Opaque, call, comparison, text_search

Predicate = Callable[[Entry], bool]
Facts = Mapping[tuple[str, ...], Iterable[Any]]
"""What is known of a group of entries: by canonical path, every value that the field can have in it. A one-member
path with the only value MISSING says that the whole subtree is absent."""

MAX_LENGTH = 20_000
"""Characters; the documented limit of a filter."""

_GRAMMAR = (Path(__file__).parent / "filter_grammar.lark").read_text(encoding="utf-8")
_RESERVED = ("AND", "OR", "NOT")


class FilterError(ValueError):
    """A filter that is not in the language, or not in the part of it that is understood here."""


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Not this."""

    part: Node


Node = And | Or | Not | Leaf | Opaque


class Filter:
    """A filter, parsed.

    Args:
        node: its tree; None for the empty filter, which all entries match.
    """

    def __init__(self, node: Node | None) -> None:
        self.node = node
        self.matches: Predicate = _always if node is None else _compile(node)
        """Whether an entry matches."""

    def given(self, facts: Facts) -> bool | Predicate:
        """What the filter says of entries of which `facts` holds: True, False, or what is left to ask of each."""
        if self.node is None:
            return True
        left = _given(self.node, facts)
        return left if isinstance(left, bool) else _compile(left)

    def given_id(self, facts: Facts) -> Callable[[str], bool] | None:
        """Where of such entries nothing but the insertId is left to ask, times aside: that question."""
        left = self.node if self.node is None else _given(self.node, facts)
        if isinstance(left, And):
            rest = [part for part in left.parts if not (isinstance(part, Leaf) and part.field.path == ("timestamp",))]
            left = rest[0] if len(rest) == 1 else left
        return left.of_id if isinstance(left, Opaque) else None

    def bounds(self) -> tuple[int | None, int | None]:
        """(earliest, latest) nanoseconds since 1970 that a match's timestamp can have; None where open."""
        low: int | None = None
        high: int | None = None
        parts = self.node.parts if isinstance(self.node, And) else (self.node,)
        for part in parts:
            if not isinstance(part, Leaf) or part.field.path != ("timestamp",) or not isinstance(part.literal, int):
                continue
            if part.operator in (">", ">=", "="):
                low = part.literal if low is None else max(low, part.literal)
            if part.operator in ("<", "<=", "="):
                high = part.literal if high is None else min(high, part.literal)
        return low, high


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", maybe_placeholders=True)


@lru_cache(maxsize=256)
def parse(text: str) -> Filter:
    """The filter that `text` says.

    Raises:
        FilterError: with line and column where it cannot be parsed, or with what it names that no entry can have.
    """
    if len(text) > MAX_LENGTH:
        raise FilterError(f"Unparseable filter: {len(text):,} characters, the limit is {MAX_LENGTH:,}")
    try:
        tree = _parser().parse(text)
        top = tree.children[0]
        return Filter(None if top is None else _node(_tree(top)))
    except UnexpectedInput as error:
        raise FilterError(_syntax_error(text, error)) from error
    except FieldError as error:
        raise FilterError(f"Unparseable filter: {error}") from error
    except RecursionError as error:
        raise FilterError("Unparseable filter: nested too deeply") from error


def _syntax_error(text: str, error: UnexpectedInput) -> str:
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        what = f"token {str(error.token)!r}"
    elif isinstance(error, UnexpectedCharacters):
        what = f"character {error.char!r}"
    elif isinstance(error, UnexpectedToken | UnexpectedEOF):
        lines = text.split("\n")
        return f"Unparseable filter: syntax error at line {len(lines)}, column {len(lines[-1]) + 1}, end of filter"
    else:
        what = "here"
    return f"Unparseable filter: syntax error at line {error.line}, column {error.column}, {what}"


# ------------------------------------------------------------ from tree to nodes


def _tree(value: object) -> Tree[Token]:
    assert isinstance(value, Tree)
    return value


def _node(tree: Tree[Token]) -> Node:
    kind = tree.data
    children = tree.children
    if kind in ("conjunction", "disjunction"):
        parts = tuple(_node(_tree(child)) for child in children)
        return parts[0] if len(parts) == 1 else _join(And if kind == "conjunction" else Or, parts)
    if kind == "negated":
        return Not(_node(_tree(children[-1])))
    if kind == "text":
        return text_search(_unreserved(children[0]))
    if kind == "comparison":
        path, operator, value = children
        return _values(_unreserved(path), str(operator), _tree(value))
    assert kind == "call"
    name, *arguments = children
    given = [_tree(argument).children[0] for argument in arguments if argument is not None]
    return call(str(name), [_unreserved(argument) for argument in given])


def _values(path: Token, operator: str, value: Tree[Token]) -> Node:
    if value.data == "literal":
        return comparison(path, operator, _unreserved(value.children[0]))
    parts = tuple(_values(path, operator, _tree(child)) for child in value.children)
    if value.data == "value_negated":
        return Not(parts[0])
    return parts[0] if len(parts) == 1 else _join(And if value.data == "value_conjunction" else Or, parts)


def _join(kind: type[And] | type[Or], parts: tuple[Node, ...]) -> Node:
    flat: list[Node] = []
    for part in parts:
        if isinstance(part, kind):
            flat.extend(part.parts)
        else:
            flat.append(part)
    return kind(tuple(flat))


def _unreserved(token: object) -> Token:
    assert isinstance(token, Token)
    if token.value in _RESERVED:
        raise FieldError(f"syntax error at line {token.line}, column {token.column}, token {token.value!r}")
    return token


# ------------------------------------------------------------ from nodes to predicates


def _always(_entry: Entry) -> bool:
    return True


def _compile(node: Node) -> Predicate:
    if isinstance(node, Leaf):
        get, test = node.field.get, node.test
        return lambda entry: test(get(entry))
    if isinstance(node, Opaque):
        return node.test
    if isinstance(node, Not):
        inner = _compile(node.part)
        return lambda entry: not inner(entry)
    parts = [_compile(part) for part in node.parts]
    if len(parts) == 2:
        first, second = parts
        if isinstance(node, And):
            return lambda entry: first(entry) and second(entry)
        return lambda entry: first(entry) or second(entry)
    if isinstance(node, And):
        return lambda entry: all(part(entry) for part in parts)
    return lambda entry: any(part(entry) for part in parts)


def _given(node: Node, facts: Facts) -> bool | Node:
    if isinstance(node, Opaque):
        return node
    if isinstance(node, Leaf):
        path = node.field.path
        values = facts.get(path)
        if values is None and tuple(facts.get(path[:1], ())) == (MISSING,):
            values = (MISSING,)
        if values is None:
            return node
        answers = {node.test(value) for value in values}
        return answers.pop() if len(answers) == 1 else node
    if isinstance(node, Not):
        inner = _given(node.part, facts)
        return not inner if isinstance(inner, bool) else Not(inner)
    settles = isinstance(node, Or)
    left: list[Node] = []
    for part in node.parts:
        answer = _given(part, facts)
        if isinstance(answer, bool):
            if answer is settles:
                return settles
        else:
            left.append(answer)
    if not left:
        return not settles
    if len(left) == 1:
        return left[0]
    return Or(tuple(left)) if settles else And(tuple(left))
