"""Keeping secrets out of the journal, the audit log and messages: what looks like one is replaced before it is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from console.text import clean

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"
"""What JSON can hold."""

HIDDEN = "[hidden]"

SEARCHED = 100_000
"""Characters of a text that are searched for secrets; the rest is cut before it is kept."""

_SECRET_NAMES = re.compile(r"(?i)(token|secret|password|passwd|authorization|api_?key|credential|webhook_?url|cookie)")
_SECRETS = re.compile(
    r"""(?ix)
    https://hooks\.slack(?:-gov)?\.com/\S+                  # Slack webhooks
  | \bxox[abeoprs]-[\w-]{8,}                                # Slack tokens
  | \bgh[opsur]_[A-Za-z0-9]{20,} | \bgithub_pat_\w{20,}     # GitHub tokens
  | \bya29\.[\w.-]{10,}                                     # Google access tokens
  | \bAIza[\w-]{30,}                                        # Google API keys
  | \beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*                       # JSON web tokens
  | \bBearer\s+[\w.~+/=-]{8,}                               # bearer headers
  | -----BEGIN[A-Z ]*PRIVATE\ KEY-----.*?(?:-----END[A-Z ]*PRIVATE\ KEY-----|\Z)
  | (?<=://)[^\s/:@]+:[^\s/@]+(?=@)                         # user:password in a URL
  | (?:password|passwd|secret|token|api_?key)\s*[=:]\s*[^\s,;&"']{4,}
    """,
    re.DOTALL,
)


def scrub_text(text: str, limit: int = 2_000) -> str:
    """`text` on one safe line with everything that looks secret hidden, at most `limit` characters and what was cut."""
    # cleaned first: an escape sequence in the middle of a token would hide it from the search and then fall out
    return clean(_SECRETS.sub(HIDDEN, clean(text, max(limit, SEARCHED))), limit)


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
