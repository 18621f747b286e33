"""SQL read into words, names, strings and signs, as each database's own lexer does it.

Where two readings are possible (a backslash before a quote, under another sql_mode) or something is not what it looks
(executable comments, hidden characters), the reader says so; it never guesses. Sources of the rules:
https://dev.mysql.com/doc/refman/8.4/en/language-structure.html, PostgreSQL's "Lexical Structure"
(https://www.postgresql.org/docs/current/sql-syntax-lexical.html), SQLite's https://www.sqlite.org/lang_comment.html.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from enum import Enum, auto

from console.migrations.verdict import Dialect


class Kind(Enum):
    """What a token is."""

    WORD = auto()
    """A keyword or a name without quotes."""
    NAME = auto()
    """A name in quotes."""
    STRING = auto()
    NUMBER = auto()
    SIGN = auto()


class Oddity(Enum):
    """Why a piece of SQL is not what it looks."""

    EXECUTABLE_COMMENT = auto()
    HIDDEN_CHARACTER = auto()
    BACKSLASH = auto()
    UNBALANCED = auto()
    UNTERMINATED = auto()
    AMBIGUOUS_QUOTE = auto()
    AMBIGUOUS_COMMENT = auto()
    NUL = auto()
    TOO_LONG = auto()


SPOILS_FILE = frozenset({Oddity.UNTERMINATED, Oddity.AMBIGUOUS_QUOTE, Oddity.AMBIGUOUS_COMMENT, Oddity.NUL})
"""Where one of these is, nobody can say where the file's statements end."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text."""

    kind: Kind
    text: str
    """As it is written."""
    start: int
    end: int
    upper: str = ""
    """Of a WORD: in capitals, ASCII letters only turned."""

    @property
    def value(self) -> str:
        """Of a NAME: without its quotes; else the text."""
        if self.kind is not Kind.NAME:
            return self.text
        inner, quote = self.text[1:-1], self.text[-1]
        return inner if quote == "]" else inner.replace(quote * 2, quote)


@dataclass(slots=True)
class Reading:
    """A whole text read."""

    tokens: list[Token] = field(default_factory=list)
    oddities: list[tuple[int, Oddity]] = field(default_factory=list)
    """Where, and what."""

    @property
    def spoilt(self) -> Oddity | None:
        """Why the text cannot be cut into statements, or None."""
        return next((oddity for _at, oddity in self.oddities if oddity in SPOILS_FILE), None)


_QUOTED = r"'(?>[^']+|'')*+'"
_ESCAPED = r"'(?>[^'\\]+|\\.|'')*+'"
_DOUBLE = r'"(?>[^"]+|"")*+"'
_DOUBLE_ESCAPED = r'"(?>[^"\\]+|\\.|"")*+"'
_BACKTICK = r"`(?>[^`]+|``)*+`"
_NUMBER = (
    r"(?:0[xX][0-9a-fA-F]++|(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?)(?![A-Za-z0-9_$\x80-\U0010ffff])"
)
_SIGN = r"::|->>|->|\#>>|\#>|@>|<@|@@|\|\||&&|<=>|<=|>=|<>|!=|:=|=>|[^\w\s\x80-\U0010ffff]|[\w\s]"

_SPACE = r"[ \t\r\n]+"
_BLOCK = r"/\*"
_PARTS: dict[Dialect, dict[str, str]] = {
    Dialect.MYSQL: {
        "line": r"\#[^\n]*+|--(?=[\x00-\x20\x7f])[^\n]*+|--\Z",
        "string": f"[xXbB]{_QUOTED}|[nN]?{_ESCAPED}|{_DOUBLE_ESCAPED}",
        "name": _BACKTICK,
        "word": r"[A-Za-z0-9_$\x80-\U0010ffff]++",
        "open": "['\"`]",
    },
    Dialect.POSTGRES: {
        "line": r"--[^\n\r]*+",
        "escape": f"[eE]{_ESCAPED}",
        "unicode": r"[uU]&['\"]",
        "string": f"[xXbBnN]?{_QUOTED}",
        "name": _DOUBLE,
        "dollar": r"\$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*+)?\$",
        "word": r"[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*+",
        "open": "['\"]",
    },
    Dialect.SQLITE: {
        "line": r"--[^\n]*+",
        "string": f"[xX]?{_QUOTED}",
        "name": rf"{_DOUBLE}|{_BACKTICK}|\[[^\]]*+\]",
        "word": r"[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*+",
        "open": "['\"`\\[]",
    },
}


