"""A file cut into its statements, each with where it stands and what is odd about it.

A file in which the end of a statement cannot be told for certain (an open quote, another delimiter) is one piece.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from console.migrations.sql.tokens import Kind, Oddity, Token, read
from console.migrations.verdict import Dialect

MAX_CHARACTERS = 5_000_000
"""A longer file is not read: no migration written by hand is."""

BODIES = frozenset({"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"})
"""What CREATE may make that has statements inside."""

_BODY_WORDS = frozenset({"BEGIN", "THEN", "DO", "LOOP", "REPEAT", "WHILE", "CASE", "DECLARE"})


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement, or what could not be cut into statements."""

    line: int
    sql: str
    tokens: tuple[Token, ...]
    """Offsets are those of the file's text."""
    oddities: tuple[Oddity, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Its unquoted words in capitals."""
        return tuple(token.upper for token in self.tokens if token.kind is Kind.WORD)


def split(text: str, dialect: Dialect) -> tuple[Piece, ...]:
    """The statements of `text`, in order; empty ones are left out. Linear in its length."""
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_CHARACTERS:
        return (Piece(1, text, (), (Oddity.TOO_LONG,)),)
    reading = read(text, dialect)
    if reading.spoilt is not None:
        return (_whole(text, reading.tokens, reading.spoilt),)
    if dialect is Dialect.MYSQL and _changes_delimiter(text, reading.tokens):
        return (_whole(text, reading.tokens, Oddity.BACKSLASH),)
    groups = _groups(reading.tokens)
    groups = _swallow_bodies(groups, dialect)
    breaks = [at for at, character in enumerate(text) if character == "\n"]
    return tuple(_pieces(text, groups, sorted(reading.oddities, key=lambda pair: pair[0]), breaks))


def _whole(text: str, tokens: list[Token], oddity: Oddity) -> Piece:
    start = tokens[0].start if tokens else 0
    return Piece(text.count("\n", 0, start) + 1, text[start:].strip(), tuple(tokens), (oddity,))


def _changes_delimiter(text: str, tokens: list[Token]) -> bool:
    """Whether a line, or a statement, starts with DELIMITER."""
    for number, token in enumerate(tokens):
        if token.upper == "DELIMITER":
            before = tokens[number - 1] if number else None
            if before is None or before.text == ";" or "\n" in text[before.end : token.start]:
                return True
    return False


def _groups(tokens: list[Token]) -> list[list[Token]]:
    """Tokens between semicolons that stand outside brackets; an unclosed bracket keeps all that follows."""
    groups: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.kind is Kind.SIGN:
            if token.text == ";" and depth <= 0:
                groups.append([])
                depth = 0
                continue
            if token.text == "(":
                depth += 1
            elif token.text == ")":
                depth -= 1
        groups[-1].append(token)
    return [group for group in groups if group]


def _swallow_bodies(groups: list[list[Token]], dialect: Dialect) -> list[list[Token]]:
    """Put a body's statements back into the statement that it belongs to.

    SQLite ends a trigger with a statement that is END alone (sqlite3_complete); elsewhere a body takes all that
    follows, since its end is not told without a parser of its language.
    """
    result: list[list[Token]] = []
    waiting = iter(groups)
    for group in waiting:
        if _has_body(group, dialect):
            whole = list(group)
            for following in waiting:
                whole.extend(following)
                if dialect is Dialect.SQLITE and len(following) == 1 and following[0].upper == "END":
                    break
            group = whole
        result.append(group)
    return result


def _has_body(group: list[Token], dialect: Dialect) -> bool:
    words = [token.upper for token in group if token.kind is Kind.WORD]
    if not words:
        return False
    if words[0] == "COPY" and "STDIN" in words:
        return True
    if words[0] == "BEGIN" and len(words) > 1 and words[1] in {"NOT", "ATOMIC"} and dialect is Dialect.MYSQL:
        return True
    if words[0] in {"DECLARE", "IF", "LOOP", "WHILE", "REPEAT", "FOR", "CASE"}:
        return True
    if words[0] not in {"CREATE", "ALTER"} or not BODIES & set(words[:16]):
        return False
    if dialect is Dialect.POSTGRES:
        return "ATOMIC" in words
    return bool(_BODY_WORDS & set(words)) or "IF" in words[3:]


def _pieces(text: str, groups: list[list[Token]], oddities: list[tuple[int, Oddity]], breaks: list[int]) -> list[Piece]:
    """Each group with the oddities up to its end; those after the last one make a piece of their own."""
    pieces: list[Piece] = []
    taken = 0
    for group in groups:
        start, end = group[0].start, group[-1].end
        mine: list[Oddity] = []
        while taken < len(oddities) and oddities[taken][0] < end:
            mine.append(oddities[taken][1])
            taken += 1
        if _unbalanced(group):
            mine.append(Oddity.UNBALANCED)
        pieces.append(Piece(bisect_right(breaks, start) + 1, text[start:end], tuple(group), tuple(mine)))
    if taken < len(oddities):
        at = oddities[taken][0]
        rest = tuple(oddity for _at, oddity in oddities[taken:])
        pieces.append(Piece(bisect_right(breaks, at) + 1, text[at:].strip(), (), rest))
    return pieces


def _unbalanced(group: list[Token]) -> bool:
    depth = 0
    for token in group:
        if token.kind is Kind.SIGN:
            if token.text == "(":
                depth += 1
            elif token.text == ")":
                depth -= 1
                if depth < 0:
                    return True
            elif token.text == ";":
                return True
    return depth != 0
