"""A reader that goes over a statement's tokens and refuses whatever it was not told to expect.

Every form that may be additive is spelt out with it, token by token, so that nothing a statement holds is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from console.migrations.sql.tokens import Kind, Token
from console.migrations.verdict import Dialect

MAX_DEPTH = 40
"""Brackets inside brackets; deeper is not read."""


def word_set(text: str) -> frozenset[str]:
    """The words of `text`: a table of words reads best as text."""
    return frozenset(text.split())


_EVERYWHERE = word_set("""
ALL ALTER AND AS ASC CASE CHECK COLLATE COLUMN CONSTRAINT CREATE CROSS CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP
CURRENT_USER DEFAULT DELETE DESC DISTINCT DROP ELSE EXCEPT EXISTS FALSE FOR FOREIGN FROM GRANT GROUP HAVING IN INNER
INSERT INTERSECT INTO IS JOIN LEFT LIKE LIMIT NATURAL NOT NULL ON OR ORDER OUTER PRIMARY REFERENCES RENAME REVOKE RIGHT
SELECT TABLE THEN TO TRUE UNION UNIQUE UPDATE USING WHEN WHERE WITH
""")
_RESERVED = {
    Dialect.MYSQL: _EVERYWHERE
    | word_set("""
ADD ANALYZE BEFORE BETWEEN BINARY BOTH BY CALL CASCADE CHANGE CHARACTER CONVERT CURSOR DATABASE DECLARE DELAYED DESCRIBE
DIV DUAL EACH ENCLOSED EXPLAIN FETCH FORCE FULLTEXT GENERATED IF IGNORE INDEX INFILE ITERATE KEY KEYS KILL LEADING LEAVE
LINES LOAD LOCALTIME LOCALTIMESTAMP LOCK LOOP MATCH MOD MODIFY OPTIMIZE OPTION OUTFILE PARTITION PROCEDURE PURGE
RANGE READ REGEXP RELEASE REPEAT REPLACE REQUIRE RESTRICT RETURN RLIKE SCHEMA SEPARATOR SET SHOW SPATIAL SQL STARTING
STORED STRAIGHT_JOIN SYSTEM TERMINATED TRAILING TRIGGER UNDO UNLOCK UNSIGNED USAGE USE VALUES VARYING VIRTUAL WHILE
WINDOW WRITE XOR ZEROFILL
"""),
    Dialect.POSTGRES: _EVERYWHERE
    | word_set("""
ANALYSE ANALYZE ANY ARRAY ASYMMETRIC AUTHORIZATION BINARY BOTH CAST COLLATION CONCURRENTLY CURRENT_CATALOG CURRENT_ROLE
CURRENT_SCHEMA DEFERRABLE DO END FETCH FREEZE FULL ILIKE INITIALLY ISNULL LATERAL LEADING LOCALTIME LOCALTIMESTAMP
NOTNULL OFFSET ONLY OVERLAPS PLACING RETURNING SESSION_USER SIMILAR SOME SYMMETRIC TABLESAMPLE TRAILING USER VARIADIC
VERBOSE WINDOW
"""),
    Dialect.SQLITE: _EVERYWHERE
    | word_set("""