def _pattern(dialect: Dialect) -> re.Pattern[str]:
    parts = _PARTS[dialect]
    order = {"space": _SPACE}
    order |= {name: parts[name] for name in ("line", "escape", "unicode", "string", "name", "dollar") if name in parts}
    order |= {"block": _BLOCK, "open": parts["open"], "number": _NUMBER, "word": parts["word"], "sign": _SIGN}
    return re.compile("|".join(f"(?P<{name}>{part})" for name, part in order.items()), re.DOTALL)


_PATTERNS = {dialect: _pattern(dialect) for dialect in Dialect}
_EXECUTABLE = re.compile(r"/\*(?:[A-Za-z]{0,2}!|\+)")
_NESTING = re.compile(r"/\*|\*/")
_LONE_CR = re.compile(r"\r(?!\n)")
_PLAIN = re.compile(r"[\t\r\n -~]*\Z")
_PLAIN_STRING = re.compile(_QUOTED, re.DOTALL)
_ESCAPED_STRING = re.compile(_ESCAPED, re.DOTALL)
_PLAIN_DOUBLE = re.compile(_DOUBLE, re.DOTALL)
_HARMLESS_REST = re.compile(r"[\w '.!?\\]*\Z", re.ASCII)
_LOOKED_ON = 500
"""Characters after a string in which another reading of it may end: more would make a long file slow to read."""

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def read(text: str, dialect: Dialect) -> Reading:
    """`text` as tokens, in time linear in its length; stops where nothing after can be trusted."""
    reading = Reading()
    if "\0" in text:
        reading.oddities.append((text.index("\0"), Oddity.NUL))
        return reading
    match = _PATTERNS[dialect].match
    position, length = 0, len(text)
    tokens, oddities = reading.tokens, reading.oddities
    while position < length:
        found = match(text, position)
        if found is None:  # nothing the lexer knows: cannot be, the last alternative takes any character
            oddities.append((position, Oddity.HIDDEN_CHARACTER))
            position += 1
            continue
        start, position = position, found.end()
        kind = found.lastgroup
        if kind == "space":
            if _LONE_CR.search(found[0]) and not text.startswith("\n", position):
                oddities.append((start, Oddity.HIDDEN_CHARACTER))
        elif kind == "word":
            _add_word(reading, found[0], start)
        elif kind == "sign":
            sign = found[0]
            if sign == "\\":
                oddities.append((start, Oddity.BACKSLASH))
            elif not _PLAIN.match(sign):
                oddities.append((start, Oddity.HIDDEN_CHARACTER))
            tokens.append(Token(Kind.SIGN, sign, start, position))
        elif kind in ("string", "escape"):
            token = Token(Kind.STRING, found[0], start, position)
            if oddity := _string_oddity(token, tokens, text, dialect):
                oddities.append((start, oddity))
                break
            tokens.append(token)
        elif kind == "number":
            tokens.append(Token(Kind.NUMBER, found[0], start, position))
        elif kind == "name":
            if not _visible_name(found[0]):
                oddities.append((start, Oddity.HIDDEN_CHARACTER))
            tokens.append(Token(Kind.NAME, found[0], start, position))
        elif kind == "line":
            if _LONE_CR.search(found[0].removesuffix("\r")):
                oddities.append((start, Oddity.AMBIGUOUS_COMMENT))
                break
            _check_comment(reading, found[0], start)
        elif kind == "block":
            end = _block_end(text, start, nested=dialect is Dialect.POSTGRES)
            if end is None:
                oddities.append((start, Oddity.UNTERMINATED))
                break
            if _EXECUTABLE.match(text, start):
                oddities.append((start, Oddity.EXECUTABLE_COMMENT))
                tokens.append(Token(Kind.SIGN, text[start:end], start, end))  # it is a part of what would be sent
            _check_comment(reading, text[start:end], start)
            position = end
        elif kind == "dollar":
            end = text.find(found[0], position)
            if end < 0:
                oddities.append((start, Oddity.UNTERMINATED))
                break
            position = end + len(found[0])
            tokens.append(Token(Kind.STRING, text[start:position], start, position))
        elif kind == "unicode":
            oddities.append((start, Oddity.AMBIGUOUS_QUOTE))
            break
        else:
            oddities.append((start, Oddity.UNTERMINATED))
            break
    return reading


