"""Keeping secrets out of the journal, the audit log and messages: what is one, or looks like one, is replaced first.

Two ways: canario's own secrets are known by their value (`console.secrets.known_values`), all others by their looks.
Every pattern is linear in the text: nothing that a program prints can stop the console.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import quote, quote_plus

from console.secrets import known_values
from console.text import clean

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"
"""What JSON can hold."""

HIDDEN = "[hidden]"

SEARCHED = 100_000
"""Characters of a text that are searched for secrets; the rest is cut before it is kept."""

KEY_LINES = 200
"""Lines of the longest private key; a beginning without an end hides no more."""

_SECRET_NAMES = re.compile(
    r"(?i)(token|secret|passw|passphrase|authorization|api[_-]?key|private[_-]?key|access[_-]?key|credential"
    r"|webhook_?url|cookie)"
)

_LOOKS = re.compile(
    r"""(?isx)
    -----BEGIN[A-Z\ ]{0,40}PRIVATE\ KEY(?:\ BLOCK)?----- (?:(?!-----END).)*+ (?:-----END[A-Z\ ]{0,40}-----)?+
  | (?<![\w+/=]) (?-i:(?=[A-Z0-9+/]{0,63}[a-z]) (?=[a-z0-9+/]{0,63}[A-Z]) (?=[A-Za-z+/]{0,63}\d))
      [A-Za-z0-9+/]{64} (?![\w+/=])                                       # a line of a key's
  | (?:https?://)?hooks\.slack(?:-gov)?\.com/[^\s"'<>]+                   # Slack webhooks
  | (?:https?://)?discord(?:app)?\.com/api/webhooks/[^\s"'<>]+
  | (?<![a-z0-9]) (?:
        xox[abeoprs]-[\w-]{8,} | xapp-[\w-]{8,}                           # Slack tokens
      | gh[opsur]_[a-z0-9]{20,} | github_pat_\w{20,}                      # GitHub tokens
      | glpat-[\w-]{20,} | npm_[a-z0-9]{30,} | pypi-[\w-]{40,} | [rs]k_(?:live|test)_\w{16,} | sk-[\w-]{24,}
      | ya29\.[\w.-]{10,} | 1//0[\w-]{20,} | GOCSPX-[\w-]{20,}            # Google tokens
      | AIza[\w-]{30,}                                                    # Google API keys
      | (?-i:A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16})                            # AWS keys
      | (?-i:EAA[A-Za-z0-9]{40,})                                         # Meta's tokens, WhatsApp's among them
      | eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*                                   # JSON web tokens
      | Bearer\s{1,20}[\w.~+/=-]{8,}                                      # bearer headers
      | Basic\s{1,20}(?=[a-z+/]{0,200}[\d=])[a-z0-9+/]{8,}={0,2}          # basic ones
    )
  | (?<=[a-z0-9]://) [^\s/:@]{0,100} : (?!\d{1,5}[/?\#]) [^\s"'<>]{1,200} (?=@)   # user:password in a URL
    """
)
"""What is a secret by its own looks."""

_NAMED = re.compile(
    r"""(?isx)
    (?P<name>
        (?: passw(?:or)?d | passphrase | (?<![a-z0-9])pwd | secret | token | credential
          | api[_-]?key | private[_-]?key | access[_-]?key )
        (?:[_-]?(?:key|value|hash)|\d{1,2})?+ (?-i:(?:_[A-Z0-9]{1,40}){0,4}+)     # CANARIO_DATABASE_PASSWORD_STAGING
        \\{0,4}["'`]?\]? \s{0,20} (?:=>|[:=]=?) \s{0,20}+
      | --(?:[a-z0-9]{1,30}-){0,3} (?:password|passphrase|secret|token|api-key) \s{1,20}+ (?!-)
      | \b(?:password|identified\ by) \s{1,20}+ (?=["'])
      | \bauthorization \\{0,4}["']?\]? \s{0,20} [:=] \s{0,20}+
          (?:\\{0,4}["'])?+ (?:(?:basic|bearer|token|negotiate|apikey) \s{1,20}+)?+
      | [?&](?:sig|signature|code|key|auth|x-(?:goog|amz)-(?:signature|security-token)) =
    )
    (?: [bru]{0,2} (?P<quote>\\++["'`]) (?: (?!\\++["'`]) . )++                   # \"...\": JSON within JSON
      | [bru]{0,2} (?P<mark>["'`]) (?: \\. | (?!(?P=mark))[^\\] )++               # "...", or cut off within
      | (?! (?:missing|required|refused|wrong|invalid|expired|denied|empty|unset|none|null|true|false|not)\b )
        [^\s"'&]{4,}
    )
    """
)
"""What is a secret by the name before it, in a file of variables, JSON, a header, an address or a command."""

_COOKIES = re.compile(r"""(?i)(\b(?:set-)?cookie\\{0,4}["']?\s{0,20}:\s{0,20}+["']?)(?=[^\s=;"']{1,200}=)[^"'\\]+""")
"""All cookies of a header: any of them may be a session's."""


def scrub_text(text: str, limit: int = 2_000) -> str:
    """`text` on one safe line, all that is or looks secret hidden, at most `limit` characters and what was cut."""
    # cleaned first: an escape sequence in the middle of a token would hide it from the search and then fall out
    return clean(_hidden(clean(text, max(limit, SEARCHED))), limit)


def key_after(line: str, left: int) -> int:
    """Lines of a private key that may still come after `line`, where each line comes alone; 0 outside of a key.

    Args:
        line: as it came.
        left: what the line before left; `line` is the key's where it is over 0.
    """
    begun, ended = line.rfind("-----BEGIN"), line.rfind("-----END")
    if begun > ended and "PRIVATE KEY" in line[begun : begun + 60]:
        return KEY_LINES
    return 0 if ended >= 0 else max(0, left - 1)


def scrub(payload: Mapping[str, object]) -> dict[str, Plain]:
    """`payload` as plain JSON values, with secrets hidden: by the name of their key, and by their looks."""
    return {clean(str(key), 200): _value(str(key), value) for key, value in payload.items()}


def _value(key: str, value: object) -> Plain:
    if _SECRET_NAMES.search(key):
        return HIDDEN
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return scrub({str(name): item for name, item in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        return [_value("", item) for item in value]
    return scrub_text(str(value))


def _hidden(text: str) -> str:
    known = _pattern(known_values())
    if known is not None:
        text = known.sub(HIDDEN, text)
    text = _COOKIES.sub(rf"\1{HIDDEN}", _LOOKS.sub(HIDDEN, text))
    return _NAMED.sub(_behind_its_name, text)


def _behind_its_name(found: re.Match[str]) -> str:
    return f"{found['name']}{found['quote'] or found['mark'] or ''}{HIDDEN}"


@functools.lru_cache(maxsize=8)
def _pattern(values: frozenset[str]) -> re.Pattern[str] | None:
    """What finds these values, as they are and as addresses and JSON write them.

    A value that may be a word or a service's name ("canario") is left to its looks: the journal needs its words.
    """
    forms = {form for value in values if not _is_word(value) for form in _forms(value)}
    return re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))) if forms else None


def _is_word(value: str) -> bool:
    return len(value) < 6 or (len(value) < 20 and re.fullmatch(r"[a-z._-]+", value) is not None)


def _forms(value: str) -> set[str]:
    return {value, clean(value, len(value) + 1), quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1]}