ADD AUTOINCREMENT BETWEEN BY COMMIT DEFERRABLE ESCAPE GLOB INDEX INDEXED ISNULL MATCH NOTNULL PRAGMA REGEXP REPLACE
RETURNING SET TRANSACTION TRIGGER VALUES VIEW VIRTUAL
"""),
}
LONGEST_NAME = 63
"""Bytes: PostgreSQL cuts a longer name, so that two of them may be one; MySQL refuses it."""

_SYSTEM = re.compile(r"(?:temp|mysql|sys|performance_schema|information_schema)\Z|pg_|sqlite_", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[^\W\d][\w$]*\Z")

WRITING = word_set(
    "SELECT INSERT UPDATE DELETE DROP TRUNCATE ALTER CREATE EXEC EXECUTE CALL INTO GRANT REVOKE MERGE LOAD COPY "
    "LOCK HANDLER RENAME REPLACE OUTFILE DUMPFILE SHUTDOWN KILL FLUSH RESET PURGE VACUUM REINDEX ATTACH DETACH"
)
"""Words that no expression inside brackets holds, but where they are functions or foreign key actions."""

_ALSO_FUNCTIONS = frozenset({"INSERT", "REPLACE", "TRUNCATE"})


class Refused(Exception):
    """The statement is not of the form that was tried."""


class Reader:
    """A position in a statement's tokens.

    Args:
        tokens: the statement's.
        dialect: whose names and reserved words hold.
    """

    def __init__(self, tokens: Sequence[Token], dialect: Dialect) -> None:
        self.tokens = tokens
        self.dialect = dialect
        self.position = 0

    @property
    def done(self) -> bool:
        """Whether every token has been read."""
        return self.position >= len(self.tokens)

    def peek(self, ahead: int = 0) -> Token | None:
        """The token `ahead` of the next one, or None past the end."""
        at = self.position + ahead
        return self.tokens[at] if at < len(self.tokens) else None

    def word(self, ahead: int = 0) -> str:
        """The unquoted word there, in capitals; empty where something else is."""
        token = self.peek(ahead)
        return token.upper if token is not None and token.kind is Kind.WORD else ""

    def at(self, *words: str) -> bool:
        """Whether these words come next."""
        return all(self.word(ahead) == word for ahead, word in enumerate(words))

    def take(self, *words: str) -> bool:
        """Read these words if they come next."""
        if not self.at(*words):
            return False
        self.position += len(words)
        return True

    def take_one(self, words: frozenset[str] | set[str]) -> str:
        """Read one of `words` if it comes next, and say which; empty where none does."""
        word = self.word()
        if word and word in words:
            self.position += 1
            return word
        return ""

    def need(self, *words: str) -> None:
        """Read these words.

        Raises:
            Refused: others come next.
        """
        if not self.take(*words):
            raise Refused

    def at_sign(self, sign: str, ahead: int = 0) -> bool:
        """Whether this sign comes next."""
        token = self.peek(ahead)
        return token is not None and token.kind is Kind.SIGN and token.text == sign

    def take_sign(self, sign: str) -> bool:
        """Read this sign if it comes next."""
        if not self.at_sign(sign):
            return False
        self.position += 1
        return True

    def need_sign(self, sign: str) -> None:
        """Read this sign, or raise Refused."""
        if not self.take_sign(sign):
            raise Refused

    def need_end(self) -> None:
        """Raise Refused where anything is left."""
        if not self.done:
            raise Refused

    def take_kind(self, kind: Kind) -> Token | None:
        """Read a token of this kind if it comes next."""
        token = self.peek()
        if token is None or token.kind is not kind:
            return None
        self.position += 1
        return token

    def need_kind(self, kind: Kind) -> Token:
        """Read a token of this kind, or raise Refused."""
        token = self.take_kind(kind)
        if token is None:
            raise Refused
        return token

    def name(self) -> str:
        """Read a name, quoted or not reserved, as the server stores it.

        Raises:
            Refused: no name, or one with a dot or nothing in it.
        """
        token = self.peek()
        if token is None:
            raise Refused
        if token.kind is Kind.NAME:
            value = token.value
            if not value or "." in value:
                raise Refused
        elif token.kind is Kind.WORD and _PLAIN_NAME.match(token.text):
            if token.upper in _RESERVED[self.dialect]:
                raise Refused
            value = token.text.lower() if self.dialect is Dialect.POSTGRES else token.text
        else:
            raise Refused
        if len(value.encode()) > LONGEST_NAME:
            raise Refused
        self.position += 1
        return value

    def qualified(self) -> str:
        """Read `name` or `schema.name`; refused where it is the database's own, or hides other names."""
        first = self.name()
        if _SYSTEM.match(first):
            raise Refused
        if self.take_sign("."):
            return f"{first}.{self.name()}"
        return first

    def names(self) -> tuple[str, ...]:
        """Read `(name, ...)`."""
        self.need_sign("(")
        found = [self.name()]
        while self.take_sign(","):
            found.append(self.name())
        self.need_sign(")")
        return tuple(found)

    def parameters(self) -> None:
        """Read PostgreSQL's `(name [= value], ...)` of storage parameters and of views."""
        self.need_sign("(")
        while True:
            self.qualified()
            if self.take_sign("="):
                _ = self.take_sign("-") or self.take_sign("+")
                if not (self.take_kind(Kind.NUMBER) or self.take_kind(Kind.STRING) or self.take_kind(Kind.WORD)):
                    raise Refused
            if not self.take_sign(","):
                break
        self.need_sign(")")

    def equals_word(self) -> str:
        """Read `[=] word`, and give the word in capitals."""
        self.take_sign("=")
        return self.need_kind(Kind.WORD).upper

    def brackets(self, *, definitions: bool = False) -> list[Token]:
        """Read `( ... )` whole, whatever expression it holds, and give what is inside.

        Args:
            definitions: whether it holds no expression but definitions, which are then read word by word.

        Raises:
            Refused: it does not come next, is deeper than `MAX_DEPTH`, or holds a word that only a statement has.
        """
        self.need_sign("(")
        start, depth = self.position, 1
        while depth:
            token = self.peek()
            if token is None:
                raise Refused
            if token.kind is Kind.SIGN:
                if token.text == "(":
                    depth += 1
                elif token.text == ")":
                    depth -= 1
                elif token.text in ";\\" or len(token.text) > 3:
                    raise Refused
                if depth > MAX_DEPTH:
                    raise Refused
            elif not definitions and token.upper in WRITING and not self._harmless(token):
                raise Refused
            self.position += 1
        return list(self.tokens[start : self.position - 1])

    def _harmless(self, token: Token) -> bool:
        """Whether the next token, a word that writes elsewhere, is a function or what a foreign key does."""
        if self.position and self.tokens[self.position - 1].text == ".":
            return True
        before = self.tokens[self.position - 1].upper if self.position else ""
        if token.upper in {"UPDATE", "DELETE"}:
            return before == "ON"
        return token.upper in _ALSO_FUNCTIONS and self.at_sign("(", 1)

    def attempt(self, form: Callable[[], None]) -> bool:
        """Read `form`; where it refuses, stand where we stood."""
        start = self.position
        try:
            form()
        except Refused:
            self.position = start
            return False
        return True

    def commas(self) -> list[list[Token]]:
        """The tokens that are left, cut at the commas outside brackets."""
        parts: list[list[Token]] = [[]]
        depth = 0
        for token in self.tokens[self.position :]:
            if token.kind is Kind.SIGN:
                if token.text in "([":
                    depth += 1
                elif token.text in ")]":
                    depth -= 1
                elif token.text == "," and depth == 0:
                    parts.append([])
                    continue
            parts[-1].append(token)
        return parts