def _add_word(reading: Reading, word: str, start: int) -> None:
    if not word.isascii():
        if not all(character.isascii() or _is_latin(character) for character in word):
            reading.oddities.append((start, Oddity.HIDDEN_CHARACTER))
        reading.tokens.append(Token(Kind.WORD, word, start, start + len(word), _ascii_upper(word)))
        return
    reading.tokens.append(Token(Kind.WORD, word, start, start + len(word), word.upper()))


def _ascii_upper(word: str) -> str:
    """Capitals of ASCII letters alone: `str.upper` makes a keyword of a dotless i."""
    return "".join(character.upper() if character.isascii() else character for character in word)


def _is_latin(character: str) -> bool:
    """Whether it is a letter with an accent, as Latin names have them; one that looks like another is none."""
    return "\u00c0" <= character <= "\u017e" and character.isalpha() and character not in "\u0131\u0138\u0149"


def _visible_name(text: str) -> bool:
    if text.isascii():
        return text.isprintable()
    return all((c.isascii() and c.isprintable()) or _is_latin(c) for c in text)


def _check_comment(reading: Reading, comment: str, start: int) -> None:
    if _PLAIN.match(comment):
        return
    for character in comment:
        if character not in "\t\r\n" and unicodedata.category(character) in _HIDDEN:
            reading.oddities.append((start, Oddity.HIDDEN_CHARACTER))
            return


def _block_end(text: str, start: int, *, nested: bool) -> int | None:
    """Where the comment that starts at `start` ends; None where it does not."""
    if not nested:
        end = text.find("*/", start + 2)
        return None if end < 0 else end + 2
    depth, position = 1, start + 2
    while found := _NESTING.search(text, position):
        position = found.end()
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return position
    return None


def _string_oddity(token: Token, before: list[Token], text: str, dialect: Dialect) -> Oddity | None:
    """Whether another sql_mode, or a string that goes on on the next line, would end `token` elsewhere."""
    if dialect is Dialect.POSTGRES and before and before[-1].kind is Kind.STRING and before[-1].text[0] in "eE":
        return Oddity.AMBIGUOUS_QUOTE  # a string after E'...' and a line break goes on with its backslash rules
    if dialect is Dialect.SQLITE or "\\" not in token.text or token.text[0] in "eE":
        return None
    at = token.start + (0 if token.text[0] in "'\"" else 1)
    last = min(len(text), token.end + _LOOKED_ON)
    if dialect is Dialect.POSTGRES:
        other = _ESCAPED_STRING.match(text, at, last)
    else:
        other = (_PLAIN_DOUBLE if text[at] == '"' else _PLAIN_STRING).match(text, at, last)
    if other is not None and other.end() == token.end:
        return None
    end = other.end() if other is not None else last
    between = text[min(end, token.end) : max(end, token.end)]
    return None if _HARMLESS_REST.match(between) else Oddity.AMBIGUOUS_QUOTE
