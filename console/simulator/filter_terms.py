"""The terms of the Logging query language: comparisons, text searches and functions, each as a test of one value.

String comparisons ignore case, `=~` and `!~` do not; numbers, times, durations and severities compare by value;
`:` looks for a part of a string, and `:*` for a field that is there. A field that an entry misses fails every
comparison, `!=` included; one that LogEntry defines has its default value instead
(https://cloud.google.com/logging/docs/view/logging-query-language).
"""

from __future__ import annotations

import operator as operators
import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import quote, unquote
from zlib import crc32

from lark import Token

from console.simulator.filter_fields import (
    MISSING,
    SEVERITIES,
    Entry,
    Field,
    FieldError,
    duration_ns,
    leaves,
    nanoseconds,
    resolve,
    texts,
)

Test = Callable[[Any], bool]

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operators.eq,
    ":": operators.eq,
    "!=": operators.ne,
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
}
_MEMBER = re.compile(r'"((?:\\.|[^"\\])*)"|([^."]+)')
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[0-7]{3}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_TOKENS = re.compile(r"[^\W_]+", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A test of one field."""

    field: Field
    operator: str
    literal: object
    """What it is compared with, converted to the field's kind."""
    test: Test
    """Of the field's value."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """A test of the whole entry."""

    test: Callable[[Entry], bool]
    of_id: Callable[[str], bool] | None = None
    """Where the insertId alone decides: the same asked of it, before there is an entry."""


def unquoted(token: str) -> str:
    """The text of a literal, quotes and escapes undone."""
    if len(token) < 2 or token[0] not in "\"'" or token[-1] != token[0]:
        return token
    return _ESCAPE.sub(_unescape, token[1:-1])


def _unescape(match: re.Match[str]) -> str:
    code = match.group(1)
    if code[0] in "xu" and len(code) > 1:
        return chr(int(code[1:], 16))
    if len(code) == 3 and code.isdigit():
        return chr(int(code, 8))
    return _ESCAPED.get(code, code)


def _regex_text(token: str) -> str:
    """A regular expression's text: in quotes only the quote itself is escaped, the rest is the expression's."""
    if len(token) < 2 or token[0] not in "\"'":
        return token
    body = token[1:-1].replace("\\" + token[0], token[0])
    return body.replace("\\\\", "\\")


def _path(token: str) -> tuple[str, ...]:
    members: list[str] = []
    rest = token
    while rest:
        match = _MEMBER.match(rest)
        if not match:
            raise FieldError(f"'{token}' is not a field path")
        members.append(unquoted(f'"{match.group(1)}"') if match.group(1) is not None else match.group(2))
        rest = rest[match.end() :]
        if rest:
            if rest[0] != "." or len(rest) == 1:
                raise FieldError(f"'{token}' is not a field path")
            rest = rest[1:]
    return tuple(members)


def comparison(path: Token, operator: str, value: Token) -> Leaf:
    """The test that `path operator value` says.

    Raises:
        FieldError: no entry has that field, or it cannot take that value or that operator.
    """
    field = resolve(_path(str(path)))
    literal = unquoted(str(value))
    if operator == ":" and str(value) == "*":
        return Leaf(_presence(field), operator, "*", bool)
    if operator in ("=~", "!~"):
        return _regex(field, operator, _regex_text(str(value)))
    if field.kind == "message":
        raise FieldError(f"'{path}' is a message: name one of its fields, or test {path}:*")
    if field.kind == "json":
        return Leaf(field, operator, literal, _json_test(operator, literal, quoted=str(value)[0] in "\"'"))
    if field.kind == "string":
        return Leaf(field, operator, literal, _string_test(operator, literal))
    wanted = _converted(field, literal)
    compare = _ORDER[operator]
    return Leaf(field, operator, wanted, lambda value: value is not MISSING and compare(value, wanted))


def _presence(field: Field) -> Field:
    # a path of its own: whether a field is there is not known from the values it can have
    return Field((*field.path, "*"), "boolean", field.present, field.present)


def _converted(field: Field, literal: str) -> Any:
    name = ".".join(field.path)
    if field.kind == "time":
        return nanoseconds(literal)
    if field.kind == "duration":
        return duration_ns(literal)
    if field.kind == "severity":
        known = SEVERITIES.get(literal.upper())
        if known is None and not literal.isdigit():
            raise FieldError(f"'{literal}' is not a severity")
        return known if known is not None else int(literal)
    if field.kind == "boolean":
        if literal.lower() not in ("true", "false"):
            raise FieldError(f"'{name}' is true or false, not '{literal}'")
        return literal.lower() == "true"
    try:
        return float(literal)
    except ValueError as error:
        raise FieldError(f"'{name}' is a number, not '{literal}'") from error


def _string_test(operator: str, literal: str) -> Test:
    wanted = literal.casefold()
    if operator == ":":
        return lambda value: value is not MISSING and wanted in value.casefold()
    if operator == "=":
        # exact equality is the common case and the cheap one
        return lambda value: value is not MISSING and (value == literal or value.casefold() == wanted)
    compare = _ORDER[operator]
    return lambda value: value is not MISSING and compare(value.casefold(), wanted)


def _json_test(operator: str, literal: str, *, quoted: bool) -> Test:
    """A comparison typed by the value it meets: a number with a number, a string with a string."""
    as_string = _string_test(operator, literal)
    compare = _ORDER[operator]
    try:
        number: float | None = float(literal)
    except ValueError:
        number = None

    def test(value: Any) -> bool:
        if value is MISSING:
            return False
        if isinstance(value, dict | list):
            if operator == "!=":
                return isinstance(value, list) and any(test(item) for item in value)
            if isinstance(value, dict) and operator != ":":
                return False
            return any(test(leaf) for leaf in leaves(value))
        if value is None:
            is_null = literal in ("NULL_VALUE", "null")
            return is_null if operator in ("=", ":") else operator == "!=" and not is_null
        if isinstance(value, bool):
            equal = literal.casefold() == str(value).casefold()
            return equal if operator in ("=", ":") else operator == "!=" and not equal
        if isinstance(value, int | float):
            if number is None:
                return operator == "!="
            return compare(value, number)
        return as_string(str(value))

    return test


def _regex(field: Field, operator: str, pattern: str) -> Leaf:
    if field.kind not in ("string", "json"):
        raise FieldError(f"'{'.'.join(field.path)}' is no string: {operator} needs one")
    try:
        search = re.compile(pattern).search
    except (re.error, RecursionError, OverflowError) as error:
        raise FieldError(f"invalid regular expression '{pattern}': {error}") from error
    wanted = operator == "=~"

    def test(value: Any) -> bool:
        if value is MISSING:
            return False
        if isinstance(value, str):
            return (search(value) is not None) is wanted
        if isinstance(value, dict | list):
            return any(isinstance(leaf, str) and search(leaf) is not None for leaf in leaves(value)) is wanted
        return False

    return Leaf(field, operator, pattern, test)


def text_search(token: Token) -> Opaque:
    """A search that names no field: some field has that text in it, whatever the case."""
    wanted = unquoted(str(token)).casefold()
    return Opaque(lambda entry: any(wanted in text.casefold() for text in texts(entry)))


# ------------------------------------------------------------ functions


def call(name: str, arguments: list[Token]) -> Leaf | Opaque:
    """What a function call tests.

    Raises:
        FieldError: an unknown function, or wrong arguments.
    """
    functions: dict[str, tuple[int, Callable[..., Leaf | Opaque]]] = {
        "sample": (2, _sample),
        "ip_in_net": (2, _ip_in_net),
        "log_id": (1, _log_id),
    }
    if name.upper() == "SEARCH":
        return _search(arguments)
    if name not in functions:
        raise FieldError(f"unknown function {name}()")
    count, make = functions[name]
    if len(arguments) != count:
        raise FieldError(f"{name}() takes {count} argument{'s' if count > 1 else ''}, not {len(arguments)}")
    return make(*arguments)


def _string_field(token: str) -> Field:
    field = resolve(_path(token))
    if field.kind not in ("string", "json"):
        raise FieldError(f"'{token}' is no string")
    return field


def _sample(path: Token, fraction: Token) -> Opaque:
    get = _string_field(str(path)).get
    try:
        share = float(unquoted(str(fraction)))
    except ValueError as error:
        raise FieldError(f"sample() takes a fraction from 0 to 1, not '{fraction}'") from error
    if not 0.0 <= share <= 1.0:
        raise FieldError(f"sample() takes a fraction from 0 to 1, not '{fraction}'")
    limit = int(share * 0x1_0000_0000)

    def test(entry: Entry) -> bool:
        value = get(entry)
        return value is not MISSING and sample_hash(str(value)) < limit

    return Opaque(test, SampledIds(limit) if str(path) == "insertId" else None)


class SampledIds:
    """Whether an insertId is in the sample.

    Args:
        limit: of `sample_hash`, exclusive.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def __call__(self, insert_id: str) -> bool:
        """Whether `insert_id` is."""
        return sample_hash(insert_id) < self._limit

    def any_of(self, prefix: str, count: int) -> bool:
        """Whether one of `prefix` with 0, 1, ... `count` - 1 behind it, in hexadecimal, is.

        The same hash, in one loop: a day's log that is thinned to little is nothing else.
        """
        limit, begun = self._limit, crc32(prefix.encode())
        for number in _HEX[:count] if count <= len(_HEX) else (b"%x" % n for n in range(count)):
            value = crc32(number, begun)
            value = ((value ^ (value >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
            value = ((value ^ (value >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
            if (value ^ (value >> 16)) < limit:
                return True
        return False


_HEX = tuple(b"%x" % number for number in range(256))


def sample_hash(text: str) -> int:
    """32 bits that depend on `text` alone and are spread evenly; what sample() compares."""
    value = crc32(text.encode())
    # crc32 is linear, so neighbours differ in a pattern: mix it (the finaliser of MurmurHash3, a bijection)
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return value ^ (value >> 16)


def _ip_in_net(path: Token, network: Token) -> Leaf:
    try:
        net = ip_network(unquoted(str(network)), strict=False)
    except ValueError as error:
        raise FieldError(f"'{unquoted(str(network))}' is not a network such as 10.0.0.0/8") from error

    def test(value: Any) -> bool:
        try:
            return value is not MISSING and ip_address(str(value)) in net
        except ValueError:
            return False

    return Leaf(_string_field(str(path)), "ip_in_net", str(net), test)


def _log_id(token: Token) -> Leaf:
    wanted = unquote(unquoted(str(token)))
    tail = "/logs/" + quote(wanted, safe="")
    return Leaf(resolve(("logName",)), "log_id", wanted, lambda value: str(value).endswith(tail))


def _search(arguments: list[Token]) -> Opaque:
    """SEARCH([field,] "words"): each word occurs as a word of its own, whatever the case."""
    if len(arguments) not in (1, 2):
        raise FieldError(f"SEARCH() takes 1 or 2 arguments, not {len(arguments)}")
    wanted = set(_TOKENS.findall(unquoted(str(arguments[-1])).casefold()))
    if not wanted:
        raise FieldError("SEARCH() needs a word to look for")
    if len(arguments) == 1:
        return Opaque(lambda entry: wanted <= {word for text in texts(entry) for word in _words(text)})
    get = _string_field(str(arguments[0])).get

    def test(entry: Entry) -> bool:
        value = get(entry)
        return value is not MISSING and wanted <= {word for leaf in leaves(value) for word in _words(str(leaf))}

    return Opaque(test)


def _words(text: str) -> list[str]:
    return _TOKENS.findall(text.casefold())
